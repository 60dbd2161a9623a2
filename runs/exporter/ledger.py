"""The ledger: counters and what was counted already, in one SQLite transaction, so that no restart counts twice.

Whatever ended is an `Observation` with a key (a run: uid and finishedAt, since `argo retry` opens it again; an attempt: the pod's
uid). A commit writes the samples of those whose key is new, the keys, and what the pages show; then, and only then, the series
are exposed. Without a file everything is in memory and starts anew with the process.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import orjson

from runs.exporter.metrics import FAMILIES
from runs.exporter.series import Histogram, Key, Sample, SeriesTable, Value, added
from runs.history import Attempt, Page, Query, Run

__all__ = ["Ledger", "Observation", "UnusableLedger"]

SCHEMA_VERSION = 2
KEEP_SECONDS = 30 * 86_400
"""Keys are kept so long; what ended earlier counts as counted."""

_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE series (family TEXT NOT NULL, labels TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (family, labels)) WITHOUT ROWID;
CREATE TABLE counted (key TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX counted_at ON counted (at);
CREATE TABLE open (uid TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE runs (
  uid TEXT NOT NULL, finished REAL NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, pipeline TEXT NOT NULL,
  event TEXT NOT NULL, outcome TEXT NOT NULL, search TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (uid, finished)
) WITHOUT ROWID;
CREATE INDEX runs_finished ON runs (finished, uid);
CREATE INDEX runs_pipeline ON runs (pipeline, finished, uid);
CREATE INDEX runs_name ON runs (name, finished);
CREATE TABLE attempts (pod TEXT PRIMARY KEY, run TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX attempts_run ON attempts (run);
"""
_MIGRATIONS: Mapping[int, str] = {1: ""}
"""Version → what makes the next one of it; each runs in the transaction that raises the version.

1: sums are floats, which are read as they are; 2: sums are fractions, which version 1 cannot read.
"""


class UnusableLedger(RuntimeError):
    """The ledger's file cannot be used; the text says why and what would help."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Something that ended, with what it adds; counted once for each key."""

    key: str
    ended: float
    """Unix seconds; what ended before the ledger began counting adds nothing."""
    samples: Sequence[Sample]
    run: Run | None = None
    attempt: tuple[str, Attempt] | None = None
    """uid of the run, attempt."""
    closes: str = ""
    """uid of the run that is no longer awaited."""


@dataclass(slots=True)
class _Changes:
    """What one commit changes, before it is written."""

    values: dict[Key, Value] = field(default_factory=dict)
    fresh: list[Observation] = field(default_factory=list)


class Ledger:
    """Counters, keys and finished runs. Reads are safe from any thread; one thread writes."""

    def __init__(
        self,
        path: Path | None,
        now: float,
        *,
        count_from: float | None = None,
        keep_runs: int = 100_000,
        crash_point: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Open or make a ledger.

        Args:
            path: Its file; None for memory.
            now: Unix seconds.
            count_from: What ended earlier is not counted; the first start if not given. A ledger that exists keeps its own.
            keep_runs: How many runs the pages can show.
            crash_point: Called with the name of each place where a crash must not matter; tests crash there.

        Raises:
            UnusableLedger: The file is no ledger, of a newer version, or not writable.
        """
        self._path, self._keep_runs, self._crash_point = path, keep_runs, crash_point
        self._lock = threading.RLock()
        self.commits = 0
        try:
            self._database = sqlite3.connect(
                ":memory:" if path is None else path, isolation_level=None, check_same_thread=False
            )
            self._prepare(now if count_from is None else count_from)
            self.counting_since = float(self._about("counting_since"))
            self._counted_before = float(self._about("counted_before"))
            self.series = SeriesTable(_zeros() | self._kept_series())
            self._seen_version = self._data_version()
        except sqlite3.Error as error:
            raise UnusableLedger(
                f"{path}: {error}; hookline needs a file that it can write, made by no other program"
            ) from error

    # Opening

    def _prepare(self, count_from: float) -> None:
        execute = self._database.execute
        execute("PRAGMA journal_mode = WAL")
        # A commit survives the process always, and the machine up to the last checkpoint.
        execute("PRAGMA synchronous = NORMAL")
        version = execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise UnusableLedger(
                f"{self._path}: written by a newer hookline (ledger version {version}, this one knows {SCHEMA_VERSION})"
            )
        if version == 0:
            self._script(_SCHEMA)
            for name in ("counting_since", "counted_before"):
                execute("INSERT INTO about VALUES (?, ?)", (name, repr(count_from)))
            execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            execute("COMMIT")
        for old in range(max(version, 1), SCHEMA_VERSION):
            self._script(_MIGRATIONS[old])
            execute(f"PRAGMA user_version = {old + 1}")
            execute("COMMIT")

    def _script(self, statements: str) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        for statement in statements.split(";"):
            if statement.strip():
                self._database.execute(statement)

    def _about(self, name: str) -> str:
        value: str = self._database.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()[0]
        return value

    def _kept_series(self) -> dict[Key, Value]:
        found: dict[Key, Value] = {}
        for name, labels, text in self._database.execute("SELECT family, labels, value FROM series"):
            family = FAMILIES.get(name)
            value = _value(text, counter=family is not None and family.type == "counter")
            # A family that this version declares differently starts anew, as a counter does after a restart.
            if (
                family is None
                or not family.kept
                or isinstance(value, Histogram) != (family.type == "histogram")
            ):
                continue
            if isinstance(value, Histogram) and len(value.counts) != len(family.buckets) + 1:
                continue
            key = (name, tuple(json.loads(labels)))
            if len(key[1]) == len(family.labels):
                found[key] = value
        return found

    def _data_version(self) -> int:
        """Changes when another connection has written (sqlite.org, PRAGMA data_version)."""
        version: int = self._database.execute("PRAGMA data_version").fetchone()[0]
        return version

    def _begin(self) -> None:
        """Begin to write, unless somebody else has: counters in memory would overwrite theirs."""
        self._database.execute("BEGIN IMMEDIATE")
        if self._data_version() != self._seen_version:
            self._database.execute("ROLLBACK")
            raise UnusableLedger(f"{self._path}: another process has written to it; a start reads it anew")

    def close(self) -> None:
        """Close the file; everything committed is in it."""
        with self._lock:
            self._database.close()

    # Counting

    def counted(self, key: str, ended: float) -> bool:
        """Whether an observation was counted, or ended before this ledger counts."""
        if ended < self._counted_before:
            return True
        with self._lock:
            found = self._database.execute("SELECT 1 FROM counted WHERE key = ?", (key,)).fetchone()
        return found is not None

    def commit(self, observations: Iterable[Observation], opened: Iterable[str] = ()) -> list[Observation]:
        """Count what is new, in one transaction.

        Args:
            observations: What ended; those that were counted before add nothing.
            opened: uids of runs that began, to be missed if they end unseen.

        Returns:
            The observations that were new.

        Raises:
            UnusableLedger: Another process has written to the file.
        """
        changes = _Changes()
        execute = self._database.execute
        with self._lock:
            self._begin()
            try:
                for each in observations:
                    self._count(each, changes)
                self._database.executemany(
                    "INSERT OR IGNORE INTO open VALUES (?)", ((uid,) for uid in opened)
                )
                self._database.executemany(
                    "INSERT OR REPLACE INTO series VALUES (?, ?, ?)",
                    (
                        (name, json.dumps(labels), _text(value))
                        for (name, labels), value in changes.values.items()
                    ),
                )
                self._crash_point("before commit")
                execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    execute("ROLLBACK")
                raise
            self._crash_point("after commit")
            self.series.update(changes.values)
            self.commits += 1
        return changes.fresh

    def _count(self, each: Observation, changes: _Changes) -> None:
        execute = self._database.execute
        if each.closes:
            execute("DELETE FROM open WHERE uid = ?", (each.closes,))
        if each.ended < self._counted_before:
            return
        if not execute("INSERT OR IGNORE INTO counted VALUES (?, ?)", (each.key, each.ended)).rowcount:
            return
        changes.fresh.append(each)
        for sample in each.samples:
            self._add(sample, changes)
        self._crash_point("within transaction")
        if each.attempt is not None:
            run_uid, attempt = each.attempt
            execute(
                "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?)",
                (attempt.uid, run_uid, orjson.dumps(attempt)),
            )
        if each.run is not None:
            run = each.run
            search = f"{run.name}\n{run.ref}\n{run.sha}\n{run.actor}".lower()
            body = orjson.dumps(replace(run, attempts=()))
            row = (
                run.uid,
                run.finished,
                run.namespace,
                run.name,
                run.pipeline,
                run.event,
                run.outcome,
                search,
                body,
            )
            execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _add(self, sample: Sample, changes: _Changes) -> None:
        family = FAMILIES[sample.family]
        key = (sample.family, sample.labels)
        value = changes.values.get(key)
        if value is None:
            value = self.series.get(*key)
        if value is None and family.zero and family.values is not None:
            place = family.labels.index(family.zero)
            for word in family.values[family.zero]:
                sibling = (*sample.labels[:place], word, *sample.labels[place + 1 :])
                if self.series.get(sample.family, sibling) is None:
                    changes.values.setdefault((sample.family, sibling), Fraction(0))
            value = changes.values.get(key)
        changes.values[key] = added(family, value, sample)

    def forget(self, now: float) -> None:
        """Drop keys that are too old to come again, and runs beyond those that are kept."""
        with self._lock:
            execute = self._database.execute
            before = max(self._counted_before, now - KEEP_SECONDS)
            self._begin()
            execute("DELETE FROM counted WHERE at < ?", (before,))
            execute("UPDATE about SET value = ? WHERE name = 'counted_before'", (repr(before),))
            last = execute(
                "SELECT finished FROM runs ORDER BY finished DESC, uid DESC LIMIT 1 OFFSET ?",
                (self._keep_runs - 1,),
            ).fetchone()
            if last is not None:
                execute("DELETE FROM runs WHERE finished < ?", last)
                execute(
                    "DELETE FROM attempts WHERE run NOT IN (SELECT uid FROM runs) AND run NOT IN (SELECT uid FROM open)"
                )
            execute("COMMIT")
            self._counted_before = before

    def open_runs(self) -> set[str]:
        """Which runs (uids) had begun and were not counted when the ledger was last written."""
        with self._lock:
            return {uid for (uid,) in self._database.execute("SELECT uid FROM open")}

    def attempts(self, run_uid: str) -> list[Attempt]:
        """The counted attempts of a run, in the order of their creation."""
        with self._lock:
            rows = self._database.execute("SELECT body FROM attempts WHERE run = ?", (run_uid,)).fetchall()
        return sorted((_attempt(body) for (body,) in rows), key=lambda each: (each.created, each.uid))

    # The text, and the pages

    def exposition(
        self,
        live: Mapping[str, Mapping[tuple[str, ...], float]],
        *,
        openmetrics: bool = False,
        zipped: bool = False,
    ) -> bytes:
        """All series: the kept ones, and those that are asked for now (family → labels → value)."""
        with self._lock:
            for name, series in live.items():
                self.series.replace(name, series)
            return self.series.exposition(openmetrics=openmetrics, zipped=zipped)

    def size(self) -> tuple[int, int]:
        """Bytes of its files (0 in memory), and how many runs it remembers."""
        with self._lock:
            runs: int = self._database.execute("SELECT count(*) FROM runs").fetchone()[0]
        if self._path is None:
            return 0, runs
        files = (self._path, self._path.with_name(self._path.name + "-wal"))
        return sum(each.stat().st_size for each in files if each.exists()), runs

    def pipelines(self) -> Sequence[str]:
        """Names of pipelines that have runs, in order."""
        with self._lock:
            rows = self._database.execute(
                # One seek a name, where DISTINCT would read the whole index.
                "WITH RECURSIVE known(last) AS (SELECT min(pipeline) FROM runs UNION ALL "
                "SELECT (SELECT min(pipeline) FROM runs WHERE pipeline > known.last) FROM known WHERE last IS NOT NULL) "
                "SELECT last FROM known WHERE last IS NOT NULL"
            ).fetchall()
        return [name for (name,) in rows]

    def page(self, query: Query) -> Page:
        """Runs without their attempts, the newest first."""
        wanted = {"pipeline": query.pipeline, "event": query.event, "outcome": query.outcome}
        clauses = [f"{column} = ?" for column, value in wanted.items() if value]
        arguments: list[object] = [value for value in wanted.values() if value]
        if query.text:
            clauses.append("instr(search, ?) > 0")
            arguments.append(query.text.lower())
        if query.before is not None:
            clauses.append("(finished, uid) < (?, ?)")
            arguments += query.before
        where = f"WHERE {' AND '.join(clauses)} " if clauses else ""
        statement = f"SELECT body FROM runs {where}ORDER BY finished DESC, uid DESC LIMIT ?"  # noqa: S608 - columns are constants
        with self._lock:
            rows = self._database.execute(statement, (*arguments, query.limit + 1)).fetchall()
        runs = [_run(body) for (body,) in rows[: query.limit]]
        more = (runs[-1].finished, runs[-1].uid) if len(rows) > query.limit else None
        return Page(runs=runs, more=more)

    def run(self, namespace: str, name: str) -> Run | None:
        """The newest run of that name with its attempts; an empty namespace means any."""
        with self._lock:
            row = self._database.execute(
                "SELECT body FROM runs WHERE name = ? AND (namespace = ? OR ? = '') ORDER BY finished DESC LIMIT 1",
                (name, namespace, namespace),
            ).fetchone()
        if row is None:
            return None
        run = _run(row[0])
        return replace(run, attempts=tuple(self.attempts(run.uid)))


def _zeros() -> dict[Key, Value]:
    """Counters of the exporter's own losses stand at 0 from the start."""
    families = [
        FAMILIES[f"hookline_{name}_total"] for name in ("observations_lost", "label_overflow", "clock_skew")
    ]
    return {
        (family.name, (word,)): Fraction(0)
        for family in families
        for word in (family.values or {})[family.labels[0]]
    }


def _text(value: Value) -> str:
    """JSON: a gauge is a number, a counter its fraction as text, a histogram counts and fraction."""
    match value:
        case Histogram():
            return json.dumps([list(value.counts), str(value.sum)])
        case Fraction():
            return json.dumps(str(value))
    return repr(value)


def _value(text: str, *, counter: bool) -> Value:
    found = json.loads(text)
    if isinstance(found, list):
        return Histogram(tuple(found[0]), Fraction(found[1]))
    return Fraction(found) if counter else float(found)


def _pairs(caches: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, int]]:
    return {name: (hits, requests) for name, (hits, requests) in caches.items()}


def _attempt(body: bytes) -> Attempt:
    found = orjson.loads(body)
    return Attempt(**{**found, "caches": _pairs(found["caches"])})


def _run(body: bytes) -> Run:
    found = orjson.loads(body)
    return Run(**{**found, "caches": _pairs(found["caches"]), "attempts": ()})
