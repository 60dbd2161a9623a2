"""templateReferencing: what Argo takes of a Workflow beside its template, and what hookline then writes, refuses and prints."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from support import read_yaml, tables

from hookline.cli import main
from triggers.workflow import TAKEN_BESIDE_A_TEMPLATE

HEAD = """\
version: 1
cluster: {namespace: ci, template_referencing: strict, sandbox: {namespace: ci-forks}}
sources:
  github: {host: github, endpoint: /github, secret: {name: github-webhook, key: secret}}
defaults: {run: {template: hookline-ci-go}}
pipelines:
"""
SHOP = """\
  shop:
    repository: {source: github, name: acme/shop, url: https://github.com/acme/shop.git}
    image: registry.example.com/acme/shop
    events: {push: {branches: [main]}, schedule: {at: 0 2 * * *}}
    run: {}
"""
FORKS = """\
  forks:
    repository: {source: github, name: acme/shop, url: https://github.com/acme/shop.git}
    events: {pull_request: {forks: sandboxed, approved_by: {label: ok-to-test}}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def hookline(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def refusals(folder: Path, text: str, *arguments: str) -> list[str]:
    (folder / "hookline.yaml").write_text(text, "utf-8")
    result = hookline("validate", *arguments)
    assert result.exit_code == 2, result.stdout
    return [line.partition(": error: ")[2] for line in result.stderr.splitlines()]


def workflow_specs(node: Any) -> Iterator[dict[str, Any]]:
    """Every spec of a Workflow that objects hold: in tables of Sensors, and of CronWorkflows and triggers of schedules."""
    if isinstance(node, dict):
        if "workflowTemplateRef" in node:
            yield node
        if node.get("kind") == "Sensor":
            yield from workflow_specs(list(tables(node)))
        for each in node.values():
            yield from workflow_specs(each)
    elif isinstance(node, list):
        for each in node:
            yield from workflow_specs(each)


@pytest.mark.parametrize("schedules", ["calendar", "cron_workflow"])
@pytest.mark.parametrize("word", ["strict", "secure"])
def test_a_workflow_says_nothing_that_argo_takes_from_the_template_alone(
    folder: Path, word: str, schedules: str
) -> None:
    text = (HEAD + SHOP).replace("strict", f"{word}, schedules: {schedules}")
    text = text.replace("run: {}", "run: {ttl: 1h, keep_pods: 1h, deadline: 1h, priority: 3, compute: node}")
    (folder / "hookline.yaml").write_text(text, "utf-8")
    rendered = hookline("render")
    assert rendered.exit_code == 0, rendered.stderr
    objects = read_yaml(rendered.stdout)
    specs = list(workflow_specs(objects))
    assert len(specs) == 2
    for spec in specs:
        assert spec.keys() <= TAKEN_BESIDE_A_TEMPLATE
        assert {"ttlStrategy", "podGC", "activeDeadlineSeconds", "priority"} <= spec.keys()
    # The pods' account is still there, and the one of Argo's own containers gets its right to report.
    accounts = {each["metadata"]["name"] for each in objects if each["kind"] == "ServiceAccount"}
    assert {"hookline-run", "hookline-executor"} <= accounts
    assert any(each["kind"] == "Role" and each["metadata"]["name"] == "hookline-executor" for each in objects)


def test_without_the_key_a_workflow_brings_its_account_itself(folder: Path) -> None:
    (folder / "hookline.yaml").write_text(
        (HEAD + SHOP).replace("template_referencing: strict, ", ""), "utf-8"
    )
    specs = list(workflow_specs(read_yaml(hookline("render").stdout)))
    assert {spec["serviceAccountName"] for spec in specs} == {"hookline-run"}


SETTINGS = [
    ("spot: {}", "run.spot: podMetadata cannot be set on a Workflow"),
    ("compute: eci", "run.compute: podMetadata cannot be set on a Workflow"),
    ("pod_labels: {team: a}", "run.pod_labels: podMetadata cannot be set on a Workflow"),
    ("pod_annotations: {team: a}", "run.pod_annotations: podMetadata cannot be set on a Workflow"),
    ("retry: {limit: 1}", "run.retry: templateDefaults cannot be set on a Workflow"),
    ("mutex: one", "run.mutex: synchronization cannot be set on a Workflow"),
    ("service_account: other", "run.service_account: serviceAccountName cannot be set on a Workflow"),
]


@pytest.mark.parametrize(("setting", "said"), SETTINGS)
def test_a_setting_that_argo_would_refuse_is_refused_with_the_way_out(
    folder: Path, setting: str, said: str
) -> None:
    (message,) = refusals(folder, (HEAD + SHOP).replace("run: {}", f"run: {{{setting}}}"))
    assert message.startswith(f"pipelines.shop.{said}")
    assert "the template" in message


def test_foreign_code_needs_what_only_the_controller_can_allow(folder: Path) -> None:
    (message,) = refusals(folder, HEAD + FORKS)
    assert message.startswith(
        "pipelines.forks.events.pull_request.forks: executor and automountServiceAccountToken"
    )
    assert "WORKFLOW_USER_OVERRIDE_ALLOWLIST" in message


@pytest.mark.parametrize("name", ["ci-go-v1", "hookline-ci-go"])
def test_the_printed_form_is_what_is_needed_and_is_recognised(folder: Path, name: str) -> None:
    printed = hookline("template", name, "--referencing", "strict")
    assert printed.exit_code == 0
    (folder / "form.yaml").write_text(printed.stdout, "utf-8")
    text = (HEAD + SHOP).replace("hookline-ci-go", name)
    (folder / "hookline.yaml").write_text(text, "utf-8")
    assert hookline("validate", "--template", "form.yaml").exit_code == 0
    (report,) = json.loads(hookline("template", "check", "form.yaml", "-o", "json").stdout)["templates"]
    assert (report["text"], report["template"]) == ("hookline", name)
    assert report["says"].endswith("renders it, for templateReferencing")
    # The usual form lacks it.
    (folder / "usual.yaml").write_text(hookline("template", name).stdout, "utf-8")
    said = refusals(folder, text, "--template", "usual.yaml")
    assert (
        f"apply `hookline template {name} --referencing strict` and give its file with --template" in said[0]
    )
    assert len(said) == (2 if name == "ci-go-v1" else 1)


@pytest.mark.parametrize(
    "lacking", ["executor", "automountServiceAccountToken", "both", "true instead of false"]
)
def test_a_template_whose_pods_could_report_nothing_is_refused(folder: Path, lacking: str) -> None:
    """hookline-run may do nothing: without the executor's account each step would end in an error."""
    manifest = yaml.safe_load(hookline("template", "hookline-ci-go", "--referencing", "strict").stdout)
    if lacking == "true instead of false":
        manifest["spec"]["automountServiceAccountToken"] = True
    else:
        for key in ("executor", "automountServiceAccountToken") if lacking == "both" else (lacking,):
            del manifest["spec"][key]
    (folder / "form.yaml").write_text(yaml.safe_dump(manifest), "utf-8")
    (message,) = refusals(folder, HEAD + SHOP, "--template", "form.yaml")
    assert "run.template: executor cannot be set on a Workflow" in message
    assert (
        "automountServiceAccountToken: false and executor: {serviceAccountName: hookline-executor}" in message
    )
    # An account of one's own reports by itself.
    manifest["spec"]["serviceAccountName"] = "ci-runner"
    (folder / "form.yaml").write_text(yaml.safe_dump(manifest), "utf-8")
    assert hookline("validate", "--template", "form.yaml").exit_code == 0


def test_the_form_of_a_shared_checkout_names_its_mutex_by_the_directory(folder: Path) -> None:
    spec = yaml.safe_load(hookline("template", "ci-go-v1", "--referencing", "secure").stdout)["spec"]
    assert spec["synchronization"] == {"mutexes": [{"name": "{{workflow.parameters.repo_name}}"}]}
    spec = yaml.safe_load(hookline("template", "hookline-ci-go", "--referencing", "secure").stdout)["spec"]
    assert (spec["serviceAccountName"], "synchronization" in spec) == ("hookline-run", False)


def test_the_vendors_template_is_told_what_it_would_need(folder: Path) -> None:
    said = refusals(folder, (HEAD + SHOP).replace("hookline-ci-go", "ci-go-v1"))
    assert ["serviceAccountName" in said[0], "synchronization: {mutexes: [{name: " in said[1]] == [True, True]
