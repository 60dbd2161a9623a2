"""The bus of real Argo Events, read by hookline: what events says of it, and what reconcile brings back."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from cluster.fleet import fleet, push_event
from cluster.installation import API, Installation
from cluster.test_faults import start_sensors, stop_sensors
from cluster.waiting import until

from bus.address import address_of
from bus.names import CLIENT_PORT
from hookline.cli import main

REPOSITORIES = 20
SHARDS = 2
SETTLED_SECONDS = 8.0
"""Longer than what reconcile allows for clocks: an event that follows is provably one of the declaration."""


@pytest.fixture
def file(site: Installation, tmp_path: Path) -> Path:
    """The declaration, installed; events that follow are younger than it."""
    text = fleet(REPOSITORIES, SHARDS).replace("namespace: ci", f"namespace: {site.namespace}")
    path = tmp_path / "hookline.yaml"
    path.write_text(text, "utf-8")
    # Runs start, and wait for a node that there is not.
    site.api.apply(yaml.safe_load((Path(__file__).parent / "ci-go-v1.yaml").read_text("utf-8")))
    site.install(text)
    pause(SETTLED_SECONDS)
    return path


def pause(seconds: float) -> None:
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end, f"{seconds:.0f} s went by", seconds + 10)


def hookline(site: Installation, file: Path, *arguments: str) -> Result:
    (server,) = site.pods("EventBus/default")
    cluster = (
        "--kubeconfig",
        str(site.cluster.kubeconfig),
        "--bus-url",
        f"tls://{server.address.ip}:{CLIENT_PORT}",
    )
    return CliRunner().invoke(main, [*arguments, "-f", str(file), *cluster])


def answer(site: Installation, file: Path, *arguments: str, code: int = 0) -> Any:
    result = hookline(site, file, *arguments, "-o", "json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def names(workflows: list[Any]) -> set[str]:
    return {each["metadata"]["name"] for each in workflows}


def test_events_are_listed_with_the_runs_that_they_started(site: Installation, file: Path) -> None:
    site.bus.publish([push_event(site, number) for number in range(REPOSITORIES)])
    started = names(site.until_workflows(REPOSITORIES))
    found = answer(site, file, "events")
    assert [each["sequence"] for each in found["items"]] == list(range(REPOSITORIES, 0, -1))
    assert {each["pipelines"][0]["run"] for each in found["items"]} == started
    assert all(
        each["pipelines"][0]["workflow"]["name"] == each["pipelines"][0]["run"] for each in found["items"]
    )
    assert found["bus"]["keepsSeconds"] == 72 * 3600
    one = found["items"][3]["event"]
    for named in (one["sha"], f"bus:{one['delivery']}", f"bus:{found['items'][3]['sequence']}"):
        explained = answer(site, file, "explain", found["items"][3]["pipelines"][0]["pipeline"], "-e", named)
        assert (explained["verdict"], explained["event"]["sha"]) == ("run", one["sha"])


def test_the_address_of_the_bus_is_that_of_its_service(site: Installation, file: Path) -> None:
    found = address_of(site.api.get(API, "EventBus", "default", site.namespace))
    assert found.is_in_cluster
    assert (found.host, found.port) == (f"eventbus-default-js-svc.{site.namespace}.svc", CLIENT_PORT)
    assert found.access is not None
    assert found.verification is None


def test_what_was_lost_comes_back_and_nothing_runs_twice(site: Installation, file: Path) -> None:
    site.bus.publish([push_event(site, number) for number in range(REPOSITORIES)])
    before = site.until_workflows(REPOSITORIES)
    deleted = sorted(names(before))[:3]
    for name in deleted:
        site.api.delete(API, "Workflow", name, site.namespace)
    stop_sensors(site)
    site.bus.publish([push_event(site, number, commit=1) for number in range(10)])
    young = answer(site, file, "reconcile", "--dry-run", "--grace", "1h")
    assert young["counts"] == {"EXISTS": REPOSITORIES - 3, "WAITING": 13}
    pause(SETTLED_SECONDS)
    asked = answer(site, file, "reconcile", "--grace", "1s", "--dry-run", code=1)
    assert asked["counts"] == {"EXISTS": REPOSITORIES - 3, "LOST": 13}
    made = answer(site, file, "reconcile", "--grace", "1s")
    assert {each["action"] for each in made["items"]} == {"created"}
    found = names(site.workflows())
    assert len(found) == REPOSITORIES + 10
    assert names(before) <= found
    # The Sensors come back to their ten events, and find every run there.
    start_sensors(site)
    site.until_ready()
    assert names(site.until_workflows(REPOSITORIES + 10)) == found
    assert answer(site, file, "reconcile", "--grace", "1s")["items"] == []


def test_a_run_that_had_ended_is_not_built_again(site: Installation, file: Path) -> None:
    site.bus.publish([push_event(site, number) for number in range(3)])
    ended, deleted, _ = sorted(names(site.until_workflows(3)))
    until(lambda: all(started(each) for each in site.workflows()), "all three run")
    site.api.patch(API, "Workflow", ended, site.namespace, {"spec": {"shutdown": "Terminate"}})
    until(
        lambda: site.api.get(API, "Workflow", ended, site.namespace)["status"].get("finishedAt"), "it ended"
    )
    pause(SETTLED_SECONDS)
    for name in (ended, deleted):
        site.api.delete(API, "Workflow", name, site.namespace)
    found = answer(site, file, "reconcile", "--grace", "1s")
    assert {each["run"]: each["action"] for each in found["items"]} == {
        ended: "left alone",
        deleted: "created",
    }
    assert found["counts"] == {"ENDED": 1, "EXISTS": 1, "LOST": 1}


def started(workflow: Any) -> bool:
    """Whether the controller has begun it."""
    return bool(workflow.get("status", {}).get("startedAt"))


def test_reconcile_beside_sensors_that_work_doubles_nothing(site: Installation, file: Path) -> None:
    events = [push_event(site, number, commit) for commit in range(5) for number in range(REPOSITORIES)]
    site.bus.publish(events)
    created = 0
    for _ in range(8):
        found = answer(site, file, "reconcile", "--grace", "1s")
        created += sum(each["action"] == "created" for each in found["items"])
    print(f"reconcile beside busy Sensors created {created} of {len(events)}")
    site.until_workflows(len(events))


def test_an_edit_of_the_declaration_builds_nothing_of_the_past(site: Installation, file: Path) -> None:
    site.bus.publish([push_event(site, number) for number in range(5)])
    started = names(site.until_workflows(5))
    site.bus.publish([push_event(site, number, branch="next") for number in range(5)])
    site.bus.until_settled(site.consumers)
    text = file.read_text("utf-8").replace("branches: [main]", "branches: [main, next]")
    file.write_text(text, "utf-8")
    early = answer(site, file, "reconcile", "--grace", "1s")
    assert {each["reason"] for each in early["items"]} == {"NOT_APPLIED"}
    site.apply(text)
    site.start()
    pause(SETTLED_SECONDS)
    late = answer(site, file, "reconcile", "--grace", "1s")
    assert {each["reason"] for each in late["items"]} == {"OLDER"}
    assert len(late["items"]) == 5
    assert names(site.workflows()) == started
