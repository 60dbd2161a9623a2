"""The controller stops runs on real Argo: what a newer commit superseded, and the runs of a closed request. It has the rights that are rendered for it."""

from functools import partial
from pathlib import Path

import pytest
from cluster.api import Json
from cluster.deliveries import signed
from cluster.installation import API, Installation
from cluster.test_controller_bus import Instances, pause
from cluster.test_sizes import HEAD, installed, pods, sha, until_pod
from cluster.test_steering import live, told, waits, works
from cluster.virtual_node import VirtualNode
from cluster.waiting import until
from exporter_process import ControllerProcess
from support import edited, payload

from runs.objects import workflow_of
from runs.reports.status import status_of
from triggers.words import PREFIX

TEXT = HEAD.replace("builds: 2", "builds: 1").replace('{push: {branches: ["**"]}}', "{pull_request: {}}") + (
    "  run: {template: hookline-ci-go, limit: builds}\n"
    "controller: {cancel_closed: true}\n"
    "pipelines:\n"
    "  plain: {repository: acme/plain}\n"
)
SECOND = 1.1
"""Between two events of one request: their times have whole seconds."""
TOTAL = "hookline_controller_superseded_total"


def happened(site: Installation, number: int, commit: str, action: str) -> None:
    """An event of a request of acme/plain."""
    pause(SECOND)
    body = edited(
        payload("github/pull_request-opened"),
        action=action,
        number=number,
        pull_request__number=number,
        pull_request__draft=False,
        pull_request__head__sha=commit,
        pull_request__head__repo__full_name="acme/plain",
        pull_request__base__repo__full_name="acme/plain",
        repository__full_name="acme/plain",
    )
    request = signed("github", "/github", body, {"X-GitHub-Event": "pull_request"})
    assert site.deliver("github", request)[0] == 200


def started(site: Installation, number: int, commit: str, action: str = "synchronize") -> str:
    """The name of the run that an event of a request starts."""
    before = {each["metadata"]["name"] for each in site.workflows()}
    happened(site, number, commit, action)
    (found,) = {each["metadata"]["name"] for each in site.until_workflows(len(before) + 1)} - before
    return str(found)


def asked(site: Installation, name: str) -> str:
    """The shutdown that a run was asked for."""
    return str(live(site, name)["spec"].get("shutdown", ""))


def over(site: Installation, name: str) -> bool:
    return "finishedAt" in {key for key, value in live(site, name).get("status", {}).items() if value}


def description(site: Installation, name: str) -> str:
    found = workflow_of(live(site, name), frozenset())
    assert found is not None
    return status_of(found, "hookline/plain", "").description


def counted(controller: ControllerProcess, reason: str) -> float:
    return controller.value(TOTAL, source="github", reason=reason) or 0


def ended_by(site: Installation, node: VirtualNode, name: str, pod: Json) -> None:
    """The kubelet ends the pod that was told to end."""
    node.end(pod, 143)
    until(partial(over, site, name), f"{name} has ended")


@pytest.mark.usefixtures("workflows")
def test_older_commits_of_a_request_end_and_the_newest_goes_on_until_the_request_is_closed(
    site: Installation, node: VirtualNode, tmp_path: Path
) -> None:
    text = TEXT.replace("namespace: ci,", f'namespace: {site.namespace}, image: "none",', 1)
    assert text != TEXT
    installed(site, text)
    instances = Instances(site, tmp_path)
    with instances.one() as controller:
        controller.until(controller.ready, 60)
        running = started(site, 1, sha(1), "opened")
        pod = works(site, node, running)
        waiting = started(site, 2, sha(2), "opened")
        until(lambda: waits(site, waiting), "the run of the other request waits for the lock")

        # It waits for the lock: it is terminated, and never has a pod.
        newer = started(site, 2, sha(3))
        until(lambda: asked(site, waiting) == "Terminate", "the run that waits is terminated")
        until(lambda: over(site, waiting), "it has ended")
        assert live(site, waiting)["metadata"]["annotations"][f"{PREFIX}superseded-by"] == sha(3)
        assert told(site, waiting) == ("pull_request", "cancellation")
        assert description(site, waiting) == f"superseded by {sha(3)[:12]}"
        controller.until(lambda: counted(controller, "newer_commit") == 1)
        until(lambda: waits(site, newer), "the newer one waits for the same lock")
        controller.kill()

    # No controller is there while the commit comes: the next one finds the same.
    newest = started(site, 1, sha(4))
    assert asked(site, running) == ""
    with instances.one() as first, instances.one() as second:
        until(lambda: asked(site, running) == "Stop", "the run that works is stopped")
        ended_by(site, node, running, pod)
        assert told(site, running) == ("pull_request", "cancellation")
        assert description(site, running) == f"superseded by {sha(4)[:12]}"
        for each in (first, second):
            each.until(each.ready, 60)
        assert counted(first, "newer_commit") + counted(second, "newer_commit") == 1

        # The lock is free: the run of the other request goes on, and then its request is closed.
        pod = works(site, node, newer)
        assert pods(site, waiting) == {}
        happened(site, 2, sha(3), "closed")
        until(lambda: asked(site, newer) == "Stop", "the run of the closed request is stopped")
        ended_by(site, node, newer, pod)
        annotations = live(site, newer)["metadata"]["annotations"]
        assert annotations[f"{PREFIX}cancelled-because"] == "its request was closed"

        # Nothing of all that concerned the newest commit of the request that is open.
        until_pod(site, newest, "git-checkout-pr")
        assert asked(site, newest) == ""
        assert pods(site, waiting) == {}
        assert counted(first, "closed") + counted(second, "closed") == 1
        print(first.said[-1500:], second.said[-1500:])
    assert len(site.api.list(API, "Workflow", site.namespace)) == 4
