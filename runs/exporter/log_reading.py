"""Logs of steps: threads that download, one that has them parsed; the smallest goes first."""

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from apiserver.connection import Connection
from apiserver.pod_logs import LogDownload, download
from apiserver.troubles import Troubles
from runs.exporter.configuration import Configuration
from runs.exporter.counting import Change, parse_log
from runs.exporter.log_process import LogProcess
from runs.exporter.recording import Recorder
from runs.step_logs import last_lines
from runs.tracker import LogRequest

__all__ = ["LogReading"]

WAITING_LOGS = 8
"""Downloaded logs that wait to be parsed; then downloads wait. It bounds memory."""
END_BYTES = 256 * 1024
"""The last lines of a log that is too long to be read whole."""
LATE_SECONDS = 300.0
"""A log that nobody has begun to read by then is not read: its attempt is counted without it."""
_log = structlog.get_logger()


class LogReading:
    """Reads logs, from start() to stop(). Safe for threads."""

    def __init__(
        self,
        connection: Connection,
        configuration: Configuration,
        troubles: Troubles,
        tell: Callable[[Change], None],
        recorder: Recorder | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            connection: The API server.
            configuration: How many threads, how many bytes, how long.
            troubles: Is told what the API server refuses, or does not answer.
            tell: Is told what came of each request.
            recorder: Writes down each log.
        """
        self._connection, self._configuration, self._troubles = connection, configuration, troubles
        self._tell, self._recorder = tell, recorder
        self._stop = threading.Event()
        self._requests: queue.SimpleQueue[tuple[LogRequest, float]] = queue.SimpleQueue()
        self._downloaded: queue.PriorityQueue[tuple[int, int, LogRequest, LogDownload, bytes]] = (
            queue.PriorityQueue(WAITING_LOGS)
        )
        self._count = itertools.count()
        self._process = LogProcess()

    def start(self) -> None:
        """Begin; returns at once."""
        for number in range(self._configuration.log_readers):
            threading.Thread(target=self._download, name=f"log-{number}", daemon=True).start()
        threading.Thread(target=self._parse, name="parse", daemon=True).start()

    def ask(self, request: LogRequest) -> None:
        """Read this log; returns at once."""
        self._requests.put((request, time.monotonic()))

    def stop(self) -> None:
        """End; what is being read is read again after the next start."""
        self._stop.set()
        # Ends the wait of the thread that parses, which ends the process.
        empty = LogRequest("", "", "", "", None, ())
        with contextlib.suppress(queue.Full):
            self._downloaded.put_nowait((-1, next(self._count), empty, LogDownload("error"), b""))

    def _download(self) -> None:
        while not self._stop.is_set():
            request, asked = self._requests.get()
            change = Change("logs", "read", uid=request.uid, result="error")
            if time.monotonic() - asked > LATE_SECONDS:
                _not_read(request, TimeoutError("too many logs were waiting"))
                self._tell(change)
                continue
            try:
                found = self._read(request, self._configuration.log_limit_bytes)
                change = replace(change, result=found.result)
                if found.result == "complete":
                    if self._recorder is not None:
                        self._recorder.log(request.uid, found.data)
                    self._downloaded.put(
                        (len(found.data), next(self._count), request, found, self._end(request, found))
                    )
                    continue
            except Exception as error:  # noqa: BLE001 - whatever went wrong, the attempt is waiting for an answer
                _not_read(request, error)
            self._tell(change)

    def _read(self, request: LogRequest, limit_bytes: int, last_lines: int | None = None) -> LogDownload:
        return download(
            self._connection,
            request.namespace,
            request.pod,
            request.container,
            limit_bytes=limit_bytes,
            deadline_seconds=self._configuration.log_seconds,
            last_lines=last_lines,
            troubles=self._troubles,
        )

    def _end(self, request: LogRequest, found: LogDownload) -> bytes:
        """The end of a red step's log that is longer than what is read."""
        lines = self._configuration.log_lines
        if not (found.cut and lines and request.exit_code):
            return b""
        end = self._read(request, END_BYTES, lines)
        # A cut end is none: the API server counts bytes from the front.
        return b"" if end.cut else end.data

    def _parse(self) -> None:
        while True:
            _, _, request, found, end = self._downloaded.get()
            if self._stop.is_set():
                self._process.close()
                return
            change = Change("logs", "read", uid=request.uid, result="error")
            try:
                lines = self._configuration.log_lines
                log, result = parse_log(
                    request, found.data, cut=found.cut, lines=lines, read=self._process.read_step
                )
                if end and log is not None and log.end is not None:
                    log = replace(log, end=replace(log.end, lines=last_lines(end, lines)))
                change = replace(change, log=log, result=result)
            except Exception as error:  # noqa: BLE001 - the same
                _not_read(request, error)
            self._tell(change)


def _not_read(request: LogRequest, error: Exception) -> None:
    # A log that cannot be read costs its samples, never the attempt.
    _log.warning("log not read", pod=request.pod, namespace=request.namespace, error=repr(error))
