"""Parses logs in a process of its own: a log that takes long holds up no thread that counts, and ends with its time.

A regular expression holds Python's lock until it has found what it looks for; in a thread, a log of 16 MiB would stop everything for that time.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import Any

from runs.step_logs import StepLog, read_step

__all__ = ["PARSE_SECONDS", "LogProcess"]

PARSE_SECONDS = 10.0
"""Five times what the slowest known shape of 16 MiB takes on one core."""
START_SECONDS = 60.0
NICENESS = 5
"""Where there is one core, counting goes first."""


class LogProcess:
    """One process, started when it is first needed. Belongs to one thread."""

    def __init__(self, seconds: float = PARSE_SECONDS) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection[Any, Any] | None = None

    def read_step(self, *arguments: Any, **options: Any) -> StepLog | None:
        """The result of `runs.step_logs.read_step`.

        Raises:
            TimeoutError: It took too long.
            RuntimeError: It failed, or the process ended.
        """
        try:
            pipe = self._pipe or self._start()
            pipe.send((arguments, options))
            found = self._answer(pipe, self._seconds)
        except (OSError, EOFError) as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise
            raise RuntimeError(f"the process that reads logs ended: {error!r}") from error
        if isinstance(found, str):
            raise RuntimeError(found)  # noqa: TRY004 - what went wrong there
        log: StepLog | None = found
        return log

    def close(self) -> None:
        """End the process."""
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._pipe = self._process = None

    def _start(self) -> "Connection[Any, Any]":
        ours, theirs = socket.socketpair()
        with theirs:
            # -P: the working directory is no place for modules. What is imported is what this process imported.
            self._process = subprocess.Popen(  # noqa: S603 - our own module, by the interpreter that runs us
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        self._pipe = Connection(ours.detach())
        self._answer(self._pipe, START_SECONDS)
        return self._pipe

    @staticmethod
    def _answer(pipe: "Connection[Any, Any]", seconds: float) -> Any:
        if not pipe.poll(seconds):
            raise TimeoutError(f"no result after {seconds:g} s")
        return pipe.recv()


def _serve(pipe: "Connection[Any, Any]") -> None:
    """Read logs until the other end is closed, also by its death."""
    # Ctrl-C reaches both; the one that started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    with contextlib.suppress(EOFError, OSError):
        pipe.send(None)
        while True:
            arguments, options = pipe.recv()
            try:
                found: StepLog | str | None = read_step(*arguments, **options)
            except Exception as error:  # noqa: BLE001 - told to the one who asked
                found = repr(error)[:500]
            pipe.send(found)


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
