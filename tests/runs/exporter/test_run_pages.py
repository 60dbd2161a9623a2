"""What the pages say of runs: what was red, what goes on, what is not known; and filters that keep what was typed."""

from collections.abc import Iterator
from dataclasses import replace
from typing import get_args, get_type_hints

import pytest
from api_objects import START, workflow
from counting_core import Exporter
from web_site import Fake, Site, a_run

from runs.exporter.family import CACHE_STATES, GO_MODULE_STATES
from runs.exporter.unfinished import UnfinishedRuns
from runs.exporter.web.cache_words import cache_lines, state_words
from runs.exporter.web.pages import Pages
from runs.exporter.web.red import headline, reds
from runs.history import Attempt, Query
from runs.step_logs import Checkout, FailedTest, LogEnd, Place

NAMES = ("namespace", "owner", "pipeline")


@pytest.fixture
def sites() -> Iterator[list[Site]]:
    made: list[Site] = []
    yield made
    for site in made:
        site.server.stop()


def options(page: str, name: str) -> tuple[list[str], str]:
    """The values of a filter, and the chosen one."""
    select = page.split(f'<select name="{name}">')[1].split("</select>", maxsplit=1)[0]
    values = [part.split('"')[0] for part in select.split('value="')[1:]]
    chosen = [part.split('"')[0] for part in select.split('selected value="')[1:]]
    return values, chosen[0] if chosen else ""


@pytest.mark.parametrize(
    ("name", "word"),
    [("outcome", "succes"), ("event", "pul"), ("pipeline", "shpo"), ("namespace", "cii"), ("owner", "wbe")],
)
def test_filters_survive_a_wrong_word(sites: list[Site], name: str, word: str) -> None:
    history = Fake(a_run(owner="web"))
    sites.append(Site(history))
    right = {"outcome": "success", "event": "push", "pipeline": "shop", "namespace": "ci", "owner": "web"} | {
        name: word
    }
    page = (
        sites[0]
        .get("/runs?" + "&".join(f"{each}={value}" for each, value in right.items()) + "&text=main")[2]
        .decode()
    )
    assert {each: options(page, each)[1] for each in right} == right
    assert 'name="text" value="main"' in page
    assert f"No run has the {name} “{word}”" in page
    assert page.count("No run has the") == 1


def test_what_has_not_ended_renews_itself_and_what_has_does_not(sites: list[Site]) -> None:
    pages = Pages("1", {})
    going = replace(a_run(), outcome="running", finished=None)
    refresh = '<noscript><meta http-equiv="refresh"'
    assert refresh in pages.run(going, going.created + 125)
    assert "2m 4s so far" in pages.run(going, going.created + 125)
    assert refresh not in pages.run(a_run(), 1.0)
    assert refresh in pages.runs(Query(), [], {"pipeline": [], "owner": [], "namespace": []}, "")
    older = pages.runs(Query(before=(1.0, "u")), [], {"pipeline": [], "owner": [], "namespace": []}, "")
    assert refresh not in older
    # A status may lead here before the exporter has seen the run.
    sites.append(Site(Fake(), ready="pods: not listed yet"))
    status, _, body = sites[0].get("/runs/ci/shop-9")
    assert (status, refresh in body.decode(), "is listing the runs" in body.decode()) == (404, True, True)


def test_an_unfinished_run_is_listed_first_and_has_the_page_of_its_address(sites: list[Site]) -> None:
    exporter = Exporter()
    raw = workflow("b", START, status={"phase": "Pending", "message": "Waiting for a lock"})
    exporter.give("workflows", "ADDED", raw)
    site = Site(Fake(a_run()))
    sites.append(site)
    counting = exporter.counting
    site.unfinished = UnfinishedRuns(
        counting.unfinished, exporter.ledger.shown_attempts, counting.rules.labels.name
    )
    listed = site.get("/runs")[2].decode()
    assert listed.index("/runs/ci/shop-b") < listed.index("/runs/ci/shop-1")
    assert "queued" in listed.split("<tbody>")[1].split("</tr>")[0]
    assert "/runs/ci/shop-b" not in site.get("/runs?outcome=running")[2].decode()
    assert "/runs/ci/shop-b" not in site.get("/runs?before=1.0_u")[2].decode()
    page = site.get("/runs/ci/shop-b")[2].decode()
    assert "Waiting for a lock" in page
    assert "No pod of this run has begun" in page


def test_a_red_run_says_what_was_red_in_place_of_an_exit_code() -> None:
    test = FailedTest("example.com/add", "TestAdd/zero", (Place("add_test.go", 12, "want 3, got 4"),))
    log = LogEnd(("one", "FAIL"), (test, test), 2)
    red = Attempt(
        "run-test", "p", "failure", "spot", "eci", 1.0, 2.0, 3.0, "main: Error (exit code 1)", log=log
    )
    page = Pages("1", {}).run(a_run(outcome="failure", message="main: Error (exit code 1)", attempts=(red,)))
    notice = page.split('<p class="notice failure">')[1].split("</p>")[0]
    assert notice == "run-test failed: TestAdd/zero at add_test.go:12, and 3 more"
    assert "<code>add_test.go:12</code> want 3, got 4" in page
    assert ">one\nFAIL\n</code></pre>" in page
    assert "2 more failed" in page
    unread = Pages("1", {}).run(a_run(outcome="failure", attempts=(replace(red, log=None),)))
    assert "hookline has nothing of its log" in unread
    assert "What was red" not in Pages("1", {}).run(a_run(attempts=()))


@pytest.mark.parametrize(
    ("outcome", "lines", "sentence"),
    [
        ("failure", ("make lint", "x.py:3: unused import", ""), "lint failed; its log ends with: x.py:3: unused import"),
        ("error", ("fatal: could not read from remote",), "lint failed, and not by your code; its log ends with: fatal: could not read from remote"),
        ("timeout", (), "lint ran out of time: main: Error (exit code 1)"),
        ("error", None, "lint failed, and not by your code: main: Error (exit code 1)"),
    ],
)  # fmt: skip
def test_a_red_step_without_a_test_says_how_its_log_ends(
    outcome: str, lines: tuple[str, ...] | None, sentence: str
) -> None:
    log = None if lines is None else LogEnd(lines)
    red = Attempt("lint", "p", outcome, "spot", "eci", 1.0, 2.0, 3.0, "main: Error (exit code 1)", log=log)
    assert headline(a_run(outcome=outcome, attempts=(red,))) == sentence


def test_no_sentence_is_made_of_a_run_that_is_not_red_or_of_another_pod() -> None:
    red = Attempt("lint", "p", "error", "spot", "eci", 1.0, 2.0, 3.0, "BidFailed")
    for outcome in ("success", "cancellation", "skip", "queued", "running", "failure"):
        assert headline(a_run(outcome=outcome, attempts=(red,))) == ""


def test_what_was_tried_again_stands_behind_what_was_red() -> None:
    taken = Attempt(
        "run-test", "p0", "error", "spot", "eci", 1.0, 2.0, 3.0, "BidFailed", reclaimed=True, task="t"
    )
    red = replace(taken, pod="p1", outcome="failure", message="exit 1", reclaimed=False)
    found, more = reds(a_run(outcome="failure", attempts=(taken, red)))
    assert ([(each.attempt.pod, each.retried) for each in found], more) == ([("p1", False), ("p0", True)], 0)
    page = Pages("1", {}).run(a_run(attempts=(taken, replace(red, outcome="success"))))
    # A run that is green after all does not begin with what was not.
    assert "What was red" not in page
    assert page.index("<h2>Steps</h2>") < page.index("<h2>What was tried again</h2>")
    many = tuple(replace(red, pod=f"p{number}", task=f"t{number}") for number in range(30))
    assert [len(reds(a_run(attempts=many))[0]), reds(a_run(attempts=many))[1]] == [20, 10]


def test_a_cache_has_the_same_words_in_every_place_of_a_page_and_none_is_full_that_is_not_known() -> None:
    run_test = Attempt(
        "run-test",
        "p",
        "success",
        "spot",
        "eci",
        1.0,
        2.0,
        3.0,
        cache_state="full",
        caches={"go_test": (0, 4)},
    )
    image = Attempt("build-push-image", "q", "failure", "spot", "eci", 4.0, 5.0, 6.0, cache_state="unknown")
    run = a_run(caches={}, cache_state="unknown", attempts=(run_test, image))
    assert {name: words for name, _, words in cache_lines(run)} == {
        "image_layer": "not known",
        "go_module": "full",
        "go_test": "no hit in 4 packages",
        "git_checkout": "not known",
        "memoization": "no lookup was seen",
    }
    page = Pages("1", {}).run(run)
    assert "<td>full</td>" in page
    assert "<td>not known</td>" in page
    assert "not in use" not in page
    assert "not known" in Pages("1", {}).runs(Query(), [run], {name: ["a"] for name in NAMES}, "")
    used = {
        "full": "full",
        "not_configured": "not in use",
        "failed": "not known: the build failed",
        "": "not known",
    }
    assert {each: state_words(each) for each in used} == used
    states = {*CACHE_STATES, *GO_MODULE_STATES, *get_args(get_type_hints(Checkout)["state"])}
    assert {each for each in states if state_words(each) == "not known"} == {"unknown"}
