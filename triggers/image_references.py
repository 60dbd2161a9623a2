"""References of images: whether they are pinned, and the same images from a mirror."""

import re
from collections.abc import Mapping

__all__ = ["is_mirror", "is_pinned", "mirrored"]

_HUB = "docker.io/"
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)"
_PATH = r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
_PINNED = re.compile(
    rf"(?:{_HOST}(?::[0-9]{{1,5}})?/)?{_PATH}(?::[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?@sha256:[0-9a-f]{{64}}"
)
_MIRROR = re.compile(rf"{_HOST}(?::[0-9]{{1,5}})?(?:/{_PATH})?/?")


def is_pinned(reference: str) -> bool:
    """Whether an image reference names its content, so that no registry can change what runs."""
    return len(reference) < 512 and _PINNED.fullmatch(reference) is not None


def is_mirror(prefix: str) -> bool:
    """Whether this can replace docker.io/: a host, perhaps with a port and a path."""
    host = prefix.partition("/")[0]
    return (
        len(prefix) < 256
        and ("." in host or ":" in host or host == "localhost")
        and _MIRROR.fullmatch(prefix) is not None
    )


def mirrored(images: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Images with Docker Hub replaced; the digests stay, so that a mirror cannot serve anything else."""
    return {
        name: f"{prefix.rstrip('/')}/{reference.removeprefix(_HUB)}"
        if reference.startswith(_HUB)
        else reference
        for name, reference in images.items()
    }
