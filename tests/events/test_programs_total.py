"""No payload makes a host's program fail, or lets an unsafe value into a Workflow.

The edits here aim at what a program reads (the names in its text), so that most of them change a decision.
`sensors/test_decide.py` tries any JSON at all.
"""

import copy
import json
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import PAYLOADS, SHA, ZERO, edited, payload

from events.canonical import Kind
from events.delivery import BusEvent
from events.host import host, host_names, program_text
from sensors.program import Program, compose, reader
from sensors.reasons import REASONS

Path = tuple[str | int, ...]

DIGEST = "sha256:" + "a" * 64
TEXTS = [
    "", "a", "main", "main\n", "\nmain", "refs/heads/", "refs/heads/main", "refs/heads/main\n", "refs/heads/-x", "refs/heads/a..b",
    "refs/heads/{{workflow.name}}", "refs/heads/\u202emain", "refs/tags/v1", "refs/tags/{{x}}", ZERO, "0" * 64, SHA, SHA + "\n", "b" * 64, "A" * 40,
    "é", "\U0001f600", "\ud800", "\x00\x1f\x7f", "\u2028", "'", '"', "\\", "acme/x {'", "=1", "[skip ci]", "***NO_CI***", "latest", "1.26",
    "1.26{{x}}", DIGEST, DIGEST + "\n", "WIP: x", "ghcr.io/", "ghcr.io/:", "ghcr.io/o/n@" + DIGEST, "CONTAINER", "opened", "open", "update",
    "synchronize", "push", "delete", "branch", "tag", "PUSH_ARTIFACT", "harbor.artifact.deleted", "1417566161",
    "a" * 100_000, "refs/heads/" + "a/" * 50_000, "{{" * 50_000, "\U0001f600" * 25_000,
]  # fmt: skip
OTHERS: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, 1.5, 7, 15, 20, 999_999_999, 10**9, 2**53, 2**53 + 1, 10**20, 1e300, 1417566161.5,
    [], {}, [[]], [{}], [None], ["x"], [["x"]], {"a": 1}, {"name": None}, [None, {"added": ["a", 1, None], "id": None}],
]  # fmt: skip
STRANGE = st.sampled_from(TEXTS) | st.sampled_from(OTHERS)


def container(**changes: Any) -> Any:
    """A package event of GHCR; the corpus has none of a container."""
    return edited(
        payload("github/package-published"),
        package__ecosystem="CONTAINER",
        package__package_version__package_url="ghcr.io/codertocat/base:1.26",
        package__package_version__container_metadata={"tag": {"name": "1.26", "digest": DIGEST}},
        **changes,
    )


def derived(name: str) -> list[tuple[str, Any]]:
    """Deliveries that no package holds, as event name and body."""
    if name == "ghcr":
        registry_package = {"action": "updated", "registry_package": container()["package"]}
        return [("package", container()), ("registry_package", registry_package)]
    if name == "gitea":
        tag = edited(payload("gitea/push"), ref="refs/tags/v1", head_commit={"id": SHA, "message": "x"})
        return [("push", tag)]
    if name == "harbor":
        default = payload("harbor/push_artifact")
        cloud_event = {"specversion": "1.0", "id": "4b2f89a6", "type": "harbor.artifact.pushed"}
        return [("push", {**cloud_event, "operator": "admin", "data": default["event_data"]})]
    if name == "github":
        return [("pull_request", edited(payload("github/pull_request-opened"), pull_request__draft=True))]
    return []


@cache
def events(name: str) -> list[dict[str, Any]]:
    """Event data of a host as it stands on the bus: the corpus, and what is derived from it."""
    found = derived(name)
    for path in sorted((PAYLOADS / ("github" if name == "ghcr" else name)).glob("*.json")):
        event = path.stem.removeprefix("octokit-").split("-")[0]
        # GHCR is a registry of GitHub: of its host's many pull requests, none is about an image.
        if name != "ghcr" or event in {"package", "ping"}:
            body = json.loads(path.read_text("utf-8"))
            found += [(event, each[2]) for each in body] if name == "distribution" else [(event, body)]
    record = host(name)
    return [
        {
            "headers" if record.receiver == "github" else "header": {
                header: [value]
                for header, value in ((record.event_header, event), (record.delivery_header, "72d3162e-cc78"))
                if header
            },
            "body": body,
        }
        for event, body in found
    ]


def text(event: Any) -> str:
    return BusEvent("", "", event).text()


def places(value: Any, path: Path = ()) -> list[Path]:
    found: list[Path] = [path] if path else []
    if isinstance(value, dict):
        for key, child in value.items():
            found += places(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value[:3]):
            found += places(child, (*path, index))
    return found


@cache
def targets(name: str) -> list[list[Path]]:
    """Per event, the places that the program reads."""
    words = {"headers", "header", "body", "added", "modified", "removed"}
    words |= set(re.findall(r"[A-Za-z_-]+", re.sub(r"(?m)^ *#.*", "", program_text(name))))
    return [
        [place for place in places(event) if all(isinstance(part, int) or part in words for part in place)]
        for event in events(name)
    ]


def change(event: dict[str, Any], place: Path, operation: int, value: Any) -> None:
    """Edit a place, unless an earlier edit took it away."""
    node: Any = event
    *parents, last = place
    for part in [*parents, last]:
        if not (isinstance(part, str) and isinstance(node, dict) and part in node) and not (
            isinstance(part, int) and isinstance(node, list) and part < len(node)
        ):
            return
        parent, node = node, node[part]
    if operation == 0:
        del parent[last]
    elif operation == 1:
        parent[last] = [node]  # a list for an object or a text
    elif operation == 2 and isinstance(node, list) and node:
        parent[last] = node[0]  # a text for a header's list
    elif operation == 3 and isinstance(node, list):
        parent[last] = node * 20  # longer than GitLab's and Gitea's limits
    elif operation == 4 and isinstance(node, str):
        parent[last] = node + str(value)
    else:
        parent[last] = copy.deepcopy(value)


@st.composite
def edited_events(draw: st.DrawFn, name: str) -> dict[str, Any]:
    index = draw(st.integers(0, len(events(name)) - 1))
    event = copy.deepcopy(events(name)[index])
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.sampled_from(targets(name)[index]))
        change(event, place, draw(st.integers(0, 9)), draw(STRANGE))
    return event


BINDINGS: dict[Kind, dict[str, str]] = {
    "push": {"target_branch": "branch", "commit": "sha"},
    "tag": {"container_tag": "tag", "commit": "sha"},
    "pull_request": {"target_branch": "branch", "commit": "sha"},
}
RULES: dict[str, Any] = {
    "push": {"paths": {"include": "(?:[^/]+/)*[^/]*[.](?:go|c|md)"}, "authors": {"exclude": ".*-bot"}},
    "tag": {},
    "pull_request": {"drafts": True},
    "image_push": {},
}


@cache
def program(name: str, kinds: frozenset[Kind]) -> Program:
    """A program with every repository of the host's events in its table."""
    read = reader(host(name), "source")
    keys = {read.key(text(event)) for event in events(name)}
    line = {
        "pipeline": "shop",
        "config": "0123456789ab",
        "arguments": {"repo_name": "shop", "repo_url": "https://example.com/acme/shop.git"},
        **{kind: rule for kind, rule in RULES.items() if kind in kinds},
    }
    return compose(
        host=host(name),
        source="source",
        kinds=kinds,
        lines={key: line for key in keys if key and re.fullmatch(r"[A-Za-z0-9._/-]+", key)},
        bindings=BINDINGS,
        mutex_argument="repo_name",
    )


# The rules of decide.jq, and of docs/security.md.
NAME = r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}"
COMMIT = r"(?:[0-9a-f]{40}|[0-9a-f]{64})"
IMAGE = r"[A-Za-z0-9._/-]{1,300}:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
OCCURRENCE = r"[A-Za-z0-9:._+-]{0,64}"
PARAMETERS = {
    "target_branch": NAME,
    "container_tag": r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
    "commit": COMMIT,
    "repo_name": "shop",
    "repo_url": re.escape("https://example.com/acme/shop.git"),
}
SUBJECT = {
    "push": rf"refs/heads/{NAME} (?:{COMMIT})? {COMMIT}",
    "tag": rf"refs/tags/{NAME} (?:{COMMIT})? {COMMIT}",
    "pull_request": rf"[0-9]* {COMMIT}",
    "image_push": rf"[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}} {OCCURRENCE}(?:[0-9a-f]{{7,}})?",
}


def matches(expression: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(expression, value) is not None


def check_harmless(found: dict[str, Any]) -> None:
    assert found["action"] in {"run", "drop"}
    assert found["reason"] in REASONS
    assert "{{" not in json.dumps(found)
    if found["action"] == "drop":
        assert found.keys() <= {"action", "verdict", "reason", "pipeline"}
        return
    kind = found["kind"]
    if kind != "image_push":
        name = found["ref"].removeprefix("refs/heads/").removeprefix("refs/tags/")
        assert not re.search(r"[.][.]|//|[.]lock(?:/|\Z)|[/.]\Z", name)
    for name, value in found["parameters"].items():
        assert matches(PARAMETERS[name], value), name
    assert matches(IMAGE if kind == "image_push" else rf"(?:refs/heads/|refs/tags/)?{NAME}", found["ref"])
    assert matches(rf"(?:sha256:[0-9a-f]{{64}})?|{COMMIT}", found["sha"])
    assert found["sha"].strip("0") or kind == "image_push"
    assert matches(r"[A-Za-z0-9._@+\[\]-]{0,100}", found["actor"])
    assert matches(r"[A-Za-z0-9._:-]{0,128}", found["delivery"])
    event = rf"shop source {kind} [A-Za-z0-9._/-]{{1,300}} {SUBJECT[kind]}"
    assert matches(event, found["event"])
    assert found["identity"] == "0123456789ab " + found["event"]


@pytest.mark.parametrize("name", host_names())
def test_every_kind_that_builds_is_reached_without_edits(name: str) -> None:
    """Else the edits below would try nothing but refusals."""
    kinds = host(name).kinds & RULES.keys()
    reached = set()
    for event in events(name):
        found = program(name, host(name).kinds).decide(text(event))
        check_harmless(found)
        reached |= {found["kind"]} if found["action"] == "run" else set()
    assert reached == kinds


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


@pytest.mark.parametrize("name", host_names())
def test_no_strange_text_in_any_one_place_gets_through(name: str) -> None:
    """Chance alone rarely meets the one place where a text would matter; here every place is tried, with one event a kind."""
    decide = program(name, host(name).kinds).decide
    tried: dict[str, dict[str, Any]] = {}
    for index, event in enumerate(events(name)):
        small = read_alone(event, index, name)
        found = decide(text(small))
        if found["action"] == "run" and found["kind"] not in tried:
            tried[found["kind"]] = small
    assert tried.keys() == host(name).kinds & RULES.keys()
    for small in tried.values():
        for place in places(small):
            *parents, last = place
            node: Any = small
            for part in parents:
                node = node[part]
            before = node[last]
            if isinstance(before, dict | list):
                continue
            strange = [each for each in TEXTS if len(each) < 1000]
            if isinstance(before, str):
                strange += [
                    before + end for end in ("\n", "{{x}}", ";id", "..", "//x", ".lock", "/", "\x00", "é")
                ]
            for value in strange:
                node[last] = value
                check_harmless(decide(text(small)))
            node[last] = before


@pytest.mark.parametrize("name", host_names())
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_edited_event_fails_or_gets_an_unsafe_value_through(name: str, data: st.DataObject) -> None:
    event = data.draw(edited_events(name))
    check_harmless(program(name, host(name).kinds).decide(text(event)))


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name in host_names() for kind in sorted(host(name).kinds & RULES.keys())],
)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_no_edited_event_fails_where_a_program_reads_one_kind_alone(
    name: str, kind: Kind, data: st.DataObject
) -> None:
    found = program(name, frozenset({kind})).decide(text(data.draw(edited_events(name))))
    check_harmless(found)
    assert found["action"] == "drop" or found["kind"] == kind


@pytest.mark.parametrize("body", ["", 1, None, [], [["x"]], {"a": ["b"]}, {"body": {"body": []}}])
@pytest.mark.parametrize("name", host_names())
def test_bodies_that_are_no_delivery_are_dropped(name: str, body: Any) -> None:
    """The webhook source hands over any JSON value, and of a GET or a form an object of lists."""
    for event in ({"headers": {}, "body": body}, {"header": {"X-Github-Event": "push"}, "body": body}, {}):
        assert program(name, host(name).kinds).decide(text(event))["action"] == "drop"
