"""Reading a log takes time that grows as its size does: no shape of it makes a parser go over the same bytes again and again."""

import time

import pytest
from log_shapes import SHAPES, shaped
from tries import THOROUGH

from runs.step_logs import read_step

SMALL, FACTOR = (128 if THOROUGH else 32) * 1024, 16
SLACK = 4
"""How much more than its share a large log may take; a parser that is quadratic takes FACTOR times its share."""
SHORTEST_SECONDS = 0.001
"""Below, the clock measures itself."""


def test_there_are_shapes_of_every_step() -> None:
    assert len(SHAPES) > 40
    assert {step for step, _ in SHAPES.values()} == {"git-checkout-pr", "run-test", "build-push-image"}


@pytest.mark.parametrize("exit_code", [0, 1])
@pytest.mark.parametrize("name", SHAPES)
def test_sixteen_times_the_log_takes_about_sixteen_times_the_time(name: str, exit_code: int) -> None:
    def seconds(size: int) -> float:
        step, log = shaped(name, size)
        began = time.process_time()
        found = read_step(step, log, exit_code, lines=40)
        assert found is not None
        return time.process_time() - began

    small = max(SHORTEST_SECONDS, *(seconds(SMALL) for _ in range(3)))
    # Once slow may be the machine; whoever is quadratic is slow every time.
    assert any(seconds(SMALL * FACTOR) <= small * FACTOR * SLACK for _ in range(3))
