"""Results of the parsers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Checkout", "FailedTest", "GoTest", "ImageBuild", "LogEnd", "Place", "StepLog"]


@dataclass(frozen=True, slots=True)
class ImageBuild:
    """An image build with BuildKit."""

    cache_state: str
    """One of metrics.CACHE_STATES."""
    steps: int
    """Distinct steps, without FROM."""
    hits: int
    """Steps that did not have to run."""
    counted: bool
    """Whether hits and steps are samples: the build succeeded, its log is complete, and its cache is the registry's."""
    local: bool
    """Whether layers came from a local store; not possible in a pod whose daemon is its own."""
    import_seconds: float | None
    export_seconds: float | None
    export: Literal["ok", "error", "none"]
    pulled_bytes: int
    """Size of the cached layers that were pulled, each once."""
    exported_layers: int
    infrastructure: bool
    """Whether the registry, the cache, the network or the daemon made it fail, and not the Dockerfile."""


@dataclass(frozen=True, slots=True)
class GoTest:
    """A run of go test."""

    cache_state: Literal["cold", "partial", "full", "missed", "unknown"]
    downloaded: int
    """Distinct modules that it began to download."""
    needed: int | None
    packages: Mapping[str, int]
    """cached, ran, failed, build_failed, no_tests → packages."""
    counted: bool


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout on the shared volume."""

    state: Literal["clone", "noop", "update", "broken", "unreachable", "unknown"]
    commit: str
    """The abbreviated commit that was checked out; empty if it did not come so far."""
    counted: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A line of code that a test, or the compiler, named."""

    file: str
    """As the log has it: relative to its package, or absolute; empty where only the text is known."""
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A test that failed, or a package without the name of a test: it does not build, or ended early."""

    package: str
    name: str
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The end of a red step's log, for people. Every text is bounded, and prints."""

    lines: tuple[str, ...] = ()
    """The last lines; none where the end of the log was not read."""
    failed: tuple[FailedTest, ...] = ()
    more: int = 0
    """Number of further tests that failed."""
    cut: bool = False
    """Whether the log is longer than what was read of it: tests may be missing."""


@dataclass(frozen=True, slots=True)
class StepLog:
    """Findings of a log; only the part of its step is set."""

    completeness: Literal["complete", "truncated"]
    image_build: ImageBuild | None = None
    go_test: GoTest | None = None
    checkout: Checkout | None = None
    end: LogEnd | None = None
    """Of a step that failed, where it is wanted."""
