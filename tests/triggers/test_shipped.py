"""What can be said of the shipped templates without running them; tests/template runs them."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

from documents.quantities import amount
from triggers.shipped import IMAGES, shipped, shipped_names
from triggers.stock import stock

SCRIPTS = sorted((ROOT / "triggers/templates").glob("*/*.sh"))


def containers(name: str) -> list[Any]:
    """Of steps in pods of their own, and of one pod."""
    templates = shipped(name)["spec"]["templates"]
    found = [each["container"] for each in templates if "container" in each]
    return found + [each for one in templates for each in one.get("containerSet", {}).get("containers", ())]


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
                re.search(
                    rf"\$\{{?{variable['name']}\b", "".join([*container["command"], *container["args"]])
                )
                or variable["name"] in by_tools
            )


def test_the_successor_takes_what_the_stock_template_takes() -> None:
    theirs, ours = stock("ci-go-v1").parameters, stock("hookline-ci-go").parameters
    assert {name: ours[name] for name in theirs} == theirs
    assert None not in ours.values()  # nothing new has to be given


def test_artifacts_are_kept_only_where_that_is_asked_for() -> None:
    """Argo fails every step with artifacts in a cluster without an artifact repository."""
    assert "artifacts" not in str(shipped("hookline-ci-go"))
    templates = {
        each["name"]: each for each in shipped("hookline-ci-go", artifacts=True)["spec"]["templates"]
    }
    for name in ("run-test", "one-pod"):
        found = templates[name]["outputs"]["artifacts"]
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


def test_one_pod_gives_each_step_what_it_has_in_a_pod_of_its_own_and_no_more() -> None:
    """Image, script, user, rights and data; the source and what the checkout found out come by a folder that later steps cannot write."""
    templates = {each["name"]: each for each in shipped("hookline-ci-go")["spec"]["templates"]}
    in_one = {each["name"]: each for each in templates["one-pod"]["containerSet"]["containers"]}
    assert [*in_one] == ["git-checkout-pr", "run-test", "build-push-image", "main"]
    for name in ("git-checkout-pr", "run-test", "build-push-image"):
        own, here = templates[name]["container"], in_one[name]
        assert [own[key] for key in ("image", "args", "securityContext")] == [
            here[key] for key in ("image", "args", "securityContext")
        ]
        mounts = {each["name"] for each in own["volumeMounts"]}
        assert {each["name"] for each in here["volumeMounts"]} - mounts == {"between"}
        writable = [
            each["subPath"]
            for each in here["volumeMounts"]
            if each["name"] == "between" and not each.get("readOnly")
        ]
        assert all(path.startswith(f"{name}/") or path == "source" for path in writable)
        assert ("source" in writable) == (name == "git-checkout-pr")
        shared = [each for each in here["volumeMounts"] if each["name"] == "scratch"]
        assert [each["subPath"] for each in shared] == [name]
    assert [each["readOnly"] for each in in_one["main"]["volumeMounts"]] == [True]


def test_one_pod_has_the_outputs_of_all_steps() -> None:
    templates = {each["name"]: each for each in shipped("hookline-ci-go")["spec"]["templates"]}
    outputs = {
        name: [each["name"] for each in template["outputs"]["parameters"]]
        for name, template in templates.items()
        if name != "main"
    }
    of_one = outputs.pop("one-pod")
    assert of_one == [name for each in outputs.values() for name in each]
    assert len(set(of_one)) == len(of_one)


def test_one_pod_asks_for_no_more_than_the_largest_step_does() -> None:
    templates = {each["name"]: each for each in shipped("hookline-ci-go")["spec"]["templates"]}
    asked = [each["resources"]["requests"] for each in templates["one-pod"]["containerSet"]["containers"]]
    largest = templates["run-test"]["container"]["resources"]["requests"]
    for key in ("cpu", "memory"):
        assert sum(amount(each[key]) for each in asked) == amount(largest[key])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_script_is_a_script_of_any_shell(script: Path) -> None:
    """Syntax only; git's and BuildKit's images have busybox, Go's has dash."""
    shell = shutil.which("dash") or "sh"
    done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
