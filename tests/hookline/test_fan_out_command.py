"""hookline fan-out as the process that a pod runs: killed, stopped, refused, and told of what it cannot read."""

import json
import multiprocessing
import os
import random
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fan_out_site import FanOutSite, Request, fan_out, names, work_off
from support import ROOT
from tries import THOROUGH

from hookline.cli import main

KILLS = 24 if THOROUGH else 8
RUNS = 300
SLOW = {"at_once": 5, "every": 3600, "quiet": 0}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FanOutSite]:
    found = FanOutSite(tmp_path)
    yield found
    found.close()


@pytest.fixture
def invoke(site: FanOutSite, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command in this process."""
    monkeypatch.setattr("hookline.commands.fan_out.stop_signal", threading.Event)
    monkeypatch.setenv("ARGO_PROGRESS_FILE", str(site.progress))
    return lambda *options: CliRunner().invoke(main, site.arguments(*options))


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class Killer:
    """Starts the command again and again, and kills it (SIGKILL) at a moment: see `moment`."""

    def __init__(self, site: FanOutSite) -> None:
        self._site = site
        # The server that forks starts without what it cannot import.
        self._forks = multiprocessing.get_context("forkserver")
        self._forks.set_forkserver_preload(["exporter_process", "fan_out_site"])
        self._said = site.folder / "said"
        self._chance = random.Random(7)
        self.moment = ""
        """reads: it asks for its order. before, after: a run is stored, and nobody has said so. any: a few requests later."""
        self._left = 0
        site.fault = self._fault

    def start(self, moment: str) -> int | None:
        """The exit code of one process."""
        self.moment = moment
        self._process = self._forks.Process(target=work_off, args=(self._site.arguments(), self._said))
        self._process.start()
        self._process.join(30)
        assert self._process.exitcode in (0, -signal.SIGKILL), self._said.read_text()
        return self._process.exitcode

    def _kill(self) -> None:
        # It may ask before this process knows its number.
        until(lambda: self._process.pid)
        self._process.kill()

    def _fault(self, request: Request) -> bool:
        new = request.creates() and request.path not in self._site.api.objects
        match self.moment:
            case "reads" if request.method == "GET":
                pass
            case "before" if new:
                pass
            case "after" if new:
                self._site.api.create(request.path.rpartition("/")[0], request.body)
            case "any" if request.creates():
                # By requests and not by a clock: on a busy machine it would be done before.
                self._left = self._left or self._chance.randint(2, 12)
                self._left -= 1
                if self._left:
                    return False
            case _:
                return False
        self.moment = ""
        self._kill()
        return request.drop()


@pytest.mark.parametrize("digests", [1, 2])
def test_kills_at_any_moment_lose_and_double_nothing(
    site: FanOutSite, monkeypatch: pytest.MonkeyPatch, digests: int
) -> None:
    """Killed again and again. Of two digests the second comes half way, and its order holds half of the pipelines."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT, ROOT / "tests"))))
    killer = Killer(site)
    pipelines = [f"app-{number:04}" for number in range(RUNS)]
    older = site.put(fan_out(pipelines, namespaces=("ci", "team")))
    newer = fan_out(
        pipelines[RUNS // 2 :], namespaces=("ci", "team"), name="fan-out-golang-2", event="2", happened=5
    )
    ended = []
    for number in range(KILLS):
        if digests == 2 and number == KILLS // 2:
            site.put(newer)
        ended.append(killer.start(("before", "after", "any", "reads")[number % 4]))
    assert ended.count(-signal.SIGKILL) >= KILLS * 5 // 6, (
        "it was done before it could be killed often enough"
    )
    assert killer.start("") == 0
    assert len(site.created) == len(set(site.created)), "doubled"
    counts, started = site.counts(), set(site.runs())
    assert counts["started"] + counts["existing"] == len(started)
    assert counts["replaced"] == RUNS - len(started)
    if digests == 1:
        assert started == set(names(older))
        return
    assert set(names(older)[: RUNS // 2]) <= started < set(names(older))
    # What the older one left, the newer one starts.
    site.executor(newer).run()
    assert set(site.runs()) == started | set(names(newer))
    assert len(site.created) == len(set(site.created)) == len(started) + RUNS // 2


@pytest.mark.parametrize("where", ["pace", "quiet", "request", "away", "refused"])
def test_sigterm_ends_every_wait_and_the_next_pod_goes_on(site: FanOutSite, where: str) -> None:
    """It ends within the seconds that a pod has: all of these waits would take minutes or hours."""
    hold = threading.Event()
    order = site.put(
        fan_out(
            10,
            pace={**SLOW, "quiet": 3600 if where == "quiet" else 0},
            created=1e8 if where == "quiet" else -7200,
        )
    )
    posts = []

    def fault(request: Request) -> bool:
        if not request.creates():
            return False
        posts.append(request.path)
        match where:
            case "request":
                hold.wait(30)
                return request.drop()
            case "away":
                return request.drop()
            case "refused":
                return request.answer(400, "BadRequest", "no")
            case _:
                return False

    site.fault = fault
    process = site.process()
    if where == "quiet":
        until(site.progress.exists)
    else:
        until(lambda: len(posts) >= {"pace": 5, "request": 5, "away": 3, "refused": 10}[where])
    done = {"pace": 5, "refused": 10}.get(where, 0)
    until(lambda: sum(site.counts().values()) == done)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=10)
    hold.set()
    assert process.returncode == 143, said
    assert "error: ended by SIGTERM before all was done" in said
    assert "Traceback" not in said
    assert sum(site.counts().values()) == done
    assert len(site.lines()) == 10
    if where != "pace":
        return
    # With the pace gone by, the next pod does the rest.
    order["spec"]["arguments"]["parameters"][0]["value"] = fan_out(10)["spec"]["arguments"]["parameters"][0][
        "value"
    ]
    again = site.process()
    _, said = again.communicate(timeout=20)
    assert again.returncode == 0, said
    assert site.counts() == {"started": 5, "existing": 5, "replaced": 0, "refused": 0}
    assert len(site.created) == len(set(site.created)) == 10


def test_it_logs_a_few_lines_for_300_runs(site: FanOutSite) -> None:
    site.put(fan_out(300))
    process = site.process()
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert len(site.created) == 300
    events = [re.search(r"event='([^']+)'", line) for line in said.splitlines()]
    assert [each and each[1] for each in events] == ["fan-out begins", "batch", "fan-out ends"]


def test_what_was_refused_is_printed_and_is_exit_code_1(
    site: FanOutSite, invoke: Callable[..., Result]
) -> None:
    order = site.put(fan_out(3, namespaces=("ci", "team", "ci")))
    site.fault = lambda request: (
        "/team/" in request.path and request.creates() and request.answer(400, "BadRequest", "no \x1b[31mway")
    )
    result = invoke("--retry-refused", "0s")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-2:] == [
        f"refused: {names(order)[1]}: 400 BadRequest: no \\x1b[31mway",
        "error: 1 run refused by the API server",
    ]
    assert site.counts() == {"started": 2, "existing": 0, "replaced": 0, "refused": 1}


def test_runs_that_were_refused_in_the_same_words_are_one_line_and_others_are_bounded(
    site: FanOutSite, invoke: Callable[..., Result]
) -> None:
    site.put(fan_out(100, namespaces=("ci", "team")))
    site.fault = lambda request: (
        request.creates()
        and request.answer(
            400, "BadRequest", "no" if "/team/" in request.path else f"not {request.path[-16:]}"
        )
    )
    result = invoke("--retry-refused", "0s")
    lines = [each for each in result.stderr.splitlines() if "level=" not in each]
    assert "refused: 50 runs of namespace team: 400 BadRequest: no" in lines
    assert lines[-2:] == [
        "and 31 more; the output runs names each",
        "error: 100 runs refused by the API server",
    ]
    assert len(lines) == 22


def test_there_is_no_such_fan_out(site: FanOutSite, invoke: Callable[..., Result]) -> None:
    result = invoke()
    assert (result.exit_code, result.stderr) == (
        2,
        "error: there is no Workflow fan-out-golang-1 in namespace ci\n",
    )
    assert site.counts() == {"started": 0, "existing": 0, "replaced": 0, "refused": 0}


def test_an_order_that_cannot_be_read_is_exit_code_2(site: FanOutSite, invoke: Callable[..., Result]) -> None:
    order = site.put(fan_out())
    order["spec"]["arguments"]["parameters"][0]["value"] = '{"frame": "\x1b[31m'
    result = invoke()
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: Workflow ci/fan-out-golang-1: its argument order is none of hookline's: ")
    assert site.created == []


@pytest.mark.parametrize("status", [403, 404])
def test_who_may_not_read_the_order_is_told_so(
    site: FanOutSite, invoke: Callable[..., Result], status: int
) -> None:
    """404 for everything: the definitions of Argo are not installed."""
    site.put(fan_out())
    site.fault = lambda request: request.answer(status, "Forbidden", "you may not get workflows")
    result = invoke()
    assert result.exit_code == 3
    assert result.stderr.startswith("error: Workflow ci/fan-out-golang-1 cannot be read: ")


def test_an_order_without_runs_is_done(site: FanOutSite, invoke: Callable[..., Result]) -> None:
    site.put(fan_out(0))
    assert invoke().exit_code == 0
    assert not site.progress.exists()
    assert json.loads((site.outputs / "counts").read_text())["started"] == 0


@pytest.mark.parametrize(
    "options",
    [("--workflow", "../secrets/x"), ("-n", "a/b"), ("--retry-refused", "soon"), ("--retry-refused", "10")],
)
def test_options_that_nobody_can_mean_are_refused(site: FanOutSite, options: tuple[str, str]) -> None:
    given = {"-n": "ci", "--workflow": "x", **dict([options])}
    result = CliRunner().invoke(main, ["fan-out", *(each for pair in given.items() for each in pair)])
    assert result.exit_code == 2
    assert site.asked == []
