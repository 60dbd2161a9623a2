"""The one glob dialect of files that people write, as regular expressions that RE2, Oniguruma and Python read alike.

RE2 is the Sensor's engine, Oniguruma that of the offline run.

`*` matches within one path part, `**` any number of whole parts, `?` one character other than `/`. Nothing else is
special, and characters that other dialects give a meaning to are refused rather than taken literally.
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
_TOKEN = re.compile(r"\*\*/|/\*\*\Z|\*+|\?|.", re.DOTALL)
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_LONGEST = 200
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
    return pattern


def _translate(token: str) -> str:
    match token:
        case "**/":
            return "(?:[^/]+/)*"
        case "/**":
            return "/.+"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
        case "^" | "[" | "]":
            return f"\\{token}"
        case "." | "+" | "(" | ")" | "|" | "$":
            return f"[{token}]"  # a class costs three bytes in the Sensor object, a backslash eight
        case _:
            return token


@cache
def _expression(pattern: str, literal_ending: str) -> str:
    glob = check_glob(pattern, literal_ending=literal_ending).removesuffix(literal_ending)
    ending = pattern[len(glob) :]
    return "".join(_translate(token) for token in [*_TOKEN.findall(glob), *ending])


def expression(patterns: Iterable[str], *, literal_ending: str = "") -> str:
    """One unanchored regular expression for any of the patterns; the same for any order of them."""
    return "|".join(_expression(pattern, literal_ending) for pattern in sorted(set(patterns)))


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A function that says whether a whole text matches one of the patterns; without patterns, no text does."""
    wanted = tuple(patterns)
    compiled = re.compile(expression(wanted))
    return lambda text: bool(wanted) and compiled.fullmatch(text) is not None
