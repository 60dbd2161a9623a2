"""Parts that apply, diff, delete and status share: the cluster, what is told of a change, and how a failure ends the command."""

import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from documents.lines import printable
from events.scalars import is_placeholder
from hookline.applying.changes import Change
from hookline.applying.inventory import inventory_name
from hookline.applying.object_name import ObjectName
from hookline.command_line.common import EXIT_USAGE, fail, objects_to_print, print_line
from hookline.output import plural
from hookline.plan.planning import Plan

if TYPE_CHECKING:
    from apiserver.connection import Connection
    from hookline.applying.applier import Applier

__all__ = [
    "TargetCluster",
    "Waiting",
    "change_data",
    "failures",
    "objects_to_apply",
    "sentence",
    "target_options",
    "told",
]

Command = TypeVar("Command", bound=Callable[..., Any])

_PAST = {
    "create": "created",
    "configure": "configured",
    "delete": "deleted",
    "keep": "kept",
    "unchanged": "unchanged",
}


@dataclass(frozen=True, slots=True)
class TargetCluster:
    """Options that name the cluster."""

    kubeconfig: Path | None
    context: str | None

    def connection(self) -> "Connection":
        """A connection to this cluster.

        Raises:
            ConnectionError: There is no such context; `failures` makes code 3 of it.
        """
        # The client of the cluster is slow to load, and most commands work offline.
        from apiserver.connection import Connection  # noqa: PLC0415

        return Connection.of_kubeconfig(self.kubeconfig, self.context)

    def applier(self, plan: Plan) -> "Applier":
        """The applier of a plan in this cluster; if there is no such context, the command ends with code 3."""
        from hookline.applying.applier import Applier  # noqa: PLC0415

        return Applier(self.connection(), inventory_name(plan.prefix, plan.namespace))


def target_options(command: Command) -> Command:
    """--kubeconfig and --context; the command gets them as `target`."""

    @click.option("--context", help="Context of the kubeconfig.  [default: the current one]")
    @click.option(
        "--kubeconfig", type=click.Path(path_type=Path), help="The kubeconfig.  [default: as kubectl]"
    )
    @functools.wraps(command)
    def wrapped(kubeconfig: Path | None, context: str | None, **others: Any) -> Any:
        return command(target=TargetCluster(kubeconfig, context), **others)

    return wrapped  # type: ignore[return-value]  # as in declaration_options


def objects_to_apply(plan: Plan) -> list[dict[str, Any]]:
    """Every object of a plan, as it can be applied; a place that somebody has to fill ends the command with code 2."""
    for endpoint in plan.received:
        if is_placeholder(endpoint.path):
            name = endpoint.path[2:-1]
            fail(
                f"the endpoint of source {endpoint.name} is {endpoint.path}, which apply does not fill: write the path into the file, or use "
                f"hookline render | envsubst '${name}' | kubectl apply --server-side -f -"
            )
    return objects_to_print(plan)


@contextmanager
def failures() -> Iterator[None]:
    """End the command with what the cluster refuses, or with the words that it cannot be reached.

    What the API server refuses ends it with code 2, and with 3 where it is that you may not ask.
    """
    from apiserver.connection import Refused, Unreachable  # noqa: PLC0415
    from hookline.applying.applier import Refusals  # noqa: PLC0415
    from hookline.exit_codes import EXIT_UNREACHABLE  # noqa: PLC0415

    try:
        yield
    except Refusals as refusals:
        for each in refusals.sentences:
            print_line(f"error: {each}", err=True)
        fail("nothing was changed")
    except Refused as refused:
        fail(
            f"the API server refuses: {refused}",
            EXIT_UNREACHABLE if refused.status in (401, 403) else EXIT_USAGE,
        )
    except Unreachable as error:
        fail(f"the cluster does not answer: {str(error)[:200]}", EXIT_UNREACHABLE)
    except ConnectionError as error:
        fail(f"hookline found no cluster to ask: {error}", EXIT_UNREACHABLE)


def told(change: Change) -> None:
    """One line for a change, in kubectl's words; an object that stays as it is has none."""
    if change.action != "unchanged":
        where = f" in {change.name.namespace}" if change.name.namespace else ""
        print_line(
            f"{change.name} {_PAST[change.action]}{where}" + (f": {change.reason}" if change.reason else "")
        )


def sentence(changes: tuple[Change, ...]) -> str:
    """The numbers of all changes: 2 created, 1 configured, 12 unchanged."""
    counts = {word: sum(each.action == action for each in changes) for action, word in _PAST.items()}
    return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or plural(0, "object")


def change_data(change: Change) -> dict[str, Any]:
    """A change as JSON and YAML show it."""
    found: dict[str, Any] = {**change.name.data, "action": change.action}
    return found | ({"reason": change.reason} if change.reason else {})


class Waiting:
    """Shows what is waited for: on a terminal in one line that changes, elsewhere in a line whenever it changes."""

    def __init__(self) -> None:
        self._shown = ""

    def __call__(self, left: Mapping[ObjectName, str]) -> None:
        """Show what is left."""
        name, reason = next(iter(left.items()))
        more = f", and {plural(len(left) - 1, 'more object')}" if len(left) > 1 else ""
        text = f"waiting for {name}: {reason}{more}"
        if text == self._shown:
            return
        if sys.stderr.isatty():
            click.echo(f"\r\033[K{printable(text[: _columns()])}", nl=False, err=True)
        else:
            print_line(text, err=True)
        self._shown = text

    def end(self) -> None:
        """Leave the line of a terminal empty."""
        if self._shown and sys.stderr.isatty():
            click.echo("\r\033[K", nl=False, err=True)
        self._shown = ""


def _columns() -> int:
    """Columns of the terminal, less one."""
    import shutil  # noqa: PLC0415 - only on a terminal

    return shutil.get_terminal_size().columns - 1
