"""A fan-out creates the runs of its order, each once: against an API server on loopback; tests/cluster has the real one."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fan_out_site import FanOutSite, Request, fan_out, names

from hookline.fanning_out.creating import REQUESTS
from hookline.fanning_out.crew import Crew, Stopped
from hookline.fanning_out.order import UnreadableOrder, read_fan_out
from hookline.fanning_out.tally import LIMIT_BYTES, Outcome, Tally
from hookline.fanning_out.telling import Telling
from sensors.fan_out import runs_of


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FanOutSite]:
    found = FanOutSite(tmp_path)
    yield found
    found.close()


def test_every_run_of_the_order_is_created_as_the_order_says(site: FanOutSite) -> None:
    order = fan_out(30, namespaces=("ci", "team-a", "team-b"))
    assert site.executor(order).run() == []
    wanted = {f"{each['metadata']['namespace']}/{each['metadata']['name']}": each for each in runs_of(order)}
    assert site.runs() == sorted(wanted)
    for each in site.api.objects.values():
        manifest = wanted[f"{each['metadata']['namespace']}/{each['metadata']['name']}"]
        assert each["spec"] == manifest["spec"]
        for part in ("labels", "annotations"):
            assert each["metadata"][part] == manifest["metadata"][part]
    assert each["metadata"]["labels"]["hookline.dev/fan-out"] == "fan-out-golang-1"
    assert site.counts() == {"started": 30, "existing": 0, "replaced": 0, "refused": 0}
    assert site.lines() == [f"{each} started" for each in names(order)]
    assert site.progress.read_text() == "30/30"


def test_without_a_pace_nothing_waits_and_each_run_is_looked_for_and_created(site: FanOutSite) -> None:
    site.executor(fan_out(50, kind="push")).run()
    assert site.crew.pauses == []
    methods = [method for _, method, path in site.asked if not path.endswith("/v1alpha1")]
    assert methods == ["GET"] * 50 + ["POST"] * 50


def test_runs_begin_in_the_orders_order(site: FanOutSite) -> None:
    order = fan_out(40, pace={"at_once": 1, "every": 1, "quiet": 0})
    site.executor(order).run()
    assert [f"ci/{each}" for each in site.created] == names(order)


def test_what_is_done_twice_is_done_once(site: FanOutSite) -> None:
    order = fan_out(30)
    site.executor(order).run()
    site.executor(order).run()
    assert len(site.created) == 30
    # A second create would be refused for the name, and take a place in a quota.
    assert len([each for each in site.asked if each[1] == "POST"]) == 30
    assert site.counts() == {"started": 0, "existing": 30, "replaced": 0, "refused": 0}
    assert site.progress.read_text() == "30/30"


def test_two_pods_at_a_time_make_each_run_once(site: FanOutSite) -> None:
    order = fan_out(60)
    two = [site.executor(order, crew=Crew(REQUESTS, site.stop)) for _ in range(2)]
    threads = [threading.Thread(target=each.run) for each in two]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert len(site.created) == len(set(site.created)) == 60
    counts = [each.tally.counts() for each in two]
    assert sum(each["started"] for each in counts) == 60
    assert [each["started"] + each["existing"] for each in counts] == [60, 60]


def test_a_run_twice_in_an_order_is_one(site: FanOutSite) -> None:
    site.executor(fan_out(["a", "b", "a"])).run()
    assert site.counts()["started"] == 2
    assert site.progress.read_text() == "2/2"


def test_outputs_are_there_before_anything_is_asked(site: FanOutSite) -> None:
    seen = []

    def look(request: Request) -> bool:
        if request.method == "POST":
            seen.append((site.counts(), site.lines()))
        return False

    site.fault = look
    order = fan_out(2, kind="push")
    site.executor(order).run()
    nothing = {"started": 0, "existing": 0, "replaced": 0, "refused": 0}
    assert seen[0] == (nothing, [f"{each} waiting" for each in names(order)])


def test_a_stop_leaves_true_outputs(site: FanOutSite) -> None:
    order = fan_out(50, pace={"at_once": 20, "every": 30, "quiet": 0})
    site.crew.at.append((45.0, site.stop.set))
    with pytest.raises(Stopped):
        site.executor(order).run()
    assert site.counts() == {"started": 40, "existing": 0, "replaced": 0, "refused": 0}
    assert [each.rpartition(" ")[2] for each in site.lines()] == ["started"] * 40 + ["waiting"] * 10
    assert site.progress.read_text() == "40/50"


def test_a_stop_in_the_middle_of_a_batch_leaves_true_outputs(site: FanOutSite) -> None:
    """Some requests are under way; what was answered is said."""
    asked = []

    def fault(request: Request) -> bool:
        if request.creates():
            asked.append(request.path)
        if len(asked) == 40:
            site.stop.set()
        return False

    site.fault = fault
    with pytest.raises(Stopped):
        site.executor(fan_out(300, kind="push")).run()
    assert (
        site.counts()["started"] == [each.rpartition(" ")[2] for each in site.lines()].count("started") > 20
    )
    assert len(site.lines()) == 300


def test_a_file_that_can_be_written_half_keeps_its_old_content(
    site: FanOutSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling = Telling(site.outputs, site.progress)
    runs = read_fan_out(fan_out(3)).runs
    tally = Tally(runs)
    tally.note(runs[0], Outcome("started"))
    telling.outputs(tally)
    before = site.counts(), site.lines(), site.progress.read_text()

    def half(path: Path, text: str, _encoding: str) -> int:
        with path.open("w") as file:
            file.write(text[: len(text) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    tally.note(runs[1], Outcome("started"))
    telling.outputs(tally)
    assert (site.counts(), site.lines(), site.progress.read_text()) == before


def test_files_that_cannot_be_written_stop_nothing(site: FanOutSite) -> None:
    site.outputs.write_text("a file where the folder should be")
    site.executor(fan_out(30)).run()
    assert len(site.created) == 30
    assert site.progress.read_text() == "30/30"


# Orders that cannot be read


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("no JSON", "its argument order is none of hookline's"),
        ("{}", "its argument order is none of hookline's"),
        ('{"pace": 7, "runs": 7, "frames": 7}', "its argument order is none of hookline's"),
        ('{"pace": {"at_once": 1, "every": 1, "quiet": 1}, "runs": [7], "frames": {}}', "its argument order"),
        ("[" * 3000, "its order cannot be read"),
        ("null", "its argument order"),
    ],
)
def test_an_order_that_cannot_be_read_is_one_sentence(order: str, words: str) -> None:
    workflow = fan_out()
    workflow["spec"]["arguments"]["parameters"][0]["value"] = order
    with pytest.raises(UnreadableOrder, match=words):
        read_fan_out(workflow)


@pytest.mark.parametrize("pace", [(0, 1, 0), (-1, 30, 0), (1, -1, 0), (1, 1, -1)])
def test_a_pace_that_nobody_can_keep_is_refused(pace: tuple[int, int, int]) -> None:
    workflow = fan_out(pace=dict(zip(("at_once", "every", "quiet"), pace, strict=True)))
    with pytest.raises(UnreadableOrder, match="order"):
        read_fan_out(workflow)


def test_an_order_with_what_no_request_can_carry_is_refused_before_it_is_tried_for_ever() -> None:
    workflow = fan_out()
    parameter = workflow["spec"]["arguments"]["parameters"][0]
    order = json.loads(parameter["value"])
    order["specs"]["go"]["priority"] = 10**30
    parameter["value"] = json.dumps(order)
    with pytest.raises(UnreadableOrder, match="64-bit"):
        read_fan_out(workflow)


def test_a_workflow_that_is_no_fan_out_is_refused() -> None:
    workflow = fan_out()
    del workflow["metadata"]["labels"]["hookline.dev/fan-out-runs"]
    with pytest.raises(UnreadableOrder, match=r"no label hookline\.dev/fan-out-runs"):
        read_fan_out(workflow)
    with pytest.raises(UnreadableOrder, match="metadata"):
        read_fan_out({"metadata": {}})


def test_the_lines_of_a_thousand_refused_runs_stay_within_their_bound(site: FanOutSite) -> None:
    order = read_fan_out(fan_out([f"{'p' * 58}{each:05}" for each in range(1000)], namespaces=("n" * 63,)))
    tally = Tally(order.runs)
    for run in order.runs:
        tally.note(run, Outcome("refused", "ü" * 500 + "\nnever a line of its own\x1b[31m"))
    text = tally.lines()
    assert len(text.encode()) <= LIMIT_BYTES
    assert [each.split(" ")[0] for each in text.splitlines()] == [each.place for each in order.runs]
    assert "\x1b" not in text
    short = tally.lines(20_000)
    assert len(short.encode()) <= 20_000
    shown = short.splitlines()
    assert shown[-1] == f"and {1000 - len(shown) + 1} more"
