"""Deliveries in the forms in which people have them: recordings (HAR), copied pages and curl commands read as they were sent."""

import base64
import json
import shlex
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import github_push, payload

from events.delivery import DeliveryError, bus_event
from events.event_files import parse
from events.host import host
from events.request import Delivery

PUSH = github_push()
TEXT = json.dumps(PUSH, indent=2, ensure_ascii=False)
GITLAB = json.dumps(payload("gitlab/push"), indent=2)


def read(text: str | bytes, **headers: str) -> Delivery:
    content = text if isinstance(text, bytes) else text.encode()
    (found,) = parse(content, {name.replace("_", "-"): value for name, value in headers.items()})
    assert isinstance(found, Delivery)
    return found


def check(found: Delivery, body: Any, path: str | None = None, **headers: str) -> None:
    assert json.loads(found.body) == body
    assert found.webhook_path == path
    for name, value in headers.items():
        assert found.header(name.replace("_", "-")) == value


# --- Pages of hosts ----------------------------------------------------------------------------------------------

ON_GITHUB = f"""\
Request
Response 200
Redeliver
Completed in 0.27 seconds.
Headers
Request URL: https://ci.example.com/github
Request method: POST
Accept: */*
Content-Type: application/json
User-Agent: GitHub-Hookshot/0601016
X-GitHub-Delivery: be493900-0000-11eb-0000-000000000000
X-GitHub-Event: push
X-Hub-Signature-256: sha256=0123
Payload
{TEXT}
"""

ON_GITLAB = f"""\
Request URL: POST https://ci.example.com/gitlab 200
Trigger: Push Hook
Elapsed time: 0.18 sec
Request time: 2 minutes ago

Request headers:
Content-Type: application/json
X-Gitlab-Event: Push Hook
X-Gitlab-Instance: https://gitlab.example.com:3000
X-Gitlab-Token: [REDACTED]

Request body:
{GITLAB}
Response headers:
Content-Type: text/plain
X-Gitlab-Event: not this one

Response body:
{{"ok": true}}
"""

ON_GITEA = f"""\
Headers
Request URL: https://ci.example.com/gitea
Request method: POST
Content-Type: application/json
X-Gitea-Event: push
X-Gitea-Event-Type: push
X-GitHub-Event: push
Payload
{json.dumps(payload("gitea/push"))}
"""

BY_DEVELOPER_TOOLS = f"""\
content-type:
application/json
Request URL:
https://ci.example.com/github
Request Method:
POST
x-github-event:
push
x-empty:
x-hub-signature-256:
sha256=0123
referer:
https://example.com:8080/a
{TEXT}
"""


def test_what_is_copied_from_github_reads_as_it_was_sent() -> None:
    found = read(ON_GITHUB)
    check(found, PUSH, "/github", X_GitHub_Event="push", Content_Type="application/json", Accept="*/*")
    assert set(found.headers) == {
        "Accept",
        "Content-Type",
        "User-Agent",
        "X-Github-Delivery",
        "X-Github-Event",
        "X-Hub-Signature-256",
    }
    assert (found.path, found.exact_body) == (None, False)


def test_what_is_copied_from_gitlab_reads_without_the_response() -> None:
    found = read(ON_GITLAB)
    check(found, payload("gitlab/push"), "/gitlab", X_Gitlab_Event="Push Hook")
    assert found.header("X-Gitlab-Instance") == "https://gitlab.example.com:3000"
    assert found.headers["Content-Type"] == ("application/json",)
    assert found.header("Trigger") is None


def test_a_token_that_a_page_masks_is_not_called_wrong() -> None:
    masked = read(ON_GITLAB.replace("X-Gitlab-Token", "Authorization"))
    with pytest.raises(ValueError, match="cannot be checked"):
        host("gitlab").receiver.verify(masked, b"token")
    host("gitlab").receiver.verify(
        read(ON_GITLAB.replace("X-Gitlab-Token: [REDACTED]", "Authorization: Bearer token")), b"token"
    )


def test_what_is_copied_from_gitea_reads_as_it_was_sent() -> None:
    check(read(ON_GITEA), payload("gitea/push"), "/gitea", X_Gitea_Event="push")


def test_a_value_may_stand_below_its_name() -> None:
    found = read(BY_DEVELOPER_TOOLS)
    check(found, PUSH, "/github", X_GitHub_Event="push", X_Hub_Signature_256="sha256=0123", X_Empty="")
    assert found.header("Referer") == "https://example.com:8080/a"


WITH_THE_RESPONSE_FIRST = f"""\
General
Request URL:
https://ci.example.com/github
Request Method:
POST
Status Code:
200 OK
Response Headers (2)
content-type:
text/plain
x-github-event:
not this one
Request Headers (2)
content-type:
application/json
x-github-event:
push
Request Payload
{TEXT}
"""

WITH_THE_RESPONSE_LAST = f"""\
Request
Response 200
Headers
Request URL: https://ci.example.com/github
Content-Type: application/json
X-GitHub-Event: push
Payload
{TEXT}
Response
Headers
X-GitHub-Event: not this one
Body
{{"ok": true}}
"""


@pytest.mark.parametrize("text", [WITH_THE_RESPONSE_FIRST, WITH_THE_RESPONSE_LAST])
def test_the_response_is_left_out_wherever_it_stands(text: str) -> None:
    found = read(text)
    check(found, PUSH, "/github", X_GitHub_Event="push", Content_Type="application/json")
    assert {name: len(values) for name, values in found.headers.items()} == {
        "Content-Type": 1,
        "X-Github-Event": 1,
    }


def test_a_copied_form_reads_by_its_payload() -> None:
    found = read(ON_GITHUB.replace("application/json", "application/x-www-form-urlencoded"))
    assert bus_event(found, host("github"), "es", "github").data["body"]["ref"] == PUSH["ref"]


@pytest.mark.parametrize("between", ["", "\n", "\n\n  "])
def test_what_several_calls_of_an_api_print_reads_in_order(between: str) -> None:
    kept = [
        json.dumps(
            {
                "guid": "g",
                "delivered_at": "",
                "event": "push",
                "request": {"headers": {}, "payload": {"number": each}},
            }
        )
        for each in range(3)
    ]
    found = parse(f"{between.join(kept)}\n".encode(), {})
    assert [json.loads(each.body) for each in found if isinstance(each, Delivery)] == [
        {"number": each} for each in range(3)
    ]
    listed = parse(f"[{kept[0]}]{between}[{kept[1]}]".encode(), {})
    assert len(listed) == 2


@pytest.mark.parametrize("text", ['{"a": 1}{"b": 2}', "[1] [2]", '{"a": 1} and {"b": 2}', "{}{", "[[]]]"])
def test_other_values_in_a_row_stay_a_bare_body(text: str) -> None:
    assert read(text).body == text.encode()


def test_a_space_that_does_not_break_stays_in_a_text() -> None:
    assert json.loads(read('X-GitHub-Event: push\n\u00a0{"a": "b\u00a0c"}').body) == {"a": "b\u00a0c"}


HEADERS = "X-GitHub-Event: push\nContent-Type: application/json"


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADERS}\n\n{TEXT}",
        f"{TEXT}\n\n{HEADERS}",
        f"X-GitHub-Event: push\n{TEXT}\nContent-Type: application/json\n",
        f"\n\n  {HEADERS}\n  {json.dumps(PUSH)}\n\n",
        f"Headers:\n{HEADERS}\nPayload: {TEXT}",
        f"Headers\n{HEADERS}\nBody:{TEXT}",
        f"{HEADERS}\n{TEXT}".replace("\n", "\r\n"),
        f"{HEADERS}\n{TEXT}".replace("\n  ", "\n\u00a0\u00a0"),
        f"x-github-event:  push \ncontent-type:\tapplication/json\n{TEXT}",
    ],
)
def test_headers_and_payload_stand_in_any_order(text: str) -> None:
    check(read(text), PUSH, None, X_GitHub_Event="push", Content_Type="application/json")


def test_headers_of_the_command_are_added() -> None:
    check(read(f"Content-Type: application/json\n{TEXT}", X_GitHub_Event="push"), PUSH, X_GitHub_Event="push")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEADERS}\n{TEXT}\n{TEXT}", "holds 2 JSON values"),
        (f"{HEADERS}\n{TEXT[:-20]}", "not JSON, so it was not copied whole"),
        (f"{HEADERS}\n" + TEXT.replace("refs/heads", "refs/\nheads"), "Invalid control character at: line"),
        (ON_GITHUB.replace("method: POST", "method: GET"), "no POST request"),
    ],
)
def test_a_copy_that_is_not_one_whole_delivery_is_refused(text: str, message: str) -> None:
    with pytest.raises(DeliveryError, match=message):
        read(text)


@pytest.mark.parametrize("text", ["X-GitHub-Event: push\n", "no headers, no payload", "{", "a: b\nc: d"])
def test_a_text_without_a_payload_stays_a_bare_body(text: str) -> None:
    found = read(text)
    assert (found.body, found.headers) == (text.encode(), {})


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", [TEXT, ON_GITHUB, json.dumps({"request": {"headers": {}, "payload": PUSH}})])
def test_the_mark_that_windows_begins_a_file_with_is_no_part_of_it(text: str, mark: str) -> None:
    assert json.loads(read(text.encode(mark)).body) == PUSH


# --- HAR -----------------------------------------------------------------------------------------------------------


def entry(
    body: str | None, method: str = "POST", url: str = "https://ci.example.com/github?a=b", **data: Any
) -> dict[str, Any]:
    posted = {"mimeType": "application/json", "text": body} if body is not None else None
    request: dict[str, Any] = {
        "method": method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "headers": [{"name": ":method", "value": "POST"}, {"name": "X-GitHub-Event", "value": "push"}],
        "bodySize": len((body or "").encode()),
    }
    if posted is not None or data:
        request["postData"] = {**(posted or {}), **data}
    return {"startedDateTime": "2026-11-24T00:00:00Z", "request": request, "response": {"status": 200}}


def recording(*entries: Any) -> bytes:
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "x"}, "entries": entries}}).encode()


def test_the_only_post_of_a_recording_is_the_delivery() -> None:
    found = read(
        recording(entry(None, "GET"), entry(TEXT), entry(None), entry("", "POST"), entry(TEXT, "PUT"), 7)
    )
    check(found, PUSH, "/github", X_GitHub_Event="push", Content_Type="application/json")
    assert set(found.headers) == {"X-Github-Event", "Content-Type"}
    assert found.body == TEXT.encode()
    assert found.exact_body


def test_every_post_of_a_recording_is_a_delivery() -> None:
    found = parse(recording(entry(TEXT), entry("{}", url="https://ci.example.com/gitlab")), {})
    assert [each.webhook_path for each in found if isinstance(each, Delivery)] == ["/github", "/gitlab"]


def test_a_recorded_body_may_be_base64_or_the_fields_of_a_form() -> None:
    coded = base64.b64encode(TEXT.encode()).decode()
    assert read(recording(entry(coded, encoding="base64"))).body == TEXT.encode()
    form = entry(
        None, mimeType="application/x-www-form-urlencoded", params=[{"name": "payload", "value": TEXT}]
    )
    data = bus_event(read(recording(form)), host("github"), "es", "github").data
    assert data["body"]["ref"] == PUSH["ref"]


def test_a_recorded_body_of_another_length_is_not_exact() -> None:
    wrong = entry(TEXT)
    wrong["request"]["bodySize"] += 1
    assert not read(recording(wrong)).exact_body


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (recording(), "no POST request with a body"),
        (recording(entry(None, "GET")), "no POST request with a body"),
        (recording(entry("not base64", encoding="base64")), "not base64"),
    ],
)
def test_a_recording_without_a_delivery_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(DeliveryError, match=message):
        read(content)


# --- curl ----------------------------------------------------------------------------------------------------------

URL = "https://ci.example.com/github"


@pytest.mark.parametrize(
    "command",
    [
        f"curl -X POST {URL} -H 'X-GitHub-Event: push' -H 'Content-Type: application/json' --data-raw {shlex.quote(TEXT)}",
        f"$ curl '{URL}' \\\n  -H 'X-GitHub-Event: push' \\\n  -H 'content-type: application/json' \\\n  --data-binary {shlex.quote(TEXT)} \\\n  --compressed\n",
        f'curl -sS -XPOST -H"X-GitHub-Event: push" --header "Content-Type: application/json" -d {json.dumps(json.dumps(PUSH))} --url {URL}',
        f"curl --json {shlex.quote(TEXT)} -H 'X-GitHub-Event: push' --max-time 5 {URL}",
        f"curl {URL} -H $'X-GitHub-Event: push' -H 'Content-Type: application/json' --data-raw $'"
        + json.dumps(PUSH).replace("\\", "\\\\").replace("'", "\\'").replace("!", "\\u0021")
        + "'",
    ],
)
def test_a_curl_command_is_the_request_that_it_would_send(command: str) -> None:
    found = read(command)
    check(found, PUSH, "/github", X_GitHub_Event="push", Content_Type="application/json")
    assert found.exact_body


@pytest.mark.parametrize(
    ("word", "value"),
    [
        (r"$'\u0021\'\\n\x41\101\n'", "!'\\nAA\n"),
        (r'"a\"b\$c\d"', 'a"b$c\\d'),
        (r"a\ b", "a b"),
        ("'a'\"b\"c", "abc"),
        ("''", ""),
    ],
)
def test_quotes_read_as_a_shell_reads_them(word: str, value: str) -> None:
    assert read(f"curl {URL} --data-raw {word}").body.decode() == value


def test_curl_without_a_content_type_sends_a_form() -> None:
    assert read(f"curl {URL} -d a -d b").header("Content-Type") == "application/x-www-form-urlencoded"
    assert read(f"curl {URL} -d a -d b").body == b"a&b"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (f"curl {URL} -d @push.json", "curl reads the body from push.json; give that file as the event"),
        (f"curl {URL}", "posts no body"),
        (f"curl -X PUT {URL} -d x", "posts no body"),
        (f"curl -F a=b {URL}", "encodes the body of --form itself"),
        (f"curl {URL} -d 'x", "a quote that does not end"),
        ("curl -d", "posts no body|curl"),
    ],
)
def test_a_curl_command_without_a_delivery_is_refused(command: str, message: str) -> None:
    if command == "curl -d":
        assert read(command).body == b""
        return
    with pytest.raises(DeliveryError, match=message):
        read(command)


# --- Anything ------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["curl ", "-d ", "--json", "'", '"', "$'", "\\", "\\u", "\n", "\r\n", " ", ":", "X-A: 1", "Name:", "{", "}", "[", "]", '{"a": 1}', "Payload",
     "Request URL: ", "https://[", "Response body", "POST ", "\u00a0", "\ud800", "@", "=", '"log"', "é"]
)  # fmt: skip


def answered(content: bytes) -> str:
    """The sentence with which a content is refused, or how many events it holds."""
    try:
        sentence = f"{len(parse(content, {}))} events"
    except DeliveryError as error:
        sentence = str(error)
    assert " " in sentence
    return sentence


@given(pieces=st.lists(PIECES, max_size=14), first=st.sampled_from(["", "curl ", "X-GitHub-Event: push\n{"]))
def test_no_text_ends_in_a_traceback(pieces: list[str], first: str) -> None:
    assert answered((first + "".join(pieces)).encode("utf-8", "surrogatepass"))


HAR_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.just("POST"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "request",
                    "method",
                    "url",
                    "headers",
                    "postData",
                    "text",
                    "params",
                    "name",
                    "value",
                    "mimeType",
                    "encoding",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
)


@given(entries=HAR_VALUE, request=HAR_VALUE, data=HAR_VALUE, headers=HAR_VALUE)
def test_no_recording_ends_in_a_traceback(entries: Any, request: Any, data: Any, headers: Any) -> None:
    whole = {"method": "POST", "url": request, "postData": data, "headers": headers}
    for value in (
        entries,
        [entries],
        [{"request": request}],
        [{"request": whole}],
        [{"request": {**whole, "postData": {"text": "{}", "mimeType": data}}}],
    ):
        assert answered(json.dumps({"log": {"entries": value}}).encode())


@pytest.mark.parametrize(
    "text",
    [
        "X-A: 1\n" + "{\n" * 25_000,
        "X-A: 1\n" + "[]\n" * 25_000,
        "X-A:" + " " * 250_000 + "b\n{}",
        "X-A:\n" * 50_000 + "{}",
        "Request URL: " + " " * 125_000 + "x\nX-A: 1\n{}",
        "curl " + "\\ " * 50_000 + "'",
        "curl -d $'" + "\\'" * 50_000,
        'curl -d "' + '\\"' * 50_000,
        "curl " + "$" * 50_000 + " -d x",
    ],
)
def test_a_hostile_text_is_answered_in_a_time_that_grows_with_its_length(text: str) -> None:
    started = time.process_time()
    assert len(answered(text.encode())) < 500
    assert time.process_time() - started < 3
