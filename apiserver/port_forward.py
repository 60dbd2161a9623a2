"""A port of a pod on this machine: a listener on loopback, whose connections go through the API server."""

import contextlib
import socket
import threading
from typing import Self

from apiserver.connection import Connection, Unreachable

__all__ = ["PortForward"]

CHUNK = 1 << 16


class PortForward:
    """A listener on loopback that leads to a port of a pod, until it is closed. Others on this machine can use it, too."""

    def __init__(self, connection: Connection, namespace: str, pod: str, port: int) -> None:
        """Listen, on a port that is free.

        Args:
            connection: To the API server.
            namespace: Of the pod.
            pod: That listens on `port`.
            port: Of the pod.
        """
        self._connection = connection
        self._target = namespace, pod, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        """On 127.0.0.1."""
        self.trouble: Unreachable | None = None
        """Why the last connection led nowhere."""
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Take no more connections; those that are open end with their ends."""
        # Closing alone does not wake the thread that accepts.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # It is closed.
            try:
                far = self._connection.port_of(*self._target)
            except Unreachable as error:
                self.trouble = error
                near.close()
                continue
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while content := source.recv(CHUNK):
            target.sendall(content)
    except OSError:
        pass  # One end has gone; the other one is told below.
    finally:
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
