"""The applier: examines what would change, changes it in order, waits, and deletes last. Everything here asks the cluster."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from apiserver.connection import Connection, Refused
from apiserver.pod_logs import download
from apiserver.resources import Resources, UnknownKind
from hookline.applying.changes import Change, compared, essence, in_order, stage
from hookline.applying.guards import KEPT, ORPHANING, why_not_deleted, why_not_touched
from hookline.applying.inventory import inventory_manifest, listed
from hookline.applying.managed_fields import MANAGER, adopted
from hookline.applying.object_name import ObjectName
from hookline.applying.readiness import SELECTED_BY, subscriptions, waits_for

__all__ = ["Applier", "Examined", "NotReady", "Refusals"]

REQUESTS = 8
"""Requests at a time."""
PAUSE_SECONDS = 1.0
ADOPTIONS = 5
"""Tries to take over an object that others change at the same time."""
LOG_BYTES = 1 << 20
LOG_SECONDS = 10.0

_OPERATOR = "install the Prometheus Operator first, or write {} under exporter:"
_CURES = {
    ("argoproj.io", "Sensor"): "install Argo Events first",
    ("argoproj.io", "EventSource"): "install Argo Events first",
    ("argoproj.io", "EventBus"): "install Argo Events first",
    ("argoproj.io", "CronWorkflow"): "install Argo Workflows first",
    ("gateway.networking.k8s.io", "HTTPRoute"): "install the Gateway API first",
    ("monitoring.coreos.com", "ServiceMonitor"): _OPERATOR.format("monitor: none"),
    ("monitoring.coreos.com", "PodMonitor"): _OPERATOR.format("monitor: none"),
    ("monitoring.coreos.com", "PrometheusRule"): _OPERATOR.format("rules: false"),
}
"""Group and kind that a cluster may not know → what to do then."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Refusals(Exception):
    """Reasons for which nothing was changed, one sentence each."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = tuple(sentences)
        super().__init__("\n".join(self.sentences))


class NotReady(Exception):
    """Objects that were not ready in time, each with what it waits for."""

    def __init__(self, waiting: Mapping[ObjectName, str]) -> None:
        self.waiting = dict(waiting)
        super().__init__("; ".join(f"{name}: {what}" for name, what in self.waiting.items()))


@dataclass(frozen=True, slots=True)
class Examined:
    """The changes of an apply, in the order in which it makes them."""

    changes: tuple[Change, ...]
    recorded: tuple[ObjectName, ...]
    """The inventory of the cluster."""

    @property
    def changing(self) -> tuple[Change, ...]:
        """The changes that change something."""
        return tuple(each for each in self.changes if each.action not in ("unchanged", "keep"))


class Applier:
    """One declaration's objects in one cluster."""

    def __init__(self, connection: Connection, inventory: ObjectName) -> None:
        """Work over this connection; `inventory` names the ConfigMap with the objects of the declaration."""
        self._connection = connection
        self._resources = Resources(connection)
        self._inventory = inventory

    def recorded(self) -> tuple[ObjectName, ...]:
        """The objects that the declaration has made, as the cluster's inventory says."""
        return listed(self.read(self._inventory))

    def read(self, name: ObjectName) -> dict[str, Any] | None:
        """An object of the cluster; None if there is none, or no such kind."""
        try:
            return self._resources.read(name.api_version, name.kind, name.namespace, name.name)
        except UnknownKind:
            return None

    def examine(
        self, desired: Sequence[Mapping[str, Any]], *, force_conflicts: bool, prune: bool
    ) -> Examined:
        """The changes that an apply would make; the API server is asked to try them without effect.

        Args:
            desired: The objects to apply; none of them to delete everything.
            force_conflicts: Whether fields of other managers are taken.
            prune: Whether what is no longer desired is deleted.

        Raises:
            Refusals: Something of it would be refused.
            Unreachable: The API server does not answer.
        """
        recorded = self.recorded()
        manifests = {ObjectName.of(each): each for each in desired}
        made = {name.identity for name in manifests}
        gone = [name for name in recorded if name.identity not in made]
        answers = self._each(manifests.items(), partial(self._examined, force_conflicts))
        problems = [answer for answer in answers if isinstance(answer, str)]
        if problems:
            raise Refusals(dict.fromkeys(problems))
        changes = {change.name: change for change in answers if isinstance(change, Change)}
        leaving = {
            each.name: each for each in self._each(gone, partial(self._leaving, prune)) if each is not None
        }
        ordered = [changes[name] for name in in_order(changes.keys())]
        ordered += [leaving[name] for name in reversed(in_order(leaving.keys()))]
        return Examined(tuple(ordered), recorded)

    def _examined(self, force_conflicts: bool, item: tuple[ObjectName, Mapping[str, Any]]) -> Change | str:
        name, manifest = item
        try:
            live = self._resources.read(name.api_version, name.kind, name.namespace, name.name)
            if live is not None and (reason := why_not_touched(live)):
                return f"{name.placed}: {reason}"
            try:
                applied = self._resources.apply(manifest, MANAGER, force=True, dry_run=True)
            except Refused as refused:
                # Who may grant only what he has must first make the Role that a binding grants: a trial cannot know it.
                if (
                    live is None
                    and name.kind == "RoleBinding"
                    and refused.status in (403, 404)
                    and not _no_namespace(refused)
                ):
                    return Change(name, "create", None, manifest)
                raise
        except UnknownKind as unknown:
            cure = _CURES.get(
                (name.group, name.kind), f"install its definition ({unknown.api_version}) first"
            )
            return f"the cluster does not know {name.kind}s; {cure}"
        except Refused as refused:
            if _no_namespace(refused):
                return f"there is no namespace {name.namespace}; make it with: kubectl create namespace {name.namespace}"
            return f"{name.placed}: the API server refuses it: {refused}"
        change = compared(name, live, applied)
        if change.conflicts and not force_conflicts:
            return (
                f"{name.placed}: {' and '.join(change.conflicts)} changed it in the cluster, and applying would undo that; look with "
                "hookline diff --force-conflicts, then apply with --force-conflicts"
            )
        return change

    def _leaving(self, prune: bool, name: ObjectName) -> Change | None:
        live = self.read(name)
        if live is None:
            return None
        reason = why_not_deleted(name, live) if prune else "--no-prune"
        before = essence(live)
        return Change(name, "keep", before, before, reason) if reason else Change(name, "delete", before)

    def apply(
        self,
        desired: Sequence[Mapping[str, Any]],
        examined: Examined,
        *,
        force_conflicts: bool,
        wait_seconds: float,
        tell: Callable[[Change], None],
        waiting: Callable[[Mapping[ObjectName, str]], None],
    ) -> None:
        """Create and configure, wait, then delete; whatever interrupts it, applying again continues.

        Args:
            desired: The objects, as examined.
            examined: What would change.
            force_conflicts: Whether fields of other managers are taken.
            wait_seconds: Seconds for which changed objects may take to be ready; 0 does not wait.
            tell: Called after each change.
            waiting: Called again and again with what is waited for.

        Raises:
            NotReady: Something was not ready in time. Nothing was deleted.
            Refused, Unreachable: The API server refused what it had taken on trial, or is gone.
        """
        manifests = {ObjectName.of(each): each for each in desired}
        adding = [each for each in examined.changes if each.action not in ("delete", "keep")]
        if examined.changing or set(examined.recorded) != set(manifests):
            # Before anything exists: what an interruption leaves behind is known to the next apply.
            self._record({*examined.recorded, *manifests})
        for place in sorted({stage(each.name.kind) for each in adding}):
            staged = [each for each in adding if stage(each.name.kind) == place]
            changed = [each for each in staged if each.action != "unchanged"]
            for change in staged:
                self._write(manifests[change.name], change, force=force_conflicts)
                tell(change)
            if wait_seconds:
                self._wait([each.name for each in changed], wait_seconds, waiting)
        self._delete(examined.changes, tell)
        # What another tool tracks, or --no-prune keeps, is looked at again by the next apply; what is never deleted is not.
        kept = (
            each.name for each in examined.changes if each.action == "keep" and each.name.kind not in KEPT
        )
        self._record({*manifests, *kept})

    def delete(self, examined: Examined, tell: Callable[[Change], None]) -> None:
        """Delete what was examined, and the inventory at last."""
        self._delete(examined.changes, tell)
        self._resources.delete("v1", "ConfigMap", self._inventory.namespace, self._inventory.name)

    def _delete(self, changes: Iterable[Change], tell: Callable[[Change], None]) -> None:
        for change in changes:
            if change.action == "delete":
                name = change.name
                self._resources.delete(
                    name.api_version, name.kind, name.namespace, name.name, orphan=name.kind in ORPHANING
                )
            if change.action in ("delete", "keep"):
                tell(change)

    def _record(self, names: Iterable[ObjectName]) -> None:
        self._resources.apply(inventory_manifest(self._inventory, names), MANAGER, force=True)

    def _write(self, manifest: Mapping[str, Any], change: Change, *, force: bool) -> None:
        if change.adopts:
            self._adopt(manifest, change.name)
        if change.adopts or change.action != "unchanged":
            self._resources.apply(manifest, MANAGER, force=force)

    def _adopt(self, manifest: Mapping[str, Any], name: ObjectName) -> None:
        for attempt in range(ADOPTIONS):
            live = self.read(name)
            operations = adopted(live) if live is not None else None
            if operations is None:
                return
            try:
                self._resources.patch(manifest, operations)
            except Refused as refused:
                if refused.status != 409 or attempt == ADOPTIONS - 1:
                    raise
            else:
                return

    def not_ready(self, names: Iterable[ObjectName], *, look_at_logs: bool = False) -> dict[ObjectName, str]:
        """The objects that are not ready, each with the words for what it waits for.

        Args:
            names: The objects.
            look_at_logs: Whether the pods of Sensors must say that every trigger subscribes; only new pods still say it.
        """
        found = self._each(names, partial(self._waiting_for, look_at_logs))
        return {name: reason for name, reason in found if reason is not None}

    def _waiting_for(self, look_at_logs: bool, name: ObjectName) -> tuple[ObjectName, str | None]:
        live = self.read(name)
        label = SELECTED_BY.get(name.kind)
        if live is None or label is None:
            return name, waits_for(live, ())
        kind = "StatefulSet" if name.kind == "EventBus" else "Deployment"
        selector = f"{label}={name.name}"
        workloads = [
            each
            for each in self._resources.all_of("apps/v1", kind, name.namespace, selector)
            if any(
                owner["uid"] == live["metadata"]["uid"]
                for owner in each["metadata"].get("ownerReferences", ())
            )
        ]
        reason = waits_for(live, workloads)
        if reason is None and look_at_logs and name.kind == "Sensor":
            pods = self._resources.all_of("v1", "Pod", name.namespace, selector)
            pending = [
                subscriptions(live, self._log(pod))
                for pod in pods
                if "deletionTimestamp" not in pod["metadata"]
            ]
            if not pending or any(pending):
                reason = "its triggers do not subscribe yet"
        return name, reason

    def _log(self, pod: Mapping[str, Any]) -> str:
        metadata = pod["metadata"]
        found = download(
            self._connection,
            metadata["namespace"],
            metadata["name"],
            "main",
            limit_bytes=LOG_BYTES,
            deadline_seconds=LOG_SECONDS,
        )
        return found.data.decode("utf-8", "replace")

    def _wait(
        self,
        names: Collection[ObjectName],
        seconds: float,
        waiting: Callable[[Mapping[ObjectName, str]], None],
    ) -> None:
        end = time.monotonic() + seconds
        while names and (left := self.not_ready(names, look_at_logs=True)):
            if time.monotonic() > end:
                raise NotReady(left)
            waiting(left)
            time.sleep(PAUSE_SECONDS)

    @staticmethod
    def _each(items: Iterable[Item], ask: Callable[[Item], Result]) -> list[Result]:
        with ThreadPoolExecutor(REQUESTS) as workers:
            return list(workers.map(ask, items))


def _no_namespace(refused: Refused) -> bool:
    return refused.status == 404 and "namespaces " in str(refused)
