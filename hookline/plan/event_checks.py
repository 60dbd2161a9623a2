"""Checks of the names in the events of one pipeline: branches that cannot be built, what never starts it."""

import re
from collections.abc import Iterator
from functools import partial

from documents.diagnostics import Problems
from events.declaration import Selection
from events.eventsource import Endpoint
from hookline.declaration.loading import DeclaredPipeline
from sensors.names import Rule, passes
from triggers.template import Template

__all__ = ["check_names"]

Path = tuple[str | int, ...]

_IMAGE_TAG = "an image tag has letters, digits and _ . - only"
_REFUSED_IMAGE_TAG = (
    f"{_IMAGE_TAG} (a / becomes -), at most 100 characters, and is neither latest nor buildcache; the git tag names the image, so tag "
    "releases like v1.2.3-rc.1 in place of v1.2.3+rc.1"
)
_QUEUE = "gh-readonly-queue"
_QUEUED = (
    "the branches of a merge queue are merge_group events, whose runs push nothing by default; write merge_group: {into: [main]} beside "
    "push: (hookline docs merge-queues)"
)
_WILDCARD = re.compile(r"\*\*/|/\*\*\Z|\*+|\?")


def check_names(
    declared: DeclaredPipeline, template: Template, endpoint: Endpoint | None, problems: Problems
) -> None:
    """Refuse branches that the template cannot take; warn of patterns that match nothing.

    Args:
        declared: The pipeline.
        template: What it runs.
        endpoint: Of its repository's source.
        problems: Takes what is found.
    """
    for path, branch in _branches(declared):
        if not passes(branch, "ref_name", any_ref=template.takes_any_ref):
            problems.error(
                declared.position(*path),
                f'"{branch}" cannot be built: {_refused_ref(template, "branch")}',
                declared.field(*path),
            )
    for path, pattern, why in _dead_patterns(declared, template, endpoint):
        problems.warn(
            declared.position(*path),
            f'"{pattern}" never matches: {why}',
            declared.field(*path),
        )


def _branches(declared: DeclaredPipeline) -> Iterator[tuple[Path, str]]:
    """The branches to build where an event has none, each with its path."""
    for path, _, built in declared.blocks:
        if (branch := getattr(built, "branch", None)) is not None:
            yield (*path, "branch"), branch


def _dead_patterns(
    declared: DeclaredPipeline, template: Template, endpoint: Endpoint | None
) -> Iterator[tuple[Path, str, str]]:
    """Patterns of which no match can run: where, the pattern, and why with what to write."""
    events = declared.pipeline.events
    names_image = "tag" in template.bindings("tag").values()
    if events.push is not None:
        for path, pattern in _patterns(("events", "push", "branches"), events.push.branches):
            if not _can(pattern, "ref_name", template):
                yield path, pattern, _refused_ref(template, "branch")
            elif pattern.startswith(_QUEUE) and endpoint is not None and "merge_group" in endpoint.host.kinds:
                yield path, pattern, _QUEUED
    if events.tag is not None:
        for path, pattern in _patterns(("events", "tag", "tags"), events.tag.tags):
            if not _can(pattern, "ref_name", template):
                yield path, pattern, _refused_ref(template, "tag")
            elif names_image and not _can(pattern, "own_image_tag", template):
                yield path, pattern, _REFUSED_IMAGE_TAG
    if events.image_push is not None:
        for path, pattern in _patterns(("events", "image_push", "tags"), events.image_push.tags):
            if not _can(pattern, "image_tag", template):
                yield path, pattern, f"{_IMAGE_TAG}, at most 128 characters"


def _refused_ref(template: Template, what: str) -> str:
    if template.takes_any_ref:
        return (
            f"git has no {what} of such a name, or hookline refuses it: at most 200 bytes, no leading -, no control characters, "
            "no {{"
        )
    return (
        f"{template.name} gets a {what} only if its name has letters, digits and . _ / - alone, and begins with a letter or digit; "
        "choose such names, or use a template that takes any ref, such as hookline-ci-go"
    )


def _patterns(path: Path, chosen: "list[str] | Selection | None") -> Iterator[tuple[Path, str]]:
    """The patterns that choose, each with its position; excluded ones need no check."""
    if isinstance(chosen, Selection):
        yield from (((*path, "include", index), each) for index, each in enumerate(chosen.include or []))
    else:
        yield from (((*path, index), each) for index, each in enumerate(chosen or []))


def _can(pattern: str, rule: Rule, template: Template) -> bool:
    """Whether a name that the pattern matches passes a rule.

    Wildcards match the most harmless text there is, a letter or nothing, so what is wrong then is written out.
    """
    return any(
        passes(_WILDCARD.sub(partial(_filled, star), pattern), rule, any_ref=template.takes_any_ref)
        for star in ("a", "")
    )


def _filled(star: str, wildcard: re.Match[str]) -> str:
    return {"?": "a", "**/": "", "/**": "/a"}.get(wildcard[0], star)
