"""Commits that are built twice: as the push of a branch, and as the request that is made from it."""

import re
from collections import defaultdict
from collections.abc import Sequence

from documents.diagnostics import Problems
from documents.globs import matcher
from events.declaration import Push, included
from hookline.declaration.loading import DeclaredPipeline
from triggers.template import Template

__all__ = ["check_double_builds"]

_HEADS = (
    "topic", "feature/topic", "features/topic", "feat/topic", "fix/topic", "bugfix/topic", "bug/topic", "chore/topic", "docs/topic",
    "task/topic", "user/topic", "users/ann/topic", "dependabot/go_modules/topic", "renovate/topic",
)  # fmt: skip
"""Branches as people and bots name them from which they make requests. Others, such as release/1.2, are built for themselves."""


def check_double_builds(checked: Sequence[tuple[DeclaredPipeline, Template]], problems: Problems) -> None:
    """Warn, at each push that takes the branches of requests, of the pipeline that builds the same commits as requests."""
    by_build: dict[tuple[object, ...], list[DeclaredPipeline]] = defaultdict(list)
    for declared, template in checked:
        by_build[_build(declared, template)].append(declared)
    for several in by_build.values():
        requests = [
            each
            for each in several
            if each.pipeline.events.pull_request and not each.pipeline.events.sandboxed
        ]
        for declared in several:
            push = declared.pipeline.events.push
            branch = _head(push) if push is not None else ""
            if not branch or not requests:
                continue
            other = declared if declared.pipeline.events.pull_request else requests[0]
            by = "as a request" if other is declared else f'as a request by the pipeline "{other.name}"'
            which = "a request" if _takes_all(push) else f'a request from a branch such as "{branch}"'
            problems.warn(
                declared.position("events", "push"),
                f"every commit of {which} in this repository is built twice, as a push and {by}; choose the branches to build after a merge, "
                "such as push: {branches: [main]}, or leave pull_request: out",
                declared.field("events", "push"),
            )


def _build(declared: DeclaredPipeline, template: Template) -> tuple[object, ...]:
    """The same for pipelines that build the same of a commit: repository, template, Dockerfile."""
    repository = declared.pipeline.repository
    dockerfile = template.roles.get("dockerfile", "")
    return (
        repository.source,
        repository.name.lower(),
        template.name,
        (declared.run.parameters or {}).get(dockerfile),
    )


def _takes_all(push: Push | None) -> bool:
    selection = included(push.branches) if push is not None else None
    return selection is None or (
        not selection.exclude and (selection.include is None or "**" in selection.include)
    )


def _head(push: Push) -> str:
    """A branch, as requests are made from, that the push takes; empty if it takes none by a pattern."""
    selection = included(push.branches)
    if selection is None:
        return _HEADS[0]
    patterns = [each for each in selection.include or ["**"] if re.search(r"[*?]", each)]
    chosen, left_out = matcher(patterns), matcher(selection.exclude or [])
    return next((each for each in _HEADS if chosen(each) and not left_out(each)), "")
