"""What the exporter answers over HTTP: routes, escaping, passwords, certificates, reloads."""

import gzip
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import bcrypt
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries
from web_site import TLS, Fake, Site, a_run, basic, client, config

from runs.exporter.ledger import Ledger, Observation
from runs.exporter.web.pages import Pages, chart, duration, money
from runs.history import Attempt, Page, Query
from runs.step_logs import FailedTest, LogEnd, Place
from runs.web.web_config import Security


@pytest.fixture
def sites() -> Iterator[list[Site]]:
    made: list[Site] = []
    yield made
    for site in made:
        site.server.stop()


def test_every_route_answers(sites: list[Site]) -> None:
    site = Site(Fake(a_run()))
    sites.append(site)
    for path, status, text in (
        ("/", 200, "hookline exporter"),
        ("/-/healthy", 200, "healthy"),
        ("/-/ready", 200, "ready"),
        ("/metrics", 200, "m 1"),
        ("/runs", 200, "shop-1"),
        ("/runs/ci/shop-1", 200, "every rule lets it through"),
        ("/runs/shop-1", 200, "reclaimed"),
        ("/runs/ci/other", 404, "no such run"),
        ("/style.css", 200, "--page"),
        ("/favicon.ico", 404, "no such page"),
        ("/runs/a/b/c", 404, "no such page"),
        ("/%2e%2e/etc/passwd", 404, "no such page"),
    ):
        found = site.get(path)
        assert (path, found[0]) == (path, status)
        assert text in found[2].decode()
        assert "default-src 'none'" in found[1]["Content-Security-Policy"]
    assert site.get("/runs", "POST")[0] == 405
    head = site.get("/runs", "HEAD")
    assert (head[0], head[2]) == (200, b"")
    assert int(head[1]["Content-Length"]) > 1000


def test_metrics_are_zipped_for_who_takes_it(sites: list[Site]) -> None:
    site = Site(Fake())
    sites.append(site)
    for header, zipped in (
        ("gzip", True),
        ("gzip;q=0", False),
        ("deflate, gzip;q=0.5", True),
        ("identity", False),
    ):
        _, headers, body = site.get("/metrics", Accept_Encoding=header)
        assert headers.get("Content-Encoding") == ("gzip" if zipped else None)
        assert (gzip.decompress(body) if zipped else body) == b"m 1\n"


def test_what_is_not_ready_says_why(sites: list[Site]) -> None:
    site = Site(Fake(), ready="pods: not listed yet")
    sites.append(site)
    assert site.get("/-/ready")[0::2] == (503, b"not ready: pods: not listed yet\n")
    assert b"pods: not listed yet" in site.get("/")[2]


def test_an_error_of_our_own_is_answered_logged_with_its_traceback_counted_and_told(
    sites: list[Site],
) -> None:
    class Broken(Fake):
        def page(self, query: Query) -> Page:
            raise LookupError(f"no such column: {query.text}")

    site = Site(Broken())
    sites.append(site)
    assert site.get("/-/ready")[2] == b"hookline is ready\n"
    with structlog.testing.capture_logs() as logs:
        status, _, body = site.get("/runs?text=x")
        site.get("/runs")
    assert (status, body) == (500, b"hookline failed to answer; its log says why\n")
    assert [(each["log_level"], each["request"]) for each in logs] == [("error", "GET /runs")] * 2
    assert isinstance(logs[0]["exc_info"], LookupError)
    assert logs[0]["exc_info"].__traceback__ is not None
    assert site.failures.count == 2
    # The exporter still counts, so it stays ready; the line holds no text of the exception.
    status, _, body = site.get("/-/ready")
    told = "2 requests failed since the start, the last with LookupError; the log has the traceback"
    assert (status, body.decode()) == (200, f"hookline is ready\nwarning: {told}\n")
    assert told in site.get("/")[2].decode()


def test_what_clients_do_wrong_is_no_error_of_ours(tmp_path: Path, sites: list[Site]) -> None:
    text = f"tls_server_config:\n  cert_file: {TLS}/server.pem\n  key_file: {TLS}/server.key\n"
    site = Site(Fake(), Security(config(tmp_path, text)))
    sites.append(site)
    with pytest.raises((OSError, http.client.HTTPException)):
        site.get("/", context=ssl.create_default_context())
    with socket.create_connection(("127.0.0.1", site.port)) as scanner:
        scanner.sendall(b"\x16\x03nonsense\r\n\r\n")
    assert site.get("/-/healthy", context=client())[0] == 200
    assert site.failures.count == 0


def test_one_that_waits_says_that_another_counts(sites: list[Site]) -> None:
    site = Site(None)
    sites.append(site)
    status, _, body = site.get("/runs")
    assert status == 503
    assert b"Another instance counts" in body


def test_filters_reach_the_history(sites: list[Site]) -> None:
    history = Fake(a_run())
    site = Site(history)
    sites.append(site)
    site.get(
        "/runs?namespace=ci&owner=web&pipeline=shop&event=push&outcome=error&text=ma%26in&before=12.5_u1"
    )
    assert history.asked == [
        Query("shop", "push", "error", "ma&in", (12.5, "u1"), namespace="ci", owner="web")
    ]
    for spoiled in ("before=x", "before=nan", "before=", "text=" + "x" * 5000, "pipeline=%ff"):
        assert site.get(f"/runs?{spoiled}")[0] == 200


def test_pages_lead_through_ten_thousand_runs(sites: list[Site]) -> None:
    ledger = Ledger(None, 0.0)
    ledger.commit(
        Observation(f"run/{number}", 1.0, (), run=a_run(number, pipeline=f"shop-{number % 7}"))
        for number in range(10_000)
    )
    assert ledger.values("pipeline") == [f"shop-{number}" for number in range(7)]
    site = Site(ledger)
    sites.append(site)
    path, pages, seen = "/runs?outcome=success", 0, set[str]()
    while path and pages < 300:
        body = site.get(path)[2].decode()
        found = {part.split('"')[0] for part in body.split('href="/runs/ci/')[1:]}
        assert not found & seen
        seen |= found
        pages += 1
        path = (
            body.split('href="/runs?')[1].split('"')[0].replace("&amp;", "&") if 'rel="next"' in body else ""
        )
        path = f"/runs?{path}" if path else ""
    assert (pages, len(seen)) == (200, 10_000)
    assert b"shop-77" in site.get("/runs?text=SHOP-77")[2]


class Skeleton(HTMLParser):
    """The tags of a page, without texts and attribute values."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [name for name, _ in attrs]))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)


HOSTILE = st.one_of(
    st.text(min_size=1, max_size=60),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "{{7*7}}",
            "\u202eevil",
            "x" * 10_000,
            "'-->",
        ]
    ),
)


def skeletons(word: str) -> list[list[object]]:
    """The markup of every page of a run that says nothing but this word."""
    log = LogEnd((word, word), (FailedTest(word, word, (Place(word, 1, word),)), FailedTest(word, "")), 3)
    attempt = Attempt(word, word, "error", word, word, 1.0, 2.0, 3.0, word, cache_state=word, log=log)
    run = a_run(
        name=word, namespace=word, owner=word, pipeline=word, event=word, outcome=word, ref=word, sha=word, actor=word,
        reason=word, delivery=word, message=word, cache_state=word, currency=word, attempts=(attempt,),
    )  # fmt: skip
    return [
        Skeleton(PAGES.run(run)).found,
        Skeleton(
            PAGES.runs(
                Query(pipeline=word, text=word), [run], {name: [word, "b"] for name in NAMES}, "/runs?x=1"
            )
        ).found,
        Skeleton(
            PAGES.runs(
                Query(pipeline=word, event=word, outcome=word, owner=word),
                [],
                {name: ["a"] for name in NAMES},
                "",
                ([replace(run, outcome="queued", finished=None)], 7),
            )
        ).found,
        Skeleton(PAGES.run(replace(run, finished=None), 100.0)).found,
        Skeleton(PAGES.landing({word: word}, word)).found,
    ]


PAGES = Pages("1", {"MATCH": "x"})
NAMES = ("namespace", "owner", "pipeline")
HARMLESS = skeletons("harmless")


@settings(max_examples=tries(60))
@given(text=HOSTILE)
def test_no_text_becomes_markup(text: str) -> None:
    assert skeletons(text) == HARMLESS


def test_no_name_passes_for_another_one() -> None:
    page = Pages("1", {}).run(
        a_run(ref="refs/heads/\u202egpj.exe", actor="al\u200bice", message="a\x1b[31mb")
    )
    for shown in (r"refs/heads/\u202egpj.exe", r"al\u200bice", r"a\u001b[31mb"):
        assert shown in page


def test_a_run_leads_to_the_dashboard_of_its_pipeline() -> None:
    run = a_run(pipeline='a&b"c', owner="team-web")
    link = (
        'href="https://grafana.example.com/d/hookline-pipeline?var-pipeline=a%26b%22c'
        '&amp;var-namespace=ci&amp;var-owner=team-web"'
    )
    assert link in Pages("1", {}, "https://grafana.example.com/").run(run)
    nobodys = Pages("1", {}, "https://grafana.example.com/").run(replace(run, owner=""))
    assert "var-namespace=ci" in nobodys
    assert "var-owner" not in nobodys
    assert "Grafana" not in Pages("1", {}).run(run)


def test_a_run_without_times_or_attempts_has_a_page() -> None:
    pages = Pages("1", {})
    assert "No pod of this run was seen" in pages.run(
        a_run(attempts=(), started=None, caches={}, cost=None, list_cost=None)
    )
    unknown = Attempt("run-test", "p", "error", "spot", "eci", 1.0, None, None)
    assert "–" in pages.run(a_run(attempts=(unknown,)))


@given(
    times=st.lists(
        st.tuples(st.floats(0, 1e6), st.none() | st.floats(0, 1e6), st.none() | st.floats(0, 1e6)), max_size=5
    )
)
def test_bars_stay_within_the_chart(times: list[tuple[float, float | None, float | None]]) -> None:
    attempts = tuple(
        Attempt(
            "s",
            "p",
            "success",
            "spot",
            "eci",
            begin,
            None if a is None else begin + a,
            None if b is None else begin + (a or 0) + b,
        )
        for begin, a, b in times
    )
    bars, span = chart(a_run(created=0.0, finished=10.0, attempts=attempts))
    assert span >= 1
    for bar in bars:
        for part in (bar.pending, bar.running):
            assert part is None or (0 <= part[0] <= 100 and 0 < part[1] <= 101)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0, "0s"), (59.4, "59s"), (192, "3m 12s"), (7500, "2h 5m"), (270_000, "3d 3h"), (-4, "0s")],
)
def test_durations_read_well(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_money_shows_small_amounts() -> None:
    assert [money(None, "CNY"), money(0.0123, "CNY"), money(1234.5, "CNY")] == [
        "–",
        "0.0123 CNY",
        "1,234.50 CNY",
    ]


# web.config


def test_passwords_guard_everything_but_health(tmp_path: Path, sites: list[Site]) -> None:
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    site = Site(Fake(), Security(config(tmp_path, f"basic_auth_users:\n  alice: {hashed}\n")))
    sites.append(site)
    for header, status in (
        ("", 401),
        (basic("alice", "wrong"), 401),
        (basic("bob", "secret"), 401),
        ("Basic !!!", 401),
        ("Bearer x", 401),
        (basic("alice", "secret"), 200),
        (basic("alice", "secret"), 200),
    ):
        assert site.get("/metrics", Authorization=header)[0] == status
    assert site.get("/-/healthy")[0] == 200
    assert site.get("/runs")[0] == 401


def test_it_speaks_tls_and_checks_client_certificates(tmp_path: Path, sites: list[Site]) -> None:
    text = (
        f"tls_server_config:\n  cert_file: {TLS}/server.pem\n  key_file: {TLS}/server.key\n"
        f"  client_ca_file: {TLS}/ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
        "http_server_config: {headers: {X-Site: ci}}\n"
    )
    site = Site(Fake(), Security(config(tmp_path, text)))
    sites.append(site)
    status, headers, _ = site.get("/-/healthy", context=client(certificate=True))
    assert (status, headers["X-Site"]) == (200, "ci")
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        site.get("/-/healthy", context=client())


def test_a_stop_lets_an_answer_end() -> None:
    site = Site(Fake(a_run()))
    assert site.get("/runs")[0] == 200
    began = time.monotonic()
    site.server.stop()
    assert time.monotonic() - began < 30
    with pytest.raises(OSError):
        site.get("/runs")
