"""Parts that run, rerun and cancel share: the runs of a cluster, where they are, how one is followed, and how a failure ends the command."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from documents.scalars import check_namespace
from hookline.command_line.applying_options import TargetCluster, failures
from hookline.command_line.common import (
    EXIT_NEGATIVE,
    DeclarationArguments,
    declaration_options,
    fail,
    format_option,
    print_data,
    print_line,
)
from hookline.output import yaml_documents
from hookline.steering.manual import Unusable

if TYPE_CHECKING:
    from hookline.steering.cluster_runs import ClusterRuns

__all__ = [
    "Place",
    "Starting",
    "because_option",
    "cluster_runs",
    "created",
    "place_options",
    "shown",
    "start_options",
    "steering_failures",
]

Command = TypeVar("Command", bound=Callable[..., Any])

because_option = click.option(
    "--because", default="", metavar="TEXT", help="Why; the run carries it as an annotation."
)


@dataclass(frozen=True, slots=True)
class Starting:
    """Options of commands that create a Workflow."""

    because: str
    dry_run: bool
    wait: bool
    output: str


def start_options(command: Command) -> Command:
    """--because, --dry-run, --wait and -o; the command gets them as `starting`."""

    @because_option
    @click.option("--dry-run", is_flag=True, help="Print the Workflow and create nothing.")
    @click.option(
        "--wait",
        is_flag=True,
        help="Wait until the run has ended, and exit with 1 if it did not succeed. Ctrl-C ends the waiting alone.",
    )
    @format_option(
        "text",
        "name",
        "json",
        "yaml",
        help="Format of the answer. text: a sentence; with --dry-run the Workflow. name: namespace/name. json, yaml: the Workflow.",
    )
    @functools.wraps(command)
    def wrapped(*, because: str, dry_run: bool, wait: bool, output: str, **others: Any) -> Any:
        return command(starting=Starting(because, dry_run, wait, output), **others)

    return wrapped  # type: ignore[return-value]  # as in declaration_options


@dataclass(frozen=True, slots=True)
class Place:
    """Options that say where a run is."""

    given: tuple[str, ...]
    declared: DeclarationArguments

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces to look into: those that were named, else those of the declaration; where neither is said, the command ends."""
        for each in self.given:
            try:
                check_namespace(each)
            except ValueError as error:
                fail(f"-n {each}: {error}")
        if self.given:
            return tuple(dict.fromkeys(self.given))
        if not self.declared.files and not Path("hookline.yaml").exists():
            fail(
                "there is no hookline.yaml in this folder; say in which namespace the run is with -n, or name a file with -f"
            )
        return self.declared.plan().namespaces


def place_options(command: Command) -> Command:
    """-n and the options of the declaration; the command gets them as `place`."""

    @click.option(
        "-n",
        "--namespace",
        "namespaces",
        multiple=True,
        help="Namespace of the run; repeatable.  [default: every namespace in which the declaration lets runs go]",
    )
    @functools.wraps(command)
    def wrapped(*, namespaces: tuple[str, ...], declared: DeclarationArguments, **others: Any) -> Any:
        return command(place=Place(namespaces, declared), **others)

    return declaration_options(wrapped)  # type: ignore[return-value]  # as in declaration_options


@contextmanager
def steering_failures() -> Iterator[None]:
    """End the command with what cannot be started, what the cluster refuses, or the words that it cannot be reached."""
    from apiserver.resources import UnknownKind  # noqa: PLC0415 - brings the client of the cluster

    try:
        with failures():
            yield
    except Unusable as error:
        fail(str(error))
    except UnknownKind:
        fail("the cluster does not know Workflows; install Argo Workflows first")


def cluster_runs(target: TargetCluster) -> "ClusterRuns":
    """The runs of the cluster that the options name."""
    from hookline.steering.cluster_runs import ClusterRuns  # noqa: PLC0415 - brings the client of the cluster

    return ClusterRuns(target.connection())


def created(
    runs: "ClusterRuns", named: Callable[[str], dict[str, Any]], starting: Starting, about: str
) -> None:
    """Create a Workflow, say so, and follow it if that was asked for; the command then ends with the result of the run.

    Args:
        runs: Of the cluster.
        named: Makes the Workflow, of two hex digits at the end of its name.
        starting: The options.
        about: What is said of it.
    """
    workflow = runs.create(named)
    if starting.output == "text":
        metadata = workflow["metadata"]
        print_line(f"workflow {metadata['name']} created in {metadata['namespace']}: {about}")
    elif starting.output == "name" or not starting.wait:
        shown(workflow, starting.output)
    if starting.wait:
        sys.exit(_followed(runs, workflow, starting.output))


def _followed(runs: "ClusterRuns", workflow: dict[str, Any], output: str) -> int:
    """Follow a run to its end: the exit code of the command."""
    from hookline.steering.cluster_runs import outcome  # noqa: PLC0415 - brings the client of the cluster

    name, last = workflow["metadata"]["name"], workflow
    for found in runs.follow(workflow):
        if found is None:
            print_line(f"error: {name} was deleted before it ended", err=True)
            return EXIT_NEGATIVE
        last = found
        status = found.get("status") or {}
        parts = [status.get("phase") or "Pending", status.get("progress"), status.get("message")]
        print_line(f"{name}  {'  '.join(str(each) for each in parts if each)}", err=True)
    word, message = outcome(last)
    good = word in {"success", "skip"}
    if output in {"json", "yaml"}:
        print_data(last, output)
    elif output == "text":
        print_line(f"{name}: {word}" + (f": {message}" if message and not good else ""))
    return 0 if good else EXIT_NEGATIVE


def shown(workflow: dict[str, Any], output: str) -> None:
    """Print a Workflow that is not created."""
    if output == "name":
        print_line(f"{workflow['metadata']['namespace']}/{workflow['metadata']['name']}")
    elif output == "json":
        print_data(workflow, output)
    else:
        click.echo(yaml_documents([workflow]), nl=False)
