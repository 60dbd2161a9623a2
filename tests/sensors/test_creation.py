"""What a trigger creates is data: another kind of object brings its trigger, its offline form and its rights by itself."""

import dataclasses
import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from support import DECLARATION, github_push, plan

from hookline.cli import main
from sensors.creation import CREATE, PATCH, Creation, CreationMode
from sensors.dependencies import Dependency, of_group
from sensors.parameters import DataKey, Parameter, ScheduleHash, Sha256

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


@pytest.fixture
def with_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A declaration whose triggers make a note beside the Workflow."""

    def noted(*arguments: object) -> Dependency:
        return dataclasses.replace(of_group(*arguments), beside=(NOTE,))  # type: ignore[arg-type]

    monkeypatch.setattr("hookline.plan.layout.of_group", noted)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hookline.yaml").write_text(DECLARATION, "utf-8")
    (tmp_path / "push.json").write_text(json.dumps(github_push()), "utf-8")
    return tmp_path


def printed(*words: str) -> str:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.usefixtures("with_note")
def test_what_an_event_makes_beside_the_workflow_has_a_trigger_and_rights() -> None:
    objects = list(yaml.safe_load_all(printed("render")))
    (sensor,) = (each for each in objects if each["kind"] == "Sensor")
    first, second = sensor["spec"]["triggers"]
    (dependency,) = sensor["spec"]["dependencies"]
    assert first["template"]["name"] == dependency["name"]
    assert second["template"]["name"] == dependency["name"] + "-configmap"
    assert [each["template"]["k8s"]["source"]["resource"]["kind"] for each in (first, second)] == [
        "Workflow",
        "ConfigMap",
    ]
    assert second["dlqTrigger"]["template"]["name"] == dependency["name"] + "-configmap-dead-letter"
    (role,) = (
        each for each in objects if each["kind"] == "Role" and each["metadata"]["name"] == "hookline-sensor"
    )
    assert [each["resources"] for each in role["rules"]] == [["workflows"], ["configmaps"]]
    # Both triggers read the event at once, so the pod may take as much memory as with two dependencies.
    assert sensor["spec"]["template"]["container"]["resources"]["limits"]["memory"] == "768Mi"


@pytest.mark.usefixtures("with_note")
def test_simulate_prints_what_an_event_makes_beside_the_workflow() -> None:
    text = printed("simulate", "-e", "push.json", "--source", "github", "--header", "X-GitHub-Event: push")
    workflow, note = yaml.safe_load_all("apiVersion: " + text.partition("\napiVersion: ")[2])
    assert (workflow["kind"], note["kind"]) == ("Workflow", "ConfigMap")
    assert note["metadata"]["name"] == "shop"


def test_an_event_that_is_skipped_makes_nothing_beside_the_workflow(with_note: Path) -> None:
    (with_note / "push.json").write_text(json.dumps(github_push(ref="refs/heads/other")), "utf-8")
    text = printed("simulate", "-e", "push.json", "--source", "github", "--header", "X-GitHub-Event: push")
    assert "skip" in text
    assert "apiVersion" not in text


def test_a_trigger_patches_where_that_leaves_an_object_as_it_is_and_creates_elsewhere() -> None:
    shared = {
        "source": {"resource": NOTE.resource},
        "parameters": [{"src": {"dependencyName": "a", "dataKey": "hookline.name"}, "dest": "metadata.name"}],
    }
    patch = {"operation": "patch", "patchStrategy": "application/merge-patch+json"}
    assert NOTE.trigger("a", PATCH) == {**patch, **shared}
    assert NOTE.trigger("a", CREATE) == {"operation": "create", **shared}


@pytest.mark.parametrize(("mode", "waits"), [(PATCH, [2.2, 4.4, 8.8, 17.6, 35.2]), (CREATE, [3.0])])
def test_a_trigger_gives_up_in_little_more_than_a_minute(mode: CreationMode, waits: list[float]) -> None:
    retry = mode.retry
    first = float(retry["duration"].removesuffix("s")) * (1 + retry["jitter"])
    assert [first * retry["factor"] ** number for number in range(retry["steps"] - 1)] == pytest.approx(waits)


def test_a_hash_is_written_for_the_sensor_as_it_is_computed_here() -> None:
    named = Sha256("hookline.event", prefix="hookline.name")
    assert named.argo() == {
        "dataTemplate": "{{ .Input.hookline.name }}-{{ .Input.hookline.event | sha256sum | trunc 16 }}"
    }
    assert Sha256("hookline.event").argo() == {
        "dataTemplate": "{{ .Input.hookline.event | sha256sum | trunc 16 }}"
    }
    data = {"hookline": {"name": "shop", "event": "abc"}}
    assert named.resolve({}, data) == "shop-ba7816bf8f01cfea"
    assert Sha256("hookline.event").resolve({}, data) == "ba7816bf8f01cfea"


def test_a_schedule_has_one_hash_a_minute() -> None:
    hashed = ScheduleHash("nightly-", "abc")
    assert hashed.argo() == {
        "contextTemplate": 'nightly-{{ printf "abc %s" (.Input.time | trunc 16) | sha256sum | trunc 16 }}'
    }
    first, same, next_one = (
        hashed.resolve({"time": f"2026-11-24T02:3{time}Z"}, {}) for time in ("0:00", "0:59", "1:00")
    )
    assert first == same != next_one
    assert first.startswith("nightly-")
    assert len(first) == len("nightly-") + 16
