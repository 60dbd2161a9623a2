"""The tables of the ledger's file, and how a file of an older version becomes one of this version."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

__all__ = ["UnusableLedger", "prepare"]

VERSION = 6
_LOG_ENDS = """
CREATE TABLE log_ends (pod TEXT PRIMARY KEY, run TEXT NOT NULL, at REAL NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX log_ends_run ON log_ends (run);
CREATE INDEX log_ends_at ON log_ends (at, pod);
"""
_FAN_OUTS = """
CREATE INDEX runs_fan_out ON runs (fan_out, finished, uid) WHERE fan_out IS NOT NULL;
CREATE TABLE fan_outs (
  uid TEXT NOT NULL, finished REAL NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (uid, finished)
) WITHOUT ROWID;
CREATE INDEX fan_outs_finished ON fan_outs (finished, uid);
CREATE INDEX fan_outs_name ON fan_outs (name, finished);
"""
_OUTBOX = """
CREATE TABLE outbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT, listener TEXT NOT NULL, id TEXT NOT NULL, content_type TEXT NOT NULL, body BLOB NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0, UNIQUE (listener, id)
);
CREATE INDEX outbox_tries ON outbox (listener, tries, number);
"""
_TABLES = (
    """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE series (family TEXT NOT NULL, labels TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (family, labels)) WITHOUT ROWID;
CREATE TABLE counted (key TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX counted_at ON counted (at);
CREATE TABLE open (uid TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE runs (
  uid TEXT NOT NULL, finished REAL NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, pipeline TEXT NOT NULL,
  event TEXT NOT NULL, outcome TEXT NOT NULL, search TEXT NOT NULL, body BLOB NOT NULL, owner TEXT NOT NULL DEFAULT '',
  fan_out TEXT, PRIMARY KEY (uid, finished)
) WITHOUT ROWID;
CREATE INDEX runs_finished ON runs (finished, uid);
CREATE INDEX runs_pipeline ON runs (pipeline, finished, uid);
CREATE INDEX runs_name ON runs (name, finished);
CREATE INDEX runs_namespace ON runs (namespace, finished, uid);
CREATE INDEX runs_owner ON runs (owner, finished, uid);
CREATE TABLE attempts (pod TEXT PRIMARY KEY, run TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX attempts_run ON attempts (run);
"""
    + _OUTBOX
    + _LOG_ENDS
    + _FAN_OUTS
)
_OUTBOX_2 = """
CREATE TABLE outbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, content_type TEXT NOT NULL, body BLOB NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX outbox_tries ON outbox (tries, number);
"""
_OUTBOX_3 = f"""
ALTER TABLE outbox RENAME TO outbox_2;
DROP INDEX outbox_tries;
{_OUTBOX}
INSERT INTO outbox (listener, id, content_type, body, tries)
  SELECT 'cdevents', id, content_type, body, tries FROM outbox_2 ORDER BY number;
DROP TABLE outbox_2;
"""  # noqa: S608 - of constants alone
_TEAMS_4 = """
DELETE FROM series WHERE labels = '["other"]'
  AND family IN ('hookline_last_success_timestamp_seconds', 'hookline_schedule_last_timestamp_seconds');
UPDATE series SET labels = '["", "", ' || substr(labels, 2)
  WHERE family NOT IN ('hookline_observations_lost_total', 'hookline_label_overflow_total');
ALTER TABLE runs ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE INDEX runs_namespace ON runs (namespace, finished, uid);
CREATE INDEX runs_owner ON runs (owner, finished, uid);
"""
_FAN_OUTS_6 = f"""
ALTER TABLE runs ADD COLUMN fan_out TEXT;
{_FAN_OUTS}
"""
_MIGRATIONS: Mapping[int, str] = {1: _OUTBOX_2, 2: _OUTBOX_3, 3: _TEAMS_4, 4: _LOG_ENDS, 5: _FAN_OUTS_6}
"""Version → what makes the next one of it; each runs in the transaction that raises the version.

1: sums are floats, which are read as they are. 2: sums are fractions, which version 1 cannot read; an outbox.
3: each listener has messages of its own; version 2 had only CDEvents. 4: series of runs have a namespace and an owner, which are empty
in what version 3 kept; the times of the newest runs of `other` go, since no run of one namespace would ever move them on.
5: what the logs of red steps show. 6: fan-outs, and which runs they started.
"""


class UnusableLedger(RuntimeError):
    """The ledger's file cannot be used; the text says why and what would help."""


def prepare(database: sqlite3.Connection, path: Path | None, count_from: float) -> None:
    """Make the tables, or bring those of an older version up to this one.

    Args:
        database: Without transactions of its own (isolation_level None).
        path: For messages.
        count_from: Unix seconds; what ended earlier is not counted. A file that exists keeps its own.

    Raises:
        UnusableLedger: The file was written by a newer version.
    """
    execute = database.execute
    # Temporary files are opened when a transaction has become large (sqlite.org/tempfiles.html, statement journals), and the pod's file system
    # is read-only: without this, a batch of many runs ends the exporter with "disk I/O error", and so does each start after it.
    execute("PRAGMA temp_store = MEMORY")
    execute("PRAGMA journal_mode = WAL")
    # A commit survives the process always, and the machine up to the last checkpoint.
    execute("PRAGMA synchronous = NORMAL")
    version = execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise UnusableLedger(
            f"{path}: written by a newer hookline (ledger version {version}, this one knows {VERSION})"
        )
    if version == 0:
        _script(database, _TABLES)
        for name in ("counting_since", "counted_before"):
            execute("INSERT INTO about VALUES (?, ?)", (name, repr(count_from)))
        execute(f"PRAGMA user_version = {VERSION}")
        execute("COMMIT")
        return
    for old in range(version, VERSION):
        _script(database, _MIGRATIONS[old])
        execute(f"PRAGMA user_version = {old + 1}")
        execute("COMMIT")


def _script(database: sqlite3.Connection, statements: str) -> None:
    database.execute("BEGIN IMMEDIATE")
    for statement in statements.split(";"):
        if statement.strip():
            database.execute(statement)
