"""Forecast of the series that a pipeline will have."""

from collections.abc import Mapping
from typing import Any

from runs.exporter.family import FAN_OUT, PIPELINE, TEAM
from runs.exporter.metrics import FAMILIES, Family

__all__ = ["forecast", "forecast_of_fan_outs", "forecast_of_team"]

TYPICAL: Mapping[str, int] = {
    "event": 2,
    "step": 3,
    "capacity": 1,
    "platform": 1,
    "cache": 4,
    "currency": 1,
    "state": 2,
    "reason": 1,
}
"""Number of values that a label has for one pipeline of ci-go-v1: two kinds of events, three steps, one kind of capacity."""


def forecast() -> Mapping[str, int]:
    """Family → series that one typical pipeline adds."""
    return {name: _series(family) for name, family in FAMILIES.items() if "pipeline" in family.labels}


def forecast_of_team() -> Mapping[str, int]:
    """Family → series that a namespace with an owner adds, whatever the number of its pipelines."""
    teams = {name: family for name, family in FAMILIES.items() if family.labels[: len(TEAM)] == TEAM}
    return {name: _series(family) for name, family in teams.items() if "pipeline" not in family.labels}


def forecast_of_fan_outs() -> Mapping[str, int]:
    """Family → series that a source whose events start fan-outs adds, in one namespace, whatever the number of their runs."""
    return {
        name: _series(family) for name, family in FAMILIES.items() if family.labels[: len(FAN_OUT)] == FAN_OUT
    }


def _series(family: Family[Any]) -> int:
    lines = len(family.buckets) + 3 if family.type == "histogram" else 1
    for label in family.labels:
        if label in PIPELINE or label in FAN_OUT:
            continue
        if label == family.zero and family.values is not None:
            lines *= len(family.values[label])
        else:
            lines *= TYPICAL[label]
    return lines
