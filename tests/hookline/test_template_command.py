"""hookline template: the list, and a template as it is printed."""

import json
import re

import pytest
import yaml
from click.testing import CliRunner, Result
from support import read_yaml

from hookline.cli import main
from hookline.declaration.templates import manifest_template
from triggers.image_references import is_mirror, is_pinned
from triggers.publishing import DESCRIPTIONS
from triggers.shipped import IMAGES, shipped, shipped_names

OTHER_DIGEST = "@sha256:" + "a" * 64


def hookline(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["template", *arguments], input=text)


def test_without_arguments_the_templates_are_listed() -> None:
    assert set(DESCRIPTIONS) == set(shipped_names())
    lines = hookline().stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(shipped_names())


@pytest.mark.parametrize("name", shipped_names())
def test_a_templates_name_prints_it(name: str) -> None:
    result = hookline(name)
    assert (result.exit_code, result.stderr) == (0, "")
    (manifest,) = read_yaml(result.stdout)
    assert manifest == json.loads(hookline(name, "-o", "json").stdout)
    assert manifest["kind"] == "ClusterWorkflowTemplate"
    assert manifest["spec"] == shipped(name)["spec"]
    assert hookline(name).stdout == result.stdout
    assert manifest_template(manifest, "").template.name == name


def test_scripts_are_readable_in_what_is_printed() -> None:
    assert re.search("^ +set -eu$", hookline("hookline-ci-go").stdout, re.MULTILINE)


def test_a_wrong_name_is_answered_with_the_right_one() -> None:
    result = hookline("hookline-ci")
    assert result.exit_code == 2
    assert "Did you mean hookline-ci-go?" in result.stderr
    assert "Expected one of: ci-go-v1, hookline-ci-go, check, prerequisites." in hookline("zzz").stderr


def test_an_image_is_replaced_by_another_pinned_one() -> None:
    chosen = "registry.example.com:5000/go/golang:1.27.1" + OTHER_DIGEST
    printed = hookline("ci-go-v1", "--image", f"go={chosen}").stdout
    assert f"image: {chosen}\n" in printed
    assert IMAGES["go"] not in printed
    assert IMAGES["git"] in printed


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("go=golang:1.27", "a tag can change what runs; expected a digest"),
        ("go=golang@sha256:abc", "expected a digest"),
        ("go=golang@sha256:" + "A" * 64, "expected a digest"),
        ("go=golang:1\n@sha256:" + "a" * 64, "expected a digest"),
        ("go={{x}}" + OTHER_DIGEST, "expected a digest"),
        ("node=x", "NAME one of git, go, buildkit"),
        ("golang:1.27", "expected NAME=REF"),
    ],
)
def test_an_image_that_is_refused(value: str, message: str) -> None:
    result = hookline("ci-go-v1", "--image", value)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_an_image_given_twice_is_refused() -> None:
    pinned = "go=golang" + OTHER_DIGEST
    assert "given twice" in hookline("ci-go-v1", "--image", pinned, "--image", pinned).stderr


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_mirror_takes_the_place_of_docker_hub_and_digests_stay(slash: str) -> None:
    chosen = "docker.io/library/golang" + OTHER_DIGEST
    printed = hookline(
        "hookline-ci-go", "--mirror", f"mirror.example.com/hub{slash}", "--image", f"go={chosen}"
    ).stdout
    for name in ("git", "buildkit"):
        assert f"image: mirror.example.com/hub/{IMAGES[name].removeprefix('docker.io/')}\n" in printed
    assert f"image: {chosen}\n" in printed


@pytest.mark.parametrize(
    "value",
    [
        "https://mirror.example.com",
        "mirror",
        "",
        "m.example.com/a b",
        "m.example.com/x@y",
        "/x",
        "m.example.com//",
    ],
)
def test_a_mirror_that_is_refused(value: str) -> None:
    result = hookline("ci-go-v1", "--mirror", value)
    assert result.exit_code == 2
    assert "expected a registry, perhaps with a path" in result.stderr


def test_what_is_pinned_and_what_mirrors() -> None:
    assert all(is_pinned(each) for each in IMAGES.values())
    assert is_mirror("localhost:5000")
    assert is_mirror("10.0.0.5:5000/hub/cache")


def test_artifacts_are_kept_only_where_asked() -> None:
    assert "artifacts:" not in hookline("hookline-ci-go").stdout
    assert "artifacts:" in hookline("hookline-ci-go", "--artifacts").stdout


def test_a_template_of_one_namespace() -> None:
    manifest = yaml.safe_load(hookline("ci-go-v1", "--namespaced", "-n", "ci").stdout)
    assert (manifest["kind"], manifest["metadata"]["namespace"]) == ("WorkflowTemplate", "ci")
    assert "namespace" not in yaml.safe_load(hookline("ci-go-v1", "--namespaced").stdout)["metadata"]
    assert "-n needs --namespaced" in hookline("ci-go-v1", "-n", "ci").stderr
    assert hookline("ci-go-v1", "--namespaced", "-n", "C I").exit_code == 2


@pytest.mark.parametrize("name", ["check", "prerequisites", *shipped_names()])
def test_every_command_below_template_has_help_with_an_example(name: str) -> None:
    result = hookline(name, "--help")
    assert result.exit_code == 0
    assert f"hookline template {name}" in result.stdout.partition("Example")[2]
