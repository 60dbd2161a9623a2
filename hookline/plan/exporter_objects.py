"""The exporter of a plan: what `exporter:` says, as the objects that run it, have it scraped, and show what it measures."""

from collections.abc import Iterator
from typing import Any

from events.event_pods import monitor as event_pods_monitor
from hookline.declaration.exporter import Exporter, LedgerStorage
from hookline.declaration.exporter import WebConfig as DeclaredWebConfig
from hookline.labels import USER_DATA, labelled
from hookline.plan.fire_times import LabelledSchedule
from hookline.plan.own_pods import pod_settings
from hookline.plan.planning import Plan
from runs.exporter.manifests import (
    DEFAULT_LIMITS,
    DEFAULT_REQUESTS,
    Installation,
    Monitor,
    WebConfig,
    exporter_manifests,
)

SCRAPE_SECONDS = 30
__all__ = ["exporter_objects", "installation", "labelled_exporter", "schedules_of"]


def exporter_objects(plan: Plan) -> list[dict[str, Any]]:
    """Everything of `exporter:`, in the order in which kubectl should apply it; nothing without the block."""
    declared = plan.declaration.exporter
    made = installation(plan)
    if declared is None or made is None:
        return []
    exporter, prefix = declared.exporter, plan.prefix
    found = labelled_exporter(made)
    # Every metric stands behind the rules, and most declarations have no exporter.
    from dashboards.files import SIDECAR_LABELS, dashboard_objects, rules_object  # noqa: PLC0415

    namespace = exporter.monitoring_namespace or made.namespace
    if exporter.monitor != "none" and exporter.event_metrics:
        events = event_pods_monitor(plan.namespace, exporter.monitor_labels, f"{prefix}-events", namespace)
        found.append(labelled(events, "monitoring", prefix))
    if exporter.rules:
        rule = rules_object(namespace, exporter.rules_labels, exporter.runbooks, prefix)
        found.append(labelled(rule, "monitoring", prefix))
    if exporter.dashboards:
        shown = dashboard_objects(namespace, exporter.dashboards_labels or SIDECAR_LABELS, prefix)
        found += [labelled(each, "monitoring", prefix) for each in shown]
    return found


def labelled_exporter(made: Installation) -> list[dict[str, Any]]:
    """The objects of an exporter with the recommended labels. The claim of its ledger is the user's."""
    return [
        labelled(each, USER_DATA if each["kind"] == "PersistentVolumeClaim" else "exporter", made.instance)
        for each in exporter_manifests(made)
    ]


def installation(plan: Plan) -> Installation | None:
    """The exporter that a plan runs; None if it runs none."""
    declared, cluster = plan.declaration.exporter, plan.declaration.cluster
    if declared is None or cluster.image is None:
        return None
    exporter = declared.exporter
    storage = exporter.storage or LedgerStorage.model_construct()
    name = f"{plan.prefix}-exporter"
    return Installation(
        namespace=exporter.namespace or plan.namespace,
        pod=pod_settings(cluster, exporter, DEFAULT_REQUESTS, DEFAULT_LIMITS),
        watch=_watched(plan, exporter),
        name=name,
        instance=plan.prefix,
        lease=name,
        storage=storage.size,
        storage_class=storage.class_,
        files=plan.exporter_files,
        web=_web(exporter.web_config),
        monitor=_monitor(exporter),
        network_policy=exporter.network_policy,
        clients=tuple(exporter.clients or ()),
    )


def schedules_of(plan: Plan) -> Iterator[LabelledSchedule]:
    """The schedules of a plan, with the labels of their runs."""
    for _, each in sorted(plan.schedules.items()):
        load = plan.workloads[each.pipeline]
        yield LabelledSchedule((load.namespace, load.owner or "", each.pipeline), each)


def _watched(plan: Plan, exporter: Exporter) -> tuple[str, ...]:
    if exporter.watch == "all":
        return ()
    # Where nothing runs yet, the namespace of all objects is what comes first; fan-outs are there, too.
    home = (plan.namespace,) if plan.fans_out or not plan.namespaces else ()
    return tuple(exporter.watch or dict.fromkeys((*home, *plan.namespaces)))


def _web(declared: DeclaredWebConfig | None) -> WebConfig | None:
    if declared is None:
        return None
    ca, credentials = declared.ca, declared.basic_auth
    return WebConfig(
        secret=declared.name,
        key=declared.key,
        tls=declared.tls,
        ca=None if ca is None else (ca.name, ca.key),
        credentials=None
        if credentials is None
        else (credentials.name, credentials.username, credentials.password),
    )


def _monitor(exporter: Exporter) -> Monitor | None:
    if exporter.monitor == "none":
        return None
    return Monitor(
        "ServiceMonitor" if exporter.monitor == "service" else "PodMonitor",
        exporter.monitoring_namespace or "",
        exporter.interval or SCRAPE_SECONDS,
        exporter.monitor_labels,
    )
