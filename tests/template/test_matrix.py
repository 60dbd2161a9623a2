"""The table of docs/template.md: what each scenario comes to with the stock behaviour and with hookline-ci-go, in three pods and in one."""

import itertools
import os
import re
from pathlib import Path

import pytest
from template.scenarios import SCENARIOS, Scenario
from template.world import World

REGENERATE = bool(os.environ.get("HOOKLINE_REGENERATE"))
PAGE = Path(__file__).parents[2] / "docs/template.md"
HEAD = "| what happens | stock `ci-go-v1` | `hookline-ci-go` |\n|---|---|---|\n"


def table() -> tuple[str, list[str], str]:
    """The page before the table's lines, these, and the page after them."""
    before, head, rest = PAGE.read_text("utf-8").partition(HEAD)
    lines = list(itertools.takewhile(lambda line: line.startswith("| "), rest.splitlines()))
    return before + head, lines, rest[sum(len(line) + 1 for line in lines) :]


def rows() -> dict[str, tuple[str, str]]:
    """Scenario → what the page says of the stock behaviour and of ours."""
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table()[1]]
    return {title: (stock, ours) for title, stock, ours in cells}


@pytest.mark.parametrize(
    "scenario", SCENARIOS, ids=lambda scenario: re.sub(r"[^a-z]+", "-", scenario.title.lower()).strip("-")
)
def test_a_scenario_comes_to_what_the_page_says(scenario: Scenario, world: World) -> None:
    stock, ours = scenario.play(world.site("ci-go-v1")), scenario.play(world.site())
    assert scenario.play(world.site(one_pod=True)) == ours
    if REGENERATE:
        before, _, after = table()
        made = {**rows(), scenario.title: (stock, ours)}
        lines = [
            f"| {each.title} | {' | '.join(made[each.title])} |\n" for each in SCENARIOS if each.title in made
        ]
        PAGE.write_text(before + "".join(lines) + after, "utf-8")
    assert rows()[scenario.title] == (stock, ours)
    assert "**" not in ours


def test_the_page_has_every_scenario_and_no_other() -> None:
    assert list(rows()) == [scenario.title for scenario in SCENARIOS]
