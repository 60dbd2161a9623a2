"""The table of docs/template.md: what each scenario comes to with the stock behaviour and with hookline-ci-go."""

import os
import re
from pathlib import Path

import pytest
from template.scenarios import GOOD, SCENARIOS, Scenario
from template.world import World

REGENERATE = bool(os.environ.get("HOOKLINE_REGENERATE"))
PAGE = Path(__file__).parents[2] / "docs/template.md"
HEAD = "| what happens | stock `ci-go-v1` | `hookline-ci-go` |\n|---|---|---|\n"


def rows() -> dict[str, tuple[str, str]]:
    """What the page says."""
    table = PAGE.read_text("utf-8").partition(HEAD)[2].partition("\n\n")[0]
    found = {}
    for line in table.splitlines():
        title, stock, ours = (cell.strip() for cell in line.strip("|").split(" | "))
        found[title] = (stock, ours)
    return found


@pytest.mark.parametrize(
    "scenario", SCENARIOS, ids=lambda scenario: re.sub(r"[^a-z]+", "-", scenario.title.lower())
)
def test_a_scenario_comes_to_what_the_page_says(scenario: Scenario, world: World) -> None:
    stock, ours = scenario.play(world.site("ci-go-v1")), scenario.play(world.site())
    if REGENERATE:
        text = PAGE.read_text("utf-8")
        before, _, rest = text.partition(HEAD)
        made = {**rows(), scenario.title: (stock, ours)}
        lines = "".join(
            f"| {each.title} | {' | '.join(made[each.title])} |\n" for each in SCENARIOS if each.title in made
        )
        PAGE.write_text(f"{before}{HEAD}{lines}\n{rest.partition(chr(10) * 2)[2]}", "utf-8")
    assert rows()[scenario.title] == (stock, ours)
    assert "**" not in ours
    if GOOD in stock and "**" not in stock and "fails" not in stock:
        assert ours == stock


def test_the_page_has_every_scenario_and_no_other() -> None:
    assert list(rows()) == [scenario.title for scenario in SCENARIOS]
