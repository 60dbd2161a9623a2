"""The workflow templates that come with hookline: read from `templates/`, scripts and images put in.

A template is a folder with `template.yaml` and its scripts, which are plain files so that they can be read and run as they are.
Tags of ours stand where something is put in: `!script FILE` (in which a line `!include FILE` is replaced by that file), `!image NAME`
(one of IMAGES), `!lost-infrastructure` (the retry strategy), `!resources PARAMETER` and `!instance-types PARAMETER` (the size of a pod) and
`!artifacts LIST` (left out unless wanted: a cluster without an artifact repository fails every step that has artifacts). A template
`!one-pod` is made of the others (`triggers/one_pod.py`).
"""

import copy
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from triggers.one_pod import one_pod
from triggers.pod_size import instance_types_metadata, resources_patch
from triggers.retry import retry_strategy
from triggers.words import (
    CONCURRENT_ANNOTATION,
    RESOURCES_ANNOTATION,
    RUN_ACCOUNTS,
    STOCK_PARAMETERS,
)

__all__ = ["IMAGES", "shipped", "shipped_names"]

IMAGES: Mapping[str, str] = {
    "git": "docker.io/alpine/git:v2.49.1@sha256:c0280cf9572316299b08544065d3bf35db65043d5e3963982ec50647d2746e26",
    "go": "docker.io/library/golang:1.27.0-bookworm@sha256:ded31c68586d2e49e760acc2e65a884b23d032e9bbbed0ae0c55abd3fcaf4452",
    "buildkit": "docker.io/moby/buildkit:v0.33.0-rootless@sha256:80b15f0735e87bab7bf59ec4d695dfb4a7cfb25521cf56dc75d6f256285b63ef",
}
"""Images of the steps, pinned by the digests under which Docker Hub serves these tags."""

FURTHER_ATTEMPTS = 2


def shipped_names() -> tuple[str, ...]:
    """Templates that `shipped` knows."""
    return tuple(
        sorted(item.name for item in _folder().iterdir() if item.joinpath("template.yaml").is_file())
    )


def shipped(
    name: str, images: Mapping[str, str] = IMAGES, *, artifacts: bool = False, restricted: bool = False
) -> dict[str, Any]:
    """The manifest of a template.

    Args:
        name: One of `shipped_names`.
        images: Image references by the names of IMAGES.
        artifacts: Whether steps keep files in the cluster's artifact repository.
        restricted: Whether it says by itself what a Workflow may not say beside it under templateReferencing: the accounts of its pods,
            and the mutex of a checkout that runs share.

    Raises:
        KeyError: There is no such template.
    """
    if name not in shipped_names():
        raise KeyError(name)
    manifest: dict[str, Any] = _filled(_parsed(name), images, artifacts=artifacts)
    annotations = manifest["metadata"].get("annotations", {})
    templates = manifest["spec"]["templates"]
    of_pods = [each for each in templates if isinstance(each, dict)]
    sizes = json.loads(annotations.get(RESOURCES_ANNOTATION, "{}"))
    manifest["spec"]["templates"] = [
        one_pod(each.value, of_pods, manifest["spec"]["volumes"], sizes) if isinstance(each, _Part) else each
        for each in templates
    ]
    if restricted:
        shares = annotations.get(CONCURRENT_ANNOTATION) != "true"
        directory = f"{{{{workflow.parameters.{STOCK_PARAMETERS['directory']}}}}}"
        manifest["spec"] = {
            **copy.deepcopy(dict(RUN_ACCOUNTS)),
            **({"synchronization": {"mutexes": [{"name": directory}]}} if shares else {}),
            **manifest["spec"],
        }
    return manifest


def _folder() -> Traversable:
    return resources.files("triggers.templates")


class _Part:
    """Something that is put in later."""

    def __init__(self, kind: str, value: Any) -> None:
        self.kind = kind
        self.value = value


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C loader has no types
    pass


def _part(loader: Any, suffix: str, node: yaml.Node) -> _Part:
    match node:
        case yaml.SequenceNode():
            return _Part(suffix, loader.construct_sequence(node, deep=True))
        case yaml.MappingNode():
            return _Part(suffix, loader.construct_mapping(node, deep=True))
    return _Part(suffix, loader.construct_scalar(node))


_Loader.add_multi_constructor("!", _part)


@cache
def _parsed(name: str) -> Any:
    folder = _folder().joinpath(name)
    return _scripted(
        yaml.load(folder.joinpath("template.yaml").read_text("utf-8"), _Loader),  # noqa: S506 - a SafeLoader
        folder,
    )


def _scripted(node: Any, folder: Traversable) -> Any:
    match node:
        case _Part(kind="script"):
            lines = []
            for line in folder.joinpath(node.value).read_text("utf-8").splitlines():
                word, _, file = line.partition(" ")
                lines.append(
                    folder.joinpath(file).read_text("utf-8").rstrip("\n") if word == "!include" else line
                )
            # Go's tabs would make YAML write the whole text as one quoted line.
            return "\n".join(lines).replace("\t", "  ") + "\n"
        case _Part(value=dict() | list()):
            return _Part(node.kind, _scripted(node.value, folder))
        case dict():
            return {key: _scripted(value, folder) for key, value in node.items()}
        case list():
            return [_scripted(value, folder) for value in node]
    return node


def _filled(node: Any, images: Mapping[str, str], *, artifacts: bool) -> Any:
    match node:
        case _Part(kind="image"):
            return images[node.value]
        case _Part(kind="lost-infrastructure"):
            # No backoff: Argo waits for it before it looks whether there is anything to retry, after a red test too.
            return retry_strategy(FURTHER_ATTEMPTS)
        case _Part(kind="resources"):
            return resources_patch({"main": node.value})
        case _Part(kind="instance-types"):
            return instance_types_metadata(node.value)
        case _Part(kind="artifacts"):
            return _filled(node.value, images, artifacts=artifacts)
        case _Part(kind="one-pod"):
            return _Part(node.kind, _filled(node.value, images, artifacts=artifacts))
        case dict():
            return {
                key: _filled(value, images, artifacts=artifacts)
                for key, value in node.items()
                if artifacts or not (isinstance(value, _Part) and value.kind == "artifacts")
            }
        case list():
            return [_filled(value, images, artifacts=artifacts) for value in node]
    return node
