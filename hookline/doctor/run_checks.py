"""Checks of what a run needs: its template, its volume, its Secrets."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from documents.diagnostics import InvalidInput
from hookline.answers.template_check import check_template
from hookline.declaration.templates import ReadTemplate, manifest_template
from hookline.doctor.facts import Claim, Facts, NamedTemplate, Unread
from hookline.doctor.findings import Finding, broken, ok, unchecked, warning
from hookline.doctor.object_checks import keys_of
from hookline.doctor.run_needs import needs, template_of
from hookline.plan.planning import Plan
from hookline.version import VERSION
from triggers.shipped import shipped_names
from triggers.workflow import Workload

__all__ = ["run_secrets", "template", "volumes"]

_NAS_DRIVER = "nasplugin.csi.alibabacloud.com"
_PREREQUISITES = "hookline template prerequisites -n {}"


def template(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The templates that Workflows refer to are there, take what is passed, and are of this version."""
    users: dict[NamedTemplate, list[Workload]] = {}
    for each in plan.workloads.values():
        users.setdefault(template_of(each), []).append(each)
    for name, workloads in users.items():
        manifest = facts.templates.get(name)
        if isinstance(manifest, Unread):
            yield unchecked(manifest.why)
        elif manifest is None:
            yield broken(f"there is no {_called(name)}: every run ends in Error", *_print(plan, name))
        else:
            yield from _fits(plan, name, manifest, workloads)


def _fits(plan: Plan, name: NamedTemplate, manifest: Any, workloads: list[Workload]) -> Iterator[Finding]:
    try:
        read = manifest_template(manifest, f"cluster:{name.name}")
        report = check_template(read, VERSION)
    except InvalidInput as invalid:
        yield broken(
            f"{_called(name)} is no template that Argo runs: {invalid.diagnostics[0].message}",
            *_print(plan, name),
        )
        return
    faults = list(_parameters(plan, name, read, workloads))
    yield from faults
    origin = report.origin
    if origin.text == "hookline" and "; this is version" in origin.sentence:
        yield warning(f"{_called(name)} is {origin.sentence}", *_print(plan, name))
    elif not faults:
        yield ok(f"{_called(name)}: {origin.sentence}")


def _parameters(
    plan: Plan, name: NamedTemplate, read: ReadTemplate, workloads: list[Workload]
) -> Iterator[Finding]:
    """Parameters that are passed and ignored, and those that have no value."""
    declared = read.template.parameters
    ignored = sorted({each for load in workloads for each in load.argument_names if each not in declared})
    if ignored:
        yield broken(
            f"{_called(name)} does not declare {', '.join(ignored)}: Argo ignores what pipelines pass for it. Apply the template for which the "
            "declaration is written, or check it with --template-from-cluster",
            *_print(plan, name),
        )
    empty = sorted(
        parameter
        for parameter, default in declared.items()
        if default is None and any(parameter not in load.argument_names for load in workloads)
    )
    if empty:
        yield broken(
            f"{_called(name)} has no default for {', '.join(empty)}, and pipelines pass no value: their runs end in Error",
            *_print(plan, name),
        )


def _called(name: NamedTemplate) -> str:
    return (
        f"WorkflowTemplate {name.name} in {name.namespace}"
        if name.namespace
        else f"ClusterWorkflowTemplate {name.name}"
    )


def _print(plan: Plan, name: NamedTemplate) -> tuple[str, ...]:
    if name.name not in shipped_names():
        return ()
    mode = plan.declaration.cluster.template_referencing
    options = (f" --referencing {mode}" if mode else "") + (
        f" --namespaced -n {name.namespace}" if name.namespace else ""
    )
    return (f"hookline template {name.name}{options} | kubectl apply --server-side -f -",)


def volumes(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The claims that runs mount are there and bound, with mount options that do not hang."""
    found = [each for each in needs(plan, _manifests(facts)) if each.kind == "PersistentVolumeClaim"]
    if not found:
        yield _nothing_needed(facts, "mounts no claim")
        return
    locks_needed = any(not each.template.concurrent_runs for each in plan.workloads.values())
    for each in found:
        claim = facts.claims.get((each.namespace, each.name))
        called = f"PersistentVolumeClaim {each.name} in {each.namespace}"
        if isinstance(claim, Unread):
            yield unchecked(claim.why)
        elif claim is None:
            yield broken(
                f"there is no {called}: pods of runs stay Pending", _PREREQUISITES.format(each.namespace)
            )
        elif claim.phase != "Bound":
            yield broken(
                f"{called} is {claim.phase}, not Bound: pods of runs wait for it",
                f"kubectl -n {each.namespace} describe pvc {each.name}",
            )
        else:
            yield from _mounted(called, claim, locks_needed=locks_needed)


def _mounted(called: str, claim: Claim, *, locks_needed: bool) -> Iterator[Finding]:
    if "ReadWriteMany" not in claim.access_modes:
        yield warning(
            f"{called} cannot be mounted on several nodes (access modes {', '.join(claim.access_modes)}): steps of runs wait for one another"
        )
    if isinstance(claim.mount_options, Unread):
        yield unchecked(f"mount options of {called}: {claim.mount_options.why}")
        return
    options = {part for each in claim.mount_options for part in each.split(",")}
    if claim.driver == _NAS_DRIVER and "noresvport" not in options:
        yield warning(
            f"the volume of {called} is mounted without noresvport: after a network failure pods may hang on it"
        )
    if locks_needed and "nolock" in options:
        yield warning(
            f"the volume of {called} is mounted with nolock, and Go's module cache needs file locks: keep the mutex of these runs"
        )
    yield ok(f"{called} is bound")


def run_secrets(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The Secrets and ConfigMaps that runs read are there, with the keys that are read."""
    found = [each for each in needs(plan, _manifests(facts)) if each.kind != "PersistentVolumeClaim"]
    if not found:
        yield _nothing_needed(facts, "reads no Secret")
        return
    for (kind, namespace, name), group in groupby(found, lambda each: (each.kind, each.namespace, each.name)):
        of_object = list(group)
        optional = all(each.optional for each in of_object)
        keys = {each.key for each in of_object if each.key}
        held = facts.held.get((kind, namespace, name))
        if held is None and optional and keys:
            yield warning(
                f"there is no {kind} {name} in {namespace}: runs push images without credentials",
                _PREREQUISITES.format(namespace),
            )
            continue
        if held is None and optional:
            yield ok(f"{kind} {name} in {namespace} is not there, and may be missing")
            continue
        yield from keys_of(
            kind, namespace, name, keys, held, (_PREREQUISITES.format(namespace),), optional=optional
        )


def _manifests(facts: Facts) -> dict[NamedTemplate, Mapping[str, Any]]:
    return {name: each for name, each in facts.templates.items() if isinstance(each, dict)}


def _nothing_needed(facts: Facts, what: str) -> Finding:
    if not _manifests(facts):
        return unchecked("the template is not known")
    return ok(f"the template {what}")
