"""apply, diff, status and delete as commands: order, exit codes, words, and what happens to nothing when something is refused."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from objects_server import ObjectsServer, ready

from hookline.applying import applier
from hookline.cli import main

DECLARATION = """\
version: 1
cluster: {{namespace: ci}}
sources:
  github: {{host: github, endpoint: /github, secret: {{name: webhook, key: secret}}}}
pipelines:
  shop:
    repository: {{source: github, name: acme/shop, url: 'https://github.com/acme/shop.git'}}
    image: registry.example.com/acme/shop
    events: {{push: {{}}{more}}}
"""
NIGHTLY = ", schedule: {at: '0 2 * * *'}"
SENSOR = "/apis/argoproj.io/v1alpha1/namespaces/ci/sensors/hookline-1"


@pytest.fixture
def server() -> Iterator[ObjectsServer]:
    found = ObjectsServer()
    yield found
    found.stop()


@pytest.fixture
def run(server: ObjectsServer, tmp_path: Path) -> Callable[..., Result]:
    kubeconfig = str(server.kubeconfig(tmp_path))
    file = tmp_path / "hookline.yaml"

    def command(name: str, *more: str, nightly: bool = False, text: str | None = None) -> Result:
        file.write_text(DECLARATION.format(more=NIGHTLY if nightly else ""))
        return CliRunner().invoke(main, [name, str(file), "--kubeconfig", kubeconfig, *more], input=text)

    return command


Run = Callable[..., Result]


def test_objects_are_made_in_order_and_recorded_before_the_first(server: ObjectsServer, run: Run) -> None:
    result = run("apply", "--no-wait", nightly=True)
    assert result.exit_code == 0, result.output
    made = [each.split("/")[0].split()[1] for each in server.writes]
    assert server.writes[0] == server.writes[-1] == "PATCH ConfigMap/hookline-inventory"
    kinds = list(dict.fromkeys(made[1:-1]))
    assert kinds.index("ServiceAccount") < kinds.index("Secret")
    assert kinds[-3:] == ["EventBus", "Sensor", "EventSource"]
    inventory = server.objects["/api/v1/namespaces/ci/configmaps/hookline-inventory"]
    assert "argoproj.io/v1alpha1 Sensor ci hookline-1\n" in inventory["data"]["objects"]


def test_applying_again_changes_nothing(server: ObjectsServer, run: Run) -> None:
    run("apply", "--no-wait")
    server.writes.clear()
    asked: list[str] = []
    server.refuse = lambda method, path, _trial: asked.append(f"{method} {path}") if path == SENSOR else None
    again = run("apply", "--no-wait")
    assert asked == [f"GET {SENSOR}", f"PATCH {SENSOR}"]  # read, and tried
    assert again.exit_code == 0
    assert server.writes == ["PATCH ConfigMap/hookline-inventory"]
    assert again.output.endswith(" unchanged\n")
    shown = run("diff")
    assert (shown.exit_code, shown.stdout) == (0, "")


def test_what_is_gone_is_deleted_last_unless_it_is_kept(server: ObjectsServer, run: Run) -> None:
    run("apply", "--no-wait", nightly=True)
    kept = run("apply", "--no-wait", "--no-prune")
    assert "eventsource.argoproj.io/hookline-calendar kept in ci: --no-prune" in kept.output
    server.writes.clear()
    result = run("apply", "--no-wait", "-o", "json")
    assert result.exit_code == 0
    deleted = [each["name"] for each in json.loads(result.stdout)["items"] if each["action"] == "delete"]
    assert "hookline-calendar" in deleted
    places = [each.split()[0] for each in server.writes[:-1]]
    assert places == sorted(places, reverse=True)  # PATCH, then DELETE
    assert "EventSource/hookline-calendar" not in server.names()


def test_nothing_is_changed_when_one_object_would_be_refused(server: ObjectsServer, run: Run) -> None:
    server.refuse = lambda method, path, _trial: (
        (422, "spec: no") if method == "PATCH" and path == SENSOR else None
    )
    result = run("apply", "--no-wait")
    assert result.exit_code == 2
    assert "error: sensor.argoproj.io/hookline-1 in ci: the API server refuses it: 422" in result.output
    assert "error: nothing was changed" in result.output
    assert server.writes == []


@pytest.mark.parametrize(
    ("refused", "code", "words"),
    [
        (
            (404, 'namespaces "ci" not found'),
            2,
            "there is no namespace ci; make it with: kubectl create namespace ci",
        ),
        ((403, "you may not"), 2, "the API server refuses it: 403"),
    ],
)
def test_a_refusal_names_its_cure(
    server: ObjectsServer, run: Run, refused: tuple[int, str], code: int, words: str
) -> None:
    server.refuse = lambda method, _path, trial: refused if method == "PATCH" and trial else None
    result = run("apply")
    assert result.exit_code == code
    assert words in result.output
    assert server.writes == []


@pytest.mark.parametrize("command", ["apply", "diff", "status", "delete"])
def test_who_may_not_read_is_told_so(server: ObjectsServer, run: Run, command: str) -> None:
    server.refuse = lambda _method, path, _trial: (403, "you may not") if "/configmaps/" in path else None
    result = run(command)
    assert result.exit_code == 3
    assert "the API server refuses: 403" in result.output


@pytest.mark.parametrize("command", ["apply", "diff", "status", "delete"])
def test_a_cluster_that_does_not_answer_is_said(server: ObjectsServer, run: Run, command: str) -> None:
    server.stop()
    result = run(command)
    assert result.exit_code == 3
    assert "the cluster does not answer" in result.output


@pytest.mark.parametrize("command", ["apply", "diff", "status", "delete"])
def test_a_context_that_is_not_there_is_said(run: Run, command: str) -> None:
    result = run(command, "--context", "elsewhere")
    assert result.exit_code == 3
    assert "hookline found no cluster to ask" in result.output


def test_a_cluster_without_argo_events_is_told_what_to_install(server: ObjectsServer, run: Run) -> None:
    del server.kinds["argoproj.io/v1alpha1"]
    result = run("apply")
    assert result.exit_code == 2
    assert "the cluster does not know Sensors; install Argo Events first" in result.output


def test_a_binding_of_a_role_that_is_not_there_yet_is_no_refusal(server: ObjectsServer, run: Run) -> None:
    server.refuse = lambda _method, path, trial: (
        (403, "role not found") if trial and "/rolebindings/" in path else None
    )
    result = run("apply", "--no-wait")
    assert result.exit_code == 0, result.output
    assert "RoleBinding/hookline-sensor" in server.names()


def test_an_object_that_is_not_ready_in_time_is_named_and_nothing_is_deleted(
    server: ObjectsServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applier, "PAUSE_SECONDS", 0.01)
    run("apply", "--no-wait", nightly=True)
    server.objects.pop(SENSOR)
    result = run("apply", "--timeout", "1s")
    assert result.exit_code == 1
    assert "waiting for sensor.argoproj.io/hookline-1: no controller has seen it yet" in result.output
    assert "error: sensor.argoproj.io/hookline-1 in ci is not ready" in result.output
    assert "EventSource/hookline-calendar" in server.names()
    data = run("apply", "--timeout", "0s", "-o", "json")
    assert data.exit_code in (0, 1)


def test_status_says_what_is_ready_what_is_missing_and_what_is_no_longer_declared(
    server: ObjectsServer, run: Run
) -> None:
    nothing = run("status")
    assert nothing.exit_code == 1
    assert "hookline apply has not been here" in nothing.output
    run("apply", "--no-wait", nightly=True)
    assert run("status", nightly=True).exit_code == 1
    ready(server, subscribed=True)
    result = run("status", nightly=True)
    assert result.exit_code == 0, result.output
    extra = run("status", "-o", "json")
    assert extra.exit_code == 1
    states = {each["name"]: each["state"] for each in json.loads(extra.stdout)["items"]}
    assert states["hookline-calendar"] == "not declared"
    assert states["hookline-1"] == "ready"


@pytest.mark.parametrize("subscribed", [True, False])
def test_apply_waits_until_sensors_subscribe(
    server: ObjectsServer, run: Run, monkeypatch: pytest.MonkeyPatch, *, subscribed: bool
) -> None:
    monkeypatch.setattr(applier, "PAUSE_SECONDS", 0.01)
    run("apply", "--no-wait")
    ready(server, subscribed=subscribed)
    # Somebody changed the Sensor: it is configured again, and waited for.
    server.objects[SENSOR]["metadata"]["annotations"] = {}
    result = run("apply", "--timeout", "1s")
    assert result.exit_code == (0 if subscribed else 1), result.output
    assert ("its triggers do not subscribe yet" in result.output) is not subscribed


def test_delete_asks_and_keeps_secrets(server: ObjectsServer, run: Run) -> None:
    none = run("delete", "--yes")
    assert none.exit_code == 2
    assert "hookline render | kubectl delete -f -" in none.output
    run("apply", "--no-wait")
    before = server.names()
    refused = run("delete")
    assert refused.exit_code == 2
    assert "nothing was deleted; add --yes" in refused.output
    assert server.names() == before
    server.writes.clear()
    result = run("delete", "--yes")
    assert result.exit_code == 0, result.output
    assert server.names() == {"Secret/hookline-executor-token"}
    assert "secret/hookline-executor-token kept in ci: a Secret is never deleted" in result.output
    deleted = [each.split()[1].split("/")[0] for each in server.writes]
    assert (
        deleted.index("EventSource")
        < deleted.index("Sensor")
        < deleted.index("EventBus")
        < deleted.index("ServiceAccount")
    )
    assert deleted[-1] == "ConfigMap"


@pytest.mark.parametrize("command", ["apply", "diff"])
def test_an_endpoint_that_somebody_has_to_fill_is_not_applied(
    server: ObjectsServer, run: Run, tmp_path: Path, command: str
) -> None:
    text = DECLARATION.format(more=", image_push: {source: acr, image: acme/base}").replace(
        "pipelines:",
        '  acr: {host: acr, endpoint: "${HOOK_PATH}", unverified: {because: no signature, allowed_cidrs: [203.0.113.0/24]}}\n'
        "pipelines:",
    )
    open_one = tmp_path / "open.yaml"
    open_one.write_text(text)
    result = CliRunner().invoke(
        main, [command, str(open_one), "--kubeconfig", str(server.kubeconfig(tmp_path))]
    )
    assert result.exit_code == 2, result.output
    assert "the endpoint of source acr is ${HOOK_PATH}, which apply does not fill" in result.output
    assert server.writes == []


def test_diff_shows_each_object_and_exits_1(server: ObjectsServer, run: Run) -> None:
    shown = run("diff")
    assert shown.exit_code == 1
    assert "+++ declaration/ci/sensor.argoproj.io/hookline-1" in shown.stdout
    assert server.writes == []
    run("apply", "--no-wait", nightly=True)
    table = run("diff", "-o", "table")
    assert "eventsource.argoproj.io/hookline-calendar delete" in table.stdout
    data = json.loads(run("diff", "-o", "json").stdout)
    assert any("starts nothing" in each["effect"] for each in data["subscriptions"])


def test_a_timeout_without_a_unit_is_refused(run: Run) -> None:
    result = run("apply", "--timeout", "5")
    assert result.exit_code == 2
    assert "expected a duration with units" in result.output
