"""Label values: a limited number of them, whatever names events contain."""

import re
from collections.abc import Collection, Sequence

from documents.globs import matcher
from runs.exporter.family import EVENTS, OTHER
from runs.facts import Began

__all__ = ["Labels"]

_NAME = re.compile(r"\w[\w./-]{0,199}")


class Labels:
    """Decides which pipelines, steps and events get series of their own; the rest is `other`.

    A value that once had its own series keeps it; so what is given at the start are the values of the ledger.
    """

    def __init__(
        self,
        *,
        adopt: Sequence[str] = (),
        steps: Collection[str] = (),
        max_pipelines: int = 1000,
        known: Collection[str] = (),
    ) -> None:
        self._adopted = matcher(adopt)
        self._steps = frozenset(steps)
        self._max = max_pipelines
        self._pipelines = set(known) - {OTHER}

    def pipeline(self, run: Began) -> tuple[str, bool]:
        """The pipeline of a run, and whether that is an overflow.

        A run that hookline did not start is known by its `repo_name`, if a pattern of the configuration takes that, and if it is a name:
        whoever starts such a run may write any text there, which alerts would carry into chats.
        """
        name = run.pipeline
        if not name and _NAME.fullmatch(run.repo_name) and self._adopted(run.repo_name):
            name = run.repo_name
        if not name:
            return OTHER, False
        if name not in self._pipelines:
            if len(self._pipelines) >= self._max:
                return OTHER, True
            self._pipelines.add(name)
        return name, False

    def step(self, name: str) -> tuple[str, bool]:
        """The step, and whether it is on no list."""
        return (name, False) if name in self._steps else (OTHER, True)

    def event(self, name: str) -> tuple[str, bool]:
        """The event kind, and whether it is none of hookline's."""
        return (name, False) if name in EVENTS else (OTHER, True)
