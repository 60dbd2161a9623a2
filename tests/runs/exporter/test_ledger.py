"""The ledger and its text: what is kept, what is forgotten, what a scrape reads."""

import contextlib
import functools
import operator
import sqlite3
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from api_objects import START, green_run
from fan_out_histories import fan_out_history
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from support import ROOT
from tries import tries
from web_site import a_run

from runs.exporter.configuration import Configuration
from runs.exporter.counting import RESOURCES, Change, Counting, records
from runs.exporter.family import Sample
from runs.exporter.forecast import forecast
from runs.exporter.ledger import KEEP_SECONDS, Ledger, Observation
from runs.exporter.measuring_rules import make_rules
from runs.exporter.metrics import FAMILIES, OUTCOMES
from runs.exporter.schema import UnusableLedger
from runs.exporter.series import Histogram, SeriesTable
from runs.fan_outs import fan_out_of
from runs.history import Query

NOW = 1_790_000_000.0
SHOP = ("ci", "web", "shop")


def success(number: int, at: float = NOW) -> Observation:
    sample = Sample("hookline_runs_total", (*SHOP, "push", "success"), 1, f"shop-{number}")
    return Observation(f"run/{number}", at, [sample])


def test_a_key_counts_once_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for _ in range(3):
        ledger = Ledger(path, NOW - 10)
        ledger.commit([success(1), success(1), success(2)])
        ledger.close()
    assert Ledger(path, NOW).series.get("hookline_runs_total", (*SHOP, "push", "success")) == 2


def test_what_ended_before_the_first_start_is_not_counted(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db", NOW)
    assert ledger.counted("run/1", NOW - 1)
    assert ledger.commit([success(1, NOW - 1)]) == []
    assert len(ledger.commit([success(1, NOW + 1)])) == 1


def test_a_large_batch_opens_no_temporary_file_since_a_pod_may_have_no_place_for_one(tmp_path: Path) -> None:
    seen: set[str] = set()

    def look(_: str) -> None:
        for each in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                seen.add(str(each.readlink()))

    ledger = Ledger(tmp_path / "ledger.db", NOW - 10, crash_point=look)
    runs = [
        a_run(
            number,
            uid=f"{number * 7_919 % 3_000:05}",
            finished=NOW + number * 7_907 % 2_999,
            name=f"{number * 7_901 % 3_000:05}",
        )
        for number in range(3_000)
    ]
    ledger.commit(
        [Observation(f"run/{each.uid}", NOW, (), each) for each in runs], instead=lambda each, _: each
    )
    assert any(each.endswith("ledger.db-wal") for each in seen)
    assert not [each for each in seen if "etilqs" in each]


def test_of_two_writers_the_second_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    first, second = Ledger(path, NOW), Ledger(path, NOW)
    first.commit([success(1)])
    with pytest.raises(UnusableLedger, match="another process has written"):
        second.commit([success(2)])
    first.commit([success(3)])
    assert Ledger(path, NOW).series.get("hookline_runs_total", (*SHOP, "push", "success")) == 2


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
    ledger.commit([Observation("x", NOW, [Sample("hookline_run_duration_seconds", SHOP, 5)]), success(1)])
    ledger.close()
    with sqlite3.connect(path) as database:
        database.execute(
            "UPDATE series SET value = '[[1, 2], 3.0]' WHERE family = 'hookline_run_duration_seconds'"
        )
        database.execute("INSERT INTO series VALUES ('hookline_gone_total', '[]', '1.0')")
    database.close()
    again = Ledger(path, NOW)
    assert again.series.get("hookline_run_duration_seconds", SHOP) is None
    assert again.series.get("hookline_runs_total", (*SHOP, "push", "success")) == 1


def test_the_text_is_what_prometheus_reads() -> None:
    ledger = Ledger(None, NOW)
    ledger.commit(
        [
            success(1),
            Observation(
                "d", NOW, [Sample("hookline_run_duration_seconds", ("ci", "", 'a"\\\n'), 200.5, "shop-1")]
            ),
        ]
    )
    text = ledger.exposition().decode()
    assert "\n".join(line for line in text.splitlines() if "runs_total" in line) == (
        "# HELP hookline_runs_total Finished runs. failure: the code failed; error: the infrastructure failed. "
        "hookline docs exporter#outcomes explains all outcomes.\n"
        "# TYPE hookline_runs_total counter\n"
        'hookline_runs_total{namespace="ci",owner="web",pipeline="shop",event="push",outcome="cancellation"} 0\n'
        'hookline_runs_total{namespace="ci",owner="web",pipeline="shop",event="push",outcome="error"} 0\n'
        'hookline_runs_total{namespace="ci",owner="web",pipeline="shop",event="push",outcome="failure"} 0\n'
        'hookline_runs_total{namespace="ci",owner="web",pipeline="shop",event="push",outcome="skip"} 0\n'
        'hookline_runs_total{namespace="ci",owner="web",pipeline="shop",event="push",outcome="success"} 1\n'
        'hookline_runs_total{namespace="ci",owner="web",pipeline="shop",event="push",outcome="timeout"} 0'
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
    table = SeriesTable(
        {("hookline_spot_pods_total", ("ci", "web", f"p{number}")): 1.0 for number in range(1000)}
    )
    table.exposition()
    assert len(rendered) == 1000
    table.update({("hookline_spot_pods_total", ("ci", "web", "p7")): 2.0})
    table.exposition()
    table.exposition()
    assert rendered[1000:] == [("ci", "web", "p7")]


def test_requests_to_a_cache_show_once_it_was_seen_in_use() -> None:
    ledger = Ledger(None, NOW)
    labels = (*SHOP, "go_test")

    def asked(number: int, hits: int) -> Observation:
        samples = [
            Sample("hookline_cache_configured", labels, float(hits > 0)),
            Sample("hookline_cache_requests_total", labels, 10),
            Sample("hookline_cache_hits_total", labels, hits),
        ]
        return Observation(f"a/{number}", NOW, samples)

    ledger.commit([asked(1, 0)])
    assert 'requests_total{namespace="ci",owner="web",pipeline="shop"' not in ledger.exposition().decode()
    ledger.commit([asked(2, 9)])
    text = ledger.exposition().decode()
    assert (
        'hookline_cache_requests_total{namespace="ci",owner="web",pipeline="shop",cache="go_test"} 20' in text
    )
    assert 'hookline_cache_hits_total{namespace="ci",owner="web",pipeline="shop",cache="go_test"} 9' in text
    ledger.commit([asked(3, 0)])
    assert ledger.series.get("hookline_cache_configured", labels) == 1


PARTS = st.lists(
    st.tuples(
        st.sampled_from(["shop", "cart"]),
        st.one_of(
            st.floats(1e-6, 1e15),
            st.integers(0, 10**15).map(float),
            st.sampled_from([0.1, 1e-6, 1e15, 2.0**23 + 2.0**-29, 0.0]),
        ),
    ),
    min_size=1,
    max_size=12,
)


def ended(number: int, pipeline: str, value: float) -> Observation:
    """Something that adds to a counter with siblings, to a counter, to a histogram and to a gauge."""
    samples = [
        Sample("hookline_runs_total", ("ci", "web", pipeline, "push", "success"), 1),
        Sample(
            "hookline_compute_memory_byte_seconds_total",
            ("ci", "web", pipeline, "run-test", "eci", "spot"),
            value,
        ),
        Sample("hookline_run_duration_seconds", ("ci", "web", pipeline), value),
        Sample("hookline_last_success_timestamp_seconds", ("ci", "web", pipeline), value),
    ]
    return Observation(f"run/{number}", NOW, samples)


class _Crash(Exception):
    """The process ends here."""


@settings(max_examples=tries(60))
@given(PARTS, st.data())
def test_any_order_grouping_and_crash_give_the_same_text(
    parts: list[tuple[str, float]], data: st.DataObject
) -> None:
    observations = [ended(number, *part) for number, part in enumerate(parts)]
    whole = Ledger(None, NOW)
    whole.commit(observations)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        left, crashes = data.draw(st.permutations(observations)), data.draw(st.integers(0, 3))
        passed = 0

        def crash_point(_: str) -> None:
            nonlocal passed, crashes
            passed += 1
            if crashes and passed == crash_at:
                crashes -= 1
                raise _Crash

        ledger = Ledger(path, NOW, crash_point=crash_point)
        while left:
            size = data.draw(st.integers(1, len(left)))
            crash_at = passed + data.draw(st.integers(1, size + 2))
            try:
                ledger.commit(left[:size])
            except _Crash:
                ledger.close()
                ledger = Ledger(path, NOW, crash_point=crash_point)
                continue
            left = left[size:]
            if data.draw(st.booleans()):
                ledger.exposition()
        assert ledger.exposition() == whole.exposition()
        ledger.close()
        assert Ledger(path, NOW).exposition() == whole.exposition()
    for pipeline in {name for name, _ in parts}:
        exact = sum(Fraction(value) for name, value in parts if name == pipeline)
        for family in ("hookline_compute_memory_byte_seconds_total", "hookline_run_duration_seconds_sum"):
            (line,) = (
                each
                for each in whole.exposition().decode().splitlines()
                if each.startswith(family) and f'pipeline="{pipeline}"' in each
            )
            assert float(line.rpartition(" ")[2]) == float(exact)


def test_a_restart_rounds_no_sum(tmp_path: Path) -> None:
    """Beyond 2^49 a float has no tenths, so that a sum that was kept as one would lose some at every restart."""
    path = tmp_path / "ledger.db"
    parts = [1e15, *[0.3] * 10]
    for number, part in enumerate(parts):
        ledger = Ledger(path, NOW)
        ledger.commit([ended(number, "shop", part)])
        ledger.close()
    exact = float(sum(map(Fraction, parts)))
    assert exact != functools.reduce(operator.add, parts), "this order of parts would not tell"
    text = Ledger(path, NOW).exposition().decode()
    for family in ("hookline_compute_memory_byte_seconds_total", "hookline_run_duration_seconds_sum"):
        (line,) = (each for each in text.splitlines() if each.startswith(family + "{"))
        assert float(line.rpartition(" ")[2]) == exact


def ledger_of_version_3(path: Path) -> Path:
    """A ledger that knew neither namespaces nor owners: two runs of shop, one of cart, one of `other`, each green."""
    with sqlite3.connect(path) as database:
        database.executescript((ROOT / "tests/data/ledger-version-3.sql").read_text())
    database.close()
    return path


def lines_of(ledger: Ledger, name: str) -> list[str]:
    return [line for line in ledger.exposition().decode().splitlines() if line.startswith(name)]


def test_a_ledger_of_the_first_version_keeps_its_sums(tmp_path: Path) -> None:
    path = ledger_of_version_3(tmp_path / "ledger.db")
    with sqlite3.connect(path) as database:
        rows = [
            ("hookline_compute_cost_total", '["old", "spot", "CNY"]', "12.5009765625"),
            ("hookline_image_cache_import_seconds", '["old"]', "[[1, 0, 0, 0, 1], 80.25]"),
            ("hookline_last_success_timestamp_seconds", '["old"]', "1790000000.0"),
        ]
        database.executemany("INSERT INTO series VALUES (?, ?, ?)", rows)
        database.execute("DROP TABLE outbox")
        database.execute("PRAGMA user_version = 1")
    database.close()
    ledger = Ledger(path, NOW)
    samples = [
        Sample("hookline_compute_cost_total", ("ci", "web", "old", "spot", "CNY"), 0.25),
        Sample("hookline_image_cache_import_seconds", ("ci", "web", "old"), 0.5),
    ]
    ledger.commit([Observation("x", NOW, samples)])
    ledger.close()
    lines = Ledger(path, NOW).exposition().decode().splitlines()
    old = 'namespace="ci",owner="web",pipeline="old"'
    assert f'hookline_compute_cost_total{{{old},capacity="spot",currency="CNY"}} 12.7509765625' in lines
    assert f"hookline_image_cache_import_seconds_sum{{{old}}} 80.75" in lines
    assert f'hookline_image_cache_import_seconds_bucket{{{old},le="1"}} 2' in lines
    untouched = 'hookline_last_success_timestamp_seconds{namespace="",owner="",pipeline="old"} 1790000000'
    assert untouched in lines
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (6,)
    database.close()


def test_what_was_counted_before_namespaces_and_owners_goes_on_under_them(tmp_path: Path) -> None:
    path = ledger_of_version_3(tmp_path / "ledger.db")
    ledger = Ledger(path, NOW)
    name = "hookline_runs_total"

    def successes(ledger: Ledger) -> dict[tuple[str, ...], float]:
        return {
            labels[:3]: float(value)
            for (family, labels), value in ledger.series.values()
            if family == name and labels[4] == "success" and not isinstance(value, Histogram)
        }

    kept = {("", "", "cart"): 1.0, ("", "", "other"): 1.0, ("", "", "shop"): 2.0}
    assert successes(ledger) == kept
    ledger.commit([], zeros=[(name, (*SHOP, "push", outcome)) for outcome in OUTCOMES])
    # With the begin of a run its series go on where they were: no growth that Prometheus would see, and none twice.
    moved = {("", "", "cart"): 1.0, ("", "", "other"): 1.0, SHOP: 2.0}
    assert successes(ledger) == moved
    assert not [line for line in lines_of(ledger, name) if '"",pipeline="shop"' in line]
    ledger.commit([success(1)])
    ledger.commit([Observation("o", NOW, [Sample(name, ("ci", "web", "other", "manual", "success"), 1)])])
    now = moved | {SHOP: 3.0, ("ci", "web", "other"): 1.0}
    assert successes(ledger) == now, "runs of `other` are of any namespace, so they stay apart"
    # A namesake elsewhere begins at 0.
    ledger.commit([Observation("n", NOW, [Sample(name, ("qa", "web", "shop", "push", "success"), 1)])])
    now |= {("qa", "web", "shop"): 1.0}
    assert successes(ledger) == now
    text = ledger.exposition()
    ledger.close()
    again = Ledger(path, NOW)
    assert successes(again) == now
    assert again.exposition() == text


def test_runs_of_an_older_ledger_have_pages_and_no_owner(tmp_path: Path) -> None:
    ledger = Ledger(ledger_of_version_3(tmp_path / "ledger.db"), NOW)
    runs = ledger.page(Query()).runs
    assert [(each.pipeline, each.owner) for each in runs] == [
        ("other", ""), ("cart", ""), ("shop", ""), ("shop", ""),
    ]  # fmt: skip
    assert ledger.values("owner") == [""]
    ledger.commit([Observation("x", NOW, (), run=replace(runs[1], uid="new", owner="web"))])
    assert [each.uid for each in ledger.page(Query(owner="web")).runs] == ["new"]


def test_a_run_that_an_older_ledger_counted_is_not_counted_again(tmp_path: Path) -> None:
    ledger = Ledger(ledger_of_version_3(tmp_path / "ledger.db"), NOW)
    counting = Counting(ledger, make_rules(Configuration(), ledger))
    before = ledger.exposition()
    keep = records(["ci-go-v1"])
    labels = {"hookline.dev/pipeline": "shop", "hookline.dev/event-kind": "push", "hookline.dev/owner": "web"}
    again = green_run("shop-0", START, labels=labels).changes()
    for resource in RESOURCES:
        counting.apply([Change(resource, "synced")], START)
    counting.apply([Change(kind, "changed", keep[kind](raw)) for kind, _, raw in again], START)
    series = {key: value for key, value in ledger.series.values() if key[0] == "hookline_step_attempts_total"}
    assert sum(float(value) for value in series.values() if not isinstance(value, Histogram)) == 12
    assert b"hookline_step_attempts_total" in before


def test_a_ledger_from_before_fan_outs_keeps_its_runs_and_takes_fan_outs_and_their_runs(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as database:
        database.executescript((ROOT / "tests/data/ledger-version-5.sql").read_text())
    database.close()
    ledger = Ledger(path, NOW)
    kept = ledger.page(Query()).runs
    assert [(each.name, each.outcome, each.fan_out) for each in kept] == [
        ("shop-shop-1", "failure", ""),
        ("shop-shop-0", "success", ""),
    ]
    red = ledger.run("ci", "shop-shop-1")
    assert red is not None
    assert [each.log.failed[0].name for each in red.attempts if each.log] == ["TestTotal"]
    assert ledger.fan_outs("", None, 9).fan_outs == []
    ended = fan_out_of(fan_out_history("f", NOW)[-1])
    assert ended is not None
    new = replace(kept[0], uid="new", name="new", fan_out=ended.name)
    ledger.commit([Observation("f", NOW, (), fan_out=ended), Observation("r", NOW, (), run=new)])
    assert ledger.fan_outs("", None, 9).fan_outs == [ended]
    assert [each.name for each in ledger.page(Query(fan_out=ended.name)).runs] == ["new"]
    assert len(ledger.page(Query()).runs) == 3
    ledger.close()
    # A ledger that was made new and one that was brought up have the same tables.
    Ledger(tmp_path / "new.db", NOW).close()
    tables = []
    for each in (path, tmp_path / "new.db"):
        with sqlite3.connect(each) as database:
            rows = database.execute("SELECT type, name FROM sqlite_master ORDER BY name").fetchall()
            tables.append((rows, database.execute("PRAGMA table_info(runs)").fetchall()))
        database.close()
    assert tables[0] == tables[1]


def test_the_runs_of_a_fan_out_are_found_without_reading_all_runs(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path, NOW)
    runs = [a_run(1), a_run(2, fan_out="f"), a_run(3)]
    ledger.commit(Observation(each.uid, NOW, (), run=each) for each in runs)
    ledger.close()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM runs WHERE fan_out IS NOT NULL").fetchone() == (1,)
        plan = database.execute(
            "EXPLAIN QUERY PLAN SELECT body FROM runs WHERE fan_out = ? ORDER BY finished DESC, uid DESC LIMIT 51",
            ("f",),
        ).fetchall()
    database.close()
    assert [row[3].partition(" (")[0] for row in plan] == ["SEARCH runs USING INDEX runs_fan_out"]


@settings(deadline=None, max_examples=tries(60))
@given(st.permutations([f"{what}-{number}" for what in ("shop", "cart") for number in range(3)]), st.data())
def test_any_order_and_grouping_over_an_older_ledger_gives_the_same_text(
    order: list[str], data: st.DataObject
) -> None:
    texts = set()
    for grouped in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            ledger = Ledger(ledger_of_version_3(Path(folder) / "ledger.db"), NOW)
            left = [ended(number, name.partition("-")[0], 2.5) for number, name in enumerate(sorted(order))]
            if grouped:
                left = [left[sorted(order).index(name)] for name in order]
            while left:
                size = data.draw(st.integers(1, len(left))) if grouped else len(left)
                # An observation that raises an error leaves nothing of what it renamed.
                spoiled = replace(left[0], key="spoiled", samples=(*left[0].samples, Sample("no", (), 1)))
                ledger.commit([spoiled, *left[:size]], instead=lambda each, _: replace(each, samples=()))
                left = left[size:]
            texts.add(ledger.exposition())
            ledger.close()
    assert len(texts) == 1


def test_a_typical_pipeline_has_at_most_150_series() -> None:
    assert sum(forecast().values()) <= 150


def test_every_family_is_declared_as_prometheus_wants_it() -> None:
    avoided = {"type", "stage", "cluster", "env", "environment", "region", "zone", "service"}
    # `owner` is avoided too, unless it is what the application calls something, as here.
    for family in FAMILIES.values():
        assert family.name.endswith("_total") == (family.type == "counter")
        assert bool(family.buckets) == (family.type == "histogram")
        assert list(family.buckets) == sorted(family.buckets)
        assert not avoided & set(family.labels)
        assert not {"workflow", "pod", "sha", "ref"} & set(family.labels)
        assert family.help.endswith(".")
