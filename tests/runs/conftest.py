"""Logs that a test of runs captured or configured are those of that test."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logs_are_as_before() -> Iterator[None]:
    """Capturing logs configures structlog, and so do commands, for the stderr that they have."""
    yield
    structlog.reset_defaults()
