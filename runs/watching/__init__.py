"""Lists and watches of raw JSON, logs of pods, and the lease that makes one instance count."""

from runs.watching.connection import Connection, Refused, Unreachable
from runs.watching.lease import Lease
from runs.watching.pod_logs import LogDownload, download
from runs.watching.reflector import Reflector, Sink, Timing, WatchStatistics, WatchTarget
from runs.watching.troubles import Troubles

__all__ = [
    "Connection",
    "Lease",
    "LogDownload",
    "Reflector",
    "Refused",
    "Sink",
    "Timing",
    "Troubles",
    "Unreachable",
    "WatchStatistics",
    "WatchTarget",
    "download",
]
