"""Options: none is ignored, whatever stands beside it."""

import json
import logging
from pathlib import Path

import click
import pytest
import structlog
import yaml
from click.testing import CliRunner, Result
from support import DECLARATION, github_push

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


VALUES = {"--since": "2h", "--bus-url": "tls://127.0.0.1:4222"}
"""Values of options that do not take any text."""
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
        usual = VALUES.get(name, "127.0.0.1:0")
        choices = option.type.choices if isinstance(option.type, click.Choice) else (usual,)
        given += [name] if option.is_flag else [name, str(choices[0])]
    arguments = [
        str(Path(__file__)) for each in command.params if isinstance(each, click.Argument) and each.required
    ]
    for each in command.params:
        if isinstance(each, click.Option) and each.required and not {*each.opts} & {one, other}:
            arguments += [each.opts[-1], "x"]
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


@pytest.mark.parametrize(
    "words", [("replay", "gone"), ("record", "folder"), ("exporter", "--listen", "nowhere")], ids=" ".join
)
def test_the_level_of_logs_that_is_asked_for_wins_over_the_commands_own(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()  # so that nothing is recorded
    for level in ("error", "debug"):
        assert hookline("--log-level", level, *words).exit_code == 2
        wrapper = structlog.make_filtering_bound_logger(getattr(logging, level.upper()))
        assert structlog.get_config()["wrapper_class"] is wrapper


# --- Options and keys that the event, or the templates, leave without effect -------------------------------------------

SCHEDULED = DECLARATION.replace("push: {branches: [main]}", 'push: {}\n      schedule: {at: "30 2 * * *"}')
TAG = {"ref": "refs/tags/v1"}
ON_THE_BUS = {
    "specversion": "1.0", "id": "1", "source": "hookline-webhooks", "type": "webhook", "subject": "github",
    "time": "2026-11-24T00:00:00Z", "datacontenttype": "application/json",
    "data": {"header": {"X-Github-Event": ["push"]}, "body": github_push()},
}  # fmt: skip
BODY = ("--source", "github", "--header", "X-GitHub-Event: push")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A declaration with a push and a schedule, and events."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hookline.yaml").write_text(SCHEDULED, "utf-8")
    (tmp_path / "tag.json").write_text(json.dumps(github_push(**TAG)), "utf-8")
    (tmp_path / "push.json").write_text(json.dumps(github_push()), "utf-8")
    request = f"POST /github HTTP/1.1\nContent-Type: application/json\nX-GitHub-Event: push\n\n{json.dumps(github_push())}"
    (tmp_path / "push.http").write_text(request, "utf-8")
    (tmp_path / "bus.json").write_text(json.dumps(ON_THE_BUS), "utf-8")
    (tmp_path / "secret").write_text("top secret", "utf-8")
    (tmp_path / "files").write_text("main.go\n", "utf-8")
    return tmp_path


@pytest.mark.parametrize("command", [("simulate",), ("explain", "shop")], ids=" ".join)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("schedule:shop", "--source", "github"), "a schedule has no source, no headers and no secret"),
        (("schedule:shop", "--header", "A: b"), "a schedule has no source, no headers and no secret"),
        (("schedule:shop", "--secret-file", "secret"), "a schedule has no source, no headers and no secret"),
        (("schedule:shop", "--files", "files"), "--files: only pushes and requests are decided by their changed files"),
        (("tag.json", *BODY, "--files", "files"), "this event is of the kind tag"),
        (("bus.json", "--header", "A: b"), "leave the headers and the secret out"),
        (("bus.json", "--secret-file", "secret"), "leave the headers and the secret out"),
        (("bus.json", "--now", "2026-11-24T00:00:00Z"), "the event has a time of its own, 2026-11-24T00:00:00Z"),
        (("push.http", "--header", "X-Github-Event: tag"), "the request has the header X-Github-Event already; leave yours out"),
        (("push.json", *BODY, "--header", "x-github-event: tag"), "x-github-event is given twice"),
    ],
)  # fmt: skip
def test_what_an_event_cannot_have_is_refused(
    folder: Path, command: tuple[str, ...], arguments: tuple[str, ...], message: str
) -> None:
    without = hookline(
        *command,
        "-e",
        arguments[0],
        *(BODY if BODY[0] in arguments and arguments[0] != "schedule:shop" else ()),
    )
    assert without.exit_code == 0, without.stderr
    result = hookline(*command, "-e", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize("key", ["source: github", "headers: {A: b}", "files: [main.go]"])
def test_a_key_of_a_test_that_its_event_cannot_have_is_no_pass(folder: Path, key: str) -> None:
    tests = "tests:\n  - {name: night, event: schedule:shop, expect: {shop: run}, %s}\n"
    (folder / "hookline.yaml").write_text(SCHEDULED + tests % key, "utf-8")
    result = hookline("test")
    assert result.exit_code == 1
    assert "leave" in result.stdout
    (folder / "hookline.yaml").write_text(SCHEDULED + tests.replace(", %s", ""), "utf-8")
    assert hookline("test").exit_code == 0


def template(name: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "ClusterWorkflowTemplate",
            "metadata": {"name": name},
            "spec": {"arguments": {"parameters": [{"name": "repo_url"}]}, "templates": []},
        }
    )


def test_a_template_that_no_pipeline_uses_is_a_warning(folder: Path) -> None:
    (folder / "ours.yaml").write_text(template("ours"), "utf-8")
    result = hookline("validate", "--template", "ours.yaml")
    assert "ours.yaml:1:1: warning: no pipeline uses ours\n" in result.stderr
    assert hookline("validate", "--template", "ours.yaml", "--strict").exit_code == 1


def test_of_a_list_of_templates_not_every_one_need_be_used(folder: Path) -> None:
    listed = [yaml.safe_load(template(name)) for name in ("ours", "theirs")]
    listed += list(yaml.safe_load_all(hookline("template", "ci-go-v1").stdout))
    (folder / "all.yaml").write_text(yaml.safe_dump({"kind": "List", "items": listed[:2]}), "utf-8")
    assert (
        "all.yaml:1:1: warning: no pipeline uses ours, theirs\n"
        in hookline("validate", "--template", "all.yaml").stderr
    )
    (folder / "all.yaml").write_text(yaml.safe_dump({"kind": "List", "items": listed}), "utf-8")
    assert "no pipeline uses ours" not in hookline("validate", "--template", "all.yaml").stderr


@pytest.mark.parametrize("name", ["../secrets/x", "a/b", "A", "a_b", "-a", "a?watch=1", "x" * 254, ""])
@pytest.mark.parametrize(
    "words", [("validate", "--template-from-cluster"), ("template", "check", "--live")], ids=" ".join
)
def test_a_name_that_no_template_has_is_refused_before_a_cluster_is_asked(
    folder: Path, words: tuple[str, ...], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(folder / "none"))  # which would be exit code 3
    result = (
        hookline(*words, "--", name)
        if words[0] == "template"
        else hookline(*words[:-1], f"{words[-1]}={name}")
    )
    assert (result.exit_code, result.stdout) == (2, "")
    assert "expected the name of a template" in result.stderr


def test_two_files_with_templates_of_one_name_are_refused(folder: Path) -> None:
    for name in ("first.yaml", "second.yaml"):
        (folder / name).write_text(template("ours"), "utf-8")
    result = hookline("validate", "--template", "first.yaml", "--template", "second.yaml")
    assert result.exit_code == 2
    assert "second.yaml:1:1: error: first.yaml is the template ours already" in result.stderr
    result = hookline("validate", "--template", "first.yaml", "--template-from-cluster", "ours")
    assert result.exit_code == 2
    assert "--template-from-cluster ours: first.yaml is the template of this name already" in result.stderr
