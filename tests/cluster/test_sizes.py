"""The real workflow-controllers make pods of the size that a pipeline names for each step, and hold back the run that is one too many."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from cluster.api import Json
from cluster.control_plane import ControlPlane
from cluster.deliveries import signed
from cluster.installation import API, Installation
from cluster.test_restrictions import restricted
from cluster.test_templates import report
from cluster.test_tokens import GOOD
from cluster.virtual_node import VirtualNode
from cluster.waiting import until
from support import edited, github_push, payload

from hookline.declaration.templates import manifest_template
from hookline.output import manifest_text
from runs.capacity import GIB, size_of
from triggers.rbac import run_rights
from triggers.shipped import shipped

HEAD = """\
version: 1
cluster: {namespace: ci, event_bus: {replicas: 1}, sandbox: {namespace: ci-forks}}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}, url: "https://github.com/{repository}.git"}
limits: {builds: 2, spare: 9}
defaults:
  repository: {source: github}
  image: registry.example.com/{owner}/{repository_name}
  events: {push: {branches: ["**"]}}
"""
SIZED = """\
  run: {template: hookline-ci-go, compute: eci, limit: spare, pod_annotations: {k8s.aliyun.com/eci-use-specs: 2-4Gi}}
pipelines:
  shop:
    repository: acme/shop
    run:
      resources:
        run-test: {cpu: 4, memory: 8Gi, limits: {memory: 9Gi}, instance_types: [4-16Gi, ecs.c6.xlarge]}
        build-push-image: {cpu: 500m, limits: {cpu: 1.5}}
"""
PLAIN = """\
  run: {template: hookline-ci-go, limit: builds}
pipelines:
  plain: {repository: acme/plain}
  other: {repository: acme/other}
  third: {repository: acme/third}
  urgent: {repository: acme/urgent, run: {priority: 5}}
  forks: {repository: Codertocat/Hello-World, events: {push: false, pull_request: {forks: sandboxed, approved_by: {label: ok-to-test}}}}
"""


def installed(site: Installation, text: str) -> None:
    """The declaration, and hookline-ci-go under its own name."""
    manifest = shipped("hookline-ci-go")
    site.api.apply(manifest, manifest_text(manifest))
    template = manifest_template(manifest, "the one that is applied").template
    site.declare_files([("hookline.yaml", text.encode())], {template.name: template})
    site.apply()
    site.start()


def push(site: Installation, repository: str, sha: str) -> str:
    """The name of the run that a push starts."""
    before = {each["metadata"]["name"] for each in site.workflows()}
    owner, name = repository.split("/")
    body = github_push(
        after=sha, ref="refs/heads/main", head_commit__id=sha, repository__full_name=f"{owner}/{name}"
    )
    assert site.deliver("github", signed("github", "/github", body, {"X-GitHub-Event": "push"}))[0] == 200
    found = {each["metadata"]["name"] for each in site.until_workflows(len(before) + 1)}
    (started,) = found - before
    return str(started)


def sha(number: int) -> str:
    return f"{number:040x}"


def status(site: Installation, name: str, namespace: str = "") -> str:
    found = site.api.get(API, "Workflow", name, namespace or site.namespace).get("status", {})
    return f"{found.get('phase', '')}: {found.get('message', '')}"


def pods(site: Installation, workflow: str, namespace: str = "") -> dict[str, Json]:
    """Task → pod of a run."""
    found = site.api.list(
        "v1", "Pod", namespace or site.namespace, f"workflows.argoproj.io/workflow={workflow}"
    )
    names = ((each["metadata"]["annotations"]["workflows.argoproj.io/node-name"], each) for each in found)
    return {name.rpartition(".")[2].partition("(")[0]: each for name, each in names}


def until_pod(site: Installation, workflow: str, task: str, namespace: str = "") -> Json:
    def found() -> Json | None:
        said = status(site, workflow, namespace)
        if said.startswith(("Error", "Failed")):
            raise AssertionError(f"{workflow} has ended: {said}")
        return pods(site, workflow, namespace).get(task)

    return until(found, f"the controller has made the pod of {task}")


def main(pod: Json) -> Json:
    return next(each for each in pod["spec"]["containers"] if each["name"] == "main")


def specs(pod: Json) -> str | None:
    found: str | None = pod["metadata"]["annotations"].get("k8s.aliyun.com/eci-use-specs")
    return found


def ended(site: Installation, node: VirtualNode, workflow: str, namespace: str = "") -> None:
    """End a run in its first step."""
    pod = until_pod(site, workflow, "git-checkout-pr", namespace)
    node.run(pod)
    node.end(pod, exit_code=1)
    until(
        lambda: status(site, workflow, namespace).startswith(("Failed", "Error")),
        "the controller has ended the run",
    )


@pytest.mark.usefixtures("workflows")
def test_each_step_has_the_resources_that_the_pipeline_names_and_the_others_those_of_the_template(
    site: Installation, node: VirtualNode
) -> None:
    installed(site, HEAD + SIZED)
    name = push(site, "acme/shop", sha(1))
    found = {}
    outputs = (GOOD, {"go-modules-needed": "5"}, {"digest": "sha256:1", "tags": "v1.0.0"})
    for task, values in zip(("git-checkout-pr", "run-test", "build-push-image"), outputs, strict=True):
        pod = found[task] = until_pod(site, name, task)
        node.run(pod)
        report(site, pod, values)
        node.end(pod)
    until(lambda: status(site, name).startswith("Succeeded"), "the Workflow has succeeded")
    own = {each["name"]: each for each in shipped("hookline-ci-go")["spec"]["templates"]}
    checkout = main(found["git-checkout-pr"])["resources"]
    assert (
        checkout["requests"]["memory"]
        == own["git-checkout-pr"]["container"]["resources"]["requests"]["memory"]
    )
    assert (
        checkout["limits"]["memory"] == own["git-checkout-pr"]["container"]["resources"]["limits"]["memory"]
    )
    assert main(found["run-test"])["resources"] == {
        "requests": {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "0"},
        "limits": {"memory": "9Gi", "ephemeral-storage": "30Gi"},
    }
    assert main(found["build-push-image"])["resources"] == {
        "requests": {"cpu": "500m", "memory": "4Gi", "ephemeral-storage": "0"},
        "limits": {"cpu": "1500m", "memory": "4Gi", "ephemeral-storage": "40Gi"},
    }
    # Types of a step win over those of all pods; an annotation that means nothing to ECI stands for none.
    assert {task: specs(pod) for task, pod in found.items()} == {
        "git-checkout-pr": "2-4Gi",
        "run-test": "4-16Gi,ecs.c6.xlarge",
        "build-push-image": "2-4Gi",
    }
    assert found["build-push-image"]["metadata"]["annotations"]["hookline.dev/instance-types"] == ""
    # What the exporter says was used, where ECI does not say it.
    vcpu, memory, _ = size_of(found["run-test"]["spec"], {})
    sidecars = [
        each.get("resources", {})
        for each in found["run-test"]["spec"]["containers"]
        if each["name"] != "main"
    ]
    assert (vcpu, memory) == (4, 8 * GIB), sidecars


INJECTIONS = {
    "the end of the object": '{}, "securityContext": {"privileged": true}',
    "the end of the container": '{}}], "hostNetwork": true, "containers": [{"name": "main"',
    "an expression": '{"requests": {"cpu": "{{workflow.name}}"}}',
}


@pytest.mark.parametrize("mode", ["Strict", "Secure"])
def test_under_template_referencing_sizes_reach_the_pod_and_nothing_else_does(
    cluster: ControlPlane, workflows: str, site: Installation, node: VirtualNode, mode: str
) -> None:
    assert node.name
    manifest = shipped("hookline-ci-go", restricted=True)
    manifest["metadata"]["name"] = "hookline-ci-go-restricted"
    site.api.apply(manifest, manifest_text(manifest))
    for each in run_rights(site.namespace):
        site.api.apply(each)

    def run(name: str, resources: str) -> None:
        parameters = {
            "repo_url": "https://github.com/acme/shop.git",
            "repo_name": "shop",
            "checkout_resources": resources,
        }
        spec = {
            "workflowTemplateRef": {"name": "hookline-ci-go-restricted", "clusterScope": True},
            "arguments": {"parameters": [{"name": key, "value": value} for key, value in parameters.items()]},
        }
        metadata = {"name": name, "namespace": site.namespace}
        site.api.create({"apiVersion": API, "kind": "Workflow", "metadata": metadata, "spec": spec})

    with cluster.workflows(replace(restricted(mode), engine=workflows)):
        run("sized", '{"requests":{"cpu":"3","memory":"2Gi"}}')
        resources = main(until_pod(site, "sized", "git-checkout-pr"))["resources"]
        assert (resources["requests"]["cpu"], resources["requests"]["memory"]) == ("3", "2Gi")
        assert resources["limits"]["memory"] == "2Gi"
        for number, (what, text) in enumerate(INJECTIONS.items()):
            run(f"forged-{number}", text)
            until(partial(_seen, site, f"forged-{number}"), "the controller has looked at it")
            until(
                partial(
                    lambda name: pods(site, name) or status(site, name).startswith(("Error", "Failed")),
                    f"forged-{number}",
                ),
                "there is a pod, or an error",
            )
            for pod in pods(site, f"forged-{number}").values():
                assert "hostNetwork" not in pod["spec"], what
                assert "privileged" not in main(pod)["securityContext"], what


def _seen(site: Installation, name: str) -> bool:
    return status(site, name) != ": "


def limits(site: Installation, **numbers: int) -> None:
    data = {name: str(number) for name, number in numbers.items()}
    site.api.patch("v1", "ConfigMap", "hookline-limits", site.namespace, {"data": data})


def waits(site: Installation, name: str, namespace: str = "") -> bool:
    lock = f"Waiting for {site.namespace}/ConfigMap/hookline-limits/builds lock"
    return status(site, name, namespace).startswith(f"Pending: {lock}")


@pytest.mark.usefixtures("workflows")
def test_one_run_more_than_the_limit_waits_until_another_ends_and_the_urgent_one_is_first(
    site: Installation, node: VirtualNode
) -> None:
    installed(site, HEAD + PLAIN)
    running = [push(site, f"acme/{name}", sha(1)) for name in ("plain", "other")]
    for name in running:
        until_pod(site, name, "git-checkout-pr")
    third = push(site, "acme/third", sha(2))
    until(lambda: waits(site, third), "the third run waits for the limit")
    urgent = push(site, "acme/urgent", sha(3))
    until(lambda: waits(site, urgent), "the urgent run waits, too")
    assert pods(site, third) == pods(site, urgent) == {}
    ended(site, node, running[0])
    until_pod(site, urgent, "git-checkout-pr")
    assert waits(site, third)
    ended(site, node, running[1])
    until_pod(site, third, "git-checkout-pr")


@pytest.mark.usefixtures("workflows", "node")
def test_another_number_counts_at_once(site: Installation) -> None:
    installed(site, HEAD + PLAIN)
    for name in ("plain", "other"):
        until_pod(site, push(site, f"acme/{name}", sha(1)), "git-checkout-pr")
    third = push(site, "acme/third", sha(2))
    until(lambda: waits(site, third), "the third run waits for the limit")
    limits(site, builds=3)
    until_pod(site, third, "git-checkout-pr")


@pytest.mark.usefixtures("workflows")
def test_runs_of_two_namespaces_count_together(site: Installation, node: VirtualNode) -> None:
    installed(site, (HEAD + PLAIN).replace("builds: 2", "builds: 1"))
    first = push(site, "acme/plain", sha(1))
    until_pod(site, first, "git-checkout-pr")
    labeled: Any = edited(
        payload("github/pull_request-labeled"),
        label__name="ok-to-test",
        pull_request__head__repo__full_name="mallory/Hello-World",
    )
    request = signed("github", "/github", labeled, {"X-GitHub-Event": "pull_request"})
    assert site.deliver("github", request)[0] == 200
    (foreign,) = (
        each["metadata"]["name"]
        for each in site.until_workflows(2)
        if each["metadata"]["namespace"] == site.sandbox
    )
    until(lambda: waits(site, foreign, site.sandbox), "the run of the other namespace waits for the limit")
    ended(site, node, first)
    until_pod(site, foreign, "git-checkout-pr", site.sandbox)


@pytest.mark.usefixtures("workflows", "node")
def test_a_run_whose_limit_is_not_there_fails_at_once(site: Installation) -> None:
    installed(site, HEAD + PLAIN)
    site.api.delete("v1", "ConfigMap", "hookline-limits", site.namespace)
    name = push(site, "acme/plain", sha(1))
    until(lambda: status(site, name).startswith("Failed"), "the run has failed")
    assert "Failed to acquire the synchronization lock" in status(site, name)


MUTEX = PLAIN.replace(
    "plain: {repository: acme/plain}", "plain: {repository: acme/plain, run: {mutex: plain}}"
)


@pytest.mark.usefixtures("workflows")
def test_a_run_that_waits_for_its_mutex_at_the_front_of_the_queue_holds_back_those_behind_it(
    site: Installation, node: VirtualNode
) -> None:
    """What docs/capacity.md says of a limit beside a mutex."""
    installed(site, HEAD + MUTEX)
    first = push(site, "acme/plain", sha(1))
    until_pod(site, first, "git-checkout-pr")
    second = push(site, "acme/plain", sha(2))
    until(
        lambda: status(site, second).startswith("Pending: Waiting for"), "the second run waits for its mutex"
    )
    behind = push(site, "acme/other", sha(1))
    until(lambda: waits(site, behind), "one place is free, and the run behind it waits all the same")
    ended(site, node, first)
    until_pod(site, second, "git-checkout-pr")
    until_pod(site, behind, "git-checkout-pr")
