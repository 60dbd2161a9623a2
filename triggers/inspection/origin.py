"""Origin of a template: a published version of ci-go-v1, a template that hookline renders, or a customised one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from triggers.inspection.contract import STEPS, keeps_parameters
from triggers.inspection.normal_form import STAMP, digest, normal_form
from triggers.inspection.parts import Anatomy
from triggers.inspection.words import shortened
from triggers.shipped import IMAGES, shipped, shipped_names

__all__ = ["TEXTS", "Candidate", "ImageDifference", "Origin", "Text", "candidates", "origin"]

Text = Literal[
    "hookline", "vendor-article", "vendor-first-generation", "vendor-second-generation", "customised"
]

TEXTS: Mapping[str, str] = {
    "vendor-article": "the text of Alibaba Cloud's article",
    "vendor-first-generation": "Alibaba Cloud's text, page of the first generation of workflow clusters",
    "vendor-second-generation": "Alibaba Cloud's text, page of the second generation of workflow clusters",
}

_VENDOR_IMAGES = {
    "git-checkout-pr": "alpine:latest",
    "run-test": "golang:1.22-alpine",
    "build-push-image": "moby/buildkit:v0.13.0-rootless",
}
_VENDOR_MARKS = {
    "git-checkout-pr": "Start to Clone ",
    "run-test": "Start Go Test...",
    "build-push-image": "Start to Build And Push Container Image",
}
_OUR_IMAGES = {"git-checkout-pr": "git", "run-test": "go", "build-push-image": "buildkit"}
_BY_FINGERPRINT: Mapping[tuple[bool, bool, int], Text] = {
    (False, False, 1): "vendor-article",
    (True, True, 1): "vendor-first-generation",
    (True, True, 2): "vendor-second-generation",
}
"""Tracking checkout, --opt before the build argument GOPROXY, blanks after `Start to Clone` (which text has which is known; the texts
themselves are the vendor's, and are not here)."""


@dataclass(frozen=True, slots=True)
class ImageDifference:
    """A step whose image is not the one that the text was published with."""

    step: str
    expected: str
    found: str

    @property
    def same_content(self) -> bool:
        """Whether it is the same image by its digest, from somewhere else."""
        wanted = self.expected.partition("@")[2]
        return wanted != "" and self.found.partition("@")[2] == wanted


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that this hookline renders."""

    name: str
    artifacts: bool
    restricted: bool
    form: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """Which published version a template is."""

    text: Text
    sentence: str
    template: str = ""
    """Name of the template, if it is one of hookline's."""
    version: str = ""
    """Version of the hookline that rendered it; empty if not known."""
    images: tuple[ImageDifference, ...] = ()


@cache
def candidates() -> tuple[Candidate, ...]:
    """Everything that this hookline renders, apart from images and scope."""
    return tuple(
        Candidate(
            name,
            artifacts,
            restricted,
            normal_form(shipped(name, artifacts=artifacts, restricted=restricted)),
        )
        for name in shipped_names()
        for restricted in (False, True)
        for artifacts in (False, True)
    )


def origin(template: Anatomy, form: Mapping[str, Any], version: str) -> Origin:
    """Find which published version a template is.

    Args:
        template: The manifest, read.
        form: The manifest's normal form.
        version: Of this hookline.
    """
    for candidate in candidates():
        if form == candidate.form:
            kept = ", for templateReferencing" if candidate.restricted else ""
            kept += ", with artifacts" if candidate.artifacts and _differs(candidate) else ""
            return Origin(
                "hookline",
                f"hookline's {candidate.name}, as version {version} renders it{kept}",
                candidate.name,
                version,
                _image_differences(template, {step: IMAGES[name] for step, name in _OUR_IMAGES.items()}),
            )
    stamp = {what: shortened(template.annotations.get(name, "")) for what, name in STAMP.items()}
    if stamp["template"] in shipped_names():
        name, rendered = stamp["template"], stamp["version"]
        if stamp["digest"] == digest(form):
            which = f"version {rendered}" if rendered != version else f"another build of version {version}"
            return Origin(
                "hookline",
                f"hookline's {name}, as {which} renders it; this is version {version}",
                name,
                rendered,
            )
        return Origin("customised", f"hookline's {name} of version {rendered}, changed since", name, rendered)
    return _vendors(template)


def _differs(candidate: Candidate) -> bool:
    """Whether artifacts make a difference to this template at all."""
    return any(
        (other.name, other.restricted) == (candidate.name, candidate.restricted)
        and other.form != candidate.form
        for other in candidates()
    )


def _vendors(template: Anatomy) -> Origin:
    text = _by_fingerprint(template)
    if text is None:
        return Origin("customised", "not one that hookline knows")
    changed = _changes(template)
    if changed:
        return Origin("customised", f"{TEXTS[text]}, by its marks, but changed: {'; '.join(changed)}")
    return Origin(text, f"{TEXTS[text]}, by its marks", images=_image_differences(template, _VENDOR_IMAGES))


def _by_fingerprint(template: Anatomy) -> Text | None:
    steps = {name: template.step(name) for name in STEPS}
    checkout, build = steps["git-checkout-pr"], steps["build-push-image"]
    if (
        checkout is None
        or build is None
        or not all(
            step is not None and step.inline and _VENDOR_MARKS[name] in step.text
            for name, step in steps.items()
        )
    ):
        return None
    tracks = re.search(r"checkout\s+--track\b", checkout.text) is not None
    with_opt = re.search(r"--opt[=\s\\]+[\"']?build-arg:GOPROXY", build.text) is not None
    blanks = re.search(r"Start to Clone( +)", checkout.text)
    return _BY_FINGERPRINT.get((tracks, with_opt, len(blanks[1]) if blanks else 0))


def _changes(template: Anatomy) -> list[str]:
    """Features that all published texts have, and this one does not."""
    changed = []
    if not keeps_parameters(template) or len(template.parameters) != 8:
        changed.append("parameters")
    if {task.name: task.after for task in template.tasks} != dict(STEPS):
        changed.append("steps")
    if {str(volume) for volume in template.volumes.values()} != {
        "PersistentVolumeClaim pvc-nas",
        "Secret docker-config",
        "emptyDir",
    }:
        changed.append("volumes")
    build = template.step("build-push-image")
    if build is not None and "buildcache" not in build.text:
        changed.append("the image cache")
    return changed


def _image_differences(template: Anatomy, expected: Mapping[str, str]) -> tuple[ImageDifference, ...]:
    return tuple(
        ImageDifference(step.name, expected[step.name], image)
        for step in template.steps
        if step.name in expected
        for image in step.images
        if image != expected[step.name]
    )
