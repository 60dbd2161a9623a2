"""The one glob dialect of files that people write, as regular expressions that RE2, Oniguruma, POSIX (ERE) and Python read alike.

RE2 is the Sensor's engine, Oniguruma that of the offline run; a step of a run has grep -E.

`*` matches within one path part, `**` any number of whole parts, `?` one character other than `/`. Nothing else is
special, and characters that other dialects give a meaning to are refused rather than taken literally.

RE2 takes linear time for any expression; Oniguruma and Python try each length of each repetition. So the expression of a glob
leaves them little to try: a `*` before a single character ends at the first one, and of the other repetitions that something
of any length follows a glob may have one. The steps of a match then grow with the square of the text's length at most.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache

__all__ = ["GlobError", "check_glob", "expression", "matcher"]

_REFUSED = {
    "\\": "a backslash has no meaning here",
    "[": "character classes are not part of the dialect",
    "]": "character classes are not part of the dialect",
    "{": "alternatives in braces are not part of the dialect; write one pattern per alternative",
    "}": "alternatives in braces are not part of the dialect; write one pattern per alternative",
}
_SAME = re.compile(r"[?*]*\*[?*]*")
"""Wildcards of one part beside each other: their order does not matter."""
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_LONGEST = 200
_MOST_TRIED = 1
_MEANING = "accepted: * within a path part, ** across parts, ? for one character"


class GlobError(ValueError):
    """A pattern that the dialect does not have; the message is a sentence for the user."""


def check_glob(
    pattern: str,
    *,
    instead_of_negation: str = "no pattern excludes anything here",
    literal_ending: str = "",
) -> str:
    """The pattern itself, if the dialect has it.

    Args:
        pattern: As it is written.
        instead_of_negation: Ends the sentence about a pattern that starts with `!`.
        literal_ending: A text that means itself at the end of a pattern, such as [bot].

    Raises:
        GlobError: It has not, or the pattern can never match.
    """
    if not pattern:
        raise GlobError(f"a pattern cannot be empty; {_MEANING}")
    if len(pattern) > _LONGEST:
        raise GlobError(f"a pattern has at most {_LONGEST} characters")
    if _CONTROL.search(pattern):
        raise GlobError("a pattern cannot contain control characters")
    if pattern.startswith("!"):
        raise GlobError(f'"{pattern}" starts with !; {instead_of_negation}')
    for character, reason in _REFUSED.items():
        if character in pattern.removesuffix(literal_ending):
            exception = f"; a final {literal_ending} is literal" if literal_ending else ""
            raise GlobError(f'"{pattern}": {reason}; {_MEANING}{exception}')
    if "***" in pattern or re.search(r"[^/]\*\*|\*\*[^/]", pattern):
        raise GlobError(f'"{pattern}": ** stands alone between slashes, as in docs/** or **/*.go; {_MEANING}')
    if pattern.startswith(("/", "./")):
        raise GlobError(
            f'"{pattern}": patterns start at the root; leave out the leading {pattern[: pattern.index("/") + 1]}'
        )
    if pattern.endswith("/"):
        raise GlobError(f'"{pattern}" would match nothing; write "{pattern}**" for everything below')
    if "//" in pattern:
        raise GlobError(f'"{pattern}" would match nothing: names have no empty parts')
    if _tried(pattern.removesuffix(literal_ending)) > _MOST_TRIED:
        raise GlobError(
            f'"{pattern}" has too many wildcards: a long name would take minutes to compare; leave one out; '
            "accepted, for example: *fix*, v*.*.*-rc*, **/test/**/*.go"
        )
    return pattern


def _parts(glob: str) -> list[str]:
    """The parts between slashes, each in its simplest form: **/** means **, and *?* means ?*."""
    found: list[str] = []
    for part in glob.split("/"):
        if part != "**":
            found.append(_SAME.sub(lambda same: "?" * same[0].count("?") + "*", part))
        elif found[-1:] != ["**"]:
            found.append(part)
    return found


def _tried(glob: str) -> int:
    """The repetitions of which a backtracking engine tries every length, whatever follows them.

    The last `**/` and the last `*` of a part are none of them: what follows has one length.
    """
    *before, last = _parts(glob)
    across = max(0, before.count("**") - 1)
    within = [part.split("*")[1:-1] for part in (*before, last) if part != "**"]
    return across + sum(not _ends_at_first(chunk) for chunks in within for chunk in chunks)


def _ends_at_first(chunk: str) -> bool:
    """Whether the * before these characters ends at the first place where they stand: no character before it is one of them."""
    return len(chunk) == 1


def _literal(text: str) -> str:
    return "".join(map(_character, text))


def _character(character: str) -> str:
    match character:
        case "?":
            return "[^/]"
        case "^" | "[" | "]":
            return f"\\{character}"
        case "." | "+" | "(" | ")" | "|" | "$":
            return f"[{character}]"  # a class costs three bytes in the Sensor object, a backslash eight
        case _:
            return character


def _part(part: str) -> str:
    first, *rest = part.split("*")
    found = _literal(first)
    for number, chunk in enumerate(rest, 1):
        before = chunk if number < len(rest) and _ends_at_first(chunk) else ""
        found += f"[^/{before}]*{_literal(chunk)}"
    return found


@cache
def _expression(pattern: str, literal_ending: str) -> str:
    glob = check_glob(pattern, literal_ending=literal_ending).removesuffix(literal_ending)
    *parts, last = _parts(glob)
    before = "".join("([^/]+/)*" if part == "**" else f"{_part(part)}/" for part in parts)
    if last == "**":
        return (f"{before}.+" if parts else ".*") + _literal(pattern[len(glob) :])
    return before + _part(last) + _literal(pattern[len(glob) :])


def expression(patterns: Iterable[str], *, literal_ending: str = "") -> str:
    """One unanchored regular expression for any of the patterns; the same for any order of them."""
    return "|".join(_expression(pattern, literal_ending) for pattern in sorted(set(patterns)))


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A function that says whether a whole text matches one of the patterns; without patterns, no text does."""
    wanted = tuple(patterns)
    compiled = re.compile(expression(wanted))
    return lambda text: bool(wanted) and compiled.fullmatch(text) is not None
