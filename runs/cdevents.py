"""CDEvents: a listener that sends each finished run and step to an HTTP receiver, and its settings.

Shapes: cdevents/spec core.md, pipelinerun finished 0.2.0 and taskrun finished 0.2.0; CloudEvents in structured JSON mode.
"""

import datetime
from collections.abc import Mapping
from typing import Any

from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import Field

from documents.blocks import Text, Url
from runs.facts import Attempt, Began, Ended
from runs.listener_settings import ListenerSettings
from runs.outbox import Outbox, Post
from runs.posting import http_post

__all__ = ["CDEvents", "CDEventsSettings", "attempt_event", "run_event"]

SPECIFICATION = "0.4.1"
OUTCOMES: Mapping[str, str] = {"success": "success", "skip": "success", "failure": "failure"}
"""Ours → CDEvents' success, failure, error."""


class CDEvents:
    """A `runs.facts.Listener`."""

    def __init__(self, outbox: Outbox, source: str) -> None:
        """Owe events to an outbox.

        Args:
            outbox: Part of the transaction in which this is told.
            source: The URI that identifies the exporter in events.
        """
        self._outbox, self._source = outbox, source

    def began(self, run: Began) -> None:
        """Nothing: only ends are sent."""

    def attempt_ended(self, run: Began, attempt: Attempt) -> None:
        """Owe a finished task run."""
        self._owe(attempt_event(run, attempt, self._source))

    def ended(self, run: Ended) -> None:
        """Owe a finished pipeline run."""
        self._owe(run_event(run, self._source))

    def _owe(self, event: CloudEvent) -> None:
        message = to_structured(event, JSONFormat())
        self._outbox.put(event.get_id(), message.headers["content-type"], message.body)


class CDEventsSettings(ListenerSettings):
    """Receiver of finished runs and steps."""

    url: Url = Field(description="Address to which events are posted.")
    source: Text = Field(
        default="/hookline",
        description="URI that identifies this exporter in events.",
        examples=["/hookline"],
    )

    def listener(self, outbox: Outbox) -> CDEvents:
        """Owes events to the outbox."""
        return CDEvents(outbox, self.source)

    def post(self) -> Post:
        """Posts them to the receiver."""
        return http_post(self.url)


def run_event(ended: Ended, source: str) -> CloudEvent:
    """The event of a finished run."""
    content = {
        "pipelineName": ended.run.pipeline or ended.run.repo_name,
        "outcome": OUTCOMES.get(ended.outcome, "error"),
        "errors": ended.message,
    }
    name = f"{ended.run.namespace}/{ended.run.name}"
    return _event("pipelinerun", ended.key, ended.finished, source, name, content)


def attempt_event(run: Began, attempt: Attempt, source: str) -> CloudEvent:
    """The event of a finished step."""
    content = {
        "taskName": attempt.step,
        "outcome": OUTCOMES.get(attempt.outcome, "error"),
        "errors": attempt.message,
        "pipelineRun": {"id": run.uid, "source": source},
    }
    at = attempt.created if attempt.finished is None else attempt.finished
    return _event("taskrun", attempt.key, at, source, attempt.uid, content)


def _event(
    subject: str, identity: str, ended: float, source: str, name: str, content: dict[str, Any]
) -> CloudEvent:
    """An event whose id is the key of the fact: the same however often it is sent, so that a receiver can drop doubles."""
    at = datetime.datetime.fromtimestamp(ended, datetime.UTC)
    kind = f"dev.cdevents.{subject}.finished.0.2.0"
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
