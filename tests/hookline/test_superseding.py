"""`supersede` and `cancel_closed` of hookline.yaml: what reaches the controller, what is refused, and what a close on the bus is."""

import datetime
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from support import edited, payload, plan, read_yaml

from apiserver.connection import Connection
from bus.stream import Message
from events.delivery import BusEvent, Delivery, bus_event
from events.host import host
from hookline.answers.simulation import simulate
from hookline.cli import main
from hookline.controlling.closing import Closing
from hookline.controlling.composing import companions
from hookline.controlling.duties import Arrival
from hookline.plan.planning import Plan
from runs.controller.duty import Hands
from runs.controller.settings import ControllerSettings
from runs.superseding import Closure

TEXT = """\
version: 1
cluster: {{namespace: ci, image: "registry.example.com/hookline:1"}}
controller: {controller}
sources:
  {host}: {{host: {host}, endpoint: /hook, secret: {{name: hooks, key: secret}}{report}}}
pipelines:
  shop:
    repository: {{source: {host}, name: "{repository}", url: "https://git.example.com/acme/shop.git"}}
    image: registry.example.com/acme/shop
    run: {{template: hookline-ci-go}}
    events: {events}
"""
PUSHES = "{push: {branches: [main]}}"
GROUPS = "{push: {branches: [main]}, merge_group: {}}"
TIMES = "{schedule: {at: '0 3 * * *'}}"
REPORT = ", report: {token: {name: statuses, key: token}}"
EVENTS = "{push: {branches: [main]}, pull_request: {}, tag: {tags: ['v*']}}"
BODIES = {
    "github": payload("github/pull_request-opened"),
    "gitea": payload("gitea/pull_request-opened"),
    "gitlab": payload("gitlab/merge_request"),
}
HEADERS = {"github": "X-Github-Event", "gitea": "X-Gitea-Event", "gitlab": "X-Gitlab-Event"}
NAMES = {"github": "pull_request", "gitea": "pull_request", "gitlab": "Merge Request Hook"}
RECEIVED = datetime.datetime(2026, 11, 27, 10, 0, 0, 750_000, datetime.UTC)


def text(controller: str = "{}", kind: str = "gitea", **changes: str) -> str:
    usual = {"report": REPORT, "repository": "acme/shop", "events": EVENTS}
    return TEXT.format(controller=controller, host=kind, **{**usual, **changes})


def two(controller: str, own: str) -> str:
    """The pipeline shop with a setting of its own, and cart without."""
    cart = """\
  cart:
    repository: {source: gitea, name: acme/cart, url: "https://git.example.com/acme/cart.git"}
    image: registry.example.com/acme/cart
    run: {template: hookline-ci-go}
    events: {push: {branches: [main]}, pull_request: {}}
"""
    return text(controller) + f"    supersede: {own}\n" + cart


def asked(folder: Path, command: str, content: str) -> Any:
    path = folder / "hookline.yaml"
    path.write_text(content, "utf-8")
    return CliRunner().invoke(main, [command, str(path)])


def rendered(folder: Path, content: str) -> list[dict[str, Any]]:
    done = asked(folder, "render", content)
    assert done.exit_code == 0, done.stderr
    return list(read_yaml(done.stdout))


@pytest.mark.parametrize(
    ("controller", "kinds"),
    [
        ("{}", ["pull_request"]),
        ("{supersede: true}", ["pull_request"]),
        ("{supersede: [push]}", ["push"]),
        ("{supersede: [push, pull_request]}", ["pull_request", "push"]),
        ("{supersede: false}", None),
    ],
)
def test_requests_are_superseded_and_branches_where_that_is_asked_for(
    tmp_path: Path, controller: str, kinds: list[str] | None
) -> None:
    (found,) = [
        yaml.safe_load(each["data"]["settings.yaml"])
        for each in rendered(tmp_path, text(controller))
        if each["kind"] == "ConfigMap"
    ]
    assert found.get("supersede") == (None if kinds is None else {"gitea": kinds})
    settings = ControllerSettings.model_validate({"supersede": found.get("supersede", {})})
    assert settings.supersede == ({} if kinds is None else {"gitea": kinds})


def test_a_source_is_named_only_for_kinds_that_a_pipeline_listens_to(tmp_path: Path) -> None:
    content = text("{supersede: [push, pull_request]}", events="{push: {branches: [main]}}")
    (found,) = [each for each in rendered(tmp_path, content) if each["kind"] == "ConfigMap"]
    assert yaml.safe_load(found["data"]["settings.yaml"])["supersede"] == {"gitea": ["push"]}


@pytest.mark.parametrize(
    ("controller", "own", "source", "pipelines"),
    [
        ("{}", "false", ["pull_request"], {"shop": []}),
        ("{}", "true", ["pull_request"], None),
        ("{}", "[pull_request]", ["pull_request"], None),
        ("{}", "[push, pull_request]", ["pull_request"], {"shop": ["pull_request", "push"]}),
        ("{supersede: false}", "true", None, {"shop": ["pull_request"]}),
        ("{supersede: false}", "false", None, None),
        ("{supersede: [push]}", "[pull_request]", ["push"], {"shop": ["pull_request"]}),
    ],
)
def test_a_pipeline_is_named_only_where_it_says_otherwise_than_the_controller(
    tmp_path: Path, controller: str, own: str, source: list[str] | None, pipelines: dict[str, Any] | None
) -> None:
    content = two(controller, own)
    (found,) = [
        yaml.safe_load(each["data"]["settings.yaml"])
        for each in rendered(tmp_path, content)
        if each["kind"] == "ConfigMap"
    ]
    assert found.get("supersede") == (None if source is None else {"gitea": source})
    assert found.get("supersede_pipelines") == pipelines
    ControllerSettings.model_validate({"supersede_pipelines": found.get("supersede_pipelines", {})})


def test_no_workflow_changes_with_whether_it_can_be_superseded(tmp_path: Path) -> None:
    told, untold = (
        [each for each in rendered(tmp_path, two("{}", own)) if each["kind"] == "Sensor"]
        for own in ("false", "true")
    )
    assert told == untold


@pytest.mark.parametrize(
    ("controller", "own", "events", "said"),
    [
        (
            "{}",
            "true",
            PUSHES,
            "the pipeline does not listen to pull_request; write [push] for branches, add pull_request: to its events, or",
        ),
        (
            "{}",
            "[push]",
            "{pull_request: {}}",
            "the pipeline does not listen to push; add push: to its",
        ),
        ("{}", "[tag]", EVENTS, "runs of tag are never superseded, since each tag is built for itself"),
        ("{}", "[]", EVENTS, ""),
        ("", "true", EVENTS, "nothing stops runs without the controller; add controller: {}"),
        ("", "[push]", EVENTS, "nothing stops runs without the controller; add controller: {}"),
    ],
)
def test_a_pipeline_that_asks_for_what_cannot_be_is_refused_with_its_place(
    tmp_path: Path, controller: str, own: str, events: str, said: str
) -> None:
    content = text(controller, events=events, report=REPORT if controller else "") + f"    supersede: {own}\n"
    if not controller:
        content = content.replace("controller: \n", "")
    done = asked(tmp_path, "validate", content)
    assert done.exit_code == 2
    line = len(content.splitlines())
    assert f"hookline.yaml:{line}:1" in done.stderr
    assert "error: pipelines.shop.supersede" in done.stderr
    assert said in done.stderr


def test_a_pipeline_that_says_false_needs_no_controller(tmp_path: Path) -> None:
    content = text(report="").replace("controller: {}\n", "") + "    supersede: false\n"
    assert asked(tmp_path, "validate", content).exit_code == 0


@pytest.mark.parametrize(("own", "code"), [("true", 0), ("[push]", 0), ("false", 2)])
def test_a_controller_without_reports_has_something_to_do_for_a_pipeline_that_asks(
    tmp_path: Path, own: str, code: int
) -> None:
    done = asked(tmp_path, "validate", text(report="") + f"    supersede: {own}\n")
    assert done.exit_code == code, done.stderr


@pytest.mark.parametrize(
    ("value", "column", "said"),
    [
        ("[tag]", 26, "runs of tag are never superseded, since each tag is built for itself; accepted: pull_request, push"),
        ("[push, schedule]", 32, "runs of schedule are never superseded, since no commit made it; accepted: pull_request, push"),
        ("[image_push]", 26, "runs of image_push are never superseded, since no commit made it; accepted: pull_request, push"),
        ("[manual]", 26, "runs of manual are never superseded, since a person wants it; accepted: pull_request, push"),
        ("[merge_group]", 26, "never superseded, since the host ends its groups itself; accepted: pull_request, push"),
        ("[pushes]", 26, "pushes is no kind; accepted: pull_request, push"),
        ("[]", 25, ""),
        ("[3]", 26, ""),
        ("push", 25, ""),
    ],
)  # fmt: skip
def test_kinds_that_are_never_superseded_are_refused_with_their_place(
    tmp_path: Path, value: str, column: int, said: str
) -> None:
    done = asked(tmp_path, "validate", text(f"{{supersede: {value}}}"))
    assert done.exit_code == 2
    assert f"hookline.yaml:3:{column}: error: controller.supersede" in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(
    ("controller", "code"),
    [("{supersede: true}", 0), ("{supersede: [push]}", 0), ("{supersede: false}", 2), ("{}", 2), ("{cancel_closed: true}", 0)],
)  # fmt: skip
def test_a_controller_without_reports_has_something_to_do_where_runs_are_to_be_stopped(
    tmp_path: Path, controller: str, code: int
) -> None:
    done = asked(tmp_path, "validate", text(controller, report=""))
    assert done.exit_code == code, done.stderr
    assert ("the controller has nothing to do" in done.stderr) is (code == 2)


@pytest.mark.parametrize("events", [PUSHES, GROUPS, TIMES])
@pytest.mark.parametrize("report", ["", REPORT])
@pytest.mark.parametrize(
    ("controller", "column", "said"),
    [
        ("{cancel_closed: true}", 14, "controller.cancel_closed: no pipeline listens to requests, so no run"),
        ("{supersede: true}", 14, "controller.supersede: no pipeline listens to requests, so no commit"),
        ("{supersede: [pull_request]}", 26, "controller.supersede.0: no pipeline listens to pull_request"),
    ],
)
def test_a_setting_that_could_stop_no_run_is_refused_with_its_place(
    tmp_path: Path, controller: str, column: int, said: str, events: str, report: str
) -> None:
    done = asked(tmp_path, "validate", text(controller, kind="github", events=events, report=report))
    assert done.exit_code == 2
    assert f"hookline.yaml:3:{column}: error: {said}" in done.stderr


def test_branches_that_no_pipeline_builds_are_not_superseded(tmp_path: Path) -> None:
    done = asked(tmp_path, "validate", text("{supersede: [push]}", events="{pull_request: {}}"))
    assert done.exit_code == 2
    assert "hookline.yaml:3:26: error: controller.supersede.0: no pipeline listens to push;" in done.stderr


def test_one_kind_of_a_list_that_starts_nothing_is_a_warning(tmp_path: Path) -> None:
    done = asked(tmp_path, "validate", text("{supersede: [push, pull_request]}", events=PUSHES))
    assert done.exit_code == 0, done.stderr
    assert (
        "hookline.yaml:3:32: warning: controller.supersede.1: no pipeline listens to pull_request;"
        in done.stderr
    )


@pytest.mark.parametrize(
    "controller", ["{}", "{supersede: false}", "{cancel_closed: false, supersede: [push]}"]
)
def test_what_stops_runs_or_was_not_asked_for_is_told_nothing(tmp_path: Path, controller: str) -> None:
    done = asked(tmp_path, "validate", text(controller, events=PUSHES))
    assert done.exit_code == 0, done.stderr
    assert "listens" not in done.stderr


def test_closes_are_heard_on_the_bus_where_that_is_asked_for_and_only_there() -> None:
    for controller, names in (("{cancel_closed: true}", ["bus"]), ("{}", [])):
        found = companions(made("github", controller), lambda _: pytest.fail("nothing is asked yet"))
        assert [each.name for each in found] == names


def test_the_right_to_read_the_bus_is_given_only_where_closes_are_heard(tmp_path: Path) -> None:
    for controller, given in (("{cancel_closed: true}", True), ("{}", False)):
        rules = [
            rule
            for each in rendered(tmp_path, text(controller))
            if each["kind"] == "Role"
            and each["metadata"]["labels"]["app.kubernetes.io/component"] == "controller"
            for rule in each["rules"]
        ]
        assert any("secrets" in rule["resources"] for rule in rules) is given
        assert all("create" not in rule["verbs"] for rule in rules if "workflows" in rule["resources"])


def test_a_bus_that_hookline_cannot_read_is_refused_for_closes(tmp_path: Path) -> None:
    content = text("{cancel_closed: true}").replace("{namespace: ci,", "{platform: ack-one, namespace: ci,")
    done = asked(tmp_path, "validate", content)
    assert done.exit_code == 2
    assert "controller.cancel_closed: the bus of ack-one is NATS Streaming" in done.stderr


# The bus


def made(kind: str, controller: str = "{cancel_closed: true}") -> Plan:
    return plan(text(controller, kind, repository=REPOSITORIES[kind]))


def repository(kind: str) -> str:
    body = BODIES[kind]
    return str(
        body["project"]["path_with_namespace"] if kind == "gitlab" else body["repository"]["full_name"]
    )


REPOSITORIES = {kind: repository(kind) for kind in BODIES}
NUMBERS = {
    kind: body["object_attributes"]["iid"] if kind == "gitlab" else body["pull_request"]["number"]
    for kind, body in BODIES.items()
}


def acted(kind: str, action: str) -> Any:
    """The host's event for what happened to a request."""
    body = BODIES[kind]
    if kind == "gitlab":
        word = {"closed": "close", "merged": "merge", "reopened": "reopen", "opened": "open"}.get(
            action, action
        )
        return edited(body, object_attributes__action=word)
    merged = {"pull_request__merged": action == "merged"}
    return edited(body, action="closed" if action == "merged" else action, **merged)


def heard(
    kind: str, *actions: str, event_source: str | None = None, timed: bool = True
) -> list[list[Closure]]:
    """What the duty hands over in each round; one round for all these events, one without any."""
    found, rounds = made(kind), []
    hands = Hands(
        Connection.plain("http://127.0.0.1:1"),
        ControllerSettings(),
        lambda *_: None,
        lambda each: rounds.append(list(each)),
    )
    duty = Closing(found, hands)
    for place, action in enumerate(actions, 1):
        delivery = received(found, kind, acted(kind, action), place)
        if event_source is not None:
            delivery = BusEvent(event_source, delivery.event_name, delivery.data, delivery.context)
        if not timed:
            delivery = replace(delivery, context={})
        answer = simulate(found, delivery)
        duty.arrived(Arrival(Message(place, RECEIVED, "", b""), delivery, answer.event, answer.results))
    assert rounds == []
    duty.looked(0.0)
    duty.looked(0.0)
    return rounds


def received(found: Plan, kind: str, body: Any, second: int) -> BusEvent:
    delivery = bus_event(
        Delivery({HEADERS[kind]: (NAMES[kind],)}, json.dumps(body).encode()),
        host(kind),
        found.endpoints[kind].event_source,
        kind,
    )
    when = (RECEIVED + datetime.timedelta(seconds=second)).isoformat(timespec="seconds")
    return BusEvent(delivery.event_source, delivery.event_name, delivery.data, {"id": "1", "time": when})


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("action", ["closed", "merged", "reopened", "opened"])
def test_each_host_says_which_request_is_closed(kind: str, action: str) -> None:
    when = float(int(RECEIVED.timestamp())) + 1
    wanted = Closure(
        kind,
        REPOSITORIES[kind].lower(),
        NUMBERS[kind],
        when,
        closed=action in {"closed", "merged"},
        pipelines=frozenset({"shop"}),
    )
    assert heard(kind, action) == [[wanted]]


@pytest.mark.parametrize("kind", BODIES)
def test_a_close_is_handed_over_together_with_what_followed_it_in_the_round(kind: str) -> None:
    (found,) = heard(kind, "closed", "reopened")
    assert [each.closed for each in found] == [True, False]


@pytest.mark.parametrize("kind", BODIES)
def test_other_actions_say_nothing_of_whether_a_request_is_open(kind: str) -> None:
    assert heard(kind, "labeled", "edited", "assigned", "update") == []


def test_an_event_of_another_event_source_closes_nothing() -> None:
    assert heard("github", "closed", event_source="foreign") == []


def test_an_event_that_tells_no_time_counts_from_its_place_on_the_bus_in_whole_seconds() -> None:
    ((found,),) = heard("github", "closed", timed=False)
    assert found.time == int(RECEIVED.timestamp())
