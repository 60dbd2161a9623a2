"""The glob dialect: one meaning, and the same in both regular expression engines."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.globs import GlobError, check_glob, expression, matcher


def matches(pattern: str, text: str) -> bool:
    return re.fullmatch(expression([pattern]), text) is not None


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("main", ["main"], ["maintenance", "xmain", "main\n"]),
        ("release/*", ["release/1", "release/"], ["release", "release/1/2"]),
        ("**", ["a", "a/b/c"], []),
        ("docs/**", ["docs/a", "docs/a/b"], ["docs", "docs/", "docsx/a"]),
        ("**/*.go", ["main.go", "a/b/c.go"], ["main.gox", "a.go/b"]),
        ("services/**/main.go", ["services/main.go", "services/a/b/main.go"], ["services/amain.go"]),
        ("v?.0", ["v1.0"], ["v10.0", "v/.0", "v1x0"]),
        ("a+(b)|c$", ["a+(b)|c$"], ["aab", "c"]),
        ("1.26*", ["1.26", "1.26.1"], ["1x26", "1.2"]),
    ],
)
def test_meaning(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [text for text in yes if not matches(pattern, text)] == []
    assert [text for text in no if matches(pattern, text)] == []


@pytest.mark.parametrize(
    "pattern",
    ["", "!a", "[ab]", "a{b,c}", "a\\b", "a**", "**b", "a/***", "/a", "./a", "a/", "a//b", "a\nb", "x" * 201],
)
def test_what_other_dialects_mean_by_it_is_refused(pattern: str) -> None:
    with pytest.raises(GlobError):
        check_glob(pattern)


def test_a_matcher_takes_any_of_its_patterns_and_without_patterns_nothing() -> None:
    adopted = matcher(["shop-*", "acme/**"])
    assert [text for text in ("shop-1", "acme/a/b", "shop", "x/shop-1", "shop-1/x") if adopted(text)] == [
        "shop-1",
        "acme/a/b",
    ]
    assert not matcher([])("")


@given(st.lists(st.text(st.sampled_from("ab.-_*?+()|^$/"), min_size=1, max_size=8), min_size=1, max_size=4))
def test_any_accepted_pattern_is_a_valid_expression_whatever_the_order(patterns: list[str]) -> None:
    try:
        found = expression(patterns)
    except GlobError:
        return
    re.compile(found)
    assert found == expression(reversed(patterns))


@given(
    st.text(
        st.characters(
            min_codepoint=33,
            max_codepoint=0x2FFF,
            exclude_characters="*?[]{}\\!/",
            exclude_categories=("Cs", "Cc"),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_a_pattern_without_wildcards_matches_itself_alone(text: str) -> None:
    if text in {".", ".."}:
        return
    assert matches(text, text)
    assert not matches(text, text + "x")
