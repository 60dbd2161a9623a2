"""What hookline prints, asked of the API server with each release's definitions; and the kept rules, against the engines."""

import copy
import re
from typing import Any

import pytest
from cluster.api import ApiError, Json
from cluster.control_plane import ControlPlane
from cluster.installation import API
from definitions import (
    KUBERNETES,
    KUBERNETES_GROUPS,
    events_rules,
    kubernetes_rules,
    stored,
    workflows_rules,
)
from printed import CASES, minor, printed
from support import exporter_of

from hookline.output import manifest_text
from triggers.prerequisites import ClassStorage, NasStorage, NfsStorage, placeholders, prerequisites
from triggers.publishing import published
from triggers.release import Release
from triggers.shipped import shipped_names

DIGEST = "sha256:" + "0" * 64


def version(cluster: ControlPlane, engine: str) -> str:
    """Of a built engine, by the name of its folder."""
    found = re.search(r"-v([0-9.]+)-[0-9a-f]+$", cluster.engines[engine].name)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("engine", ["argo-workflows", "argo-workflows-4"])
def test_the_kept_rules_are_those_of_the_release(cluster: ControlPlane, engine: str) -> None:
    found = stored("argo-workflows", version(cluster, engine))
    # That of a template is the Workflow's, and is kept once.
    kept = {kind: rules for kind, rules in found.items() if kind != "WorkflowTemplate"}
    assert kept == workflows_rules(cluster.engines[engine] / "crds-full")


def test_the_kept_rules_are_those_of_argo_events(cluster: ControlPlane) -> None:
    kept = stored("argo-events", version(cluster, "argo-events"))
    assert kept == events_rules(cluster.engines["argo-events"] / "schema.json")


def without_enums(rules: Any) -> Any:
    """Rules as they stand in the release; a running API server adds the values that some texts may have."""
    if isinstance(rules, list):
        return [without_enums(each) for each in rules]
    if not isinstance(rules, dict):
        return rules
    return {
        key: without_enums(each) for key, each in rules.items() if key != "enum" or isinstance(each, dict)
    }


def test_the_kept_rules_are_those_of_the_api_server(cluster: ControlPlane) -> None:
    assert version(cluster, "kubernetes") == KUBERNETES
    documents = [cluster.api.call("GET", f"/openapi/v3/{group}") for group in KUBERNETES_GROUPS]
    kept = stored("kubernetes", KUBERNETES)["definitions"]
    found = without_enums(kubernetes_rules(documents)["definitions"])
    assert kept.keys() == found.keys()
    assert {name: rule for name, rule in found.items() if rule != kept[name]} == {}


def everything(release: Release) -> dict[str, list[Json]]:
    """All that hookline prints for a cluster, as it prints it."""
    needed = [
        dict(each.manifest)
        for storage in (
            NasStorage(server="nas.example.com"),
            NfsStorage(server="nfs.example.com", path="/"),
            ClassStorage("nfs"),
        )
        for each in prerequisites(
            "ci", storage, registries=["registry.example.com"], private_ca="certificate"
        )
    ]
    templates = [
        published(name, "1.0.0", restricted=restricted, namespaced=namespaced, namespace="ci")
        for name in shipped_names()
        for restricted in (False, True)
        for namespaced in (False, True)
    ]
    return {
        **{name: of_this_cluster(printed(files, release)) for name, files in CASES.items()},
        # What still has a placeholder has a label that the API server refuses on purpose.
        "prerequisites": [each for each in needed if not placeholders(each)],
        "templates": templates,
        "exporter alone": of_this_cluster(exporter_of("ci", f"registry.example.com/hookline@{DIGEST}")),
    }


def of_this_cluster(made: list[Json]) -> list[Json]:
    """Objects without those of the Prometheus Operator, which is not here: tests/test_definitions.py holds them against its definitions."""
    return [each for each in made if not each["apiVersion"].startswith("monitoring.coreos.com")]


@pytest.mark.parametrize("case", [*CASES, "prerequisites", "templates", "exporter alone"])
def test_the_api_server_takes_all_of_it_strictly_and_warns_of_nothing(
    cluster: ControlPlane, workflows: str, case: str
) -> None:
    found = copy.deepcopy(everything(minor(version(cluster, workflows)))[case])
    assert found != []
    for name in {each["metadata"].get("namespace", "ci") for each in found}:
        cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for each in found:
        if each["kind"] == "Workflow":
            each["metadata"]["name"] = "named-by-the-sensor"
    assert {
        f"{each['kind']}/{each['metadata']['name']}": cluster.api.tried(each, manifest_text(each))
        for each in found
    } == {f"{each['kind']}/{each['metadata']['name']}": [] for each in found}


def test_the_api_server_refuses_an_unknown_field_and_warns_of_what_it_takes_unwillingly(
    cluster: ControlPlane,
) -> None:
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ci"}})
    (deployment,) = (each for each in exporter_of("ci", "hookline") if each["kind"] == "Deployment")
    wrong = copy.deepcopy(deployment)
    wrong["spec"]["template"]["spec"]["securityContext"]["runAsRoot"] = False
    with pytest.raises(ApiError, match="runAsRoot"):
        cluster.api.tried(wrong)
    doubtful = copy.deepcopy(deployment)
    doubtful["spec"]["template"]["metadata"]["annotations"] = {
        "container.apparmor.security.beta.kubernetes.io/exporter": "runtime/default"
    }
    assert any("apparmor" in each for each in cluster.api.tried(doubtful))


@pytest.mark.parametrize("case", CASES)
def test_the_api_server_takes_every_object(cluster: ControlPlane, workflows: str, case: str) -> None:
    found = copy.deepcopy(of_this_cluster(printed(CASES[case], minor(version(cluster, workflows)))))
    for name in {each["metadata"].get("namespace", "ci") for each in found}:
        cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for each in found:
        if each["kind"] == "Workflow":
            each["metadata"]["name"] = "named-by-the-sensor"
        try:
            cluster.api.create(each, dry_run=True)
        except ApiError as error:
            if error.status != 409:  # the namespace's own
                raise


def test_argo_workflows_4_refuses_what_is_written_for_3_5(cluster: ControlPlane, workflows: str) -> None:
    """Its definitions do; those of 3.7 as they are installed, the minimal ones, refuse nothing."""
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ci"}})
    (cron,) = (each for each in printed(CASES["everything"], "3.5") if each["kind"] == "CronWorkflow")
    assert cron["apiVersion"] == API
    if workflows == "argo-workflows":
        cluster.api.create(cron, dry_run=True)
        return
    with pytest.raises(ApiError, match=r"schedules: Required value|unknown field .*spec\.schedule"):
        cluster.api.create(cron, dry_run=True)
