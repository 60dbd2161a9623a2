"""The Workflow of a pipeline: what every run of it has, what one event adds, and how it is named.

Nothing here comes from an event. What may is listed in `EVENT_FIELDS`: values that the program has checked, put
into a name, labels, annotations and named arguments, never into images, URLs, accounts or pod specs.
"""

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from events.canonical import Kind
from triggers.declaration import Run, Spot
from triggers.locks import LimitsObject, locked, synchronization
from triggers.retry import retry_strategy
from triggers.step_resources import resource_arguments
from triggers.template import Template
from triggers.words import (
    ACS_SPOT_LABEL,
    PREFIX,
    RUN_ACCOUNTS,
    RUN_SERVICE_ACCOUNT,
    SPOT_ANNOTATION_PREFIX,
    Role,
)

__all__ = [
    "ANNOTATIONS",
    "LABELS",
    "KindSettings",
    "Shapes",
    "Subject",
    "Workload",
    "digest",
    "filled",
    "pushed",
    "scheduled",
    "workload",
]

ANNOTATIONS: Mapping[str, str] = {
    "repository": "repository",
    "ref": "ref",
    "sha": "sha",
    "actor": "actor",
    "delivery": "delivery",
    "reason": "reason",
}
"""Annotation (without prefix) → field of the decision. `event-id` and `event-time` come from the event's context."""

LABELS: Mapping[str, str] = {"app.kubernetes.io/managed-by": "hookline"}
"""Of every Workflow."""

_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":")
).encode  # made once: thousands of digests a render

DEFAULT_TEMPLATE = "ci-go-v1"
DEFAULT_TTL_SECONDS = 86_400
DEFAULT_KEEP_PODS_SECONDS = 600
DEFAULT_DEADLINE_SECONDS = 7_200
TAKEN_BESIDE_A_TEMPLATE = frozenset(
    {
        "arguments", "entrypoint", "shutdown", "suspend", "activeDeadlineSeconds", "priority", "ttlStrategy", "podGC", "volumeClaimGC",
        "archiveLogs", "workflowMetadata", "workflowTemplateRef", "metrics", "artifactGC",
    }
)  # fmt: skip
"""Keys that a Workflow may set in its spec under templateReferencing: Strict or Secure; any other key ends the run in an error
(argo-workflows workflow/util/merge.go of 3.7.18 and 4.0.5)."""

NAME_LENGTH = 46
"""Characters of the pipeline in a Workflow's name: with "-" and 16 hex digits it is a label value (63)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The repository and image that a pipeline builds."""

    pipeline: str
    owner: str | None
    repository_url: str
    image: str | None
    repository: str = ""
    """owner/name of what is built."""
    namespace: str = ""
    """Where its Workflows are created; empty = the namespace of all objects."""

    @property
    def checkout_directory(self) -> str:
        """The directory that `git clone` makes of the URL; ci-go-v1 needs exactly this name."""
        return self.repository_url.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1].removesuffix(".git")


@dataclass(frozen=True, slots=True)
class KindSettings:
    """Settings that a pipeline has for the runs of one kind of event, or of one schedule."""

    branch: str | None = None
    """To build where the event has none."""
    image: str | None = None
    """To push in place of the pipeline's."""
    publish: bool = True
    """Whether they push the image."""
    parameters: Mapping[str, str | bool | int] = field(default_factory=lambda: MappingProxyType({}))
    """Over those of the pipeline."""

    def arguments(self, template: Template) -> dict[str, str]:
        """The arguments in which these runs differ from others of the pipeline."""
        roles = template.roles
        said: dict[Role, str | None] = {"branch": self.branch, "image": self.image}
        if "publish" in roles and template.parameters[roles["publish"]] != _text(self.publish):
            said["publish"] = _text(self.publish)
        found = {roles[role]: value for role, value in said.items() if role in roles and value is not None}
        return found | {name: _text(value) for name, value in self.parameters.items()}


@dataclass(frozen=True, slots=True)
class Workload:
    """The Workflow of one pipeline, apart from what an event adds."""

    pipeline: str
    owner: str | None
    repository: str
    """owner/name of what is built, as it is declared."""
    config: str
    """Digest of everything below: same digest, same Workflow."""
    namespace: str
    """Where its Workflows are created."""
    sandboxed: bool
    """Whether the code is foreign."""
    resource: Mapping[str, Any]
    """The Workflow with empty places for the pipeline's constants. It is in the namespace of all objects, and that of foreign code in
    its own."""
    settings: Mapping[str, Any]
    """The spec of the resource as data for a table: without arguments, and with an empty place for the name of its mutex."""
    argument_names: tuple[str, ...]
    """Arguments in their order in the resource."""
    arguments: Mapping[str, str]
    """Constant arguments."""
    kind_arguments: Mapping[Kind, Mapping[str, str]]
    """Constant arguments of one event kind; of several schedules, the first one's."""
    bindings: Mapping[Kind, Mapping[str, str]]
    """Arguments that an event fills: kind → argument → event field."""
    mutex: str | None
    template: Template
    limit: str | None
    """The limit that its runs share with those of other pipelines."""
    service_account: str
    """Whom its pods run as."""
    executor: str
    """Whom Argo's own containers report results as, where the containers that run code have no token; empty = the pods' account."""
    mutex_argument: str
    """The argument that names the mutex of a pipeline which names none; empty = the template has none for a directory."""


def digest(value: Any, length: int = 12) -> str:
    """Hex digest of a JSON value, independent of the order of keys."""
    text = _encode(value)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _text(value: str | bool | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pod_metadata(run: Run) -> dict[str, Any]:
    labels: dict[str, str] = dict(run.pod_labels or {})
    annotations: dict[str, str] = dict(run.pod_annotations or {})
    spot = run.spot if isinstance(run.spot, Spot) else None
    compute = run.effective_compute
    if compute == "eci":
        labels["alibabacloud.com/eci"] = "true"
        if spot:
            annotations[f"{SPOT_ANNOTATION_PREFIX}strategy"] = spot.strategy
            annotations[f"{SPOT_ANNOTATION_PREFIX}fallback"] = _text(spot.fallback)
            annotations[f"{SPOT_ANNOTATION_PREFIX}duration"] = str(spot.protection)
            if spot.price_limit is not None:
                annotations[f"{SPOT_ANNOTATION_PREFIX}price-limit"] = spot.price_limit
    elif compute == "acs":
        labels["alibabacloud.com/acs"] = "true"
        if spot:
            labels[ACS_SPOT_LABEL] = "best-effort"
    return {key: value for key, value in (("labels", labels), ("annotations", annotations)) if value}


@dataclass(frozen=True, slots=True)
class _Form:
    """Values that, together with the settings, decide how a Workflow without its constants looks."""

    template: str
    cluster_scope: bool
    namespace: str
    arguments: tuple[str, ...]
    has_owner: bool
    has_mutex: bool
    has_limit: bool
    sandboxed: bool
    restricted: bool
    entrypoint: str
    """Empty = the template's."""


class Shapes:
    """Workflows without their constants, made once for all pipelines that have the same settings and form."""

    def __init__(self, limits: LimitsObject, *, lists: bool = True) -> None:
        """Begin with none.

        Args:
            limits: Where the numbers of limits stand.
            lists: Whether the release of Argo Workflows reads `mutexes` and `semaphores`; else `mutex` and `semaphore` are written.
        """
        self._limits = limits
        self._lists = lists
        self._made: dict[tuple[int, _Form], tuple[Run, dict[str, Any], dict[str, Any], str]] = {}

    def get(self, run: Run, form: _Form) -> tuple[dict[str, Any], dict[str, Any], str]:
        """The resource, its settings as data for a table, and its digest."""
        found = self._made.get((id(run), form))
        if found is None:
            resource = _resource(run, form, self._limits, lists=self._lists)
            settings = {key: value for key, value in resource["spec"].items() if key != "arguments"}
            if run.limit:
                settings["synchronization"] = copy.deepcopy(settings["synchronization"])
                locked(settings, None, run.limit)
            # Keeping the run keeps its id from being given to another one.
            found = self._made[id(run), form] = (run, resource, settings, digest(resource, 16))
        return found[1:]


def filled(workload: Workload, source: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    """The resource with the pipeline's constants, and these arguments, in their places."""
    resource = copy.deepcopy(dict(workload.resource))
    labels, spec = resource["metadata"]["labels"], resource["spec"]
    labels[PREFIX + "source"] = source
    resource["metadata"]["namespace"] = workload.namespace
    labels[PREFIX + "pipeline"] = workload.pipeline
    labels[PREFIX + "config"] = workload.config
    if workload.owner is not None:
        labels[PREFIX + "owner"] = workload.owner
    locked(spec, workload.mutex, workload.limit)
    for item in spec["arguments"]["parameters"]:
        item["value"] = arguments.get(item["name"], item["value"])
    return resource


def scheduled(workload: Workload, source: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    """The Workflow of a schedule, which has some arguments of its own: apart from the time, nothing of it comes from an event."""
    resource = filled(workload, source, {**workload.arguments, **arguments})
    resource["metadata"]["labels"][PREFIX + "event-kind"] = "schedule"
    resource["metadata"]["annotations"] = {
        PREFIX + "reason": "MATCH",
        PREFIX + "repository": workload.repository,
    }
    return resource


def pushed(workload: Workload, resource: Mapping[str, Any]) -> str | None:
    """The image that a Workflow of the pipeline pushes, without tag; empty = it pushes nothing, None = its template takes no image."""
    template = workload.template
    given = {each["name"]: each["value"] for each in resource["spec"]["arguments"]["parameters"]}
    values = {role: given.get(name, template.parameters[name]) for role, name in template.roles.items()}
    if "image" not in values:
        return None
    return "" if values.get("publish") == "false" or values.get("sandbox") == "true" else values["image"]


def workload(
    subject: Subject,
    run: Run,
    template: Template,
    namespace: str,
    kinds: Mapping[Kind, Sequence[KindSettings]],
    shapes: Shapes,
    *,
    sandboxed: bool = False,
    restricted: bool = False,
) -> Workload:
    """The Workflow of a pipeline.

    Args:
        subject: What it builds.
        run: The effective settings.
        template: Capabilities of the template that `run` names.
        namespace: Of all objects.
        kinds: The kinds that start the pipeline, each with what it says about their runs: once, or once for each schedule.
        shapes: What earlier pipelines made already.
        sandboxed: Whether the code is foreign: the run has no token, pushes nothing and is told so.
        restricted: Whether the cluster takes a Workflow's settings from its template alone (templateReferencing); the checks have
            refused what the template does not say by itself.
    """
    declared, roles = template.parameters, template.roles
    derived: dict[Role, str | None] = {
        "url": subject.repository_url,
        "directory": subject.checkout_directory,
        "image": subject.image,
    }
    arguments = {roles[role]: value for role, value in derived.items() if role in roles and value is not None}
    arguments |= {name: _text(value) for name, value in (run.parameters or {}).items()}
    arguments |= resource_arguments(run.resources or {}, template.sizes)
    if sandboxed:
        # Said outright, whatever the template's defaults are.
        said: dict[Role, str] = {"image": "", "sandbox": "true"}
        arguments |= {roles[role]: value for role, value in said.items() if role in roles}
    elif "publish" in roles:
        # Said by every pipeline, so that those which differ only in who publishes share a trigger.
        arguments[roles["publish"]] = declared[roles["publish"]] or "true"
    bindings = {kind: template.bindings(kind) for kind in kinds}
    of_kinds = {kind: [each.arguments(template) for each in settings] for kind, settings in kinds.items()}
    kind_arguments = {kind: found[0] for kind, found in of_kinds.items() if found[0]}
    each_filled = [{*bindings[kind], *found} for kind, several in of_kinds.items() for found in several]
    filled = set[str]().union(*each_filled)
    # An argument that only some kinds fill keeps the template's default for the others.
    for name in sorted(filled - arguments.keys()):
        if not all(name in each for each in each_filled):
            arguments[name] = declared[name] or ""
    names = tuple(sorted(arguments.keys() | filled, key=list(declared).index))
    mutex = run.mutex
    if mutex is None:
        mutex = subject.checkout_directory if template.shares_checkout and not restricted else False
    limit = run.limit or None
    own_namespace = subject.namespace or namespace
    form = _Form(
        template=template.name,
        cluster_scope=template.cluster_scope,
        # Foreign code shares no trigger with trusted code; trusted code of several namespaces does.
        namespace=own_namespace if sandboxed else namespace,
        arguments=names,
        has_owner=subject.owner is not None,
        has_mutex=mutex is not False,
        has_limit=limit is not None,
        sandboxed=sandboxed,
        restricted=restricted,
        entrypoint=template.one_pod if run.pods == "one" else "",
    )
    resource, run_settings, shape = shapes.get(run, form)
    constants: list[Any] = [subject.owner, mutex, arguments, kind_arguments, bindings]
    if own_namespace != form.namespace:
        constants.append(own_namespace)
    if limit:
        constants.append(limit)
    return Workload(
        pipeline=subject.pipeline,
        owner=subject.owner,
        repository=subject.repository,
        config=digest([subject.pipeline, shape, constants]),
        namespace=own_namespace,
        sandboxed=sandboxed,
        resource=resource,
        settings=run_settings,
        argument_names=names,
        arguments=arguments,
        kind_arguments=kind_arguments,
        bindings=bindings,
        mutex=mutex if isinstance(mutex, str) else None,
        template=template,
        limit=limit,
        service_account=resource["spec"].get("serviceAccountName") or template.service_account or "",
        executor=resource["spec"].get("executor", {}).get("serviceAccountName") or template.executor or "",
        mutex_argument=roles.get("directory", ""),
    )


def _accounts(run: Run, form: _Form) -> dict[str, Any]:
    """Accounts of the pods: ours, with a token for Argo's containers alone, unless somebody names one of their own."""
    own = None if form.sandboxed else run.service_account
    if own is None or own == RUN_SERVICE_ACCOUNT:
        return copy.deepcopy(dict(RUN_ACCOUNTS))
    return {"serviceAccountName": own}


def _resource(run: Run, form: _Form, limits: LimitsObject, *, lists: bool) -> dict[str, Any]:
    labels = dict(LABELS)
    if form.has_owner:
        labels[f"{PREFIX}owner"] = ""
    spec: dict[str, Any] = {
        "workflowTemplateRef": {"name": form.template}
        | ({"clusterScope": True} if form.cluster_scope else {}),
        **({"entrypoint": form.entrypoint} if form.entrypoint else {}),
        "arguments": {"parameters": [{"name": name, "value": ""} for name in form.arguments]},
        **_accounts(run, form),
        "ttlStrategy": {"secondsAfterCompletion": DEFAULT_TTL_SECONDS if run.ttl is None else run.ttl},
        "podGC": {
            "strategy": "OnWorkflowCompletion",
            "deleteDelayDuration": f"{DEFAULT_KEEP_PODS_SECONDS if run.keep_pods is None else run.keep_pods}s",
        },
        "activeDeadlineSeconds": DEFAULT_DEADLINE_SECONDS if run.deadline is None else run.deadline,
    }
    if pod_metadata := _pod_metadata(run):
        spec["podMetadata"] = pod_metadata
    semaphore = limits.reference(form.namespace) if form.has_limit else None
    if locks := synchronization(mutex=form.has_mutex, semaphore=semaphore, lists=lists):
        spec["synchronization"] = locks
    if run.retry:
        spec["templateDefaults"] = {"retryStrategy": retry_strategy(run.retry.limit)}
    if run.priority is not None:
        spec["priority"] = run.priority
    if form.restricted:
        spec = {key: value for key, value in spec.items() if key in TAKEN_BESIDE_A_TEMPLATE}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"namespace": form.namespace, "labels": labels},
        "spec": spec,
    }
