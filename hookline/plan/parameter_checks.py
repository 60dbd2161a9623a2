"""Checks of a run's parameters: what the template takes, what it needs, and what nothing would fill."""

import difflib
import re
from collections.abc import Iterator, Mapping

from events.repository_fields import FIELDS
from hookline.declaration.loading import DeclaredPipeline
from triggers.declaration import Run
from triggers.template import Template
from triggers.words import Role

__all__ = ["parameter_problems"]

_SET_BY_HOOKLINE: Mapping[Role, str] = {
    "url": "comes from repository.url",
    "directory": "comes from the last part of repository.url",
    "image": "comes from image",
    "branch": "comes from the event, or its branch: key",
    "commit": "takes the commit of the event",
    "ref": "takes the full ref of the event",
    "paths": "takes the path filter that an event leaves open; filters stand under push: and pull_request:",
    "sandbox": "follows from pull_request.forks: true where it says sandboxed",
}
"""Roles of parameters that are not for the user: where the value comes from."""

_HARMLESS = re.compile(r"[A-Za-z0-9._/:@=+,%~-]*")
"""Characters that a shell takes as they are; stock ci-go-v1 pastes parameters into sh -c."""

_FIELD = re.compile(rf"\{{(?:{'|'.join(FIELDS)})\}}")


def parameter_problems(
    declared: DeclaredPipeline, run: Run, template: Template
) -> Iterator[tuple[tuple[str, ...], str]]:
    """The path in the pipeline, and the sentence, of each problem with the parameters and annotations of a run."""
    for name, value in (run.parameters or {}).items():
        if problem := _open_field(value) or _problem(name, value, template):
            yield ("run", "parameters", name), problem
    for name, annotation in (run.pod_annotations or {}).items():
        if problem := _open_field(annotation):
            yield ("run", "pod_annotations", name), problem
    yield from _lacking(declared, run, template)


def _open_field(value: str | bool | int) -> str:
    if isinstance(value, str) and "{" in value and (field := _FIELD.search(value)):
        return (
            f"nothing fills {field[0]} here; patterns are repository.url, image and events.image_push.image"
        )
    return ""


def _problem(name: str, value: str | bool | int, template: Template) -> str:
    """The problem with a parameter; empty if there is none."""
    role = template.role(name)
    if role is not None and role in _SET_BY_HOOKLINE:
        return f"{name} {_SET_BY_HOOKLINE[role]}"
    if name not in template.parameters:
        yours = sorted(each for each in template.parameters if template.role(each) not in _SET_BY_HOOKLINE)
        near = difflib.get_close_matches(name.lower().replace("-", "_"), yours, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f'{template.name} has no parameter "{name}" (Argo would ignore it); it has: {", ".join(yours)}{hint}'
    if template.parameters[name] in {"true", "false"} and not isinstance(value, bool):
        return f"{name} is a switch; write true or false, without quotes, because the template reads every other value as off"
    if name in template.pasted and isinstance(value, str) and not _HARMLESS.fullmatch(value):
        return f"{template.name} pastes {name} into a shell: letters, digits and . _ / : @ = + , % ~ - only"
    if role == "tag" and value in {"latest", "buildcache"}:
        return f"{value} is a tag that the template keeps for itself"
    if role == "tag" and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", str(value)):
        return "expected an image tag: letters, digits and _ . -, at most 100 characters"
    if role == "dockerfile" and (str(value).startswith("/") or ".." in str(value).split("/")):
        return "expected a path inside the repository, such as ./Dockerfile"
    return ""


def _lacking(
    declared: DeclaredPipeline, run: Run, template: Template
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Parameters without a default that neither hookline, the events nor the user fill."""
    events = declared.pipeline.events
    for name, default in template.parameters.items():
        if default is not None or name in (run.parameters or {}):
            continue
        role = template.role(name)
        if role in {"url", "directory", "image"} or (role == "sandbox" and events.sandboxed):
            continue
        bare = [
            kind
            for kind in events.kinds()
            if name not in template.bindings(kind) and not (role == "branch" and events.branch(kind))
        ]
        if role == "commit" and bare:
            yield (
                ("events", bare[0]),
                f"a {bare[0]} event has no commit, and the parameter {name} of {template.name} has no default to build instead",
            )
        elif bare:
            yield ("run", "parameters"), f"{template.name} needs a value for its parameter {name}"
