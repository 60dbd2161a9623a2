"""Hypothesis: slow machines are not failures, and CI tries the same examples each time. Logs end with their test."""

import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

settings.register_profile(
    "hookline",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("hookline")


@pytest.fixture(autouse=True)
def logs_of_one_test_are_no_others() -> Iterator[None]:
    """A command logs where somebody configured logs; a test that captures them configures them, too."""
    yield
    structlog.reset_defaults()
