"""The files in which a fan-out says how far it is: Argo takes them for outputs and progress of the step."""

import json
from pathlib import Path

from hookline.fanning_out.tally import Tally
from hookline.logs import log

__all__ = ["Telling"]


class Telling:
    """Files that are whole at every moment: a reader finds the old content or the new. None of them can stop the work."""

    def __init__(self, outputs: Path, progress: Path | None) -> None:
        """Write into this folder; and to this file, `n/N` as Argo reads it (argo-workflows docs/progress.md)."""
        self._outputs = outputs
        self._progress = progress
        self._said = ""
        self._broken = False

    def nothing(self) -> None:
        """Write that nothing was done yet: Argo fails a step that has not written its outputs, and then says nothing else of it."""
        self.outputs(Tally(()))

    def outputs(self, tally: Tally) -> None:
        """Write everything."""
        self._write(self._outputs / "counts", json.dumps(tally.counts()))
        self._write(self._outputs / "runs", tally.lines())
        self.progress(tally)

    def progress(self, tally: Tally) -> None:
        """Write how many runs are done, if that is news."""
        said = f"{tally.done}/{tally.total}"
        # Argo takes no progress of which the whole is 0 (argo-workflows pkg/apis/workflow/v1alpha1/progress.go).
        if self._progress is not None and said != self._said and tally.total:
            self._said = said
            self._write(self._progress, said)

    def _write(self, path: Path, text: str) -> None:
        beside = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(text, "utf-8")
            beside.replace(path)
        except OSError as error:
            if not self._broken:
                self._broken = True
                log(
                    "warning", "a file cannot be written", file=str(path), reason=error.strerror or str(error)
                )
