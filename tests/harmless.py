"""What a decision may hold, whatever the event was: the rules of decide.jq and of docs/security.md, said once more."""

import json
import re
from functools import cache
from operator import itemgetter
from typing import Any, get_type_hints

from mutations import Path, events, targets, text
from pydantic import TypeAdapter

from events.canonical import CanonicalEvent, Image, Kind, MergeGroup, PullRequest
from events.host import host
from sensors.program import Program, TemplateFacts, compose, reader
from sensors.reasons import REASONS

BINDINGS: dict[Kind, dict[str, str]] = {
    "push": {"target_branch": "branch", "commit": "sha"},
    "tag": {"container_tag": "tag", "commit": "sha"},
    "pull_request": {"target_branch": "branch", "commit": "sha"},
    "merge_group": {"target_branch": "branch", "commit": "sha"},
}
OPEN: dict[Kind, dict[str, str]] = {"push": {"paths": "paths"}, "pull_request": {"paths": "paths"}}
"""Of a template that decides path filters."""
FILES = "([^/]+/)*[^/]*[.](go|c|md)"
RULES: dict[str, Any] = {
    "push": {"paths": {"include": FILES}, "authors": {"exclude": ".*-bot"}},
    "tag": {},
    "pull_request": {"drafts": True, "paths": {"include": FILES}},
    "merge_group": {},
    "image_push": {},
}

SPEC = {
    "workflowTemplateRef": {"name": "ci"},
    "synchronization": {"mutexes": [{"name": ""}]},
    "priority": 1,
}


@cache
def program(name: str, kinds: frozenset[Kind], *, any_ref: bool = False) -> Program:
    """A program with every repository of the host's events in its table."""
    read = reader(host(name), "source")
    keys = {key for event in events(name) for key in read.keys(text(event))}
    line: dict[str, Any] = {
        "pipeline": "shop",
        "config": "0123456789ab",
        "run": SPEC,
        "arguments": {"repo_name": "shop", "repo_url": "https://example.com/acme/shop.git"},
        **{kind: RULES[kind] for kind in kinds & RULES.keys()},
    }
    return compose(
        host=host(name),
        source="source",
        kinds=kinds,
        lines={key: line for key in keys if key and re.fullmatch(r"[A-Za-z0-9._/-]+", key)},
        templates={
            "": TemplateFacts(
                tuple(parameters("")),
                {kind: each | OPEN.get(kind, {}) for kind, each in BINDINGS.items()} if any_ref else BINDINGS,
                "repo_name",
                any_ref,
            )
        },
        labels={"hookline.dev/source": "source"},
        mutex_path=("synchronization", "mutexes", 0, "name"),
    )


# The rules of decide.jq, and of docs/security.md.
NAME = r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}"
ANY_NAME = r"[^\x00-\x20\x7f-\x9f./~^:?*\[\\-][^\x00-\x20\x7f-\x9f~^:?*\[\\]{0,199}"
"""Of a program whose templates take any ref; by characters here, where the program counts bytes."""
COMMIT = r"(?:[0-9a-f]{40}|[0-9a-f]{64})"
IMAGE = r"[A-Za-z0-9._/-]{1,300}:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
NO_IMAGE = r".*:(?:sha(?:256|384|512)-[0-9a-f]{64,128}(?:[._-].*)?|(?:.*[._-])?build-?cache(?:[._-].*)?)"
OCCURRENCE = r"[A-Za-z0-9:._+-]{0,64}"


def parameters(name: str) -> dict[str, str]:
    """The expression that each parameter matches, given the one for names of branches and tags."""
    return {
        "target_branch": name,
        "container_tag": r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}",
        "commit": COMMIT,
        "paths": rf"(?:(?:base (?:{COMMIT}|refs/heads/{name})\n)?include {re.escape(FILES)})?",
        "repo_name": "shop",
        "repo_url": re.escape("https://example.com/acme/shop.git"),
    }


TIME = r"(?: [A-Za-z0-9:._+-]{1,64})?"


def subject(kind: str, name: str) -> str:
    """The expression that what is built matches in what tells events apart."""
    return {
        "push": rf"refs/heads/{name} (?:{COMMIT})? {COMMIT}{TIME}",
        "tag": rf"refs/tags/{name} (?:{COMMIT})? {COMMIT}{TIME}",
        "pull_request": rf"[0-9]* {COMMIT}{TIME}",
        "merge_group": rf"refs/heads/{name} {COMMIT}",
        "image_push": rf"[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}} {OCCURRENCE}(?:[0-9a-f]{{7,}})?",
    }[kind]


def matches(expression: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(expression, value) is not None


def check_harmless(found: dict[str, Any], *, any_ref: bool = False) -> None:
    name_of_ref = ANY_NAME if any_ref else NAME
    assert found["action"] in {"run", "drop"}
    assert found["reason"] in REASONS
    assert "{{" not in json.dumps(found)
    if found["action"] == "drop":
        assert found.keys() <= {"action", "verdict", "reason", "pipeline"}
        return
    kind = found["kind"]
    if kind == "image_push":
        assert not matches(NO_IMAGE, found["ref"])
    else:
        name = found["ref"].removeprefix("refs/heads/").removeprefix("refs/tags/")
        assert not re.search(r"[.][.]|//|/[.]|@[{]|[.]lock(?:/|\Z)|[/.]\Z", name)
    for name, value in found["parameters"].items():
        assert matches(parameters(name_of_ref)[name], value), name
    assert found["labels"] == {
        "hookline.dev/source": "source",
        "hookline.dev/pipeline": "shop",
        "hookline.dev/config": "0123456789ab",
        "hookline.dev/event-kind": kind,
    }
    given = [{"name": name, "value": value} for name, value in found["parameters"].items()]
    assert sorted(found["spec"]["arguments"]["parameters"], key=itemgetter("name")) == sorted(
        given, key=itemgetter("name")
    )
    locks = {"mutexes": [{"name": "shop"}]}
    assert found["spec"] == {**SPEC, "arguments": found["spec"]["arguments"], "synchronization": locks}
    assert matches(
        IMAGE if kind == "image_push" else rf"(?:refs/heads/|refs/tags/)?{name_of_ref}", found["ref"]
    )
    assert matches(rf"(?:sha256:[0-9a-f]{{64}})?|{COMMIT}", found["sha"])
    assert found["sha"].strip("0") or kind == "image_push"
    assert matches(r"[A-Za-z0-9._/-]{1,300}", found["repository"])
    assert matches(r"[A-Za-z0-9._@+\[\]-]{0,100}", found["actor"])
    assert matches(r"[A-Za-z0-9._:-]{0,128}", found["delivery"])
    event = rf"shop source {kind} [A-Za-z0-9._/-]{{1,300}} {subject(kind, name_of_ref)}"
    assert matches(event, found["event"])


def read_alone(event: dict[str, Any], index: int, name: str) -> dict[str, Any]:
    """The part of an event that the program reads; a fraction of its size, so that thousands can be tried."""
    wanted = set(targets(name)[index])

    def pruned(value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {
                key: pruned(child, (*path, key)) for key, child in value.items() if (*path, key) in wanted
            }
        if isinstance(value, list):
            return [pruned(child, (*path, number)) for number, child in enumerate(value[:3])]
        return value

    return {key: pruned(value, (key,)) for key, value in event.items()}


PARTS = {"pull_request": PullRequest, "merge_group": MergeGroup, "image": Image}
TYPES = {
    part: {
        name: TypeAdapter(hint) for name, hint in get_type_hints(part).items() if name not in {*PARTS, "also"}
    }
    for part in (CanonicalEvent, *PARTS.values())
}
"""Types of the plain fields of a canonical event and of its parts."""


def check_types(part: dict[str, Any], declared: type = CanonicalEvent) -> None:
    """Every field of a canonical event has the type that is declared."""
    for name, value in part.items():
        if name in PARTS:
            check_types(value, PARTS[name])
        elif name == "also":
            for each in value:
                check_types(each)
        elif name != "number":  # as the host tells it: `whole_number` judges it
            TYPES[declared][name].validate_python(value, strict=True)
