"""Label values: a limited number of them, whatever names Workflows contain."""

import re
from collections.abc import Collection, Sequence

from documents.globs import matcher
from runs.exporter.family import EVENTS, FAN_OUT, OTHER, TEAM, PipelineLabels
from runs.facts import Began

__all__ = ["MAX_FAN_OUT_SOURCES", "MAX_TEAMS_OF_OTHER", "Labels"]

MAX_TEAMS_OF_OTHER = 100
"""Pairs of namespace and owner that have series of their own for the pipeline `other`."""
MAX_FAN_OUT_SOURCES = 100
"""Pairs of namespace and source that have series of their own for fan-outs."""
_NAME = re.compile(r"\w[\w./-]{0,199}")


class Labels:
    """Decides which pipelines, steps and events get series of their own; the rest is `other`.

    A pipeline of the same name in another namespace, or with another owner, is another one. What once had its own series keeps them;
    so what is given at the start are the values of the ledger.
    """

    def __init__(
        self,
        *,
        adopt: Sequence[str] = (),
        steps: Collection[str] = (),
        max_pipelines: int = 1000,
        known: Collection[PipelineLabels] = (),
        known_fan_outs: Collection[tuple[str, str]] = (),
    ) -> None:
        """Begin with what has series.

        Args:
            adopt: Patterns of the `repo_name` of runs that hookline did not start.
            steps: Steps with series of their own.
            max_pipelines: Pipelines with series of their own.
            known: Pipelines that have series. One without a namespace is of a ledger that knew only names: it holds the place of the first
                one of that name.
            known_fan_outs: Pairs of namespace and source of fan-outs that have series.
        """
        self._adopted = matcher(adopt)
        self._steps = frozenset(steps)
        self._max = max_pipelines
        self._pipelines = {each for each in known if each.pipeline != OTHER and each.namespace}
        self._fan_outs = set(known_fan_outs) - {(OTHER, OTHER)}
        self._teams = {each.team for each in known if each.pipeline == OTHER and each.namespace}
        self._held = {each.pipeline for each in known} - {each.pipeline for each in self._pipelines} - {OTHER}

    def pipeline(self, run: Began) -> tuple[PipelineLabels, Sequence[str]]:
        """The pipeline of a run, and the labels whose value became `other` because there are too many.

        A run that hookline did not start is known by its `repo_name`, if a pattern of the configuration takes that, and if it is a name:
        whoever starts such a run may write any text there, which alerts would carry into chats.
        """
        name = self.name(run)
        if not name or name == OTHER:
            return self._other(run, ())
        found = PipelineLabels(run.namespace, run.owner, name)
        if found not in self._pipelines:
            if name not in self._held and len(self._pipelines) + len(self._held) >= self._max:
                return self._other(run, ("pipeline",))
            self._held.discard(name)
            self._pipelines.add(found)
        return found, ()

    def name(self, run: Began) -> str:
        """The pipeline of a run, whether or not it has series of its own; empty if it has none. Safe from any thread."""
        if not run.pipeline and _NAME.fullmatch(run.repo_name) and self._adopted(run.repo_name):
            return run.repo_name
        return run.pipeline

    def _other(self, run: Began, replaced: Sequence[str]) -> tuple[PipelineLabels, Sequence[str]]:
        # Runs by hand in a thousand namespaces take no place of a pipeline.
        team = (run.namespace, run.owner)
        if team not in self._teams and len(self._teams) >= MAX_TEAMS_OF_OTHER:
            # A run without an owner is not one whose owner was replaced.
            namespace, owner = (OTHER if value else "" for value in team)
            lost = [label for label, value in zip(TEAM, team, strict=True) if value]
            return PipelineLabels(namespace, owner, OTHER), (*lost, *replaced)
        self._teams.add(team)
        return PipelineLabels(*team, OTHER), replaced

    def fan_out(self, namespace: str, source: str) -> tuple[tuple[str, str], Sequence[str]]:
        """Namespace and source of a fan-out, and the labels whose value became `other` because there are too many pairs."""
        found = (namespace, source)
        if found not in self._fan_outs:
            if len(self._fan_outs) >= MAX_FAN_OUT_SOURCES:
                return (OTHER, OTHER), FAN_OUT
            self._fan_outs.add(found)
        return found, ()

    def step(self, name: str) -> tuple[str, bool]:
        """The step, and whether it is on no list."""
        return (name, False) if name in self._steps else (OTHER, True)

    def event(self, name: str) -> tuple[str, bool]:
        """The event kind, and whether it is none of hookline's."""
        return (name, False) if name in EVENTS else (OTHER, True)
