"""What an apply changes, without a cluster: ownership of fields, guards, inventory, order, readiness, subscriptions."""

import base64
import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.applying.changes import Change, compared, difference, in_order
from hookline.applying.guards import KEPT, why_not_deleted, why_not_touched
from hookline.applying.inventory import inventory_manifest, inventory_name, listed
from hookline.applying.leaving import deletions, leaving
from hookline.applying.managed_fields import adopted, taken_from, without_fields
from hookline.applying.object_name import ObjectName
from hookline.applying.readiness import subscriptions, waits_for
from hookline.plan.subscriptions import subscription_changes

Json = dict[str, Any]
OURS = {"app.kubernetes.io/managed-by": "hookline"}


def entry(manager: str, fields: Json, operation: str = "Update", **more: str) -> Json:
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **more,
    }


def live(*entries: Json, **fields: Any) -> Json:
    metadata = {
        "name": "x",
        "namespace": "ci",
        "resourceVersion": "7",
        "labels": dict(OURS),
        "managedFields": list(entries),
    }
    metadata |= fields.pop("metadata", {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **fields}


NAME = ObjectName.at("v1", "ConfigMap", "ci", "x")


class TestOwnership:
    def test_what_kubectl_installed_becomes_ours(self) -> None:
        found = adopted(
            live(
                entry("kubectl-client-side-apply", {"f:data": {".": {}, "f:a": {}}}),
                entry("kubectl", {"f:data": {"f:b": {}}}, "Apply"),
                entry("argo-events", {"f:metadata": {"f:finalizers": {}}}),
                metadata={"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
            )
        )
        assert found is not None
        ours, other = found[0]["value"]
        assert (ours["manager"], ours["operation"]) == ("hookline", "Apply")
        assert ours["fieldsV1"] == {"f:data": {".": {}, "f:a": {}, "f:b": {}}}
        assert other["manager"] == "argo-events"
        # An object that somebody changed in between is refused, and read again.
        assert found[1] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
        assert found[2]["path"] == "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"

    @pytest.mark.parametrize(
        "other",
        [
            entry("kubectl-edit", {"f:data": {"f:a": {}}}),
            entry("helm", {"f:data": {"f:a": {}}}),
            entry("hookline", {"f:data": {"f:a": {}}}, "Apply"),
            entry("kubectl-client-side-apply", {"f:status": {}}, subresource="status"),
        ],
    )
    def test_what_others_wrote_stays_theirs(self, other: Json) -> None:
        assert adopted(live(other)) is None

    def test_a_field_that_only_kubectl_owned_is_gone_after_the_adoption(self) -> None:
        before = live(
            entry(
                "kubectl-client-side-apply",
                {
                    "f:data": {"f:a": {}, "f:old": {}},
                    "f:list": {'k:{"name":"gone"}': {"f:name": {}, "f:v": {}}},
                },
            ),
            entry("other", {"f:data": {"f:theirs": {}}}),
            data={"a": "1", "old": "1", "theirs": "1"},
            list=[{"name": "gone", "v": 1}, {"name": "stays", "v": 2}],
        )
        tried = copy.deepcopy(before)
        tried["metadata"]["managedFields"].append(entry("hookline", {"f:data": {"f:a": {}}}, "Apply"))
        found = without_fields(before, tried)
        assert found["data"] == {"a": "1", "theirs": "1"}
        assert found["list"] == [{"name": "stays", "v": 2}]

    def test_a_conflict_is_a_field_that_another_manager_loses_to_us(self) -> None:
        edit = entry("kubectl-edit", {"f:data": {"f:a": {}}})
        before = live(edit, data={"a": "2"})
        after = live(entry("hookline", {"f:data": {"f:a": {}}}, "Apply"), data={"a": "1"})
        assert taken_from(before, after) == ["kubectl-edit"]

    def test_a_field_that_goes_with_what_was_ours_is_no_conflict(self) -> None:
        controller = entry("argo-events", {"f:spec": {"f:github": {"f:other": {"f:events": {}}}}})
        before = live(controller, spec={})
        after = live(
            entry("hookline", {"f:spec": {"f:github": {"f:github": {"f:active": {}}}}}, "Apply"), spec={}
        )
        assert taken_from(before, after) == []


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"labels": {}}, "hookline did not make it"),
        ({"labels": None}, "hookline did not make it"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm manages it"),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "a:b"}}, "Argo CD tracks it"),
        ({"labels": {**OURS, "kustomize.toolkit.fluxcd.io/name": "x"}}, "Flux tracks it"),
        ({"labels": {**OURS, "helm.toolkit.fluxcd.io/name": "x"}}, "Flux tracks it"),
    ],
)
def test_what_is_somebody_elses_is_neither_changed_nor_deleted(metadata: Json, words: str) -> None:
    found = live(metadata=metadata)
    assert words in (why_not_touched(found) or "")
    assert words in (why_not_deleted(NAME, found) or "")


@pytest.mark.parametrize("kind", sorted(KEPT))
def test_what_holds_data_is_never_deleted(kind: str) -> None:
    assert why_not_touched(live()) is None
    assert why_not_deleted(NAME, live()) is None
    assert "never deleted" in (why_not_deleted(ObjectName.at("v1", kind, "ci", "x"), live()) or "")


PARTS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=30)


@given(
    st.lists(
        st.builds(
            ObjectName.at,
            st.sampled_from(["v1", "apps/v1", "argoproj.io/v1alpha1"]),
            PARTS,
            st.just("") | PARTS.filter(lambda text: text != "-"),
            PARTS,
        )
    )
)
def test_the_inventory_gives_back_what_was_written(names: list[ObjectName]) -> None:
    assert set(listed(inventory_manifest(inventory_name("hookline", "ci"), names))) == set(names)


@pytest.mark.parametrize(
    "spoiled", [None, {}, {"data": None}, {"data": {"objects": "one two\n\nv1 A b c d\n"}}]
)
def test_a_spoiled_inventory_names_nothing(spoiled: Json | None) -> None:
    assert listed(spoiled) == ()


def test_sensors_subscribe_before_event_sources_publish_and_the_bus_comes_before_both() -> None:
    kinds = [
        "EventSource",
        "Ingress",
        "Sensor",
        "CronWorkflow",
        "EventBus",
        "ServiceAccount",
        "Secret",
        "Namespace",
    ]
    ordered = [each.kind for each in in_order(ObjectName.at("v1", kind, "ci", "x") for kind in kinds)]
    assert ordered == [
        "Namespace",
        "ServiceAccount",
        "Secret",
        "CronWorkflow",
        "EventBus",
        "Sensor",
        "EventSource",
        "Ingress",
    ]


def test_a_change_is_shown_as_kubectl_shows_it_without_what_the_server_writes() -> None:
    before = live(entry("hookline", {}), data={"a": "1"}, status={"x": 1})
    after = live(data={"a": "2"}, metadata={"resourceVersion": "8"})
    change = compared(NAME, before, after)
    assert change.action == "configure"
    lines = list(difference(change))
    assert [
        line for line in lines if line.startswith(("-", "+")) and not line.startswith(("---", "+++"))
    ] == ['-  a: "1"', '+  a: "2"']
    assert compared(NAME, before, live(data={"a": "1"}, metadata={"generation": 3})).action == "unchanged"


@pytest.mark.parametrize("action", ["create", "delete"])
def test_a_secret_is_compared_without_its_values(action: Any) -> None:
    secret = live(kind="Secret", data={"password": "aHVudGVyMg=="}, stringData={"token": "hunter2"})
    secret["kind"] = "Secret"
    sides = (None, secret) if action == "create" else (secret, None)
    text = "\n".join(difference(Change(NAME, action, *sides)))
    assert "password" in text
    assert "hunter2" not in text
    assert "aHVu" not in text


READY = ({"type": "Deployed", "status": "True"},)


def sensor(conditions: Sequence[Json] = READY) -> Json:
    spec = {
        "dependencies": [{"name": "d", "eventSourceName": "s", "eventName": "e", "transform": {"jq": "."}}],
        "triggers": [
            {"template": {"name": "t", "conditions": "d // 1", "k8s": {"source": {"resource": {"a": 1}}}}}
        ],
    }
    return {
        "kind": "Sensor",
        "metadata": {"name": "x"},
        "spec": spec,
        "status": {"conditions": list(conditions)},
    }


def deployment(of: Json, **status: int) -> Json:
    carried = base64.b64encode(json.dumps({"spec": of["spec"]}).encode()).decode()
    ready = {
        "observedGeneration": 2,
        "updatedReplicas": 1,
        "readyReplicas": 1,
        "availableReplicas": 1,
        "replicas": 1,
    }
    container = {"name": "main", "env": [{"name": "SENSOR_OBJECT", "value": carried}]}
    return {
        "metadata": {"generation": 2},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}},
        "status": ready | status,
    }


def changed(part: str) -> Json:
    found = sensor()
    match part:
        case "program":
            found["spec"]["dependencies"][0]["transform"]["jq"] = ".."
        case "conditions":
            found["spec"]["triggers"][0]["template"]["conditions"] = "d // 2"
        case "resource":
            found["spec"]["triggers"][0]["template"]["k8s"]["source"]["resource"]["a"] = 2
    return found


class TestReadiness:
    def test_a_ready_sensor_waits_for_nothing(self) -> None:
        assert waits_for(sensor(), [deployment(sensor())]) is None

    @pytest.mark.parametrize("part", ["program", "conditions", "resource"])
    def test_pods_that_have_an_old_object_are_not_ready(self, part: str) -> None:
        assert "not yet handed" in (waits_for(changed(part), [deployment(sensor())]) or "")

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            ({"observedGeneration": 1}, "new pods are not made"),
            ({"updatedReplicas": 0}, "0 of 1 pods are new"),
            ({"readyReplicas": 0}, "0 of 1 pods are ready"),
            ({"availableReplicas": 0}, "0 of 1 pods are ready"),
            ({"replicas": 2}, "old pod has not ended"),
        ],
    )
    def test_a_rollout_is_waited_for(self, status: dict[str, int], words: str) -> None:
        assert words in (waits_for(sensor(), [deployment(sensor(), **status)]) or "")

    @pytest.mark.parametrize(
        ("found", "words"),
        [
            (None, "does not exist"),
            (sensor(conditions=()), "no controller has seen it"),
            (
                sensor(
                    conditions=[{"type": "Deployed", "status": "False", "reason": "Bad", "message": "no"}]
                ),
                "Deployed is False (Bad: no)",
            ),
            (
                sensor(conditions=[{"type": "Deployed", "status": "False", "reason": "EventBusNotReady"}]),
                "bus is not ready",
            ),
            (sensor(), "no pods yet"),
        ],
    )
    def test_what_is_missing_is_named(self, found: Json | None, words: str) -> None:
        assert words in (waits_for(found, ()) or "")

    def test_what_no_controller_runs_is_ready_when_it_is_there(self) -> None:
        assert waits_for(live(), ()) is None

    def test_a_trigger_whose_pod_has_not_said_so_does_not_subscribe(self) -> None:
        line = '{"msg":"started subscribing to events for trigger t with client connection x"}'
        assert list(subscriptions(sensor(), "")) == ["t"]
        assert list(subscriptions(sensor(), line.replace("trigger t ", "trigger t2 "))) == ["t"]
        assert list(subscriptions(sensor(), line)) == []


def subscribed(
    name: str, dependency: str, event: str = "github", jq: str = ".", *, keeps: bool = True
) -> Json:
    conditions = f"{dependency.replace('-', '_', 1)} // 12" if keeps else dependency
    return {
        "kind": "Sensor",
        "metadata": {"name": name},
        "spec": {
            "dependencies": [
                {"name": dependency, "eventSourceName": "hooks", "eventName": event, "transform": {"jq": jq}}
            ],
            "triggers": [{"template": {"name": dependency, "conditions": conditions}}],
        },
    }


@pytest.mark.parametrize(
    ("before", "after", "effects"),
    [
        pytest.param(
            [subscribed("s-1", "github-1-a")],
            [subscribed("s-1", "github-1-a", jq="..")],
            [],
            id="an edited table keeps what waits",
        ),
        pytest.param([], [subscribed("s-1", "github-1-a")], [], id="a new subscription loses nothing"),
        pytest.param(
            [subscribed("s-1", "github-1-a", keeps=False)],
            [subscribed("s-1", "github-1-a", jq="..", keeps=False)],
            ["s-1/github-1-a: starts anew"],
            id="where the bus cannot keep it",
        ),
        pytest.param(
            [subscribed("s-1", "github-1-a")],
            [subscribed("s-1", "github-1-b")],
            ["s-1/github-1-a: becomes s-1/github-1-b"],
            id="another name",
        ),
        pytest.param(
            [subscribed("s-1", "github-1-a")],
            [subscribed("s-2", "github-1-a")],
            ["s-1/github-1-a: becomes s-2/github-1-a"],
            id="another Sensor",
        ),
        pytest.param(
            [subscribed("s-1", "github-1-a")],
            [subscribed("s-1", "gitlab-1-a", "gitlab")],
            ["s-1/github-1-a: ends"],
            id="gone",
        ),
    ],
)
def test_a_change_says_which_subscriptions_lose_what_waits(
    before: list[Json], after: list[Json], effects: list[str]
) -> None:
    found = [
        f"{each.name}: {each.effect}".split(";")[0]
        for each in subscription_changes(before, after)
        if each.loses_events
    ]
    assert found == effects


def test_what_a_declaration_no_longer_has_is_deleted_in_reverse_and_data_is_kept() -> None:
    def of(kind: str, name: str, namespace: str | None = "ci", version: str = "v1") -> Json:
        place = {} if namespace is None else {"namespace": namespace}
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **place}}

    stays = of("ServiceAccount", "stays")
    before = [
        stays,
        of("ServiceAccount", "a"),
        of("PersistentVolumeClaim", "ledger"),
        of("Secret", "token"),
        of("ClusterRole", "c", None, "rbac.authorization.k8s.io/v1"),
        of("Sensor", "s", version="argoproj.io/v1alpha1"),
        of("ServiceAccount", "a", "team"),
    ]
    found = leaving(before, [stays, of("ServiceAccount", "new")])
    assert {str(each.name) for each in found if each.kept} == {"persistentvolumeclaim/ledger", "secret/token"}
    assert list(deletions(found)) == [
        "kubectl delete clusterrole.rbac.authorization.k8s.io/c",
        "kubectl delete -n ci sensor.argoproj.io/s serviceaccount/a",
        "kubectl delete -n team serviceaccount/a",
    ]
    assert leaving(before, before) == []
