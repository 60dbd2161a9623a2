"""Every alert fires, does not fire, and keeps still without data; every record is what it says: by Prometheus' own promtool."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from prometheus.cases import ALERT_CASES, RECORD_CASES, step
from support import ROOT

from dashboards.rules import ALERTS, RECORDS
from hookline.cli import main


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rule file that `hookline dashboards` writes."""
    folder = tmp_path_factory.mktemp("rules")
    assert CliRunner().invoke(main, ["dashboards", "-o", str(folder)]).exit_code == 0
    return folder / "prometheus/rules.yaml"


def promtool(rules: Path, folder: Path, at: str, *tests: dict[str, Any]) -> None:
    path = folder / "tests.yaml"
    every = [{"interval": step(at), **each} for each in tests]
    path.write_text(
        yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": step(at), "tests": every})
    )
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def series(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"series": name, "values": text} for name, text in values.items()]


def test_there_is_a_case_for_every_rule() -> None:
    assert set(ALERT_CASES) == {each.name for each in ALERTS}
    assert set(RECORD_CASES) == {each.name for each in RECORDS}


def test_promtool_takes_the_file(rules: Path) -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint=all", "--lint-fatal", str(rules)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def fires(name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Promtool's test that the alert of a case fires with these labels, and with its words."""
    case = ALERT_CASES[name]
    said = {
        "summary": case.summary,
        "description": case.description,
        "runbook": f"hookline docs {name}",
    }
    return {
        "eval_time": case.at,
        "alertname": name,
        "exp_alerts": [{"exp_labels": dict(labels), "exp_annotations": said}],
    }


@pytest.mark.parametrize("name", ALERT_CASES)
def test_an_alert_fires(rules: Path, tmp_path: Path, name: str) -> None:
    case = ALERT_CASES[name]
    test = fires(name, case.labels)
    promtool(
        rules,
        tmp_path,
        case.at,
        {"input_series": series(dict(case.fires)), "alert_rule_test": [test]},
    )


@pytest.mark.parametrize("name", ALERT_CASES)
def test_an_alert_keeps_still_near_its_limit_and_without_data(rules: Path, tmp_path: Path, name: str) -> None:
    case = ALERT_CASES[name]
    still = [{"eval_time": case.at, "alertname": name, "exp_alerts": []}]
    near = {"input_series": series(dict(case.quiet)), "alert_rule_test": still}
    other = {"input_series": series({"up": "1x700"}), "alert_rule_test": still}
    # That nothing is there is what the last one is about.
    promtool(rules, tmp_path, case.at, near, *([] if name == "HooklineExporterAbsent" else [other]))


def test_an_alert_about_a_pipeline_names_its_namespace_and_owner_and_any_other_names_no_owner() -> None:
    for name, case in ALERT_CASES.items():
        assert ("pipeline" in case.labels) == ("owner" in case.labels), name
    routed = {name for name, case in ALERT_CASES.items() if {"namespace", "owner"} <= case.labels.keys()}
    assert len(routed) == 6


@pytest.mark.parametrize("name", [name for name, case in ALERT_CASES.items() if "owner" in case.labels])
def test_an_alert_tells_pipelines_of_one_name_apart(rules: Path, tmp_path: Path, name: str) -> None:
    case = ALERT_CASES[name]
    # The namesake is healthy; added up with it, the pipeline in trouble might be as well.
    healthy = {
        series.replace('namespace="ci",owner="web"', 'namespace="qa",owner="ops"'): values
        for series, values in case.quiet.items()
    }
    assert not healthy.keys() & case.fires.keys()
    test = fires(name, case.labels)
    promtool(
        rules,
        tmp_path,
        case.at,
        {"input_series": series({**case.fires, **healthy}), "alert_rule_test": [test]},
    )


def test_an_alert_of_a_pipeline_without_an_owner_has_no_such_label(rules: Path, tmp_path: Path) -> None:
    case = ALERT_CASES["HooklineImageCacheBroken"]
    nobodys = {key.replace('owner="web"', 'owner=""'): values for key, values in case.fires.items()}
    labels = {name: value for name, value in case.labels.items() if name != "owner"}
    test = fires("HooklineImageCacheBroken", labels)
    promtool(rules, tmp_path, case.at, {"input_series": series(nobodys), "alert_rule_test": [test]})


@pytest.mark.parametrize(
    ("scrape", "firing"),
    [
        ("healthy", {}),
        ("lost", {"HooklineBusLost": 1}),
        ("group-of-two", {"HooklineBusLost": 1}),
        ("waiting", {"HooklineTriggerStuck": 2}),  # the two consumers of a Sensor that is down
    ],
)
def test_alerts_say_of_a_real_bus_what_happened_to_it(
    rules: Path, tmp_path: Path, scrape: str, firing: Mapping[str, int]
) -> None:
    text = (ROOT / f"tests/data/scrapes/nats-exporter-{scrape}.txt").read_text()
    scraped = [line.replace("{", '{namespace="ci",', 1).rsplit(" ", 1) for line in text.splitlines()]
    asked = {
        # No exporter of hookline's is in these series.
        "expr": 'count by (alertname) (ALERTS{alertstate="firing",alertname!="HooklineExporterAbsent"})',
        "eval_time": "40m",
        "exp_samples": [
            {"labels": f'{{alertname="{name}"}}', "value": count} for name, count in firing.items()
        ],
    }
    values = {name: f"{value}x60" for name, value in scraped}
    promtool(rules, tmp_path, "40m", {"input_series": series(values), "promql_expr_test": [asked]})


@pytest.mark.parametrize("name", RECORD_CASES)
def test_a_record_is_what_it_says(rules: Path, tmp_path: Path, name: str) -> None:
    case = RECORD_CASES[name]
    # Growth is extrapolated to the ends of the window: compared to the fourth digit.
    rounded = [
        {
            "expr": f"round({name}, 0.0001)",
            "eval_time": case.at,
            "exp_samples": [{"labels": labels, "value": value} for labels, value in case.samples.items()],
        }
    ]
    promtool(
        rules,
        tmp_path,
        case.at,
        {"input_series": series(dict(case.series)), "promql_expr_test": rounded},
    )
    nothing = {"expr": name, "eval_time": case.at, "exp_samples": []}
    promtool(
        rules,
        tmp_path,
        case.at,
        {"input_series": series({"up": "1x700"}), "promql_expr_test": [nothing]},
    )
