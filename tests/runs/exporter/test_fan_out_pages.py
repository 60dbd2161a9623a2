"""The page of fan-outs, and the way from a run to its fan-out and back."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from api_objects import START, green_run, workflow
from counting_core import Exporter
from fan_out_histories import fan_out_history
from web_site import Fake, Site

from runs.exporter.links import Links
from runs.exporter.unfinished import UnfinishedRuns
from runs.exporter.web.pages import Pages
from runs.fan_outs import FanOut, fan_out_of
from runs.history import Query

NAME = "fan-out-base-go-f"
RUN = {
    "hookline.dev/pipeline": "shop",
    "hookline.dev/event-kind": "image_push",
    "hookline.dev/source": "registry",
    "hookline.dev/fan-out": NAME,
}


def seen(at: int = -1, **changes: Any) -> FanOut:
    """A fan-out at this place of its history."""
    found = fan_out_of(fan_out_history(**changes)[at])
    assert found is not None
    return found


@pytest.fixture
def sites() -> Iterator[list[Site]]:
    made: list[Site] = []
    yield made
    for site in made:
        site.server.stop()


def served(sites: list[Site], *ended: FanOut, going: tuple[FanOut, ...] = ()) -> Site:
    site = Site(Fake(ended=ended))
    site.fan_outs = going
    sites.append(site)
    return site


def rows(page: str) -> list[str]:
    """What each row of a table says, without its marks."""
    body = page.split("<tbody>")[1].split("</tbody>", maxsplit=1)[0]
    return [" ".join(unescape(re.sub(r"<[^>]*>", " ", each)).split()) for each in body.split("</tr>")[:-1]]


def test_a_fan_out_says_of_what_it_is_and_what_came_of_its_runs(sites: list[Site]) -> None:
    page = served(sites, seen(end="refused")).get("/fan-outs")[2].decode()
    (row,) = rows(page)
    assert row == (
        f"{NAME} ci its runs failure image_push registry base/go:1.26 abababababa… "
        "300: 298 started, 1 existing, 1 refused main: Error (exit code 1) 09-21 14:14 UTC 1m 12s"
    )
    assert f'href="/runs?fan_out={NAME}"' in page


def test_one_that_goes_on_stands_first_and_says_how_many_runs_wait(sites: list[Site]) -> None:
    site = served(sites, seen(uid="e"), going=(seen(0, uid="new"), seen(3, uid="g", created=START + 9)))
    found = rows(site.get("/fan-outs")[2].decode())
    assert [each.split()[0] for each in found] == [f"fan-out-base-go-{each}" for each in ("g", "new", "e")]
    assert "running image_push registry base/go:1.26 abababababa… 150 of 300 done, 150 wait since" in found[0]
    assert "queued" in found[1]
    assert "0 of 300 done, 300 wait" in found[1]


def test_older_fan_outs_have_pages_of_their_own(sites: list[Site]) -> None:
    ended = [replace(seen(), uid=f"u{number}", name=f"f-{number}") for number in range(120)]
    site = served(sites, *ended, going=(seen(3),))
    address, found = "/fan-outs", list[str]()
    for size in (51, 50, 20):
        page = site.get(address)[2].decode()
        assert len(rows(page)) == size
        found += [each.split()[0] for each in rows(page)]
        older = re.search(r'href="([^"]*)" rel="next"', page)
        address = unescape(older[1]) if older else ""
    assert found == [NAME, *(f"f-{number}" for number in range(120))]
    assert address == ""


def test_a_name_shows_its_fan_out_alone_and_an_unknown_one_is_not_found(sites: list[Site]) -> None:
    site = served(sites, seen(), seen(uid="other"))
    status, _, body = site.get(f"/fan-outs/{NAME}")
    assert (status, [each.split()[0] for each in rows(body.decode())]) == (200, [NAME])
    status, _, body = site.get("/fan-outs/%3Cscript%3E")
    assert (status, b"There is no such fan-out" in body, b"<script>" in body) == (404, True, False)
    assert site.get(f"/fan-outs/{NAME}/more")[0] == 404
    assert b"No event has started a fan-out yet" in served(sites).get("/fan-outs")[2]


def test_a_run_leads_to_its_fan_out_and_the_fan_out_to_its_runs(sites: list[Site]) -> None:
    exporter = Exporter().play(green_run("a", labels=RUN), green_run("b", START + 9))
    exporter.give("workflows", "ADDED", workflow("c", START + 60, labels=RUN))
    exporter.give("workflows", "ADDED", workflow("d", START + 60))
    for raw in fan_out_history():
        exporter.give("workflows", "MODIFIED", raw)
    site = Site(exporter.ledger)
    sites.append(site)
    counting = exporter.counting
    site.unfinished = UnfinishedRuns(
        counting.unfinished, exporter.ledger.shown_attempts, counting.rules.labels.name
    )
    # One that has ended, and one that goes on.
    for name in ("shop-a", "shop-c"):
        page = site.get(f"/runs/ci/{name}")[2].decode()
        assert f'<a href="/fan-outs/{NAME}"><code>{NAME}</code></a>' in page
    assert "fan-out <" not in site.get("/runs/ci/shop-b")[2].decode()
    (link,) = re.findall(r'href="(/runs\?fan_out=[^"]*)"', site.get(f"/fan-outs/{NAME}")[2].decode())
    page = site.get(unescape(link))[2].decode()
    assert re.findall(r'href="/runs/ci/([^"]*)"', page) == ["shop-c", "shop-a"]
    # Other filters are chosen beside it.
    assert f'<input type="hidden" name="fan_out" value="{NAME}">' in page
    assert re.findall(r'href="/runs/ci/([^"]*)"', site.get(f"{link}&outcome=success")[2].decode()) == [
        "shop-a"
    ]
    assert "fan-out" not in site.get("/runs")[2].decode().partition("<main")[2].lower()


def test_a_run_that_repeats_another_was_started_by_no_fan_out() -> None:
    again = RUN | {"workflows.argoproj.io/resubmitted-from-workflow": "shop-a"}
    exporter = Exporter().play(green_run("a", labels=RUN), green_run("again", START + 900, labels=again))
    assert [each.name for each in exporter.ledger.page(Query(fan_out=NAME)).runs] == ["shop-a"]


def test_the_links_of_a_fan_out_are_those_of_a_run() -> None:
    links = Links(
        argo="https://argo.example.com/workflows/{namespace}/{workflow}",
        commit={"github": "https://github.com/{repository}/commit/{sha}"},
    )
    of_an_image = seen()
    page = Pages("1", {}, None, links).fan_outs("", [of_an_image], "")
    assert f'href="https://argo.example.com/workflows/ci/{NAME}"' in page
    assert "github.com" not in page
    of_a_push = replace(of_an_image, source="github", event="push", repository="octo/mono", sha="3f1c" * 10)
    page = Pages("1", {}, None, links).fan_outs("", [of_a_push], "")
    assert f'href="https://github.com/octo/mono/commit/{"3f1c" * 10}"' in page


def test_what_a_stranger_writes_into_a_fan_out_is_shown_as_it_is_written() -> None:
    hostile = '</td><script>alert(1)</script>"\u202e'
    odd = replace(
        seen(end="refused"),
        name=hostile,
        namespace=hostile,
        event=hostile,
        source=hostile,
        ref=hostile,
        repository=hostile,
        sha=hostile,
        message=hostile,
    )
    page = Pages("1", {}).fan_outs(hostile, [odd], "")
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert page.count("<td") == 6


def test_the_page_waits_while_another_instance_counts(sites: list[Site]) -> None:
    site = Site(None)
    sites.append(site)
    assert site.get("/fan-outs")[0] == 503
