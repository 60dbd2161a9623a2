"""The metrics that the ledger keeps over restarts."""

from collections.abc import Mapping
from typing import Any

from runs.exporter.attempt_metrics import ATTEMPTS
from runs.exporter.cache_metrics import CACHE_USE, LOGS
from runs.exporter.family import Family
from runs.exporter.fan_out_metrics import FAN_OUTS
from runs.exporter.run_metrics import LATENCY, LOST, OVERFLOW, RUNS

__all__ = ["KEPT"]

KEPT: Mapping[str, Family[Any]] = {
    name: family
    for declarations in (RUNS, ATTEMPTS, LATENCY, CACHE_USE, LOGS, FAN_OUTS, LOST, OVERFLOW)
    for name, family in declarations.families.items()
}
"""Name → declaration, in the order of the exposition."""
