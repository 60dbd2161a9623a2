"""Completion: what a shell offers."""

import os
import subprocess
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from shell import answering
from support import DECLARATION

from hookline.cli import main

TWO = (
    DECLARATION
    + """\
  night:
    owner: team-night
    repository: {name: acme/night, url: https://github.com/acme/night.git}
    run: {template: hookline-ci-go}
    image: registry.example.com/acme/night
    events: {schedule: {at: "30 2 * * *"}}
"""
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hookline.yaml").write_text(TWO, "utf-8")
    (tmp_path / "push.json").write_text("{}", "utf-8")
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci" / "a.yaml").write_text(TWO.replace("  shop:", "  cart:"), "utf-8")
    return tmp_path


def offered(words: str, incomplete: str = "") -> list[str]:
    found = ShellComplete(main, {}, "hookline", "_HOOKLINE_COMPLETE").get_completions(
        words.split(), incomplete
    )
    return [f"<{each.type}>" if each.type != "plain" else str(each.value) for each in found]


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        ("explain", "", ["night", "shop"]),
        ("explain -f ci", "", ["cart", "night"]),
        ("explain -e push.json", "s", ["shop"]),
        ("next --pipeline", "", ["night"]),
        ("render --owner", "", ["team-night"]),
        ("next ci --pipeline", "", ["night"]),
        ("simulate --source", "", ["github", "harbor"]),
        ("explain shop --source", "h", ["harbor"]),
        ("validate --template-from-cluster", "", ["hookline-ci-go"]),
        ("template", "h", ["hookline-ci-go"]),
        ("template check --live", "", ["ci-go-v1", "hookline-ci-go"]),
        ("template check", "", ["<file>"]),
        ("docs", "tem", ["template"]),
        ("docs", "runbooks/HooklineNo", ["runbooks/HooklineNoEvents"]),
        ("docs", "HooklineTrigger", ["HooklineTriggerStuck", "HooklineTriggersFailing"]),
        ("simulate -e", "", ["<file>"]),
        ("simulate -e", "p", ["<file>"]),
        ("simulate -e", "schedule:", ["schedule:night"]),
        ("simulate -e", "schedule:x", []),
        ("simulate -e", "sch", ["schedule:night"]),
        ("validate", "", ["<file>"]),
        ("validate -f", "", ["<file>"]),
        ("validate -o", "s", ["sarif"]),
        ("render --to", "", ["<dir>"]),
    ],
)
def test_a_shell_offers_what_the_declaration_has(
    folder: Path, words: str, incomplete: str, expected: list[str]
) -> None:
    assert offered(words, incomplete) == expected


def test_a_file_whose_name_begins_like_a_schedule_is_offered_beside_it(folder: Path) -> None:
    (folder / "sched.json").write_text("{}", "utf-8")
    assert offered("simulate -e", "s") == ["schedule:night", "sched.json"]


@pytest.mark.parametrize("content", ["pipelines: [", "version: 1\n", "\0", "pipelines: {shop: {}}", None])
@pytest.mark.parametrize(
    "words", ["explain", "next --pipeline", "simulate --source", "validate --template-from-cluster"]
)
def test_a_declaration_that_cannot_be_read_offers_nothing_and_says_nothing(
    folder: Path, words: str, content: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "hookline.yaml").unlink()
    if content is not None:
        (folder / "hookline.yaml").write_text(content, "utf-8")
    assert offered(words) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("words", ["validat", "template chek"])
def test_a_wrong_command_is_no_error_while_somebody_types(words: str) -> None:
    assert offered(words, "prer") == (["prerequisites"] if " " in words else [])


BASH = r"""
source ./script
compopt() { echo "compopt $2"; }
ask() {
  COMP_WORDS=(hookline "$@")
  COMP_CWORD=$#
  COMPREPLY=()
  _hookline_completion "$HOOKLINE"
  echo "$* -> ${COMPREPLY[*]}"
}
ask explain ""
ask simulate -e schedule :
ask simulate -e schedule : ni
ask simulate -e sched
ask simulate -e p
"""


def test_bash_puts_it_in_also_after_a_colon(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (folder / "script").write_text(CliRunner().invoke(main, ["completion", "bash"]).stdout, "utf-8")
    with answering(tmp_path_factory.mktemp("shell")) as commands:
        environment = {**os.environ, "HOOKLINE": str(commands / "hookline")}
        done = subprocess.run(
            ["bash", "-c", BASH], capture_output=True, text=True, check=True, env=environment
        )
    assert (done.stdout.splitlines(), done.stderr) == (
        [
            "explain  -> night shop",
            "simulate -e schedule : -> night",
            "simulate -e schedule : ni -> night",
            "simulate -e sched -> schedule:night",
            "compopt default",
            "simulate -e p -> ",
        ],
        "",
    )
