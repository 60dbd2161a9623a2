"""Parts that commands share which read the bus: its options, and the way to it."""

import datetime
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from bus.address import BusError
from bus.names import CLIENT_PORT
from bus.stream import StreamState
from documents.scalars import parse_duration
from hookline.command_line.applying_options import TargetCluster, failures, target_options
from hookline.command_line.common import EXIT_UNREACHABLE, fail
from hookline.plan.planning import Plan

if TYPE_CHECKING:
    from apiserver.connection import Connection
    from hookline.bus_access import OpenBus

__all__ = ["BusArguments", "bus_options", "limits", "open_bus", "parse_since"]

Command = TypeVar("Command", bound=Callable[..., Any])


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
def open_bus(plan: Plan, arguments: BusArguments) -> Iterator["OpenBus"]:
    """The bus of a declaration; one that cannot be read ends the command with code 3."""
    from apiserver.resources import UnknownKind  # noqa: PLC0415 - brings the client of the cluster
    from hookline.bus_access import bus_of  # noqa: PLC0415

    with failures():
        connection, in_pod = _connected(arguments.target)
        try:
            with bus_of(plan, connection, arguments.url, in_pod=in_pod) as opened:
                yield opened
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
