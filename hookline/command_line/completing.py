"""Completion: the pipelines, sources, templates and events that a shell offers while somebody types.

Whatever is wrong with the declaration, a shell then offers nothing: `hookline validate` is the one to say it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class

from hookline.answers.incoming import SCHEDULE
from hookline.declaration.loading import Declaration, load

__all__ = [
    "complete_event",
    "complete_owner",
    "complete_page",
    "complete_pipeline",
    "complete_scheduled",
    "complete_source",
    "complete_template",
]

_FILE = CompletionItem("", type="file")
"""Leaves the word to the shell's own completion of files."""


def _declaration(context: click.Context) -> Declaration | None:
    """The declaration that the words so far name; None if it cannot be read."""
    files = (*(context.params.get("files") or ()), *(context.params.get("paths") or ()))
    try:
        return load(files or (Path("hookline.yaml"),))
    except Exception:  # noqa: BLE001 - a person is typing, and nothing may come between
        return None


def _offered(found: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name, help=about) for name, about in found if name.startswith(incomplete)]


def _pipelines(declaration: Declaration | None, *, scheduled: bool = False) -> Iterator[tuple[str, str]]:
    for name, each in declaration.pipelines.items() if declaration else ():
        if not scheduled or each.pipeline.events.schedule is not None:
            yield name, each.pipeline.repository.name


def complete_pipeline(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The pipelines, with their repositories."""
    return _offered(_pipelines(_declaration(context)), incomplete)


def complete_scheduled(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The pipelines with a schedule."""
    return _offered(_pipelines(_declaration(context), scheduled=True), incomplete)


def complete_owner(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The owners of pipelines."""
    declaration = _declaration(context)
    pipelines = declaration.pipelines.values() if declaration else ()
    found = {each.owner for each in pipelines if each.owner is not None}
    return _offered(((name, "") for name in sorted(found)), incomplete)


def complete_source(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The sources, with their hosts."""
    declaration = _declaration(context)
    sources = declaration.sources.items() if declaration else ()
    return _offered(((name, each.source.host) for name, each in sources), incomplete)


def complete_template(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The templates that the declaration names."""
    declaration = _declaration(context)
    if declaration is None:
        return []
    runs = (each.pipeline.run for each in declaration.pipelines.values())
    names = {run.template for run in runs if run is not None and run.template is not None}
    names.update(declaration.templates)
    return _offered(((name, "") for name in sorted(names)), incomplete)


def complete_event(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Files, and the schedules once their word has begun."""
    if not incomplete or not SCHEDULE.startswith(incomplete[: len(SCHEDULE)]):
        return [_FILE]
    scheduled = _pipelines(_declaration(context), scheduled=True)
    # A shell asks for files only where nothing else is offered.
    files = ((each.name, "") for each in sorted(Path().iterdir()) if each.is_file())
    return _offered([*((SCHEDULE + name, about) for name, about in scheduled), *files], incomplete)


def complete_page(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The pages of the documentation, with what they are about."""
    from hookline.documentation import pages  # noqa: PLC0415 - no other word needs them

    names = [(each.name, each.about) for each in pages()]
    # A page in a folder is found by its last part, too.
    return _offered(
        [*names, *((name.rpartition("/")[2], about) for name, about in names if "/" in name)], incomplete
    )


class _Bash(BashComplete):
    """Bash, which takes a colon for a word of its own and puts what is offered in place of the word after it."""

    begun = ""
    """Part of the word that stands on the line already and is not replaced."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is typed, and that word."""
        args, incomplete = super().get_completion_args()
        if incomplete == ":" and args:
            args, incomplete = args[:-1], f"{args[-1]}:"
        elif args[-1:] == [":"] and len(args) > 1:
            args, incomplete = args[:-2], f"{args[-2]}:{incomplete}"
        before, colon, _ = incomplete.rpartition(":")
        self.begun = before + colon
        return args, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """An offer without what stands there already."""
        return f"{item.type},{str(item.value).removeprefix(self.begun)}"


add_completion_class(_Bash)
