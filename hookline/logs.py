"""Logs: structlog on stderr. No event content above debug."""

import logging
import sys
from typing import Any

import structlog

__all__ = ["configure", "logger"]


def configure(level: str) -> None:
    """Log from this level on, as key=value lines on stderr."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )


def logger() -> Any:
    """A logger; before `configure` it lets warnings through."""
    if not structlog.is_configured():
        configure("warning")
    return structlog.get_logger()
