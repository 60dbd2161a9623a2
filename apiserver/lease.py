"""A Lease (coordination.k8s.io/v1): of several instances one counts, the others wait.

Whether a holder has died is told by our own clock, since we last saw its record change: clocks of two machines are never compared
(as client-go's leaderelection does).
"""

import datetime
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from apiserver.connection import Connection, Refused, Unreachable
from apiserver.troubles import Troubles

__all__ = ["Lease"]


class Lease:
    """One Lease object, as one instance sees it."""

    def __init__(
        self,
        connection: Connection,
        namespace: str,
        name: str,
        identity: str,
        *,
        seconds: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
        troubles: Troubles | None = None,
    ) -> None:
        """Know of a Lease, without asking for it.

        Args:
            connection: The API server.
            namespace: Of the Lease.
            name: Its name.
            identity: Ours, as its holder.
            seconds: A holder that has not renewed it for so long is replaced.
            clock: Seconds that only grow.
            troubles: Is told when the server refuses, or does not answer.
        """
        self._connection, self._identity = connection, identity
        self._namespace, self._name = namespace, name
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._seconds, self._clock = seconds, clock
        self._troubles = troubles or Troubles()
        self._seen: tuple[Any, float] = (None, 0.0)
        self._renewed = 0.0
        self.held = False

    @property
    def holder(self) -> str:
        """Holder of the lease when it was last read."""
        return str(self._seen[0][0]) if self._seen[0] else ""

    def wait(self, stop: threading.Event) -> bool:
        """Wait until it is ours; False if `stop` came first."""
        while not stop.is_set():
            if self.attempt():
                return True
            stop.wait(self._seconds / 5)
        return False

    def hold(self, stop: threading.Event, lost: Callable[[], None]) -> None:
        """Renew it until `stop`, then give it back; calls `lost` once if it was taken, or could not be renewed in time."""
        while not stop.wait(self._seconds / 5):
            if not self.attempt() and (
                not self.held or self._clock() - self._renewed > self._seconds * 2 / 3
            ):
                self.held = False
                lost()
                return
        self.release()

    def lead(self, stop: threading.Event, work: Callable[[threading.Event], None]) -> bool:
        """Wait until it is ours, and keep it while `work` runs; whether it was ours to the end.

        Args:
            stop: Set by whoever ends the waiting.
            work: Its event is set when somebody else may be at work.
        """
        if not self.wait(stop):
            return True
        lost, released = threading.Event(), threading.Event()
        keeper = threading.Thread(target=self.hold, args=(released, lost.set), name="lease", daemon=True)
        keeper.start()
        try:
            work(lost)
        finally:
            released.set()
            keeper.join(10)
        return not lost.is_set()

    def attempt(self) -> bool:
        """Acquire or renew the lease, if it is free or ours, or if its holder did not renew it for its duration."""
        verb = "get"
        try:
            current = self._read()
            self._troubles.answered(verb, "leases", self._namespace)
            if current is None:
                verb = "create"
                self._connection.json("POST", self._path, body=self._record(None, 0), read_seconds=5)
            else:
                if not self._ours_to_take(current.get("spec") or {}):
                    self.held = False
                    return False
                verb = "update"
                self._connection.json(
                    "PUT", f"{self._path}/{self._name}", body=self._renewal(current), read_seconds=5
                )
            self._troubles.answered(verb, "leases", self._namespace)
        except Refused as refused:
            # 409: somebody else was faster. Anything else says nothing about who holds it.
            if refused.status != 409:
                self._troubles.failed(verb, "leases", self._namespace, refused)
            self.held = self.held and refused.status != 409
            return False
        except Unreachable as unreachable:
            self._troubles.failed(verb, "leases", self._namespace, unreachable)
            return False
        except orjson.JSONDecodeError:
            return False
        self.held, self._renewed = True, self._clock()
        return True

    def release(self) -> None:
        """Give it back, so that the next instance need not wait."""
        try:
            current = self._read()
            if current is not None and (current.get("spec") or {}).get("holderIdentity") == self._identity:
                freed = {
                    **current,
                    "spec": {**current["spec"], "holderIdentity": "", "leaseDurationSeconds": 1},
                }
                self._connection.json("PUT", f"{self._path}/{self._name}", body=freed, read_seconds=5)
        except (Refused, Unreachable, orjson.JSONDecodeError):
            pass
        self.held = False

    def _read(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._connection.json("GET", f"{self._path}/{self._name}", read_seconds=5)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return found

    def _ours_to_take(self, spec: Mapping[str, Any]) -> bool:
        holder = spec.get("holderIdentity") or ""
        observed = (holder, spec.get("renewTime"), spec.get("leaseTransitions"))
        if observed != self._seen[0]:
            self._seen = (observed, self._clock())
        if holder in {"", self._identity}:
            return True
        silent = self._clock() - self._seen[1]
        return silent > float(spec.get("leaseDurationSeconds") or self._seconds)

    def _renewal(self, current: Mapping[str, Any]) -> dict[str, Any]:
        spec = current.get("spec") or {}
        ours = spec.get("holderIdentity") == self._identity
        transitions = int(spec.get("leaseTransitions") or 0) + (not ours)
        return self._record(current.get("metadata"), transitions)

    def _record(self, metadata: Any, transitions: int) -> dict[str, Any]:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata or {"name": self._name, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": max(1, int(self._seconds)),
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        }
