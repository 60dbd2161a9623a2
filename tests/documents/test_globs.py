"""The glob dialect: one meaning, and the same in both regular expression engines."""

import re
from collections.abc import Callable
from re import _constants as sre  # type: ignore[attr-defined]  # the parsed expression has no public form
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import jq
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


# --- Meaning, against a matcher of another kind ---------------------------------------------------------------------


def part_matches(pattern: str, text: str) -> bool:
    """Whether one part matches: the places in the pattern that may be reached, character by character."""

    def opened(places: set[int]) -> set[int]:
        todo = list(places)
        while todo:
            place = todo.pop()
            if place < len(pattern) and pattern[place] == "*" and place + 1 not in places:
                places.add(place + 1)
                todo.append(place + 1)
        return places

    places = opened({0})
    for character in text:
        kept = {place for place in places if place < len(pattern) and pattern[place] == "*"}
        moved = {place + 1 for place in places if place < len(pattern) and pattern[place] in {"?", character}}
        places = opened(kept | moved)
    return len(pattern) in places


def parts_match(patterns: list[str], parts: list[str]) -> bool:
    if not patterns:
        return not parts
    if patterns == ["**"]:
        return bool(parts)
    if patterns[0] == "**":
        return any(parts_match(patterns[1:], parts[at:]) for at in range(len(parts) + 1))
    return bool(parts) and part_matches(patterns[0], parts[0]) and parts_match(patterns[1:], parts[1:])


PARTS = st.text(st.sampled_from("ab.-*?"), min_size=1, max_size=6).filter(
    lambda each: "**" not in each
) | st.just("**")
NAMES = st.lists(st.text(st.sampled_from("ab.-"), min_size=1, max_size=6), min_size=1, max_size=5)


@given(st.lists(PARTS, min_size=1, max_size=5), NAMES)
def test_an_expression_matches_what_its_glob_means(patterns: list[str], names: list[str]) -> None:
    try:
        check_glob("/".join(patterns))
    except GlobError:
        return
    expected = parts_match(patterns, names)
    assert matches("/".join(patterns), "/".join(names)) == expected


# --- Steps of a backtracking engine ---------------------------------------------------------------------------------


class _TooManySteps(Exception):
    pass


def steps(found: str, text: str, most: int) -> int:  # noqa: C901 - a small engine in one piece
    """The characters that a plain backtracking engine compares before it knows whether a whole text matches.

    Raises:
        _TooManySteps: They are more than `most`.
    """
    count = 0
    length = len(text)

    def character(operator: Any, argument: Any, at: int) -> bool:
        nonlocal count
        count += 1
        if count > most:
            raise _TooManySteps
        if at >= length:
            return False
        if operator is sre.ANY:
            return True
        if operator is sre.LITERAL:
            return bool(ord(text[at]) == argument)
        if operator is sre.NOT_LITERAL:
            return bool(ord(text[at]) != argument)
        assert operator is sre.IN
        negated = argument[0][0] is sre.NEGATE
        inside = any(kind is sre.LITERAL and ord(text[at]) == value for kind, value in argument)
        return inside != negated

    def run(tree: Any, index: int, at: int, then: Callable[[int], bool]) -> bool:
        while index < len(tree):
            operator, argument = tree[index]
            index += 1

            def rest(reached: int, after: int = index) -> bool:
                return run(tree, after, reached, then)

            if operator is sre.MAX_REPEAT:
                least, _, inner = argument
                return repeated(inner, least, at, rest)
            if operator is sre.SUBPATTERN:
                return run(argument[3], 0, at, rest)
            if not character(operator, argument, at):
                return False
            at += 1
        return then(at)

    def repeated(inner: Any, least: int, at: int, then: Callable[[int], bool]) -> bool:
        reached = [at]
        if len(inner) == 1 and inner[0][0] in {sre.ANY, sre.LITERAL, sre.NOT_LITERAL, sre.IN}:
            operator, argument = inner[0]
            while character(operator, argument, reached[-1]):
                reached.append(reached[-1] + 1)
        else:
            # A group ends at a slash, so it has one end.
            ends: list[int] = []

            def ended(end: int) -> bool:
                ends.append(end)
                return True

            while run(inner, 0, reached[-1], ended):
                reached.append(ends[-1])
        return any(then(each) for each in reversed(reached[least:]))

    run(list(_parser.parse(found)), 0, 0, lambda at: at == length)
    return count


HOSTILE_TEXTS = [
    unit * (240 // len(unit)) + end
    for unit in ("a", "ab", "a/", "aa/", "ab/", "a.", "a/b/", "-", "ab-")
    for end in ("", "c", "/c")
]
MANY = {
    "**/" * 60 + "a": True, "**/" * 66 + "**": True, "*" * 200: False, "*a" * 66: True, "*a*a*a*a*a*a*b": True, "*a" * 66 + "*": True,
    "*?" * 66 + "a": True, "?*" * 66 + "a": True, "*ab*": True, "*ab*ab": True, "*ab*ab*": False, "*ab*ab*ab": False, "*a?*a?*a?*": False,
    "**/a/**/b": True, "**/a/**/b/**": True, "**/a/**/a/**/b": False, "a/**/a/**/a/**/b": False, "**/*aa*bb/a": True,
    "**/*aa/**/*aa*bb": False, "*ab*/*ab*/b": False, "*ab*/b": True, "*.*.*.*-*": True, "**/internal/**/*_test.go": True,
    "v*.*.*-rc*": True, "*a/*a/*a/*a/*a/*b": True, "*a/" * 20 + "b": True, "*a*/*a*/*a*/*a*/b": True, "*ab/*ab/*ab/b": True,
}  # fmt: skip
"""Globs with many wildcards, and whether they are taken."""


@pytest.mark.parametrize("glob", MANY)
def test_a_glob_of_many_wildcards_takes_few_steps_or_is_refused(glob: str) -> None:
    if not MANY[glob]:
        with pytest.raises(GlobError, match=r"too many wildcards|stands alone"):
            check_glob(glob)
        return
    found = expression([glob])
    program = jq.compile("test($found)", args={"found": f"\\A(?:{found})\\z"})
    for text in HOSTILE_TEXTS:
        assert steps(found, text, most=500 + 2 * len(text) ** 2) > 0
        assert program.input_value(text).first() == (re.fullmatch(found, text) is not None)


def test_the_expression_that_a_glob_would_be_word_by_word_takes_more() -> None:
    with pytest.raises(_TooManySteps):
        steps("[^/]*a" * 6 + "[^/]*b", "a" * 240, most=500 + 2 * 240**2)
    with pytest.raises(_TooManySteps):
        steps("(?:[^/]+/)*a/" * 3 + "b", "a/" * 120, most=500 + 2 * 240**2)


def test_the_ending_of_an_app_leaves_the_limit_as_it_is() -> None:
    assert check_glob("*ab*[bot]", literal_ending="[bot]")
    with pytest.raises(GlobError, match="too many wildcards"):
        check_glob("*ab*cd*[bot]", literal_ending="[bot]")


@given(
    st.lists(PARTS, min_size=1, max_size=8),
    st.text(st.sampled_from("ab/.-"), max_size=4),
    st.text(st.sampled_from("ab/c"), max_size=3),
)
def test_any_accepted_glob_takes_few_steps(patterns: list[str], unit: str, end: str) -> None:
    glob = "/".join(patterns)
    try:
        check_glob(glob)
    except GlobError:
        return
    text = unit * 60 + end
    steps(expression([glob]), text, most=500 + 2 * len(text) ** 2)
