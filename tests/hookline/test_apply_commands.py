"""apply, diff, status and delete as commands: order, exit codes, words, and what happens to nothing when something is refused."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click import testing
from click.testing import CliRunner, Result
from objects_server import ObjectsServer, ready

from hookline.applying import applier
from hookline.cli import main

DECLARATION = """\
version: 1
cluster: {{namespace: ci, image: "registry.example.com/hookline@sha256:0000000000000000000000000000000000000000000000000000000000000000"}}
{exporter}sources:
  github: {{host: github, endpoint: /github, secret: {{name: webhook, key: secret}}}}
pipelines:
  shop:
    repository: {{source: github, name: acme/shop, url: 'https://github.com/acme/shop.git'}}
    image: registry.example.com/acme/shop
    events: {{push: {{}}{more}}}
"""
NIGHTLY = ", schedule: {at: '0 2 * * *', except: [2026-12-31]}"
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

    def command(
        name: str, *more: str, nightly: bool = False, exporter: str = "", text: str | None = None
    ) -> Result:
        block = f"exporter: {exporter}\n" if exporter else ""
        file.write_text(DECLARATION.format(more=NIGHTLY if nightly else "", exporter=block))
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


def test_a_cron_workflow_is_deleted_without_its_runs(server: ObjectsServer, run: Run, tmp_path: Path) -> None:
    run("apply", "--no-wait", nightly=True)
    file = tmp_path / "hookline.yaml"

    def apply(schedule: str) -> None:
        file.write_text(DECLARATION.format(more=schedule, exporter=""))
        command = ["apply", str(file), "--kubeconfig", str(tmp_path / "kubeconfig"), "--no-wait"]
        assert CliRunner().invoke(main, command).exit_code == 0

    apply(", schedule: {at: '0 2 * * *'}")
    assert "CronWorkflow/shop" in server.names()
    assert "EventSource/hookline-calendar" not in server.names()
    apply("")
    assert "CronWorkflow/shop" not in server.names()
    assert server.orphaning == ["CronWorkflow/shop"]


def test_nothing_is_changed_when_one_object_would_be_refused(server: ObjectsServer, run: Run) -> None:
    server.refuse = lambda method, path, _trial: (
        (422, "spec: no") if method == "PATCH" and path == SENSOR else None
    )
    result = run("apply", "--no-wait")
    assert result.exit_code == 2
    assert "error: sensor.argoproj.io/hookline-1 in ci: the API server refuses it: 422" in result.output
    assert "error: nothing was changed" in result.output
    assert server.writes == []


def test_what_somebody_else_made_is_left_alone_and_nothing_is_changed(
    server: ObjectsServer, run: Run
) -> None:
    theirs = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "hookline-sensor", "namespace": "ci"}}  # fmt: skip
    path = "/api/v1/namespaces/ci/serviceaccounts/hookline-sensor"
    server.put(path, theirs)
    result = run("apply", "--no-wait")
    assert result.exit_code == 2
    assert "error: serviceaccount/hookline-sensor in ci: hookline did not make it: " in result.output
    assert "error: nothing was changed" in result.output
    assert server.writes == []
    assert server.objects == {path: theirs}


def test_what_is_gone_from_the_cluster_already_is_not_deleted_again(server: ObjectsServer, run: Run) -> None:
    run("apply", "--no-wait", nightly=True)
    calendar = "/apis/argoproj.io/v1alpha1/namespaces/ci/eventsources/hookline-calendar"
    del server.objects[calendar]
    result = run("apply", "--no-wait")
    assert result.exit_code == 0, result.output
    assert "eventsource.argoproj.io/hookline-calendar" not in result.output
    inventory = server.objects["/api/v1/namespaces/ci/configmaps/hookline-inventory"]
    assert "hookline-calendar" not in inventory["data"]["objects"]


def owner(manager: str, operation: str = "Update") -> dict[str, Any]:
    """The entry of a manager that owns the triggers of a Sensor."""
    fields: dict[str, Any] = {"f:spec": {"f:triggers": {}}}
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields}


def test_what_somebody_changed_by_hand_is_undone_only_when_that_is_said(
    server: ObjectsServer, run: Run
) -> None:
    run("apply", "--no-wait")
    declared = server.objects[SENSOR]["spec"]["triggers"]
    server.objects[SENSOR]["spec"] = {**server.objects[SENSOR]["spec"], "triggers": []}
    server.objects[SENSOR]["metadata"]["managedFields"] = [owner("kubectl-edit")]
    server.managed[SENSOR] = [owner("hookline", "Apply")]
    server.writes.clear()
    result = run("apply", "--no-wait")
    assert result.exit_code == 2
    assert "sensor.argoproj.io/hookline-1 in ci: kubectl-edit changed it in the cluster" in result.output
    assert (server.writes, server.objects[SENSOR]["spec"]["triggers"]) == ([], [])
    assert run("apply", "--no-wait", "--force-conflicts").exit_code == 0
    assert server.objects[SENSOR]["spec"]["triggers"] == declared


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
Ask = Callable[[int], tuple[int, str] | None]


def of_kubectl(server: ObjectsServer, run: Run, act: Ask) -> list[Any]:
    """A Sensor that kubectl applied; who owns it, and whether it has kubectl's annotation, before each change of it, which `act` may refuse."""
    run("apply", "--no-wait")
    metadata = server.objects[SENSOR]["metadata"]
    metadata["managedFields"] = [owner("kubectl-client-side-apply")]
    metadata.setdefault("annotations", {})[LAST_APPLIED] = "{}"
    server.writes.clear()
    seen: list[Any] = []

    def refuse(method: str, path: str, trial: bool) -> tuple[int, str] | None:
        if method != "PATCH" or path != SENSOR or trial:
            return None
        now = server.objects.get(SENSOR, {}).get("metadata", {})
        seen.append(
            (
                [each["manager"] for each in now.get("managedFields", [])],
                LAST_APPLIED in now.get("annotations", {}),
            )
        )
        return act(len(seen))

    server.refuse = refuse
    return seen


KUBECTLS, OURS = (["kubectl-client-side-apply"], True), (["hookline"], False)


def test_what_kubectl_applied_is_taken_over_before_it_is_changed(server: ObjectsServer, run: Run) -> None:
    seen = of_kubectl(server, run, lambda _number: None)
    result = run("apply", "--no-wait")
    assert result.exit_code == 0, result.output
    assert seen == [KUBECTLS, OURS]
    assert server.writes.count("PATCH Sensor/hookline-1") == 2


def test_what_changes_while_it_is_taken_over_is_read_and_taken_over_again(
    server: ObjectsServer, run: Run
) -> None:
    def changes(number: int) -> None:
        if number == 1:
            server.objects[SENSOR]["metadata"]["resourceVersion"] = "9"

    seen = of_kubectl(server, run, changes)
    result = run("apply", "--no-wait")
    assert result.exit_code == 0, result.output
    assert seen == [KUBECTLS, KUBECTLS, OURS]


@pytest.mark.parametrize(("status", "tries"), [(409, applier.ADOPTIONS), (422, 1)])
def test_what_cannot_be_taken_over_is_not_changed(
    server: ObjectsServer, run: Run, status: int, tries: int
) -> None:
    seen = of_kubectl(server, run, lambda _number: (status, "not now"))
    result = run("apply", "--no-wait")
    assert result.exit_code == 2
    assert f"the API server refuses: {status} Refused: not now" in result.output
    assert seen == [KUBECTLS] * tries
    assert "PATCH Sensor/hookline-1" not in server.writes


def test_what_somebody_deletes_before_it_is_taken_over_is_made_again(server: ObjectsServer, run: Run) -> None:
    seen = of_kubectl(server, run, lambda _number: None)
    refuse = server.refuse

    def deleted(method: str, path: str, trial: bool) -> tuple[int, str] | None:
        # The inventory is written after everything was tried.
        if method == "PATCH" and "/configmaps/" in path and not trial:
            server.objects.pop(SENSOR, None)
            server.refuse = refuse
        return refuse(method, path, trial)

    server.refuse = deleted
    result = run("apply", "--no-wait")
    assert result.exit_code == 0, result.output
    assert seen == [([], False)]
    assert SENSOR in server.objects


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


@pytest.mark.parametrize(
    ("exporter", "told"),
    [
        (
            "{}",
            {
                "PodMonitors": "monitor: none",
                "ServiceMonitors": "monitor: none",
                "PrometheusRules": "rules: false",
            },
        ),
        ("{monitor: pod, rules: false}", {"PodMonitors": "monitor: none"}),
        ("{monitor: none, rules: false}", {}),
    ],
)
def test_without_the_prometheus_operator_it_says_what_to_write(
    exporter: str, told: dict[str, str], server: ObjectsServer, run: Run
) -> None:
    result = run("apply", "--no-wait", exporter=exporter)
    lines = [line for line in result.output.splitlines() if "does not know" in line]
    assert sorted(lines) == [
        f"error: the cluster does not know {kind}; install the Prometheus Operator first, or write {key} under exporter:"
        for kind, key in sorted(told.items())
    ]
    assert result.exit_code == (2 if told else 0), result.output
    assert bool(server.writes) != bool(told)


EXPORTER = "{monitor: none, rules: false, dashboards: false, watch: all}"


def test_an_exporter_that_leaves_the_file_leaves_the_cluster_and_its_ledger_stays(
    server: ObjectsServer, run: Run
) -> None:
    assert run("apply", "--no-wait", exporter=EXPORTER).exit_code == 0
    ours = {name for name in server.names() if "hookline-exporter" in name}
    assert {"Deployment/hookline-exporter", "ClusterRole/hookline-exporter-ci"} <= ours
    result = run("apply", "--no-wait")
    assert result.exit_code == 0
    assert {name for name in server.names() if "hookline-exporter" in name} == {
        "PersistentVolumeClaim/hookline-exporter"
    }
    assert (
        "persistentvolumeclaim/hookline-exporter kept in ci: a PersistentVolumeClaim is never deleted"
        in result.output
    )


def test_status_says_what_the_exporters_pod_waits_for(server: ObjectsServer, run: Run) -> None:
    run("apply", "--no-wait", exporter=EXPORTER)
    path = "/apis/apps/v1/namespaces/ci/deployments/hookline-exporter"
    state = {"observedGeneration": 1, "updatedReplicas": 1, "readyReplicas": 0, "replicas": 1}
    server.objects[path]["status"] = state
    assert "0 of 1 pods are ready" in run("status", exporter=EXPORTER).output
    state["readyReplicas"] = 1
    told = [line for line in run("status", exporter=EXPORTER).output.splitlines() if "deployment" in line]
    assert len(told) == 1
    assert "pods are" not in told[0]


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


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_no_ends_delete_with_a_negative_answer_and_deletes_nothing(
    server: ObjectsServer, run: Run, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    run("apply", "--no-wait")
    server.writes.clear()
    monkeypatch.setattr(testing._NamedTextIOWrapper, "isatty", lambda _: True)
    result = run("delete", text=answer)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "nothing was deleted"
    assert server.writes == []
    assert run("delete", text="y\n").exit_code == 0
    assert server.writes != []


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
    text = DECLARATION.format(exporter="", more=", image_push: {source: acr, image: acme/base}").replace(
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
