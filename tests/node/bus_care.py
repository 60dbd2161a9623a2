"""Cares for every bus of the node as docs/doctor.md#bus-group says to: in one of about ten starts, NATS forms its group without a server."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import urllib3
from cluster.api import Api, ApiError, Json

__all__ = ["BusCare"]

LOOK_SECONDS = 5.0


class BusCare:
    """Deletes the server that stays outside of its group, from the start to stop()."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._outside: set[tuple[str, str]] = set()
        """Servers that were outside when they were last looked at: a group that is forming is left alone."""
        self._ended, self._paused = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._run, name="bus care", daemon=True)
        self._thread.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave every bus to the test."""
        with self._paused:
            self._outside.clear()
            yield

    def stop(self) -> None:
        """End it."""
        self._ended.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            # The API server may be on its way, a server may be gone: the next look sees.
            with suppress(ApiError, urllib3.exceptions.HTTPError, ValueError, KeyError), self._paused:
                self._look()

    def _look(self) -> None:
        buses: dict[tuple[str, str], list[Json]] = defaultdict(list)
        for pod in self._api.list("v1", "Pod", None, "eventbus-name"):
            metadata = pod["metadata"]
            buses[metadata["namespace"], metadata["labels"]["eventbus-name"]].append(pod)
        before, self._outside = self._outside, set()
        for (namespace, _), pods in buses.items():
            if not all(_ready(pod) for pod in pods):
                continue
            names = {str(pod["metadata"]["name"]) for pod in pods}
            for name in names - self._members(namespace, names):
                if (namespace, name) in before:
                    print(f"the group of the bus in {namespace} formed without {name}", flush=True)
                    self._api.delete("v1", "Pod", name, namespace)
                else:
                    self._outside.add((namespace, name))

    def _members(self, namespace: str, names: set[str]) -> set[str]:
        """The servers of a bus that are in its group; all where none says that one is missing."""
        for name in names:
            said = self._api.call("GET", f"/api/v1/namespaces/{namespace}/pods/{name}:8222/proxy/jsz")
            group = said.get("meta_cluster", {})
            # Only the leader names the others.
            if group.get("leader") == name and group.get("cluster_size") != len(names):
                return {name, *(str(each["name"]) for each in group.get("replicas", []))}
        return names


def _ready(pod: Json) -> bool:
    status = pod["status"]
    return "deletionTimestamp" not in pod["metadata"] and all(
        each["ready"] for each in status.get("containerStatuses", [{"ready": False}])
    )
