"""One event, many runs, on the real engines: what the Sensor makes of it, and what the fan-out's pod starts with the rights that hookline prints.

Each promise ends with an exact count of Workflows: none is lost, none is there twice.
"""

import json
import signal
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
import yaml
from cluster.api import ApiError, Json
from cluster.fan_out_pod import FanOutPod
from cluster.fleet import HOOKLINE_IMAGE, base_image, base_image_event, monorepo, monorepo_event
from cluster.installation import API, Installation, masked
from cluster.test_bus import SETTLED_SECONDS, answer, pause
from cluster.test_templates import phase, report
from cluster.test_tokens import as_account, refused
from cluster.tokens import holders_of_tokens
from cluster.virtual_node import PENDING_SECONDS, VirtualNode
from cluster.waiting import until

from events.delivery import BusEvent
from hookline.fanning_out.needs import OUTPUTS

LABEL, OF = "hookline.dev/fan-out-runs", "hookline.dev/fan-out"
KILLS = 20
ORDER = 40
"""Runs of an order that is killed."""
QUOTA = "count/workflows.argoproj.io"
TEAM = "    namespace: team-{}\n"


def cluster(pace: str = "every: 0s") -> str:
    """Keys of the cluster: fan-outs with this pace."""
    return f"image: '{HOOKLINE_IMAGE}', fan_out: {{{pace}}}, "


def fan_outs(site: Installation) -> list[Json]:
    return [each for each in site.workflows() if LABEL in each["metadata"]["labels"]]


def runs(site: Installation) -> dict[str, Json]:
    """Name → each run, as the API server has it, without what only the API server or the moment gives it."""
    found = [each for each in site.workflows() if LABEL not in each["metadata"]["labels"]]
    assert len({each["metadata"]["name"] for each in found}) == len(found)
    return {each["metadata"]["name"]: masked(each) for each in found}


def built(site: Installation) -> Counter[tuple[str, str]]:
    """(digest or commit, pipeline) → how many runs."""
    return Counter(
        (
            each["metadata"]["annotations"]["hookline.dev/sha"],
            each["metadata"]["labels"]["hookline.dev/pipeline"],
        )
        for each in runs(site).values()
    )


def simulated(site: Installation, event: Json) -> dict[str, Json]:
    """The same as `hookline simulate` says it of an event."""
    found = site.simulated(BusEvent(event["source"], event["subject"], event["data"], event))
    made = [each.workflow for each in found.results if each.workflow]
    return {each["metadata"]["name"]: masked(each) for each in made}


def published(site: Installation, event: Json, count: int = 1) -> list[str]:
    """Put an event on the bus; names of the fan-outs that are new."""
    before = {each["metadata"]["name"] for each in fan_outs(site)}
    site.bus.publish([event])
    until(lambda: len(fan_outs(site)) >= len(before) + count, f"{count} more fan-outs exist")
    site.bus.until_settled(site.consumers)
    found = sorted({each["metadata"]["name"] for each in fan_outs(site)} - before)
    assert len(found) == count
    return found


def worked_off(site: Installation, name: str, folder: Path, *arguments: str, code: int = 0) -> FanOutPod:
    """The pod of a fan-out, after it has ended by itself."""
    pod = FanOutPod(site, name, folder, arguments)
    assert pod.ended() == code, pod.log
    return pod


def counts(**some: int) -> dict[str, int]:
    return {"started": 0, "existing": 0, "replaced": 0, "refused": 0} | some


# --- One image, three hundred pipelines ------------------------------------------------------------------------------


def until_pod(site: Installation, workflow: str, before: Json | None = None) -> Json:
    """The pod that the controller has made; after another one, the next."""
    old = None if before is None else before["metadata"]["uid"]

    def found() -> Json | None:
        said = phase(site, workflow)
        if said.startswith(("Error", "Failed", "Succeeded")):
            raise AssertionError(f"{workflow} has ended: {said}")
        pods = site.api.list("v1", "Pod", site.namespace, f"workflows.argoproj.io/workflow={workflow}")
        new = [
            each for each in pods if each["metadata"]["uid"] != old and each["status"]["phase"] == "Pending"
        ]
        return new[0] if new else None

    return until(found, f"the controller has made a pod of {workflow}")


def test_one_image_starts_three_hundred_pipelines_by_one_fan_out_and_ten_deliveries_more_change_nothing(
    site: Installation, tmp_path: Path
) -> None:
    site.install(base_image(300, cluster()))
    assert len(site.sensor_pods) == 1
    event = base_image_event(site)
    expected = simulated(site, event)
    assert len(expected) == 300
    (name,) = published(site, event)
    assert worked_off(site, name, tmp_path).counts == counts(started=300)
    assert runs(site) == expected

    # The same event again, the same push by other events, and a pod that begins again.
    site.bus.publish([event] * 5, doubles=True)
    site.bus.publish([base_image_event(site, delivery=str(number)) for number in range(5)])
    site.bus.until_settled(site.consumers)
    assert site.bus.stream().state.messages == 11
    assert [each["metadata"]["name"] for each in fan_outs(site)] == [name]
    assert worked_off(site, name, tmp_path).counts == counts(existing=300)
    assert runs(site) == expected


def test_orders_of_a_thousand_runs_travel_whole(site: Installation, tmp_path: Path) -> None:
    site.install(base_image(1_000, cluster()))
    event = base_image_event(site)
    names = published(site, event, count=len(site.sensor_pods))
    pods = [FanOutPod(site, name, tmp_path) for name in names]
    assert [pod.ended() for pod in pods] == [0] * len(pods)
    assert sum(pod.counts["started"] for pod in pods) == 1_000
    assert sum(len(pod.outputs["runs"].splitlines()) for pod in pods) == 1_000
    assert runs(site) == simulated(site, event)
    sizes = [len(each["spec"]["arguments"]["parameters"][0]["value"]) for each in fan_outs(site)]
    print(f"1,000 runs: orders of {sizes} bytes")


@pytest.mark.usefixtures("workflows")
def test_argo_starts_the_pod_again_when_it_was_killed_or_taken_away(
    site: Installation, tmp_path: Path
) -> None:
    node = VirtualNode(site.api, name="virtual-kubelet-fan-out")
    site.install(base_image(ORDER, cluster("at_once: 10, every: 2s")))
    event = base_image_event(site)
    (name,) = published(site, event)

    # The pod as the controller makes it: its command, its account, its token.
    pod = until_pod(site, name)
    main = next(each for each in pod["spec"]["containers"] if each["name"] == "main")
    assert main["command"][-1:] == ["hookline"]
    given = ["fan-out", "--namespace", site.namespace, "--workflow", name, "--outputs", OUTPUTS]
    assert main["args"] == given
    assert pod["spec"]["serviceAccountName"] == "hookline-fan-out"
    assert "main" in holders_of_tokens(pod)

    # Killed, as for its memory or by an eviction; then taken away with its node; then it comes to its end.
    node.run(pod)
    process = FanOutPod(site, name, tmp_path)
    until(lambda: process.done >= 10, "some runs have started", pause=0.005)
    process.process.kill()
    node.end(pod, exit_code=137, seconds=-PENDING_SECONDS)  # before now: the controller waits from then on
    pod = until_pod(site, name, pod)
    node.run(pod)
    process = FanOutPod(site, name, tmp_path)
    until(lambda: process.done >= 20, "more runs have started", pause=0.005)
    process.process.kill()
    node.delete(pod)
    pod = until_pod(site, name, pod)
    node.run(pod)
    process = FanOutPod(site, name, tmp_path)
    assert process.ended() == 0, process.log
    report(site, pod, process.outputs)
    node.end(pod)
    until(lambda: phase(site, name).startswith("Succeeded"), "the fan-out has succeeded")
    told = json.loads(outputs(site, name)["counts"])
    assert told["started"] + told["existing"] == ORDER
    assert told["existing"] >= 20
    assert runs(site) == simulated(site, event)


def outputs(site: Installation, name: str) -> dict[str, str]:
    """Outputs of a fan-out's last pod, as the controller tells them."""
    nodes = site.api.get(API, "Workflow", name, site.namespace)["status"]["nodes"].values()
    said = [each["outputs"]["parameters"] for each in nodes if "parameters" in each.get("outputs", {})]
    return {each["name"]: each["value"] for each in said[-1]}


@pytest.mark.usefixtures("workflows")
def test_argo_does_not_start_a_pod_again_that_says_that_runs_were_refused_to_the_end(
    site: Installation,
) -> None:
    node = VirtualNode(site.api, name="virtual-kubelet-fan-out")
    site.install(base_image(5, cluster()))
    (name,) = published(site, base_image_event(site))
    pod = until_pod(site, name)
    node.run(pod)
    words = {"counts": '{"started": 4, "existing": 0, "replaced": 0, "refused": 1}', "runs": "refused: no\n"}
    report(site, pod, words)
    node.end(pod, exit_code=1, seconds=-PENDING_SECONDS)
    until(lambda: phase(site, name).startswith("Failed"), "the fan-out has failed")
    nodes = site.api.get(API, "Workflow", name, site.namespace)["status"]["nodes"].values()
    assert sum(each["type"] == "Pod" for each in nodes) == 1
    assert outputs(site, name) == words


def _is_so_far(pod: FanOutPod, runs: int) -> bool:
    """Whether it has begun and done so many runs, or has ended."""
    return not pod.process.running or (pod.begun and pod.done >= runs)


def test_a_pod_that_is_killed_at_twenty_moments_loses_and_doubles_no_run(
    site: Installation, tmp_path: Path
) -> None:
    site.install(base_image(ORDER, cluster()))
    killed: list[int] = []
    for number in range(KILLS):
        if len(killed) >= KILLS:
            break
        event = base_image_event(site, number)
        (name,) = published(site, event)
        for moment in (0, 8, 16, 24, 32):
            pod = FanOutPod(site, name, tmp_path)
            until(partial(_is_so_far, pod, moment), "it is so far", pause=0.002)
            if pod.process.running:
                pod.process.signal(signal.SIGKILL)
                if pod.ended() == -signal.SIGKILL:
                    killed.append(pod.done)
        pod = worked_off(site, name, tmp_path)
        assert sum(pod.counts.values()) == ORDER
        assert pod.counts["refused"] == pod.counts["replaced"] == 0
        sha = event["data"]["body"]["event_data"]["resources"][0]["digest"]
        mine = {pipeline: count for (digest, pipeline), count in built(site).items() if digest == sha}
        assert mine == dict.fromkeys((f"service-{each:04d}" for each in range(ORDER)), 1)
    print(f"killed {len(killed)} times, after {sorted(killed)} runs")
    assert len(killed) >= KILLS
    assert any(0 < each < ORDER for each in killed)


def test_an_api_server_that_is_down_in_the_middle_loses_and_doubles_no_run(
    site: Installation, tmp_path: Path
) -> None:
    site.install(base_image(120, cluster("at_once: 20, every: 1s"), TEAM.format(site.namespace)))
    event = base_image_event(site)
    (name,) = published(site, event)
    pod = FanOutPod(site, name, tmp_path)
    until(lambda: pod.done >= 30, "a quarter of the runs has started", pause=0.01)
    site.cluster.process("kube-apiserver").kill()
    pause(3)
    assert pod.process.running
    assert pod.done < 120
    site.cluster.restart_api_server()
    assert pod.ended() == 0, pod.log
    assert pod.counts == counts(started=120)
    assert runs(site) == simulated(site, event)
    namespaces = Counter(each["metadata"]["namespace"] for each in runs(site).values())
    assert namespaces == {site.namespace: 60, f"team-{site.namespace}": 60}
    _the_account_may_do_nothing_else(site, next(iter(runs(site).values())))


def _the_account_may_do_nothing_else(site: Installation, run: Json) -> None:
    """Asked of the real API server, with a token of the pod's account."""
    account = as_account(site, site.api.token(site.namespace, "hookline-fan-out"))
    other = {**run, "metadata": {**run["metadata"], "name": "asked-by-the-test"}}

    def in_namespace(name: str) -> Json:
        return {**other, "metadata": {**other["metadata"], "namespace": name}}

    stop = {"spec": {"shutdown": "Stop"}}
    for place in site.namespaces:
        assert not refused(lambda place=place: account.create(in_namespace(place), dry_run=True))  # type: ignore[misc]  # a default holds the value
        existing = next(
            each["metadata"]["name"] for each in runs(site).values() if each["metadata"]["namespace"] == place
        )
        assert refused(lambda place=place, name=existing: account.delete(API, "Workflow", name, place))  # type: ignore[misc]
        assert refused(lambda place=place, name=existing: account.patch(API, "Workflow", name, place, stop))  # type: ignore[misc]
        for version, kind in (("v1", "Secret"), ("v1", "Pod"), (API, "WorkflowTemplate"), (API, "Sensor")):
            assert refused(lambda version=version, kind=kind, place=place: account.list(version, kind, place))  # type: ignore[misc]
    assert refused(lambda: account.create(in_namespace("default"), dry_run=True))
    assert refused(lambda: account.list(API, "Workflow", f"team-{site.namespace}"))


# --- Refusals, edits, newer digests ----------------------------------------------------------------------------------


def allow(site: Installation, namespace: str, count: int) -> None:
    """Let a namespace have so many Workflows, as its administrator and the controller of quotas do together."""
    hard = {QUOTA: str(count)}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "runs", "namespace": namespace},
        "spec": {"hard": hard},
    }
    site.api.apply(quota)
    status: Json = {"hard": hard}
    if not site.api.get("v1", "ResourceQuota", "runs", namespace).get("status", {}).get("used"):
        status["used"] = {QUOTA: "0"}
    site.api.patch("v1", "ResourceQuota", "runs", namespace, {"status": status}, "/status")


def test_a_quota_that_refuses_one_run_keeps_no_other_and_the_run_starts_when_there_is_room(
    site: Installation, tmp_path: Path
) -> None:
    site.install(base_image(ORDER, cluster(), TEAM.format(site.namespace)))
    team, event = f"team-{site.namespace}", base_image_event(site)
    expected = simulated(site, event)
    probe = next(each for each in expected.values() if each["metadata"]["namespace"] == team)
    allow(site, team, 0)
    until(lambda: site.refuses(probe), "the quota holds")
    allow(site, team, ORDER // 2 - 1)
    until(lambda: not site.refuses(probe), "the quota has room")
    (name,) = published(site, event)

    pod = worked_off(site, name, tmp_path, "--retry-refused=0s", code=1)
    assert pod.counts == counts(started=ORDER - 1, refused=1)
    (line,) = [each for each in pod.outputs["runs"].splitlines() if " refused: " in each]
    assert "exceeded quota: runs" in line
    (missing,) = expected.keys() - runs(site).keys()
    assert line.startswith(f"{team}/{missing} ")

    again = FanOutPod(site, name, tmp_path)
    until(lambda: "exceeded quota" in again.log, "the run was refused again")
    assert again.done == ORDER - 1
    allow(site, team, ORDER)
    assert again.ended() == 0, again.log
    assert again.counts == counts(started=1, existing=ORDER - 1)
    assert runs(site) == expected


def test_an_edit_while_a_fan_out_waits_changes_nothing_of_it(site: Installation, tmp_path: Path) -> None:
    text = base_image(8, cluster("quiet: 20s"))
    site.install(text)
    event = base_image_event(site)
    expected = simulated(site, event)
    (name,) = published(site, event)
    pod = FanOutPod(site, name, tmp_path)
    until(lambda: pod.begun, "the pod has begun")
    edited = (
        base_image(7, cluster("quiet: 0s")) + "defaults: {run: {template: hookline-ci-go, priority: 3}}\n"
    )
    site.apply(edited)
    assert (runs(site), pod.process.running) == ({}, True)
    site.start()
    assert pod.ended() == 0, pod.log
    assert pod.counts == counts(started=8)
    assert runs(site) == expected

    # What comes after the edit is of the edit.
    later = base_image_event(site, 1)
    (name,) = published(site, later)
    assert worked_off(site, name, tmp_path).counts == counts(started=7)
    assert runs(site) == expected | simulated(site, later)
    templates = Counter(each["spec"]["workflowTemplateRef"]["name"] for each in runs(site).values())
    assert sorted(templates.values()) == [7, 8]


def test_a_newer_digest_takes_over_what_the_older_fan_out_has_not_started(
    site: Installation, tmp_path: Path
) -> None:
    site.install(base_image(ORDER, cluster("at_once: 8, every: 3s")))
    older = base_image_event(site, 1, time="2026-11-24T02:30:00Z")
    newer = base_image_event(site, 2, time="2026-11-24T02:31:00Z")
    (first,) = published(site, older)
    begun = FanOutPod(site, first, tmp_path)
    until(lambda: begun.done >= 8, "the first runs have started", pause=0.01)
    (second,) = published(site, newer)
    assert worked_off(site, second, tmp_path).counts == counts(started=ORDER)
    assert begun.ended() == 0, begun.log
    started = begun.counts["started"]
    assert 8 <= started < ORDER
    assert begun.counts == counts(started=started, replaced=ORDER - started)
    assert begun.outputs["runs"].count(f" replaced by {second}\n") == ORDER - started
    before, after = simulated(site, older), simulated(site, newer)
    found = runs(site)
    assert len(found) == ORDER + started
    assert found.items() <= (before | after).items()
    assert after.items() <= found.items()


def test_an_older_event_that_comes_after_the_newer_one_starts_nothing(
    site: Installation, tmp_path: Path
) -> None:
    site.install(base_image(ORDER, cluster("at_once: 10, every: 1s")))
    newer = base_image_event(site, 2, time="2026-11-24T02:31:00Z")
    older = base_image_event(site, 1, time="2026-11-24T02:30:00Z")
    other_tag = base_image_event(site, 3, tag="1.25", time="2026-11-24T02:30:00Z")
    (second,) = published(site, newer)
    (first,) = published(site, older)
    (third,) = published(site, other_tag)
    # The newer one need not have begun.
    assert worked_off(site, first, tmp_path).counts == counts(replaced=ORDER)
    assert worked_off(site, second, tmp_path).counts == counts(started=ORDER)
    assert worked_off(site, third, tmp_path).counts == counts(started=ORDER)
    assert runs(site) == simulated(site, newer) | simulated(site, other_tag)


# --- A monorepo, and what was lost -----------------------------------------------------------------------------------


def test_a_push_to_a_monorepo_starts_the_one_pipeline_of_its_file_at_once_and_all_of_a_shared_file_by_a_fan_out(
    site: Installation, tmp_path: Path
) -> None:
    site.install(monorepo(50, cluster(), "go.mod"))
    assert len(site.sensor_pods) == 1
    nothing, one, shared = (
        monorepo_event(site, number, file)
        for number, file in enumerate(("README.md", "part-07/main.go", "go.mod"))
    )
    site.bus.publish([nothing, one])
    site.until_workflows(1)
    assert runs(site) == simulated(site, one)
    (run,) = runs(site).values()
    assert run["metadata"]["labels"]["hookline.dev/pipeline"] == "part-07"
    assert OF not in run["metadata"]["labels"]
    (name,) = published(site, shared)
    assert worked_off(site, name, tmp_path).counts == counts(started=50)
    found = runs(site)
    assert found == simulated(site, one) | simulated(site, shared)
    assert [each["metadata"]["labels"].get(OF) for each in found.values()].count(name) == 50


def test_reconcile_brings_a_lost_fan_out_back_once_and_leaves_the_runs_of_one_that_is_there_to_it(
    site: Installation, tmp_path: Path
) -> None:
    text = base_image(5, cluster()).replace("namespace: ci", f"namespace: {site.namespace}")
    file = tmp_path / "hookline.yaml"
    file.write_text(text, "utf-8")
    # Its ttl says for how long runs are there.
    site.api.apply(yaml.safe_load((Path(__file__).parent / "ci-go-v1.yaml").read_text("utf-8")))
    site.install(text)
    pause(SETTLED_SECONDS)
    event = base_image_event(site)
    (name,) = published(site, event)
    worked_off(site, name, tmp_path)
    expected = runs(site)
    pause(SETTLED_SECONDS)

    deleted = sorted(expected)[:2]
    for each in deleted:
        site.api.delete(API, "Workflow", each, site.namespace)
    left = answer(site, file, "reconcile", "--grace", "1s")
    assert left["counts"] == {"EXISTS": 3, "FAN_OUT": 2}
    assert {(each["action"], each["reason"]) for each in left["items"]} == {("left alone", "FAN_OUT")}
    assert len(site.workflows()) == 4

    for each in [*expected.keys() - {*deleted}, name]:
        site.api.delete(API, "Workflow", each, site.namespace)
    until(lambda: not site.workflows(), "all are gone")
    lost = answer(site, file, "reconcile", "--grace", "1s", "--dry-run", code=1)
    assert lost["counts"] == {"LOST": 5}
    made = answer(site, file, "reconcile", "--grace", "1s")
    assert {each["action"] for each in made["items"]} == {"created"}
    assert [each["metadata"]["name"] for each in site.workflows()] == [name]
    assert answer(site, file, "reconcile", "--grace", "1s")["counts"] == {"FAN_OUT": 5}
    assert worked_off(site, name, tmp_path).counts == counts(started=5)
    assert runs(site) == expected
    assert answer(site, file, "reconcile", "--grace", "1s")["counts"] == {"EXISTS": 5}


@pytest.mark.parametrize(
    "change", [{"spec": {"arguments": {"parameters": [{"name": "order", "value": "{}"}]}}}]
)
def test_an_order_that_somebody_has_changed_starts_nothing(
    site: Installation, tmp_path: Path, change: Json
) -> None:
    site.install(base_image(5, cluster()))
    (name,) = published(site, base_image_event(site))
    try:
        site.api.patch(API, "Workflow", name, site.namespace, change)
    except ApiError as error:
        pytest.fail(f"the order cannot be changed: {error}")
    pod = worked_off(site, name, tmp_path, code=2)
    assert "its order cannot be read" in pod.log or "its argument order is none of hookline's" in pod.log
    assert runs(site) == {}
