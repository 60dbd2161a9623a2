"""Requests that start nothing: what each host is told of which pipeline, and what it is never told."""

import base64
import datetime
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bus_cluster import NOW, BusCluster, pushed
from github_app_host import AppHost
from hypothesis import given, settings
from hypothesis import strategies as st
from status_hosts import StatusHost, answers, serving, status_host
from support import PAYLOADS, edited, payload, plan
from tries import tries

from apiserver.connection import Connection
from bus.stream import Message
from documents.diagnostics import InvalidInput
from events.delivery import BusEvent, Delivery, bus_event
from events.event_files import parse
from events.host import host
from hookline.answers.simulation import simulate
from hookline.bus_access import bus_of
from hookline.controlling.composing import companions
from hookline.controlling.duties import Arrival
from hookline.controlling.skipping import Skipping
from hookline.controlling.unstarted import BLOCKED, SILENT, WAITING, unstarted
from hookline.declaration.report_skipped import REPORTED_REASONS
from hookline.plan.planning import Plan
from runs.controller.duty import Hands
from runs.controller.settings import ControllerSettings, ReportedSource
from runs.reports.host_api import Delivered, Request, Response
from runs.reports.hosts import HOST_APIS
from runs.reports.latest import no_more_to_tell
from runs.reports.outgoing import Outgoing
from runs.reports.reporter import Naming
from runs.reports.status import Report, Status, Word
from sensors.clauses import CLAUSES

GITEA = Path(__file__).parents[1] / "data" / "deliveries" / "gitea-1.26"
SHA = "3f1c" * 10
SUCCESS = {"github": "success", "gitea": "success", "gitlab": "success"}
HEADERS = {"github": "X-Github-Event", "gitea": "X-Gitea-Event", "gitlab": "X-Gitlab-Event"}
DECLARATION = """\
version: 1
cluster: {{namespace: ci, image: "registry.example.com/hookline:1", sandbox: {{namespace: ci-forks}}}}
controller: {controller}
sources:
  {host}: {{host: {host}, endpoint: /hook, secret: {{name: hooks, key: secret}}, report: {{token: {{name: t, key: t}}}}}}
defaults:
  repository: {{source: {host}, name: "{repository}", url: "https://git.example.com/{repository}.git"}}
  run: {{template: hookline-ci-go}}
pipelines:
"""


def declared(where: str, repository: str, pipelines: dict[str, Any], controller: Any = True) -> Plan:
    """The plan of pipelines of one repository; a pipeline is its events, or all of its keys."""
    written = DECLARATION.format(
        host=where, repository=repository, controller=json.dumps({"report_skipped": controller})
    )
    for name, found in pipelines.items():
        keys = found if "events" in found else {"events": found}
        foreign = keys["events"].get("pull_request", {}).get("forks") == "sandboxed"
        image = {} if foreign else {"image": f"registry.example.com/acme/{name}"}
        written += f"  {name}: {json.dumps({**image, **keys})}\n"
    return plan(written)


def received(where: str, body: Any, event: str = "") -> BusEvent:
    """A body as it stands on the bus."""
    name = event or {"gitlab": "Merge Request Hook"}.get(where, "pull_request")
    data = {host(where).receiver.headers_key: {HEADERS[where]: [name]}, "body": body}
    return BusEvent("hookline-webhooks", where, data, {"id": "1", "time": "2026-11-27T00:00:00Z"})


def told(made: Plan, event: BusEvent) -> dict[str, Status]:
    """Pipeline → what the host is told of it."""
    found = simulate(made, event)
    statuses = unstarted(made, Naming(), event.event_name, found.event, found.results)
    return {each.status.context.removeprefix("hookline/"): each.status for each in statuses}


# What is told: pure

OPENED = edited(
    payload("github/pull_request-opened"),
    pull_request__draft=False,
    pull_request__title="Mend it",
    pull_request__head__sha=SHA,
)
REPOSITORY = OPENED["repository"]["full_name"]
BASE = OPENED["pull_request"]["base"]["ref"]
FOREIGN = edited(OPENED, pull_request__head__repo={"full_name": "mallory/shop", "id": 1, "fork": True})
OWN = edited(OPENED, pull_request__head__repo=OPENED["pull_request"]["base"]["repo"])
SANDBOX = {"pull_request": {"forks": "sandboxed", "approved_by": {"label": "ok-to-test"}}}


@pytest.mark.parametrize(
    ("keys", "body", "word", "said"),
    [
        ({"pull_request": {"into": ["release/*"]}}, OWN, "skip", "skipped: INTO, "),
        ({"pull_request": {"authors": ["nobody"]}}, OWN, "skip", "skipped: AUTHORS, "),
        (SANDBOX, OWN, "skip", "skipped: FORKS, the pull request is not from a fork"),
        ({"merge_group": {}}, OWN, "skip", "skipped: EVENT, "),
        (
            {"events": {"pull_request": {}}, "suspended": {"because": "x"}},
            OWN,
            "skip",
            "skipped: SUSPENDED, the pipeline is suspended",
        ),
        ({"pull_request": {}}, edited(OWN, pull_request__draft=True), "queued", "not started: waits until"),
        (SANDBOX, FOREIGN, "queued", "not started: waits until a maintainer adds the label ok-to-test"),
    ],
)
def test_each_reason_has_its_word(keys: dict[str, Any], body: Any, word: Word, said: str) -> None:
    found = told(declared("github", REPOSITORY, {"shop": keys}), received("github", body))
    assert set(found) == {"shop"}
    assert (found["shop"].repository, found["shop"].sha) == (REPOSITORY, SHA)
    assert found["shop"].word == word
    assert found["shop"].description.startswith(said)


@pytest.mark.parametrize(
    ("where", "body"),
    [
        ("gitea", edited(payload("gitea/pull_request-opened"), pull_request__title="[skip ci] x")),
        (
            "gitlab",
            edited(payload("gitlab/merge_request"), object_attributes__last_commit__message="x [ci skip]"),
        ),
    ],
)
def test_a_marker_that_asks_to_skip_is_told(where: str, body: Any) -> None:
    made = declared(where, what_it_is(where, body)[0], {"shop": {"pull_request": {}}})
    assert told(made, received(where, body))["shop"].description.startswith("skipped: SKIP_MARKERS, ")


def test_a_request_whose_files_are_known_is_told_of_its_paths() -> None:
    made = declared("github", REPOSITORY, {"shop": {"pull_request": {"paths": ["docs/**"]}}})
    event = received("github", OWN)
    found = simulate(made, event, ["main.go"])
    (only,) = unstarted(made, Naming(), "github", found.event, found.results)
    assert only.status.word == "skip"
    assert only.status.description.startswith("skipped: PATHS, ")
    # Without the files its first step decides, so a Workflow comes.
    assert told(made, event) == {}


def test_every_reason_of_the_decision_is_told_or_silent_and_none_is_two() -> None:
    places = [set(REPORTED_REASONS), set(WAITING), set(BLOCKED), set(SILENT)]
    of_pushes_and_images = {"BRANCHES", "TAGS", "IMAGE_TAG", "DIGEST", "ARTIFACT"}
    assert set.union(*places) | of_pushes_and_images == {each.code for each in CLAUSES}
    assert sum(map(len, places)) + len(of_pushes_and_images) == len(CLAUSES)


@pytest.mark.parametrize(
    ("keys", "body"),
    [
        ({"pull_request": {}}, OWN),  # a Workflow comes
        ({"pull_request": {"into": ["release/*"]}}, edited(OWN, action="closed")),
        ({"pull_request": {"into": ["release/*"]}}, edited(OWN, action="assigned")),
        ({"events": {"pull_request": {}}, "suspended": {"because": "x"}}, edited(OWN, action="closed")),
        ({"merge_group": {}}, edited(OWN, action="closed")),
        ({"pull_request": {}}, FOREIGN),  # nobody looks at foreign code
        ({"pull_request": {"into": ["release/*"]}}, edited(OWN, pull_request__head__sha=None)),
    ],
)
def test_nothing_is_told(keys: dict[str, Any], body: Any) -> None:
    assert told(declared("github", REPOSITORY, {"shop": keys}), received("github", body)) == {}


def test_a_pipeline_that_listens_to_no_requests_is_never_told_of() -> None:
    elsewhere = {
        "events": {"pull_request": {}},
        "repository": {"source": "github", "name": "acme/cart", "url": "https://git.example.com/cart.git"},
    }
    made = declared("github", REPOSITORY, {"shop": {"push": {"branches": ["main"]}}, "cart": elsewhere})
    assert told(made, received("github", OWN)) == {}


def test_a_request_from_a_fork_is_green_for_one_pipeline_only_where_another_takes_it() -> None:
    both = {"shop": {"pull_request": {}}, "shop-forks": SANDBOX}
    found = told(declared("github", REPOSITORY, both), received("github", FOREIGN))
    assert {name: each.word for name, each in found.items()} == {"shop": "skip", "shop-forks": "queued"}
    elsewhere = edited_sandbox(into=["release/*"])
    labelled = edited(
        FOREIGN, action="labeled", label={"name": "ok-to-test"}, pull_request__labels=[{"name": "ok-to-test"}]
    )
    # Its label was given, but the sandbox is for another branch.
    found = told(
        declared("github", REPOSITORY, {"shop": {"pull_request": {}}, "shop-forks": elsewhere}),
        received("github", labelled),
    )
    assert {name: each.word for name, each in found.items()} == {"shop-forks": "skip"}
    named = declared("github", REPOSITORY, {"shop": {"pull_request": {}}}, controller=["FORKS"])
    assert told(named, received("github", FOREIGN))["shop"].word == "skip"


def edited_sandbox(**changes: Any) -> dict[str, Any]:
    return {"pull_request": {**SANDBOX["pull_request"], **changes}}


def test_a_branch_that_no_template_may_get_is_red_so_that_a_name_passes_no_check() -> None:
    made = declared("github", REPOSITORY, {"shop": {"pull_request": {}}})
    body = edited(OWN, pull_request__head__ref="a\nb", pull_request__number=None, number=None)
    (result,) = simulate(made, received("github", body)).results
    assert result.reason == "REF"
    (found,) = told(made, received("github", body)).values()
    assert found.word == "error"
    assert found.description.startswith("not started: the name of the branch")


def test_a_pipeline_and_the_controller_say_what_is_told() -> None:
    skips = {"pull_request": {"into": ["release/*"]}}

    def shown(controller: Any, own: Any = None) -> set[str]:
        keys = {"events": skips} if own is None else {"events": skips, "report_skipped": own}
        return set(told(declared("github", REPOSITORY, {"shop": keys}, controller), received("github", OWN)))

    assert shown(controller=True) == {"shop"}
    assert shown(controller=True, own=False) == set()
    assert shown(controller=False) == set()
    assert shown(controller=False, own=True) == {"shop"}
    assert shown(["INTO"]) == {"shop"}
    assert shown(["PATHS"]) == set()
    assert shown(["PATHS"], own=True) == set()


def test_a_group_of_the_merge_queue_is_told_on_its_own_head() -> None:
    body = payload("github/octokit-merge_group-00")
    made = declared(
        "github",
        body["repository"]["full_name"],
        {
            "elsewhere": {"merge_group": {"into": ["release/*"]}},
            "requests": {"pull_request": {}},
            "groups": {"merge_group": {}},
            "pushes": {"push": {"branches": ["main"]}},
        },
    )
    found = told(made, received("github", body, "merge_group"))
    assert {name: each.word for name, each in found.items()} == {"elsewhere": "skip", "requests": "skip"}
    assert {each.sha for each in found.values()} == {body["merge_group"]["head_sha"]}
    gone = edited(body, action="destroyed")
    assert told(made, received("github", gone, "merge_group")) == {}


def refused(controller: Any, keys: dict[str, Any], report: str = "") -> str:
    """The message, without its file, of a declaration of one pipeline."""
    written = DECLARATION.format(host="github", repository="acme/shop", controller=json.dumps(controller))
    if controller is None:
        written = written.replace("controller: null\n", "")
    written = written.replace(", report: {token: {name: t, key: t}}", report)
    image = "registry.example.com/acme/shop"
    with pytest.raises(InvalidInput) as raised:
        plan(written + f"  shop: {json.dumps({'image': image, **keys})}\n")
    return str(raised.value)


REQUESTED = {"events": {"pull_request": {}}, "report_skipped": True}


@pytest.mark.parametrize(
    ("controller", "keys", "said"),
    [
        (
            {"report_skipped": ["DRAFTS"]},
            REQUESTED,
            "DRAFTS is not told as skipped; accepted: EVENT, SUSPENDED, FORKS",
        ),
        ({"report_skipped": []}, REQUESTED, "expected true, false, or some of EVENT, SUSPENDED"),
        ({"report_skipped": "yes"}, REQUESTED, "controller.report_skipped"),
        (
            {"report_skipped": True},
            {"events": {"pull_request": {}}},
            "no source has report:, so no host is told",
        ),
        (None, REQUESTED, "pipelines.shop.report_skipped: nothing reports without the controller"),
        ({"reconcile": True}, REQUESTED, "the source github has no report:, so its host is told nothing"),
        (
            {"reconcile": True},
            {"events": {"push": {"branches": ["main"]}}, "report_skipped": True},
            "pipelines.shop.report_skipped: the pipeline listens to no requests",
        ),
    ],
)
def test_a_setting_that_would_tell_nobody_is_refused(
    controller: Any, keys: dict[str, Any], said: str
) -> None:
    assert said in refused(controller, keys)


@pytest.mark.parametrize("setting", [True, ["INTO"]])
def test_skips_of_requests_that_no_pipeline_builds_are_refused(setting: Any) -> None:
    with pytest.raises(InvalidInput) as raised:
        declared("github", REPOSITORY, {"shop": {"push": {"branches": ["main"]}}}, setting)
    assert "controller.report_skipped: no pipeline listens to requests of github" in str(raised.value)


def test_the_controller_follows_the_bus_only_where_it_has_something_to_tell() -> None:
    skips = {"pull_request": {"into": ["release/*"]}}
    quiet = {"events": skips}

    def follows(controller: Any, keys: Any) -> bool:
        made = declared("github", REPOSITORY, {"shop": keys}, controller)
        return any(each.name == "bus" for each in companions(made, lambda _connection: nullcontext()))  # type: ignore[arg-type, return-value]

    assert follows(True, quiet)  # noqa: FBT003
    assert follows(False, {**quiet, "report_skipped": True})  # noqa: FBT003
    assert not follows(False, quiet)  # noqa: FBT003


# Every request that the repository has of a real host

Sample = tuple[str, str, BusEvent, Any]


def samples() -> Iterator[Sample]:
    """Host, name, event and body."""
    for path in sorted((PAYLOADS / "github").glob("*pull_request-*.json")):
        body = json.loads(path.read_text("utf-8"))
        yield "github", path.stem, received("github", body), body
    for name in ("merge_request", "group_merge_request", "service_merge_request", "system-merge_request"):
        body = payload(f"gitlab/{name}")
        hook = "System Hook" if name.startswith("system") else "Merge Request Hook"
        yield "gitlab", name, received("gitlab", body, hook), body
    body = payload("gitea/pull_request-opened")
    yield "gitea", "pull_request-opened", received("gitea", body), body
    for path in sorted(GITEA.glob("*-pull_request.http")):
        (delivery,) = parse(path.read_bytes(), {})
        assert isinstance(delivery, Delivery)
        event = bus_event(delivery, host("gitea"), "hookline-webhooks", "gitea")
        context = {"id": "1", "time": "2026-11-27T00:00:00Z"}
        yield "gitea", path.stem, replace(event, context=context), json.loads(delivery.body)


def what_it_is(where: str, body: Any) -> tuple[str, str, bool, bool]:
    """Base repository, head commit, whether it brings code to look at, and whether it comes from a fork, by the payload alone."""
    if where == "gitlab":
        found = body["object_attributes"]
        code = found.get("action") in {"open", "reopen"} or bool(found.get("oldrev"))
        return (
            body["project"]["path_with_namespace"],
            found["last_commit"]["id"],
            code,
            found.get("source_project_id") != found.get("target_project_id"),
        )
    request = body["pull_request"]
    code = body["action"] in {"opened", "reopened", "synchronize", "synchronized", "ready_for_review"} or (
        body["action"] == "edited"
        and bool((body.get("changes") or {}).get("base") or (body.get("changes") or {}).get("ref"))
    )
    head, base = request["head"], request["base"]
    foreign = (head["repo"] or {}).get("full_name") != base["repo"]["full_name"]
    return base["repo"]["full_name"], head["sha"], code, foreign


SAMPLES = list(samples())


@pytest.mark.parametrize("sample", SAMPLES, ids=[f"{each[0]}-{each[1]}" for each in SAMPLES])
def test_of_every_real_request_that_brings_code_the_head_is_told_at_the_base_repository(
    sample: Sample,
) -> None:
    where, _, event, body = sample
    repository, sha, code, _ = what_it_is(where, body)
    made = declared(
        where,
        repository,
        {
            "elsewhere": {"pull_request": {"into": ["release/*"]}},
            "pushes": {"push": {"branches": ["main"]}},
            "suspended": {"events": {"pull_request": {}}, "suspended": {"because": "x"}},
        },
    )
    found = told(made, event)
    assert "pushes" not in found
    result = simulate(made, event)
    if result.event["kind"] != "pull_request":
        assert found == {}
        return
    asked = result.event["pull_request"]["action"] in {"opened", "reopened", "updated", "ready", "retargeted"}
    if code:
        assert asked
    assert ("suspended" in found) == asked
    for each in found.values():
        assert (each.repository, each.sha, each.word) == (repository, sha, "skip")


def test_the_real_samples_hold_requests_of_each_host_that_bring_code() -> None:
    found = {where for where, _, _, body in SAMPLES if what_it_is(where, body)[2]}
    assert found == {"github", "gitea", "gitlab"}


# The duty, over real HTTP

KINDS = ("github", "gitlab", "gitea", "app")
BODIES = {
    "github": OWN,
    "gitea": payload("gitea/pull_request-opened"),
    "gitlab": payload("gitlab/merge_request"),
}


class World:
    """A host, and the duty that tells it."""

    def __init__(self, where: StatusHost, folder: Path) -> None:
        self.host = where
        token = folder / "token"
        token.write_text(where.secret())
        source = ReportedSource(api=where.url, **where.access(token))
        self.settings = ControllerSettings(sources={where.kind: source})
        self.green = source.host_api.states["skip"]
        body = BODIES[where.kind]
        repository, self.sha, _, _ = what_it_is(where.kind, body)
        self.repository = repository
        # Of GitLab's sample, the source project is another one.
        self.body = (
            edited(
                body,
                object_attributes__source_project_id=body["object_attributes"]["target_project_id"],
                object_attributes__action="open",
                object_attributes__draft=False,
                object_attributes__work_in_progress=False,
            )
            if where.kind == "gitlab"
            else body
        )
        self.token = token
        self.sequence = 0
        self.start({"shop": {"pull_request": {"into": ["release/*"]}}})

    def start(self, pipelines: dict[str, Any]) -> None:
        """Another life of the controller."""
        self.plan = declared(self.host.kind, self.repository, pipelines)
        source = ReportedSource(api=self.host.url, **self.host.access(self.token))
        api = source.host_api.at(self.host.url)
        self.outgoing = Outgoing(self.host.kind, api, source.send(), lambda _report, _memory: None)
        self.outgoing.start()
        self.put: list[Report] = []
        hands = Hands(Connection.plain("http://127.0.0.1:1"), self.settings, self._put)
        self.duty = Skipping(self.plan, hands)
        self.now = 1000.0

    def _put(self, source: str, report: Report) -> None:
        assert source == self.host.kind
        self.put.append(report)
        self.outgoing.put(report)

    def arrive(self, body: Any = None, event: str = "") -> None:
        """An event."""
        delivery = received(self.host.kind, self.body if body is None else body, event)
        found = simulate(self.plan, delivery)
        self.sequence += 1
        message = Message(self.sequence, datetime.datetime.now(datetime.UTC), "", b"")
        self.duty.arrived(Arrival(message, delivery, found.event, found.results))

    def pass_time(self) -> None:
        """Rounds, until everything that was held has been told."""
        for _ in range(3):
            self.duty.looked(self.now)
            self.now += 11
        end = time.monotonic() + 20
        while self.outgoing.waiting:
            assert time.monotonic() < end
            time.sleep(0.003)

    def run_says(self, word: Word, description: str = "is running") -> None:
        """The word of a run about the same commit and context."""
        self.outgoing.put(
            Report(
                Status(self.repository, self.sha, "hookline/shop", word, description), "ci", "w", "uid", 0.0
            )
        )
        end = time.monotonic() + 20
        while self.outgoing.waiting:
            assert time.monotonic() < end
            time.sleep(0.003)


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made = (
        AppHost("github", account=REPOSITORY.partition("/")[0])
        if request.param == "app"
        else StatusHost(request.param)
    )
    with serving(made) as where:
        found = World(where, tmp_path)
        yield found
        found.outgoing.stop()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.reports.outgoing.FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("runs.reports.outgoing.LONGEST_PAUSE_SECONDS", 0.05)


SKIPPED = {"shop": {"pull_request": {"into": ["release/*"]}}}


def test_a_skipped_request_is_told_once_whatever_is_redelivered_and_restarted(world: World) -> None:
    world.arrive()
    world.pass_time()
    assert world.host.told == [(world.repository, world.sha, "hookline/shop", world.green)]
    assert world.host.descriptions[0].startswith("skipped: INTO, ")
    for _ in range(3):
        world.arrive()
        world.pass_time()
    world.start(SKIPPED)
    world.arrive()
    world.pass_time()
    assert len(world.host.told) == 1


def test_nothing_is_told_before_the_runs_of_the_same_commit_had_time_to_tell_theirs(world: World) -> None:
    world.arrive()
    world.duty.looked(1000.0)
    world.duty.looked(1009.0)
    assert world.put == []
    world.duty.looked(1010.0)
    assert len(world.put) == 1


@pytest.mark.parametrize("last", ["queued", "running", "success", "failure", "error", "cancellation"])
def test_the_word_of_a_run_stands(world: World, last: Word) -> None:
    world.run_says(last)
    before = list(world.host.told)
    world.start(SKIPPED)  # nothing of it is remembered here
    world.arrive()
    world.pass_time()
    assert world.host.told == before
    assert len(before) == 1


def test_a_word_of_a_run_that_the_host_was_not_told_stands_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.outgoing._pace, "scarce", lambda _now: True)
    world.run_says("queued")
    assert world.host.told == []
    world.arrive()
    world.pass_time()
    assert world.host.told == []


def test_a_run_that_comes_later_replaces_it(world: World) -> None:
    world.arrive()
    world.pass_time()
    world.run_says("queued", "waits to start")
    assert len(world.host.told) == 2


def test_a_status_on_a_later_page_of_the_host_is_seen(world: World) -> None:
    world.run_says("failure")
    for number in range(120):
        world.host.told.append((world.repository, world.sha, f"other/{number}", "success"))
        world.host.descriptions.append("")
    before = len(world.host.told)
    world.start(SKIPPED)
    world.arrive()
    world.pass_time()
    assert len(world.host.told) == before


@pytest.mark.parametrize("status", [401, 404, 429, 500, 502])
def test_a_host_that_does_not_answer_the_question_is_told_nothing(
    world: World, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, refused = world.host.answer, list[str]()

    def answer(method: str, *rest: Any) -> Any:
        if len(refused) == 3:
            return asked(method, *rest)
        refused.append(method)
        return status, {"message": "no"}, {"Retry-After": "0"}

    monkeypatch.setattr(world.host, "answer", answer)
    world.arrive()
    world.pass_time()
    assert refused == ["GET"] * 3
    assert [state for *_, state in world.host.told] == [world.green]


def test_a_post_whose_answer_was_lost_is_not_repeated(world: World) -> None:
    world.host.after.append(answers(502))
    world.arrive()
    world.pass_time()
    assert len(world.host.told) == 1


def test_a_pipeline_that_starts_by_the_same_commit_is_never_told_as_skipped(world: World) -> None:
    world.start({"shop": {"pull_request": {"into": ["release/*"]}}})
    key = "object_attributes__target_branch" if world.host.kind == "gitlab" else "pull_request__base__ref"
    world.arrive()
    world.arrive(edited(world.body, **{key: "release/1"}))  # a second request of the same commit
    world.arrive()
    world.pass_time()
    assert world.put == []


def test_a_draft_waits_and_then_says_why_nothing_starts(tmp_path: Path) -> None:
    keys = {"shop": {"pull_request": {"authors": ["nobody"]}}}
    waits = {"github": "pending", "gitea": "pending", "app": "queued"}
    for kind, waiting in waits.items():
        account = REPOSITORY.partition("/")[0]
        made = AppHost("github", account=account) if kind == "app" else StatusHost(kind)
        with serving(made) as where:
            folder = tmp_path / kind
            folder.mkdir()
            world = World(where, folder)
            world.start({"shop": {"pull_request": {}}})
            world.arrive(edited(world.body, pull_request__draft=True))
            world.pass_time()
            assert [each[-1] for each in where.told] == [waiting]
            assert where.descriptions == ["not started: waits until the request is ready for review"]
            world.start(keys)
            world.arrive()
            world.pass_time()
            assert [each[-1] for each in where.told] == [waiting, world.green]
            world.outgoing.stop()


def test_a_skip_waits_for_a_draft_of_the_same_commit_until_that_runs_or_is_closed(tmp_path: Path) -> None:
    with status_host("github") as where:
        world = World(where, tmp_path)
        world.start({"shop": {"pull_request": {"into": [BASE]}}})
        other = edited(OWN, pull_request__base__ref="next", number=3, pull_request__number=3)
        draft = edited(OWN, pull_request__draft=True)
        world.arrive(draft)
        world.arrive(other)
        world.pass_time()
        assert [each[-1] for each in where.told] == ["pending"]
        world.arrive(edited(draft, action="closed"))
        world.pass_time()
        assert [each[-1] for each in where.told] == ["pending", "success"]
        world.start({"shop": {"pull_request": {"into": [BASE]}}})
        where.told.clear()
        where.descriptions.clear()
        world.arrive(draft)
        world.arrive(other)
        world.pass_time()
        world.arrive(edited(OWN, action="ready_for_review"))
        world.pass_time()
        assert [each[-1] for each in where.told] == ["pending"]
        world.outgoing.stop()


def test_gitlab_is_told_of_a_skip_only_where_nothing_else_runs_or_waits(tmp_path: Path) -> None:
    # "Pipelines must succeed" looks at all statuses of a commit together.
    skip = {"pull_request": {"into": ["release/*"]}}
    with status_host("gitlab") as where:
        world = World(where, tmp_path)
        world.start({"shop": skip, "cart": {"pull_request": {}}})
        world.arrive()
        world.pass_time()
        assert world.put == []
        draft = edited(world.body, object_attributes__draft=True, object_attributes__work_in_progress=True)
        world.start({"shop": skip, "cart": {"pull_request": {}}})
        world.arrive(draft)
        world.pass_time()
        assert world.put == []
        # The one that waited is skipped now, so nothing waits any more.
        world.start({"shop": skip, "cart": {"pull_request": {"authors": ["nobody"]}}})
        world.arrive()
        world.pass_time()
        assert {each.status.context for each in world.put} == {"hookline/shop", "hookline/cart"}
        assert {state for *_, state in where.told} == {"success"}
        world.outgoing.stop()


def test_a_source_without_report_is_told_nothing(world: World) -> None:
    world.settings = ControllerSettings()
    world.start(SKIPPED)
    world.arrive()
    world.pass_time()
    assert world.put == []


def test_what_stands_on_the_bus_reaches_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hookline.controlling.follower.ROUND_SECONDS", 0.02)
    monkeypatch.setattr("hookline.controlling.skipping.HOLD_SECONDS", 0.05)
    skips = {"shop": {"pull_request": {"into": ["release/*"]}}}
    with status_host("github") as where:
        world = World(where, tmp_path)
        cluster = BusCluster(tmp_path)
        made = declared("github", REPOSITORY, skips)
        address = ("127.0.0.1", cluster.nats.port)
        for number in (1, 2):  # delivered twice
            data = {
                "headers": {"X-Github-Event": ["pull_request"], "X-Github-Delivery": [f"d{number}"]},
                "body": OWN,
            }
            message = {
                **pushed(number),
                "data_base64": base64.b64encode(json.dumps(data).encode()).decode(),
            }
            cluster.nats.put(message, NOW, "default.hookline-webhooks.github")
        (follower,) = companions(made, lambda connection: bus_of(made, connection, address, in_pod=False))
        hands = Hands(
            Connection.of_kubeconfig(cluster.kubeconfig, None),
            world.settings,
            lambda _source, report: world.outgoing.put(report),
        )
        ended = threading.Event()
        thread = threading.Thread(target=follower.run, args=(hands, ended))
        thread.start()
        end = time.monotonic() + 20
        while not where.told:
            assert time.monotonic() < end
            time.sleep(0.01)
        ended.set()
        thread.join(20)
        cluster.stop()
        world.outgoing.stop()
        assert where.told == [(REPOSITORY, SHA, "hookline/shop", "success")]


def test_words_of_runs_are_sent_before_those_that_no_run_gives() -> None:
    sent: list[str] = []

    def send(report: Report) -> Delivered:
        sent.append(report.status.context)
        return Delivered()

    outgoing = Outgoing("github", HOST_APIS["github"].at(""), send, lambda _report, _memory: None, threads=1)

    def put(context: str, word: Word, *, yields: bool) -> None:
        status = Status("acme/shop", SHA, context, word, "")
        outgoing.put(Report(status, "", "", "", 0.0, yields=yields))

    put("skipped", "skip", yields=True)
    put("runs", "running", yields=False)
    put("ended", "success", yields=False)
    outgoing.start()
    end = time.monotonic() + 20
    while outgoing.waiting:
        assert time.monotonic() < end
        time.sleep(0.003)
    outgoing.stop()
    assert sent == ["ended", "runs", "skipped"]


# Any order of events, redeliveries and restarts

NEXT = edited(OWN, pull_request__base__ref="next")
DECLARED = declared(
    "github",
    REPOSITORY,
    {
        "shop": {"pull_request": {"into": [BASE]}},
        "cart": {"pull_request": {"into": ["release/*"]}},
        "elsewhere": {"push": {"branches": ["main"]}},
    },
)
EVENTS = {
    "draft": edited(OWN, pull_request__draft=True),
    "another target": edited(NEXT, number=3, pull_request__number=3),
    "ready": edited(OWN, action="ready_for_review"),
    "labeled": edited(OWN, action="labeled", label={"name": "x"}),
    "closed": edited(OWN, action="closed"),
}
WHAT = {name: simulate(DECLARED, received("github", body)) for name, body in EVENTS.items()}


class Rows:
    """A host in memory, with the rows of one commit, newest last."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str]] = []

    def take(self, status: Status) -> None:
        state = HOST_APIS["github"].states[status.word]
        self.rows.append({"context": status.context, "state": state, "description": status.description})

    def put(self, _: str, report: Report) -> None:
        question = Request("https://git.example.com/statuses?per_page=100", {})
        answer = no_more_to_tell(
            HOST_APIS["github"], report, question, lambda _request: Response(200, {}, self.rows[::-1], 0.0)
        )
        if answer is None:
            self.take(report.status)

    def of(self, pipeline: str) -> list[tuple[str, str]]:
        return [
            (each["state"], each["description"])
            for each in self.rows
            if each["context"] == f"hookline/{pipeline}"
        ]


@settings(max_examples=tries(300))
@given(st.lists(st.sampled_from([*EVENTS, "restart", "time passes"]), max_size=12))
def test_whatever_comes_in_whatever_order_a_run_has_the_last_word_and_nothing_hangs(steps: list[str]) -> None:
    rows = Rows()
    sources = {"github": ReportedSource(host="github", api="https://api.github.com", token_file="token")}
    hands = Hands(Connection.plain("http://127.0.0.1:1"), ControllerSettings(sources=sources), rows.put)
    seen: list[str] = []
    duty, clock = Skipping(DECLARED, hands), itertools.count(0, 11)

    def arrive(name: str) -> None:
        message = Message(1, datetime.datetime.now(datetime.UTC), "", b"")
        found = WHAT[name]
        duty.arrived(Arrival(message, received("github", EVENTS[name]), found.event, found.results))

    for step in [*steps, "time passes"]:
        if step == "restart":
            duty = Skipping(DECLARED, hands)
            for name in seen:
                arrive(name)
        elif step == "time passes":
            for _ in range(2):
                duty.looked(float(next(clock)))
        else:
            arrive(step)
            if step == "ready" and "ready" not in seen:
                rows.take(Status(REPOSITORY, SHA, "hookline/shop", "success", "passed"))
            seen.append(step)
    assert rows.of("elsewhere") == []
    told = rows.of("cart")
    new_code = {"draft", "another target", "ready"} & set(seen)
    assert len(told) == bool(new_code)
    assert all(description.startswith("skipped: INTO, ") for _, description in told)
    words = rows.of("shop")
    if "ready" in seen:
        assert words[-1] == ("success", "passed")
        assert words.count(("success", "passed")) == 1
    elif "another target" in seen and "draft" not in seen:
        assert [state for state, _ in words] == ["success"]
    assert len(words) <= 3
    assert ("draft" in seen or "another target" in seen or "ready" in seen) == bool(words)
