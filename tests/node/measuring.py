"""What the exporter's pod counts while something happens."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from cluster.waiting import until
from exporter_process import Served
from node.declaration import MONITORING
from node.installation import Hookline
from node.places import DOMAIN

__all__ = ["EXPORTER_POD", "Counts", "Exporter"]

FAMILIES = {
    "hookline_runs_total": "runs",
    "hookline_step_attempts_total": "attempts",
    "hookline_image_builds_total": "images",
    "hookline_go_module_cache_runs_total": "modules",
    "hookline_cache_hits_total": "hits",
    "hookline_cache_requests_total": "requests",
    "hookline_observations_lost_total": "lost",
}
"""Family → how tests call it."""
EXPORTER_POD = "app.kubernetes.io/name=hookline-exporter"
"""Selects it."""
SILENT_LABELS = {"namespace", "owner", "pipeline", "capacity"}
"""Of what tests name: one pipeline in one namespace, and no spot capacity."""
Counts = Counter[tuple[str, ...]]
"""Word of the family and its labels → count."""


class Exporter(Served):
    """The exporter's pod, as its Service answers for it."""

    def __init__(self, hookline: Hookline) -> None:
        self.url = f"http://hookline-exporter.{MONITORING}.svc.{DOMAIN}:9893"
        self._hookline = hookline

    def until_counting(self) -> None:
        """Wait until its pod is ready, and holds the lease."""
        self._hookline.cluster.until_ready(MONITORING, EXPORTER_POD)
        self.until(lambda: self.value("hookline_leader") == 1, 120)

    def restart(self) -> None:
        """As an upgrade does: another pod takes over."""
        deployment = f"kubectl -n {MONITORING} rollout {{}} deployment hookline-exporter"
        self._hookline.shell(deployment.format("restart"))
        self._hookline.shell(deployment.format("status"))
        self.until_counting()

    def counts(self, pipeline: str) -> Counts:
        """Of a pipeline, and what was lost of any; without zeros."""
        found: Counts = Counter()
        for sample in self.samples():
            if (
                sample.name in FAMILIES
                and sample.value
                and sample.labels.get("pipeline", pipeline) == pipeline
            ):
                labels = [text for name, text in sample.labels.items() if name not in SILENT_LABELS]
                found[FAMILIES[sample.name], *labels] = round(sample.value)
        return found

    @contextmanager
    def counting(
        self, pipeline: str, expected: Counts, words: Collection[str] = tuple(FAMILIES.values())
    ) -> Iterator[None]:
        """What happens in this block adds exactly this to the counts of a pipeline.

        Args:
            pipeline: Its name.
            expected: Without zeros.
            words: Of families; others are not looked at.
        """
        before = self.counts(pipeline)
        yield
        self.until_counted(pipeline, before, expected, words)

    def until_counted(
        self,
        pipeline: str,
        before: Counts,
        expected: Counts,
        words: Collection[str] = tuple(FAMILIES.values()),
    ) -> None:
        """Wait until the counts of a pipeline have grown by exactly this since before."""
        found: Counts = Counter()

        def same() -> bool:
            found.clear()
            found.update(self.counts(pipeline))
            found.subtract(before)
            for key in [each for each in found if each[0] not in words]:
                del found[key]
            return +found == expected

        try:
            until(same, f"the exporter counts {pipeline}", 60, 0.5)
        except AssertionError as error:
            raise AssertionError(
                f"counted {dict(+found - expected)} too much, {dict(expected - found)} too little"
            ) from error
