"""Collects facts: asks a cluster everything that checks need."""

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from apiserver.connection import Connection
from events.scalars import is_placeholder
from hookline.applying.object_name import ObjectName
from hookline.doctor.address_reading import asked_address
from hookline.doctor.facts import Controller, Facts, Unread
from hookline.doctor.probing import probed
from hookline.doctor.questions import EVENTS_IMAGE, WORKFLOWS_IMAGE, Questions
from hookline.doctor.run_needs import needs, template_of
from hookline.plan.planning import Plan

__all__ = ["bus_facts", "collected"]


def collected(
    plan: Plan,
    objects: Sequence[Mapping[str, Any]],
    connection: Connection,
    tell: Callable[[str], None],
    *,
    end_to_end: bool,
) -> Facts:
    """Everything that checks need.

    Args:
        plan: The plan.
        objects: Its rendered objects.
        connection: The API server.
        tell: Is told what is asked next, in a few words.
        end_to_end: Whether a probe is sent.

    Raises:
        Refused, Unreachable: The API server does not answer at all, or takes nobody.
    """
    ask = Questions(plan, objects, connection)
    tell("the API server")
    server, clock_seconds = ask.server()
    kinds = ask.kinds()
    bus_settings = ask.try_to(f"get EventBuses in {plan.namespace}", ask.bus_settings)
    with ThreadPoolExecutor(2) as beside:
        samples = beside.submit(ask.bus_samples, bus_settings)
        ingress = plan.declaration.cluster.ingress
        paths = [each.path for each in plan.received if not is_placeholder(each.path)]
        address = beside.submit(asked_address, ingress.host, paths) if ingress is not None else None
        tell("controllers")
        deployments = ask.try_to("list Deployments in all namespaces", ask.controllers)
        controllers: tuple[Controller, ...] | Unread = (
            deployments
            if isinstance(deployments, Unread)
            else tuple(ask.controller(*each) for each in deployments)
        )
        tell("event sources and Sensors")
        event_images = ask.try_to(f"list Deployments in {plan.namespace}", ask.event_images)
        not_ready = ask.try_to(
            f"get event sources and Sensors, and list Deployments and StatefulSets, in {plan.namespace}",
            ask.not_ready,
        )
        fired = ask.try_to(
            f"list CronWorkflows where runs go, and EventSources in {plan.namespace}", ask.fired
        )
        tell("objects as declared")
        changes = ask.try_to("patch the rendered objects", ask.changes)
        tell("rights of accounts")
        allowed = ask.allowed()
        tell("templates, volumes and Secrets")
        templates = {name: ask.template(name) for name in map(template_of, plan.workloads.values())}
        wanted = needs(plan, {name: each for name, each in templates.items() if isinstance(each, dict)})
        places: set[tuple[str, str, str]] = {
            (each.kind, each.namespace, each.name) for each in wanted if each.kind != "PersistentVolumeClaim"
        }
        places |= {
            ("Secret", plan.namespace, each.secret.name) for each in plan.received if each.secret is not None
        }
        held = dict(zip(sorted(places), ask.each(sorted(places), ask.held), strict=True))
        claimed = [(each.namespace, each.name) for each in wanted if each.kind == "PersistentVolumeClaim"]
        claims = dict(zip(claimed, ask.each(claimed, ask.claim), strict=True))
        tell("exporter")
        workloads = {
            name: ask.workload(name)
            for name in map(ObjectName.of, objects)
            if name.group == "apps" and name.kind in ("Deployment", "StatefulSet")
        }
        unknown_kinds = ask.unknown_kinds()
        tell("the bus")
        bus_samples = samples.result()
        found_address = address.result() if address is not None else None
    return Facts(
        server=server,
        clock_seconds=clock_seconds,
        kinds=kinds,
        events_controllers=_with_image(controllers, EVENTS_IMAGE),
        workflow_controllers=_with_image(controllers, WORKFLOWS_IMAGE),
        event_images=event_images,
        not_ready=not_ready,
        bus_settings=bus_settings,
        bus_samples=bus_samples,
        held=held,
        changes=changes,
        allowed=allowed,
        templates=templates,
        claims=claims,
        address=found_address,
        workloads=workloads,
        unknown_kinds=unknown_kinds,
        fired=fired,
        probe=probed(plan, objects, templates, connection, tell) if end_to_end else None,
    )


def bus_facts(plan: Plan, objects: Sequence[Mapping[str, Any]], connection: Connection) -> Facts:
    """Facts of the bus alone. Of everything else they say that it was not asked.

    Args:
        plan: The plan.
        objects: Those of its rendered objects that must be ready.
        connection: The API server.

    Raises:
        Refused, Unreachable: As collected().
    """
    ask = Questions(plan, objects, connection)
    bus_settings = ask.try_to(f"get EventBuses in {plan.namespace}", ask.bus_settings)
    not_ready = ask.try_to(
        f"get Sensors, and list Deployments and StatefulSets, in {plan.namespace}", ask.not_ready
    )
    not_asked = Unread("it was not asked")
    return Facts(
        server="",
        clock_seconds=None,
        kinds=frozenset(),
        events_controllers=not_asked,
        workflow_controllers=not_asked,
        event_images=not_asked,
        not_ready=not_ready,
        bus_settings=bus_settings,
        bus_samples=ask.bus_samples(bus_settings),
        held={},
        changes=not_asked,
        allowed=not_asked,
        templates={},
        claims={},
        address=None,
        workloads={},
    )


def _with_image(
    controllers: tuple[Controller, ...] | Unread, image: re.Pattern[str]
) -> tuple[Controller, ...] | Unread:
    if isinstance(controllers, Unread):
        return controllers
    return tuple(each for each in controllers if image.search(each.image))
