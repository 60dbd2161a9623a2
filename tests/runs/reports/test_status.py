"""What a commit is told of its run: one word, and a line that says why."""

import copy
from typing import Any

import pytest
from api_objects import START, green_run, history, node, with_status, workflow
from hypothesis import given
from hypothesis import strategies as st

from runs.objects import Workflow, workflow_of
from runs.reports.host_api import Request, cut, newest
from runs.reports.hosts import HOST_APIS
from runs.reports.marks import Mark, mark_of, patch_of
from runs.reports.status import Status, deleted, status_of

ANNOTATIONS = {
    "hookline.dev/repository": "acme/shop",
    "hookline.dev/sha": "3f1c" * 10,
    "hookline.dev/ref": "refs/heads/main",
}
FAILED = [("git-checkout-pr", "Succeeded", 0), ("run-test", "Failed", 1)]


def record(raw: dict[str, Any]) -> Workflow:
    found = workflow_of(raw, frozenset())
    assert found is not None
    return found


def said(raw: dict[str, Any]) -> tuple[str, str]:
    status = status_of(record(raw), "hookline/shop", "")
    return status.word, status.description


def run(**changes: Any) -> dict[str, Any]:
    return workflow("u1", START, annotations=ANNOTATIONS, **changes)


def test_a_run_waits_runs_and_passes() -> None:
    states = [said(raw) for _, raw in green_run("u1", START, annotations=ANNOTATIONS).workflows]
    assert states[0] == ("queued", "waits to start")
    assert set(states[1:-1]) == {("running", "is running")}
    assert states[-1] == ("success", "passed after 3 min 29 s")


def test_red_code_names_the_step() -> None:
    raw = history("u1", START, FAILED, annotations=ANNOTATIONS).workflows[-1][1]
    assert said(raw) == ("failure", "failed in run-test after 1 min 46 s")


@pytest.mark.parametrize(
    ("message", "word", "words"),
    [
        ("pod deleted", "error", "not your code: the infrastructure failed in run-test: pod deleted"),
        ("Pod was active on the node longer than the specified deadline", "timeout", "timed out in run-test"),
        ("main: OOMKilled (exit code 137)", "error", "not your code: the infrastructure failed in run-test"),
    ],
)
def test_what_the_code_did_not_do_is_not_said_of_it(message: str, word: str, words: str) -> None:
    nodes = [node("shop-u1", "run-test", "Error", START + 1, START + 50, message=message)]
    raw = with_status(run(), "Failed", START + 1, START + 60, nodes)
    found = said(raw)
    assert found[0] == word
    assert found[1].startswith(words)


def test_a_run_that_was_ended_while_it_waited_for_a_lock_is_cancelled_whatever_argo_says() -> None:
    for phase in ("Succeeded", "Failed"):
        raw = with_status(run(spec={"shutdown": "Terminate"}), phase, START, START + 5, [])
        assert said(raw)[0] == "cancellation"


def test_a_run_with_nothing_to_do_says_why() -> None:
    outputs = {"parameters": [{"name": "skip-reason", "value": "PATHS"}]}
    nodes = [
        node("shop-u1", "git-checkout-pr", "Succeeded", START + 1, START + 5, outputs=outputs),
        node("shop-u1", "run-test", "Skipped", START + 5, START + 5) | {"type": "Skipped"},
    ]
    raw = with_status(run(), "Succeeded", START + 1, START + 6, nodes)
    assert said(raw) == ("skip", "skipped: PATHS")


def test_a_run_that_was_deleted_has_a_last_word() -> None:
    status = deleted(record(run()), "hookline/shop", "")
    assert (status.word, status.final) == ("cancellation", True)


@pytest.mark.parametrize("api", HOST_APIS.values(), ids=list(HOST_APIS))
def test_every_word_is_a_state_of_every_host(api: Any) -> None:
    assert set(api.states) == {
        "queued", "running", "success", "failure", "error", "timeout", "cancellation", "skip",
    }  # fmt: skip


@given(
    message=st.text(max_size=400),
    repository=st.text(min_size=1, max_size=80),
    context=st.text(min_size=1, max_size=400),
    host=st.sampled_from(sorted(HOST_APIS)),
)
def test_whatever_a_message_holds_a_request_is_one_line_within_the_hosts_limits_and_shows_no_token(
    message: str, repository: str, context: str, host: str
) -> None:
    nodes = [node("shop-u1", "run-test", "Error", START + 1, START + 50, message=message)]
    raw = with_status(run(), "Error", START + 1, START + 60, nodes)
    told = status_of(record(raw), context, "")
    status = Status(repository, "3f1c" * 10, context, told.word, told.description)
    request = HOST_APIS[host].request("https://api.example.com", "a-secret-token", status, "")
    assert isinstance(request, Request)
    body = request.body or {}
    assert len(str(body["description"])) <= (140 if host == "github" else 255)
    assert str(body["description"]).isprintable()
    assert "a-secret-token" not in repr(request)
    # No part of a name leaves its place in the path.
    assert request.url.startswith("https://api.example.com/")
    assert ".." not in request.url.split("/")[4:] or ".." in repository
    assert "?" not in request.url
    assert "#" not in request.url


def test_a_mark_is_read_as_it_was_written_and_nothing_else_is_one() -> None:
    mark = Mark("success", final=True, finished=1_790_000_209.0, memory="17")
    raw = run()
    raw["metadata"]["annotations"] |= patch_of("u1", mark)["metadata"]["annotations"]
    assert mark_of(record(raw)) == mark
    for text in (
        "",
        "no JSON",
        "[]",
        "3",
        '{"finished": "x"}',
        '{"final": 1}',
        '{"finished": 1e999}',
        "{" * 5000,
    ):
        damaged = copy.deepcopy(raw)
        damaged["metadata"]["annotations"]["hookline.dev/reported"] = text
        assert not mark_of(record(damaged)).final


def test_texts_are_cut_with_a_sign() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"


@pytest.mark.parametrize(
    ("server", "address"),
    [
        (
            "https://codeup.aliyun.com",
            "https://openapi-rdc.aliyuncs.com/oapi/v1/codeup/organizations/60de/repositories/60de%2Fteam%2Fshop",
        ),
        (
            "https://codeup.example.com",
            "https://codeup.example.com/oapi/v1/codeup/repositories/60de%2Fteam%2Fshop",
        ),
    ],
)
def test_codeup_is_told_with_its_organization_where_everybody_has_one_address(
    server: str, address: str
) -> None:
    api = HOST_APIS["codeup"]
    status = Status("60de/team/shop", "3f1c" * 10, "hookline/shop", "success", "passed")
    request = api.request(api.address(server), "token", status, "")
    assert request.url == f"{address}/commits/{'3f1c' * 10}/statuses"
    assert request.headers["x-yunxiao-token"] == "token"


@pytest.mark.parametrize(
    ("host", "key", "most"),
    [("codeup", "context", 50), ("bitbucket", "key", 40), ("bitbucketserver", "key", 255)],
)
def test_a_name_that_the_host_would_cut_keeps_its_own_end(host: str, key: str, most: int) -> None:
    def named(context: str) -> str:
        status = Status("acme/shop", "3f1c" * 10, context, "success", "passed")
        return str((HOST_APIS[host].request("https://api.example.com", "token", status, "").body or {})[key])

    long = ["hookline/" + "x" * 300 + end for end in ("one", "two")]
    assert named("hookline/shop") == "hookline/shop"
    assert [len(named(each)) for each in long] == [most, most]
    assert named(long[0]) != named(long[1])
    assert named(long[0]) == named(long[0].upper()).replace("HOOKLINE/", "hookline/").replace("X", "x")


def test_of_two_statuses_of_one_second_the_greater_id_is_the_newer() -> None:
    rows = [{"id": 7, "context": "A/b", "state": "pending"}, {"id": 8, "context": "a/b", "state": "error"}]
    for listed in (rows, rows[::-1], [*rows, {"id": 9, "context": "c", "state": "success"}]):
        assert newest(listed, "a/B", "context")["state"] == "error"
    assert (
        newest([{"context": "a", "state": "x"}, {"context": "a", "state": "y"}], "a", "context")["state"]
        == "x"
    )
    odd: list[Any] = [None, {}, [None, 3, {"context": 4}], [{"id": "8", "context": "b"}]]
    for strange in odd:
        assert newest(strange, "a", "context") == {}
