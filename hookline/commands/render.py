"""Print or write the objects to apply."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from hookline.applying.leaving import deletions, leaving
from hookline.command_line.common import (
    DeclarationArguments,
    declaration_arguments,
    fail,
    objects_option,
    objects_to_print,
    print_data,
    print_line,
    report,
)
from hookline.command_line.completing import complete_owner
from hookline.command_line.strict import StrictCommand
from hookline.command_line.writing import write_folder
from hookline.output import json_text, table, yaml_documents
from hookline.plan.objects import objects
from hookline.plan.owners import objects_of, owners, pipelines_of
from hookline.plan.planning import Plan
from hookline.plan.pods import Pod, Pods, changes, pods_needed


@click.command(
    cls=StrictCommand,
    excludes={"--pods": ["--to", "--output", "--against"], "--against": ["--to", "--owner"]},
)
@declaration_arguments
@objects_option
@click.pass_context
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write this folder, with one file per object and a kustomization.yaml, instead of printing the objects.",
)
@click.option(
    "--owner",
    shell_complete=complete_owner,
    help="Print only the objects that this owner shares with nobody: accounts and rights in its namespaces, and CronWorkflows of its pipelines. "
    "With --pods: only the pods that carry its events.",
)
@click.option(
    "--pods",
    is_flag=True,
    help="Print the pods that the objects need, with the reason of each and the owners whose events it carries, instead of the objects.",
)
@click.option(
    "--against",
    "old_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Print what changes for pipelines and subscriptions against this earlier file or folder of the declaration, and which objects to "
    "delete, instead of the objects; repeatable. With -o: as data.",
)
def command(
    context: click.Context,
    declared: DeclarationArguments,
    output: str,
    folder: Path | None,
    owner: str | None,
    pods: bool,
    old_files: tuple[Path, ...],
) -> None:
    """Print or write the objects to apply. The same input gives the same bytes.

    FILE is a file or folder of the declaration, as with -f.

    \b
    Examples:
      hookline render | kubectl apply -f -
      hookline render --to deploy/ && kubectl apply -k deploy/
      hookline render --owner team-shop | kubectl apply -f -
      hookline render --pods
      hookline render --against yesterday.yaml
    """
    plan = declared.plan_that_fits()
    if old_files:
        as_data = context.get_parameter_source("output") is ParameterSource.COMMANDLINE
        _print_changes(replace(declared, files=old_files).plan(), plan, output if as_data else None)
        return
    by_owner = owners(plan)
    if owner is not None and owner not in by_owner:
        fail(f'no pipeline has the owner "{owner}"; owners: {", ".join(by_owner) or "none"}')
    needed = pods_needed(plan)
    if pods:
        _print_pods(needed if owner is None else needed.carrying(pipelines_of(plan, owner)), plan, owner)
        return
    rendered = objects_to_print(plan)
    report(plan.warnings)
    summary = needed.sentence
    if owner is not None:
        rendered, summary = _of_owner(plan, owner, rendered)
    if folder is not None:
        try:
            written = write_folder(folder, rendered, output, plan.namespace)
        except OSError as error:
            fail(f"{folder}: {error.strerror or error}")
        print_line(f"{written} files in {folder}; {summary}", err=True)
        return
    if output == "json":
        click.echo(json_text({"apiVersion": "v1", "kind": "List", "items": rendered}), nl=False)
    else:
        click.echo(yaml_documents(rendered), nl=False)
    print_line(summary if owner is not None else f"{summary}; hookline render --pods says why", err=True)


def _print_changes(old: Plan, new: Plan, output: str | None) -> None:
    """Print the changes, and the objects to delete once the new ones are there: as text, or in a format of data."""
    moved, gone = changes(old, new), leaving(objects(old), objects(new))
    if output is not None:
        data = {
            "apiVersion": "hookline.dev/v1",
            "kind": "Comparison",
            "changes": [{"what": each.what, "name": each.name, "effect": each.effect} for each in moved],
            "delete": [each.name.data for each in gone if each.kept is None],
            "keep": [each.name.data | {"reason": each.kept} for each in gone if each.kept is not None],
        }
        print_data(data, output)
        return
    if moved:
        click.echo(
            table(("WHAT", "NAME", "EFFECT"), ((each.what, each.name, each.effect) for each in moved)),
            nl=False,
        )
    else:
        print_line("nothing moves")
    if commands := list(deletions(gone)):
        print_line("")
        print_line(
            "After the new objects are applied and their pods are ready, delete these (hookline apply does so by itself):"
        )
        for each in gone:
            if each.kept is None:
                place = f" -n {each.name.namespace}" if each.name.namespace else ""
                print_line(f"  {each.name}{place}")
        print_line("With kubectl:")
        for line in commands:
            print_line(f"  {line}")
    for each in gone:
        if each.kept is not None:
            print_line(f"keep {each.name.placed}: {each.kept}; delete it by hand if nobody needs it")


def _of_owner(plan: Plan, owner: str, rendered: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """The objects of an owner, and the sentence about those that it shares; without any, the command ends."""
    found = objects_of(plan, owner, rendered)
    left_out = (
        f"left out, because all owners share it: {found.shared}"
        if found.shared
        else "nothing of it is shared"
    )
    if not found.objects:
        fail(
            f"{owner} has no object of its own: others run in its namespaces too, and it has no CronWorkflow; give its pipelines a namespace of "
            f"their own with namespace:; {left_out}"
        )
    pods = f"; hookline render --pods --owner {owner} lists the pods" if found.shared else ""
    return list(found.objects), left_out + pods


def _print_pods(needed: Pods, plan: Plan, owner: str | None) -> None:
    """The pods; where pipelines have owners, those of each pod, and the pods of each owner."""
    by_owner = owners(plan)
    head, total = ("KIND", "NAME", "PODS", "WHY"), ("", "", str(needed.total), "in all")
    rows = [(each.kind, each.name, str(each.count), each.why) for each in needed.rows]
    if not by_owner:
        click.echo(table(head, [*rows, total]), nl=False)
        return
    owned = [(*row, _owners_of(each, by_owner)) for row, each in zip(rows, needed.rows, strict=True)]
    click.echo(table((*head, "PIPELINES OF"), [*owned, (*total, "")]) + "\n", nl=False)
    shown = {name: frozenset(found) for name, found in by_owner.items() if owner in {None, name}}
    click.echo(
        table(
            ("OWNER", "PIPELINES", "NAMESPACES", "PODS", "OF THEM ITS OWN"),
            [_owner_row(name, mine, needed, plan) for name, mine in shown.items()],
        ),
        nl=False,
    )


def _owner_row(owner: str, mine: frozenset[str], needed: Pods, plan: Plan) -> tuple[str, str, str, str, str]:
    carrying = needed.carrying(mine)
    alone = sum(each.count for each in carrying.rows if each.pipelines <= mine)
    namespaces = sorted({plan.workloads[name].namespace for name in mine})
    return owner, str(len(mine)), ", ".join(namespaces), str(carrying.total), str(alone)


MANY = 5
"""Owners that are named for a pod; --owner asks for any other one."""


def _owners_of(pod: Pod, by_owner: Mapping[str, tuple[str, ...]]) -> str:
    counts = [(name, len(pod.pipelines.intersection(found))) for name, found in by_owner.items()]
    named = [f"{name} ({count})" for name, count in counts if count]
    without = len(pod.pipelines) - sum(count for _, count in counts)
    named += [f"nobody ({without})"] if without else []
    return ", ".join(named[:MANY]) + (f" and {len(named) - MANY} more" if len(named) > MANY else "")
