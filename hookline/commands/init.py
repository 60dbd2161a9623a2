"""Write a commented hookline.yaml for the repository in this folder."""

import os
import re
from pathlib import Path

import click

from events.scalars import check_repository_name
from hookline.command_line.common import fail, print_line
from hookline.declaration.starter import Remote, read_remote, starter


@click.command()
@click.option(
    "--to",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default="hookline.yaml",
    show_default=True,
    help="File to write, or - for stdout. An existing file is never overwritten.",
)
@click.option(
    "--repository", metavar="SERVER/OWNER/NAME", help="The repository, if the current folder is not in one."
)
def command(path: Path, repository: str | None) -> None:
    """Write a commented hookline.yaml for the repository in this folder.

    hookline takes the repository and its branch from the git remote origin.

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
        fail(
            "there is no git remote origin here; name the repository, as in --repository github.com/acme/shop"
        )
    text = starter(remote)
    if str(path) == "-":
        click.echo(text, nl=False)
        return
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        fail(f"{path} exists, and is not overwritten; name another file with --to")
    except OSError as error:
        fail(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    print_line(f"wrote {path}; next: set image, then run hookline validate", err=True)


def _is_repository(name: str) -> bool:
    try:
        check_repository_name(name)
    except ValueError:
        return False
    return not name.endswith((".", "/"))
