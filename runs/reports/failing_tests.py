"""Failing tests that a step of a run wrote down as an output. Whoever may push code may write that output: it is text of strangers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from runs.node_status import Node
from triggers.words import FAILING_TESTS_OUTPUT

__all__ = ["MAX_TESTS", "FailingTest", "failing_tests_of", "one_line"]

MAX_TESTS = 20
MAX_OUTPUT = 16_384
"""Characters of an output that are read; the template writes 8,192 bytes."""
MAX_NAME, MAX_PATH, MAX_MESSAGE, MAX_LINE = 200, 500, 2_000, 10_000_000


@dataclass(frozen=True, slots=True)
class FailingTest:
    """A test that failed, or a package that did. Texts are printable; only the message has more than one line."""

    package: str
    name: str
    """As go test calls it: TestCheckout/empty_cart; empty where the package itself failed."""
    path: str
    """File in the repository, relative to its top; empty where it is not known."""
    line: int
    """From 1 on; 0 where it is not known."""
    message: str

    @property
    def title(self) -> str:
        """The test, or else its package."""
        return self.name or self.package


def failing_tests_of(nodes: Iterable[Node]) -> tuple[FailingTest, ...]:
    """The failing tests of these nodes, at most MAX_TESTS. Whatever is odd about an output, it says nothing."""
    found = [
        test for node in nodes if (text := node.outputs.get(FAILING_TESTS_OUTPUT)) for test in _read(text)
    ]
    return tuple(found[:MAX_TESTS])


def _read(text: str) -> list[FailingTest]:
    if len(text) > MAX_OUTPUT:
        return []
    try:
        items: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    if not isinstance(items, list):
        return []
    tests = [_test(each) for each in items[:MAX_TESTS] if isinstance(each, dict)]
    return [each for each in tests if each.title]


def _test(item: dict[str, Any]) -> FailingTest:
    path, line = one_line(item.get("path"), MAX_PATH + 1), item.get("line")
    numbered = isinstance(line, int) and not isinstance(line, bool) and 0 < line <= MAX_LINE
    known = numbered and _is_inside(path)
    return FailingTest(
        one_line(item.get("package"), MAX_NAME),
        one_line(item.get("test"), MAX_NAME),
        path if known else "",
        line if known and isinstance(line, int) else 0,
        _lines(item.get("message"), MAX_MESSAGE),
    )


def _is_inside(path: str) -> bool:
    """Whether a path names a file in a repository."""
    return 0 < len(path) <= MAX_PATH and all(part not in {"", ".", ".."} for part in path.split("/"))


def one_line(value: object, most: int) -> str:
    """Any text as one line of printable characters, cut; empty for what is no text."""
    if not isinstance(value, str):
        return ""
    return " ".join("".join(each if each.isprintable() else " " for each in value[: 4 * most]).split())[:most]


def _lines(value: object, most: int) -> str:
    if not isinstance(value, str):
        return ""
    kept = "".join(each if each.isprintable() or each == "\n" else " " for each in value[:most])
    return "\n".join(line.rstrip() for line in kept.strip("\n").split("\n"))
