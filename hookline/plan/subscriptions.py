"""Subscriptions: what Sensor objects listen to, and which of it loses waiting events when others are applied over them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["SubscriptionChange", "subscription_changes"]


@dataclass(frozen=True, slots=True)
class SubscriptionChange:
    """Effect on one subscription when other Sensors are applied over those that are there."""

    name: str
    """Sensor/dependency."""
    effect: str
    loses_events: bool
    """Whether what waits for it on the bus at that moment starts nothing."""


@dataclass(frozen=True, slots=True)
class _Subscription:
    """One consumer of the bus: it lives as long as Sensor, trigger and dependency have their names."""

    sensor: str
    trigger: str
    dependency: str
    conditions: str
    subject: tuple[str, str]
    listens: Any
    """Everything of the dependency; where it changes, the Sensor deletes the consumer when it starts."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.sensor, self.trigger, self.dependency

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
                subject = dependency["eventSourceName"], dependency["eventName"]
                yield _Subscription(
                    sensor["metadata"]["name"],
                    each["template"]["name"],
                    name,
                    conditions,
                    subject,
                    dependency,
                )


def subscription_changes(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]
) -> list[SubscriptionChange]:
    """The subscriptions that come, go or change.

    A Sensor that starts with a changed dependency deletes its consumer and subscribes at now, and so does one whose trigger or dependency has
    another name (argo-events pkg/eventbus/jetstream/sensor/sensor_jetstream.go).

    Args:
        before: Sensors of the cluster.
        after: Sensors that are applied.
    """
    old = {each.key: each for sensor in before for each in _of(sensor)}
    new = {each.key: each for sensor in after for each in _of(sensor)}
    heirs: dict[tuple[str, str], list[_Subscription]] = {}
    for key, each in new.items():
        if key not in old:
            heirs.setdefault(each.subject, []).append(each)
    found = []
    for key, each in sorted(old.items()):
        name = f"{each.sensor}/{each.dependency}"
        if key not in new:
            heir = next(iter(heirs.get(each.subject, ())), None)
            becomes = f"becomes {heir.sensor}/{heir.dependency}" if heir else "ends"
            found.append(SubscriptionChange(name, f"{becomes}; {_LOST}", loses_events=True))
        elif new[key].listens != each.listens:
            if each.survives_a_change and new[key].survives_a_change:
                effect = "changed: what waits on the bus is decided by the new table"
                found.append(SubscriptionChange(name, effect, loses_events=False))
            else:
                found.append(SubscriptionChange(name, f"starts anew; {_LOST}", loses_events=True))
    return found + [
        SubscriptionChange(
            f"{each.sensor}/{each.dependency}",
            "new: receives what arrives after it has started",
            loses_events=False,
        )
        for key, each in sorted(new.items())
        if key not in old
    ]
