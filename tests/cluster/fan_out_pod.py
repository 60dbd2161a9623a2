"""The pod of a fan-out: the command that the template names, as a process with a token of the template's account.

It reaches the API server by a kubeconfig, since it shares the file system of the tests; everything else is as in the pod.
"""

import itertools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cluster.installation import Installation
from cluster.processes import Process
from cluster.waiting import PATIENCE

__all__ = ["FanOutPod"]

_HOOKLINE = Path(sys.executable).with_name("hookline")
_numbers = itertools.count(1)


class FanOutPod:
    """One start of the pod of one fan-out."""

    def __init__(
        self, site: Installation, workflow: str, folder: Path, arguments: Sequence[str] = ()
    ) -> None:
        """Start it.

        Args:
            site: Where hookline is installed.
            workflow: Name of the fan-out.
            folder: For files of its own; pods may share it.
            arguments: Further ones of the command.
        """
        number = next(_numbers)
        own = folder / f"pod-{number}"
        own.mkdir()
        (template,) = [
            each
            for each in site.api.list("argoproj.io/v1alpha1", "WorkflowTemplate", site.namespace)
            if each["metadata"]["name"].endswith("-fan-out")
        ]
        container = template["spec"]["templates"][0]["container"]
        names = {"{{workflow.namespace}}": site.namespace, "{{workflow.name}}": workflow}
        mounts = {each["mountPath"]: str(own / "outputs") for each in container["volumeMounts"]}
        known = names | mounts
        kubeconfig = json.loads(site.cluster.kubeconfig.read_text("utf-8"))
        kubeconfig["users"][0]["user"] = {
            "token": site.api.token(site.namespace, template["spec"]["serviceAccountName"])
        }
        (own / "kubeconfig").write_text(json.dumps(kubeconfig), "utf-8")
        self._folder = own
        self.process = Process(
            f"{site.namespace}/{workflow}",
            [
                str(_HOOKLINE),
                *(known.get(each, each) for each in container["args"]),
                *arguments,
                f"--kubeconfig={own / 'kubeconfig'}",
            ],
            own / "log",
            {"PATH": os.environ["PATH"], "HOME": str(own), "ARGO_PROGRESS_FILE": str(own / "progress")},
        )

    @property
    def begun(self) -> bool:
        """Whether it has told its first outputs, before it asks the API server for anything."""
        return (self._folder / "outputs" / "counts").exists()

    @property
    def done(self) -> int:
        """How many runs it says are done."""
        try:
            return int((self._folder / "progress").read_text("utf-8").partition("/")[0])
        except FileNotFoundError:
            return 0

    @property
    def log(self) -> str:
        """Everything that it said."""
        return self.process.log.read_text("utf-8")

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the step, as Argo takes them from the files."""
        return {each: (self._folder / "outputs" / each).read_text("utf-8") for each in ("counts", "runs")}

    @property
    def counts(self) -> dict[str, Any]:
        """What came of the runs."""
        found: dict[str, Any] = json.loads(self.outputs["counts"])
        return found

    def ended(self, seconds: float = PATIENCE) -> int:
        """Wait until it has ended by itself; its exit code."""
        return self.process.wait(seconds)
