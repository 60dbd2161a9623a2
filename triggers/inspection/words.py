"""Short texts for words of a manifest, however long they are."""

from collections.abc import Iterable

__all__ = ["listed", "shortened"]

_LONGEST = 200
_MOST = 6


def shortened(text: str) -> str:
    """Text that fits into a line."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def listed(words: Iterable[str]) -> str:
    """Each word once, the first ones by name."""
    unique = list(dict.fromkeys(words))
    more = len(unique) - _MOST
    return ", ".join(map(shortened, unique[:_MOST])) + (f" and {more:,} more" if more > 0 else "")
