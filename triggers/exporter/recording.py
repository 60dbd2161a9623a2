"""Recordings: what the API said, line by line, and the logs of steps; the same code measures them again without a cluster.

A folder holds `changes.jsonl.gz` (one object a line: `at`, `resource`, `type`, `object`) and `logs/<uid of the pod>.log`.
Types are those of a watch (ADDED, MODIFIED, DELETED), and SYNCED after a complete list, VANISHED with a `uid`.
"""

import gzip
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson

from triggers.exporter.counting import RESOURCES, Change, Counting, parse_log, records
from triggers.exporter.ledger import Observation
from triggers.exporter.tracker import GRACE_SECONDS, LogRequest

__all__ = ["InvalidRecording", "Recorder", "replay"]

CHANGES = "changes.jsonl.gz"
ACTIONS = {
    "ADDED": "changed",
    "MODIFIED": "changed",
    "DELETED": "deleted",
    "VANISHED": "vanished",
    "SYNCED": "synced",
}
_HEAVY = ("storedTemplates", "storedWorkflowTemplateSpec")


class InvalidRecording(ValueError):
    """A folder that is no recording; the text says which line of which file, and why."""


class Recorder:
    """Writes a recording."""

    def __init__(self, folder: Path) -> None:
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._file: BinaryIO = gzip.open(folder / CHANGES, "ab")  # type: ignore[assignment]  # noqa: SIM115 - closed by close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def object(self, at: float, resource: str, kind: str, raw: Mapping[str, Any]) -> None:
        """An object as a list or a watch gave it."""
        self._write({"at": at, "resource": resource, "type": kind, "object": light(raw)})

    def synced(self, at: float, resource: str) -> None:
        """A complete list."""
        self._write({"at": at, "resource": resource, "type": "SYNCED"})

    def vanished(self, at: float, resource: str, uid: str) -> None:
        """An object that a list no longer had."""
        self._write({"at": at, "resource": resource, "type": "VANISHED", "uid": uid})

    def log(self, uid: str, data: bytes) -> None:
        """The log of a step's main container."""
        (self._folder / "logs" / f"{uid}.log").write_bytes(data)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        with self._lock:
            self._file.write(orjson.dumps(line) + b"\n")


def light(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object without what nobody measures: managed fields, and the template that each Workflow carries along."""
    metadata = {name: value for name, value in raw.get("metadata", {}).items() if name != "managedFields"}
    found = {**raw, "metadata": metadata}
    if isinstance(raw.get("status"), Mapping):
        found["status"] = {name: value for name, value in raw["status"].items() if name not in _HEAVY}
    return found


def _lines(folder: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    path = folder / CHANGES
    try:
        with gzip.open(path, "rb") as file:
            for number, text in enumerate(file, 1):
                line = orjson.loads(text)
                if (
                    not isinstance(line, dict)
                    or line.get("type") not in ACTIONS
                    or line.get("resource") not in RESOURCES
                ):
                    raise InvalidRecording(f"{path}:{number}: no change of {', '.join(RESOURCES)}")
                yield number, line
    except orjson.JSONDecodeError as error:
        raise InvalidRecording(f"{path}: a line is no JSON: {error}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidRecording(f"{path}: {error}") from error


def replay(
    folder: Path, counting: Counting, templates: Sequence[str]
) -> Iterator[tuple[float, Sequence[Observation]]]:
    """Measure a recording, change by change, by its own clock.

    Yields:
        The time, and what was counted then.

    Raises:
        InvalidRecording: The folder holds none.
    """
    keep = records(templates)
    now = 0.0
    for number, line in _lines(folder):
        at, resource = line.get("at"), line["resource"]
        if not isinstance(at, int | float) or isinstance(at, bool):
            raise InvalidRecording(f"{folder / CHANGES}:{number}: `at` is no time")
        now = max(now, float(at))
        record = keep[resource](line["object"]) if isinstance(line.get("object"), dict) else None
        action: Any = ACTIONS[line["type"]]
        if record is None and action in {"changed", "deleted"}:
            continue
        uid = line.get("uid", "")
        yield (
            now,
            _apply(
                folder, counting, [Change(resource, action, record, uid if isinstance(uid, str) else "")], now
            ),
        )
    yield now, _apply(folder, counting, [Change(each, "synced") for each in RESOURCES], now)
    yield now, _apply(folder, counting, [], now + 2 * GRACE_SECONDS)


def _apply(folder: Path, counting: Counting, changes: Sequence[Change], now: float) -> Sequence[Observation]:
    counted, requests = counting.apply(changes, now)
    found = list(counted)
    while requests:
        counted, requests = counting.apply([_read(folder, each) for each in requests], now)
        found += counted
    return found


def _read(folder: Path, request: LogRequest) -> Change:
    path = folder / "logs" / f"{Path(request.uid).name}.log"
    if not path.is_file():
        return Change("logs", "read", uid=request.uid, result="gone")
    log, result = parse_log(request, path.read_bytes(), cut=False)
    return Change("logs", "read", uid=request.uid, log=log, result=result)
