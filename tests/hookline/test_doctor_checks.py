"""Checks of doctor, each by the facts that pass it and the facts that fail it; no cluster."""

import dataclasses
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.names import consumer
from hookline.applying.object_name import ObjectName
from hookline.applying.readiness import ABSENT
from hookline.declaration.loading import load_texts
from hookline.doctor.address_check import webhook_address
from hookline.doctor.address_reading import asked_address
from hookline.doctor.bus_checks import bus_group, event_bus, lost_stream, stream_limits
from hookline.doctor.bus_report import (
    BusServer,
    Group,
    ServerReport,
    Stream,
    Subscription,
    parsed_report,
    subscription,
)
from hookline.doctor.engine_checks import (
    argo_events,
    argo_workflows,
    controller_settings,
    workflow_restrictions,
)
from hookline.doctor.facts import (
    Address,
    Claim,
    Controller,
    Facts,
    Fired,
    LiveCronWorkflow,
    NamedTemplate,
    Unread,
    Workload,
)
from hookline.doctor.findings import Finding, broken, ok, unchecked, warning, worst
from hookline.doctor.hops import CHECKS, diagnosed, first_broken
from hookline.doctor.object_checks import exporter
from hookline.doctor.rights import Right, needed_rights
from hookline.doctor.run_checks import run_secrets, template, volumes
from hookline.doctor.run_needs import Need, needs
from hookline.doctor.schedule_checks import schedules
from hookline.doctor.subscription_checks import backlog, subscriptions
from hookline.plan.objects import objects
from hookline.plan.planning import Plan, make_plan

DATA = Path(__file__).parent.parent / "data"
DECLARATION = """\
version: 1
cluster: {namespace: ci%s}
sources:
  github: {host: github, endpoint: /github, secret: {name: webhook, key: secret}}
pipelines:
  shop:
    repository: {source: github, name: acme/shop, url: 'https://github.com/acme/shop.git'}
    image: registry.example.com/acme/shop
    events: {push: {}%s}
"""
PODS = [f"eventbus-default-js-{number}" for number in range(3)]


def planned(cluster: str = "", events: str = "") -> Plan:
    return make_plan(load_texts([("hookline.yaml", (DECLARATION % (cluster, events)).encode())]), {})


PLAN = planned()
NAME = consumer("hookline-1", PLAN.sensors[0].dependencies[0].name, PLAN.sensors[0].dependencies[0].name)
STREAM = Stream("default", 3, 72 * 3600.0, 0, 0, 5, 320)
STATE = Stream("KV_hookline-1", 3, 0.0, 0, 0, 1, 10)
IDLE = Subscription(NAME, 0, 0, 5, 1)


def recorded(name: str, server: str) -> ServerReport:
    return parsed_report(json.loads((DATA / "bus" / f"{name}.json").read_text()), server)


def servers(
    numbers: Subscription | None = IDLE, *, stream: Stream | None = STREAM, count: int = 3
) -> tuple[BusServer, ...]:
    """A bus that is well, apart from what is said otherwise; its second server leads, and the first leads the subscription."""
    pods = PODS[:count]
    streams = {each.name: each for each in (stream, STATE if stream else None) if each is not None}
    known = frozenset({NAME} if numbers is not None else ())
    found = []
    for place, pod in enumerate(pods):
        others = frozenset(pods) - {PODS[1]} if place == 1 else frozenset[str]()
        group = Group(PODS[1], count, others) if count > 1 else None
        mine = {NAME: numbers} if place == 0 and numbers is not None else {}
        found.append(BusServer(pod, "", ServerReport(group, streams, mine, known)))
    return tuple(found)


def facts(**changes: Any) -> Facts:
    """A cluster of which little is known, and in which nothing is wrong."""
    base = Facts(
        server="v1.34.4",
        clock_seconds=0.0,
        kinds=frozenset(),
        events_controllers=(),
        workflow_controllers=(),
        event_images=frozenset(),
        not_ready={},
        bus_settings={"jetstream": {"streamConfig": "maxAge: 72h\nreplicas: 3\n"}},
        bus_samples=(servers(),) * 4,
        held={},
        changes=(),
        allowed={},
        templates={},
        claims={},
        address=None,
        workloads={},
    )
    return dataclasses.replace(base, **changes)


def said(found: Iterator[Finding], state: str) -> str:
    """The sentences of the findings, of which the worst must have this state."""
    every = list(found)
    assert worst(every) == state, every
    return "\n".join(each.says for each in every if each.state == state)


class TestReports:
    """tests/data/bus: what real servers said."""

    def test_only_the_leader_of_the_group_names_the_others(self) -> None:
        found = [recorded(f"three-{number}", pod).group for number, pod in enumerate(PODS)]
        assert found == [
            Group(PODS[1], 3, frozenset()),
            Group(PODS[1], 3, frozenset({PODS[0], PODS[2]})),
            Group(PODS[1], 3, frozenset()),
        ]

    def test_the_numbers_of_a_subscription_are_those_of_its_leader(self) -> None:
        asked = [
            BusServer(pod, "", recorded(f"three-{number}", pod))
            for number, pod in reversed(list(enumerate(PODS)))
        ]
        # Of five events, two were given, and the first of them is acknowledged. The other servers say that none waits.
        assert subscription(asked, "group-2") == Subscription("group-2", 3, 1, 1, 0)
        assert all(each.report is not None and each.report.known == {"group-1", "group-2"} for each in asked)

    def test_the_stream_has_its_limits(self) -> None:
        assert recorded("three-0", PODS[0]).streams["default"] == Stream(
            "default", 3, 72 * 3600.0, 50_000, 0, 5, 320
        )

    def test_a_server_alone_has_no_group_and_knows_every_subscription(self) -> None:
        found = recorded("one", PODS[0])
        assert found.group is None
        assert found.subscriptions == {"group-2": Subscription("group-2", 0, 0, 0, 1)}

    def test_servers_without_a_majority_have_no_leader(self) -> None:
        report = recorded("no-leader", PODS[0])
        assert report.group == Group("", 3, frozenset())
        lost = (BusServer(PODS[0], "", report), BusServer(PODS[1], "its pod is Pending", None))
        assert "have no leader" in said(bus_group(PLAN, facts(bus_samples=(lost,))), "broken")

    def test_a_group_that_formed_without_a_server_leaves_no_stream(self) -> None:
        asked = tuple(
            BusServer(pod, "", recorded(f"group-of-two-{number}", pod)) for number, pod in enumerate(PODS)
        )
        (found,) = bus_group(PLAN, facts(bus_samples=(asked,)))
        assert found.commands == (f"kubectl -n ci delete pod {PODS[2]}",)
        assert "has lost its stream" in said(lost_stream(PLAN, facts(bus_samples=(asked,))), "broken")

    def test_an_answer_without_streams_has_none(self) -> None:
        assert parsed_report({"account_details": [{"name": "js"}]}, PODS[0]) == ServerReport(None, {})
        assert parsed_report({}, PODS[0]) == ServerReport(None, {})


@given(st.sets(st.sampled_from(PODS), min_size=1))
def test_exactly_the_servers_outside_the_group_are_to_be_deleted(inside: set[str]) -> None:
    leader = min(inside)
    asked = tuple(
        BusServer(
            pod,
            "",
            ServerReport(
                Group(leader, len(inside), frozenset(inside - {leader} if pod == leader else ())), {}
            ),
        )
        for pod in PODS
    )
    found = list(bus_group(PLAN, facts(bus_samples=(asked,))))
    assert {each.commands for each in found if each.state == "broken"} == {
        (f"kubectl -n ci delete pod {pod}",) for pod in PODS if pod not in inside
    }
    assert worst(found) == ("ok" if len(inside) == 3 else "broken")


def test_a_bus_of_one_server_needs_no_group() -> None:
    alone = servers(count=1)
    assert "one server" in said(bus_group(PLAN, facts(bus_samples=(alone,))), "ok")
    assert said(lost_stream(PLAN, facts(bus_samples=(alone,))), "ok")


@pytest.mark.parametrize(
    ("settings", "state", "words"),
    [
        (None, "broken", "there is no EventBus default in ci"),
        (Unread("it needs the right to get EventBuses"), "not checked", "get EventBuses"),
        ({"jetstream": {}}, "ok", "is ready"),
    ],
)
def test_the_bus_is_there_or_missing_or_not_to_be_seen(settings: Any, state: str, words: str) -> None:
    assert words in said(event_bus(PLAN, facts(bus_settings=settings)), state)


def test_a_bus_that_others_make_is_not_made_by_apply() -> None:
    own = planned(", event_bus: {create: false}")
    (found,) = event_bus(own, facts(bus_settings=None))
    assert found.commands == ()


def test_a_lost_stream_is_cured_by_the_sensors_first() -> None:
    (found,) = lost_stream(PLAN, facts(bus_samples=(servers(stream=None),)))
    assert found.state == "broken"
    assert [line.split(" -l ")[-1] for line in found.commands if "restart" in line] == [
        "controller=sensor-controller"
    ]


def test_a_stream_that_a_silent_server_may_hold_is_not_called_lost() -> None:
    asked = (*servers(stream=None)[:2], BusServer(PODS[2], "it does not answer", None))
    text = said(lost_stream(PLAN, facts(bus_samples=(asked,))), "not checked")
    assert text == "eventbus-default-js-2 does not answer, and the stream may be there"


def test_a_bus_whose_sensors_were_never_there_has_lost_nothing() -> None:
    sensor = ObjectName.at("argoproj.io/v1alpha1", "Sensor", "ci", "hookline-1")
    nothing_yet = facts(bus_samples=(servers(stream=None),), not_ready={sensor: ABSENT})
    assert "the Sensors, which make the stream, are not there" in said(
        lost_stream(PLAN, nothing_yet), "not checked"
    )


def test_a_leader_that_does_not_answer_is_no_missing_leader() -> None:
    asked = servers()
    without = (asked[0], BusServer(PODS[1], "its pod is Pending", None), asked[2])
    assert "eventbus-default-js-1, which leads" in said(
        bus_group(PLAN, facts(bus_samples=(without,))), "not checked"
    )


def test_only_a_server_that_runs_outside_the_group_is_deleted() -> None:
    inside = ServerReport(Group(PODS[0], 2, frozenset({PODS[1]})), {})
    asked = (
        BusServer(PODS[0], "", inside),
        BusServer(PODS[1], "", ServerReport(Group(PODS[0], 2, frozenset()), {})),
        BusServer(PODS[2], "its pod is Pending", None),
    )
    (found,) = bus_group(PLAN, facts(bus_samples=(asked,)))
    assert (found.state, found.commands) == ("not checked", ())


@pytest.mark.parametrize(
    ("stream", "numbers", "state", "words"),
    [
        (STREAM, IDLE, "ok", "keeps events for 72 h; it holds 5"),
        (dataclasses.replace(STREAM, copies=1), IDLE, "warning", "has 1 copy on 3 servers"),
        (
            dataclasses.replace(STREAM, max_age_seconds=168 * 3600.0),
            IDLE,
            "warning",
            "the EventBus asks for 72 h, and the stream keeps events for 168 h",
        ),
        (
            dataclasses.replace(STREAM, max_messages=50_000),
            dataclasses.replace(IDLE, waiting_events=45_000),
            "broken",
            "45,000 events wait and the stream keeps 50,000",
        ),
        (
            dataclasses.replace(STREAM, max_bytes=1000, bytes=900),
            dataclasses.replace(IDLE, waiting_events=1),
            "warning",
            "holds 900 of 1,000 bytes",
        ),
        # Old events that nobody waits for fill every stream, and are dropped without harm.
        (dataclasses.replace(STREAM, max_messages=5, max_bytes=320), IDLE, "ok", "at most 5 events"),
    ],
)
def test_limits_of_the_stream(stream: Stream, numbers: Subscription, state: str, words: str) -> None:
    asked = servers(numbers, stream=stream)
    assert words in said(stream_limits(PLAN, facts(bus_samples=(asked,))), state)


@pytest.mark.parametrize(
    "text", ["maxAge: 3 days", "maxAge: [1]", "- 1", "{", "", "maxAge: 72h\nmaxAge: 72h"]
)
def test_settings_of_a_stream_that_say_no_duration_are_not_compared(text: str) -> None:
    settings = {"jetstream": {"streamConfig": text}}
    assert said(stream_limits(PLAN, facts(bus_settings=settings)), "ok")


def samples(*numbers: Subscription) -> tuple[tuple[BusServer, ...], ...]:
    return tuple(servers(each) for each in numbers)


def at(waiting: int, finished: int, *, unacknowledged: int = 0, asking: int = 1) -> Subscription:
    return Subscription(NAME, waiting, unacknowledged, finished, asking)


@pytest.mark.parametrize(
    ("seen", "state", "words"),
    [
        ((at(0, 5), at(0, 5)), "ok", "no event waits"),
        ((at(9, 5, unacknowledged=1), at(9, 6, unacknowledged=1)), "ok", "10 events under way"),
        # More arrive than it finishes, but it works.
        ((at(9, 5, unacknowledged=1), at(20, 6, unacknowledged=1)), "ok", "21 events under way"),
        ((at(3, 5), at(6, 5)), "broken", "6 events for trigger"),
        ((at(3, 5, asking=0), at(3, 5, asking=0)), "broken", "3 events for trigger"),
        (
            (at(0, 5, unacknowledged=1), at(0, 5, unacknowledged=1)),
            "warning",
            "worked on one event for seconds",
        ),
        ((at(3, 5),), "not checked", "only once"),
    ],
)
def test_events_that_wait_are_in_danger_only_where_none_is_finished(
    seen: tuple[Subscription, ...], state: str, words: str
) -> None:
    assert words in said(backlog(PLAN, facts(bus_samples=samples(*seen))), state)


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (
            (at(0, 5, asking=0), at(0, 5), at(0, 5, asking=0), at(0, 5, asking=0)),
            "ok",
        ),  # between two requests
        ((at(0, 5, asking=0),) * 4, "broken"),
        ((at(2, 5, asking=0, unacknowledged=1),) * 4, "ok"),  # it works on an event
        ((at(0, 5, asking=0),) * 2, "ok"),  # too little was seen
    ],
)
def test_a_trigger_has_stopped_if_it_never_asks(seen: tuple[Subscription, ...], state: str) -> None:
    assert said(subscriptions(PLAN, facts(bus_samples=samples(*seen))), state)


def controller(image: str, *arguments: str, **changes: Any) -> Controller:
    found = Controller("argo", "workflow-controller", image, arguments, {})
    return dataclasses.replace(found, **changes)


@pytest.mark.parametrize(
    ("cluster", "image", "state", "words"),
    [
        ("", "quay.io/argoproj/workflow-controller:v3.7.18", "warning", "argo-workflows 16776"),
        ("", "quay.io/argoproj/workflow-controller:v4.0.9", "warning", "argo-workflows 16776"),
        ("", "quay.io/argoproj/workflow-controller:v4.0.10", "ok", "Argo Workflows 4.0.10"),
        ("", "quay.io/argoproj/workflow-controller:v4.1.1", "warning", "argo-workflows 16776"),
        ("", "mirror:5000/workflow-controller:v4.1.2@sha256:00", "ok", "Argo Workflows 4.1.2"),
        ("", "mirror/workflow-controller@sha256:00", "not checked", "does not name a release"),
        (
            ', argo_workflows: "3.5"',
            "x/workflow-controller:v4.0.10",
            "broken",
            'Write cluster: {argo_workflows: "4.0"}',
        ),
        (', argo_workflows: "3.5"', "x/workflow-controller:v3.5.15", "warning", "16776"),
        ("", "x/workflow-controller:v3.5.15", "broken", 'Write cluster: {argo_workflows: "3.5"}'),
        (', argo_workflows: "4.1"', "x/workflow-controller:v3.7.18", "warning", "16776"),
    ],
)
def test_the_release_of_argo_workflows_must_read_what_is_written(
    cluster: str, image: str, state: str, words: str
) -> None:
    found = facts(workflow_controllers=(controller(image),))
    assert words in said(argo_workflows(planned(cluster), found), state)


@pytest.mark.parametrize(
    ("arguments", "state"),
    [
        ((), "ok"),
        (("--namespaced",), "broken"),
        (("--namespaced", "--managed-namespace", "ci"), "ok"),
        (("--namespaced", "--managed-namespace=ci"), "ok"),
        (("--namespaced=true", "--managed-namespace=other"), "broken"),
        (("--namespaced=false",), "ok"),
    ],
)
def test_a_controller_must_watch_the_namespace_of_runs(arguments: tuple[str, ...], state: str) -> None:
    found = facts(workflow_controllers=(controller("x/workflow-controller:v4.1.2", *arguments),))
    assert said(argo_workflows(PLAN, found), state)


@pytest.mark.parametrize(
    ("images", "state", "words"),
    [
        ({"x/argo-events:v1.9.11"}, "ok", "1.9.11"),
        ({"x/argo-events:v1.6.0"}, "ok", "1.6.0"),
        ({"x/argo-events:v1.5.6"}, "broken", "1.5.6 has no transform"),
        ({"x/argo-events:latest"}, "not checked", "does not name a release"),
        (set(), "not checked", "that you may see"),
    ],
)
def test_sensors_need_transform(images: set[str], state: str, words: str) -> None:
    assert words in said(argo_events(PLAN, facts(event_images=frozenset(images))), state)


def test_a_release_is_read_of_event_pods_where_controllers_are_hidden() -> None:
    hidden = Unread("it needs the right to list Deployments in all namespaces")
    assert said(
        argo_events(
            PLAN, facts(events_controllers=hidden, event_images=frozenset({"x/argo-events:v1.9.10"}))
        ),
        "ok",
    )
    assert "list Deployments" in said(argo_events(PLAN, facts(events_controllers=hidden)), "not checked")


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        (
            {"config": "instanceID: a\nworkflowRestrictions:\n  templateReferencing: Strict\n"},
            ("a", "Strict"),
        ),
        ({"instanceID": "a", "workflowRestrictions": "templateReferencing: Strict"}, ("a", "Strict")),
        ({"config": "[1]", "other": "{"}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_settings_of_the_controller_are_one_text_or_a_key_each(
    data: dict[str, str], settings: tuple[str | None, str | None]
) -> None:
    found = controller_settings(data)
    restrictions = found.get("workflowRestrictions") or {}
    assert (found.get("instanceID"), restrictions.get("templateReferencing")) == settings


def test_restrictions_hurt_only_fields_that_are_set_and_not_allowed() -> None:
    config = {"workflowRestrictions": {"templateReferencing": "Strict"}}
    strict = controller("x/workflow-controller:v4.1.2", config=config)
    text = said(workflow_restrictions(PLAN, facts(workflow_controllers=(strict,))), "broken")
    for field in ("serviceAccountName", "synchronization", "executor"):
        assert field in text
    variable = {
        "WORKFLOW_USER_OVERRIDE_ALLOWLIST": "serviceAccountName, synchronization,executor,automountServiceAccountToken"
    }
    allowing = dataclasses.replace(strict, environment=variable)
    assert said(workflow_restrictions(PLAN, facts(workflow_controllers=(allowing,))), "ok")
    unread = dataclasses.replace(strict, config=Unread("it needs the right to get the ConfigMap"))
    assert said(workflow_restrictions(PLAN, facts(workflow_controllers=(unread,))), "not checked")


def test_the_rights_are_those_of_the_rendered_roles_and_of_whoever_reports_results() -> None:
    found = needed_rights(objects(PLAN), PLAN.workloads.values())
    sensor = {
        each.verb for each in found if each.account == "hookline-sensor" and each.resource == "workflows"
    }
    assert sensor == {"get", "create", "patch"}
    reporting = {(each.account, each.verb) for each in found if each.resource == "workflowtaskresults"}
    assert reporting == {("hookline-executor", "create"), ("hookline-executor", "patch")}
    assert {each.namespace for each in found} == {"ci"}


def test_an_account_of_ones_own_must_report_results() -> None:
    own = planned(events="}\n    run: {service_account: builder")
    found = needed_rights(objects(own), own.workloads.values())
    assert Right("ci", "builder", "ci", "create", "argoproj.io", "workflowtaskresults") in found


def test_a_right_is_asked_of_the_api_server_and_of_kubectl_alike() -> None:
    log = Right("ci", "x", "", "get", "", "pods/log", "one")
    assert log.attributes == {
        "verb": "get",
        "group": "",
        "resource": "pods",
        "subresource": "log",
        "name": "one",
    }
    assert (
        log.command
        == "kubectl auth can-i get pods/one --subresource=log --all-namespaces --as=system:serviceaccount:ci:x"
    )
    assert Right("ci", "x", "ci", "patch", "a.io", "bs/status").command == (
        "kubectl auth can-i patch bs.a.io --subresource=status -n ci --as=system:serviceaccount:ci:x"
    )


def test_cluster_roles_are_rights_in_all_namespaces() -> None:
    manifests = [
        {
            "kind": "ClusterRole",
            "metadata": {"name": "r"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
        },
        {
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "b"},
            "roleRef": {"kind": "ClusterRole", "name": "r"},
            "subjects": [
                {"kind": "ServiceAccount", "name": "exporter", "namespace": "m"},
                {"kind": "Group", "name": "g"},
            ],
        },
    ]
    assert needed_rights(manifests, ()) == (Right("m", "exporter", "", "list", "", "pods"),)


def test_the_needs_of_a_run_are_read_of_the_template_with_the_arguments_of_the_run() -> None:
    spec = {
        "arguments": {"parameters": [{"name": "secret_name", "value": "default-one"}, {"name": "free"}]},
        "volumes": [
            {"persistentVolumeClaim": {"claimName": "work"}},
            {"secret": {"secretName": "docker-config"}},
            {
                "secret": {
                    "secretName": "{{workflow.parameters.secret_name}}",
                    "optional": True,
                    "items": [{"key": "a"}],
                }
            },
            {"secret": {"secretName": "{{inputs.parameters.other}}"}},
            {"configMap": {"name": "ca"}},
        ],
        "templates": [
            {
                "container": {
                    "env": [{"valueFrom": {"secretKeyRef": {"name": "token", "key": "t"}}}],
                    "envFrom": [{"configMapRef": {"name": "env"}}, {"secretRef": {"name": "all"}}],
                }
            }
        ],
    }
    manifests = {NamedTemplate("ci-go-v1", ""): {"spec": spec}}
    assert needs(PLAN, manifests) == (
        Need("ConfigMap", "ci", "ca"),
        Need("ConfigMap", "ci", "env"),
        Need("PersistentVolumeClaim", "ci", "work"),
        Need("Secret", "ci", "all"),
        Need("Secret", "ci", "default-one", "a", optional=True),
        Need("Secret", "ci", "docker-config", "config.json"),
        Need("Secret", "ci", "token", "t"),
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("ab{}. ", max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "spec",
                        "secret",
                        "secretName",
                        "configMap",
                        "name",
                        "items",
                        "key",
                        "arguments",
                        "parameters",
                        "secretKeyRef",
                        "persistentVolumeClaim",
                        "claimName",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_a_template_may_hold_anything(manifest: Any) -> None:
    found = facts(templates={NamedTemplate("ci-go-v1", ""): manifest})
    assert all(each.name and each.namespace == "ci" for each in needs(PLAN, found.templates))
    for check in (template, volumes, run_secrets):
        assert list(check(PLAN, found))


def test_a_template_of_a_thousand_levels_is_read() -> None:
    deep: Any = {"secret": {"secretName": "deep"}}
    for _ in range(1000):
        deep = {"x": [deep]}
    assert needs(PLAN, {NamedTemplate("ci-go-v1", ""): {"spec": deep}}) == (Need("Secret", "ci", "deep"),)


@pytest.mark.parametrize(
    ("claim", "state", "words"),
    [
        (Claim("Bound", ("ReadWriteMany",), ("vers=4.1",), "nfs"), "ok", "is bound"),
        (Claim("Bound", ("ReadWriteOnce",), (), ""), "warning", "several nodes"),
        (Claim("Bound", ("ReadWriteMany",), ("nolock,vers=3",), "nfs"), "warning", "needs file locks"),
        (
            Claim("Bound", ("ReadWriteMany",), ("vers=3",), "nasplugin.csi.alibabacloud.com"),
            "warning",
            "without noresvport",
        ),
        (Claim("Lost", ("ReadWriteMany",), ()), "broken", "is Lost, not Bound"),
        (Claim("Bound", ("ReadWriteMany",), Unread("it needs the right")), "not checked", "mount options of"),
        (Unread("it needs the right to get the claim"), "not checked", "get the claim"),
    ],
)
def test_volumes_of_runs(claim: Any, state: str, words: str) -> None:
    manifest = {"spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "pvc-nas"}}]}}
    found = facts(templates={NamedTemplate("ci-go-v1", ""): manifest}, claims={("ci", "pvc-nas"): claim})
    assert words in said(volumes(PLAN, found), state)


def test_pods_beside_the_event_path_are_ready_and_their_kinds_known() -> None:
    name = ObjectName.at("apps/v1", "Deployment", "ci", "hookline-exporter")
    assert "renders no exporter" in said(exporter(PLAN, facts()), "not checked")
    assert said(exporter(PLAN, facts(workloads={name: Workload(1, 1)})), "ok")
    assert "0 of 1 pods" in said(exporter(PLAN, facts(workloads={name: Workload(1, 0)})), "broken")
    assert "does not exist" in said(exporter(PLAN, facts(workloads={name: None})), "broken")
    unknown = frozenset({("monitoring.coreos.com/v1", "ServiceMonitor")})
    assert "install the Prometheus Operator" in said(exporter(PLAN, facts(unknown_kinds=unknown)), "broken")


@pytest.mark.parametrize(
    ("address", "state", "words", "command"),
    [
        (Address("ci.example.com", statuses={"/github": 405}), "ok", "answers", ""),
        (Address("ci.example.com", "dns", "no such name"), "broken", "does not resolve", "get ingress"),
        (
            Address("ci.example.com", "connection", "refused"),
            "broken",
            "port 443",
            "describe ingress hookline-webhooks",
        ),
        (Address("ci.example.com", "certificate", "expired"), "broken", "certificate", "describe ingress"),
        (
            Address("ci.example.com", statuses={"/github": 404}),
            "broken",
            "knows this path",
            "describe ingress",
        ),
        (
            Address("ci.example.com", statuses={"/github": 503}),
            "broken",
            "is not reached",
            "describe ingress",
        ),
        (
            Address("ci.example.com", statuses={"/github": 0}),
            "broken",
            "breaks the connection",
            "describe ingress",
        ),
    ],
)
def test_the_address_of_webhooks(address: Address, state: str, words: str, command: str) -> None:
    plan = planned(", ingress: {host: ci.example.com, tls: cert}")
    found = list(webhook_address(plan, facts(address=address)))
    assert words in said(iter(found), state)
    assert command in "".join(line for each in found for line in each.commands)


def test_an_address_that_is_not_declared_is_not_checked() -> None:
    assert "no cluster.ingress" in said(webhook_address(PLAN, facts()), "not checked")


class _Ingress(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(405 if self.path == "/github" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Ingress)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DATA / "tls" / "server.pem", DATA / "tls" / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_an_address_is_asked_as_a_host_of_repositories_would(port: int) -> None:
    trusted = ssl.create_default_context(cafile=str(DATA / "tls" / "ca.pem"))
    found = asked_address("localhost", ["/github", "/other"], port=port, context=trusted)
    assert found == Address("localhost", statuses={"/github": 405, "/other": 404})
    unknown = asked_address("localhost", ["/github"], port=port)
    assert (unknown.trouble, unknown.statuses) == ("certificate", {})
    assert unknown.detail


def test_an_address_that_is_not_there_says_at_which_step(port: int) -> None:
    assert asked_address("nobody.invalid", ["/"]).trouble == "dns"
    with ThreadingHTTPServer(("127.0.0.1", 0), _Ingress) as closed:
        gone = closed.server_address[1]
    assert asked_address("127.0.0.1", ["/"], port=gone).trouble == "connection"


@given(st.lists(st.sampled_from([ok("a"), warning("b"), broken("c"), unchecked("d")])))
def test_a_hop_is_as_bad_as_its_worst_finding(found: list[Finding]) -> None:
    order = ["broken", "not checked", "warning", "ok"]
    states = [each.state for each in found]
    assert worst(found) == next((state for state in order if state in states), "not checked")


def test_hops_come_in_the_order_of_an_event_and_the_first_broken_one_wins() -> None:
    found = diagnosed(PLAN, facts(bus_settings=None, bus_samples=Unread("there is no bus")))
    assert [*(each.check for each in found), "end-to-end"] == list(CHECKS)
    first = first_broken(found)
    assert first is not None
    # Nothing is installed in a cluster that knows no kind.
    assert first.check == "api-server"
    assert first.runbook == "hookline docs doctor#api-server"


class TestSchedules:
    """CronWorkflows that do not fire, and calendars that fire beside them."""

    SCHEDULE = ", schedule: {at: '0 2 * * *'}"

    def found(self, live: LiveCronWorkflow | None = None, **calendars: frozenset[str]) -> Iterator[Finding]:
        crons = {} if live is None else {("ci", "shop"): live}
        fired = Fired(crons, {name.replace("_", "-"): each for name, each in calendars.items()})
        return schedules(planned(events=self.SCHEDULE), facts(fired=fired))

    def test_one_that_somebody_suspended_is_told_and_one_that_the_file_suspends_is_not(self) -> None:
        live = LiveCronWorkflow(suspended=True)
        assert "CronWorkflow shop in ci is suspended, and hookline.yaml does not say so" in said(
            self.found(live), "warning"
        )
        declared = planned(events=self.SCHEDULE + "}\n    suspended: {because: x")
        assert said(schedules(declared, facts(fired=Fired({("ci", "shop"): live}))), "ok") == "1 CronWorkflow"

    def test_what_the_controller_says_of_it_is_told(self) -> None:
        spec = LiveCronWorkflow(suspended=False, conditions={"SpecError": "no template"})
        assert said(self.found(spec), "broken") == "CronWorkflow shop in ci: SpecError: no template"
        refused = LiveCronWorkflow(suspended=False, conditions={"SubmissionError": "quota"})
        assert said(self.found(refused), "warning") == "CronWorkflow shop in ci: SubmissionError: quota"

    def test_a_calendar_that_was_left_behind_is_told_and_others_are_not(self) -> None:
        live = LiveCronWorkflow(suspended=False)
        twice = self.found(live, hookline_calendar=frozenset({"shop", "other"}))
        assert "still fires shop, so that each fire time starts two runs" in said(twice, "broken")
        assert said(self.found(live, somebodys=frozenset({"cleanup"})), "ok") == "1 CronWorkflow"

    def test_without_the_right_nothing_is_said_to_be_well(self) -> None:
        assert (
            said(schedules(planned(events=self.SCHEDULE), facts(fired=Unread("no right"))), "not checked")
            == "no right"
        )
