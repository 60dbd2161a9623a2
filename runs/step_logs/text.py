"""A log as bytes: lines without what is added on their way, so that patterns find them by the line break before them.

Everything here is linear in the log's size, whatever its bytes: a search is one pass, and nothing is decoded or split.
"""

import re

__all__ = ["LogText"]

_STAMP = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,60})?(?:Z|[+-]\d\d:\d\d) ?"
_STAMPED = re.compile(_STAMP)
_STAMPS = re.compile(rb"\n" + _STAMP)
_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b\n]{0,1024}(?:\x07|\x1b\\)|[()][0-9A-Z]|[=>78c])"
)
"""Control sequences of terminals (ECMA-48): colours, cursor moves, titles, character sets."""


class LogText:
    """The log of a step. Positions count from a line break that is put before its first line."""

    def __init__(self, log: bytes, *, cut: bool) -> None:
        """Take a log.

        Args:
            log: As the API gave it, with or without time stamps; RFC 3339 allows fractions of any width.
            cut: Whether the reader stopped before its end.
        """
        data = b"\n" + log
        if b"\x1b" in data:
            data = _ESCAPES.sub(b"", data)
        if _STAMPED.match(data, 1):
            # All lines of one log have a stamp, or none has.
            data = _STAMPS.sub(b"\n", data)
        if b"\r\n" in data:
            data = data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n")
        self.data = data
        self.cut = cut

    def first(self, line: bytes, begin: int = 0) -> int:
        """Offset of the line break before the first line that begins with these bytes; -1 if there is none."""
        return self.data.find(b"\n" + line, begin)

    def last(self, line: bytes, end: int | None = None) -> int:
        """Offset of the line break before the last line that begins with these bytes; -1 if there is none."""
        return self.data.rfind(b"\n" + line, 0, end)
