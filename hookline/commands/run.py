"""Start a pipeline by hand: of a branch, a tag, a commit or a request."""

import datetime
import functools
import re
from typing import Any

import click

from hookline.command_line.applying_options import TargetCluster, target_options
from hookline.command_line.common import (
    DeclarationArguments,
    declaration_options,
    fail,
    print_line,
)
from hookline.command_line.completing import complete_pipeline
from hookline.command_line.steering_options import (
    Starting,
    cluster_runs,
    created,
    shown,
    start_options,
    steering_failures,
)
from hookline.command_line.strict import StrictCommand
from hookline.steering.manual import ManualRun, Subject, manual_run
from triggers.manual_run import run_name

_LIKE = {
    "push": "as a push",
    "tag": "as a tag",
    "pull_request": "as a request",
    "schedule": "as its schedule",
    "image_push": "as a pushed image",
}


def _subject_options(command: Any) -> Any:
    """--branch, --tag, --sha and --request; the command gets them as `subject`."""

    @click.option("--branch", default="", help="Build the head of this branch, with the settings of pushes.")
    @click.option("--tag", default="", help="Build this tag, with the settings of tags.")
    @click.option(
        "--sha",
        default="",
        metavar="COMMIT",
        help="Build this commit, all its digits, in place of the head; with --branch, --tag or --request. Name a commit that you have looked at: "
        "hookline cannot ask the host which branch has it.",
    )
    @click.option(
        "--request",
        type=click.IntRange(1, 10**15),
        metavar="NUMBER",
        help="Build for this pull or merge request, with the settings of requests, which push nothing unless the pipeline says so. --branch "
        "names the request's branch; for a pipeline of forks, --sha names its commit.",
    )
    @functools.wraps(command)
    def wrapped(*, branch: str, tag: str, sha: str, request: int | None, **others: Any) -> Any:
        return command(subject=Subject(branch, tag, sha, request or 0), **others)

    return wrapped


@click.command(
    cls=StrictCommand,
    excludes={
        "--branch": ["--tag"],
        "--dry-run": ["--wait", "--context", "--kubeconfig"],
    },
)
@click.argument("pipeline", shell_complete=complete_pipeline)
@_subject_options
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=VALUE",
    help="Parameter of the template, over run.parameters; repeatable.",
)
@click.option("--no-publish", is_flag=True, help="Build and push nothing; the template must be able to.")
@start_options
@declaration_options
@target_options
def command(
    declared: DeclarationArguments,
    target: TargetCluster,
    *,
    pipeline: str,
    subject: Subject,
    inputs: tuple[str, ...],
    no_publish: bool,
    starting: Starting,
) -> None:
    """Start a pipeline by hand: hookline creates the Workflow that an event would create, with your own rights.

    Without --branch, --tag and --request it runs as its schedule would, else as a pushed image would, else it builds the one branch that
    stands under push:. Filters are not asked. The Workflow carries who started it and why. Limits and mutexes hold.

    \b
    Exit codes:
      0   the run was created; with --wait, it succeeded
      1   with --wait: the run did not succeed
      2   wrong usage, a wrong declaration, or the API server would refuse the Workflow; nothing was created
      3   the cluster cannot be reached, or you may not do this

    \b
    Examples:
      hookline run shop
      hookline run shop --branch feature/cart --no-publish --because "try the new base image"
      hookline run shop --tag v1.4.0 --input enable_test=false --wait
      hookline run shop --request 12 --branch feature/cart
      hookline run shop --branch main --dry-run
    """
    plan = declared.plan()
    if pipeline not in plan.workloads:
        fail(f'there is no pipeline "{pipeline}"; declared: {", ".join(sorted(plan.workloads))}')
    given = _inputs(inputs)
    now = datetime.datetime.now(datetime.UTC)

    def made(suffix: str, started_by: str) -> ManualRun:
        name = run_name(pipeline, now, suffix)
        return manual_run(
            plan,
            pipeline,
            subject,
            given,
            name=name,
            started_by=started_by,
            because=starting.because,
            publish=not no_publish,
        )

    with steering_failures():
        # Whatever cannot be is refused before the cluster is asked.
        trial = made("00", "")
        about = _about(trial)
        if plan.suspended(pipeline) is not None:
            print_line(f"{pipeline} is suspended: no event starts it; this run starts all the same", err=True)
        if starting.dry_run:
            print_line(f"nothing is created: {about}", err=True)
            shown(trial.workflow, starting.output)
            return
        runs = cluster_runs(target)
        by = runs.person()

        def named(suffix: str) -> dict[str, Any]:
            return made(suffix, by).workflow

        created(runs, named, starting, about)


def _about(run: ManualRun) -> str:
    pushes = ""
    if run.pushes is not None:
        pushes = f", pushes {run.pushes}" if run.pushes else ", pushes nothing"
    return f"builds {run.builds}{pushes} ({_LIKE[run.like]})"


def _inputs(given: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,62}", name):
            fail(f"--input {each}: expected NAME=VALUE, such as enable_test=false")
        if name in found:
            fail(f"--input {name} is given twice")
        found[name] = value
    return found
