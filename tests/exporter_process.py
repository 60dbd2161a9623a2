"""`hookline exporter` as a process, on a port of its own; what it says is in a file."""

import functools
import itertools
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from support import ROOT

from apiserver.connection import Connection
from apiserver.reflector import Timing
from hookline.logs import configure
from runs.exporter.instance import Instance, Options
from runs.exporter.ledger import Ledger
from runs.exporter.service import ClusterScope
from runs.tracker import ALL_NAMESPACES
from runs.web.web_config import Security


@contextmanager
def wait_less() -> Iterator[None]:
    """What runs in this process waits a fraction of the time before it counts, and before it asks again after a failure."""
    with (
        patch("runs.exporter.service.PAUSE_SECONDS", 0.005),
        patch("runs.outbox.FIRST_PAUSE_SECONDS", 0.02),
        patch("apiserver.pod_logs.PAUSE_SECONDS", 0.01),
        patch("apiserver.reflector.Timing", functools.partial(Timing, first_pause=0.01, longest_pause=0.1)),
    ):
        yield


class Served:
    """What an exporter answers over HTTP."""

    url: str

    def get(self, path: str, **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, headers=named)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return bytes(answer.read()).decode()

    def samples(self) -> Iterator[Sample]:
        """Every sample of a scrape."""
        return (
            sample
            for family in text_string_to_metric_families(self.get("/metrics"))
            for sample in family.samples
        )

    def value(self, name: str, **labels: str) -> float | None:
        return next(
            (each.value for each in self.samples() if each.name == name and each.labels == labels), None
        )

    def ready(self) -> bool:
        return self.get("/-/ready").startswith("hookline is ready")

    def until(self, condition: Callable[[], object], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except (OSError, urllib.error.URLError):
                pass
            assert time.monotonic() < end, self.said
            time.sleep(0.02)

    @property
    def said(self) -> str:
        """Everything on stderr, where that can be told."""
        return ""


class ExporterProcess(Served):
    """Started by its making, and again by start()."""

    command = "exporter"

    def __init__(self, kubeconfig: Path, folder: Path, *arguments: str) -> None:
        own = ("--kubeconfig", str(kubeconfig), "--listen", "127.0.0.1:0")
        self._command = [sys.executable, "-m", "hookline", self.command, *own, *arguments]
        self._log = folder / f"{self.command}-{time.monotonic_ns()}.log"
        self.start()

    @property
    def said(self) -> str:
        """Everything on stderr, over restarts."""
        return self._log.read_text("utf-8", "replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        with self._log.open("ab") as said:
            begin = said.tell()
            self.process = subprocess.Popen(self._command, stderr=said, cwd=ROOT)
        listening = re.compile(r"listening on \S+:(\d+)")
        try:
            self.until(lambda: listening.search(self.said, begin) or self.process.poll() is not None, 60)
            match = listening.search(self.said, begin)
            assert match is not None, f"it ended: {self.said}"
        except AssertionError:
            self.kill()
            raise
        self.url = f"http://127.0.0.1:{match[1]}"

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)


class ControllerProcess(ExporterProcess):
    """`hookline controller` in the same way."""

    command = "controller"


def run_until_killed(
    kubeconfig: Path, ledger: Path, configuration: Path, said: Path, place: str, passes: int
) -> None:
    """The exporter in this process, for one that is started often: a fork of a process that has imported everything.

    Args:
        kubeconfig: Of the API server.
        ledger: Its file.
        configuration: Its file.
        said: File to which everything on stderr is appended.
        place: Name of a place in the ledger at which a crash must not matter.
        passes: It kills itself (SIGKILL) when it comes there for the so many-th time.
    """
    counted = itertools.count(1)

    def killed_here(name: str) -> None:
        if name == place and next(counted) == passes:
            os.kill(os.getpid(), signal.SIGKILL)

    with said.open("ab") as log:
        os.dup2(log.fileno(), 2)
    configure("info")
    options = Options(
        version="1", host="127.0.0.1", port=0, reasons={}, configuration=configuration, ledger=ledger
    )
    scope = ClusterScope(Connection.of_kubeconfig(kubeconfig, None))
    ledgers = functools.partial(Ledger, crash_point=killed_here)
    with wait_less(), patch("runs.exporter.instance.Ledger", ledgers):
        Instance(options, scope, Security(None)).run(threading.Event())


class ExporterThread(Served):
    """The exporter in a thread of the test: as quick as its settings let it be."""

    def __init__(
        self, kubeconfig: Path, namespaces: tuple[str, ...] = ALL_NAMESPACES, **options: Any
    ) -> None:
        self._stop = threading.Event()
        self.ended_well: bool | None = None
        started: queue.SimpleQueue[int] = queue.SimpleQueue()
        chosen = Options(version="1", host="127.0.0.1", port=0, reasons={}, **options)
        scope = ClusterScope(Connection.of_kubeconfig(kubeconfig, None), namespaces)
        instance = Instance(chosen, scope, Security(None))

        def run() -> None:
            self.ended_well = instance.run(self._stop, started.put)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{started.get(timeout=10)}"

    def stop(self) -> bool | None:
        """Whether it ended well."""
        self._stop.set()
        self._thread.join(20)
        return self.ended_well
