"""The model of `controller:`: the controller as it runs in the cluster."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from documents.lines import check_line
from events.sources import SourceName
from hookline.declaration.bus_duties import Reconcile, ReconcileOrSwitch
from hookline.declaration.own_pods import OwnPod
from hookline.declaration.report_skipped import ReportSkipped
from hookline.declaration.supersede import Supersede

__all__ = ["Controller"]

_FIELD = re.compile(r"\{(\w*)\}")


def _check_fields(value: str, known: tuple[str, ...]) -> None:
    check_line(value)
    for name in _FIELD.findall(value):
        if name not in known:
            raise ValueError(f"{{{name}}} is no field; fields: {', '.join(f'{{{each}}}' for each in known)}")


def _check_context(value: str) -> str:
    _check_fields(value, ("pipeline", "event", "source"))
    if "{pipeline}" not in value:
        raise ValueError("expected {pipeline} in it: two pipelines of a commit need two statuses")
    if len(value) > 100:
        raise ValueError(
            "expected at most 100 characters, because hosts cut what is longer with the pipeline's name"
        )
    return value


def _check_link(value: str) -> str:
    _check_fields(value, ("namespace", "workflow", "pipeline"))
    if not re.fullmatch(r"https?://[^\s{}]+/\S*", value):
        raise ValueError("expected an address, as https://argo.example.com/workflows/{namespace}/{workflow}")
    return value


class Controller(OwnPod):
    """The controller in the cluster: tells the hosts of sources with report: how runs go. `{}` is enough where cluster.image is set."""

    context: Annotated[str, AfterValidator(_check_context)] = Field(
        default="hookline/{pipeline}",
        description="Name of the status that a run gives its commit. Fields: {pipeline}, {event}, {source}.",
        examples=["ci/{pipeline}"],
    )
    link: Annotated[str, AfterValidator(_check_link)] | None = Field(
        default=None,
        description="Page to which the status leads. Fields: {namespace}, {workflow}, {pipeline}. Default: the page at "
        "exporter.url, or none.",
        examples=["https://argo.example.com/workflows/{namespace}/{workflow}"],
    )
    reconcile: ReconcileOrSwitch = Field(
        default=False,
        description="Create the Workflows that events on the bus should have started, and that are missing: true, or since, grace and "
        "skip_superseded.",
        examples=[True],
    )
    heal_bus: bool = Field(
        default=False,
        description="Mend an event bus that has lost its stream, or whose servers formed their group without one of them: the controller restarts "
        "that server and the Sensors, in the order of hookline docs HooklineBusLost. It may then delete pods in cluster.namespace.",
        examples=[True],
    )

    report_skipped: ReportSkipped = Field(
        default=False,
        description="Tell a request's commit of the pipelines that start nothing for it, as success: true, or the reasons alone that are told. A "
        "required check of such a pipeline then holds no request.",
        examples=[True],
    )

    retire_contexts: bool = Field(
        default=False,
        description="Tell open requests success for each status that their branch requires, that carries the pattern of context, and whose pipeline "
        "is declared no more. Only where no other declaration reports at the same repositories under this pattern.",
        examples=[True],
    )

    supersede: Supersede = Field(
        default=True,
        description="Stop a run when the same pipeline has a run of a newer commit: true for requests, or the kinds of events, pull_request and "
        "push (of a branch). Runs of tags, schedules and images, and runs that a person started, are never superseded.",
        examples=[["pull_request", "push"], False],
    )

    cancel_closed: bool = Field(
        default=False,
        description="Stop the runs of a request when it is closed or merged. The controller reads the bus for it.",
        examples=[True],
    )

    comments: Annotated[list[SourceName], Field(min_length=1, max_length=50)] | None = Field(
        default=None,
        description="Sources whose requests take commands in comments: /test, /retest, /cancel and /approve, of people who may write "
        "(hookline docs comments). Each needs report:. Default: none.",
        examples=[["github"]],
    )

    @property
    def reconciling(self) -> Reconcile | None:
        """How lost runs are brought back; None = not at all."""
        if isinstance(self.reconcile, bool):
            return Reconcile() if self.reconcile else None
        return self.reconcile
