"""Start a run again: the same commit with the same parameters."""

import datetime
from typing import Any

import click

from hookline.command_line.applying_options import TargetCluster, target_options
from hookline.command_line.common import EXIT_NEGATIVE, fail, print_line
from hookline.command_line.steering_options import (
    Place,
    Starting,
    cluster_runs,
    created,
    place_options,
    shown,
    start_options,
    steering_failures,
)
from hookline.command_line.strict import StrictCommand
from hookline.steering.manual import person, reason
from triggers.manual_run import repeated, run_name
from triggers.words import BECAUSE_ANNOTATION, PREFIX, STARTED_BY_ANNOTATION


@click.command(
    cls=StrictCommand,
    excludes={"--dry-run": ["--wait"], "--namespace": ["--file", "--template", "--template-from-cluster"]},
)
@click.argument("workflow")
@click.option(
    "--from-failed",
    is_flag=True,
    help="Refused with the command that does it: only Argo can go on from a failed step.",
)
@start_options
@place_options
@target_options
def command(
    place: Place, target: TargetCluster, *, workflow: str, from_failed: bool, starting: Starting
) -> None:
    """Start a run again: a new Workflow with the spec of the old one, so the same commit and parameters, with your own rights.

    The present declaration is not asked; the template is the one that the cluster has now. The new Workflow says which one it repeats, who
    started it and why. A run that named no commit, as those of schedules, builds the head of its branch as it is now.

    \b
    Exit codes:
      0   the run was created; with --wait, it succeeded
      1   there is no such run; with --wait, the new one did not succeed
      2   wrong usage, or the API server would refuse the Workflow; nothing was created
      3   the cluster cannot be reached, or you may not do this

    \b
    Examples:
      hookline rerun shop-3f9a7c1e5b2d4068
      hookline rerun shop-3f9a7c1e5b2d4068 -n ci --because "registry was down" --wait
    """
    places = place.namespaces
    now = datetime.datetime.now(datetime.UTC)
    with steering_failures():
        reason(starting.because)
        runs = cluster_runs(target)
        old = runs.find(places, workflow)
        if old is None:
            fail(f"there is no Workflow {workflow} in {', '.join(places)}", EXIT_NEGATIVE)
        metadata = old["metadata"]
        pipeline = (metadata.get("labels") or {}).get(f"{PREFIX}pipeline")
        if from_failed:
            fail(
                "going on from the failed step means to change the state of the run and to delete pods, as each release of Argo Workflows "
                f"does it in its own way; let Argo do it: argo retry {metadata['name']} -n {metadata['namespace']}"
            )
        if not pipeline:
            fail(
                f"hookline did not start {workflow}; repeat it with: argo resubmit {workflow} -n {metadata['namespace']}"
            )
        by = "" if starting.dry_run else runs.person()
        said = {STARTED_BY_ANNOTATION: person(by), BECAUSE_ANNOTATION: starting.because}
        annotations = {key: value for key, value in said.items() if value}

        def named(suffix: str) -> dict[str, Any]:
            return repeated(old, run_name(pipeline, now, suffix), annotations)

        about = f"repeats {workflow}" + _head(old)
        if starting.dry_run:
            print_line(f"nothing is created: {about}", err=True)
            shown(named("00"), starting.output)
            return
        created(runs, named, starting, about)


def _head(old: dict[str, Any]) -> str:
    """Words on a run that named no commit."""
    sha = (old["metadata"].get("annotations") or {}).get(f"{PREFIX}sha")
    return "" if sha else ", which named no commit: it builds the head of its branch as it is now"
