"""The bus as a test sees it: events put on it, and the consumers that Sensors left there."""

import asyncio
import base64
import json
import logging
import ssl
import threading
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

import yaml
from cluster.api import Api
from cluster.waiting import PATIENCE, until
from nats.aio.client import Client
from nats.js.api import ConsumerInfo, StreamInfo

from bus.names import CLIENT_AUTH_KEY, CLIENT_PORT, MESSAGE_ID_HEADER, STREAM, BusNames, subject

__all__ = ["Bus", "cloud_event"]

T = TypeVar("T")
logging.getLogger("asyncio").setLevel(
    logging.ERROR
)  # warns of every TLS connection that a restarted bus drops


def cloud_event(
    source: str,
    subject: str,
    data: Mapping[str, Any],
    event_id: str,
    time: str = "2026-11-24T02:30:00Z",
) -> dict[str, Any]:
    """An event as an event source puts it on the bus (argo-events pkg/eventsources/eventing.go)."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "subject": subject,
        "type": "webhook",
        "time": time,
        "datacontenttype": "application/json",
        "data": data,
    }


class Bus:
    """A client of one namespace's bus, with the credentials that the controller made for its Sensors."""

    def __init__(self, api: Api, namespace: str, addresses: Iterable[str], name: str = "default") -> None:
        secret = api.get("v1", "Secret", BusNames(name).client_auth_secret, namespace)
        auth = yaml.safe_load(base64.b64decode(secret["data"][CLIENT_AUTH_KEY]))
        insecure = ssl.create_default_context()  # as Sensors do: any certificate
        insecure.check_hostname = False
        insecure.verify_mode = ssl.CERT_NONE
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._client = Client()
        try:
            self._wait(
                self._client.connect(
                    [f"tls://{address}:{CLIENT_PORT}" for address in addresses],
                    user=auth["username"],
                    password=auth["password"],
                    tls=insecure,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.2,  # type: ignore[arg-type]  # seconds that asyncio sleeps
                    error_cb=self._ignore,
                )
            )
        except BaseException:
            self._end_loop()
            raise
        self._stream = self._client.jetstream(timeout=20)

    @staticmethod
    async def _ignore(_: Exception) -> None:
        """Lost connections are part of some tests; what matters is asked for."""

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    def publish(self, events: Iterable[Mapping[str, Any]], *, doubles: bool = False) -> int:
        """Put events on the bus, each acknowledged; how many.

        Args:
            events: The events.
            doubles: Whether the bus takes one that it has already, as it does when its window against doubles is over.
        """

        async def all_of_them() -> int:
            waiting: list[asyncio.Future[Any]] = []
            count = 0
            for event in events:
                message = json.dumps(event).encode()
                on_bus = subject(event["source"], event["subject"])
                # As the event source does, against doubles.
                headers = None if doubles else {MESSAGE_ID_HEADER: event["id"]}
                waiting.append(await self._stream.publish_async(on_bus, message, headers=headers))
                count += 1
                if len(waiting) == 100:
                    await asyncio.gather(*waiting)
                    waiting.clear()
            await asyncio.gather(*waiting)
            return count

        return self._wait(all_of_them())

    def consumers(self) -> list[ConsumerInfo]:
        """Every consumer of the stream; the server gives 256 at a time."""
        found: list[ConsumerInfo] = []
        while True:
            page = self._wait(self._stream.consumers_info(STREAM, offset=len(found)))
            found += page
            if len(page) < 256:
                return found

    def stream(self) -> StreamInfo:
        """The stream."""
        return self._wait(self._stream.stream_info(STREAM))

    def message(self, sequence: int) -> Any:
        """The event at a sequence number of the stream."""
        found = self._wait(self._stream.get_msg(STREAM, sequence))
        assert found.data is not None
        return json.loads(found.data)

    def settled(self, consumers: int) -> bool:
        """Whether that many consumers have nothing waiting and nothing under way."""
        found = self.consumers()
        return len(found) == consumers and not any(each.num_pending or each.num_ack_pending for each in found)

    def until_settled(self, consumers: int, seconds: float = PATIENCE) -> None:
        """Wait until every Sensor has dealt with every event."""
        until(lambda: self.settled(consumers), f"{consumers} consumers have dealt with all events", seconds)

    def close(self) -> None:
        """Leave."""
        try:
            self._wait(self._client.close())
        finally:
            self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
