"""Subscriptions: what Sensors listen to on a bus, and which of it loses waiting events when other objects are applied over them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hookline.output import plural
from sensors.table import tabled
from triggers.words import PREFIX

__all__ = ["SubscriptionChange", "subscription_changes"]


@dataclass(frozen=True, slots=True)
class SubscriptionChange:
    """Effect on one subscription when other objects are applied over those that are there."""

    name: str
    """Sensor/dependency; of a bus that loses all of them, its name."""
    effect: str
    loses_events: bool
    """Whether what waits for it on the bus at that moment starts nothing."""
    pipelines: tuple[str, ...] = ()
    """Whose events are lost, as far as the objects tell."""


@dataclass(frozen=True, slots=True)
class _Subscription:
    """One consumer of the bus: it lives as long as bus, Sensor, trigger and dependency have their names."""

    namespace: str
    bus: str
    sensor: str
    trigger: str
    dependency: str
    conditions: str
    subject: tuple[str, str]
    """EventSource and event."""
    listens: Any
    """Everything of the dependency; where it changes, the Sensor deletes the consumer when it starts."""
    carries: frozenset[tuple[str, str]]
    """Pipelines, each with the repository or image in the table; that of a schedule has none."""

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        return self.namespace, self.bus, self.sensor, self.trigger, self.dependency

    @property
    def name(self) -> str:
        return f"{self.sensor}/{self.dependency}"

    @property
    def pipelines(self) -> tuple[str, ...]:
        return tuple(sorted({pipeline for pipeline, _ in self.carries}))

    @property
    def survives_a_change(self) -> bool:
        """Whether the conditions are spelled so that an edit of the dependency keeps the consumer (`sensors.manifests`)."""
        return " // " in self.conditions


_LOST = "what waits for it on the bus at that moment starts nothing"


def _of(sensor: Mapping[str, Any]) -> Iterator[_Subscription]:
    spec = sensor["spec"]
    dependencies = {each["name"]: each for each in spec["dependencies"]}
    for each in spec["triggers"]:
        conditions = str(each["template"].get("conditions", ""))
        # Conditions name one dependency, with one - written as _.
        named = conditions.split(" // ", maxsplit=1)[0].replace("-", "_")
        for name, dependency in dependencies.items():
            if name.replace("-", "_") == named:
                yield _Subscription(
                    sensor["metadata"].get("namespace", ""),
                    spec.get("eventBusName", "default"),
                    sensor["metadata"]["name"],
                    each["template"]["name"],
                    name,
                    conditions,
                    (dependency["eventSourceName"], dependency["eventName"]),
                    dependency,
                    frozenset(_carried(dependency, each)),
                )


def _carried(dependency: Mapping[str, Any], trigger: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    program = dependency.get("transform", {}).get("jq")
    if program is not None:
        for key, pipeline in tabled(program):
            yield pipeline, key
        return
    created = trigger["template"].get("k8s", {}).get("source", {}).get("resource", {})
    if pipeline := created.get("metadata", {}).get("labels", {}).get(f"{PREFIX}pipeline"):
        yield pipeline, ""


def subscription_changes(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]
) -> list[SubscriptionChange]:
    """The subscriptions that come, go or change.

    A Sensor that starts with a changed dependency deletes its consumer and subscribes at now, and so does one whose trigger or dependency has
    another name (argo-events pkg/eventbus/jetstream/sensor/sensor_jetstream.go).

    Args:
        before: Objects of the cluster; those that are neither Sensors nor EventBuses count for nothing.
        after: Objects that are applied.
    """
    before, after = list(before), list(after)
    old, new = (
        {each.key: each for sensor in some if sensor["kind"] == "Sensor" for each in _of(sensor)}
        for some in (before, after)
    )
    found = list(_of_buses(before, after))
    found += [
        change for key, each in sorted(old.items()) for change in _effects(each, new.get(key), old, new)
    ]
    return found + [
        SubscriptionChange(each.name, "new: receives what arrives after it has started", loses_events=False)
        for key, each in sorted(new.items())
        if key not in old
    ]


def _of_buses(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]
) -> Iterator[SubscriptionChange]:
    """The buses that do not keep what is on them: an EventBus has its stream on its pods and claims no volume."""
    old, new = (
        {
            (each["metadata"].get("namespace", ""), each["metadata"]["name"]): each["spec"].get(
                "jetstream", {}
            )
            for each in some
            if each["kind"] == "EventBus"
        }
        for some in (before, after)
    )
    for place, was in sorted(old.items()):
        now = new.get(place)
        servers = [each.get("replicas", 3) for each in (was, now or {})]
        if now is None:
            yield SubscriptionChange(f"bus {place[1]}", f"ends; {_LOST}", loses_events=True)
        elif now != was and min(servers) == 1:
            effect = f"has one server; if this change restarts it, {_LOST}"
            yield SubscriptionChange(f"bus {place[1]}", effect, loses_events=True)


_Key = tuple[str, str, str, str, str]


def _effects(
    each: _Subscription,
    now: _Subscription | None,
    old: Mapping[_Key, _Subscription],
    new: Mapping[_Key, _Subscription],
) -> Iterator[SubscriptionChange]:
    """Changes of one subscription, and of the pipelines that it no longer carries."""
    moved = _moved(each, now, new)
    if now is None:
        fresh = (key for key, other in new.items() if key not in old and other.subject == each.subject)
        heir = next(iter((*moved, *fresh)), None)
        becomes = f"becomes {_placed(new[heir], each)}" if heir else "ends"
        yield SubscriptionChange(
            each.name, f"{becomes}; {_LOST}", loses_events=True, pipelines=each.pipelines
        )
        return
    if now.listens != each.listens:
        kept = each.survives_a_change and now.survives_a_change and now.subject == each.subject
        if kept:
            effect = "changed: what waits on the bus is decided by the new table"
            yield SubscriptionChange(each.name, effect, loses_events=False)
        else:
            yield SubscriptionChange(
                each.name, f"starts anew; {_LOST}", loses_events=True, pipelines=each.pipelines
            )
    for heir, pipelines in moved.items():
        # A subscription that is there has received what waits here, and mostly decided it already: then for other pipelines.
        lost = "what waits here and no longer there" if heir in old else "what waits for them on the bus"
        effect = f"{_named(pipelines)} to {_placed(new[heir], each)}; {lost} starts nothing"
        yield SubscriptionChange(each.name, effect, loses_events=True, pipelines=pipelines)


def _moved(
    each: _Subscription, now: _Subscription | None, new: Mapping[_Key, _Subscription]
) -> dict[_Key, tuple[str, ...]]:
    """The other subscriptions to the same event that carry pipelines of this one, which no longer does."""
    gone = each.carries - (now.carries if now else frozenset())
    if not gone:
        return {}
    found: dict[_Key, set[str]] = defaultdict(set)
    for key, other in new.items():
        if other.subject[1] == each.subject[1] and key != each.key:
            for pipeline, _ in gone & other.carries:
                found[key].add(pipeline)
    return {key: tuple(sorted(pipelines)) for key, pipelines in sorted(found.items())}


def _placed(heir: _Subscription, each: _Subscription) -> str:
    place = heir.name
    if heir.namespace != each.namespace:
        place += f" in {heir.namespace}"
    if heir.bus != each.bus:
        place += f" on the bus {heir.bus}"
    return place


MANY = 3
"""Pipelines that a sentence names."""


def _named(pipelines: tuple[str, ...]) -> str:
    if len(pipelines) > MANY:
        return f"{plural(len(pipelines), 'pipeline')} move"
    return f"{', '.join(pipelines)} {'moves' if len(pipelines) == 1 else 'move'}"
