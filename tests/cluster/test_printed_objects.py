"""What hookline prints, asked of the API server with each release's definitions; and the kept rules, against the engines."""

import copy
import re

import pytest
from cluster.api import ApiError
from cluster.control_plane import ControlPlane
from cluster.installation import API
from definitions import events_rules, stored, workflows_rules
from printed import CASES, minor, printed


def version(cluster: ControlPlane, engine: str) -> str:
    """Of a built engine, by the name of its folder."""
    found = re.search(r"-v([0-9.]+)-[0-9a-f]+$", cluster.engines[engine].name)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("engine", ["argo-workflows", "argo-workflows-4"])
def test_the_kept_rules_are_those_of_the_release(cluster: ControlPlane, engine: str) -> None:
    kept = stored("argo-workflows", version(cluster, engine))
    assert kept == workflows_rules(cluster.engines[engine] / "crds-full")


def test_the_kept_rules_are_those_of_argo_events(cluster: ControlPlane) -> None:
    kept = stored("argo-events", version(cluster, "argo-events"))
    assert kept == events_rules(cluster.engines["argo-events"] / "schema.json")


@pytest.mark.parametrize("case", CASES)
def test_the_api_server_takes_every_object(cluster: ControlPlane, workflows: str, case: str) -> None:
    found = copy.deepcopy(printed(CASES[case], minor(version(cluster, workflows))))
    for name in {each["metadata"]["namespace"] for each in found}:
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
