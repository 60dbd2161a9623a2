"""Assignment of pipelines to Sensors: a pure function of the declaration, the same on every machine.

Routes of one repository spread over lanes (a trigger creates one Workflow, so two pipelines of one repository need
two triggers); repositories spread over shards. What is wider than the lanes is decided as a list, whose runs a fan-out
starts; where nothing can start them, it gets a trigger of its own, as every schedule does, packed by bytes. Assignment is by
rendezvous hashing: one shard more moves only what goes to the new shard.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sensors.routes import Route
from triggers.workflow import digest

__all__ = ["LANES", "Assignment", "Group", "ListGroup", "assigned", "bins", "rendezvous"]

LANES = 3
"""Pipelines of one repository that share the tables of lanes; every lane evaluates every event again."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Group:
    """Routes that share one dependency and one trigger."""

    source: str
    shard: int
    lane: int
    sandboxed: bool
    """Whether they are of foreign code, which shares no trigger with trusted code."""
    routes: tuple[Route, ...]

    @property
    def name(self) -> str:
        """Name of dependency and trigger: no setting of a pipeline is part of it, so that what waits on the bus outlives an edit.

        Another event source is another name: a consumer of the bus keeps its subject for life.
        """
        sandbox = "-sandbox" if self.sandboxed else ""
        # Source a-1 is not source a, lane 1; and the digest tells the sandbox of source a from source a-sandbox.
        constants = [self.source, self.sandboxed, self.routes[0].source.event_source]
        return f"{self.source}-{self.lane}{sandbox}-{digest(constants, 6)}"


@dataclass(frozen=True, slots=True)
class ListGroup:
    """Routes of keys with many pipelines, which one dependency decides together."""

    source: str
    sandboxed: bool
    """Whether they are of foreign code, which shares no fan-out with trusted code."""
    place: str
    """Which part of them this is, where one Sensor cannot hold all; empty = all, or the first."""
    routes: tuple[Route, ...]

    @property
    def name(self) -> str:
        """Name of dependency and trigger, which no edit of a pipeline changes, as of a `Group`."""
        sandbox = "-sandbox" if self.sandboxed else ""
        constants = ["fan-out", self.source, self.sandboxed, self.routes[0].source.event_source]
        place = f"-{self.place}" if self.place else ""
        return f"{self.source}-fan-out{sandbox}{place}-{digest(constants, 6)}"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where the routes go."""

    groups: tuple[Group, ...]
    """The tables."""
    lists: Mapping[tuple[str, bool], tuple[Route, ...]]
    """Source and whether they are of foreign code → routes that are decided together."""
    wide: tuple[Route, ...]
    """Routes with a trigger of their own."""


def rendezvous(key: str, count: int) -> int:
    """The one of `count` places (from 1) that `key` belongs to."""
    if count == 1:
        return 1
    return max(range(1, count + 1), key=lambda place: hashlib.sha256(f"{place} {key}".encode()).digest()[:8])


def assigned(routes: Iterable[Route], shards: int, *, fan_out: bool) -> Assignment:
    """Divide routes.

    Args:
        routes: All of them.
        shards: Number of Sensors for the tables.
        fan_out: Whether something starts the runs of a list.
    """
    by_key: dict[tuple[str, str], list[Route]] = defaultdict(list)
    for route in routes:
        by_key[route.source.name, route.key].append(route)
    groups: dict[tuple[str, int, int, bool], list[Route]] = defaultdict(list)
    lists: dict[tuple[str, bool], list[Route]] = defaultdict(list)
    wide: list[Route] = []
    for (source, key), found in sorted(by_key.items()):
        shard = rendezvous(f"{source}/{key}", shards)
        # A trigger makes one Workflow of a delivery, and a pipeline may start by each branch that a delivery tells.
        listed = fan_out and (len(found) > LANES or found[0].source.host.several_refs)
        for lane, route in enumerate(sorted(found, key=lambda each: each.pipeline), start=1):
            sandboxed = route.workload.sandboxed
            if listed:
                lists[source, sandboxed].append(route)
            elif lane > LANES:
                wide.append(route)
            else:
                groups[source, shard, lane, sandboxed].append(route)
    return Assignment(
        tuple(Group(*place, tuple(found)) for place, found in sorted(groups.items())),
        {place: tuple(found) for place, found in sorted(lists.items())},
        tuple(wide),
    )


def bins(
    items: Iterable[Item], name: Callable[[Item], str], fit: Callable[[list[Item]], bool]
) -> Mapping[str, list[Item]]:
    """Pack items: one bin as long as they fit, else two by a bit of the hash of their names, each split again where needed.

    A bin is called after the bits that all its items have, without the zeros at the end, so the first is "". A new item changes its own
    bin alone. Where that gets too full, the half with a 0 keeps the bin's name, and the other half moves to a new one.

    An item that is larger than a bin gets a bin of its own.
    """
    hashed = sorted((_bits(name(item)), name(item), item) for item in items)
    found: dict[str, list[Item]] = {}

    def place(prefix: str, members: list[tuple[str, str, Item]]) -> None:
        ordered = [item for *_, item in sorted(members, key=lambda each: each[1])]
        if len(members) <= 1 or len(prefix) == _DEPTH or fit(ordered):
            if members:
                found[prefix.rstrip("0")] = ordered
            return
        for bit in "01":
            place(prefix + bit, [each for each in members if each[0].startswith(prefix + bit)])

    place("", hashed)
    return found


_DEPTH = 256
"""Bits of a hash."""


def _bits(name: str) -> str:
    return f"{int.from_bytes(hashlib.sha256(name.encode()).digest()):0{_DEPTH}b}"
