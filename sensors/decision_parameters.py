"""Parameters that put a decision into a Workflow: the Sensor's trigger takes them, and so does whoever starts the runs of a fan-out."""

from collections.abc import Mapping
from typing import Any

from sensors.creation import Creation
from sensors.parameters import ContextKey, DataKey, DataObject, Parameter, ScheduleHash, Sha256
from triggers.words import PREFIX
from triggers.workflow import ANNOTATIONS

__all__ = ["decided_workflow", "scheduled_parameters"]


def _label(name: str) -> tuple[str, ...]:
    return ("metadata", "labels", PREFIX + name)


def _annotation(name: str) -> tuple[str, ...]:
    return ("metadata", "annotations", PREFIX + name)


_CONTEXT = (
    Parameter(_annotation("event-id"), ContextKey("id")),
    Parameter(_annotation("event-time"), ContextKey("time")),
)

_DECISION = (
    # Whole objects first: what follows is put into them.
    Parameter(("metadata", "labels"), DataObject("hookline.labels")),
    Parameter(("spec",), DataObject("hookline.spec")),
    Parameter(("metadata", "name"), Sha256("hookline.event", prefix="hookline.name")),
    Parameter(_label("event"), Sha256("hookline.event")),
    *(Parameter(_annotation(name), DataKey(f"hookline.{field}")) for name, field in ANNOTATIONS.items()),
    *_CONTEXT,
)
"""Run settings are among them, so no trigger changes with an edit."""


_WORKFLOW: Mapping[str, Any] = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}


def decided_workflow(namespaces: frozenset[str]) -> Creation:
    """The creation of a Workflow of which the decision says everything.

    Args:
        namespaces: Where it may be created; unless it is one, the decision names one.
    """
    if len(namespaces) == 1:
        return Creation({**_WORKFLOW, "metadata": {"namespace": next(iter(namespaces))}}, _DECISION)
    chosen = Parameter(("metadata", "namespace"), DataKey("hookline.namespace"))
    return Creation(dict(_WORKFLOW), (*_DECISION, chosen), chosen=namespaces)


def scheduled_parameters(name: str, run: str) -> tuple[Parameter, ...]:
    """Parameters of a schedule's Workflow.

    Args:
        name: First part of the Workflow's name.
        run: What tells the run apart from others of the same minute.
    """
    return (
        Parameter(("metadata", "name"), ScheduleHash(f"{name}-", run)),
        Parameter(_label("event"), ScheduleHash("", run)),
        *_CONTEXT,
    )
