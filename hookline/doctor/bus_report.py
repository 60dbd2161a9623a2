"""Reports of NATS servers: what `/jsz` and `/healthz` on the monitoring port say, in the few fields that checks need.

Read of nats-server 2.10.29 (tests/data/bus): the leader of the meta group alone lists `meta_cluster.replicas`; the leader of a
consumer alone knows `num_pending` and `num_waiting`; a server alone has no `meta_cluster`, and its consumers no `cluster`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensors.bus import STREAM

__all__ = ["BusServer", "Group", "ServerReport", "Stream", "Subscription", "parsed_report", "subscription"]

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Group:
    """The group of servers that agrees on streams, as one server sees it."""

    leader: str
    """Name of a server, which is the name of its pod; empty = there is none."""
    size: int
    others: frozenset[str]
    """The servers beside the leader; only the leader says them."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream, with its limits; 0 = no limit."""

    name: str
    copies: int
    max_age_seconds: float
    max_messages: int
    max_bytes: int
    messages: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """A durable consumer of a stream."""

    name: str
    waiting_events: int
    """Events that it was not given yet."""
    unacknowledged: int
    """Events that it was given and has not finished."""
    finished: int
    """Sequence number in the stream up to which everything is finished."""
    asking: int
    """Requests for events that wait for one."""


@dataclass(frozen=True, slots=True)
class ServerReport:
    """The answer of `/jsz?streams=1&consumers=1&config=1`."""

    group: Group | None
    """None = the server is alone."""
    streams: Mapping[str, Stream]
    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)
    """Consumers of the stream of events whose numbers this server knows, by name."""
    known: frozenset[str] = frozenset()
    """All consumers of that stream, also those of which another server knows the numbers."""


@dataclass(frozen=True, slots=True)
class BusServer:
    """One server of the bus at one moment."""

    pod: str
    health: str
    """Empty = healthy; else what it says, or why it did not answer."""
    report: ServerReport | None
    """None = it did not answer."""
    forbidden: bool = False
    """Whether the API server refuses to ask it."""


def parsed_report(answer: Mapping[str, Any], server: str) -> ServerReport:
    """The report of a server.

    Args:
        answer: The decoded JSON.
        server: The name of the server.
    """
    details = [
        stream for account in _list(answer, "account_details") for stream in _list(account, "stream_detail")
    ]
    events = next((each for each in details if each.get("name") == STREAM), {})
    consumers = _list(events, "consumer_detail")
    return ServerReport(
        _group(answer.get("meta_cluster"), server),
        {each["name"]: _stream(each) for each in details if "config" in each},
        {each["name"]: _subscription(each) for each in consumers if _leads(each, server)},
        frozenset(each["name"] for each in consumers),
    )


def subscription(servers: Iterable[BusServer], name: str) -> Subscription | None:
    """The numbers of a consumer, as the server that leads it says them; None if no server does."""
    for each in servers:
        if each.report is not None and name in each.report.subscriptions:
            return each.report.subscriptions[name]
    return None


def _list(value: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    found = value.get(key)
    return found if isinstance(found, list) else ()


def _group(found: Mapping[str, Any] | None, server: str) -> Group | None:
    if not found:
        return None
    leader = found.get("leader", "")
    others = _names(_list(found, "replicas")) if leader == server else ()
    return Group(leader, found.get("cluster_size", 0), frozenset(others))


def _names(replicas: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    return (each["name"] for each in replicas)


def _leads(consumer: Mapping[str, Any], server: str) -> bool:
    cluster = consumer.get("cluster")
    return cluster is None or cluster.get("leader") == server


def _stream(found: Mapping[str, Any]) -> Stream:
    config, state = found["config"], found.get("state", {})
    return Stream(
        found["name"],
        config.get("num_replicas", 1),
        config.get("max_age", 0) / NANOSECONDS,
        max(config.get("max_msgs", 0), 0),
        max(config.get("max_bytes", 0), 0),
        state.get("messages", 0),
        state.get("bytes", 0),
    )


def _subscription(found: Mapping[str, Any]) -> Subscription:
    return Subscription(
        found["name"],
        found.get("num_pending", 0),
        found.get("num_ack_pending", 0),
        found.get("ack_floor", {}).get("stream_seq", 0),
        found.get("num_waiting", 0),
    )
