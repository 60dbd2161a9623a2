"""Tests of a declaration: events with what they must do, run as simulate runs them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from documents.diagnostics import InvalidInput, Position
from documents.files import read_file
from events.delivery import DeliveryError, Refusal
from hookline.answers.incoming import LARGEST_EVENT_BYTES, SCHEDULE, EventOptions, incoming
from hookline.answers.receiving import file_and_number
from hookline.answers.simulation import result_of, simulate
from hookline.declaration.loading import DeclaredTest
from hookline.plan.planning import Plan

__all__ = ["Verdict", "run_tests"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One expectation with what came out."""

    name: str
    pipeline: str
    expected: str
    found: str
    """Verdict such as skip(PATHS), or a sentence if the event cannot be read."""
    readable: bool
    """Whether the event could be read."""
    position: Position
    publishing: str = ""
    """The image that the run pushes, or that it pushes none, in words; empty where nothing runs or that is not known."""

    @property
    def passed(self) -> bool:
        """Whether it is as expected; an expectation without a reason leaves it open."""
        return self.found == self.expected or self.found.partition("(")[0] == self.expected


def run_tests(plan: Plan) -> Iterator[Verdict]:
    """Run every test."""
    for test in plan.declaration.tests:
        yield from _run(plan, test)


def _run(plan: Plan, test: DeclaredTest) -> Iterator[Verdict]:
    case = test.case
    failure, readable = "", True
    try:
        folder = Path(test.document.file).parent
        file, number = file_and_number(case.event, folder)
        content = None if case.event.startswith(SCHEDULE) else read_file(folder / file, LARGEST_EVENT_BYTES)
        options = EventOptions(case.source, case.headers, number=number)
        event = incoming(plan, case.event, content, options)
        simulation = simulate(plan, event, case.files)
    except Refusal as refusal:
        failure = f"skip({refusal.reason})"
    except DeliveryError as error:
        failure, readable = str(error), False
    except InvalidInput as invalid:
        failure, readable = f"{case.event} {invalid.diagnostics[0].message}", False
    for pipeline, expected in case.expect.items():
        found, publishing = failure, ""
        if not failure:
            result = result_of(simulation, plan, event, pipeline)
            found, publishing = f"{result.verdict}({result.reason})", result.publishing
        yield Verdict(
            case.name,
            pipeline,
            expected,
            found,
            readable,
            test.document.position(("tests", test.index, "expect", pipeline), key=True),
            publishing,
        )
