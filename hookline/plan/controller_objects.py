"""The controller of a plan: what `controller:` and `report:` say, as the objects that run it and have it scraped."""

from collections.abc import Mapping
from typing import Any

from hookline.declaration.bus_needs import bus_needs
from hookline.declaration.carrying import carried
from hookline.labels import labelled
from hookline.plan.bus_rights import bus_rights
from hookline.plan.own_pods import pod_settings
from hookline.plan.planning import Plan
from runs.controller.manifests import (
    DEFAULT_LIMITS,
    DEFAULT_REQUESTS,
    Installation,
    controller_manifests,
    controller_monitor,
)

SCRAPE_SECONDS = 30
__all__ = ["controller_objects", "installation"]


def controller_objects(plan: Plan) -> list[dict[str, Any]]:
    """Everything of `controller:`, in the order in which kubectl should apply it; nothing without the block."""
    made = installation(plan)
    if made is None:
        return []
    found = [labelled(each, "controller", plan.prefix) for each in controller_manifests(made)]
    watched = plan.declaration.exporter
    if watched is not None and watched.exporter.monitor != "none":
        # Whoever has the exporter scraped has its controller scraped too.
        exporter = watched.exporter
        monitor = controller_monitor(
            made,
            exporter.monitoring_namespace or "",
            exporter.monitor_labels,
            exporter.interval or SCRAPE_SECONDS,
        )
        found.append(labelled(monitor, "monitoring", plan.prefix))
    return found


def installation(plan: Plan) -> Installation | None:
    """The controller that a plan runs; None if it runs none."""
    declared, cluster = plan.declaration.controller, plan.declaration.cluster
    if declared is None or cluster.image is None:
        return None
    reports = {
        name: each.source.report
        for name, each in plan.declaration.sources.items()
        if each.source.report is not None
    }
    rights = bus_rights(plan)
    return Installation(
        namespace=plan.namespace,
        pod=pod_settings(cluster, declared.controller, DEFAULT_REQUESTS, DEFAULT_LIMITS),
        watch=tuple(plan.namespaces) or (plan.namespace,),
        name=f"{plan.prefix}-controller",
        instance=plan.prefix,
        settings=plan.controller_settings,
        tokens={
            name: (each.token.name, each.token.key)
            for name, each in reports.items()
            if each.token is not None
        },
        private_keys={
            name: (each.app.private_key.name, each.app.private_key.key)
            for name, each in reports.items()
            if each.app is not None
        },
        authorities={
            name: (each.ca.name, each.ca.key) for name, each in reports.items() if each.ca is not None
        },
        declaration=_declaration(plan) if _is_needed(plan) else None,
        rights=rights.by_namespace(plan.namespace),
        cluster_rights=rights.cluster,
        network_policy=declared.controller.network_policy,
        clients=tuple(declared.controller.clients or ()),
    )


def _is_needed(plan: Plan) -> bool:
    """Whether the pod needs the declaration."""
    declared = plan.declaration.controller
    return any(bus_needs(plan.declaration)) or (declared is not None and declared.controller.retire_contexts)


def _declaration(plan: Plan) -> dict[str, Mapping[str, str]]:
    found = carried(plan.declaration.contents, plan.given)
    parts = {"data": found.data, "binaryData": found.binary}
    return {part: content for part, content in parts.items() if content}
