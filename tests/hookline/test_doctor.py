"""doctor as a command: which hop it names first, with which command, and what it says where it may not look."""

import base64
import copy
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from doctor_site import (
    DECLARATION,
    NAMESPACED,
    PODS,
    TEMPLATE,
    Json,
    Site,
    details,
    lose_a_state,
    lose_the_leader,
    lose_the_stream,
    split_the_group,
)
from objects_server import ObjectsServer

from apiserver.connection import Connection
from events.request import Delivery, canonical_header
from events.signatures import verify
from hookline.cli import main
from hookline.declaration.loading import load, load_texts
from hookline.doctor import bus_reading, probing
from hookline.doctor.facts import NamedTemplate, Unread
from hookline.doctor.hops import CHECKS
from hookline.doctor.probe import chosen_probe, harmless, request_of, started_by
from hookline.documentation import find, section
from hookline.plan.planning import make_plan


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = Site(tmp_path_factory.mktemp("doctor"))
    yield found
    found.server.stop()


@pytest.fixture
def site(well: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The cluster in which everything is well, which is so again after the test."""
    monkeypatch.setattr(bus_reading, "PAUSE_SECONDS", 0.0)
    server = well.server
    parts = ("objects", "proxied", "kinds")
    text = well.file.read_text()
    kept = {name: copy.deepcopy(getattr(server, name)) for name in parts}
    yield well
    for name, content in kept.items():
        setattr(server, name, content)
    well.file.write_text(text)
    server.date = None
    server.allows = lambda _asked: True
    server.refuse = lambda _method, _path, _trial: None


def states(diagnosis: Json) -> dict[str, str]:
    return {each["check"]: each["state"] for each in diagnosis["items"]}


def findings(diagnosis: Json, check: str) -> list[Json]:
    found: list[Json] = next(each["findings"] for each in diagnosis["items"] if each["check"] == check)
    return found


def test_a_cluster_that_is_well_has_no_broken_hop_and_stays_as_it_is(site: Site) -> None:
    before, writes = copy.deepcopy(site.server.objects), list(site.server.writes)
    result = site.run("doctor")
    assert (site.server.objects, site.server.writes) == (before, writes)
    assert result.exit_code == 0, result.output
    found = states(site.diagnosis())
    assert [*found, "end-to-end"] == list(CHECKS)
    assert {check for check, state in found.items() if state != "ok"} == {"webhook-address", "exporter"}
    assert "2 not checked" in result.stderr
    assert "hunter2" not in result.output
    assert base64.b64encode(b"hunter2").decode() not in result.output


def unsubscribe(site: Site) -> None:
    for each in details(site):
        each["stream_detail"][0]["consumer_detail"].pop()


def left_behind(site: Site) -> None:
    site.put(f"{ARGO}/eventsources/hookline-calendar-1", "EventSource", spec={"calendar": {"shop-noon": {}}})


def stop_asking(site: Site) -> None:
    for each in details(site):
        each["stream_detail"][0]["consumer_detail"][0] |= {"num_waiting": 0, "num_pending": 7}


def old_argo_events(site: Site) -> None:
    site.controller("argo-events", "controller-manager", "quay.io/argoproj/argo-events:v1.5.6")


def elsewhere(site: Site) -> None:
    site.controller(
        "argo-events", "controller-manager", "x/argo-events:v1.9.11", args=["controller", "--namespaced"]
    )


def restricted(site: Site) -> None:
    data = {"config": "workflowRestrictions: {templateReferencing: Secure}"}
    site.put("/api/v1/namespaces/argo/configmaps/workflow-controller-configmap", "ConfigMap", data=data)


def instance(site: Site) -> None:
    data = {"config": "instanceID: blue"}
    site.put("/api/v1/namespaces/argo/configmaps/workflow-controller-configmap", "ConfigMap", data=data)


def old_workflows(site: Site) -> None:
    site.controller("argo", "workflow-controller", "quay.io/argoproj/workflow-controller:v3.5.15")


def no_right(site: Site) -> None:
    site.server.allows = lambda asked: asked["resource"] != "workflows"


def another_template(site: Site) -> None:
    parameters = site.server.objects[TEMPLATE]["spec"]["arguments"]["parameters"]
    parameters[:] = [each for each in parameters if each["name"] != "target_branch"]
    assert len(parameters) > 5


def remove(path: str) -> Callable[[Site], Json]:
    return lambda site: site.server.objects.pop(path)


def change(path: str, **content: Any) -> Callable[[Site], None]:
    return lambda site: site.server.objects[path].update(content)


ARGO = "/apis/argoproj.io/v1alpha1/namespaces/ci"
RESTART = "kubectl -n ci rollout restart deployment -l"
BREAKAGES: list[tuple[Callable[[Site], Any], str, str, str]] = [
    (
        lambda site: site.server.kinds.update({"argoproj.io/v1alpha1": ("Workflow",)}),
        "api-server",
        "Argo Events is not installed",
        "",
    ),
    (old_argo_events, "argo-events", "Argo Events 1.5.6 has no transform", ""),
    (
        elsewhere,
        "argo-events",
        "watches only the namespace argo-events",
        "kubectl -n argo-events edit deployment controller-manager",
    ),
    (
        old_workflows,
        "argo-workflows",
        "Argo Workflows 3.5.15 does not read schedules and mutexes",
        "hookline apply",
    ),
    (
        instance,
        "argo-workflows",
        "controller-instanceid: blue",
        "kubectl -n argo edit configmap workflow-controller-configmap",
    ),
    (
        restricted,
        "workflow-restrictions",
        "templateReferencing: Secure of workflow-controller ends every Workflow in Error that sets automountServiceAccountToken, executor, serviceAccountName",
        (
            "kubectl -n argo set env deployment/workflow-controller "
            "WORKFLOW_USER_OVERRIDE_ALLOWLIST=automountServiceAccountToken,executor,serviceAccountName"
        ),
    ),
    (remove(f"{ARGO}/eventbus/default"), "event-bus", "there is no EventBus default in ci", "hookline apply"),
    (
        lambda site: site.server.proxied.update(
            {f"{PODS[2]}:8222/proxy/healthz": (503, {"error": "JetStream is not current"})}
        ),
        "event-bus",
        "server eventbus-default-js-2 of the bus is not healthy: 503 : JetStream is not current",
        "kubectl -n ci logs eventbus-default-js-2 -c main --tail=50",
    ),
    (
        split_the_group,
        "bus-group",
        "formed without eventbus-default-js-2",
        "kubectl -n ci delete pod eventbus-default-js-2",
    ),
    (lose_the_leader, "bus-group", "have no leader", "kubectl -n ci get pods -l eventbus-name=default"),
    (
        lose_the_stream,
        "lost-stream",
        "the bus has lost its stream",
        f"{RESTART} controller=sensor-controller",
    ),
    (lose_a_state, "lost-stream", "no state of Sensor", f"{RESTART} sensor-name=hookline-schedules"),
    (
        remove(f"{NAMESPACED}/secrets/webhook"),
        "webhook-secrets",
        "there is no Secret webhook in ci",
        "create secret generic webhook",
    ),
    (
        change(f"{NAMESPACED}/secrets/webhook", data={"token": "eA=="}),
        "webhook-secrets",
        "has no key secret; it has token",
        "create secret generic webhook",
    ),
    (
        change(f"{NAMESPACED}/secrets/webhook", data={"secret": ""}),
        "webhook-secrets",
        "the key secret of Secret webhook in ci is empty",
        "",
    ),
    (
        remove(f"{ARGO}/eventsources/hookline-webhooks"),
        "event-sources",
        "EventSource hookline-webhooks does not exist in ci",
        "hookline apply",
    ),
    (
        remove(f"{ARGO}/sensors/hookline-1"),
        "sensors",
        "Sensor hookline-1 does not exist in ci",
        "hookline apply",
    ),
    (
        change(
            f"{ARGO}/sensors/hookline-1",
            status={"conditions": [{"type": "Deployed", "status": "False", "reason": "X"}]},
        ),
        "sensors",
        "Sensor hookline-1 is not ready: Deployed is False (X)",
        "kubectl -n ci describe pods -l sensor-name=hookline-1",
    ),
    (
        unsubscribe,
        "subscriptions",
        "has no subscription on the bus, and receives nothing: schedule-shop",
        f"{RESTART} sensor-name=hookline-schedules",
    ),
    (
        stop_asking,
        "subscriptions",
        "1 trigger of Sensor hookline-1 no longer asks the bus for events",
        f"{RESTART} sensor-name=hookline-1",
    ),
    (
        change(
            f"{ARGO}/cronworkflows/shop-noon",
            status={"conditions": [{"type": "SpecError", "status": "True", "message": "no template"}]},
        ),
        "schedules",
        "CronWorkflow shop-noon in ci: SpecError: no template",
        "kubectl -n ci describe cronworkflow shop-noon",
    ),
    (
        left_behind,
        "schedules",
        "EventSource hookline-calendar-1 is no longer declared and still fires shop-noon",
        "kubectl -n ci delete eventsource hookline-calendar-1",
    ),
    (
        remove("/apis/rbac.authorization.k8s.io/v1/namespaces/ci/rolebindings/hookline-sensor"),
        "declared-objects",
        "1 object missing in the cluster: rolebinding.rbac.authorization.k8s.io/hookline-sensor",
        "hookline apply",
    ),
    (
        change("/apis/rbac.authorization.k8s.io/v1/namespaces/ci/roles/hookline-sensor", rules=[]),
        "declared-objects",
        "1 object other than declared: role.rbac.authorization.k8s.io/hookline-sensor",
        "hookline diff",
    ),
    (
        no_right,
        "rights",
        "system:serviceaccount:ci:hookline-sensor may not create workflows in ci, nor 2 other rights that it needs",
        "kubectl auth can-i create workflows.argoproj.io -n ci --as=system:serviceaccount:ci:hookline-sensor",
    ),
    (
        remove(TEMPLATE),
        "template",
        "there is no ClusterWorkflowTemplate hookline-ci-go",
        "hookline template hookline-ci-go | kubectl apply",
    ),
    (
        another_template,
        "template",
        "does not declare target_branch",
        "hookline template hookline-ci-go | kubectl apply",
    ),
    (
        remove(f"{NAMESPACED}/persistentvolumeclaims/pvc-nas"),
        "volumes",
        "there is no PersistentVolumeClaim pvc-nas in ci",
        "hookline template prerequisites -n ci",
    ),
    (
        change(f"{NAMESPACED}/persistentvolumeclaims/pvc-nas", status={"phase": "Pending"}),
        "volumes",
        "is Pending, not Bound",
        "kubectl -n ci describe pvc pvc-nas",
    ),
]


@pytest.mark.parametrize(
    ("wreck", "check", "words", "command"),
    BREAKAGES,
    ids=[f"{each[1]}: {each[2][:40]}" for each in BREAKAGES],
)
def test_the_first_broken_hop_is_named_with_what_mends_it(
    site: Site, wreck: Callable[[Site], Any], check: str, words: str, command: str
) -> None:
    wreck(site)
    found = site.diagnosis()
    assert found["firstBroken"] == check
    first = [each for each in findings(found, check) if each["state"] == "broken"]
    assert any(words in each["says"] for each in first), first
    assert any(command in line for each in first for line in each["commands"]) or not command


def test_the_text_ends_with_the_first_broken_hop_and_everything_that_mends_it(site: Site) -> None:
    lose_the_stream(site)
    result = site.run("doctor")
    assert result.exit_code == 1
    head, _, end = result.stdout.partition("\n\n")
    assert len(head.splitlines()) == len(CHECKS) - 1
    assert end.splitlines()[0] == "The first broken hop: stream of events"
    assert end.splitlines()[2:] == [
        "    kubectl -n ci rollout status statefulset/eventbus-default-js --timeout=2m",
        "    kubectl -n ci rollout restart deployment -l controller=sensor-controller",
        "    kubectl -n ci rollout status deployment -l controller=sensor-controller --timeout=2m",
        "  What it means: hookline docs doctor#lost-stream",
    ]
    # Hops behind it say that they could not be judged.
    found = states(site.diagnosis())
    assert (found["stream-limits"], found["subscriptions"], found["backlog"]) == ("not checked",) * 3
    assert (found["event-sources"], found["sensors"]) == ("ok", "ok")


def test_the_text_shows_some_of_many_broken_things_and_the_data_all(site: Site) -> None:
    text = site.file.read_text()
    for number in range(7):
        name = f"p-{number}"
        text += f"""\
  {name}:
    namespace: team-{number}
    repository: {{source: github, name: acme/{name}, url: 'https://github.com/acme/{name}.git'}}
    image: registry.example.com/acme/{name}
    events: {{push: {{}}}}
"""
    site.file.write_text(text)
    # Everything is there, apart from the claims of the seven namespaces.
    site.server.refuse = lambda method, path, _trial: (
        (403, "no") if method == "PATCH" or "/proxy/" in path else None
    )
    result = site.run("doctor")
    data = site.diagnosis()
    missing = [each for each in findings(data, "volumes") if each["state"] == "broken"]
    assert len(missing) == 7
    assert data["firstBroken"] == "volumes"
    assert result.stdout.count("there is no PersistentVolumeClaim pvc-nas in team-") == 1 + 5
    assert "  and 2 more; hookline doctor -o json has all\n" in result.stdout


def forbid(*parts: str) -> Callable[[str, str, bool], tuple[int, str] | None]:
    return lambda _method, path, _trial: (403, "you may not") if any(each in path for each in parts) else None


@pytest.mark.parametrize(
    ("part", "checks", "words"),
    [
        (
            "/proxy/",
            ["bus-group", "lost-stream", "stream-limits", "subscriptions", "backlog"],
            "get pods/proxy",
        ),
        ("/namespaces/ci/secrets/webhook", ["webhook-secrets"], "get the Secret webhook in ci"),
        ("/namespaces/ci/secrets/docker-config", ["run-secrets"], "get the Secret docker-config in ci"),
        ("subjectaccessreviews", ["rights"], "create subjectaccessreviews"),
        ("/clusterworkflowtemplates", ["template", "volumes", "run-secrets"], ""),
        ("/persistentvolumes/", ["volumes"], "get PersistentVolumes"),
        (
            "/apis/apps/v1/deployments",
            ["argo-workflows", "workflow-restrictions"],
            "list Deployments in all namespaces",
        ),
        (
            "/namespaces/argo/configmaps",
            ["workflow-restrictions"],
            "get the ConfigMap workflow-controller-configmap in argo",
        ),
        (
            "/namespaces/ci/pods",
            ["bus-group", "lost-stream", "stream-limits", "subscriptions", "backlog"],
            "list pods in ci",
        ),
        (
            "/namespaces/ci/deployments",
            ["event-bus", "event-sources", "sensors"],
            "list Deployments and StatefulSets",
        ),
        ("/namespaces/ci/eventbus", ["event-bus", "event-sources", "sensors", "declared-objects"], ""),
        ("/rolebindings/", ["declared-objects"], "the API server refuses it: 403"),
    ],
)
def test_what_may_not_be_read_is_not_checked_and_the_right_is_named(
    site: Site, part: str, checks: list[str], words: str
) -> None:
    site.server.refuse = forbid(part)
    found = site.diagnosis()
    assert found["firstBroken"] is None
    state = states(found)
    assert [check for check in checks if state[check] != "not checked"] == []
    said = [each["says"] for each in findings(found, checks[0]) if each["state"] == "not checked"]
    assert any(words in each for each in said), said


@pytest.mark.parametrize(
    "answer",
    ["no JSON", "[1]", '{"account_details": [{"stream_detail": [{"name": "default", "config": 1}]}]}'],
)
def test_a_server_that_answers_something_else_is_not_healthy(site: Site, answer: str) -> None:
    site.server.proxied[f"{PODS[0]}:8222/proxy/jsz"] = (200, answer)
    found = site.diagnosis()
    assert found["firstBroken"] == "event-bus"
    assert "port 8222 answers something else than NATS does" in findings(found, "event-bus")[0]["says"]


@pytest.mark.parametrize(("seconds", "state"), [(120, "warning"), (-120, "warning"), (5, "ok")])
def test_a_clock_that_is_wrong_is_a_warning(site: Site, seconds: int, state: str) -> None:
    site.server.date = formatdate(time.time() + seconds, usegmt=True)
    assert states(site.diagnosis())["clock"] == state


def test_a_cluster_that_does_not_answer_ends_with_code_3(site: Site, tmp_path: Path) -> None:
    other = ObjectsServer()
    other.stop()
    kubeconfig = other.kubeconfig(tmp_path)
    result = CliRunner().invoke(main, ["doctor", str(site.file), "--kubeconfig", str(kubeconfig)])
    assert result.exit_code == 3
    assert "the cluster does not answer" in result.output


def test_who_is_nobody_ends_with_code_3(site: Site) -> None:
    site.server.refuse = lambda _method, _path, _trial: (401, "Unauthorized")
    result = site.run("doctor")
    assert result.exit_code == 3
    assert "401" in result.output


def test_every_check_has_its_section_in_the_page() -> None:
    page = find("doctor")
    for check in CHECKS:
        assert section(page, check).startswith(f"## {check}\n")
    headings = [line[3:] for line in page.text.splitlines() if line.startswith("## ")]
    assert headings == ["What doctor needs", *CHECKS]


PROBE = """\
templates:
  hookline-probe: {file: hookline-probe.yaml}
"""
PIPELINE = """\
  hookline-probe:
    repository: {source: github, name: hookline/probe, url: "https://example.com/hookline/probe.git"}
    run: {template: hookline-probe, ttl: 10m}
    events: {push: {branches: [main]}}
"""
PROBE_TEMPLATE = "/apis/argoproj.io/v1alpha1/namespaces/ci/workflowtemplates/hookline-probe"
INGRESS = "hookline-webhooks-eventsource-svc:12000/proxy/github"


def with_probe(site: Site) -> Json:
    """Declare the pipeline of the page, with the template of the page in the cluster; the template."""
    page = section(find("doctor"), "end-to-end")
    manifest, declared = (each.partition("```")[0] for each in page.split("```yaml\n")[1:])
    assert declared == PROBE + "pipelines:\n" + PIPELINE
    (site.file.parent / "hookline-probe.yaml").write_text(manifest)
    site.file.write_text(site.file.read_text().replace("defaults:", f"{PROBE}defaults:") + PIPELINE)
    found: Json = yaml.safe_load(manifest)
    site.server.put(PROBE_TEMPLATE, found)
    return found


def event_source(site: Site, status: int = 200, phase: str = "Succeeded") -> list[tuple[Any, bytes]]:
    """An event source, bus and Sensor behind the API server's proxy: an accepted push is a Workflow at once."""
    received: list[tuple[Any, bytes]] = []

    def answer(headers: Any, body: bytes) -> tuple[int, str]:
        received.append((headers, body))
        if status == 200:
            path = f"/apis/argoproj.io/v1alpha1/namespaces/ci/workflows/probe-{len(received)}"
            made = {"phase": phase, "message": "told why"}
            site.put(path, "Workflow", labels={"hookline.dev/pipeline": "hookline-probe"}, status=made)
            metadata = site.server.objects[path]["metadata"]
            metadata["annotations"] = {"hookline.dev/sha": json.loads(body)["after"]}
        return status, "success" if status == 200 else '{"message": "no signature"}'

    site.server.proxied[INGRESS] = answer
    return received


def end_to_end(site: Site) -> list[Json]:
    result = site.run("doctor", "--end-to-end", "-o", "json")
    assert result.exit_code in (0, 1), result.output
    return findings(json.loads(result.stdout), "end-to-end")


def test_a_signed_push_is_followed_to_the_end_of_its_run(site: Site) -> None:
    with_probe(site)
    received = event_source(site)
    (found,) = end_to_end(site)
    assert found["state"] == "ok", found
    way = r"a signed push passed every hop: answered \S+ s, Workflow \S+ s, Succeeded \S+ s"
    assert re.fullmatch(way, found["says"])
    ((headers, body),) = received
    digest = hmac.new(b"hunter2", body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={digest}"
    assert json.loads(body)["repository"]["full_name"] == "hookline/probe"


def test_every_probe_is_another_run(site: Site) -> None:
    with_probe(site)
    received = event_source(site)
    end_to_end(site)
    end_to_end(site)
    assert len({json.loads(body)["after"] for _, body in received}) == 2


@pytest.mark.parametrize(
    ("status", "phase", "words"),
    [
        (400, "", "the probe got no further than its first hop: 400"),
        (200, "Error", "Workflow 0.0 s: the Workflow ended in Error: told why"),
        (200, "", "Workflow 0.0 s: the Workflow does not end after 0 s"),
    ],
)
def test_a_probe_that_gets_stuck_names_the_hop(
    site: Site, monkeypatch: pytest.MonkeyPatch, status: int, phase: str, words: str
) -> None:
    monkeypatch.setattr(probing, "END_SECONDS", 0.0)
    with_probe(site)
    event_source(site, status, phase)
    (found,) = end_to_end(site)
    assert found["state"] == "broken"
    assert words in re.sub(r"Workflow \d\.\d s", "Workflow 0.0 s", found["says"])


def test_a_push_without_a_workflow_is_a_broken_hop(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "WORKFLOW_SECONDS", 0.0)
    with_probe(site)
    site.server.proxied[INGRESS] = (200, "success")
    (found,) = end_to_end(site)
    assert "no Workflow exists after 0 s" in found["says"]


def test_nothing_is_sent_without_a_pipeline_that_runs_nothing(site: Site) -> None:
    received = event_source(site)
    (none,) = end_to_end(site)
    assert (none["state"], "runs no container" in none["says"]) == ("not checked", True)
    template = with_probe(site)
    template["spec"]["templates"][1] = {"name": "nothing", "container": {"image": "x"}}
    (unsafe,) = end_to_end(site)
    assert (unsafe["state"], "runs no container" in unsafe["says"]) == ("not checked", True)
    assert received == []


def test_nothing_is_sent_that_would_start_another_pipeline_too(site: Site) -> None:
    with_probe(site)
    received = event_source(site)
    text = site.file.read_text()
    site.file.write_text(text.replace("name: acme/shop, ", "name: hookline/probe, "))
    (found,) = end_to_end(site)
    assert found["state"] == "not checked"
    assert "would start shop too, so it was not sent" in found["says"]
    site.file.write_text(text.replace("branches: [main]", "branches: [release]"))
    (other,) = end_to_end(site)
    assert "a push to main does not start hookline-probe" in other["says"]
    assert received == []


def test_a_probe_without_the_right_to_its_secret_is_not_sent(site: Site) -> None:
    with_probe(site)
    received = event_source(site)
    site.server.refuse = forbid("/secrets/webhook")
    (found,) = end_to_end(site)
    assert (found["state"], received) == ("not checked", [])
    assert "the Secret webhook cannot be read" in found["says"]


def test_the_exporters_count_is_the_last_hop_of_a_probe(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([4, 4, 5])
    site.server.proxied["exporter:8080/proxy/metrics"] = lambda _headers, _body: (
        200,
        (
            "# TYPE hookline_runs_total counter\n"
            f'hookline_runs_total{{pipeline="hookline-probe",outcome="success"}} {next(counts)}\n'
            'hookline_runs_total{pipeline="shop",outcome="success"} 7\n'
        ),
    )
    labels = {"app.kubernetes.io/component": "exporter"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "exporter", "namespace": "ci", "labels": labels},
        "spec": {"ports": [{"port": 8080}]},
    }
    manifest = with_probe(site)
    event_source(site)
    monkeypatch.setattr(probing, "PAUSE_SECONDS", 0.0)
    plan = make_plan(load([site.file]), {})
    connection = Connection.of_kubeconfig(Path(site.kubeconfig), None)
    templates = {NamedTemplate("hookline-probe", "ci"): manifest}
    found = probing.probed(plan, [service], templates, connection, lambda _what: None)
    assert not isinstance(found, Unread)
    assert [each.name for each in found] == ["answered", "Workflow", "Succeeded", "counted"]
    assert not any(each.trouble for each in found)


@pytest.mark.parametrize("host", ["github", "gitea", "gitlab"])
def test_the_probe_of_each_host_is_verified_and_starts_its_pipeline(host: str) -> None:
    text = DECLARATION.replace("host: github", f"host: {host}")
    plan = make_plan(load_texts([("hookline.yaml", text.encode())]), {})
    spec = {"spec": {"templates": [{"name": "main", "suspend": {}}]}}
    probe = chosen_probe(plan, {NamedTemplate("hookline-ci-go", ""): spec})
    assert probe is not None
    now = datetime(2026, 11, 27, tzinfo=UTC)
    request = request_of(probe, b"s3cret\n", "ab" * 20, now)
    headers = {canonical_header(name): (value,) for name, value in request.headers.items()}
    verify(Delivery(headers, request.body, request.path), probe.endpoint.host, b"s3cret\n")
    assert started_by(plan, probe, request, now) == {"shop": "MATCH"}


@pytest.mark.parametrize(
    ("spec", "safe"),
    [
        ({"templates": [{"steps": [[{"template": "a", "when": "false"}]]}, {"suspend": {}}]}, True),
        ({"templates": [{"dag": {"tasks": [{"inline": {"container": {}}}]}}]}, False),
        ({"templates": [{"dag": {"tasks": [{"templateRef": {"name": "x"}}]}}]}, False),
        ({"templates": [{"http": {"url": "x"}}]}, False),
        ({"templates": [{"resource": {"action": "delete"}}]}, False),
        ({"templates": [{"suspend": {}}], "templateDefaults": {"script": {}}}, False),
        ({"templates": []}, False),
        ({"workflowTemplateRef": {"name": "x"}}, False),
        (None, False),
    ],
)
def test_only_a_template_that_runs_and_makes_nothing_is_harmless(spec: Any, safe: bool) -> None:
    assert harmless({"spec": spec}) is safe
