"""Every object that hookline prints carries the six labels that Kubernetes recommends, and none of them harms what runs."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from support import read_yaml, recommended

from hookline import labels
from hookline.applying.inventory import inventory_manifest, inventory_name
from hookline.cli import main

IMAGE = "registry.example.com/hookline@sha256:" + "0" * 64
DECLARED = f"""\
version: 1
cluster: {{namespace: ci, name: builds, image: "{IMAGE}", ingress: {{host: ci.example.com, tls: ci-tls}}}}
exporter: {{watch: all, settings: {{max_pipelines: 7}}}}
limits: {{nightly: 3}}
sources:
  github: {{host: github, endpoint: /github, secret: {{name: github-webhook, key: secret}}}}
  acr:
    host: acr
    endpoint: /acr-4f9d0a31c7be25864f9d0a31c7be2586
    unverified: {{because: it cannot sign, allowed_cidrs: [203.0.113.0/24]}}
pipelines:
  shop:
    repository: {{source: github, name: acme/shop, url: "https://github.com/acme/shop.git"}}
    image: registry.example.com/acme/shop
    run: {{template: ci-go-v1, limit: nightly}}
    events:
      push: {{branches: [main]}}
      schedule: {{at: "0 3 * * *", missed: {{within: 1h}}}}
      image_push: {{source: acr, image: acme/go-base, branch: main}}
"""
RECOMMENDED = tuple(recommended(""))


def run(*arguments: str) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def rendered(folder: Path, text: str = DECLARED) -> list[dict[str, Any]]:
    (folder / "hookline.yaml").write_text(text, "utf-8")
    return read_yaml(run("render", "-f", str(folder / "hookline.yaml")))


def component(manifest: dict[str, Any]) -> str:
    return str(manifest["metadata"]["labels"]["app.kubernetes.io/component"])


def test_every_object_that_render_prints_has_the_recommended_labels(tmp_path: Path) -> None:
    found = rendered(tmp_path)
    assert {"EventBus", "EventSource", "Sensor", "Ingress", "ClusterRole", "Deployment", "ConfigMap"} <= {
        each["kind"] for each in found
    }
    for each in found:
        name = "hookline-exporter" if component(each) == "exporter" else "hookline"
        if each["kind"] == "PersistentVolumeClaim":
            name = "hookline-exporter"
        expected = recommended(component(each), name, "builds")
        if each["kind"] == "EventSource":
            version = expected.pop("app.kubernetes.io/version")
            assert each["metadata"]["annotations"]["app.kubernetes.io/version"] == version
        held = {key: each["metadata"]["labels"].get(key) for key in expected}
        assert held == expected, each["metadata"]


def test_what_is_the_users_has_a_component_of_its_own(tmp_path: Path) -> None:
    (claim,) = (each for each in rendered(tmp_path) if component(each) == "user-data")
    assert (claim["kind"], claim["metadata"]["name"]) == ("PersistentVolumeClaim", "builds-exporter")
    made = read_yaml(run("template", "prerequisites", "-n", "ci", "--git", "password", "--nas-server", "nas"))
    users = {each["kind"] for each in made if component(each) == "user-data"}
    assert users == {"PersistentVolume", "PersistentVolumeClaim", "Secret"}
    # Accounts and rights are those that render prints too, with the same labels.
    assert {component(each) for each in made} == {"user-data", "runs"}
    assert all(each["metadata"]["labels"].keys() >= set(RECOMMENDED) for each in made)


def test_templates_dashboards_and_the_inventory_have_them_too(tmp_path: Path) -> None:
    (template,) = read_yaml(run("template", "hookline-ci-go"))
    assert template["metadata"]["labels"] == recommended("workflow-template")
    run("dashboards", "-o", str(tmp_path))
    items = yaml.safe_load((tmp_path / "kubernetes/dashboards.yaml").read_text("utf-8"))["items"]
    rules = yaml.safe_load((tmp_path / "kubernetes/rules.yaml").read_text("utf-8"))
    for each in (*items, rules):
        assert each["metadata"]["labels"].items() >= recommended("monitoring").items()
    inventory = inventory_manifest(inventory_name("builds", "ci"), ())
    assert inventory["metadata"]["labels"] == recommended("inventory", instance="builds")


@pytest.mark.parametrize("version", ["9.9.9"])
def test_another_version_changes_nothing_but_the_labels_of_objects(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No pod, no selector, and not the Service of an EventSource, which Argo Events makes anew when labels of it change."""
    before = rendered(tmp_path)
    monkeypatch.setattr(labels, "VERSION", version)
    after = rendered(tmp_path)
    for old, new in zip(before, after, strict=True):
        assert version in json.dumps(new["metadata"])
        assert version not in json.dumps({key: each for key, each in new.items() if key != "metadata"})
        if new["kind"] == "EventSource":
            assert new["metadata"]["labels"] == old["metadata"]["labels"]


def test_nobody_can_say_that_another_tool_manages_an_object(tmp_path: Path) -> None:
    text = DECLARED.replace(
        "watch: all,", "watch: all, monitor_labels: {app.kubernetes.io/managed-by: Helm, release: stack},"
    )
    (monitor,) = (each for each in rendered(tmp_path, text) if each["kind"] == "ServiceMonitor")
    held = monitor["metadata"]["labels"]
    assert (held["app.kubernetes.io/managed-by"], held["release"]) == ("hookline", "stack")
