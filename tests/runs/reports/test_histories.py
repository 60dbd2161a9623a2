"""Every history that the real workflow-controller once wrote, at every kind of host: the exact statuses that the host sees.

The reporter, its marks and the requests are the real ones; the host, over real HTTP, holds the documented rules. Killing is done
at three places of a status: before the host has it, before the mark is written, and after it.
"""

import functools
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from recorded_days import Told, tell
from status_hosts import TOKEN, StatusHost, status_host

from runs.objects import Workflow, workflow_of
from runs.reports.host_api import Delivered, HostApi
from runs.reports.hosts import HOST_APIS
from runs.reports.marks import Mark, patch_of
from runs.reports.outgoing import Send
from runs.reports.reporter import Reporter
from runs.reports.sending import sender
from runs.reports.status import Report

Line = dict[str, Any]
Killed = Literal["before", "unmarked", "after"]
MOMENTS: tuple[Killed | None, ...] = (None, "before", "unmarked", "after")

PASSES = ("queued", "running", "success")
RED = ("queued", "running", "failure")
BROKEN = ("queued", "running", "error")
SEQUENCES: Mapping[str, Sequence[str]] = {
    "broken-cache": RED,  # that its cause is the cache stands in the log alone, which no status waits for
    "checkout-fails": BROKEN,
    "degraded": PASSES,
    "early-pod-gc": PASSES,
    "evicted-retried": PASSES,
    "green": PASSES,
    "green-adopted": (),  # without hookline's labels
    "green-cached-tests": PASSES,
    "green-cold": PASSES,
    "green-cron": (),
    "green-full": PASSES,
    "green-full-again": PASSES,
    "green-modules": PASSES,
    "green-no-logs": PASSES,
    "green-person": (),
    "green-spot": PASSES,
    "green-tag": PASSES,
    "green-unreachable": PASSES,
    "image-pull": BROKEN,
    "killed": BROKEN,
    "no-test": PASSES,
    "other-container": BROKEN,
    "out-of-memory": BROKEN,
    "pod-deleted": BROKEN,
    "reclaimed": BROKEN,
    "reclaimed-retried": PASSES,
    "red-build": RED,
    "red-spot": RED,
    "red-test": RED,
    "red-test-2": RED,
    "step-deadline": ("queued", "running", "timeout"),
    "stopped": ("queued", "running", "cancellation"),
    "stopped-waiting": ("queued", "cancellation"),  # Argo writes Failed
    "terminated-143": BROKEN,
    "terminated-waiting": ("cancellation",),  # Argo writes Succeeded
}
DELETED = ("queued", "running", "cancellation")
"""A run that is deleted while it runs."""
KINDS = ("github", "gitlab", "gitea")
SOURCE = "github"


@pytest.fixture(scope="module", params=KINDS)
def host(request: pytest.FixtureRequest) -> Iterator[StatusHost]:
    with status_host(request.param) as found:
        yield found


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("token") / "token"
    found.write_text(TOKEN)
    return found


@dataclass
class Site:
    """A cluster that holds Workflows, a host, and one controller after another."""

    api: HostApi
    send: Send
    chance: Callable[[], Killed | None]
    """What happens to the controller at the next status."""
    objects: dict[str, Line] = field(default_factory=dict)
    kills: int = 0
    now: float = 0.0

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A controller that knows nothing lists what there is."""
        self._due: list[Report] = []
        self._reporter = Reporter({SOURCE: self.api}, lambda _, report: self._due.append(report))
        for raw in self.objects.values():
            self._give(raw)
        self._reporter.synced(self.now)
        self.deliver()

    def see(self, line: Line, *, away: bool = False) -> None:
        """The next line of a recording; with `away`, while no controller runs."""
        self.now = line["at"]
        if line["type"] in {"VANISHED", "SYNCED"}:
            return
        raw = line["object"]
        assert raw is not None
        uid = raw["metadata"]["uid"]
        kept: Line = self.objects.get(uid, raw)["metadata"].get("annotations", {})
        raw["metadata"]["annotations"] = {**raw["metadata"].get("annotations", {}), **kept}
        self.objects[uid] = raw
        if line["type"] == "DELETED":
            del self.objects[uid]
        if not away:
            self._give(raw)
            if line["type"] == "DELETED":
                self._reporter.gone(uid)
            self.deliver()

    def _give(self, raw: Line) -> None:
        found = workflow_of(raw, frozenset())
        if isinstance(found, Workflow):
            self._reporter.changed(found, self.now)

    def deliver(self) -> None:
        """Send what is due, as long as the controller lives."""
        while self._due:
            report = self._due.pop(0)
            killed = self.chance()
            if killed != "before":
                answer = self.send(report)
                assert isinstance(answer, Delivered), answer
                if killed != "unmarked":
                    self._mark(report, answer.memory or report.memory)
            if killed:
                self.kills += 1
                self.start()
                return

    def _mark(self, report: Report, memory: str) -> None:
        state = self.api.states[report.status.word]
        mark = Mark(state, report.status.final, report.finished, memory)
        if (raw := self.objects.get(report.uid)) is not None:
            raw["metadata"]["annotations"] |= patch_of(report.uid, mark)["metadata"]["annotations"]
            self._give(raw)


_numbers = itertools.count(1)


@functools.cache
def recorded(history: str) -> Sequence[Line]:
    """The Workflow of a recorded run, as an event of the source would have made it."""
    told = Told(history, 0, 1_795_000_000.0, 3.0, "shop", "push", "refs/heads/main", "alice")
    lines, _ = tell([told])
    found = [each for each in lines if each["resource"] == "workflows" and "object" in each]
    for each in found:
        metadata = each["object"]["metadata"]
        if "hookline.dev/pipeline" in metadata.get("labels", {}):
            metadata["labels"]["hookline.dev/source"] = SOURCE
            metadata["annotations"]["hookline.dev/repository"] = "acme/shop"
    assert found, history
    return found


def lines_of(history: str) -> list[Line]:
    """The same of another commit each time."""
    number = next(_numbers)

    def of_commit(raw: Line) -> Line:
        metadata = raw["metadata"]
        annotations = dict(metadata.get("annotations", {}))
        if "hookline.dev/sha" in annotations:
            annotations["hookline.dev/sha"] = f"{number:040x}"
        return {
            **raw,
            "metadata": {**metadata, "uid": f"{metadata['uid']}-{number}", "annotations": annotations},
        }

    return [{**each, "object": of_commit(each["object"])} for each in recorded(history)]


def states(api: HostApi, words: Sequence[str]) -> list[str]:
    """The host's states of these words; two words of one state are told once."""
    found: list[str] = []
    for each in words:
        if api.states[each] not in found[-1:]:
            found.append(api.states[each])
    return found


def seen(host: StatusHost, lines: Sequence[Line]) -> list[str]:
    """The states that the host took for the commit of these lines."""
    sha = lines[0]["object"]["metadata"].get("annotations", {}).get("hookline.dev/sha", "no commit")
    return [state for _, commit, _, state in host.told if commit == sha]


def site_of(host: StatusHost, token: Path, chance: Callable[[], Killed | None]) -> Site:
    api = HOST_APIS[host.kind]
    return Site(api, sender(api, host.url, token), chance)


def lives() -> None:
    """Nothing kills it."""


@pytest.mark.parametrize("history", SEQUENCES)
def test_a_host_sees_exactly_the_statuses_of_a_history(host: StatusHost, token: Path, history: str) -> None:
    site, lines = site_of(host, token, lives), lines_of(history)
    for line in lines:
        site.see(line)
    assert seen(host, lines) == states(site.api, SEQUENCES[history])
    # The next controller has nothing to add.
    site.start()
    assert seen(host, lines) == states(site.api, SEQUENCES[history])


def test_a_host_sees_the_last_word_of_a_run_that_is_deleted(host: StatusHost, token: Path) -> None:
    site, lines = site_of(host, token, lives), lines_of("green")
    begun = [each for each in lines if each["object"].get("status", {}).get("finishedAt") is None]
    for line in [*begun, {**begun[-1], "type": "DELETED"}]:
        site.see(line)
    assert seen(host, lines) == states(site.api, DELETED)


def test_a_controller_that_is_killed_at_a_hundred_moments_tells_each_status_once(
    host: StatusHost, token: Path
) -> None:
    kills = 0
    for seed, history in itertools.product(range(4), SEQUENCES):
        draw = random.Random(f"{history} {seed}")
        places: Sequence[Killed | None] = (None, "before", "unmarked", "after")
        site = site_of(host, token, functools.partial(draw.choice, places))
        lines = lines_of(history)
        for line in lines:
            site.see(line)
        assert seen(host, lines) == states(site.api, SEQUENCES[history]), (history, seed)
        kills += site.kills
    assert kills >= 100


@pytest.mark.parametrize("history", [each for each, words in SEQUENCES.items() if words])
def test_whatever_passes_while_nobody_reports_each_commit_ends_with_its_last_word(
    host: StatusHost, token: Path, history: str
) -> None:
    draw = random.Random(history)
    site, lines = site_of(host, token, lives), lines_of(history)
    for line in lines:
        away = draw.random() < 0.5
        site.see(line, away=away)
        if not away:
            site.start()
    site.start()
    found, whole = seen(host, lines), states(site.api, SEQUENCES[history])
    assert found[-1] == whole[-1]
    assert found == [each for each in whole if each in found]
