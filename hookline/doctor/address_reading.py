"""Asks the address of the webhooks, as a host of repositories would: name, connection, certificate, and an answer for each path."""

import socket
import ssl
from collections.abc import Sequence
from http.client import HTTPException, HTTPSConnection

from hookline.doctor.facts import Address

__all__ = ["asked_address"]

SECONDS = 10.0


def asked_address(
    host: str, paths: Sequence[str], *, port: int = 443, context: ssl.SSLContext | None = None
) -> Address:
    """The answers of the address to this machine; nothing is published by it, since event sources take POST alone.

    Args:
        host: The name.
        paths: Paths of the endpoints.
        port: TCP port.
        context: Which certificates are trusted.  [default: those of the system]
    """
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return Address(host, "dns", _words(error))
    trusted = context or ssl.create_default_context()
    connection = HTTPSConnection(host, port, timeout=SECONDS, context=trusted)
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        return Address(host, "certificate", error.verify_message)
    except OSError as error:
        return Address(host, "connection", _words(error))
    finally:
        connection.close()
    return Address(host, statuses={path: _status(host, port, path, trusted) for path in paths})


def _status(host: str, port: int, path: str, context: ssl.SSLContext) -> int:
    connection = HTTPSConnection(host, port, timeout=SECONDS, context=context)
    try:
        connection.request("GET", path, headers={"User-Agent": "hookline-doctor"})
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
