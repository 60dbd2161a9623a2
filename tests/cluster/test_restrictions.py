"""A workflow-controller whose administrator lets users only refer to templates (workflowRestrictions: templateReferencing).

What docs/compatibility.md says of it is tried here: which fields of hookline's Workflows it refuses, and what works all the same.
"""

import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.control_plane import ControlPlane, WorkflowsRun
from cluster.installation import API, Installation
from cluster.test_runs import DECLARATION, phase, push
from cluster.tokens import ARGOS_OWN, holders_of_tokens
from cluster.waiting import until
from support import SHA

from triggers.rbac import run_rights
from triggers.words import RUN_ACCOUNTS

REFUSED = ("AutomountServiceAccountToken", "Executor", "PodMetadata", "ServiceAccountName", "Synchronization")
"""Go's names of the fields that a Workflow of DECLARATION sets beside the allowed ones."""
MORE_ALLOWED = "serviceAccountName,automountServiceAccountToken,executor,podMetadata,synchronization"


def restricted(mode: str, allowed: str = "") -> WorkflowsRun:
    return WorkflowsRun(
        settings={"workflowRestrictions": f"templateReferencing: {mode}\n"},
        environment={"WORKFLOW_USER_OVERRIDE_ALLOWLIST": allowed} if allowed else {},
    )


def pod_of(site: Installation, workflow: str) -> Any:
    found = site.api.list("v1", "Pod", site.namespace, f"workflows.argoproj.io/workflow={workflow}")
    return found[0] if found else None


@pytest.mark.parametrize("mode", ["Strict", "Secure"])
@pytest.mark.usefixtures("node")
def test_a_run_that_sets_more_than_the_allowed_fields_ends_in_an_error_that_names_them(
    cluster: ControlPlane, workflows: str, site: Installation, mode: str
) -> None:
    with cluster.workflows(replace(restricted(mode), engine=workflows)):
        site.install(DECLARATION)
        push(site, SHA)
        (workflow,) = site.until_workflows(1)
        name = workflow["metadata"]["name"]
        until(lambda: phase(site, name).startswith("Error"), "the controller has refused the Workflow")
    assert f"fields [{' '.join(REFUSED)}] are not permitted" in phase(site, name)
    assert pod_of(site, name) is None


@pytest.mark.usefixtures("node")
def test_the_controllers_list_of_allowed_fields_can_be_extended_on_3_7_18(
    cluster: ControlPlane, site: Installation
) -> None:
    with cluster.workflows(restricted("Strict", MORE_ALLOWED)):
        site.install(DECLARATION)
        push(site, SHA)
        name = site.until_workflows(1)[0]["metadata"]["name"]
        pod = until(lambda: pod_of(site, name), "the controller has made a pod")
    assert pod["spec"]["serviceAccountName"] == "hookline-run"
    assert pod["metadata"]["annotations"]["k8s.aliyun.com/eci-spot-strategy"] == "SpotAsPriceGo"
    assert holders_of_tokens(pod) == ARGOS_OWN


def holding(template: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """The template with what a Workflow may not set, and the lock named by the argument that names the checkout."""
    found = copy.deepcopy(template)
    found["metadata"]["name"] = "ci-go-v1-restricted"
    found["spec"] |= {
        **{key: spec[key] for key in RUN_ACCOUNTS},
        "podMetadata": spec["podMetadata"],
        "synchronization": {"mutexes": [{"name": "{{workflow.parameters.repo_name}}"}]},
    }
    return found


@pytest.mark.usefixtures("node")
def test_what_is_left_of_a_run_works_with_a_template_that_holds_the_rest(
    cluster: ControlPlane, workflows: str, site: Installation
) -> None:
    site.declare(DECLARATION)
    (workload,) = site.plan.workloads.values()
    template = yaml.safe_load((Path(__file__).parent / "ci-go-v1.yaml").read_text("utf-8"))
    site.api.apply(holding(template, workload.resource["spec"]))
    for manifest in run_rights(site.namespace):
        site.api.apply(manifest)
    spec = {
        key: value
        for key, value in workload.resource["spec"].items()
        if key not in {*RUN_ACCOUNTS, "podMetadata", "synchronization"}
    }
    spec["workflowTemplateRef"] = {"name": "ci-go-v1-restricted", "clusterScope": True}
    spec["arguments"] = {"parameters": [{"name": "repo_name", "value": "shop"}]}
    with cluster.workflows(replace(restricted("Secure"), engine=workflows)):
        for name in ("first", "second"):
            metadata = {"name": name, "namespace": site.namespace}
            site.api.create({"apiVersion": API, "kind": "Workflow", "metadata": metadata, "spec": spec})
            until(partial(_seen, site, name), "the controller has seen it")
        pod = until(lambda: pod_of(site, "first"), "the controller has made a pod of the first run")
        until(
            lambda: "Waiting for" in phase(site, "second"),
            "the second run waits for the lock of its checkout",
        )
    assert pod["spec"]["serviceAccountName"] == "hookline-run"
    assert pod["metadata"]["annotations"]["k8s.aliyun.com/eci-spot-strategy"] == "SpotAsPriceGo"
    assert holders_of_tokens(pod) == ARGOS_OWN


def _seen(site: Installation, name: str) -> bool:
    return phase(site, name) != ": "
