"""Runs that are not counted yet, as the pages show them."""

from collections.abc import Callable, Sequence

from runs.facts import Began
from runs.history import Attempt, Query, Run
from runs.objects import Pod
from runs.tracker import State, UnfinishedRun

__all__ = ["STATES", "UnfinishedRuns"]

_WORDS: dict[State, str] = {"pending": "queued", "executing": "running", "finalizing": "ending"}
STATES = tuple(_WORDS.values())
"""Words for what stands in place of an outcome. `ending`: it has ended, and is counted once its logs are read."""


class UnfinishedRuns:
    """Runs that are not counted yet. Safe for threads."""

    def __init__(
        self,
        now: Callable[[], Sequence[UnfinishedRun]],
        attempts: Callable[[str], Sequence[Attempt]],
        pipeline: Callable[[Began], str],
    ) -> None:
        """Read them from elsewhere.

        Args:
            now: Gives the runs.
            attempts: uid of a run → its counted attempts, in order.
            pipeline: Gives the name under which a run is counted.
        """
        self._now, self._attempts, self._pipeline = now, attempts, pipeline

    def page(self, query: Query) -> tuple[Sequence[Run], int]:
        """Those that a query asks for without their attempts, the newest first, at most `query.limit`; and how many there are."""
        found = [each for each in self._now() if self._fits(each, query)]
        found.sort(key=lambda each: (each.began.created, each.began.uid), reverse=True)
        return [self._run(each) for each in found[: query.limit]], len(found)

    def run(self, namespace: str, name: str) -> Run | None:
        """The newest run of that name with its attempts; an empty namespace means any."""
        named = [
            each
            for each in self._now()
            if each.began.name == name and namespace in {"", each.began.namespace}
        ]
        if not named:
            return None
        newest = max(named, key=lambda each: each.began.created)
        counted = self._attempts(newest.began.uid)
        known = {each.uid for each in counted}
        going = [_attempt(pod) for pod in newest.pods if pod.uid not in known]
        in_order = sorted([*counted, *going], key=lambda each: (each.created, each.uid))
        return self._run(newest, in_order)

    def _fits(self, found: UnfinishedRun, query: Query) -> bool:
        began = found.began
        wanted = (
            (query.namespace, began.namespace),
            (query.owner, began.owner),
            (query.event, began.event),
            (query.fan_out, began.fan_out),
            (query.outcome, _WORDS[found.state]),
        )
        if any(asked not in {"", has} for asked, has in wanted):
            return False
        if query.text and query.text.lower() not in _searched(began):
            return False
        return not query.pipeline or query.pipeline == self._pipeline(began)

    def _run(self, found: UnfinishedRun, attempts: Sequence[Attempt] = ()) -> Run:
        began, workflow = found.began, found.workflow
        return Run(
            uid=began.uid,
            namespace=began.namespace,
            owner=began.owner,
            name=began.name,
            pipeline=self._pipeline(began),
            event=began.event,
            outcome=_WORDS[found.state],
            created=began.created,
            started=workflow.started,
            finished=None,
            message=workflow.message,
            ref=began.ref,
            sha=began.sha,
            actor=began.actor,
            reason=began.reason,
            delivery=began.delivery,
            repository=began.repository,
            source=began.source,
            fan_out=began.fan_out,
            attempts=tuple(attempts),
        )


def _searched(began: Began) -> str:
    return f"{began.name}\n{began.ref}\n{began.sha}\n{began.actor}".lower()


def _attempt(pod: Pod) -> Attempt:
    """A pod that has not ended, or whose end is not counted yet."""
    state = "ending" if pod.final or pod.main_ended else "queued" if pod.main_started is None else "running"
    return Attempt(
        step=pod.step,
        pod=pod.name,
        outcome=state,
        capacity="spot" if pod.spot and not pod.degraded else "on_demand",
        platform=pod.platform,
        created=pod.created,
        started=pod.main_started,
        finished=pod.main_finished,
        message=pod.message or pod.main_reason,
        degraded=pod.spot and pod.degraded,
        scheduled=pod.scheduled,
        node=pod.node,
        task=pod.task,
        uid=pod.uid,
    )
