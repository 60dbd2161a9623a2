"""A fan-out and an API server on loopback: orders as sensors make them, an executor in this process with a clock of its own, or the real command."""

import datetime
import itertools
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from objects_server import ObjectsServer
from support import ROOT

from apiserver.connection import Connection
from hookline.cli import run
from hookline.commands import fan_out as _preloaded  # noqa: F401 - a fork need not import it
from hookline.fanning_out.asking import Asking
from hookline.fanning_out.creating import REQUESTS
from hookline.fanning_out.crew import Crew
from hookline.fanning_out.executing import Executor
from hookline.fanning_out.insisting import Insisting, Timing
from hookline.fanning_out.order import read_fan_out
from hookline.fanning_out.telling import Telling
from sensors.fan_out import runs_of

__all__ = [
    "API",
    "BEGIN",
    "NO_PACE",
    "ClockedCrew",
    "FanOutSite",
    "Request",
    "fan_out",
    "names",
    "stamp",
    "work_off",
]

Json = dict[str, Any]
API = "/apis/argoproj.io/v1alpha1/namespaces"
BEGIN = datetime.datetime(2026, 11, 27, 6, 0, tzinfo=datetime.UTC)
"""When the API server's clock stands at 0 seconds of the tests' clock."""
NO_PACE = {"at_once": 20, "every": 0, "quiet": 0}


def stamp(seconds: float) -> str:
    """A Kubernetes time: seconds after BEGIN, cut to whole ones."""
    time = BEGIN + datetime.timedelta(seconds=seconds // 1)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def fan_out(
    runs: int | Sequence[str] = 3,
    *,
    namespaces: Sequence[str] = ("ci",),
    pace: Mapping[str, int] | None = None,
    name: str = "fan-out-golang-1",
    event: str = "1",
    kind: str = "image_push",
    happened: float = -5,
    created: float = 0,
    ref: str = "golang:1.26",
    refs: Mapping[str, str] = MappingProxyType({}),
    source: str = "acr",
) -> Json:
    """A fan-out as the API server has it.

    Args:
        runs: Pipelines, or how many.
        namespaces: Of the runs, in turn.
        pace: Of the order.
        name: Of the Workflow.
        event: What tells its event apart; the names of its runs depend on it.
        kind: Of the event.
        happened: When the event came, on the tests' clock.
        created: When the Workflow was created.
        ref: Name and tag of the image.
        refs: Pipeline → the same, where it is another push of the same delivery.
        source: Of the event.
    """
    pipelines = [f"app-{each:04}" for each in range(runs)] if isinstance(runs, int) else list(runs)
    frame = {
        "kind": kind,
        "source": source,
        "subject": f"{kind} golang 1.26 sha256:{event}",
        "repository": "golang",
        "sha": f"sha256:{event}",
        "actor": "robot",
        "delivery": "",
        "arguments": {},
        "patterns": {},
        "labels": {"app.kubernetes.io/managed-by": "hookline", "hookline.dev/source": source},
        "namespace": "ci",
        "templates": {},
    }
    order = {
        "frames": {"0": frame},
        "specs": {"go": {"workflowTemplateRef": {"name": "hookline-ci-go"}}},
        "pace": dict(pace or NO_PACE),
        "runs": [
            {
                "pipeline": pipeline,
                "verdict": "run",
                "reason": "MATCH",
                "config": "0" * 16,
                "run": "go",
                "parameters": {},
                "push": "0",
                "ref": refs.get(pipeline, ref),
                "namespace": namespace,
            }
            for pipeline, namespace in zip(pipelines, itertools.cycle(namespaces))
        ],
    }
    labels = {
        "hookline.dev/source": source,
        "hookline.dev/event-kind": kind,
        "hookline.dev/event": f"event-{event}",
        "hookline.dev/fan-out-runs": str(len(pipelines)),
    }
    annotations = {
        "hookline.dev/ref": ref,
        "hookline.dev/event-id": f"id-{event}",
        "hookline.dev/event-time": stamp(happened),
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": name,
            "namespace": "ci",
            "creationTimestamp": stamp(created),
            "labels": labels,
            "annotations": annotations,
        },
        "spec": {
            "workflowTemplateRef": {"name": "hookline-fan-out"},
            "arguments": {"parameters": [{"name": "order", "value": json.dumps(order)}]},
        },
    }


def _path(workflow: Json) -> str:
    metadata = workflow["metadata"]
    return f"{API}/{metadata['namespace']}/workflows/{metadata['name']}"


def names(workflow: Json) -> list[str]:
    """`namespace/name` of each run of a fan-out, in its order."""
    return [f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in runs_of(workflow)]


@dataclass(frozen=True, slots=True)
class Request:
    """A request that comes to the API server."""

    handler: Any
    path: str
    """Of the object, also where it is to be created."""
    body: Any

    @property
    def method(self) -> str:
        return str(self.handler.command)

    def creates(self, name: str = "") -> bool:
        """Whether it creates something of which the name holds this."""
        return self.method == "POST" and name in self.path.rpartition("/")[2]

    def answer(self, code: int, reason: str, message: str, **headers: str) -> bool:
        """Answer with an error."""
        body = {"kind": "Status", "code": code, "reason": reason, "message": message}
        self.handler.answer(code, body, **headers)
        return True

    def drop(self) -> bool:
        """Close the connection without an answer."""
        self.handler.drop()
        return True


Fault = Callable[[Request], bool]


class ClockedCrew(Crew):
    """A crew whose pauses take no time: they move the tests' clock."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(REQUESTS, stop)
        self.now = 0.0
        self.pauses: list[float] = []
        self.at: list[tuple[float, Callable[[], None]]] = []
        """What happens when the clock comes to a time."""

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        end = self.now + max(0.0, seconds)
        for due in sorted([each for each in self.at if each[0] <= end], key=lambda each: each[0]):
            self.at.remove(due)
            self.now = max(self.now, due[0])
            due[1]()
        self.now = end
        super().pause(0)


class FanOutSite:
    """One API server, whose time is that of a crew."""

    def __init__(self, folder: Path) -> None:
        self.api = ObjectsServer()
        self.folder = folder
        self.outputs = folder / "outputs"
        self.progress = folder / "progress"
        self.kubeconfig = self.api.kubeconfig(folder)
        self.stop = threading.Event()
        self.crew = ClockedCrew(self.stop)
        self.asked: list[tuple[float, str, str]] = []
        """Time, method and path of each request."""
        self.fault: Fault = lambda _request: False
        """Does something to a request; True if that was all."""
        self.api.fault = self._fault
        self._lock = threading.Lock()
        self._tick()

    def close(self) -> None:
        """End the server."""
        self.api.stop()

    def put(self, workflow: Json) -> Json:
        """Make a Workflow behind everybody's back."""
        self.api.put(_path(workflow), workflow)
        return workflow

    def later(self, seconds: float, workflow: Json) -> None:
        """Make a Workflow when the clock comes to this time."""
        self.crew.at.append((seconds, lambda: self.api.put(_path(workflow), workflow)))

    def delete(self, place: str) -> None:
        """Delete the Workflow `namespace/name`."""
        namespace, _, name = place.partition("/")
        del self.api.objects[f"{API}/{namespace}/workflows/{name}"]

    def runs(self) -> list[str]:
        """The runs that are there."""
        return sorted(
            f"{each['metadata']['namespace']}/{each['metadata']['name']}"
            for each in list(self.api.objects.values())
            if "hookline.dev/fan-out" in each["metadata"].get("labels", {})
        )

    @property
    def created(self) -> list[str]:
        """Names of what was created, in order, each as often as it was created."""
        return [each.rpartition("/")[2] for each in self.api.writes]

    def executor(self, workflow: Json, timing: Timing | None = None, crew: Crew | None = None) -> Executor:
        """An executor in this process."""
        insisting = Insisting(crew or self.crew, timing or Timing())
        asking = Asking(Connection.of_kubeconfig(self.kubeconfig, None))
        telling = Telling(self.outputs, self.progress)
        return Executor(read_fan_out(workflow), asking, insisting, telling, lambda: self.crew.now)

    def times(self, method: str = "POST") -> dict[float, int]:
        """Seconds of the clock → how many requests of this method came then."""
        return dict(sorted(Counter(time for time, each, _ in self.asked if each == method).items()))

    def counts(self) -> Json:
        """The output `counts`."""
        return dict(json.loads((self.outputs / "counts").read_text()))

    def lines(self) -> list[str]:
        """The output `runs`."""
        return (self.outputs / "runs").read_text("utf-8").splitlines()

    def arguments(self, *options: str, workflow: str = "fan-out-golang-1") -> list[str]:
        """Of hookline."""
        own = ["fan-out", "-n", "ci", "--workflow", workflow, "--kubeconfig", str(self.kubeconfig)]
        return [*own, "--outputs", str(self.outputs), *options]

    def process(self, *options: str) -> "subprocess.Popen[str]":
        """The real command, as it runs in a pod."""
        return subprocess.Popen(
            [sys.executable, "-m", "hookline", *self.arguments(*options)],
            cwd=ROOT,
            env={**os.environ, "ARGO_PROGRESS_FILE": str(self.progress)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _fault(self, handler: Any, body: Any) -> bool:
        path = handler.path.partition("?")[0]
        if isinstance(body, dict):
            path += "/" + body["metadata"]["name"]
        with self._lock:
            self.asked.append((self.crew.now, handler.command, path))
        self._tick()
        return self.fault(Request(handler, path, body))

    def _tick(self) -> None:
        time = BEGIN + datetime.timedelta(seconds=self.crew.now // 1)
        self.api.created = stamp(self.crew.now)
        self.api.date = time.strftime("%a, %d %b %Y %H:%M:%S GMT")


def work_off(arguments: Sequence[str], said: Path) -> None:
    """The command in this process, for one that is started often: a fork of a process that has imported everything."""
    with said.open("ab") as log:
        os.dup2(log.fileno(), 2)
    run(list(arguments))
