"""Checks of `report_skipped`: whoever says it is told of skipped requests, or why not."""

import re

from documents.diagnostics import Problems
from hookline.declaration.loading import Declaration, DeclaredController, DeclaredPipeline

__all__ = ["check_report_skipped"]

_REQUESTS = frozenset({"pull_request", "merge_group"})


def check_report_skipped(declaration: Declaration, problems: Problems) -> None:
    """Refuse a report_skipped that would tell nobody anything.

    Args:
        declaration: The files.
        problems: Takes what is found.
    """
    declared = declaration.controller
    reporting = {name for name, each in declaration.sources.items() if each.source.report is not None}
    if declared is not None and declared.controller.report_skipped is not False:
        _check_controller(declaration, declared, reporting, problems)
    if declared is not None and declared.controller.retire_contexts:
        _check_retiring(declaration, declared, problems)
    for each in declaration.pipelines.values():
        if each.pipeline.report_skipped and (why := _why(each, reporting, controlled=declared is not None)):
            problems.error(each.position("report_skipped"), why, each.field("report_skipped"))


def _check_controller(
    declaration: Declaration, declared: DeclaredController, reporting: set[str], problems: Problems
) -> None:
    why = ""
    if not reporting:
        why = "no source has report:, so no host is told; add report: {token: {name: …, key: …}} to one, or leave report_skipped: out"
    elif all(reporting.isdisjoint(_sources_of_requests(each)) for each in declaration.pipelines.values()):
        why = (
            f"no pipeline listens to requests of {', '.join(sorted(reporting))}, so no request is told of; "
            "add pull_request: or merge_group: to the events of one, or leave report_skipped: out"
        )
    if why:
        place = ("controller", "report_skipped")
        problems.error(declared.document.position(place, key=True), why, ".".join(place))


def _sources_of_requests(declared: DeclaredPipeline) -> set[str]:
    """Sources of which the pipeline hears requests."""
    return {source for source, _, kinds in declared.listened() if not kinds.isdisjoint(_REQUESTS)}


def _check_retiring(declaration: Declaration, declared: DeclaredController, problems: Problems) -> None:
    reports = [(each.source.host, each.source.report) for each in declaration.sources.values()]
    # The tokens of an App may do nothing but check runs.
    hosts = {host for host, report in reports if report is not None and report.app is None}
    why = ""
    if not re.search(r"[A-Za-z0-9]", re.sub(r"\{\w+\}", "", declared.controller.context)):
        why = (
            "context: has no text of its own, so that it would take checks of others for those of lost pipelines; write a text into context:, "
            "as hookline/{pipeline}, or leave retire_contexts: out"
        )
    elif hosts.isdisjoint(("github", "gitea")):
        why = "no source of GitHub or Gitea has report: with a token, and no other host requires single statuses; leave retire_contexts: out"
    if why:
        place = ("controller", "retire_contexts")
        problems.error(declared.document.position(place, key=True), why, ".".join(place))


def _why(declared: DeclaredPipeline, reporting: set[str], *, controlled: bool) -> str:
    """Reason for which the pipeline's true tells nobody; empty if it does."""
    if not controlled:
        return "nothing reports without the controller; add controller: {}, or leave report_skipped: out"
    sources = _sources_of_requests(declared)
    if not sources:
        return "the pipeline listens to no requests; add pull_request: or merge_group: to its events, or leave report_skipped: out"
    if sources.isdisjoint(reporting):
        return (
            f"the source {', '.join(sorted(sources))} has no report:, so its host is told nothing; "
            "add report: {token: {name: …, key: …}} to it, or leave report_skipped: out"
        )
    return ""
