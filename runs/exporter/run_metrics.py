"""Metrics of runs that ended, of the way to their first step, and of what was lost or has no label of its own."""

from collections.abc import Iterator
from dataclasses import dataclass

from runs.exporter.family import (
    EVENTS,
    HOPS,
    OTHER,
    OUTCOMES,
    PIPELINE,
    TEAM,
    Declarations,
    PipelineLabels,
    Points,
)
from runs.facts import Ended

__all__ = ["LATENCY", "LOST", "OVERFLOW", "RUNS", "MeasuredRun"]

RUN_BUCKETS = (30.0, 60.0, 120.0, 180.0, 300.0, 450.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0)
LATENCY_BUCKETS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
SKEW_TOLERANCE = 1.0
"""Kubernetes cuts times to whole seconds: a hop of more than -1 s may be one of 0 s."""


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """A run that ended, with its labels."""

    pipeline: PipelineLabels
    event: str
    ended: Ended


RUNS = Declarations[MeasuredRun]()
LATENCY = Declarations[MeasuredRun]()
"""Metrics of a run that an event started: once for each run, however often it is retried."""
LOST = Declarations[str]()
"""Metrics of a run, pod, node status or fan-out that was lost."""
OVERFLOW = Declarations[str]()
"""Metrics of a label whose value became `other` although it is a name."""


@RUNS(
    "hookline_run_duration_seconds",
    "histogram",
    PIPELINE,
    "Time from the start of a run to its end, waiting for locks and pods included.",
    buckets=RUN_BUCKETS,
    begins="run",
)
def run_duration(run: MeasuredRun) -> Points:
    yield run.pipeline, run.ended.duration


@RUNS(
    "hookline_runs_total",
    "counter",
    (*PIPELINE, "event", "outcome"),
    "Finished runs. failure: the code failed; error: the infrastructure failed. hookline docs exporter#outcomes explains all outcomes.",
    values={"event": (*EVENTS, OTHER), "outcome": OUTCOMES},
    zero="outcome",
    begins="run",
)
def runs(run: MeasuredRun) -> Points:
    yield (*run.pipeline, run.event, run.ended.outcome), 1


@RUNS(
    "hookline_run_overhead_seconds_total",
    "counter",
    PIPELINE,
    "Time of finished runs in which none of their pods existed: queues, locks, and gaps between steps.",
    begins="run",
)
def overhead(run: MeasuredRun) -> Points:
    ended = run.ended
    covered, reached = 0.0, ended.run.created
    for attempt in sorted(ended.attempts, key=lambda each: each.created):
        until = min(ended.finished, attempt.finished if attempt.finished is not None else attempt.created)
        covered += max(0.0, until - max(reached, attempt.created))
        reached = max(reached, until)
    yield run.pipeline, max(0.0, ended.finished - ended.run.created - covered)


@RUNS(
    "hookline_last_success_timestamp_seconds",
    "gauge",
    PIPELINE,
    "End of the newest successful run.",
)
def last_success(run: MeasuredRun) -> Points:
    if run.ended.outcome == "success":
        yield run.pipeline, run.ended.finished


@RUNS(
    "hookline_schedule_last_timestamp_seconds",
    "gauge",
    PIPELINE,
    "Newest fire time for which a scheduled run exists.",
)
def schedule_last(run: MeasuredRun) -> Points:
    if run.ended.run.fire_time is not None:
        yield run.pipeline, run.ended.run.fire_time


def _hops(ended: Ended) -> Iterator[tuple[str, float]]:
    """Hop → seconds; negative where two clocks disagree."""
    run = ended.run
    if run.event_time is None:
        return
    first = min(ended.attempts, key=lambda each: (each.created, each.uid), default=None)
    acted = run.event_time if run.acted is None else run.acted
    # Between the Sensor and a run of a fan-out stand the fan-out's pod and its pace.
    points: list[tuple[str, float | None, float | None]] = [
        ("bus", run.event_time, run.acted),
        ("fan_out" if run.fan_out else "sensor", acted, run.created),
    ]
    if first is not None:
        points += [
            ("workflow", run.created, first.created),
            ("pod", first.created, first.scheduled),
            ("container", first.scheduled, first.started),
        ]
    for hop, begin, end in points:
        if begin is not None and end is not None:
            yield hop, end - begin


@LATENCY(
    "hookline_event_latency_seconds",
    "histogram",
    (*TEAM, "hop"),
    "Time from the event to the first running step, hop by hop: bus (event to the Sensor's action, if the Sensor stamps it), "
    "sensor (to the Workflow object; fan_out in its place for a run of a fan-out, whose pace it holds), workflow (to its first pod), pod (to a node), container (to the main container).",
    buckets=LATENCY_BUCKETS,
    values={"hop": HOPS},
    zero="hop",
    begins="event run",
)
def latency(run: MeasuredRun) -> Points:
    return (((*run.pipeline.team, hop), max(0.0, seconds)) for hop, seconds in _hops(run.ended))


@LATENCY(
    "hookline_clock_skew_total",
    "counter",
    (*TEAM, "hop"),
    "Hops that ended before they began, because two clocks differ. The histogram holds them as 0 s.",
    values={"hop": HOPS},
    zero="hop",
    begins="event run",
)
def clock_skew(run: MeasuredRun) -> Points:
    return (
        ((*run.pipeline.team, hop), float(seconds <= -SKEW_TOLERANCE)) for hop, seconds in _hops(run.ended)
    )


@LOST(
    "hookline_observations_lost_total",
    "counter",
    ("object",),
    "Runs, pods and fan-outs whose end the exporter did not see or could not measure, or that the API did not report. No other metric counts them.",
    values={"object": ("run", "pod", "node_status", "fan_out")},
)
def lost(what: str) -> Points:
    yield (what,), 1


@OVERFLOW(
    "hookline_label_overflow_total",
    "counter",
    ("label",),
    "Label values that were replaced by `other`, because their list was full or did not hold them.",
    values={"label": (*PIPELINE, "step", "event", "source")},
)
def overflow(label: str) -> Points:
    yield (label,), 1
