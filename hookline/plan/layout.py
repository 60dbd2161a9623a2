"""Layout: which Sensor carries what. Every Sensor is a pod, and reaches it as one environment variable of bounded size."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from hookline.output import plural
from sensors.assignment import LANES, Assignment, Group, ListGroup, assigned, bins
from sensors.creation import CreationMode
from sensors.dependencies import Dependency, of_group, of_list, of_route
from sensors.fan_out import MOST_ORDER_BYTES, FanOut, Pace
from sensors.manifests import SensorPlan, dependency_bytes, room
from sensors.routes import Route
from sensors.table import largest_order
from triggers.workflow import digest

__all__ = ["Layout", "placed_name"]


def placed_name(name: str, place: str) -> str:
    """The name of one of several objects of a kind."""
    return f"{name}-{place}" if place else name


@dataclass(frozen=True, slots=True)
class Layout:
    """Rules by which routes are placed in Sensors."""

    prefix: str
    """First part of the names of Sensors."""
    shards: int
    mode: CreationMode
    a_lane_each: bool
    """Whether a Sensor takes one dependency a source and event, as NATS Streaming does: then every dependency is a Sensor."""
    fan_out: FanOut | None
    """None = nothing starts the runs of a list, so that every pipeline beyond the lanes has a trigger of its own."""

    def of_routes(self, routes: Iterable[Route]) -> Iterator[SensorPlan]:
        """The Sensors of all routes."""
        found = self.assigned(routes)
        lists = list(self._lists(found))
        alone = [of_route(route) for route in found.wide]
        yield from self._lane_by_lane(found.groups) if self.a_lane_each else self._by_shard(found.groups)
        for name, dependencies in (("fan-out", lists), ("wide", alone)):
            if self.a_lane_each:
                for each in dependencies:
                    yield self._plan(name, digest(each.name, 10), (each,))
            else:
                yield from self._packed(dependencies, name)

    def of_schedules(self, dependencies: Iterable[Dependency]) -> Iterator[SensorPlan]:
        """The Sensors of calendar events."""
        return self._packed(list(dependencies), "schedules")

    def assigned(self, routes: Iterable[Route]) -> Assignment:
        """The tables, lists and single triggers of all routes."""
        return assigned(routes, self.shards, fan_out=self.fan_out is not None)

    def lists(self, routes: Iterable[Route]) -> Iterator[tuple[str, str, int, Pace]]:
        """Source, repository or image, the number of its pipelines, and how fast their runs start; of all that are decided as lists."""
        if self.fan_out is not None:
            found = Counter(
                (each.source.name, each.key) for some in self.assigned(routes).lists.values() for each in some
            )
            for (source, key), count in sorted(found.items()):
                yield source, key, count, self.fan_out.of(key)

    def shard_bytes(self, routes: Iterable[Route]) -> dict[int, int]:
        """JSON bytes of what each shard carries."""
        sizes: dict[int, int] = {}
        for group in self.assigned(routes).groups:
            sizes[group.shard] = sizes.get(group.shard, 0) + self._bytes(of_group(group))
        return sizes

    def _bytes(self, dependency: Dependency) -> int:
        return dependency_bytes(dependency, self.mode)

    def _lists(self, found: Assignment) -> Iterator[Dependency]:
        """The lists, each as large as one Sensor holds."""
        if self.fan_out is None:
            return
        for (source, sandboxed), routes in found.lists.items():
            fit = partial(self._fit, source, sandboxed, self.fan_out)
            placed = bins(routes, name=lambda each: f"{each.key} {each.pipeline}", fit=fit)
            parts = Counter(key for some in placed.values() for key in {each.key for each in some})
            for place, some in placed.items():
                ordered = sorted(some, key=lambda each: (each.key, each.pipeline))
                group = ListGroup(source, sandboxed, place, tuple(ordered))
                yield of_list(group, self.fan_out, parts)

    def _fit(self, source: str, sandboxed: bool, settings: FanOut, routes: list[Route]) -> bool:
        """Whether one Sensor holds these as a list, and one fan-out the runs that an event of it may start."""
        made = of_list(ListGroup(source, sandboxed, "", tuple(routes)), settings, {})
        told = max(_TOLD.get(kind, _TOLD_OF_GIT) for each in routes for kind in each.kinds)
        order = largest_order(made.program.text, told) if made.program is not None else 0
        return order <= MOST_ORDER_BYTES and self._bytes(made) <= room()

    def _by_shard(self, groups: Sequence[Group]) -> Iterator[SensorPlan]:
        for shard in sorted({group.shard for group in groups}):
            mine = [group for group in groups if group.shard == shard]
            pipelines = {route.pipeline for group in mine for route in group.routes}
            yield SensorPlan(
                f"{self.prefix}-{shard}",
                tuple(of_group(group) for group in mine),
                f"{plural(len(pipelines), 'pipeline')} in {plural(len(mine), 'table')}",
            )

    def _lane_by_lane(self, groups: Sequence[Group]) -> Iterator[SensorPlan]:
        for group in groups:
            yield SensorPlan(
                f"{self.prefix}-{group.shard}-{group.name}",
                (of_group(group),),
                f"lane {group.lane} of {group.source}: {plural(len(group.routes), 'pipeline')}",
            )

    def _packed(self, dependencies: Sequence[Dependency], name: str) -> Iterator[SensorPlan]:
        placed = bins(
            dependencies,
            name=lambda each: each.name,
            fit=lambda some: sum(map(self._bytes, some)) <= room(),
        )
        for place, found in placed.items():
            yield self._plan(name, place, tuple(found))

    def _plan(self, name: str, place: str, dependencies: tuple[Dependency, ...]) -> SensorPlan:
        """A Sensor of dependencies that are not in the shards."""
        listed = sum(len(each.pipelines) for each in dependencies if each.fans_out)
        return SensorPlan(
            placed_name(f"{self.prefix}-{name}", place), dependencies, _WHY[name](listed or len(dependencies))
        )


_TOLD_OF_GIT = 700
"""Bytes that a git event adds to a run at most: a branch or tag of 200 bytes up to twice, its ref twice, a commit."""
_TOLD = {"image_push": 120}
"""The same by kind: a digest. All runs of a push have one ref."""

_WHY = {
    "fan-out": lambda count: f"{plural(count, 'pipeline')} decided as a list; fan-outs start their runs",
    "wide": lambda count: (
        f"{plural(count, 'pipeline')} beyond {LANES} of one repository or image, a trigger each"
    ),
    "schedules": lambda count: f"{plural(count, 'schedule')}, a trigger each",
}
"""Kind of Sensor → why it is needed, for a number of pipelines or schedules."""
