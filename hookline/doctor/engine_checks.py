"""Checks of what the cluster is made of: the API server, and the releases and settings of Argo's controllers."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import yaml

from hookline.doctor.facts import Controller, Facts, Unread
from hookline.doctor.findings import Finding, broken, ok, unchecked, warning
from hookline.plan.planning import Plan
from triggers.workflow import TAKEN_BESIDE_A_TEMPLATE

__all__ = ["api_server", "argo_events", "argo_workflows", "clock", "workflow_restrictions"]

CLOCK_SECONDS = 30.0
OLDEST_ARGO_EVENTS = (1, 6)
"""The first release of which Sensors have `transform`."""
ALLOWLIST = "WORKFLOW_USER_OVERRIDE_ALLOWLIST"
"""Variable of a workflow-controller: further fields that a Workflow may set beside its template (docs/compatibility.md)."""

_DEFINED = {
    "Argo Events": ("EventBus", "EventSource", "Sensor"),
    "Argo Workflows": ("Workflow", "CronWorkflow", "WorkflowTemplate", "ClusterWorkflowTemplate"),
}
_TAG = re.compile(r":v?(\d+)\.(\d+)\.(\d+)")


def api_server(_plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The API server answers and knows Argo's kinds."""
    for product, kinds in _DEFINED.items():
        missing = [kind for kind in kinds if kind not in facts.kinds]
        if missing:
            yield broken(
                f"{product} is not installed: the cluster does not know {', '.join(missing)}. Install {product}"
            )
    yield ok(f"Kubernetes {facts.server}" if facts.server else "it answers")


def clock(_plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The API server and this machine agree on the time."""
    if facts.clock_seconds is None:
        yield unchecked("the API server's answers have no Date header")
        return
    apart = abs(facts.clock_seconds)
    if apart > CLOCK_SECONDS:
        which = "ahead of" if facts.clock_seconds > 0 else "behind"
        yield warning(f"the API server's clock is {apart:.0f} s {which} the clock of this machine")
    else:
        yield ok("the API server and this machine agree within 30 s")


def argo_events(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """Argo Events has `transform`, and its controller watches the namespace."""
    controllers = facts.events_controllers
    if not isinstance(controllers, Unread):
        yield from _watching(controllers, plan.namespace, "EventSources and Sensors")
    images = {each.image for each in controllers} if not isinstance(controllers, Unread) else set()
    if not isinstance(facts.event_images, Unread):
        images |= facts.event_images
    releases = {found for image in images if (found := _release(image)) is not None}
    for release in sorted(releases):
        if release[:2] < OLDEST_ARGO_EVENTS:
            yield broken(
                f"Argo Events {_dotted(release)} has no transform, so its Sensors decide nothing: hookline needs 1.6 or newer. Upgrade Argo Events"
            )
    if releases:
        yield ok(f"Argo Events {' and '.join(map(_dotted, sorted(releases)))}")
    elif isinstance(controllers, Unread):
        yield unchecked(controllers.why)
    else:
        yield unchecked(_no_release(images, "Argo Events"))


def argo_workflows(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The workflow-controller reads what hookline writes for `cluster.argo_workflows`, and takes its Workflows."""
    controllers = facts.workflow_controllers
    if isinstance(controllers, Unread):
        yield unchecked(controllers.why)
        return
    for namespace in plan.namespaces:
        yield from _watching(controllers, namespace, "Workflows")
    releases = {found for each in controllers if (found := _release(each.image)) is not None}
    for release in sorted(releases):
        yield from _of_release(plan, release)
    for each in controllers:
        config = each.config
        if not isinstance(config, Unread) and (instance := config.get("instanceID")):
            yield broken(
                f"{each.name} in {each.namespace} runs only Workflows with the label workflows.argoproj.io/controller-instanceid: {instance}, which "
                "hookline does not write. Remove instanceID from its ConfigMap",
                f"kubectl -n {each.namespace} edit configmap {_config_name(each)}",
            )
    if releases:
        yield ok(f"Argo Workflows {' and '.join(map(_dotted, sorted(releases)))}")
    else:
        yield unchecked(_no_release({each.image for each in controllers}, "Argo Workflows"))


def _of_release(plan: Plan, release: tuple[int, int, int]) -> Iterator[Finding]:
    declared = plan.declaration.cluster.argo_workflows
    written = tuple(int(part) for part in declared.split("."))
    lists = written >= (3, 6)
    key = f'cluster: {{argo_workflows: "{release[0]}.{release[1]}"}}'
    if lists and release < (3, 6, 0):
        yield broken(
            f"Argo Workflows {_dotted(release)} does not read schedules and mutexes, which hookline writes for {declared}: locks have no effect and "
            f"CronWorkflows never fire. Write {key}",
            "hookline apply",
        )
    elif not lists and release >= (4, 0, 0):
        yield broken(
            f"Argo Workflows {_dotted(release)} refuses schedule and mutex, which hookline writes for {declared}; it needs schedules and mutexes. "
            f"Write {key}",
            "hookline apply",
        )
    if _succeeds_when_terminated(release) and _locks(plan):
        yield warning(
            f"Argo Workflows {_dotted(release)} marks a Workflow that is terminated while it waits for its lock as Succeeded (argo-workflows 16776); "
            "4.0.10 and 4.1.2 mark it as Failed"
        )


def workflow_restrictions(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The workflow-controller allows the fields that hookline sets."""
    controllers = facts.workflow_controllers
    if isinstance(controllers, Unread):
        yield unchecked(controllers.why)
        return
    if not controllers:
        yield unchecked("there is no Deployment of a workflow-controller that you may see")
        return
    for each in controllers:
        if isinstance(each.config, Unread):
            yield unchecked(each.config.why)
            continue
        yield from _restricted(plan, each, each.config)


def _restricted(plan: Plan, controller: Controller, config: Mapping[str, Any]) -> Iterator[Finding]:
    restrictions = config.get("workflowRestrictions")
    mode = restrictions.get("templateReferencing") if isinstance(restrictions, Mapping) else None
    if mode not in ("Strict", "Secure"):
        yield ok(f"{controller.name} in {controller.namespace} has no templateReferencing")
        return
    allowed = {part.strip() for part in controller.environment.get(ALLOWLIST, "").split(",") if part.strip()}
    refused = refused_fields(plan, allowed)
    if refused:
        names = ",".join(sorted(allowed | set(refused)))
        yield broken(
            f"templateReferencing: {mode} of {controller.name} ends every Workflow in Error that sets {', '.join(refused)}. Allow the fields, or write "
            f"cluster: {{template_referencing: {mode.lower()}}} into hookline.yaml and apply the template that fits",
            f"kubectl -n {controller.namespace} set env deployment/{controller.name} {ALLOWLIST}={names}",
        )
    else:
        yield ok(f"templateReferencing: {mode} allows what hookline sets")


def refused_fields(plan: Plan, allowed: Collection[str]) -> list[str]:
    """Fields of the plan's Workflows that a controller with templateReferencing refuses, sorted."""
    set_ones = {key for each in plan.workloads.values() for key in each.resource["spec"]}
    set_ones |= {"synchronization" for each in plan.workloads.values() if each.mutex or each.limit}
    return sorted(set_ones - TAKEN_BESIDE_A_TEMPLATE - set(allowed))


def _watching(controllers: Collection[Controller], namespace: str, what: str) -> Iterator[Finding]:
    """A finding if controllers are there and none of them watches a namespace."""
    seen = [(each, _watched(each)) for each in controllers]
    if seen and not any(place in ("", namespace) for _, place in seen):
        each, place = seen[0]
        yield broken(
            f"{each.name} in {each.namespace} watches only the namespace {place}: {what} in {namespace} are not seen. Change its --managed-namespace "
            "or remove --namespaced",
            f"kubectl -n {each.namespace} edit deployment {each.name}",
        )


def _watched(controller: Controller) -> str:
    """The one namespace that a controller watches; empty = all."""
    arguments = controller.arguments
    if not any(each in ("--namespaced", "--namespaced=true") for each in arguments):
        return ""
    for place, each in enumerate(arguments):
        name, equals, value = each.partition("=")
        if name == "--managed-namespace":
            return value if equals else "".join(arguments[place + 1 : place + 2])
    return controller.namespace


def _config_name(controller: Controller) -> str:
    return config_map_name(controller.arguments)


def config_map_name(arguments: tuple[str, ...]) -> str:
    """Name of the ConfigMap that a workflow-controller with these arguments reads."""
    for place, each in enumerate(arguments):
        name, equals, value = each.partition("=")
        if name == "--configmap":
            return value if equals else "".join(arguments[place + 1 : place + 2])
    return "workflow-controller-configmap"


def controller_settings(data: Mapping[str, str]) -> dict[str, Any]:
    """Settings of a workflow-controller from the data of its ConfigMap: one YAML text under `config`, or a key each."""
    found: dict[str, Any] = {}
    for key, text in data.items():
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            continue
        if key == "config":
            found |= value if isinstance(value, dict) else {}
        else:
            found[key] = value
    return found


def _succeeds_when_terminated(release: tuple[int, int, int]) -> bool:
    return release < (4, 0, 10) or (4, 1, 0) <= release < (4, 1, 2)


def _locks(plan: Plan) -> bool:
    return any(each.mutex or each.limit for each in plan.workloads.values())


def _release(image: str) -> tuple[int, int, int] | None:
    found = _TAG.search(image)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _dotted(release: tuple[int, int, int]) -> str:
    return ".".join(map(str, release))


def _no_release(images: Collection[str], product: str) -> str:
    if images:
        return f"the image {min(images)} does not name a release of {product}"
    return f"there is no Deployment of {product} that you may see"
