"""Write a commented hookline.yaml for the repository you stand in."""

import os
import re
from pathlib import Path

import click

from events.scalars import check_repository_name
from hookline.command_line.common import fail
from hookline.declaration.starter import Remote, read_remote, starter


@click.command()
@click.option(
    "--to",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default="hookline.yaml",
    show_default=True,
    help="File to write; never overwritten. - for stdout.",
)
@click.option(
    "--repository", metavar="SERVER/OWNER/NAME", help="The repository, where you do not stand in one."
)
def command(path: Path, repository: str | None) -> None:
    """Write a commented hookline.yaml for the repository you stand in.

    Repository and branch are taken from the git remote origin.

    \b
    Examples:
      hookline init
      hookline init --repository github.com/acme/shop --to ci/hookline.yaml
    """
    if repository is not None:
        server, _, name = repository.removeprefix("https://").removesuffix(".git").partition("/")
        if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]+)?", server) or not _is_repository(name):
            fail(f"--repository {repository}: expected a server and a name, such as github.com/acme/shop")
        remote: Remote | None = Remote(server, name, "main")
    else:
        remote = read_remote(Path.cwd())
    if remote is None:
        fail("no git remote origin here; say which repository with --repository github.com/acme/shop")
    text = starter(remote)
    if str(path) == "-":
        click.echo(text, nl=False)
        return
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        fail(f"{path} exists; it stays as it is")
    except OSError as error:
        fail(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    click.echo(f"wrote {path}; next: set image, then run hookline validate", err=True)


def _is_repository(name: str) -> bool:
    try:
        check_repository_name(name)
    except ValueError:
        return False
    return not name.endswith((".", "/"))
