"""The controller of a plan: what `controller:` and `report:` say, as the objects that run it and have it scraped."""

from typing import Any

from hookline.labels import labelled
from hookline.plan.own_pods import pod_settings
from hookline.plan.planning import Plan
from runs.controller.manifests import DEFAULT_LIMITS, DEFAULT_REQUESTS, Installation, controller_manifests

__all__ = ["controller_objects"]


def controller_objects(plan: Plan) -> list[dict[str, Any]]:
    """Everything of `controller:`, in the order in which kubectl should apply it; nothing without the block."""
    declared, cluster = plan.declaration.controller, plan.declaration.cluster
    if declared is None or cluster.image is None:
        return []
    reports = {
        name: each.source.report
        for name, each in plan.declaration.sources.items()
        if each.source.report is not None
    }
    made = Installation(
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
        network_policy=declared.controller.network_policy,
        clients=tuple(declared.controller.clients or ()),
    )
    return [labelled(each, "controller", plan.prefix) for each in controller_manifests(made)]
