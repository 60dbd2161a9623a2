"""Sizes: which steps of a template take their resources from a parameter, as its annotations say."""

import json
from collections.abc import Callable, Iterator, Mapping

from triggers.inspection.parts import Anatomy, Path, Step
from triggers.inspection.words import listed, shortened
from triggers.template import StepSize
from triggers.words import INSTANCE_TYPES_ANNOTATION, RESOURCES_ANNOTATION

__all__ = ["sizes"]


def sizes(template: Anatomy, problems: list[tuple[Path, str]] | None = None) -> dict[str, StepSize]:
    """The steps whose size a run may choose.

    Args:
        template: The manifest, read.
        problems: Takes what is wrong with the annotations.
    """
    reader = _Reader(template, [] if problems is None else problems)
    resources = reader.parameters(RESOURCES_ANNOTATION, "podSpecPatch", lambda step: step.patch)
    instances = reader.parameters(
        INSTANCE_TYPES_ANNOTATION, "metadata.annotations", lambda step: step.pod_annotations
    )
    names = dict.fromkeys(step.name for step in template.steps)
    chosen = [template.step(name) for name in names if name in resources or name in instances]
    return {
        step.name: StepSize(
            resources.get(step.name, ""), instances.get(step.name, ""), step.requests, step.limits
        )
        for step in chosen
        if step is not None
    }


class _Reader:
    """Reads annotations that name a parameter for each of some steps."""

    def __init__(self, template: Anatomy, problems: list[tuple[Path, str]]) -> None:
        self.template = template
        self.problems = problems
        self.taken: dict[str, str] = {}
        """Parameter → the step that it is for."""

    def parameters(self, annotation: str, place: str, text: Callable[[Step], str]) -> dict[str, str]:
        """Step → parameter.

        Args:
            annotation: That says so.
            place: The field of a step that has to read the parameter.
            text: That field's text.
        """
        found: dict[str, str] = {}
        for step, name in self.pairs(annotation):
            if problem := self.problem(step, name, place, text):
                self.problems.append((("metadata", "annotations", annotation), problem))
            else:
                found[step] = name
                self.taken[name] = step
        return found

    def pairs(self, annotation: str) -> Iterator[tuple[str, str]]:
        written = self.template.annotations.get(annotation)
        if not written:
            return
        try:
            read = json.loads(written)
        except (ValueError, RecursionError):
            read = None
        if not isinstance(read, Mapping) or not all(isinstance(name, str) for name in read.values()):
            message = (
                'expected JSON that names a parameter for each step, such as {"run-test": "test_resources"}'
            )
            self.problems.append((("metadata", "annotations", annotation), message))
            return
        yield from read.items()

    def problem(self, step: str, name: str, place: str, text: Callable[[Step], str]) -> str:
        """The problem with a pair; empty if there is none."""
        found = self.template.step(step)
        if found is None:
            steps = listed(each.name for each in self.template.steps)
            return f"the annotation names a step {shortened(step)}, which the template does not have; it has: {steps}"
        if name not in self.template.parameters:
            return f"the annotation names {shortened(name)}, which is not a parameter of the template"
        if name in self.taken:
            return f"the annotation names {name} for {step}, and it is that of {self.taken[name]} already"
        if self.template.parameters[name] is None:
            return f"{name} needs a default for runs that say nothing of {step}"
        if f"workflow.parameters.{name}" not in text(found):
            return (
                f"the {place} of {step} does not read workflow.parameters.{name}, which would have no effect"
            )
        return ""
