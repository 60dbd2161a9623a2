"""Finished runs and their attempts in the ledger, for the pages and for runs that continue after a restart."""

import sqlite3
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

import orjson

from runs.fan_outs import FanOut
from runs.history import Attempt, FanOutPage, Name, Page, Query, Run
from runs.step_logs import FailedTest, LogEnd, Place

__all__ = ["KEEP_LOG_ENDS", "MAX_LOG_END_BYTES", "RememberedRuns"]

KEEP_FAN_OUTS = 1000
KEEP_LOG_ENDS = 4000
MAX_LOG_END_BYTES = 16_384
"""Together 64 MiB at most; what steps usually print takes 1 KiB."""


_VALUES: Mapping[Name, str] = {
    # One seek a value, where DISTINCT would read the whole index.
    name: f"WITH RECURSIVE known(last) AS (SELECT min({name}) FROM runs UNION ALL "  # noqa: S608 - of constants alone
    f"SELECT (SELECT min({name}) FROM runs WHERE {name} > known.last) FROM known WHERE last IS NOT NULL) "
    "SELECT last FROM known WHERE last IS NOT NULL"
    for name in get_args(Name)
}


class RememberedRuns:
    """A `runs.history.History` over the tables `runs` and `attempts`. Safe for threads."""

    def __init__(self, database: sqlite3.Connection, lock: threading.RLock) -> None:
        self._database, self._lock = database, lock

    # Within a transaction of the ledger

    def remember_attempt(self, run_uid: str, attempt: Attempt) -> None:
        """Write an attempt, and what its log shows: of the newest so many alone, whatever a run prints."""
        body = orjson.dumps(replace(attempt, log=None))
        self._database.execute(
            "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?)", (attempt.uid, run_uid, body)
        )
        if attempt.log is None:
            return
        at = attempt.created if attempt.finished is None else attempt.finished
        self._database.execute(
            "INSERT OR REPLACE INTO log_ends VALUES (?, ?, ?, ?)",
            (attempt.uid, run_uid, at, _packed(attempt.log)),
        )
        self._database.execute(
            "DELETE FROM log_ends WHERE pod IN (SELECT pod FROM log_ends ORDER BY at DESC, pod DESC LIMIT -1 OFFSET ?)",
            (KEEP_LOG_ENDS,),
        )

    def remember_run(self, run: Run) -> None:
        """Write a run; its attempts were written before."""
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
            run.owner,
            run.fan_out or None,
        )
        self._database.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def remember_fan_out(self, fan_out: FanOut) -> None:
        """Write a fan-out that ended: of the newest so many alone."""
        row = (fan_out.uid, fan_out.finished, fan_out.name, orjson.dumps(fan_out))
        self._database.execute("INSERT OR REPLACE INTO fan_outs VALUES (?, ?, ?, ?)", row)
        self._database.execute(
            "DELETE FROM fan_outs WHERE (uid, finished) IN "
            "(SELECT uid, finished FROM fan_outs ORDER BY finished DESC, uid DESC LIMIT -1 OFFSET ?)",
            (KEEP_FAN_OUTS,),
        )

    def forget_runs(self, keep: int) -> None:
        """Delete all runs but the newest so many, with their attempts."""
        last = self._database.execute(
            "SELECT finished FROM runs ORDER BY finished DESC, uid DESC LIMIT 1 OFFSET ?", (keep - 1,)
        ).fetchone()
        if last is not None:
            self._database.execute("DELETE FROM runs WHERE finished < ?", last)
            self._database.execute(
                "DELETE FROM attempts WHERE run NOT IN (SELECT uid FROM runs) AND run NOT IN (SELECT uid FROM open)"
            )
            self._database.execute("DELETE FROM log_ends WHERE pod NOT IN (SELECT pod FROM attempts)")

    # Reading

    def attempts(self, run_uid: str) -> list[Attempt]:
        """The counted attempts of a run, in the order of their creation."""
        with self._lock:
            rows = self._database.execute("SELECT body FROM attempts WHERE run = ?", (run_uid,)).fetchall()
        return sorted((_attempt(body) for (body,) in rows), key=lambda each: (each.created, each.uid))

    def values(self, name: Name) -> Sequence[str]:
        """The namespaces, owners or pipelines of the runs, in order."""
        with self._lock:
            rows = self._database.execute(_VALUES[name]).fetchall()
        return [value for (value,) in rows]

    def page(self, query: Query) -> Page:
        """Runs without their attempts, the newest first."""
        wanted = {
            "namespace": query.namespace,
            "owner": query.owner,
            "pipeline": query.pipeline,
            "event": query.event,
            "outcome": query.outcome,
            "fan_out": query.fan_out,
        }
        clauses = [f"{column} = ?" for column, value in wanted.items() if value]
        arguments: list[object] = [value for value in wanted.values() if value]
        if query.text:
            clauses.append("instr(search, ?) > 0")
            arguments.append(query.text.lower())
        if query.before is not None:
            clauses.append("(finished, uid) < (?, ?)")
            arguments += query.before
        where = f"WHERE {' AND '.join(clauses)} " if clauses else ""
        statement = f"SELECT body, finished, uid FROM runs {where}ORDER BY finished DESC, uid DESC LIMIT ?"  # noqa: S608 - columns are constants
        with self._lock:
            rows = self._database.execute(statement, (*arguments, query.limit + 1)).fetchall()
        runs = [_run(body) for body, _, _ in rows[: query.limit]]
        more = rows[query.limit - 1][1:] if len(rows) > query.limit else None
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
        return replace(run, attempts=self.shown_attempts(run.uid))

    def fan_outs(self, name: str, before: tuple[float, str] | None, limit: int) -> FanOutPage:
        """Fan-outs that ended, the newest first; those of a name, or all."""
        clauses, arguments = list[str](), list[object]()
        if name:
            clauses.append("name = ?")
            arguments.append(name)
        if before is not None:
            clauses.append("(finished, uid) < (?, ?)")
            arguments += before
        where = f"WHERE {' AND '.join(clauses)} " if clauses else ""
        statement = (
            f"SELECT body, finished, uid FROM fan_outs {where}ORDER BY finished DESC, uid DESC LIMIT ?"  # noqa: S608 - of constants alone
        )
        with self._lock:
            rows = self._database.execute(statement, (*arguments, limit + 1)).fetchall()
        found = [FanOut(**orjson.loads(body)) for body, _, _ in rows[:limit]]
        return FanOutPage(found, rows[limit - 1][1:] if len(rows) > limit else None)

    def shown_attempts(self, run_uid: str) -> tuple[Attempt, ...]:
        """The counted attempts of a run, with what their logs show."""
        with self._lock:
            found = self.attempts(run_uid)
            rows = self._database.execute(
                "SELECT pod, body FROM log_ends WHERE run = ?", (run_uid,)
            ).fetchall()
        logs = {pod: _unpacked(body) for pod, body in rows}
        return tuple(replace(each, log=logs.get(each.uid)) for each in found)


def _packed(log: LogEnd) -> bytes:
    """The log's end, compressed; of one that stays large, the last lines and the first tests."""
    while len(packed := zlib.compress(orjson.dumps(log))) > MAX_LOG_END_BYTES:
        log = replace(
            log,
            lines=log.lines[(len(log.lines) + 1) // 2 :],
            failed=log.failed[: len(log.failed) // 2],
            more=log.more + len(log.failed) - len(log.failed) // 2,
        )
    return packed


def _unpacked(body: bytes) -> LogEnd:
    found = orjson.loads(zlib.decompress(body))
    failed = (
        FailedTest(each["package"], each["name"], tuple(Place(**place) for place in each["places"]))
        for each in found["failed"]
    )
    return LogEnd(tuple(found["lines"]), tuple(failed), found["more"], found["cut"])


def _pairs(caches: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, int]]:
    return {name: (hits, requests) for name, (hits, requests) in caches.items()}


def _attempt(body: bytes) -> Attempt:
    found = orjson.loads(body)
    return Attempt(**{**found, "caches": _pairs(found["caches"])})


def _run(body: bytes) -> Run:
    found = orjson.loads(body)
    return Run(**{**found, "caches": _pairs(found["caches"]), "attempts": ()})
