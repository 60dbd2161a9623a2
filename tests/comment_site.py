"""The controller's duty of comments with a bus and an API server on loopback, and a host wherever it is."""

import base64
import datetime
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bus_cluster import API, BusCluster
from comment_hosts import TOKEN, CommentHost, delivered
from support import plan

from apiserver.connection import Connection
from hookline.bus_access import bus_of
from hookline.controlling.comments import CommentDuty, Comments
from hookline.controlling.follower import Follower
from hookline.plan.planning import Plan
from runs.controller.duty import Hands
from runs.controller.settings import ControllerSettings, ReportedSource

__all__ = ["SHA", "Site", "text_of", "wait"]

SHA = "a" * 40
IMAGE = "registry.example.com/hookline@sha256:" + "0" * 64
FORKS = """
  forks:
    repository: {{source: git, name: acme/shop, url: "https://git.example.com/acme/shop.git"}}
    run: {{template: hookline-ci-go}}
    events: {{pull_request: {{into: [main], forks: sandboxed, approved_by: {{label: ok-to-test}}}}}}
"""
TEXT = """\
version: 1
cluster: {{namespace: ci, image: "{image}"{sandbox}}}
controller: {{comments: [git]}}
sources:
  git: {{host: {kind}, endpoint: /git, secret: {{name: hooks, key: git}}, report: {{token: {{name: statuses, key: token}}}}}}
pipelines:
  shop:
    repository: {{source: git, name: acme/shop, url: "https://git.example.com/acme/shop.git"}}
    image: registry.example.com/acme/shop
    run: {{template: hookline-ci-go}}
    events: {{pull_request: {{into: [main]}}}}
  cart:
    repository: {{source: git, name: acme/shop, url: "https://git.example.com/acme/shop.git"}}
    image: registry.example.com/acme/cart
    run: {{template: hookline-ci-go}}
    events: {{pull_request: {{into: [main]}}}}
"""


def text_of(kind: str) -> str:
    # Gitea does not say which label was added, so that no pipeline there takes forks.
    forks = FORKS if kind != "gitea" else ""
    sandbox = ", sandbox: {namespace: ci-forks}" if forks else ""
    return (TEXT + forks).format(kind=kind, image=IMAGE, sandbox=sandbox)


class Site:
    """A bus, an API server, a host, and instances of the controller's duty."""

    def __init__(self, host: CommentHost, folder: Path) -> None:
        self.host = host
        self.cluster = BusCluster(folder, text_of(host.kind))
        self.cluster.nats.now = None
        (folder / "token").write_text(TOKEN)
        self.source = ReportedSource(host=host.kind, api=host.url, token_file=str(folder / "token"))
        self.settings = ControllerSettings(sources={"git": self.source})
        self.plan: Plan = plan(text_of(host.kind))
        self.started: list[tuple[threading.Event, list[threading.Thread]]] = []
        self.comments = Comments(self.plan)
        self.said = 500

    def start(self) -> None:
        """One instance begins to lead."""
        self.comments = comments = Comments(self.plan)
        url = ("127.0.0.1", self.cluster.nats.port)
        follower = Follower(
            self.plan,
            lambda connection: bus_of(self.plan, connection, url, in_pod=False),
            [lambda made, _hands: CommentDuty(made, comments, frozenset({"git"}))],
        )
        hands = Hands(
            Connection.of_kubeconfig(self.cluster.kubeconfig, None),
            self.settings,
            lambda _source, _report: None,
        )
        ended = threading.Event()
        threads = [threading.Thread(target=each.run, args=(hands, ended)) for each in (comments, follower)]
        for each in threads:
            each.start()
        self.started.append((ended, threads))

    def end(self) -> None:
        """All instances end."""
        for ended, threads in self.started:
            ended.set()
            for each in threads:
                each.join(20)
                assert not each.is_alive()
        self.started.clear()

    def stop(self) -> None:
        self.end()
        self.cluster.stop()

    def put(self, data: Any, ago: float = 0.0) -> None:
        """A delivery on the bus."""
        now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=ago)
        event = {
            "specversion": "1.0",
            "id": f"event-{self.cluster.nats.last}",
            "source": "hookline-webhooks",
            "subject": "git",
            "type": "git",
            "time": now.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data_base64": base64.b64encode(json.dumps(data).encode()).decode(),
        }
        self.cluster.nats.put(event, now)

    def say(self, text: str, author: str = "ann", ago: float = 0.0, **changes: Any) -> int:
        """A comment on request 7; its number."""
        self.said += 1
        self.put(delivered(self.host.kind, text, author, self.said, **changes), ago)
        return self.said

    @property
    def runs(self) -> dict[str, Any]:
        """Name → Workflow."""
        found = list(self.cluster.api.objects.items())
        return {each["metadata"]["name"]: each for path, each in found if "/workflows/" in path}

    @property
    def pipelines(self) -> list[str]:
        return sorted(each["metadata"]["labels"]["hookline.dev/pipeline"] for each in self.runs.values())

    def put_run(
        self, name: str, pipeline: str, phase: str, created: str = "2026-11-27T06:00:00Z", sha: str = SHA
    ) -> None:
        ref = "refs/merge-requests/7/head" if self.host.kind == "gitlab" else "refs/pull/7/head"
        labels = {"hookline.dev/pipeline": pipeline, "hookline.dev/source": "git"}
        annotations = {
            "hookline.dev/repository": "acme/shop",
            "hookline.dev/ref": ref,
            "hookline.dev/sha": sha,
        }
        self.cluster.api.put(
            f"{API}/workflows/{name}",
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Workflow",
                "metadata": {
                    "name": name,
                    "namespace": "ci",
                    "uid": name,
                    "resourceVersion": "1",
                    "creationTimestamp": created,
                    "labels": labels,
                    "annotations": annotations,
                },
                "spec": {},
                "status": {"phase": phase},
            },
        )

    def count(self, result: str) -> int:
        """A result in the metrics."""
        return int(
            next(
                sample.value
                for family in self.comments.metrics()
                for sample in family.samples
                if sample.labels.get("result") == result.lower()
            )
        )

    def until(self, result: str, count: int = 1) -> None:
        wait(lambda: self.count(result) >= count)
        assert self.count(result) == count


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
