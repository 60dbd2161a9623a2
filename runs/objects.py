"""Raw objects of the API → the few fields that are kept, as small records.

Functions here take decoded JSON and never fail on a shape that the API server lets through. Times become Unix seconds.
Sources: argo-workflows pkg/apis/workflow/v1alpha1/workflow_types.go and workflow/common/common.go; the vendor's pages on
ECI pod annotations and pod conditions.
"""

import base64
import binascii
import datetime
import re
import typing
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from runs.quantities import amount
from triggers.words import ACS_SPOT_LABEL, PREFIX, SPOT_ANNOTATION_PREFIX, STOCK_PARAMETERS, SpotStrategy

__all__ = ["Node", "Notice", "Pod", "Workflow", "notice_of", "pod_of", "unix", "workflow_of"]

Json = Mapping[str, Any]

MAX_NODE_STATUS_BYTES = 32 * 1024 * 1024
"""Compressed node status is unpacked up to this size."""
ARGO = "workflows.argoproj.io/"
SPOT_STRATEGIES = frozenset(typing.get_args(SpotStrategy))
NOTICES = frozenset({"SpotToBeReleased", "SpotDegraded"})
"""Reasons of Events on ECI pods that concern spot capacity."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a Workflow's status that ran as a pod, or would have."""

    id: str
    step: str
    """Its task's name, without the number that a retry adds."""
    phase: str
    message: str
    finished: float | None
    memoized: bool | None
    """Whether the memoization cache had it; None where the node has none."""
    outputs: Mapping[str, str]

    @property
    def ended(self) -> bool:
        """Whether its phase is a last one."""
        return self.phase in {"Succeeded", "Failed", "Error", "Skipped", "Omitted"}

    @property
    def had_pod(self) -> bool:
        """Whether a pod was made for it."""
        return self.memoized is not True and self.phase not in {"", "Pending", "Skipped", "Omitted"}


@dataclass(frozen=True, slots=True)
class Workflow:
    """A Workflow, reduced to what is measured."""

    uid: str
    namespace: str
    name: str
    pipeline: str
    """The label of a run that hookline started; empty for others."""
    repo_name: str
    """The argument that names the checkout directory, as ci-go-v1 calls it."""
    event: str
    reason: str
    ref: str
    sha: str
    actor: str
    delivery: str
    event_time: float | None
    """When the event reached the bus; None for a run that no event started, and for a resubmitted one."""
    acted: float | None
    """When the Sensor acted, where it stamps that."""
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
    pods_go_early: bool
    """Whether its pods are deleted as soon as they end (podGC OnPodCompletion, OnPodSuccess)."""
    template: str
    """Of its workflowTemplateRef."""
    source: str
    """The source of its event; empty for a run that hookline did not start."""
    repository: str
    """`owner/name`: by the annotation, else by the argument `repo_url`; empty where neither says."""
    event_id: str
    event_hash: str
    """The label `hookline.dev/event`."""

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
    """Its task's name; empty where the annotation is missing."""
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
    other_failure: str
    """Reason of the first other container that failed (init, wait, a sidecar), with its exit code."""
    ended: float | None
    """When its last container, or what the platform says of it, ended."""
    expired: bool
    """ECI took its instance back (condition ContainerInstanceExpired, or status.reason BidFailed)."""
    degraded: bool
    spot: bool
    platform: str
    vcpu: float
    memory_bytes: float
    instance_type: str
    """ecs.* where the platform billed one; empty for vCPU and memory."""

    @property
    def final(self) -> bool:
        """Whether nothing more runs in it."""
        return self.phase in {"Succeeded", "Failed"} or self.expired

    @property
    def main_ended(self) -> bool:
        """Whether the step's own container has ended: its log is whole from then on."""
        return self.main_finished is not None


@dataclass(frozen=True, slots=True)
class Notice:
    """A Kubernetes Event about a pod's spot capacity."""

    pod: str
    """uid of the pod."""
    reason: str


def unix(text: Any) -> float | None:
    """Unix seconds of a Kubernetes time; None for anything else."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _text(value: Any, limit: int = 1024) -> str:
    return value[:limit] if isinstance(value, str) else ""


def _map(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# Workflows


def workflow_of(raw: Json, templates: frozenset[str]) -> Workflow | None:
    """The record of a Workflow; None for one of another template that hookline did not start."""
    metadata, spec, status = _map(raw.get("metadata")), _map(raw.get("spec")), _map(raw.get("status"))
    labels, annotations = _map(metadata.get("labels")), _map(metadata.get("annotations"))
    template = _text(_map(spec.get("workflowTemplateRef")).get("name"))
    pipeline = _text(labels.get(PREFIX + "pipeline"))
    uid = _text(metadata.get("uid"))
    if not uid or (not pipeline and template not in templates):
        return None
    created = unix(metadata.get("creationTimestamp")) or 0.0
    cron = _text(labels.get(ARGO + "cron-workflow"))
    resubmitted = ARGO + "resubmitted-from-workflow" in labels
    event_time = None if resubmitted else unix(annotations.get(PREFIX + "event-time"))
    return Workflow(
        uid=uid,
        namespace=_text(metadata.get("namespace")),
        name=_text(metadata.get("name")),
        pipeline=pipeline,
        repo_name=_argument(spec, STOCK_PARAMETERS["directory"]),
        event=_text(labels.get(PREFIX + "event-kind")) or ("schedule" if cron else "manual"),
        reason=_text(annotations.get(PREFIX + "reason")),
        ref=_text(annotations.get(PREFIX + "ref")) or _argument(spec, STOCK_PARAMETERS["branch"]),
        sha=_text(annotations.get(PREFIX + "sha")),
        actor=_text(annotations.get(PREFIX + "actor")),
        delivery=_text(annotations.get(PREFIX + "delivery")),
        # A redelivery refreshes the annotation: a time after the creation is not the one that started it.
        event_time=event_time if event_time is not None and event_time <= created + 1 else None,
        acted=None if resubmitted else _milliseconds(labels.get("events.argoproj.io/action-timestamp")),
        fire_time=_fire_time(annotations, event_time, labels),
        phase=_text(status.get("phase")),
        message=_text(status.get("message")),
        created=created,
        started=unix(status.get("startedAt")),
        finished=unix(status.get("finishedAt")),
        shutdown=_text(spec.get("shutdown")),
        nodes=_nodes(status),
        pods_go_early=_text(_map(spec.get("podGC")).get("strategy")).startswith("OnPod"),
        template=template,
        source=_text(labels.get(PREFIX + "source")),
        repository=_text(annotations.get(PREFIX + "repository")) or _of_url(_argument(spec, "repo_url")),
        event_id=_text(annotations.get(PREFIX + "event-id")),
        event_hash=_text(labels.get(PREFIX + "event")),
    )


_REPOSITORY = re.compile(r"(?:[a-z+]+://[^/]+/|[^/:@]+@[^/:]+:)/?(?P<path>.+?)(?:\.git)?/*", re.IGNORECASE)


def _of_url(url: str) -> str:
    """`owner/name` of an address that git clones: https://host/owner/name.git, git@host:owner/name.git; else empty."""
    match = _REPOSITORY.fullmatch(url.partition("?")[0])
    return match["path"] if match is not None else ""


def _fire_time(annotations: Json, event_time: float | None, labels: Json) -> float | None:
    scheduled = unix(annotations.get(ARGO + "scheduled-time"))
    return event_time if scheduled is None and labels.get(PREFIX + "event-kind") == "schedule" else scheduled


def _milliseconds(value: Any) -> float | None:
    return int(value) / 1000 if isinstance(value, str) and value.isascii() and value.isdigit() else None


def _argument(spec: Json, name: str) -> str:
    for item in _list(_map(spec.get("arguments")).get("parameters")):
        if isinstance(item, Mapping) and item.get("name") == name:
            return _text(item.get("value"))
    return ""


def _nodes(status: Json) -> tuple[Node, ...] | None:
    nodes: Any = status.get("nodes")
    if not nodes and isinstance(packed := status.get("compressedNodes"), str) and packed:
        nodes = _unpacked(packed)
    elif not nodes and status.get("offloadNodeStatusVersion"):
        nodes = None
    elif nodes is None:
        nodes = {}
    if not isinstance(nodes, Mapping):
        return None
    return tuple(
        _node(each) for each in nodes.values() if isinstance(each, Mapping) and each.get("type") == "Pod"
    )


def _unpacked(packed: str) -> Any:
    """The node status of a large Workflow: base64 of gzip of JSON (argo-workflows workflow/packer/packer.go)."""
    try:
        inflate = zlib.decompressobj(wbits=31)
        text = inflate.decompress(base64.b64decode(packed, validate=True), MAX_NODE_STATUS_BYTES)
        return None if inflate.unconsumed_tail else orjson.loads(text)
    except (binascii.Error, zlib.error, orjson.JSONDecodeError):
        return None


_ATTEMPT = re.compile(r"\(\d+(?::[^)]*)?\)\Z")


def _node(raw: Json) -> Node:
    name = _text(raw.get("displayName")) or _text(raw.get("name"))
    memoization = raw.get("memoizationStatus")
    outputs = {
        item["name"]: _text(item.get("value"), 65_536)
        for item in _list(_map(raw.get("outputs")).get("parameters"))
        if isinstance(item, Mapping)
        and isinstance(item.get("name"), str)
        and isinstance(item.get("value"), str)
    }
    step = _ATTEMPT.sub("", name)
    if step == "" or step == _text(raw.get("name")):
        step = _text(raw.get("templateName")) or step
    return Node(
        id=_text(raw.get("id")),
        step=step,
        phase=_text(raw.get("phase")),
        message=_text(raw.get("message")),
        finished=unix(raw.get("finishedAt")),
        memoized=bool(memoization.get("hit")) if isinstance(memoization, Mapping) else None,
        outputs=outputs,
    )


# Pods


def pod_of(raw: Json) -> Pod | None:
    """The record of a pod; None for one that no Workflow owns."""
    metadata, status = _map(raw.get("metadata")), _map(raw.get("status"))
    owner = next(
        (
            _text(each.get("uid"))
            for each in _list(metadata.get("ownerReferences"))
            if isinstance(each, Mapping) and each.get("kind") == "Workflow"
        ),
        "",
    )
    uid = _text(metadata.get("uid"))
    if not uid or not owner:
        return None
    labels, annotations = _map(metadata.get("labels")), _map(metadata.get("annotations"))
    spec = _map(raw.get("spec"))
    conditions = {
        each["type"]: each
        for each in _list(status.get("conditions"))
        if isinstance(each, Mapping) and isinstance(each.get("type"), str)
    }
    containers = [
        each
        for kind in ("containerStatuses", "initContainerStatuses")
        for each in _list(status.get(kind))
        if isinstance(each, Mapping)
    ]
    main = next((_map(each.get("state")) for each in containers if each.get("name") == "main"), {})
    terminated, waiting = _map(main.get("terminated")), _map(main.get("waiting"))
    running = _map(main.get("running"))
    expired = conditions.get("ContainerInstanceExpired", {})
    reclaimed = status.get("reason") == "BidFailed" or expired.get("status") == "True"
    vcpu, memory, instance_type = _size(spec, annotations)
    exit_code = terminated.get("exitCode")
    return Pod(
        uid=uid,
        namespace=_text(metadata.get("namespace")),
        name=_text(metadata.get("name")),
        workflow=owner,
        node=_text(annotations.get(ARGO + "node-id")),
        step=_ATTEMPT.sub("", _text(annotations.get(ARGO + "node-name")).rpartition(".")[2]),
        phase=_text(status.get("phase")),
        reason=_text(status.get("reason")),
        message=_text(status.get("message")),
        created=unix(metadata.get("creationTimestamp")) or 0.0,
        scheduled=_when(conditions.get("PodScheduled"), "True"),
        billed_from=unix(status.get("startTime")),
        main_started=unix(terminated.get("startedAt")) or unix(running.get("startedAt")),
        main_finished=unix(terminated.get("finishedAt")),
        exit_code=exit_code if isinstance(exit_code, int) else None,
        main_reason=_text(terminated.get("reason")) or _text(waiting.get("reason")),
        other_failure=_other_failure(containers),
        ended=_ended(containers, conditions, reclaimed=reclaimed),
        expired=reclaimed,
        degraded=_map(conditions.get("ContainerInstanceCreated")).get("reason") == "SpotDegraded",
        spot=annotations.get(SPOT_ANNOTATION_PREFIX + "strategy") in SPOT_STRATEGIES
        or labels.get(ACS_SPOT_LABEL) == "best-effort",
        platform=_platform(labels, annotations, _text(spec.get("nodeName"))),
        vcpu=vcpu,
        memory_bytes=memory,
        instance_type=instance_type,
    )


def _when(condition: Any, status: str) -> float | None:
    found = _map(condition)
    return unix(found.get("lastTransitionTime")) if found.get("status") == status else None


def _other_failure(containers: list[Json]) -> str:
    for each in containers:
        ended = _map(_map(each.get("state")).get("terminated"))
        code = ended.get("exitCode")
        if each.get("name") != "main" and isinstance(code, int) and code != 0:
            return (
                f"{_text(each.get('name'), 63)}: {_text(ended.get('reason')) or 'Error'} (exit code {code})"
            )
    return ""


def _ended(containers: list[Json], conditions: Mapping[str, Json], *, reclaimed: bool) -> float | None:
    times = [unix(_map(_map(each.get("state")).get("terminated")).get("finishedAt")) for each in containers]
    if reclaimed:
        times.append(_when(conditions.get("ContainerInstanceExpired"), "True"))
    # A container that never ran tells no times; then the end of readiness is the end.
    known = [time for time in times if time is not None]
    return max(known) if known else _when(conditions.get("Ready"), "False")


def _platform(labels: Json, annotations: Json, node: str) -> str:
    if "k8s.aliyun.com/eci-instance-id" in annotations or "k8s.aliyun.com/eci-instance-spec" in annotations:
        return "eci"
    if labels.get("alibabacloud.com/acs") == "true" or "alibabacloud.com/instance-id" in annotations:
        return "acs"
    return (
        "eci"
        if node.startswith("virtual-kubelet") or labels.get("alibabacloud.com/eci") == "true"
        else "node"
    )


GIB = 1024.0**3


def _size(spec: Json, annotations: Json) -> tuple[float, float, str]:
    """vCPUs, bytes of memory and ECS type: what ECI bills where it says so, else what the containers request."""
    billed = _text(annotations.get("k8s.aliyun.com/eci-instance-spec"))
    first, _, second = billed.partition("-")
    cpu, memory = amount(first), amount(second)
    if cpu and memory:
        return cpu, memory, ""
    kind = billed if billed.startswith("ecs.") else ""
    cpu = amount(annotations.get("k8s.aliyun.com/eci-instance-cpu"))
    memory = _gibibytes(annotations.get("k8s.aliyun.com/eci-instance-mem"))
    if cpu and memory:
        return cpu, memory, kind
    requests = [
        _map(_map(each.get("resources")).get("requests"))
        for each in _list(spec.get("containers"))
        if isinstance(each, Mapping)
    ]
    cpu = sum(amount(each.get("cpu")) for each in requests)
    return cpu, sum(amount(each.get("memory")) for each in requests), kind


def _gibibytes(value: Any) -> float:
    """Bytes of an amount that ECI writes in GiB, or with a unit."""
    return amount(f"{value}Gi") or amount(value)


# Events


def notice_of(raw: Json) -> Notice | None:
    """The record of an Event about spot capacity; None for any other Event."""
    reason, about = raw.get("reason"), _map(raw.get("involvedObject"))
    pod = _text(about.get("uid"))
    if reason not in NOTICES or about.get("kind") != "Pod" or not pod:
        return None
    return Notice(pod, _text(reason))
