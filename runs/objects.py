"""Raw objects of the API → the few fields that are kept, as small records.

Functions here take any decoded JSON object and return a record or None: whatever is odd about a field, that field is absent.
Times become Unix seconds.
Sources: argo-workflows pkg/apis/workflow/v1alpha1/workflow_types.go and workflow/common/common.go; the vendor's pages on
ECI pod annotations and pod conditions.
"""

import math
import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from apiserver.raw_values import EARLIEST, LATEST, Json, list_of, map_of, text, unix
from runs.capacity import platform_of, size_of
from runs.node_status import Node, nodes_of, path_of
from runs.pod_steps import StepInPod, dependencies_of, steps_in
from triggers.words import (
    ACS_SPOT_LABEL,
    FAN_OUT_LABEL,
    FAN_OUT_RUNS_LABEL,
    PREFIX,
    REPORTED_ANNOTATION,
    SPOT_ANNOTATION_PREFIX,
    STARTED_BY_ANNOTATION,
    STOCK_PARAMETERS,
    SUPERSEDED_ANNOTATION,
    SpotStrategy,
)

__all__ = ["Node", "Notice", "Pod", "Workflow", "notice_of", "pod_of", "workflow_of", "workflow_record"]

ARGO = "workflows.argoproj.io/"
KILLED = frozenset({137, 143})
"""128 + SIGKILL, 128 + SIGTERM: somebody else ended the process."""
EXECUTORS = frozenset({"init", "wait", "supervisor"})
"""Argo's own containers in a step's pod; supervisor is the one of 4.1's pods without an init container."""
DISRUPTIONS = frozenset(
    {
        "Evicted",
        "NodeShutdown",
        "Shutdown",
        "Terminated",
        "NodeLost",
        "NodeAffinity",
        "Preempting",
        "Preempted",
    }
    | {"UnexpectedAdmissionError", "OutOfcpu", "OutOfmemory", "OutOfpods", "OutOfephemeral-storage"}
)
"""Reasons of a pod whose node gave it up (kubernetes pkg/kubelet: eviction, nodeshutdown, lifecycle, preemption)."""
SPOT_STRATEGIES = frozenset(typing.get_args(SpotStrategy))
NOTICES = frozenset({"SpotToBeReleased", "SpotDegraded"})
"""Reasons of Events on ECI pods that concern spot capacity."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A Workflow, reduced to what is measured."""

    uid: str
    namespace: str
    name: str
    pipeline: str
    """The label of a run that hookline started; empty for others."""
    owner: str
    """The label `hookline.dev/owner`, whoever wrote it; empty where there is none."""
    repo_name: str
    """The argument that names the checkout directory, as ci-go-v1 calls it."""
    event: str
    reason: str
    ref: str
    sha: str
    actor: str
    delivery: str
    event_time: float | None
    """Time at which the event reached the bus; None for a run that no event started, and for a resubmitted one."""
    acted: float | None
    """Time at which the Sensor acted, if it stamps that."""
    fire_time: float | None
    """The time for which a schedule started it."""
    phase: str
    message: str
    created: float
    started: float | None
    finished: float | None
    shutdown: str
    nodes: tuple[Node, ...] | None
    """None where the status is not in the object (off-loaded, or not readable)."""
    memoization: tuple[int, int] | None
    """Hits and lookups of the memoization cache; None where no node uses it."""
    pods_go_early: bool
    """Whether its pods are deleted as soon as they end (podGC OnPodCompletion, OnPodSuccess)."""
    template: str
    """Name in its workflowTemplateRef."""
    source: str
    """The source of its event; empty for a run that hookline did not start."""
    repository: str
    """`owner/name`: by the annotation, else by the argument `repo_url`; empty where neither says."""
    event_id: str
    event_hash: str
    """The label `hookline.dev/event`."""
    reported: str
    """The annotation that says what the git host was told (`runs.reports.marks`)."""
    by_hand: bool
    """Whether a person started it, or it repeats another run."""
    superseded_by: str
    """Commit because of which it was stopped; empty where it was not."""
    fan_out: str
    """Name of the fan-out that started it; empty for every other run."""

    @property
    def ended(self) -> bool:
        """Whether it has ended; `argo retry` may open it again."""
        return self.phase in {"Succeeded", "Failed", "Error"} and self.finished is not None


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a Workflow, reduced to what is measured."""

    uid: str
    namespace: str
    name: str
    workflow: str
    """uid of its owner."""
    node: str
    """id of its node in the Workflow's status."""
    step: str
    """Name of its task, without the item of a matrix and the attempt; empty if the annotation is missing."""
    task: str
    """Whole name of its node without attempts, see `NodePath`."""
    on_exit: bool
    """Whether it belongs to an exit handler."""
    phase: str
    reason: str
    message: str
    created: float
    scheduled: float | None
    billed_from: float | None
    """status.startTime."""
    main_started: float | None
    main_finished: float | None
    exit_code: int | None
    main_reason: str
    """Reason of the main container's end, or of its waiting."""
    executor_failure: str
    """Message of a failed container of Argo's own (init, wait, supervisor), with its exit code."""
    sidecar_failure: str
    """The same for every other container except main. Argo ends sidecars itself, with 137 or 143: those are no failures."""
    disruption: str
    """Reason for which the cluster ended it while it worked: Evicted, NodeShutdown, PreemptionByScheduler, ...; empty if it did not."""
    ended: float | None
    """Time at which its last container ended, or the end that the platform reports."""
    expired: bool
    """ECI took its instance back (condition ContainerInstanceExpired, or status.reason BidFailed)."""
    degraded: bool
    spot: bool
    platform: str
    vcpu: float
    memory_bytes: float
    instance_type: str
    """ecs.* where the platform billed one; empty for vCPU and memory."""
    container: str = "main"
    """The step's own container, whose log is read."""
    of: str = ""
    """uid of the pod, of which this is one of several steps; empty where the pod is one step."""
    left_out: bool = False
    """One of several steps of a pod that did not run, and will not."""
    after: bool = False
    """One of several steps of a pod, which waits for others of them."""
    share: float = 1.0
    """Part of the pod's billed time that counts for this step, as a factor of its own time: steps of a pod share it."""
    steps: tuple["Pod", ...] = ()
    """A record for each step of a pod that has several: as if each had a pod of its own."""

    @property
    def waiting(self) -> bool:
        """Whether it is one of several steps of a pod, and its turn has not come."""
        return self.after and self.main_started is None

    @property
    def final(self) -> bool:
        """Whether nothing more runs in it."""
        return self.phase in {"Succeeded", "Failed"} or self.expired

    @property
    def main_ended(self) -> bool:
        """Whether the step's own container has ended; its log is complete from then on."""
        return self.main_finished is not None


@dataclass(frozen=True, slots=True)
class Notice:
    """A Kubernetes Event about a pod's spot capacity."""

    pod: str
    """uid of the pod."""
    reason: str


# Workflows


def workflow_of(raw: Json, templates: frozenset[str]) -> Workflow | None:
    """The record of a run's Workflow; None for one of another template that hookline did not start, for a fan-out, and for what is no Workflow."""
    labels = map_of(map_of(raw.get("metadata")).get("labels"))
    if not text(labels.get(PREFIX + "pipeline")):
        template = text(map_of(map_of(raw.get("spec")).get("workflowTemplateRef")).get("name"))
        if template not in templates or FAN_OUT_RUNS_LABEL in labels:
            return None
    return workflow_record(raw)


def workflow_record(raw: Json) -> Workflow | None:
    """The record of any Workflow, a run or not; None for what is none."""
    metadata, spec, status = map_of(raw.get("metadata")), map_of(raw.get("spec")), map_of(raw.get("status"))
    labels, annotations = map_of(metadata.get("labels")), map_of(metadata.get("annotations"))
    uid, created = text(metadata.get("uid")), unix(metadata.get("creationTimestamp"))
    if not uid or created is None:
        return None
    name = text(metadata.get("name"))
    nodes, memoization = nodes_of(status, name)
    cron = text(labels.get(ARGO + "cron-workflow"))
    resubmitted = ARGO + "resubmitted-from-workflow" in labels
    event_time = None if resubmitted else unix(annotations.get(PREFIX + "event-time"))
    return Workflow(
        uid=uid,
        namespace=text(metadata.get("namespace")),
        name=name,
        pipeline=text(labels.get(PREFIX + "pipeline")),
        owner=text(labels.get(PREFIX + "owner")),
        repo_name=_argument(spec, STOCK_PARAMETERS["directory"]),
        event=text(labels.get(PREFIX + "event-kind")) or ("schedule" if cron else "manual"),
        reason=text(annotations.get(PREFIX + "reason")),
        ref=text(annotations.get(PREFIX + "ref")) or _argument(spec, STOCK_PARAMETERS["branch"]),
        sha=text(annotations.get(PREFIX + "sha")),
        actor=text(annotations.get(PREFIX + "actor")),
        delivery=text(annotations.get(PREFIX + "delivery")),
        # A redelivery refreshes the annotation: a time after the creation is not the one that started it.
        event_time=event_time if event_time is not None and event_time <= created + 1 else None,
        acted=None if resubmitted else _milliseconds(labels.get("events.argoproj.io/action-timestamp")),
        fire_time=_fire_time(annotations, event_time, labels),
        phase=text(status.get("phase")),
        message=text(status.get("message")),
        created=created,
        started=unix(status.get("startedAt")),
        finished=unix(status.get("finishedAt")),
        shutdown=text(spec.get("shutdown")),
        nodes=nodes,
        memoization=memoization,
        pods_go_early=text(map_of(spec.get("podGC")).get("strategy")).startswith("OnPod"),
        template=text(map_of(spec.get("workflowTemplateRef")).get("name")),
        source=text(labels.get(PREFIX + "source")),
        repository=text(annotations.get(PREFIX + "repository"))
        or _of_url(_argument(spec, STOCK_PARAMETERS["url"])),
        event_id=text(annotations.get(PREFIX + "event-id")),
        event_hash=text(labels.get(PREFIX + "event")),
        reported=text(annotations.get(REPORTED_ANNOTATION)),
        by_hand=resubmitted
        or STARTED_BY_ANNOTATION in annotations
        or labels.get(PREFIX + "event-kind") == "manual",
        # `argo resubmit` copies annotations.
        superseded_by="" if resubmitted else _commit(annotations.get(SUPERSEDED_ANNOTATION)),
        fan_out="" if resubmitted else text(labels.get(FAN_OUT_LABEL)),
    )


_REPOSITORY = re.compile(r"(?:[a-z+]+://[^/]+/|[^/:@]+@[^/:]+:)/?(?P<path>.+?)(?:\.git)?/*", re.IGNORECASE)


def _commit(value: Any) -> str:
    found = text(value)
    return found if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", found) else ""


def _of_url(url: str) -> str:
    """`owner/name` of an address that git clones: https://host/owner/name.git, git@host:owner/name.git; else empty."""
    match = _REPOSITORY.fullmatch(url.partition("?")[0])
    return match["path"] if match is not None else ""


def _fire_time(annotations: Json, event_time: float | None, labels: Json) -> float | None:
    scheduled = unix(annotations.get(ARGO + "scheduled-time"))
    return event_time if scheduled is None and labels.get(PREFIX + "event-kind") == "schedule" else scheduled


def _milliseconds(value: Any) -> float | None:
    digits = text(value, 20)
    seconds = int(digits) / 1000 if digits.isascii() and digits.isdigit() else 0.0
    return seconds if EARLIEST <= seconds < LATEST else None


def _argument(spec: Json, name: str) -> str:
    for item in list_of(map_of(spec.get("arguments")).get("parameters")):
        if isinstance(item, Mapping) and item.get("name") == name:
            return text(item.get("value"))
    return ""


# Pods


def pod_of(raw: Json) -> Pod | None:
    """The record of a step's pod; None for any other: of no Workflow, or an agent or artifact collector of Argo's."""
    metadata, status = map_of(raw.get("metadata")), map_of(raw.get("status"))
    owner = next(
        (
            each
            for each in list_of(metadata.get("ownerReferences"))
            if isinstance(each, Mapping) and each.get("kind") == "Workflow"
        ),
        {},
    )
    labels, annotations = map_of(metadata.get("labels")), map_of(metadata.get("annotations"))
    uid, workflow, created = (
        text(metadata.get("uid")),
        text(owner.get("uid")),
        unix(metadata.get("creationTimestamp")),
    )
    node, node_name = text(annotations.get(ARGO + "node-id")), text(annotations.get(ARGO + "node-name"))
    # Argo's own pods (component agent or artifact-gc) run no node.
    if (
        not uid
        or not workflow
        or created is None
        or labels.get(ARGO + "component")
        or not (node or node_name)
    ):
        return None
    path = path_of(node_name, text(owner.get("name")))
    spec = map_of(raw.get("spec"))
    conditions = {
        each["type"]: each
        for each in list_of(status.get("conditions"))
        if isinstance(each, Mapping) and isinstance(each.get("type"), str)
    }
    containers = [
        each
        for kind in ("initContainerStatuses", "containerStatuses")
        for each in list_of(status.get(kind))
        if isinstance(each, Mapping)
    ]
    main = next((map_of(each.get("state")) for each in containers if each.get("name") == "main"), {})
    terminated, waiting = map_of(main.get("terminated")), map_of(main.get("waiting"))
    running = map_of(main.get("running"))
    expired = conditions.get("ContainerInstanceExpired", {})
    reclaimed = status.get("reason") == "BidFailed" or expired.get("status") == "True"
    vcpu, memory, instance_type = size_of(spec, annotations)
    main_finished = unix(terminated.get("finishedAt"))
    found = Pod(
        uid=uid,
        namespace=text(metadata.get("namespace")),
        name=text(metadata.get("name")),
        workflow=workflow,
        node=node,
        step=path.step,
        task=path.task,
        on_exit=path.on_exit or labels.get(ARGO + "on-exit") == "true",
        phase=text(status.get("phase")),
        reason=text(status.get("reason")),
        message=text(status.get("message")),
        created=created,
        scheduled=_when(conditions.get("PodScheduled"), "True"),
        billed_from=unix(status.get("startTime")),
        main_started=unix(terminated.get("startedAt")) or unix(running.get("startedAt")),
        main_finished=main_finished,
        exit_code=_exit_code(terminated),
        main_reason=text(terminated.get("reason")) or text(waiting.get("reason")),
        executor_failure=_failure(each for each in containers if text(each.get("name")) in EXECUTORS),
        sidecar_failure=_failure(
            each
            for each in containers
            if text(each.get("name")) not in {"main", *EXECUTORS}
            and _exit_code(_terminated(each)) not in KILLED
        ),
        disruption=_disruption(status, conditions.get("DisruptionTarget", {}), main_finished),
        ended=_ended(containers, conditions, reclaimed=reclaimed),
        expired=reclaimed,
        degraded=map_of(conditions.get("ContainerInstanceCreated")).get("reason") == "SpotDegraded",
        spot=text(annotations.get(SPOT_ANNOTATION_PREFIX + "strategy")) in SPOT_STRATEGIES
        or labels.get(ACS_SPOT_LABEL) == "best-effort",
        platform=platform_of(labels, annotations, text(spec.get("nodeName"))),
        vcpu=vcpu,
        memory_bytes=memory,
        instance_type=instance_type,
    )
    own = [
        each for each in list_of(spec.get("containers")) if text(map_of(each).get("name")) not in EXECUTORS
    ]
    # The template in a pod is long, and is read only where there may be several steps.
    after = dependencies_of(spec) if len(own) > 1 else {}
    return (
        replace(found, steps=_steps(found, steps_in(after, status, final=found.final), status))
        if after
        else found
    )


def _steps(pod: Pod, steps: Sequence[StepInPod], status: Json) -> tuple[Pod, ...]:
    """The steps of a pod, each as if it were a pod of its own: what all of it cost is divided among those that worked."""
    target = next(
        (
            map_of(each)
            for each in list_of(status.get("conditions"))
            if map_of(each).get("type") == "DisruptionTarget"
        ),
        {},
    )
    ends = [each.ended for each in steps if each.ended is not None]
    last = max(ends, default=None)
    begin = pod.billed_from
    spans: list[float] = []
    for each in steps:
        start = each.began if each.after or begin is None else begin
        end = pod.ended if each.ended is None or each.ended == last else each.ended
        if not each.left_out and start is not None and end is not None:
            spans.append(max(0.0, end - start))
    whole = 0.0 if begin is None or pod.ended is None else max(0.0, pod.ended - begin)
    # Steps beside each other share the pod's time, and none of it is counted twice.
    worked = math.fsum(spans)
    share = whole / worked if pod.final and worked else 1.0
    found = []
    for each in steps:
        code = _exit_code(each.state)
        by_itself = each.ended is not None and code not in KILLED
        is_last = each.ended is None or each.ended == last
        created = pod.created if not each.after or each.began is None else each.began
        found.append(
            replace(
                pod,
                uid=f"{pod.uid}.{each.name}",
                of=pod.uid,
                container=each.name,
                step=each.name,
                task=f"{pod.task}.{each.name}",
                left_out=each.left_out,
                after=each.after,
                share=share,
                reason="" if by_itself else pod.reason,
                message="" if by_itself else pod.message,
                created=created,
                scheduled=pod.scheduled if pod.scheduled is None else max(pod.scheduled, created),
                billed_from=each.began if each.after else pod.billed_from,
                main_started=each.began,
                main_finished=each.ended,
                exit_code=code,
                main_reason=text(each.state.get("reason")),
                executor_failure=pod.executor_failure if is_last else "",
                sidecar_failure="",
                disruption=_disruption(status, target, each.ended),
                ended=pod.ended if is_last else each.ended,
            )
        )
    return tuple(found)


def _when(condition: Any, status: str) -> float | None:
    found = map_of(condition)
    return unix(found.get("lastTransitionTime")) if found.get("status") == status else None


def _terminated(container: Json) -> Json:
    return map_of(map_of(container.get("state")).get("terminated"))


def _exit_code(terminated: Json) -> int | None:
    code = terminated.get("exitCode")
    # The API's type is a signed 32-bit number.
    return code if isinstance(code, int) and not isinstance(code, bool) and abs(code) < 2**31 else None


def _failure(containers: Iterable[Json]) -> str:
    for each in containers:
        ended = _terminated(each)
        if code := _exit_code(ended):
            return f"{text(each.get('name'), 63)}: {text(ended.get('reason')) or 'Error'} (exit code {code})"
    return ""


def _disruption(status: Json, target: Json, main_finished: float | None) -> str:
    if (reason := text(status.get("reason"))) in DISRUPTIONS:
        return reason
    when = _when(target, "True")
    # A container that had ended before was not disturbed.
    disturbed = when is not None and (main_finished is None or when <= main_finished)
    return (text(target.get("reason")) or "DisruptionTarget") if disturbed else ""


def _ended(containers: list[Json], conditions: Mapping[str, Json], *, reclaimed: bool) -> float | None:
    times = [unix(_terminated(each).get("finishedAt")) for each in containers]
    if reclaimed:
        times.append(_when(conditions.get("ContainerInstanceExpired"), "True"))
    # A container that never ran tells no times; then the end of readiness is the end.
    known = [time for time in times if time is not None]
    return max(known) if known else _when(conditions.get("Ready"), "False")


# Events


def notice_of(raw: Json) -> Notice | None:
    """The record of an Event about spot capacity; None for any other Event."""
    reason, about = text(raw.get("reason")), map_of(raw.get("involvedObject"))
    pod = text(about.get("uid"))
    if reason not in NOTICES or about.get("kind") != "Pod" or not pod:
        return None
    return Notice(pod, reason)
