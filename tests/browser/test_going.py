"""Pages of what goes on, in a real browser: they renew themselves, with scripts and without; times are in the reader's zone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from api_objects import START, ended, node, pod, running, with_status, workflow
from browser.test_pages import CONTRAST, SCHEMES, WIDTHS, opened
from counting_core import Exporter
from playwright.sync_api import Browser, expect
from web_site import Site

from runs.exporter.unfinished import UnfinishedRuns
from runs.exporter.web import pages

LOG = (
    b"Start Go Test...\n=== RUN   TestTotal\n    total_test.go:12: want 3, got <b>4</b>\n--- FAIL: TestTotal (0.00s)\nFAIL\n"
    b"FAIL\texample.com/shop/total\t0.004s\n"
    + b"\n".join(b"line %d of the end" % number for number in range(60))
    + b"\nthe very end\n"
)


@dataclass
class Going:
    """A served exporter in which one run goes on."""

    exporter: Exporter = field(default_factory=Exporter)

    def __post_init__(self) -> None:
        self.site = Site(self.exporter.ledger)
        counting = self.exporter.counting
        self.site.unfinished = UnfinishedRuns(
            counting.unfinished, self.exporter.ledger.shown_attempts, counting.rules.labels.name
        )
        self.address = f"http://127.0.0.1:{self.site.port}"
        self.exporter.sync()
        self.raw = workflow(
            "a", START, status={"phase": "Pending", "message": "Waiting for ci/Mutex/shop lock"}
        )
        self.pod = running(pod(self.raw, "run-test", START + 1), START + 2, START + 5)

    def waits(self) -> None:
        self.exporter.give("workflows", "ADDED", self.raw)

    def works(self) -> None:
        self.exporter.give("workflows", "MODIFIED", self.raw | {"status": {"phase": "Running"}})
        self.exporter.give("pods", "ADDED", self.pod)

    def fails(self) -> None:
        self.exporter.logs[self.pod["metadata"]["uid"]] = LOG
        self.exporter.give("pods", "MODIFIED", ended(self.pod, START + 30, 1))
        nodes = [node("shop-a", "run-test", "Failed", START + 1, START + 30)]
        self.exporter.give("workflows", "MODIFIED", with_status(self.raw, "Failed", START, START + 31, nodes))
        self.exporter.sync()


@pytest.fixture
def going(monkeypatch: pytest.MonkeyPatch) -> Iterator[Going]:
    for name in ("RUN_SECONDS", "RUNS_SECONDS", "MISSING_SECONDS"):
        monkeypatch.setattr(pages, name, 1)
    made = Going()
    yield made
    made.site.server.stop()


def test_a_page_follows_its_run_from_before_it_is_known_to_what_was_red(
    browser: Browser, going: Going
) -> None:
    with opened(browser, going.address) as page:
        # A status may be quicker than the exporter: Chromium itself tells its console of the answer 404.
        page.goto(f"{going.address}/runs")
        going.waits()
        expect(page.locator("tbody .outcome")).to_have_text("queued")
        page.get_by_role("link", name="shop").first.click()
        expect(page.locator("h1 .outcome")).to_have_text("queued")
        expect(page.locator(".notice")).to_have_text("Waiting for ci/Mutex/shop lock")
        going.works()
        expect(page.locator("h1 .outcome")).to_have_text("running")
        expect(page.locator(".chart li")).to_have_count(1)
        going.fails()
        expect(page.locator("h1 .outcome")).to_have_text("failure")
        expect(page.locator(".notice")).to_have_text("run-test failed: TestTotal at total_test.go:12")
        assert page.title().startswith("shop failure")
        assert "want 3, got <b>4</b>" in page.inner_text(".tests")
        # Nothing is asked any more of a run that has ended.
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(2500)
        assert asked == []


def test_a_run_that_was_not_known_yet_appears(browser: Browser, going: Going) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{going.address}/runs/ci/shop-a")
    expect(page.locator("h1")).to_have_text("Not found")
    going.waits()
    expect(page.locator("h1 .outcome")).to_have_text("queued")
    going.site.server.stop()
    page.wait_for_timeout(1500)
    # Whoever serves it is away: what was shown stays.
    expect(page.locator("h1 .outcome")).to_have_text("queued")
    context.close()


def test_renewing_leaves_what_a_reader_types_and_opens(browser: Browser, going: Going) -> None:
    going.waits()
    with opened(browser, going.address) as page:
        page.goto(f"{going.address}/runs")
        page.fill("input[name=text]", "half a wor")
        going.works()
        expect(page.locator("tbody .outcome")).to_have_text("running")
        assert page.input_value("input[name=text]") == "half a wor"
        assert page.evaluate("document.activeElement.name") == "text"


def test_pages_renew_themselves_without_scripts(browser: Browser, going: Going) -> None:
    going.waits()
    with opened(browser, going.address, scripts=False) as page:
        page.goto(f"{going.address}/runs/ci/shop-a")
        assert page.locator("h1 .outcome").inner_text() == "queued"
        seconds = page.locator("meta[http-equiv=refresh]").get_attribute("content")
        assert seconds == "15"
        going.fails()
        page.wait_for_function("true", timeout=1000)
        expect(page.locator("h1 .outcome")).to_have_text("failure", timeout=20_000)
        assert page.locator("meta[http-equiv=refresh]").count() == 0
        assert page.locator("details[open] .log").is_visible()


@pytest.mark.parametrize(
    ("zone", "local", "named"),
    [
        ("Asia/Shanghai", "2026-09-21 22:13:20 2026-09-21 14:13:20 UTC", "times in your zone (Asia/Shanghai), and in UTC"),
        ("Asia/Kolkata", "2026-09-21 19:43:20 2026-09-21 14:13:20 UTC", "times in your zone (Asia/Kolkata), and in UTC"),
        ("America/New_York", "2026-09-21 10:13:20 2026-09-21 14:13:20 UTC", "times in your zone (America/New_York), and in UTC"),
        ("UTC", "2026-09-21 14:13:20 UTC", "times in UTC"),
    ],
)  # fmt: skip
def test_times_are_in_the_readers_zone_with_utc_beside(
    browser: Browser, going: Going, zone: str, local: str, named: str
) -> None:
    going.fails()
    with opened(browser, going.address, zone=zone) as page:
        page.goto(f"{going.address}/runs/ci/shop-a")
        assert " ".join(page.locator("dd time").first.inner_text().split()) == local
        assert page.locator("#zone").inner_text().replace("Asia/Calcutta", "Asia/Kolkata") == named
        clock = page.locator(".steps time").first.inner_text().split()
        assert clock[-2:] == ["14:13:21", "UTC"]
        page.goto(f"{going.address}/runs")
        assert page.locator("tbody time").first.inner_text().split()[-2:] == ["14:13", "UTC"]


def test_times_without_scripts_are_in_utc(browser: Browser, going: Going) -> None:
    going.fails()
    with opened(browser, going.address, zone="Asia/Shanghai", scripts=False) as page:
        page.goto(f"{going.address}/runs/ci/shop-a")
        assert page.locator("dd time").first.inner_text() == "2026-09-21 14:13:20 UTC"
        assert page.locator("#zone").inner_text() == "times in UTC"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_of_what_goes_on_fit_and_can_be_read(
    browser: Browser, going: Going, pictures: Path, width: int, scheme: Literal["dark", "light"]
) -> None:
    with opened(browser, going.address, width, scheme, zone="Asia/Shanghai") as page:
        for name, happens in (("queued", going.waits), ("running", going.works), ("red", going.fails)):
            happens()
            for kind, address in (
                ("run", "/runs/ci/shop-a"),
                ("runs", "/runs?outcome=succes&text=x"),
                ("runs", "/runs"),
            ):
                page.goto(going.address + address)
                assert page.evaluate("document.scrollingElement.scrollWidth") <= width, name
                assert page.evaluate(CONTRAST) == [], (name, kind)
                said = "-wrong" if "succes" in address else ""
                page.screenshot(path=pictures / f"{name}-{kind}{said}-{width}-{scheme}.png", full_page=True)


def test_the_log_begins_at_its_end_and_the_steps_table_shows_that_it_goes_on(
    browser: Browser, going: Going
) -> None:
    going.fails()
    for width, goes_on in ((360, True), (1280, False)):
        with opened(browser, going.address, width) as page:
            page.goto(f"{going.address}/runs/ci/shop-a")
            box, last = page.locator(".log").bounding_box(), page.evaluate(
                "(() => { const all = document.createRange(), text = document.querySelector('.log code').firstChild;"
                "all.setStart(text, text.data.indexOf('the very end')); all.setEnd(text, text.data.length - 1);"
                "return all.getBoundingClientRect().bottom + scrollY; })()"
            )  # fmt: skip
            assert box is not None
            assert box["y"] < last <= box["y"] + box["height"]
            wider = page.evaluate(
                "(() => { const each = document.querySelector('main .scroll'); return each.scrollWidth > each.clientWidth; })()"
            )
            assert wider is goes_on
            assert page.locator(".goes-on").is_visible() is goes_on
            page.locator("main .scroll").focus()
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(300)
            assert (page.evaluate("document.querySelector('main .scroll').scrollLeft") > 0) is goes_on
