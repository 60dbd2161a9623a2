"""Runs that were once told wrongly, as recordings by hand: each has the outcome that is right."""

import gzip
import json
import re
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from hookline.cli import main
from runs.exporter.configuration import Configuration
from runs.exporter.recording import InvalidRecording
from runs.exporter.replaying import Replayed
from runs.exporter.series import Histogram
from runs.history import Query

CASES = Path(__file__).parents[1] / "data" / "cases" / "runs"


def replayed(name: str, folder: Path) -> Replayed:
    """The case, measured."""
    return Replayed(recording(name, folder), Configuration())


def recording(name: str, folder: Path) -> Path:
    """The case as a recording: its text is kept unpacked, so that a person can read it."""
    path = folder / name
    shutil.copytree(CASES / name, path)
    changes = path / "changes.jsonl"
    (path / "changes.jsonl.gz").write_bytes(gzip.compress(changes.read_bytes()))
    return path


OUTCOMES = {
    # One of several steps of a name failed with red code; the other ended later, and well.
    "matrix-one-red": ("failure", ["run-test failure", "run-test success"]),
    # Nobody saw the pod; its node says `main: Error (exit code 1)`.
    "red-test-pods-unseen": ("failure", []),
    "init-container-failed": ("error", ["run-test error"]),
    "supervisor-pre-main-65": ("error", ["run-test error"]),
    "evicted-exit-1": ("error", ["run-test error"]),
    # Argo ends sidecars itself once main is done.
    "sidecar-killed-137": ("success", ["run-test success"]),
    # The agent's pod runs no step.
    "agent-pod-deleted": ("success", ["run-test success"]),
    "withitems-dotted": ("success", ["run-test success", "run-test success"]),
    "all-steps-skipped": ("skip", []),
    "pending-timeout": ("timeout", ["run-test timeout"]),
    "memoized-retry-dag-steps": ("success", []),
    # Argo before 4.0.10 and 4.1.2 calls it Succeeded, and no pod of it ever was.
    "terminated-waiting-for-lock": ("cancellation", []),
    # What an exit handler runs is no code of the repository (docs/decisions/2026-11-26-whose-fault-it-is.md).
    "exit-handler-failed": ("error", ["run-test success", "onExit error"]),
    "build-afresh": ("success", ["build-push-image success"]),
    "build-cannot-allocate": ("error", ["build-push-image error"]),
    "build-daemon-killed": ("error", ["build-push-image error"]),
    "build-token-deadline": ("error", ["build-push-image error"]),
}


def test_every_case_has_its_right_answer() -> None:
    assert sorted([*OUTCOMES, *DAMAGED]) == sorted(path.name for path in CASES.iterdir())


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_run_and_its_attempts_have_the_outcome_that_is_right(name: str, tmp_path: Path) -> None:
    outcome, attempts = OUTCOMES[name]
    ledger = replayed(name, tmp_path).ledger
    found = [ledger.run("", each.name) for each in ledger.page(Query()).runs]
    runs = [each for each in found if each is not None]
    assert [each.outcome for each in runs] == [outcome]
    assert [f"{each.step} {each.outcome}" for each in runs[0].attempts] == attempts


DAMAGED = {
    "odd-annotation": "changes.jsonl.gz:4: object.metadata.annotations.k8s.aliyun.com/eci-spot-strategy is a list; "
    "text belongs there",
    "odd-event-reason": "changes.jsonl.gz:4: object.reason is an object; text belongs there",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_recording_with_a_field_of_another_type_is_refused_by_its_line(name: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["replay", str(recording(name, tmp_path))])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith(f"{DAMAGED[name]}\n")
    assert result.stderr.count("\n") == 1


CHANGES = [
    line for path in sorted(CASES.glob("*/changes.jsonl")) for line in path.read_text("utf-8").splitlines()
]


def places(raw: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The paths of all values in it."""
    children = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    return [path, *(each for key, value in children for each in places(value, (*path, key)))]


@settings(max_examples=tries(150))
@given(data=st.data())
def test_a_recording_that_somebody_edited_is_measured_or_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    line = json.loads(data.draw(st.sampled_from(CHANGES)))
    path = data.draw(st.sampled_from(places(line)))
    value: Any = data.draw(
        st.sampled_from(
            [None, True, 7, -1, 1.5, 10**18, "", "x", "9" * 400, [], ["x"], [None], {}, {"x": {}}, [[[]]]]
        )
    )
    if path:
        parent = line
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = value
    folder = tmp_path_factory.mktemp("edited")
    text = json.dumps(line if path else value)
    (folder / "changes.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    refusal = ""
    try:
        Replayed(folder, Configuration()).ledger.exposition(openmetrics=True)
    except InvalidRecording as refused:
        refusal = str(refused)
    assert not refusal or re.search(r"changes\.jsonl\.gz:1: [^\n]{5,}\Z", refusal)


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        ("7", "the line is not a JSON object, as a change must be"),
        ('{"resource": {}, "type": "ADDED"}', "`resource` is not one of workflows, pods, events"),
        ('{"resource": "pods", "type": []}', "`type` is not one of ADDED, MODIFIED, DELETED, VANISHED, SYNCED"),
        ('{"resource": "pods", "type": "SYNCED", "at": "now"}', "`at` is not a time in Unix seconds"),
        ('{"resource": "pods", "type": "SYNCED", "at": true}', "`at` is not a time in Unix seconds"),
        ('{"resource": "pods", "type": "SYNCED", "at": 1e300}', "`at` is not a time in Unix seconds"),
        ('{"resource": "pods", "type": "ADDED", "at": 1}', "object is absent; an object belongs there"),
        ('{"resource": "pods", "type": "ADDED", "at": 1, "object": []}', "object is a list; an object belongs there"),
        ('{"resource": "pods", "type": "VANISHED", "at": 1, "uid": 7}', "`uid` is not a text, and a VANISHED line needs it"),
        ('{"resource": "pods", "type": "ADDED", "at": 1, "object": {"status": {"containerStatuses": [{"state": {"terminated": {"exitCode": "1"}}}]}}}',
         "object.status.containerStatuses[0].state.terminated.exitCode is text; a whole number of 32 bits belongs there"),
        ('{"resource": "workflows", "type": "ADDED", "at": 1, "object": {"status": {"startedAt": "yesterday"}}}',
         "object.status.startedAt is 'yesterday'; a time such as 2026-11-26T10:00:00Z belongs there"),
        ('{"resource": "workflows", "type": "ADDED", "at": 1, "object": {"status": {"nodes": {"a": 7}}}}',
         "object.status.nodes.a is a number; an object belongs there"),
        ('{"resource": "pods", "type": "ADDED", "at": 1, "object": {"metadata": {"labels": {"a\\nb": 7}}}}',
         "object.metadata.labels.a?b is a number; text belongs there"),
        ("[" * 2000, "the line is not JSON"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_change_is_refused_by_its_number(line: str, refusal: str, tmp_path: Path) -> None:
    good = '{"at": 1, "resource": "pods", "type": "SYNCED"}'
    (tmp_path / "changes.jsonl.gz").write_bytes(gzip.compress(f"{good}\n{line}\n".encode()))
    with pytest.raises(InvalidRecording) as refused:
        Replayed(tmp_path, Configuration())
    assert f"changes.jsonl.gz:2: {refusal}" in str(refused.value)


def test_a_line_of_gigabytes_is_refused_without_reading_it(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "changes.jsonl.gz", "wb", compresslevel=1) as file:
        for _ in range(64):
            file.write(b" " * 1024 * 1024)
    tracemalloc.start()
    with pytest.raises(InvalidRecording, match=r"changes\.jsonl\.gz:1: the line is longer than 16 MiB"):
        Replayed(tmp_path, Configuration())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 40 * 1024 * 1024


def test_memoized_nodes_of_every_kind_count_once(tmp_path: Path) -> None:
    ledger = replayed("memoized-retry-dag-steps", tmp_path).ledger
    counted = [
        ledger.series.get(f"hookline_cache_{each}_total", ("ci", "", "shop", "memoization"))
        for each in ("hits", "requests")
    ]
    assert counted == [4, 4]


def test_the_time_of_a_step_whose_sidecar_was_killed_is_measured(tmp_path: Path) -> None:
    found = replayed("sidecar-killed-137", tmp_path).ledger.series.get(
        "hookline_step_duration_seconds", ("ci", "", "shop", "run-test")
    )
    assert isinstance(found, Histogram)
    assert found.sum == 60


def test_the_logs_of_a_matrix_with_dotted_items_are_read(tmp_path: Path) -> None:
    ledger = replayed("withitems-dotted", tmp_path).ledger
    assert ledger.series.get("hookline_log_reads_total", ("ci", "", "run-test", "complete")) == 2


def test_a_second_try_without_the_cache_does_not_hide_that_it_is_broken(tmp_path: Path) -> None:
    ledger = replayed("build-afresh", tmp_path).ledger
    assert ledger.series.get("hookline_image_builds_total", ("ci", "", "shop", "broken")) == 1
