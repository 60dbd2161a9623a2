"""The real workflow-controllers take the Workflows that Sensors create: pods, parameters, lock, account."""

from typing import Any

import pytest
from cluster.deliveries import signed
from cluster.installation import API, Installation
from cluster.tokens import ARGOS_OWN, holders_of_tokens
from cluster.virtual_node import VirtualNode
from cluster.waiting import until
from support import OTHER_SHA, SHA, edited, github_push, payload

from hookline.declaration.templates import manifest_template

pytestmark = pytest.mark.usefixtures("workflows")

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
        assert holders_of_tokens(pod) == ARGOS_OWN
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


SANDBOX_TEMPLATE: dict[str, Any] = {
    "apiVersion": API,
    "kind": "ClusterWorkflowTemplate",
    "metadata": {
        "name": "with-a-sandbox",
        "annotations": {
            "hookline.dev/commit-parameter": "revision",
            "hookline.dev/ref-parameter": "ref",
            "hookline.dev/concurrent-runs": "true",
            "hookline.dev/sandbox-parameter": "sandboxed",
        },
    },
    "spec": {
        "entrypoint": "main",
        "arguments": {
            "parameters": [
                {"name": name, "value": value}
                for name, value in (("repo_url", ""), ("revision", ""), ("ref", ""), ("sandboxed", "false"))
            ]
        },
        "templates": [
            {"name": "main", "dag": {"tasks": [{"name": "build", "template": "build"}]}},
            {
                "name": "build",
                "container": {
                    "image": "alpine:latest",
                    "command": ["sh", "-c", "true"],
                    "env": [
                        {"name": name.upper(), "value": f"{{{{workflow.parameters.{name}}}}}"}
                        for name in ("revision", "ref", "sandboxed")
                    ],
                },
            },
        ],
    },
}
FORKS = """\
version: 1
cluster: {namespace: ci, event_bus: {replicas: 1}, sandbox: {namespace: ci-forks}}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}}
pipelines:
  forks:
    repository: {source: github, name: Codertocat/Hello-World, url: "https://github.com/Codertocat/Hello-World.git"}
    events: {pull_request: {forks: sandboxed, approved_by: {label: ok-to-test}}}
    run: {template: with-a-sandbox}
"""


def test_foreign_code_runs_in_its_namespace_and_its_container_has_no_token(
    site: Installation, node: VirtualNode
) -> None:
    site.api.apply(SANDBOX_TEMPLATE)
    template = manifest_template(SANDBOX_TEMPLATE, "the test's own").template
    site.declare_files([("hookline.yaml", FORKS.encode())], {template.name: template})
    site.apply()
    site.start()
    labeled = edited(
        payload("github/pull_request-labeled"),
        label__name="ok-to-test",
        pull_request__head__repo__full_name="mallory/Hello-World",
    )
    for body in (edited(labeled, label__name="bug"), labeled):
        request = signed("github", "/github", body, {"X-GitHub-Event": "pull_request"})
        assert site.deliver("github", request)[0] == 200

    def pods() -> list[Any]:
        return [
            pod
            for pod in site.api.list("v1", "Pod", site.sandbox)
            if "workflows.argoproj.io/workflow" in pod["metadata"]["labels"]
        ]

    until(pods, "the controller has made the pod")
    (workflow,) = site.until_workflows(1)
    assert workflow["metadata"]["namespace"] == site.sandbox
    (pod,) = pods()
    assert holders_of_tokens(pod) == ARGOS_OWN
    main = next(each for each in pod["spec"]["containers"] if each["name"] == "main")
    environment = {each["name"]: each.get("value") for each in main["env"]}
    assert environment["SANDBOXED"] == "true"
    assert environment["REVISION"] == labeled["pull_request"]["head"]["sha"]
    assert environment["REF"] == "refs/pull/2/head"
    node.run(pod)
    node.end(pod)

    def ended() -> bool:
        found = site.api.get(API, "Workflow", workflow["metadata"]["name"], site.sandbox)
        return bool(found.get("status", {}).get("phase") == "Succeeded")

    until(ended, "the Workflow has succeeded")
