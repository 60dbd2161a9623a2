"""Checks of where events come from: what a registry sends, what a calendar can catch up on, what an ingress can route."""

from collections.abc import Iterable, Mapping

from documents.diagnostics import Problems
from events.eventsource import Endpoint, unreadable_abbreviations
from hookline.declaration.loading import Declaration, DeclaredPipeline
from hookline.plan.schedule_carriers import ASKED
from hookline.plan.schedules import FiringSchedule

__all__ = ["check_catch_up", "check_sources"]


def check_sources(
    declaration: Declaration,
    endpoints: Mapping[str, Endpoint],
    problems: Problems,
) -> None:
    """Checks of the sources of each pipeline's events."""
    for declared in declaration.pipelines.values():
        _check_official_image(declared, endpoints, problems)
    if declaration.cluster.ingress is not None:
        _check_ingress(declaration, endpoints, problems)


def check_catch_up(
    declared: DeclaredPipeline,
    firing: Iterable[FiringSchedule],
    calendar: Mapping[str, str],
    problems: Problems,
) -> None:
    """Check that the calendar can read again what it caught up on.

    Args:
        declared: The pipeline.
        firing: Its schedules as they fire.
        calendar: Those that the calendar fires, by name → why it does.
        problems: Takes what is found.
    """
    reasons = {(each.declared.name, each.written): calendar.get(each.name) for each in firing}
    for path, schedule in declared.schedules():
        why = next((found for at in schedule.at if (found := reasons.get((schedule.name, at)))), None)
        if schedule.missed is None or why is None:
            continue
        if names := unreadable_abbreviations(schedule.timezone):
            other = (
                ", or set cluster.schedules: cron_workflow" if why == ASKED and not schedule.except_ else ""
            )
            problems.error(
                declared.position(*path, "missed"),
                f"Argo Events writes a fire time of {schedule.timezone} that it catches up on as {names[0]}, and cannot read that after "
                f"a restart: the schedule would stop. Leave missed: out, or write the times in another zone such as UTC{other}",
                declared.field(*path, "missed"),
            )


def _check_official_image(
    declared: DeclaredPipeline, endpoints: Mapping[str, Endpoint], problems: Problems
) -> None:
    image_push = declared.pipeline.events.image_push
    if image_push is None or image_push.source not in endpoints:
        return
    host = endpoints[image_push.source].host
    namespace, slash, _ = image_push.image.partition("/")
    if host.official_namespace is None or (slash and namespace.lower() != host.official_namespace):
        return
    problems.warn(
        declared.position("events", "image_push", "image"),
        f"{image_push.image} is an official image of {host.title}: nobody else can set a webhook there, so this starts nothing. Push "
        "a copy to a repository of yours and name that, or use a schedule",
        f"pipelines.{declared.name}.events.image_push.image",
    )


def _check_ingress(declaration: Declaration, endpoints: Mapping[str, Endpoint], problems: Problems) -> None:
    used = {source for each in declaration.pipelines.values() for source, _, _ in each.listened()}
    routed = [endpoint for name, endpoint in endpoints.items() if name in used]
    if not routed:
        problems.warn(
            declaration.cluster_position("ingress"),
            "no pipeline uses a source, so there is no path to route; ingress: is left out",
            "cluster.ingress",
        )
    by_path: dict[str, Endpoint] = {}
    for endpoint in routed:
        other = by_path.setdefault(endpoint.path, endpoint)
        if other.event_source != endpoint.event_source:
            problems.error(
                declaration.sources[endpoint.name].document.position(("sources", endpoint.name, "endpoint")),
                f'source "{other.name}" has the endpoint {endpoint.path} too, and an ingress routes a path to one Service only; take '
                "another path",
                f"sources.{endpoint.name}.endpoint",
            )
