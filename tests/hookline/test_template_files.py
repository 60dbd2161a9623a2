"""Templates that a user names: every command reads them alike, and a template may call its parameters whatever it likes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from stock_template import stock
from support import DECLARATION, SHA, github_push, read_yaml, tables
from tries import tries

from hookline.cli import main
from hookline.command_line import cluster_templates
from hookline.declaration.templates import manifest_template, templates_in
from hookline.version import VERSION
from triggers.publishing import published


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a valid hookline.yaml and a push, in which commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hookline.yaml").write_text(DECLARATION, "utf-8")
    (tmp_path / "push.json").write_text(json.dumps(github_push()), "utf-8")
    return tmp_path


def hookline(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


# --- one reading ----------------------------------------------------------------------------------------------------

HEAD = "kind: ClusterWorkflowTemplate\nmetadata: {name: ours}\n"
SPEC = f"{HEAD}spec:\n"
SURPRISES = """\
    - {name: tests, value: yes}
    - {name: time, value: 1:30}
    - {name: go, value: 1.20}
    - {name: fine, value: true}
    - {name: also, value: 12}
    - {name: mode, default: 0755}
"""
ANNOTATED = """\
kind: WorkflowTemplate
metadata:
  name: ours
  annotations:
    hookline.dev/ref-parameter: refs
    hookline.dev/any-ref: "yes"
spec: {}
"""
PARAMETERS = f"{SPEC}  arguments:\n    parameters:\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", ["1:1: error: the file is empty; expected a template, as kubectl get cwft NAME -o yaml prints it"]),
        ("[]", ["1:1: error: expected a mapping at the top, such as kind: ClusterWorkflowTemplate, not a list"]),
        ("a: &a [*a]\n", ["1:4: error: an alias inside its own value never ends; write out the value"]),
        ("kind: Pod\n", ["1:7: error: kind: expected the manifest of a ClusterWorkflowTemplate or a WorkflowTemplate"]),
        ("kind: [1]\n", ["1:7: error: kind: expected the manifest of a ClusterWorkflowTemplate or a WorkflowTemplate"]),
        (f"{HEAD}spec: {{a: 1, a: 2}}\n", ['3:14: error: the key "a" stands here twice; the first is in line 3']),
        (
            f"{PARAMETERS}{SURPRISES}",
            [
                "6:28: error: spec.arguments.parameters[0].value: YAML reads yes as true; quote it if it is text",
                "7:27: error: spec.arguments.parameters[1].value: YAML reads 1:30 as the number 90; quote it if it is text",
                "8:25: error: spec.arguments.parameters[2].value: YAML reads 1.20 as the number 1.2; quote it if it is text",
                "11:29: error: spec.arguments.parameters[5].default: YAML reads 0755 as the number 493 (octal); quote it if it is text",
            ],
        ),
        (
            f"{PARAMETERS}    - {{value: x}}\n  templates: [{{container: {{args: [1]}}}}, 7]\n",
            [
                "6:7: error: spec.arguments.parameters[0].name: expected text; it is missing",
                "7:35: error: spec.templates[0].container.args[0]: expected text, not a number",
                "7:41: error: spec.templates[1]: expected a mapping, not a number",
            ],
        ),
        (
            ANNOTATED,
            [
                "5:33: error: metadata.annotations.hookline.dev/ref-parameter: the annotation names refs, which is not a parameter",
                '6:27: error: metadata.annotations.hookline.dev/any-ref: expected "true" or "false", not yes',
            ],
        ),
        ("x" * (4 * 1024 * 1024 + 1), ["1:1: error: the file has more than 4,194,304 bytes; no larger one is read"]),
        (f"{HEAD}spec:\n  a: &a " + "x" * 100_000 + "\n  b: [" + "*a, " * 200 + "*a]\n", ["1:1: error: its texts have more than"]),
        ("a: " + "[" * 200, ["1:"]),
    ],
)  # fmt: skip
def test_what_is_no_template_is_refused_in_the_same_words_by_validate_and_by_check(
    folder: Path, content: str, said: list[str]
) -> None:
    (folder / "x.yaml").write_text(content, "utf-8")
    validated = hookline("validate", "--template", "x.yaml")
    checked = hookline("template", "check", "x.yaml")
    assert (validated.exit_code, checked.exit_code) == (2, 2)
    assert validated.stderr == checked.stderr
    lines = validated.stderr.splitlines()
    assert len(lines) == len(said)
    assert all(line.startswith(f"x.yaml:{start}") for line, start in zip(lines, said, strict=True)), lines


def test_every_problem_of_every_file_is_told_at_once(folder: Path) -> None:
    (folder / "x.yaml").write_text("kind: Pod\n", "utf-8")
    (folder / "y.yaml").write_text(HEAD, "utf-8")
    result = hookline("validate", "--template", "x.yaml", "--template", "y.yaml", "--template", "gone.yaml")
    assert result.exit_code == 2
    assert [line.partition(": ")[0] for line in result.stderr.splitlines()] == [
        "gone.yaml:1:1", "x.yaml:1:7", "y.yaml:1:1",
    ]  # fmt: skip


WRONG = st.sampled_from([None, 1, True, "x", [], {}, [1], {"name": 1}, [{"name": "a", "value": {}}]])
PLACES = st.sampled_from(
    [
        ("kind",), ("metadata",), ("metadata", "name"), ("metadata", "annotations"), ("spec",), ("spec", "arguments"),
        ("spec", "arguments", "parameters"), ("spec", "templates"), ("spec", "templates", 0, "dag"), ("spec", "volumes"),
        ("spec", "templates", 0, "dag", "tasks", 0, "inline"), ("spec", "templates", 0, "dag", "tasks", 0, "name"),
        ("spec", "templateDefaults"), ("spec", "hooks"), ("spec", "onExit"), ("spec", "serviceAccountName"),
    ]
)  # fmt: skip


@settings(max_examples=tries(80))
@given(PLACES, WRONG)
def test_a_file_and_a_cluster_are_answered_alike(place: tuple[str | int, ...], wrong: Any) -> None:
    from documents.diagnostics import InvalidInput

    manifest: Any = stock()
    node = manifest
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = wrong

    def told(read: Any) -> Any:
        try:
            found = read()
        except InvalidInput as invalid:
            return sorted((each.field, each.message) for each in invalid.diagnostics)
        return found.template

    assert told(lambda: manifest_template(manifest, "x")) == told(
        lambda: templates_in(json.dumps(manifest).encode(), "x")[0]
    )


def test_a_cluster_and_a_file_give_the_same_answer_of_validate(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = stock()
    manifest["metadata"]["name"] = "ours"
    (folder / "ours.yaml").write_text(yaml.safe_dump(manifest), "utf-8")
    text = DECLARATION.replace(
        "    events:\n", "    run: {template: ours, parameters: {dockerfile: 'a b'}}\n    events:\n"
    )
    (folder / "hookline.yaml").write_text(text, "utf-8")
    monkeypatch.setattr(cluster_templates, "manifest_from_cluster", lambda _: manifest)
    by_file = hookline("validate", "--template", "ours.yaml")
    by_cluster = hookline("validate", "--template-from-cluster", "ours")
    assert by_file.exit_code == by_cluster.exit_code == 2
    assert by_file.stderr == by_cluster.stderr
    assert "ours pastes dockerfile into a shell" in by_file.stderr


def test_a_list_of_templates_is_read_whole(folder: Path) -> None:
    items = [published("hookline-ci-go", VERSION), {"kind": "Pod"}, stock()]
    items[0]["metadata"]["name"] = "ours"
    (folder / "all.json").write_text(json.dumps({"kind": "List", "items": items}), "utf-8")
    text = DECLARATION.replace("    events:\n", "    run: {template: ours}\n    events:\n")
    (folder / "hookline.yaml").write_text(text, "utf-8")
    assert hookline("validate", "--template", "all.json").exit_code == 0


# --- values that a template pastes ----------------------------------------------------------------------------------

FLOWS = {
    "an input": "{{inputs.parameters.flags}}",
    "an expression": "{{=inputs.parameters['flags']}}",
    "a global expression": "{{=workflow.parameters.flags}}",
    "blanks": "{{ workflow.parameters.flags }}",
}


@pytest.mark.parametrize("way", FLOWS)
def test_what_check_calls_pasted_validate_does_not_let_be_a_command(folder: Path, way: str) -> None:
    manifest = {
        "kind": "ClusterWorkflowTemplate",
        "metadata": {"name": "ours"},
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": "flags", "value": ""}, {"name": "quiet", "value": ""}]},
            "templates": [
                {"name": "main", "steps": [[{"name": "test", "template": "test", "arguments": {"parameters": [
                    {"name": "flags", "value": "{{workflow.parameters.flags}}"},
                ]}}]]},
                {"name": "test", "inputs": {"parameters": [{"name": "flags"}]}, "container": {
                    "image": "x", "command": ["sh", "-c"], "args": [f"test {FLOWS[way]} $QUIET"],
                    "env": [{"name": "QUIET", "value": "{{workflow.parameters.quiet}}"}],
                }},
            ],
        },
    }  # fmt: skip
    (folder / "ours.yaml").write_text(yaml.safe_dump(manifest), "utf-8")

    def validated(parameters: str) -> Result:
        text = DECLARATION.replace(
            "    image: registry.example.com/acme/shop\n",
            f"    run: {{template: ours, parameters: {parameters}}}\n",
        )
        (folder / "hookline.yaml").write_text(text, "utf-8")
        return hookline("validate", "--template", "ours.yaml")

    assert "flags is pasted into the text of test;" in hookline("template", "check", "ours.yaml").stdout
    refused = validated("{flags: '; reboot', quiet: '; reboot'}")
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (2, 1)
    assert "pipelines.shop.run.parameters.flags: ours pastes flags into a shell" in refused.stderr
    assert validated("{flags: -race, quiet: '; reboot'}").exit_code == 0


# --- names ----------------------------------------------------------------------------------------------------------

OTHER_NAMES = """\
apiVersion: argoproj.io/v1alpha1
kind: ClusterWorkflowTemplate
metadata:
  name: ours
  annotations:
    hookline.dev/url-parameter: git_url
    hookline.dev/directory-parameter: dir
    hookline.dev/branch-parameter: branch_name
    hookline.dev/tag-parameter: version
    hookline.dev/image-parameter: image_ref
    hookline.dev/dockerfile-parameter: build_file
    hookline.dev/commit-parameter: commit_id
    hookline.dev/ref-parameter: full_ref
    hookline.dev/sandbox-parameter: untrusted
spec:
  arguments:
    parameters:
    - {name: git_url}
    - {name: dir}
    - {name: branch_name, value: ""}
    - {name: version, value: dev}
    - {name: image_ref, value: ""}
    - {name: build_file, value: Dockerfile}
    - {name: commit_id, value: ""}
    - {name: full_ref, value: ""}
    - {name: untrusted, value: "false"}
  templates: []
"""
PIPELINES = """\
version: 1
cluster: {namespace: ci, sandbox: {namespace: ci-forks}}
sources:
  github: {host: github, endpoint: /github, secret: {name: github-webhook, key: secret}}
defaults: {run: {template: ours}}
pipelines:
  shop:
    repository: {source: github, name: acme/shop, url: https://github.com/acme/shop.git}
    image: registry.example.com/acme/shop
    events: {push: {branches: [main]}, tag: {tags: ["v*"]}}
    run: {}
  forks:
    repository: {source: github, name: acme/shop, url: https://github.com/acme/shop.git}
    events: {pull_request: {forks: sandboxed, approved_by: {label: ok-to-test}}}
"""


@pytest.fixture
def named(folder: Path) -> Path:
    """A declaration whose template has a name of its own for every parameter."""
    (folder / "ours.yaml").write_text(OTHER_NAMES, "utf-8")
    (folder / "hookline.yaml").write_text(PIPELINES, "utf-8")
    return folder


def _arguments(workflow: Any) -> dict[str, str]:
    return {item["name"]: item["value"] for item in workflow["spec"]["arguments"]["parameters"]}


def test_a_template_with_names_of_its_own_is_filled_by_what_they_are_for(named: Path) -> None:
    assert hookline("validate", "--template", "ours.yaml").exit_code == 0
    answer = hookline("simulate", "--template", "ours.yaml", "-e", "push.json", "--source", "github",
                      "--header", "X-GitHub-Event: push", "-o", "json")  # fmt: skip
    (workflow,) = [each["workflow"] for each in json.loads(answer.stdout)["results"] if each["workflow"]]
    common = {
        "git_url": "https://github.com/acme/shop.git", "dir": "shop", "image_ref": "registry.example.com/acme/shop",
        "commit_id": SHA,
    }  # fmt: skip
    assert _arguments(workflow) == {
        **common, "branch_name": "main", "full_ref": "refs/heads/main", "version": "dev",
    }  # fmt: skip
    assert workflow["spec"]["synchronization"] == {"mutexes": [{"name": "shop"}]}

    (named / "push.json").write_text(json.dumps(github_push(ref="refs/tags/v1.2")), "utf-8")
    answer = hookline("simulate", "--template", "ours.yaml", "-e", "push.json", "--source", "github",
                      "--header", "X-GitHub-Event: push", "-o", "json")  # fmt: skip
    (workflow,) = [each["workflow"] for each in json.loads(answer.stdout)["results"] if each["workflow"]]
    assert _arguments(workflow) == {
        **common, "branch_name": "", "full_ref": "refs/tags/v1.2", "version": "v1.2",
    }  # fmt: skip


def test_what_is_rendered_of_it_names_no_parameter_of_ci_go_v1(named: Path) -> None:
    rendered = hookline("render", "--template", "ours.yaml")
    assert rendered.exit_code == 0
    assert not re.findall("repo_url|repo_name|target_branch|container_tag|container_image", rendered.stdout)
    sensor = next(each for each in read_yaml(rendered.stdout) if each["kind"] == "Sensor")
    (foreign,) = [each for each in tables(sensor) if each.get("pipeline") == "forks"]
    assert {"untrusted", "image_ref"} <= foreign["arguments"].keys()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("{git_url: x}", "git_url comes from repository.url"),
        ("{dir: x}", "dir comes from the last part of repository.url"),
        ("{branch_name: x}", "branch_name comes from the event, or its branch: key"),
        ("{image_ref: x}", "image_ref comes from image"),
        ("{commit_id: x}", "commit_id takes the commit of the event"),
        ("{full_ref: x}", "full_ref takes the full ref of the event"),
        ("{untrusted: true}", "untrusted follows from pull_request.forks: true where it says sandboxed"),
        ("{version: latest}", "latest is a tag that the template keeps for itself"),
        ("{version: 'a b'}", "expected an image tag"),
        ("{build_file: ../x}", "expected a path inside the repository"),
        ("{repo_url: x}", 'ours has no parameter "repo_url" (Argo would ignore it); it has: build_file, version'),
    ],
)  # fmt: skip
def test_its_parameters_are_guarded_by_what_they_are_for(named: Path, parameters: str, said: str) -> None:
    text = PIPELINES.replace("run: {}", f"run: {{parameters: {parameters}}}")
    (named / "hookline.yaml").write_text(text, "utf-8")
    result = hookline("validate", "--template", "ours.yaml")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert said in line


def test_what_it_lacks_is_said_with_the_annotation_that_would_help(named: Path) -> None:
    text = re.sub(r"    hookline.dev/(image|sandbox|commit)-parameter: .*\n", "", OTHER_NAMES)
    (named / "ours.yaml").write_text(text, "utf-8")
    said = hookline("validate", "--template", "ours.yaml").stderr
    assert (
        "ours takes no image: it has no parameter container_image, and its annotation hookline.dev/image-parameter names"
        in said
    )
    assert "annotation hookline.dev/sandbox-parameter" in said
    assert "ours builds the head of a branch, never a tag" in said
