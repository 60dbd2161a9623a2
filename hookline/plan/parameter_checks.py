"""Checks of a run's parameters: what the template takes, what it needs, and what nothing would fill."""

import difflib
import re
from collections.abc import Iterator, Mapping

from events.canonical import Kind
from events.repository_fields import FIELDS
from hookline.declaration.loading import DeclaredPipeline
from triggers.declaration import Run
from triggers.template import Template
from triggers.words import Role

__all__ = ["parameter_problem", "parameter_problems", "settable"]

_SET_BY_HOOKLINE: Mapping[Role, str] = {
    "url": "comes from repository.url",
    "directory": "comes from the last part of repository.url",
    "image": "comes from image",
    "branch": "comes from the event, or its branch: key",
    "commit": "takes the commit of the event",
    "ref": "takes the full ref of the event",
    "paths": "takes the path filter that an event leaves open; filters stand under push: and pull_request:",
    "sandbox": "follows from pull_request.forks: true where it says sandboxed",
    "publish": "follows from publish: under a kind of event, such as pull_request: {publish: false}",
}
"""Roles of parameters that are not for the user: where the value comes from."""

_HARMLESS = re.compile(r"[A-Za-z0-9._/:@=+,%~-]*")
"""Characters that a shell takes as they are; stock ci-go-v1 pastes parameters into sh -c."""

_FIELD = re.compile(rf"\{{(?:{'|'.join(FIELDS)})\}}")


def parameter_problems(
    declared: DeclaredPipeline, run: Run, template: Template
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The path in the pipeline, and the sentence, of each problem with the parameters and annotations of a run."""
    for name, value in (run.parameters or {}).items():
        if problem := _open_field(value) or parameter_problem(name, value, template):
            yield ("run", "parameters", name), problem
        elif declared.says("run", "parameters", name) and all(
            name in template.bindings(kind) for kind in declared.pipeline.events.kinds()
        ):
            yield (
                ("run", "parameters", name),
                f"{name} takes the {template.role(name)} of the event, and no other event starts this pipeline; leave it out",
            )
    for path, kind, built in declared.blocks:
        for name, value in (built.parameters or {}).items():
            if problem := _open_field(value) or parameter_problem(name, value, template, kind):
                yield (*path, "parameters", name), problem
    for name, annotation in (run.pod_annotations or {}).items():
        if problem := _open_field(annotation):
            yield ("run", "pod_annotations", name), problem
    yield from _lacking(declared, run, template)


def _open_field(value: str | bool | int) -> str:
    if isinstance(value, str) and "{" in value and (field := _FIELD.search(value)):
        return f"nothing fills {field[0]} here; patterns are repository.url and every image:"
    return ""


def settable(template: Template) -> list[str]:
    """The parameters that are for people: hookline, events and sizes fill the others."""
    return sorted(
        each
        for each in template.parameters
        if template.role(each) not in _SET_BY_HOOKLINE and each not in template.size_parameters
    )


def parameter_problem(
    name: str, value: str | bool | int, template: Template, kind: Kind | None = None
) -> str:
    """The problem with a parameter, of all runs or of those of one kind of event; empty if there is none."""
    role = template.role(name)
    if role is not None and role in _SET_BY_HOOKLINE:
        return f"{name} {_SET_BY_HOOKLINE[role]}"
    if kind is not None and name in template.bindings(kind):
        return f"{name} takes the {role} of the event"
    if name in template.size_parameters:
        step = next(
            step for step, each in template.sizes.items() if name in {each.resources, each.instance_types}
        )
        return f"{name} comes from run: {{resources: {{{step}: …}}}}"
    if name not in template.parameters:
        yours = settable(template)
        near = difflib.get_close_matches(name.lower().replace("-", "_"), yours, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f'{template.name} has no parameter "{name}" (Argo would ignore it); it has: {", ".join(yours)}{hint}'
    choices = template.choices.get(name)
    if choices is not None and (str(value).lower() if isinstance(value, bool) else str(value)) not in choices:
        return f"{name} takes one of {', '.join(choices)}"
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
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Parameters without a default that neither hookline, the events nor the user fill."""
    blocks = declared.blocks
    for name, default in template.parameters.items():
        if default is not None or name in (run.parameters or {}):
            continue
        role = template.role(name)
        if role in {"url", "directory", "image", "publish"}:
            continue
        if role == "sandbox" and declared.pipeline.events.sandboxed:
            continue
        bare = [
            (path, kind)
            for path, kind, built in blocks
            if name not in template.bindings(kind)
            and name not in (built.parameters or {})
            and not (role == "branch" and getattr(built, "branch", None))
        ]
        if role == "commit" and bare:
            path, kind = bare[0]
            yield (
                path,
                f"a {kind} event has no commit, and the parameter {name} of {template.name} has no default to build instead",
            )
        elif len(bare) == len(blocks):
            yield ("run", "parameters"), f"{template.name} needs a value for its parameter {name}"
        elif bare:
            path, kind = bare[0]
            message = f"{template.name} needs a value for its parameter {name}, and {kind} events have none; write it here or under run.parameters"
            yield (*path, "parameters"), message
