"""Requests of a fan-out to the API server, and the meaning of each answer for a run."""

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from apiserver.connection import Connection, Refused, Unreachable
from apiserver.resources import Resources
from hookline.fanning_out.order import Identity, Run
from triggers.words import FAN_OUT_RUNS_LABEL, PREFIX

__all__ = ["Answer", "Asking", "Trouble", "is_right_missing", "trouble_of"]

API = "argoproj.io/v1alpha1"
MANAGER = "hookline-fan-out"
Trouble = Refused | Unreachable
Found = TypeVar("Found")
_PASSING = frozenset({401, 408, 410, 425, 429})
"""Statuses below 500 after which the same request may succeed: an expired token, a slow request, an old page of a list, too many requests."""
_NO_RIGHT = re.compile(r'\S+ is forbidden: User "(?:[^"\\]|\\.)*" cannot \S+ resource ')
"""The message of the API server where an account lacks a right (kubernetes staging/src/k8s.io/apiserver
pkg/endpoints/handlers/responsewriters/errors.go); admission has other messages."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of the API server about one run."""

    run: Run
    result: Literal["started", "existing", "missing", "refused", "trouble"]
    """refused: the API server does not take this run, for ever or until a quota has room. trouble: the answer is not about the run."""
    error: Trouble | None = None
    """The reason, where the result is refused or trouble."""
    created: datetime.datetime | None = None
    """The time of an existing run that was read."""

    @property
    def unsure(self) -> bool:
        """Whether the run may exist nevertheless: no answer came, or the server failed after it had begun."""
        return self.result == "trouble" and not (
            isinstance(self.error, Refused) and self.error.status in _PASSING
        )


def is_right_missing(error: Trouble | None) -> bool:
    """Whether the account lacks a right in the whole namespace, so that every other run gets the same answer."""
    return (
        isinstance(error, Refused)
        and error.status == 403
        and _NO_RIGHT.match(" ".join(str(error).split()).partition(": ")[2]) is not None
    )


def trouble_of(ask: Callable[[], Found]) -> Found | Trouble:
    """The answer, or the trouble because of which there is none now.

    Raises:
        Refused: The same request would be refused again.
    """
    try:
        return ask()
    except Unreachable as error:
        return error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        # A proxy on the way answered in place of the API server.
        return Unreachable(
            "truncated", f"the answer is none of an API server ({type(error).__name__}: {error})"
        )
    except Refused as refused:
        if refused.status in _PASSING or refused.status >= 500:
            return refused
        raise


class Asking:
    """Requests of one fan-out. Safe for threads."""

    def __init__(self, connection: Connection) -> None:
        """Ask over this connection."""
        self._connection = connection
        self._resources = Resources(connection)

    def workflow(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A Workflow; None if there is none.

        Raises:
            UnknownKind, Refused, Unreachable: As Resources.read().
        """
        return self._resources.read(API, "Workflow", namespace, name)

    def now(self) -> datetime.datetime:
        """The time of the API server.

        Raises:
            Refused, Unreachable: As Connection.now().
        """
        return self._connection.now()

    def fan_outs(self, like: Identity) -> list[dict[str, Any]]:
        """The metadata of the fan-outs of the same source and kind of event, including this one.

        Raises:
            UnknownKind, Refused, Unreachable: As Resources.all_of().
        """
        labels = f"{FAN_OUT_RUNS_LABEL},{PREFIX}event-kind={like.kind},{PREFIX}source={like.source}"
        return self._resources.all_of(API, "Workflow", like.namespace, labels, metadata_alone=True)

    def create(self, run: Run) -> Answer:
        """Create a run that did not exist a moment ago."""
        try:
            found = trouble_of(lambda: self._resources.create(run.manifest, MANAGER))
        except Refused as refused:
            if refused.status == 409 and refused.reason == "AlreadyExists":
                return Answer(run, "existing")
            # Quotas and webhooks decide before the API server looks whether the name is taken.
            there = self.look(run)
            if there.result in ("existing", "trouble"):
                return there
            # Another conflict means that many requests changed the count of one quota at a time (kubernetes
            # staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go).
            return Answer(run, "trouble" if refused.status == 409 else "refused", refused)
        return Answer(run, "trouble", found) if isinstance(found, Trouble) else Answer(run, "started")

    def create_unless_there(self, run: Run) -> Answer:
        """Create a run of which nobody knows whether it exists."""
        there = self.look(run)
        return there if there.result in ("existing", "trouble") else self.create(run)

    def look(self, run: Run) -> Answer:
        """Whether a run exists, and since when."""
        try:
            found = trouble_of(
                lambda: _created(
                    self._resources.read(API, "Workflow", run.namespace, run.name, metadata_alone=True)
                )
            )
        except Refused as refused:
            return Answer(run, "refused", refused)
        if isinstance(found, Trouble):
            return Answer(run, "trouble", found)
        return Answer(run, "missing") if found is None else Answer(run, "existing", created=found)


def _created(found: Mapping[str, Any] | None) -> datetime.datetime | None:
    return None if found is None else datetime.datetime.fromisoformat(found["metadata"]["creationTimestamp"])
