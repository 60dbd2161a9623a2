"""The pages of docs/ as an installed hookline carries them, so that a message can name one that its reader has."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

__all__ = ["Page", "find", "pages", "section"]

_HEADING = re.compile(r"(#+) (.*)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    name: str
    """Its path in docs/ without `.md`: `template`, `runbooks/HooklineNoEvents`."""
    text: str
    """Markdown."""

    @property
    def about(self) -> str:
        """The title; the first sentence where the title is the name, as in a runbook."""
        title = self.text.partition("\n")[0].removeprefix("# ")
        if title != self.name.rpartition("/")[2]:
            return title
        paragraphs = (each for each in self.text.split("\n\n") if not each.startswith("#"))
        first = _LINK.sub(r"\1", " ".join(next(paragraphs, title).split()))
        return re.split(r"(?<=\.) ", first, maxsplit=1)[0]


def _folder() -> Traversable:
    # The wheel carries docs/ inside the package; in a checkout it stands beside it.
    shipped = resources.files("hookline").joinpath("docs")
    return shipped if shipped.is_dir() else Path(__file__).parent.parent / "docs"


def _read(folder: Traversable, before: str = "") -> Iterable[Page]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _read(each, f"{before}{each.name}/")
        elif each.name.endswith(".md"):
            yield Page(before + each.name.removesuffix(".md"), each.read_text("utf-8"))


def pages() -> list[Page]:
    """Every page: those of docs/ itself, then folder by folder."""
    return sorted(_read(_folder()), key=lambda page: ("/" in page.name, page.name))


def find(name: str) -> Page:
    """The page of a name: as the list has it, its last part alone, or its path in a checkout (docs/template.md).

    Raises:
        LookupError: No page, or more than one, has this name; the message is a sentence for the user.
    """
    wanted = name.removeprefix("docs/").removesuffix(".md")
    every = pages()
    found = [each for each in every if each.name == wanted] or [
        each for each in every if each.name.rpartition("/")[2] == wanted
    ]
    if len(found) == 1:
        return found[0]
    names = [each.name for each in found or every]
    if found:
        raise LookupError(f"{name} is the name of {len(found)} pages: {', '.join(names)}")
    near = difflib.get_close_matches(wanted, {*names, *(each.rpartition("/")[2] for each in names)}, 1)
    hint = f"did you mean {near[0]}?" if near else "for the list, leave the name out"
    raise LookupError(f"there is no page {name}; {hint}")


def section(page: Page, anchor: str) -> str:
    """The part of a page below one heading, with that heading.

    Args:
        page: The page.
        anchor: The heading as links write it: small letters, `-` for a space.

    Raises:
        LookupError: The page has no such heading; the message names the headings that it has.
    """
    lines = page.text.splitlines(keepends=True)
    headings = list(_headings(lines))
    for place, level, found in headings:
        if found == anchor:
            end = next((after for after, depth, _ in headings if after > place and depth <= level), None)
            return "".join(lines[place:end])
    raise LookupError(
        f"the page {page.name} has no section {anchor}; it has {', '.join(each for _, _, each in headings[1:])}"
    )


def _headings(lines: Iterable[str]) -> Iterable[tuple[int, int, str]]:
    """Line, depth and anchor of each heading; what looks like one in a block of code is a comment there."""
    in_code = False
    for number, line in enumerate(lines):
        in_code ^= line.startswith("```")
        heading = None if in_code else _HEADING.match(line)
        if heading is not None:
            yield number, len(heading[1]), re.sub(r"[^a-z0-9 _-]", "", heading[2].lower()).replace(" ", "-")
