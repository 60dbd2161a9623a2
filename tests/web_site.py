"""An exporter's pages on loopback, over a history in memory."""

import base64
import gzip
import http.client
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runs.exporter.unfinished import UnfinishedRuns
from runs.exporter.web.application import Application, Providers
from runs.exporter.web.pages import Pages
from runs.fan_outs import FanOut
from runs.history import Attempt, FanOutPage, Name, Page, Query, Run
from runs.web.failures import Failures
from runs.web.server import WebServer
from runs.web.web_config import Security

TLS = Path(__file__).parent / "data" / "tls"
REASONS = {"MATCH": "every rule lets it through"}


def a_run(number: int = 1, **changes: Any) -> Run:
    begin = 1_790_000_000.0 + number * 60
    attempts = (
        Attempt(
            "run-test",
            f"shop-{number}-t0",
            "error",
            "spot",
            "eci",
            begin,
            begin + 9,
            begin + 30,
            "taken",
            reclaimed=True,
        ),
        Attempt(
            "run-test",
            f"shop-{number}-t1",
            "success",
            "spot",
            "eci",
            begin + 40,
            begin + 50,
            begin + 80,
            cost=0.01,
        ),
    )
    fields: dict[str, Any] = {
        "uid": f"u{number:06}",
        "namespace": "ci",
        "name": f"shop-{number}",
        "pipeline": "shop",
        "event": "push",
        "outcome": "success",
        "created": begin,
        "started": begin + 1,
        "finished": begin + 90,
        "ref": "refs/heads/main",
        "sha": "3f1c" * 10,
        "actor": "alice",
        "reason": "MATCH",
        "list_cost": 0.02,
        "currency": "CNY",
        "caches": {"image_layer": (5, 8)},
        "cache_state": "partial",
        "attempts": attempts,
    }
    return Run(**(fields | changes))


@dataclass
class Fake:
    """A history in memory."""

    found: Run | None = None
    asked: list[Query] = field(default_factory=list)
    ended: Sequence[FanOut] = ()
    """Fan-outs that have ended, the newest first."""

    def page(self, query: Query) -> Page:
        self.asked.append(query)
        return Page([] if self.found is None else [self.found], None)

    def run(self, namespace: str, name: str) -> Run | None:
        return (
            self.found
            if self.found is not None and name == self.found.name and namespace in {"", "ci"}
            else None
        )

    def values(self, name: Name) -> Sequence[str]:
        return [] if self.found is None else [getattr(self.found, name)]

    def fan_outs(self, name: str, before: tuple[float, str] | None, limit: int) -> FanOutPage:
        found = [each for each in self.ended if name in {"", each.name}]
        begin = 0 if before is None else [each.uid for each in found].index(before[1]) + 1
        shown = found[begin : begin + limit]
        more = (shown[-1].finished or 0.0, shown[-1].uid) if len(found) > begin + limit else None
        return FanOutPage(shown, more)


class Site:
    """A served application."""

    def __init__(self, history: Any, security: Security | None = None, ready: str | None = None) -> None:
        self.ready, self.failures = ready, Failures()
        security = security or Security(None)
        self.metrics = b"m 1\n"
        self.unfinished: UnfinishedRuns | None = None
        self.fan_outs: Sequence[FanOut] = ()
        sources = Providers(
            metrics=lambda accept, zipped: (
                gzip.compress(self.metrics) if zipped else self.metrics,
                f"text/plain;{accept}",
                "gzip" if zipped else None,
            ),
            not_ready=lambda: self.ready,
            history=lambda: history,
            facts=lambda: {"version": "1"},
            warnings=self.failures.warnings,
            unfinished=lambda: self.unfinished,
            fan_outs=lambda: self.fan_outs,
        )
        self.application = Application(sources, Pages("1", REASONS))
        self.server = WebServer("127.0.0.1", 0, self.application, security, self.failures)
        self.port = self.server.start()

    def get(
        self, path: str, method: str = "GET", context: ssl.SSLContext | None = None, **headers: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        connection: http.client.HTTPConnection
        if context is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        else:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=5, context=context)
        try:
            connection.request(
                method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
            )
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "web.yml"
    path.write_text(text)
    return path


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def client(certificate: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(TLS / "ca.pem"))
    context.check_hostname = False
    if certificate:
        context.load_cert_chain(TLS / "client.pem", TLS / "client.key")
    return context
