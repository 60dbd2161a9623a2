"""The way to the bus of a declaration: its address, its credentials, and the route to one of its servers."""

import base64
import binascii
import contextlib
import functools
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from apiserver.connection import Connection
from apiserver.port_forward import PortForward
from apiserver.resources import Resources
from bus.address import BusAddress, BusError, Credentials, SecretKey, address_of, credentials_of
from bus.reader import BusReader, any_certificate
from hookline.plan.planning import Plan

__all__ = ["OpenBus", "bus_of"]

API = "argoproj.io/v1alpha1"


@dataclass(frozen=True, slots=True)
class OpenBus:
    """A bus that answers, and its cluster."""

    reader: BusReader
    connection: Connection
    resources: Resources


@contextmanager
def bus_of(
    plan: Plan, connection: Connection, url: tuple[str, int] | None = None, *, in_pod: bool
) -> Iterator[OpenBus]:
    """The bus of a declaration, connected. One thread may use it.

    Args:
        plan: Of the declaration.
        connection: To its cluster.
        url: Host and port of a server; None = what the EventBus says.
        in_pod: Whether this runs in the cluster, so that its servers are reached directly.

    Raises:
        BusError: The bus cannot be read.
        UnknownKind, Refused, Unreachable: The API server cannot be asked.
    """
    resources = Resources(connection)
    address = address_of(_event_bus(plan, resources))
    read = functools.partial(_secret_value, resources, address.namespace)
    credentials = credentials_of(address, read)
    tls = _tls(address, read)
    with (
        _route(url, address, connection, resources, in_pod=in_pod) as (host, port),
        _reader(host, port, credentials, tls, address) as reader,
    ):
        yield OpenBus(reader, connection, resources)


def _event_bus(plan: Plan, resources: Resources) -> dict[str, Any]:
    name = plan.declaration.cluster.event_bus.name
    found = resources.read(API, "EventBus", plan.namespace, name)
    if found is None:
        raise BusError(
            f"there is no EventBus {name} in {plan.namespace}; hookline status says what is missing"
        )
    return found


def _secret_value(resources: Resources, namespace: str, wanted: SecretKey) -> bytes:
    secret = resources.read("v1", "Secret", namespace, wanted.name)
    try:
        return base64.b64decode((secret or {})["data"][wanted.key], validate=True)
    except (KeyError, TypeError, binascii.Error) as error:
        raise BusError(
            f"there is no Secret {wanted.name} with the key {wanted.key} in {namespace}"
        ) from error


def _tls(address: BusAddress, read: Callable[[SecretKey], bytes]) -> ssl.SSLContext:
    """TLS as Sensors have it: any certificate, unless the EventBus names an authority."""
    named = address.verification
    if named is None:
        return any_certificate()
    try:
        context = ssl.create_default_context(
            cadata=read(named.authority).decode("ascii") if named.authority else None
        )
        if named.certificate is not None and named.key is not None:
            _present(context, read(named.certificate), read(named.key))
    except (ssl.SSLError, ValueError) as error:
        raise BusError(f"the certificates of EventBus {address.name} cannot be read: {error}") from error
    return context


def _present(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Show this certificate to the server. The library reads it from a file only, which lives for a moment."""
    import tempfile  # noqa: PLC0415 - few buses ask for a certificate

    with tempfile.NamedTemporaryFile() as file:  # readable by its owner alone
        file.write(certificate.rstrip() + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name)


@contextmanager
def _route(
    url: tuple[str, int] | None,
    address: BusAddress,
    connection: Connection,
    resources: Resources,
    *,
    in_pod: bool,
) -> Iterator[tuple[str, int]]:
    """Host and port of a server: as somebody says, directly, or through the API server."""
    if url is not None:
        yield url
    elif in_pod or not address.is_in_cluster:
        yield address.host, address.port
    else:
        pod = _server_pod(address, resources)
        with PortForward(connection, address.namespace, pod, address.port) as forward:
            try:
                yield "127.0.0.1", forward.port
            except BusError as error:
                if forward.trouble is None:
                    raise
                raise BusError(f"the bus is not reached: {forward.trouble}") from error


def _server_pod(address: BusAddress, resources: Resources) -> str:
    """A server that is ready."""
    labels = f"controller=eventbus-controller,eventbus-name={address.name}"
    pods = resources.all_of("v1", "Pod", address.namespace, labels)
    ready = [
        pod["metadata"]["name"]
        for pod in pods
        if any(
            each["type"] == "Ready" and each["status"] == "True"
            for each in pod.get("status", {}).get("conditions", ())
        )
    ]
    if not ready:
        raise BusError(
            f"no server of EventBus {address.name} in {address.namespace} is ready; look with: kubectl -n {address.namespace} get pods -l "
            f"eventbus-name={address.name}"
        )
    return str(min(ready))


@contextmanager
def _reader(
    host: str, port: int, credentials: Credentials | None, tls: ssl.SSLContext, address: BusAddress
) -> Iterator[BusReader]:
    with contextlib.closing(BusReader(host, port, credentials, tls, address.host)) as reader:
        yield reader
