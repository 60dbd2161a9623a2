"""A scrape is one valid exposition, whatever its parts come from; a sample that fits no metric never gets into it."""

import gzip
from collections import Counter
from typing import Any

import pytest
from api_objects import START, green_run
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from apiserver.reflector import WatchStatistics
from runs.exporter.configuration import Configuration
from runs.exporter.counting import RESOURCES, Change, Counting, records
from runs.exporter.family import Declarations, Sample
from runs.exporter.ledger import Ledger, Observation
from runs.exporter.live import Live
from runs.exporter.measuring_rules import make_rules
from runs.exporter.metrics import FAMILIES
from runs.exporter.own_collector import OwnMetrics
from runs.exporter.prices import BUILT_IN
from runs.exporter.service import render_metrics

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def an_exporter() -> tuple[Ledger, Live, CollectorRegistry]:
    """One that has counted a run, with something to say about everything else."""
    ledger = Ledger(None, START, count_from=START - 1)
    configuration = Configuration()
    counting = Counting(ledger, make_rules(configuration, ledger))
    keep = records(configuration.templates)
    played = green_run('a"\\', START).changes()
    counting.apply([Change(name, "changed", keep[name](raw)) for name, _, raw in played], START)
    statistics = WatchStatistics(lists=1, last_activity=START)
    statistics.list_errors["forbidden"] += 2
    statistics.watch_errors["timeout"] += 1
    live = Live(
        version='1"\\\n',
        prices=BUILT_IN,
        statistics={each: [statistics] for each in RESOURCES},
        active={("ci", "web", "shop", "pending"): 1.0},
        waiting={("ci", "registry"): 150.0},
        next_fires={("ci", "web", "shop"): START + 60.0},
        messages=lambda: {("cdevents", "sent"): 3.0, ("cdevents", "dropped"): 1.0},
        messages_waiting=lambda: {("cdevents",): 7.0},
        troubles=lambda: ["list pods in all namespaces: Forbidden"],
        web_errors=lambda: 2,
    )
    own = CollectorRegistry()
    ProcessCollector(registry=own)
    own.register(OwnMetrics(live, lambda: ledger))
    return ledger, live, own


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_scrape_is_one_valid_exposition(openmetrics: bool, zipped: bool) -> None:
    ledger, live, own = an_exporter()
    body, kind, encoding = render_metrics(
        ledger, live, own, OPENMETRICS if openmetrics else "text/plain", zipped=zipped
    )
    assert (kind.partition(";")[0], encoding) == (
        "application/openmetrics-text" if openmetrics else "text/plain",
        "gzip" if zipped else None,
    )
    text = (gzip.decompress(body) if zipped else body).decode()
    heads = Counter(line.rpartition(" ")[0] for line in text.splitlines() if line.startswith("# TYPE "))
    helps = Counter(line.split(" ")[2] for line in text.splitlines() if line.startswith("# HELP "))
    assert set(heads.values()) == set(helps.values()) == {1}
    assert text.count("# EOF") == int(openmetrics)
    read: Any = read_openmetrics if openmetrics else read_text
    families = {family.name: family for family in read(text)}
    for name, family in FAMILIES.items():
        found = families.get(name) or families.get(name.removesuffix("_total"))
        if found is None:
            continue
        assert (name, found.type, found.documentation) == (name, family.type, family.help)
        for sample in found.samples:
            assert set(sample.labels) - {"le"} == set(family.labels)
    assert {"hookline_runs", "hookline_leader", "process_cpu_seconds"} <= {
        name.removesuffix("_total") for name in families
    }


def test_every_metric_of_the_exporter_itself_is_made_where_there_is_something_to_say() -> None:
    _, _, own = an_exporter()
    found = {sample.name for family in own.collect() for sample in family.samples}
    assert {name for name, family in FAMILIES.items() if not family.kept} <= found
    assert own.get_sample_value("hookline_web_errors_total") == 2
    assert own.get_sample_value("hookline_api_requests_failing") == 1
    assert own.get_sample_value("hookline_listener_messages_waiting", {"listener": "cdevents"}) == 7
    dropped = {"listener": "cdevents", "result": "dropped"}
    assert own.get_sample_value("hookline_listener_messages_total", dropped) == 1
    assert (
        own.get_sample_value("hookline_list_errors_total", {"resource": "pods", "reason": "forbidden"}) == 2
    )


@pytest.mark.parametrize(
    "labels", [("ci", "web", "shop", "push"), (), ("ci", "web", "shop", "push", "success", "more")]
)
def test_a_sample_with_labels_too_few_or_too_many_is_refused_when_it_is_counted(
    labels: tuple[str, ...],
) -> None:
    ledger = Ledger(None, 0.0)
    good = Sample("hookline_runs_total", ("ci", "web", "shop", "push", "success"), 1)
    wrong = Sample("hookline_runs_total", labels, 1)
    with pytest.raises(
        ValueError, match="hookline_runs_total has the labels namespace, owner, pipeline, event, outcome"
    ):
        ledger.commit([Observation("x", 1.0, [good, wrong])])
    # Nothing of the transaction stays, and every later scrape works.
    assert ledger.series.get(*("hookline_runs_total", good.labels)) is None
    assert not ledger.counted("x", 1.0)
    ledger.commit([Observation("x", 1.0, [good])])
    line = 'hookline_runs_total{namespace="ci",owner="web",pipeline="shop",event="push",outcome="success"} 1'
    assert line in ledger.exposition().decode()


def test_a_sample_of_no_metric_is_refused_when_it_is_counted() -> None:
    with pytest.raises(ValueError, match="hookline_rnus_total is no metric that is kept"):
        Ledger(None, 0.0).commit([Observation("x", 1.0, [Sample("hookline_rnus_total", (), 1)])])


def test_a_metric_is_one_declaration_with_the_function_that_makes_its_samples() -> None:
    declare = Declarations[float]()

    @declare("hookline_example_total", "counter", ("size",), "An example.", values={"size": ("s", "l")})
    def example(value: float) -> Any:
        yield ("l" if value > 1 else "s",), value

    assert declare.samples(2.0) == [Sample("hookline_example_total", ("l",), 2.0)]
    assert declare.families["hookline_example_total"].labels == ("size",)
