"""People start, repeat and stop runs on the real controllers, with the rights that the documentation names and no others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from cluster.api import Json
from cluster.control_plane import ControlPlane
from cluster.deliveries import signed
from cluster.installation import API, Installation
from cluster.test_sizes import HEAD, installed, sha, until_pod
from cluster.test_templates import report
from cluster.test_tokens import GOOD
from cluster.virtual_node import VirtualNode
from cluster.waiting import until
from support import ROOT, github_push

from hookline.cli import main
from hookline.declaration.templates import manifest_template
from hookline.output import manifest_text
from runs.objects import workflow_of
from runs.outcomes import run_outcome
from triggers.shipped import shipped
from triggers.words import PREFIX

TEXT = HEAD.replace("builds: 2", "builds: 1").replace('["**"]', "[main]") + (
    "  run: {template: hookline-ci-go, limit: builds}\n"
    "pipelines:\n"
    "  plain: {repository: acme/plain}\n"
    "  other: {repository: acme/other}\n"
)
RIGHTS = "rbac.authorization.k8s.io/v1"
Hookline = Callable[..., Result]


@pytest.fixture
def ada(site: Installation, cluster: ControlPlane, tmp_path: Path) -> Hookline:
    """The commands as a person runs them who has the Role of docs/running-by-hand.md."""
    manifest = shipped("hookline-ci-go")
    site.api.apply(manifest, manifest_text(manifest))
    template = manifest_template(manifest, "the one that is applied").template
    text = TEXT.replace("namespace: ci,", f"namespace: {site.namespace},")
    assert text != TEXT
    site.declare_files([("hookline.yaml", text.encode())], {template.name: template})
    site.apply()
    page = (ROOT / "docs/running-by-hand.md").read_text("utf-8")
    role = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])
    role["metadata"]["namespace"] = site.namespace
    site.api.apply(role)
    where = {"name": "ada", "namespace": site.namespace}
    site.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": where})
    site.api.apply(
        {
            "apiVersion": RIGHTS,
            "kind": "RoleBinding",
            "metadata": where,
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Role",
                "name": role["metadata"]["name"],
            },
            "subjects": [{"kind": "ServiceAccount", **where}],
        }
    )
    config = json.loads(cluster.kubeconfig.read_text())
    for each in config["users"]:
        each["user"] = {"token": site.api.token(site.namespace, "ada")}
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    (tmp_path / "hookline.yaml").write_text(text)

    def hookline(*arguments: str) -> Result:
        more = ("-f", str(tmp_path / "hookline.yaml"), "--kubeconfig", str(tmp_path / "kubeconfig"))
        return CliRunner().invoke(main, [*arguments, *more])

    return hookline


def created(hookline: Hookline, *arguments: str) -> str:
    """The name of the run that a command creates."""
    result = hookline(*arguments, "-o", "name")
    assert result.exit_code == 0, result.output
    return result.stdout.strip().rpartition("/")[2]


def live(site: Installation, name: str) -> Json:
    return site.api.get(API, "Workflow", name, site.namespace)


def told(site: Installation, name: str) -> tuple[str, str]:
    """The kind of the event, and the outcome, as the exporter would count the run."""
    found = workflow_of(live(site, name), frozenset())
    assert found is not None
    assert found.ended
    return found.event, run_outcome(found, ())


def green(site: Installation, node: VirtualNode, name: str) -> None:
    outputs: tuple[dict[str, str], ...] = (
        GOOD,
        {"go-modules-needed": "5"},
        {"digest": "sha256:1", "tags": "v1.0.0"},
    )
    for task, values in zip(("git-checkout-pr", "run-test", "build-push-image"), outputs, strict=True):
        pod = until_pod(site, name, task)
        node.run(pod)
        report(site, pod, values)
        node.end(pod)
    until(lambda: live(site, name).get("status", {}).get("phase") == "Succeeded", "the run has succeeded")


def waits(site: Installation, name: str) -> bool:
    status = live(site, name).get("status", {})
    return status.get("phase") == "Pending" and "Waiting for" in status.get("message", "")


def works(site: Installation, node: VirtualNode, name: str) -> Json:
    """The pod of its first step, once the controller has seen that it runs."""
    pod = until_pod(site, name, "git-checkout-pr")
    node.run(pod)

    def seen() -> Any:
        nodes = live(site, name).get("status", {}).get("nodes", {}).values()
        return any(each["type"] == "Pod" and each["phase"] == "Running" for each in nodes)

    until(seen, "the controller has seen it run")
    return pod


@pytest.mark.usefixtures("workflows")
def test_a_run_by_hand_succeeds_and_its_repetition_does_the_same(
    site: Installation, node: VirtualNode, ada: Hookline
) -> None:
    name = created(ada, "run", "plain", "--branch", "main", "--sha", sha(1), "--because", "try it")
    made = live(site, name)
    assert (
        made["metadata"]["annotations"].items()
        >= {
            f"{PREFIX}started-by": f"system:serviceaccount:{site.namespace}:ada",
            f"{PREFIX}because": "try it",
        }.items()
    )
    green(site, node, name)
    assert told(site, name) == ("manual", "success")
    again = created(ada, "rerun", name)
    repeated = live(site, again)
    assert repeated["spec"] == made["spec"]
    green(site, node, again)
    assert told(site, again) == ("manual", "success")
    # What has ended is left alone.
    result = ada("cancel", name)
    assert (result.exit_code, "had ended before: Succeeded" in result.stdout) == (0, True)
    assert "shutdown" not in live(site, name)["spec"]


@pytest.mark.usefixtures("workflows")
def test_a_run_that_works_is_stopped_and_one_that_waits_never_starts(
    site: Installation, node: VirtualNode, ada: Hookline
) -> None:
    working = created(ada, "run", "plain")
    pod = works(site, node, working)
    waiting = created(ada, "run", "other")
    until(lambda: waits(site, waiting), "the second run waits for the limit")
    result = ada("cancel", "--pipeline", "other", "--because", "not now")
    assert result.exit_code == 0, result.output
    ended = live(site, waiting)
    assert ended["spec"]["shutdown"] == "Terminate"
    assert ended["metadata"]["annotations"][f"{PREFIX}cancelled-because"] == "not now"
    assert told(site, waiting) == ("manual", "cancellation")
    asked = ada("cancel", working, "--no-wait")
    assert asked.exit_code == 0, asked.output
    assert live(site, working)["spec"]["shutdown"] == "Stop"
    node.end(pod, 143)
    result = ada("cancel", working)
    assert result.exit_code == 0, result.output
    assert told(site, working) == ("manual", "cancellation")
    # The lock is free, and what waited for it stays ended.
    third = created(ada, "run", "plain")
    until_pod(site, third, "git-checkout-pr")
    found = site.api.list("v1", "Pod", site.namespace, f"workflows.argoproj.io/workflow={waiting}")
    assert found == []


@pytest.mark.usefixtures("workflows")
def test_a_run_that_was_stopped_while_it_waited_is_ended_after_all(
    site: Installation, node: VirtualNode, ada: Hookline
) -> None:
    """`argo stop` of a run that waits does nothing until it has the lock."""
    works(site, node, created(ada, "run", "plain"))
    waiting = created(ada, "run", "other")
    until(lambda: waits(site, waiting), "the second run waits for the limit")
    site.api.patch(API, "Workflow", waiting, site.namespace, {"spec": {"shutdown": "Stop"}})
    until(lambda: waits(site, waiting), "it waits as before")
    result = ada("cancel", waiting)
    assert result.exit_code == 0, result.output
    assert told(site, waiting) == ("manual", "cancellation")


@pytest.mark.usefixtures("workflows", "node")
def test_who_has_fewer_rights_is_told_so_and_nothing_changes(site: Installation, ada: Hookline) -> None:
    site.api.delete(RIGHTS, "RoleBinding", "ada", site.namespace)
    until(lambda: ada("cancel", "--pipeline", "plain").exit_code == 3, "the right is gone")
    for command in (("run", "plain"), ("rerun", "x"), ("cancel", "x")):
        result = ada(*command)
        assert result.exit_code == 3
        assert "403 Forbidden" in result.stderr
    assert site.workflows() == []


SUSPENDED = HEAD + (
    "  run: {template: hookline-ci-go}\n"
    "pipelines:\n"
    "  away: {repository: acme/away, suspended: {because: x, until: 2120-01-01}}\n"
    "  over: {repository: acme/over, suspended: {because: x, until: 2020-01-01}}\n"
    "  free: {repository: acme/free}\n"
    "  tick: {repository: acme/tick, suspended: {because: x}, events: {push: false, schedule: {at: '* * * * *', except: [2020-01-01]}}}\n"
    "  tock: {repository: acme/tock, suspended: {because: x, until: 2020-01-01}, events: {push: false, schedule: {at: '* * * * *'}}}\n"
)


def test_no_event_starts_a_suspended_pipeline_until_its_end_by_the_sensors_clock(site: Installation) -> None:
    installed(site, SUSPENDED)
    for number, name in enumerate(("away", "over", "free")):
        body = github_push(
            after=sha(number + 1),
            ref="refs/heads/main",
            head_commit__id=sha(number + 1),
            repository__full_name=f"acme/{name}",
        )
        assert site.deliver("github", signed("github", "/github", body, {"X-GitHub-Event": "push"}))[0] == 200

    def started() -> set[str]:
        return {each["metadata"]["labels"][f"{PREFIX}pipeline"] for each in site.workflows()}

    # What is delivered and fired later has found its run: the others had their turn.
    until(lambda: started() >= {"over", "free", "tock"}, "every other pipeline has a run")
    site.bus.until_settled(site.consumers)
    assert started() == {"over", "free", "tock"}
