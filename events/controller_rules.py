"""Rules of the EventSource and EventBus controllers: what they refuse, and what they accept although it never works.

Encoded from argo-events 1.9.11 (as in 1.9.10): pkg/reconciler/eventsource/validate.go, pkg/eventsources/sources/*/validate.go,
pkg/reconciler/eventbus/validate.go.
"""

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Any

from events.cron import CronError, parse_cron
from events.environment import LIMIT_BYTES, environment_bytes

__all__ = ["event_bus_problems", "event_source_problems"]

_RECREATE = {
    "amqp", "calendar", "kafka", "pubsub", "azureEventsHub", "azureServiceBus", "nats", "mqtt", "minio", "emitter",
    "nsq", "pulsar", "redis", "redisStream", "resource", "hdfs", "file", "sftp", "generic",
}  # fmt: skip
_SETTINGS = {"eventBusName", "template", "service", "replicas"}


def _server(server: Any) -> Iterator[str]:
    if not isinstance(server, Mapping) or not server.get("endpoint"):
        yield "endpoint can't be empty"
        return
    if not isinstance(server.get("port"), str) or not server["port"].isdigit():
        yield "port must be a number in a string"
    if not str(server["endpoint"]).startswith("/"):
        yield "endpoint must start with /"


def _github(spec: Mapping[str, Any]) -> Iterator[str]:
    yield from _server(spec.get("webhook"))
    if ("organizations" in spec) == ("repositories" in spec) or spec.get("organizations") == []:
        yield "either repositories or organizations is required, not both"
    if spec.get("contentType", "json") not in {"json", "form"}:
        yield 'content type must be "json" or "form"'
    if not spec.get("webhookSecret"):
        yield "without webhookSecret nothing is verified"


def _calendar(spec: Mapping[str, Any]) -> Iterator[str]:
    try:
        parse_cron(str(spec.get("schedule", "")))
    except CronError as error:
        yield f"schedule: {error}"
    if spec.get("timezone") not in zoneinfo.available_timezones():
        yield f"timezone {spec.get('timezone')} is unknown: the source would not start"
    for dates in spec.get("exclusionDates", []):
        if not re.fullmatch(r"EXDATE:\d{8}T\d{6}Z(,\d{8}T\d{6}Z)*", dates):
            yield f"exclusionDates: {dates} is not EXDATE:YYYYMMDDTHHMMSSZ"


def event_source_problems(manifest: Mapping[str, Any]) -> list[str]:
    """Reasons for which the controller, or the pod, would refuse an EventSource; empty if there are none."""
    spec = manifest["spec"]
    checks = {"github": _github, "webhook": _server, "calendar": _calendar}
    problems: list[str] = []
    names: set[str] = set()
    types = [key for key in spec if key not in _SETTINGS]
    for kind in types:
        for name, source in spec[kind].items():
            if name in names:
                problems.append(f'more than one "{name}" found')
            names.add(name)
            problems += [f"{kind} {name}: {problem}" for problem in checks[kind](source)]
    if len({kind in _RECREATE for kind in types}) > 1:
        problems.append("event sources with rolling update and recreate strategy can not be put together")
    if not names:
        problems.append("no event source")
    ports = {port["port"] for port in spec.get("service", {}).get("ports", [])}
    for kind in types:
        for name, source in spec[kind].items():
            port = (source.get("webhook") or source).get("port")
            if port is not None and int(port) not in ports:
                problems.append(f"{kind} {name}: the service does not lead to port {port}")
    if environment_bytes(dict(manifest)) >= LIMIT_BYTES:
        problems.append("the object does not fit into its pod's environment")
    return problems


def event_bus_problems(manifest: Mapping[str, Any]) -> list[str]:
    """Reasons for which the controller would refuse an EventBus."""
    spec = manifest["spec"]
    if "jetstream" in spec:
        version, replicas = spec["jetstream"].get("version"), spec["jetstream"].get("replicas", 3)
        problems = [] if version else ["a version for jetstream needs to be specified"]
        if version == "latest":
            problems.append("version latest changes the bus when the controller is upgraded")
        if replicas == 2 or replicas <= 0:
            problems.append("a jetstream eventbus requires 1 replica or >= 3 replicas")
        return problems
    return (
        [] if "native" in spec.get("nats", {}) else ["either jetstream or nats.native needs to be specified"]
    )
