"""Finished runs and steps as CDEvents, sent to an HTTP sink; metrics never wait for it.

Shapes: cdevents/spec core.md, pipelinerun finished 0.2.0 and taskrun finished 0.2.0; CloudEvents in structured JSON mode.
"""

import datetime
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from runs.exporter.ledger import Observation
from runs.history import Attempt, Run

__all__ = ["Sender", "event_of"]

SPECIFICATION = "0.4.1"
OUTCOMES: Mapping[str, str] = {"success": "success", "skip": "success", "failure": "failure"}
"""Ours → CDEvents' success, failure, error."""
ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 1.0
Post = Callable[[Mapping[str, str], bytes], int]
"""Headers and body → HTTP status; raises OSError where nobody answers."""


def event_of(observation: Observation, source: str) -> CloudEvent | None:
    """The event of something that was counted; None for what is neither a run nor an attempt."""
    if observation.run is not None:
        run = observation.run
        return _event("pipelinerun", observation, source, f"{run.namespace}/{run.name}", _run_content(run))
    if observation.attempt is not None:
        run_uid, attempt = observation.attempt
        return _event("taskrun", observation, source, attempt.uid, _attempt_content(attempt, run_uid, source))
    return None


def _run_content(run: Run) -> dict[str, Any]:
    return {
        "pipelineName": run.pipeline,
        "outcome": OUTCOMES.get(run.outcome, "error"),
        "errors": run.message,
    }


def _attempt_content(attempt: Attempt, run_uid: str, source: str) -> dict[str, Any]:
    return {
        "taskName": attempt.step,
        "outcome": OUTCOMES.get(attempt.outcome, "error"),
        "errors": attempt.message,
        "pipelineRun": {"id": run_uid, "source": source},
    }


def _event(
    subject: str, observation: Observation, source: str, name: str, content: dict[str, Any]
) -> CloudEvent:
    at = datetime.datetime.fromtimestamp(observation.ended, datetime.UTC)
    kind = f"dev.cdevents.{subject}.finished.0.2.0"
    # The key is the same however often it is sent: a receiver can drop doubles by the event's id.
    identity = observation.key
    context = {
        "version": SPECIFICATION,
        "id": identity,
        "source": source,
        "type": kind,
        "timestamp": at.isoformat(),
    }
    data = {
        "context": context,
        "subject": {"id": name, "source": source, "type": subject, "content": content},
    }
    attributes = {
        "id": identity,
        "source": source,
        "type": kind,
        "time": at,
        "datacontenttype": "application/json",
    }
    return CloudEvent(attributes | {"subject": name, "specversion": "1.0"}, data)


class Sender:
    """Sends events in a thread of its own; when the sink is slow the oldest waiting are kept and new ones dropped."""

    def __init__(self, post: Post, source: str, *, waiting: int = 10_000) -> None:
        self._post, self._source = post, source
        self._queue: queue.Queue[Observation] = queue.Queue(waiting)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cdevents", daemon=True)
        self.results: dict[str, int] = {"sent": 0, "dropped": 0}
        self._thread.start()

    def send(self, observations: Iterable[Observation]) -> None:
        """Queue what was counted; never waits."""
        for each in observations:
            try:
                self._queue.put_nowait(each)
            except queue.Full:
                self.results["dropped"] += 1

    def close(self, seconds: float) -> None:
        """Send what waits, for so long at most."""
        end = time.monotonic() + seconds
        while not self._queue.empty() and time.monotonic() < end:
            self._stop.wait(0.02)
        self._stop.set()
        self._thread.join(max(0.1, end - time.monotonic()))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                observation = self._queue.get(timeout=0.2)
            except queue.Empty:
                continue
            event = event_of(observation, self._source)
            if event is not None:
                self.results["sent" if self._sent(event) else "dropped"] += 1

    def _sent(self, event: CloudEvent) -> bool:
        message = to_structured(event, JSONFormat())
        pause = FIRST_PAUSE_SECONDS
        for _ in range(ATTEMPTS):
            try:
                status = self._post(message.headers, message.body)
            except OSError:
                status = 0
            if 200 <= status < 300:
                return True
            if 400 <= status < 500 and status not in {408, 425, 429}:
                return False
            if self._stop.wait(pause):
                return False
            pause *= 2
        return False
