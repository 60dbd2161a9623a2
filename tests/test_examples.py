"""Every shipped example: rendered into its golden, accepted by the controllers' rules, its tests pass."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support import EXAMPLES, ROOT, read_yaml

from hookline.cli import main
from hookline.declaration.loading import load
from hookline.plan.controller_check import object_problems

GOLDENS = ROOT / "tests" / "data" / "goldens"


def declaration(example: Path) -> str:
    one = example / "hookline.yaml"
    return str(one if one.exists() else example)


def hookline(command: str, example: Path) -> Result:
    return CliRunner().invoke(main, [command, "-f", declaration(example)])


def test_the_examples_are_these() -> None:
    assert [path.name for path in EXAMPLES] == [
        "ack-one",
        "base-image",
        "fan-out",
        "forks",
        "forty",
        "merge-queue",
        "minimal",
        "monorepo",
        "nightly",
        "teams",
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_it_renders_into_its_golden(example: Path) -> None:
    result = hookline("render", example)
    assert result.exit_code == 0, result.stderr
    golden = GOLDENS / f"{example.name}.yaml"
    if os.environ.get("HOOKLINE_REGENERATE"):
        GOLDENS.mkdir(exist_ok=True)
        golden.write_text(result.stdout, "utf-8")
    found = read_yaml(result.stdout)
    assert found == read_yaml(golden.read_text("utf-8"))
    for each in found:
        assert object_problems(each, on_ack_one=example.name == "ack-one") == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_its_tests_pass(example: Path) -> None:
    result = hookline("test", example)
    assert result.exit_code == 0, result.stdout
    assert result.stdout.endswith(", 0 failed\n")


def test_ack_one_keeps_its_limits() -> None:
    objects = read_yaml((GOLDENS / "ack-one.yaml").read_text("utf-8"))
    kinds = {each["kind"] for each in objects}
    assert "CronWorkflow" in kinds
    bus = next(each for each in objects if each["kind"] == "EventBus")
    assert bus["spec"] == {"nats": {"native": {"replicas": 3, "auth": "token"}}}
    for each in objects:
        if each["kind"] == "EventSource":
            assert set(each["spec"]) == {"eventBusName", "template", "service", "github"}
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
            assert each["spec"]["schedules"] == ["8 3 * * *"]
            assert each["spec"]["startingDeadlineSeconds"] == 3600


def test_sensors_may_touch_workflows_and_the_exporter_what_it_reads() -> None:
    for path in GOLDENS.glob("*.yaml"):
        for each in read_yaml(path.read_text("utf-8")):
            assert each["kind"] not in {"ClusterRole", "ClusterRoleBinding"}
            if each["kind"] == "Role":
                text = str(each["rules"])
                assert "*" not in text
                allowed = {
                    "hookline-exporter": {"workflows", "pods", "pods/log", "events", "leases"},
                    "hookline-sensor": {"workflows"},
                    "hookline-fan-out": {"workflows"},
                    "hookline-executor": {"workflowtaskresults"},
                    "hookline-calendar": {"configmaps"},
                }
                assert {name for rule in each["rules"] for name in rule["resources"]} == allowed[
                    each["metadata"]["name"]
                ]


def test_the_account_that_code_runs_as_may_do_nothing_in_any_example() -> None:
    for path in GOLDENS.glob("*.yaml"):
        made = read_yaml(path.read_text("utf-8"))
        bound = [subject for each in made for subject in each.get("subjects", ())]
        assert "hookline-run" not in {subject["name"] for subject in bound}
        for each in made:
            if each["kind"] == "ServiceAccount" and each["metadata"]["name"] in {
                "hookline-run",
                "hookline-executor",
            }:
                assert each["automountServiceAccountToken"] is False


def test_the_sandbox_of_forks_has_rights_of_its_own_and_no_secret_text() -> None:
    objects = read_yaml((GOLDENS / "forks.yaml").read_text("utf-8"))
    there = [each for each in objects if each["metadata"]["namespace"] == "ci-forks"]
    assert [(each["kind"], each["metadata"]["name"]) for each in there] == [
        ("ServiceAccount", "hookline-run"),
        ("ServiceAccount", "hookline-executor"),
        ("Secret", "hookline-executor-token"),
        ("Role", "hookline-executor"),
        ("RoleBinding", "hookline-executor"),
        ("Role", "hookline-sensor"),
        ("RoleBinding", "hookline-sensor"),
    ]
    rules = {each["metadata"]["name"]: each["rules"] for each in there if each["kind"] == "Role"}
    assert rules["hookline-sensor"] == [
        {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "create", "patch"]}
    ]
    subjects = {each["metadata"]["name"]: each["subjects"] for each in there if each["kind"] == "RoleBinding"}
    assert subjects["hookline-sensor"] == [
        {"kind": "ServiceAccount", "name": "hookline-sensor", "namespace": "ci"}
    ]
    assert not any(subject["name"] == "hookline-run" for found in subjects.values() for subject in found)
    for each in there:
        if each["kind"] == "ServiceAccount":
            assert each["automountServiceAccountToken"] is False
        if each["kind"] == "Secret":  # Kubernetes fills it
            assert each.keys() == {"apiVersion", "kind", "type", "metadata"}


def test_explain_names_the_line_of_every_default_and_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "examples" / "forty")
    event = ("-f", ".", "-e", "events/base.json", "--source", "harbor")
    printed = CliRunner().invoke(main, ["explain", "pay-ledger", *event]).stdout
    lines = [line.split() for line in printed.splitlines()]
    for setting, value, place in (
        ("repository.url", "https://git.example.com/pay/ledger.git", "platform.yaml:6:86"),
        ("image", "registry-vpc.cn-hangzhou.aliyuncs.com/pay/ledger", "team-pay.yaml:7:10"),
        ("run.spot", "false", "team-pay.yaml:9:15"),
        ("run.template", "hookline-ci-go", "platform.yaml:17:15"),
    ):
        assert [setting, value, place] in lines
    data = json.loads(CliRunner().invoke(main, ["explain", "pay-ledger", *event, "-o", "json"]).stdout)
    assert {"setting": "run.spot", "value": "false", "position": "team-pay.yaml:9:15"} in data["inherited"]
    # A default that the pipeline's file replaces is not told of, and a run that does not start tells of none.
    assert printed.count("run.spot") == 1
    docs = ("-f", ".", "-e", "events/docs.json", "--source", "ghe", "--header", "X-GitHub-Event: push")
    assert "SETTING" not in CliRunner().invoke(main, ["explain", "checkout", *docs]).stdout


def test_forty_repositories_of_four_teams_take_at_most_120_lines() -> None:
    folder = ROOT / "examples" / "forty"
    files = [path for path in folder.iterdir() if path.is_file()]
    assert sum(len(path.read_text("utf-8").splitlines()) for path in files) <= 120
    declaration = load([folder])
    assert len({each.pipeline.repository.url for each in declaration.pipelines.values()}) == 40
    assert {each.owner for each in declaration.pipelines.values()} == {
        "team-data",
        "team-pay",
        "team-shop",
        "team-web",
    }
