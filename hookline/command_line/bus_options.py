"""Parts that commands share which read the bus: its options, and the way to it."""

import base64
import binascii
import contextlib
import datetime
import functools
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from bus.address import BusAddress, BusError, Credentials, SecretKey, address_of, credentials_of
from bus.names import CLIENT_PORT
from bus.stream import StreamState
from documents.scalars import parse_duration
from hookline.command_line.applying_options import TargetCluster, failures, target_options
from hookline.command_line.common import EXIT_UNREACHABLE, fail
from hookline.plan.planning import Plan

if TYPE_CHECKING:
    from apiserver.connection import Connection
    from apiserver.resources import Resources
    from bus.reader import BusReader

__all__ = ["BusArguments", "OpenBus", "bus_options", "limits", "open_bus", "parse_since"]

Command = TypeVar("Command", bound=Callable[..., Any])

API = "argoproj.io/v1alpha1"


@dataclass(frozen=True, slots=True)
class BusArguments:
    """Options that name the cluster and the way to its bus."""

    target: TargetCluster
    url: tuple[str, int] | None
    """Host and port of --bus-url."""

    @property
    def given(self) -> bool:
        """Whether any of the options stands on the command line."""
        return any((self.target.kubeconfig, self.target.context, self.url))


@dataclass(frozen=True, slots=True)
class OpenBus:
    """A bus that answers, and its cluster."""

    reader: "BusReader"
    connection: "Connection"
    resources: "Resources"


def parse_bus_url(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[str, int] | None:
    """Callback of --bus-url: host and port."""
    if value is None:
        return None
    try:
        url = urlsplit(value)
        host, port = url.hostname, url.port or CLIENT_PORT
    except ValueError:
        host, port = None, CLIENT_PORT
    if host is None or url.scheme not in ("tls", "nats") or url.path.strip("/"):
        raise click.BadParameter("expected a URL such as tls://127.0.0.1:4222")
    if url.username or url.password:
        raise click.BadParameter(
            "leave user and password out: hookline reads them from the Secret of the bus"
        )
    return host, port


def parse_since(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> datetime.timedelta | None:
    """Callback of --since: a duration."""
    if value is None:
        return None
    try:
        found = datetime.timedelta(seconds=parse_duration(value))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if not found:
        raise click.BadParameter("expected a duration above 0")
    return found


def bus_options(command: Command) -> Command:
    """--context, --kubeconfig and --bus-url; the command gets them as `bus`."""

    @target_options
    @click.option(
        "--bus-url",
        "url",
        metavar="URL",
        callback=parse_bus_url,
        help="Connect to the bus at this URL, such as tls://127.0.0.1:4222.  [default: through the API server; in a pod: directly]",
    )
    @functools.wraps(command)
    def wrapped(target: TargetCluster, url: tuple[str, int] | None, **others: Any) -> Any:
        return command(bus=BusArguments(target, url), **others)

    return wrapped  # type: ignore[return-value]  # as in declaration_options


@contextmanager
def open_bus(plan: Plan, arguments: BusArguments) -> Iterator[OpenBus]:
    """The bus of a declaration; one that cannot be read ends the command with code 3."""
    from apiserver.resources import Resources, UnknownKind  # noqa: PLC0415 - brings the client of the cluster

    with failures():
        connection, in_pod = _connected(arguments.target)
        resources = Resources(connection)
        try:
            address = address_of(_event_bus(plan, resources))
            read = functools.partial(_secret_value, resources, address.namespace)
            credentials = credentials_of(address, read)
            tls = _tls(address, read)
            with (
                _route(arguments, address, connection, resources, in_pod=in_pod) as (host, port),
                _reader(host, port, credentials, tls, address) as reader,
            ):
                yield OpenBus(reader, connection, resources)
        except UnknownKind as unknown:
            fail(str(unknown), EXIT_UNREACHABLE)
        except BusError as error:
            fail(str(error), EXIT_UNREACHABLE)


def _connected(target: TargetCluster) -> tuple["Connection", bool]:
    """The API server as kubectl finds it, and whether it was found by the account of the pod in which this runs."""
    from apiserver.connection import Connection  # noqa: PLC0415

    try:
        return Connection.of_kubeconfig(target.kubeconfig, target.context), False
    except ConnectionError:
        if target.kubeconfig or target.context or "KUBERNETES_SERVICE_HOST" not in os.environ:
            raise
        return Connection.of_pod(), True


def _event_bus(plan: Plan, resources: "Resources") -> dict[str, Any]:
    name = plan.declaration.cluster.event_bus.name
    found = resources.read(API, "EventBus", plan.namespace, name)
    if found is None:
        raise BusError(
            f"there is no EventBus {name} in {plan.namespace}; hookline status says what is missing"
        )
    return found


def _secret_value(resources: "Resources", namespace: str, wanted: SecretKey) -> bytes:
    secret = resources.read("v1", "Secret", namespace, wanted.name)
    try:
        return base64.b64decode((secret or {})["data"][wanted.key], validate=True)
    except (KeyError, TypeError, binascii.Error) as error:
        raise BusError(
            f"there is no Secret {wanted.name} with the key {wanted.key} in {namespace}"
        ) from error


def _tls(address: BusAddress, read: Callable[[SecretKey], bytes]) -> ssl.SSLContext:
    """TLS as Sensors have it: any certificate, unless the EventBus names an authority."""
    from bus.reader import any_certificate  # noqa: PLC0415

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
    arguments: BusArguments,
    address: BusAddress,
    connection: "Connection",
    resources: "Resources",
    *,
    in_pod: bool,
) -> Iterator[tuple[str, int]]:
    """Host and port of a server: as the user says, directly, or through the API server."""
    if arguments.url is not None:
        yield arguments.url
    elif in_pod or not address.is_in_cluster:
        yield address.host, address.port
    else:
        from apiserver.port_forward import PortForward  # noqa: PLC0415

        pod = _server_pod(address, resources)
        with PortForward(connection, address.namespace, pod, address.port) as forward:
            try:
                yield "127.0.0.1", forward.port
            except BusError as error:
                if forward.trouble is None:
                    raise
                raise BusError(f"the bus is not reached: {forward.trouble}") from error


def _server_pod(address: BusAddress, resources: "Resources") -> str:
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
) -> Iterator["BusReader"]:
    from bus.reader import BusReader  # noqa: PLC0415 - brings the client of the bus

    with contextlib.closing(BusReader(host, port, credentials, tls, address.host)) as reader:
        yield reader


def limits(state: StreamState) -> str:
    """A sentence on the content of the bus and how long it keeps it, as its server says it."""
    kept = [
        *([f"{_hours(state.max_age)}"] if state.max_age else []),
        *([f"{state.max_messages:,} events"] if state.max_messages else []),
        *([f"{state.max_size / 2**20:,.0f} MiB"] if state.max_size else []),
    ]
    holds = (
        f"the bus holds {state.messages:,} events since {state.begins:%Y-%m-%d %H:%M:%S} UTC"
        if state.messages
        else "the bus holds no events"
    )
    return (
        f"{holds}; it keeps {' and at most '.join(kept)}" if kept else f"{holds}; it keeps them without limit"
    )


def _hours(age: datetime.timedelta) -> str:
    return f"{age.total_seconds() / 3600:g} hours"
