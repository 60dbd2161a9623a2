"""Hops: every check in the order in which an event passes it; what a hop depends on stands before it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hookline.doctor.address_check import webhook_address
from hookline.doctor.bus_checks import bus_group, event_bus, lost_stream, stream_limits
from hookline.doctor.engine_checks import (
    api_server,
    argo_events,
    argo_workflows,
    clock,
    workflow_restrictions,
)
from hookline.doctor.facts import Facts
from hookline.doctor.findings import Finding, State, ok, worst
from hookline.doctor.object_checks import (
    declared_objects,
    event_sources,
    exporter,
    rights,
    sensors,
    webhook_secrets,
)
from hookline.doctor.probe_check import end_to_end
from hookline.doctor.run_checks import run_secrets, template, volumes
from hookline.doctor.schedule_checks import schedules
from hookline.doctor.subscription_checks import backlog, subscriptions
from hookline.plan.planning import Plan

__all__ = ["CHECKS", "Hop", "diagnosed", "first_broken"]

END_TO_END = "end-to-end"
"""The check that stands in an answer only if a probe was asked for."""

Check = Callable[[Plan, Facts], Iterable[Finding]]

CHECKS: dict[str, tuple[str, Check]] = {
    "api-server": ("API server", api_server),
    "clock": ("clocks", clock),
    "argo-events": ("Argo Events", argo_events),
    "argo-workflows": ("Argo Workflows", argo_workflows),
    "workflow-restrictions": ("restrictions of Workflows", workflow_restrictions),
    "event-bus": ("bus", event_bus),
    "bus-group": ("group of bus servers", bus_group),
    "lost-stream": ("stream of events", lost_stream),
    "stream-limits": ("limits of the stream", stream_limits),
    "webhook-secrets": ("Secrets of webhooks", webhook_secrets),
    "event-sources": ("event sources", event_sources),
    "webhook-address": ("webhook address", webhook_address),
    "sensors": ("Sensors", sensors),
    "subscriptions": ("subscriptions", subscriptions),
    "backlog": ("events that wait", backlog),
    "schedules": ("schedules", schedules),
    "declared-objects": ("objects as declared", declared_objects),
    "rights": ("rights of accounts", rights),
    "template": ("workflow template", template),
    "volumes": ("volumes of runs", volumes),
    "run-secrets": ("Secrets of runs", run_secrets),
    "exporter": ("exporter", exporter),
    END_TO_END: ("a probe end to end", end_to_end),
}
"""Name of a check, which is its section in docs/doctor.md → what it is called in a sentence, and the check."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One hop with what its check found."""

    check: str
    title: str
    findings: tuple[Finding, ...]

    @property
    def state(self) -> State:
        """The state of its worst finding."""
        return worst(self.findings)

    @property
    def says(self) -> str:
        """The sentence of its worst finding, and how many more of that kind there are."""
        same = [each for each in self.findings if each.state == self.state]
        more = f" (and {len(same) - 1} more)" if len(same) > 1 else ""
        return same[0].says + more

    @property
    def runbook(self) -> str:
        """The command that prints what the check means."""
        return f"hookline docs doctor#{self.check}"


def diagnosed(plan: Plan, facts: Facts) -> tuple[Hop, ...]:
    """Every hop, in order; the probe's only if one was asked for."""
    return tuple(
        Hop(name, title, tuple(check(plan, facts)) or (ok("well"),))
        for name, (title, check) in CHECKS.items()
        if name != END_TO_END or facts.probe is not None
    )


def first_broken(hops: Iterable[Hop]) -> Hop | None:
    """The first hop at which events stop; None if there is none."""
    return next((each for each in hops if each.state == "broken"), None)
