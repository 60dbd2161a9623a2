"""Engines as processes: started with a log, stopped for certain."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cluster.waiting import until

__all__ = ["Process", "cpu_seconds"]


def cpu_seconds(pid: int) -> float:
    """User and system time that a process used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Process:
    """A running engine with its log file."""

    def __init__(
        self, name: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as file:
            self._popen = subprocess.Popen(
                list(arguments),
                env=dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the tests, which then stop the engines in order
            )

    @property
    def pid(self) -> int:
        """In the launcher's process namespace."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def check(self) -> None:
        """See that it has not ended.

        Raises:
            RuntimeError: It has; with the end of its log.
        """
        if not self.running:
            end = self.log.read_text("utf-8", "replace")[-3_000:]
            raise RuntimeError(f"{self.name} ended with {self._popen.returncode}; its log ends:\n{end}")

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until a condition of a process that was just started is true; otherwise end it, since nobody else has it yet.

        Raises:
            NotYet: It did not come true in time.
            RuntimeError: The process has ended; with the end of its log.
        """

        def asked() -> object:
            self.check()
            return condition()

        try:
            until(asked, what)
        except BaseException:
            self.kill()
            raise

    def wait(self, seconds: float) -> int:
        """Wait until it has ended by itself; its exit code, below 0 where a signal ended it.

        Raises:
            subprocess.TimeoutExpired: It still runs.
        """
        return self._popen.wait(seconds)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        os.kill(self.pid, number)

    def stop(self, seconds: float = 10) -> None:
        """Ask it to end, then end it."""
        if self.running:
            self.signal(signal.SIGTERM)
            try:
                self._popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End it without a word, as a machine that fails."""
        if self.running:
            self.signal(signal.SIGKILL)
        self._popen.wait()

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        return cpu_seconds(self.pid)

    def resident_bytes(self) -> int:
        """Resident memory now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
