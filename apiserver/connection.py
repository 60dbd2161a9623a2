"""Raw requests to the API server, over the connection that the `kubernetes` client makes of a kubeconfig or a pod's account.

The client's models are left out: they cost more than four times the CPU of the JSON itself.
"""

import datetime
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import orjson
import urllib3
import yaml
from kubernetes import client, config

__all__ = ["JSON", "METADATA", "METADATA_OF_ONE", "Connection", "Refused", "TooLarge", "Unreachable"]

CONNECT_SECONDS = 5.0
CONNECTIONS = 200
"""Idle connections that are kept at most."""
JSON = "application/json"
METADATA = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Form of a list in which each object is its metadata alone (Kubernetes API concepts, metadata-only fetches)."""
METADATA_OF_ONE = f"{JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""The same of one object."""
CHUNK = 1 << 16
MAX_LINE_BYTES = 64 * 1024 * 1024
"""A watch that sends a longer line is broken; etcd keeps no object of a tenth of that."""


class Refused(Exception):
    """The API server answered with an error."""

    def __init__(self, status: int, reason: str, message: str, retry_after: float | None) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        """Reason in the Status object: Expired, Forbidden, TooManyRequests; empty if there is none."""
        self.retry_after = retry_after
        """Seconds that it asks to wait."""


class Unreachable(Exception):
    """Nobody answered, or not in time, or the answer broke off."""

    def __init__(self, reason: Literal["unreachable", "timeout", "truncated"], message: str) -> None:
        super().__init__(message)
        self.reason = reason


class TooLarge(Exception):
    """The answer has more bytes than its reader takes."""


# The client reads a kubeconfig as it comes: any value may stand where it expects a mapping.
_UNUSABLE = (
    config.ConfigException,
    OSError,
    ValueError,
    yaml.YAMLError,
    TypeError,
    AttributeError,
    KeyError,
    RecursionError,
)


def _refuse_devices(files: str) -> None:
    """Refuse a kubeconfig that may have no end, such as a pipe, which the client would read."""
    for each in files.split(os.pathsep):
        found = Path(each).expanduser()
        if each and found.exists() and not found.is_file():
            raise ConnectionError(f"kubeconfig: {found} is no regular file")


class Connection:
    """One pool of connections to one API server. Safe for threads."""

    def __init__(self, configuration: client.Configuration) -> None:
        """Connect as a configuration of the `kubernetes` client says."""
        # Watches and log readers hold theirs for minutes; one beyond the pool would be thrown away after its use.
        configuration.connection_pool_maxsize = CONNECTIONS
        self._configuration = configuration
        self.server: str = configuration.host
        api = client.ApiClient(configuration)
        # Its pool knows the authority, client certificate and proxy.
        self._pool: urllib3.PoolManager = api.rest_client.pool_manager
        self._agent: str = api.user_agent

    @classmethod
    def of_kubeconfig(cls, path: Path | None, context: str | None) -> "Connection":
        """Connect as kubectl does: by this file, $KUBECONFIG or ~/.kube/config.

        Raises:
            ConnectionError: There is no such file or context, or it cannot be read.
        """
        configuration = client.Configuration()
        # The client would look at the variable when it is imported.
        files = str(path) if path is not None else os.environ.get("KUBECONFIG") or "~/.kube/config"
        _refuse_devices(files)
        try:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=files,
                context=context,
                client_configuration=configuration,
            )
        except _UNUSABLE as error:
            raise ConnectionError(f"kubeconfig: {error}") from error
        return cls(configuration)

    @classmethod
    def of_pod(cls) -> "Connection":
        """Connect by the account of the pod in which it runs; the token is read again every minute.

        Raises:
            ConnectionError: It runs in no pod.
        """
        configuration = client.Configuration()
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except (config.ConfigException, OSError) as error:
            raise ConnectionError(f"not in a cluster: {error}") from error
        return cls(configuration)

    @classmethod
    def plain(cls, server: str) -> "Connection":
        """Without credentials."""
        return cls(client.Configuration(host=server))

    def _headers(self) -> dict[str, str]:
        found = {"User-Agent": self._agent}
        settings: Any = self._configuration.auth_settings()
        for setting in settings.values():
            if setting["in"] == "header" and setting["value"]:
                found[setting["key"]] = setting["value"]
        return found

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Any = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        read_seconds: float = 60.0,
        accept_gzip: bool = False,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """One request; the answer is read by the caller, chunk by chunk. The body is sent as JSON, whatever its type is called.

        Raises:
            Refused: An answer of 400 or more.
            Unreachable: No answer; also while the caller reads, since it reads within the block.
        """
        url = f"{self.server}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            for last_try in (False, True):
                # Further headers are for what a proxied pod reads; those that say who asks stay.
                sent = {"Accept": JSON, **(headers or {}), **self._headers()}
                if accept_gzip:
                    sent["Accept-Encoding"] = "gzip"
                if body is not None:
                    sent["Content-Type"] = content_type
                response = self._pool.request(
                    method,
                    url,
                    body=None if body is None else orjson.dumps(body),
                    headers=sent,
                    preload_content=False,
                    redirect=False,
                    retries=False,
                    timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
                )
                # A token may have just been replaced: asked again, the hook of the client reads the new one.
                if response.status != 401 or last_try:
                    break
                response.drain_conn()
                response.release_conn()
            try:
                _check(response)
                yield response
            except BaseException:
                response.close()
                raise
            finally:
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            reason: Literal["timeout", "unreachable"] = (
                "timeout" if isinstance(error, urllib3.exceptions.ReadTimeoutError) else "unreachable"
            )
            raise Unreachable(reason, f"{type(error).__name__}: {error}") from error

    @staticmethod
    def whole(response: urllib3.BaseHTTPResponse, limit_bytes: int) -> bytes:
        """The whole answer, inflated.

        Raises:
            TooLarge: It has more bytes than the limit.
            Unreachable: As open(), in whose block it is called.
        """
        found = bytearray()
        while chunk := response.read(CHUNK):
            found += chunk
            if len(found) > limit_bytes:
                raise TooLarge(f"more than {limit_bytes} bytes")
        return bytes(found)

    def json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Any = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        read_seconds: float = 60.0,
    ) -> Any:
        """The decoded answer.

        Raises:
            Refused, Unreachable: As open().
            orjson.JSONDecodeError: The answer is no JSON.
        """
        with self.open(
            method,
            path,
            query,
            body=body,
            content_type=content_type,
            headers=headers,
            read_seconds=read_seconds,
            accept_gzip=True,
        ) as response:
            return orjson.loads(response.data)

    def now(self) -> datetime.datetime:
        """The clock of the API server, in whole seconds of UTC.

        Raises:
            Refused, Unreachable: As open().
        """
        with self.open("GET", "/version") as response:
            return parsedate_to_datetime(response.headers["Date"])

    def port_of(self, namespace: str, pod: str, port: int) -> socket.socket:
        """A socket whose other end is a TCP port of a pod, over a WebSocket to the API server, as `kubectl port-forward` has it.

        Raises:
            Unreachable: There is no such pod, it does not run, or you may not do this.
        """
        # Only who forwards a port needs it.
        from kubernetes.stream.ws_client import portforward_call  # noqa: PLC0415

        headers = {name.lower(): value for name, value in self._headers().items()}
        try:
            forwarded = portforward_call(  # type: ignore[no-untyped-call]
                self._configuration,
                "GET",
                f"{self.server}/api/v1/namespaces/{namespace}/pods/{pod}/portforward",
                query_params=[("ports", str(port))],
                headers=headers,
            )
        except client.ApiException as error:
            # The client writes the headers of the answer after its first line.
            message = str(error.reason).split(" -+-+- ", 1)[0]
            raise Unreachable("unreachable", f"port {port} of pod {pod} in {namespace}: {message}") from error
        found: socket.socket = forwarded.socket(port)
        return found

    def lines(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        read_seconds: float,
        opened: Callable[[], None] = lambda: None,
    ) -> Iterator[bytes]:
        """The complete lines of a streamed answer; the text after the last line break is dropped.

        Args:
            path: Of the API.
            query: Its parameters.
            read_seconds: How long the server may be silent.
            opened: Called once, when the request was granted.

        Raises:
            Refused, Unreachable: As open(); Unreachable also after `read_seconds` of silence.
        """
        with self.open("GET", path, query, read_seconds=read_seconds) as response:
            opened()
            rest = bytearray()
            while chunk := response.read1(CHUNK):
                before = len(rest)
                rest += chunk
                # Only the new part: a long line is not searched again with every chunk of it.
                end = rest.rfind(b"\n", before)
                if end < 0 and len(rest) > MAX_LINE_BYTES:
                    raise Unreachable("truncated", "a line without an end")
                if end >= 0:
                    whole = bytes(rest[:end])
                    del rest[: end + 1]
                    yield from whole.split(b"\n")
            if rest:
                raise Unreachable("truncated", "the last line was cut")


def _check(response: urllib3.BaseHTTPResponse) -> None:
    if response.status < 400:
        return
    reason, message = "", ""
    try:
        status = orjson.loads(response.read(1 << 16))
        # What a pod says through the API server's proxy is no Status; many say `error`.
        reason = str(status.get("reason", ""))
        message = str(status.get("message") or status.get("error") or "")
    except (orjson.JSONDecodeError, AttributeError, urllib3.exceptions.HTTPError):
        pass
    after = response.headers.get("Retry-After", "")
    raise Refused(
        response.status, reason, message[:500], float(after) if after.isascii() and after.isdigit() else None
    )
