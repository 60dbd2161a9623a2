"""No payload makes a host's program fail, or lets an unsafe value into a Workflow.

The edits here aim at what a program reads (the names in its text), so that most of them change a decision.
`sensors/test_decide.py` tries any JSON at all.
"""

import copy
from typing import Any

import pytest
from harmless import RULES, check_harmless, check_types, program, read_alone
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import OTHERS, TEXTS, change, events, places, targets, text
from tries import THOROUGH, tries

from events.canonical import Kind
from events.host import host, host_names

STRANGE = st.sampled_from(TEXTS) | st.sampled_from(OTHERS)


@st.composite
def edited_events(draw: st.DrawFn, name: str) -> dict[str, Any]:
    index = draw(st.integers(0, len(events(name)) - 1))
    event = copy.deepcopy(events(name)[index])
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.sampled_from(targets(name)[index]))
        change(event, place, draw(st.integers(0, 9)), draw(STRANGE))
    return event


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


def part_of(value: Any, ref: str) -> bool:
    """Whether a value of a payload is a ref or its name, or the ref is made of it."""
    return isinstance(value, str) and value != "" and (value in ref or ref in value)


@pytest.mark.parametrize("name", host_names())
@pytest.mark.parametrize("any_ref", [False, True])
def test_no_strange_text_in_any_one_place_gets_through(name: str, any_ref: bool) -> None:
    """Chance alone rarely meets the one place where a text would matter; here every place is tried, with one event a kind.

    A program for templates that take any ref differs in how it reads refs: of it, the places of refs are tried.
    """
    decide = program(name, host(name).kinds, any_ref=any_ref).decide
    tried: dict[str, tuple[dict[str, Any], str]] = {}
    for index, event in enumerate(events(name)):
        small = read_alone(event, index, name)
        found = decide(text(small))
        if found["action"] == "run" and found["kind"] not in tried:
            tried[found["kind"]] = small, found["ref"]
    assert tried.keys() == host(name).kinds & RULES.keys()
    places_tried = 0
    for small, ref in tried.values():
        for place in places(small):
            *parents, last = place
            node: Any = small
            for part in parents:
                node = node[part]
            before = node[last]
            if isinstance(before, dict | list) or (any_ref and not part_of(before, ref)):
                continue
            places_tried += 1
            strange = [each for each in TEXTS if len(each) < 1000]
            if isinstance(before, str):
                strange += [
                    before + end
                    for end in (
                        "\n",
                        "{{x}}",
                        ";id",
                        "..",
                        "//x",
                        ".lock",
                        "/",
                        "\x00",
                        "é",
                        "@{x",
                        "\x85",
                        "\u2028",
                    )
                ]
            # Else six neighbours try all texts between them.
            for value in strange if THOROUGH else strange[places_tried % 12 :: 12]:
                node[last] = value
                check_harmless(decide(text(small)), any_ref=any_ref)
            node[last] = before
    # With any ref only the places that refs are made of are tried; an image push has none.
    assert places_tried >= (2 if any_ref and "push" in tried else 0 if any_ref else len(tried))


MARKERS = {
    *(f"[{words}]" for words in ("no ci", "skip actions", "actions skip")),
    *(f"[{one}{space}{other}]" for one, other in (("skip", "ci"), ("ci", "skip")) for space in " -_"),
    "***no_ci***", "skip-checks: true", "ci.skip",
}  # fmt: skip


def check_canonical(event: dict[str, Any]) -> None:
    """What the decision and `explain` rely on, whatever a payload holds."""
    assert event.get("skip_marker") is None or event["skip_marker"] in MARKERS
    assert event.get("message") is None or (
        isinstance(event["message"], str) and "\n" not in event["message"]
    )
    check_types(event)
    if event["kind"] == "pull_request":
        assert isinstance(event["pull_request"]["fork"], bool)
        assert isinstance(event["pull_request"]["draft"], bool)
    if event.get("files_complete"):
        assert isinstance(event["files"], list)


@pytest.mark.parametrize("name", host_names())
@settings(max_examples=tries(100))
@given(data=st.data())
def test_no_edited_event_fails_or_gets_an_unsafe_value_through(name: str, data: st.DataObject) -> None:
    event = text(data.draw(edited_events(name)))
    check_canonical(program(name, host(name).kinds).canonical(event))
    for any_ref in (False, True):
        found = program(name, host(name).kinds, any_ref=any_ref).decide(event)
        check_harmless(found, any_ref=any_ref)


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name in host_names() for kind in sorted(host(name).kinds & RULES.keys())],
)
@settings(max_examples=tries(30))
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
