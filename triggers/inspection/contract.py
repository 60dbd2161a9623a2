"""The contract of ci-go-v1, which tools around the template rely on, and how far a template keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from triggers.inspection.parts import Anatomy, Step
from triggers.inspection.words import shortened
from triggers.words import STOCK_PARAMETERS

__all__ = ["PARAMETERS", "STEPS", "Requirement", "keeps_parameters", "requirements"]

PARAMETERS: Mapping[str, str] = {
    STOCK_PARAMETERS["url"]: "",
    STOCK_PARAMETERS["directory"]: "",
    STOCK_PARAMETERS["branch"]: "main",
    STOCK_PARAMETERS["image"]: "",
    STOCK_PARAMETERS["tag"]: "v1.0.0",
    STOCK_PARAMETERS["dockerfile"]: "./Dockerfile",
    "enable_suffix_commitid": "true",
    "enable_test": "true",
}
STEPS: Mapping[str, str] = {
    "git-checkout-pr": "",
    "run-test": "git-checkout-pr",
    "build-push-image": "run-test",
}
"""Step → the step that it runs after."""

_VOLUMES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    # Later steps may see parts of it in other places.
    ("workdir", "PersistentVolumeClaim pvc-nas", "/workdir", ("git-checkout-pr",)),
    ("run-test", "emptyDir", "/test", ("run-test",)),
    ("docker-config", "Secret docker-config", "/.docker", ("build-push-image",)),
)
_BUILD = "build-push-image"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that the contract says, and what a template has instead."""

    what: Literal["parameter", "step", "volume", "tag", "cache"]
    name: str
    expected: str
    found: str
    state: Literal["found", "missing", "different"]


def requirements(template: Anatomy) -> tuple[Requirement, ...]:
    """The contract, one requirement after another."""
    return (
        *(_parameter(template, name, default) for name, default in PARAMETERS.items()),
        *(_step(template, name, after) for name, after in STEPS.items()),
        *(_volume(template, *volume) for volume in _VOLUMES),
        *_references(template.step(_BUILD)),
    )


def keeps_parameters(template: Anatomy) -> bool:
    """Whether the eight parameters are there with their defaults."""
    return all(template.parameters.get(name) == default for name, default in PARAMETERS.items())


def _requirement(
    what: Literal["parameter", "step", "volume", "tag", "cache"], name: str, expected: str, found: str | None
) -> Requirement:
    if found is None:
        return Requirement(what, name, expected, "", "missing")
    return Requirement(what, name, expected, shortened(found), "found" if found == expected else "different")


def _parameter(template: Anatomy, name: str, default: str) -> Requirement:
    if name not in template.parameters:
        return _requirement("parameter", name, f'default "{default}"', None)
    value = template.parameters[name]
    return _requirement(
        "parameter", name, f'default "{default}"', "no default" if value is None else f'default "{value}"'
    )


def _step(template: Anatomy, name: str, after: str) -> Requirement:
    expected = f"after {after}" if after else "first"
    task = next((task for task in template.tasks if task.name == name), None)
    if task is None:
        return _requirement("step", name, expected, None)
    return _requirement("step", name, expected, f"after {task.after}" if task.after else "first")


def _volume(template: Anatomy, name: str, kind: str, path: str, steps: tuple[str, ...]) -> Requirement:
    expected = f"{kind} at {path}"
    volume = template.volumes.get(name)
    if volume is None:
        return _requirement("volume", name, expected, None)
    without = [
        step
        for step in steps
        if (found := template.step(step)) is None
        or not any(mount.volume == name and mount.path.rstrip("/") == path for mount in found.mounts)
    ]
    where = f"at {path}" if not without else f"not at {path} in {', '.join(without)}"
    return _requirement("volume", name, expected, f"{volume} {where}")


def _references(build: Step | None) -> tuple[Requirement, ...]:
    """Tags and cache that a build pushes, as far as its text says."""
    said = "" if build is None else "\n".join((build.text, *build.env.values()))

    def names(*words: str) -> bool:
        return all(word in said for word in words)

    return (
        _requirement(
            "tag",
            f"<{STOCK_PARAMETERS['tag']}>",
            "named",
            "named" if names(STOCK_PARAMETERS["image"], STOCK_PARAMETERS["tag"]) else None,
        ),
        _requirement("tag", "latest", "named", "named" if names("latest") else None),
        _requirement("cache", "buildcache", "named", "named" if names("buildcache") else None),
    )
