"""Whatever comes in, nothing unsafe comes out, and nothing ends in a traceback: a short run of `make fuzz`."""

from pathlib import Path

import fuzzing
import pytest


def test_no_delivery_gets_an_unsafe_value_into_a_run() -> None:
    tally = fuzzing.Tally()
    fuzzing.deliveries(1600, 7, tally)
    assert not tally.wrong, "\n".join(tally.wrong)
    assert min(tally.counts[f"delivery: {each}"] for each in ("run", "drop", "refused", "unreadable")) > 5


def test_no_declaration_renders_what_it_does_not_say() -> None:
    tally = fuzzing.Tally()
    fuzzing.declarations(150, 7, tally)
    assert not tally.wrong, "\n".join(tally.wrong)
    assert min(tally.counts[f"declaration: {each}"] for each in ("rendered", "refused")) > 5


def test_no_command_line_ends_in_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tally = fuzzing.Tally()
    fuzzing.command_lines(120, 7, tally, tmp_path)
    assert not tally.wrong, "\n".join(tally.wrong)
    assert min(tally.counts[f"command: exit code {each}"] for each in (0, 2)) > 5
