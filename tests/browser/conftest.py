"""What the browser's tests share: Debian's Chromium, and the pages of a recorded day with many more runs behind it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from api_objects import START
from fan_out_histories import fan_out_history
from playwright.sync_api import Browser, sync_playwright
from support import ROOT

from runs.exporter.configuration import read_configuration
from runs.exporter.ledger import Observation
from runs.exporter.replaying import Replayed
from runs.fan_outs import FanOut, fan_out_of
from runs.history import Query, Run
from sensors.reasons import REASONS

DEMO = ROOT / "hookline/demo_data"
MORE_RUNS = 10_000
HOSTILE = (
    "<script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=1">',
    "javascript:window.hacked=1",
    "refs/heads/" + "long-" * 200,
    "refs/heads/\u202egpj.exe\u2066\u200b",
    "𓀀" * 120,
    "W" * 300,
    "{{ 7*7 }}${7*7}<!--",
    "a\nb\x00c\x1b[31m",
    "</td></tr></table><h1>gone</h1>",
)
"""What a branch, an actor or a message may say."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Headless Chromium; a machine without one fails the tests."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path is not None, "no Chromium here; install it (Debian package chromium)"
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    # Chromium's sandbox refuses root, which CI may be.
    rooted = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=[*quiet, *rooted])
        yield found
        found.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser of all tests."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def replayed() -> Replayed:
    """The demo's day, then hostile runs, then many."""
    found = Replayed(DEMO / "day.zip", read_configuration(DEMO / "exporter.yaml"))
    page = found.ledger.page(Query(limit=1))
    newest = found.ledger.run(page.runs[0].namespace, page.runs[0].name)
    assert newest is not None
    runs = [_hostile(newest, number, text) for number, text in enumerate(HOSTILE)]
    runs += [_earlier(newest, number) for number in range(MORE_RUNS)]
    fan_outs = [_fan_out(number, text) for number, text in enumerate(("", *HOSTILE))]
    found.ledger.commit(
        Observation(f"fan-out/{each.uid}", each.finished or 0.0, (), fan_out=each) for each in fan_outs
    )
    for first in range(0, len(runs), 1000):
        found.ledger.commit(
            Observation(f"run/{run.uid}", run.finished or 0.0, (), run=run)
            for run in runs[first : first + 1000]
        )
    return found


def _earlier(run: Run, number: int) -> Run:
    return replace(
        run,
        uid=f"earlier-{number}",
        name=f"earlier-{number}",
        finished=(run.finished or 0.0) - 200_000 - number,
        attempts=(),
    )


def _hostile(run: Run, number: int, text: str) -> Run:
    """A run whose texts all say this; names of the API keep to its alphabet."""
    attempts = tuple(
        replace(each, message=text, step=text, pod=f"hostile-{number}-pod") for each in run.attempts
    )
    return replace(
        run,
        uid=f"hostile-{number}",
        name=f"hostile-{number}",
        owner=text,
        pipeline=text,
        finished=(run.finished or 0.0) + 60 + number,
        ref=text,
        sha=text,
        actor=text,
        message=text,
        delivery=text,
        reason=text,
        attempts=attempts,
    )


def _fan_out(number: int, text: str) -> FanOut:
    """A fan-out some of whose runs were refused; where there is a text, all of its own say this one."""
    found = fan_out_of(fan_out_history(f"f{number}", START + number, end="refused")[-1])
    assert found is not None
    if not text:
        return found
    return replace(
        found,
        event=text,
        source=text,
        repository=text,
        ref=text,
        sha=text,
        actor=text,
        reason=text,
        message=text,
    )


def address_of_a_retried_run(replayed: Replayed) -> str:
    """A run that succeeded although one of its pods was taken away."""
    runs = replayed.ledger.page(Query(outcome="success", event="push", limit=500)).runs
    found = (replayed.ledger.run(each.namespace, each.name) for each in runs)
    retried = next(run for run in found if run is not None and any(each.reclaimed for each in run.attempts))
    return f"/runs/{retried.namespace}/{retried.name}"


@pytest.fixture(scope="session")
def site(replayed: Replayed) -> Iterator[str]:
    """The address of its pages."""
    server = replayed.server("test", REASONS, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.start()}"
    server.stop()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the pages are kept: HOOKLINE_PICTURES, or nowhere."""
    given = os.environ.get("HOOKLINE_PICTURES")
    folder = Path(given) if given else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
