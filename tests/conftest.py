"""Hypothesis: slow machines are not failures, and CI tries the same examples each time. Logs end with their test."""

import gc
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings
from tries import tries

from hookline import logs

settings.register_profile(
    "hookline",
    max_examples=tries(100),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("hookline")
# A traceback with the values of all variables, which structlog prints unless told otherwise, takes ten times as long.
structlog.dev.ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback


def pytest_collection_finish() -> None:
    """Thousands of tests and all modules live to the end: the garbage collector need not walk them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(autouse=True)
def logs_of_one_test_are_no_others() -> Iterator[None]:
    """A command logs where somebody configured logs; a test that captures them configures them, too."""
    yield
    structlog.reset_defaults()
    logs._levels.clear()
