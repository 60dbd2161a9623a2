"""Parsers for the logs of ended steps: what a log says about the step's caches, and what was red.

A parser is bound to its step, since the output of tests and of RUN commands can imitate any line. A log that is not whole gives
"unknown" and no samples. The exit code decides what succeeded, never the text.
"""

from dataclasses import replace

from runs.step_logs.checkout import read_checkout
from runs.step_logs.endings import last_lines, read_end
from runs.step_logs.go_test import read_go_test
from runs.step_logs.image_build import read_image_build
from runs.step_logs.results import Checkout, FailedTest, GoTest, ImageBuild, LogEnd, Place, StepLog
from runs.step_logs.text import LogText

__all__ = [
    "Checkout",
    "FailedTest",
    "GoTest",
    "ImageBuild",
    "LogEnd",
    "Place",
    "StepLog",
    "last_lines",
    "read_step",
]


def read_step(
    step: str,
    log: bytes,
    exit_code: int | None,
    *,
    cut: bool = False,
    cache_metrics: str | None = None,
    modules_needed: int | None = None,
    lines: int = 0,
) -> StepLog | None:
    """Read the log of a step.

    Args:
        step: The step's name in ci-go-v1.
        log: The main container's log, whole, with or without the API's time stamps.
        exit_code: Of the main container; None if it is not known.
        cut: Whether the reader stopped before the log's end.
        cache_metrics: What `buildctl --debug-json-cache-metrics` wrote, where a template reports it.
        modules_needed: How many modules the tests need, where a template reports it.
        lines: How many of its last lines are kept if the step failed; with 0, nothing is kept for people.

    Returns:
        None for a step of which no parser knows anything, and whose end is not wanted.
    """
    text = LogText(log, cut=cut)
    found = _findings(step, text, exit_code, cache_metrics, modules_needed)
    if not lines or not exit_code:
        return found
    return replace(found or StepLog("truncated" if cut else "complete"), end=read_end(text, lines))


def _findings(
    step: str, text: LogText, exit_code: int | None, cache_metrics: str | None, modules_needed: int | None
) -> StepLog | None:
    match step:
        case "git-checkout-pr":
            checkout, complete = read_checkout(text, exit_code)
            return StepLog("complete" if complete else "truncated", checkout=checkout)
        case "run-test":
            test, complete = read_go_test(text, exit_code, modules_needed)
            return StepLog("complete" if complete else "truncated", go_test=test)
        case "build-push-image":
            build, complete = read_image_build(text, exit_code, cache_metrics)
            return StepLog("complete" if complete else "truncated", image_build=build)
        case _:
            return None
