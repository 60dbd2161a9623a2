"""The state of a running exporter."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Who only wants to know the metrics should not load the cluster's client.
    from apiserver.reflector import WatchStatistics
    from runs.exporter.prices import Prices

__all__ = ["Live"]

Series = Mapping[tuple[str, ...], float]


@dataclass(slots=True)
class Live:
    """State that changes while the exporter runs; each field has one writer."""

    version: str
    prices: "Prices"
    leader: bool = True
    statistics: "Mapping[str, Sequence[WatchStatistics]]" = field(default_factory=dict)
    """Resource → its watches, one a namespace."""
    active: Series = field(default_factory=dict)
    """Runs by namespace, owner, pipeline and state, as of the last change."""
    waiting: Series = field(default_factory=dict)
    """Runs that fan-outs have still to start, by namespace and source, as of the last change."""
    tracked: tuple[int, int, int] = (0, 0, 0)
    """Runs, pods and logs in memory."""
    next_fires: Series = field(default_factory=dict)
    """Namespace, owner and pipeline → its coming fire time, Unix seconds."""
    reload_ok: bool = True
    reloaded_at: float = field(default_factory=time.time)
    messages: Callable[[], Series] = dict
    """Listener and result (sent, dropped) → messages since the start."""
    messages_waiting: Callable[[], Series] = dict
    """Listener → messages that are not delivered yet."""
    troubles: Callable[[], Sequence[str]] = tuple
    """Requests that the API server refuses or does not answer now."""
    web_errors: Callable[[], int] = lambda: 0
    scrape_seconds: float = 0.0
    series: int = 0
