"""Text that stays one line wherever it is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.lines import check_line, escaped, printable, shows

NO_LINES = ["a\nb", "a\r", "a\x85b", "a\u2028b", "a\u2029b", "\x1b[31m", "\x9b31m", "\x00", "\x7f", "\u202egnp", "\ufffe", "\U0001fffe", "\ufeffa", "\udc80"]  # fmt: skip


@pytest.mark.parametrize("text", NO_LINES)
def test_a_text_that_ends_a_line_or_hides_something_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not print|one line"):
        check_line(text)


@pytest.mark.parametrize(
    "text", ["", "main", "功能/登录", "全角\u3000空格", 'it\'s "quoted" # a: b', "\U0001f600", "a\u00a0b"]
)
def test_what_people_write_is_accepted(text: str) -> None:
    assert check_line(text) == text


@given(st.text(st.characters(codec=None)))
def test_a_printable_text_is_one_line_and_json_keeps_its_meaning(text: str) -> None:
    assert printable(text).isprintable()
    written = escaped(json.dumps({"a": text}, indent=2, ensure_ascii=False))
    assert shows(written)
    assert json.loads(written) == json.loads(json.dumps({"a": text}))
