"""What an installation does with the pushes that arrive while somebody changes, upgrades and removes it."""

import json
import re

import pytest
import yaml
from cluster.waiting import until
from node.installation import Hookline, Project
from node.legacy import LEGACY
from node.pushes import Pushes
from node.world import World

USERS = {
    "configmap/private-ca",
    "persistentvolumeclaim/pvc-nas",
    "secret/docker-config",
    "secret/gitea-webhook",
}
"""What the user of the namespace made, by hookline template prerequisites and by hand."""
CLUSTERS = {"configmap/kube-root-ca.crt", "serviceaccount/default"}
"""What every namespace has."""
RUNS = {"event", "pod", "workflow.argoproj.io", "workflowtaskresult.argoproj.io"}
"""Kinds of what runs leave behind, for as long as they say."""


@pytest.fixture(scope="module")
def pushes(world: World, legacy: Hookline) -> Pushes:
    """To the installation of the last version."""
    legacy.until_receiving()
    made = Pushes(legacy, LEGACY, declared=True)
    made.push()
    made.check()
    world.say("the last version runs what is pushed")
    return made


def test_an_upgrade_from_the_last_version_loses_at_most_what_waits_and_says_so(
    legacy: Hookline, pushes: Pushes
) -> None:
    # Subscriptions get their lasting names.
    losing = json.loads(legacy.shell("hookline diff -o json || test $? = 1"))["subscriptions"]
    assert LEGACY in {pipeline for each in losing for pipeline in each["pipelines"]}
    with pushes.counting("upgrade", may_lose=True):
        legacy.shell("hookline apply")
    legacy.shell("hookline diff")  # its exit code is 0: nothing would change


def test_a_changed_declaration_that_is_applied_while_pushes_arrive_runs_each_once(
    legacy: Hookline, pushes: Pushes
) -> None:
    file = legacy.folder / "hookline.yaml"
    declared = yaml.safe_load(file.read_text())
    declared["pipelines"]["added"] = {
        "repository": {"source": "gitea", "name": "acme/added"},
        "run": {"template": "light"},
        "events": {"push": {"branches": ["main"]}},
    }
    declared["pipelines"][LEGACY]["events"]["push"]["branches"].append("release")
    file.write_text(yaml.safe_dump(declared, sort_keys=False))
    with pushes.counting("change"):
        legacy.shell("hookline apply")


def test_runs_and_event_pods_live_in_a_namespace_that_enforces_restricted(
    world: World, legacy: Hookline, pushes: Pushes
) -> None:
    labels = world.cluster.api.get("v1", "Namespace", LEGACY)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    added = Project(legacy, "added")
    added.add_webhooks()
    commit = added.push({"README.md": "added\n"})
    run = legacy.until_ended(legacy.until_run("added", "push", commit))
    said = [each.get("message") for each in run["status"].get("nodes", {}).values()]
    assert run["status"]["phase"] == "Succeeded", (run["status"].get("message"), said)
    assert commit in legacy.logs(run["metadata"]["name"])


def test_delete_leaves_what_is_the_users_and_nothing_else(legacy: Hookline) -> None:
    before = objects(legacy)
    assert before >= USERS | CLUSTERS
    assert "eventbus.argoproj.io/default" in before
    legacy.shell("hookline delete --yes")
    until(lambda: objects(legacy) <= USERS | CLUSTERS, "hookline's objects are gone", 120, 1)
    assert objects(legacy) == USERS | CLUSTERS
    assert legacy.shell("kubectl get clusterworkflowtemplate light -o name")


def objects(hookline: Hookline) -> set[str]:
    """kind/name of every object of the namespace, of every kind that the cluster has, but for what runs leave."""
    found = hookline.shell(
        "kubectl api-resources --verbs=list --namespaced -o name | paste -sd, | xargs -I{} "
        f"kubectl -n {hookline.namespace} get {{}} -o name --ignore-not-found"
    )
    names = {re.sub(r"^(\w+)\.(events\.k8s\.io)/", r"\1/", line) for line in found.split()}
    return {name for name in names if name.partition("/")[0] not in RUNS}
