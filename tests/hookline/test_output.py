"""Output: tables that stay straight in a terminal."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from hookline.output import table


def columns(text: str) -> int:
    """By the standard library's own data: wide and fullwidth characters take two columns, combining ones none."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def test_columns_stay_straight_behind_chinese_text() -> None:
    assert table(("PIPELINE", "WHY"), [("shop", "a"), ("商店", "b"), ("cafe\u0301", "c"), ("ｱﾊﾟｰﾄ", "d")]) == (
        "PIPELINE   WHY\nshop       a\n商店       b\ncafe\u0301       c\nｱﾊﾟｰﾄ      d\n"
    )


CELLS = st.text(st.sampled_from("ab -中文字、（）한かｱé\u0301"), max_size=8).map(lambda text: f"x{text}x")


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5))
def test_each_column_starts_at_one_place(rows: list[tuple[str, str, str]]) -> None:
    head = ("A", "B", "C")
    lines = table(head, rows).splitlines()
    starts = set()
    for line, cells in zip(lines, [head, *rows], strict=True):
        assert line.startswith(cells[0])
        assert line.endswith(cells[2])
        before = line.removesuffix(cells[2])
        second = before.index(cells[1], len(cells[0]))
        starts.add((columns(before[:second]), columns(before)))
    assert len(starts) == 1


def test_a_cell_is_one_line_and_sends_nothing_to_the_terminal() -> None:
    assert table(("A", "B"), [("x\x1b[31m\ny", "z")]) == "A              B\nx\\x1b[31m\\ny   z\n"
