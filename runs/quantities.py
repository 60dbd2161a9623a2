"""Quantities: amounts of CPU and memory as the API writes them (apimachinery pkg/api/resource/quantity.go).

The client library has a parser too; loading it loads the whole client, which a replay without a cluster does not need.
The tests hold this one against it.
"""

import re
from decimal import Decimal
from typing import Any

__all__ = ["LARGEST", "amount"]

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
