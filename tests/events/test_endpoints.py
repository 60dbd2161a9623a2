"""Endpoints: a path that is a secret need not stand in the file."""

import json
from typing import Any

import pytest
from support import DECLARATION, plan

from documents.diagnostics import InvalidInput
from events.controller_rules import event_source_problems
from events.delivery import DeliveryError
from hookline.answers.incoming import EventOptions, incoming
from hookline.plan.objects import objects

ACR = """\
  acr:
    host: acr
    endpoint: "${ACR_ENDPOINT}"
    unverified: {because: "ACR cannot sign its notifications", allowed_cidrs: ["203.0.113.0/24"]}
"""
PLACED = DECLARATION.replace("pipelines:\n", ACR + "pipelines:\n")
TEXT = PLACED + "      image_push: {source: acr, image: acme/base}\n"


def source_of(text: str) -> dict[str, Any]:
    made = objects(plan(text))
    return next(
        each for each in made if each["kind"] == "EventSource" and each["metadata"]["name"] == "hookline-acr"
    )


def test_an_endpoint_left_open_is_refused_by_the_controller_and_accepted_when_filled() -> None:
    manifest = source_of(TEXT)
    assert event_source_problems(manifest) == ["webhook acr: endpoint must start with /"]
    filled = json.loads(
        json.dumps(manifest).replace("${ACR_ENDPOINT}", "/acr/3f9d0a31c7be25864f9d0a31c7be2586")
    )
    assert event_source_problems(filled) == []
    assert filled["spec"]["webhook"]["acr"]["endpoint"] == "/acr/3f9d0a31c7be25864f9d0a31c7be2586"


def test_the_placeholder_is_the_only_thing_in_the_objects_that_is_filled() -> None:
    assert json.dumps(objects(plan(TEXT))).count("${") == 1


def test_what_is_acknowledged_is_no_warning() -> None:
    said = [each for each in plan(TEXT).warnings if each.field.startswith("sources.acr")]
    assert said == []


def test_a_raw_request_to_an_unknown_path_is_one_to_the_placeholder() -> None:
    body = b'{"push_data": {"digest": "sha256:a", "tag": "1"}, "repository": {"repo_full_name": "acme/base"}}'
    request = b"POST /acr/x HTTP/1.1\r\nContent-Type: application/json\r\n\r\n" + body
    assert incoming(plan(TEXT), "event", request, EventOptions()).event_name == "acr"
    with pytest.raises(DeliveryError, match="no source has the endpoint /acr/x"):
        incoming(plan(DECLARATION), "event", request, EventOptions())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("${ACR_ENDPOINT}", "/acr/${ACR_ENDPOINT}", "a placeholder stands for the whole path, such as ${ACR_ENDPOINT}"),
        ("${ACR_ENDPOINT}", "${acr}", "a placeholder stands for the whole path"),
        ("${ACR_ENDPOINT}", "/acr", "128 random bits"),
        ("endpoint: /github", 'endpoint: "${X}"', "sources.github.endpoint: GitHub can be verified, so its path is no secret; write it down, such as /github"),
    ],
)  # fmt: skip
def test_what_is_refused_of_a_placeholder(old: str, new: str, expected: str) -> None:
    assert old in TEXT
    with pytest.raises(InvalidInput) as refused:
        plan(TEXT.replace(old, new, 1))
    assert expected in "\n".join(map(str, refused.value.diagnostics))
