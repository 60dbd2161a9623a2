"""One push starts twelve pipelines: a pod of hookline's own image starts their runs, under kubelet and with the rights that were rendered."""

import datetime
import json
import os
import signal

import pytest
from cluster.api import Json
from cluster.waiting import until
from node.declaration import MANY, MONOREPO
from node.installation import NAMESPACE, Project
from node.memory import containers
from node.world import World

API = "argoproj.io/v1alpha1"


@pytest.fixture(scope="module")
def monorepo(world: World) -> Project:
    made = Project(world.hookline, MONOREPO)
    made.add_webhooks()
    return made


def fan_out_of(world: World, commit: str) -> Json:
    """The fan-out of a commit, as soon as it is there."""

    def found() -> Json | None:
        several = [
            each
            for each in world.cluster.api.list(API, "Workflow", NAMESPACE, "hookline.dev/fan-out-runs")
            if each["metadata"]["annotations"]["hookline.dev/sha"] == commit
        ]
        assert len(several) < 2
        return several[0] if several else None

    return until(found, f"the fan-out of {commit} is there", pause=0.2)


def runs_of(world: World, fan_out: Json) -> dict[str, Json]:
    """The runs that a fan-out has started, by pipeline."""
    name = fan_out["metadata"]["name"]
    found = world.cluster.api.list(API, "Workflow", NAMESPACE, f"hookline.dev/fan-out={name}")
    by_pipeline = {each["metadata"]["labels"]["hookline.dev/pipeline"]: each for each in found}
    assert len(by_pipeline) == len(found), "a pipeline runs once"
    return by_pipeline


def counts_of(fan_out: Json) -> dict[str, int]:
    """The output `counts` of the pod that ended last."""
    pods = [each for each in fan_out["status"]["nodes"].values() if each["type"] == "Pod"]
    last = max(pods, key=lambda each: str(each["startedAt"]))
    (text,) = (each["value"] for each in last["outputs"]["parameters"] if each["name"] == "counts")
    counts: dict[str, int] = json.loads(text)
    return counts


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def test_a_push_starts_all_pipelines_of_a_repository_by_one_pod_at_their_pace(
    world: World, monorepo: Project
) -> None:
    commit = monorepo.push({"README.md": "one\n"})
    fan_out = world.hookline.until_ended(fan_out_of(world, commit)["metadata"]["name"])
    assert fan_out["status"]["phase"] == "Succeeded", fan_out["status"]
    runs = runs_of(world, fan_out)
    assert sorted(runs) == list(MANY)
    for run in runs.values():
        assert world.hookline.until_ended(run["metadata"]["name"])["status"]["phase"] == "Succeeded"
    assert counts_of(fan_out) == {"started": 12, "existing": 0, "replaced": 0, "refused": 0}
    (pod,) = (each for each in fan_out["status"]["nodes"].values() if each["type"] == "Pod")
    created = sorted(at(each["metadata"]["creationTimestamp"]) for each in runs.values())
    # Four at once, the next ones three seconds later; times are of whole seconds.
    assert (created[-1] - created[0]).total_seconds() >= 5
    pushed = at(fan_out["metadata"]["annotations"]["hookline.dev/event-time"])
    for what, time in (
        ("the fan-out", at(fan_out["metadata"]["creationTimestamp"])),
        ("its pod", at(pod["startedAt"])),
        ("the first run", created[0]),
        ("the last run", created[-1]),
    ):
        world.say(f"{(time - pushed).total_seconds():.0f} s after the push: {what}")


@pytest.mark.parametrize("how", ["deleted", "killed"])
def test_a_fan_out_whose_pod_is_lost_goes_on_in_another_and_starts_nothing_twice(
    world: World, monorepo: Project, how: str
) -> None:
    commit = monorepo.push({"README.md": f"{how}\n"})
    fan_out = fan_out_of(world, commit)
    name = fan_out["metadata"]["name"]

    def begun() -> bool:
        nodes = world.cluster.api.get(API, "Workflow", name, NAMESPACE).get("status", {}).get("nodes", {})
        # Argo takes another pod for the same attempt where it has not seen the first one run.
        running = any((each["type"], each["phase"]) == ("Pod", "Running") for each in nodes.values())
        return running and len(runs_of(world, fan_out)) >= 4

    until(begun, "the first runs are there", pause=0.05)
    selector = f"workflows.argoproj.io/workflow={name}"
    if how == "deleted":
        world.hookline.shell(f"kubectl -n {NAMESPACE} delete pod -l {selector} --wait=false")
    else:
        (main,) = (each for each in containers(world.cluster, NAMESPACE, selector) if each.name == "main")
        for process in main.process_ids:
            os.kill(process, signal.SIGKILL)
    ended = world.hookline.until_ended(name)
    assert ended["status"]["phase"] == "Succeeded", ended["status"]
    pods = [each for each in ended["status"]["nodes"].values() if each["type"] == "Pod"]
    if how == "killed":
        assert len(pods) == 2, pods
    assert sorted(runs_of(world, ended)) == list(MANY)
    counts = counts_of(ended)
    assert counts["started"] + counts["existing"] == 12
    # A pod that is deleted with a grace period may use it to end its work.
    assert len(pods) == 1 or counts["existing"] >= 4
