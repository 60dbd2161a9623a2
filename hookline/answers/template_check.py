"""The answer of `hookline template check` about one manifest: its published version, its contract, and what it lacks."""

import difflib
import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from documents.diagnostics import Diagnostic, InvalidInput, Position
from hookline.declaration.templates import ReadTemplate
from hookline.output import yaml_text
from triggers.inspection.contract import Requirement, requirements
from triggers.inspection.findings import Finding, findings
from triggers.inspection.normal_form import normal_form
from triggers.inspection.origin import Origin, candidates, origin

__all__ = ["Comparison", "TemplateReport", "check_template", "report_data"]

MOST_LINES = 4_000
"""A longer text is not compared line by line."""
LEAST_PERCENT = 20
"""Lowest percentage of common lines at which a comparison is useful."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A customised template beside the most similar one that hookline renders."""

    nearest: str
    percent: int
    """Lines that both have, of the lines of both."""
    diff: tuple[str, ...]
    """Differences from hookline's text to this one; empty if the text is too long, or too different, to compare."""


@dataclass(frozen=True, slots=True)
class TemplateReport:
    """The answer about one template."""

    kind: str
    name: str
    namespace: str
    origin: Origin
    contract: tuple[Requirement, ...]
    findings: tuple[Finding, ...]
    comparison: Comparison | None


def check_template(read: ReadTemplate, version: str) -> TemplateReport:
    """The answer about a template.

    Args:
        read: The template.
        version: Of this hookline.

    Raises:
        InvalidInput: It is nested too deeply to be compared.
    """
    template = read.anatomy
    try:
        form = normal_form(read.manifest)
        found = origin(template, form, version)
        comparison = _compared(form, found.template) if found.text == "customised" else None
    except RecursionError:
        where = Position(read.template.origin, 1, 1)
        raise InvalidInput((Diagnostic(where, "nested too deeply"),)) from None
    return TemplateReport(
        template.kind,
        template.name,
        template.namespace,
        found,
        requirements(template),
        findings(template),
        comparison,
    )


def report_data(report: TemplateReport) -> dict[str, Any]:
    """The answer as data; the shape is a contract."""
    return {
        "kind": report.kind,
        "name": report.name,
        "namespace": report.namespace,
        "text": report.origin.text,
        "says": report.origin.sentence,
        "template": report.origin.template,
        "version": report.origin.version,
        "images": [
            {
                "step": each.step,
                "expected": each.expected,
                "found": each.found,
                "sameContent": each.same_content,
            }
            for each in report.origin.images
        ],
        "contract": [
            {
                "what": each.what,
                "name": each.name,
                "expected": each.expected,
                "found": each.found,
                "state": each.state,
            }
            for each in report.contract
        ],
        "findings": [{"code": each.code, "says": each.sentence} for each in report.findings],
        "comparison": None
        if report.comparison is None
        else {
            "nearest": report.comparison.nearest,
            "percent": report.comparison.percent,
            "diff": list(report.comparison.diff),
        },
    }


@cache
def _known_lines() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((each.name, tuple(yaml_text(each.form).splitlines())) for each in candidates())


def _compared(form: Mapping[str, Any], known: str) -> Comparison:
    theirs = tuple(yaml_text(form).splitlines())
    chosen, share = "", -1.0
    ours: tuple[str, ...] = ()
    for name, lines in _known_lines():
        if known and name != known:
            continue
        common = (Counter(lines) & Counter(theirs)).total()
        now = 2 * common / (len(lines) + len(theirs))
        if now > share:
            chosen, ours, share = name, lines, now
    diff: list[str] = []
    if len(theirs) <= MOST_LINES and 100 * share >= LEAST_PERCENT:
        compared = difflib.unified_diff(ours, theirs, f"hookline/{chosen}", "this", lineterm="")
        diff = list(itertools.islice(compared, 2 * MOST_LINES))
    return Comparison(chosen, round(100 * share), tuple(diff))
