"""The Workflows that exist now, by the event that they are for: the metadata alone, which is a twentieth of the list."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apiserver.resources import Resources
from triggers.words import PREFIX

__all__ = ["Existing", "existing_runs"]

_PHASE = "workflows.argoproj.io/phase"
"""Label in which the workflow-controller repeats the phase of the status (argo-workflows workflow/common/common.go)."""


@dataclass(frozen=True, slots=True)
class Existing:
    """One Workflow."""

    namespace: str
    name: str
    phase: str
    """Empty until the controller has seen it."""


def existing_runs(resources: Resources, namespaces: Iterable[str]) -> Mapping[tuple[str, str], Existing]:
    """Pipeline and event, as the labels `hookline.dev/pipeline` and `hookline.dev/event` say them → the Workflow; that of a fan-out has no pipeline.

    Raises:
        UnknownKind, Refused, Unreachable: As Resources.all_of().
    """
    found = {}
    for namespace in namespaces:
        for each in resources.all_of(
            "argoproj.io/v1alpha1", "Workflow", namespace, f"{PREFIX}event", metadata_alone=True
        ):
            metadata = each["metadata"]
            labels = metadata["labels"]
            key = str(labels.get(f"{PREFIX}pipeline", "")), str(labels[f"{PREFIX}event"])
            found[key] = Existing(namespace, str(metadata["name"]), str(labels.get(_PHASE, "")))
    return found
