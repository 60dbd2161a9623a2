"""Every panel of every dashboard shows the runs that were: asked of the Prometheus that scraped the exporter's pod and the event pods."""

from collections.abc import Mapping

from node.measuring import Exporter
from node.scraping import Prometheus
from panel_queries import chosen, panels

TIMES = {"$__range": "1h", "$__rate_interval": "1h"}
NOTHING_TO_SHOW: Mapping[str, set[tuple[str, str]]] = {
    "No template here memoizes": {("Caches", "memoization"), ("Caches", "Hit rate: memoization")},
    "The metrics of the bus come from an image that stands in": {
        ("Event path", "Waiting events"),
        ("Event path", "Stuck consumers"),
    },
    "Nothing fails, and nobody else is told of runs": {
        ("Exporter", "Errors"),
        ("Exporter", "Transactions and messages"),
    },
    "All runs and fan-outs have ended": {("Overview", "Active runs"), ("Event path", "Runs that wait")},
    "The price list is that of ECI, and there is no spot capacity: these pods have no price": {
        ("Overview", "Cost"),
        ("Overview", "Pipelines"),
        ("Overview", "Saved by spot"),
        ("Spot and cost", "Cost"),
        ("Spot and cost", "Cost by owner"),
        ("Spot and cost", "Cost by pipeline"),
        ("Spot and cost", "On demand"),
        ("Spot and cost", "Reclaimed"),
        ("Spot and cost", "Reclaims"),
        ("Spot and cost", "Saved by spot"),
        ("Spot and cost", "Share of spot"),
        ("Spot and cost", "Spot pods"),
        ("Spot and cost", "Wasted vCPU hours"),
    },
}
"""Why panels are empty here, or one of their queries is → dashboard and title."""


def test_no_panel_is_empty_where_the_runs_left_data(exporter: Exporter, prometheus: Prometheus) -> None:
    assert exporter.counts("shop")
    asked = {
        (board.removeprefix("hookline / "), panel["title"], target["refId"]): prometheus.ask(
            chosen(target["expr"], TIMES)
        )
        for board, panel in panels()
        for target in panel["targets"]
    }
    known = set().union(*NOTHING_TO_SHOW.values())
    assert known <= {(board, title) for board, title, _ in asked}
    empty = {(board, title) for (board, title, _), found in asked.items() if not found}
    assert empty <= known
    # Of a panel with several queries, one has something to show.
    shown = {(board, title) for (board, title, _), found in asked.items() if found}
    assert {("Overview", "Pipelines"), ("Exporter", "Transactions and messages")} <= shown
