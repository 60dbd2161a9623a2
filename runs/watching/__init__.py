"""Lists and watches of raw JSON, logs of pods, and the lease that makes one instance count."""

from runs.watching.connection import Connection, Refused, Unreachable
from runs.watching.lease import Lease
from runs.watching.pod_logs import LogDownload, download
from runs.watching.reflector import Reflector, Sink, Timing, WatchStatistics, WatchTarget

__all__ = [
    "Connection",
    "Lease",
    "LogDownload",
    "Reflector",
    "Refused",
    "Sink",
    "Timing",
    "Unreachable",
    "WatchStatistics",
    "WatchTarget",
    "download",
]
