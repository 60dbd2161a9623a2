"""Every shipped example: rendered into its golden, accepted by the controllers' rules, its tests pass."""

import os
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from support import EXAMPLES, ROOT

from hookline.cli import main
from hookline.controller_check import object_problems

GOLDENS = ROOT / "tests" / "data" / "goldens"


def declaration(example: Path) -> str:
    one = example / "hookline.yaml"
    return str(one if one.exists() else example)


def hookline(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_the_examples_are_these() -> None:
    assert [path.name for path in EXAMPLES] == [
        "ack-one",
        "base-image",
        "minimal",
        "monorepo",
        "nightly",
        "teams",
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_it_renders_into_its_golden(example: Path) -> None:
    result = hookline("render", "-f", declaration(example))
    assert result.exit_code == 0, result.stderr
    golden = GOLDENS / f"{example.name}.yaml"
    if os.environ.get("HOOKLINE_REGENERATE"):
        GOLDENS.mkdir(exist_ok=True)
        golden.write_text(result.stdout, "utf-8")
    found = list(yaml.safe_load_all(result.stdout))
    assert found == list(yaml.safe_load_all(golden.read_text("utf-8")))
    for each in found:
        assert object_problems(each, on_ack_one=example.name == "ack-one") == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_its_tests_pass(example: Path) -> None:
    result = hookline("test", "-f", declaration(example))
    assert result.exit_code == 0, result.stdout
    assert result.stdout.endswith(", 0 failed\n")


def test_ack_one_keeps_its_limits() -> None:
    objects = list(yaml.safe_load_all((GOLDENS / "ack-one.yaml").read_text("utf-8")))
    kinds = {each["kind"] for each in objects}
    assert "CronWorkflow" in kinds
    bus = next(each for each in objects if each["kind"] == "EventBus")
    assert bus["spec"] == {"nats": {"native": {"replicas": 3, "auth": "token"}}}
    for each in objects:
        if each["kind"] == "EventSource":
            assert set(each["spec"]) == {"eventBusName", "service", "github"}
        if each["kind"] == "Sensor":
            assert len(each["spec"]["dependencies"]) == 1
            for trigger in each["spec"]["triggers"]:
                assert trigger["template"]["k8s"]["operation"] == "create"
                assert trigger["retryStrategy"] == {"steps": 2, "duration": "3s", "factor": 1, "jitter": 0.0}
        if each["kind"] == "Role" and each["metadata"]["name"] == "hookline-sensor":
            assert each["rules"] == [
                {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["create"]}
            ]
        if each["kind"] == "CronWorkflow":
            assert each["spec"]["schedule"]
            assert each["spec"]["startingDeadlineSeconds"] == 3600


def test_sensors_may_touch_workflows_and_nothing_else() -> None:
    for path in GOLDENS.glob("*.yaml"):
        for each in yaml.safe_load_all(path.read_text("utf-8")):
            assert each["kind"] not in {"ClusterRole", "ClusterRoleBinding"}
            if each["kind"] == "Role":
                text = str(each["rules"])
                assert "*" not in text
                allowed = {
                    "hookline-sensor": {"workflows"},
                    "hookline-run": {"workflowtaskresults"},
                    "hookline-calendar": {"configmaps"},
                }
                assert {name for rule in each["rules"] for name in rule["resources"]} == allowed[
                    each["metadata"]["name"]
                ]
