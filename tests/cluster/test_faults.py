"""Faults, each with an exact count of Workflows at the end: what is lost, and that nothing runs twice.

docs/reliability.md tells users what these tests find.
"""

import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from cluster.deliveries import signed
from cluster.fleet import fleet, push_body, push_event
from cluster.installation import Installation
from cluster.waiting import NotYet, until

SHARDS = 8
"""Each Sensor makes about 2.5 Workflows a second; 200 events take ten seconds then, not eighty."""
REPOSITORIES = 200


def names(workflows: list[Any]) -> set[str]:
    return {each["metadata"]["labels"]["hookline.dev/pipeline"] for each in workflows}


def _past(moment: float) -> bool:
    return time.monotonic() > moment


def stop_sensors(site: Installation) -> None:
    for pod in site.sensor_pods:
        pod.running.kill()


def start_sensors(site: Installation) -> None:
    for pod in site.sensor_pods:
        pod.start()


def test_ten_deliveries_of_one_event_across_a_restart_are_one_workflow(site: Installation) -> None:
    site.install(fleet(1))
    site.bus.publish([push_event(site, 0, delivery=str(number)) for number in range(5)])
    site.until_workflows(1)
    stop_sensors(site)
    site.bus.publish([push_event(site, 0, delivery=str(number)) for number in range(5, 10)])
    start_sensors(site)
    site.until_ready()
    site.until_workflows(1)
    assert site.bus.stream().state.messages == 10


def test_events_that_arrive_while_the_sensors_are_down_all_run(site: Installation) -> None:
    site.install(fleet(REPOSITORIES, SHARDS))
    stop_sensors(site)
    site.bus.publish([push_event(site, number) for number in range(REPOSITORIES)])
    start_sensors(site)
    site.until_workflows(REPOSITORIES)


def test_an_edit_of_every_pipeline_loses_no_event_that_waits(site: Installation) -> None:
    site.install(fleet(REPOSITORIES, SHARDS))
    stop_sensors(site)
    site.bus.publish([push_event(site, number) for number in range(REPOSITORIES)])
    site.apply(fleet(REPOSITORIES, SHARDS, prefix="new-"))
    site.start()
    assert all(name.startswith("new-") for name in names(site.until_workflows(REPOSITORIES)))


def test_an_edit_while_events_flow_loses_and_doubles_none(site: Installation) -> None:
    site.install(fleet(REPOSITORIES, SHARDS))
    site.bus.publish([push_event(site, number) for number in range(REPOSITORIES)])
    until(lambda: len(site.workflows()) >= REPOSITORIES // 4, "a quarter of them has run")
    site.apply(fleet(REPOSITORIES, SHARDS, branches="main, next"))
    site.start()
    found = site.until_workflows(REPOSITORIES)
    assert len(names(found)) == REPOSITORIES


OLD_SETTINGS = "{ttl: 1h, pod_labels: {team: old}}"
NEW_SETTINGS = (
    "{template: hookline-ci-go, ttl: 2h, keep_pods: 1m, deadline: 3h, priority: 7, retry: false, mutex: one, spot: {}, "
    "pod_labels: {team: new}, pod_annotations: {example.com/a: b}}"
)
"""Every setting is another one."""


def settings(workflow: Any) -> tuple[Any, ...]:
    """What OLD_SETTINGS and NEW_SETTINGS say about a Workflow."""
    spec = workflow["spec"]
    return (
        spec["workflowTemplateRef"]["name"],
        spec["ttlStrategy"]["secondsAfterCompletion"],
        spec["podGC"]["deleteDelayDuration"],
        spec["activeDeadlineSeconds"],
        spec.get("priority"),
        spec["podMetadata"],
        len(spec["synchronization"]["mutexes"]),
    )


OLD_RUN = ("ci-go-v1", 3600, "600s", 7200, None, {"labels": {"team": "old"}}, 1)
NEW_RUN = (
    "hookline-ci-go",
    7200,
    "60s",
    10_800,
    7,
    {
        "labels": {"alibabacloud.com/eci": "true", "team": "new"},
        "annotations": {
            "example.com/a": "b",
            "k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo",
            "k8s.aliyun.com/eci-spot-fallback": "true",
            "k8s.aliyun.com/eci-spot-duration": "1",
        },
    },
    1,
)


def test_new_run_settings_lose_no_event_that_waits(site: Installation) -> None:
    site.install(fleet(REPOSITORIES, SHARDS, run=OLD_SETTINGS))
    stop_sensors(site)
    site.bus.publish([push_event(site, number) for number in range(REPOSITORIES)])
    site.apply(fleet(REPOSITORIES, SHARDS, run=NEW_SETTINGS))
    site.start()
    assert [settings(each) for each in site.until_workflows(REPOSITORIES)] == [NEW_RUN] * REPOSITORIES


def test_new_run_settings_while_events_flow_lose_none_and_each_run_has_the_old_or_the_new_ones(
    site: Installation,
) -> None:
    site.install(fleet(REPOSITORIES, SHARDS, run=OLD_SETTINGS))
    site.bus.publish([push_event(site, number) for number in range(REPOSITORIES)])
    until(lambda: len(site.workflows()) >= REPOSITORIES // 4, "a quarter of them has run")
    site.apply(fleet(REPOSITORIES, SHARDS, run=NEW_SETTINGS))
    # The pods are replaced below, while they decide these.
    site.bus.publish([push_event(site, number, commit=1) for number in range(REPOSITORIES)])
    site.start()
    site.bus.until_settled(site.consumers)
    found = site.workflows()
    counted = [settings(each) for each in found]
    old, new = counted.count(OLD_RUN), counted.count(NEW_RUN)
    print(f"new settings while events flow: {old} runs with the old ones, {new} with the new ones")
    assert old + new == len(found)
    assert min(old, new) > 0
    assert len({each["metadata"]["labels"]["hookline.dev/event"] for each in found}) == 2 * REPOSITORIES
    # A Sensor that is stopped between a Workflow and its acknowledgement decides this event once more: at most one a Sensor.
    assert len(found) <= 2 * REPOSITORIES + SHARDS


def test_what_moving_pipelines_between_shards_loses(site: Installation) -> None:
    site.install(fleet(REPOSITORIES, SHARDS - 1))
    site.bus.publish([push_event(site, number) for number in range(REPOSITORIES)])
    until(lambda: len(site.workflows()) >= REPOSITORIES // 4, "a quarter of them has run")
    site.apply(fleet(REPOSITORIES, SHARDS))
    site.start()
    site.bus.publish([push_event(site, number, commit=1) for number in range(REPOSITORIES)])
    site.bus.until_settled(site.consumers)
    found = site.workflows()
    after = {each["metadata"]["name"] for each in found}
    print(f"moved between shards: {len(found)} of {2 * REPOSITORIES} Workflows")
    assert len(after) == len(found)
    assert names(found) == {f"service-{number:04d}" for number in range(REPOSITORIES)}


def test_a_restart_of_the_bus_with_idle_triggers_loses_none(site: Installation) -> None:
    site.install(fleet(10))
    (server,) = site.pods("EventBus/default")
    for round_ in range(3):
        server.running.kill()
        server.start()
        site.until_ready()
        site.bus.publish([push_event(site, number, commit=round_) for number in range(10)])
        site.until_workflows(10 * (round_ + 1))


def test_a_restart_of_the_bus_under_blocked_triggers_loses_none_once_the_sensors_are_restarted(
    site: Installation,
) -> None:
    site.install(fleet(SHARDS * 5, SHARDS))
    (server,) = site.pods("EventBus/default")
    api_server = site.cluster.process("kube-apiserver")
    events = [push_event(site, number) for number in range(SHARDS * 5)]
    site.bus.publish(events[: SHARDS * 3])
    api_server.signal(signal.SIGSTOP)  # actions block, as on an API server that hangs
    try:
        server.running.kill()
        server.start()
        end = time.monotonic() + 9
        until(lambda: time.monotonic() > end, "actions were blocked for nine seconds", 20)
    finally:
        api_server.signal(signal.SIGCONT)
    until(lambda: site.bus.publish(events[SHARDS * 3 :]), "the bus takes events again")
    try:
        site.bus.until_settled(site.consumers, 40)
    except NotYet:
        dead = [each.name for each in site.bus.consumers() if each.num_pending and not each.num_waiting]
        print(f"blocked triggers: {len(dead)} of {site.consumers} triggers dead after a restart of the bus")
        stop_sensors(site)
        start_sensors(site)
    found = site.until_workflows(SHARDS * 5)
    assert len(names(found)) == SHARDS * 5


def test_an_api_server_that_is_down_for_half_a_minute_loses_none(site: Installation) -> None:
    site.install(fleet(60, SHARDS))
    api_server = site.cluster.process("kube-apiserver")
    api_server.kill()
    end = time.monotonic() + 30
    for number in range(60):  # two a second, so they arrive all the while
        site.bus.publish([push_event(site, number)])
        until(partial(_past, end - 30 + number / 2), "half a second went by", 40)
    site.cluster.restart_api_server()
    site.until_workflows(60)


def test_a_refused_workflow_is_a_dead_letter_and_what_stands_behind_it_runs(site: Installation) -> None:
    refuse(site, "service-0000")
    site.install(fleet(6))
    started = time.monotonic()
    site.bus.publish([push_event(site, number) for number in range(6)])
    assert "service-0000" not in names(site.until_workflows(5))
    print(f"refused: what stood behind it waited {time.monotonic() - started:.0f} s")
    log = re.sub(r"\s+", " ", site.sensor_pods[0].log.read_text("utf-8"))
    assert "no Workflow of service-0000 here" in log  # what the API server said
    assert '"triggerName":"github-' in log
    assert "dead-letter" in log


def refuse(site: Installation, pipeline: str) -> None:
    """Let the API server answer 422 to the Workflows of one pipeline."""
    name = f"refuse-{site.namespace}"
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}},
                "resourceRules": [
                    {
                        "apiGroups": ["argoproj.io"],
                        "apiVersions": ["*"],
                        "operations": ["CREATE"],
                        "resources": ["workflows"],
                    }
                ],
            },
            "validations": [
                {
                    "expression": f"object.metadata.labels['hookline.dev/pipeline'] != '{pipeline}'",
                    "message": f"no Workflow of {pipeline} here",
                }
            ],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    for manifest in (policy, binding):
        site.api.apply(manifest)
    probe = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": "probe",
            "namespace": site.namespace,
            "labels": {"hookline.dev/pipeline": pipeline},
        },
        "spec": {},
    }
    until(lambda: site.refuses(probe), "the API server refuses it")


def test_a_burst_of_a_thousand_deliveries_is_a_thousand_workflows(site: Installation) -> None:
    site.install(fleet(1000, SHARDS))

    def deliver(number: int) -> int:
        request = signed("github", "/github", push_body(number), {"X-GitHub-Event": "push"})
        return site.deliver("github", request)[0]

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(deliver, range(1000))) == {200}
    assert len(names(site.until_workflows(1000, 300))) == 1000
