"""The exporter's pages in a real browser: at phone and desktop width, light and dark, with hostile names, without scripts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from browser.conftest import HOSTILE, MORE_RUNS, address_of_a_retried_run
from playwright.sync_api import Browser, Dialog, Page

from runs.exporter.replaying import Replayed
from runs.history import Query

WIDTHS = (360, 768, 1280)
SCHEMES = ("light", "dark")

CONTRAST = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let each = element; each; each = each.parentElement) {
      const color = parse(getComputedStyle(each).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push([walker.currentNode.data.slice(0, 40), Math.round(ratio * 10) / 10]);
  }
  return found;
}"""
"""Texts that are hard to read: below 4.5 to 1 (WCAG 2.2, 1.4.3)."""


@contextmanager
def opened(
    browser: Browser,
    site: str,
    width: int = 1280,
    scheme: Literal["dark", "light"] = "light",
    *,
    scripts: bool = True,
    zone: str = "UTC",
) -> Iterator[Page]:
    """A page that asks nobody else, says nothing on its console, and opens no dialog."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        java_script_enabled=scripts,
        timezone_id=zone,
    )
    page = context.new_page()
    said: list[str] = []
    page.on("request", lambda request: None if request.url.startswith(site) else said.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    def refuse(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    yield page
    context.close()
    assert said == []


def address_of(replayed: Replayed, query: Query) -> str:
    run = replayed.ledger.page(query).runs[0]
    return f"/runs/{run.namespace}/{run.name}"


@pytest.fixture(scope="session")
def addresses(replayed: Replayed) -> dict[str, str]:
    """Name → a page of each kind."""
    return {
        "landing": "/",
        "runs": "/runs",
        "filtered": "/runs?pipeline=shop&outcome=failure",
        "none": "/runs?text=nothing-is-called-so",
        "retried": address_of_a_retried_run(replayed),
        "fan-outs": "/fan-outs",
        "fan-out": "/fan-outs/fan-out-base-go-f0",
        "runs-of-a-fan-out": "/runs?fan_out=fan-out-base-go-f0",
        "failed": address_of(replayed, Query(outcome="failure", pipeline="shop")),
    }


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_and_can_be_read(
    browser: Browser,
    site: str,
    addresses: dict[str, str],
    pictures: Path,
    width: int,
    scheme: Literal["dark", "light"],
) -> None:
    with opened(browser, site, width, scheme) as page:
        for name, address in addresses.items():
            page.goto(site + address)
            assert page.evaluate("document.scrollingElement.scrollWidth") <= width, name
            assert page.evaluate(CONTRAST) == [], name
            page.screenshot(path=pictures / f"{name}-{width}-{scheme}.png", full_page=True)


@pytest.mark.parametrize("width", WIDTHS)
def test_hostile_names_are_text_and_fit(
    browser: Browser, site: str, replayed: Replayed, pictures: Path, width: int
) -> None:
    with opened(browser, site, width) as page:
        for number, text in enumerate(HOSTILE):
            page.goto(f"{site}/runs/ci/hostile-{number}")
            assert page.locator("h1").count() == 1
            assert page.evaluate("document.scrollingElement.scrollWidth") <= width, text
        page.goto(f"{site}/runs")
        assert page.locator("tbody tr").count() == 50
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        page.screenshot(path=pictures / f"hostile-{width}.png")
        page.goto(f"{site}/fan-outs")
        assert page.locator("tbody tr").count() == len(HOSTILE) + 1
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        page.goto(f"{site}/runs")
        # One long name takes no room from the others.
        boxes = page.evaluate(
            "[...document.querySelectorAll('tbody tr')].map(row => row.getBoundingClientRect().height)"
        )
        assert max(boxes) < 400, boxes
        outcomes = page.evaluate(
            "[...document.querySelectorAll('tbody .outcome')].map(each => each.getBoundingClientRect().right)"
        )
        assert max(outcomes) <= width
        assert page.evaluate("typeof window.hacked") == "undefined"
        assert page.locator("script:not([src='/page.js']), img").count() == 0
        assert HOSTILE[0] in page.inner_text("main")


def test_the_table_works_without_scripts(browser: Browser, site: str) -> None:
    with opened(browser, site, scripts=False) as page:
        page.goto(f"{site}/runs")
        page.select_option("select[name=pipeline]", "shop")
        page.select_option("select[name=outcome]", "failure")
        page.get_by_role("button", name="Filter").click()
        rows = page.locator("tbody tr")
        assert rows.count() > 0
        assert {row.split("\n")[0] for row in rows.locator("th").all_inner_texts()} == {"shop"}
        assert page.locator("select[name=outcome]").input_value() == "failure"
        rows.first.locator("a").click()
        assert page.locator("h1").inner_text().startswith("shop")
        assert page.locator(".chart li").count() > 0


def test_ten_thousand_runs_are_walked_by_the_link(browser: Browser, site: str) -> None:
    seen: list[str] = []
    with opened(browser, site, scripts=False) as page:
        page.goto(f"{site}/runs?text=earlier-")
        while True:
            seen += page.locator("tbody th code").all_inner_texts()
            older = page.get_by_role("link", name="Older runs")
            if older.count() == 0:
                break
            with page.expect_navigation():
                older.click()
    assert len(seen) == len(set(seen)) == MORE_RUNS


def test_everything_is_reached_by_the_keyboard(browser: Browser, site: str) -> None:
    with opened(browser, site) as page:
        page.goto(f"{site}/runs?pipeline=shop")
        reached = set()
        for _ in range(12):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.name || document.activeElement.tagName"))
        assert {"pipeline", "event", "outcome", "text", "BUTTON", "A"} <= reached
