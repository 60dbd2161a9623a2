"""Capabilities of a template, made from its anatomy: the only way from a manifest to a `Template`."""

import re
from collections.abc import Mapping
from typing import Literal, get_args

from triggers.inspection.anatomy import KINDS
from triggers.inspection.parts import Anatomy, Malformed, Path, Step
from triggers.inspection.sizes import sizes
from triggers.inspection.values import ANNOTATIONS, Flow, flow
from triggers.inspection.words import listed, shortened
from triggers.template import StepSize, Template
from triggers.words import (
    CONCURRENT_ANNOTATION,
    ONE_POD_ANNOTATION,
    PREFIX,
    STOCK_PARAMETERS,
    Role,
)

__all__ = [
    "ANY_REF_ANNOTATION",
    "capabilities",
    "pushes_latest",
    "role_annotation",
    "roles",
    "values_in_conditions",
]

ANY_REF_ANNOTATION = f"{PREFIX}any-ref"
"""Annotation of a template: "true" if it takes every name of a branch or tag that git allows, as a value and never as text of a script."""

_ROLES: tuple[Role, ...] = get_args(Role)
_SWITCHES = ("true", "false")
_PUSHES = re.compile(r"push=true|\bpush\b|--destination|--tag\b|\s-t\s")
_READS_IMAGE = re.compile(r"\b(?:pull|FROM)\b|--cache-from|--import-cache")


def role_annotation(role: Role) -> str:
    """Annotation of a template: name of the parameter that has this role; empty if none has it."""
    return f"{PREFIX}{role}-parameter"


def capabilities(template: Anatomy, origin: str) -> Template:
    """Capabilities of a template.

    Args:
        template: Its manifest, read.
        origin: Where it is from, for messages.

    Raises:
        Malformed: Its annotations say what cannot be.
    """
    problems: list[tuple[Path, str]] = []
    found_roles = roles(template.parameters, template.annotations, problems)
    concurrent = _switch(template.annotations, CONCURRENT_ANNOTATION, problems)
    any_ref = _switch(template.annotations, ANY_REF_ANNOTATION, problems)
    found_sizes = sizes(template, problems)
    one_pod = template.annotations.get(ONE_POD_ANNOTATION, "")
    if one_pod and one_pod not in template.container_sets:
        message = (
            f"the annotation names {shortened(one_pod)}, which is not a template here with a containerSet"
        )
        problems.append((("metadata", "annotations", ONE_POD_ANNOTATION), message))
    _told_apart(found_roles, found_sizes, problems)
    values = flow(template)
    pasted = {each for each in values.scripts if each in template.parameters or each == ANNOTATIONS}
    pasted |= values_in_conditions(template, values).keys()
    # Sizes are written by hookline, from amounts that it has read, and never come from an event.
    pasted -= {name for each in found_sizes.values() for name in (each.resources, each.instance_types)}
    if any_ref and pasted:
        names = listed(each for each in (*template.parameters, ANNOTATIONS) if each in pasted)
        message = (
            f"the template cannot take every name of a branch: {names} become{'s' if len(pasted) == 1 else ''} text of a script or of "
            "a condition; give values to scripts as environment variables, or leave the annotation out"
        )
        problems.append((("metadata", "annotations", ANY_REF_ANNOTATION), message))
    if (paths := found_roles.get("paths")) in pasted:
        message = f"{paths} becomes text of a script or of a condition, and holds expressions; give it to the script as an environment variable"
        problems.append((("metadata", "annotations", role_annotation("paths")), message))
    if problems:
        raise Malformed(tuple(problems))
    if not any_ref and template.calls_elsewhere():
        # A part of another template sees every parameter of the run.
        pasted |= template.parameters.keys()
    return Template(
        name=template.name,
        cluster_scope=template.kind == KINDS[0],
        namespace="" if template.kind == KINDS[0] else template.namespace,
        parameters=template.parameters,
        choices=template.choices,
        roles=found_roles,
        concurrent_runs=concurrent,
        takes_any_ref=any_ref,
        inline_tasks=any(task.inline for task in template.tasks),
        own_retries=_own_retries(template),
        moves_latest=any(pushes_latest(step, found_roles.get("image")) for step in template.steps),
        pasted=frozenset(pasted),
        service_account=template.service_account or None,
        executor=template.executor or None,
        synchronized=template.synchronized,
        own_semaphores=template.own_semaphores,
        sizes=found_sizes,
        one_pod=one_pod,
        origin=origin,
    )


def roles(
    parameters: Mapping[str, str | None],
    annotations: Mapping[str, str],
    problems: list[tuple[Path, str]] | None = None,
) -> dict[Role, str]:
    """Role of each parameter: from annotations, otherwise from the name that it has in ci-go-v1.

    Args:
        parameters: The declared ones.
        annotations: Of the template.
        problems: Takes what is wrong.
    """
    found: dict[Role, str] = {}
    for role in _ROLES:
        annotation = role_annotation(role)
        name = annotations.get(annotation)
        if not name:
            continue
        problem = ""
        if name not in parameters:
            problem = f"the annotation names {shortened(name)}, which is not a parameter of the template"
        elif name in found.values():
            other = next(each for each, taken in found.items() if taken == name)
            problem = f"the annotation names {shortened(name)}, which {role_annotation(other)} names, too"
        if problem and problems is not None:
            problems.append((("metadata", "annotations", annotation), problem))
        if not problem:
            found[role] = name
    for role, name in STOCK_PARAMETERS.items():
        if role_annotation(role) not in annotations and name in parameters and name not in found.values():
            found[role] = name
    return found


def _told_apart(
    found_roles: Mapping[Role, str], found_sizes: Mapping[str, StepSize], problems: list[tuple[Path, str]]
) -> None:
    """Refuse a parameter that takes both a value of hookline's or of an event and a size."""
    for role, name in found_roles.items():
        for step, each in found_sizes.items():
            if name in {each.resources, each.instance_types}:
                message = f"the annotation names {name}, which takes the size of {step}"
                problems.append((("metadata", "annotations", role_annotation(role)), message))


def values_in_conditions(template: Anatomy, values: Flow) -> dict[str, list[str]]:
    """Parameters that become text of a condition, apart from switches: those can only be true or false."""
    return {
        name: units
        for name, units in values.conditions.items()
        if name in template.parameters and template.parameters[name] not in _SWITCHES
    }


def pushes_latest(step: Step, image: str | None) -> bool:
    """Whether every run of a step pushes :latest.

    Args:
        step: The step.
        image: The parameter that takes the image.
    """
    named = re.compile(rf"parameters\.{re.escape(image)}\s*\}}\}}:latest") if image else None
    return any(
        ":latest" in line
        and (_PUSHES.search(line) or (named and named.search(line) and not _READS_IMAGE.search(line)))
        for line in step.lines()
    )


def _own_retries(template: Anatomy) -> Literal["none", "some", "all"]:
    limited = [step.own_limit for step in template.steps]
    if not any(limited):
        return "none"
    return "all" if all(limited) and not template.calls_elsewhere() else "some"


def _switch(annotations: Mapping[str, str], annotation: str, problems: list[tuple[Path, str]]) -> bool:
    """An annotation that says yes or no; absent = no."""
    value = annotations.get(annotation) or "false"
    if value not in _SWITCHES:
        problems.append(
            (("metadata", "annotations", annotation), f'expected "true" or "false", not {shortened(value)}')
        )
    return value == "true"
