"""What listeners are owed: written with the fact or not at all, delivered at least once, bounded, and never waited for."""

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import structlog
from api_objects import START, green_run, history, workflow
from http_sink import HttpSink, http_sink

from documents.reading import read_document
from documents.validation import validate_document
from runs.cdevents import CDEvents, attempt_event, run_event
from runs.exporter.configuration import WANTED, Configuration
from runs.exporter.counting import RESOURCES, Change, Counting, records
from runs.exporter.ledger import Ledger, Observation
from runs.exporter.listeners import Listeners
from runs.exporter.measuring_rules import make_rules
from runs.facts import Attempt, Began, Ended, Listener
from runs.listener_settings import ListenerSettings
from runs.outbox import Delivery, Outbox, Post
from runs.posting import http_post

RUN = Began(uid="u1", namespace="ci", name="shop-1", pipeline="shop", event="push", created=1.0)
ENDED = Ended(run=RUN, outcome="error", phase="Error", message="no node", started=2.0, finished=90.0)
ATTEMPT = Attempt("run-test", "shop-1-t", "failure", "spot", "eci", 1.0, 2.0, 3.0, uid="p1")
FAILED = [("git-checkout-pr", "Succeeded", 0), ("run-test", "Failed", 1)]
VERSION_1 = Path(__file__).parents[1] / "data" / "ledger-version-1.sql"
VERSION_3 = VERSION_1.with_name("ledger-version-3.sql")


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with http_sink() as found:
        yield found


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.outbox.FIRST_PAUSE_SECONDS", 0.002)
    monkeypatch.setattr("runs.outbox.LONGEST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("runs.outbox.IDLE_SECONDS", 0.01)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


class Told:
    """A listener that remembers what it was told."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, str]] = []

    def began(self, run: Began) -> None:
        self.facts.append(("began", run.name))

    def attempt_ended(self, run: Began, attempt: Attempt) -> None:
        self.facts.append((f"{attempt.step} {attempt.outcome}", run.name))

    def ended(self, run: Ended) -> None:
        self.facts.append((f"ended {run.outcome}", run.run.name))


def play(ledger: Ledger, listeners: Sequence[Listener], *changes: tuple[str, str, Any]) -> None:
    """Give raw objects to the counting core, with logs that are gone."""
    configuration = Configuration()
    counting = Counting(ledger, make_rules(configuration, ledger), listeners)
    keep = records(configuration.templates)
    for resource, kind, raw in changes:
        action: Any = "deleted" if kind == "DELETED" else "changed"
        _, requests = counting.apply([Change(resource, action, keep[resource](raw))], START)
        counting.apply([Change("logs", "read", uid=each.uid, result="gone") for each in requests], START)
    counting.apply([Change(each, "synced") for each in RESOURCES], START)
    counting.apply([], START + 60)


def owe(ledger: Ledger, *facts: Ended) -> None:
    """Count facts, and owe their events."""
    listener = CDEvents(ledger.outbox("cdevents"), "/ci")

    def tell(counted: Sequence[Observation], _: Sequence[str]) -> None:
        for each in counted:
            if isinstance(each.fact, Ended):
                listener.ended(each.fact)

    ledger.commit([Observation(each.key, each.finished, (), fact=each) for each in facts], tell=tell)


def numbered(count: int) -> list[Ended]:
    return [
        Ended(run=RUN, outcome="success", phase="Succeeded", finished=100.0 + each) for each in range(count)
    ]


# Listeners


def test_a_listener_is_told_begin_attempts_and_end_once_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    changes = [
        *green_run("a", START).changes(),
        *history("b", START + 60, FAILED).changes(),
        ("workflows", "ADDED", workflow("c", START + 100)),
    ]
    told = Told()
    # After a restart the lists give each object as it is then.
    newest = {(resource, raw["metadata"]["uid"]): (resource, kind, raw) for resource, kind, raw in changes}
    for given in (changes, newest.values()):
        ledger = Ledger(path, START, count_from=START - 1)
        play(ledger, [told], *given)
        ledger.close()
    by_run = {
        name: [fact for fact, run in told.facts if run == name] for name in ("shop-a", "shop-b", "shop-c")
    }
    assert by_run == {
        "shop-a": [
            "began",
            "git-checkout-pr success",
            "run-test success",
            "build-push-image success",
            "ended success",
        ],
        "shop-b": ["began", "git-checkout-pr success", "run-test failure", "ended failure"],
        "shop-c": ["began"],
    }


def test_what_is_told_of_a_run_says_where_it_comes_from() -> None:
    found: list[Began] = []

    class Keep(Told):
        def began(self, run: Began) -> None:
            found.append(run)

    labels = {
        "hookline.dev/pipeline": "shop",
        "hookline.dev/event-kind": "push",
        "hookline.dev/source": "github",
        "hookline.dev/event": "0123456789abcdef",
    }
    by_annotation = workflow("a", START, labels=labels)
    by_annotation["metadata"]["annotations"]["hookline.dev/repository"] = "acme/shop"
    play(Ledger(None, START, count_from=START - 1), [Keep()], ("workflows", "ADDED", by_annotation))
    assert found == [
        Began(
            uid="a",
            namespace="ci",
            name="shop-a",
            template="ci-go-v1",
            pipeline="shop",
            source="github",
            repository="acme/shop",
            repo_name="shop",
            ref="refs/heads/main",
            sha="3f1c" * 10,
            event="push",
            event_id="event-a",
            event_hash="0123456789abcdef",
            event_time=START - 2,
            actor="alice",
            reason="MATCH",
            delivery="delivery-a",
            created=START,
        )
    ]


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://github.com/acme/shop.git", "acme/shop"),
        ("https://gitlab.example.com:8443/team/sub/shop", "team/sub/shop"),
        ("git@github.com:acme/shop.git", "acme/shop"),
        ("ssh://git@gitea.example.com:2222/acme/shop.git", "acme/shop"),
        ("https://user:token@host/acme/shop.git/", "acme/shop"),
        ("shop", ""),
        ("", ""),
        ("{{x}}", ""),
    ],
)
def test_without_an_annotation_the_repository_is_that_of_the_url(url: str, repository: str) -> None:
    from runs.objects import workflow_of

    parameters = {"arguments": {"parameters": [{"name": "repo_url", "value": url}]}}
    found = workflow_of(workflow("a", START, spec=parameters), frozenset({"ci-go-v1"}))
    assert found is not None
    assert found.repository == repository


# Events


def test_a_run_and_a_step_become_cdevents() -> None:
    run, step = run_event(ENDED, "/ci"), attempt_event(RUN, ATTEMPT, "/ci")
    data = run.get_data()
    assert isinstance(data, dict)
    assert (run.get_id(), data["context"]["id"]) == ("run/u1/90", "run/u1/90")
    assert data["context"]["type"] == "dev.cdevents.pipelinerun.finished.0.2.0"
    assert data["subject"]["id"] == "ci/shop-1"
    assert data["subject"]["content"] == {"pipelineName": "shop", "outcome": "error", "errors": "no node"}
    data = step.get_data()
    assert isinstance(data, dict)
    assert step.get_id() == "attempt/p1"
    assert data["subject"]["content"]["taskName"] == "run-test"
    assert data["subject"]["content"]["outcome"] == "failure"
    assert data["subject"]["content"]["pipelineRun"] == {"id": "u1", "source": "/ci"}


# The outbox


class Crash(Exception):
    pass


@pytest.mark.parametrize(
    ("place", "owed"), [("within transaction", 0), ("before commit", 0), ("after commit", 1)]
)
def test_a_crash_leaves_the_fact_counted_and_owed_or_neither(tmp_path: Path, place: str, owed: int) -> None:
    path = tmp_path / "ledger.db"

    def crash(here: str) -> None:
        if here == place:
            raise Crash

    ledger = Ledger(path, 0.0, crash_point=crash)
    with pytest.raises(Crash):
        owe(ledger, ENDED)
    ledger.close()
    again = Ledger(path, 0.0)
    assert (again.outbox("cdevents").waiting(), again.counted(ENDED.key, 90.0)) == (owed, bool(owed))
    owe(again, ENDED)
    assert again.outbox("cdevents").waiting() == 1


def test_a_message_without_its_fact_is_refused() -> None:
    with pytest.raises(RuntimeError, match="together with the fact"):
        Ledger(None, 0.0).outbox("cdevents").put("x", "text/plain", b"")


def test_delivery_deletes_what_arrived_and_goes_on_where_it_was(tmp_path: Path, sink: HttpSink) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path, 0.0)
    owe(ledger, *numbered(5))
    sink.usual = 503
    delivery = Delivery(ledger.outbox("cdevents"), http_post(sink.url), "cdevents")
    until(lambda: len(sink.bodies) >= 7)
    delivery.close(5)
    assert (delivery.sent, delivery.refused, ledger.outbox("cdevents").waiting()) == (0, 0, 5)
    ledger.close()
    sink.usual = 202
    again = Ledger(path, 0.0)
    delivery = Delivery(again.outbox("cdevents"), http_post(sink.url), "cdevents")
    until(lambda: again.outbox("cdevents").waiting() == 0)
    delivery.close(5)
    assert delivery.sent == 5
    assert sink.taken == {each.key: 1 for each in numbered(5)}


def test_a_sink_that_is_not_there_for_a_while_loses_nothing() -> None:
    with http_sink() as gone:
        url = gone.url
    ledger = Ledger(None, 0.0)
    with structlog.testing.capture_logs() as logs:
        delivery = Delivery(ledger.outbox("cdevents"), http_post(url), "cdevents")
        owe(ledger, *numbered(3))
        delivery.wake()
        until(lambda: logs)
        time.sleep(0.05)
        assert ledger.outbox("cdevents").waiting() == 3
    # Once, though it was tried again and again.
    assert [each["log_level"] for each in logs] == ["warning"]
    assert "nobody answers" in logs[0]["problem"]
    began = time.monotonic()
    delivery.close(5)
    assert time.monotonic() - began < 2  # what is owed stays owed: there is nothing to wait for


@pytest.mark.parametrize("answer", [400, 401, 404, 410, 422])
def test_a_message_that_is_refused_for_good_is_dropped_and_counted(sink: HttpSink, answer: int) -> None:
    ledger = Ledger(None, 0.0)
    owe(ledger, *numbered(2))
    sink.answers = [answer]
    delivery = Delivery(ledger.outbox("cdevents"), http_post(sink.url), "cdevents")
    until(lambda: ledger.outbox("cdevents").waiting() == 0)
    delivery.close(5)
    assert (delivery.sent, delivery.refused) == (1, 1)


@pytest.mark.parametrize("answer", [408, 425, 429, 500, 503, 302])
def test_a_message_that_is_refused_for_now_is_sent_again(sink: HttpSink, answer: int) -> None:
    ledger = Ledger(None, 0.0)
    owe(ledger, *numbered(2))
    sink.answers = [answer, answer]
    delivery = Delivery(ledger.outbox("cdevents"), http_post(sink.url), "cdevents")
    until(lambda: ledger.outbox("cdevents").waiting() == 0)
    delivery.close(5)
    assert (delivery.sent, delivery.refused, len(sink.bodies)) == (2, 0, 4)


def test_a_message_that_always_fails_does_not_hold_up_the_others(sink: HttpSink) -> None:
    ledger = Ledger(None, 0.0)
    owe(ledger, *numbered(3))
    first = numbered(1)[0].key
    post = http_post(sink.url)
    delivery = Delivery(
        ledger.outbox("cdevents"),
        lambda kind, body: 500 if first.encode() in body else post(kind, body),
        "cdevents",
    )
    until(lambda: ledger.outbox("cdevents").waiting() == 1)
    delivery.close(0.1)
    assert sink.taken == {each.key: 1 for each in numbered(3)[1:]}


def test_a_full_outbox_keeps_the_oldest_and_counts_what_it_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.exporter.ledger_outbox.MAX_WAITING", 3)
    ledger = Ledger(None, 0.0)
    with structlog.testing.capture_logs() as logs:
        owe(ledger, *numbered(5))
        owe(ledger, ENDED)
    assert (ledger.outbox("cdevents").waiting(), ledger.outbox("cdevents").dropped) == (3, 3)
    first = ledger.outbox("cdevents").first()
    assert first is not None
    assert first.id == numbered(1)[0].key
    assert [each["event"] for each in logs] == ["the outbox is full: new messages are dropped"]


FAULTS = """
CREATE TRIGGER deleted BEFORE DELETE ON outbox WHEN OLD.number = 1 BEGIN SELECT RAISE(ABORT, 'no room'); END;
CREATE TRIGGER tried BEFORE UPDATE ON outbox WHEN OLD.number = 1 BEGIN SELECT RAISE(ROLLBACK, 'gone'); END;
"""
"""The first message can be written no more; the second fault ends the transaction by itself, as a full disk does."""


def test_a_delivery_that_cannot_be_written_down_leaves_the_message_owed_and_the_ledger_usable(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path, 0.0).close()
    with sqlite3.connect(path) as database:
        database.executescript(FAULTS)
    database.close()
    ledger = Ledger(path, 0.0)
    owe(ledger, *numbered(2))
    outbox = ledger.outbox("cdevents")
    first = outbox.first()
    assert first is not None
    for write, said in ((outbox.delivered, "no room"), (outbox.failed, "gone")):
        with pytest.raises(sqlite3.IntegrityError, match=said):
            write(first.number)
        assert (outbox.waiting(), outbox.first()) == (2, first)
    # No transaction was left open: the next message is delivered, and another fact is counted.
    outbox.delivered(first.number + 1)
    owe(ledger, ENDED)
    ledger.close()
    again = Ledger(path, 0.0)
    assert (again.outbox("cdevents").waiting(), again.outbox("cdevents").first()) == (2, first)
    assert again.counted(ENDED.key, 90.0)
    again.close()


def test_a_sink_that_hangs_holds_up_no_counting() -> None:
    import threading

    release = threading.Event()
    ledger = Ledger(None, 0.0)

    def hang(*_: object) -> int:
        release.wait(10)
        return 200

    delivery = Delivery(ledger.outbox("cdevents"), hang, "cdevents")
    began = time.monotonic()
    for each in numbered(50):
        owe(ledger, each)
        delivery.wake()
    assert time.monotonic() - began < 5
    release.set()
    until(lambda: ledger.outbox("cdevents").waiting() == 0)
    delivery.close(5)
    assert delivery.sent == 50


# A ledger of version 1


def test_a_ledger_of_version_1_goes_on_with_an_outbox(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as database:
        database.executescript(VERSION_1.read_text())
        assert database.execute("PRAGMA user_version").fetchone() == (1,)
        kept = dict(database.execute("SELECT family || labels, value FROM series").fetchall())
    database.close()
    # The first list brings a run of shop, and with it the namespace of what was counted of shop.
    for open_runs, team in (({"open"}, ("", "")), (set[str](), ("ci", ""))):
        ledger = Ledger(path, START + 1000)
        assert ledger.series.get("hookline_runs_total", (*team, "shop", "push", "success")) == 1
        assert ledger.series.get("hookline_runs_total", (*team, "shop", "push", "failure")) == 1
        assert (ledger.open_runs(), ledger.outbox("cdevents").waiting()) == (open_runs, 0)
        assert [each.step for each in ledger.attempts("b")] == ["git-checkout-pr", "run-test"]
        run = ledger.run("ci", "shop-a")
        assert run is not None
        assert (run.outcome, len(run.attempts)) == ("success", 3)
        # The same runs are counted, and owed, no second time; the third was deleted meanwhile, so it is lost.
        told = Told()
        play(ledger, [told], *green_run("a", START).changes(), *history("b", START + 60, FAILED).changes())
        assert [fact for fact, _ in told.facts if fact != "began"] == []
        ledger.close()
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (6,)
        now = dict(database.execute("SELECT family || labels, value FROM series").fetchall())
    database.close()
    teams = re.compile(r'\["(ci)?", "", ')
    found = {(teams.sub("[", key), exact(value)) for key, value in now.items()}
    assert {(key, exact(value)) for key, value in kept.items() if "lost" not in key} <= found


def exact(text: str) -> object:
    """A kept value, whether its sum was written as a float or as a fraction."""
    value = json.loads(text)
    return (tuple(value[0]), Fraction(value[1])) if isinstance(value, list) else Fraction(value)


VERSION_2_OUTBOX = """
DROP TABLE outbox;
CREATE TABLE outbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, content_type TEXT NOT NULL, body BLOB NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX outbox_tries ON outbox (tries, number);
INSERT INTO outbox (id, content_type, body, tries) VALUES ('run/a/1', 'text/plain', X'61', 3), ('run/b/2', 'text/plain', X'62', 0);
PRAGMA user_version = 2;
"""


def test_events_that_wait_in_a_ledger_of_version_2_are_delivered(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as database:
        database.executescript(VERSION_3.read_text())
        database.executescript(VERSION_2_OUTBOX)
    database.close()
    outbox, found = Ledger(path, 0.0).outbox("cdevents"), []
    while (message := outbox.first()) is not None:
        found.append((message.id, message.body))
        outbox.delivered(message.number)
    assert found == [("run/b/2", b"b"), ("run/a/1", b"a")], "what was tried least comes first"


# A listener is its module and a field of the configuration.


class Mail:
    """A listener that is made up: it owes the name of each run that ended."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def began(self, run: Began) -> None:
        pass

    def attempt_ended(self, run: Began, attempt: Attempt) -> None:
        pass

    def ended(self, run: Ended) -> None:
        self._outbox.put(run.key, "text/plain", run.run.name.encode())


class MailSettings(ListenerSettings):
    to: str

    def listener(self, outbox: Outbox) -> Mail:
        return Mail(outbox)

    def post(self) -> Post:
        def post(_: str, body: bytes) -> int:
            POSTED.append((self.to, body.decode()))
            return 200

        return post


class SilentSettings(MailSettings):
    def listener(self, outbox: Outbox) -> Mail:
        return Silent(outbox)

    def post(self) -> None:  # type: ignore[override]
        return None


class Silent(Mail):
    def ended(self, run: Ended) -> None:
        POSTED.append(("nobody", run.run.name))


class More(Configuration):
    """The settings, if these listeners were among them."""

    mail: MailSettings | None = None
    silent: SilentSettings | None = None


POSTED: list[tuple[str, str]] = []


def test_each_listener_that_the_configuration_names_is_told_and_delivers_to_its_own_receiver(
    sink: HttpSink,
) -> None:
    POSTED.clear()
    sink.usual = 503
    text = f"cdevents: {{url: '{sink.url}'}}\nmail: {{to: alice}}\nsilent: {{to: nobody}}\n"
    configuration = validate_document(read_document(text.encode(), "exporter.yaml", WANTED), More)
    ledger = Ledger(None, START, count_from=START - 1)
    found = Listeners(configuration, ledger)
    play(ledger, found.listeners, *green_run("a", START).changes())
    found.wake()
    # The receiver of CDEvents is down; the mail does not wait for it.
    until(lambda: ("alice", "shop-a") in POSTED)
    until(lambda: found.results([0, 0, 0])["mail", "sent"] == 1)
    assert found.waiting() == {("cdevents",): 4, ("mail",): 0}
    sink.usual = 200
    until(lambda: found.waiting()["cdevents",] == 0)
    found.close(5)
    assert found.results([2, 0, 0]) == {
        ("cdevents", "sent"): 4,
        ("cdevents", "dropped"): 2,
        ("mail", "sent"): 1,
        ("mail", "dropped"): 0,
    }
    assert sorted(POSTED) == [("alice", "shop-a"), ("nobody", "shop-a")]
    assert sink.taken.total() == 4


def test_a_listener_that_is_not_named_is_not_made() -> None:
    found = Listeners(Configuration(), Ledger(None, 0.0))
    assert (found.listeners, found.results([]), found.waiting()) == ([], {}, {})
    found.close(5)
