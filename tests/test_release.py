"""One version in package, changelog, pages and image; the Containerfile builds what pyproject.toml says; `make image` says it to each builder."""

import ast
import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import ROOT, exporter_of

from hookline.cli import main
from hookline.documentation import pages
from hookline.version import VERSION
from release.checksums import write_checksums
from release.image import BUILDERS, Commit, Settings, commands, public_address

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
CONTAINERFILE = (ROOT / "Containerfile").read_text("utf-8").replace("\\\n", " ")
RELEASE = VERSION.partition(".dev")[0]
"""The release that this version is, or leads to."""


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def test_the_version_is_the_projects_and_the_locks() -> None:
    assert PROJECT["project"]["version"] == VERSION
    (locked,) = [each["version"] for each in LOCK["package"] if each["name"] == "hookline"]
    assert locked == VERSION
    assert CliRunner().invoke(main, ["--version"]).stdout == f"hookline {VERSION}\n"


def test_the_changelog_ends_with_this_version_or_says_what_the_next_one_brings() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.findall(r"(?m)^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", text)[0]
    unreleased = text.partition("## [Unreleased]\n")[2].partition(f"\n## [{newest}]")[0].strip()
    if VERSION == RELEASE:
        assert (newest, unreleased) == (VERSION, "")
    else:
        assert unreleased
        assert numbers(newest) < numbers(RELEASE)
        assert re.fullmatch(r"\d+\.\d+\.\d+\.dev\d+", VERSION)


def test_every_version_of_hookline_that_a_page_names_is_this_one() -> None:
    named = [
        (page, version)
        for page, text in [("README", (ROOT / "README.md").read_text("utf-8")), *((each.name, each.text) for each in pages())]
        for version in re.findall(r"\b(?:hookline[:/-]|site/)v?(\d+\.\d+\.\d+)\b", text)
        if not page.startswith("decisions/")
    ]  # fmt: skip
    assert len(named) > 5
    assert [each for each in named if each[1] != RELEASE] == []


def instructions(name: str, *, stage: str | None = None) -> list[str]:
    """What follows each instruction of this name, in the whole Containerfile or in its last stage."""
    text = CONTAINERFILE if stage is None else CONTAINERFILE.rpartition("\nFROM ")[2]
    return re.findall(rf"(?m)^{name} (.*)$", text)


def test_the_base_has_a_python_that_the_project_supports_and_its_tests_run_with() -> None:
    (base,) = [each.partition("=")[2] for each in instructions("ARG") if each.startswith("BASE=")]
    found = re.fullmatch(r"docker\.io/library/python:(3\.\d+)-slim-\w+", base)
    assert found is not None
    assert f"Programming Language :: Python :: {found[1]}" in PROJECT["project"]["classifiers"]
    assert PROJECT["tool"]["mypy"]["python_version"] == found[1]
    assert (ROOT / "docs/releasing.md").read_text("utf-8").count(f"`{base}`") == 1


def test_the_image_has_what_is_locked_with_the_exporter_and_without_tools() -> None:
    runs, makes = (line for line in instructions("RUN") if "uv export" in line)
    assert "--locked --no-dev --extra exporter --extra github-app " in runs
    assert "--locked --only-group release " in makes
    for line in (runs, makes):
        assert "--require-hashes --only-binary :all:" in line
    assert set(PROJECT["project"]["optional-dependencies"]) == {"exporter", "github-app"}
    assert {"include-group": "build"} in PROJECT["dependency-groups"]["release"]
    assert PROJECT["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]
    copied = instructions("COPY", stage="last")
    assert copied == ["--from=build /opt/hookline /opt/hookline"]


def test_no_command_of_the_build_names_the_index_which_may_hold_a_password() -> None:
    every = [each for name in ("RUN", "LABEL", "COPY", "ENV") for each in instructions(name)]
    assert len(every) > 10
    assert [each for each in every if "INDEX}" in each or "$INDEX" in each] == []
    given = {each.partition("=")[0] for each in instructions("ARG") if each.endswith("=${INDEX}")}
    assert given == {"PIP_INDEX_URL", "UV_DEFAULT_INDEX"}


def test_the_image_runs_as_the_pod_of_the_exporter_does() -> None:
    (deployment,) = [each for each in exporter_of("ci", "x") if each["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    context = pod["securityContext"]
    assert instructions("USER") == [f"{context['runAsUser']}:{context['runAsGroup']}"]
    assert instructions("ENTRYPOINT") == ['["hookline"]']
    assert pod["containers"][0]["args"][0] == "exporter"
    assert "command" not in pod["containers"][0]


def test_the_licence_of_the_image_is_the_projects() -> None:
    (labels,) = instructions("LABEL")
    assert f"licenses={PROJECT['project']['license']} " in labels


def test_the_build_sees_every_package_and_page_and_no_more() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    project = {
        PROJECT["project"]["readme"],
        *PROJECT["project"]["license-files"],
        "pyproject.toml",
        "uv.lock",
    }
    assert kept == {*wheel["packages"], *wheel["force-include"], *project}


def test_what_the_image_lacks_of_the_kubernetes_client_is_imported_nowhere() -> None:
    assert "rm -r /opt/hookline/lib/python3*/site-packages/kubernetes/aio" in CONTAINERFILE
    imported = {
        name
        for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in (
            [each.name for each in node.names] if isinstance(node, ast.Import)
            else [f"{node.module}.{each.name}" for each in node.names] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert any(each.startswith("kubernetes.") for each in imported)
    assert [each for each in imported if each.startswith("kubernetes.aio")] == []


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://git.example.com/ci/hookline.git", "https://git.example.com/ci/hookline.git"),
        ("https://reader:secret@git.example.com:8443/ci/hookline", "https://git.example.com:8443/ci/hookline"),
        ("https://secret@git.example.com/ci/hookline?token=secret#secret", "https://git.example.com/ci/hookline"),
        ("ssh://git@git.example.com:2222/ci/hookline.git", "ssh://git@git.example.com:2222/ci/hookline.git"),
        ("ssh://git:secret@git.example.com/ci/hookline.git", "ssh://git@git.example.com/ci/hookline.git"),
        ("git@git.example.com:ci/hookline.git", "ssh://git@git.example.com/ci/hookline.git"),
        ("/srv/git/hookline.git", ""),
        ("../hookline", ""),
        ("file:///srv/git/hookline.git", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_the_label_of_the_source_is_an_address_without_secrets(remote: str, address: str) -> None:
    assert public_address(remote) == address


def settings(builder: str, archive: Path | None = None) -> Settings:
    return Settings(
        builder=builder, version="0.2.0", name="registry.example.com/hookline:0.2.0",
        commit=Commit("ab" * 20, 1_795_742_784, "https://git.example.com/ci/hookline"),
        arguments={"BASE": "mirror.example.com/python:3.11"}, flags=["--network=host"],
        folder=Path("/dist"), archive=archive,
    )  # fmt: skip


@pytest.mark.parametrize("builder", BUILDERS)
def test_each_builder_is_told_base_version_commit_and_address(builder: str) -> None:
    image, parts = commands(settings(builder))
    for command in (image, parts):
        assert command[:2] == [builder, "build"]
        for name, value in {
            "BASE": "mirror.example.com/python:3.11", "VERSION": "0.2.0", "REVISION": "ab" * 20,
            "SOURCE": "https://git.example.com/ci/hookline", "SOURCE_DATE_EPOCH": "1795742784",
        }.items():  # fmt: skip
            assert f"--build-arg={name}={value}" in command
            assert f"ARG {name}" in CONTAINERFILE
        assert "--network=host" in command
        assert command[-1] == "."
    assert "--tag=registry.example.com/hookline:0.2.0" in image
    assert "--output=type=local,dest=/dist" in parts
    assert ("--timestamp=1795742784" in image) == (builder != "docker")


@pytest.mark.parametrize(
    ("builder", "words"),
    [
        ("podman", ["podman", "save", "--format=oci-archive", "--output=/dist/a.tar", "registry.example.com/hookline:0.2.0"]),
        ("buildah", ["buildah", "push", "registry.example.com/hookline:0.2.0", "oci-archive:/dist/a.tar:registry.example.com/hookline:0.2.0"]),
        ("docker", ["docker", "save", "--output=/dist/a.tar", "registry.example.com/hookline:0.2.0"]),
    ],
)  # fmt: skip
def test_the_archive_is_written_by_the_builder(builder: str, words: list[str]) -> None:
    *_, last = commands(settings(builder, Path("/dist/a.tar")))
    assert last == words


def test_every_setting_of_make_image_is_on_its_page_and_reaches_the_build() -> None:
    (exported,) = re.findall(r"(?m)^export (.*)$", (ROOT / "Makefile").read_text("utf-8"))
    page = (ROOT / "docs/releasing.md").read_text("utf-8")
    rows = {
        name
        for line in re.findall(r"(?m)^\| (`[A-Z].*?) \|", page)
        for name in re.findall(r"`([A-Z_]+)`", line)
    }
    assert rows == {*exported.split(), "SOURCE_DATE_EPOCH"}
    code = "".join(path.read_text("utf-8") for path in (ROOT / "release").glob("*.py"))
    for name in rows:
        assert f'"{name}"' in code, name


def test_checksums_are_of_one_version_and_as_sha256sum_reads_them(tmp_path: Path) -> None:
    ours = ["hookline-0.2.0-image.cdx.json", "hookline-0.2.0-image.tar", "hookline-0.2.0-py3-none-any.whl", "hookline-0.2.0.tar.gz"]  # fmt: skip
    for name in (*ours, "hookline-0.2.0.dev0.tar.gz", "hookline-0.1.0.tar.gz", "other.whl"):
        (tmp_path / name).write_text(name, "utf-8")
    sums = write_checksums(tmp_path, "0.2.0").read_text("utf-8")
    assert sums == "".join(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in ours)


def test_without_a_builder_the_message_names_those_that_there_are(tmp_path: Path) -> None:
    for environment, said in (
        ({"PATH": str(tmp_path)}, "none of them is on the PATH"),
        ({"PATH": str(tmp_path), "BUILDER": "kaniko"}, "BUILDER is kaniko"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "release.image"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr == f"error: an image is built by podman, buildah, docker; {said}\n"
