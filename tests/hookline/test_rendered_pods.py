"""Pods that hookline's objects make: without root, without tokens that they do not need, with bounds, reached as little as can be."""

import copy
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from click.testing import CliRunner
from printed import CASES, printed
from support import exporter_of

from documents.quantities import amount
from events.environment import go_json_bytes
from hookline.cli import main
from sensors.creation import PATCH
from sensors.manifests import FRAME_BYTES, SensorPlan, sensor_manifest

Json = dict[str, Any]
EXPORTER = exporter_of("ci", "registry.example.com/hookline@sha256:" + "0" * 64)


UNVERIFIED = b"""\
version: 1
sources:
  acr:
    host: acr
    endpoint: /acr-4f9d0a31c7be25864f9d0a31c7be2586
    unverified: {because: it cannot sign, allowed_cidrs: [203.0.113.0/24]}
pipelines:
  shop:
    repository: {name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    events: {image_push: {source: acr, image: acme/go-base, branch: main}}
    run: {template: ci-go-v1}
"""


@cache
def declarations() -> Mapping[str, list[Json]]:
    """What is rendered of every example, of every setting, and of a source that proves nothing."""
    cases = CASES | {"unverified": [("hookline.yaml", UNVERIFIED)]}
    return {name: printed(files, "3.6") for name, files in cases.items()}


def rendered(kind: str) -> list[Json]:
    """Every object of a kind."""
    return [each for found in declarations().values() for each in found if each["kind"] == kind]


def pods(manifest: Mapping[str, Any]) -> Iterator[tuple[Json, list[Json]]]:
    """Security context of each pod that an object makes, and its containers."""
    spec = manifest.get("spec", {})
    if manifest["kind"] in {"EventSource", "Sensor"}:
        yield spec["template"]["securityContext"], [spec["template"]["container"]]
    elif manifest["kind"] == "EventBus" and "jetstream" in spec:
        bus = spec["jetstream"]
        names = ("containerTemplate", "reloaderContainerTemplate", "metricsContainerTemplate")
        yield bus["securityContext"], [bus[name] for name in names]
    elif manifest["kind"] == "Deployment":
        pod = spec["template"]["spec"]
        yield pod["securityContext"], pod["containers"]


def found_pods() -> list[tuple[str, Json, list[Json]]]:
    made = [each for kind in ("EventBus", "EventSource", "Sensor") for each in rendered(kind)] + EXPORTER
    return [
        (f"{each['kind']}/{each['metadata']['name']}", security, containers)
        for each in made
        for security, containers in pods(each)
    ]


def problems(security: Mapping[str, Any], containers: list[Json]) -> list[str]:
    """What the level `restricted` refuses of a security context, and what hookline asks beyond it."""
    found = []
    if not (
        security.get("runAsNonRoot") is True and security.get("runAsUser") and security.get("runAsGroup")
    ):
        found.append("may run as root, or with root's group")
    if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        found.append("may make every system call")
    for each in containers:
        own = each.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False:
            found.append("may gain privileges")
        if own.get("capabilities") != {"drop": ["ALL"]}:
            found.append("has capabilities")
        if own.get("readOnlyRootFilesystem") is not True:
            found.append("can write its image")
        if not {"cpu", "memory"} <= each.get("resources", {}).get("requests", {}).keys():
            found.append("asks for no resources")
    return found


def test_no_pod_of_hooklines_objects_has_more_rights_than_it_needs() -> None:
    found = found_pods()
    assert {name.partition("/")[0] for name, _, _ in found} == {
        "EventBus",
        "EventSource",
        "Sensor",
        "Deployment",
    }
    assert {name: problems(security, containers) for name, security, containers in found} == {
        name: [] for name, _, _ in found
    }


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("security", "runAsNonRoot"), False),
        (("security", "runAsUser"), 0),
        (("security", "runAsGroup"), 0),
        (("security", "seccompProfile"), {"type": "Unconfined"}),
        (("container", "securityContext", "allowPrivilegeEscalation"), True),
        (("container", "securityContext", "capabilities"), {}),
        (("container", "securityContext", "readOnlyRootFilesystem"), False),
        (("container", "resources"), {}),
    ],
)
def test_a_pod_with_more_rights_is_found(place: tuple[str, ...], value: object) -> None:
    _, security, containers = copy.deepcopy(found_pods()[0])
    node: Any = {"security": security, "container": containers[0]}
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = value
    assert len(problems(security, containers)) == 1


def test_event_sources_sensors_and_the_exporter_end_at_a_limit_of_memory() -> None:
    for kind in ("EventSource", "Sensor"):
        for each in rendered(kind):
            container = each["spec"]["template"]["container"]
            limit = int(amount(container["resources"]["limits"]["memory"]) / 2**20)
            assert container["env"] == [{"name": "GOMEMLIMIT", "value": f"{limit * 9 // 10}MiB"}]
    (deployment,) = (each for each in EXPORTER if each["kind"] == "Deployment")
    assert "memory" in deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]


def test_an_event_source_has_a_token_only_to_catch_up_on_schedules() -> None:
    tokens = {}
    for name, found in declarations().items():
        accounts = {each["metadata"]["name"]: each for each in found if each["kind"] == "ServiceAccount"}
        for each in found:
            if each["kind"] == "EventSource":
                account = accounts[each["spec"]["template"]["serviceAccountName"]]
                mounted = account.get("automountServiceAccountToken", True)
                catches_up = any(
                    "persistence" in entry for entry in each["spec"].get("calendar", {}).values()
                )
                assert mounted == catches_up
                tokens[f"{name}/{each['metadata']['name']}"] = mounted
    assert set(tokens.values()) == {True, False}


def test_the_servers_of_the_bus_have_no_token() -> None:
    accounts = {each["metadata"]["name"]: each for each in rendered("ServiceAccount")}
    buses = [each["spec"]["jetstream"] for each in rendered("EventBus") if "jetstream" in each["spec"]]
    assert buses != []
    assert not any(accounts[bus["serviceAccountName"]]["automountServiceAccountToken"] for bus in buses)


def test_accounts_stand_before_what_runs_as_them() -> None:
    for found in declarations().values():
        seen = set()
        for each in found:
            if each["kind"] == "ServiceAccount":
                seen.add(each["metadata"]["name"])
            elif each["kind"] in {"EventSource", "Sensor"}:
                assert each["spec"]["template"]["serviceAccountName"] in seen
            elif each["kind"] == "EventBus" and "jetstream" in each["spec"]:
                assert each["spec"]["jetstream"]["serviceAccountName"] in seen


def test_the_pod_of_an_unverified_source_is_reached_from_its_addresses_and_its_metrics_from_the_cluster() -> (
    None
):
    policies = [
        each
        for each in rendered("NetworkPolicy")
        if "eventsource-name" in each["spec"]["podSelector"]["matchLabels"]
    ]
    assert policies != []
    for each in policies:
        endpoint, metrics = each["spec"]["ingress"]
        assert all(peer.keys() == {"ipBlock"} for peer in endpoint["from"])
        assert endpoint["ports"] == [{"port": 12001, "protocol": "TCP"}]
        assert metrics == {
            "from": [{"namespaceSelector": {}}],
            "ports": [{"port": 7777, "protocol": "TCP"}],
        }


def test_the_exporter_is_reached_at_its_port_alone() -> None:
    (policy,) = (each for each in EXPORTER if each["kind"] == "NetworkPolicy")
    (deployment,) = (each for each in EXPORTER if each["kind"] == "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    assert policy["spec"]["ingress"] == [{"ports": [{"port": 9893, "protocol": "TCP"}]}]


def test_the_room_kept_for_a_sensors_frame_holds_the_longest_names() -> None:
    (sensor, *_) = rendered("Sensor")
    name = "n" * 63
    made = sensor_manifest(SensorPlan(name, (), "w" * 100), name, PATCH, name)
    size = go_json_bytes({"metadata": made["metadata"], "spec": made["spec"], "status": {}})
    assert size <= FRAME_BYTES
    assert made["spec"]["template"] == sensor["spec"]["template"]


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("registry.example.com/hookline:0.2.0", True),
        ("hookline", True),
        ("registry.example.com/hookline:0.2.0@sha256:" + "0" * 64, False),
        ("registry.example.com/hookline@sha256:" + "0" * 64, False),
    ],
)
def test_an_image_of_the_exporter_that_is_no_digest_is_warned_about(image: str, said: bool) -> None:
    done = CliRunner().invoke(main, ["exporter", "-n", "ci", "--manifests", image])
    assert done.exit_code == 0
    assert done.stderr.startswith(f"warning: --manifests {image}: a tag can change what runs") == said
    assert said or done.stderr == ""


def test_the_limit_of_a_sensor_grows_with_the_triggers_that_one_event_wakes() -> None:
    for each in rendered("Sensor"):
        dependencies = each["spec"]["dependencies"]
        names = [(found["eventSourceName"], found["eventName"]) for found in dependencies]
        woken = max(names.count(name) for name in names)
        limit = each["spec"]["template"]["container"]["resources"]["limits"]["memory"]
        assert amount(limit) == (256 + 256 * woken) * 2**20
        # Controllers write a quantity anew as Kubernetes spells it: another spelling would be changed back and forth.
        assert limit.endswith("Gi") == (amount(limit) % 2**30 == 0)
