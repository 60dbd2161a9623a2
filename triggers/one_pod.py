"""The steps of a template as containers of one pod (Argo's `containerSet`), made from the steps as pods of their own.

So both ways have the same scripts, variables, users, rights, mounts and outputs, and none can forget what the other one got. What differs:

- The containers start together; Argo lets each begin when the one before it has succeeded.
- What the first step found out reaches the others by an emptyDir, `between`, in place of output parameters and the volume. A step may
  write its own folder of it alone; later steps see the folder of the first one, read-only.
- Each container has its own folder of an emptyDir that several mount.
- Argo takes outputs from a container named `main` alone. It is a small one beside the steps, which waits for their ends.

Source: argo-workflows cmd/argoexec/commands/emissary.go and workflow/controller/operator.go of v3.7.18 and v4.0.5; seen on 3.7.18 (tests/node).
"""

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from triggers.pod_size import resources_patch

__all__ = ["one_pod"]

_INPUT = re.compile(r"\{\{inputs\.parameters\.([\w-]+)\}\}")
_BETWEEN = "between"
_OUTPUTS = "/tmp/outputs"  # noqa: S108 - in a container
_REPORTS = "/tmp/reports"  # noqa: S108 - the same


def one_pod(
    said: Mapping[str, Any],
    templates: Sequence[Mapping[str, Any]],
    volumes: Sequence[Mapping[str, Any]],
    sizes: Mapping[str, str],
) -> dict[str, Any]:
    """The template whose pod has all steps.

    Args:
        said: The mapping under `!one-pod`: `name` of the template; `expressions`, which give an input of the steps before anything ran;
            `run` and `collect`, the scripts that run a step and that wait for all; `image` of the latter; `size_limit` of what is passed
            on; `own_folders`, emptyDirs of which each container sees its own folder; `resources` of the container that waits;
            `containers`, by the step's name in the order in which they run: `resources`, and `switch`, the parameter that leaves the step
            out if it is "false".
        templates: Those of the steps; others are ignored.
        volumes: Those of the spec. Argo looks for those of its own template alone where containers of a set mount them.
        sizes: Step → the parameter that takes its resources.
    """
    by_name = {each["name"]: each for each in templates}
    names = list(said["containers"])
    steps = [by_name[name] for name in names]
    first = steps[0]
    files = {each["name"]: _file(each) for each in first["outputs"]["parameters"]}
    containers = []
    for number, step in enumerate(steps):
        container = _container(step, said, files, names[0])
        if number:
            container["dependencies"] = [names[number - 1]]
        containers.append(container)
    handed = [(step["name"], place) for step in steps for place in _places(step)]
    deadlines = " + ".join(f"asInt({_expression(step['activeDeadlineSeconds'])})" for step in steps)
    containers.append(
        {
            "name": "main",
            "image": said["image"],
            "command": ["sh", "-c"],
            "args": [said["collect"]],
            "env": [
                {"name": "STEPS", "value": " ".join(names)},
                {"name": "HANDED", "value": " ".join(f"{step}/{place}" for step, place in handed)},
            ],
            "volumeMounts": [{"name": _BETWEEN, "mountPath": "/between", "readOnly": True}],
            "securityContext": copy.deepcopy(first["container"]["securityContext"]),
            "resources": copy.deepcopy(said["resources"]),
        }
    )
    outputs = {
        "parameters": [_optional(each) for step in steps for each in step["outputs"]["parameters"]],
        "artifacts": [each for step in steps for each in step["outputs"].get("artifacts", ())],
    }
    return {
        "name": said["name"],
        "activeDeadlineSeconds": f"{{{{={deadlines}}}}}",
        "retryStrategy": copy.deepcopy(first["retryStrategy"]),
        "podSpecPatch": resources_patch({name: sizes[name] for name in names}),
        "outputs": {key: copy.deepcopy(value) for key, value in outputs.items() if value},
        "volumes": [
            *(copy.deepcopy(volume) for volume in volumes),
            *(copy.deepcopy(volume) for step in steps for volume in step.get("volumes", ())),
            {"name": _BETWEEN, "emptyDir": {"sizeLimit": said["size_limit"]}},
        ],
        "containerSet": {"containers": containers},
    }


def _container(
    step: Mapping[str, Any], said: Mapping[str, Any], files: Mapping[str, str], first: str
) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(dict(step["container"]))
    own = said["containers"][step["name"]]
    taken = {
        each["name"]: match[1] for each in found["env"] if (match := _INPUT.fullmatch(str(each["value"])))
    }
    env = [each for each in found["env"] if each["name"] not in taken]
    env.append({"name": "DEADLINE", "value": step["activeDeadlineSeconds"]})
    env.append({"name": "TAKEN", "value": " ".join(f"{name}={files[key]}" for name, key in taken.items())})
    if switch := own.get("switch"):
        env.append({"name": "SWITCH", "value": f"{{{{workflow.parameters.{switch}}}}}"})
    mounts = []
    for mount in found["volumeMounts"]:
        if mount["mountPath"] == "/source":
            mounts.append({"name": _BETWEEN, "mountPath": "/source", "subPath": "source", "readOnly": True})
        elif mount["name"] in said["own_folders"]:
            mounts.append({**mount, "subPath": step["name"]})
        else:
            path = _INPUT.sub(
                lambda match: f"{{{{={said['expressions'][match[1]]}}}}}", mount.get("subPath", "")
            )
            mounts.append({**mount, "subPath": path} if path else mount)
    if step["name"] == first:
        env.append({"name": "SOURCES", "value": "/source"})
        mounts.append({"name": _BETWEEN, "mountPath": "/source", "subPath": "source"})
    else:
        before = f"{first}/outputs"
        mounts.append({"name": _BETWEEN, "mountPath": "/before", "subPath": before, "readOnly": True})
    for place in (_OUTPUTS, _REPORTS):
        folder = f"{step['name']}/{place.rpartition('/')[2]}"
        if place != _REPORTS or step["outputs"].get("artifacts"):
            mounts.append({"name": _BETWEEN, "mountPath": place, "subPath": folder})
    return {
        **found,
        "name": step["name"],
        "command": ["sh", "-c", said["run"], step["name"]],
        "env": env,
        "volumeMounts": mounts,
        "resources": copy.deepcopy(own["resources"]),
    }


def _file(output: Mapping[str, Any]) -> str:
    return str(output["valueFrom"]["path"]).rpartition("/")[2]


def _places(step: Mapping[str, Any]) -> list[str]:
    """Files that become outputs, below the step's folder: outputs/commit, reports/junit.xml."""
    paths = [each["valueFrom"]["path"] for each in step["outputs"]["parameters"]]
    paths += [each["path"] for each in step["outputs"].get("artifacts", ())]
    return [path.removeprefix("/tmp/") for path in paths]  # noqa: S108 - in a container


def _optional(output: Mapping[str, Any]) -> dict[str, Any]:
    """A step that failed leaves none, and the pod has failed by itself then."""
    return {**output, "valueFrom": {"default": "", **output["valueFrom"]}}


def _expression(text: str) -> str:
    return text.removeprefix("{{").removesuffix("}}")
