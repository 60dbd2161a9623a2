"""Everything that hookline prints is valid by the definitions of every release that docs/compatibility.md names."""

import copy
from pathlib import Path
from typing import Any, get_args

import pytest
from definitions import (
    EVENTS,
    GATEWAY_API,
    KUBERNETES,
    PROMETHEUS_OPERATOR,
    WORKFLOWS,
    problems,
    stored,
)
from printed import CASES, EVERYTHING, minor, printed
from support import EXAMPLES, exporter_of

from triggers.prerequisites import ClassStorage, GitCredentials, NasStorage, NfsStorage, prerequisites
from triggers.release import OLDEST_UPSTREAM, Release

ALONE = exporter_of("ci", "registry.example.com/hookline@sha256:" + "0" * 64)
SECRETS: dict[str, list[GitCredentials]] = {"git-creds": ["password", "ssh"], "gitlab-creds": ["ssh"]}
THROUGH_A_GATEWAY = EVERYTHING.replace(
    "class: nginx, tls: ci-example-com-tls, controller: nginx, rate_limit: 50,",
    "gateway: {name: public, namespace: gateways, listener: https},",
)
NEEDED = [
    dict(each.manifest)
    for storage in (NasStorage(), NfsStorage(), ClassStorage())
    for each in prerequisites("ci", storage, git=SECRETS, private_ca="certificate")
]


def test_every_release_that_can_be_declared_has_definitions() -> None:
    assert {minor(version) for version in WORKFLOWS} == set(get_args(Release))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", WORKFLOWS)
def test_what_is_printed_for_a_release_is_valid_there(version: str, case: str) -> None:
    found = printed(CASES[case], minor(version))
    assert any(each["kind"] in {"Workflow", "CronWorkflow"} for each in found)
    assert [each for manifest in found for each in problems("argo-workflows", version, manifest)] == []


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", [each for each in WORKFLOWS if not each.startswith("3.5.")])
def test_what_is_printed_without_a_release_is_valid_from_3_6_on(version: str, case: str) -> None:
    found = printed(CASES[case], OLDEST_UPSTREAM)
    assert [each for manifest in found for each in problems("argo-workflows", version, manifest)] == []


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", EVENTS)
def test_what_argo_events_reads_is_valid_there(version: str, case: str) -> None:
    found = printed(CASES[case], OLDEST_UPSTREAM)
    assert {"EventBus", "Sensor"} & {each["kind"] for each in found} or case == "ack-one"
    assert [each for manifest in found for each in problems("argo-events", version, manifest)] == []


@pytest.mark.parametrize("case", [*CASES, "exporter alone", "prerequisites"])
def test_what_kubernetes_reads_is_valid_there(case: str) -> None:
    own = {"exporter alone": ALONE, "prerequisites": NEEDED}
    found = own[case] if case in own else printed(CASES[case], OLDEST_UPSTREAM)
    assert [
        f"{manifest['kind']}: {each}"
        for manifest in found
        for each in problems("kubernetes", KUBERNETES, manifest)
    ] == []


def test_every_kind_that_is_printed_has_rules() -> None:
    files = [*CASES.values(), [("hookline.yaml", THROUGH_A_GATEWAY.encode())]]
    found = [each for case in files for each in printed(case, OLDEST_UPSTREAM)] + ALONE + NEEDED
    assert {"Ingress", "HTTPRoute"} <= {each["kind"] for each in found}
    known = {
        *stored("gateway-api", GATEWAY_API),
        *stored("kubernetes", KUBERNETES),
        *stored("argo-events", EVENTS[-1]),
        *stored("argo-workflows", WORKFLOWS[-1]),
        *stored("prometheus-operator", PROMETHEUS_OPERATOR),
    }
    assert {each["kind"] for each in found} <= known


def test_what_the_prometheus_operator_reads_is_valid_there() -> None:
    (monitor,) = (each for each in ALONE if each["kind"] == "ServiceMonitor")
    made = [*printed(CASES["exporter"], OLDEST_UPSTREAM), monitor]
    read = [each for each in made if each["kind"] in stored("prometheus-operator", PROMETHEUS_OPERATOR)]
    assert [each["kind"] for each in read] == [
        "PodMonitor",  # of the exporter
        "PodMonitor",  # of the event path
        "PrometheusRule",
        "ServiceMonitor",
    ]
    assert [
        each for manifest in read for each in problems("prometheus-operator", PROMETHEUS_OPERATOR, manifest)
    ] == []
    wrong = copy.deepcopy(monitor)
    wrong["spec"]["endpoints"][0]["intervall"] = "30s"
    assert len(problems("prometheus-operator", PROMETHEUS_OPERATOR, wrong)) == 1


def of_kind(kind: str, text: str) -> dict[str, Any]:
    found = printed([("hookline.yaml", text.encode())], OLDEST_UPSTREAM)
    return next(copy.deepcopy(each) for each in found if each["kind"] == kind)


def test_what_the_gateway_api_reads_is_valid_there() -> None:
    route = of_kind("HTTPRoute", THROUGH_A_GATEWAY)
    assert problems("gateway-api", GATEWAY_API, route) == []
    route["spec"]["parentRefs"][0]["listener"] = "https"
    route["spec"]["rules"][0]["matches"][0]["path"]["type"] = "exact"
    route["spec"]["rules"][0]["backendRefs"][0]["port"] = "12000"
    assert len(problems("gateway-api", GATEWAY_API, route)) == 3


def test_the_checker_refuses_an_ingress_that_kubernetes_does_not_know() -> None:
    ingress = of_kind("Ingress", EVERYTHING)
    assert problems("kubernetes", KUBERNETES, ingress) == []
    ingress["spec"]["ingressClass"] = "nginx"
    del ingress["spec"]["rules"][0]["http"]["paths"][0]["pathType"]
    ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"]["number"] = "12000"
    ingress["metadata"]["annotations"]["example.com/note"] = True
    assert len(problems("kubernetes", KUBERNETES, ingress)) == 4


@pytest.mark.parametrize(
    ("kind", "place", "value"),
    [
        ("Deployment", ("spec", "replicas"), "1"),
        ("Deployment", ("spec", "template", "spec", "securityContext", "runAsRoot"), False),
        ("Role", ("rules", 0, "verb"), ["get"]),
        ("Service", ("spec", "ports", 0, "port"), "9893"),
        ("NetworkPolicy", ("spec", "ingress", 0, "ports", 0, "portt"), 1),
        ("ServiceAccount", ("automountServiceAccountToken",), "false"),
        ("PersistentVolumeClaim", ("spec", "accessModes"), "ReadWriteOnce"),
        ("RoleBinding", ("roleRef", "namespace"), "ci"),
    ],
)
def test_the_checker_refuses_what_kubernetes_does_not_know(
    kind: str, place: tuple[str | int, ...], value: object
) -> None:
    (found,) = (copy.deepcopy(each) for each in ALONE if each["kind"] == kind)
    node: Any = found
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = value
    assert len(problems("kubernetes", KUBERNETES, found)) == 1


@pytest.mark.parametrize("kind", ["EventSource", "Sensor"])
def test_the_checker_refuses_a_pod_that_argo_events_does_not_know(kind: str) -> None:
    found = next(
        copy.deepcopy(each) for each in printed(CASES["everything"], OLDEST_UPSTREAM) if each["kind"] == kind
    )
    container = found["spec"]["template"]["container"]
    container["securityContext"]["allowPrivilegesEscalation"] = False
    container["image"] = "quay.io/argoproj/argo-events"
    assert len(problems("argo-events", "1.9.11", found)) == 2


def cron_workflow(release: Release) -> dict[str, Any]:
    (found,) = (each for each in printed(CASES["everything"], release) if each["kind"] == "CronWorkflow")
    return found


@pytest.mark.parametrize("version", ["4.0.5", "4.0.10", "4.1.2"])
def test_the_checker_refuses_on_4_what_is_written_for_3_5(version: str) -> None:
    found = "\n".join(problems("argo-workflows", version, cron_workflow("3.5")))
    assert "'schedules' is a required property" in found
    assert "'schedule' was unexpected" in found
    assert "spec.workflowSpec.synchronization: Additional properties are not allowed ('mutex'" in found


def test_the_checker_refuses_on_3_5_what_is_written_for_later_releases() -> None:
    found = "\n".join(problems("argo-workflows", "3.5.15", cron_workflow("3.6")))
    assert "'schedule' is a required property" in found
    assert "'mutexes' was unexpected" in found


@pytest.mark.parametrize("version", WORKFLOWS)
@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("podGc",), {}),
        (("podGC", "deleteDelay"), "5m"),
        (("activeDeadlineSeconds",), "1h"),
        (("arguments", "parameters"), {"a": "b"}),
        (("templateDefaults", "retryStrategy", "limits"), 2),
        (("workflowTemplateRef", "clusterScope"), "true"),
    ],
)
def test_the_checker_refuses_unknown_fields_and_wrong_types(
    version: str, place: tuple[str, ...], value: object
) -> None:
    found = next(
        copy.deepcopy(each)
        for each in printed(CASES["everything"], minor(version))
        if each["kind"] == "Workflow" and "templateDefaults" in each["spec"]
    )
    assert problems("argo-workflows", version, found) == []
    node = found["spec"]
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = value
    assert len(problems("argo-workflows", version, found)) == 1


@pytest.mark.parametrize("kind", ["EventBus", "EventSource", "Sensor"])
def test_the_checker_refuses_a_field_that_argo_events_does_not_know(kind: str) -> None:
    found = next(
        copy.deepcopy(each) for each in printed(CASES["everything"], OLDEST_UPSTREAM) if each["kind"] == kind
    )
    found["spec"]["replica"] = 1
    assert len(problems("argo-events", "1.9.11", found)) == 1


def test_every_golden_is_among_the_cases() -> None:
    goldens = Path(__file__).parent / "data/goldens"
    assert {path.stem for path in goldens.glob("*.yaml")} == {path.name for path in EXAMPLES} <= CASES.keys()
