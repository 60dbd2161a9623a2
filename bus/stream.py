"""The stream of a bus: its messages, and what its server says of it."""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Message", "StreamState", "stream_state", "windows"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the stream."""

    sequence: int
    """Its place in the stream, from 1; it grows with the time, and none is given twice."""
    time: datetime.datetime
    """When the server stored it, by the server's clock, in UTC."""
    subject: str
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamState:
    """The content of the stream, and how long it keeps it."""

    messages: int
    size: int
    """Bytes."""
    first_sequence: int
    """Of the oldest message that is kept."""
    first_time: datetime.datetime
    last_sequence: int
    last_time: datetime.datetime
    deleted: int
    """Messages that are missing between the first and the last."""
    created: datetime.datetime
    """When the stream was made: what was on another one before is gone."""
    now: datetime.datetime | None
    """The server's clock; None where the server is too old to say it (before 2.10)."""
    max_age: datetime.timedelta | None
    max_messages: int | None
    max_size: int | None
    """Bytes."""

    @property
    def begins(self) -> datetime.datetime:
        """The time since which every message is there: an older one may have been dropped."""
        if self.first_sequence <= 1:
            return self.created
        return self.first_time if self.messages else self.last_time


def stream_state(answer: Mapping[str, Any]) -> StreamState:
    """The state in an answer to STREAM.INFO.

    Raises:
        KeyError, ValueError, TypeError: The answer is none.
    """
    state, config = answer["state"], answer["config"]
    now = answer.get("ts")
    age = int(config.get("max_age") or 0)
    return StreamState(
        messages=int(state["messages"]),
        size=int(state["bytes"]),
        first_sequence=int(state["first_seq"]),
        first_time=_time(state["first_ts"]),
        last_sequence=int(state["last_seq"]),
        last_time=_time(state["last_ts"]),
        deleted=int(state.get("num_deleted") or 0),
        created=_time(answer["created"]),
        now=_time(now) if now else None,
        max_age=datetime.timedelta(microseconds=age / 1000) if age > 0 else None,
        max_messages=_limit(config.get("max_msgs")),
        max_size=_limit(config.get("max_bytes")),
    )


def _limit(value: Any) -> int | None:
    return int(value) if value is not None and int(value) > 0 else None


def _time(text: str) -> datetime.datetime:
    """Go's RFC 3339 with up to nine digits after the second; Python keeps six."""
    return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)


def windows(first: int, last: int, width: int) -> Iterator[tuple[int, int]]:
    """First and last sequence number of windows that cover the stream without overlapping, the newest window first.

    Each is four times as wide as the one before: who looks for something old asks the server few times.

    Args:
        first: The oldest sequence number.
        last: The newest; nothing is covered if it is smaller than `first`.
        width: Of the first window.
    """
    while last >= first:
        begin = max(first, last - width + 1)
        yield begin, last
        last, width = begin - 1, width * 4
