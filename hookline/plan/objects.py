"""Objects: a plan written down as the manifests that are applied."""

from typing import Any

from events.eventsource import (
    calendar_manifest,
    calendar_rules,
    event_bus_manifest,
    network_policy,
    webhook_manifest,
)
from events.ingress_objects import ingress_manifests
from hookline.plan.planning import Plan
from sensors.manifests import SENSOR_SERVICE_ACCOUNT, SensorPlan, sensor_manifest
from triggers.cron_workflow import cron_workflow
from triggers.rbac import bound_account, run_rights, sensor_rights, tokenless_account
from triggers.release import takes_lists
from triggers.words import EXECUTOR_SERVICE_ACCOUNT

__all__ = ["cron_workflows", "event_source_objects", "objects", "sensor_object"]


def objects(plan: Plan) -> list[dict[str, Any]]:
    """Every object, in the order in which kubectl should apply them."""
    cluster = plan.declaration.cluster
    found: list[dict[str, Any]] = []
    if cluster.event_bus.create:
        version = None if plan.on_ack_one else cluster.event_bus.version
        account = f"eventbus-{cluster.event_bus.name}"
        if version is not None:
            found.append(tokenless_account(account, plan.namespace))
        found.append(
            event_bus_manifest(
                cluster.event_bus.name,
                plan.namespace,
                jetstream_version=version,
                replicas=cluster.event_bus.replicas,
                service_account=account,
            )
        )
    reporting = {
        each.namespace for each in plan.workloads.values() if each.executor == EXECUTOR_SERVICE_ACCOUNT
    }
    for namespace in plan.namespaces:
        if namespace in reporting:
            found += run_rights(namespace)
    if plan.limits:
        # Before anything that starts runs: a run whose limit is not there fails at once.
        found.append(plan.limits_object.manifest(plan.limits))
    if plan.sensors:
        found += sensor_rights(SENSOR_SERVICE_ACCOUNT, plan.namespace, plan.sensor_rules)
    found += event_source_objects(plan)
    if cluster.ingress is not None:
        found += ingress_manifests(cluster.ingress, plan.received, f"{plan.prefix}-webhooks", plan.namespace)
    found += [sensor_object(plan, sensor) for sensor in plan.sensors]
    found += cron_workflows(plan)
    return found


def sensor_object(plan: Plan, sensor: SensorPlan) -> dict[str, Any]:
    """The Sensor as it is applied."""
    return sensor_manifest(
        sensor, plan.namespace, plan.creation_mode, plan.declaration.cluster.event_bus.name
    )


def event_source_objects(plan: Plan) -> list[dict[str, Any]]:
    """EventSources, and what they need."""
    bus = plan.declaration.cluster.event_bus.name
    owners: dict[str, set[str]] = {name: set() for name in plan.endpoints}
    for route in plan.routes:
        owners[route.source.name].add(route.key.split("/")[0])
    found: list[dict[str, Any]] = []
    for name in sorted({endpoint.event_source for endpoint in plan.received}):
        received = [endpoint for endpoint in plan.received if endpoint.event_source == name]
        found.append(tokenless_account(name, plan.namespace))
        found.append(webhook_manifest(name, received, owners, plan.namespace, bus))
        found += [network_policy(each, plan.namespace) for each in received if each.unverified is not None]
    for name, entries in plan.calendars.items():
        catches_up = any(entry.catch_up_seconds is not None for entry in entries)
        if catches_up:
            found += bound_account(name, plan.namespace, calendar_rules(name))
        else:
            found.append(tokenless_account(name, plan.namespace))
        found.append(calendar_manifest(name, entries, plan.namespace, bus))
    return found


def cron_workflows(plan: Plan) -> list[dict[str, Any]]:
    """CronWorkflows of the schedules, where no calendar fires them."""
    if plan.uses_calendar:
        return []
    return [
        cron_workflow(
            plan.workloads[schedule.pipeline],
            name,
            plan.schedule_arguments[name],
            schedule.cron.text,
            schedule.timezone,
            schedule.catch_up_seconds,
            suspended=plan.suspended(schedule.pipeline) is not None,
            lists=takes_lists(plan.declaration.cluster.argo_workflows),
        )
        for name, schedule in sorted(plan.schedules.items())
    ]
