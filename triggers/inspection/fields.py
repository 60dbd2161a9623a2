"""Fields of JSON values, read with the types that Kubernetes wants; what has another type is collected with its place."""

from collections.abc import Iterator, Mapping
from typing import Any

from triggers.inspection.parts import Path

__all__ = ["Fields", "strings"]


def strings(node: Any) -> Iterator[str]:
    """Every text in a JSON value; keys are not texts."""
    left = [node]
    while left:
        found = left.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            left += reversed(found.values())
        elif isinstance(found, list):
            left += reversed(found)


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "a mapping")


class Fields:
    """Reads fields; collects what has the wrong type."""

    def __init__(self) -> None:
        self.problems: list[tuple[Path, str]] = []

    def wrong(self, path: Path, message: str) -> None:
        """Note a problem."""
        self.problems.append((path, message))

    def mapping(self, parent: Mapping[str, Any], key: str, path: Path) -> tuple[Mapping[str, Any], Path]:
        """A mapping with its place; empty where there is none."""
        value, here = parent.get(key), (*path, key)
        if value is None:
            return {}, here
        if not isinstance(value, dict):
            self.wrong(here, f"expected a mapping, not {_kind(value)}")
            return {}, here
        return value, here

    def items(self, parent: Mapping[str, Any], key: str, path: Path) -> Iterator[tuple[Any, Path]]:
        """Items of a list with their places."""
        value, here = parent.get(key), (*path, key)
        if value is None:
            return
        if not isinstance(value, list):
            self.wrong(here, f"expected a list, not {_kind(value)}")
            return
        for index, item in enumerate(value):
            yield item, (*here, index)

    def mappings(
        self, parent: Mapping[str, Any], key: str, path: Path
    ) -> Iterator[tuple[Mapping[str, Any], Path]]:
        """Items of a list of mappings with their places."""
        for item, here in self.items(parent, key, path):
            if isinstance(item, dict):
                yield item, here
            else:
                self.wrong(here, f"expected a mapping, not {'nothing' if item is None else _kind(item)}")

    def text(self, parent: Mapping[str, Any], key: str, path: Path, *, needed: bool = False) -> str:
        """A text; empty where there is none."""
        value = parent.get(key)
        if value is None or value == "":
            if needed:
                self.wrong((*path, key), "expected text; it is missing")
            return ""
        if not isinstance(value, str):
            self.wrong((*path, key), f"expected text, not {_kind(value)}")
            return ""
        return value

    def texts(self, parent: Mapping[str, Any], key: str, path: Path) -> list[str]:
        """A list of texts."""
        found = []
        for item, here in self.items(parent, key, path):
            if isinstance(item, str):
                found.append(item)
            else:
                self.wrong(here, f"expected text, not {'nothing' if item is None else _kind(item)}")
        return found

    def scalar(self, parent: Mapping[str, Any], key: str, path: Path) -> str | None:
        """A text, number or switch as text, where Kubernetes takes any of them."""
        value = parent.get(key)
        if value is None:
            return None
        if isinstance(value, dict | list):
            self.wrong((*path, key), f"expected text, not {_kind(value)}")
            return None
        return str(value).lower() if isinstance(value, bool) else str(value)
