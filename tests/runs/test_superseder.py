"""The controller stops superseded runs and runs of closed requests: which, how, and what the host is told, over an API server and real HTTP."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from api_objects import at, workflow
from fake_api_server import FakeApiServer, fake_api_server
from fake_api_server import status as refuses
from hypothesis import given
from hypothesis import strategies as st
from status_hosts import StatusHost, status_host

from apiserver.connection import Connection
from runs.controller import superseder
from runs.controller.instance import Controller, Options
from runs.controller.settings import ControllerSettings, ReportedSource
from runs.controller.superseder import Superseder
from runs.objects import Workflow, workflow_of
from runs.outcomes import run_outcome
from runs.superseding import Closure
from runs.web.web_config import Security
from triggers.manual_run import repeated

NOW = 1_800_000_000.0
OLD, NEW = "a" * 40, "b" * 40
KINDS = {"github": ["pull_request"]}
BOTH = {"github": ["pull_request", "push"]}


def made(uid: str, sha: str, received: float, **changes: Any) -> dict[str, Any]:
    """A Workflow of request 7, created 2 s after its event; `kind`, `phase`, `labels`, `annotations`, `spec` replace what is usual."""
    kind, status = changes.get("kind", "pull_request"), {"phase": changes.get("phase", "Running")}
    if status["phase"] in {"Succeeded", "Failed"}:
        status["finishedAt"] = at(received + 60)
    labels = {
        "hookline.dev/pipeline": "shop",
        "hookline.dev/event-kind": kind,
        "hookline.dev/source": "github",
        **changes.get("labels", {}),
    }
    annotations = {
        "hookline.dev/event-time": at(received),
        "hookline.dev/ref": "refs/pull/7/head" if kind == "pull_request" else "refs/heads/main",
        "hookline.dev/repository": "acme/shop",
        "hookline.dev/sha": sha,
        **changes.get("annotations", {}),
    }
    kept = {key: value for key, value in annotations.items() if value is not None}
    return workflow(
        uid,
        changes.get("created", received + 2),
        labels=labels,
        annotations=kept,
        spec=changes.get("spec", {}),
        status=status,
    )


def record(raw: dict[str, Any]) -> Workflow:
    found = workflow_of(raw, frozenset())
    assert found is not None
    return found


def told(
    *raws: dict[str, Any],
    kinds: dict[str, list[str]] = BOTH,
    pipelines: dict[str, list[str]] | None = None,
    closures: tuple[Closure, ...] = (),
) -> Superseder:
    settings = {"supersede": kinds, "supersede_pipelines": pipelines or {}}
    duty = Superseder(ControllerSettings.model_validate(settings).superseded)
    for raw in raws:
        duty.changed(record(raw), NOW)
    duty.synced(NOW)
    duty.close(closures)
    return duty


def due(*raws: dict[str, Any], **more: Any) -> dict[str, tuple[str, str, str]]:
    """By uid: strategy, reason and newer commit of the runs that shall end."""
    return {each.uid: (each.strategy, each.reason, each.sha) for each in told(*raws, **more).due(NOW)}


def closure(time: float, *, closed: bool = True, **changes: Any) -> Closure:
    fields = {"source": "github", "repository": "acme/shop", "request": 7, **changes}
    return Closure(time=time, closed=closed, **fields)


NEWER = made("new", NEW, NOW - 30)
STOPPED = {"old": ("Stop", "newer_commit", NEW)}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, STOPPED),
        ({"phase": "Pending"}, {"old": ("Terminate", "newer_commit", NEW)}),
        ({"phase": ""}, {"old": ("Terminate", "newer_commit", NEW)}),
        # Stop of a run that waits begins to count only once it has started.
        ({"phase": "Pending", "spec": {"shutdown": "Stop"}}, {"old": ("Terminate", "newer_commit", NEW)}),
        ({"spec": {"shutdown": "Stop"}}, {}),
        ({"phase": "Succeeded"}, {}),
        ({"phase": "Failed"}, {}),
        # Hosts differ in whether case counts.
        ({"annotations": {"hookline.dev/repository": "Acme/Shop"}}, STOPPED),
        ({"annotations": {"hookline.dev/ref": "refs/pull/8/head"}}, {}),
        ({"annotations": {"hookline.dev/repository": "acme/cart"}}, {}),
        ({"labels": {"hookline.dev/pipeline": "cart"}}, {}),
        ({"labels": {"hookline.dev/source": "gitea"}}, {}),
        ({"annotations": {"hookline.dev/sha": NEW}}, {}),
        ({"annotations": {"hookline.dev/sha": ""}}, {}),
        # A person wants it.
        ({"annotations": {"hookline.dev/started-by": "ada"}}, {}),
        ({"labels": {"workflows.argoproj.io/resubmitted-from-workflow": "x"}}, {}),
        ({"labels": {"hookline.dev/event-kind": "manual"}}, {}),
        # A person took it up again after it was superseded.
        ({"annotations": {"hookline.dev/superseded-by": NEW}}, {}),
        ({"labels": {"hookline.dev/event-kind": "merge_group"}}, {}),
    ],
)
def test_a_run_is_stopped_by_its_state_and_only_if_it_is_of_the_same_request(
    changes: dict[str, Any], found: dict[str, Any]
) -> None:
    assert due(made("old", OLD, NOW - 60, **changes), NEWER) == found


@pytest.mark.parametrize("kind", ["tag", "schedule", "image_push", "manual", "merge_group"])
def test_runs_of_other_kinds_are_never_superseded(kind: str) -> None:
    assert due(made("old", OLD, NOW - 60, kind=kind), made("new", NEW, NOW - 30, kind=kind)) == {}


@pytest.mark.parametrize(
    ("kinds", "found"), [(BOTH, STOPPED), (KINDS, {}), ({}, {}), ({"gitea": ["push"]}, {})]
)
def test_runs_of_a_branch_are_superseded_where_that_is_asked_for(
    kinds: dict[str, list[str]], found: Any
) -> None:
    pushes = made("old", OLD, NOW - 60, kind="push"), made("new", NEW, NOW - 30, kind="push")
    assert due(*pushes, kinds=kinds) == found


@pytest.mark.parametrize(
    ("kinds", "pipelines", "requests", "branches"),
    [
        (BOTH, {"shop": []}, {}, {}),
        (BOTH, {"shop": ["pull_request"]}, STOPPED, {}),
        (KINDS, {"shop": ["push"]}, {}, STOPPED),
        ({}, {"shop": ["pull_request", "push"]}, STOPPED, STOPPED),
        (KINDS, {"cart": []}, STOPPED, {}),
    ],
)
def test_what_a_pipeline_says_counts_in_place_of_what_its_source_says(
    kinds: dict[str, list[str]], pipelines: dict[str, list[str]], requests: Any, branches: Any
) -> None:
    for kind, found in (("pull_request", requests), ("push", branches)):
        runs = made("old", OLD, NOW - 60, kind=kind), made("new", NEW, NOW - 30, kind=kind)
        assert due(*runs, kinds=kinds, pipelines=pipelines) == found


def test_a_pipeline_without_superseded_runs_still_has_those_of_closed_requests_stopped() -> None:
    alone = made("old", OLD, NOW - 60)
    assert due(alone, pipelines={"shop": []}, closures=(closure(NOW - 10),)) == {
        "old": ("Stop", "closed", "")
    }


def test_a_branch_and_a_request_leave_each_other_alone() -> None:
    assert due(made("old", OLD, NOW - 60, kind="push"), NEWER) == {}


@pytest.mark.parametrize("mark", [{"annotations": {"hookline.dev/started-by": "ada"}}, {"kind": "manual"}])
def test_a_run_that_a_person_started_supersedes_nothing(mark: dict[str, Any]) -> None:
    assert due(made("old", OLD, NOW - 60), made("new", NEW, NOW - 30, **mark)) == {}


def test_the_order_is_that_of_the_events_whenever_the_runs_were_created() -> None:
    late = made("late", OLD, NOW - 60, created=NOW - 5)
    assert due(late, NEWER) == {"late": ("Stop", "newer_commit", NEW)}


def test_a_run_that_carries_no_time_of_its_event_counts_from_its_creation() -> None:
    untimed: dict[str, Any] = {"annotations": {"hookline.dev/event-time": None}}
    assert due(made("old", OLD, NOW - 60, **untimed), NEWER) == STOPPED
    assert due(made("old", OLD, NOW - 60, **untimed, created=NOW - 20), NEWER) == {
        "new": ("Stop", "newer_commit", OLD)
    }


def test_a_redelivery_that_refreshed_the_time_of_the_old_run_does_not_make_it_the_newest() -> None:
    refreshed = made("old", OLD, NOW - 60, annotations={"hookline.dev/event-time": at(NOW - 1)})
    assert due(refreshed, NEWER) == STOPPED


def test_nothing_is_due_before_all_workflows_were_given() -> None:
    duty = Superseder(ControllerSettings.model_validate({"supersede": BOTH}).superseded)
    for raw in (made("old", OLD, NOW - 60), NEWER):
        duty.changed(record(raw), NOW)
    assert duty.due(NOW) == []
    duty.synced(NOW)
    assert [each.uid for each in duty.due(NOW)] == ["old"]


@given(st.permutations(range(6)), st.lists(st.sampled_from([OLD, NEW, "c" * 40]), min_size=6, max_size=6))
def test_any_order_of_arrival_leads_to_the_same_runs_and_never_to_the_newest(
    order: list[int], shas: list[str]
) -> None:
    raws = [made(f"u{place}", sha, NOW - 600 + 10 * place) for place, sha in enumerate(shas)]
    found = due(*(raws[place] for place in order))
    assert found == due(*raws)
    assert found == {
        f"u{place}": ("Stop", "newer_commit", shas[-1]) for place, sha in enumerate(shas) if sha != shas[-1]
    }


# Closed requests


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, {"old": ("Stop", "closed", "")}),
        ({"phase": "Pending"}, {"old": ("Terminate", "closed", "")}),
        ({"phase": "Succeeded"}, {}),
        ({"annotations": {"hookline.dev/ref": "refs/pull/8/head"}}, {}),
        ({"annotations": {"hookline.dev/ref": "refs/heads/main"}}, {}),
        ({"annotations": {"hookline.dev/repository": "acme/cart"}}, {}),
        # Somebody else's run, of another host with the same repository and number.
        ({"labels": {"hookline.dev/source": "gitea"}}, {}),
        # Started by hand, for this request.
        (
            {
                "labels": {"hookline.dev/source": "manual", "hookline.dev/event-kind": "manual"},
                "annotations": {"hookline.dev/started-by": "ada"},
            },
            {"old": ("Stop", "closed", "")},
        ),
        (
            {
                "labels": {
                    "hookline.dev/source": "manual",
                    "hookline.dev/event-kind": "manual",
                    "hookline.dev/pipeline": "mirror",
                }
            },
            {},
        ),
        ({"created": NOW - 5, "annotations": {"hookline.dev/event-time": None}}, {}),
    ],
)
def test_a_closed_request_ends_its_own_runs(changes: dict[str, Any], found: dict[str, Any]) -> None:
    closed = closure(NOW - 10, pipelines=frozenset({"shop"}))
    assert due(made("old", OLD, NOW - 60, **changes), kinds={}, closures=(closed,)) == found


@pytest.mark.parametrize(
    ("closures", "stops"),
    [
        ([closure(NOW - 10)], True),
        ([closure(NOW - 61)], False),
        ([closure(NOW - 60)], False),
        ([closure(NOW - 10), closure(NOW - 5, closed=False)], False),
        # The bus gives them again, in any round.
        ([closure(NOW - 5, closed=False), closure(NOW - 10)], False),
        ([closure(NOW - 20), closure(NOW - 10, closed=False), closure(NOW - 5)], True),
        # Of the same second, the later one on the bus counts.
        ([closure(NOW - 5), closure(NOW - 5, closed=False)], False),
    ],
)
def test_a_request_that_was_opened_again_is_not_ended_by_an_old_close(
    closures: list[Closure], *, stops: bool
) -> None:
    assert bool(due(made("old", OLD, NOW - 60), closures=tuple(closures))) is stops


# Over HTTP


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(superseder, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(superseder, "RETRY_SECONDS", 0.05)


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    with fake_api_server() as server:
        yield server


@pytest.fixture(params=["github", "gitlab", "gitea"])
def host(request: pytest.FixtureRequest) -> Iterator[StatusHost]:
    with status_host(request.param) as found:
        yield found


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.003)


def built(api: FakeApiServer, sources: dict[str, ReportedSource] | None = None) -> Controller:
    settings = ControllerSettings(sources=sources or {}, supersede={"github": ["pull_request"]})
    return Controller(Options("1", "127.0.0.1", 0, settings), Connection.plain(api.url), Security(None))


@contextmanager
def running(api: FakeApiServer, sources: dict[str, ReportedSource] | None = None) -> Iterator[Controller]:
    controller, stop = built(api, sources), threading.Event()
    thread = threading.Thread(target=controller.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield controller
    finally:
        stop.set()
        thread.join(20)


def shutdown(api: FakeApiServer, uid: str) -> str:
    return str(api.objects[uid]["spec"].get("shutdown", ""))


def stops(api: FakeApiServer) -> list[str]:
    return [query["name"] for kind, query in api.requests if kind == "patch"]


def counted(controller: Controller) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for family in controller._superseder.metrics()
        for sample in family.samples
    }


def recent(uid: str, sha: str, ago: float, **changes: Any) -> dict[str, Any]:
    return made(uid, sha, time.time() - ago, **changes)


def test_every_host_is_told_by_which_commit_a_run_was_superseded(
    api: FakeApiServer, host: StatusHost, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(host.secret())
    source = ReportedSource(api=host.url, **host.access(tmp_path / "token"))
    api.store("workflows", recent("old", OLD, 60))
    with running(api, {"github": source}) as controller:
        until(lambda: host.told)
        api.store("workflows", recent("new", NEW, 30))
        until(lambda: shutdown(api, "old") == "Stop")
        ended = api.objects["old"]
        assert ended["metadata"]["annotations"]["hookline.dev/superseded-by"] == NEW
        finished = {**ended["status"], "phase": "Failed", "finishedAt": at(time.time())}
        api.store("workflows", {**ended, "status": finished})
        until(lambda: f"superseded by {NEW[:12]}" in host.descriptions)
        until(lambda: counted(controller) == {("github", "newer_commit"): 1})
    assert run_outcome(record(api.objects["old"]), ()) == "cancellation"
    assert shutdown(api, "new") == ""


def test_a_run_that_starts_while_it_is_asked_to_end_is_stopped_and_not_terminated(api: FakeApiServer) -> None:
    api.store("workflows", recent("old", OLD, 60, phase="Pending"))
    api.store("workflows", recent("new", NEW, 30))

    def starts(handler: Any, _: dict[str, str]) -> bool:
        raw = api.objects["old"]
        api.store("workflows", {**raw, "status": {"phase": "Running"}})
        return refuses(409, "Conflict")(handler, {})

    api.fail("patch", starts)
    with running(api):
        until(lambda: shutdown(api, "old"))
    assert shutdown(api, "old") == "Stop"
    # It was read again, and asked once more by what was read.
    assert stops(api) == ["shop-old"] * 2


def test_a_run_that_somebody_else_keeps_changing_is_stopped_when_they_stop(api: FakeApiServer) -> None:
    api.store("workflows", recent("old", OLD, 60))
    api.store("workflows", recent("new", NEW, 30))
    # Nothing that counts for the decision changes, so no watch tells of anything new.
    api.fail("patch", *[refuses(409, "Conflict")] * 7)
    with running(api):
        until(lambda: shutdown(api, "old") == "Stop")


def test_a_suspended_run_ends_too(api: FakeApiServer) -> None:
    api.store("workflows", recent("old", OLD, 60, spec={"suspend": True}))
    api.store("workflows", recent("new", NEW, 30))
    with running(api):
        until(lambda: shutdown(api, "old") == "Stop")
    assert "suspend" not in api.objects["old"]["spec"]


def test_an_api_server_that_refuses_is_a_warning_and_asked_again(api: FakeApiServer) -> None:
    api.store("workflows", recent("old", OLD, 60))
    api.store("workflows", recent("new", NEW, 30))
    api.fail("patch", *[refuses(403, "Forbidden")] * 3)
    with running(api) as controller:
        until(lambda: any("runs are not stopped" in each for each in controller.warnings()))
        until(lambda: shutdown(api, "old") == "Stop")
        until(lambda: not controller.warnings())


def test_a_dry_run_finds_what_would_be_stopped_and_stops_nothing(api: FakeApiServer) -> None:
    api.store("workflows", recent("old", OLD, 60))
    api.store("workflows", recent("new", NEW, 30))
    _, found = built(api).due()
    assert [(each.namespace, each.name, each.strategy, each.sha) for each in found] == [
        ("ci", "shop-old", "Stop", NEW)
    ]
    assert stops(api) == []


def test_two_controllers_and_one_that_starts_again_stop_each_run_once(api: FakeApiServer) -> None:
    shas = [f"{digit:040x}" for digit in range(1, 7)]
    raws = [recent(f"u{place}", sha, 600 - 10 * place) for place, sha in enumerate(shas)]
    random.Random(7).shuffle(raws)
    for raw in raws[:3]:
        api.store("workflows", raw)
    with running(api), running(api):
        for raw in raws[3:]:
            api.store("workflows", raw)
        until(lambda: all(shutdown(api, f"u{place}") == "Stop" for place in range(5)))
    wanted = {f"shop-u{place}" for place in range(5)}
    assert set(stops(api)) == wanted
    before = len(stops(api))
    with running(api) as again:
        until(lambda: again.not_ready() is None)
        time.sleep(0.1)
        assert counted(again) == {}
    assert len(stops(api)) == before
    assert shutdown(api, "u5") == ""


def test_a_close_over_the_hands_of_a_bus_duty_ends_the_runs_of_the_request(api: FakeApiServer) -> None:
    api.store("workflows", recent("old", OLD, 60))
    with running(api) as controller:
        until(lambda: controller.not_ready() is None)
        controller._superseder.close([closure(float(int(time.time())))])
        until(lambda: shutdown(api, "old") == "Stop")
        until(lambda: counted(controller) == {("github", "closed"): 1})
    annotations = api.objects["old"]["metadata"]["annotations"]
    assert annotations["hookline.dev/cancelled-because"] == "its request was closed"
    assert "hookline.dev/superseded-by" not in annotations


@pytest.mark.parametrize("text", ["main", "x" * 40, "b" * 39, "<script>"])
def test_an_annotation_that_is_no_commit_reaches_no_status(text: str) -> None:
    assert record(made("old", OLD, NOW, annotations={"hookline.dev/superseded-by": text})).superseded_by == ""


def test_a_repeated_run_is_not_superseded_as_the_first_one_was() -> None:
    labels = {"workflows.argoproj.io/resubmitted-from-workflow": "shop-old"}
    copied = {"hookline.dev/superseded-by": NEW}
    assert record(made("again", OLD, NOW, labels=labels, annotations=copied)).superseded_by == ""


def test_hookline_rerun_leaves_out_that_the_first_run_was_superseded() -> None:
    first = made("old", OLD, NOW, annotations={"hookline.dev/superseded-by": NEW}, spec={"shutdown": "Stop"})
    again = repeated(first, "again", {})
    assert "hookline.dev/superseded-by" not in again["metadata"]["annotations"]
    assert "shutdown" not in again["spec"]
