"""Every query of every dashboard, asked of a real Prometheus; and a week's truths, computed by hand."""

import json
import re
from datetime import datetime
from typing import Any

import panel_queries
import pytest
from cluster.histories import HISTORIES
from panel_queries import panels
from prometheus.conftest import END, HOSTILE, KNOWN, START, WEEK, Prometheus
from recorded_days import tell

from dashboards.files import dashboard_texts
from dashboards.queries import increase, quantile, select
from runs.exporter.metrics import FAMILIES

TIMES = {"$__range": "7d", "$__rate_interval": "1h"}
STEPS_OF_IMAGE = {
    # Hits and steps of the recorded build logs, as the table of samples counts them. The build whose cache was unreachable had all
    # its steps from a local store, which is no hit of the cache: it is left out there and here.
    "green": (5, 8), "green-spot": (5, 8), "green-cached-tests": (5, 8), "no-test": (5, 8), "degraded": (5, 8),
    "green-full": (8, 8), "green-full-again": (8, 8), "green-modules": (4, 8), "green-cold": (0, 8),
}  # fmt: skip


def chosen(expression: str, **variables: str) -> str:
    """A query as Grafana sends it, to a week of one exporter."""
    return panel_queries.chosen(expression, TIMES, **{"job": "hookline"} | variables)


TARGETS = [
    pytest.param(panel, target, id=f"{board}: {panel['title']}: {target['refId']}")
    for board, panel in panels()
    for target in panel["targets"]
]


@pytest.mark.parametrize(("panel", "target"), TARGETS)
def test_a_query_returns_data(prometheus: Prometheus, panel: dict[str, Any], target: dict[str, Any]) -> None:
    expression = chosen(target["expr"])
    if target.get("instant"):
        assert prometheus.at_end(expression)
    else:
        assert prometheus.over_the_week(expression)


def test_annotations_return_data(prometheus: Prometheus) -> None:
    for text in dashboard_texts().values():
        for each in json.loads(text)["annotations"].get("list", ()):
            assert prometheus.over_the_week(chosen(each["expr"]))


def query(board: str, title: str) -> str:
    return next(
        str(panel["targets"][0]["expr"])
        for name, panel in panels()
        if name.endswith(board) and panel["title"] == title
    )


def value(prometheus: Prometheus, expression: str) -> float:
    ((_, found),) = prometheus.at_end(expression)
    return found


def test_outcomes_of_the_week_are_those_that_were_told(prometheus: Prometheus) -> None:
    told = [each.counted_as[2] for each in WEEK]
    found = {
        labels["outcome"]: value
        for labels, value in prometheus.at_end("sum by (outcome) (hookline_runs_total)")
    }
    assert {name: count for name, count in found.items() if count} == {
        name: told.count(name) for name in set(told)
    }
    green = value(prometheus, chosen(query("Overview", "Green")))
    decided = [each for each in told if each not in {"cancellation", "skip"}]
    assert green == pytest.approx(decided.count("success") / len(decided), rel=0.05)


def test_the_hit_rate_of_a_pipeline_is_that_of_its_logs(prometheus: Prometheus) -> None:
    found = [
        STEPS_OF_IMAGE[each.history]
        for each in WEEK
        if each.pipeline == "shop" and each.history in STEPS_OF_IMAGE
    ]
    hits, requests = (sum(each) for each in zip(*found, strict=True))
    series = '{pipeline="shop",cache="image_layer"}'
    assert value(prometheus, f"hookline_cache_hits_total{series}") == hits
    assert value(prometheus, f"hookline_cache_requests_total{series}") == requests
    rates = {
        labels["pipeline"]: value
        for labels, value in prometheus.at_end(
            chosen(query("Caches", "Hit rate: image_layer").replace("$__rate_interval", "7d"))
        )
    }
    assert rates["shop"] == pytest.approx(hits / requests, rel=0.03)


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_cost_and_usage_of_a_known_run_are_those_of_its_pods(prometheus: Prometheus) -> None:
    lines, _ = tell([KNOWN])
    last = {
        each["object"]["metadata"]["uid"]: each["object"]
        for each in lines
        if each["resource"] == "pods" and each["type"] == "MODIFIED"
    }
    assert len(last) == 3
    billed = 0.0
    for pod in last.values():
        ends = [each["state"]["terminated"]["finishedAt"] for each in pod["status"]["containerStatuses"]]
        billed += max(map(seconds, ends)) - seconds(pod["status"]["startTime"])
    known = '{pipeline="known"}'
    assert value(prometheus, f"sum(hookline_compute_vcpu_seconds_total{known})") == pytest.approx(2 * billed)
    hourly = 2 * 0.0441 + 4 * 0.005517
    assert value(prometheus, f"sum(hookline_compute_cost_total{known})") == pytest.approx(
        billed * hourly / 3600
    )
    assert value(prometheus, f"sum(hookline_compute_list_cost_total{known})") == pytest.approx(
        billed * 4 * hourly / 3600
    )


def test_the_share_of_spot_is_that_of_its_histories(prometheus: Prometheus) -> None:
    spot = value(prometheus, 'sum(hookline_compute_vcpu_seconds_total{capacity="spot"})')
    every = value(prometheus, "sum(hookline_compute_vcpu_seconds_total)")
    assert value(prometheus, chosen(query("Spot and cost", "Share of spot"))) == pytest.approx(
        spot / every, rel=0.05
    )
    pods = value(prometheus, "sum(hookline_spot_pods_total)")
    told = sum(
        next((count for key, count in HISTORIES[each.history].adds.items() if key[0] == "spot"), 0)
        for each in WEEK
        if each.history in HISTORIES
    )
    told += sum(2 if each.history == "red-spot" else 3 for each in WEEK if each.history not in HISTORIES)
    assert pods == told


def test_the_ninth_decile_of_durations_lies_in_its_bucket(prometheus: Prometheus) -> None:
    lines, _ = tell([each for each in WEEK if each.pipeline == "shop" and each.history != "green-person"])
    last = {
        each["object"]["metadata"]["uid"]: each["object"]["status"]
        for each in lines
        if each["resource"] == "workflows" and "status" in each.get("object", {})
    }
    durations = sorted(
        seconds(each["finishedAt"]) - seconds(each["startedAt"])
        for each in last.values()
        if each.get("finishedAt")
    )
    ninth = durations[int(len(durations) * 0.9)]
    bounds = (0.0, *FAMILIES["hookline_run_duration_seconds"].buckets)
    above = next(bound for bound in bounds if bound >= ninth)
    below = bounds[bounds.index(above) - 1]
    raw = 'histogram_quantile(0.9, sum by (le) (hookline_run_duration_seconds_bucket{pipeline="shop"}))'
    assert below <= value(prometheus, raw) <= above
    shown = value(prometheus, chosen(quantile(0.9, "hookline_run_duration_seconds"), pipeline="shop"))
    assert shown == pytest.approx(value(prometheus, raw), rel=0.1)


def test_a_hostile_name_breaks_no_query(prometheus: Prometheus) -> None:
    # Grafana escapes what is chosen for a regular expression, and that for a text.
    escaped = re.sub(r"[\\^$*+?.()|\[\]{}]", lambda match: "\\" + match[0], HOSTILE.pipeline)
    escaped = escaped.replace("\\", "\\\\").replace('"', '\\"')
    for _, panel in panels():
        for target in panel["targets"]:
            if "$pipeline" in target["expr"]:
                prometheus.at_end(chosen(target["expr"], pipeline=escaped))
    runs = chosen(f"sum by (pipeline) ({select('hookline_runs_total', outcome='success')})", pipeline=escaped)
    ((labels, count),) = prometheus.at_end(runs)
    assert (labels["pipeline"], count) == (HOSTILE.pipeline, 1)


def test_growth_over_the_week_is_what_was_counted_the_first_runs_too(prometheus: Prometheus) -> None:
    assert END - START == 7 * 86_400
    # A counter stands at 0 from the begin of its first run, so increase() sees that one as well.
    grown = value(prometheus, chosen(increase("hookline_runs_total")))
    assert grown == pytest.approx(len(WEEK), rel=0.03)
