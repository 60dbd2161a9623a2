"""Checks of subscriptions: every trigger has one, asks for events, and finishes what it is given."""

from collections.abc import Iterator

from hookline.doctor.bus_report import subscription
from hookline.doctor.bus_seen import asked_last, numbers, restart, triggers, without_stream
from hookline.doctor.facts import Facts, Unread
from hookline.doctor.findings import Finding, broken, ok, unchecked, warning
from hookline.output import plural
from hookline.plan.planning import Plan

__all__ = ["backlog", "subscriptions"]


def subscriptions(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """Every trigger has a subscription and asks for events."""
    servers = asked_last(facts)
    if (refusal := without_stream(facts, servers)) is not None:
        yield refusal
        return
    known = frozenset[str]().union(*(each.report.known for each in servers if each.report is not None))
    missing: dict[str, list[str]] = {}
    silent: dict[str, list[str]] = {}
    count = 0
    for trigger in triggers(plan):
        count += 1
        if trigger.consumer not in known:
            missing.setdefault(trigger.sensor, []).append(trigger.name)
        elif _silent(facts, trigger.consumer):
            silent.setdefault(trigger.sensor, []).append(trigger.name)
    for sensor, names in missing.items():
        yield broken(
            f"{plural(len(names), 'trigger')} of Sensor {sensor} {_have(names)} no subscription on the bus, and {_receive(names)} nothing: "
            f"{_some(names)}",
            restart(plan, sensor),
        )
    for sensor, names in silent.items():
        yield broken(
            f"{plural(len(names), 'trigger')} of Sensor {sensor} no longer {'asks' if len(names) == 1 else 'ask'} the bus for events: "
            f"{_some(names)}. What waits runs after a restart",
            restart(plan, sensor),
        )
    if not missing and not silent:
        yield ok(f"{plural(count, 'trigger')} subscribed")


def backlog(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """No trigger lets events wait without finishing any."""
    servers = asked_last(facts)
    if (refusal := without_stream(facts, servers)) is not None:
        yield refusal
        return
    if isinstance(facts.bus_samples, Unread) or len(facts.bus_samples) < 2:
        yield unchecked("the bus was asked only once")
        return
    before, after = numbers(plan, facts.bus_samples[0]), numbers(plan, facts.bus_samples[-1])
    total = sum(each.waiting_events + each.unacknowledged for each in after.values())
    stuck = 0
    for trigger in triggers(plan):
        one, two = before.get(trigger.consumer), after.get(trigger.consumer)
        if one is None or two is None or two.finished > one.finished:
            continue
        if two.waiting_events > one.waiting_events > 0 or (two.waiting_events and not two.asking):
            stuck += 1
            yield broken(
                f"{plural(two.waiting_events, 'event')} for trigger {trigger.name} of Sensor {trigger.sensor} wait, and it has finished none "
                "meanwhile. Its log says whether it retries",
                f"kubectl -n {plan.namespace} logs -l sensor-name={trigger.sensor} --tail=50",
                restart(plan, trigger.sensor),
            )
        elif two.unacknowledged and one.unacknowledged:
            yield warning(
                f"trigger {trigger.name} of Sensor {trigger.sensor} has worked on one event for seconds: it may be retrying",
                f"kubectl -n {plan.namespace} logs -l sensor-name={trigger.sensor} --tail=50",
            )
    if not stuck:
        yield ok(f"{plural(total, 'event')} under way" if total else "no event waits")


def _silent(facts: Facts, name: str) -> bool:
    """Whether a trigger had no request for events open in any of several samples, and nothing in hand.

    A Sensor asks again as soon as a request has ended after a second (argo-events pkg/eventbus/jetstream/sensor/trigger_conn.go).
    """
    if isinstance(facts.bus_samples, Unread) or len(facts.bus_samples) < 3:
        return False
    seen = [subscription(sample, name) for sample in facts.bus_samples]
    return all(each is not None and not each.asking and not each.unacknowledged for each in seen)


def _have(names: list[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _receive(names: list[str]) -> str:
    return "receives" if len(names) == 1 else "receive"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
