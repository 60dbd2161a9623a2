"""Options: none is ignored, whatever stands beside it."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from hookline.cli import command_names, main
from hookline.command_line.strict import StrictCommand, StrictGroup


def hookline(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def commands() -> list[tuple[str, click.Command]]:
    """Every command, and every command of a command, by its words."""
    found: list[tuple[str, click.Command]] = []
    for name in command_names():
        command = main.get_command(click.Context(main), name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            for each in command.list_commands(click.Context(command)):
                inner = command.get_command(click.Context(command), each)
                assert inner is not None
                found.append((f"{name} {each}", inner))
    return found


SINGLE = [
    (words, option.opts[-1])
    for words, command in commands()
    for option in command.params
    if isinstance(option, click.Option) and not (option.multiple or option.is_flag)
]


def test_every_command_refuses_what_it_would_ignore() -> None:
    assert isinstance(main, StrictGroup)
    assert all(isinstance(command, StrictCommand | StrictGroup) for _, command in commands())
    assert len(SINGLE) > 40


@pytest.mark.parametrize(("words", "option"), SINGLE, ids=[" ".join(each) for each in SINGLE])
def test_an_option_with_one_value_is_refused_the_second_time(words: str, option: str) -> None:
    result = hookline(*words.split(), option, "1", f"{option}=2" if option.startswith("--") else option, "2")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is given twice, and takes one value." in result.stderr


EXCLUDED = [
    (words, one, other)
    for words, command in commands()
    for one, others in getattr(command, "excludes", {}).items()
    for other in others
]


@pytest.mark.parametrize(("words", "one", "other"), EXCLUDED, ids=[" ".join(each) for each in EXCLUDED])
def test_an_option_that_has_no_effect_beside_another_is_refused(words: str, one: str, other: str) -> None:
    command = dict(commands())[words]
    options = {name: each for each in command.params for name in each.opts}
    given: list[str] = []
    for name in (one, other):
        option = options[name]  # a name that the command does not have would exclude nothing
        assert isinstance(option, click.Option)
        choices = option.type.choices if isinstance(option.type, click.Choice) else ("127.0.0.1:0",)
        given += [name] if option.is_flag else [name, str(choices[0])]
    arguments = [
        str(Path(__file__)) for each in command.params if isinstance(each, click.Argument) and each.required
    ]
    result = hookline(*words.split(), *given, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{other} has no effect beside {one}" in result.stderr


@pytest.mark.parametrize("name", ["A", "a_b", "-a", "a-", "a.b", "a" * 64, "a b"])
@pytest.mark.parametrize(
    "words",
    [
        ("dashboards", "-o", "out"),
        ("template", "prerequisites"),
        ("template", "hookline-ci-go", "--namespaced"),
        ("template", "check", "--live", "x"),
        ("record", "out"),
        ("exporter",),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_namespace_that_kubernetes_refuses_is_refused(
    words: tuple[str, ...], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = hookline(*words, "-n", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "expected a namespace" in result.stderr
    assert not list(tmp_path.iterdir())
