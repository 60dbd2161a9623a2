"""The bus that Argo Events makes of an EventBus object: the names by which a reader finds events and subscriptions.

Pure functions; nothing here connects. A message is a CloudEvent in JSON, which `events.event_files.parse` reads. Read in
argo-events 1.9.10: pkg/reconciler/eventbus/installer/jetstream.go, pkg/eventbus/jetstream/base/jetstream.go,
pkg/eventbus/jetstream/eventsource/source_conn.go, pkg/eventbus/jetstream/sensor/{sensor_jetstream,trigger_conn}.go,
pkg/shared/util/util.go.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["CLIENT_AUTH_KEY", "CLIENT_PORT", "MESSAGE_ID_HEADER", "STREAM", "BusNames", "consumer", "subject"]

STREAM: Final = "default"
"""The one stream of an EventBus, whatever the object is called; its subjects are default.*.*."""

MESSAGE_ID_HEADER: Final = "Nats-Msg-Id"
"""Header of a message: the event's id, by which the server drops doubles."""

CLIENT_PORT: Final = 4222
"""TCP port of the Service for clients, with TLS always. The controller signs the certificate itself, and Sensors accept any."""

CLIENT_AUTH_KEY: Final = "client-auth"
"""Key of the Secret for clients: a YAML text with `username` and `password`."""


@dataclass(frozen=True, slots=True)
class BusNames:
    """The objects that the controller makes for an EventBus with `jetstream:`, in its namespace."""

    event_bus: str
    """Name of the EventBus object."""

    @property
    def stateful_set(self) -> str:
        """The servers; their pods have this name with -0, -1 and so on."""
        return f"eventbus-{self.event_bus}-js"

    @property
    def service(self) -> str:
        """The headless Service before the servers."""
        return f"eventbus-{self.event_bus}-js-svc"

    @property
    def client_auth_secret(self) -> str:
        """The Secret with the credentials of event sources and Sensors: they may read, publish and delete."""
        return f"eventbus-{self.event_bus}-js-client-auth"


def subject(event_source: str, event_name: str) -> str:
    """The subject of the events of one event source and event name.

    Args:
        event_source: Name of the EventSource object.
        event_name: Its key in the object: hookline's source, or the pipeline of a schedule.
    """
    return f"{STREAM}.{event_source}.{event_name}"


def consumer(sensor: str, trigger: str, dependency: str) -> str:
    """The durable consumer of one trigger's subscription: what waits there is what this trigger has not dealt with.

    Args:
        sensor: Name of the Sensor object.
        trigger: Name of the trigger.
        dependency: Name of the dependency; hookline gives a trigger and its dependency one name.
    """
    return f"group-{_fnv_1a(f'{sensor}-{trigger}-{dependency}')}"


def _fnv_1a(text: str) -> int:
    """The 32-bit FNV-1a hash of the text's UTF-8 bytes, as Go's fnv.New32a computes it."""
    found = 0x811C9DC5
    for byte in text.encode():
        found = (found ^ byte) * 0x01000193 & 0xFFFFFFFF
    return found
