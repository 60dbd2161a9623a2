"""Checks of the resources of steps: that the template takes them, that Kubernetes would, and that instance types reach ECI."""

import difflib
from collections.abc import Iterator

from hookline.declaration.loading import Declaration
from triggers.declaration import Run
from triggers.step_resources import StepResources, exceeded, too_small
from triggers.template import StepSize, Template
from triggers.words import INSTANCE_TYPES_ANNOTATION, RESOURCES_ANNOTATION

__all__ = ["resource_problems"]

Problem = tuple[tuple[str, ...], str]
"""Path in the pipeline, sentence."""


def resource_problems(declaration: Declaration, run: Run, template: Template) -> Iterator[Problem]:
    """Each problem with the resources of a run."""
    path = ("run", "resources")
    if run.resources and not template.sizes:
        message = (
            f"the steps of {template.name} have a fixed size, and a run cannot choose another; use hookline-ci-go, or a template whose "
            f"annotation {RESOURCES_ANNOTATION} names parameters for it (hookline docs capacity)"
        )
        yield path, message
        return
    for step, wanted in (run.resources or {}).items():
        if step not in template.sizes:
            yield (*path, step), _unknown(step, template)
            continue
        size = template.sizes[step]
        for key, message in _of_step(step, wanted, size, template):
            yield (*path, step, *key), message
        if wanted.instance_types and size.instance_types and not _on_eci(declaration, run):
            message = (
                f"instance types are those of ECI, and these pods run on {_PLACES[run.effective_compute]}; write compute: eci, or leave "
                "instance_types: out"
            )
            yield (*path, step, "instance_types"), message


_PLACES = {"acs": "ACS (compute: acs)", "node": "nodes (compute: node)"}


def _on_eci(declaration: Declaration, run: Run) -> bool:
    """Whether pods run on ECI, or may: where the template alone says where they run, hookline does not know it."""
    return run.effective_compute == "eci" or declaration.cluster.template_referencing is not None


def _unknown(step: str, template: Template) -> str:
    known = list(template.sizes)
    near = difflib.get_close_matches(step, known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return (
        f'{template.name} takes no resources for a step "{step}"; it takes them for: {", ".join(known)}{hint}'
    )


def _of_step(
    step: str, wanted: StepResources, size: StepSize, template: Template
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Path in the step's resources, and sentence, of each problem with what one step wants."""
    if wanted.instance_types and not size.instance_types:
        message = f"{template.name} takes no instance types for {step}: its annotation {INSTANCE_TYPES_ANNOTATION} names no parameter"
        yield ("instance_types",), message
    if (wanted.requests or wanted.most) and not size.resources:
        message = f"{template.name} takes no CPU and memory for {step}: its annotation {RESOURCES_ANNOTATION} names no parameter"
        yield (), message
    if (found := exceeded(wanted, size)) is not None:
        key, request, limit = found
        own = f" in {template.name}"
        message = (
            f"the request, {request}{'' if key in wanted.requests else own}, is above the limit, {limit}{'' if key in wanted.most else own}: "
            f"Kubernetes would refuse the pod of {step}; raise the limit with limits: {{{key}: {request}}}, or request less with {key}:"
        )
        yield (key,) if key in wanted.requests else ("limits", key), message
    if (small := too_small(wanted, size)) is not None:
        instance, request = small
        message = f"{instance} is too small: {step} requests {request}; leave it out, or request less"
        yield ("instance_types",), message
