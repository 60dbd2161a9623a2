"""Logs: structlog on stderr, where somebody asked for them. No event content above debug."""

import sys
from typing import Any, Literal

__all__ = ["configure", "debugging", "log"]


def configure(level: str) -> None:
    """Log from this level on, as key=value lines on stderr."""
    import logging  # noqa: PLC0415 - a command that logs nothing should not load it

    import structlog  # noqa: PLC0415

    _levels[:] = [level]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )


_levels: list[str] = []


def debugging() -> bool:
    """Whether somebody asked for everything."""
    return "debug" in _levels


def log(level: Literal["debug", "info", "warning"], event: str, **fields: Any) -> None:
    """One line; nothing where nobody asked for logs."""
    structlog = sys.modules.get("structlog")
    if structlog is not None and structlog.is_configured():
        getattr(structlog.get_logger(), level)(event, **fields)
