"""A reload of the configuration is a message to the thread that counts: it reads what only that thread changes."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api_objects import START, green_run, workflow
from fake_api_server import fake_api_server

from apiserver.connection import Connection
from runs.exporter.configuration import Configuration
from runs.exporter.ledger import Ledger
from runs.exporter.live import Live
from runs.exporter.prices import BUILT_IN
from runs.exporter.service import ClusterScope, Service


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_reload_while_series_appear_fails_nothing_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_api_server() as api:
        ledger = Ledger(None, 0.0, count_from=0.0)
        live = Live(version="1", prices=BUILT_IN)
        service = Service(ClusterScope(Connection.plain(api.url)), Configuration(), ledger, live)
        service.start()
        try:
            api.store("workflows", workflow("first", START))
            until(lambda: ledger.series.get("hookline_runs_total", ("ci", "", "shop", "push", "error")) == 0)
            read = ledger.series.values

            def values() -> Iterator[Any]:
                """Whoever reads the series from another thread meets a run that begins just then."""
                for number, each in enumerate(read()):
                    if number == 0 and threading.current_thread().name != "count":
                        labels = {"hookline.dev/pipeline": "other-one", "hookline.dev/event-kind": "tag"}
                        api.store("workflows", workflow("second", START, labels=labels))
                        until(
                            lambda: (
                                ledger.series.get("hookline_runs_total", ("other-one", "tag", "error")) == 0
                            )
                        )
                    yield each

            monkeypatch.setattr(ledger.series, "values", values)
            reloaded_at = live.reloaded_at
            service.configure(Configuration(adopt=("shop",)))
            until(lambda: live.reloaded_at > reloaded_at)
            for resource, _, raw in green_run("a", START, labels={}, annotations={}).changes():
                api.store(resource, raw)
            until(
                lambda: ledger.series.get("hookline_runs_total", ("ci", "", "shop", "manual", "success")) == 1
            )
            assert service.failed is None
        finally:
            service.stop()
