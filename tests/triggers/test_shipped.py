"""What can be said of the shipped templates without running them; tests/template runs them."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

from triggers.shipped import IMAGES, shipped, shipped_names
from triggers.stock import stock

SCRIPTS = sorted((ROOT / "triggers/templates").glob("*/*.sh"))


def containers(name: str) -> list[Any]:
    return [each["container"] for each in shipped(name)["spec"]["templates"] if "container" in each]


@pytest.mark.parametrize("name", shipped_names())
def test_no_value_of_a_workflow_is_ever_text_of_a_script(name: str) -> None:
    """S1: a script is the same for every run; whatever Argo would replace in it is refused."""
    for container in containers(name):
        assert "{{" not in "".join([*container["command"], *container["args"]])


@pytest.mark.parametrize("name", shipped_names())
def test_every_image_is_pinned_by_digest(name: str) -> None:
    assert {each["image"] for each in containers(name)} == set(IMAGES.values())
    assert all(re.fullmatch(r"[a-z0-9./-]+:[\w.-]+@sha256:[0-9a-f]{64}", each) for each in IMAGES.values())


@pytest.mark.parametrize("name", shipped_names())
def test_every_parameter_is_used_and_every_variable_is_read(name: str) -> None:
    manifest = shipped(name)
    declared = {each["name"] for each in manifest["spec"]["arguments"]["parameters"]}
    used = set(
        re.findall(r"\{\{[^{}]*workflow\.parameters\.(\w+)[^{}]*\}\}", str(manifest["spec"]["templates"]))
    )
    assert used == declared
    by_tools = {"BUILDKITD_FLAGS", "DOCKER_CONFIG", "GOPROXY"}
    for container in containers(name):
        for variable in container["env"]:
            assert (
                re.search(rf"\$\{{?{variable['name']}\b", container["args"][0])
                or variable["name"] in by_tools
            )


def test_the_successor_takes_what_the_stock_template_takes() -> None:
    theirs, ours = stock("ci-go-v1").parameters, stock("hookline-ci-go").parameters
    assert {name: ours[name] for name in theirs} == theirs
    assert None not in ours.values()  # nothing new has to be given


def test_artifacts_are_kept_only_where_that_is_asked_for() -> None:
    """Argo fails every step with artifacts in a cluster without an artifact repository."""
    assert "artifacts" not in str(shipped("hookline-ci-go"))
    outputs = [
        each.get("outputs", {}) for each in shipped("hookline-ci-go", artifacts=True)["spec"]["templates"]
    ]
    found = [artifact for each in outputs for artifact in each.get("artifacts", [])]
    assert [each["name"] for each in found] == ["tests", "junit", "coverage"]
    assert all(each["optional"] for each in found)


def test_secrets_reach_the_step_that_needs_them_and_no_other() -> None:
    templates = {each["name"]: each for each in shipped("hookline-ci-go")["spec"]["templates"]}
    mounted = {
        name: {mount["name"] for mount in each["container"]["volumeMounts"]}
        for name, each in templates.items()
        if "container" in each
    }
    assert [name for name, mounts in mounted.items() if "git-secret" in mounts] == ["git-checkout-pr"]
    assert [name for name, mounts in mounted.items() if "docker-config" in mounts] == ["build-push-image"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_script_is_a_script_of_any_shell(script: Path) -> None:
    """Syntax only; git's and BuildKit's images have busybox, Go's has dash."""
    shell = shutil.which("dash") or "sh"
    done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
