"""The real workflow-controller takes the Workflows that Sensors create: pods, parameters, lock, account."""

from typing import Any

from cluster.deliveries import signed
from cluster.installation import API, Installation
from cluster.virtual_node import VirtualNode
from cluster.waiting import until
from support import OTHER_SHA, SHA, github_push

DECLARATION = """\
version: 1
cluster: {namespace: ci, event_bus: {replicas: 1}}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}}
defaults:
  run: {template: ci-go-v1, spot: {strategy: SpotAsPriceGo, fallback: true}}
pipelines:
  shop:
    owner: team-shop
    repository: {source: github, name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    events: {push: {branches: ["**"]}}
"""


def push(site: Installation, sha: str, branch: str = "main") -> None:
    body = github_push(after=sha, ref=f"refs/heads/{branch}", head_commit__id=sha)
    assert site.deliver("github", signed("github", "/github", body, {"X-GitHub-Event": "push"}))[0] == 200


def until_pod(site: Installation, workflow: str, task: str) -> Any:
    def found() -> Any:
        for pod in site.api.list("v1", "Pod", site.namespace, f"workflows.argoproj.io/workflow={workflow}"):
            if pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"] == f"{workflow}.{task}":
                return pod
        return None

    return until(found, f"the controller has made the pod of {task}")


def phase(site: Installation, name: str) -> str:
    status = site.api.get(API, "Workflow", name, site.namespace).get("status", {})
    return f"{status.get('phase', '')}: {status.get('message', '')}"


def test_a_push_runs_the_template_to_its_end(site: Installation, node: VirtualNode) -> None:
    site.install(DECLARATION)
    push(site, SHA)
    name = site.until_workflows(1)[0]["metadata"]["name"]
    for task in ("git-checkout-pr", "run-test", "build-push-image"):
        pod = until_pod(site, name, task)
        assert pod["spec"]["serviceAccountName"] == "hookline-run"
        assert pod["metadata"]["annotations"]["k8s.aliyun.com/eci-spot-strategy"] == "SpotAsPriceGo"
        script = " ".join(next(each for each in pod["spec"]["containers"] if each["name"] == "main")["args"])
        assert {
            "git-checkout-pr": "echo checkout https://github.com/acme/shop.git shop main",
            "run-test": "echo test shop",
            "build-push-image": "echo build registry.example.com/acme/shop:v1.0.0",
        }[task] in script
        node.run(pod)
        node.end(pod)
    until(lambda: phase(site, name).startswith("Succeeded"), "the Workflow has succeeded")


def test_a_second_run_of_a_repository_waits_for_the_first(site: Installation, node: VirtualNode) -> None:
    site.install(DECLARATION)
    push(site, SHA)
    first = site.until_workflows(1)[0]["metadata"]["name"]
    pod = until_pod(site, first, "git-checkout-pr")
    push(site, OTHER_SHA, "release")
    second = next(
        each["metadata"]["name"] for each in site.until_workflows(2) if each["metadata"]["name"] != first
    )
    until(lambda: "Waiting for" in phase(site, second), "the second run waits for the lock")
    assert phase(site, second).startswith("Pending")
    node.run(pod)
    node.end(pod, exit_code=1)
    until(lambda: phase(site, first).startswith("Failed"), "the first run has failed")
    until_pod(site, second, "git-checkout-pr")
