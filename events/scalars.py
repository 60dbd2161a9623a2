"""Typed scalars about events: names of sources, repositories, branches, endpoints, images.

Each checker takes the value as written and returns what the program works with, or raises ValueError with one
sentence: what is wrong, and what would be accepted.
"""

import re

from documents.scalars import fullmatch

__all__ = [
    "check_branch",
    "check_endpoint",
    "check_image",
    "check_image_name",
    "check_repository_name",
    "check_source_name",
    "check_url",
    "is_placeholder",
]


_NO_DOTS = r"(?!\.{1,2}(?:/|\Z))"
"""Begins a part of a path that is neither . nor .., which programs take for another place."""


def check_source_name(value: str) -> str:
    """The name of a source: part of the names of its EventSource, Service and triggers."""
    return fullmatch(
        r"[a-z](?:[a-z0-9-]{0,22}[a-z0-9])?",
        value,
        "expected a short name: a lower-case letter, then letters, digits and -, at most 24 characters",
    )


def check_repository_name(value: str) -> str:
    """owner/name; GitLab's subgroups have more parts."""
    return fullmatch(
        rf"{_NO_DOTS}[A-Za-z0-9._-]+(?:/{_NO_DOTS}(?!\.git(?:/|\Z))[A-Za-z0-9._-]+)+",
        value,
        "expected owner/name as the host spells it, such as acme/shop (no URL, no .git, no part . or ..)",
    )


def check_branch(value: str) -> str:
    """A bare branch name; whether the template takes it is another question (docs/security.md)."""
    if value.startswith("refs/"):
        raise ValueError("expected a bare branch name, such as main, not a full ref")
    if not value or any(each.isspace() or not each.isprintable() for each in value):
        raise ValueError(
            "expected a branch name without spaces and control characters, such as main or release/1.2"
        )
    return value


def check_endpoint(value: str) -> str:
    """A URL path for a webhook, or a placeholder of one."""
    if is_placeholder(value):
        return value
    if "${" in value:
        raise ValueError(
            "a placeholder stands for the whole path, such as ${ACR_ENDPOINT}: capital letters, digits and _; its value begins with /"
        )
    return fullmatch(
        rf"(?:/{_NO_DOTS}[A-Za-z0-9._~-]+)+",
        value,
        "expected a path such as /github: parts of letters, digits and . _ ~ -, none of them . or .., no trailing slash, no query",
    )


_PLACEHOLDER = re.compile(r"\$\{[A-Z_][A-Z0-9_]{0,62}\}")


def is_placeholder(endpoint: str) -> bool:
    """Whether an endpoint is left to whoever applies the objects: ${NAME} in place of the whole path.

    Unfilled it has no slash at its start: the controller of Argo Events takes it, and serves nothing (tests/cluster/test_printed_objects.py).
    """
    return _PLACEHOLDER.fullmatch(endpoint) is not None


def check_image_name(value: str) -> str:
    """namespace/name as a registry reports it: no registry, no tag, no digest."""
    if "@" in value or ":" in value.rsplit("/", 1)[-1]:
        raise ValueError("expected an image without tag or digest; choose tags under tags:")
    first, _, rest = value.partition("/")
    if rest and ("." in first or ":" in first or first == "localhost"):
        raise ValueError(f'leave out the registry: registries report "{rest}"')
    return fullmatch(
        r"[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*(?:/[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*)*",
        value,
        "expected an image as the registry reports it, such as acme/go-base",
    )


_URL = re.compile(
    r"https://(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?)/(?P<path>[A-Za-z0-9._~/-]+)"
    r"|ssh://(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?/[A-Za-z0-9._~/-]+"
    r"|[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9._~/-]+"
)


def check_url(value: str) -> str:
    """A clone URL, without user and over a connection that nobody on the way can change."""
    if re.match(r"https?://[^/]*@", value):
        raise ValueError(
            "a URL with a user or a token is refused, because every Workflow and .git/config on the cache volume would keep it"
        )
    if value.startswith("http://"):
        raise ValueError(
            "plain http:// is refused, because anybody on the network path could change the code; use https://"
        )
    path = value.partition("://")[2] or value
    if not _URL.fullmatch(value) or "//" in path or {".", ".."} & set(re.split("[/:]", path)):
        raise ValueError(
            "expected a clone URL such as https://github.com/acme/shop.git, without //, . and .. in its path"
        )
    return value


_IMAGE = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
)


def check_image(value: str) -> str:
    """The image that a run pushes: registry/namespace/name, without tag and digest."""
    if "@" in value:
        raise ValueError("expected an image without digest, because the run makes the digest")
    if ":" in value.rsplit("/", 1)[-1]:
        raise ValueError("expected an image without tag, because the tag is a parameter of the template")
    if not _IMAGE.fullmatch(value) or len(value) > 255:
        raise ValueError("expected an image such as registry.example.com/acme/shop: lower case, without tag")
    return value
