"""JSON that nests as deeply as Go's encoding/json reads it, which is deeper than Python's parser goes.

No program reads deeper than a few levels. What lies deeper than `LEVELS` is checked and then read as null, so that nothing
that works with the value has to recurse.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["DEEPEST", "LEVELS", "NestedTooDeeplyError", "blocks", "loads"]

DEEPEST = 10_000
"""Go's limit of nested objects and lists (encoding/json scanner.go, maxNestingDepth)."""

LEVELS = 200
"""Levels that one call of Python's parser reads here; well below its own limit."""

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""A string or a bracket. A string that does not end reaches to the end of the text: nothing is looked for in it again, which
would take a time that grows with the square of its length."""


class NestedTooDeeplyError(ValueError):
    """The text nests deeper than Go reads."""


def blocks(text: str, begins: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Start and end of each object or list that stands at a place in a text; one that does not end ends with the text.

    Args:
        text: Any text.
        begins: Where one may stand; its match ends before the bracket.
    """
    at = 0
    while begin := begins.search(text, at):
        depth, at = 0, len(text)
        for token in _TOKEN.finditer(text, begin.end()):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
            if depth <= 0:
                at = token.end()
                break
        yield begin.end(), at


def loads(text: str, read: Callable[[str], Any]) -> Any:
    """The value of a JSON text.

    Args:
        text: Any text.
        read: What reads the pieces, such as json.loads.

    Raises:
        NestedTooDeeplyError: It nests deeper than `DEEPEST`.
        ValueError: It is not JSON.
    """
    if text.count("[") + text.count("{") <= LEVELS:
        return read(text)
    pieces: list[list[str]] = [[]]
    depth, at = 0, 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in {"[", "{"}:
            depth += 1
            if depth > DEEPEST:
                raise NestedTooDeeplyError(f"nested deeper than {DEEPEST:,} levels")
            if depth % LEVELS == 0:
                pieces[-1].append(text[at : token.start()])
                pieces.append([])
                at = token.start()
        elif mark in {"]", "}"}:
            if depth == 0:
                raise ValueError("a list or an object ends that does not begin")
            if depth % LEVELS == 0 and len(pieces) > 1:
                read("".join(pieces.pop()) + text[at : token.end()])
                pieces[-1].append("null")
                at = token.end()
            depth -= 1
    if len(pieces) > 1:
        raise ValueError("a list or an object does not end")
    return read("".join(pieces[0]) + text[at:])
