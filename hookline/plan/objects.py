"""Objects: a plan written down as the manifests that are applied."""

from collections.abc import Iterable, Iterator
from typing import Any

from events.eventsource import (
    calendar_manifest,
    calendar_rules,
    event_bus_manifest,
    network_policy,
    webhook_manifest,
)
from events.ingress_objects import ingress_manifests
from hookline.labels import Component, labelled
from hookline.plan.controller_objects import controller_objects
from hookline.plan.exporter_objects import exporter_objects
from hookline.plan.fan_out_objects import DEFAULT_LIMITS, DEFAULT_REQUESTS, fan_out_objects
from hookline.plan.fan_outs import settings_of
from hookline.plan.own_pods import pod_settings
from hookline.plan.planning import Plan
from sensors.manifests import SENSOR_SERVICE_ACCOUNT, SensorPlan, sensor_manifest
from triggers.cron_workflow import cron_workflow
from triggers.rbac import bound_account, run_rights, sensor_rights, tokenless_account
from triggers.release import takes_lists
from triggers.words import EXECUTOR_SERVICE_ACCOUNT

__all__ = ["cron_workflow_object", "cron_workflows", "event_source_objects", "objects", "sensor_object"]


def objects(plan: Plan) -> list[dict[str, Any]]:
    """Every object, in the order in which kubectl should apply them."""
    cluster = plan.declaration.cluster
    found: list[dict[str, Any]] = []
    if cluster.event_bus.create:
        found += _labelled(plan, "event-bus", _event_bus(plan))
    reporting = {
        each.namespace for each in plan.workloads.values() if each.executor == EXECUTOR_SERVICE_ACCOUNT
    }
    if plan.fans_out:
        reporting.add(plan.namespace)
    for namespace in dict.fromkeys((plan.namespace, *plan.namespaces)):
        if namespace in reporting:
            found += _labelled(plan, "runs", run_rights(namespace))
    if plan.limits:
        # Before anything that starts runs: a run whose limit is not there fails at once.
        found += _labelled(plan, "runs", [plan.limits_object.manifest(plan.limits)])
    if plan.fans_out:
        found += _labelled(plan, "fan-out", _fan_out(plan))
    # Before a Sensor stops to carry a schedule: a fire time in between starts two runs rather than none.
    found += cron_workflows(plan)
    if plan.sensors:
        rights = sensor_rights(SENSOR_SERVICE_ACCOUNT, plan.namespace, plan.sensor_rules)
        found += _labelled(plan, "sensor", rights)
    found += event_source_objects(plan)
    if cluster.ingress is not None:
        ingress = ingress_manifests(cluster.ingress, plan.received, f"{plan.prefix}-webhooks", plan.namespace)
        found += _labelled(plan, "event-source", ingress)
    found += [sensor_object(plan, sensor) for sensor in plan.sensors]
    found += exporter_objects(plan)
    found += controller_objects(plan)
    return found


def _labelled(plan: Plan, component: Component, made: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [labelled(each, component, plan.prefix) for each in made]


def _event_bus(plan: Plan) -> Iterator[dict[str, Any]]:
    bus = plan.declaration.cluster.event_bus
    version = None if plan.on_ack_one else bus.version
    account = f"eventbus-{bus.name}"
    if version is not None:
        yield tokenless_account(account, plan.namespace)
    yield event_bus_manifest(
        bus.name,
        plan.namespace,
        jetstream_version=version,
        replicas=bus.replicas,
        service_account=account,
    )


def _fan_out(plan: Plan) -> Iterator[dict[str, Any]]:
    pod = pod_settings(
        plan.declaration.cluster, settings_of(plan.declaration), DEFAULT_REQUESTS, DEFAULT_LIMITS
    )
    started = {
        plan.workloads[name].namespace
        for sensor in plan.sensors
        for each in sensor.dependencies
        if each.fans_out
        for name in each.pipelines
    }
    yield from fan_out_objects(f"{plan.prefix}-fan-out", plan.namespace, tuple(sorted(started)), pod)


def sensor_object(plan: Plan, sensor: SensorPlan) -> dict[str, Any]:
    """The Sensor as it is applied."""
    manifest = sensor_manifest(
        sensor, plan.namespace, plan.creation_mode, plan.declaration.cluster.event_bus.name
    )
    return labelled(manifest, "sensor", plan.prefix)


def event_source_objects(plan: Plan) -> list[dict[str, Any]]:
    """EventSources, and what they need."""
    return _labelled(plan, "event-source", _event_sources(plan))


def _event_sources(plan: Plan) -> Iterator[dict[str, Any]]:
    bus = plan.declaration.cluster.event_bus.name
    owners: dict[str, set[str]] = {name: set() for name in plan.endpoints}
    for route in plan.routes:
        owners[route.source.name].add(route.key.split("/")[0])
    for name in sorted({endpoint.event_source for endpoint in plan.received}):
        received = [endpoint for endpoint in plan.received if endpoint.event_source == name]
        yield tokenless_account(name, plan.namespace)
        yield webhook_manifest(name, received, owners, plan.namespace, bus)
        yield from (network_policy(each, plan.namespace) for each in received if each.unverified is not None)
    for name, entries in plan.calendars.items():
        catches_up = any(entry.catch_up_seconds is not None for entry in entries)
        if catches_up:
            yield from bound_account(name, plan.namespace, calendar_rules(name))
        else:
            yield tokenless_account(name, plan.namespace)
        yield calendar_manifest(name, entries, plan.namespace, bus)


def cron_workflows(plan: Plan) -> list[dict[str, Any]]:
    """CronWorkflows of the schedules that no calendar fires."""
    made = (
        cron_workflow_object(plan, name) for name in sorted(plan.schedules.keys() - plan.on_calendar.keys())
    )
    return _labelled(plan, "schedule", made)


def cron_workflow_object(plan: Plan, name: str) -> dict[str, Any]:
    """The CronWorkflow of a schedule, without the labels that all objects have."""
    schedule = plan.schedules[name]
    return cron_workflow(
        plan.workloads[schedule.pipeline],
        name,
        plan.schedule_arguments[name],
        schedule.cron.text,
        schedule.timezone,
        schedule.catch_up_seconds,
        suspended=plan.suspended(schedule.pipeline) is not None,
        lists=takes_lists(plan.declaration.cluster.argo_workflows),
    )
