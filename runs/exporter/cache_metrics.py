"""Metrics of caches, by what the log of a step says; and of memoized nodes, by what the Workflow says.

Their series begin with the first log that says something: before it nobody knows whether a pipeline has that cache.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from runs.exporter.family import (
    CACHE_STATES,
    CACHES,
    GO_MODULE_STATES,
    PIPELINE,
    Declarations,
    PipelineLabels,
    Points,
)
from runs.step_logs import StepLog

__all__ = ["CACHE_USE", "LOGS", "CacheUse", "MeasuredLog", "use_of"]

TRANSFER_BUCKETS = (1.0, 5.0, 15.0, 60.0)


@dataclass(frozen=True, slots=True)
class CacheUse:
    """Use of caches, and their hits."""

    pipeline: PipelineLabels
    hits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Cache → hits, requests."""
    configured: Mapping[str, bool] = field(default_factory=dict)
    """Cache → whether it was seen in use; one of which nothing is known is absent."""
    state: str = ""
    """State of the step's own cache."""


@dataclass(frozen=True, slots=True)
class MeasuredLog:
    """Findings of a step's log."""

    pipeline: PipelineLabels
    log: StepLog


CACHE_USE = Declarations[CacheUse]()
LOGS = Declarations[MeasuredLog]()


def use_of(pipeline: PipelineLabels, log: StepLog | None) -> CacheUse:
    """Findings of a log about caches."""
    hits: dict[str, tuple[int, int]] = {}
    configured: dict[str, bool] = {}
    state = ""
    if log is not None and (build := log.image_build) is not None:
        state = build.cache_state
        if state not in {"unknown", "failed", "no_steps"}:
            configured["image_layer"] = state != "not_configured"
        if build.counted:
            hits["image_layer"] = (build.hits, build.steps)
    if log is not None and (test := log.go_test) is not None:
        state = test.cache_state
        if test.counted:
            configured["go_module"] = True
            if test.needed is not None:
                hits["go_module"] = (test.needed - min(test.downloaded, test.needed), test.needed)
            asked = sum(test.packages.get(each, 0) for each in ("cached", "ran", "failed"))
            cached = test.packages.get("cached", 0)
            if asked:
                # Some printers (gotestsum's dots) tell nothing of packages.
                configured["go_test"] = cached > 0
                hits["go_test"] = (cached, asked)
    if log is not None and (checkout := log.checkout) is not None:
        state = checkout.state
        if checkout.counted:
            configured["git_checkout"] = True
            hits["git_checkout"] = (int(state in {"noop", "update"}), 1)
    return CacheUse(pipeline, hits, configured, state)


@CACHE_USE(
    "hookline_cache_requests_total",
    "counter",
    (*PIPELINE, "cache"),
    "Requests to a cache in use: image layers, Go modules, test packages, checkouts, memoized nodes. "
    "Only complete logs of successful steps count.",
    values={"cache": CACHES},
)
def cache_requests(use: CacheUse) -> Points:
    return (((*use.pipeline, cache), requests) for cache, (_, requests) in use.hits.items())


@CACHE_USE(
    "hookline_cache_hits_total",
    "counter",
    (*PIPELINE, "cache"),
    "Requests that the cache could serve. The hit rate is hits / requests, for each cache.",
    values={"cache": CACHES},
)
def cache_hits(use: CacheUse) -> Points:
    return (((*use.pipeline, cache), hits) for cache, (hits, _) in use.hits.items())


@CACHE_USE(
    "hookline_cache_configured",
    "gauge",
    (*PIPELINE, "cache"),
    "1 after the cache was first seen in use. While 0, there is no hit rate.",
    values={"cache": CACHES},
)
def cache_configured(use: CacheUse) -> Points:
    return (((*use.pipeline, cache), float(used)) for cache, used in use.configured.items())


@LOGS(
    "hookline_image_builds_total",
    "counter",
    (*PIPELINE, "cache_state"),
    "Image builds by the state of their layer cache.",
    values={"cache_state": CACHE_STATES},
    zero="cache_state",
)
def image_builds(each: MeasuredLog) -> Points:
    if each.log.image_build is not None:
        yield (*each.pipeline, each.log.image_build.cache_state), 1


@LOGS(
    "hookline_image_cache_import_seconds",
    "histogram",
    PIPELINE,
    "Time that an image build took to import its cache manifest.",
    buckets=TRANSFER_BUCKETS,
)
def image_cache_import(each: MeasuredLog) -> Points:
    build = each.log.image_build
    if build is not None and build.import_seconds is not None:
        yield each.pipeline, build.import_seconds


@LOGS(
    "hookline_image_cache_export_seconds",
    "histogram",
    PIPELINE,
    "Time that an image build took to export its cache.",
    buckets=TRANSFER_BUCKETS,
)
def image_cache_export(each: MeasuredLog) -> Points:
    build = each.log.image_build
    if build is not None and build.export_seconds is not None:
        yield each.pipeline, build.export_seconds


@LOGS(
    "hookline_image_cache_pulled_bytes_total",
    "counter",
    PIPELINE,
    "Bytes of cached layers that image builds pulled.",
)
def image_cache_pulled(each: MeasuredLog) -> Points:
    if each.log.image_build is not None:
        yield each.pipeline, each.log.image_build.pulled_bytes


@LOGS(
    "hookline_go_module_cache_runs_total",
    "counter",
    (*PIPELINE, "cache_state"),
    "Test steps by the state of the Go module cache. missed: modules were downloaded, and the template does not report how "
    "many were needed.",
    values={"cache_state": GO_MODULE_STATES},
    zero="cache_state",
)
def go_module_runs(each: MeasuredLog) -> Points:
    if each.log.go_test is not None:
        yield (*each.pipeline, each.log.go_test.cache_state), 1
