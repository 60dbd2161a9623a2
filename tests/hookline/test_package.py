"""The package: what it imports when, what the wheel carries."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from support import ROOT

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
        "bus",
        "nats",
        "triggers",
    }
    assert loaded & heavy == set()


def test_rendering_loads_no_engine_and_no_cluster_client() -> None:
    loaded = modules_after("render")
    assert "pydantic" in loaded
    assert loaded & {"jq", "kubernetes", "nats", "cloudevents", "structlog"} == set()


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
    assert not [
        name for name in names if name.startswith(("tests/", "examples/", "docs/", "bench/", "release/"))
    ]
    assert VERSION in wheel.name


def test_the_wheel_alone_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    done = run_from(wheel, tmp_path, "demo")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("kind: Workflow") == 3


def test_the_wheel_alone_has_every_page_that_its_messages_name(wheel: Path, tmp_path: Path) -> None:
    done = run_from(wheel, tmp_path, "docs", "--to", "pages")
    assert done.returncode == 0, done.stderr
    written = {
        str(path.relative_to(tmp_path / "pages")): path.read_text("utf-8")
        for path in (tmp_path / "pages").rglob("*.md")
    }
    assert written == {
        str(path.relative_to(ROOT / "docs")): path.read_text("utf-8")
        for path in (ROOT / "docs").rglob("*.md")
    }


def run_from(wheel: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a wheel from a folder of its own, with the dependencies of this environment and nothing of the checkout."""
    zipfile.ZipFile(wheel).extractall(folder / "site")
    code = f"import sys; sys.argv = ['hookline', *{list(arguments)!r}]\nfrom hookline.__main__ import main; main()"
    return subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PYTHONPATH": f"{folder / 'site'}:{_dependencies(folder)}", "PATH": "/usr/bin:/bin"},
    )


def _dependencies(folder: Path) -> Path:
    """The installed dependencies without the editable install of this checkout."""
    links = folder / "dependencies"
    links.mkdir()
    for item in Path(sysconfig.get_path("purelib")).iterdir():
        if "hookline" not in item.name and not item.name.endswith(".pth"):
            (links / item.name).symlink_to(item)
    return links
