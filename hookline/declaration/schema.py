"""The JSON Schema of hookline.yaml, in the draft that yaml-language-server reads."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from hookline.declaration.model import Defaults, File, Pipeline
from hookline.declaration.shapes import Shape, shape_of

__all__ = ["json_schema", "models_schema"]


class _Draft07(GenerateJsonSchema):
    """pydantic writes 2020-12, of which we use only what draft-07 has under the same or an older name."""

    schema_dialect = "http://json-schema.org/draft-07/schema#"

    def generate(self, schema: Any, mode: JsonSchemaMode = "validation") -> dict[str, Any]:
        found = super().generate(schema, mode)
        text = json.dumps(found).replace("#/$defs/", "#/definitions/")
        found = json.loads(text)
        found["definitions"] = found.pop("$defs")
        return {"$schema": self.schema_dialect, **found}


def _nullless(node: Any) -> Any:
    """An absent key is written by leaving it out; null is refused by the reader, so the schema refuses it too."""
    if isinstance(node, list):
        return [_nullless(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _nullless(value) for key, value in node.items() if (key, value) != ("default", None)}
    if "$ref" in node and len(node) > 1:
        # Draft-07 ignores whatever stands beside a $ref, the description, too.
        node["allOf"] = [{"$ref": node.pop("$ref")}]
    options = node.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        del node["anyOf"]
        if len(rest) == 1 and "$ref" not in rest[0]:
            node = {**rest[0], **node}
        elif len(rest) == 1:
            node["allOf"] = rest
        else:
            node["anyOf"] = rest
    return node


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    found: dict[str, Any] = _nullless(model.model_json_schema(by_alias=True, schema_generator=_Draft07))
    return found


def models_schema() -> dict[str, Any]:
    """The schema of one file in which nothing is left to defaults."""
    # Slow to load, and no other command needs it.
    from runs.exporter.configuration import Configuration  # noqa: PLC0415

    found, settings = _schema(File), _schema(Configuration)
    found["title"] = "hookline.yaml"
    definitions = found["definitions"]
    definitions |= settings.pop("definitions")
    del settings["$schema"]
    definitions["Settings"] = settings | {"title": "Settings"}
    # The declaration takes the settings as they come: the exporter's own model checks them.
    place = definitions["Exporter"]["properties"]["settings"]
    about = {key: place[key] for key in ("default", "description", "examples")}
    definitions["Exporter"]["properties"]["settings"] = {
        "allOf": [{"$ref": "#/definitions/Settings"}],
        **about,
    }
    return found


def json_schema() -> dict[str, Any]:
    """The schema of one file as people write it: what a default gives may be absent, and false removes it."""
    found = models_schema()
    for model in (Defaults, Pipeline):
        _loosen(found["definitions"], shape_of(model), set())
    for name in ("Defaults", "Pipeline"):
        repository = found["definitions"][name]["properties"]["repository"]
        found["definitions"][name]["properties"]["repository"] = _or(repository, {"type": "string"})
    return found


def _loosen(definitions: dict[str, Any], shape: Shape, done: set[str]) -> None:
    if shape.model is not None and shape.model.__name__ not in done:
        done.add(shape.model.__name__)
        definition = definitions[shape.model.__name__]
        definition.pop("required", None)
        for key, child in shape.keys.items():
            accepts = definition["properties"][key]
            if not child.holds_false and {"const": False} not in accepts.get("anyOf", ()):
                definition["properties"][key] = _or(accepts, {"const": False})
            _loosen(definitions, child, done)
    if shape.every is not None:
        _loosen(definitions, shape.every, done)


_ABOUT = ("default", "description", "examples", "title")


def _or(schema: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """A field that accepts something else too."""
    accepted = {key: value for key, value in schema.items() if key not in _ABOUT}
    about = {key: value for key, value in schema.items() if key in _ABOUT}
    return {"anyOf": [*(accepted["anyOf"] if accepted.keys() == {"anyOf"} else [accepted]), other], **about}
