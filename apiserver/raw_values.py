"""Values of raw JSON, taken with a type and within bounds: what is of another type, or beyond, is absent.

Whoever may write an annotation, an output or a status chooses these values, and one of them must never stop the counting of others.
"""

import datetime
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["EARLIEST", "LATEST", "Json", "list_of", "map_of", "number", "text", "unix", "values_at_most"]

Json = Mapping[str, Any]

MAX_TEXT = 1024
MAX_TIME_TEXT = 40
"""Characters of a time: RFC 3339 with nine digits of a second and a zone has 35."""
EARLIEST, LATEST = 946_684_800.0, 4_102_444_800.0
"""2000-01-01 and 2100-01-01 in UTC: a time of a run is between them, or nobody measured it."""


def text(value: Any, limit: int = MAX_TEXT) -> str:
    """The text, cut to so many characters; empty for anything else."""
    return value[:limit] if isinstance(value, str) else ""


def map_of(value: Any) -> Json:
    """The mapping; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def list_of(value: Any) -> list[Any]:
    """The list; an empty one for anything else."""
    return value if isinstance(value, list) else []


def number(value: Any, limit: float) -> float | None:
    """A finite number from 0 to the limit; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared as it came: a whole number of 400 digits is no float.
    return float(value) if 0 <= value <= limit and math.isfinite(value) else None


def unix(value: Any) -> float | None:
    """Unix seconds of a Kubernetes time, which says its zone; None for anything else, and for a year that no run had."""
    if not isinstance(value, str) or not value or len(value) > MAX_TIME_TEXT:
        return None
    try:
        time = datetime.datetime.fromisoformat(value)
        seconds = time.timestamp() if time.tzinfo is not None else math.nan
    except (ValueError, OverflowError):
        return None
    return seconds if EARLIEST <= seconds < LATEST else None


def values_at_most(data: bytes) -> int:
    """How many values a JSON text holds at most: each comma and each bracket begins one. Decoded, the smallest take 64 bytes each."""
    return 1 + data.count(b",") + data.count(b"[") + data.count(b"{")
