"""Comment commands in the controller, against a bus, an API server and git hosts on loopback."""

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bus_cluster import API
from comment_hosts import TOKEN, CommentHost, comment_host, delivered
from comment_site import SHA, Site, text_of, wait
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import plan
from tries import tries

from events.delivery import BusEvent
from hookline.commenting import orders
from hookline.commenting.comment import Comment, comment
from hookline.commenting.grammar import commands
from hookline.commenting.host import AskedHost, NotAnswered
from hookline.commenting.orders import Request
from hookline.controlling import comments as comments_module
from hookline.controlling import follower as follower_module
from runs.controller.settings import ControllerSettings, ReportedSource

KINDS = ("github", "gitlab", "gitea")
OTHER = "b" * 40


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (comments_module, "PAUSE_SECONDS"),
        (comments_module, "RETRY_SECONDS"),
        (follower_module, "ROUND_SECONDS"),
        (follower_module, "PAUSE_SECONDS"),
    ):
        monkeypatch.setattr(module, name, 0.02)


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with comment_host(request.param) as host:
        found = Site(host, tmp_path)
        yield found
        found.stop()


@pytest.fixture
def github(tmp_path: Path) -> Iterator[Site]:
    with comment_host("github") as host:
        found = Site(host, tmp_path)
        yield found
        found.stop()


def test_a_person_who_may_write_starts_the_runs_of_the_request_with_who_and_why(site: Site) -> None:
    site.start()
    number = site.say("Please:\r\n/test\r\n")
    site.until("created", 2)
    assert site.pipelines == ["cart", "shop"]
    for each in site.runs.values():
        annotations = each["metadata"]["annotations"]
        assert annotations["hookline.dev/sha"] == SHA
        assert annotations["hookline.dev/started-by"] == "ann@git"
        assert annotations["hookline.dev/because"] == f"comment {number} on request 7: /test"
        assert {"name": "commit", "value": SHA} in each["spec"]["arguments"][
            "parameters"
        ] or SHA in json.dumps(each["spec"]["arguments"])


def test_a_name_is_compared_with_those_of_pipelines(site: Site) -> None:
    site.start()
    site.say("/test cart")
    site.until("created")
    assert site.pipelines == ["cart"]
    site.say("/test nothing")
    site.until("no_pipeline")
    assert site.pipelines == ["cart"]


@pytest.mark.parametrize(
    ("author", "changes", "result"),
    [
        ("reader", {}, "no_permission"),
        ("mallory", {}, "no_permission"),
        ("ci-account", {}, "own"),
        ("ann", {"action": "edited"}, "edited"),
        ("ann", {"state": "closed"}, "closed"),
        ("ann", {"sender": "mallory"}, "unclear"),
    ],
)
def test_who_may_not_or_what_is_not_new_starts_nothing(
    site: Site, author: str, changes: dict[str, Any], result: str
) -> None:
    site.start()
    site.say("/test\n/cancel\n/approve aaaaaaa", author, **changes)
    site.until(result)
    assert not site.runs


def test_editing_a_comment_that_was_heard_starts_nothing_and_is_counted(site: Site) -> None:
    site.start()
    number = site.say("/test cart")
    site.until("created")
    site.put(delivered(site.host.kind, "/test shop", number=number, action="edited"))
    site.until("edited")
    assert site.pipelines == ["cart"]


def test_bots_and_issues_are_not_heard(github: Site) -> None:
    github.start()
    github.say("/test", type="Bot")
    github.say("/test", author="helper[bot]")
    github.until("bot", 2)
    github.say("/test", issue=True)
    github.say("/test cart")
    github.until("created")
    assert github.pipelines == ["cart"]


def test_a_request_that_was_closed_since_starts_nothing(site: Site) -> None:
    site.host.state = "closed"
    site.start()
    site.say("/test")
    site.until("closed")
    assert not site.runs


def test_the_decision_is_that_of_the_program(site: Site) -> None:
    site.host.draft = True
    site.start()
    site.say("/test")
    site.until("nothing_runs")
    site.host.draft, site.host.fork = False, True
    site.say("/test")
    site.until("nothing_runs", 2)
    assert not site.runs


def test_too_many_commands_are_none(github: Site) -> None:
    github.start()
    github.say("\n".join(f"/test a{number}" for number in range(6)))
    github.until("too_many")
    assert not github.runs


def test_an_old_comment_is_not_followed(github: Site) -> None:
    github.start()
    github.say("/test", ago=1000)
    github.until("too_old")
    assert not github.runs


def test_a_comment_that_the_bus_gives_again_starts_nothing_more(site: Site) -> None:
    site.start()
    site.say("/test")
    site.until("created", 2)
    site.put(delivered(site.host.kind, "/test", number=site.said))
    site.end()
    site.start()
    site.until("existing", 2)
    assert site.count("created") == 0
    assert len(site.runs) == 2


def test_killed_between_two_runs_it_starts_the_other_alone(site: Site) -> None:
    site.start()
    site.say("/test")
    site.until("created", 2)
    site.end()
    names = set(site.runs)
    del site.cluster.api.objects[f"{API}/workflows/{min(names)}"]
    site.start()
    site.until("created")
    assert set(site.runs) == names


def test_a_request_with_new_commits_after_the_comment_is_left_alone(github: Site) -> None:
    github.say("/test")
    body = {
        "action": "synchronize",
        "number": 7,
        "pull_request": github.host.answer("/repos/acme/shop/pulls/7", f"Bearer {TOKEN}")[1],
        "repository": {"full_name": "acme/shop"},
        "sender": {"login": "mallory"},
    }
    github.put({"headers": {"X-Github-Event": ["pull_request"]}, "body": body})
    github.start()
    github.until("moved")
    assert not github.runs
    github.say("/test cart")
    github.until("created")


def test_a_host_that_does_not_answer_is_asked_again(site: Site) -> None:
    site.host.faults = [502, 429, 500]
    site.start()
    site.say("/test")
    site.until("created", 2)
    assert not site.host.faults
    wait(lambda: site.comments.warnings() == [])


def test_a_source_that_the_settings_lack_is_a_warning_and_ends_nothing(github: Site) -> None:
    complete = github.settings
    github.settings = ControllerSettings()
    github.start()
    github.say("/test")
    wait(lambda: bool(github.comments.warnings()))
    assert github.comments.warnings() == [
        "comments of git: the settings of the controller have no source of this name"
    ]
    github.end()
    github.settings = complete
    github.start()
    github.until("created", 2)


def test_a_token_without_the_right_is_a_warning_and_no_permission_for_anybody(site: Site) -> None:
    Path(site.source.token_file or "").write_text("another")
    site.start()
    site.say("/test")
    wait(lambda: bool(site.comments.warnings()))
    assert "401" in site.comments.warnings()[0]
    assert "another" not in site.comments.warnings()[0]
    assert not site.runs


def test_retest_starts_what_failed_last_for_this_commit(site: Site) -> None:
    site.put_run("old-1", "shop", "Failed", "2026-11-27T05:00:00Z")
    site.put_run("old-2", "shop", "Succeeded", "2026-11-27T06:00:00Z")
    site.put_run("old-3", "cart", "Succeeded", "2026-11-27T05:00:00Z")
    site.put_run("old-4", "cart", "Error", "2026-11-27T06:00:00Z")
    site.put_run("old-5", "shop", "Failed", "2026-11-27T07:00:00Z", OTHER)
    before = set(site.runs)
    site.start()
    site.say("/retest")
    site.until("created")
    made = [site.runs[name] for name in set(site.runs) - before]
    assert [each["metadata"]["labels"]["hookline.dev/pipeline"] for each in made] == ["cart"]
    site.end()
    site.start()
    site.until("existing")
    assert len(site.runs) == len(before) + 1


def test_retest_without_a_failure_starts_nothing(github: Site) -> None:
    github.put_run("green", "shop", "Succeeded")
    github.put_run("working", "cart", "Running")
    github.start()
    github.say("/retest")
    github.until("nothing_failed")
    assert set(github.runs) == {"green", "working"}


def test_cancel_ends_the_runs_that_were_there(site: Site) -> None:
    later = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)).isoformat()
    site.put_run("running", "shop", "Running")
    site.put_run("waiting", "cart", "Pending")
    site.put_run("ended", "cart", "Failed")
    site.put_run("later", "shop", "Running", later)
    site.start()
    site.say("/cancel")
    site.until("cancelled", 2)
    found = {name: each["spec"].get("shutdown") for name, each in site.runs.items()}
    assert found == {"running": "Stop", "waiting": "Terminate", "ended": None, "later": None}
    assert site.runs["running"]["metadata"]["annotations"]["hookline.dev/cancelled-by"] == "ann@git"


def test_a_run_that_changes_all_the_time_is_said_not_to_be_cancelled(github: Site) -> None:
    github.put_run("busy", "shop", "Running")
    github.put_run("quiet", "cart", "Running")
    github.cluster.api.refuse = lambda method, path, _: (
        (409, "it has changed") if method == "PATCH" and path.endswith("/busy") else None
    )
    github.start()
    github.say("/cancel")
    github.until("conflict")
    assert {name: each["spec"].get("shutdown") for name, each in github.runs.items()} == {
        "busy": None,
        "quiet": "Stop",
    }
    assert [github.count(each) for each in ("cancelled", "nothing_runs")] == [1, 0]


@pytest.mark.parametrize("gone", [True, False])
def test_runs_that_end_or_go_before_they_are_cancelled_were_none(github: Site, gone: bool) -> None:
    github.put_run("ending", "shop", "Running")
    path = f"{API}/workflows/ending"

    def ends(method: str, asked: str, _: bool) -> tuple[int, str] | None:
        if method != "PATCH" or asked != path:
            return None
        if gone:
            github.cluster.api.objects.pop(path)
        else:
            github.put_run("ending", "shop", "Succeeded")
        return (409, "it has changed")

    github.cluster.api.refuse = ends
    github.start()
    github.say("/cancel")
    github.until("nothing_runs")
    assert [github.count(each) for each in ("cancelled", "conflict")] == [0, 0]


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_an_approval_runs_the_named_commit_of_a_fork_in_the_sandbox_once(kind: str, tmp_path: Path) -> None:
    with comment_host(kind) as host:
        host.fork = True
        site = Site(host, tmp_path)
        try:
            site.start()
            site.say("/approve bbbbbbb")
            site.until("not_head")
            assert not site.runs
            site.say("/approve aaaaaaa")
            site.until("created")
            (run,) = site.runs.values()
            assert run["metadata"]["namespace"] == "ci-forks"
            assert run["metadata"]["annotations"]["hookline.dev/actor"] == "ann"
            assert run["metadata"]["annotations"]["hookline.dev/sha"] == SHA
            site.say(f"/approve {SHA}")
            site.until("existing")
            # A later push is another commit: the approval of the first is none of it.
            host.sha = OTHER
            site.say("/approve aaaaaaa")
            site.until("not_head", 2)
            assert len(site.runs) == 1
        finally:
            site.stop()


def test_an_approval_of_an_own_request_starts_nothing(github: Site) -> None:
    github.start()
    github.say("/approve aaaaaaa")
    github.until("nothing_runs")
    assert not github.runs


PLAN = plan(text_of("github"))
HOST = CommentHost("github")


@settings(max_examples=tries(300), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(max_size=30),
    st.sampled_from(["/test", "/test shop", "/test cart", "/approve aaaaaaa"]),
    st.text(max_size=30),
    st.booleans(),
)
def test_no_text_of_a_comment_becomes_part_of_a_run(before: str, line: str, after: str, fork: bool) -> None:
    HOST.fork = fork
    answer = HOST.answer("/repos/acme/shop/pulls/7", f"Bearer {TOKEN}")[1]

    def made(text: str) -> list[Any]:
        said = comment("github", BusEvent("hookline-webhooks", "git", delivered("github", text)))
        assert said is not None
        time = datetime.datetime(2026, 11, 27, 7, 0, tzinfo=datetime.UTC)
        request = Request("git", "acme/shop", said, time, SHA, answer)
        return [
            workflow
            for each in commands(text)
            for workflow in (orders.approved if each.verb == "approve" else orders.tested)(
                PLAN, request, each
            ).workflows
        ]

    found = made(f"{before}\n{line}\n{after}")
    plain = made(line)
    for each in found:
        assert each in plain


# The host that is asked


def asked_host(kind: str, url: str, token: Path) -> tuple[AskedHost, Comment]:
    """A host, and a comment of ann on its request 7."""
    said = comment(kind, BusEvent("hookline-webhooks", "git", delivered(kind, "/test"), {}))
    assert said is not None
    return AskedHost(ReportedSource(host=kind, api=url, token_file=str(token))), said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "FileNotFoundError"),
        (b"\xc3\xa9t\xc3\xa9", "UnicodeDecodeError"),
        (b"\n", "holds no line of text"),
        (b"a-secret\nof two lines", "holds no line of text"),
    ],
)
def test_without_a_token_nobody_is_asked_and_the_reason_holds_no_text_of_it(
    kind: str, content: bytes | None, why: str, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)
    with comment_host(kind) as site:
        host, said = asked_host(kind, site.url, token)
        for ask in (
            host.own,
            lambda: host.may_write("acme/shop", said),
            lambda: host.request("acme/shop", 7),
        ):
            with pytest.raises(NotAnswered, match="the token cannot be read") as found:
                ask()
            assert str(found.value).endswith(why)
            assert "secret" not in str(found.value)
        assert site.asked == []
        # A Secret that is mended needs no restart.
        token.write_text(f"{TOKEN}\n")
        assert (host.own(), host.may_write("acme/shop", said)) == ("ci-account", True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_that_is_not_there_gives_nobody_a_right(kind: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    with comment_host(kind) as site:
        url = site.url
    host, said = asked_host(kind, url, tmp_path / "token")
    with pytest.raises(NotAnswered, match="nobody answers: ") as found:
        host.may_write("acme/shop", said)
    assert TOKEN not in str(found.value)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_no_json_gives_nobody_a_right(kind: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    with comment_host(kind) as site:
        host, said = asked_host(kind, site.url, tmp_path / "token")
        site.raw = b"<html>Sign in</html>"
        with pytest.raises(NotAnswered, match="no JSON for http://"):
            host.may_write("acme/shop", said)
        # That somebody or something is not there is said by the status alone.
        site.faults = [404, 404, 404]
        assert host.may_write("acme/shop", said) is False
        assert host.request("acme/shop", 7) is None
        assert host.own() == ""
        site.raw = None
        assert host.may_write("acme/shop", said) is True


def test_a_request_with_the_longest_description_that_gitlab_takes_is_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    with comment_host("gitlab") as site:
        host, _ = asked_host("gitlab", site.url, tmp_path / "token")
        # 1,048,576 characters, of two bytes each.
        site.raw = json.dumps({"iid": 7, "description": "é" * (1 << 20)}, ensure_ascii=False).encode()
        found = host.request("acme/shop", 7)
        assert found is not None
        assert found["iid"] == 7
