"""Recordings: what the API said, line by line, and the logs of steps; the same code measures them again without a cluster.

A folder, or a zip of one, holds `changes.jsonl.gz` (one object a line: `at`, `resource`, `type`, `object`) and
`logs/<uid of the pod>.log`.
Types are those of a watch (ADDED, MODIFIED, DELETED), and SYNCED after a complete list, VANISHED with a `uid`.
"""

import contextlib
import gzip
import lzma
import re
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Self

import orjson

from apiserver.raw_values import LATEST, map_of, number
from runs.exporter.counting import RESOURCES, Change, Counting, parse_log, records
from runs.exporter.ledger import Observation
from runs.exporter.recorded_types import wrong_type
from runs.tracker import GRACE_SECONDS, LogRequest
from triggers.words import FAN_OUT_RUNS_LABEL

__all__ = ["InvalidRecording", "Recorder", "changes_of", "replay"]

CHANGES = "changes.jsonl.gz"
ACTIONS = {
    "ADDED": "changed",
    "MODIFIED": "changed",
    "DELETED": "deleted",
    "VANISHED": "vanished",
    "SYNCED": "synced",
}
MAX_LINE_BYTES = 16 * 1024 * 1024
"""Several times what the API server stores of one object."""
_UNREADABLE = (OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError)
"""Errors that the standard library raises for a damaged file; RuntimeError for a zip that is encrypted, or packed in an unknown way."""
_UID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
_HEAVY = ("storedTemplates", "storedWorkflowTemplateSpec")


class InvalidRecording(ValueError):
    """A folder that is not a valid recording; the text names the file, the line and the reason."""


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
        if (name := _log_name(uid)) is not None:
            (self._folder / "logs" / name).write_bytes(data)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        with self._lock:
            self._file.write(orjson.dumps(line) + b"\n")


def light(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object without what nobody measures: managed fields, the template that each Workflow carries along, the order of a fan-out."""
    metadata = {name: value for name, value in map_of(raw.get("metadata")).items() if name != "managedFields"}
    found = {**raw, "metadata": metadata}
    if isinstance(raw.get("status"), Mapping):
        found["status"] = {name: value for name, value in raw["status"].items() if name not in _HEAVY}
    if FAN_OUT_RUNS_LABEL in map_of(metadata.get("labels")):
        # Up to half a megabyte.
        found["spec"] = {
            name: value for name, value in map_of(raw.get("spec")).items() if name != "arguments"
        }
    return found


def _log_name(uid: str) -> str | None:
    """The file of a pod's log; None for a uid that no API server gives, which could lead out of the folder."""
    return f"{uid}.log" if _UID.fullmatch(uid) else None


class _Recording:
    """Reads a recording."""

    def __init__(self, root: Path | zipfile.Path) -> None:
        self._root = root
        self.changes = str(root / CHANGES)

    def lines(self) -> Iterator[tuple[float, str, str, Mapping[str, Any]]]:
        """The changes: time, resource, type of a watch, the line."""
        if not (self._root / CHANGES).is_file():
            raise InvalidRecording(f"{self.changes}: there is no such file; a recording needs it")
        try:
            with (self._root / CHANGES).open("rb") as packed, gzip.open(packed, "rb") as file:
                number_of = 0
                while text := file.readline(MAX_LINE_BYTES + 1):
                    number_of += 1
                    try:
                        yield self._line(text)
                    except ValueError as error:
                        raise InvalidRecording(f"{self.changes}:{number_of}: {error}") from error
        except (*_UNREADABLE, EOFError) as error:
            raise InvalidRecording(f"{self.changes}: {error}") from error

    @staticmethod
    def _line(text: bytes) -> tuple[float, str, str, Mapping[str, Any]]:
        if len(text) > MAX_LINE_BYTES:
            raise ValueError(
                f"the line is longer than {MAX_LINE_BYTES // 1024**2} MiB, the most that an object can have"
            )
        try:
            line = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"the line is not JSON: {error}") from error
        if not isinstance(line, dict):
            raise ValueError("the line is not a JSON object, as a change must be")  # noqa: TRY004 - told by its line
        resource, kind = line.get("resource"), line.get("type")
        if not isinstance(resource, str) or resource not in RESOURCES:
            raise ValueError(f"`resource` is not one of {', '.join(RESOURCES)}")
        if not isinstance(kind, str) or kind not in ACTIONS:
            raise ValueError(f"`type` is not one of {', '.join(ACTIONS)}")
        at = number(line.get("at"), LATEST)
        if at is None:
            raise ValueError("`at` is not a time in Unix seconds")
        if ACTIONS[kind] in {"changed", "deleted"} and (problem := wrong_type(resource, line.get("object"))):
            raise ValueError(f"object {problem}" if problem.startswith("is ") else f"object.{problem}")
        if kind == "VANISHED" and not isinstance(line.get("uid"), str):
            raise ValueError("`uid` is not a text, and a VANISHED line needs it")
        return at, resource, kind, line

    def log(self, request: LogRequest, limit_bytes: int, lines: int) -> Change:
        """The answer to a request for a log; a log that was not recorded is `gone`."""
        name = _log_name(request.uid)
        path = self._root / "logs" / (name or "")
        try:
            # Whatever else has that name, a pipe for one, is not read.
            if name is None or not path.is_file():
                return Change("logs", "read", uid=request.uid, result="gone")
            with path.open("rb") as file:
                data = file.read(limit_bytes + 1)
        except (*_UNREADABLE, KeyError, ValueError):
            return Change("logs", "read", uid=request.uid, result="gone")
        log, result = parse_log(request, data[:limit_bytes], cut=len(data) > limit_bytes, lines=lines)
        return Change("logs", "read", uid=request.uid, log=log, result=result)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Recording]:
    if path.is_dir():
        yield _Recording(path)
        return
    if not path.is_file():
        raise InvalidRecording(
            f"{path}: neither a folder nor a file; a recording is a folder or a zip of one"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            # A folder that was put into a zip is a folder in it.
            found = [name for name in archive.namelist() if PurePosixPath(name).name == CHANGES]
            if len(found) != 1:
                raise InvalidRecording(f"{path}: holds {len(found)} files {CHANGES}; a recording has one")
            yield _Recording(zipfile.Path(archive, found[0].removesuffix(CHANGES)))
    except _UNREADABLE as error:
        raise InvalidRecording(f"{path}: {error}") from error


def changes_of(path: Path, wanted: str) -> Iterator[tuple[float, str, Mapping[str, Any] | None, str]]:
    """The changes of one resource in a recording, a folder or a zip of one.

    Args:
        path: Of it.
        wanted: The resource: workflows, pods or events.

    Yields:
        The time in Unix seconds; changed, deleted, vanished or synced; the object, where there is one; the uid of one that vanished.

    Raises:
        InvalidRecording: It is none.
    """
    with _opened(path) as recording:
        for at, resource, kind, line in recording.lines():
            if resource == wanted:
                yield at, ACTIONS[kind], line.get("object"), line.get("uid", "")


def replay(
    path: Path, counting: Counting, templates: Sequence[str], log_limit_bytes: int, log_lines: int = 0
) -> Iterator[tuple[float, Sequence[Observation]]]:
    """Measure a recording, a folder or a zip of one, change by change, by its own clock.

    Yields:
        The time, and what was counted then.

    Raises:
        InvalidRecording: It is none.
    """
    keep = records(templates)
    with _opened(path) as recording:

        def apply(changes: Sequence[Change], now: float) -> Sequence[Observation]:
            counted, requests = counting.apply(changes, now)
            found = list(counted)
            while requests:
                logs = [recording.log(each, log_limit_bytes, log_lines) for each in requests]
                counted, requests = counting.apply(logs, now)
                found += counted
            return found

        now = 0.0
        for at, resource, kind, line in recording.lines():
            now = max(now, at)
            action: Any = ACTIONS[kind]
            record = keep[resource](line["object"]) if action in {"changed", "deleted"} else None
            if record is None and action in {"changed", "deleted"}:
                continue
            change = Change(resource, action, record, line.get("uid", "") if action == "vanished" else "")
            yield now, apply([change], now)
        yield now, apply([Change(each, "synced") for each in RESOURCES], now)
        yield now, apply([], now + 2 * GRACE_SECONDS)
