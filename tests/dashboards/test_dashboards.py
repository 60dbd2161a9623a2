"""Dashboards and rules: made from the declarations, complete, and written in every form that they are loaded in."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from support import ROOT, recommended

from dashboards.build import build
from dashboards.files import dashboard_texts
from dashboards.queries import OTHER_METRICS, select
from dashboards.rules import ALERTS, RECORDS, groups
from hookline.cli import main
from runs.exporter.metrics import FAMILIES

REGENERATE = bool(os.environ.get("HOOKLINE_REGENERATE"))
RUNBOOKS = ROOT / "docs/runbooks"
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


def panels() -> Iterator[dict[str, Any]]:
    for text in dashboard_texts().values():
        yield from (each for each in json.loads(text)["panels"] if each["type"] != "row")


def queries() -> Iterator[str]:
    for text in dashboard_texts().values():
        yield from (each["expr"] for each in json.loads(text)["annotations"].get("list", ()))
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])
    yield from (each.expression for each in RECORDS)
    yield from (each.expression for each in ALERTS)


def metrics_of(expression: str) -> set[str]:
    """Names of metrics; a histogram's by its family, records left out."""
    names = set(
        re.findall(
            r"\b(?:hookline|argo_events|nats|process)_[a-z_]+", re.sub(r"\b\w+:\w+:\w+", "", expression)
        )
    )
    return {
        re.sub(r"_(bucket|sum|count)\Z", "", name)
        if name not in FAMILIES and name not in OTHER_METRICS
        else name
        for name in names
    }


def test_the_kept_dashboards_are_those_that_the_code_makes() -> None:
    made = build()
    if REGENERATE:
        for name, text in made.items():
            (ROOT / "dashboards/out" / name).write_text(text, "utf-8")
    assert {name: json.loads(text) for name, text in dashboard_texts().items()} == {
        name: json.loads(text) for name, text in made.items()
    }


def test_exported_and_queried_metrics_are_one_set() -> None:
    found = set().union(*map(metrics_of, queries()))
    assert {name for name in found if name.startswith("hookline_")} - set(OTHER_METRICS) == set(FAMILIES)
    assert {name for name in found if not name.startswith("hookline_")} <= set(OTHER_METRICS) | PROCESS
    assert set(OTHER_METRICS) <= found


def test_alerts_ask_for_records_that_exist() -> None:
    known = {each.name for each in RECORDS}
    for each in ALERTS:
        assert set(re.findall(r"\b\w+:\w+:\w+", each.expression)) <= known


def test_a_wrong_metric_or_label_is_an_error() -> None:
    for name in ("hookline_runs", "hookline_runs_total_bucket"):
        with pytest.raises(KeyError):
            select(name)
    with pytest.raises(KeyError):
        select("hookline_runs_total", step="a")


def test_every_panel_says_what_it_shows_and_in_which_unit() -> None:
    for panel in panels():
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        if panel["type"] != "table":
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_panels_have_ids_that_links_can_rest_on() -> None:
    for text in dashboard_texts().values():
        ids = [each["id"] for each in json.loads(text)["panels"]]
        assert ids == list(range(1, len(ids) + 1))


def test_growth_is_asked_for_over_what_is_shown() -> None:
    for panel in panels():
        for target in panel["targets"]:
            windows = set(re.findall(r"(?:rate|increase)\([^[]*\[([^]]+)\]", target["expr"]))
            assert windows <= {"$__range" if target.get("instant") else "$__rate_interval"}, target["expr"]


def test_every_alert_has_a_runbook_and_the_other_way_round() -> None:
    assert {path.stem for path in RUNBOOKS.glob("Hookline*.md")} == {each.name for each in ALERTS}
    for each in ALERTS:
        text = (RUNBOOKS / f"{each.name}.md").read_text("utf-8")
        assert text.startswith(f"# {each.name}\n")
        for heading in ("## What it means", "## Where to look", "## What to do"):
            assert heading in text, (each.name, heading)


def test_the_command_writes_each_form(tmp_path: Path) -> None:
    arguments = [
        "dashboards",
        "-o",
        str(tmp_path),
        "-n",
        "watch",
        "--label",
        "release=stack",
        "--runbooks",
        "https://example.com/r/",
    ]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stderr) == (0, f"10 files in {tmp_path}\n")
    rule = yaml.safe_load((tmp_path / "kubernetes/rules.yaml").read_text())
    assert rule["metadata"] == {
        "name": "hookline",
        "namespace": "watch",
        "labels": recommended("monitoring") | {"release": "stack"},
    }
    assert (
        rule["spec"]
        == yaml.safe_load((tmp_path / "prometheus/rules.yaml").read_text())
        == groups("https://example.com/r/")
    )
    maps = yaml.safe_load((tmp_path / "kubernetes/dashboards.yaml").read_text())["items"]
    for each in maps:
        assert each["metadata"]["labels"] == recommended("monitoring") | {"grafana_dashboard": "1"}
        assert each["metadata"]["namespace"] == "watch"
        ((name, text),) = each["data"].items()
        assert text == (tmp_path / "grafana/dashboards" / name).read_text()
        assert len(text) < 1_000_000  # what a ConfigMap holds
    assert len(maps) == 6
    provider = yaml.safe_load((tmp_path / "grafana/provisioning/hookline.yaml").read_text())
    assert provider["apiVersion"] == 1


@pytest.mark.parametrize(
    ("option", "value", "accepted"),
    [
        ("--label", "release", "write NAME=VALUE"), ("--label", "=x", "expected the key of a label"), ("--label", "a=b c", "expected a label value"),
        ("--label", "", "write NAME=VALUE"), ("--label", "ä=x", "expected the key of a label"), ("--label", "a=" + "b" * 64, "at most 63"),
        ("-n", "A", "expected a namespace"), ("--runbooks", "https://x/{{ query }}", "expected the beginning of an address"),
        ("--runbooks", "a\nb", "expected the beginning of an address"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_before_anything_is_written(
    tmp_path: Path, option: str, value: str, accepted: str
) -> None:
    result = CliRunner().invoke(main, ["dashboards", "-o", str(tmp_path / "new"), option, value])
    assert (result.exit_code, (tmp_path / "new").exists()) == (2, False)
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {option} ")
    assert accepted in line


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(main, ["dashboards", "-o", str(tmp_path / "file" / "x")])
    assert (result.exit_code, result.stderr.startswith("error: ")) == (2, True)
