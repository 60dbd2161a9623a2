"""Lists and watches of raw JSON, logs of pods, and the lease that makes one instance count."""

from triggers.exporter.watching.connection import Connection, Refused, Unreachable
from triggers.exporter.watching.lease import Lease
from triggers.exporter.watching.pod_logs import LogDownload, download
from triggers.exporter.watching.reflector import Reflector, Selection, Sink, Timing, WatchStatistics

__all__ = [
    "Connection",
    "Lease",
    "LogDownload",
    "Reflector",
    "Refused",
    "Selection",
    "Sink",
    "Timing",
    "Unreachable",
    "WatchStatistics",
    "download",
]
