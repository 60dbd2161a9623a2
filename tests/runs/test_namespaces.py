"""Several namespaces, each watched by itself: what happens in one neither waits for another nor is lost with it."""

import functools
import re
import urllib.error
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from api_objects import START, History, green_run
from exporter_process import ExporterThread, wait_less
from fake_api_server import FakeApiServer, fake_api_server
from support import exporter_of

from apiserver.lease import Lease
from runs.exporter.configuration import Configuration
from runs.exporter.counting import RESOURCES, Change, Counting, records
from runs.exporter.ledger import Ledger
from runs.exporter.measuring_rules import make_rules

TWO = ("ci", "team")
KEEP = records(Configuration().templates)


def counting(path: Path | None = None) -> Counting:
    ledger = Ledger(path, START, count_from=START - 1)
    return Counting(ledger, make_rules(Configuration(), ledger), namespaces=TWO)


def placed(history: History, namespace: str) -> list[tuple[str, str, dict[str, Any]]]:
    """The last state of everything of a history, in this namespace."""
    last = {
        (resource, raw["metadata"]["uid"]): (resource, kind, raw) for resource, kind, raw in history.changes()
    }
    return [
        (resource, kind, {**raw, "metadata": {**raw["metadata"], "namespace": namespace}})
        for resource, kind, raw in last.values()
    ]


def give(
    found: Counting, history: History, namespace: str, *, without: str = "", now: float = START + 500
) -> None:
    for resource, _, raw in placed(history, namespace):
        if resource != without:
            take(found, [Change(resource, "changed", KEEP[resource](raw))], now)


def synced(namespace: str) -> list[Change]:
    return [Change(each, "synced", namespace=namespace) for each in RESOURCES]


def take(found: Counting, changes: Sequence[Change], now: float) -> None:
    """Take changes in; every log that is asked for is gone."""
    _, requests = found.apply(changes, now)
    if requests:
        take(found, [Change("logs", "read", uid=each.uid, result="gone") for each in requests], now)


def settle(found: Counting, now: float) -> None:
    """Let the time pass in which something may come late."""
    for later in (0, 60):
        take(found, [], now + later)


def counted(found: Counting, namespace: str) -> object:
    return found.ledger.series.get("hookline_runs_total", (namespace, "", "shop", "push", "success"))


def test_a_namespace_that_cannot_be_listed_keeps_no_run_of_another_from_being_counted() -> None:
    found = counting()
    # Its pods are missing, so the run waits until it is certain that they do not come.
    give(found, green_run("a", START), "ci", without="pods")
    take(found, synced("ci"), START + 500)
    settle(found, START + 600)
    assert counted(found, "ci") == 1


def test_a_run_of_a_namespace_that_is_still_listed_waits_for_its_pods() -> None:
    found = counting()
    give(found, green_run("a", START), "team", without="pods")
    take(found, synced("ci"), START + 500)
    settle(found, START + 600)
    assert counted(found, "team") in (
        None,
        0,
    )
    give(found, green_run("a", START), "team")
    take(found, synced("team"), START + 900)
    settle(found, START + 900)
    assert counted(found, "team") == 1


def test_a_run_that_was_missed_is_lost_only_when_every_namespace_was_listed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    before = counting(path)
    workflow = next(raw for resource, _, raw in green_run("a", START).changes() if resource == "workflows")
    before.apply([Change("workflows", "changed", KEEP["workflows"](workflow))], START + 1)
    assert before.ledger.open_runs()
    before.ledger.close()
    found = counting(path)
    lost = ("hookline_observations_lost_total", ("run",))
    take(found, synced("team"), START + 100)
    assert found.ledger.series.get(*lost) in (None, 0)
    take(found, synced("ci"), START + 200)
    assert found.ledger.series.get(*lost) == 1


# --- The whole exporter -------------------------------------------------------------------------------------------------


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    with fake_api_server() as server:
        yield server


def store(api: FakeApiServer, history: History, namespace: str) -> None:
    api.logs |= {raw["metadata"]["name"]: b"" for resource, _, raw in history.changes() if resource == "pods"}
    for resource, _, raw in placed(history, namespace):
        api.store(resource, raw)


def runs(served: ExporterThread, namespace: str) -> float:
    return sum(
        each.value
        for each in served.samples()
        if each.name == "hookline_runs_total" and each.labels["namespace"] == namespace
    )


@pytest.fixture
def threads(tmp_path: Path) -> Iterator[list[ExporterThread]]:
    found: list[ExporterThread] = []
    with wait_less():
        yield found
        for each in found:
            each.stop()


def begun(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    Ledger(path, START, count_from=START - 1).close()
    return path


def test_each_namespace_is_watched_by_itself_and_each_run_counted_once(
    api: FakeApiServer, tmp_path: Path, threads: list[ExporterThread]
) -> None:
    for name, namespace in (("a", "ci"), ("b", "team"), ("c", "other")):
        store(api, green_run(name, START), namespace)
    threads.append(ExporterThread(api.kubeconfig(tmp_path), namespaces=TWO, ledger=begun(tmp_path)))
    (served,) = threads
    served.until(lambda: served.ready() and runs(served, "ci") == runs(served, "team") == 1)
    assert runs(served, "other") == 0
    asked = {path for _, path in api.asked if "leases" not in path and "/log" not in path}
    assert {re.sub(r"[^/]*$", "", path) for path in asked} == {
        f"/{root}/namespaces/{namespace}/"
        for root in ("apis/argoproj.io/v1alpha1", "api/v1")
        for namespace in TWO
    }
    assert "ci, team" in served.get("/")


def test_a_refused_namespace_is_named_while_the_runs_of_the_others_are_counted(
    api: FakeApiServer, tmp_path: Path, threads: list[ExporterThread]
) -> None:
    store(api, green_run("a", START), "ci")
    api.forbidden.add("team")
    threads.append(ExporterThread(api.kubeconfig(tmp_path), namespaces=TWO, ledger=begun(tmp_path)))
    (served,) = threads
    served.until(lambda: runs(served, "ci") == 1)
    with pytest.raises(urllib.error.HTTPError) as refused:
        served.ready()
    with refused.value as answer:
        reason = answer.read().decode()
    assert "workflows in namespace team: Forbidden: 403" in reason
    assert "namespace ci" not in reason
    store(api, green_run("b", START), "team")
    api.forbidden.clear()
    served.until(lambda: served.ready() and runs(served, "team") == 1)


def test_the_roles_grant_what_the_exporter_asks_for_and_nothing_else(
    api: FakeApiServer, tmp_path: Path, threads: list[ExporterThread], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The requests of an exporter in one namespace that watches another, beside the Roles that are rendered for it."""
    monkeypatch.setattr("runs.exporter.instance.Lease", functools.partial(Lease, seconds=0.5))
    store(api, green_run("a", START), "team")
    threads.append(
        ExporterThread(
            api.kubeconfig(tmp_path),
            namespaces=("team",),
            ledger=begun(tmp_path),
            lease=("ops", "hookline-exporter"),
        )
    )
    (served,) = threads
    served.until(lambda: served.ready() and runs(served, "team") == 1)
    # It renews the lease, and lists again by pages where a server knows no streamed lists.
    api.streaming_lists = False
    api.compact()
    api.end_watches()
    served.until(lambda: {method for method, path in api.asked if "leases" in path} == {"GET", "POST", "PUT"})
    granted = {
        (verb, resource, each["metadata"]["namespace"])
        for each in exporter_of("ops", "x", watch=("team",))
        if each["kind"] == "Role"
        for rule in each["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    served.until(lambda: {used(*each) for each in api.asked} >= granted)
    assert {used(*each) for each in api.asked} == granted


def used(method: str, path: str) -> tuple[str, str, str]:
    """Verb, resource and namespace of a request, as access rules name them."""
    path, _, query = path.partition("?")
    match = re.fullmatch(r"/apis?/.*?/namespaces/([^/]+)/([a-z]+)(?:/([^/]+)(/log)?)?", path)
    assert match is not None, path
    namespace, resource, name, log = match.groups()
    verb = {"POST": "create", "PUT": "update"}.get(method)
    if verb is None:
        verb = "get" if name else "watch" if "watch=true" in query else "list"
    return verb, f"{resource}{log or ''}", namespace
