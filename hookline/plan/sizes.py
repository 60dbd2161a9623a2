"""Sizes: every object reaches its pod as one environment string, so a plan may need more Sensors."""

import dataclasses

from documents.diagnostics import Problems
from events.environment import environment_bytes, fits
from hookline.declaration.bus_needs import bus_needs
from hookline.declaration.carrying import LARGEST, carried, map_bytes
from hookline.plan.objects import sensor_object
from hookline.plan.planning import Plan
from sensors.manifests import room

__all__ = ["check_sizes"]

MOST_SHARDS = 100


def check_sizes(plan: Plan) -> None:
    """Refuse a plan whose objects do not fit, and say how many shards it needs.

    Raises:
        InvalidInput: One does not fit.
    """
    _check_carried(plan)
    too_large = [sensor for sensor in plan.sensors if not fits(sensor_object(plan, sensor))]
    if not too_large:
        return
    first = too_large[0]
    alone = len(first.dependencies) == 1 and len(first.dependencies[0].pipelines) == 1
    way_out = (
        f"shorten the patterns of pipeline {first.dependencies[0].pipelines[0]}"
        if alone
        else f"set shards: {_shards_needed(plan)}"
    )
    problems = Problems()
    problems.error(
        plan.declaration.cluster_position("shards"),
        f"{first.name} would need {environment_bytes(sensor_object(plan, first)):,} bytes of environment, "
        f"more than Linux gives a process; {way_out}",
        "cluster.shards",
    )
    problems.raise_errors()


def _check_carried(plan: Plan) -> None:
    """Refuse a declaration that the ConfigMap of the controller cannot hold."""
    declared = plan.declaration.controller
    if declared is None or not any(bus_needs(plan.declaration)):
        return
    size = map_bytes(carried(plan.declaration.contents, plan.given))
    if size > LARGEST:
        problems = Problems()
        problems.error(
            declared.position(),
            f"the declaration has {size:,} bytes when it is compressed, and the ConfigMap of the controller holds {LARGEST:,}; leave "
            f"{' and '.join(path[-1] for path in bus_needs(plan.declaration))} out, or move comments and large templates out of it",
            "controller",
        )
        problems.raise_errors()


def _shards_needed(plan: Plan) -> int:
    shards = plan.declaration.cluster.shards
    while shards < MOST_SHARDS:
        shards += 1
        sizes = dataclasses.replace(plan.layout, shards=shards).shard_bytes(plan.routes)
        if max(sizes.values(), default=0) <= room():
            break
    return shards
