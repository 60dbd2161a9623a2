"""Parsers for the logs of ended steps: what a log says about the step's caches.

A parser is bound to its step, since the output of tests and of RUN commands can imitate any line. A log that is not whole gives
"unknown" and no samples. The exit code decides what succeeded, never the text.
"""

from runs.step_logs.checkout import read_checkout
from runs.step_logs.go_test import read_go_test
from runs.step_logs.image_build import read_image_build
from runs.step_logs.results import Checkout, GoTest, ImageBuild, StepLog
from runs.step_logs.text import LogText

__all__ = ["Checkout", "GoTest", "ImageBuild", "StepLog", "read_step"]


def read_step(
    step: str,
    log: bytes,
    exit_code: int | None,
    *,
    cut: bool = False,
    cache_metrics: str | None = None,
    modules_needed: int | None = None,
) -> StepLog | None:
    """Read the log of a step.

    Args:
        step: The step's name in ci-go-v1.
        log: The main container's log, whole, with or without the API's time stamps.
        exit_code: Of the main container; None if it is not known.
        cut: Whether the reader stopped before the log's end.
        cache_metrics: What `buildctl --debug-json-cache-metrics` wrote, where a template reports it.
        modules_needed: How many modules the tests need, where a template reports it.

    Returns:
        None for a step of which no parser knows anything.
    """
    text = LogText(log, cut=cut)
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
