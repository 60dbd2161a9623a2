"""Checks of schedules: CronWorkflows that do not fire, and calendars that fire what CronWorkflows fire too."""

from collections.abc import Iterator

from hookline.doctor.facts import Facts, Unread
from hookline.doctor.findings import Finding, broken, ok, unchecked, warning
from hookline.output import plural
from hookline.plan.planning import Plan

__all__ = ["schedules"]


def schedules(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """Every CronWorkflow fires, and no event source that is left over fires its schedule too."""
    mine = sorted(plan.schedules.keys() - plan.on_calendar.keys())
    if not mine:
        yield ok("no CronWorkflow fires a schedule")
        return
    if isinstance(facts.fired, Unread):
        yield unchecked(facts.fired.why)
        return
    for source, entries in sorted(facts.fired.calendars.items()):
        if source not in plan.calendars and (twice := sorted(entries & set(mine))):
            yield broken(
                f"EventSource {source} is no longer declared and still fires {twice[0]}"
                + (f" and {len(twice) - 1} more" if len(twice) > 1 else "")
                + ", so that each fire time starts two runs",
                f"kubectl -n {plan.namespace} delete eventsource {source}",
            )
    for name in mine:
        yield from _cron_workflow(plan, facts, name)
    yield ok(plural(len(mine), "CronWorkflow"))


def _cron_workflow(plan: Plan, facts: Facts, name: str) -> Iterator[Finding]:
    pipeline = plan.schedules[name].pipeline
    namespace = plan.workloads[pipeline].namespace
    live = None if isinstance(facts.fired, Unread) else facts.fired.cron_workflows.get((namespace, name))
    if live is None:
        return  # the check of declared objects says so
    if live.suspended and plan.suspended(pipeline) is None:
        yield warning(
            f"CronWorkflow {name} in {namespace} is suspended, and hookline.yaml does not say so: it fires nothing",
            f'kubectl -n {namespace} patch cronworkflow {name} --type merge -p \'{{"spec":{{"suspend":false}}}}\'',
        )
    for condition, message in sorted(live.conditions.items()):
        say = broken if condition == "SpecError" else warning
        yield say(
            f"CronWorkflow {name} in {namespace}: {condition}: {message}",
            f"kubectl -n {namespace} describe cronworkflow {name}",
        )
