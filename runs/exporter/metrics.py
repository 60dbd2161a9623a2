"""All metrics by name, for docs, dashboards and tests: those that the ledger keeps, and the exporter's own."""

from collections.abc import Mapping
from typing import Any

from runs.exporter.family import CACHE_STATES, CACHES, EVENTS, OUTCOMES, Family
from runs.exporter.kept import KEPT
from runs.exporter.own_metrics import OWN

__all__ = ["CACHES", "CACHE_STATES", "EVENTS", "FAMILIES", "OUTCOMES", "Family"]

FAMILIES: Mapping[str, Family[Any]] = {**KEPT, **OWN.families}
"""Name → declaration."""
