"""Comment commands in the controller, against a bus, an API server and git hosts on loopback."""

import base64
import datetime
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bus_cluster import API, BusCluster
from comment_hosts import TOKEN, CommentHost, comment_host, delivered
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import plan
from tries import tries

from apiserver.connection import Connection
from events.delivery import BusEvent
from hookline.bus_access import bus_of
from hookline.commenting import orders
from hookline.commenting.comment import comment
from hookline.commenting.grammar import commands
from hookline.commenting.orders import Request
from hookline.controlling import comments as comments_module
from hookline.controlling import follower as follower_module
from hookline.controlling.comments import CommentDuty, Comments
from hookline.controlling.follower import Follower
from hookline.plan.planning import Plan
from runs.controller.duty import Hands
from runs.controller.settings import ControllerSettings, ReportedSource

IMAGE = "registry.example.com/hookline@sha256:" + "0" * 64
FORKS = """
  forks:
    repository: {{source: git, name: acme/shop, url: "https://git.example.com/acme/shop.git"}}
    run: {{template: hookline-ci-go}}
    events: {{pull_request: {{into: [main], forks: sandboxed, approved_by: {{label: ok-to-test}}}}}}
"""
TEXT = """\
version: 1
cluster: {{namespace: ci, image: "{image}"{sandbox}}}
controller: {{comments: [git]}}
sources:
  git: {{host: {kind}, endpoint: /git, secret: {{name: hooks, key: git}}, report: {{token: {{name: statuses, key: token}}}}}}
pipelines:
  shop:
    repository: {{source: git, name: acme/shop, url: "https://git.example.com/acme/shop.git"}}
    image: registry.example.com/acme/shop
    run: {{template: hookline-ci-go}}
    events: {{pull_request: {{into: [main]}}}}
  cart:
    repository: {{source: git, name: acme/shop, url: "https://git.example.com/acme/shop.git"}}
    image: registry.example.com/acme/cart
    run: {{template: hookline-ci-go}}
    events: {{pull_request: {{into: [main]}}}}
"""
KINDS = ("github", "gitlab", "gitea")
SHA, OTHER = "a" * 40, "b" * 40


def text_of(kind: str) -> str:
    # Gitea does not say which label was added, so that no pipeline there takes forks.
    forks = FORKS if kind != "gitea" else ""
    sandbox = ", sandbox: {namespace: ci-forks}" if forks else ""
    return (TEXT + forks).format(kind=kind, image=IMAGE, sandbox=sandbox)


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
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator["Site"]:
    with comment_host(request.param) as host:
        found = Site(host, tmp_path)
        yield found
        found.stop()


@pytest.fixture
def github(tmp_path: Path) -> Iterator["Site"]:
    with comment_host("github") as host:
        found = Site(host, tmp_path)
        yield found
        found.stop()


class Site:
    """A bus, an API server, a host, and instances of the controller's duty."""

    def __init__(self, host: CommentHost, folder: Path) -> None:
        self.host = host
        self.cluster = BusCluster(folder, text_of(host.kind))
        self.cluster.nats.now = None
        (folder / "token").write_text(TOKEN)
        self.source = ReportedSource(host=host.kind, api=host.url, token_file=str(folder / "token"))
        self.plan: Plan = plan(text_of(host.kind))
        self.started: list[tuple[threading.Event, list[threading.Thread]]] = []
        self.comments = Comments(self.plan)
        self.said = 500

    def start(self) -> None:
        """One instance begins to lead."""
        self.comments = comments = Comments(self.plan)
        url = ("127.0.0.1", self.cluster.nats.port)
        follower = Follower(
            self.plan,
            lambda connection: bus_of(self.plan, connection, url, in_pod=False),
            [lambda made, _hands: CommentDuty(made, comments, frozenset({"git"}))],
        )
        hands = Hands(
            Connection.of_kubeconfig(self.cluster.kubeconfig, None),
            ControllerSettings(sources={"git": self.source}),
            lambda _source, _report: None,
        )
        ended = threading.Event()
        threads = [threading.Thread(target=each.run, args=(hands, ended)) for each in (comments, follower)]
        for each in threads:
            each.start()
        self.started.append((ended, threads))

    def end(self) -> None:
        """All instances end."""
        for ended, threads in self.started:
            ended.set()
            for each in threads:
                each.join(20)
                assert not each.is_alive()
        self.started.clear()

    def stop(self) -> None:
        self.end()
        self.cluster.stop()

    def put(self, data: Any, ago: float = 0.0) -> None:
        """A delivery on the bus."""
        now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=ago)
        event = {
            "specversion": "1.0",
            "id": f"event-{self.cluster.nats.last}",
            "source": "hookline-webhooks",
            "subject": "git",
            "type": "git",
            "time": now.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data_base64": base64.b64encode(json.dumps(data).encode()).decode(),
        }
        self.cluster.nats.put(event, now)

    def say(self, text: str, author: str = "ann", ago: float = 0.0, **changes: Any) -> int:
        """A comment on request 7; its number."""
        self.said += 1
        self.put(delivered(self.host.kind, text, author, self.said, **changes), ago)
        return self.said

    @property
    def runs(self) -> dict[str, Any]:
        """Name → Workflow."""
        found = list(self.cluster.api.objects.items())
        return {each["metadata"]["name"]: each for path, each in found if "/workflows/" in path}

    @property
    def pipelines(self) -> list[str]:
        return sorted(each["metadata"]["labels"]["hookline.dev/pipeline"] for each in self.runs.values())

    def put_run(
        self, name: str, pipeline: str, phase: str, created: str = "2026-11-27T06:00:00Z", sha: str = SHA
    ) -> None:
        ref = "refs/merge-requests/7/head" if self.host.kind == "gitlab" else "refs/pull/7/head"
        labels = {"hookline.dev/pipeline": pipeline, "hookline.dev/source": "git"}
        annotations = {
            "hookline.dev/repository": "acme/shop",
            "hookline.dev/ref": ref,
            "hookline.dev/sha": sha,
        }
        self.cluster.api.put(
            f"{API}/workflows/{name}",
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Workflow",
                "metadata": {
                    "name": name,
                    "namespace": "ci",
                    "uid": name,
                    "resourceVersion": "1",
                    "creationTimestamp": created,
                    "labels": labels,
                    "annotations": annotations,
                },
                "spec": {},
                "status": {"phase": phase},
            },
        )

    def count(self, result: str) -> int:
        """A result in the metrics."""
        return int(
            next(
                sample.value
                for family in self.comments.metrics()
                for sample in family.samples
                if sample.labels.get("result") == result.lower()
            )
        )

    def until(self, result: str, count: int = 1) -> None:
        wait(lambda: self.count(result) >= count)
        assert self.count(result) == count


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


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
