"""List the pages of the documentation, or print one."""

from pathlib import Path

import click

from hookline.command_line.common import fail, print_line
from hookline.command_line.completing import complete_page
from hookline.command_line.strict import StrictCommand
from hookline.command_line.writing import write_file


@click.command(cls=StrictCommand)
@click.argument("page", required=False, shell_complete=complete_page)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write every page to this folder, to publish them. Files with the same names are replaced.",
)
def command(page: str | None, folder: Path | None) -> None:
    """List the pages of the documentation, or print one.

    PAGE is a name of the list, also with a section: template#the-matrix. The runbook of an alert has the alert's name.

    \b
    Examples:
      hookline docs
      hookline docs HooklineNoEvents
      hookline docs template#the-matrix
      hookline docs --to site/
    """
    from hookline.documentation import find, pages, section  # noqa: PLC0415 - no other command needs them
    from hookline.output import table  # noqa: PLC0415

    if page is None and folder is None:
        click.echo(table(("PAGE", "ABOUT"), [(each.name, each.about) for each in pages()]), nl=False)
    elif page is not None and folder is not None:
        fail("--to writes every page; leave the name of the page out")
    elif page is not None:
        name, _, anchor = page.partition("#")
        try:
            found = find(name)
            click.echo(section(found, anchor) if anchor else found.text, nl=False)
        except LookupError as error:
            fail(str(error.args[0]))
    elif folder is not None:
        every = pages()
        try:
            for each in every:
                path = folder / f"{each.name}.md"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_file(path, each.text)
        except OSError as error:
            fail(f"{folder}: {error.strerror or error}")
        print_line(f"{len(every)} pages in {folder}", err=True)
