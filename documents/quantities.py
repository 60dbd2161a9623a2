"""Quantities: amounts of CPU and memory as the API writes them (apimachinery pkg/api/resource/quantity.go), read from objects and from files.

The client library has a parser too; loading it loads the whole client, which a replay without a cluster does not need.
The tests hold this one against it.
"""

import re
from decimal import Decimal
from typing import Any

__all__ = ["LARGEST", "amount", "check_cpu", "check_memory"]

LARGEST = 2**63 - 1
"""The API holds no larger amount."""
_LONGEST = 100
_QUANTITY = re.compile(
    r"(?P<number>\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:(?P<suffix>[KMGTPE]i|[numkKMGTPE])|(?P<exponent>[eE][+-]?[0-9]{1,3}))?"
)
_SCALES = {
    **{unit: Decimal(1000) ** power for power, unit in enumerate("numkMGTPE", -3) if power < 0},
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}
_SCALES["K"] = _SCALES["k"]


def amount(value: Any) -> float:
    """A quantity such as 500m, 1.5, 1e3, 100u or 4Gi as a number of its unit.

    0 for one that is absent, not readable, negative, or larger than the API holds.
    """
    if isinstance(value, bool):
        return 0.0
    if isinstance(value, int | float):
        return float(value) if 0 <= value <= LARGEST else 0.0
    if not isinstance(value, str) or len(value) > _LONGEST:
        return 0.0
    match = _QUANTITY.fullmatch(value)
    if match is None:
        return 0.0
    found = Decimal(match["number"] + (match["exponent"] or "")) * _SCALES.get(match["suffix"] or "", 1)
    return float(found) if found <= LARGEST else 0.0


_MOST_CPUS, _MOST_MEMORY = 1_000, 2**47
"""CPUs and bytes (128 Ti) of no node that there is: more was meant otherwise."""
_MISWRITTEN = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgt])(?:i?b|i)?", re.IGNORECASE)


def check_cpu(value: object) -> str:
    """A number of CPUs that a person writes: 4, 0.5 or 500m."""
    written = _written(value)
    if not re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,3})?|[0-9]{1,9}m", written):
        raise ValueError("expected CPUs, such as 4, 0.5 or 500m (half a CPU)")
    if not (cpus := amount(written)):
        raise ValueError("expected more than 0 CPUs; to keep what the template says, leave it out")
    if cpus > _MOST_CPUS:
        instead = "" if written.endswith("m") else f"; {written}m are {cpus / 1000:g}"
        raise ValueError(f"{cpus:g} CPUs are more than a node has{instead}")
    return written


def check_memory(value: object) -> str:
    """An amount of memory that a person writes: 512Mi, 8Gi or 8G, and never a bare number."""
    written = _written(value)
    expected = "expected memory with its unit, such as 512Mi or 8Gi"
    if not re.fullmatch(r"[0-9]{1,15}(?:\.[0-9]{1,3})?(?:[KMGT]i|[kMGT])", written):
        if re.fullmatch(r"[0-9.]+", written):
            raise ValueError(f"{expected}; {written} would be bytes")
        meant = _MISWRITTEN.fullmatch(written)
        raise ValueError(f"{expected}; did you mean {meant[1]}{meant[2].upper()}i?" if meant else expected)
    if not (size := amount(written)):
        raise ValueError("expected more than no memory; to keep what the template says, leave it out")
    if size > _MOST_MEMORY:
        raise ValueError(f"{written} is more than a node has")
    return written


def _written(value: object) -> str:
    """A number or text as it stands in the file; empty for anything else."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
