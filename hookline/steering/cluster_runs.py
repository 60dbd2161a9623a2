"""Runs in a cluster: created, found, followed and stopped. Of this package, this module alone asks the API server."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from apiserver.connection import Connection, Refused, Unreachable
from apiserver.resources import Resources
from runs.objects import workflow_of
from runs.outcomes import run_outcome
from runs.stopping import ENDED, Selection, ask_to_end, next_step, phase, said_by_person, same_run
from triggers.words import PREFIX

__all__ = ["ClusterRuns", "Stopped", "outcome"]

API = "argoproj.io/v1alpha1"
MANAGER = "hookline"
REQUESTS = 8
"""Requests at a time."""
PAUSE_SECONDS = 1.0
SILENCE_SECONDS = 120.0
"""How long the API server may be away while a run is followed."""
PASSING = frozenset({429, 500, 502, 503, 504})
"""Answers of an API server that will answer otherwise in a moment."""
TRIES = 5
"""Names before somebody else must be at fault."""
_REVIEWS = ("authentication.k8s.io/v1", "authentication.k8s.io/v1beta1")

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Result = Literal["cancelled", "ended", "ending", "running"]
"""cancelled: it has ended because of this; ended: it had ended before; ending: it was asked to end and has not yet; running: it was not asked."""
_GOING_ON = frozenset({"ending", "running"})


@dataclass(frozen=True, slots=True)
class Stopped:
    """The result of stopping one run."""

    namespace: str
    name: str
    pipeline: str
    result: Result
    phase: str
    """The phase that Argo gives it."""
    strategy: str = ""
    """Stop or Terminate, where the controller was asked for it."""


def outcome(workflow: Mapping[str, Any]) -> tuple[str, str]:
    """The outcome of an ended run in the words of the exporter, as far as the Workflow tells by itself; and Argo's message."""
    template = (workflow["spec"].get("workflowTemplateRef") or {}).get("name", "")
    found = workflow_of(dict(workflow), frozenset({template}))
    if found is None:
        return "error", "the API server gave no Workflow"
    return run_outcome(found, ()), found.message


class ClusterRuns:
    """The runs of one cluster, with the rights of one person."""

    def __init__(self, connection: Connection) -> None:
        """Work over this connection."""
        self._connection = connection
        self._resources = Resources(connection)

    def person(self) -> str:
        """The user that this connection is, as the API server names them; empty where it does not say (before Kubernetes 1.27).

        Raises:
            Unreachable: There is no answer.
        """
        for version in _REVIEWS:
            review = {"apiVersion": version, "kind": "SelfSubjectReview"}
            try:
                found = self._connection.json("POST", f"/apis/{version}/selfsubjectreviews", body=review)
            except Refused as refused:
                if refused.status in (403, 404):
                    continue
                raise
            return str(((found.get("status") or {}).get("userInfo") or {}).get("username") or "")
        return ""

    def create(self, named: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
        """Create a Workflow.

        Args:
            named: Makes it, of two hex digits at the end of its name.

        Raises:
            UnknownKind, Refused, Unreachable: It was not created, or nobody knows.
        """
        for _ in range(TRIES - 1):
            try:
                return self._resources.create(named(secrets.token_hex(1)), MANAGER)
            except Refused as refused:
                # Of the same second, and with the same digits.
                if refused.status != 409:
                    raise
        return self._resources.create(named(secrets.token_hex(1)), MANAGER)

    def create_once(self, workflow: Mapping[str, Any]) -> dict[str, Any] | None:
        """Create a Workflow of this very name; None if there is one by now.

        Raises:
            UnknownKind, Refused, Unreachable: As create().
        """
        try:
            return self._resources.create(workflow, MANAGER)
        except Refused as refused:
            if refused.status == 409:
                return None
            raise

    def read(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A run; None if there is none.

        Raises:
            UnknownKind, Refused, Unreachable: As in apiserver.resources.
        """
        return self._resources.read(API, "Workflow", namespace, name)

    def find(self, namespaces: Sequence[str], name: str) -> dict[str, Any] | None:
        """The run of this name in the first of these namespaces that has one.

        Raises:
            UnknownKind, Unreachable: As read().
            Refused: As read(); 403 only where no namespace has it in which this person may look.
        """
        forbidden: Refused | None = None
        for each in namespaces:
            try:
                found = self.read(each, name)
            except Refused as refused:
                if refused.status != 403:
                    raise
                forbidden = refused
                continue
            if found is not None:
                return found
        if forbidden is not None:
            raise forbidden
        return None

    def under_way(self, namespaces: Sequence[str], selection: Selection) -> list[dict[str, Any]]:
        """The runs that have not ended, oldest first.

        Raises:
            UnknownKind, Refused, Unreachable: As read().
        """
        # Argo labels what has ended.
        labels = f"{PREFIX}pipeline" + (f"={selection.pipeline}" if selection.pipeline else "")
        labels += ",workflows.argoproj.io/completed!=true"
        found = [
            workflow
            for each in namespaces
            for workflow in self._resources.all_of(API, "Workflow", each, labels)
            if selection.chooses(workflow) and phase(workflow) not in ENDED
        ]
        return sorted(
            found, key=lambda each: (each["metadata"]["creationTimestamp"], each["metadata"]["name"])
        )

    def follow(self, workflow: Mapping[str, Any]) -> Iterator[dict[str, Any] | None]:
        """A run, whenever its phase, message or progress has changed, until it has ended; None at last if it was deleted.

        Raises:
            UnknownKind: The definition of Workflows was removed.
            Refused, Unreachable: For so long that it is no moment's trouble.
        """
        metadata = workflow["metadata"]
        shown: object = None
        heard = time.monotonic()
        while True:
            try:
                found = self.read(metadata["namespace"], metadata["name"])
            except (Refused, Unreachable) as error:
                lasting = isinstance(error, Refused) and error.status not in PASSING
                if lasting or time.monotonic() - heard > SILENCE_SECONDS:
                    raise
                time.sleep(PAUSE_SECONDS)
                continue
            heard = time.monotonic()
            if found is None or found["metadata"]["uid"] != metadata["uid"]:
                yield None
                return
            status = found.get("status") or {}
            state = (phase(found), status.get("message"), status.get("progress"))
            if state != shown:
                shown = state
                yield found
            if phase(found) in ENDED:
                return
            time.sleep(PAUSE_SECONDS)

    def stop(
        self, workflows: Sequence[dict[str, Any]], *, by: str, because: str, wait_seconds: float
    ) -> list[Stopped]:
        """Ask the controller to end runs, all of them first; then look again until each has ended.

        Args:
            workflows: As they were read.
            by: The user; empty = not known.
            because: Why; empty = not said.
            wait_seconds: How long they may take to end; 0 = nothing is waited for.

        Raises:
            UnknownKind, Refused, Unreachable: As read(); some may have been stopped before.
        """
        end = time.monotonic() + wait_seconds
        found = self._each(workflows, lambda each: self._asked(each, each, "", by, because))
        while any(each.result in _GOING_ON for each in found) and time.monotonic() < end:
            time.sleep(PAUSE_SECONDS)
            found = self._each(
                list(zip(workflows, found, strict=True)), lambda pair: self._again(*pair, by, because)
            )
        return found

    @staticmethod
    def would_stop(workflow: Mapping[str, Any]) -> Stopped:
        """A run that is left alone, and what would be asked for."""
        step = next_step(workflow)
        result: Result = "ended" if step == "ended" else "running"
        return _stopped(workflow, result, step if step in {"Stop", "Terminate"} else "")

    def _again(self, workflow: dict[str, Any], before: Stopped, by: str, because: str) -> Stopped:
        """Look again at a run, and ask once more where its state asks for more."""
        if before.result not in _GOING_ON:
            return before
        return self._asked(workflow, same_run(self._resources, workflow), before.strategy, by, because)

    def _asked(
        self, workflow: dict[str, Any], now: dict[str, Any] | None, strategy: str, by: str, because: str
    ) -> Stopped:
        found = ask_to_end(self._resources, workflow, now, said_by_person(by, because), strategy)
        if found.now is None:
            # Deleted meanwhile: nothing of it runs.
            return _stopped(workflow, "cancelled", found.strategy)
        if next_step(found.now) == "ended":
            return _stopped(found.now, "cancelled" if found.strategy else "ended", found.strategy)
        # It may have changed each time before it could be asked; an earlier request of another strategy still holds.
        return _stopped(found.now, "ending" if found.strategy else "running", found.strategy)

    @staticmethod
    def _each(items: Sequence[Item], work: Callable[[Item], Answer]) -> list[Answer]:
        """Do something for each item, several at a time; the results are in the order of the items."""
        with ThreadPoolExecutor(REQUESTS) as pool:
            return list(pool.map(work, items))


def _stopped(workflow: Mapping[str, Any], result: Result, strategy: str) -> Stopped:
    metadata = workflow["metadata"]
    return Stopped(
        namespace=metadata["namespace"],
        name=metadata["name"],
        pipeline=(metadata.get("labels") or {}).get(f"{PREFIX}pipeline", ""),
        result=result,
        phase=phase(workflow),
        strategy=strategy,
    )
