"""Facts: what is known of a cluster, before anything is concluded from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hookline.applying.changes import Change
from hookline.applying.object_name import ObjectName
from hookline.doctor.bus_report import BusServer
from hookline.doctor.rights import Right

__all__ = [
    "Address",
    "Claim",
    "Controller",
    "Facts",
    "Fired",
    "Held",
    "Known",
    "LiveCronWorkflow",
    "NamedTemplate",
    "ProbeStep",
    "Unread",
    "Workload",
]

Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class Unread:
    """A fact that could not be had."""

    why: str
    """The reason, as the end of a sentence that begins with `not checked: `."""


@dataclass(frozen=True, slots=True)
class Controller:
    """A Deployment of Argo's controllers."""

    namespace: str
    name: str
    image: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    config: Mapping[str, Any] | Unread = field(default_factory=dict)
    """Settings of a workflow-controller, from its ConfigMap."""


@dataclass(frozen=True, slots=True)
class Held:
    """A Secret or ConfigMap, without its values."""

    keys: frozenset[str]
    empty: frozenset[str] = frozenset()
    """Keys whose value has no character."""


@dataclass(frozen=True, slots=True)
class NamedTemplate:
    """A template as a Workflow refers to it."""

    name: str
    namespace: str
    """Empty for a ClusterWorkflowTemplate."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim."""

    phase: str
    """Bound, Pending or Lost."""
    access_modes: tuple[str, ...]
    mount_options: tuple[str, ...] | Unread
    """Of its volume, each option by itself."""
    driver: str = ""
    """CSI driver of the volume, or nfs; empty for others."""


@dataclass(frozen=True, slots=True)
class Address:
    """The answers of the webhooks' address to this machine."""

    host: str
    trouble: str = ""
    """The obstacle to a connection: dns, connection or certificate; empty if there was one."""
    detail: str = ""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """Path of an endpoint → status of the answer to a GET; 0 if the connection broke."""


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One hop of the probe of `--end-to-end`."""

    name: str
    """answered, Workflow, Succeeded or counted."""
    seconds: float
    """Since the hop before it."""
    trouble: str = ""
    """Reason for which it got no further; empty = it passed."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A rendered object of which pods are made by Kubernetes itself: a Deployment or a StatefulSet."""

    wanted: int
    ready: int


@dataclass(frozen=True, slots=True)
class LiveCronWorkflow:
    """A CronWorkflow in the cluster."""

    suspended: bool
    conditions: Mapping[str, str] = field(default_factory=dict)
    """SpecError or SubmissionError → its message."""


@dataclass(frozen=True, slots=True)
class Fired:
    """Everything in the cluster that may fire a schedule."""

    cron_workflows: Mapping[tuple[str, str], LiveCronWorkflow] = field(default_factory=dict)
    """By namespace and name."""
    calendars: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """EventSource in `cluster.namespace` → the entries of its calendar."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that doctor asked for."""

    server: str
    """Version of Kubernetes."""
    clock_seconds: float | None
    """How far the API server's clock is ahead of this machine's; None if it says no time."""
    kinds: frozenset[str]
    """Kinds of argoproj.io/v1alpha1."""
    events_controllers: tuple[Controller, ...] | Unread
    workflow_controllers: tuple[Controller, ...] | Unread
    event_images: frozenset[str] | Unread
    """Images of the pods of event sources and Sensors in their namespace."""
    not_ready: Mapping[ObjectName, str] | Unread
    """Buses, event sources and Sensors of the declaration that are not ready, with what each waits for."""
    bus_settings: Mapping[str, Any] | Unread | None
    """Spec of the EventBus; None if there is none."""
    bus_samples: tuple[tuple[BusServer, ...], ...] | Unread
    """The servers of the bus, as asked once or more, some seconds apart."""
    held: Mapping[tuple[str, str, str], Held | Unread | None]
    """(Secret or ConfigMap, namespace, name) → its keys; None if there is none."""
    changes: tuple[Change, ...] | Unread
    """The effect of an apply."""
    allowed: Mapping[Right, bool] | Unread
    templates: Mapping[NamedTemplate, Any | Unread | None]
    """The manifests; None where there is none."""
    claims: Mapping[tuple[str, str], Claim | Unread | None]
    """(namespace, name) → the claim; None if there is none."""
    address: Address | None
    """None if the declaration names no address, or nobody may ask it."""
    workloads: Mapping[ObjectName, Workload | Unread | None]
    """Rendered Deployments and StatefulSets; None where there is none."""
    unknown_kinds: frozenset[tuple[str, str]] = frozenset()
    """API version and kind of rendered objects that the cluster does not know."""
    fired: Fired | Unread = field(default_factory=Fired)
    probe: tuple[ProbeStep, ...] | Unread | None = None
    """The hops that the probe passed; None if none was sent."""
