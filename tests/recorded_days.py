"""Days of runs, made of recorded ones: each was driven by the real controller, on a virtual node, and is told again at another time.

A second of the recording becomes several; names, uids, refs and commits are made up, everything else stays as it was said.
"""

import gzip
import hashlib
import random
import re
import uuid
import zipfile
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from cluster.histories import HISTORIES
from support import ROOT

__all__ = ["RUNS", "Told", "days", "keep_others", "last_objects", "pack", "tell", "write"]

RUNS = ROOT / "tests/data/recordings/runs.zip"
"""One run a history; `make recordings` makes it."""
NAMESPACE = "ci"
PIPELINES: Mapping[str, tuple[int, float]] = {
    "shop": (8, 14.0),
    "gateway": (5, 9.0),
    "billing": (4, 20.0),
    "hello-world": (2, 6.0),
}
"""Pipeline → how many of 19 runs are its, and into how many seconds a recorded one is stretched."""
OWNERS: Mapping[str, str] = {
    "shop": "team-web",
    "gateway": "team-web",
    "billing": "team-billing",
    "hello-world": "team-octo",
}
"""Pipeline → its owner; other pipelines have none."""
HAPPENINGS: Mapping[str, int] = {
    "green-full": 14,
    "green-full-again": 10,
    "green-spot": 10,
    "green-modules": 5,
    "green-cached-tests": 6,
    "green-unreachable": 2,
    "green": 6,
    "green-no-logs": 1,
    "green-cold": 2,
    "green-person": 1,
    "no-test": 1,
    "red-spot": 6,
    "red-test": 2,
    "red-build": 2,
    "broken-cache": 1,
    "checkout-fails": 1,
    "out-of-memory": 1,
    "reclaimed": 1,
    "reclaimed-retried": 4,
    "evicted-retried": 2,
    "degraded": 3,
    "image-pull": 1,
    "step-deadline": 1,
    "stopped": 2,
}
"""History → how often, of all."""
PUSHERS = ("alice", "bo", "chen", "dana", "eve")
REFS = ("refs/heads/main",) * 6 + (
    "refs/heads/release/2026-11",
    "refs/heads/fix/cart-total",
    "refs/heads/feature/über-größe",
)
EVENTS = ("push",) * 12 + ("pull_request",) * 5 + ("image_push",) * 2
DAY = 86_400

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """A recorded run, told again."""

    history: str
    number: int
    begins: float
    """Unix seconds."""
    stretch: float
    """How many seconds one of the recording takes."""
    pipeline: str
    event: str
    ref: str
    actor: str

    @property
    def sha(self) -> str:
        return hashlib.sha1(f"{self.pipeline}{self.number}".encode(), usedforsecurity=False).hexdigest()

    @property
    def counted_as(self) -> tuple[str, str, str]:
        """Pipeline, event and outcome, as the cluster's test says what the history adds."""
        if self.history == "green-person":
            return "other", "manual", "success"
        if self.history in HISTORIES:
            outcome = next(key[3] for key in HISTORIES[self.history].adds if key[0] == "runs")
        else:
            outcome = "failure" if self.history == "red-spot" else "success"
        return self.pipeline, self.event, outcome

    @property
    def name(self) -> str:
        return f"{self.pipeline}-{self.sha[:16]}"


@dataclass(frozen=True, slots=True)
class _Recorded:
    name: str
    began: float
    lines: Sequence[Line]
    logs: Mapping[str, bytes]


@cache
def _recorded() -> Mapping[str, _Recorded]:
    with zipfile.ZipFile(RUNS) as archive:
        lines = [
            orjson.loads(text) for text in gzip.decompress(archive.read("changes.jsonl.gz")).splitlines()
        ]
        logs = {
            Path(name).stem: archive.read(name) for name in archive.namelist() if name.startswith("logs/")
        }
    runs: dict[str, list[Line]] = {}
    names: dict[str, str] = {}
    for line in lines:
        uid = _run_of(line, names)
        if uid:
            runs.setdefault(names[uid], []).append(line)
    return {name: _one(name, found, logs, names) for name, found in runs.items()}


def _run_of(line: Line, names: dict[str, str]) -> str:
    """The uid of what a line is about, whose run `names` knows; empty for a line about none."""
    if line["type"] == "VANISHED":
        return str(line["uid"]) if line["uid"] in names else ""
    if line["type"] == "SYNCED":
        return ""
    metadata = line["object"]["metadata"]
    uid = str(metadata["uid"])
    if line["resource"] == "workflows":
        names[uid] = metadata["name"]
    elif line["resource"] == "pods":
        names[uid] = metadata["labels"]["workflows.argoproj.io/workflow"]
    else:
        about = line["object"]["involvedObject"]["uid"]
        if about not in names:
            return ""
        names[uid] = names[about]
    return uid


def _one(name: str, lines: list[Line], logs: Mapping[str, bytes], names: Mapping[str, str]) -> _Recorded:
    created = lines[0]["object"]["metadata"]["creationTimestamp"]
    own = {uid: log for uid, log in logs.items() if names.get(uid) == name}
    return _Recorded(name, datetime.fromisoformat(created).timestamp(), lines, own)


def days(first: date, count: int, runs_a_day: int, seed: int = 0) -> Sequence[Told]:
    """Runs of so many days: most in the working hours of Shanghai, and each night one of every pipeline."""
    draw = random.Random(seed)
    start = datetime.combine(first, time(), UTC).timestamp()
    found: list[Told] = []

    def add(begins: float, pipeline: str, event: str, ref: str) -> None:
        history = draw.choices(tuple(HAPPENINGS), tuple(HAPPENINGS.values()))[0]
        stretch = PIPELINES[pipeline][1] * draw.uniform(0.7, 1.5)
        found.append(Told(history, len(found), begins, stretch, pipeline, event, ref, draw.choice(PUSHERS)))

    shares = [share for share, _ in PIPELINES.values()]
    for day in range(count):
        for _ in range(runs_a_day - len(PIPELINES)):
            event = draw.choice(EVENTS)
            # From 09:00 to 19:00 in Shanghai, most of them in the middle.
            add(
                start + day * DAY + draw.triangular(1, 11) * 3600,
                draw.choices(tuple(PIPELINES), shares)[0],
                event,
                draw.choice(REFS),
            )
        for number, pipeline in enumerate(PIPELINES):
            add(start + day * DAY + 18.5 * 3600 + number * 240, pipeline, "schedule", "refs/heads/main")
    return found


def tell(runs: Iterable[Told]) -> tuple[Sequence[Line], Mapping[str, bytes]]:
    """The lines of a recording in order of time, and the logs by uid of the pod."""
    lines: list[Line] = []
    logs: dict[str, bytes] = {}
    for run in runs:
        recorded = _recorded()[run.history]
        teller = _Teller(run, recorded)
        lines += teller.lines()
        logs |= {teller.uid(uid): log for uid, log in recorded.logs.items()}
    return sorted(lines, key=lambda line: line["at"]), logs


_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z")
_UID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class _Teller:
    """Rewrites the lines of one run."""

    def __init__(self, run: Told, recorded: _Recorded) -> None:
        self._run, self._recorded = run, recorded
        self._told: dict[str, str] = {}
        self._name = re.compile(rf"\A{re.escape(recorded.name)}(?=\Z|[-.(])")

    def uid(self, old: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._run.number}/{old}"))

    def _moment(self, text: str) -> str:
        """A time of the API: the same one always becomes the same, and their order stays."""
        seconds = datetime.fromisoformat(text if len(text) == 20 else f"{text[:-1]}:00Z").timestamp()
        inside = int.from_bytes(hashlib.sha256(f"{self._run.number}{text}".encode()).digest()[:4]) / 2**32
        told = self._run.begins + self._run.stretch * (seconds - self._recorded.began + inside)
        return datetime.fromtimestamp(int(told), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")[: len(text) - 1] + "Z"

    def _text(self, text: str) -> str:
        # An object that changes says most of its texts again.
        if (told := self._told.get(text)) is None:
            told = self._told[text] = self._retold(text)
        return told

    def _retold(self, text: str) -> str:
        if text == "exporter":
            return NAMESPACE
        text = _TIME.sub(lambda match: self._moment(match[0]), text)
        return self._name.sub(self._run.name, _UID.sub(lambda match: self.uid(match[0]), text))

    def _walk(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {self._text(key): self._walk(each) for key, each in value.items()}
        return [self._walk(each) for each in value] if isinstance(value, list) else value

    def lines(self) -> Iterator[Line]:
        run, recorded = self._run, self._recorded
        for line in recorded.lines:
            told = self._walk({key: value for key, value in line.items() if key != "at"})
            told["at"] = round(run.begins + run.stretch * (line["at"] - recorded.began + 1), 3)
            if line["resource"] == "workflows" and "object" in told:
                self._start(told["object"])
            yield told

    def _start(self, workflow: Line) -> None:
        """What the Sensor writes into a Workflow that it starts."""
        run, metadata = self._run, workflow["metadata"]
        labels = metadata.get("labels", {})
        if "hookline.dev/pipeline" not in labels:
            return
        labels |= {"hookline.dev/pipeline": run.pipeline, "hookline.dev/event-kind": run.event}
        if run.pipeline in OWNERS:
            labels["hookline.dev/owner"] = OWNERS[run.pipeline]
        created = datetime.fromisoformat(metadata["creationTimestamp"]).timestamp()
        delay = 1 + run.number % 4
        metadata["annotations"] = metadata.get("annotations", {}) | {
            "hookline.dev/ref": run.ref,
            "hookline.dev/sha": run.sha,
            "hookline.dev/actor": run.actor,
            "hookline.dev/reason": "MATCH",
            "hookline.dev/delivery": self.uid("delivery"),
            "hookline.dev/event-time": datetime.fromtimestamp(created - delay, UTC).strftime(
                "%Y-%m-%dT%H:%M:%SZ"
            ),
        }
        for parameter in workflow["spec"]["arguments"]["parameters"]:
            if parameter["name"] == "repo_name":
                parameter["value"] = run.pipeline


def last_objects(history: str) -> tuple[Line, Sequence[Line]]:
    """The Workflow of a recorded run and its pods, as they were in the end."""
    last: dict[str, Line] = {}
    for line in _recorded()[history].lines:
        if line["resource"] != "events" and line["type"] in {"ADDED", "MODIFIED"}:
            last[line["object"]["metadata"]["uid"]] = line["object"]
    pods = [each for each in last.values() if each["kind"] == "Pod"]
    (workflow,) = (each for each in last.values() if each["kind"] == "Workflow")
    return workflow, pods


def write(folder: Path, runs: Iterable[Told]) -> None:
    """Make the folder of a recording."""
    lines, logs = tell(runs)
    first = lines[0]["at"]
    synced = [{"at": first, "resource": each, "type": "SYNCED"} for each in ("workflows", "pods", "events")]
    (folder / "logs").mkdir(parents=True)
    text = b"".join(orjson.dumps(line) + b"\n" for line in (*synced, *lines))
    (folder / "changes.jsonl.gz").write_bytes(gzip.compress(text, 9, mtime=0))
    for uid, log in logs.items():
        (folder / "logs" / f"{uid}.log").write_bytes(log)


def keep_others(folder: Path, recorded: Container[str]) -> None:
    """Put what RUNS holds of other runs than the recorded ones into the folder of a recording."""
    changes = folder / "changes.jsonl.gz"
    kept = [each for name, each in _recorded().items() if name.removesuffix("-holder") not in recorded]
    lines = b"".join(orjson.dumps(line) + b"\n" for each in kept for line in each.lines)
    changes.write_bytes(gzip.compress(lines + gzip.decompress(changes.read_bytes()), 9, mtime=0))
    for each in kept:
        for uid, log in each.logs.items():
            (folder / "logs" / f"{uid}.log").write_bytes(log)


def pack(folder: Path, archive: Path) -> None:
    """Put a recording into one file, the same bytes for the same recording."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w") as into:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = zipfile.ZipInfo(str(path.relative_to(folder)))
                name.compress_type = zipfile.ZIP_STORED if path.suffix == ".gz" else zipfile.ZIP_DEFLATED
                into.writestr(name, path.read_bytes(), compresslevel=9)
