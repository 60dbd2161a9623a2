"""Formats for other tools: the problems of validate, the results of test, the Workflows of simulate."""

import json
import re
import urllib.parse
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml
from click.testing import CliRunner, Result
from support import DECLARATION, github_push

from documents.diagnostics import Diagnostic, Position
from hookline.answers.annotations import sarif, workflow_command
from hookline.cli import main

WRONG = DECLARATION.replace("branches: [main]", "branchs: [main]").replace("host: harbor", "host: habor")
MESSAGES = [
    'sources.harbor.host: "habor" is not a host',
    "pipelines.shop.events.push.branchs: unknown key; did you mean branches?",
]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository; commands run in its folder ci, which has a valid hookline.yaml and a push."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "ci").mkdir()
    monkeypatch.chdir(tmp_path / "ci")
    Path("hookline.yaml").write_text(DECLARATION, "utf-8")
    Path("push.json").write_text(json.dumps(github_push()), "utf-8")
    return tmp_path


def hookline(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


# --- validate -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [["a.yaml"], ["-f", "a.yaml"], ["folder"], ["folder/a.yaml"], ["folder/b.yaml", "-f", "folder/a.yaml"]],
    ids=" ".join,
)
def test_a_file_or_folder_is_taken_with_and_without_its_option(
    repository: Path, arguments: list[str]
) -> None:
    Path("hookline.yaml").rename("a.yaml")
    Path("folder").mkdir()
    head, _, tail = DECLARATION.partition("pipelines:\n")
    split = "folder/b.yaml" in arguments or arguments == ["folder"]
    Path("folder/a.yaml").write_text(f"version: 1\npipelines:\n{tail}" if split else DECLARATION, "utf-8")
    if split:
        Path("folder/b.yaml").write_text(head, "utf-8")
    for command in ("validate", "render", "next"):
        assert hookline(command, *arguments).exit_code == 0, command
    assert hookline("test", *arguments).exit_code == 1  # it lists no tests


def test_problems_as_json_have_places_and_no_limit(repository: Path) -> None:
    Path("hookline.yaml").write_text(WRONG, "utf-8")
    result = hookline("validate", "-o", "json")
    assert (result.exit_code, result.stderr) == (2, "")
    answer = json.loads(result.stdout)
    assert (answer["kind"], answer["valid"], answer["pods"]) == ("Validation", False, None)
    for problem, message in zip(answer["problems"], MESSAGES, strict=True):
        assert f"{problem['field']}: {problem['message']}".startswith(message)
        assert (problem["file"], problem["severity"]) == ("hookline.yaml", "error")
        line = WRONG.splitlines()[problem["line"] - 1]
        assert line[problem["column"] - 1 :].startswith(("habor", "branchs"))
    many = "".join(f"    nothing{number}: 1\n" for number in range(150))
    Path("hookline.yaml").write_text(DECLARATION + many, "utf-8")
    assert len(json.loads(hookline("validate", "-o", "json").stdout)["problems"]) == 150


def test_warnings_are_problems_of_a_valid_declaration(repository: Path) -> None:
    result = hookline("validate", "-o", "json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [answer[key] for key in ("valid", "pipelines", "sources", "pods")] == [True, 1, 2, 5]
    assert [each["severity"] for each in answer["problems"]] == ["warning"]
    for output in ("text", "json", "sarif", "github"):
        assert hookline("validate", "--strict", "-o", output).exit_code == 1


def test_sarif_has_what_code_scanning_requires_and_paths_from_the_root_of_the_repository(
    repository: Path,
) -> None:
    name = "a b:c%ü.yaml"
    Path(name).write_text(WRONG, "utf-8")
    result = hookline("validate", "-o", "sarif", name)
    assert (result.exit_code, result.stderr) == (2, "")
    log = json.loads(result.stdout)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    for rule in rules.values():
        assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))
        assert rule["defaultConfiguration"]["level"] in {"error", "warning"}
    assert len(run["results"]) == 2
    for found, message in zip(run["results"], MESSAGES, strict=True):
        assert found["message"]["text"].startswith(message)
        assert found["level"] == rules[found["ruleId"]]["defaultConfiguration"]["level"] == "error"
        (location,) = found["locations"]
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9./%_-]+", uri)
        assert urllib.parse.unquote(uri) == f"ci/{name}"
        region = location["physicalLocation"]["region"]
        assert WRONG.splitlines()[region["startLine"] - 1][region["startColumn"] - 1 :].startswith(
            ("habor", "branchs")
        )
    warned = json.loads(hookline("validate", "-o", "sarif").stdout)["runs"][0]["results"]
    assert [(each["ruleId"], each["level"]) for each in warned] == [("warned", "warning")]


def test_a_file_outside_of_a_repository_has_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hookline.yaml").write_text(WRONG, "utf-8")
    first = json.loads(hookline("validate", "-o", "sarif").stdout)["runs"][0]["results"][0]
    uri = first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == (tmp_path.resolve() / "hookline.yaml").as_uri()


def test_annotations_of_github_stand_at_their_lines(repository: Path) -> None:
    Path("hookline.yaml").write_text(WRONG, "utf-8")
    result = hookline("validate", "-o", "github")
    assert (result.exit_code, result.stderr) == (2, "")
    lines = result.stdout.splitlines()
    assert [line.partition(",title=hookline::")[0] for line in lines] == [
        "::error file=ci/hookline.yaml,line=5,col=18",
        "::error file=ci/hookline.yaml,line=11,col=14",
    ]
    Path("hookline.yaml").write_text(DECLARATION, "utf-8")
    result = hookline("validate", "-o", "github")
    assert result.exit_code == 0
    warning, summary = result.stdout.splitlines()
    assert warning.startswith("::warning file=ci/hookline.yaml,line=")
    assert summary == "1 pipeline, 2 sources: valid; 5 pods"


def runner(command: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as the runner of GitHub Actions reads it: name, properties, message."""
    head, _, data = command.removeprefix("::").partition("::")
    name, _, properties = head.partition(" ")

    def read(text: str, *codes: str) -> str:
        for code in (*codes, "%0D", "%0A", "%25"):
            text = text.replace(code, bytes.fromhex(code[1:]).decode())
        return text

    pairs = (each.split("=", 1) for each in properties.split(","))
    return name, {key: read(value, "%3A", "%2C") for key, value in pairs}, read(data)


@pytest.mark.parametrize("text", ["100 % of it", "a, b: c", "%0A", "a::b", "{0} [x](1)"])
def test_what_a_file_says_stays_in_its_annotation(text: str) -> None:
    problem = Diagnostic(Position(f"{text}.yaml", 3, 7), text, "warning", "x")
    name, properties, message = runner(workflow_command(problem))
    assert (name, message) == ("warning", f"x: {text}")
    assert properties == {"file": f"{text}.yaml", "line": "3", "col": "7", "title": "hookline"}
    assert "\n" not in workflow_command(Diagnostic(Position("a\nb", 1, 1), "c\n::error::d\r"))
    assert sarif([problem], "1")["runs"][0]["results"][0]["message"] == {"text": f"x: {text}"}


# --- test -----------------------------------------------------------------------------------------------------------

CASES = """\
tests:
  - {name: builds, event: push.json, source: github, headers: {X-GitHub-Event: push}, expect: {shop: run}}
  - {name: "a <b> & \\"c\\"", event: push.json, source: github, headers: {X-GitHub-Event: push}, expect: {shop: skip(PATHS)}}
  - {name: gone, event: gone.json, expect: {shop: run}}
"""


def test_junit_tells_failures_and_events_that_cannot_be_read_apart(repository: Path) -> None:
    Path("hookline.yaml").write_text(DECLARATION + CASES, "utf-8")
    result = hookline("test", "-o", "junit")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    root = ET.fromstring(result.stdout)  # noqa: S314 - our own output
    (suite,) = root
    counts = {"tests": "3", "failures": "1", "errors": "1", "skipped": "0"}
    assert root.attrib == counts
    assert suite.attrib == {"name": "hookline test", **counts}
    cases = list(suite)
    assert [each.get("name") for each in cases] == ["builds: shop", 'a <b> & "c": shop', "gone: shop"]
    assert {(each.get("classname"), each.get("file")) for each in cases} == {
        ("ci.hookline", "ci/hookline.yaml")
    }
    first = DECLARATION.count("\n") + 2
    assert [each.get("line") for each in cases] == [str(first), str(first + 1), str(first + 2)]
    assert [[child.tag for child in each] for each in cases] == [[], ["failure"], ["error"]]
    assert cases[1][0].get("message") == "expected skip(PATHS), got run(MATCH)"
    assert "cannot be read" in str(cases[2][0].get("message"))
    assert hookline("test", "-o", "junit").stdout == result.stdout


def test_junit_without_tests_is_a_document_and_a_negative_answer(repository: Path) -> None:
    result = hookline("test", "-o", "junit")
    assert result.exit_code == 1
    assert ET.fromstring(result.stdout).get("tests") == "0"  # noqa: S314 - our own output
    assert "lists no tests" in result.stderr


# --- simulate -------------------------------------------------------------------------------------------------------

PUSH = (
    "simulate",
    "-e",
    "push.json",
    "--source",
    "github",
    "--header",
    "X-GitHub-Event: push",
    "--now",
    "2026-11-24T00:00:00Z",
)


def test_the_table_and_the_workflows_can_be_had_alone(repository: Path) -> None:
    text, table, manifest = (hookline(*PUSH, "-o", each).stdout for each in ("text", "table", "manifest"))
    assert text == hookline(*PUSH).stdout == f"{table}\n{manifest}"
    assert table.splitlines()[-1].split()[:3] == ["shop", "run", "MATCH"]
    (workflow,) = yaml.safe_load_all(manifest)
    assert workflow == json.loads(hookline(*PUSH, "-o", "json").stdout)["results"][0]["workflow"]
    assert (workflow["kind"], workflow["metadata"]["namespace"]) == ("Workflow", "ci")


def test_where_nothing_starts_no_manifest_is_printed(repository: Path) -> None:
    Path("push.json").write_text(json.dumps(github_push(ref="refs/heads/x")), "utf-8")
    result = hookline(*PUSH, "-o", "manifest")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no pipeline starts" in result.stderr
    Path("secret").write_text("other", "utf-8")
    result = hookline(
        *PUSH, "-o", "manifest", "--header", "X-Hub-Signature-256: sha256=0", "--secret-file", "secret"
    )
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("refused   SIGNATURE")
