"""Retired contexts: open requests whose branch requires the status of a pipeline that is no longer declared."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from status_hosts import TOKEN, Answered, StatusHost, status_host
from support import plan

from apiserver.connection import Connection
from documents.diagnostics import InvalidInput
from hookline.controlling import retiring
from hookline.controlling.composing import companions
from hookline.controlling.retiring import Retiring, retired
from hookline.plan.controller_objects import controller_objects
from runs.controller.duty import Hands
from runs.controller.settings import ControllerSettings, ReportedSource
from runs.reports.hosts import HOST_APIS
from runs.reports.outgoing import Outgoing
from runs.reports.required import required
from runs.reports.sending import sender

REPOSITORY = "acme/shop"
TEXT = """\
version: 1
cluster: {{namespace: ci, image: "registry.example.com/hookline:1"}}
controller: {{retire_contexts: true, context: "{context}"}}
sources:
  git: {{host: {host}, endpoint: /hook, secret: {{name: hooks, key: secret}}, report: {{token: {{name: t, key: t}}}}}}
pipelines:
  shop:
    repository: {{source: git, name: acme/shop, url: "https://git.example.com/acme/shop.git"}}
    image: registry.example.com/acme/shop
    run: {{template: hookline-ci-go}}
    events: {{pull_request: {{}}}}
"""


def declaration(host: str, context: str = "hookline/{pipeline}") -> str:
    return TEXT.format(host=host, context=context)


@pytest.mark.parametrize(
    ("pattern", "contexts", "found"),
    [
        (
            "hookline/{pipeline}",
            ["hookline/old", "hookline/shop", "lint", "hookline/", "x/hookline/old"],
            ["hookline/old"],
        ),
        ("hookline/{pipeline}", ["Hookline/OLD", "HOOKLINE/Shop"], ["Hookline/OLD"]),
        ("ci/{source}/{pipeline}", ["ci/git/old", "ci/other/old"], ["ci/git/old"]),
        (
            "ci {event}: {pipeline}",
            ["ci pull_request: old", "ci push: old", "ci merge_group: old"],
            ["ci merge_group: old", "ci pull_request: old"],
        ),
        ("{pipeline} of {pipeline}.", ["old of old.", "old of new.", "old of oldx"], ["old of old."]),
        ("hookline/{pipeline}", ["hookline/an old one", "hookline/-", "hookline/a/b"], []),
    ],
)
def test_a_context_is_retired_if_it_carries_the_pattern_and_no_pipeline_has_its_name(
    pattern: str, contexts: list[str], found: list[str]
) -> None:
    assert retired(pattern, "git", contexts, {"shop"}) == found


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (
            {
                "protection": {
                    "enabled": True,
                    "required_status_checks": {"contexts": ["a"], "checks": [{"context": "b", "app_id": 1}]},
                }
            },
            {"a", "b"},
        ),
        ({"protection": {"enabled": False}}, set()),
        (
            [
                {"type": "deletion"},
                {
                    "type": "required_status_checks",
                    "parameters": {"required_status_checks": [{"context": "c"}]},
                },
            ],
            {"c"},
        ),
        ({"enable_status_check": True, "status_check_contexts": ["d", "hookline/*", "e{f,g}"]}, {"d"}),
        ({"enable_status_check": False, "status_check_contexts": ["d"]}, set()),
        ({"enable_status_check": True, "status_check_contexts": None}, set()),
        (
            {"protection": {"required_status_checks": {"contexts": "x", "checks": [None, {"context": 3}]}}},
            set(),
        ),
        (None, set()),
        (["x", None], set()),
    ],
)
def test_the_required_names_are_read_from_each_form_of_answer(body: Any, names: set[str]) -> None:
    assert required(body) == names


class RequestsHost:
    """What a host says of requests and branches, beside its statuses."""

    def __init__(self, host: StatusHost) -> None:
        self.requests = [
            {"number": number, "head": {"sha": f"{number:040x}"}, "base": {"ref": "main"}}
            for number in range(1, 4)
        ]
        self.required: dict[str, list[str]] = {"main": ["hookline/old", "hookline/shop", "lint"]}
        self.by_rules = False
        self.fault: Callable[[str], Answered | None] = lambda _path: None
        self._kind, self._statuses = host.kind, host.answer
        host.answer = self.answer  # type: ignore[method-assign]

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Any, body: Any
    ) -> Answered | None:
        if "/statuses" in path:
            return self._statuses(method, path, query, headers, body)
        assert method == "GET"
        assert headers["Authorization"].endswith(f" {TOKEN}")
        if (fault := self.fault(path)) is not None:
            return fault
        if path == f"/repos/{REPOSITORY}/pulls":
            assert query["state"] == "open"
            size, page = int(query["limit" if self._kind == "gitea" else "per_page"]), int(query["page"])
            return 200, self.requests[(page - 1) * size : page * size], {}
        names = self.required.get(unquote(path.rpartition("/branches/")[2]), [])
        checks = [{"context": each} for each in names]
        if "/rules/" in path:
            rule = {"type": "required_status_checks", "parameters": {"required_status_checks": checks}}
            return 200, [rule] if self.by_rules else [], {}
        if self._kind == "gitea":
            return 200, {"enable_status_check": bool(names), "status_check_contexts": names}, {}
        found = {} if self.by_rules else {"contexts": names, "checks": checks}
        return 200, {"protection": {"required_status_checks": found}}, {}


class TwoRounds(threading.Event):
    """Ends after two rounds, and waits for nothing."""

    rounds = 0

    def wait(self, timeout: float | None = None) -> bool:
        if timeout == retiring.ROUND_SECONDS:
            self.rounds += 1
            if self.rounds == 2:
                self.set()
        return self.is_set()


class World:
    """A host with requests, and the companion that looks at them."""

    def __init__(self, host: StatusHost, folder: Path) -> None:
        self.host, self.requests = host, RequestsHost(host)
        token = folder / "token"
        token.write_text(TOKEN)
        self.settings = ControllerSettings(
            sources={"git": ReportedSource(host=host.kind, api=host.url, token_file=str(token))}
        )
        api = HOST_APIS[host.kind].at(host.url)
        self.outgoing = Outgoing("git", api, sender(api, host.url, token), lambda *_: None)
        self.outgoing.start()
        self.companion = Retiring(plan(declaration(host.kind)))

    def look(self) -> None:
        """A life of the controller: two rounds, until nothing waits."""
        hands = Hands(
            Connection.plain("http://127.0.0.1:1"),
            self.settings,
            lambda _source, report: self.outgoing.put(report),
        )
        self.companion.run(hands, TwoRounds())
        end = time.monotonic() + 20
        while self.outgoing.waiting:
            assert time.monotonic() < end
            time.sleep(0.003)


@pytest.fixture(params=["github", "gitea"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with status_host(request.param) as host:
        found = World(host, tmp_path)
        yield found
        found.outgoing.stop()


def test_each_open_request_is_told_once_however_often_it_is_looked_at(world: World) -> None:
    world.look()
    world.look()
    assert sorted(world.host.told) == [
        (REPOSITORY, f"{number:040x}", "hookline/old", "success") for number in range(1, 4)
    ]
    assert set(world.host.descriptions) == {"skipped: no pipeline of this name is declared any more"}
    (family,) = world.companion.metrics()
    assert family.samples[0].value >= 3


def test_a_status_that_a_request_has_is_left_alone(world: World) -> None:
    for state in ("failure", "pending"):
        world.host.told.append((REPOSITORY, f"{1:040x}", "hookline/old", state))
        world.host.descriptions.append("of a run")
    world.look()
    assert [each for each in world.host.told if each[1] == f"{1:040x}"][2:] == []
    assert len(world.host.told) == 4


def test_a_branch_that_requires_nothing_of_ours_is_left_alone(world: World) -> None:
    world.requests.required = {"main": ["hookline/shop", "lint"], "feature/x": ["hookline/old"]}
    world.look()
    assert world.host.told == []
    world.requests.requests[0]["base"] = {"ref": "feature/x"}
    world.look()
    assert [each[1] for each in world.host.told] == [f"{1:040x}"]


def test_rules_of_a_repository_count_as_protected_branches_do(world: World) -> None:
    world.requests.by_rules = True
    world.look()
    assert len(world.host.told) == 3


def test_every_page_of_open_requests_is_looked_at(world: World) -> None:
    world.requests.requests = [
        {"number": number, "head": {"sha": f"{number:040x}"}, "base": {"ref": "main"}}
        for number in range(1, 121)
    ]
    world.look()
    assert len(world.host.told) == 120


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((403, {"message": "no"}, {}), "403 of GET"),
        ((404, {"message": "no"}, {}), "404 of GET"),
        ((429, {"message": "slow down"}, {"Retry-After": "60"}), "429 of GET"),
        ((500, None, {}), "500 of GET"),
        ((200, {"not": "a list"}, {}), "cannot be read"),
    ],
)
def test_a_host_that_does_not_say_it_is_a_warning_and_nothing_is_told(
    world: World, answer: Answered, said: str
) -> None:
    world.requests.fault = lambda path: answer if path.endswith("/pulls") else None
    world.look()
    (warning,) = world.companion.warnings()
    assert said in warning
    assert TOKEN not in warning
    assert world.host.told == []
    world.requests.fault = lambda _path: None
    world.look()
    assert world.companion.warnings() == []
    assert len(world.host.told) == 3


def test_it_gets_the_declaration_and_no_right_to_the_bus() -> None:
    made = plan(declaration("github"))
    assert [each.name for each in companions(made, lambda _connection: None)] == ["retired-contexts"]  # type: ignore[arg-type, return-value]
    objects = controller_objects(made)
    pods = [
        each["spec"]["template"]["spec"]["containers"][0] for each in objects if each["kind"] == "Deployment"
    ]
    assert any("declaration" in each for each in pods[0]["args"])
    resources = {
        name
        for each in objects
        if each["kind"] == "Role"
        for rule in each["rules"]
        for name in rule["resources"]
    }
    assert resources == {"workflows", "leases"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (declaration("github", "{pipeline}"), "context: has no text of its own"),
        (declaration("github", "{source}/{pipeline}"), "context: has no text of its own"),
        (declaration("gitlab"), "no source of GitHub or Gitea has report: with a token"),
    ],
)
def test_what_would_retire_checks_of_others_or_nothing_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        plan(text)
