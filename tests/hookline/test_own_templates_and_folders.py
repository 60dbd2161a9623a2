"""Folders of declarations, and templates of one's own that the file names."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support import DECLARATION

from documents.diagnostics import InvalidInput
from hookline.cli import main
from hookline.declaration.folders import files_of
from hookline.declaration.loading import load, load_texts
from hookline.declaration.model import File
from hookline.plan.planning import make_plan

TEMPLATE = """\
apiVersion: argoproj.io/v1alpha1
kind: {kind}
metadata: {{name: {name}{more}}}
spec:
  entrypoint: main
  arguments: {{parameters: [{{name: repo_url}}, {{name: repo_name}}, {{name: target_branch, value: main}}, {{name: level, value: a}}]}}
  templates:
    - {{name: main, container: {{image: alpine, command: [echo], args: ["{{{{workflow.parameters.level}}}}"]}}}}
"""
OWN = DECLARATION.replace("pipelines:", "templates: {team-ci: {file: ci/team-ci.yaml}}\npipelines:").replace(
    "    image: registry.example.com/acme/shop\n", "    run: {template: team-ci, parameters: {level: b}}\n"
)


def read(content: str, kind: str = "ClusterWorkflowTemplate", name: str = "team-ci", more: str = "") -> str:
    return content.format(kind=kind, name=name, more=more)


@pytest.mark.parametrize(
    ("kind", "more", "reference"),
    [
        ("ClusterWorkflowTemplate", "", {"name": "team-ci", "clusterScope": True}),
        ("WorkflowTemplate", "", {"name": "team-ci"}),
        ("WorkflowTemplate", ", namespace: ci", {"name": "team-ci"}),
    ],
)
def test_a_template_that_the_file_names_needs_no_option(
    kind: str, more: str, reference: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci" / "team-ci.yaml").write_text(read(TEMPLATE, kind, more=more), "utf-8")
    (tmp_path / "hookline.yaml").write_text(OWN, "utf-8")
    plan = make_plan(load([tmp_path / "hookline.yaml"]), {})
    assert plan.workloads["shop"].resource["spec"]["workflowTemplateRef"] == reference
    # A folder may hold the manifest: it says no version of ours.
    assert make_plan(load([tmp_path]), {}).workloads == plan.workloads
    done = CliRunner().invoke(main, ["render", "-f", str(tmp_path)])
    assert done.exit_code == 0, done.stderr
    assert "team-ci" in done.stdout


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (read(TEMPLATE, name="other"), "hookline.yaml:6:29: error: templates.team-ci.file: ci/team-ci.yaml holds no template team-ci; it holds: other"),
        ("kind: Pod\n", "ci/team-ci.yaml:1:7: error: kind: "),
        ("", "ci/team-ci.yaml:1:1: error: the file is empty"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_used_is_refused_where_it_is_wrong(content: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_texts([("hookline.yaml", OWN.encode())], lambda _: content.encode())
    (message,) = map(str, refused.value.diagnostics)
    assert message.startswith(expected)


def test_a_template_whose_file_is_missing_is_refused_where_it_is_named() -> None:
    with pytest.raises(
        InvalidInput, match=r"hookline[.]yaml:6:29: error: templates[.]team-ci[.]file: .*cannot be read"
    ):
        load_texts([("hookline.yaml", OWN.encode())])


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_folder_is_read_with_its_sub_folders_and_other_yaml_does_not_break_it(tmp_path: Path) -> None:
    head, _, pipelines = DECLARATION.partition("pipelines:\n")
    files = {
        "hookline.yaml": head,
        "teams/a/shop.hookline.yaml": f"version: 1\npipelines:\n{pipelines}",
        "teams/b/cart.yml": f"# ours\nversion: 1 # of hookline\r\npipelines:\n{pipelines.replace('shop', 'cart')}",
        "values.yaml": "a: {{ .Values.b }}\n",
        "compose.yaml": 'version: "1"\nservices: {}\n',
        "k8s/two.yaml": "kind: A\n---\nkind: B\n",
        "k8s/nested.yaml": "spec:\n  version: 1\n",
        ".github/workflows/ci.yaml": "version: 1\non: push\n",
        ".hidden.yaml": "version: 1\npipelines: {}\n",
        "notes.txt": "version: 1\npipelines: {}\n",
        "amplify.yml": "version: 1\nbackend: {}\n",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())
    (tmp_path / "loop").symlink_to(tmp_path)
    found = [str(path.relative_to(tmp_path)) for path in files_of([tmp_path])]
    assert found == ["hookline.yaml", "teams/a/shop.hookline.yaml", "teams/b/cart.yml"]
    assert sorted(load([tmp_path]).pipelines) == ["cart", "shop"]


@pytest.mark.parametrize("key", sorted(File.model_fields.keys() - {"version", "owner", "namespace"}))
def test_any_key_that_says_something_makes_a_yaml_file_part_of_the_declaration(
    key: str, tmp_path: Path
) -> None:
    (tmp_path / "part.yaml").write_text(f"version: 1\n{key}: {{}}\n", "utf-8")
    assert list(files_of([tmp_path])) == [tmp_path / "part.yaml"]


def test_a_file_that_is_named_ours_is_read_whatever_it_says(tmp_path: Path) -> None:
    (tmp_path / "hookline.yaml").write_text("pipelines: {}\n", "utf-8")
    with pytest.raises(InvalidInput, match="missing key version"):
        load([tmp_path])


def test_a_file_twice_is_one_file(tmp_path: Path) -> None:
    path = tmp_path / "hookline.yaml"
    path.write_text(DECLARATION, "utf-8")
    (tmp_path / "link.hookline.yaml").symlink_to(path)
    assert list(files_of([path, tmp_path, tmp_path / "." / "hookline.yaml"])) == [path]
    assert list(load([path, tmp_path]).pipelines) == ["shop"]


def test_a_sub_folder_that_cannot_be_listed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hookline.yaml").write_text(DECLARATION, "utf-8")
    (tmp_path / "team").mkdir()
    listed = os.scandir

    def scandir(path: str) -> Any:
        if str(path).endswith("team"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InvalidInput, match=r"team:1:1: error: cannot be read: permission denied"):
        load([tmp_path])


def test_a_folder_without_a_declaration_says_what_would_be_one(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("a: 1\n", "utf-8")
    with pytest.raises(InvalidInput, match=r"hookline[.]yaml, \*[.]hookline[.]yaml, or a"):
        load([tmp_path])
