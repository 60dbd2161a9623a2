"""Create the runs of a fan-out: what its pod does."""

import math
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from documents.scalars import check_object_name, parse_duration
from hookline.command_line.common import EXIT_NEGATIVE, EXIT_UNREACHABLE, fail, parse_namespace, print_line
from hookline.command_line.exporter_options import ClusterArguments, configure_logs, stop_signal
from hookline.command_line.strict import StrictCommand
from hookline.exit_codes import EXIT_TERMINATED
from hookline.output import plural

if TYPE_CHECKING:
    from apiserver.connection import Connection
    from hookline.fanning_out.order import Run
    from hookline.fanning_out.tally import Outcome

PROGRESS = "ARGO_PROGRESS_FILE"
"""Variable in which Argo names the file that it reads a step's progress from (argo-workflows docs/progress.md)."""
LINES = 20
"""Refused runs that are named at the end; the output `runs` has all."""


def parse_workflow(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Callback of --workflow."""
    try:
        return check_object_name(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def parse_seconds(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    """Callback of an option that takes a duration, 0s too."""
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command(cls=StrictCommand)
@click.option(
    "-n", "--namespace", required=True, callback=parse_namespace, help="Namespace of the fan-out's Workflow."
)
@click.option(
    "--workflow",
    required=True,
    metavar="NAME",
    callback=parse_workflow,
    help="Name of the fan-out's Workflow.",
)
@click.option(
    "--outputs",
    default="/tmp/outputs",  # noqa: S108 - of the pod
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder for the files counts and runs, which say what came of the runs.",
)
@click.option(
    "--retry-refused",
    "patience",
    default="10m",
    show_default=True,
    metavar="DURATION",
    callback=parse_seconds,
    help="After all others are done, try refused runs again for so long, every 30 s.",
)
@click.option("--context", help="Context of the kubeconfig.  [default: the current one]")
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path),
    help="The kubeconfig.  [default: the cluster it runs in, else as kubectl]",
)
def command(
    *,
    namespace: str,
    workflow: str,
    outputs: Path,
    patience: int,
    context: str | None,
    kubeconfig: Path | None,
) -> None:
    """Create the runs of a fan-out: what its pod does.

    An event that starts many pipelines makes one Workflow, the fan-out, which holds the list of runs. Its pod runs this command. It creates the
    runs at their pace, and leaves out what exists: it can be stopped, killed and started again at any moment. hookline docs fan-out says more.

    \b
    Exit codes:
      0    every run exists, or a newer fan-out of the same image tag starts it
      1    the API server refused runs to the end; start it again when the reason is gone
      2    wrong usage, or no such fan-out, or one that cannot be read
      3    the cluster cannot be reached, or you may not read the fan-out
      143  ended by SIGTERM before all was done

    \b
    Example:
      hookline fan-out -n ci --workflow fan-out-golang-3f1c9a2b5d6e7f80
    """
    configure_logs("info")
    stop = stop_signal()
    connection = ClusterArguments(kubeconfig, context, (namespace,)).connection()
    refused = _work(connection, namespace, workflow, outputs, patience, stop)
    for line in _lines(refused):
        print_line(line, err=True)
    if refused:
        fail(f"{plural(len(refused), 'run')} refused by the API server", EXIT_NEGATIVE)


def _work(
    connection: "Connection",
    namespace: str,
    workflow: str,
    outputs: Path,
    patience: int,
    stop: threading.Event,
) -> "list[tuple[Run, Outcome]]":
    """Work the order off; the answer is what was refused to the end."""
    from apiserver.connection import Refused  # noqa: PLC0415 - brings the cluster's client
    from apiserver.resources import UnknownKind  # noqa: PLC0415
    from hookline.fanning_out.asking import Asking  # noqa: PLC0415
    from hookline.fanning_out.creating import REQUESTS  # noqa: PLC0415
    from hookline.fanning_out.crew import Crew, Stopped  # noqa: PLC0415
    from hookline.fanning_out.executing import Executor, find_order  # noqa: PLC0415
    from hookline.fanning_out.insisting import Insisting, Timing  # noqa: PLC0415
    from hookline.fanning_out.order import UnreadableOrder  # noqa: PLC0415
    from hookline.fanning_out.telling import Telling  # noqa: PLC0415

    timing = Timing()
    timing = replace(timing, rounds=math.ceil(patience / timing.round_pause))
    asking, insisting = Asking(connection), Insisting(Crew(REQUESTS, stop), timing)
    progress = os.environ.get(PROGRESS)
    telling = Telling(outputs, Path(progress) if progress else None)
    telling.nothing()
    try:
        found = find_order(asking, insisting, namespace, workflow)
        if found is None:
            fail(f"there is no Workflow {workflow} in namespace {namespace}")
        return Executor(found, asking, insisting, telling).run()
    except UnreadableOrder as error:
        fail(f"Workflow {namespace}/{workflow}: {error}")
    except (Refused, UnknownKind) as error:
        fail(f"Workflow {namespace}/{workflow} cannot be read: {error}", EXIT_UNREACHABLE)
    except Stopped:
        fail(
            "ended by SIGTERM before all was done; what is left is done when it is started again",
            EXIT_TERMINATED,
        )


def _lines(refused: "list[tuple[Run, Outcome]]") -> list[str]:
    """One line for each refused run, and one for those of a namespace that were refused in the same words."""
    same: dict[tuple[str, str], list[str]] = {}
    for run, outcome in refused:
        same.setdefault((run.namespace, outcome.words), []).append(run.place)
    lines = [
        f"refused: {names[0] if len(names) == 1 else f'{len(names):,} runs of namespace {namespace}'}: {words}"
        for (namespace, words), names in same.items()
    ]
    rest = len(lines) - LINES
    return lines if rest <= 0 else [*lines[:LINES], f"and {rest:,} more; the output runs names each"]
