"""Quantities: every form that the API has, and nothing that could spoil a sum."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from documents.quantities import LARGEST, amount, check_cpu, check_memory


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("0.5", 0.5),
        (".5", 0.5),
        ("5.", 5),
        ("+2", 2),
        ("500m", 0.5),
        ("100u", 1e-4),
        ("250n", 2.5e-7),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12e-1", 1.2),
        ("1k", 1000),
        ("1K", 1000),
        ("1Ki", 1024),
        ("1M", 10**6),
        ("1Mi", 2**20),
        ("4G", 4 * 10**9),
        ("4Gi", 4 * 2**30),
        ("1.5Gi", 1.5 * 2**30),
        ("2T", 2 * 10**12),
        ("2Ti", 2**41),
        ("2P", 2 * 10**15),
        ("2Pi", 2**51),
        ("2E", 2 * 10**18),
        ("2Ei", 2**61),
        (3, 3),
        (0.25, 0.25),
    ],
)
def test_each_form_is_read(text: str | float, expected: float) -> None:
    assert amount(text) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        " 1",
        "1 ",
        "1_0",
        "x",
        "1ki",
        "1mi",
        "1e",
        "1e3Gi",
        "e3",
        ".",
        "-1",
        -1,
        "NaN",
        "Infinity",
        "\u0663",
        "9" * 400,
        "0" * 400,
        "1e400",
        "1e999999999",
        "10Ei",
        10**30,
        1e300,
        math.inf,
        math.nan,
        [],
        {},
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_is_no_quantity_or_a_hostile_one_counts_as_absent(value: Any) -> None:
    assert amount(value) == 0.0


@given(
    st.decimals(0, 10**6, places=3).map(lambda number: format(number, "f")),
    st.sampled_from(
        ["", "n", "u", "m", "k", "K", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e3", "E-2", "e+1", "E0"]
    ),
)
def test_it_reads_what_the_client_library_reads(number: str, suffix: str) -> None:
    expected = parse_quantity(number + suffix)  # type: ignore[no-untyped-call]  # the client has no annotations
    assert amount(number + suffix) == (float(expected) if expected <= LARGEST else 0.0)


@given(
    st.one_of(
        st.integers(-10, 10**9),
        st.floats(),
        st.booleans(),
        st.none(),
        st.from_regex(r"[0-9.]{1,6} ?[munkKMGTPEibB]{0,3}", fullmatch=True),
    ),
    st.sampled_from([check_cpu, check_memory]),
)
def test_what_a_person_may_write_is_read_by_kubernetes_as_it_is_meant(
    value: object, check: Callable[[object], str]
) -> None:
    try:
        written = check(value)
    except ValueError:
        return
    assert written == str(value)
    expected = parse_quantity(written)  # type: ignore[no-untyped-call]  # the client has no annotations
    assert 0 < float(expected) == amount(written)
    assert not isinstance(value, int | float) or amount(written) == value
