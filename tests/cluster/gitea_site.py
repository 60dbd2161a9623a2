"""Repositories of a real Gitea whose webhooks reach hookline's event source, and what becomes of each delivery.

Every delivery goes Gitea → relay → event source → bus → Sensor → Workflow. What stands in the API server is compared with
what `hookline simulate` says of the recorded request, and that with what the test says by hand.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cluster.gitea import Clone, Gitea
from cluster.installation import TOKEN, Installation, masked
from cluster.relay import Passed, Relay
from cluster.waiting import until

from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import simulate
from hookline.commands.simulate import answer

__all__ = ["ORGANISATION", "GiteaSite", "Repository", "Told"]

ORGANISATION = "acme"
DOCUMENTED = ["push", "delete", "pull_request_only", "pull_request_sync"]
"""The events that docs/sources.md tells users to choose, in the words of Gitea's API."""
EVERYTHING = [
    "push",
    "delete",
    "pull_request",
    "create",
    "fork",
    "issues",
    "issue_comment",
    "release",
    "repository",
    "wiki",
]
HEAD = """\
version: 1
cluster: {{namespace: {namespace}, event_bus: {{replicas: 1}}}}
sources:
  gitea: {{host: gitea, endpoint: /gitea, secret: {{name: hooks, key: gitea}}}}
pipelines:
"""
PIPELINES = """\
  {name}-any:
    repository: {{source: gitea, name: acme/{name}, url: "https://git.example.com/acme/{name}.git"}}
    image: registry.example.com/acme/{name}-any
    run: {{template: hookline-ci-go}}
    events:
      push: {{branches: ["**"], authors: {{exclude: [renovate-bot]}}}}
      tag: {{tags: ["**"]}}
      pull_request: {{into: [main, develop], authors: {{exclude: [renovate-bot]}}}}
  {name}-strict:
    repository: {{source: gitea, name: acme/{name}, url: "https://git.example.com/acme/{name}.git"}}
    image: registry.example.com/acme/{name}-strict
    run: {{template: ci-go-v1, deadline: 1h}}
    events: {{push: {{branches: ["**"]}}}}
  {name}-docs:
    repository: {{source: gitea, name: acme/{name}, url: "https://git.example.com/acme/{name}.git"}}
    image: registry.example.com/acme/{name}-docs
    run: {{template: hookline-ci-go}}
    events: {{push: {{branches: [main], paths: {{include: ["docs/**"]}}}}}}
"""


class Told(NamedTuple):
    """What hookline says of a delivery: the event, and verdict and reason of the three pipelines of its repository."""

    event: str
    any: str
    """Every branch and tag, requests into main and develop; the template takes any ref."""
    strict: str
    """Every branch; the template takes plain names alone."""
    docs: str
    """Pushes to main that change docs/."""


class GiteaSite:
    """A Gitea, an installation of hookline, and a webhook of the organisation between them."""

    def __init__(self, site: Installation, gitea: Gitea, names: list[str], folder: Path) -> None:
        self.site = site
        self.gitea = gitea
        self.folder = folder
        declaration = HEAD.format(namespace=site.namespace)
        declaration += "".join(PIPELINES.format(name=name) for name in names)
        site.install(declaration)
        pod = site.pods("EventSource/hookline-webhooks")[0]
        port = site.plan.endpoints["gitea"].host.receiver.port
        self.of_repositories = Relay(pod.address.ip, port)
        self.of_organisation = Relay(pod.address.ip, port)
        for name in ("ann", "bob", "renovate-bot"):
            gitea.create_user(name)
        gitea.api("ann", "POST", "orgs", {"username": ORGANISATION})
        self.organisation_hook = self.add_hook(f"orgs/{ORGANISATION}", self.of_organisation, EVERYTHING)
        self._said: dict[tuple[str, bytes], Any] = {}

    def add_hook(self, place: str, relay: Relay, events: list[str]) -> int:
        """A webhook of a repository or an organisation, as docs/sources.md says; its number."""
        config = {"url": f"{relay.url}/gitea", "content_type": "json", "secret": TOKEN}
        hook = {"type": "gitea", "config": config, "events": events, "active": True}
        number: int = self.gitea.api("ann", "POST", f"{place}/hooks", hook)["id"]
        return number

    def said(self, passed: Passed) -> Any:
        """What `hookline simulate` prints for a recorded request; the declaration is read once for all of them."""
        key = (passed.request.headers["X-Gitea-Event"], passed.request.body)
        if key not in self._said:
            plan, content = self.site.plan, passed.request.raw()
            event = incoming(plan, "event.http", content, EventOptions(secret=TOKEN.encode()))
            self._said[key] = answer(simulate(plan, event))
        return self._said[key]

    def stop(self) -> None:
        """Stop what it started itself."""
        self.of_repositories.stop()
        self.of_organisation.stop()


def _by_name(workflows: Iterable[Any]) -> dict[str, Any]:
    """Name → Workflow; which of the two webhooks was faster (its delivery id) is left out."""
    found = {}
    for workflow in map(masked, workflows):
        workflow["metadata"]["annotations"]["hookline.dev/delivery"] = "masked"
        found[workflow["metadata"]["name"]] = workflow
    return found


def _workflows(said: Iterable[Any]) -> dict[str, Any]:
    """Name → Workflow, of what simulate prints for deliveries."""
    return _by_name(result["workflow"] for each in said for result in each["results"] if result["workflow"])


class Repository:
    """One repository with a webhook of its own beside its organisation's, and one commit on main."""

    def __init__(self, world: GiteaSite, name: str, **settings: Any) -> None:
        self._world = world
        self.name = name
        self.full_name = f"{ORGANISATION}/{name}"
        self.path = f"repos/{self.full_name}"
        self._gitea = world.gitea
        asked = {"name": name, "auto_init": True, "default_branch": "main", **settings}
        self._gitea.api("ann", "POST", f"orgs/{ORGANISATION}/repos", asked)
        self.hook = world.add_hook(self.path, world.of_repositories, DOCUMENTED)
        self.ann = self.clone("ann")
        self._rows: list[Told] = []

    def clone(self, user: str, full_name: str = "") -> Clone:
        """A user's clone of it, or of a fork."""
        return self._gitea.clone(user, full_name or self.full_name, self._world.folder / self.name / user)

    def api(self, user: str, method: str, path: str, **body: Any) -> Any:
        """One request about it."""
        return self._gitea.api(user, method, f"{self.path}/{path}" if path else self.path, body or None)

    def request(self, user: str, head: str, into: str, title: str) -> int:
        """Open a request; its number."""
        number: int = self.api(user, "POST", "pulls", head=head, base=into, title=title)["number"]
        return number

    def received(self, relay: Relay | None = None) -> list[Passed]:
        """The deliveries about it so far: those of its own webhook, or those that another relay passed on."""
        found = (relay or self._world.of_repositories).passed
        return [each for each in found if self._is_about(json.loads(each.request.body))]

    def _is_about(self, body: Any) -> bool:
        return bool((body.get("repository") or {}).get("full_name") == self.full_name)

    def told(self, passed: Passed) -> Told:
        """What hookline says of a delivery, in short."""
        said = self._world.said(passed)
        event = said["event"]
        title = f"{event['kind']} {event.get('ref')}"
        if event["kind"] == "pull_request":
            request = event["pull_request"]
            title = f"request {request['number']} {request['action']} into {request['base_ref']}"
        verdicts = {each["pipeline"]: f"{each['verdict']} {each['reason']}" for each in said["results"]}
        return Told(
            title.replace("refs/heads/", "").replace("refs/tags/", ""),
            *(verdicts[f"{self.name}-{each}"] for each in ("any", "strict", "docs")),
        )

    @contextmanager
    def brings(self, *expected: Told) -> Iterator[None]:
        """What is done inside makes Gitea send these deliveries to the repository's webhook, in any order."""
        before = len(self.received())
        yield
        until(lambda: len(self.received()) >= before + len(expected), f"{len(expected)} deliveries of it")
        assert sorted(self.told(each) for each in self.received()[before:]) == sorted(expected)
        self._rows += expected

    def check(self, workflows: int, *, through_organisation: bool = True) -> None:
        """See that nothing else was sent, and that just these Workflows stand in the API server.

        Args:
            workflows: How many.
            through_organisation: Whether its organisation's webhook must have told of the same events.
        """
        world = self._world
        until(lambda: all(sent for _, _, sent in self._gitea.deliveries()), "Gitea has sent everything")
        sent = [hook for hook, _, _ in self._gitea.deliveries()]
        mine = self.received()
        assert sorted(map(self.told, mine)) == sorted(self._rows)
        assert len(mine) == sent.count(self.hook)
        said = _workflows(world.said(each) for each in mine)
        if through_organisation:
            # Gitea makes the deliveries of an event one after the other: the one to the organisation may not have been there when it
            # had sent everything.
            until(
                lambda: _workflows(map(world.said, self.received(world.of_organisation))) == said,
                "the organisation's webhook has told of the same events",
            )
        assert {each.status for each in [*mine, *self.received(world.of_organisation)]} == {200}
        world.site.bus.until_settled(world.site.consumers)
        made = _by_name(each for each in world.site.workflows() if self._made(each))
        assert made == said
        assert len(made) == workflows

    def _made(self, workflow: Any) -> bool:
        pipeline: str = workflow["metadata"]["labels"]["hookline.dev/pipeline"]
        return pipeline.rsplit("-", 1)[0] == self.name
