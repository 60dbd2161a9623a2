"""A run that raises an error where it is put together, measured, counted or told is dropped, counted once and logged once."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from api_objects import START, green_run
from counting_core import Exporter
from fan_out_histories import fan_out_history

from runs.exporter import counting
from runs.exporter.family import Sample
from runs.exporter.ledger import Observation
from runs.facts import Attempt, Began, Ended

Step = Callable[..., Any]
BAD = "shop-bad"


def concerns_bad(found: Any) -> bool:
    """Whether an argument is about the run that raises errors."""
    return BAD in repr(found)


def raising(original: Step) -> Step:
    def broken(*arguments: Any, **options: Any) -> Any:
        if concerns_bad(arguments):
            raise OverflowError("int too large to convert to float")
        return original(*arguments, **options)

    return broken


def spoiling(**changes: Any) -> Callable[[Step], Step]:
    """Lets a function that measures give samples that no series can take."""

    def spoil(original: Step) -> Step:
        def broken(*arguments: Any, **options: Any) -> Any:
            found = original(*arguments, **options)
            if not concerns_bad(arguments):
                return found
            kept, samples = found if isinstance(found, tuple) else (None, found)
            spoiled = [*samples[:-1], replace(samples[-1], **changes)]
            return spoiled if kept is None else (kept, spoiled)

        return broken

    return spoil


def unwritable(original: Step) -> Step:
    """Lets a function give something to remember that the ledger cannot write."""

    def broken(*arguments: Any, **options: Any) -> Any:
        kept, samples = original(*arguments, **options)
        return (replace(kept, message=object()) if concerns_bad(arguments) else kept), samples

    return broken


MEASURES = [name for name in vars(counting) if name.startswith("measure_")]
BREAKS: dict[str, Callable[[Step], Step]] = {
    "raises": raising,
    "gives an infinite value": spoiling(value=math.inf),
    "gives no number": spoiling(value=math.nan),
    "gives too many labels": spoiling(labels=("a",) * 9),
    "gives an unknown metric": spoiling(family="hookline_nothing"),
}
PLACES = [
    *((f"runs.exporter.counting.{name}", how) for name in MEASURES for how in BREAKS.values()),
    *((f"runs.exporter.counting.{name}", unwritable) for name in ("measure_attempt", "measure_run")),
    ("runs.exporter.counting.beginnings", raising),
    ("runs.exporter.counting.fan_out_beginnings", raising),
    ("runs.tracker.attempt_of", raising),
    ("runs.tracker.ended_of", raising),
]


LOST = {
    "measure_attempt": {"pod": 3},
    "measure_run": {"run": 1},
    "measure_latency": {},
    "measure_fan_out": {"fan_out": 1},
    "beginnings": {},
    "fan_out_beginnings": {},
    "attempt_of": {"run": 1, "pod": 3},
    "ended_of": {"run": 1},
}
"""What `hookline_observations_lost_total` says of a run with three pods and a fan-out, by the place of the error."""


def text(found: Exporter) -> list[str]:
    """What is counted of the good run's pipeline."""
    return sorted(line for line in found.ledger.exposition().decode().splitlines() if '"good"' in line)


def test_the_places_hold_every_function_that_measures() -> None:
    assert sorted(MEASURES) == [
        "measure_attempt",
        "measure_fan_out",
        "measure_latency",
        "measure_run",
    ]


@pytest.mark.parametrize(("place", "how"), PLACES)
def test_a_run_that_raises_an_error_keeps_no_other_from_being_counted(
    place: str, how: Callable[[Step], Step], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = green_run("bad", START)
    good = green_run("good", START + 500, labels={"hookline.dev/pipeline": "good"})
    bad.workflows += [("MODIFIED", raw) for raw in fan_out_history(BAD)]
    source = {"hookline.dev/source": "good"}
    good.workflows += [("MODIFIED", raw) for raw in fan_out_history("good", START, labels=source)]
    alone = Exporter().play(good)
    module, _, name = place.rpartition(".")
    original = getattr(__import__(module, fromlist=[name]), name)
    monkeypatch.setattr(place, how(original))
    with structlog.testing.capture_logs() as logs:
        found = Exporter(tmp_path / "ledger.db").play(bad, good)
        # After a restart the lists bring the same objects again.
        found.ledger.close()
        again = Exporter(tmp_path / "ledger.db").play(bad, good)
    assert text(again) == text(alone)
    assert len(text(alone)) > 20
    run = again.ledger.run("ci", "shop-good")
    assert run is not None
    assert run.outcome == "success"
    assert all(
        math.isfinite(float(line.rpartition(" ")[2]))
        for line in again.ledger.exposition().decode().splitlines()
        if not line.startswith("#")
    )
    told = [each for each in logs if each["log_level"] == "error"]
    assert told
    # Once for each kind of thing, in each of the two processes.
    assert len(told) <= 2 * len({each["what"] for each in told})
    lost = {what: again.value("observations_lost_total", what) for what in ("run", "pod", "fan_out")}
    assert {what: count for what, count in lost.items() if count} == LOST[name]


class BadListener:
    """A listener that cannot tell of a run."""

    def began(self, run: Began) -> None:
        self._tell(run)

    def attempt_ended(self, run: Began, _: Attempt) -> None:
        self._tell(run)

    def ended(self, run: Ended) -> None:
        self._tell(run.run)

    def _tell(self, run: Began) -> None:
        raise ValueError(run.name)


def test_a_message_that_cannot_be_made_keeps_nothing_from_being_counted() -> None:
    found = Exporter()
    found.counting = counting.Counting(found.ledger, found.counting.rules, [BadListener()])
    with structlog.testing.capture_logs() as logs:
        found.play(green_run("a", START), green_run("b", START + 500))
    assert found.value("runs_total", "shop", "push", "success") == 2
    assert found.counting.untold == [2 * (1 + 3 + 1)]
    assert [each["what"] for each in logs if each["log_level"] == "error"] == ["message"]


def test_an_observation_in_place_of_another_leaves_nothing_of_that() -> None:
    found = Exporter().ledger
    key = ("hookline_runs_total", ("ci", "", "shop", "push", "success"))
    good = Sample(*key, 1.0)
    bad = Observation("run/1/1", START + 1, (good, replace(good, value=math.inf)))
    with pytest.raises(ValueError, match="is no finite number"):
        found.commit([bad])
    counted = found.commit(
        [bad, Observation("run/2/2", START + 2, (good,))], instead=lambda each, _: replace(each, samples=())
    )
    assert [each.key for each in counted] == ["run/1/1", "run/2/2"]
    assert found.series.get(*key) == 1
    assert found.counted("run/1/1", START + 1)
