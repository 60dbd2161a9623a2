"""Metrics of fan-outs that ended."""

from dataclasses import dataclass

from runs.exporter.family import FAN_OUT, FAN_OUT_OUTCOMES, Declarations, Points
from runs.fan_outs import RESULTS, UNKNOWN, FanOut

__all__ = ["FAN_OUTS", "MeasuredFanOut"]

FAN_OUT_BUCKETS = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0)


@dataclass(frozen=True, slots=True)
class MeasuredFanOut:
    """A fan-out that ended, with its labels."""

    labels: tuple[str, str]
    """Values of FAN_OUT."""
    ended: FanOut
    seconds: float


FAN_OUTS = Declarations[MeasuredFanOut]()


@FAN_OUTS(
    "hookline_fan_outs_total",
    "counter",
    (*FAN_OUT, "outcome"),
    "Ended fan-outs. failure: it gave up, because the API server refused runs to the end or did not answer; error: its pod was lost. A fan-out is no run, and no "
    "metric of runs counts it.",
    values={"outcome": FAN_OUT_OUTCOMES},
    zero="outcome",
    begins="fan-out",
)
def fan_outs(found: MeasuredFanOut) -> Points:
    yield (*found.labels, found.ended.outcome), 1


@FAN_OUTS(
    "hookline_fan_out_runs_total",
    "counter",
    (*FAN_OUT, "result"),
    "Runs of ended fan-outs. existing: the run was there already; replaced: a newer digest of the same tag took over before it started; refused: the API "
    "server refused it to the end; unknown: the fan-out ended without saying.",
    values={"result": (*RESULTS, UNKNOWN)},
    zero="result",
    begins="fan-out",
)
def fan_out_runs(found: MeasuredFanOut) -> Points:
    return (((*found.labels, result), count) for result, count in found.ended.counts.items())


@FAN_OUTS(
    "hookline_fan_out_duration_seconds",
    "histogram",
    FAN_OUT,
    "Time from the event to the end of its fan-out, pace and quiet period included; from the creation of the fan-out where the event has no time.",
    buckets=FAN_OUT_BUCKETS,
    begins="fan-out",
)
def fan_out_duration(found: MeasuredFanOut) -> Points:
    yield found.labels, found.seconds
