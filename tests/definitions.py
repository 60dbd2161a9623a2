"""The rules that the engines' own releases have for their objects, as JSON Schemas, and a checker that goes by them.

`tests/data/definitions` holds what of them hookline's objects touch, taken from the releases (Apache License 2.0):
argo-workflows `manifests/base/crds/full` and argo-events `api/jsonschema/schema.json`. Write a file again from a checkout
or a Go module of the release:

    python tests/definitions.py argo-workflows 3.7.18 FOLDER
    python tests/definitions.py argo-events 1.9.11 FOLDER
"""

import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

__all__ = ["EVENTS", "WORKFLOWS", "events_rules", "problems", "stored", "workflows_rules"]

FOLDER = Path(__file__).parent / "data/definitions"
WORKFLOWS = ("3.5.15", "3.6.19", "3.7.18", "4.0.5", "4.0.10", "4.1.2")
EVENTS = ("1.9.11",)
LARGE = 4_000
"""A field whose rules take more bytes is only known by its name, unless it is listed in INSIDE."""
INSIDE = {"spec", "workflowSpec", "templateDefaults", "arguments"}
EVENT_KINDS = ("EventBus", "EventSource", "Sensor")
EVENTS_PREFIX = "io.argoproj.events.v1alpha1."

Json = dict[str, Any]


def _without_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_texts(each)
            for key, each in value.items()
            if not (key == "description" and isinstance(each, str))
        }
    return [_without_texts(each) for each in value] if isinstance(value, list) else value


def _size(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def _small(schema: Json) -> Json:
    """The schema with the rules of small fields alone."""
    if "properties" not in schema:
        return schema
    kept = {
        name: _small(each) if name in INSIDE else each if _size(each) < LARGE else {}
        for name, each in sorted(schema["properties"].items())
    }
    return schema | {"properties": kept}


def workflows_rules(folder: Path) -> Json:
    """Rules of `spec` by kind, from a release's folder of full definitions."""
    found: Json = {}
    for plural in ("workflows", "cronworkflows"):
        text = (folder / f"argoproj.io_{plural}.yaml").read_text("utf-8")
        definition = yaml.load(text, yaml.CSafeLoader)["spec"]
        (version,) = definition["versions"]
        schema = _without_texts(version["schema"]["openAPIV3Schema"])
        found[definition["names"]["kind"]] = _small(schema["properties"]["spec"])
    return found


def events_rules(path: Path) -> Json:
    """Rules of `spec` by kind, from a release's JSON Schema; `definitions` holds what they refer to."""
    known = _without_texts(json.loads(path.read_text("utf-8")))["definitions"]
    kept: Json = {}

    def keep(name: str) -> None:
        if name in kept:
            return
        # Kubernetes' own types are not what hookline writes; the specifications name many receivers that it never uses.
        # `required` there only tells which fields Go always writes (webhook.url among them): nobody refuses their absence.
        own = name.startswith(EVENTS_PREFIX)
        kept[name] = {key: each for key, each in known[name].items() if key != "required"} if own else {}
        for reference in _references(kept[name]):
            keep(reference)

    for kind in EVENT_KINDS:
        keep(f"{EVENTS_PREFIX}{kind}Spec")
    return {kind: {"$ref": f"#/definitions/{EVENTS_PREFIX}{kind}Spec"} for kind in EVENT_KINDS} | {
        "definitions": kept
    }


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference.removeprefix("#/definitions/")
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


@cache
def stored(engine: str, version: str) -> Mapping[str, Json]:
    """The kept rules of a release by kind."""
    found: Mapping[str, Json] = json.loads((FOLDER / f"{engine}-{version}.json").read_text("utf-8"))
    return found


def _strict(value: Any) -> Any:
    """As the API server takes a manifest that kubectl validates: an unknown field is an error."""
    if isinstance(value, list):
        return [_strict(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: _strict(each) for key, each in value.items()}
    if value.get("x-kubernetes-int-or-string"):
        found["type"] = ["integer", "string"]
    if "properties" in value and isinstance(value["properties"], dict) and "type" in value:
        found.setdefault("additionalProperties", False)
    return found


@cache
def _validator(engine: str, version: str, kind: str) -> jsonschema.Draft202012Validator:
    rules = stored(engine, version)
    schema = {**_strict(rules[kind]), "definitions": _strict(rules.get("definitions", {}))}
    return jsonschema.Draft202012Validator(schema)


def problems(engine: str, version: str, manifest: Mapping[str, Any]) -> list[str]:
    """What the rules of a release refuse in an object; nothing of a kind that they do not know."""
    kind = manifest["kind"]
    if kind == "definitions" or kind not in stored(engine, version):
        return []
    return [
        f"{'.'.join(map(str, ('spec', *error.absolute_path)))}: {error.message}"
        for error in _validator(engine, version, kind).iter_errors(manifest["spec"])
    ]


def main() -> None:
    """Write the rules of one release."""
    engine, version, folder = sys.argv[1:]
    found = (
        workflows_rules(Path(folder) / "manifests/base/crds/full")
        if engine == "argo-workflows"
        else events_rules(Path(folder) / "api/jsonschema/schema.json")
    )
    path = FOLDER / f"{engine}-{version}.json"
    path.write_text(json.dumps(found, separators=(",", ":"), sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
