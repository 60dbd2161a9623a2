"""The ledger and its text: what is kept, what is forgotten, what a scrape reads."""

import sqlite3
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runs.exporter.family import Sample
from runs.exporter.forecast import forecast
from runs.exporter.ledger import KEEP_SECONDS, Ledger, Observation
from runs.exporter.metrics import FAMILIES
from runs.exporter.schema import UnusableLedger
from runs.exporter.series import SeriesTable, exact

NOW = 1_790_000_000.0


def success(number: int, at: float = NOW) -> Observation:
    sample = Sample("hookline_runs_total", ("shop", "push", "success"), 1, f"shop-{number}")
    return Observation(f"run/{number}", at, [sample])


def test_a_key_counts_once_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for _ in range(3):
        ledger = Ledger(path, NOW - 10)
        ledger.commit([success(1), success(1), success(2)])
        ledger.close()
    assert Ledger(path, NOW).series.get("hookline_runs_total", ("shop", "push", "success")) == 2


def test_what_ended_before_the_first_start_is_not_counted(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db", NOW)
    assert ledger.counted("run/1", NOW - 1)
    assert ledger.commit([success(1, NOW - 1)]) == []
    assert len(ledger.commit([success(1, NOW + 1)])) == 1


def test_of_two_writers_the_second_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    first, second = Ledger(path, NOW), Ledger(path, NOW)
    first.commit([success(1)])
    with pytest.raises(UnusableLedger, match="another process has written"):
        second.commit([success(2)])
    first.commit([success(3)])
    assert Ledger(path, NOW).series.get("hookline_runs_total", ("shop", "push", "success")) == 2


def test_forgetting_keys_counts_nothing_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db", NOW)
    ledger.commit([success(1, NOW + 1), success(2, NOW + KEEP_SECONDS)])
    ledger.forget(NOW + KEEP_SECONDS + 10)
    assert ledger.commit([success(1, NOW + 1), success(2, NOW + KEEP_SECONDS)]) == []


def test_a_ledger_of_a_newer_version_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path, NOW).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(UnusableLedger, match="newer hookline"):
        Ledger(path, NOW)


def test_a_family_with_other_buckets_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path, NOW)
    ledger.commit(
        [Observation("x", NOW, [Sample("hookline_run_duration_seconds", ("shop",), 5)]), success(1)]
    )
    ledger.close()
    with sqlite3.connect(path) as database:
        database.execute(
            "UPDATE series SET value = '[[1, 2], 3.0]' WHERE family = 'hookline_run_duration_seconds'"
        )
        database.execute("INSERT INTO series VALUES ('hookline_gone_total', '[]', '1.0')")
    database.close()
    again = Ledger(path, NOW)
    assert again.series.get("hookline_run_duration_seconds", ("shop",)) is None
    assert again.series.get("hookline_runs_total", ("shop", "push", "success")) == 1


def test_the_text_is_what_prometheus_reads() -> None:
    ledger = Ledger(None, NOW)
    ledger.commit(
        [
            success(1),
            Observation("d", NOW, [Sample("hookline_run_duration_seconds", ('a"\\\n',), 200.5, "shop-1")]),
        ]
    )
    text = ledger.exposition().decode()
    assert "\n".join(line for line in text.splitlines() if "runs_total" in line) == (
        "# HELP hookline_runs_total Finished runs. failure: the code is red; error: the infrastructure failed; "
        "see the page on outcomes.\n"
        "# TYPE hookline_runs_total counter\n"
        'hookline_runs_total{pipeline="shop",event="push",outcome="cancellation"} 0\n'
        'hookline_runs_total{pipeline="shop",event="push",outcome="error"} 0\n'
        'hookline_runs_total{pipeline="shop",event="push",outcome="failure"} 0\n'
        'hookline_runs_total{pipeline="shop",event="push",outcome="skip"} 0\n'
        'hookline_runs_total{pipeline="shop",event="push",outcome="success"} 1\n'
        'hookline_runs_total{pipeline="shop",event="push",outcome="timeout"} 0'
    )
    families = {family.name: family for family in text_string_to_metric_families(text)}
    buckets = {
        sample.labels["le"]: sample.value
        for sample in families["hookline_run_duration_seconds"].samples
        if sample.name.endswith("_bucket")
    }
    assert (buckets["180"], buckets["300"], buckets["+Inf"]) == (0, 1, 1)
    assert families["hookline_run_duration_seconds"].samples[0].labels["pipeline"] == 'a"\\\n'


def test_a_scrape_renders_what_changed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    from runs.exporter import series

    rendered: list[tuple[str, ...]] = []
    real = series._block

    def block(family, labels, value, *, openmetrics):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        rendered.append(labels)
        return real(family, labels, value, openmetrics=openmetrics)

    monkeypatch.setattr(series, "_block", block)
    table = SeriesTable({("hookline_spot_pods_total", (f"p{number}",)): 1.0 for number in range(1000)})
    table.exposition()
    assert len(rendered) == 1000
    table.update({("hookline_spot_pods_total", ("p7",)): 2.0})
    table.exposition()
    table.exposition()
    assert rendered[1000:] == [("p7",)]


def test_requests_to_a_cache_show_once_it_was_seen_in_use() -> None:
    ledger = Ledger(None, NOW)
    labels = ("shop", "go_test")

    def asked(number: int, hits: int) -> Observation:
        samples = [
            Sample("hookline_cache_configured", labels, float(hits > 0)),
            Sample("hookline_cache_requests_total", labels, 10),
            Sample("hookline_cache_hits_total", labels, hits),
        ]
        return Observation(f"a/{number}", NOW, samples)

    ledger.commit([asked(1, 0)])
    assert 'requests_total{pipeline="shop"' not in ledger.exposition().decode()
    ledger.commit([asked(2, 9)])
    text = ledger.exposition().decode()
    assert 'hookline_cache_requests_total{pipeline="shop",cache="go_test"} 20' in text
    assert 'hookline_cache_hits_total{pipeline="shop",cache="go_test"} 9' in text
    ledger.commit([asked(3, 0)])
    assert ledger.series.get("hookline_cache_configured", labels) == 1


def test_sums_do_not_depend_on_their_order() -> None:
    parts = [exact(0.1 * number) for number in range(1000)]
    assert sum(parts) == sum(reversed(parts)) == sum(sorted(parts, key=lambda part: part * 7919 % 1))


def test_a_typical_pipeline_has_at_most_150_series() -> None:
    assert sum(forecast().values()) <= 150


def test_every_family_is_declared_as_prometheus_wants_it() -> None:
    avoided = {"type", "stage", "cluster", "env", "environment", "region", "zone", "owner", "service"}
    for family in FAMILIES.values():
        assert family.name.endswith("_total") == (family.type == "counter")
        assert bool(family.buckets) == (family.type == "histogram")
        assert list(family.buckets) == sorted(family.buckets)
        assert not avoided & set(family.labels)
        assert not {"workflow", "pod", "sha", "ref"} & set(family.labels)
        assert family.help.endswith(".")
