"""A page of a list gives every object that can be read, whatever stands beside it."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from apiserver.pages import read_page

DEEP = b"[" * 1100 + b"]" * 1100
SPOILED = st.sampled_from(
    [
        DEEP,
        b'{"a":' * 1100 + b"1" + b"}" * 1100,
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": nope}',
        b'{"a": "]},{[\\"\\\\", "b": ' + DEEP + b"}",
        b"[}",
        b"{,}",
    ]
)
# What the pieces are cut at, what hides it, and texts of several bytes: chance alone rarely draws a bracket.
TEXTS = st.text('[]{},:"\\ a\n\x1f\x7fé\u2028\U0001f600', max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=tries(150))
@given(
    items=st.lists(
        st.one_of(st.dictionaries(TEXTS, VALUES, max_size=3).map(lambda each: (json.dumps(each).encode(), each)),
                  SPOILED.map(lambda data: (data, None))), max_size=8,
    ),
    after=st.booleans(),
)  # fmt: skip
def test_every_object_that_can_be_read_is_given(items: list[tuple[bytes, Any]], after: bool) -> None:
    metadata = b'"metadata": {"resourceVersion": "7", "continue": "]next{"}'
    listed = b'"items" : [' + b" ,\n".join(data for data, _ in items) + b"]"
    page = read_page(b'{"kind": "List", ' + b", ".join([metadata, listed][:: -1 if after else 1]) + b"}")
    assert (page.version, page.more) == ("7", "]next{")
    assert list(page.items) == [each for _, each in items if each is not None]
    assert len(page.items) + len(page.spoiled) == len(items)


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b"[]", b"1", b'{"items": [', b'{"items": [{]}', b'{"items": [' + DEEP + b"]}", b'{"items": "' + b"\xff" + b'"}',
     b'{"metadata": {"a": "\xff"}, "items": []}', b'{"metadata": {}, "items": [' + DEEP],
)  # fmt: skip
def test_what_is_no_page_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError) as refused:
        read_page(data)
    assert str(refused.value)


def test_a_page_without_objects_has_none() -> None:
    for text in (b"{}", b'{"items": null}', b'{"items": {"a": 1}, "metadata": []}'):
        assert list(read_page(text).items) == []


def test_reading_piece_by_piece_takes_time_by_the_size() -> None:
    def seconds(count: int) -> float:
        data = b'{"metadata": {}, "items": [' + DEEP + b',{"a": "' + b'\\"' * count + b'"}]}'
        began = time.process_time()
        assert len(read_page(data).items) == 1
        return time.process_time() - began

    small = max(0.002, *(seconds(50_000) for _ in range(3)))
    assert any(seconds(800_000) < small * 16 * 4 for _ in range(3))
