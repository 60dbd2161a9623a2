"""The code of a run can change no other run: it holds no token, and the account of its pod may do nothing."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cluster.api import Api, ApiError, Json
from cluster.control_plane import SERVER
from cluster.installation import API, Installation
from cluster.test_runs import push
from cluster.test_templates import environment, phase, report, until_pod
from cluster.tokens import ARGOS_OWN, holders_of_tokens
from cluster.virtual_node import VirtualNode
from cluster.waiting import until
from support import OTHER_SHA, SHA

from hookline.declaration.templates import manifest_template
from hookline.output import manifest_text
from triggers.shipped import shipped

DECLARATION = """\
version: 1
cluster: {namespace: ci, event_bus: {replicas: 1}}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}}
pipelines:
  shop:
    repository: {source: github, name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    events: {push: {branches: ["**"]}}
    run: {template: hookline-ci-go}
"""
GOOD = {
    "commit": SHA, "commit-time": "1", "repository": "shop-0123456789ab", "source": SHA, "latest": "true", "cache": "buildcache",
    "skip-reason": "",
}  # fmt: skip
EVIL = {**GOOD, "source": "EVIL", "repository": "mallory-0123456789ab"}


def parameters(values: dict[str, str]) -> Json:
    return {"parameters": [{"name": name, "value": value} for name, value in values.items()]}


def as_account(site: Installation, token: str) -> Api:
    return Api(SERVER, site.cluster.certificate, token)


def refused(call: Callable[[], Any]) -> bool:
    """Whether the API server says 403."""
    try:
        call()
    except ApiError as error:
        return error.status == 403
    return False


def installed(site: Installation) -> str:
    """The name of a run of hookline-ci-go that a push has started."""
    manifest = shipped("hookline-ci-go")
    site.api.apply(manifest, manifest_text(manifest))
    template = manifest_template(manifest, "the one that is applied").template
    site.declare_files([("hookline.yaml", DECLARATION.encode())], {template.name: template})
    site.apply()
    site.start()
    push(site, SHA)
    return str(site.until_workflows(1)[0]["metadata"]["name"])


def node_id(pod: Json) -> str:
    return str(pod["metadata"]["annotations"]["workflows.argoproj.io/node-id"])


def forged(workflow: str, pod: Json, values: dict[str, str], namespace: str) -> Json:
    """A result for a node, as its own executor would report it."""
    labels = {
        "workflows.argoproj.io/workflow": workflow,
        "workflows.argoproj.io/report-outputs-completed": "true",
    }
    return {
        "apiVersion": API,
        "kind": "WorkflowTaskResult",
        "metadata": {"name": node_id(pod), "namespace": namespace, "labels": labels},
        "outputs": parameters(values),
    }


def test_results_of_a_run_cannot_be_forged_with_what_the_code_of_a_run_has(
    site: Installation, node: VirtualNode
) -> None:
    """Whatever the account of the code asks for, the image is built from what the checkout reported."""
    name = installed(site)
    code = as_account(site, site.api.token(site.namespace, "hookline-run"))
    checkout = until_pod(site, name, "git-checkout-pr(0)")
    node.run(checkout)
    # Before the checkout has reported, a result could be put in its place.
    assert refused(lambda: code.create(forged(name, checkout, EVIL, site.namespace)))
    report(site, checkout, GOOD)
    node.end(checkout)
    test = until_pod(site, name, "run-test(0)")
    node.run(test)
    # While tests run, the checkout's result could be changed, and that of the build be put there already.
    change = {"outputs": parameters(EVIL)}
    assert refused(lambda: code.patch(API, "WorkflowTaskResult", node_id(checkout), site.namespace, change))
    report(site, test, {"go-modules-needed": "5", "go-modules-downloaded": "0"})
    node.end(test)
    build = until_pod(site, name, "build-push-image(0)")
    node.run(build)
    digest = {"digest": "sha256:evil", "tags": "x", "image-cache-metrics": "{}"}
    assert refused(lambda: code.create(forged(name, build, digest, site.namespace)))
    assert environment(build)["SOURCE"] == SHA
    main = next(each for each in build["spec"]["containers"] if each["name"] == "main")
    places = {each["subPath"] for each in main["volumeMounts"] if each.get("subPath")}
    assert places == {f"hookline/source/{GOOD['repository']}", f"hookline/image/{GOOD['repository']}"}
    report(site, build, {"image-cache-metrics": "{}", "digest": "sha256:1", "tags": "v1.0.0"})
    node.end(build)
    until(lambda: phase(site, name).startswith("Succeeded"), "the Workflow has succeeded")
    nodes = site.api.get(API, "Workflow", name, site.namespace)["status"]["nodes"]
    given = {each["name"]: each["value"] for each in nodes[name]["outputs"]["parameters"]}
    assert given == {"commit": SHA, "digest": "sha256:1", "tags": "v1.0.0"}


def test_no_container_that_runs_code_holds_a_token_in_any_step(site: Installation, node: VirtualNode) -> None:
    name = installed(site)
    outputs = (GOOD, {"go-modules-needed": "5"}, {"digest": "sha256:1", "tags": "v1.0.0"})
    for task, values in zip(("git-checkout-pr", "run-test", "build-push-image"), outputs, strict=True):
        pod = until_pod(site, name, f"{task}(0)")
        assert holders_of_tokens(pod) == ARGOS_OWN
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["serviceAccountName"] == "hookline-run"
        node.run(pod)
        report(site, pod, values)
        node.end(pod)
    until(lambda: phase(site, name).startswith("Succeeded"), "the Workflow has succeeded")


def test_the_account_of_the_code_may_ask_for_nothing(site: Installation) -> None:
    """Neither what it could read secrets with, nor what it could become another account with."""
    site.declare(DECLARATION.replace("run: {template: hookline-ci-go}", "run: {}"))
    site.apply()
    code = as_account(site, site.api.token(site.namespace, "hookline-run"))
    here = site.namespace
    for version, kind in (
        ("v1", "Secret"), ("v1", "ConfigMap"), ("v1", "Pod"), (API, "Workflow"), (API, "WorkflowTaskResult"), (API, "Sensor"),
        ("v1", "ServiceAccount"),
    ):  # fmt: skip
        assert refused(lambda version=version, kind=kind: code.list(version, kind, here))  # type: ignore[misc]
        assert refused(lambda version=version, kind=kind: code.delete_all(version, kind, here))  # type: ignore[misc]
    assert refused(lambda: code.get("v1", "Secret", "hookline-executor-token", here))
    assert refused(lambda: code.token(here, "hookline-executor"))
    assert refused(lambda: code.token(here, "hookline-sensor"))
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": here},
        "spec": {"serviceAccountName": "hookline-executor", "containers": [{"name": "x", "image": "x"}]},
    }  # fmt: skip
    assert refused(lambda: code.create(pod))


def test_argos_own_containers_report_with_the_token_that_kubernetes_put_into_the_secret(
    site: Installation, node: VirtualNode
) -> None:
    name = installed(site)
    pod = until_pod(site, name, "git-checkout-pr(0)")
    node.run(pod)

    def filled() -> str:
        secret = site.api.get("v1", "Secret", "hookline-executor-token", site.namespace)
        return base64.b64decode(secret.get("data", {}).get("token", "")).decode()

    executor = as_account(site, until(filled, "Kubernetes has filled the Secret"))
    executor.create(forged(name, pod, {}, site.namespace))
    change = {"outputs": parameters(GOOD)}
    executor.patch(API, "WorkflowTaskResult", node_id(pod), site.namespace, change)
    node.end(pod)
    assert environment(until_pod(site, name, "run-test(0)"))["SOURCE"] == SHA
    # The least that the executor works with, and no more.
    assert refused(lambda: executor.list(API, "WorkflowTaskResult", site.namespace))
    assert refused(lambda: executor.list(API, "Workflow", site.namespace))
    assert refused(lambda: executor.list("v1", "Secret", site.namespace))


OWN_ACCOUNT = DECLARATION.replace(
    "run: {template: hookline-ci-go}", "run: {template: hookline-ci-go, service_account: ci-runner}"
)


@pytest.mark.usefixtures("node")
def test_an_account_of_ones_own_is_in_every_container_as_validate_says(site: Installation) -> None:
    """The other way round: what the tests above look for is there when somebody opts out."""
    manifest = shipped("hookline-ci-go")
    site.api.apply(manifest, manifest_text(manifest))
    account = {"name": "ci-runner", "namespace": site.namespace}
    site.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    template = manifest_template(manifest, "the one that is applied").template
    site.declare_files([("hookline.yaml", OWN_ACCOUNT.encode())], {template.name: template})
    assert any("hold a token of ci-runner" in each.message for each in site.plan.warnings)
    site.apply()
    site.start()
    push(site, OTHER_SHA)
    name = str(site.until_workflows(1)[0]["metadata"]["name"])
    pod = until_pod(site, name, "git-checkout-pr(0)")
    assert set(holders_of_tokens(pod)) == {"init", "wait", "main"}
    assert pod["spec"]["serviceAccountName"] == "ci-runner"
