"""Steps that are containers of one pod (Argo's `containerSet`): when each worked, and which of the pod's time is its own.

All containers start with the pod, and each waits in Argo's program for those that it depends on. So a step began when the last of them
had ended, and a step whose predecessor failed never began.

Sources: argo-workflows cmd/argoexec/commands/emissary.go and workflow/controller/workflowpod.go (ARGO_TEMPLATE, the pod's template as
JSON in its init container) of v3.7.18 and v4.0.5; seen on 3.7.18.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from apiserver.raw_values import Json, list_of, map_of, text, unix

__all__ = ["SKIPPED", "StepInPod", "dependencies_of", "steps_in"]

SKIPPED = "skipped"
"""Termination message of a step of ours that had nothing to do."""
COLLECTOR = "main"
"""Only a container of this name hands outputs to Argo. Where no other one depends on it, nor it on any, it does nothing else."""
MAX_CONTAINERS = 100


@dataclass(frozen=True, slots=True)
class StepInPod:
    """One step of a pod that has several. Times are Unix seconds."""

    name: str
    after: bool
    """It waits for other steps of the pod."""
    left_out: bool
    """It did not run, and will not: it had nothing to do, a step before it failed, or the pod ended before its turn."""
    began: float | None
    ended: float | None
    state: Json
    """Its container's `state.terminated`, where it ran; else empty."""


def dependencies_of(spec: Json) -> Mapping[str, tuple[str, ...]]:
    """Step → the steps of its pod that it waits for, in the order of the template; nothing for a pod that is one step."""
    found: list[Json] = []
    for kind in ("initContainers", "containers"):
        for container in list_of(spec.get(kind)):
            for variable in list_of(map_of(container).get("env")):
                each = map_of(variable)
                if each.get("name") == "ARGO_TEMPLATE" and isinstance(each.get("value"), str):
                    found = [map_of(item) for item in list_of(_set_of(each["value"]).get("containers"))]
                    break
    names = {text(each.get("name")) for each in found[:MAX_CONTAINERS]} - {""}
    after = {
        text(each.get("name")): tuple(
            name for name in map(text, list_of(each.get("dependencies"))) if name in names
        )
        for each in found[:MAX_CONTAINERS]
        if text(each.get("name"))
    }
    awaited = {name for each in after.values() for name in each}
    if len(after) > 1 and COLLECTOR in after and not after[COLLECTOR] and COLLECTOR not in awaited:
        del after[COLLECTOR]
    return after


def _set_of(template: str) -> Json:
    try:
        return map_of(map_of(orjson.loads(template)).get("containerSet"))
    except orjson.JSONDecodeError:
        return {}


def steps_in(after: Mapping[str, tuple[str, ...]], status: Json, *, final: bool) -> tuple[StepInPod, ...]:
    """The steps of a pod.

    Args:
        after: As `dependencies_of` says.
        status: Of the pod.
        final: Whether nothing more runs in it.
    """
    states = {
        text(map_of(each).get("name")): map_of(map_of(each).get("state"))
        for each in list_of(status.get("containerStatuses"))
    }
    terminated = {name: map_of(states.get(name, {}).get("terminated")) for name in after}
    ends = {name: unix(each.get("finishedAt")) for name, each in terminated.items()}
    found = []
    for name, awaited in after.items():
        ended, state = ends[name], terminated[name]
        waited = [ends[each] for each in awaited]
        failed = any(terminated[each].get("exitCode", 0) != 0 for each in awaited)
        started = unix(state.get("startedAt")) or unix(
            map_of(states.get(name, {}).get("running")).get("startedAt")
        )
        known = [time for time in (started, *waited) if time is not None]
        its_turn = started is not None and not failed and len(known) == len(waited) + 1
        nothing = state.get("exitCode") == 0 and text(state.get("message")) == SKIPPED
        left_out = nothing or failed or (final and not its_turn and bool(awaited))
        found.append(
            StepInPod(
                name=name,
                after=bool(awaited),
                left_out=left_out,
                began=max(known) if its_turn and not left_out else None,
                ended=ended if not left_out else None,
                state=state if not left_out else {},
            )
        )
    return tuple(found)
