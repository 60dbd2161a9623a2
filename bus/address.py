"""Where the bus is and what its clients need, as the EventBus object and its Secret say it.

Read in argo-events 1.9.11: pkg/apis/events/v1alpha1/eventbus_types.go (JetStreamConfig), pkg/eventbus/jetstream/base/jetstream.go,
pkg/shared/util/util.go (GetTLSConfig).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import yaml

from bus.names import CLIENT_PORT, BusNames

__all__ = [
    "BusAddress",
    "BusError",
    "Credentials",
    "SecretKey",
    "Verification",
    "address_of",
    "credentials_of",
]


class BusError(Exception):
    """The bus cannot be read; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One value of a Secret, in the namespace of the EventBus."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The certificates by which client and server of an EventBus of the user's own (`jetstreamExotic`) know each other."""

    authority: SecretKey | None
    """None = those of the system."""
    certificate: SecretKey | None
    key: SecretKey | None


@dataclass(frozen=True, slots=True)
class BusAddress:
    """A bus of JetStream."""

    name: str
    """Of the EventBus object."""
    namespace: str
    host: str
    port: int
    access: SecretKey | None
    """Where user and password stand; None = it asks for none."""
    verification: Verification | None = None
    """None = any certificate is taken, as Sensors do; the connection is TLS all the same."""

    @property
    def is_in_cluster(self) -> bool:
        """Whether the controller of Argo Events runs its servers, so that a pod of them can be named."""
        return self.host.split(".")[0] == BusNames(self.name).service


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password of a client."""

    user: str
    password: str

    def __repr__(self) -> str:
        """No password: representations end in logs and tracebacks."""
        return f"Credentials(user={self.user!r})"


def address_of(event_bus: Mapping[str, Any]) -> BusAddress:
    """The address in the status of an EventBus object.

    Raises:
        BusError: It has none yet, or it is no bus of JetStream.
    """
    metadata = event_bus["metadata"]
    name, namespace = str(metadata["name"]), str(metadata.get("namespace", ""))
    config = (event_bus.get("status") or {}).get("config") or {}
    if not config:
        raise BusError(
            f"EventBus {name} in {namespace} has no address in its status yet; look at its conditions: kubectl -n {namespace} describe eventbus {name}"
        )
    found = config.get("jetstream")
    if not found:
        raise BusError(
            f"EventBus {name} in {namespace} is of the kind {', '.join(sorted(config))}; hookline reads JetStream alone"
        )
    try:
        url = urlsplit(str(found.get("url", "")).split(",")[0])
        port = url.port or CLIENT_PORT
    except ValueError:
        url, port = urlsplit(""), CLIENT_PORT
    if not url.hostname:
        raise BusError(
            f"EventBus {name} in {namespace} has the URL {found.get('url')!r}, which names no host"
        )
    return BusAddress(
        name,
        namespace,
        url.hostname,
        port,
        _secret_key(found.get("accessSecret")),
        _verification(found.get("tls")),
    )


def _verification(tls: Mapping[str, Any] | None) -> Verification | None:
    if not tls or tls.get("insecureSkipVerify"):
        return None
    authority, certificate, key = (
        _secret_key(tls.get(each)) for each in ("caCertSecret", "clientCertSecret", "clientKeySecret")
    )
    return Verification(authority, certificate, key)


def _secret_key(selector: Mapping[str, Any] | None) -> SecretKey | None:
    return SecretKey(str(selector["name"]), str(selector["key"])) if selector else None


def credentials_of(address: BusAddress, read: Callable[[SecretKey], bytes]) -> Credentials | None:
    """User and password; None where the bus asks for none.

    Args:
        address: That names the Secret.
        read: A value of a Secret, decoded.

    Raises:
        BusError: The Secret holds neither.
    """
    if address.access is None:
        return None
    try:
        found = yaml.safe_load(read(address.access))
        return Credentials(str(found["username"]), str(found["password"]))
    except (yaml.YAMLError, TypeError, KeyError, UnicodeDecodeError) as error:
        # The text of the error could quote the password.
        raise BusError(
            f"Secret {address.access.name} in {address.namespace} has no username and password in {address.access.key}"
        ) from error
