"""Fan-outs: the Workflow that an event with many pipelines makes, whose one pod starts their runs. It is no run.

What a fan-out was to do stands in its labels and annotations, what came of it in the outputs of its pod's node, how far it is in the
progress that the pod reports. Its order, which may take half a megabyte, is not kept.
Sources: argo-workflows docs/progress.md and workflow/progress/updater.go, which adds the progress of all pods of a Workflow up: that of
a pod that was tried again would count twice, so each node is read by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from apiserver.raw_values import Json, map_of, number, text
from runs.node_status import progress_of
from runs.objects import Node, Workflow, workflow_record
from runs.outcomes import run_outcome
from triggers.words import FAN_OUT_RUNS_LABEL, PREFIX

__all__ = ["RESULTS", "UNKNOWN", "FanOut", "fan_out_of"]

RESULTS = ("started", "existing", "replaced", "refused")
"""Results of the runs of a fan-out, as its pod says them. existing: it was there already; replaced: a newer digest of the same tag took over
before it started; refused: the API server refused it to the end."""
UNKNOWN = "unknown"
"""Result of the runs of which the pod said nothing: it was lost, or stopped, before it was done."""
COUNTS_OUTPUT = "counts"
MAX_RUNS = 100_000
"""More than any declaration holds: a label that says more was made up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOut:
    """One fan-out. Times are Unix seconds; texts are empty where nobody said them."""

    uid: str
    namespace: str
    name: str
    """Name of the Workflow."""
    source: str
    """The source of the event, as hookline.yaml names it."""
    event: str
    """push, tag, pull_request, merge_group, image_push or schedule."""
    repository: str
    """Of an image: its repository in the registry."""
    ref: str
    """Of an image: its name and tag."""
    sha: str
    """Of an image: its digest."""
    actor: str
    reason: str
    """The reason code of the decision that started it."""
    delivery: str
    event_time: float | None
    """Time at which the event reached the bus; None where it is not known, and for a resubmitted one."""
    created: float
    started: float | None
    finished: float | None
    """None while it goes on."""
    outcome: str
    """success, failure (it gave up: the API server refused runs to the end, or did not answer), error (its pod was lost), timeout or cancellation; queued or
    running while it goes on."""
    message: str
    """Argo's, of the last pod where it has one; may hold anything."""
    runs: int
    """How many runs it has to start."""
    done: int
    """How many of them are there, or replaced, as far as it has said so; all that it told of once it has ended."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Result (RESULTS and UNKNOWN) → number of its runs; empty while it goes on."""

    @property
    def waiting(self) -> int:
        """How many of its runs are still to come."""
        return 0 if self.finished is not None else self.runs - self.done

    @property
    def duration(self) -> float | None:
        """Seconds from the event (from the creation where its time is not known) to the end; None before it."""
        if self.finished is None:
            return None
        return max(0.0, self.finished - (self.created if self.event_time is None else self.event_time))


def fan_out_of(raw: Json) -> FanOut | None:
    """The record of a fan-out; None for every other Workflow, and for what is none."""
    metadata = map_of(raw.get("metadata"))
    labels = map_of(metadata.get("labels"))
    runs = _runs(labels.get(FAN_OUT_RUNS_LABEL))
    # A run has a pipeline, whatever else somebody writes on it.
    if runs is None or labels.get(PREFIX + "pipeline") or (found := workflow_record(raw)) is None:
        return None
    nodes = [each for each in found.nodes or () if each.type == "Pod"]
    counts = _counts(nodes, runs) if found.ended else {}
    return FanOut(
        uid=found.uid,
        namespace=found.namespace,
        name=found.name,
        source=found.source,
        event=text(labels.get(PREFIX + "event-kind")),
        repository=found.repository,
        ref=found.ref,
        sha=found.sha,
        actor=found.actor,
        reason=found.reason,
        delivery=found.delivery,
        event_time=found.event_time,
        created=found.created,
        started=found.started,
        finished=found.finished if found.ended else None,
        outcome=_outcome(found, nodes),
        message=_message(found, nodes),
        runs=runs,
        done=runs - counts[UNKNOWN] if counts else _done(raw, nodes, runs),
        counts=counts,
    )


def _runs(value: object) -> int | None:
    digits = text(value, 20)
    found = int(digits) if digits.isascii() and digits.isdigit() else 0
    return found if 0 < found <= MAX_RUNS else None


def _outcome(workflow: Workflow, nodes: Sequence[Node]) -> str:
    if workflow.ended:
        found = run_outcome(workflow, ())
        # It has no step that could have nothing to do, whatever its outputs say.
        return "success" if found == "skip" else found
    return "running" if any(each.began for each in nodes) else "queued"


def _message(workflow: Workflow, nodes: Sequence[Node]) -> str:
    """Words on its end: those of the last pod, since the Workflow's speak of the rule by which it was tried again."""
    last = max(nodes, key=lambda each: (each.finished or 0.0, each.id), default=None)
    return workflow.message if last is None or not last.message else last.message


def _done(raw: Json, nodes: Sequence[Node], runs: int) -> int:
    """How many are done: a pod that was tried again begins at 0, and finds what the one before it started."""
    reported = [each.progress for each in nodes]
    # The nodes may be elsewhere (off-loaded).
    reported.append(progress_of(map_of(raw.get("status")).get("progress")))
    return max((done for done, of in filter(None, reported) if of == runs), default=0)


def _said(counts: str) -> Json:
    """Words of a pod: an empty object where it was ended before it wrote any."""
    try:
        return map_of(orjson.loads(counts))
    except orjson.JSONDecodeError:
        return {}


def _counts(nodes: Sequence[Node], runs: int) -> Mapping[str, int]:
    """Result → number of runs, by the last pod that said something; together as many as there were."""
    in_order = sorted(nodes, key=lambda each: (each.finished or 0.0, each.id))
    told = [said for each in in_order if (said := _said(each.outputs.get(COUNTS_OUTPUT, "")))]
    said = told[-1] if told else {}
    left, found = runs, dict[str, int]()
    for name in RESULTS:
        found[name] = min(left, int(number(said.get(name), MAX_RUNS) or 0))
        left -= found[name]
    return found | {UNKNOWN: left}
