"""What the exporter counts while something happens."""

import json
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from cluster.waiting import until
from exporter_process import ExporterProcess
from node.installation import NAMESPACE, Hookline

__all__ = ["Counts", "Exporter"]

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
SILENT_LABELS = {"namespace", "owner", "pipeline", "capacity"}
"""Of what tests name: one pipeline in one namespace, and no spot capacity."""
Counts = Counter[tuple[str, ...]]
"""Word of the family and its labels → count."""


class Exporter:
    """`hookline exporter` as a process with the account of its own manifests."""

    def __init__(self, hookline: Hookline, folder: Path) -> None:
        folder.mkdir()
        image = f"localhost/none@sha256:{'0' * 64}"
        printed = hookline.shell(f"hookline exporter -n {NAMESPACE} --manifests {image}")
        rights = [
            each
            for each in yaml.safe_load_all(printed)
            if each["kind"] in {"ServiceAccount", "Role", "RoleBinding"}
        ]
        hookline.cluster.apply(rights)
        kubeconfig = json.loads(hookline.cluster.kubeconfig.read_text())
        token = hookline.cluster.api.token(NAMESPACE, "hookline-exporter")
        kubeconfig["users"][0]["user"] = {"token": token}
        account = folder / "kubeconfig"
        account.write_text(json.dumps(kubeconfig))
        self._process = ExporterProcess(
            account,
            folder,
            "-n",
            NAMESPACE,
            "--ledger",
            str(folder / "ledger.db"),
            "--lease",
            f"{NAMESPACE}/hookline-exporter",
        )
        self._process.until(
            lambda: self._process.value("hookline_leader") == 1 and self._process.ready(), 120
        )

    def stop(self) -> None:
        """End it."""
        self._process.kill()

    def counts(self, pipeline: str) -> Counts:
        """Of a pipeline, and what was lost of any; without zeros."""
        found: Counts = Counter()
        for sample in self._process.samples():
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
