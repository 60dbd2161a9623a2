"""Stop runs, whether they work or wait for a lock."""

import functools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from documents.scalars import parse_duration
from hookline.command_line.applying_options import TargetCluster, target_options
from hookline.command_line.common import EXIT_NEGATIVE, fail, output_option, print_data, print_line
from hookline.command_line.completing import complete_pipeline
from hookline.command_line.steering_options import (
    Place,
    because_option,
    cluster_runs,
    place_options,
    steering_failures,
)
from hookline.command_line.strict import StrictCommand
from hookline.output import plural, table
from hookline.steering.manual import person, reason
from runs.stopping import Selection

if TYPE_CHECKING:
    from hookline.steering.cluster_runs import Stopped


@dataclass(frozen=True, slots=True)
class _Stopping:
    """Options that say how runs are stopped."""

    because: str
    dry_run: bool
    timeout: str
    no_wait: bool

    @property
    def wait_seconds(self) -> int:
        """How long the runs may take to end."""
        try:
            return 0 if self.no_wait else parse_duration(self.timeout)
        except ValueError as error:
            fail(f"--timeout {self.timeout}: {error}")


def _selection_options(command: Any) -> Any:
    """--pipeline, --repository and --request; the command gets them as `selection`."""

    @click.option(
        "--pipeline", default="", shell_complete=complete_pipeline, help="Stop the runs of this pipeline."
    )
    @click.option("--repository", default="", metavar="OWNER/NAME", help="Stop the runs of this repository.")
    @click.option(
        "--request",
        type=click.IntRange(1, 10**15),
        metavar="NUMBER",
        help="Stop the runs of this pull or merge request; with --repository or --pipeline.",
    )
    @functools.wraps(command)
    def wrapped(*, pipeline: str, repository: str, request: int | None, **others: Any) -> Any:
        return command(selection=Selection(pipeline, repository, request or 0), **others)

    return wrapped


def _stopping_options(command: Any) -> Any:
    """--because, --dry-run, --timeout and --no-wait; the command gets them as `stopping`."""

    @because_option
    @click.option("--dry-run", is_flag=True, help="Print what would be stopped, and stop nothing.")
    @click.option(
        "--timeout", default="2m", show_default=True, help="Time in which every run must have ended."
    )
    @click.option("--no-wait", is_flag=True, help="Do not wait until the runs have ended.")
    @functools.wraps(command)
    def wrapped(*, because: str, dry_run: bool, timeout: str, no_wait: bool, **others: Any) -> Any:
        return command(stopping=_Stopping(because, dry_run, timeout, no_wait), **others)

    return wrapped


@click.command(
    cls=StrictCommand,
    excludes={
        "--dry-run": ["--timeout", "--because", "--no-wait"],
        "--no-wait": ["--timeout"],
        "--namespace": ["--file", "--template", "--template-from-cluster"],
    },
)
@click.argument("workflows", metavar="[WORKFLOW]...", nargs=-1)
@_selection_options
@_stopping_options
@output_option
@place_options
@target_options
def command(
    place: Place,
    target: TargetCluster,
    *,
    workflows: tuple[str, ...],
    selection: Selection,
    stopping: _Stopping,
    output: str,
) -> None:
    """Stop runs: named ones, or all of a pipeline, a repository or a request, with your own rights.

    A run that works is stopped: its pods end, its exit handlers run. A run that waits for a mutex or a limit is terminated, so that it never
    starts. hookline looks again until each has ended. A stopped run carries who stopped it and why; the exporter counts it as cancelled.

    \b
    Exit codes:
      0   no such run is under way any more; with --no-wait, each was asked to end
      1   a run has not ended in time, or could not be asked to, or there is no run of a name
      2   wrong usage
      3   the cluster cannot be reached, or you may not do this

    \b
    Examples:
      hookline cancel shop-3f9a7c1e5b2d4068
      hookline cancel --request 12 --repository acme/shop --because "closed"
      hookline cancel --pipeline shop -n ci --dry-run
    """
    if not workflows and selection == Selection():
        fail("say which runs: their names, --pipeline, --repository or --request")
    if workflows and selection != Selection():
        fail("name runs, or choose them with --pipeline, --repository and --request; not both")
    if selection.request and not (selection.repository or selection.pipeline):
        fail(
            "--request: add --repository or --pipeline, since other repositories have a request of this number"
        )
    wait_seconds = stopping.wait_seconds
    places = place.namespaces
    with steering_failures():
        reason(stopping.because)
        runs = cluster_runs(target)
        named = {each: runs.find(places, each) for each in dict.fromkeys(workflows)}
        found = [each for each in named.values() if each is not None]
        found += [] if workflows else runs.under_way(places, selection)
        if stopping.dry_run:
            results = [runs.would_stop(each) for each in found]
        else:
            by = person(runs.person()) if found else ""
            results = runs.stop(found, by=by, because=stopping.because, wait_seconds=wait_seconds)
    missing = [name for name, each in named.items() if each is None]
    _print(results, output, dry_run=stopping.dry_run)
    if missing:
        print_line(f"error: there is no Workflow {', '.join(missing)} in {', '.join(places)}", err=True)
    late = [] if stopping.no_wait else [each for each in results if each.result == "ending"]
    if late:
        print_line(
            f"error: {plural(len(late), 'run')} did not end within {stopping.timeout}; look with: kubectl describe workflow {late[0].name} -n "
            f"{late[0].namespace}",
            err=True,
        )
    unasked = [] if stopping.dry_run else [each for each in results if each.result == "running"]
    for each in unasked:
        print_line(
            f"error: {each.name} in {each.namespace} changed while it was asked to end; run the command again",
            err=True,
        )
    sys.exit(EXIT_NEGATIVE if missing or late or unasked else 0)


_WORDS = {
    "cancelled": "has been stopped",
    "ended": "had ended before",
    "ending": "was asked to end",
    "running": "goes on",
}


def _print(results: Sequence["Stopped"], output: str, *, dry_run: bool) -> None:
    if output != "table":
        items = [
            {
                "namespace": each.namespace,
                "name": each.name,
                "pipeline": each.pipeline,
                "result": each.result,
                "phase": each.phase,
                "strategy": each.strategy or None,
            }
            for each in results
        ]
        print_data({"apiVersion": "hookline.dev/v1", "kind": "Cancelled", "items": items}, output)
    elif results:
        # Argo's phase of what it stopped may be Succeeded, so it is told of nothing else.
        words = {**_WORDS, "running": "would be stopped"} if dry_run else _WORDS
        rows = [
            (
                each.name,
                each.namespace,
                each.pipeline,
                words[each.result] + (f": {each.phase}" if each.result == "ended" else ""),
            )
            for each in results
        ]
        click.echo(table(("WORKFLOW", "NAMESPACE", "PIPELINE", "RESULT"), rows), nl=False)
    else:
        print_line("no such run is under way")
