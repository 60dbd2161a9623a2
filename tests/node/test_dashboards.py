"""Every panel of every dashboard shows the runs that were: asked of the Prometheus that scraped the exporter's pod and the event pods."""

from node.scraping import Prometheus
from panel_queries import chosen, panels

TIMES = {"$__range": "1h", "$__rate_interval": "1h"}


def test_no_panel_is_empty_where_the_runs_left_data(prometheus: Prometheus) -> None:
    empty = set()
    for board, panel in panels():
        for target in panel["targets"]:
            if not prometheus.ask(chosen(target["expr"], TIMES)):
                empty.add((board, panel["title"], target["refId"]))
    for each in sorted(empty):
        print(each)
    assert not empty
