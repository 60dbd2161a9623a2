"""A log as bytes: patterns that search it whole, with or without the API's time stamps.

Every pattern begins with a line break, which the search looks for at the speed of memchr; nothing is decoded or split.
"""

import re
from functools import cache

__all__ = ["LogText", "pattern"]

_STAMP = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) "
_STAMPED = re.compile(_STAMP)
LINE = b"(?:^)"
"""Stands in a pattern for the beginning of a line."""


@cache
def pattern(lines: bytes, stamp: int) -> re.Pattern[bytes]:
    """A pattern in which each LINE is the beginning of a line, behind a time stamp of so many characters."""
    # "Any character" is skipped at once, where a class of characters is looked at one by one.
    return re.compile(lines.replace(LINE, rb"\n" + (rb"(?s:.{%d}) " % stamp if stamp else b"")))


class LogText:
    """The log of a step. Positions count from a line break that is put before its first line."""

    def __init__(self, log: bytes, *, cut: bool) -> None:
        self.data = b"\n" + log
        self.cut = cut
        first = _STAMPED.match(log)
        self.stamp = 0 if first is None else len(first[0]) - 1
        """Characters of a time stamp: all lines of one log have it in the same form."""

    def find(self, lines: bytes, begin: int = 0, end: int | None = None) -> re.Match[bytes] | None:
        """The first match; LINE is the beginning of a line."""
        return pattern(lines, self.stamp).search(self.data, begin, len(self.data) if end is None else end)

    def last(self, line: bytes) -> int:
        """Where the last line that begins with these bytes begins; -1 if there is none."""
        position = len(self.data)
        while (position := self.data.rfind(line, 0, position)) >= 0:
            start = self.data.rfind(b"\n", 0, position)
            before = self.data[start + 1 : position]
            if before == b"" or (self.stamp and _STAMPED.fullmatch(before)):
                return start
        return -1
