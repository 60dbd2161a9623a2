"""Rights of the controller's duties that need the bus."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bus.names import BusNames
from hookline.declaration.bus_needs import bus_needs
from hookline.plan.planning import Plan

__all__ = ["BusRights", "bus_rights"]

Rules = list[dict[str, Any]]
_ARGO: dict[str, Any] = {"apiGroups": ["argoproj.io"]}

# The requests of hookline/controlling/healing.py, and of the questions that doctor asks of the bus.
_HEALING: Rules = [
    {**_ARGO, "resources": ["sensors"], "verbs": ["get", "list"]},
    {"apiGroups": ["apps"], "resources": ["deployments", "statefulsets"], "verbs": ["list"]},
    # The names of Sensors' pods are not known before.
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["delete", "list"]},
    {"apiGroups": [""], "resources": ["pods/proxy"], "verbs": ["get"]},
]


@dataclass(frozen=True, slots=True)
class BusRights:
    """RBAC rules beside those of the reports."""

    home: Rules = field(default_factory=list)
    """In the namespace of bus and Sensors."""
    runs: Mapping[str, Rules] = field(default_factory=dict)
    """Namespace of runs → rules there."""
    cluster: Rules = field(default_factory=list)
    """Of the whole cluster."""

    def by_namespace(self, home: str) -> dict[str, Rules]:
        """Namespace → all rules there."""
        found = {home: list(self.home)}
        for namespace, rules in self.runs.items():
            found.setdefault(namespace, []).extend(rules)
        return {namespace: rules for namespace, rules in found.items() if rules}


def bus_rights(plan: Plan) -> BusRights:
    """The rights of the bus duties of a plan; none without any."""
    found = BusRights(runs={each: [] for each in plan.namespaces})
    declared = plan.declaration.controller
    if declared is None or not any(bus_needs(plan.declaration)):
        return BusRights()
    bus = plan.declaration.cluster.event_bus.name
    # The requests of hookline/bus_access.py.
    found.home.append({**_ARGO, "resources": ["eventbus"], "resourceNames": [bus], "verbs": ["get"]})
    secret = BusNames(bus).client_auth_secret
    found.home.append(
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["get"]}
    )
    if declared.controller.reconciling is not None:
        _reconcile(plan, found)
    if declared.controller.heal_bus:
        found.home.extend(_HEALING)
    if declared.controller.comments:
        # The requests of hookline/controlling/comments.py, beside those of the reports: list and patch.
        for rules in found.runs.values():
            rules.append({**_ARGO, "resources": ["workflows"], "verbs": ["create", "get"]})
    return found


def _reconcile(plan: Plan, found: BusRights) -> None:
    """The requests of hookline/reconciling/reconciler.py."""
    found.home.append({**_ARGO, "resources": ["sensors"], "verbs": ["list"]})
    cluster_wide: set[str] = set()
    namespaced: dict[str, set[str]] = {}
    for load in plan.workloads.values():
        reference = load.resource["spec"]["workflowTemplateRef"]
        if reference.get("clusterScope"):
            cluster_wide.add(reference["name"])
        else:
            namespaced.setdefault(load.namespace, set()).add(reference["name"])
    for namespace, rules in found.runs.items():
        rules.append({**_ARGO, "resources": ["workflows"], "verbs": ["create"]})
        rules.append({"apiGroups": [""], "resources": ["events"], "verbs": ["list"]})
        if namespace in namespaced:
            rules.append(_reads("workflowtemplates", namespaced[namespace]))
    if cluster_wide:
        found.cluster.append(_reads("clusterworkflowtemplates", cluster_wide))


def _reads(resource: str, names: set[str]) -> dict[str, Any]:
    return {**_ARGO, "resources": [resource], "resourceNames": sorted(names), "verbs": ["get"]}
