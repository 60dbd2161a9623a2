"""docs/bad-input.md: every wrong declaration and event there gives exactly the message that stands there."""

import os
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support import ONE_PIPELINE, ROOT

from hookline.cli import main

PAGE = ROOT / "docs" / "bad-input.md"
CASE = re.compile(
    r"### (?P<title>[^\n]+)\n\n(?:`hookline (?P<command>[^\n]+)`\n\n)?"
    r"```(?P<kind>yaml|http)\n(?P<content>.*?)\n?```\n\n```text\n(?P<message>.*?)\n```\n",
    re.DOTALL,
)


def run(case: re.Match[str], folder: Path) -> Result:
    declared = case["kind"] == "yaml"
    (folder / "hookline.yaml").write_text(case["content"] + "\n" if declared else ONE_PIPELINE, "utf-8")
    (folder / "event").write_text("" if declared else case["content"], "utf-8")
    (folder / "secret").write_text("top secret", "utf-8")
    return CliRunner().invoke(main, ["validate"] if declared else shlex.split(case["command"]))


CASES = list(CASE.finditer(PAGE.read_text("utf-8")))


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 80
    assert len({case["title"] for case in CASES}) == len(CASES)
    assert len(CASES) == PAGE.read_text("utf-8").count("\n### ")


@pytest.mark.parametrize("case", CASES, ids=[case["title"] for case in CASES])
def test_the_message_is_exact(case: re.Match[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(case, tmp_path)
    found = (result.stderr if case["kind"] == "yaml" else result.output).strip()
    if os.environ.get("HOOKLINE_REGENERATE"):
        text = PAGE.read_text("utf-8")
        start = text.index(f"### {case['title']}\n")
        at = text.index("```text\n", start) + len("```text\n")
        PAGE.write_text(text[:at] + found + text[text.index("\n```", at) :], "utf-8")
        return
    assert found == case["message"]
    assert result.exit_code == (1 if case["message"].startswith("refused") else 2)
    if case["kind"] == "yaml":
        assert result.stdout == ""
        assert re.match(r"hookline\.yaml:\d+:\d+: error: ", found)
