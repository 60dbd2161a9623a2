"""The text of a check run: markdown, safe whatever a test prints, within GitHub's limits.

Source: GitHub's REST documentation, "Check runs": a summary has at most 65,535 characters, a request at most 50 annotations, and the
title of an annotation 255 characters.
"""

import re
from collections.abc import Iterator
from typing import Any

from runs.reports.failing_tests import FailingTest
from runs.reports.run_details import RunDetails, Step
from runs.reports.status import Status

__all__ = ["MAX_ANNOTATIONS", "MAX_SUMMARY_BYTES", "annotations", "code", "output"]

MAX_SUMMARY_BYTES = 65_535
MAX_ANNOTATIONS = 50
MAX_TITLE = 255


def output(status: Status, details: RunDetails) -> dict[str, Any]:
    """The `output` of a check run: title, summary, and annotations where the run has ended."""
    found: dict[str, Any] = {
        "title": _cut_title(status.description),
        "summary": _within("\n".join(_summary(status, details))),
    }
    if status.final and (notes := annotations(details)):
        found["annotations"] = notes
    return found


def annotations(details: RunDetails) -> list[dict[str, Any]]:
    """Failing tests at their lines."""
    return [
        {
            "path": each.path,
            "start_line": each.line,
            "end_line": each.line,
            "annotation_level": "failure",
            "title": _cut_title(each.title),
            "message": each.message or "failed",
        }
        for each in details.failing_tests
        if each.path
    ][:MAX_ANNOTATIONS]


def _summary(status: Status, details: RunDetails) -> Iterator[str]:
    yield code(status.description)
    if details.failing_tests and status.final:
        yield from ("", "### Failing tests", "")
        for each in details.failing_tests:
            yield from _told(each)
    if details.steps:
        yield from ("", "| step | result | time | caches |", "|---|---|---|---|")
        yield from map(_row, details.steps)
        if details.more_steps:
            yield from ("", f"There are {details.more_steps} more steps.")


def _told(test: FailingTest) -> Iterator[str]:
    where = f" at {code(f'{test.path}:{test.line}')}" if test.path else ""
    of = f" of {code(test.package)}" if test.name and test.package else ""
    yield f"{code(test.title)}{of}{where}"
    if test.message:
        fence = "`" * max(3, _longest_run(test.message) + 1)
        yield from ("", fence, test.message, fence)
    yield ""


def _row(step: Step) -> str:
    result = step.result
    if step.attempts > 1:
        result += f" at attempt {step.attempts}"
    if step.message:
        result += f": {_in_table(step.message)}"
    return f"| {_in_table(step.name)} | {result} | {_time(step.seconds)} | {step.cache} |"


def _in_table(text: str) -> str:
    # A table is split at pipes before code is read, except where a backslash escapes one (GitHub Flavored Markdown, "Tables"). A backslash
    # of the text would escape ours.
    return code(text.replace("\\|", "¦")).replace("|", "\\|")


def code(text: str) -> str:
    """One line as a code span: nothing in it is markdown, HTML, a link or a mention."""
    ticks = "`" * (_longest_run(text) + 1)
    space = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) or not text else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def _longest_run(text: str) -> int:
    return max((len(each) for each in re.findall("`+", text)), default=0)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _cut_title(text: str) -> str:
    return text if len(text) <= MAX_TITLE else text[: MAX_TITLE - 1] + "…"


def _within(text: str) -> str:
    """The text up to the limit, ended at a line. Bytes are counted: there are never fewer than characters."""
    if len(text.encode()) <= MAX_SUMMARY_BYTES:
        return text
    kept = text.encode()[: MAX_SUMMARY_BYTES - 8].decode(errors="ignore")
    return kept.rpartition("\n")[0] + "\n\n…"
