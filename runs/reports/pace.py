"""The pace of requests to one host: not more in a minute than it takes, and final words alone when the hour's get scarce."""

from collections import deque

from runs.reports.host_api import HostApi

__all__ = ["Pace"]


class Pace:
    """Requests of the last hour. Times are seconds of one clock; not safe for threads."""

    def __init__(self, api: HostApi) -> None:
        """Begin with nothing sent."""
        self._api = api
        self._sent: deque[float] = deque()
        self.closed_until = 0.0
        """Before this time nothing is sent: the host said so."""

    def wait(self, now: float) -> float:
        """Seconds until the next request may be sent."""
        most = self._api.writes_a_minute
        self._forget(now)
        wait = self.closed_until - now
        if most and len(self._sent) >= most:
            wait = max(wait, self._sent[-most] + 60.0 - now)
        return max(0.0, wait)

    def scarce(self, now: float) -> bool:
        """Whether only final words should be told."""
        most = self._api.scarce_writes_an_hour
        self._forget(now)
        return bool(most) and len(self._sent) >= most

    def sent(self, now: float) -> None:
        """A request is being sent."""
        if self._api.writes_a_minute or self._api.scarce_writes_an_hour:
            self._sent.append(now)

    def close(self, until: float) -> None:
        """The host wants to be left alone until then."""
        self.closed_until = max(self.closed_until, until)

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0] <= now - 3600.0:
            self._sent.popleft()
