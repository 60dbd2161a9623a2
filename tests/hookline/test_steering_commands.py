"""run, rerun and cancel as commands: what they create and change at the API server, what they say, and their exit codes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from objects_server import ObjectsServer

from apiserver.connection import Connection
from hookline.cli import main
from hookline.steering import cluster_runs
from runs.objects import workflow_of
from runs.outcomes import run_outcome
from triggers.words import PREFIX

DECLARATION = """\
version: 1
cluster: {namespace: ci}
sources:
  github: {host: github, endpoint: /github, secret: {name: webhook, key: secret}, url: "https://github.com/{repository}.git"}
defaults:
  repository: {source: github}
  image: registry.example.com/{repository}
  events: {push: {branches: [main]}}
  run: {template: hookline-ci-go}
pipelines:
  shop: {repository: acme/shop}
  cart: {repository: acme/cart, namespace: team-cart}
"""
WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/ci/workflows"
Run = Callable[..., Result]
Json = dict[str, Any]


@pytest.fixture
def server() -> Iterator[ObjectsServer]:
    found = ObjectsServer()
    yield found
    found.stop()


@pytest.fixture
def run(server: ObjectsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    kubeconfig = str(server.kubeconfig(tmp_path))
    (tmp_path / "hookline.yaml").write_text(DECLARATION)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster_runs, "PAUSE_SECONDS", 0.01)

    def command(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--kubeconfig", kubeconfig])

    return command


def put(
    server: ObjectsServer, name: str, phase: str = "Running", *, namespace: str = "ci", **more: Any
) -> Json:
    """A run of a push in this phase; `more` are annotations, labels and spec."""
    labels = {
        f"{PREFIX}pipeline": "shop",
        f"{PREFIX}event-kind": "push",
        f"{PREFIX}event": "0123456789abcdef",
    }
    annotations = {
        f"{PREFIX}repository": "acme/shop",
        f"{PREFIX}sha": "a" * 40,
        f"{PREFIX}event-time": "2026-11-27T05:00:00Z",
    }
    ended = phase in {"Succeeded", "Failed", "Error"}
    done = {"workflows.argoproj.io/completed": str(ended).lower(), "workflows.argoproj.io/phase": phase}
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/workflows/{name}"
    found: Json = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": name,
            "resourceVersion": "7",
            "creationTimestamp": "2026-11-27T05:00:01Z",
            "labels": labels | (done if phase else {}) | more.get("labels", {}),
            "annotations": annotations | more.get("annotations", {}),
        },
        "spec": {
            "workflowTemplateRef": {"name": "hookline-ci-go"},
            "arguments": {"parameters": []},
            **more.get("spec", {}),
        },
        "status": {"phase": phase, "startedAt": "2026-11-27T05:00:02Z"} if phase else {},
    }
    if ended:
        found["status"]["finishedAt"] = "2026-11-27T05:01:00Z"
    server.put(path, found)
    return found


def ends(server: ObjectsServer, phase: str = "Failed", *, after: int = 1) -> None:
    """From now on, a run whose shutdown is asked for has ended when it is read for the `after`th time."""
    seen: dict[str, int] = {}

    def controller(method: str, path: str, _trial: bool) -> None:
        each = server.objects.get(path)
        if method == "GET" and each is not None and each["spec"].get("shutdown"):
            seen[path] = seen.get(path, 0) + 1
            if seen[path] >= after:
                each["status"] |= {"phase": phase, "finishedAt": "2026-11-27T05:02:00Z"}

    server.refuse = controller


def one(server: ObjectsServer) -> Json:
    (made,) = server.objects.values()
    return made


# --- run ---------------------------------------------------------------------------------------------------


def test_a_run_is_created_with_who_started_it_and_why(server: ObjectsServer, run: Run) -> None:
    result = run("run", "shop", "--branch", "feature", "--because", "try it")
    assert result.exit_code == 0, result.output
    made = one(server)
    name = made["metadata"]["name"]
    assert server.writes == [f"POST Workflow/{name}"]
    assert result.stdout == (
        f"workflow {name} created in ci: builds branch feature at its head, pushes registry.example.com/acme/shop (as a push)\n"
    )
    annotations = made["metadata"]["annotations"]
    assert annotations[f"{PREFIX}started-by"] == annotations[f"{PREFIX}actor"] == "ada@example.com"
    assert annotations[f"{PREFIX}because"] == "try it"


def test_a_run_is_told_by_the_exporter_as_manual(server: ObjectsServer, run: Run) -> None:
    run("run", "shop", "--branch", "feature")
    found = workflow_of(one(server), frozenset())
    assert found is not None
    told = (found.pipeline, found.event, found.source, found.repository, found.ref, found.actor)
    assert told == ("shop", "manual", "manual", "acme/shop", "refs/heads/feature", "ada@example.com")
    assert (found.event_time, found.event_hash) == (None, "")


def test_a_run_goes_to_the_namespace_of_its_pipeline(server: ObjectsServer, run: Run) -> None:
    result = run("run", "cart", "-o", "name")
    assert result.stdout == f"team-cart/{one(server)['metadata']['name']}\n"


def test_two_runs_of_one_second_have_two_names(
    server: ObjectsServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = iter(["00", "00", "00", "01"])
    monkeypatch.setattr("secrets.token_hex", lambda _bytes: next(digits))
    monkeypatch.setattr(
        "hookline.commands.run.run_name", lambda *parts: f"{parts[0]}-20261127060000{parts[2]}"
    )
    assert [run("run", "shop").exit_code, run("run", "shop").exit_code] == [0, 0]
    assert server.names() == {"Workflow/shop-2026112706000000", "Workflow/shop-2026112706000001"}


def test_a_name_that_is_always_taken_is_given_up(
    server: ObjectsServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _bytes: "00")
    monkeypatch.setattr("hookline.commands.run.run_name", lambda *parts: f"{parts[0]}-x{parts[2]}")
    put(server, "shop-x00")
    tried: list[str] = []
    server.refuse = lambda method, path, _trial: (
        tried.append(path) if (method, path) == ("POST", WORKFLOWS) else None
    )
    result = run("run", "shop")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "409 AlreadyExists: there is one of this name" in result.stderr
    assert len(tried) == cluster_runs.TRIES
    assert server.names() == {"Workflow/shop-x00"}


def test_a_dry_run_asks_no_cluster(server: ObjectsServer, tmp_path: Path, run: Run) -> None:
    server.stop()
    result = CliRunner().invoke(main, ["run", "shop", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "kind: Workflow\n" in result.stdout
    assert result.stderr.startswith("nothing is created: builds branch main at its head, pushes ")
    assert run("run", "shop", "--dry-run").exit_code == 2  # --kubeconfig has no effect beside it


def test_what_is_refused_is_refused_before_the_cluster_is_asked(server: ObjectsServer, run: Run) -> None:
    asked: list[str] = []
    server.refuse = lambda _method, path, _trial: asked.append(path)
    for arguments, words in [
        (
            ("shop", "--input", "revision=x"),
            "error: --input revision: revision takes the commit of the event\n",
        ),
        (("shop", "--input", "x"), "error: --input x: expected NAME=VALUE, such as enable_test=false\n"),
        (
            ("shop", "--input", "coverage=true", "--input", "coverage=false"),
            "error: --input coverage is given twice\n",
        ),
        (("nope",), 'error: there is no pipeline "nope"; declared: cart, shop\n'),
        (("shop", "--sha", "a" * 40), "error: --sha: add --branch or --tag"),
    ]:
        result = run("run", *arguments)
        assert result.exit_code == 2
        assert words in result.output
    assert asked == []


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, 3, "error: the API server refuses: 403 Refused: you may not create workflows\n"),
        (422, 2, "error: the API server refuses: 422 Refused: you may not create workflows\n"),
    ],
)
def test_a_refusal_of_the_api_server_is_said(
    server: ObjectsServer, run: Run, status: int, code: int, words: str
) -> None:
    server.refuse = lambda method, path, _trial: (
        (status, "you may not create workflows") if method == "POST" and path == WORKFLOWS else None
    )
    result = run("run", "shop")
    assert (result.exit_code, result.stderr) == (code, words)
    assert server.objects == {}


def test_a_cluster_without_workflows_is_told_what_to_install(server: ObjectsServer, run: Run) -> None:
    del server.kinds["argoproj.io/v1alpha1"]
    for command in (("run", "shop"), ("rerun", "x"), ("cancel", "x")):
        result = run(*command)
        assert (result.exit_code, result.stderr) == (
            2,
            "error: the cluster does not know Workflows; install Argo Workflows first\n",
        )


def test_a_cluster_that_does_not_say_who_somebody_is_still_starts_the_run(
    server: ObjectsServer, run: Run
) -> None:
    server.user = ""
    assert run("run", "shop").exit_code == 0
    assert f"{PREFIX}started-by" not in one(server)["metadata"]["annotations"]


def test_without_an_answer_to_who_somebody_is_no_run_is_started(server: ObjectsServer, run: Run) -> None:
    server.refuse = lambda _method, path, _trial: (
        (500, "no authenticator") if path.endswith("/selfsubjectreviews") else None
    )
    result = run("run", "shop")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: the API server refuses: 500 Refused: no authenticator\n",
    )
    assert server.objects == {}


def controller(server: ObjectsServer, *states: Json) -> None:
    """Each time that the one run is read, it has the next state; the last one stays."""
    left = list(states)

    def act(method: str, path: str, _trial: bool) -> None:
        if method == "GET" and path in server.objects and left:
            server.objects[path]["status"] = left.pop(0)

    server.refuse = act


GREEN = {"phase": "Succeeded", "startedAt": "2026-11-27T06:00:00Z", "finishedAt": "2026-11-27T06:01:00Z"}
RED = GREEN | {"phase": "Failed", "message": "child 'shop-x-1' failed"}


def red(name: str) -> Json:
    node = {
        "id": f"{name}-1", "name": f"{name}.run-test", "displayName": "run-test", "type": "Pod", "phase": "Failed", "templateName": "run-test",
        "message": "main: Error (exit code 1)", "startedAt": "2026-11-27T06:00:00Z", "finishedAt": "2026-11-27T06:01:00Z",
    }  # fmt: skip
    return RED | {"nodes": {node["id"]: node}}


def test_wait_follows_a_run_to_its_end(server: ObjectsServer, run: Run) -> None:
    waiting = {"phase": "Pending", "message": "Waiting for ci/Mutex/shop lock. Lock status: 0/1"}
    controller(server, {}, waiting, waiting, {"phase": "Running", "progress": "0/1"}, GREEN)
    result = run("run", "shop", "--wait")
    name = one(server)["metadata"]["name"]
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        f"{name}  Pending",
        f"{name}  Pending  Waiting for ci/Mutex/shop lock. Lock status: 0/1",
        f"{name}  Running  0/1",
        f"{name}  Succeeded",
    ]
    assert result.stdout.splitlines()[-1] == f"{name}: success"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (red("x"), "failure: child 'shop-x-1' failed"),
        (RED, "error: child 'shop-x-1' failed"),
        (GREEN | {"phase": "Error", "message": "exceeded its deadline"}, "timeout: exceeded its deadline"),
    ],
)
def test_wait_ends_with_1_for_a_run_that_is_not_green(
    server: ObjectsServer, run: Run, state: Json, said: str
) -> None:
    controller(server, state)
    result = run("run", "shop", "--wait")
    assert (result.exit_code, result.stdout.splitlines()[-1].partition(": ")[2]) == (1, said)


def test_wait_says_that_the_run_was_deleted(server: ObjectsServer, run: Run) -> None:
    def gone(method: str, path: str, _trial: bool) -> None:
        if method == "GET" and path in server.objects:
            del server.objects[path]

    server.refuse = gone
    result = run("run", "shop", "--wait")
    assert result.exit_code == 1
    assert result.stderr.endswith("was deleted before it ended\n")


def test_wait_outlives_a_moment_without_an_api_server(server: ObjectsServer, run: Run) -> None:
    answers = [(503, "etcd has no leader"), (429, "slow down"), None]

    def act(method: str, path: str, _trial: bool) -> tuple[int, str] | None:
        if method != "GET" or path not in server.objects:
            return None
        server.objects[path]["status"] = GREEN
        return answers.pop(0)

    server.refuse = act
    assert run("run", "shop", "--wait").exit_code == 0
    assert answers == []


def test_wait_ends_when_the_run_may_no_longer_be_read(server: ObjectsServer, run: Run) -> None:
    asked: list[str] = []

    def act(method: str, path: str, _trial: bool) -> tuple[int, str] | None:
        if method != "GET" or path not in server.objects:
            return None
        asked.append(path)
        return 403, "you may not get workflows"

    server.refuse = act
    result = run("run", "shop", "--wait")
    assert result.exit_code == 3
    assert result.stderr == "error: the API server refuses: 403 Refused: you may not get workflows\n"
    assert len(asked) == 1  # asking again would not help


def test_wait_takes_no_other_run_of_the_same_name_for_its_own(server: ObjectsServer, run: Run) -> None:
    def replaced(method: str, path: str, _trial: bool) -> None:
        if method == "GET" and path in server.objects:
            server.objects[path]["metadata"]["uid"] = "another one"
            server.objects[path]["status"] = GREEN

    server.refuse = replaced
    result = run("run", "shop", "--wait")
    assert result.exit_code == 1
    assert result.stderr.endswith("was deleted before it ended\n")
    assert "success" not in result.stdout


def test_following_a_run_that_was_deleted_ends(server: ObjectsServer, tmp_path: Path) -> None:
    runs = cluster_runs.ClusterRuns(Connection.of_kubeconfig(server.kubeconfig(tmp_path), None))
    workflow = put(server, "shop-1")
    server.objects.clear()
    assert list(runs.follow(workflow)) == [None]


def test_an_answer_that_is_no_workflow_is_an_error_and_no_success(server: ObjectsServer, run: Run) -> None:
    def spoiled(method: str, path: str, _trial: bool) -> None:
        if method == "GET" and path in server.objects:
            server.objects[path]["status"] = GREEN
            server.objects[path]["metadata"].pop("creationTimestamp", None)

    server.refuse = spoiled
    result = run("run", "shop", "--wait")
    assert result.exit_code == 1
    assert result.stdout.endswith(": error: the API server gave no Workflow\n")


# --- rerun -------------------------------------------------------------------------------------------------


def test_a_rerun_repeats_the_spec_and_says_what_it_repeats(server: ObjectsServer, run: Run) -> None:
    spec = {
        "arguments": {"parameters": [{"name": "revision", "value": "a" * 40}]},
        "shutdown": "Stop",
        "suspend": True,
    }
    old = put(
        server,
        "shop-0123456789abcdef",
        "Failed",
        spec=spec,
        labels={
            "team": "web",
            "workflows.argoproj.io/cron-workflow": "nightly",
            "events.argoproj.io/action-timestamp": "1",
        },
        annotations={
            f"{PREFIX}started-by": "bob",
            f"{PREFIX}cancelled-by": "bob",
            "workflows.argoproj.io/scheduled-time": "2026-11-27T02:00:00Z",
        },
    )
    result = run("rerun", old["metadata"]["name"], "--because", "registry was down")
    assert result.exit_code == 0, result.output
    made = next(each for each in server.objects.values() if each is not old)
    name = made["metadata"]["name"]
    assert result.stdout == f"workflow {name} created in ci: repeats shop-0123456789abcdef\n"
    assert made["spec"] == {
        key: value for key, value in old["spec"].items() if key not in {"shutdown", "suspend"}
    }
    assert "status" not in made
    assert made["metadata"]["labels"] == {
        f"{PREFIX}pipeline": "shop",
        f"{PREFIX}event-kind": "push",
        f"{PREFIX}event": "0123456789abcdef",
        "team": "web",
        "workflows.argoproj.io/resubmitted-from-workflow": "shop-0123456789abcdef",
    }
    assert made["metadata"]["annotations"] == {
        f"{PREFIX}repository": "acme/shop",
        f"{PREFIX}sha": "a" * 40,
        f"{PREFIX}started-by": "ada@example.com",
        f"{PREFIX}because": "registry was down",
    }


def test_a_rerun_is_counted_as_its_event_and_with_no_wait_of_it(server: ObjectsServer, run: Run) -> None:
    put(server, "shop-0123456789abcdef", "Failed")
    run("rerun", "shop-0123456789abcdef")
    (made,) = (
        each for each in server.objects.values() if each["metadata"]["name"] != "shop-0123456789abcdef"
    )
    found = workflow_of(made, frozenset())
    assert found is not None
    assert (found.event, found.event_time, found.acted, found.fire_time) == ("push", None, None, None)


def test_a_rerun_without_a_commit_says_what_it_builds(server: ObjectsServer, run: Run) -> None:
    put(server, "nightly-1", "Failed", annotations={f"{PREFIX}sha": ""})
    assert "it builds the head of its branch as it is now" in run("rerun", "nightly-1").stdout


def test_a_rerun_finds_its_run_in_the_namespaces_of_the_declaration(server: ObjectsServer, run: Run) -> None:
    put(server, "cart-1", "Failed", namespace="team-cart")
    assert "created in team-cart" in run("rerun", "cart-1").stdout
    missing = run("rerun", "cart-1", "-n", "ci")
    assert (missing.exit_code, missing.stderr) == (1, "error: there is no Workflow cart-1 in ci\n")


def test_who_may_look_into_one_namespace_finds_the_run_there(server: ObjectsServer, run: Run) -> None:
    put(server, "cart-1", "Failed", namespace="team-cart")
    server.refuse = lambda _method, path, _trial: (
        (403, "not in ci") if path.startswith(f"{WORKFLOWS}/") else None
    )
    assert run("rerun", "cart-1").exit_code == 0
    assert run("cancel", "cart-1").exit_code == 0
    absent = run("cancel", "cart-2")
    assert (absent.exit_code, "not in ci" in absent.stderr) == (3, True)


def test_a_namespace_that_cannot_be_asked_is_no_namespace_without_the_run(
    server: ObjectsServer, run: Run
) -> None:
    put(server, "cart-1", "Failed", namespace="team-cart")
    server.refuse = lambda _method, path, _trial: (
        (500, "etcd is gone") if path.startswith(f"{WORKFLOWS}/") else None
    )
    result = run("rerun", "cart-1")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: the API server refuses: 500 Refused: etcd is gone\n",
    )
    assert server.writes == []


def test_from_failed_names_the_command_that_does_it(server: ObjectsServer, run: Run) -> None:
    put(server, "shop-1", "Failed")
    result = run("rerun", "shop-1", "--from-failed")
    assert result.exit_code == 2
    assert result.stderr.endswith("let Argo do it: argo retry shop-1 -n ci\n")
    assert server.writes == []


def test_a_run_of_somebody_else_is_left_to_argo(server: ObjectsServer, run: Run) -> None:
    found = put(server, "theirs", "Failed")
    found["metadata"]["labels"] = {}
    result = run("rerun", "theirs")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: hookline did not start theirs; repeat it with: argo resubmit theirs -n ci\n",
    )


def test_a_dry_rerun_creates_nothing(server: ObjectsServer, run: Run) -> None:
    put(server, "shop-1", "Failed")
    result = run("rerun", "shop-1", "--dry-run", "-o", "json")
    assert (
        json.loads(result.stdout)["metadata"]["labels"]["workflows.argoproj.io/resubmitted-from-workflow"]
        == "shop-1"
    )
    assert server.writes == []


# --- cancel ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "strategy"), [("Running", "Stop"), ("Pending", "Terminate"), ("", "Terminate")]
)
def test_what_works_is_stopped_and_what_waits_is_terminated(
    server: ObjectsServer, run: Run, phase: str, strategy: str
) -> None:
    put(server, "shop-1", phase)
    ends(server, after=2)
    result = run("cancel", "shop-1", "--because", "wrong branch")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split() == ["shop-1", "ci", "shop", "has", "been", "stopped"]
    now = server.objects[f"{WORKFLOWS}/shop-1"]
    assert now["spec"]["shutdown"] == strategy
    assert (
        now["metadata"]["annotations"].items()
        >= {
            f"{PREFIX}cancelled-by": "ada@example.com",
            f"{PREFIX}cancelled-because": "wrong branch",
        }.items()
    )
    told = workflow_of(now, frozenset())
    assert told is not None
    assert run_outcome(told, ()) == "cancellation"


def test_a_run_that_started_meanwhile_is_stopped_and_not_terminated(server: ObjectsServer, run: Run) -> None:
    put(server, "shop-1", "Pending")

    def act(method: str, path: str, _trial: bool) -> None:
        each = server.objects.get(path)
        if each is None:
            return
        if method == "PATCH" and not server.writes and each["metadata"]["resourceVersion"] == "7":
            each["metadata"]["resourceVersion"] = "8"
            each["status"]["phase"] = "Running"
        if method == "GET" and each["spec"].get("shutdown"):
            each["status"] |= {"phase": "Failed", "finishedAt": "2026-11-27T05:02:00Z"}

    server.refuse = act
    assert run("cancel", "shop-1").exit_code == 0
    assert server.objects[f"{WORKFLOWS}/shop-1"]["spec"]["shutdown"] == "Stop"


def test_a_stop_that_came_too_early_becomes_a_termination(server: ObjectsServer, run: Run) -> None:
    """Somebody stopped a run that waits: that would let it start."""
    put(server, "shop-1", "Pending", spec={"shutdown": "Stop"})

    def act(method: str, path: str, _trial: bool) -> None:
        each = server.objects.get(path)
        if method == "GET" and each is not None and each["spec"].get("shutdown") == "Terminate":
            each["status"] |= {"phase": "Succeeded", "finishedAt": "2026-11-27T05:02:00Z"}

    server.refuse = act
    assert run("cancel", "shop-1").exit_code == 0
    assert server.objects[f"{WORKFLOWS}/shop-1"]["status"]["phase"] == "Succeeded"


def test_a_suspended_run_is_let_go_so_that_it_can_end(server: ObjectsServer, run: Run) -> None:
    put(server, "shop-1", "Running", spec={"suspend": True})
    ends(server)
    run("cancel", "shop-1")
    assert "suspend" not in server.objects[f"{WORKFLOWS}/shop-1"]["spec"]


def test_what_has_ended_is_left_alone_and_said(server: ObjectsServer, run: Run) -> None:
    put(server, "shop-1", "Failed")
    result = run("cancel", "shop-1")
    assert (result.exit_code, server.writes) == (0, [])
    assert "had ended before: Failed" in result.stdout


def test_runs_are_chosen_by_pipeline_repository_and_request(server: ObjectsServer, run: Run) -> None:
    ref = f"{PREFIX}ref"
    put(server, "a", annotations={ref: "refs/pull/12/head"})
    put(server, "b", annotations={ref: "refs/pull/120/head"})
    put(server, "c", annotations={ref: "refs/merge-requests/12/head"}, labels={f"{PREFIX}pipeline": "lint"})
    put(server, "d", annotations={ref: "refs/heads/main"})
    put(
        server,
        "e",
        annotations={ref: "refs/pull/12/head", f"{PREFIX}repository": "acme/cart"},
        namespace="team-cart",
    )
    put(server, "f", "Failed", annotations={ref: "refs/pull/12/head"})
    put(server, "g")["metadata"]["labels"] = {}

    def chosen(*options: str) -> list[str]:
        result = run("cancel", *options, "--dry-run", "-o", "json")
        assert result.exit_code == 0, result.output
        items = json.loads(result.stdout)["items"]
        assert {each["result"] for each in items} <= {"running"}
        return sorted(each["name"] for each in items)

    assert chosen("--request", "12", "--repository", "Acme/Shop") == ["a", "c"]
    assert chosen("--request", "12", "--pipeline", "shop") == ["a", "e"]
    assert chosen("--pipeline", "shop", "-n", "ci") == ["a", "b", "d"]
    assert chosen("--repository", "acme/cart") == ["e"]
    assert server.writes == []
    nothing = run("cancel", "--pipeline", "absent")
    assert (nothing.exit_code, nothing.stdout) == (0, "no such run is under way\n")


def test_every_run_is_asked_to_end_before_one_is_waited_for(server: ObjectsServer, run: Run) -> None:
    names = [f"shop-{number:02}" for number in range(20)]
    for name in names:
        put(server, name)
    result = run("cancel", "--pipeline", "shop", "--timeout", "1s")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "error: 20 runs did not end within 1s; look with: kubectl describe workflow shop-00 -n ci"
    )
    assert sorted(server.writes) == [f"PATCH Workflow/{name}" for name in names]


def test_no_wait_asks_and_returns(server: ObjectsServer, run: Run) -> None:
    put(server, "shop-1")
    result = run("cancel", "shop-1", "--no-wait")
    assert result.exit_code == 0
    assert "was asked to end" in result.stdout


def test_what_has_ended_is_not_asked_again_while_others_are_waited_for(
    server: ObjectsServer, run: Run
) -> None:
    """Its Workflow may be deleted as soon as it has ended."""
    put(server, "shop-1", "Failed")
    put(server, "shop-2")
    asked: list[str] = []

    def act(method: str, path: str, _trial: bool) -> None:
        each = server.objects.get(path)
        if method != "GET" or each is None:
            return
        asked.append(each["metadata"]["name"])
        if asked.count("shop-2") == 4:
            each["status"] |= {"phase": "Failed", "finishedAt": "2026-11-27T05:02:00Z"}

    server.refuse = act
    result = run("cancel", "shop-1", "shop-2", "-n", "ci")
    assert result.exit_code == 0, result.output
    assert (asked.count("shop-1"), asked.count("shop-2")) == (1, 4)
    assert [line.split(maxsplit=3)[3] for line in result.stdout.splitlines()[1:]] == [
        "had ended before: Failed",
        "has been stopped",
    ]


@pytest.mark.parametrize(("status", "code"), [(403, 3), (422, 2)])
def test_a_refusal_to_stop_a_run_is_said(server: ObjectsServer, run: Run, status: int, code: int) -> None:
    put(server, "shop-1")
    server.refuse = lambda method, _path, _trial: (
        (status, "you may not patch workflows") if method == "PATCH" else None
    )
    result = run("cancel", "shop-1")
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr == f"error: the API server refuses: {status} Refused: you may not patch workflows\n"
    assert "shutdown" not in server.objects[f"{WORKFLOWS}/shop-1"]["spec"]


def busy(server: ObjectsServer, patches: int) -> None:
    """So many patches come too late: somebody else has changed the run."""
    left = iter(range(patches))
    server.refuse = lambda method, _path, _trial: (
        (409, "the object has been modified") if method == "PATCH" and next(left, None) is not None else None
    )


def test_a_run_that_changes_all_the_while_is_asked_until_it_hears(server: ObjectsServer, run: Run) -> None:
    put(server, "shop-1")
    busy(server, cluster_runs.TRIES + 1)
    result = run("cancel", "shop-1", "--timeout", "1s")
    assert "1 run did not end within 1s" in result.stderr
    assert server.objects[f"{WORKFLOWS}/shop-1"]["spec"]["shutdown"] == "Stop"


def test_a_run_that_could_not_be_asked_is_not_said_to_be_asked(server: ObjectsServer, run: Run) -> None:
    put(server, "shop-1")
    busy(server, cluster_runs.TRIES)
    result = run("cancel", "shop-1", "--no-wait")
    assert result.exit_code == 1
    assert "goes on" in result.stdout
    assert result.stderr == "error: shop-1 in ci changed while it was asked to end; run the command again\n"
    assert run("cancel", "shop-1", "--no-wait").exit_code == 0


def test_a_run_that_is_not_there_is_said_and_the_others_are_stopped(server: ObjectsServer, run: Run) -> None:
    put(server, "shop-1")
    ends(server)
    result = run("cancel", "shop-1", "shop-2")
    assert (result.exit_code, result.stderr) == (1, "error: there is no Workflow shop-2 in ci, team-cart\n")
    assert server.objects[f"{WORKFLOWS}/shop-1"]["spec"]["shutdown"] == "Stop"


def test_a_run_that_is_deleted_meanwhile_counts_as_stopped(server: ObjectsServer, run: Run) -> None:
    put(server, "shop-1")

    def act(method: str, path: str, _trial: bool) -> None:
        if method == "GET" and server.writes:
            server.objects.pop(path, None)

    server.refuse = act
    assert run("cancel", "shop-1").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say which runs"),
        (("a", "--pipeline", "shop"), "not both"),
        (("--request", "3"), "add --repository or --pipeline"),
        (("a", "--timeout", "soon"), "--timeout soon: "),
        (("a", "--because", "{{x}}"), "--because: {{ is refused"),
        (("a", "-n", "Nope"), "-n Nope: "),
    ],
)
def test_wrong_usage_of_cancel_changes_nothing(
    server: ObjectsServer, run: Run, arguments: tuple[str, ...], words: str
) -> None:
    result = run("cancel", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert server.writes == []


def test_without_a_declaration_the_namespace_must_be_said(
    server: ObjectsServer, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "hookline.yaml").unlink()
    result = run("cancel", "shop-1")
    assert result.exit_code == 2
    assert "say in which namespace the run is with -n" in result.stderr
    put(server, "shop-1", "Failed")
    assert run("cancel", "shop-1", "-n", "ci").exit_code == 0


@pytest.mark.parametrize("command", [("run", "shop"), ("rerun", "x"), ("cancel", "x")])
def test_a_cluster_that_does_not_answer_is_said(
    server: ObjectsServer, run: Run, command: tuple[str, ...]
) -> None:
    server.stop()
    result = run(*command)
    assert result.exit_code == 3
    assert "the cluster does not answer" in result.stderr
