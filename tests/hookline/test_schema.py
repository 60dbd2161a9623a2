"""The JSON Schema that hookline prints: what it accepts is what people may write."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from support import DECLARATION, EXAMPLES

from hookline.cli import main

SCHEMA: dict[str, Any] = json.loads(CliRunner().invoke(main, ["schema"]).stdout)
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


class AsEditors(yaml.SafeLoader):
    """Reads YAML 1.2, as editors do: a date is a text."""


AsEditors.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def faults(text: str) -> list[str]:
    found = VALIDATOR.iter_errors(yaml.load(text, AsEditors))  # noqa: S506 - a SafeLoader
    return [each.message for each in found]


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key with its schema."""
    for name, definition in {**SCHEMA["definitions"], "File": SCHEMA}.items():
        for key, field in definition.get("properties", {}).items():
            yield f"{name}.{key}", field


def test_it_is_a_schema_of_the_draft_that_editors_read() -> None:
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(SCHEMA)

    def refs(node: Any) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict):
            if "$ref" in node:
                yield node
            for value in node.values():
                yield from refs(value)
        elif isinstance(node, list):
            for value in node:
                yield from refs(value)

    found = list(refs(SCHEMA))
    assert len(found) > 10
    assert all(each.keys() == {"$ref"} for each in found)  # draft-07 ignores what stands beside it


@pytest.mark.parametrize(
    "path", [path for example in EXAMPLES for path in sorted(example.glob("*.yaml"))], ids=str
)
def test_every_shipped_example_is_valid(path: Path) -> None:
    assert faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("name", "field"), list(fields()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_key_is_described_and_its_default_and_its_examples_are_valid(
    name: str, field: dict[str, Any]
) -> None:
    assert field["description"]
    assert field["examples"]
    own = jsonschema.Draft7Validator({**field, "definitions": SCHEMA["definitions"]})
    for value in [*field["examples"], *([field["default"]] if "default" in field else [])]:
        assert [each.message for each in own.iter_errors(value)] == [], value


def test_a_key_that_may_be_left_out_and_has_no_default_has_no_null_for_one() -> None:
    defaults = {name: field.get("default", ...) for name, field in fields()}
    assert None not in defaults.values()
    assert defaults["Schedule.timezone"] == "UTC"
    assert defaults["File.owner"] is ...


SCHEDULED = DECLARATION.replace("push: {branches: [main]}", 'schedule: {at: "30 2 * * *", except: [%s]}')


@pytest.mark.parametrize("date", ["2026-12-31", '"2026-12-31"', "2026-12-24..2027-01-06"])
def test_dates_are_valid_quoted_or_not(date: str, tmp_path: Path) -> None:
    assert faults(SCHEDULED % date) == []
    (tmp_path / "hookline.yaml").write_text(SCHEDULED % date, "utf-8")
    assert CliRunner().invoke(main, ["validate", str(tmp_path)]).exit_code == 0


@pytest.mark.parametrize(
    "wrong",
    [
        "{version: 1, pipelins: {}}",
        "{version: 2}",
        "{version: 1, owner: null}",
        "{version: 1, sources: {x: {host: 1}}}",
        "{version: 1, cluster: {shards: 0}}",
        "{version: 1, cluster: {event_bus: {replicas: 2}}}",
        "{version: 1, defaults: {run: {deadline: 90}}}",
        "{version: 1, defaults: {run: {deadline: soon}}}",
        "{version: 1, defaults: {run: {spot: true}}}",
        "{version: 1, pipelines: {shop: {image: 1}}}",
        SCHEDULED % "tomorrow",
        SCHEDULED % "31.12.2026",
        SCHEDULED % "20261231",
        SCHEDULED % "2026-12-24...2027-01-06",
    ],
)
def test_what_the_reader_refuses_is_not_valid(wrong: str, tmp_path: Path) -> None:
    assert faults(wrong) != []
    (tmp_path / "hookline.yaml").write_text(wrong, "utf-8")
    assert CliRunner().invoke(main, ["validate", str(tmp_path)]).exit_code == 2
