"""Newer digests of the same tag: their fan-outs start the runs that this one has not started yet."""

from collections.abc import Mapping

from apiserver.connection import Refused
from hookline.fanning_out.asking import Asking
from hookline.fanning_out.insisting import Insisting
from hookline.fanning_out.order import Identity, UnreadableOrder, identity_of, read_fan_out
from hookline.logs import log

__all__ = ["Newer"]

Builds = frozenset[tuple[str, str, str]]
"""`Run.builds` of the runs of a fan-out."""


class Newer:
    """Fan-outs of newer events of the same source."""

    def __init__(self, own: Identity, asking: Asking, insisting: Insisting) -> None:
        """Prepare; nothing is asked yet."""
        self._own, self._asking, self._insisting = own, asking, insisting
        self._read: dict[str, Builds] = {}
        # A tag means its last push. Each commit of a branch has runs of its own.
        self._looks = own.kind == "image_push"

    def found(self) -> Mapping[str, Builds]:
        """Name of each newer fan-out that exists now → the runs that it starts.

        Raises:
            Stopped: The process was asked to end.
        """
        if not self._looks:
            return {}
        place = self._own.namespace
        try:
            listed = self._insisting.until_answered(
                "list", "workflows", place, lambda: self._asking.fan_outs(self._own)
            )
            newer = [name for each in listed if (name := self._newer(each))]
            for name in newer:
                if name not in self._read:
                    self._read[name] = self._builds(name)
        except Refused as refused:
            # A build of an old digest costs money; a missing build is worse.
            self._looks = False
            log("warning", "newer events cannot be looked for", namespace=place, reason=str(refused))
            return {}
        return {name: self._read[name] for name in newer}

    def _newer(self, workflow: Mapping[str, object]) -> str:
        """The name of a newer fan-out; empty for any other. One that is being deleted starts no further run."""
        try:
            identity = identity_of(workflow)
        except UnreadableOrder:
            return ""
        metadata = workflow["metadata"]
        dying = isinstance(metadata, Mapping) and "deletionTimestamp" in metadata
        return identity.name if identity.is_newer_than(self._own) and not dying else ""

    def _builds(self, name: str) -> Builds:
        place = self._own.namespace
        workflow = self._insisting.until_answered(
            "get", "workflows", place, lambda: self._asking.workflow(place, name)
        )
        if workflow is None:
            return frozenset()
        try:
            return frozenset(each.builds for each in read_fan_out(workflow).runs)
        except UnreadableOrder as error:
            log("warning", "nothing is left to a newer fan-out", name=name, reason=str(error))
            return frozenset()
