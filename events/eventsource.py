"""EventSource and EventBus objects: how events are received, each with the strongest check that Argo Events has."""

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from events.event_pods import METRICS_PORT, USER, container_security, pod_security, pod_template, requests
from events.host import Host, host
from events.sources import SecretReference, Source, Unverified

__all__ = [
    "CalendarEntry",
    "Endpoint",
    "calendar_manifest",
    "calendar_rules",
    "endpoints",
    "event_bus_manifest",
    "network_policy",
    "unreadable_abbreviations",
    "webhook_manifest",
]

API_VERSION = "argoproj.io/v1alpha1"
BUS_MAX_PAYLOAD = "8MB"
"""NATS' own limit for a message (1 MB by default): twice a delivery, since < > & grow when they are escaped."""

JETSTREAM_VERSION = "2.10.29"
"""Newest version that Argo Events 1.9.11 names besides `latest` (manifests/base/controller-manager)."""


MEMORY_MIB = (128, 1024)
"""Requested, and the limit: an event source took 86 MiB at rest, and up to 287 with four deliveries of 4 MiB at a time
(Argo Events 1.9.11). Who can reach it can make it hold more, without a secret: then it is ended, and not its node."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A declared source with what is known of its host."""

    name: str
    host: Host
    path: str
    secret: SecretReference | None
    unverified: Unverified | None
    event_source: str
    """Name of the EventSource object that receives it."""

    @property
    def service(self) -> str:
        """The Service that Argo Events makes of the EventSource (argo-events pkg/reconciler/eventsource/resource.go)."""
        return f"{self.event_source}-eventsource-svc"


def endpoints(sources: Mapping[str, Source], prefix: str) -> dict[str, Endpoint]:
    """Name of a source to where it is received.

    Sources that can be verified share one EventSource (one pod). A source that cannot gets one of its own, so that
    a NetworkPolicy can keep everybody else away from it.
    """
    return {
        name: Endpoint(
            name=name,
            host=host(source.host),
            path=source.endpoint,
            secret=source.secret,
            unverified=source.unverified,
            event_source=f"{prefix}-webhooks" if source.unverified is None else f"{prefix}-{name}",
        )
        for name, source in sorted(sources.items())
    }


def _object(
    kind: str, name: str, namespace: str, spec: dict[str, Any], api_version: str = API_VERSION
) -> dict[str, Any]:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def webhook_manifest(
    name: str,
    received: Sequence[Endpoint],
    owners: Mapping[str, Iterable[str]],
    namespace: str,
    event_bus: str,
) -> dict[str, Any]:
    """The EventSource for git hosts and registries.

    Args:
        name: Of the object.
        received: The endpoints that it serves.
        owners: Source name to the owners of its repositories.
        namespace: Where it lives.
        event_bus: Name of the EventBus.
    """
    by_receiver: dict[str, dict[str, Any]] = {}
    for each in received:
        made = each.host.receiver.endpoint(each.path, each.secret, owners[each.name])
        by_receiver.setdefault(each.host.receiver.key, {})[each.name] = made
    ports = [
        {"name": key, "port": port, "targetPort": port}
        for key, port in sorted({(each.host.receiver.key, each.host.receiver.port) for each in received})
    ]
    manifest = _object(
        "EventSource",
        name,
        namespace,
        {
            "eventBusName": event_bus,
            "template": pod_template(name, *MEMORY_MIB),
            "service": {"ports": ports},
            **by_receiver,
        },
    )
    notes = {f"hookline.dev/verification.{each.name}": _verification_note(each) for each in received}
    manifest["metadata"]["annotations"] = notes
    return manifest


def _verification_note(endpoint: Endpoint) -> str:
    if endpoint.unverified is not None:
        return f"weak: only the random endpoint path is secret, and the NetworkPolicy. Accepted because: {endpoint.unverified.because}"
    receiver = endpoint.host.receiver
    return f"every delivery {receiver.demand}; anything else is answered with {receiver.refusal_status}"


def network_policy(endpoint: Endpoint, namespace: str) -> dict[str, Any]:
    """Lets only the allowed address blocks reach the endpoint of an unverified source, and pods of the cluster its metrics."""
    if endpoint.unverified is None:
        raise ValueError(f"source {endpoint.name} is verified")
    spec = {
        "podSelector": {"matchLabels": {"eventsource-name": endpoint.event_source}},
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "from": [{"ipBlock": {"cidr": cidr}} for cidr in sorted(endpoint.unverified.allowed_cidrs)],
                "ports": [{"port": endpoint.host.receiver.port, "protocol": "TCP"}],
            },
            # Prometheus, from within the cluster: without a rule of its own, the pod would have no metrics.
            {
                "from": [{"namespaceSelector": {}}],
                "ports": [{"port": METRICS_PORT, "protocol": "TCP"}],
            },
        ],
    }
    return _object("NetworkPolicy", endpoint.event_source, namespace, spec, "networking.k8s.io/v1")


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """One schedule as the calendar event source takes it."""

    name: str
    """Event name: the pipeline."""
    cron: str
    timezone: str
    excluded: tuple[str, ...]
    """Days of the time zone, YYYY-MM-DD."""
    catch_up_seconds: int | None

    def spec(self, config_map: str) -> dict[str, Any]:
        """The value below `calendar.<name>`; exclusion dates compare year, month and day in the schedule's zone."""
        found: dict[str, Any] = {"schedule": self.cron, "timezone": self.timezone}
        if self.excluded:
            days = ",".join(f"{day.replace('-', '')}T000000Z" for day in self.excluded)
            found["exclusionDates"] = [f"EXDATE:{days}"]
        if self.catch_up_seconds is not None:
            found["persistence"] = {
                "catchup": {"enabled": True, "maxDuration": f"{self.catch_up_seconds}s"},
                "configMap": {"name": config_map, "createIfNotExist": True},
            }
        return found


def calendar_manifest(
    name: str, entries: Sequence[CalendarEntry], namespace: str, event_bus: str
) -> dict[str, Any]:
    """The EventSource for schedules."""
    spec: dict[str, Any] = {"eventBusName": event_bus, "template": pod_template(name, *MEMORY_MIB)}
    spec["calendar"] = {entry.name: entry.spec(name) for entry in sorted(entries, key=lambda each: each.name)}
    return _object("EventSource", name, namespace, spec)


def unreadable_abbreviations(timezone: str) -> tuple[str, ...]:
    """Abbreviations of a zone with which the calendar cannot read a fire time that it caught up on.

    It keeps such a time as Go's Time.String and reads it at its next start (argo-events
    pkg/eventsources/sources/calendar/start.go); Go reads a signed abbreviation as hours alone, so +0545 is an error
    (time.Parse, parseTimeZone).
    """
    zone = ZoneInfo(timezone)
    first = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    names = {
        (first + datetime.timedelta(days=day)).astimezone(zone).tzname() or "" for day in range(0, 366, 7)
    }
    return tuple(sorted(name for name in names if not _go_reads(name)))


def _go_reads(abbreviation: str) -> bool:
    if signed := re.fullmatch(r"[+-]([0-9]+)", abbreviation):
        return int(signed[1]) <= 23
    if abbreviation in {"ChST", "MeST", "WITA"}:
        return True
    return re.fullmatch(r"[A-Z]{3}|[A-Z]{3,4}T", abbreviation) is not None


def calendar_rules(name: str) -> list[dict[str, Any]]:
    """RBAC rules that catch-up needs: its ConfigMap (argo-events pkg/eventsources/persist/event_persist.go).

    `create` cannot be limited to a name.
    """
    config_maps: dict[str, Any] = {"apiGroups": [""], "resources": ["configmaps"]}
    return [
        {**config_maps, "verbs": ["create"]},
        {**config_maps, "resourceNames": [name], "verbs": ["get", "update"]},
    ]


def event_bus_manifest(
    name: str, namespace: str, *, jetstream_version: str | None, replicas: int, service_account: str
) -> dict[str, Any]:
    """The EventBus: JetStream of a pinned version, or the NATS Streaming bus of ACK One (version None, no account)."""
    if jetstream_version is None:
        return _object(
            "EventBus", name, namespace, {"nats": {"native": {"replicas": replicas, "auth": "token"}}}
        )
    jetstream = {
        "version": jetstream_version,
        "replicas": replicas,
        "maxPayload": BUS_MAX_PAYLOAD,
        # The controller's default asks for 3 copies of a stream, which one server cannot hold.
        "streamConfig": f"maxAge: 72h\nreplicas: {replicas}\n",
        # The servers and their two helpers share a process namespace and a user, so that a helper may signal its server.
        "serviceAccountName": service_account,
        "securityContext": {**pod_security(), "fsGroup": USER},
        # No limit: a server that is ended at one loses its part of the stream, and the controller lets GOMEMLIMIT not be set.
        "containerTemplate": {"securityContext": container_security(), "resources": requests(100, 128)},
        "reloaderContainerTemplate": {"securityContext": container_security(), "resources": requests(10, 32)},
        "metricsContainerTemplate": {"securityContext": container_security(), "resources": requests(10, 32)},
    }
    return _object("EventBus", name, namespace, {"jetstream": jetstream})
