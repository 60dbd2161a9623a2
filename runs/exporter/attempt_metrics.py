"""Metrics of pods that ended: steps, the capacity that they used, what it cost."""

from dataclasses import dataclass

from runs.exporter.family import (
    CAPACITIES,
    OTHER,
    OUTCOMES,
    PIPELINE,
    PLATFORMS,
    STEPS,
    TEAM,
    Closed,
    Declarations,
    PipelineLabels,
    Points,
)
from runs.exporter.run_metrics import LATENCY_BUCKETS
from runs.facts import Attempt
from runs.objects import Pod

__all__ = ["ATTEMPTS", "MeasuredAttempt"]

STEP_BUCKETS = (10.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1200.0)
"""1200 s is a boundary: the deadline of each step of ci-go-v1."""


@dataclass(frozen=True, slots=True)
class MeasuredAttempt:
    """A pod that ended, with its labels, and what it used."""

    pipeline: PipelineLabels
    step: str
    attempt: Attempt
    pod: Pod
    seconds: float
    """Billed seconds."""
    taken: str
    """Reason of its reclaim; empty if it was not reclaimed."""
    currency: str
    """Currency of the price list; empty if the list does not apply to the pod's platform."""
    cost: float | None
    list_cost: float | None
    log_result: str
    """Result of reading the log: complete, truncated, gone or error; empty if it was not read."""


ATTEMPTS = Declarations[MeasuredAttempt]()
_STEP: Closed = {"step": (*STEPS, OTHER)}
_CAPACITY: Closed = {"capacity": CAPACITIES}
_USED = _STEP | {"platform": PLATFORMS} | _CAPACITY


@ATTEMPTS(
    "hookline_step_duration_seconds",
    "histogram",
    (*PIPELINE, "step"),
    "Time that the main container of a step ran, by its own start and end. Attempts that were lost to the infrastructure "
    "are left out.",
    buckets=STEP_BUCKETS,
    values=_STEP,
    begins="pod",
)
def step_duration(each: MeasuredAttempt) -> Points:
    pod = each.pod
    if pod.main_started is not None and pod.main_finished is not None and each.attempt.outcome != "error":
        yield (*each.pipeline, each.step), max(0.0, pod.main_finished - pod.main_started)


@ATTEMPTS(
    "hookline_step_pending_seconds",
    "histogram",
    (*TEAM, "step", "capacity"),
    "Time from the creation of a step's pod to the start of its main container.",
    buckets=LATENCY_BUCKETS,
    values=_STEP | _CAPACITY,
    begins="pod",
)
def step_pending(each: MeasuredAttempt) -> Points:
    # A step that follows others in their pod waits for no pod.
    if each.pod.main_started is not None and not each.pod.after:
        yield (
            (*each.pipeline.team, each.step, each.attempt.capacity),
            max(0.0, each.pod.main_started - each.pod.created),
        )


@ATTEMPTS(
    "hookline_step_attempts_total",
    "counter",
    (*PIPELINE, "step", "outcome", "capacity"),
    "Ended pods of steps; a retried step has several.",
    values=_STEP | {"outcome": OUTCOMES[:-1]} | _CAPACITY,
    zero="outcome",
    begins="pod",
)
def step_attempts(each: MeasuredAttempt) -> Points:
    yield (*each.pipeline, each.step, each.attempt.outcome, each.attempt.capacity), 1


@ATTEMPTS(
    "hookline_log_reads_total",
    "counter",
    (*TEAM, "step", "result"),
    "Logs of ended steps, by the result of reading them. Coverage is complete / all.",
    values=_STEP | {"result": ("complete", "truncated", "gone", "error")},
    zero="result",
    begins="logged pod",
)
def log_reads(each: MeasuredAttempt) -> Points:
    if each.log_result:
        yield (*each.pipeline.team, each.step, each.log_result), 1


@ATTEMPTS(
    "hookline_compute_vcpu_seconds_total",
    "counter",
    (*PIPELINE, "step", "platform", "capacity"),
    "vCPU seconds of ended pods, by the billed size if the platform writes it back, otherwise by the requests.",
    values=_USED,
    begins="pod",
)
def vcpu_seconds(each: MeasuredAttempt) -> Points:
    yield _used(each), each.pod.vcpu * each.seconds


@ATTEMPTS(
    "hookline_compute_memory_byte_seconds_total",
    "counter",
    (*PIPELINE, "step", "platform", "capacity"),
    "Memory byte seconds of ended pods, by the same size as the vCPU seconds.",
    values=_USED,
    begins="pod",
)
def memory_byte_seconds(each: MeasuredAttempt) -> Points:
    yield _used(each), each.pod.memory_bytes * each.seconds


def _used(each: MeasuredAttempt) -> tuple[str, ...]:
    return *each.pipeline, each.step, each.pod.platform, each.attempt.capacity


@ATTEMPTS(
    "hookline_compute_cost_total",
    "counter",
    (*PIPELINE, "capacity", "currency"),
    "Estimated cost of ended pods. Pods without a known price (spot, unless a price file names it) are left out.",
    values=_CAPACITY,
    begins="cost",
)
def cost(each: MeasuredAttempt) -> Points:
    if each.cost is not None:
        yield (*each.pipeline, each.attempt.capacity, each.currency), each.cost


@ATTEMPTS(
    "hookline_compute_list_cost_total",
    "counter",
    (*PIPELINE, "capacity", "currency"),
    "Cost that the same pods would have on demand, by list price.",
    values=_CAPACITY,
    begins="list cost",
)
def list_cost(each: MeasuredAttempt) -> Points:
    if each.list_cost is not None:
        yield (*each.pipeline, each.attempt.capacity, each.currency), each.list_cost


@ATTEMPTS(
    "hookline_compute_unpriced_vcpu_seconds_total",
    "counter",
    (*PIPELINE, "capacity"),
    "vCPU seconds without a known price. The cost leaves them out.",
    values=_CAPACITY,
    begins="prices",
)
def unpriced(each: MeasuredAttempt) -> Points:
    if each.currency:
        yield (
            (*each.pipeline, each.attempt.capacity),
            each.pod.vcpu * each.seconds if each.cost is None else 0.0,
        )


@ATTEMPTS(
    "hookline_spot_pods_total",
    "counter",
    PIPELINE,
    "Ended pods that asked for spot capacity.",
    begins="spot pod",
)
def spot_pods(each: MeasuredAttempt) -> Points:
    if each.pod.spot:
        yield each.pipeline, 1


@ATTEMPTS(
    "hookline_spot_degraded_total",
    "counter",
    (*PIPELINE, "reason"),
    "Pods that asked for spot capacity and ran on demand.",
    values={"reason": ("SpotDegraded",)},
    zero="reason",
    begins="spot pod",
)
def spot_degraded(each: MeasuredAttempt) -> Points:
    if each.pod.spot:
        yield (*each.pipeline, "SpotDegraded"), float(each.attempt.degraded)


@ATTEMPTS(
    "hookline_spot_reclaims_total",
    "counter",
    (*PIPELINE, "reason"),
    "Spot pods that were reclaimed while they worked. BidFailed: the pod failed, and was kept; evicted: it was deleted.",
    values={"reason": ("BidFailed", "evicted")},
    zero="reason",
    begins="spot pod",
)
def spot_reclaims(each: MeasuredAttempt) -> Points:
    if each.pod.spot:
        yield (*each.pipeline, each.taken or "BidFailed"), float(bool(each.taken))


@ATTEMPTS(
    "hookline_spot_wasted_vcpu_seconds_total",
    "counter",
    PIPELINE,
    "vCPU seconds of reclaimed attempts, whose work was lost.",
    begins="spot pod",
)
def spot_wasted(each: MeasuredAttempt) -> Points:
    if each.pod.spot:
        yield each.pipeline, each.pod.vcpu * each.seconds if each.taken else 0.0
