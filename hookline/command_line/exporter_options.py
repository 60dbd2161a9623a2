"""Parts that exporter, record and replay share: the cluster, the address to listen at, stopping."""

import functools
import gc
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from documents.scalars import check_namespace
from hookline.command_line.common import EXIT_UNREACHABLE, fail
from hookline.logs import configure

if TYPE_CHECKING:
    from apiserver.connection import Connection
    from runs.exporter.service import ClusterScope

__all__ = [
    "ENVIRONMENT",
    "ClusterArguments",
    "address",
    "cluster_options",
    "command_line_options",
    "config_option",
    "configure_logs",
    "given_options",
    "lease_of",
    "missing_package",
    "require_extra",
    "serving_options",
    "stop_signal",
]

ENVIRONMENT = "HOOKLINE_EXPORTER_"
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ClusterArguments:
    """Options that name the cluster."""

    kubeconfig: Path | None
    context: str | None
    namespaces: tuple[str, ...]
    """None for all."""

    @property
    def is_own(self) -> bool:
        """Whether it is the cluster in which this runs, asked by the account of its pod."""
        return (
            self.kubeconfig is None
            and self.context is None
            and Path("/var/run/secrets/kubernetes.io").exists()
        )

    def connection(self) -> "Connection":
        """A connection to it; if it cannot be found, the command ends with code 3."""
        from apiserver.connection import Connection  # noqa: PLC0415 - brings the cluster's client

        try:
            if self.is_own:
                return Connection.of_pod()
            return Connection.of_kubeconfig(self.kubeconfig, self.context)
        except ConnectionError as error:
            fail(str(error), EXIT_UNREACHABLE)

    def sources(self) -> "ClusterScope":
        """The scope to watch; if the cluster cannot be found, the command ends with code 3."""
        from runs.exporter.service import ClusterScope  # noqa: PLC0415 - brings the cluster's client
        from runs.tracker import ALL_NAMESPACES  # noqa: PLC0415

        return ClusterScope(self.connection(), self.namespaces or ALL_NAMESPACES)


def cluster_options(environment: str = ENVIRONMENT) -> Callable[[Command], Command]:
    """--kubeconfig, --context and --namespace; the command gets them as `cluster`.

    Args:
        environment: Prefix of the variable that replaces --namespace.
    """
    return functools.partial(_with_cluster_options, environment)


def _with_cluster_options(environment: str, command: Command) -> Command:
    @click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path),
        help="Kubeconfig of the cluster to watch.  [default: the cluster it runs in, else as kubectl]",
    )
    @click.option("--context", help="Context of the kubeconfig.")
    @click.option(
        "-n",
        "--namespace",
        "namespaces",
        multiple=True,
        envvar=environment + "NAMESPACE",
        callback=_parse_namespaces,
        help="Watch only this namespace; repeatable.  [default: all]",
    )
    @functools.wraps(command)
    def wrapped(
        kubeconfig: Path | None, context: str | None, namespaces: tuple[str, ...], **others: Any
    ) -> Any:
        return command(cluster=ClusterArguments(kubeconfig, context, namespaces), **others)

    return wrapped  # type: ignore[return-value]  # functools.wraps keeps the command


def _parse_namespaces(context: click.Context, _: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Callback of --namespace: names that Kubernetes takes, each once; another one ends the command."""
    if context.resilient_parsing:
        return values
    for place, value in enumerate(values):
        try:
            check_namespace(value)
        except ValueError as error:
            fail(f"-n {value}: {error}")
        if value in values[:place]:
            fail(f"-n {value} is given twice")
    return values


def serving_options(environment: str, port: int, pages: str, works: str) -> Callable[[Command], Command]:
    """--listen, --web.config.file and --lease.

    Args:
        environment: Prefix of the variables that replace them.
        port: Where it listens if nothing else is said.
        pages: What is served beside metrics: "pages".
        works: What the instance with the lease does: "counts".
    """
    options = (
        click.option(
            "--listen",
            default=f"0.0.0.0:{port}",
            show_default=True,
            envvar=environment + "LISTEN",
            metavar="HOST:PORT",
            help=f"Address at which metrics and {pages} are served.",
        ),
        click.option(
            "--web.config.file",
            "web_configuration",
            type=click.Path(path_type=Path),
            envvar=environment + "WEB_CONFIG_FILE",
            help="File with TLS settings and passwords, in the format of Prometheus' own exporters.",
        ),
        click.option(
            "--lease",
            envvar=environment + "LEASE",
            metavar="NAMESPACE/NAME",
            help=f"Lease to share: of the instances with the same lease, one {works} and the others wait.",
        ),
    )

    def decorated(command: Command) -> Command:
        # The last decorator that is applied is the first option.
        for each in reversed(options):
            command = each(command)
        return command

    return decorated


def config_option(command: Command) -> Command:
    """--config."""
    return click.option(
        "--config",
        "configuration",
        type=click.Path(path_type=Path),
        envvar=ENVIRONMENT + "CONFIG",
        help="File with the settings of the exporter (hookline docs exporter#settings).",
    )(command)


def given_options(context: click.Context) -> Mapping[str, str]:
    """The options that somebody gave: name of the parameter → option, and the variable where that gave it."""
    found = {}
    for each in context.command.params:
        source, name = context.get_parameter_source(each.name or ""), each.name or ""
        if source is ParameterSource.COMMANDLINE:
            found[name] = each.opts[-1]
        elif source is ParameterSource.ENVIRONMENT:
            found[name] = f"{each.opts[-1]} (from {each.envvar})"
    return found


def command_line_options(context: click.Context) -> frozenset[str]:
    """The options that stand on the command line."""
    return frozenset(
        each.opts[-1]
        for each in context.command.params
        if context.get_parameter_source(each.name or "") is ParameterSource.COMMANDLINE
    )


def configure_logs(level: str) -> None:
    """Log from this level on, unless --log-level names another."""
    chosen = click.get_current_context().find_root().params.get("log_level")
    configure(chosen or level)


def missing_package() -> str:
    """A package of the exporter that is not installed; empty when all are."""
    try:
        import bcrypt  # noqa: F401, PLC0415
        import jinja2  # noqa: F401, PLC0415
        import orjson  # noqa: F401, PLC0415
        import prometheus_client  # noqa: F401, PLC0415
        import tornado  # noqa: F401, PLC0415
    except ImportError as error:
        return error.name or str(error)
    return ""


def require_extra() -> None:
    """End the command where the packages of the exporter are not installed."""
    if name := missing_package():
        fail(f"the exporter's packages are missing ({name}); install hookline with its extra `exporter`")


def address(text: str) -> tuple[str, int]:
    """Host and port of HOST:PORT, :PORT or [IPv6]:PORT."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        fail(f"--listen {text}: write HOST:PORT, as in 0.0.0.0:9893")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - a scraper is on another machine


def lease_of(text: str | None) -> tuple[str, str] | None:
    """Namespace and name of NAMESPACE/NAME."""
    if text is None:
        return None
    namespace, slash, name = text.partition("/")
    if not slash or not namespace or not name or "/" in name:
        fail(f"--lease {text}: write NAMESPACE/NAME")
    return namespace, name


def stop_signal() -> threading.Event:
    """Set by SIGTERM and Ctrl-C; a second one ends the process at once."""
    # Other commands end before collecting pays, so the command line switches it off; what waits for a signal runs for weeks.
    gc.enable()
    # Decoded JSON has no cycles; looking at it as often as Python does by default took half of the time of a large list.
    gc.set_threshold(50_000, 20, 100)
    stop = threading.Event()

    def stopped(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    return stop
