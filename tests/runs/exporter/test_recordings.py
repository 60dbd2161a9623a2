"""Recordings: made of real runs, read from a folder or a zip of it, and measured as what happened."""

import gzip
import os
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families
from recorded_days import Told, days, pack, tell, write
from support import ROOT

from hookline.cli import main
from runs.exporter.configuration import Configuration
from runs.exporter.recording import InvalidRecording
from runs.exporter.replaying import Replayed

REGENERATE = bool(os.environ.get("HOOKLINE_REGENERATE"))
DAY = ROOT / "hookline/demo_data/day.zip"
DEMO_DAY = days(date(2026, 11, 23), 1, 72)


def runs_of(text: bytes) -> Mapping[tuple[str, str, str], float]:
    samples = (each for family in text_string_to_metric_families(text.decode()) for each in family.samples)
    return {
        (each.labels["pipeline"], each.labels["event"], each.labels["outcome"]): each.value
        for each in samples
        if each.name == "hookline_runs_total" and each.value
    }


def expected(runs: Iterable[Told]) -> Mapping[tuple[str, str, str], int]:
    return Counter(each.counted_as for each in runs)


def test_the_demos_day_is_made_of_the_recorded_runs(tmp_path: Path) -> None:
    if REGENERATE:
        write(tmp_path / "day", DEMO_DAY)
        pack(tmp_path / "day", DAY)
    lines, logs = tell(DEMO_DAY)
    with zipfile.ZipFile(DAY) as archive:
        found = [
            orjson.loads(each) for each in gzip.decompress(archive.read("changes.jsonl.gz")).splitlines()
        ]
        assert found[3:] == lines
        assert {name: archive.read(name) for name in archive.namelist() if name.startswith("logs/")} == {
            f"logs/{uid}.log": log for uid, log in logs.items()
        }


def test_a_day_is_measured_as_what_happened() -> None:
    assert runs_of(Replayed(DAY, Configuration()).ledger.exposition(openmetrics=False)) == expected(DEMO_DAY)


@pytest.mark.parametrize("history", ["terminated-waiting", "stopped-waiting"])
def test_a_run_that_ends_while_it_waits_for_a_lock_is_a_cancellation_and_nothing_of_it_is_lost(
    history: str, tmp_path: Path
) -> None:
    """The real controller calls the first one Succeeded, and writes a failed node of type Pod without a pod for both."""
    run = Told(history, 0, 1_763_978_400.0, 1.0, "shop", "push", "refs/heads/main", "alice")
    write(tmp_path / "run", [run])
    text = Replayed(tmp_path / "run", Configuration()).ledger.exposition(openmetrics=False)
    assert runs_of(text) == {("shop", "push", "cancellation"): 1}
    lost = [
        each for each in text.decode().splitlines() if each.startswith("hookline_observations_lost_total{")
    ]
    assert lost
    assert all(each.endswith(" 0") for each in lost)


def test_other_days_are_measured_as_what_happened(tmp_path: Path) -> None:
    others = days(date(2026, 11, 16), 2, 40, seed=7)
    write(tmp_path / "days", others)
    assert runs_of(
        Replayed(tmp_path / "days", Configuration()).ledger.exposition(openmetrics=False)
    ) == expected(others)


def test_a_folder_a_zip_and_a_zip_of_the_folder_are_the_same(tmp_path: Path) -> None:
    folder, packed = tmp_path / "day", tmp_path / "day.zip"
    write(folder, DEMO_DAY[:12])
    pack(folder, packed)
    inside = Path(shutil.make_archive(str(tmp_path / "inside"), "zip", tmp_path, "day"))
    texts = {
        Replayed(path, Configuration()).ledger.exposition(openmetrics=True)
        for path in (packed, folder, inside)
    }
    assert len(texts) == 1


def test_a_log_beyond_the_limit_gives_no_samples(tmp_path: Path) -> None:
    write(tmp_path / "day", [each for each in DEMO_DAY if each.history == "green-full"][:1])
    for log in (tmp_path / "day/logs").iterdir():
        log.write_bytes(log.read_bytes() + b"\n" * 65_536)
    replayed = Replayed(tmp_path / "day", Configuration(log_limit_bytes=65_536))
    text = replayed.ledger.exposition(openmetrics=False).decode()
    reads = [
        each
        for each in text.splitlines()
        if each.startswith("hookline_log_reads_total") and each.endswith(" 1")
    ]
    assert [each.partition("result=")[2] for each in reads] == ['"truncated"} 1'] * 3


def damaged(kind: str, folder: Path) -> Path:
    path = folder / "recording.zip"
    whole = DAY.read_bytes()
    match kind:
        case "no zip":
            path.write_text("hello")
        case "cut":
            path.write_bytes(whole[: len(whole) // 2])
        case "no changes" | "two":
            with zipfile.ZipFile(path, "w") as archive:
                for name in ("a", "b") if kind == "two" else ():
                    archive.writestr(f"{name}/changes.jsonl.gz", b"")
        case "changed bytes":
            middle = len(whole) // 3
            path.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
        case "no JSON":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("changes.jsonl.gz", gzip.compress(b"{}\n{"))
        case "a pipe":
            os.mkfifo(path)
        case "a folder with a pipe":
            (folder / "recording").mkdir()
            os.mkfifo(folder / "recording" / "changes.jsonl.gz")
            return folder / "recording"
        case "an encrypted zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("changes.jsonl.gz", gzip.compress(b"{}"))
            # The flag of an encrypted entry, in its header and in the directory.
            content = bytearray(path.read_bytes())
            content[6] |= 1
            content[content.index(b"PK\x01\x02") + 8] |= 1
            path.write_bytes(content)
        case "a cut gzip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("changes.jsonl.gz", gzip.compress(b"{}\n" * 1000)[:20])
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "no zip",
        "cut",
        "no changes",
        "two",
        "changed bytes",
        "no JSON",
        "a cut gzip",
        "no file",
        "a pipe",
        "a folder with a pipe",
        "an encrypted zip",
    ],
)
def test_what_is_no_recording_is_refused_in_a_sentence(kind: str, tmp_path: Path) -> None:
    path = damaged(kind, tmp_path)
    if kind != "no file":
        with pytest.raises(InvalidRecording, match="recording"):
            Replayed(path, Configuration())
    result = CliRunner().invoke(main, ["replay", str(path)])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stdout == ""
