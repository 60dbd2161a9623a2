"""What a trigger creates is data: another kind of object brings its trigger, its offline form and its rights by itself."""

from support import plan

from sensors.creation import CREATE, PATCH, Creation
from sensors.parameters import DataKey, Parameter

NOTE = Creation(
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "ci"}},
    (Parameter(("metadata", "name"), DataKey("hookline.name")),),
    plural="configmaps",
)


def test_an_object_of_another_kind_is_created_with_the_rights_for_it_and_no_other() -> None:
    assert NOTE.of({}, {"hookline": {"name": "a"}})["metadata"] == {"namespace": "ci", "name": "a"}
    assert "name" not in NOTE.resource["metadata"], "events share the resource"
    trigger = NOTE.trigger("github-1", PATCH)
    assert trigger["source"]["resource"]["kind"] == "ConfigMap"
    assert [each["src"]["dependencyName"] for each in trigger["parameters"]] == ["github-1"]
    assert NOTE.rule(CREATE) == {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}


def test_a_plan_grants_each_namespace_what_is_created_there() -> None:
    assert plan().sensor_rules == {
        "ci": [
            {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "create", "patch"]}
        ]
    }
