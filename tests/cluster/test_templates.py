"""The real workflow-controller takes the templates that hookline brings: parameters, deadlines, conditions, outputs, retries."""

import itertools
from typing import Any

import pytest
from cluster.api import Json
from cluster.installation import API, Installation
from cluster.virtual_node import VirtualNode
from cluster.waiting import until

from hookline.output import manifest_text
from runs.objects import workflow_of
from runs.outcomes import run_outcome
from triggers.shipped import shipped

SHA = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
BRANCH = "x;touch${IFS}/x;#$(id)\"'`id`"
_numbers = itertools.count(1)


def installed(site: Installation, name: str) -> str:
    """The template in the cluster, under a name of its own so that the node's stand-in stays."""
    manifest = shipped(name)
    manifest["metadata"]["name"] = own = f"{name}-real-{next(_numbers)}"
    site.api.apply(manifest, manifest_text(manifest))
    return own


def started(site: Installation, template: str, **arguments: str) -> str:
    """A Workflow that has begun: the controller may not have seen a template yet that was applied a moment ago."""

    def begun() -> str | None:
        name = _created(site, template, arguments)
        until(lambda: phase(site, name) != ": ", "the controller has taken the Workflow")
        return None if phase(site, name).endswith("not found") else name

    return until(begun, "the controller knows the template")


def _created(site: Installation, template: str, arguments: dict[str, str]) -> str:
    name = f"run-{next(_numbers)}"
    parameters = [{"name": key, "value": value} for key, value in arguments.items()]
    site.api.create(
        {
            "apiVersion": API,
            "kind": "Workflow",
            "metadata": {"name": name, "namespace": site.namespace},
            "spec": {
                "workflowTemplateRef": {"name": template, "clusterScope": True},
                "arguments": {"parameters": parameters},
            },
        }
    )
    return name


def until_pod(site: Installation, workflow: str, node_name: str) -> Any:
    def found() -> Any:
        status = site.api.get(API, "Workflow", workflow, site.namespace).get("status", {})
        if status.get("phase") in {"Error", "Failed"}:
            raise AssertionError(status.get("message"))
        for pod in site.api.list("v1", "Pod", site.namespace, f"workflows.argoproj.io/workflow={workflow}"):
            if pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"] == f"{workflow}.{node_name}":
                return pod
        return None

    return until(found, f"the controller has made the pod of {node_name}")


def report(site: Installation, pod: Json, outputs: dict[str, str]) -> None:
    """What Argo's executor reports when a step has ended."""
    metadata = pod["metadata"]
    site.api.create(
        {
            "apiVersion": API,
            "kind": "WorkflowTaskResult",
            "metadata": {
                "name": metadata["annotations"]["workflows.argoproj.io/node-id"],
                "namespace": site.namespace,
                "labels": {
                    "workflows.argoproj.io/workflow": metadata["labels"]["workflows.argoproj.io/workflow"],
                    "workflows.argoproj.io/report-outputs-completed": "true",
                },
            },
            "outputs": {"parameters": [{"name": key, "value": value} for key, value in outputs.items()]},
        }
    )


def environment(pod: Json) -> dict[str, str]:
    main = next(each for each in pod["spec"]["containers"] if each["name"] == "main")
    return {each["name"]: each.get("value", "") for each in main["env"]}


def phase(site: Installation, name: str) -> str:
    status = site.api.get(API, "Workflow", name, site.namespace).get("status", {})
    return f"{status.get('phase', '')}: {status.get('message', '')}"


@pytest.mark.parametrize("tested", [True, False])
def test_hookline_ci_go_hands_the_commit_from_step_to_step(
    site: Installation, node: VirtualNode, tested: bool
) -> None:
    template = installed(site, "hookline-ci-go")
    name = started(
        site, template, repo_url="https://github.com/acme/shop.git", repo_name="shop", target_branch=BRANCH, revision=SHA,
        container_image="registry.example.com/acme/shop", enable_test="True" if tested else "false", test_deadline="77",
    )  # fmt: skip
    pod = until_pod(site, name, "git-checkout-pr(0)")
    found = environment(pod)
    assert (found["TARGET_BRANCH"], found["REVISION"]) == (BRANCH, SHA)
    assert pod["spec"]["activeDeadlineSeconds"] == 1200
    node.run(pod)
    repository = "shop-0123456789ab"
    report(
        site, pod, {"commit": SHA, "commit-time": "1700000000", "repository": repository, "source": SHA, "latest": "true", "cache": "buildcache",
                    "skip-reason": ""}
    )  # fmt: skip
    node.end(pod)
    if tested:
        lost = until_pod(site, name, "run-test(0)")
        assert lost["spec"]["activeDeadlineSeconds"] == 77
        node.run(lost)
        node.reclaim(lost)
        pod = until_pod(site, name, "run-test(1)")
        assert environment(pod)["SOURCE"] == SHA
        mounts = next(each for each in pod["spec"]["containers"] if each["name"] == "main")["volumeMounts"]
        place = {
            "name": "workdir",
            "mountPath": "/caches/build",
            "subPath": f"hookline/go/build/{repository}",
        }
        assert place in mounts
        node.run(pod)
        report(site, pod, {"go-modules-needed": "5", "go-modules-downloaded": "0"})
        node.end(pod)
    pod = until_pod(site, name, "build-push-image(0)")
    found = environment(pod)
    assert (found["SOURCE"], found["COMMIT"], found["LATEST"], found["CACHE"]) == (
        SHA,
        SHA,
        "true",
        "buildcache",
    )
    node.run(pod)
    report(site, pod, {"image-cache-metrics": "{}", "digest": "sha256:1", "tags": "v1.0.0-611 latest"})
    node.end(pod)
    until(lambda: phase(site, name).startswith("Succeeded"), "the Workflow has succeeded")
    nodes = site.api.get(API, "Workflow", name, site.namespace)["status"]["nodes"]
    given = {each["name"]: each["value"] for each in nodes[name]["outputs"]["parameters"]}
    assert given == {"commit": SHA, "digest": "sha256:1", "tags": "v1.0.0-611 latest"}


def test_a_red_test_ends_hookline_ci_go_at_once(site: Installation, node: VirtualNode) -> None:
    name = started(site, installed(site, "hookline-ci-go"), repo_name="shop")
    pod = until_pod(site, name, "git-checkout-pr(0)")
    node.run(pod)
    report(
        site,
        pod,
        {
            "commit": SHA,
            "commit-time": "1",
            "repository": "s",
            "source": "s",
            "latest": "true",
            "cache": "",
            "skip-reason": "",
        },
    )
    node.end(pod)
    pod = until_pod(site, name, "run-test(0)")
    node.run(pod)
    report(site, pod, {})  # a failed step reports, too
    node.end(pod, exit_code=1)
    until(lambda: phase(site, name).startswith("Failed"), "the Workflow has failed")
    nodes = site.api.get(API, "Workflow", name, site.namespace)["status"]["nodes"].values()
    assert not [each for each in nodes if each["displayName"] == "run-test(1)"]


@pytest.mark.usefixtures("workflows")
def test_without_a_chosen_file_the_other_steps_are_skipped_and_so_is_the_run(
    site: Installation, node: VirtualNode
) -> None:
    paths = "base refs/heads/main\nexclude docs/.+|[^/]*[.]md"
    name = started(site, installed(site, "hookline-ci-go"), repo_name="shop", paths=paths)
    pod = until_pod(site, name, "git-checkout-pr(0)")
    assert environment(pod)["PATHS"] == paths
    node.run(pod)
    empty = dict.fromkeys(("source", "cache"), "")
    report(
        site,
        pod,
        {
            "commit": SHA,
            "commit-time": "1",
            "repository": "s",
            "latest": "false",
            "skip-reason": "PATHS",
            **empty,
        },
    )
    node.end(pod)
    until(lambda: phase(site, name).startswith("Succeeded"), "the Workflow has succeeded")
    raw = site.api.get(API, "Workflow", name, site.namespace)
    phases = {each["displayName"]: each["phase"] for each in raw["status"]["nodes"].values()}
    assert {step: phases[step] for step in ("run-test", "build-push-image")} == dict.fromkeys(
        ("run-test", "build-push-image"), "Skipped"
    )
    given = {each["name"]: each["value"] for each in raw["status"]["nodes"][name]["outputs"]["parameters"]}
    assert given == {"commit": SHA, "digest": "", "tags": ""}
    workflow = workflow_of(raw, frozenset({raw["spec"]["workflowTemplateRef"]["name"]}))
    assert workflow is not None
    assert run_outcome(workflow, []) == "skip"


def test_our_ci_go_v1_runs_to_its_end(site: Installation, node: VirtualNode) -> None:
    name = started(
        site, installed(site, "ci-go-v1"), repo_url="https://github.com/acme/shop.git", repo_name="shop", target_branch=BRANCH
    )  # fmt: skip
    for task in ("git-checkout-pr", "run-test", "build-push-image"):
        pod = until_pod(site, name, task)
        assert environment(pod)["REPO_NAME"] == "shop"
        if task == "git-checkout-pr":
            assert environment(pod)["TARGET_BRANCH"] == BRANCH
        node.run(pod)
        node.end(pod)
    until(lambda: phase(site, name).startswith("Succeeded"), "the Workflow has succeeded")
