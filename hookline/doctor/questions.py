"""Questions that doctor asks of a cluster, one method each. What is refused becomes a fact of its own."""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from apiserver.connection import Connection, Refused
from apiserver.resources import Resources, UnknownKind
from events.scalars import is_placeholder
from hookline.applying.applier import Applier, Refusals
from hookline.applying.changes import Change
from hookline.applying.inventory import inventory_name
from hookline.applying.object_name import ObjectName
from hookline.applying.readiness import SELECTED_BY
from hookline.doctor.bus_reading import sampled
from hookline.doctor.bus_report import BusServer
from hookline.doctor.engine_checks import config_map_name, controller_settings
from hookline.doctor.facts import (
    Claim,
    Controller,
    Fired,
    Held,
    Known,
    LiveCronWorkflow,
    NamedTemplate,
    Unread,
    Workload,
)
from hookline.doctor.rights import Right, needed_rights
from hookline.plan.planning import Plan

__all__ = ["EVENTS_IMAGE", "WORKFLOWS_IMAGE", "Questions"]

ARGO = "argoproj.io/v1alpha1"
REQUESTS = 8
"""Requests at a time."""
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

EVENTS_IMAGE = re.compile(r"(?:^|/)argo-events(?:[:@]|$)")
WORKFLOWS_IMAGE = re.compile(r"(?:^|/)workflow-controller(?:[:@]|$)")
_CONTROLLERS = (
    {"fields": "metadata.name=workflow-controller"},
    {"fields": "metadata.name=controller-manager"},
    # argo-helm names Deployments after the release, and says this instead.
    {"labels": "app.kubernetes.io/component in (workflow-controller,controller-manager)"},
)
_OF_EVENTS = ("sensor-controller", "eventsource-controller")


class Questions:
    """One plan's questions to one cluster."""

    def __init__(self, plan: Plan, objects: Sequence[Mapping[str, Any]], connection: Connection) -> None:
        self._plan = plan
        self._objects = objects
        self._connection = connection
        self._resources = Resources(connection)
        self._applier = Applier(connection, inventory_name(plan.prefix, plan.namespace))

    @staticmethod
    def try_to(right: str, ask: Callable[[], Known]) -> Known | Unread:
        """The answer; if it is refused, the right that it needs."""
        try:
            return ask()
        except Refused as refused:
            if refused.status in (401, 403):
                return Unread(f"it needs the right to {right}")
            return Unread(f"the API server refuses: {refused}")
        except UnknownKind as unknown:
            return Unread(str(unknown))

    def server(self) -> tuple[str, float | None]:
        """Version of Kubernetes, and how far its clock is ahead."""
        before = time.time()
        with self._connection.open("GET", "/version", read_seconds=10) as response:
            date = response.headers.get("Date", "")
            body = orjson.loads(response.data)
        middle = (before + time.time()) / 2
        version = str(body.get("gitVersion", "")) if isinstance(body, dict) else ""
        try:
            said = parsedate_to_datetime(date)
        except ValueError:
            return version, None
        # The header has whole seconds: half a second more is closest to the truth.
        return version, said.replace(tzinfo=said.tzinfo or UTC).timestamp() + 0.5 - middle

    def kinds(self) -> frozenset[str]:
        """Kinds of argoproj.io."""
        try:
            found = self._connection.json("GET", f"/apis/{ARGO}")
        except Refused as refused:
            if refused.status == 404:
                return frozenset()
            raise
        return frozenset(each["kind"] for each in found["resources"] if "/" not in each["name"])

    def controllers(self) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Deployments of Argo's controllers, each with the container that names the image."""
        found: dict[tuple[str, str], tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
        for selection in _CONTROLLERS:
            for each in self._resources.all_of(
                "apps/v1", "Deployment", "", selection.get("labels", ""), selection.get("fields", "")
            ):
                for container in each["spec"]["template"]["spec"]["containers"]:
                    image = container["image"]
                    if EVENTS_IMAGE.search(image) or WORKFLOWS_IMAGE.search(image):
                        metadata = each["metadata"]
                        found[metadata["namespace"], metadata["name"]] = each, container
        return list(found.values())

    def controller(self, deployment: Mapping[str, Any], container: Mapping[str, Any]) -> Controller:
        """The facts in a Deployment; of a workflow-controller its settings too."""
        namespace = deployment["metadata"]["namespace"]
        arguments = (*container.get("command", ()), *container.get("args", ()))
        config: Mapping[str, Any] | Unread = {}
        if WORKFLOWS_IMAGE.search(container["image"]):
            name = config_map_name(arguments)
            read = self.try_to(
                f"get the ConfigMap {name} in {namespace}",
                lambda: self._resources.read("v1", "ConfigMap", namespace, name),
            )
            config = read if isinstance(read, Unread) else controller_settings((read or {}).get("data") or {})
        environment = {each["name"]: str(each.get("value", "")) for each in container.get("env") or ()}
        return Controller(
            namespace, deployment["metadata"]["name"], container["image"], arguments, environment, config
        )

    def event_images(self) -> frozenset[str]:
        """Images of event sources and Sensors in their namespace."""
        return frozenset(
            container["image"]
            for each in self._resources.all_of("apps/v1", "Deployment", self._plan.namespace)
            if each["metadata"].get("labels", {}).get("controller") in _OF_EVENTS
            for container in each["spec"]["template"]["spec"]["containers"]
            if "image" in container
        )

    def not_ready(self) -> dict[ObjectName, str]:
        """Objects of Argo Events that wait for something."""
        bus = self._plan.declaration.cluster.event_bus.name
        names = [ObjectName.of(each) for each in self._objects if each["kind"] in SELECTED_BY]
        names.append(ObjectName.at(ARGO, "EventBus", self._plan.namespace, bus))
        return self._applier.not_ready(dict.fromkeys(names))

    def fired(self) -> Fired:
        """The CronWorkflows where runs go, and the calendars in the namespace of event sources."""
        found: dict[tuple[str, str], LiveCronWorkflow] = {}
        for namespace in self._plan.namespaces:
            for each in self._resources.all_of(ARGO, "CronWorkflow", namespace):
                conditions = {
                    str(condition.get("type", "")): str(condition.get("message", ""))
                    for condition in (each.get("status") or {}).get("conditions") or ()
                }
                suspended = bool(each["spec"].get("suspend"))
                found[namespace, each["metadata"]["name"]] = LiveCronWorkflow(suspended, conditions)
        sources = self._resources.all_of(ARGO, "EventSource", self._plan.namespace)
        calendars = {
            each["metadata"]["name"]: frozenset(each["spec"].get("calendar") or ()) for each in sources
        }
        return Fired(found, {name: entries for name, entries in calendars.items() if entries})

    def bus_settings(self) -> Mapping[str, Any] | None:
        """Spec of the EventBus."""
        bus = self._plan.declaration.cluster.event_bus.name
        found = self._resources.read(ARGO, "EventBus", self._plan.namespace, bus)
        return None if found is None else found["spec"]

    def bus_samples(
        self, settings: Mapping[str, Any] | Unread | None
    ) -> tuple[tuple[BusServer, ...], ...] | Unread:
        """The answers of the bus's servers."""
        if isinstance(settings, Unread):
            return settings
        if settings is None:
            return Unread("there is no bus")
        if "jetstream" not in settings:
            return Unread("the bus is not JetStream, and doctor reads only JetStream")
        bus, namespace = self._plan.declaration.cluster.event_bus.name, self._plan.namespace
        pods = self.try_to(
            f"list pods in {namespace}",
            lambda: self._resources.all_of("v1", "Pod", namespace, f"eventbus-name={bus}"),
        )
        if isinstance(pods, Unread):
            return pods
        phases = {
            each["metadata"]["name"]: str((each.get("status") or {}).get("phase", ""))
            for each in pods
            if "deletionTimestamp" not in each["metadata"]
        }
        return sampled(self._connection, namespace, phases)

    def changes(self) -> tuple[Change, ...] | Unread:
        """The changes that an apply would make."""
        open_ones = [each.name for each in self._plan.received if is_placeholder(each.path)]
        if open_ones:
            return Unread(f"the endpoint of source {open_ones[0]} is filled in elsewhere")
        try:
            return self._applier.examine(self._objects, force_conflicts=True, prune=True).changes
        except Refusals as refusals:
            more = f" (and {len(refusals.sentences) - 1} more)" if len(refusals.sentences) > 1 else ""
            return Unread(f"{refusals.sentences[0]}{more}")

    def template(self, name: NamedTemplate) -> Any:
        """A template's manifest; None if there is none."""
        kind = "WorkflowTemplate" if name.namespace else "ClusterWorkflowTemplate"
        return self.try_to(
            f"get {kind}s", lambda: self._resources.read(ARGO, kind, name.namespace, name.name)
        )

    def held(self, place: tuple[str, str, str]) -> Held | Unread | None:
        """The keys of a Secret or ConfigMap; its values are dropped here."""
        kind, namespace, name = place
        found = self.try_to(
            f"get the {kind} {name} in {namespace}", lambda: self._resources.read("v1", kind, namespace, name)
        )
        if found is None or isinstance(found, Unread):
            return found
        data = {**(found.get("data") or {}), **(found.get("binaryData") or {})}
        return Held(frozenset(data), frozenset(key for key, value in data.items() if not value))

    def claim(self, place: tuple[str, str]) -> Claim | Unread | None:
        """A claim, with the mount options of its volume."""
        namespace, name = place
        found = self.try_to(
            f"get the PersistentVolumeClaim {name} in {namespace}",
            lambda: self._resources.read("v1", "PersistentVolumeClaim", namespace, name),
        )
        if found is None or isinstance(found, Unread):
            return found
        spec = found["spec"]
        phase = str((found.get("status") or {}).get("phase", ""))
        volume_name = spec.get("volumeName", "")
        volume = (
            self.try_to(
                "get PersistentVolumes",
                lambda: self._resources.read("v1", "PersistentVolume", "", volume_name),
            )
            if volume_name
            else None
        )
        modes = tuple(spec.get("accessModes") or ())
        if isinstance(volume, Unread):
            return Claim(phase, modes, volume)
        of_volume = (volume or {}).get("spec", {})
        driver = str((of_volume.get("csi") or {}).get("driver") or ("nfs" if "nfs" in of_volume else ""))
        return Claim(phase, modes, tuple(of_volume.get("mountOptions") or ()), driver)

    def allowed(self) -> dict[Right, bool] | Unread:
        """Whether each account has each right that it needs."""
        wanted = needed_rights(self._objects, self._plan.workloads.values())
        return self.try_to(
            "create subjectaccessreviews",
            lambda: dict(zip(wanted, self.each(wanted, self._review), strict=True)),
        )

    def _review(self, right: Right) -> bool:
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{right.account_namespace}"]
        spec = {
            "user": right.user,
            "groups": [*groups, "system:authenticated"],
            "resourceAttributes": right.attributes,
        }
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        answer = self._connection.json("POST", REVIEWS, body=body)
        return bool(answer["status"].get("allowed"))

    def workload(self, name: ObjectName) -> Workload | Unread | None:
        """Pods of a rendered Deployment or StatefulSet."""
        found = self.try_to(
            f"get {name.kind}s in {name.namespace}",
            lambda: self._resources.read(name.api_version, name.kind, name.namespace, name.name),
        )
        if found is None or isinstance(found, Unread):
            return found
        wanted = (found.get("spec") or {}).get("replicas", 1)
        return Workload(wanted, (found.get("status") or {}).get("readyReplicas", 0))

    def unknown_kinds(self) -> frozenset[tuple[str, str]]:
        """Kinds of rendered objects that the cluster does not know."""
        rendered = {(each["apiVersion"], each["kind"]) for each in self._objects}
        return frozenset(each for each in rendered if not self._resources.knows(*each))

    @staticmethod
    def each(items: Iterable[Any], ask: Callable[[Any], Any]) -> list[Any]:
        """The answer for each item, in order; some are asked at a time."""
        with ThreadPoolExecutor(REQUESTS) as workers:
            return list(workers.map(ask, items))
