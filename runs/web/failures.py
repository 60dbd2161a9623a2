"""Errors of our own application that a request ran into: logged with their traceback, counted, and shown in /-/ready."""

import threading
from collections.abc import Sequence

import structlog

__all__ = ["Failures"]

_log = structlog.get_logger()


class Failures:
    """Counts errors from their first one; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0
        self._last = ""

    def record(self, request: str, error: BaseException | None) -> None:
        """Log and count an error.

        Args:
            request: Method and path, or what the server was doing.
            error: What was raised; None where only the server's words are known.
        """
        with self._lock:
            self.count += 1
            self._last = type(error).__name__ if error is not None else "an error of the server"
        _log.error("request failed", request=request, exc_info=error)

    def warnings(self) -> Sequence[str]:
        """One line for /-/ready; none while nothing failed. It holds no text of a request or of an exception."""
        with self._lock:
            if not self.count:
                return ()
            requests = "1 request" if self.count == 1 else f"{self.count} requests"
            return (
                f"{requests} failed since the start, the last with {self._last}; the log has the traceback",
            )
