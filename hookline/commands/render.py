"""Print or write the objects to apply."""

from dataclasses import replace
from pathlib import Path

import click

from hookline.command_line.common import (
    DeclarationArguments,
    declaration_options,
    fail,
    objects_option,
    objects_to_print,
    print_line,
    report,
)
from hookline.command_line.writing import write_folder
from hookline.output import json_text, table, yaml_documents
from hookline.plan.pods import changes, pods_needed


@click.command()
@declaration_options
@objects_option
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write this folder, with one file per object and a kustomization.yaml, instead of printing the objects.",
)
@click.option(
    "--pods",
    is_flag=True,
    help="Print the pods that the objects need, with the reason of each, instead of the objects.",
)
@click.option(
    "--against",
    "old_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Print what changes for pipelines and subscriptions against this earlier file or folder, instead of the objects; repeatable.",
)
def command(
    declared: DeclarationArguments,
    output: str,
    folder: Path | None,
    pods: bool,
    old_files: tuple[Path, ...],
) -> None:
    """Print or write the objects to apply. The same input gives the same bytes.

    \b
    Examples:
      hookline render | kubectl apply -f -
      hookline render --to deploy/ && kubectl apply -k deploy/
      hookline render --pods
      hookline render --against yesterday.yaml
    """
    plan = declared.plan_that_fits()
    if old_files:
        moved = changes(replace(declared, files=old_files).plan(), plan)
        click.echo(
            table(("WHAT", "NAME", "EFFECT"), ((each.what, each.name, each.effect) for each in moved))
            if moved
            else "nothing moves",
            nl=not moved,
        )
        return
    needed = pods_needed(plan)
    if pods:
        rows = [(kind, name, str(count), why) for kind, name, count, why in needed.rows]
        click.echo(
            table(("KIND", "NAME", "PODS", "WHY"), [*rows, ("", "", str(needed.total), "in all")]), nl=False
        )
        return
    rendered = objects_to_print(plan)
    report(plan.warnings)
    if folder is not None:
        try:
            written = write_folder(folder, rendered, output)
        except OSError as error:
            fail(f"{folder}: {error.strerror or error}")
        print_line(f"{written} files in {folder}; {needed.sentence}", err=True)
        return
    if output == "json":
        click.echo(json_text({"apiVersion": "v1", "kind": "List", "items": rendered}), nl=False)
    else:
        click.echo(yaml_documents(rendered), nl=False)
    print_line(f"{needed.sentence}; hookline render --pods says why", err=True)
