"""The ledger: counters and what was counted already, in one SQLite transaction, so that no restart counts twice.

Whatever ended is an `Observation` with a key (a run: uid and finishedAt, since `argo retry` opens it again; an attempt: the pod's
uid). A commit writes the samples of those whose key is new, the keys, and what the pages show; then, and only then, the series
are exposed. Without a file everything is in memory and starts anew with the process.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from runs.endings import AttemptEnded
from runs.exporter.family import OTHER, PIPELINE, TEAM, Family, Sample
from runs.exporter.kept import KEPT
from runs.exporter.ledger_outbox import LedgerOutbox
from runs.exporter.remembered import RememberedRuns
from runs.exporter.schema import UnusableLedger, prepare
from runs.exporter.series import Histogram, Key, SeriesTable, Value, added, nothing
from runs.facts import Ended
from runs.fan_outs import FanOut
from runs.history import Attempt, Run

__all__ = ["Ledger", "Observation", "UnusableLedger", "open_key"]

KEEP_SECONDS = 30 * 86_400
"""Keys are kept so long; what ended earlier counts as counted."""
_FAN_OUT = "fan-out/"
"""Beginning of a key; no uid of Kubernetes has it."""


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
    fan_out: FanOut | None = None
    closes: str = ""
    """Uid of the run whose end is no longer expected; of a fan-out, its key in the table (`open_key`)."""
    fact: AttemptEnded | Ended | None = None
    """Fact that listeners receive; None if it matters only to the metrics."""


@dataclass(slots=True)
class _Changes:
    """Changes of one commit, or of one observation of it, before they are written."""

    values: dict[Key, Value] = field(default_factory=dict)
    renamed: set[Key] = field(default_factory=set)
    """Series that go on under other labels."""
    fresh: list[Observation] = field(default_factory=list)
    before: "_Changes | None" = None
    """Those of earlier observations of the same commit."""

    def get(self, key: Key) -> Value | None:
        """The newest value of a series, if this commit has changed it."""
        value = self.values.get(key)
        return self.before.get(key) if value is None and self.before is not None else value

    def has_renamed(self, key: Key) -> bool:
        """Whether a series goes on under other labels."""
        return key in self.renamed or (self.before is not None and self.before.has_renamed(key))

    def take(self, others: "_Changes") -> None:
        """Add changes that came later."""
        self.values.update(others.values)
        self.renamed |= others.renamed
        self.fresh += others.fresh


class Ledger(RememberedRuns):
    """Counters, keys, finished runs, and messages that wait for delivery. Reads are safe from any thread; one thread writes."""

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
        self.commits = 0
        try:
            database = sqlite3.connect(
                ":memory:" if path is None else path, isolation_level=None, check_same_thread=False
            )
            super().__init__(database, threading.RLock())
            prepare(database, path, now if count_from is None else count_from)
            self._outboxes: dict[str, LedgerOutbox] = {}
            self.counting_since = float(self._about("counting_since"))
            self._counted_before = float(self._about("counted_before"))
            self.series = SeriesTable(_zeros() | self._kept_series())
            self._seen_version = self._data_version()
        except sqlite3.Error as error:
            raise UnusableLedger(
                f"{path}: {error}; hookline needs a file that it can write, and that no other program made"
            ) from error

    # Opening

    def _about(self, name: str) -> str:
        value: str = self._database.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()[0]
        return value

    def _kept_series(self) -> dict[Key, Value]:
        found: dict[Key, Value] = {}
        for name, labels, text in self._database.execute("SELECT family, labels, value FROM series"):
            family = KEPT.get(name)
            value = _value(text, counter=family is not None and family.type == "counter")
            # A family that this version declares differently starts anew, as a counter does after a restart.
            if family is None or isinstance(value, Histogram) != (family.type == "histogram"):
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
            raise UnusableLedger(
                f"{self._path}: another process has written to it; restart the exporter to read it again"
            )

    def close(self) -> None:
        """Close the file; everything committed is in it."""
        with self._lock:
            self._database.close()

    def outbox(self, listener: str) -> LedgerOutbox:
        """The messages of one listener."""
        made = LedgerOutbox(self._database, self._lock, self._begin, listener)
        return self._outboxes.setdefault(listener, made)

    # Counting

    def counted(self, key: str, ended: float) -> bool:
        """Whether an observation was counted, or ended before this ledger counts."""
        if ended < self._counted_before:
            return True
        with self._lock:
            found = self._database.execute("SELECT 1 FROM counted WHERE key = ?", (key,)).fetchone()
        return found is not None

    def commit(
        self,
        observations: Iterable[Observation],
        opened: Iterable[str] = (),
        *,
        closed: Iterable[str] = (),
        zeros: Iterable[Key] = (),
        tell: Callable[[Sequence[Observation], Sequence[str]], None] = lambda *_: None,
        instead: Callable[[Observation, Exception], Observation] | None = None,
    ) -> list[Observation]:
        """Count what is new, in one transaction.

        Args:
            observations: What ended; those that were counted before add nothing.
            opened: uids of runs that began, to be missed if they end unseen; of a fan-out, its `open_key`.
            closed: The same of what is no longer awaited.
            zeros: Series that begin at 0, if they are not there yet.
            tell: Is given the new observations and the newly opened runs before the transaction ends.
            instead: Makes what is counted in place of an observation that raises an error other than the database's. Without
                it the error ends the transaction.

        Returns:
            The observations that were new.

        Raises:
            UnusableLedger: Another process has written to the file.
            ValueError: A sample has labels that its metric does not have, or is no finite number.
        """
        changes = _Changes()
        execute = self._database.execute
        with self._lock:
            self._begin()
            try:
                fresh = [
                    uid for uid in opened if execute("INSERT OR IGNORE INTO open VALUES (?)", (uid,)).rowcount
                ]
                for name, labels in zeros:
                    self._begin_series(name, labels, changes)
                for each in observations:
                    self._count_or_replace(each, changes, instead)
                self._database.executemany("DELETE FROM open WHERE uid = ?", ((uid,) for uid in closed))
                self._database.executemany(
                    "DELETE FROM series WHERE family = ? AND labels = ?",
                    ((name, json.dumps(labels)) for name, labels in changes.renamed),
                )
                self._database.executemany(
                    "INSERT OR REPLACE INTO series VALUES (?, ?, ?)",
                    (
                        (name, json.dumps(labels), _text(value))
                        for (name, labels), value in changes.values.items()
                    ),
                )
                tell(changes.fresh, fresh)
                self._crash_point("before commit")
                execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    execute("ROLLBACK")
                raise
            self._crash_point("after commit")
            self.series.update(changes.values)
            self.series.remove(changes.renamed)
            self.commits += 1
        return changes.fresh

    def _count_or_replace(
        self,
        each: Observation,
        changes: _Changes,
        instead: Callable[[Observation, Exception], Observation] | None,
    ) -> None:
        if instead is None:
            self._count(each, changes)
            return
        # One observation leaves all of its changes or none.
        own = _Changes(before=changes)
        self._database.execute("SAVEPOINT observation")
        try:
            self._count(each, own)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is about this observation alone
            self._database.execute("ROLLBACK TO observation")
            own = _Changes(before=changes)
            self._count(instead(each, error), own)
        self._database.execute("RELEASE observation")
        changes.take(own)

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
            self.remember_attempt(*each.attempt)
        if each.run is not None:
            self.remember_run(each.run)
        if each.fan_out is not None:
            self.remember_fan_out(each.fan_out)

    def _begin_series(self, name: str, labels: tuple[str, ...], changes: _Changes) -> None:
        family = KEPT[name]
        family.check(labels)
        if self._value(name, labels, changes) is None:
            changes.values[name, labels] = nothing(family)

    def _value(self, name: str, labels: tuple[str, ...], changes: _Changes) -> Value | None:
        """The value of a series as this commit has it so far; None if there is no such series.

        A series that was kept before namespaces and owners were goes on as that of the first pipeline of its name.
        """
        key = (name, labels)
        value = changes.get(key)
        if value is None:
            value = self.series.get(*key)
        if value is None and (old := _without_team(KEPT[name], labels)) is not None:
            value = self.series.get(name, old)
            if value is None or changes.has_renamed((name, old)):
                return None
            changes.values[key] = value
            changes.renamed.add((name, old))
        return value

    def _add(self, sample: Sample, changes: _Changes) -> None:
        family = KEPT.get(sample.family)
        if family is None:
            raise ValueError(f"{sample.family} is no metric that is kept")
        family.check(sample.labels)
        key = (sample.family, sample.labels)
        value = self._value(*key, changes)
        if value is None and family.zero:
            for sibling in family.siblings(sample.labels):
                self._begin_series(sample.family, sibling, changes)
            value = changes.get(key)
        changes.values[key] = added(family, value, sample)

    def forget(self, now: float) -> None:
        """Drop keys that are too old to come again, and runs beyond those that are kept."""
        with self._lock:
            execute = self._database.execute
            before = max(self._counted_before, now - KEEP_SECONDS)
            self._begin()
            execute("DELETE FROM counted WHERE at < ?", (before,))
            execute("UPDATE about SET value = ? WHERE name = 'counted_before'", (repr(before),))
            self.forget_runs(self._keep_runs)
            execute("COMMIT")
            self._counted_before = before

    def forget_logs(self) -> None:
        """Drop what the logs of red steps showed."""
        with self._lock:
            self._begin()
            self._database.execute("DELETE FROM log_ends")
            self._database.execute("COMMIT")

    def open_runs(self) -> set[str]:
        """Runs (uids) that had begun and were not counted when the ledger was last written."""
        with self._lock:
            return {uid for uid in self._opened() if not uid.startswith(_FAN_OUT)}

    def open_fan_outs(self) -> set[str]:
        """Fan-outs (uids) that had begun and were not counted when the ledger was last written."""
        with self._lock:
            return {uid.removeprefix(_FAN_OUT) for uid in self._opened() if uid.startswith(_FAN_OUT)}

    def _opened(self) -> list[str]:
        return [uid for (uid,) in self._database.execute("SELECT uid FROM open")]

    # The text

    def exposition(self, *, openmetrics: bool = False, zipped: bool = False) -> bytes:
        """All series that are kept, in one of the two formats, plain or as gzip members."""
        with self._lock:
            return self.series.exposition(openmetrics=openmetrics, zipped=zipped)

    def size(self) -> tuple[int, int]:
        """Bytes of its files (0 in memory), and how many runs it remembers."""
        with self._lock:
            runs: int = self._database.execute("SELECT count(*) FROM runs").fetchone()[0]
        if self._path is None:
            return 0, runs
        files = (self._path, self._path.with_name(self._path.name + "-wal"))
        return sum(each.stat().st_size for each in files if each.exists()), runs


def open_key(fan_out: str) -> str:
    """The key in the table of what has begun, of the fan-out with this uid."""
    return _FAN_OUT + fan_out


def _without_team(family: Family[Any], labels: tuple[str, ...]) -> tuple[str, ...] | None:
    """The labels that this series of a pipeline had in version 3; None for what was never one pipeline's."""
    count = len(PIPELINE)
    if family.labels[:count] != PIPELINE or not labels[0] or labels[count - 1] == OTHER:
        return None
    return ("",) * len(TEAM) + labels[len(TEAM) :]


def _zeros() -> dict[Key, Value]:
    """Counters of the exporter's own losses begin at 0."""
    families = [KEPT[f"hookline_{name}_total"] for name in ("observations_lost", "label_overflow")]
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
