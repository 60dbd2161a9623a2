"""apply, diff, status and delete on the real API server and the real controllers of Argo Events."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cluster.api import ApiError, Json
from cluster.installation import API, Installation
from cluster.reporter import Reporter
from cluster.virtual_node import VirtualNode
from cluster.waiting import until

from hookline.cli import main
from hookline.plan.objects import objects

MANAGED = "app.kubernetes.io/managed-by"


class Site:
    """A namespace, a declaration in a file, and hookline's commands in it."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.installation = installation
        self.file = folder / "hookline.yaml"

    def declare(
        self,
        *pipelines: str,
        sources: tuple[str, ...] = ("github",),
        extra: str = "",
        nightly: bool = False,
        at: str = "",
    ) -> None:
        """A pipeline for each name; the sources take turns."""
        lines = [
            "version: 1",
            f"cluster: {{namespace: {self.installation.namespace}, event_bus: {{replicas: 1}}{extra}}}",
            "sources:",
        ]
        lines += [
            f"  {name}: {{host: github, endpoint: /{name}, secret: {{name: webhook, key: secret}}}}"
            for name in sources
        ]
        lines.append("pipelines:")
        for number, name in enumerate(pipelines):
            source = sources[number % len(sources)]
            schedule = ", schedule: {at: '0 2 * * *', except: [2026-12-31]}" if nightly else ""
            schedule += f", schedule: {{at: '{at}', branch: main}}" if at else ""
            lines.append(
                f"  {name}: {{repository: {{source: {source}, name: acme/{name}, url: 'https://github.com/acme/{name}.git'}}, "
                f"image: registry.example.com/acme/{name}, events: {{push: {{}}{schedule}}}}}"
            )
        self.file.write_text("\n".join(lines) + "\n")
        self.installation.declare(self.file.read_text())
        for secret in self.installation.secrets():
            self.installation.api.apply(secret)

    def arguments(self, command: str, *more: str) -> list[str]:
        return [command, str(self.file), "--kubeconfig", str(self.installation.cluster.kubeconfig), *more]

    def run(self, command: str, *more: str) -> Result:
        return CliRunner().invoke(main, self.arguments(command, *more))

    def live(self, kind: str, api_version: str = API) -> dict[str, Json]:
        found = self.installation.api.list(api_version, kind, self.installation.namespace)
        return {each["metadata"]["name"]: each for each in found}

    def manifests(self) -> list[Json]:
        return objects(self.installation.plan)

    def names(self) -> set[tuple[str, str]]:
        """Everything in the namespace that hookline may have made."""
        kinds = [("Sensor", API), ("EventSource", API), ("EventBus", API), ("CronWorkflow", API)]
        kinds += [("ServiceAccount", "v1"), ("Secret", "v1"), ("ConfigMap", "v1")]
        kinds += [(kind, "rbac.authorization.k8s.io/v1") for kind in ("Role", "RoleBinding")]
        return {
            (kind, name)
            for kind, version in kinds
            for name, found in self.live(kind, version).items()
            if found["metadata"].get("labels", {}).get(MANAGED) == "hookline"
            # The controller copies an EventBus's labels to what it makes of it.
            and not {"ownerReferences", "deletionTimestamp"} & found["metadata"].keys()
        }


@pytest.fixture
def here(site: Installation, tmp_path: Path) -> Site:
    return Site(site, tmp_path)


@pytest.fixture
def reported(site: Installation, node: VirtualNode) -> Iterator[Reporter]:
    with Reporter(site, node) as reporter:
        yield reporter


def rendered(here: Site) -> set[tuple[str, str]]:
    return {(each["kind"], each["metadata"]["name"]) for each in here.manifests()} | {
        ("ConfigMap", "hookline-inventory")
    }


def of_kubectl(here: Site, manifest: Json) -> None:
    """Write an object as `kubectl apply` does, on the side of the client."""
    api = here.installation.api
    metadata = manifest["metadata"]
    annotations = {
        **metadata.get("annotations", {}),
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps(manifest),
    }
    api.call(
        "POST",
        api.path(manifest["apiVersion"], manifest["kind"], metadata["namespace"]),
        {**manifest, "metadata": {**metadata, "annotations": annotations}},
        {"fieldManager": "kubectl-client-side-apply"},
    )


def test_what_arrives_after_apply_has_ended_runs(here: Site, reported: Reporter) -> None:
    here.declare("shop", "cart")
    assert here.run("diff").exit_code == 1
    applied = here.run("apply", "--timeout", "2m")
    assert applied.exit_code == 0, applied.output
    # Nothing is waited for here: apply has.
    site = here.installation
    assert len(site.bus.consumers()) == site.consumers
    assert here.names() == rendered(here)
    for command in ("diff", "status"):
        result = here.run(command)
        assert result.exit_code == 0, result.output
    again = here.run("apply")
    assert again.exit_code == 0
    assert "created" not in again.output
    assert "configured" not in again.output


def test_an_upgrade_of_hookline_replaces_no_pod_and_no_service_and_loses_no_subscription(
    here: Site, reported: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The label with the version is on what Argo Events' controllers read, and on none of what they make pods and Services of."""
    here.declare("shop", nightly=True)
    assert here.run("apply", "--timeout", "2m").exit_code == 0
    api, namespace = here.installation.api, here.installation.namespace

    def running() -> dict[str, Any]:
        """Pod templates of the workloads, and the identity and address of each Service."""
        workloads = {**here.live("Deployment", "apps/v1"), **here.live("StatefulSet", "apps/v1")}
        services = here.live("Service", "v1")
        return {name: each["spec"]["template"] for name, each in workloads.items()} | {
            f"Service {name}": (each["metadata"]["uid"], each["spec"]["clusterIP"])
            for name, each in services.items()
        }

    def consumers() -> set[tuple[str, object]]:
        """Name and birth of each: one that was made anew has another birth."""
        return {(each.name, each.created) for each in here.installation.bus.consumers()}

    before, subscribed = running(), consumers()
    assert any(name.startswith("Service ") for name in before)
    monkeypatch.setattr("hookline.labels.VERSION", "9.9.9")
    applied = here.run("apply", "--timeout", "2m")
    assert applied.exit_code == 0, applied.output
    assert "sensor.argoproj.io/hookline-1 configured" in applied.output
    for kind in ("Sensor", "EventSource"):
        for each in here.live(kind).values():
            assert "9.9.9" in str(each["metadata"])
    # The controllers have seen it: a Deployment takes the labels of its Sensor.
    until(
        lambda: any(
            each["metadata"]["labels"].get("app.kubernetes.io/version") == "9.9.9"
            for each in api.list("apps/v1", "Deployment", namespace)
        ),
        "the controller has seen the new labels",
        60,
    )
    assert running() == before
    assert consumers() == subscribed


def test_an_exporter_is_applied_without_a_difference_left_and_its_claim_stays(here: Site) -> None:
    here.declare("shop", extra=f", image: registry.example.com/hookline@sha256:{'0' * 64}")
    without = here.file.read_text()
    block = "exporter: {watch: all, monitor: none, rules: false, settings: {max_pipelines: 7}, clients: [monitoring]}\n"
    here.file.write_text(without + block)
    applied = here.run("apply", "--no-wait")
    assert applied.exit_code == 0, applied.output
    again = here.run("diff")
    assert again.exit_code == 0, again.output
    assert set(here.live("Deployment", "apps/v1")) >= {"hookline-exporter"}
    here.file.write_text(without)
    removed = here.run("apply", "--no-wait")
    assert removed.exit_code == 0, removed.output
    assert "hookline-exporter" not in here.live("Deployment", "apps/v1")
    assert set(here.live("PersistentVolumeClaim", "v1")) == {"hookline-exporter"}
    place = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/hookline-exporter-{here.installation.namespace}"
    with pytest.raises(ApiError):
        here.installation.api.call("GET", place)


def test_what_kubectl_applied_is_taken_over_and_loses_the_fields_that_are_gone(here: Site) -> None:
    here.declare("shop", "cart")
    for manifest in here.manifests():
        if manifest["kind"] == "Sensor":
            manifest["metadata"]["annotations"]["example.com/old"] = "of the last version"
            manifest["spec"]["template"]["metadata"] = {"labels": {"old": "yes"}}
        of_kubectl(here, manifest)
    before = here.run("diff", "-o", "json")
    assert before.exit_code == 1, before.output
    text = json.dumps(json.loads(before.stdout))
    assert "-    example.com/old" in text
    assert "-        old:" in text
    result = here.run("apply", "--no-wait")
    assert result.exit_code == 0, result.output
    assert "sensor.argoproj.io/hookline-1 configured" in result.output
    (sensor,) = here.live("Sensor").values()
    assert "example.com/old" not in sensor["metadata"]["annotations"]
    assert "kubectl.kubernetes.io/last-applied-configuration" not in sensor["metadata"]["annotations"]
    assert "metadata" not in sensor["spec"]["template"]
    managers = {
        each["manager"] for each in sensor["metadata"]["managedFields"] if not each.get("subresource")
    }
    assert "kubectl-client-side-apply" not in managers
    assert here.run("diff").exit_code == 0


def test_what_the_declaration_no_longer_has_is_deleted_and_nothing_else(here: Site) -> None:
    here.declare("shop", "cart", sources=("github", "other"), nightly=True)
    assert here.run("apply", "--no-wait").exit_code == 0
    api, namespace = here.installation.api, here.installation.namespace
    mine = {"name": "mine", "namespace": namespace, "labels": {MANAGED: "hookline"}}
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": mine})
    old = here.names()
    here.declare("shop")
    shown = here.run("diff", "-o", "table")
    assert "eventsource.argoproj.io/hookline-calendar delete" in shown.output
    result = here.run("apply", "--no-wait")
    assert result.exit_code == 0, result.output
    assert "eventsource.argoproj.io/hookline-calendar deleted" in result.output
    assert here.names() == rendered(here) | {("ServiceAccount", "mine")}
    assert here.names() < old
    assert set(here.live("Secret", "v1")) >= {"webhook"}
    # The controller had added fields of its own to the entry of the source that is gone.
    assert set(here.live("EventSource")["hookline-webhooks"]["spec"]["github"]) == {"github"}


@pytest.mark.usefixtures("node")
def test_a_schedule_that_goes_takes_none_of_its_runs_along(here: Site) -> None:
    """Argo Workflows makes a CronWorkflow the owner of its runs, so that Kubernetes would delete them with it."""
    here.declare("shop", at="* * * * *")
    assert here.run("apply", "--no-wait").exit_code == 0
    (before,) = until(lambda: here.live("Workflow"), "the CronWorkflow has fired")
    assert here.live("Workflow")[before]["metadata"]["ownerReferences"][0]["kind"] == "CronWorkflow"
    here.declare("shop")
    assert "cronworkflow.argoproj.io/shop deleted" in here.run("apply", "--no-wait").output
    until(
        lambda: "ownerReferences" not in here.live("Workflow")[before]["metadata"],
        "the run is its own master",
    )
    until(lambda: not here.live("CronWorkflow"), "the CronWorkflow is gone")
    assert before in here.live("Workflow")


def test_what_argo_cd_tracks_is_neither_changed_nor_deleted(here: Site) -> None:
    here.declare("shop", "cart", nightly=True)
    assert here.run("apply", "--no-wait").exit_code == 0
    api, namespace = here.installation.api, here.installation.namespace
    tracked = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "app:argoproj.io/x:y/z"}}}
    api.patch(API, "EventSource", "hookline-calendar", namespace, tracked)
    refused = here.run("apply", "--no-wait")
    assert refused.exit_code == 2
    assert "eventsource.argoproj.io/hookline-calendar in" in refused.output
    assert "Argo CD tracks it" in refused.output
    assert "nothing was changed" in refused.output
    here.declare("shop", "cart")
    kept = here.run("apply", "--no-wait")
    assert kept.exit_code == 0, kept.output
    assert "eventsource.argoproj.io/hookline-calendar kept" in kept.output
    assert "hookline-calendar" in here.live("EventSource")


def test_a_change_by_hand_is_not_undone_unless_it_is_asked_for(here: Site) -> None:
    here.declare("shop")
    assert here.run("apply", "--no-wait").exit_code == 0
    api, namespace = here.installation.api, here.installation.namespace
    body: Any = {"spec": {"template": {"container": {"resources": {"limits": {"memory": "2Gi"}}}}}}
    api.call(
        "PATCH",
        api.path(API, "Sensor", namespace, "hookline-1"),
        body,
        {"fieldManager": "kubectl-edit"},
        "application/merge-patch+json",
    )
    refused = here.run("apply", "--no-wait")
    assert refused.exit_code == 2
    assert "kubectl-edit changed it" in refused.output

    def limit() -> str:
        found = here.live("Sensor")["hookline-1"]["spec"]["template"]["container"]["resources"]["limits"][
            "memory"
        ]
        return str(found)

    assert limit() == "2Gi"
    shown = here.run("diff", "--force-conflicts")
    assert shown.exit_code == 1
    assert re.search(r'^- +memory: "2Gi"', shown.output, re.MULTILINE)
    assert here.run("apply", "--no-wait", "--force-conflicts").exit_code == 0
    assert limit() != "2Gi"


def test_an_apply_that_was_killed_is_finished_by_the_next_one(here: Site) -> None:
    here.declare(
        *(f"p-{number}" for number in range(40)),
        sources=tuple(f"s-{number}" for number in range(4)),
        extra=", shards: 8",
        nightly=True,
    )
    command = [sys.executable, "-m", "hookline", *here.arguments("apply", "--no-wait")]
    killed = 0
    for number in range(5):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(3 + number):
            process.stdout.readline()
        process.kill()
        process.communicate()
        killed += process.returncode == -9
    assert killed >= 1
    # Everything that the killed ones made is known, even if the declaration then loses it.
    here.declare("p-0", sources=("s-0",))
    result = here.run("apply", "--no-wait")
    assert result.exit_code == 0, result.output
    assert here.names() == rendered(here)


def test_nothing_is_changed_if_the_api_server_would_refuse_one_object(here: Site) -> None:
    here.declare("shop", extra=", sandbox: {namespace: not-there}")
    text = here.file.read_text().replace(
        "events: {push: {}}",
        "run: {template: hookline-ci-go}, events: {pull_request: {forks: sandboxed, approved_by: {label: ok}}}",
    )
    here.file.write_text(text.replace("image: registry.example.com/acme/shop, ", ""))
    result = here.run("apply", "--no-wait")
    assert result.exit_code == 2, result.output
    assert (
        "there is no namespace not-there; make it with: kubectl create namespace not-there" in result.output
    )
    assert here.names() == set()


def test_an_object_that_hookline_did_not_make_is_left_alone(here: Site) -> None:
    here.declare("shop")
    bus = {
        "apiVersion": API,
        "kind": "EventBus",
        "metadata": {"name": "default", "namespace": here.installation.namespace},
    }
    here.installation.api.create(bus | {"spec": {"jetstream": {"version": "2.10.29"}}})
    result = here.run("apply", "--no-wait")
    assert result.exit_code == 2
    assert "eventbus.argoproj.io/default" in result.output
    assert "hookline did not make it" in result.output
    assert here.names() == set()


def test_what_is_not_ready_in_time_is_named_and_nothing_is_deleted(here: Site) -> None:
    here.declare("shop", "cart", sources=("github", "other"))
    assert here.run("apply", "--no-wait").exit_code == 0
    before = here.names()
    here.declare("shop", "new")
    result = here.run("apply", "--timeout", "2s")
    assert result.exit_code == 1, result.output
    assert "is not ready" in result.output
    assert "nothing was deleted" in result.output
    assert here.names() >= before
    status = here.run("status")
    assert status.exit_code == 1
    assert "not ready" in status.output


def test_delete_removes_what_apply_made_and_keeps_secrets(here: Site) -> None:
    here.declare("shop", "cart")
    assert here.run("apply", "--no-wait").exit_code == 0
    refused = here.run("delete")
    assert refused.exit_code == 2
    assert "add --yes" in refused.output
    assert here.names() == rendered(here)
    result = here.run("delete", "--yes")
    assert result.exit_code == 0, result.output
    until(lambda: {kind for kind, _ in here.names()} <= {"Secret"}, "all but Secrets is gone")
    assert "webhook" in here.live("Secret", "v1")
    again = here.run("delete", "--yes")
    assert again.exit_code == 2
    assert "no inventory" in again.output


def test_a_thousand_pipelines_are_applied_with_a_bounded_number_of_requests(here: Site) -> None:
    here.declare(*(f"p-{number}" for number in range(1000)), extra=", shards: 4")
    start = time.monotonic()
    result = here.run("apply", "--no-wait")
    assert result.exit_code == 0, result.output
    middle = time.monotonic()
    assert here.run("apply", "--no-wait").exit_code == 0
    print(
        f"1,000 pipelines: apply {middle - start:.1f} s, without a change {time.monotonic() - middle:.1f} s"
    )
    assert here.names() == rendered(here)
