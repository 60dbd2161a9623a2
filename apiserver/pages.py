"""A page of a list: its objects, one by one where one of them makes the page unreadable.

orjson reads no JSON that is nested deeper than 1,024 levels or is no UTF-8, and then nothing of the text around it. Whoever may create one object
must not hide the other 499 of its page.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

__all__ = ["Page", "read_page"]

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{},:]', re.DOTALL)
"""Strings and what gives structure; all else is numbers, words and space. Possessive, so that it is linear."""
_OPEN, _CLOSE = frozenset(b"[{"), frozenset(b"]}")


@dataclass(frozen=True, slots=True)
class Page:
    """The content of a page of a list."""

    items: Sequence[Mapping[str, Any]]
    version: str
    more: str
    """The token that leads to the next page; empty on the last one."""
    spoiled: Sequence[bytes] = ()
    """Objects that nobody can read, as they came."""


def read_page(data: bytes) -> Page:
    """Take a page apart.

    Raises:
        ValueError: It is no page, or damaged beyond its objects.
    """
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return _piece_by_piece(data, error)
    if not isinstance(found, Mapping):
        raise ValueError("it is no object")  # noqa: TRY004 - a value of the text, no argument
    items = found.get("items")
    return _page(items if isinstance(items, list) else [], found.get("metadata"))


def _page(items: Sequence[Any], metadata: Any, spoiled: Sequence[bytes] = ()) -> Page:
    metadata = metadata if isinstance(metadata, Mapping) else {}
    return Page(
        [each for each in items if isinstance(each, Mapping)],
        str(metadata.get("resourceVersion", "")),
        str(metadata.get("continue") or ""),
        [*spoiled, *(orjson.dumps(each)[:1024] for each in items if not isinstance(each, Mapping))],
    )


def _piece_by_piece(data: bytes, error: ValueError) -> Page:
    parts = dict(_members(data))
    if "items" not in parts or "metadata" not in parts:
        raise error
    items, spoiled = list[Any](), list[bytes]()
    for each in _elements(parts["items"]):
        try:
            items.append(orjson.loads(each))
        except orjson.JSONDecodeError:
            spoiled.append(each)
    if not spoiled:
        # What is wrong stands elsewhere.
        raise error
    return _page(items, orjson.loads(parts["metadata"]), spoiled)


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Key and value, as they stand there, of each member of an object."""
    for each in _pieces(data, b"{", b"}"):
        key = _TOKEN.match(each)
        name = key[0].strip(b'"').decode("utf-8", "replace") if key is not None else ""
        _, colon, value = each[key.end() if key is not None else 0 :].partition(b":")
        if colon:
            yield name, value.strip()


def _elements(data: bytes) -> Iterator[bytes]:
    """The elements of a list, as they stand there; none where it is no list."""
    return _pieces(data, b"[", b"]") if data.startswith(b"[") else iter(())


def _pieces(data: bytes, opening: bytes, closing: bytes) -> Iterator[bytes]:
    """The texts between the commas of the outermost pair of brackets.

    Raises:
        ValueError: The brackets do not match.
    """
    depth, begin = 0, 0
    for match in _TOKEN.finditer(data):
        token = data[match.start()]
        if token in _OPEN:
            depth += 1
            if depth == 1:
                if match[0] != opening:
                    break
                begin = match.end()
        elif depth and (token in _CLOSE or (token == ord(",") and depth == 1)):
            depth -= token in _CLOSE
            if depth == 0 or token == ord(","):
                if piece := data[begin : match.start()].strip():
                    yield piece
                begin = match.end()
            if depth == 0:
                if match[0] == closing:
                    return
                break
    raise ValueError("its brackets do not match")
