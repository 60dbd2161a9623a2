"""Deliveries: every form of an event file, and what the event source makes of it or refuses."""

import hashlib
import hmac
import json

import pytest
from support import github_push

from events.delivery import BusEvent, Delivery, DeliveryError, Refusal, bus_event, canonical_header
from events.event_files import parse
from events.host import host
from events.signatures import verify

BODY = json.dumps(github_push()).encode()


def delivery(content: bytes, **headers: str) -> Delivery:
    (found,) = parse(content, {key.replace("_", "-"): value for key, value in headers.items()})
    assert isinstance(found, Delivery)
    return found


def on_bus(found: Delivery, name: str = "github") -> BusEvent:
    return bus_event(found, host(name), "hookline-webhooks", name)


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_raw_request_keeps_its_body_byte_for_byte(end: bytes) -> None:
    body = b'{"a":\r\n\r\n "b"}\n\n'
    found = delivery(b"POST /github?x=1 HTTP/1.1" + end + b"x-github-event: push" + end + end + body)
    assert (found.path, found.body, found.header("X-GitHub-Event")) == ("/github", body, "push")


def test_a_delivery_saved_from_github() -> None:
    saved = {
        "guid": "g",
        "event": "push",
        "request": {"headers": {"X-GitHub-Delivery": "g"}, "payload": github_push()},
    }
    found = delivery(json.dumps(saved).encode())
    assert (found.header("X-GitHub-Event"), found.header("X-GitHub-Delivery")) == ("push", "g")
    assert json.loads(found.body) == github_push()
    with pytest.raises(ValueError, match="byte for byte"):
        verify(found, host("github"), b"key")


def test_a_cloud_event_is_an_event_on_the_bus() -> None:
    event = {
        "specversion": "1.0", "id": "1f", "source": "hookline-webhooks", "subject": "github", "type": "github",
        "time": "2026-11-24T08:00:00.123+08:00", "data": {"headers": {}, "body": {}},
    }  # fmt: skip
    (found,) = parse(json.dumps(event).encode(), {})
    assert found == BusEvent(
        "hookline-webhooks",
        "github",
        {"headers": {}, "body": {}},
        {"id": "1f", "time": "2026-11-24T00:00:00Z"},
    )


def test_the_github_source_adds_two_keys_to_the_body() -> None:
    data = on_bus(delivery(BODY, x_github_event="push", authorization="Bearer x")).data
    assert data["body"]["X-GitHub-Event"] == "push"
    assert data["body"]["X-GitHub-Delivery"] == ""
    assert data["headers"]["X-Github-Event"] == ["push"]
    assert data["headers"]["Authorization"] == ["*** Masked Auth Secret ***"]


def test_the_webhook_source_leaves_the_body_alone() -> None:
    assert on_bus(delivery(b"[1]"), "harbor").data == {"header": {}, "body": [1]}


def test_a_form_of_github_is_read_by_its_payload_field() -> None:
    found = delivery(b"payload=%7B%22a%22%3A1%7D", content_type="application/x-www-form-urlencoded")
    assert on_bus(found).data["body"]["a"] == 1
    with pytest.raises(Refusal, match="no field payload"):
        on_bus(delivery(b"x=1", content_type="application/x-www-form-urlencoded"))


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"x"', b"{} {}", b'{"a": NaN}', b'{"a": 1e400}', b'{"a": 1' + b"0" * 400 + b"}", b"[" * 5000 + b"]" * 5000, b'{"a":' * 10_001 + b"1" + b"}" * 10_001, b'{"a":' * 9000 + b"1" + b"}" * 8999 + b"]", b"{" + b" " * (4 * 1024 * 1024) + b"}"],
)  # fmt: skip
def test_what_argo_events_cannot_take_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        on_bus(Delivery({}, body))
    assert refusal.value.reason == "PAYLOAD"


def test_bytes_that_are_no_text_do_not_stop_it() -> None:
    event = on_bus(Delivery({}, b'{"a": "\xff\xfe", "b": "\\ud800"}'))
    assert json.loads(event.text())["body"]["b"] == "\ufffd"


@pytest.mark.parametrize(
    "content",
    [b"", b" \n", b"GET / HTTP/1.1\n\n", b"POST / HTTP/1.1\nnot a header\n\n{}", b'{"specversion": "1.0", "source": "s", "subject": "t"}', b'{"specversion": "1.0", "id": "1", "source": "s", "subject": "t", "type": "t", "data": {"x": 1}}', b'{"specversion": "1.0", "id": "1", "source": "s", "subject": "x", "type": "t", "time": "soon", "data": {"header": {}, "body": {}}}'],
)  # fmt: skip
def test_what_is_no_event_is_refused(content: bytes) -> None:
    with pytest.raises(DeliveryError):
        parse(content, {})


def test_header_names_are_spelled_as_go_does() -> None:
    assert canonical_header("X-GitHub-Event") == "X-Github-Event"
    assert canonical_header("content-TYPE") == "Content-Type"


# Vector: body and digests as computed by openssl dgst -hmac topsecret.
VECTOR = b'{"ref":"refs/heads/main"}'
SHA256 = "7804d460f7eadad206a6d4c5a760b15defa80add90a31069e5ab2df85f18bcfa"
SHA1 = "cb6fba49bef000871f99d16a1ae8bebc85d29174"


@pytest.mark.parametrize("name", ["github", "gitea", "ghcr"])
@pytest.mark.parametrize(
    "headers",
    [{"x_hub_signature_256": f"sha256={SHA256}"}, {"x_hub_signature": f"sha256={SHA256}"}, {"x_hub_signature": f"sha1={SHA1}"}],
)  # fmt: skip
def test_right_signatures(name: str, headers: dict[str, str]) -> None:
    found = delivery(VECTOR, **headers)
    verify(found, host(name), b"topsecret\n")
    for wrong in (b"topsecret\n\n", b"Topsecret"):
        with pytest.raises(Refusal):
            verify(found, host(name), wrong)


@pytest.mark.parametrize(
    ("name", "secret", "sentence"),
    [
        ("github", b"", "with an empty secret Argo Events checks no signature, and everybody can deliver"),
        ("github", b"\n", "with an empty secret Argo Events checks no signature, and everybody can deliver"),
        ("github", b"\n\n", "which anybody can guess"),
        ("github", b" \t\r\n", "which anybody can guess"),
        ("harbor", b"", "with an empty token Argo Events refuses every delivery"),
        ("harbor", b"  ", "which anybody can guess"),
    ],
)
def test_a_secret_that_is_none_is_refused_whatever_the_delivery_says(
    name: str, secret: bytes, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        verify(delivery(VECTOR), host(name), secret)


@pytest.mark.parametrize(
    ("secret", "clause"),
    [
        (b"topsecret\r\n", "ends in a carriage return (the file has the line ends of Windows)"),
        (b" topsecret", "starts with a space"),
        (b"\ttopsecret ", "starts with a tab and ends in a space"),
        (b"topsecret\n\n", "ends in a line end"),
        (b"\xef\xbb\xbftopsecret\n", "starts with a byte order mark"),
        ("topsecret".encode("utf-16"), "starts with a byte order mark"),
    ],
)
def test_what_stands_unseen_at_the_ends_of_a_secret_is_named(secret: bytes, clause: str) -> None:
    for name, headers in (
        ("github", {"x_hub_signature_256": f"sha256={SHA256}"}),
        ("harbor", {"authorization": "Bearer topsecret"}),
    ):
        with pytest.raises(Refusal) as refused:
            verify(delivery(VECTOR, **headers), host(name), secret)
        assert f"the secret {clause}, which is part of it" in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "sha256=",
        SHA256,
        f"md5={SHA256}",
        f"sha256={SHA256[:-1]}",
        f"sha256={SHA256}é",
        f"sha256=sha256={SHA256}",
    ],
)
def test_wrong_signatures(value: str) -> None:
    with pytest.raises(Refusal):
        verify(delivery(VECTOR, x_hub_signature_256=value), host("github"), b"topsecret")


def test_a_body_changed_by_one_byte_does_not_verify() -> None:
    signature = "sha256=" + hmac.new(b"k", BODY, hashlib.sha256).hexdigest()
    with pytest.raises(Refusal, match="does not match"):
        verify(delivery(BODY + b" ", x_hub_signature_256=signature), host("github"), b"k")


def test_bearer_tokens() -> None:
    verify(delivery(b"{}", authorization="Bearer t0ken"), host("gitlab"), b"t0ken")
    for wrong in ("t0ken", "bearer t0ken", "Bearer t0ken ", "Bearer t0kenx", ""):
        with pytest.raises(Refusal):
            verify(Delivery({"Authorization": (wrong,)}, b"{}"), host("gitlab"), b"t0ken")
    with pytest.raises(ValueError, match="nothing to verify"):
        verify(delivery(b"{}"), host("acr"), b"x")
