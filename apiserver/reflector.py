"""Keeps up with all objects of one resource: list, watch, and list again when the watch lost the thread.

Protocol: kubernetes.io, API concepts, "Efficient detection of changes". A watch goes on from the version of the list, then of each
event and bookmark, never from an object of the list. 410 comes as a status of the answer or as an ERROR event within it.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, Self, TypeVar

import orjson
import structlog

from apiserver.connection import MAX_LINE_BYTES, Connection, Refused, TooLarge, Unreachable
from apiserver.pages import Page, read_page
from apiserver.raw_values import values_at_most
from apiserver.troubles import Troubles

__all__ = ["Reflector", "Sink", "Timing", "WatchStatistics", "WatchTarget"]

Record = TypeVar("Record")
Record_contra = TypeVar("Record_contra", contravariant=True)
PAGE = 500
MAX_PAGE_BYTES = 32 * 1024 * 1024
MAX_PAGE_VALUES = 2_000_000
"""A larger page is asked for again, with fewer objects: lists of empty lists take 25 times their bytes once they are decoded."""
WATCH_SECONDS = (240, 290)
"""A watch is renewed within this time, because some end without a message (kube-rs uses 290)."""
_STATUS_REASONS: Mapping[int, str] = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    410: "expired",
    429: "too_many_requests",
}
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WatchTarget:
    """The objects to watch."""

    resource: str
    """Their name for the sink and the metrics."""
    path: str
    """Path of their collection."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Selectors."""
    namespace: str = ""
    """Where, for messages; empty for all namespaces."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Waiting times of a reflector, in seconds."""

    first_pause: float = 0.5
    longest_pause: float = 30.0
    silence: float = 90.0
    """Bookmarks come about once a minute: without a sign for so long a watch is taken for dead."""


class Sink(Protocol[Record_contra]):
    """Takes what was seen, in the order of the stream."""

    def changed(self, resource: str, record: Record_contra) -> None:
        """An object as it is now; may come twice."""

    def deleted(self, resource: str, record: Record_contra) -> None:
        """An object in its last state."""

    def vanished(self, resource: str, uid: str) -> None:
        """An object that a later list no longer had."""

    def synced(self, resource: str) -> None:
        """All objects of a list were given."""


@dataclass(slots=True)
class WatchStatistics:
    """Statistics of a watch; written by one thread."""

    lists: int = 0
    watches: int = 0
    relists: int = 0
    events: int = 0
    bookmarks: int = 0
    undecodable: int = 0
    """Objects and lines that were dropped, since nobody can read them."""
    list_errors: Counter[str] = field(default_factory=Counter)
    watch_errors: Counter[str] = field(default_factory=Counter)
    decode_seconds: float = 0.0
    last_activity: float = 0.0
    """Unix seconds of the last answer, event or bookmark."""
    synced: bool = False
    last_error: str = ""


class _Expired(Exception):
    """The version is too old: only a new list helps."""


class _Failed(Exception):
    """The stream cannot be used any more; the next one continues from the last version."""

    def __init__(self, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.reason, self.retry_after = reason, retry_after


class Reflector(Generic[Record]):
    """One resource. Only the uids of its objects stay in memory."""

    def __init__(  # noqa: PLR0913 - only the first four have no default
        self,
        connection: Connection,
        target: WatchTarget,
        keep: Callable[[Mapping[str, Any]], Record | None],
        sink: Sink[Record],
        *,
        record: Callable[[str, Mapping[str, Any]], None] | None = None,
        streaming: bool = True,
        timing: Timing | None = None,
        chance: random.Random | None = None,
        troubles: Troubles | None = None,
    ) -> None:
        """Begin without having seen anything.

        Args:
            connection: The API server.
            target: Which objects.
            keep: Makes the record of a raw object; None for one that is of no interest.
            sink: Takes the records.
            record: Is given every raw object with its type, before `keep`.
            streaming: Ask for the list as a stream first; where that is not offered, lists are paged.
            timing: Pauses.
            chance: Of jitter.
            troubles: Is told which requests are refused or not answered.
        """
        self._connection, self._resource, self._path = connection, target.resource, target.path
        self._keep, self._sink, self._record = keep, sink, record
        self._namespace, self._troubles = target.namespace, troubles or Troubles()
        self._query = dict(target.query)
        self._streaming = streaming
        self._timing = timing or Timing()
        self._chance = chance or random.Random()  # noqa: S311 - jitter is no secret
        self._uids: set[str] = set()
        self._version: str | None = None
        self._failures = 0
        self._spoiled: str | None = None
        """The version from which a watch came to a line that nobody can read."""
        self._told = False
        self.statistics = WatchStatistics()

    def run(self, stop: threading.Event) -> None:
        """Follow the resource until `stop`."""
        while not stop.is_set():
            listing = self._version is None
            errors = self.statistics.list_errors if listing else self.statistics.watch_errors
            try:
                if listing:
                    self._list(stop)
                else:
                    self._watch(stop)
                self._failures = 0
            except _Expired:
                # Known to be harmless: what changed meanwhile comes out of the next list.
                errors["expired"] += 1
                self._version = None
            except _Failed as failure:
                errors[failure.reason] += 1
                self.statistics.last_error = str(failure)
                stop.wait(self._pause(failure.retry_after))
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing else follows the resource
                errors["internal"] += 1
                self.statistics.last_error = repr(error)
                _log.error("watching failed", resource=self._resource, exc_info=error)
                stop.wait(self._pause(None))

    def _pause(self, retry_after: float | None) -> float:
        limit = min(self._timing.longest_pause, self._timing.first_pause * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        wait = self._chance.uniform(0, limit)
        # Where the server says when, everybody that it said it to must not come at once.
        return wait if retry_after is None else min(retry_after, 300.0) + wait

    # Lists

    def _list(self, stop: threading.Event) -> None:
        if self.statistics.lists:
            self.statistics.relists += 1
        seen: set[str] = set()
        version = self._stream_list(stop, seen) if self._streaming else self._paged_list(stop, seen)
        if version is None:
            return
        for uid in sorted(self._uids - seen):
            self._sink.vanished(self._resource, uid)
        self._uids = seen
        self._version = version
        self.statistics.lists += 1
        self.statistics.synced = True
        self._sink.synced(self._resource)

    def _paged_list(self, stop: threading.Event, seen: set[str]) -> str | None:
        query, limit = dict(self._query), PAGE
        while not stop.is_set():
            try:
                page = self._page(query, limit, stop)
            except TooLarge as error:
                if limit == 1:
                    raise _Failed("invalid", f"one object of a list is too large: {error}") from error
                limit = max(1, limit // 8)
                continue
            for each in page.spoiled:
                self._drop(each, "an object of a list")
            for raw in page.items:
                self._take("ADDED", raw, seen)
            if not page.more:
                return page.version
            query["continue"] = page.more
        return None

    def _page(self, query: Mapping[str, str], limit: int, stop: threading.Event) -> Page:
        asked = {**query, "limit": str(limit)}
        # What the API server stores of one object is bounded.
        most = MAX_PAGE_BYTES if limit > 1 else MAX_LINE_BYTES
        with (
            self._asking("list", stop) as asking,
            self._connection.open("GET", self._path, asked, accept_gzip=True) as response,
        ):
            asking.granted()
            data = self._connection.whole(response, most)
        if limit > 1 and values_at_most(data) > MAX_PAGE_VALUES:
            raise TooLarge(f"more than {MAX_PAGE_VALUES} values")
        began = time.perf_counter()
        try:
            page = read_page(data)
        except ValueError as error:
            self.statistics.undecodable += 1
            raise _Failed("invalid", f"a list is not readable: {error}") from error
        self._active(began)
        return page

    def _stream_list(self, stop: threading.Event, seen: set[str]) -> str | None:
        """The list as the beginning of a watch (WatchList, beta since Kubernetes 1.32, not everywhere on).

        Object by object it takes half the time and memory of pages.
        """
        query = self._query | {
            "watch": "true",
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS[1]),
        }
        try:
            for kind, raw in self._events(query, stop):
                metadata = _map(raw.get("metadata"))
                if kind != "BOOKMARK":
                    self._take(kind, raw, seen)
                elif _map(metadata.get("annotations")).get("k8s.io/initial-events-end") == "true":
                    return str(metadata.get("resourceVersion", ""))
        except _Failed as failure:
            # A server that knows nothing of it may take it for a watch, and never says that the list has ended.
            self._streaming = failure.reason not in {"invalid", "forbidden", "timeout", "truncated"}
            if failure.reason not in {"invalid", "forbidden"}:
                raise
            return self._paged_list(stop, seen)
        if stop.is_set():
            return None
        self._streaming = False
        raise _Failed("truncated", "a streamed list broke off")

    # Watches

    def _watch(self, stop: threading.Event) -> None:
        self.statistics.watches += 1
        query = self._query | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version or "",
            "timeoutSeconds": str(self._chance.randint(*WATCH_SECONDS)),
        }
        dropped, seen = self.statistics.undecodable, False
        for kind, raw in self._events(query, stop):
            seen = True
            version = _map(raw.get("metadata")).get("resourceVersion")
            if kind == "BOOKMARK":
                self.statistics.bookmarks += 1
            else:
                self.statistics.events += 1
                self._take(kind, raw, self._uids)
            if version:
                self._version = str(version)
            self._failures = 0
        if self.statistics.undecodable > dropped and not seen:
            raise _Failed("invalid", "nothing of a watch was readable")

    def _events(
        self, query: Mapping[str, str], stop: threading.Event
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        with self._asking("watch", stop) as asking:
            lines = self._connection.lines(
                self._path, query, read_seconds=self._timing.silence, opened=asking.granted
            )
            for line in lines:
                if stop.is_set():
                    return
                began = time.perf_counter()
                event = _event(line)
                self._active(began)
                if event is None:
                    self._skip(line)
                    continue
                kind, raw = event
                if kind == "ERROR":
                    raise _of_status(raw)
                yield kind, raw

    def _skip(self, line: bytes) -> None:
        """Drop a line that nobody can read. Of a watch, only if it comes again: the first time the connection may have spoiled it."""
        if self._version is not None and self._spoiled != self._version:
            self._spoiled = self._version
            self.statistics.undecodable += 1
            raise _Failed("invalid", f"an event is not readable: {line[:100]!r}")
        self._drop(line, "an object of a streamed list, or a change of one")

    def _drop(self, data: bytes, what: str, error: BaseException | None = None) -> None:
        """Count it, and tell of the first: the rest may come again with every list."""
        self.statistics.undecodable += 1
        if not self._told:
            self._told = True
            _log.error(
                "dropped what nobody can read; more of it is only counted, in hookline_watch_undecodable_total",
                resource=self._resource,
                what=what,
                begins=ascii(data[:200]),
                exc_info=error,
            )

    def _asking(self, verb: str, stop: threading.Event) -> "_Asking":
        return _Asking(self._troubles, (verb, self._resource, self._namespace), stop)

    def _take(self, kind: str, raw: Mapping[str, Any], uids: set[str]) -> None:
        uid = _map(raw.get("metadata")).get("uid")
        uid = uid if isinstance(uid, str) else ""
        if kind == "DELETED":
            uids.discard(uid)
        try:
            if self._record is not None:
                self._record(kind, raw)
            record = self._keep(raw)
        except Exception as error:  # noqa: BLE001 - no object keeps the ones after it from being counted
            self._drop(uid.encode("utf-8", "replace"), "the object of this uid", error)
            return
        if record is None:
            return
        if kind == "DELETED":
            self._sink.deleted(self._resource, record)
        else:
            uids.add(uid)
            self._sink.changed(self._resource, record)

    def _active(self, began: float) -> None:
        self.statistics.decode_seconds += time.perf_counter() - began
        self.statistics.last_activity = time.time()


class _Asking:
    """Make one request: report its result to troubles, and turn errors of the connection into those of the reflector."""

    def __init__(self, troubles: Troubles, request: tuple[str, str, str], stop: threading.Event) -> None:
        self._troubles, self._request, self._stop = troubles, request, stop
        self._granted = False

    def __enter__(self) -> Self:
        self._troubles.asked(*self._request)
        return self

    def granted(self) -> None:
        """The server began to answer. If the answer breaks off later, it is requested again at once, and is not reported yet."""
        self._granted = True
        self._troubles.answered(*self._request)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._troubles.given_up(*self._request)
        if isinstance(error, Refused):
            if error.status == 410:
                raise _Expired from error
            reason = _STATUS_REASONS.get(error.status, "server_error" if error.status >= 500 else "invalid")
            # A server that does not know streamed lists says so once, and is asked for pages.
            if reason != "invalid" and not self._stop.is_set():
                self._troubles.failed(*self._request, error)
            raise _Failed(reason, str(error), error.retry_after) from error
        if isinstance(error, Unreachable):
            if not self._granted and not self._stop.is_set():
                self._troubles.failed(*self._request, error)
            raise _Failed(error.reason, str(error)) from error


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _event(line: bytes) -> tuple[str, Mapping[str, Any]] | None:
    """Type and object of a line; None for one that nobody can read."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(event, Mapping):
        return None
    kind, raw = event.get("type"), event.get("object")
    return (kind, raw) if isinstance(kind, str) and isinstance(raw, Mapping) else None


def _of_status(raw: Any) -> Exception:
    """The error within a stream: a Status object."""
    status = raw if isinstance(raw, Mapping) else {}
    code = status.get("code")
    if code == 410 or status.get("reason") in {"Expired", "Gone"}:
        return _Expired()
    reason = _STATUS_REASONS.get(code if isinstance(code, int) else 0, "server_error")
    return _Failed(reason, str(status.get("message", "an error within the watch"))[:500])
