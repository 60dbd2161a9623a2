"""Pure functions from facts to samples: what a run that begins, an ended pod and an ended run add to the metrics."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from runs.endings import AttemptBegan, AttemptEnded, EndedPod
from runs.exporter.attempt_metrics import ATTEMPTS, MeasuredAttempt
from runs.exporter.cache_metrics import CACHE_USE, LOGS, CacheUse, MeasuredLog, use_of
from runs.exporter.family import Beginning, Sample
from runs.exporter.fan_out_metrics import FAN_OUTS, MeasuredFanOut
from runs.exporter.labels import Labels
from runs.exporter.prices import Prices
from runs.exporter.run_metrics import LATENCY, OVERFLOW, RUNS, MeasuredRun
from runs.facts import Began, Ended
from runs.fan_outs import FanOut
from runs.history import Attempt, Run

__all__ = [
    "Rules",
    "beginnings",
    "fan_out_beginnings",
    "measure_attempt",
    "measure_fan_out",
    "measure_latency",
    "measure_run",
]


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings of the configuration for measuring."""

    labels: Labels
    prices: Prices


def beginnings(
    began: Began | AttemptBegan, rules: Rules, logged: Sequence[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The series (family, labels) that begin at 0 with a run, or with a pod of it.

    Args:
        began: The run or the pod.
        rules: How it is measured.
        logged: Steps whose log is read.
    """
    if isinstance(began, Began):
        words = rules.labels.pipeline(began)[0]._asdict() | {"event": rules.labels.event(began.event)[0]}
        yield from RUNS.beginnings(frozenset({"run"}), words)
        if began.event_time is not None:
            yield from LATENCY.beginnings(frozenset({"event run"}), words)
        return
    if not began.step:
        return
    pod, prices = began.pod, rules.prices
    spot = pod.spot and not pod.degraded
    words = rules.labels.pipeline(began.run)[0]._asdict() | {
        "step": rules.labels.step(began.step)[0],
        "platform": pod.platform,
        "capacity": "spot" if spot else "on_demand",
        "currency": prices.currency,
    }
    kinds: set[Beginning] = {"pod"}
    if began.step in logged:
        kinds.add("logged pod")
    if pod.spot:
        kinds.add("spot pod")
    if pod.platform in prices.platforms:
        kinds.add("prices")
        size = (1.0, pod.vcpu, pod.memory_bytes)
        if prices.cost(*size, instance_type=pod.instance_type, spot=spot) is not None:
            kinds.add("cost")
        if prices.cost(*size, instance_type=pod.instance_type, spot=False) is not None:
            kinds.add("list cost")
    yield from ATTEMPTS.beginnings(frozenset(kinds), words)


def measure_attempt(ended: AttemptEnded, rules: Rules) -> tuple[Attempt, list[Sample]]:
    """One ended pod: what is remembered of it, and its samples."""
    run, seen, pod = ended.run, ended.seen, ended.seen.pod
    pipeline, _ = rules.labels.pipeline(run)
    step, _ = rules.labels.step(seen.step)
    prices, seconds = rules.prices, _seconds(seen)
    cost = list_cost = None
    if priced := pod.platform in prices.platforms:
        cost, list_cost = (
            prices.cost(seconds, pod.vcpu, pod.memory_bytes, instance_type=pod.instance_type, spot=spot)
            for spot in (ended.attempt.capacity == "spot", False)
        )
    measured = MeasuredAttempt(
        pipeline=pipeline,
        step=step,
        attempt=ended.attempt,
        pod=pod,
        seconds=seconds,
        taken=seen.taken,
        currency=prices.currency if priced else "",
        cost=cost,
        list_cost=list_cost,
        log_result=seen.log_result,
    )
    samples = ATTEMPTS.samples(measured, run.name)
    use = CacheUse(pipeline)
    if seen.log_result and seen.log is not None:
        use = use_of(pipeline, seen.log)
        samples += LOGS.samples(MeasuredLog(pipeline, seen.log), run.name) + CACHE_USE.samples(use)
    attempt = Attempt(
        **asdict(ended.attempt),
        cache_state=use.state,
        cost=cost,
        list_cost=list_cost,
        caches=use.hits,
        log=seen.log.end if seen.log is not None and ended.attempt.outcome != "success" else None,
    )
    return attempt, samples


def _seconds(seen: EndedPod) -> float:
    """Billed seconds, as well as the API shows them: ECI bills from the pull of the images to the end of the pod."""
    pod = seen.pod
    begin = next(
        (time for time in (pod.billed_from, pod.scheduled, pod.main_started) if time is not None), None
    )
    return 0.0 if begin is None or seen.until is None else max(0.0, seen.until - begin) * pod.share


def measure_run(ended: Ended, attempts: Sequence[Attempt], rules: Rules) -> tuple[Run, list[Sample]]:
    """One ended run: what is remembered of it, and its samples.

    Args:
        ended: The run.
        attempts: Its attempts as they were measured, in the order of their creation.
        rules: How it is measured.
    """
    run, labels = ended.run, rules.labels
    pipeline, replaced = labels.pipeline(run)
    event, event_over = labels.event(run.event)
    samples = RUNS.samples(MeasuredRun(pipeline, event, ended), run.name)
    over = [*replaced, *["event"] * event_over]
    over += ["step" for each in attempts if labels.step(each.step)[1]]
    samples += [sample for label in over for sample in OVERFLOW.samples(label)]
    caches: dict[str, tuple[int, int]] = {}
    for attempt in attempts:
        caches |= attempt.caches
    if ended.memoized is not None:
        caches["memoization"] = ended.memoized
        use = CacheUse(pipeline, {"memoization": ended.memoized}, {"memoization": True})
        samples += CACHE_USE.samples(use)
    list_cost = _total([each.list_cost for each in attempts])
    remembered = Run(
        uid=run.uid,
        namespace=run.namespace,
        owner=run.owner,
        name=run.name,
        pipeline=pipeline.pipeline,
        event=event,
        outcome=ended.outcome,
        created=run.created,
        started=ended.started,
        finished=ended.finished,
        message=ended.message,
        ref=run.ref,
        sha=run.sha,
        actor=run.actor,
        reason=run.reason,
        delivery=run.delivery,
        repository=run.repository,
        source=run.source,
        fan_out=run.fan_out,
        cost=_total([each.cost for each in attempts]),
        list_cost=list_cost,
        currency=rules.prices.currency if list_cost is not None else "",
        # A test cache without a hit may be no cache at all: its rate is shown where hits were seen.
        caches={name: found for name, found in caches.items() if name != "go_test" or found[0]},
        cache_state=next(
            (each.cache_state for each in reversed(attempts) if each.step == "build-push-image"), ""
        ),
        attempts=tuple(attempts),
    )
    return remembered, samples


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def measure_latency(ended: Ended, rules: Rules) -> list[Sample]:
    """Latency from the event to the first running step; nothing for a run that no event of hookline's started."""
    measured = MeasuredRun(rules.labels.pipeline(ended.run)[0], rules.labels.event(ended.run.event)[0], ended)
    return LATENCY.samples(measured, ended.run.name)


def fan_out_beginnings(began: FanOut, rules: Rules) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The series (family, labels) that begin at 0 with a fan-out."""
    namespace, source = rules.labels.fan_out(began.namespace, began.source)[0]
    return FAN_OUTS.beginnings(frozenset({"fan-out"}), {"namespace": namespace, "source": source})


def measure_fan_out(ended: FanOut, rules: Rules) -> list[Sample]:
    """The samples of one ended fan-out. Its runs are measured apart, each by itself, when they end."""
    labels, replaced = rules.labels.fan_out(ended.namespace, ended.source)
    samples = FAN_OUTS.samples(MeasuredFanOut(labels, ended, ended.duration or 0.0), ended.name)
    return samples + [sample for label in replaced for sample in OVERFLOW.samples(label)]
