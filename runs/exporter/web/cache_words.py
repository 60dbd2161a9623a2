"""The words of pages about caches: the same in every place, and `not known` where no log told the state."""

from collections.abc import Callable, Mapping, Sequence

from runs.exporter.family import CACHES
from runs.history import Attempt, Run

__all__ = ["CacheLine", "cache_lines", "state_words"]

_STATES: Mapping[str, str] = {
    # Image layers (and modules, which are full or partial too)
    "full": "full",
    "partial": "partly filled",
    "cold_missing": "empty: there was nothing to import",
    "cold_error": "not used: the import failed",
    "cold_unusable": "no use: no step came from it",
    "not_configured": "not in use",
    "no_steps": "not needed: the Dockerfile has no steps",
    "broken": "broken: a layer is missing",
    "failed": "not known: the build failed",
    "unknown": "not known",
    # Go modules
    "cold": "empty",
    "missed": "not full: modules were downloaded",
    # Checkouts
    "clone": "empty: cloned",
    "noop": "full",
    "update": "updated",
    "unreachable": "not known: the host did not answer",
}
_STEP_OF = {"image_layer": "build-push-image", "go_module": "run-test", "git_checkout": "git-checkout-pr"}
"""Cache → the step whose log tells its state."""
CacheLine = tuple[str, tuple[int, int] | None, str]
"""Cache, hits and requests where there is a rate, words."""


def state_words(state: str) -> str:
    """The words for a state of a cache; `not known` where there is none."""
    return _STATES.get(state, "not known")


def cache_lines(run: Run) -> Sequence[CacheLine]:
    """One line for each cache of a run that has ended."""
    return [(name, run.caches.get(name), _words(name, run)) for name in CACHES]


def _words(cache: str, run: Run) -> str:
    if cache in run.caches:
        hits, requests = run.caches[cache]
        return f"{hits} of {requests}"
    if cache == "go_test":
        tried = _last(run, lambda each: cache in each.caches)
        # A directory that is not kept looks the same as one in which every package has changed.
        return "not known" if tried is None else f"no hit in {tried.caches[cache][1]} packages"
    if cache == "memoization":
        return "no lookup was seen"
    told = _last(run, lambda each: each.step == _STEP_OF[cache] and bool(each.cache_state))
    if told is not None:
        return state_words(told.cache_state)
    return state_words(run.cache_state if cache == "image_layer" else "")


def _last(run: Run, fits: Callable[[Attempt], bool]) -> Attempt | None:
    return next((each for each in reversed(run.attempts) if fits(each)), None)
