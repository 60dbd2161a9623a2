"""The reader of the bus: messages by place or time, in order, with bounded memory. It publishes nothing and leaves nothing behind.

A consumer without a name and without acknowledgements reads; the server forgets it. Everything runs in the thread that asks.
"""

import asyncio
import datetime
import itertools
import json
import logging
import ssl
from collections.abc import Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoRespondersError, NoServersError, UnexpectedEOF
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from bus.address import BusError, Credentials
from bus.names import STREAM
from bus.stream import Message, StreamState, stream_state

if TYPE_CHECKING:
    from nats.aio.subscription import Subscription

__all__ = ["BusReader", "any_certificate"]

T = TypeVar("T")

CONNECT_SECONDS = 10.0
CONNECT_TRIES = 3
"""A server ends a connection whose TLS handshake takes more than 2 seconds (nats-server const.go, TLS_TIMEOUT), which a forwarded port can need."""
UNCONNECTED_SECONDS = 0.1
"""How long a connection that was never made may take to close."""
ANSWER_SECONDS = 30.0
"""How long the server may take for one answer; a bus of three whose leader is lost takes some seconds to choose another."""
BATCH = 500
"""Messages a request."""
BATCH_BYTES = 8 * 1024 * 1024
"""Bytes a request: what the reader holds at most, unless one message alone is larger."""
FOLLOW_SECONDS = 5.0
"""How long the server keeps a request of one who waits for news."""
FORGOTTEN_SECONDS = 300.0
"""After which the server forgets a reader that asks no more."""

_END_OF_BATCH = ("404", "408")
"""Statuses that end a request: no message, or the time is over (NATS ADR-13)."""
_CUT = (ConnectionResetError, ConnectionAbortedError, asyncio.IncompleteReadError, UnexpectedEOF)
"""How a connection ends that the server cuts."""
_TOO_MANY_BYTES = "Message Size Exceeds MaxBytes"


def any_certificate() -> ssl.SSLContext:
    """TLS without a check of the certificate: the controller of Argo Events signs it itself, and Sensors take any."""
    # A default context would read all authorities of the machine, which takes longer than to connect, for a check that is off.
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.check_hostname = False
    found.verify_mode = ssl.CERT_NONE
    return found


class BusReader:
    """A connection to the stream of one bus."""

    def __init__(
        self,
        host: str,
        port: int,
        credentials: Credentials | None,
        tls: ssl.SSLContext,
        server_name: str | None = None,
    ) -> None:
        """Connect.

        Args:
            host: Of a server, or of a forwarded port.
            port: Of it.
            credentials: User and password; None = the bus asks for none.
            tls: How its certificate is checked. Without TLS nothing is sent.
            server_name: That stands in its certificate, if `host` does not.

        Raises:
            BusError: It does not answer, or refuses.
        """
        # What these say of lost connections reaches the user as BusError.
        for name in ("nats", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._where = f"{host}:{port}"
        self._loop = asyncio.new_event_loop()
        self._inbox: Subscription | None = None
        self._requests = itertools.count(1)
        self._trouble: Exception | None = None
        options: dict[str, Any] = {"tls_hostname": server_name} if server_name else {}
        if credentials is not None:
            options |= {"user": credentials.user, "password": lambda: self._over_tls(credentials.password)}
        try:
            self._connect(f"tls://{host}:{port}", tls=tls, **options)
        except BaseException:
            self.close()
            raise

    def _connect(self, url: str, **options: Any) -> None:
        """Connect, and again where the server cuts the connection."""
        for left in reversed(range(CONNECT_TRIES)):
            self._client, self._trouble = Client(), None
            connecting = self._client.connect(
                url,
                name="hookline",
                # Servers tell the names of one another, which lead nowhere outside of the cluster; Argo's own clients do the same.
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=int(CONNECT_SECONDS),
                error_cb=self._note,
                **options,
            )
            try:
                self._run(connecting, CONNECT_SECONDS + 2)
            except BusError as error:
                cut = any(isinstance(each, _CUT) for each in (error.__cause__, self._trouble))
                if not (left and cut):
                    raise
                self._leave()
            else:
                return

    def _over_tls(self, password: str) -> str:
        """The password, once the connection is TLS: to a server that asks for none, the client would send it in the clear."""
        if not self._client._server_info.get("tls_required"):  # noqa: SLF001 - nothing public says it
            raise BusError(f"the server at {self._where} speaks no TLS; the password was not sent")
        return password

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Leave the bus."""
        try:
            self._leave()
        finally:
            self._end()

    def _leave(self) -> None:
        # After a TLS handshake that failed, the client waits for the end of its stream, of which asyncio never tells it: start_tls() has
        # given the connection to another protocol. A client that is not connected has nothing to send any more.
        seconds = CONNECT_SECONDS if self._client.is_connected else UNCONNECTED_SECONDS
        try:
            if not self._client.is_closed:
                self._loop.run_until_complete(asyncio.wait_for(self._client.close(), seconds))
        except (Error, OSError, TimeoutError):
            pass  # It is gone already.

    def _end(self) -> None:
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    def _run(self, answer: Coroutine[Any, Any, T], seconds: float = ANSWER_SECONDS) -> T:
        try:
            return self._loop.run_until_complete(asyncio.wait_for(answer, seconds))
        except NotFoundError as error:
            raise self._no_stream() from error
        except NoRespondersError as error:
            raise BusError(
                f"the server at {self._where} has no JetStream, or no leader for its stream"
            ) from error
        except TimeoutError as error:
            raise BusError(f"the bus at {self._where} does not answer within {seconds:.0f} s") from error
        except (Error, OSError) as error:
            # "No servers available" hides why.
            cause = self._trouble if isinstance(error, NoServersError) and self._trouble else error
            raise BusError(f"the bus at {self._where}: {_words(cause)}") from error

    async def _note(self, error: Exception) -> None:
        """Keep what the client says of a connection; the request that fails tells it."""
        self._trouble = error

    def _no_stream(self) -> BusError:
        return BusError(
            f"the bus at {self._where} has no stream {STREAM}: neither an event source nor a Sensor has started beside it, or all its servers "
            "were lost at once (hookline docs reliability)"
        )

    def state(self) -> StreamState:
        """The content of the stream now.

        Raises:
            BusError: There is no stream, or no answer.
        """

        async def asked() -> Msg:
            return await self._client.request(f"$JS.API.STREAM.INFO.{STREAM}", b"", timeout=ANSWER_SECONDS)

        answer = json.loads(self._run(asked()).data)
        if "error" in answer:
            if answer["error"].get("code") == 404:
                raise self._no_stream()
            raise BusError(f"the bus at {self._where}: {answer['error'].get('description')}")
        return stream_state(answer)

    def messages(
        self, subjects: Sequence[str], start: int | datetime.datetime, last: int
    ) -> Iterator[Message]:
        """Messages in their order.

        Args:
            subjects: Of which some are asked for, with * for a part; none = all.
            start: The first sequence number, or the time from which on.
            last: The last sequence number.

        Raises:
            BusError: The bus is gone.
        """
        for message in self._read(subjects, start, follow=False):
            if message is None or message.sequence > last:
                return
            yield message
            if message.sequence == last:
                return

    def follow(self, subjects: Sequence[str], after: int) -> Iterator[Message | None]:
        """Messages after a sequence number, as they come, without end; None where nothing came for some seconds.

        Raises:
            BusError: The bus is gone.
        """
        return self._read(subjects, after + 1, follow=True)

    def _read(
        self, subjects: Sequence[str], start: int | datetime.datetime, *, follow: bool
    ) -> Iterator[Message | None]:
        consumer, pending = self._run(self._consumer(subjects, start))
        try:
            while follow or pending:
                batch = self._run(self._pulled(consumer, wait=follow and not pending), ANSWER_SECONDS)
                for msg in batch:
                    metadata = msg.metadata
                    pending = metadata.num_pending
                    yield Message(metadata.sequence.stream, metadata.timestamp, msg.subject, msg.data)
                if not batch:
                    # What it counted was deleted meanwhile.
                    pending = 0
                    if follow:
                        yield None
        finally:
            if self._client.is_connected:
                self._run(self._forgotten(consumer))

    async def _consumer(self, subjects: Sequence[str], start: int | datetime.datetime) -> tuple[str, int]:
        """The name of a new consumer, and how many messages it will get."""
        by_place = isinstance(start, int)
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE if by_place else DeliverPolicy.BY_START_TIME,
            opt_start_seq=max(start, 1) if isinstance(start, int) else None,
            opt_start_time=start if isinstance(start, datetime.datetime) else None,
            ack_policy=AckPolicy.NONE,
            filter_subject=subjects[0] if len(subjects) == 1 else None,
            filter_subjects=list(subjects) if len(subjects) > 1 else None,
            inactive_threshold=FORGOTTEN_SECONDS,
            mem_storage=True,
            num_replicas=1,
        )
        found = await self._client.jetstream(timeout=ANSWER_SECONDS).add_consumer(STREAM, config)
        if self._inbox is None:
            self._prefix = self._client.new_inbox()
            self._inbox = await self._client.subscribe(f"{self._prefix}.*")
        return found.name, found.num_pending or 0

    async def _forgotten(self, consumer: str) -> None:
        """Give the consumer back; one that is gone is no trouble."""
        with_timeout = self._client.request(
            f"$JS.API.CONSUMER.DELETE.{STREAM}.{consumer}", b"", timeout=ANSWER_SECONDS
        )
        await with_timeout

    async def _pulled(self, consumer: str, *, wait: bool) -> list[Msg]:
        """The next messages: as many as one request may bring.

        Args:
            consumer: Whose.
            wait: Whether the server keeps the request for a while if there is none.
        """
        if self._inbox is None:
            raise RuntimeError("a request without an inbox")
        reply = f"{self._prefix}.{next(self._requests)}"
        most = max(BATCH_BYTES, self._client.max_payload + 4096)
        asked: dict[str, Any] = {"batch": BATCH, "max_bytes": most}
        asked |= {"expires": int(FOLLOW_SECONDS * 1e9)} if wait else {"no_wait": True}
        await self._client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer}", json.dumps(asked).encode(), reply
        )
        found: list[Msg] = []
        while len(found) < BATCH:
            msg = await self._inbox.next_msg(timeout=ANSWER_SECONDS)
            status = (msg.headers or {}).get("Status") if msg.subject.startswith(self._prefix) else None
            if status is None:
                found.append(msg)
                # Who waits for news gets each at once.
                if msg.metadata.num_pending == 0:
                    break
            elif msg.subject == reply:
                _check(status, (msg.headers or {}).get("Description", ""))
                break
        return found


def _check(status: str, description: str) -> None:
    """A status that ends a request is fine.

    Raises:
        BusError: It says that the consumer is gone, or another trouble.
    """
    if status not in _END_OF_BATCH and _TOO_MANY_BYTES not in description:
        raise BusError(f"the bus ended a request: {status} {description}")


def _words(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text.removeprefix("nats: ").strip("'")[:200]
