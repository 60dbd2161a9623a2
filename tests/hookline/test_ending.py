"""However a command ends, it ends in a documented code and a sentence."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from support import ONE_PIPELINE

from hookline import ending
from hookline.cli import main
from hookline.command_line.agreeing import agree
from hookline.commands import version

PUSH = b'POST /github HTTP/1.1\r\nX-GitHub-Event: push\r\nContent-Type: application/json\r\n\r\n{"ref": "refs/heads/main"}'


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hookline.yaml").write_text(ONE_PIPELINE, "utf-8")
    Path("push").write_bytes(PUSH)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def in_shell(command: str) -> tuple[int, str]:
    """Exit code and stderr of a command, with `hookline` for this one."""
    hookline = f"{sys.executable} -m hookline"
    done = subprocess.run(
        ["bash", "-c", command.replace("hookline", hookline, 1)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stderr


def failing(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise error

    monkeypatch.setattr(version.command, "callback", fails)


def test_an_unforeseen_exception_is_one_sentence_that_asks_for_a_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing(ZeroDivisionError("a\nb\x1b"), monkeypatch)
    result = run("version")
    assert result.exit_code == 70
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: hookline ")
    assert "ZeroDivisionError: a b\\x1b" in result.stderr
    assert "please report it" in result.stderr


def test_the_traceback_is_for_who_asks_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hookline.logs._levels", [])
    failing(ZeroDivisionError("x"), monkeypatch)
    result = run("--log-level", "debug", "version")
    assert result.exit_code == 70
    assert "Traceback (most recent call last):" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "gone"), 2),
        (PermissionError(errno.EACCES, "Permission denied", b"gone"), 2),
        (RecursionError("too deep"), 70),
        (MemoryError(), 70),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_exception_has_its_code(error: Exception, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(error, monkeypatch)
    result = run("version")
    assert result.exit_code == code
    assert result.stderr.strip().startswith("error: ")
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(("typed", "code"), [(KeyboardInterrupt, 130), (EOFError, 1)])
def test_ctrl_c_at_a_question_is_no_answer_and_ctrl_d_is_a_no(
    typed: type[BaseException], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def types(_: str) -> str:
        raise typed

    def asks() -> None:
        monkeypatch.setattr("click.termui.visible_prompt_func", types)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
        agree("Really?", "nothing was done")

    monkeypatch.setattr(version.command, "callback", asks)
    result = run("version")
    assert result.exit_code == code
    assert ("nothing was done" in result.stderr) is (code == 1)


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        (
            "hookline validate > /dev/full",
            74,
            "error: the answer cannot be written: no space left on device\n",
        ),
        ("hookline version >&-", 74, "error: stdout is closed, so that no answer can be written\n"),
        ("hookline simulate -e - <&-", 2, "error: stdin is closed; name a file\n"),
        ("hookline validate 2>&-", 0, ""),
    ],
)
def test_streams_that_are_full_or_closed(command: str, code: int, sentence: str) -> None:
    assert in_shell(command) == (code, sentence)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("simulate", "-e", "a\0b"), "the character NUL"),
        (("simulate", "-e", "push", "--now", "9999-12-31T23:59:59Z"), "expected a year from 1970 to 2999"),
        (("next", "--now", "0001-01-01T00:00:00+14:00"), "expected a year from 1970 to 2999"),
        (("simulate", "-e", "\udcff"), "cannot be read"),
        (("simulate", "-e", "."), "is a directory"),
        (("simulate", "-e", "push", "--secret-file", "/dev/zero"), "not a regular file"),
        (("simulate", "-e", "push", "--files", "/dev/zero"), "not a regular file"),
        (("simulate", "-e", "/dev/zero"), "not a regular file"),
        (("validate", "-f", "/dev/zero"), "not a regular file"),
        (("template", "prerequisites", "--private-ca", "/dev/zero"), "not a regular file"),
        (("no\x1bsuch",), "\\x1b"),
    ],
)
def test_what_is_given_wrongly_is_wrong_usage(arguments: tuple[str, ...], sentence: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert result.stderr.replace("\n", "").isprintable()


@pytest.mark.parametrize("option", ["-e", "--secret-file", "--files"])
def test_a_pipe_that_nobody_writes_to_does_not_hang(option: str) -> None:
    os.mkfifo("pipe")
    event = () if option == "-e" else ("-e", "push")
    result = run("simulate", *event, option, "pipe")
    assert (result.exit_code, "not a regular file" in result.stderr) == (2, True)


def test_a_pipe_in_a_folder_or_in_a_test_is_named() -> None:
    Path("ci").mkdir()
    os.mkfifo("ci/pipe.yaml")
    assert (
        "ci/pipe.yaml:1:1: error: is a device, a pipe or a socket, not a regular file"
        in run("validate", "-f", "ci").stderr
    )
    os.mkfifo("pipe")
    Path("hookline.yaml").write_text(
        ONE_PIPELINE + "tests: [{name: a, event: pipe, expect: {shop: run}}]\n", "utf-8"
    )
    result = run("test")
    assert result.exit_code == 1
    assert "pipe is a device, a pipe or a socket, not a regular file" in result.stdout


def test_a_folder_that_can_be_read_and_not_searched_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", "ci/a.yaml")

    Path("ci").mkdir()
    Path("ci/a.yaml").write_text(ONE_PIPELINE, "utf-8")
    monkeypatch.setattr(Path, "is_dir", refused)
    result = run("validate", "-f", "ci")
    assert (result.exit_code, result.stderr) == (2, "ci:1:1: error: cannot be read: permission denied\n")


def test_an_empty_secret_file_is_refused_before_anything_is_answered() -> None:
    for content in (b"", b"\n", b" \n", b"\r\n\r\n"):
        Path("secret").write_bytes(content)
        for command in (("simulate",), ("explain", "shop")):
            result = run(*command, "-e", "push", "--secret-file", "secret")
            assert (result.exit_code, result.stdout) == (2, "")
            assert (
                "the secret is empty: with an empty secret Argo Events checks no signature" in result.stderr
                or "anybody can guess" in result.stderr
            )


def test_at_most_a_hundred_problems_are_told() -> None:
    Path("hookline.yaml").write_text(
        "version: 1\n" + "".join(f"a{number}: 1\n" for number in range(500)), "utf-8"
    )
    for command in (
        ("validate",),
        ("render",),
        ("next",),
        ("test",),
        ("simulate", "-e", "push"),
        ("explain", "shop", "-e", "push"),
    ):
        lines = run(*command).stderr.splitlines()
        assert len(lines) == 101
        assert lines[-1] == "... and 400 more problems"


def test_the_page_of_commands_names_every_code() -> None:
    text = main.help or ""
    from hookline import exit_codes

    for name in exit_codes.__all__:
        assert str(getattr(exit_codes, name)) in text, name
    assert ending.__doc__
