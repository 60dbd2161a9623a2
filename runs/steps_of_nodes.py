"""The nodes of a Workflow as steps: a pod with several steps counts as these, as if each had a pod of its own.

Of the containers of a pod Argo says when they started together, and ends those in an error that wait for one that failed (argo-workflows
workflow/controller/operator.go and container_set_template.go of v3.7.18; seen there).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from runs.node_status import Node
from runs.pod_steps import COLLECTOR
from triggers.words import FAILING_TESTS_OUTPUT, SKIP_REASON_OUTPUT

__all__ = ["steps_of"]

_OUTPUTS = {
    "git-checkout-pr": frozenset({"commit", SKIP_REASON_OUTPUT}),
    "run-test": frozenset({"go-modules-needed", "go-modules-downloaded", FAILING_TESTS_OUTPUT}),
    "build-push-image": frozenset({"image-cache-metrics", "digest", "tags"}),
}
"""Step → those outputs of its pod that are its own: Argo gives a pod's outputs to the pod alone."""


def steps_of(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """The nodes, with the steps of a pod in its place."""
    found = tuple(nodes)
    inside: dict[str, list[Node]] = {}
    for node in found:
        if node.type == "Container":
            inside.setdefault(node.boundary, []).append(node)
    if not inside:
        return found
    pods = {node.id for node in found if node.type == "Pod"}
    steps: list[Node] = []
    for node in found:
        if node.type == "Container" and node.boundary in pods:
            continue
        steps += _in_pod(node, inside[node.id]) if node.id in inside else [node]
    return tuple(steps)


def _in_pod(pod: Node, containers: Sequence[Node]) -> Iterable[Node]:
    waits: dict[str, list[Node]] = {}
    for each in containers:
        for child in each.children:
            waits.setdefault(child, []).append(each)
    for each in containers:
        awaited = waits.get(each.id, [])
        if each.step == COLLECTOR and not awaited and not each.children and len(containers) > 1:
            continue
        outputs = {key: value for key, value in pod.outputs.items() if key in _OUTPUTS.get(each.step, ())}
        step = replace(each, outputs=outputs, on_exit=pod.on_exit)
        if any(other.phase in {"Failed", "Error"} for other in awaited):
            yield replace(step, phase="Omitted", message="", started=None)
        elif not all(other.ended for other in awaited):
            yield replace(step, phase="Pending", started=None)
        else:
            times = [
                time for time in (each.started, *(other.finished for other in awaited)) if time is not None
            ]
            yield replace(step, started=max(times, default=None))
