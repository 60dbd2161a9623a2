"""Requests that the API server refuses or does not answer now: logged once for each change, and reported in one line each."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from apiserver.connection import Refused, Unreachable

__all__ = ["Troubles"]

ANSWER_SECONDS = 5.0
"""Seconds after which a request without an answer is reported; the request continues to wait."""
LOOK_SECONDS = 0.5
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Request:
    """A kind of request to the API server, as its access rules name it."""

    verb: str
    resource: str
    namespace: str

    def __str__(self) -> str:
        place = f"namespace {self.namespace}" if self.namespace else "all namespaces"
        return f"{self.verb} {self.resource} in {place}"


@dataclass(frozen=True, slots=True)
class _Trouble:
    status: int | None
    """None where nobody answered."""
    reason: str
    message: str

    def same(self, other: "_Trouble | None") -> bool:
        """Whether a reader of the log would learn nothing new: messages may hold ids and times."""
        return other is not None and (self.status, self.reason) == (other.status, other.reason)

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


class Troubles:
    """Requests that fail now, by verb, resource and namespace. Safe for threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: dict[_Request, float] = {}
        self._now: dict[_Request, _Trouble] = {}

    def asked(self, verb: str, resource: str, namespace: str) -> None:
        """A request is sent; an answer is due."""
        with self._lock:
            self._asked[_Request(verb, resource, namespace)] = self._clock()

    def answered(self, verb: str, resource: str, namespace: str) -> None:
        """A request was granted."""
        request = _Request(verb, resource, namespace)
        with self._lock:
            self._asked.pop(request, None)
            before = self._now.pop(request, None)
        if before is not None:
            _log.info(
                "the API server answers again", verb=verb, resource=resource, namespace=namespace or "all"
            )

    def failed(self, verb: str, resource: str, namespace: str, error: Refused | Unreachable) -> None:
        """A request was refused, or nobody answered it."""
        status = error.status if isinstance(error, Refused) else None
        reason = "no answer" if error.reason == "timeout" else error.reason or "refused"
        self._set(_Request(verb, resource, namespace), _Trouble(status, reason, str(error)[:500]))

    def given_up(self, verb: str, resource: str, namespace: str) -> None:
        """A request was ended by us: nothing is due any more."""
        with self._lock:
            self._asked.pop(_Request(verb, resource, namespace), None)

    def look(self) -> None:
        """See which requests have waited too long for an answer."""
        now = self._clock()
        with self._lock:
            late = [request for request, since in self._asked.items() if now - since >= ANSWER_SECONDS]
        for request in late:
            self._set(request, _Trouble(None, "no answer", f"for {ANSWER_SECONDS:.0f} s or more"), due=True)

    def watch_over(self, stop: threading.Event) -> None:
        """Look again and again until `stop`."""
        while not stop.wait(LOOK_SECONDS):
            self.look()

    def current(self) -> Sequence[str]:
        """One line for each request that fails now."""
        with self._lock:
            found = sorted(self._now.items(), key=lambda each: str(each[0]))
        return [f"{request}: {trouble}" for request, trouble in found]

    def of(self, resource: str) -> str | None:
        """Reason for which a resource is not known; None if no request about it fails."""
        with self._lock:
            found = [
                (str(each), str(trouble)) for each, trouble in self._now.items() if each.resource == resource
            ]
        return "; ".join(f"{request}: {trouble}" for request, trouble in sorted(found)) or None

    def _set(self, request: _Request, trouble: _Trouble, *, due: bool = False) -> None:
        with self._lock:
            if due and request not in self._asked:
                return
            if not due:
                self._asked.pop(request, None)
            before = self._now.get(request)
            self._now[request] = trouble
        if not trouble.same(before):
            _log.warning(
                "the API server does not answer" if trouble.status is None else "the API server refuses",
                verb=request.verb,
                resource=request.resource,
                namespace=request.namespace or "all",
                status=trouble.status,
                reason=trouble.reason,
                message=trouble.message,
            )
