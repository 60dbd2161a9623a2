"""The package: what it imports when, what the wheel carries, the schema that it prints."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from support import EXAMPLES, ROOT

from hookline.declaration.schema import json_schema, models_schema
from hookline.isolation import foreign_packages
from hookline.version import VERSION


def modules_after(*arguments: str) -> set[str]:
    code = f"import sys; sys.argv = ['hookline', *{list(arguments)!r}]\nfrom hookline.__main__ import main\ntry: main()\nexcept SystemExit: pass\nsys.stderr.write('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT / "examples" / "minimal",
    )
    return set(done.stderr.splitlines())


def test_the_version_loads_the_command_line_and_nothing_else() -> None:
    loaded = modules_after("--version")
    assert "click" in loaded
    heavy = {
        "pydantic",
        "yaml",
        "jq",
        "kubernetes",
        "cloudevents",
        "structlog",
        "events",
        "sensors",
        "apiserver",
        "triggers",
    }
    assert loaded & heavy == set()


def test_rendering_loads_no_engine_and_no_cluster_client() -> None:
    loaded = modules_after("render")
    assert "pydantic" in loaded
    assert loaded & {"jq", "kubernetes", "cloudevents", "structlog"} == set()


def test_the_schema_is_one_and_accepts_every_example() -> None:
    schema = json_schema()
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    for example in EXAMPLES:
        for path in example.glob("*.yaml"):
            text = path.read_text("utf-8")
            assert list(validator.iter_errors(_dates_as_text(yaml.safe_load(text)))) == []
    for wrong in (
        {"version": 1, "pipelins": {}},
        {"version": 2},
        {"version": 1, "sources": {"x": {"host": 1}}},
        {"version": 1, "owner": None},
    ):
        assert list(validator.iter_errors(wrong)) != []


def _dates_as_text(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _dates_as_text(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_dates_as_text(item) for item in node]
    return node if isinstance(node, str | bool | int | float | None) else str(node)


def test_every_field_of_the_schema_has_a_description_and_an_example_and_says_what_is_the_default() -> None:
    schema = models_schema()
    for name, definition in {**schema["definitions"], "File": schema}.items():
        for key, field in definition.get("properties", {}).items():
            assert field.get("description"), f"{name}.{key}"
            assert field.get("examples"), f"{name}.{key}"
            assert key in definition.get("required", []) or "default" in field, f"{name}.{key}"


def test_nobody_else_owns_our_folder_names(tmp_path: Path) -> None:
    assert foreign_packages() == []
    (tmp_path / "events").mkdir()
    (tmp_path / "events/__init__.py").write_text("class Events: ...", "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "from hookline.__main__ import main; main()", "--version"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "another package is installed under one of its names: events" in done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        check=True,
        cwd=ROOT,
        capture_output=True,
    )
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_carries_programs_and_data_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for expected in (
        "sensors/decide.jq",
        "events/prelude.jq",
        "events/hosts/github.jq",
        "triggers/templates/ci-go-v1.yaml",
        "triggers/templates/hookline-ci-go/template.yaml",
        "triggers/templates/hookline-ci-go/git-checkout-pr.sh",
        "hookline/demo_data/push.http",
        "dashboards/__init__.py",
    ):
        assert expected in names
    assert not [name for name in names if name.startswith(("tests/", "examples/", "docs/", "bench/"))]
    assert VERSION in wheel.name


def test_the_wheel_alone_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    """Installed into a folder of its own, with the dependencies of this environment and nothing of the checkout."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import sys; sys.argv = ['hookline', 'demo']\nfrom hookline.__main__ import main; main()"
    environment = {"PYTHONPATH": f"{tmp_path / 'site'}:{_dependencies(tmp_path)}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("kind: Workflow") == 3


def _dependencies(folder: Path) -> Path:
    """The installed dependencies without the editable install of this checkout."""
    links = folder / "dependencies"
    links.mkdir()
    for item in Path(sysconfig.get_path("purelib")).iterdir():
        if "hookline" not in item.name and not item.name.endswith(".pth"):
            (links / item.name).symlink_to(item)
    return links


def test_the_version_stands_in_one_place_and_the_project_agrees() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == VERSION
    assert f"## [{VERSION}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
