"""The commands in a comment: a closed grammar. Pure.

A command is one whole line. No other text of a comment is ever used. Blocks are those of CommonMark (spec 0.31, "Fenced code blocks", "Block
quotes", "HTML blocks"); where a host might read a line either way, it is no command.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["LONGEST", "MOST", "Command", "Verb", "commands"]

Verb = Literal["test", "retest", "cancel", "approve"]

MOST: Final = 5
"""Commands of one comment; one with more is refused as a whole."""
LONGEST: Final = 65_536
"""Characters of a comment that is read: GitHub's own limit."""

_FORMS: Final[tuple[tuple[Verb, re.Pattern[str]], ...]] = (
    ("test", re.compile(r"/test(?:[ \t]+([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?))?[ \t]*")),
    ("retest", re.compile(r"/retest()[ \t]*")),
    ("cancel", re.compile(r"/cancel()[ \t]*")),
    ("approve", re.compile(r"/approve[ \t]+([0-9a-f]{7,64})[ \t]*")),
)
_FENCE = re.compile(r"(?P<before>[ \t>*+.)0-9-]*)(?P<fence>`{3,}|~{3,})")
_RAW = re.compile(r"<(pre|script|style|textarea|code)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Command:
    """One command."""

    verb: Verb
    argument: str = ""
    """Of test: a name to compare with those of pipelines, or empty. Of approve: at least the first seven hex digits of a commit."""


def commands(text: str) -> tuple[Command, ...]:
    """The commands of a comment in their order, each once.

    Args:
        text: As its author wrote it.
    """
    found: dict[Command, None] = {}
    if len(text) <= LONGEST:
        for line in _own_lines(text):
            command = _command(line)
            if command is not None:
                found[command] = None
    return tuple(found)


def _command(line: str) -> Command | None:
    for verb, form in _FORMS:
        match = form.fullmatch(line)
        if match:
            return Command(verb, match[1] or "")
    return None


def _own_lines(text: str) -> list[str]:
    """The lines that are the author's own words: in no code, no quote and no hidden HTML."""
    found: list[str] = []
    fence = ""
    contained = False
    """Whether the fence was opened inside a list or a quote."""
    until: re.Pattern[str] | None = None
    """The end of the HTML in which the line stands."""
    quoted = False
    """Whether the paragraph began in a quote: CommonMark lets it go on without the mark."""
    ticks = 0
    """Backticks of the code span that the paragraph has opened; 0 = none."""
    for line in re.split(r"\r\n|\r|\n", text):
        if fence:
            if _closes(line, fence, contained=contained):
                fence = ""
            continue
        if until is not None:
            if until.search(line):
                until = None
            continue
        if not line.strip(" \t"):
            quoted, ticks = False, 0
            continue
        if opened := _FENCE.match(line):
            fence, contained = opened["fence"], bool(opened["before"].strip(" "))
            ticks = 0
            continue
        quoted = quoted or line.lstrip(" \t").startswith(">")
        if not quoted and not ticks:
            found.append(line)
        for run in re.findall(r"`+", line):
            if not ticks:
                ticks = len(run)
            elif len(run) == ticks:
                ticks = 0
        until = _hidden(line)
    return found


def _closes(line: str, fence: str, *, contained: bool) -> bool:
    stripped = line.rstrip(" \t")
    bare = stripped.lstrip(" \t")
    deep = len(stripped) - len(bare) > 3
    return len(bare) >= len(fence) and set(bare) == {fence[0]} and (contained or not deep)


def _hidden(line: str) -> re.Pattern[str] | None:
    """The end of HTML that this line leaves open; None if it leaves none open."""
    if line.rfind("<!--") > line.rfind("-->"):
        return re.compile("-->")
    for opened in reversed(list(_RAW.finditer(line))):
        end = re.compile(rf"</{opened[1]}\s*>", re.IGNORECASE)
        if not end.search(line, opened.end()):
            return end
    return None
