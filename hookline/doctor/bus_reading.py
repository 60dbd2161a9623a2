"""Asks the NATS servers of a bus on their monitoring port, through the API server, which needs no credential of the bus."""

import time
from collections.abc import Mapping
from typing import Any

from apiserver.connection import Connection, Refused, Unreachable
from hookline.doctor.bus_report import BusServer, parsed_report

__all__ = ["sampled"]

MONITORING_PORT = 8222
"""Argo Events' (pkg/reconciler/eventbus/installer/jetstream.go)."""
SECONDS = 10.0
SAMPLES = 4
PAUSE_SECONDS = 1.25
"""Between samples. A Sensor's request for events ends after a second, and a tenth of a second passes until the next: four samples at
quarters of a second never all fall into that gap."""
_QUERY = {"streams": "1", "consumers": "1", "config": "1"}


def sampled(
    connection: Connection, namespace: str, pods: Mapping[str, str]
) -> tuple[tuple[BusServer, ...], ...]:
    """The servers, asked several times; once where none of them answers.

    Args:
        connection: The API server.
        namespace: Of the bus.
        pods: Name of each pod → its phase.
    """
    found = [_asked_all(connection, namespace, pods)]
    while any(each.report is not None for each in found[-1]) and len(found) < SAMPLES:
        time.sleep(PAUSE_SECONDS)
        found.append(_asked_all(connection, namespace, pods))
    return tuple(found)


def _asked_all(connection: Connection, namespace: str, pods: Mapping[str, str]) -> tuple[BusServer, ...]:
    return tuple(_asked(connection, namespace, pod, phase) for pod, phase in sorted(pods.items()))


def _asked(connection: Connection, namespace: str, pod: str, phase: str) -> BusServer:
    if phase != "Running":
        return BusServer(pod, f"its pod is {phase}", None)
    root = f"/api/v1/namespaces/{namespace}/pods/{pod}:{MONITORING_PORT}/proxy"
    try:
        report = parsed_report(_json(connection, f"{root}/jsz", _QUERY), pod)
    except Refused as refused:
        return BusServer(pod, str(refused), None, forbidden=refused.status in (401, 403))
    except (Unreachable, ValueError) as error:
        return BusServer(pod, f"it does not answer: {str(error)[:200]}", None)
    try:
        _json(connection, f"{root}/healthz", {})
    except Refused as refused:
        return BusServer(pod, str(refused), report)
    except (Unreachable, ValueError) as error:
        return BusServer(pod, f"it does not answer: {str(error)[:200]}", report)
    return BusServer(pod, "", report)


def _json(connection: Connection, path: str, query: Mapping[str, str]) -> Any:
    return connection.json("GET", path, query, read_seconds=SECONDS)
