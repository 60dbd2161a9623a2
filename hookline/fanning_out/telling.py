"""The files from which Argo reads the outputs and the progress of a fan-out's step."""

import json
from pathlib import Path

from hookline.fanning_out.tally import Tally
from hookline.logs import log

__all__ = ["Telling"]


class Telling:
    """Writes the files. A reader finds the old content or the new one. A file that cannot be written stops nothing."""

    def __init__(self, outputs: Path, progress: Path | None) -> None:
        """Write outputs into this folder, and the progress, `n/N`, into this file (argo-workflows docs/progress.md); None = no progress."""
        self._outputs = outputs
        self._progress = progress
        self._said = ""
        self._broken = False

    def nothing(self) -> None:
        """Write that no run was handled yet, so that the outputs exist from the beginning."""
        self.outputs(Tally(()))

    def outputs(self, tally: Tally) -> None:
        """Write everything."""
        self._write(self._outputs / "counts", json.dumps(tally.counts()))
        self._write(self._outputs / "runs", tally.lines())
        self.progress(tally)

    def progress(self, tally: Tally) -> None:
        """Write how many runs are done, if the number has changed."""
        said = f"{tally.done}/{tally.total}"
        # Argo refuses a progress of n/0 (argo-workflows pkg/apis/workflow/v1alpha1/progress.go).
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
