"""Apply the declaration to a cluster, and delete what it no longer has."""

import sys

import click

from documents.scalars import parse_duration
from hookline.applying.changes import Change
from hookline.command_line.applying_options import (
    TargetCluster,
    Waiting,
    change_data,
    failures,
    objects_to_apply,
    sentence,
    target_options,
    told,
)
from hookline.command_line.common import (
    EXIT_NEGATIVE,
    DeclarationArguments,
    declaration_arguments,
    fail,
    output_option,
    print_data,
    print_line,
    report,
)
from hookline.command_line.strict import StrictCommand


def _seconds(timeout: str) -> int:
    try:
        return parse_duration(timeout)
    except ValueError as error:
        fail(f"--timeout {timeout}: {error}")


@click.command(cls=StrictCommand, excludes={"--no-wait": ["--timeout"]})
@declaration_arguments
@target_options
@click.option(
    "--timeout",
    default="5m",
    show_default=True,
    help="Time in which the bus, all Sensors and all event sources must be ready.",
)
@click.option(
    "--no-wait", is_flag=True, help="Do not wait until event sources receive and Sensors subscribe."
)
@click.option(
    "--no-prune", is_flag=True, help="Delete nothing; the inventory keeps what the declaration no longer has."
)
@click.option(
    "--force-conflicts",
    is_flag=True,
    help="Take fields that somebody else changed in the cluster, and undo these changes.",
)
@output_option
def command(
    declared: DeclarationArguments,
    target: TargetCluster,
    *,
    timeout: str,
    no_wait: bool,
    no_prune: bool,
    force_conflicts: bool,
    output: str,
) -> None:
    """Apply the declaration to a cluster, wait until it works, and delete what it no longer has.

    FILE is a file or folder of the declaration, as with -f.

    The API server tries everything first; if it would refuse something, nothing is changed. Additions come before deletions. hookline
    deletes only what it has made itself: the ConfigMap NAME-inventory lists it. It never deletes a PersistentVolumeClaim or a Secret,
    and it leaves alone what Argo CD or Flux track. Objects that `kubectl apply` made of `hookline render` are taken over.

    \b
    Exit codes:
      0   the cluster is as the declaration says
      1   an object was not ready in time; nothing was deleted
      2   wrong usage, a wrong declaration, or the API server would refuse an object; nothing was changed
      3   the cluster cannot be reached, or you may not do this

    \b
    Examples:
      hookline apply
      hookline apply -f hookline.yaml --context prod --timeout 10m
    """
    from hookline.applying.applier import NotReady  # noqa: PLC0415 - brings the client of the cluster

    wait_seconds = 0 if no_wait else _seconds(timeout)
    plan = declared.plan_that_fits()
    desired = objects_to_apply(plan)
    report(plan.warnings)
    waiting = Waiting()
    done: list[Change] = []

    def tell(change: Change) -> None:
        waiting.end()
        done.append(change)
        if output == "table":
            told(change)

    with failures():
        applier = target.applier(plan)
        examined = applier.examine(desired, force_conflicts=force_conflicts, prune=not no_prune)
        late: NotReady | None = None
        try:
            applier.apply(
                desired,
                examined,
                force_conflicts=force_conflicts,
                wait_seconds=wait_seconds,
                tell=tell,
                waiting=waiting,
            )
        except NotReady as error:
            late = error
        waiting.end()
    if output != "table":
        left = [
            {"kind": name.kind, "name": name.name, "waitsFor": what}
            for name, what in (late.waiting if late else {}).items()
        ]
        items = [change_data(each) for each in done]
        print_data(
            {"apiVersion": "hookline.dev/v1", "kind": "Applied", "items": items, "notReady": left}, output
        )
    if late is not None:
        for name, what in late.waiting.items():
            print_line(f"error: {name.placed} is not ready: {what}", err=True)
        fail(
            "nothing was deleted; correct this and apply again, or look with: hookline status", EXIT_NEGATIVE
        )
    print_line(sentence(tuple(done)), err=output != "table")
    sys.exit(0)
