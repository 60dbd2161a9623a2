"""Event files: whatever form a delivery has on disk, it reads as the cluster would receive it."""

import json
import time
import urllib.parse
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import github_push, payload, program

from events import nested_json
from events.delivery import BusEvent, DeliveryError, bus_event
from events.event_files import parse
from events.host import host
from events.request import Delivery, Refusal

HARBOR_EVENT = {
    "specversion": "1.0", "id": "u1", "source": "/projects/2/webhook/policies/15", "type": "harbor.artifact.pushed",
    "data": payload("harbor/push_artifact")["event_data"], "operator": "robot$ci",
}  # fmt: skip
ON_BUS = {
    "specversion": "1.0", "id": "1f", "source": "hookline-webhooks", "subject": "harbor", "type": "webhook",
    "data": {"header": {}, "body": HARBOR_EVENT},
}  # fmt: skip
SAVED = {
    "id": 1, "guid": "g", "delivered_at": "2026-11-24T00:00:00Z", "event": "push", "status_code": 200,
    "request": {"headers": {"X-GitHub-Event": "push", "X-GitHub-Delivery": "g"}, "payload": github_push()},
}  # fmt: skip
FORM = "application/x-www-form-urlencoded"


def read(
    value: Any, source: str | None = None, name: str | None = None, **headers: str
) -> Delivery | BusEvent:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    named = {key.replace("_", "-"): text for key, text in headers.items()}
    (found,) = parse(content, named, source, host(name) if name else None)
    return found


def received(value: Any, name: str = "github", **options: Any) -> dict[str, Any]:
    found = read(value, name=name, **options)
    assert isinstance(found, Delivery)
    return dict(bus_event(found, host(name), "es", name).data)


# --- CloudEvents --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [None, "harbor"])
def test_a_cloud_event_that_a_host_sends_is_its_body(source: str | None) -> None:
    found = received(HARBOR_EVENT, "harbor", source=source)
    assert found == {"header": {}, "body": HARBOR_EVENT}
    assert program("harbor").canonical(json.dumps(found))["kind"] == "image_push"


@pytest.mark.parametrize("source", [None, "harbor"])
def test_an_event_on_the_bus_stays_one_even_if_its_body_is_a_cloud_event(source: str | None) -> None:
    found = read(ON_BUS, source)
    assert isinstance(found, BusEvent)
    assert (found.event_source, found.event_name) == ("hookline-webhooks", "harbor")


def test_what_looks_like_an_event_on_the_bus_is_a_body_where_another_source_receives_it() -> None:
    assert isinstance(read(ON_BUS, "acr"), Delivery)


def test_the_event_of_a_calendar_stands_on_the_bus() -> None:
    fired = {**ON_BUS, "subject": "shop", "data": {"eventTime": "2026-11-24 00:00:00 +0000 UTC"}}
    assert isinstance(read(fired), BusEvent)


# --- Saved deliveries ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "saved", [SAVED, [SAVED], [[SAVED]], {key: SAVED[key] for key in ("event", "request")}]
)
def test_a_delivery_that_github_saved_reads_as_it_was_sent(saved: Any) -> None:
    assert received(saved)["body"]["ref"] == "refs/heads/main"
    assert received(saved)["body"]["X-GitHub-Event"] == "push"


def saved(payload: Any, **headers: Any) -> dict[str, Any]:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return {**SAVED, "request": {"headers": named, "payload": payload}}


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=utf-8", FORM.title(), [FORM]])
@pytest.mark.parametrize(
    "kept",
    [
        github_push(),
        json.dumps(github_push()),
        {"payload": json.dumps(github_push())},
        urllib.parse.urlencode({"payload": json.dumps(github_push())}),
    ],
    ids=["object", "text", "field", "form"],
)
def test_a_saved_delivery_of_a_form_reads_by_its_payload(kept: Any, content_type: Any) -> None:
    body = received(saved(kept, Content_Type=content_type))["body"]
    assert {key: body[key] for key in github_push()} == github_push()


def test_every_delivery_of_a_list_that_has_its_request_is_read() -> None:
    found = parse(json.dumps([[SAVED], [SUMMARY, saved({"ref": "refs/heads/x"})]]).encode(), {})
    assert [json.loads(each.body)["ref"] for each in found if isinstance(each, Delivery)] == [
        "refs/heads/main",
        "refs/heads/x",
    ]


def test_the_request_alone_reads_as_the_delivery() -> None:
    assert received(SAVED["request"])["body"]["ref"] == "refs/heads/main"
    assert received(SAVED["request"], "harbor")["body"] == SAVED["request"]


def test_a_saved_delivery_knows_the_path_of_its_webhook() -> None:
    for kept in (
        {**SAVED, "url": "https://ci.example.com/github?x=1"},
        {**GITLAB, "url": "https://ci.example.com/github"},
    ):
        found = read(kept)
        assert isinstance(found, Delivery)
        assert (found.path, found.webhook_path) == (None, "/github")


def test_headers_of_a_saved_delivery_may_be_lists() -> None:
    found = read(saved(github_push(), X_GitHub_Event=["push"], X_Number=7, X_Nothing=None), X_Number="8")
    assert isinstance(found, Delivery)
    assert found.headers["X-Github-Event"] == ("push",)
    assert found.headers["X-Number"] == ("7", "8")
    assert found.header("X-Nothing") is None


GITLAB: dict[str, Any] = {
    "id": 1, "url": "https://ci.example.com/gitlab", "trigger": "push_hooks", "response_status": "200",
    "request_headers": {"Content-Type": "application/json", "X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": "[REDACTED]"},
    "request_data": payload("gitlab/push"),
}  # fmt: skip
SUMMARY = {key: value for key, value in SAVED.items() if key != "request"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[SUMMARY], [SUMMARY]], "2 saved deliveries without their requests; `gh api"),
        (SUMMARY, "without its request; `gh api"),
        ([SUMMARY], "without its request; `gh api"),
        ({**SAVED, "request": {"headers": None, "payload": None}}, "holds no headers or no payload any more"),
    ],
)
def test_what_github_saved_without_a_body_is_answered_with_what_to_give(value: Any, message: str) -> None:
    with pytest.raises(DeliveryError, match=message):
        read(value)


@pytest.mark.parametrize("value", [SAVED, SUMMARY, [SAVED, SAVED], saved({"type": "PUSH_ARTIFACT"})])
def test_a_registry_s_body_that_looks_like_a_saved_delivery_stays_a_body(value: Any) -> None:
    assert received(value, "harbor")["body"] == value


def test_an_event_that_gitlab_saved_reads_as_it_was_sent() -> None:
    kept = {
        "id": 1,
        "request_headers": {"X-Gitlab-Event": "Push Hook"},
        "request_data": payload("gitlab/push"),
    }
    found = received(kept, "gitlab")
    assert found["header"]["X-Gitlab-Event"] == ["Push Hook"]
    assert found["body"] == payload("gitlab/push")


def test_a_list_of_events_that_gitlab_saved_reads_as_they_were_sent() -> None:
    found = parse(json.dumps([GITLAB, GITLAB]).encode(), {})
    assert [json.loads(each.body) for each in found if isinstance(each, Delivery)] == [
        payload("gitlab/push")
    ] * 2
    assert received([GITLAB], "gitlab")["header"]["X-Gitlab-Event"] == ["Push Hook"]
    assert received({**GITLAB, "request_data": json.dumps(payload("gitlab/push"))}, "gitlab")["body"]["ref"]
    assert received([GITLAB], "harbor")["body"] == [GITLAB]


def test_a_payload_that_gitlab_did_not_keep_is_said() -> None:
    with pytest.raises(DeliveryError, match="GitLab kept no payload"):
        read({**GITLAB, "request_data": {"oversize": True}})


def test_a_bare_form_reads_by_its_payload() -> None:
    form = urllib.parse.urlencode({"payload": json.dumps(github_push())}).encode()
    assert received(form, X_GitHub_Event="push")["body"]["ref"] == "refs/heads/main"
    assert received(form, "harbor")["body"] == {"payload": [json.dumps(github_push())]}


@pytest.mark.parametrize("form", [b"payload=%zz", b"payload={};", b"payload="])
def test_a_form_that_go_refuses_is_refused(form: bytes) -> None:
    with pytest.raises(Refusal):
        received(form)


# --- Raw requests -------------------------------------------------------------------------------------------------

LINE_ENDS_OF_PYTHON_ALONE = ("\x85", "\u2028", "\u2029")


@pytest.mark.parametrize("character", LINE_ENDS_OF_PYTHON_ALONE)
def test_header_lines_end_where_http_ends_them(character: str) -> None:
    found = read(f"POST /x HTTP/1.1\r\nX-A: 1{character}X-B: 2\r\n\r\n{{}}".encode())
    assert isinstance(found, Delivery)
    assert dict(found.headers) == {"X-A": (f"1{character}X-B: 2",)}


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x00", "\x7f", "\r"])
def test_a_header_with_a_control_character_is_refused_as_go_s_server_does(character: str) -> None:
    with pytest.raises(DeliveryError, match="not a header line"):
        read(f"POST /x HTTP/1.1\r\nX-A: 1{character}X-B: 2\r\n\r\n{{}}".encode())


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("//[", "//["), ("/a?b=/c", "/a"), ("/git%68ub", "/github"), ("http://h.example.com/github?x", "/github"),
        ("http://[", "/"), ("*", "*"), ("/%zz", "/%zz"), ("/a#b", "/a#b"), ("/é", "/Ã©"),
    ],
)  # fmt: skip
def test_any_request_target_has_a_path(target: str, path: str) -> None:
    found = read(f"POST {target} HTTP/1.1\r\nX-A: 1\r\n\r\n{{}}".encode())
    assert isinstance(found, Delivery)
    assert (found.path, found.body) == (path, b"{}")


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_request_without_headers_has_its_whole_body(end: bytes) -> None:
    body = b'{"a":\r\n\r\n 1}\n\n'
    found = read(b"POST /x HTTP/1.1" + end + end + body)
    assert isinstance(found, Delivery)
    assert (dict(found.headers), found.body) == ({}, body)


# --- Nesting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quotes", ['"', '\\"', '"\\'])
def test_a_text_that_does_not_end_is_refused_in_a_time_that_grows_with_its_length(quotes: str) -> None:
    started = time.process_time()
    for prefix in ("[" * 201, "X-A: 1\n{", '{"a": "'):
        with pytest.raises((Refusal, DeliveryError)):
            received((prefix + quotes * 200_000).encode(), "harbor")
    assert time.process_time() - started < 20


def nested(depth: int, inner: str = "1") -> str:
    return '{"a":' * (depth - 1) + f"[{inner}]" + "}" * (depth - 1)


@pytest.mark.parametrize("depth", [200, 201, 400, 1000, 5000, 9999])
def test_a_body_nested_as_deeply_as_go_reads_it_decides_as_any_other(depth: int) -> None:
    body = json.dumps(github_push())[:-1] + f', "deep": {nested(depth)}}}'
    assert received(body.encode(), X_GitHub_Event="push")["body"]["ref"] == "refs/heads/main"
    kept = json.dumps(SAVED).replace('"ref":', f'"deep": {nested(depth - 3)}, "ref":', 1)
    assert received(kept.encode())["body"]["ref"] == "refs/heads/main"


@pytest.mark.parametrize(
    "body", [nested(10_001), nested(9_000, "1,"), nested(9_000)[:-1], nested(9_000) + "]", '{"a": ' + nested(300) + ', "b": [}']
)  # fmt: skip
def test_a_deep_body_that_go_refuses_is_refused(body: str) -> None:
    with pytest.raises(Refusal):
        received(body.encode(), "harbor")


def test_an_event_on_the_bus_may_nest_as_deeply() -> None:
    text = json.dumps(ON_BUS).replace('"data": {', f'"data": {{"deep": {nested(9_000)}, ', 1)
    found = read(text.encode())
    assert isinstance(found, BusEvent)
    assert found.data["body"] == HARBOR_EVENT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


@given(value=JSON, depth=st.integers(1, 700), many=st.integers(1, 3))
def test_what_lies_above_the_deep_part_reads_as_python_reads_it(value: Any, depth: int, many: int) -> None:
    deep = nested(depth, json.dumps(value))
    text = f"[{json.dumps(value)}, {', '.join([deep] * many)}, {json.dumps(value)}]"
    found = nested_json.loads(text, json.loads)
    assert (found[0], found[-1], len(found)) == (value, value, many + 2)
    if depth < nested_json.LEVELS // 2:
        assert found == json.loads(text)


@given(text=st.text('[]{}",:1 \\a', max_size=60), depth=st.integers(190, 210))
def test_what_python_refuses_stays_refused_however_deep_it_stands(text: str, depth: int) -> None:
    whole = nested(depth, text)
    try:
        json.loads(whole)
    except ValueError:
        with pytest.raises(ValueError):
            nested_json.loads(whole, json.loads)
    else:
        nested_json.loads(whole, json.loads)


# --- Anything -----------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [b"POST ", b"/x", b"//[", b" HTTP/1.1", b"\r\n", b"\n", b"\r", b": ", b"X-A", b"\x85", b"\xff", b"\x00", b"{", b"}", b"[", b'"request"',
     b'"headers"', b'"payload"', b":", b",", b"null", b"1", b'"specversion"', b'"1.0"', b'"data"', b"payload=", b"%", b";", b"&", b" "]
)  # fmt: skip
SHAPES = st.fixed_dictionaries(
    {},
    optional={
        "specversion": st.just("1.0") | JSON, "id": JSON, "source": st.just("s") | JSON, "subject": st.just("harbor") | JSON, "type": st.just("t") | JSON,
        "time": JSON, "data": st.fixed_dictionaries({}, optional={"header": JSON, "headers": JSON, "body": JSON, "eventTime": JSON}) | JSON,
        "data_base64": JSON, "guid": JSON, "delivered_at": JSON, "event": JSON, "request_headers": JSON, "request_data": JSON,
        "request": st.fixed_dictionaries({}, optional={"headers": st.dictionaries(st.text(max_size=9), JSON, max_size=3) | JSON, "payload": JSON}) | JSON,
    },
)  # fmt: skip


def handled(content: bytes, source: str | None, name: str) -> None:
    message = "a sentence"
    try:
        for found in parse(content, {}, source, host(name)):
            event = found if isinstance(found, BusEvent) else bus_event(found, host(name), "es", name)
            program(name).decide(event.text())
    except (DeliveryError, Refusal) as error:
        message = str(error)
    assert " " in message


@given(
    pieces=st.lists(PIECES | st.binary(max_size=5), max_size=12),
    source=st.sampled_from([None, "harbor"]),
    name=st.sampled_from(["harbor", "github", "ghcr", "gitlab"]),
)
def test_no_bytes_end_in_a_traceback(pieces: list[bytes], source: str | None, name: str) -> None:
    handled(b"".join(pieces), source, name)
    handled(b"POST /x HTTP/1.1\r\n" + b"".join(pieces), source, name)


@example(
    shape={"specversion": "1.0", "subject": "harbor", "data_base64": None, "time": [None] * 4},
    source=None,
    name="harbor",
)
@example(
    shape={
        "specversion": "1.0",
        "subject": "x",
        "id": "1",
        "source": "s",
        "type": "t",
        "data_base64": "e30=",
        "time": "9999-12-31T23:59:59-23:00",
    },
    source=None,
    name="harbor",
)
@given(
    shape=SHAPES | st.lists(SHAPES, max_size=2) | JSON,
    source=st.sampled_from([None, "harbor"]),
    name=st.sampled_from(["harbor", "github", "ghcr", "gitlab"]),
)
def test_no_json_ends_in_a_traceback(shape: Any, source: str | None, name: str) -> None:
    handled(json.dumps(shape).encode(), source, name)
