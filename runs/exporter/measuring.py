"""What an ended attempt, and an ended run, add to the metrics: pure functions from records to samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runs.exporter.labels import Labels
from runs.exporter.prices import Prices
from runs.exporter.series import Sample
from runs.history import Attempt, Run
from runs.objects import Node, Pod, Workflow
from runs.outcomes import attempt_outcome, reclaimed, run_outcome
from runs.step_logs import StepLog

__all__ = ["EndedPod", "Rules", "measure_attempt", "measure_latency", "measure_run", "overflows"]

SKEW_TOLERANCE = 1.0
"""Kubernetes cuts times to whole seconds: a hop of more than -1 s may be one of 0 s."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says about measuring."""

    labels: Labels
    prices: Prices


@dataclass(frozen=True, slots=True)
class EndedPod:
    """Everything that is known of an ended pod."""

    pod: Pod
    step: str
    node: Node | None
    notices: frozenset[str]
    log: StepLog | None
    log_result: str
    """complete, truncated, gone or error; empty where the step's log says nothing of caches and was not read."""
    gone_at: float | None
    """When it was seen to be deleted before it ended."""

    @property
    def until(self) -> float | None:
        """When it ended: by its containers, by its node, or, where neither tells, when it was missed."""
        by_node = None if self.node is None else self.node.finished
        return next((time for time in (self.pod.ended, by_node, self.gone_at) if time is not None), None)


def measure_attempt(workflow: Workflow, ended: EndedPod, rules: Rules) -> tuple[Attempt, list[Sample]]:
    """One ended pod."""
    pod = ended.pod
    pipeline, _ = rules.labels.pipeline(workflow)
    step, _ = rules.labels.step(ended.step)
    taken = reclaimed(pod, ended.notices)
    degraded = pod.spot and (pod.degraded or "SpotDegraded" in ended.notices)
    capacity = "spot" if pod.spot and not degraded else "on_demand"
    outcome = attempt_outcome(ended.step, pod, ended.node, ended.log, taken, stopped=bool(workflow.shutdown))
    exemplar = workflow.name
    samples = [Sample("hookline_step_attempts_total", (pipeline, step, outcome, capacity), 1, exemplar)]
    if pod.main_started is not None:
        pending = max(0.0, pod.main_started - pod.created)
        samples.append(Sample("hookline_step_pending_seconds", (step, capacity), pending, exemplar))
        if pod.main_finished is not None and outcome != "error":
            duration = max(0.0, pod.main_finished - pod.main_started)
            samples.append(Sample("hookline_step_duration_seconds", (pipeline, step), duration, exemplar))
    cost, list_cost, used = _usage(ended, pipeline, step, capacity, rules.prices)
    samples += used
    if pod.spot:
        samples.append(Sample("hookline_spot_pods_total", (pipeline,), 1))
        samples.append(Sample("hookline_spot_degraded_total", (pipeline, "SpotDegraded"), int(degraded)))
        wasted = pod.vcpu * _seconds(ended) if taken else 0.0
        samples.append(
            Sample("hookline_spot_reclaims_total", (pipeline, taken or "BidFailed"), int(bool(taken)))
        )
        samples.append(Sample("hookline_spot_wasted_vcpu_seconds_total", (pipeline,), wasted))
    cache_state, caches, seen = _caches(ended, pipeline, step)
    attempt = Attempt(
        step=ended.step,
        pod=pod.name,
        outcome=outcome,
        capacity=capacity,
        platform=pod.platform,
        created=pod.created,
        started=pod.main_started,
        finished=pod.main_finished if pod.main_finished is not None else ended.until,
        message=_why(ended, outcome),
        reclaimed=bool(taken),
        degraded=degraded,
        cache_state=cache_state,
        cost=cost,
        list_cost=list_cost,
        scheduled=pod.scheduled,
        node=pod.node,
        uid=pod.uid,
        caches=caches,
    )
    return attempt, samples + seen


def _why(ended: EndedPod, outcome: str) -> str:
    if outcome == "success":
        return ""
    pod = ended.pod
    if pod.message or pod.reason:
        return f"{pod.reason}: {pod.message}" if pod.reason and pod.message else pod.reason or pod.message
    if ended.node is not None and ended.node.message:
        return ended.node.message
    if pod.exit_code:
        return f"main: {pod.main_reason or 'Error'} (exit code {pod.exit_code})"
    return pod.other_failure or pod.main_reason or ("pod deleted" if ended.gone_at is not None else "")


def _seconds(ended: EndedPod) -> float:
    """Seconds that were billed, as near as the API tells: ECI bills from the pull of the images to the end of the pod."""
    pod = ended.pod
    begin = next(
        (time for time in (pod.billed_from, pod.scheduled, pod.main_started) if time is not None), None
    )
    return 0.0 if begin is None or ended.until is None else max(0.0, ended.until - begin)


def _usage(
    ended: EndedPod, pipeline: str, step: str, capacity: str, prices: Prices
) -> tuple[float | None, float | None, list[Sample]]:
    pod, seconds = ended.pod, _seconds(ended)
    labels = (pipeline, step, pod.platform, capacity)
    samples = [
        Sample("hookline_compute_vcpu_seconds_total", labels, pod.vcpu * seconds),
        Sample("hookline_compute_memory_byte_seconds_total", labels, pod.memory_bytes * seconds),
    ]
    if pod.platform not in prices.platforms:
        return None, None, samples
    cost, list_cost = (
        prices.cost(seconds, pod.vcpu, pod.memory_bytes, instance_type=pod.instance_type, spot=spot)
        for spot in (capacity == "spot", False)
    )
    priced = (pipeline, capacity, prices.currency)
    if cost is not None:
        samples.append(Sample("hookline_compute_cost_total", priced, cost))
    if list_cost is not None:
        samples.append(Sample("hookline_compute_list_cost_total", priced, list_cost))
    unpriced = pod.vcpu * seconds if cost is None else 0.0
    samples.append(Sample("hookline_compute_unpriced_vcpu_seconds_total", (pipeline, capacity), unpriced))
    return cost, list_cost, samples


def _caches(
    ended: EndedPod, pipeline: str, step: str
) -> tuple[str, Mapping[str, tuple[int, int]], list[Sample]]:
    """What the log says of caches: a word, hits and requests by cache, samples."""
    if not ended.log_result:
        return "", {}, []
    samples = [Sample("hookline_log_reads_total", (step, ended.log_result), 1)]
    log = ended.log
    caches: dict[str, tuple[int, int]] = {}
    configured: dict[str, bool] = {}
    state = ""
    if log is not None and (build := log.image_build) is not None:
        state = build.cache_state
        samples.append(Sample("hookline_image_builds_total", (pipeline, state), 1))
        samples.append(Sample("hookline_image_cache_pulled_bytes_total", (pipeline,), build.pulled_bytes))
        for name, seconds in (("import", build.import_seconds), ("export", build.export_seconds)):
            if seconds is not None:
                samples.append(Sample(f"hookline_image_cache_{name}_seconds", (pipeline,), seconds))
        if state not in {"unknown", "failed", "no_steps"}:
            configured["image_layer"] = state != "not_configured"
        if build.counted:
            caches["image_layer"] = (build.hits, build.steps)
    if log is not None and (test := log.go_test) is not None:
        state = test.cache_state
        samples.append(Sample("hookline_go_module_cache_runs_total", (pipeline, state), 1))
        if test.counted:
            configured["go_module"] = True
            if test.needed is not None:
                caches["go_module"] = (test.needed - min(test.downloaded, test.needed), test.needed)
            asked = sum(test.packages.get(each, 0) for each in ("cached", "ran", "failed"))
            cached = test.packages.get("cached", 0)
            configured["go_test"] = cached > 0
            caches["go_test"] = (cached, asked)
    if log is not None and (checkout := log.checkout) is not None:
        state = checkout.state
        if checkout.counted:
            configured["git_checkout"] = True
            caches["git_checkout"] = (int(state in {"noop", "update"}), 1)
    samples += _cache_samples(pipeline, caches, configured)
    return state, caches, samples


def _cache_samples(
    pipeline: str, caches: Mapping[str, tuple[int, int]], configured: Mapping[str, bool]
) -> list[Sample]:
    samples = [
        Sample("hookline_cache_configured", (pipeline, cache), float(used))
        for cache, used in configured.items()
    ]
    for cache, (hits, requests) in caches.items():
        samples.append(Sample("hookline_cache_requests_total", (pipeline, cache), requests))
        samples.append(Sample("hookline_cache_hits_total", (pipeline, cache), hits))
    return samples


def measure_run(workflow: Workflow, attempts: Sequence[Attempt], rules: Rules) -> tuple[Run, list[Sample]]:
    """One ended run, with all its attempts in the order of their creation."""
    if workflow.finished is None:
        raise ValueError(f"{workflow.name} has not ended")
    pipeline, _ = rules.labels.pipeline(workflow)
    event, _ = rules.labels.event(workflow.event)
    by_end = sorted(attempts, key=lambda each: (each.finished or each.created, each.uid))
    outcome = run_outcome(workflow, ((each.step, each.outcome) for each in by_end))
    begin = workflow.created if workflow.started is None else workflow.started
    duration = max(0.0, workflow.finished - begin)
    samples = [
        Sample("hookline_runs_total", (pipeline, event, outcome), 1, workflow.name),
        Sample("hookline_run_duration_seconds", (pipeline,), duration, workflow.name),
        Sample("hookline_run_overhead_seconds_total", (pipeline,), _overhead(workflow, attempts)),
    ]
    if outcome == "success":
        samples.append(Sample("hookline_last_success_timestamp_seconds", (pipeline,), workflow.finished))
    if workflow.fire_time is not None:
        samples.append(Sample("hookline_schedule_last_timestamp_seconds", (pipeline,), workflow.fire_time))
    caches: dict[str, tuple[int, int]] = {}
    for attempt in attempts:
        caches |= attempt.caches
    memoized = [node.memoized for node in workflow.nodes or () if node.memoized is not None]
    if memoized:
        caches["memoization"] = (sum(memoized), len(memoized))
        samples += _cache_samples(pipeline, {"memoization": caches["memoization"]}, {"memoization": True})
    costs, lists = [each.cost for each in attempts], [each.list_cost for each in attempts]
    run = Run(
        uid=workflow.uid,
        namespace=workflow.namespace,
        name=workflow.name,
        pipeline=pipeline,
        event=event,
        outcome=outcome,
        created=workflow.created,
        started=workflow.started,
        finished=workflow.finished,
        message=workflow.message,
        ref=workflow.ref,
        sha=workflow.sha,
        actor=workflow.actor,
        reason=workflow.reason,
        delivery=workflow.delivery,
        cost=_total(costs),
        list_cost=_total(lists),
        currency=rules.prices.currency if _total(lists) is not None else "",
        # A test cache without a hit may be no cache at all: its rate is shown where hits were seen.
        caches={name: found for name, found in caches.items() if name != "go_test" or found[0]},
        cache_state=next(
            (each.cache_state for each in reversed(attempts) if each.step == "build-push-image"), ""
        ),
        attempts=tuple(attempts),
    )
    return run, samples


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _overhead(workflow: Workflow, attempts: Sequence[Attempt]) -> float:
    """Seconds from creation to end in which no pod of the run existed."""
    end = workflow.finished if workflow.finished is not None else workflow.created
    covered, reached = 0.0, workflow.created
    for attempt in sorted(attempts, key=lambda each: each.created):
        until = min(end, attempt.finished if attempt.finished is not None else attempt.created)
        covered += max(0.0, until - max(reached, attempt.created))
        reached = max(reached, until)
    return max(0.0, end - workflow.created - covered)


def measure_latency(workflow: Workflow, attempts: Sequence[Attempt]) -> list[Sample]:
    """From the event to the first running step; nothing for a run that no event of hookline's started."""
    if workflow.event_time is None:
        return []
    first = min(attempts, key=lambda each: (each.created, each.uid), default=None)
    points: list[tuple[str, float | None, float | None]] = [
        ("bus", workflow.event_time, workflow.acted),
        ("sensor", workflow.event_time if workflow.acted is None else workflow.acted, workflow.created),
    ]
    if first is not None:
        points += [
            ("workflow", workflow.created, first.created),
            ("pod", first.created, first.scheduled),
            ("container", first.scheduled, first.started),
        ]
    samples = []
    for hop, begin, end in points:
        if begin is not None and end is not None:
            samples.append(
                Sample("hookline_event_latency_seconds", (hop,), max(0.0, end - begin), workflow.name)
            )
            samples.append(Sample("hookline_clock_skew_total", (hop,), int(end - begin <= -SKEW_TOLERANCE)))
    return samples


def overflows(workflow: Workflow, steps: Sequence[str], labels: Labels) -> list[Sample]:
    """Which label values of a run became `other` though they are names."""
    found = [("pipeline", labels.pipeline(workflow)[1]), ("event", labels.event(workflow.event)[1])]
    found += [("step", labels.step(step)[1]) for step in steps]
    return [Sample("hookline_label_overflow_total", (label,), 1) for label, over in found if over]
