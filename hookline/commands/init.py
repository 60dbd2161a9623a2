"""Write a commented hookline.yaml for the repository in this folder."""

import os
from pathlib import Path

import click

from events.host import host, host_names
from hookline.command_line.common import fail, print_line
from hookline.command_line.strict import StrictCommand
from hookline.declaration.remotes import Location, host_of, parse_location, read_checkout
from hookline.declaration.starter import random_endpoint, starter

GIT_HOSTS = [name for name in host_names() if "push" in host(name).kinds]


@click.command(cls=StrictCommand, excludes={"--endpoint": ["--to", "--repository", "--host"]})
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
@click.option(
    "--host",
    "chosen",
    type=click.Choice(GIT_HOSTS),
    help="Git host that runs on the server, if the server's name does not say it.",
)
@click.option(
    "--endpoint",
    is_flag=True,
    help="Print an endpoint path that nobody can guess, for a source that cannot sign, and write nothing.",
)
def command(path: Path, repository: str | None, chosen: str | None, endpoint: bool) -> None:
    """Write a commented hookline.yaml for the repository in this folder.

    hookline takes the repository and its branch from the git remote origin, or from the only remote.

    \b
    Examples:
      hookline init
      hookline init --repository github.com/acme/shop --to ci/hookline.yaml
      hookline init --repository git.example.com/acme/shop --host gitlab
      hookline init --endpoint
    """
    if endpoint:
        click.echo(random_endpoint("registry"))
        return
    location, branch = _found(repository)
    named = chosen or host_of(location.server)
    if named is None:
        fail(
            f"the name of {location.server} does not say which git host it is; expected --host {', '.join(GIT_HOSTS)}"
        )
    text = starter(location, named, branch)
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


def _found(repository: str | None) -> tuple[Location, str]:
    """The repository and its branch: the given one, or the one around the current folder."""
    if repository is not None:
        try:
            return parse_location(repository), "main"
        except ValueError as error:
            fail(f"--repository {_without_token(repository)}: {error}")
    checkout = read_checkout(Path.cwd())
    if checkout.remote is None:
        fail(
            "there is no git remote origin here; name the repository, as in --repository github.com/acme/shop"
        )
    try:
        return parse_location(checkout.remote), checkout.branch
    except ValueError as error:
        fail(f"the git remote is {_without_token(checkout.remote)}: {error}, with --repository")


def _without_token(url: str) -> str:
    """A URL as it may be shown: without what stands before @."""
    return url.rpartition("@")[2]
