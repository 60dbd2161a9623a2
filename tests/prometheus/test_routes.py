"""The Alertmanager example of the docs, by Alertmanager's own amtool: each alert reaches whom the page says."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from prometheus.cases import ALERT_CASES
from support import ROOT


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one YAML block of docs/dashboards.md that has a route."""
    assert shutil.which("amtool"), "no amtool here; install it (Debian package prometheus-alertmanager)"
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/dashboards.md").read_text("utf-8"), re.DOTALL)
    (text,) = (each for each in blocks if "route:" in each)
    path = tmp_path_factory.mktemp("alertmanager") / "alertmanager.yml"
    path.write_text(text)
    return path


def receivers(example: Path, labels: Mapping[str, str]) -> str:
    done = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={example}", *(f"{name}={value}" for name, value in labels.items())],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_alertmanager_takes_the_example(example: Path) -> None:
    done = subprocess.run(
        ["amtool", "check-config", str(example)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ALERT_CASES)
def test_an_alert_goes_to_the_owner_of_its_pipeline_or_to_the_platform(example: Path, name: str) -> None:
    labels = {"alertname": name, **ALERT_CASES[name].labels}
    owned = "owner" in labels
    for owner, receiver in (
        ("team-web", "team-web"),
        ("team-billing", "team-billing"),
        ("nobody-knows", "platform"),
    ):
        changed = labels | {"owner": owner} if owned else labels
        assert receivers(example, changed) == (receiver if owned else "platform")
    without = {key: value for key, value in labels.items() if key != "owner"}
    assert receivers(example, without) == "platform"


def test_alerts_of_different_owners_are_different_messages(example: Path) -> None:
    route = yaml.safe_load(example.read_text())["route"]
    assert {"owner", "namespace", "alertname"} <= set(route["group_by"])
