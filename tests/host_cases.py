"""What the tests of every host share: its canonical event, and a comparison that names the field."""

from typing import Any

from support import data, program


def canonical(name: str, body: Any, **headers: str) -> dict[str, Any]:
    """The canonical event of a delivery; header names with _ for -."""
    return program(name).canonical(data(name, body, **headers))


def check(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare the fields that are expected, a.b for one below another."""
    for path, value in expected.items():
        node: Any = found
        for part in path.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        assert node == value, f"{path}: expected {value!r}, found {node!r}"


def decided(name: str, body: Any, rules: dict[str, Any], **headers: str) -> dict[str, Any]:
    """The decision of a pipeline that listens to the delivery's repository with these rules."""
    key = canonical(name, body, **headers)["repository"]
    made = program(name, rules, (str(key), str(key).lower()))
    return made.decide(data(name, body, **headers))
