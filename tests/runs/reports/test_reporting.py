"""The controller over an API server and real HTTP: what each host is told, whatever goes wrong, and however often it starts."""

import functools
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from api_objects import History, green_run, history, with_status
from fake_api_server import FakeApiServer, fake_api_server
from fake_api_server import status as refuses
from github_app_host import AppHost
from status_hosts import StatusHost, answers, serving, silence, status_host
from tries import tries

from apiserver.connection import Connection
from apiserver.reflector import Timing
from runs.controller.instance import Controller, Options
from runs.controller.settings import ControllerSettings, ReportedSource
from runs.web.web_config import Security

FAILED = [("git-checkout-pr", "Succeeded", 0), ("run-test", "Failed", 1)]
SHA = "3f1c" * 10
KINDS = ("github", "github-app", "gitlab", "gitea")
GREEN = {
    "github": ["pending", "success"],
    "github-app": ["queued", "in_progress", "success"],
    "gitea": ["pending", "success"],
    "gitlab": ["pending", "running", "success"],
}
RED = {"github": "failure", "github-app": "failure", "gitea": "failure", "gitlab": "failed"}
CANCELLED = {"github": "error", "github-app": "cancelled", "gitea": "error", "gitlab": "canceled"}
now = time.time


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.003)


class Running:
    """A controller in this process."""

    def __init__(self, api: FakeApiServer, host: StatusHost, token: Path) -> None:
        source = ReportedSource(api=host.url, **host.access(token))
        settings = ControllerSettings(sources={"github": source})
        options = Options("1", "127.0.0.1", 0, settings)
        self.controller = Controller(options, Connection.plain(api.url), Security(None))
        self.stop_signal = threading.Event()
        self._thread = threading.Thread(target=self.controller.run, args=(self.stop_signal,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.stop_signal.set()
        self._thread.join(20)

    def is_idle(self) -> bool:
        """Whether the cluster is known, and nothing waits."""
        hosts = self.controller._hosts.values()
        return self.controller.not_ready() is None and not any(each.waiting for each in hosts)


class World:
    """An API server, a host, and the controllers of a test."""

    def __init__(self, api: FakeApiServer, host: StatusHost, folder: Path) -> None:
        self.api, self.host = api, host
        self.token = folder / "token"
        self.token.write_text(host.secret() + "\n")
        self.controllers: list[Running] = []

    def start(self) -> Running:
        self.controllers.append(Running(self.api, self.host, self.token))
        return self.controllers[-1]

    def put(self, raw: dict[str, Any]) -> None:
        """A Workflow as Argo writes it: marks stay."""
        with self.api.lock:
            kept = self.api.objects.get(raw["metadata"]["uid"], {}).get("metadata", {}).get("annotations", {})
            annotations = {**raw["metadata"]["annotations"], **kept}
            self.api.store("workflows", {**raw, "metadata": {**raw["metadata"], "annotations": annotations}})

    def knows(self, raw: dict[str, Any]) -> bool:
        """Whether the mark says that the host knows this state of a Workflow."""
        phase, uid = raw["status"]["phase"], raw["metadata"]["uid"]
        if raw["status"].get("finishedAt"):
            return '"final":true' in self.marked(uid)
        states = ReportedSource(api=self.host.url, **self.host.access(self.token)).host_api.states
        state = states["running" if phase == "Running" else "queued"]
        return f'"state":"{state}"' in self.marked(uid)

    def marked(self, uid: str) -> str:
        found: str = self.api.objects[uid]["metadata"]["annotations"].get("hookline.dev/reported", "")
        return found


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made = AppHost("github-app") if request.param == "github-app" else StatusHost(request.param)
    with fake_api_server() as api, serving(made) as host:
        found = World(api, host, tmp_path)
        yield found
        for each in found.controllers:
            each.stop()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.reports.outgoing.FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("runs.reports.outgoing.LONGEST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr("runs.controller.instance.LOOK_SECONDS", 0.02)
    timing = functools.partial(Timing, first_pause=0.01, longest_pause=0.1)
    monkeypatch.setattr("apiserver.reflector.Timing", timing)


def recent(uid: str = "u1", steps: Any = None, **changes: Any) -> History:
    """A run that ended a moment ago; `context` and `sha` of its own if asked for."""
    sha, pipeline = changes.pop("sha", SHA), changes.pop("pipeline", "shop")
    annotations = {
        "hookline.dev/repository": "acme/shop",
        "hookline.dev/sha": sha,
        "hookline.dev/ref": "refs/heads/main",
    }
    labels = {
        "hookline.dev/pipeline": pipeline,
        "hookline.dev/event-kind": "push",
        "hookline.dev/source": "github",
    }
    made = (
        functools.partial(green_run, uid) if steps is None else functools.partial(history, uid, steps=steps)
    )
    return made(
        created=changes.pop("created", now() - 240), annotations=annotations, labels=labels, **changes
    )


def play(world: World, run: History, *, wait: bool = True) -> None:
    """Each state of a run; with `wait`, the host hears of each."""
    for _, raw in run.workflows:
        world.put(raw)
        if wait:
            until(functools.partial(world.knows, raw))


def test_a_green_run_waits_runs_and_passes(world: World) -> None:
    world.start()
    play(world, recent())
    until(lambda: '"final":true' in world.marked("u1"))
    assert world.host.states() == GREEN[world.host.kind]
    assert {(repository, sha, context) for repository, sha, context, _ in world.host.told} == {
        ("acme/shop", SHA, "hookline/shop")
    }


def test_a_red_run_says_where(world: World) -> None:
    world.start()
    play(world, recent(steps=FAILED))
    until(lambda: world.host.states()[-1:] == [RED[world.host.kind]])
    assert world.host.descriptions[-1].startswith("failed in run-test after ")


def test_a_red_run_names_a_failing_test_at_every_host_and_shows_its_line_where_the_host_can(
    world: World,
) -> None:
    raw = recent(steps=FAILED).workflows[-1][1]
    (tested,) = [each for each in raw["status"]["nodes"].values() if each["displayName"] == "run-test"]
    written = '[{"package": "p", "test": "TestNo", "path": "a_test.go", "line": 6, "message": "no"}]'
    tested["outputs"] = {"parameters": [{"name": "failing-tests", "value": written}]}
    world.put(raw)
    world.start()
    until(lambda: '"final":true' in world.marked("u1"))
    assert world.host.descriptions[-1].endswith(" s: TestNo")
    if isinstance(world.host, AppHost):
        (run,) = world.host.runs
        assert [(each["path"], each["start_line"]) for each in run["annotations"]] == [("a_test.go", 6)]
        assert "| `run-test` | failed" in run["output"]["summary"]


def test_what_ended_while_nobody_reported_is_reported_once(world: World) -> None:
    world.put(recent(steps=FAILED).workflows[-1][1])
    for _ in range(3):
        running = world.start()
        until(lambda: '"final":true' in world.marked("u1"))
        until(running.is_idle)
        running.stop()
    assert world.host.states() == [RED[world.host.kind]]


def test_what_ended_before_anybody_reported_is_left_alone(world: World) -> None:
    world.put(recent(created=now() - 3 * 24 * 3600).workflows[-1][1])
    world.put(recent("u2", sha="4e2d" * 10).workflows[-1][1])
    running = world.start()
    until(lambda: world.marked("u2"))
    until(running.is_idle)
    assert [sha for _, sha, _, _ in world.host.told] == ["4e2d" * 10]
    assert world.marked("u1") == ""


def test_an_answer_whose_mark_was_never_written_is_not_given_twice(world: World) -> None:
    world.api.fail("patch", *[refuses(500)] * 2)
    world.put(recent().workflows[-1][1])
    running = world.start()
    until(lambda: world.host.told)
    until(running.is_idle)
    running.stop()
    assert world.marked("u1") == ""
    world.api.faults["patch"].clear()
    world.start()
    until(lambda: '"final":true' in world.marked("u1"))
    assert world.host.states() == ["success"]


def test_a_deleted_run_has_a_last_word(world: World) -> None:
    running = world.start()
    for _, raw in recent().workflows[:2]:
        world.put(raw)
    until(world.host.states)
    world.api.delete("u1")
    until(lambda: world.host.states()[-1] == CANCELLED[world.host.kind])
    until(running.is_idle)
    assert world.host.descriptions[-1] == "was deleted before it ended"


def test_a_deleted_run_that_had_ended_keeps_its_word(world: World) -> None:
    running = world.start()
    play(world, recent())
    until(lambda: '"final":true' in world.marked("u1"))
    world.api.delete("u1")
    time.sleep(0.1)
    until(running.is_idle)
    assert world.host.states()[-1] == "success"


def test_of_two_runs_of_one_commit_the_later_one_counts(world: World) -> None:
    first, second = recent(steps=FAILED, created=now() - 400), recent("u2", created=now() - 300)
    running = world.start()
    world.put(first.workflows[1][1])
    until(lambda: world.marked("u1"))
    world.put(second.workflows[1][1])
    until(lambda: world.marked("u2"))
    world.put(second.workflows[-1][1])
    until(lambda: '"final":true' in world.marked("u2"))
    # The earlier one ends last.
    world.put(first.workflows[-1][1])
    time.sleep(0.1)
    until(running.is_idle)
    assert world.host.states()[-1] == "success"
    running.stop()
    # Nor does a start tell it.
    running = world.start()
    until(running.is_idle)
    assert world.host.states()[-1] == "success"


def test_a_retried_run_is_told_again(world: World) -> None:
    running = world.start()
    run = recent(steps=FAILED)
    play(world, run)
    until(lambda: '"final":true' in world.marked("u1"))
    again = run.workflows[-1][1]
    world.put({**again, "status": {**again["status"], "phase": "Running", "finishedAt": None}})
    until(lambda: '"final":false' in world.marked("u1"))
    world.put(with_status(again, "Succeeded", now() - 60, now() - 1, []))
    until(lambda: world.host.states()[-1] == "success")
    until(running.is_idle)
    assert RED[world.host.kind] in world.host.states()


@pytest.mark.parametrize(
    "fault",
    [
        answers(429, "too many", Retry_After="0"),
        answers(502, "bad gateway"),
        answers(401, "Bad credentials"),
        answers(409, "Another update to this commit status is in progress"),
        silence,
    ],
    ids=["429", "502", "401", "409", "silence"],
)
def test_a_host_that_does_not_take_it_now_is_told_later(world: World, fault: Any) -> None:
    if world.host.kind != "gitlab" and fault() is not None and fault()[0] == 409:
        # Only GitLab knows it; the others refuse for good with it.
        fault = answers(503, "busy")
    world.host.faults += [fault] * 3
    world.put(recent().workflows[-1][1])
    running = world.start()
    until(lambda: '"final":true' in world.marked("u1"), 30)
    assert world.host.states() == ["success"]
    # A token of an App that was refused is renewed at once, and the request made again.
    renewed = world.host.kind == "github-app" and fault() is not None and fault()[0] == 401
    assert running.controller._hosts["github"].results.retries == (1 if renewed else 3)


def test_an_answer_that_was_lost_is_not_given_twice_to_a_host_that_can_be_asked(world: World) -> None:
    world.host.after += [silence]
    world.put(recent().workflows[-1][1])
    world.start()
    until(lambda: '"final":true' in world.marked("u1"))
    assert world.host.states() == ["success"]


def test_a_token_that_was_replaced_is_used(world: World) -> None:
    before, after = world.host.secret(), world.host.replace_secret()
    world.put(recent().workflows[-1][1])
    running = world.start()
    until(lambda: any("401" in each for each in running.controller.warnings()))
    assert not any(after in each or before in each for each in running.controller.warnings())
    world.token.write_text(after)
    until(lambda: '"final":true' in world.marked("u1"))
    assert running.controller.warnings() == []


def test_runs_without_a_commit_and_of_other_sources_are_left_alone(world: World) -> None:
    raw = recent().workflows[-1][1]
    for uid, annotations, labels in (
        ("u2", {"hookline.dev/sha": ""}, {}),
        ("u3", {}, {"hookline.dev/source": "other"}),
        ("u4", {"hookline.dev/repository": ""}, {}),
    ):
        metadata = raw["metadata"]
        world.put(
            raw
            | {
                "metadata": metadata
                | {
                    "uid": uid,
                    "name": uid,
                    "annotations": metadata["annotations"] | annotations,
                    "labels": metadata["labels"] | labels,
                }
            }
        )
    world.put(recent("u5", sha="4e2d" * 10).workflows[-1][1])
    running = world.start()
    until(lambda: world.marked("u5"))
    until(running.is_idle)
    assert [sha for _, sha, _, _ in world.host.told] == ["4e2d" * 10]


def test_a_thousand_statuses_of_one_context_are_enough(tmp_path: Path) -> None:
    with fake_api_server() as api, status_host("github") as host:
        host.most = 0
        world = World(api, host, tmp_path)
        world.put(recent().workflows[-1][1])
        running = world.start()
        until(lambda: world.marked("u1"))
        until(running.is_idle)
        running.stop()
        posts = [each for each in host.asked if each.startswith("POST")]
        assert len(posts) == 1
        assert "maximum number of statuses" in running.controller._hosts["github"].results.problem


def test_a_host_whose_hour_is_used_up_is_left_alone_until_it_says(tmp_path: Path) -> None:
    with fake_api_server() as api, status_host("github") as host:
        reset = str(int(now()) + 1)
        host.faults += [
            answers(403, "API rate limit exceeded", X_RateLimit_Remaining="0", X_RateLimit_Reset=reset)
        ]
        world = World(api, host, tmp_path)
        for number in range(5):
            world.put(recent(f"u{number}", sha=f"{number:040x}").workflows[-1][1])
        running = world.start()
        until(lambda: all(world.marked(f"u{number}") for number in range(5)), 30)
        running.stop()
        # At most those that were under way when it said so.
        assert running.controller._hosts["github"].results.retries <= 4
        assert len(host.told) == 5


@pytest.mark.parametrize("made", [StatusHost("github"), AppHost("github-app")], ids=["github", "github-app"])
def test_killed_at_any_moment_each_commit_ends_with_its_last_word_and_none_is_told_twice(
    made: StatusHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is killed writes no more marks and sends no more statuses; everything else is found again."""
    chance = random.Random(7)
    kills = tries(100)
    with fake_api_server() as api, serving(made) as host:
        world = World(api, host, tmp_path)
        serial = itertools.count()
        runs = {}
        for _ in range(kills):
            number = next(serial)
            uid, sha = f"u{number}", f"{number:040x}"
            runs[sha] = recent(uid, chance.choice([None, FAILED]), sha=sha)
            running = world.start()
            for _, raw in runs[sha].workflows[chance.randint(0, 2) :]:
                world.put(raw)
                time.sleep(chance.random() * 0.004)
            kill(running, monkeypatch)
        world.start()
        until(lambda: all('"final":true' in world.marked(uid) for uid in api.objects), 60)
        for sha, run in runs.items():
            states = [state for _, commit, _, state in host.told if commit == sha]
            ended = run.workflows[-1][1]["status"]["phase"]
            assert states[-1] == ("success" if ended == "Succeeded" else "failure")
            assert len(states) == len(set(states)), states
        if isinstance(host, AppHost):
            # Not one was made twice, and none is left open.
            assert len(host.runs) == len(runs)
            assert {each["status"] for each in host.runs} == {"completed"}


def kill(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed process does not do any more: it sends nothing, and writes no mark."""

    def dead(*_: Any, **__: Any) -> None:
        raise OSError("killed")

    monkeypatch.setattr(running.controller, "_mark", dead)
    for each in running.controller._hosts.values():
        each.stop()
    # Here threads outlive their controller; what is on its way at a kill arrives, and nothing follows it.
    until(lambda: not any(each._sending for each in running.controller._hosts.values()))
    running.stop()
