"""Caches: whether each is in use, how often it hits, why a build was cold, and what the cache costs."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import RUNS_VARIABLES, Panel, bars, dashboard, lines, number
from dashboards.queries import (
    BY_PIPELINE,
    PIPELINE_LEGEND,
    RATE,
    increase,
    log_coverage,
    quantile,
    ratio,
    select,
)
from runs.exporter.metrics import CACHES

__all__ = ["caches"]

ABOUT = {
    "image_layer": "Layers of image builds, without those of FROM.",
    "go_module": "Share of the needed modules that were in the cache. Known only if the template reports the needed modules.",
    "go_test": "Share of packages with tests whose result came from the cache. Stock ci-go-v1 keeps no such cache.",
    "git_checkout": "Share of checkouts that found the repository.",
    "memoization": "Memoized nodes of Workflows.",
}


def caches() -> Dashboard:
    """The dashboard."""
    return dashboard("caches", "Caches", "Hit rate of each cache, and why a build was cold.", RUNS_VARIABLES, {
        "In use, and how often it hits": rates(), "Image builds": images(), "Modules and logs": others(),
    })  # fmt: skip


def rates() -> list[Panel]:
    """A state and a rate for each cache."""
    in_use = [
        number(cache, f"Whether the cache was seen in use. {ABOUT[cache]}", f"max({select('hookline_cache_configured', cache=cache)})",
               words={"0": "not in use", "1": "in use"}, width=4) for cache in CACHES
    ]  # fmt: skip
    return [
        *in_use,
        coverage(4),
        *(lines(f"Hit rate: {cache}", f"{ABOUT[cache]} Hits / requests, from complete logs of successful steps.",
                [(rate_of(cache), PIPELINE_LEGEND)], "percentunit", most=1, width=8) for cache in CACHES),
        lines("Log coverage by step", "Share of logs that were read completely. The rates come from these logs.",
              [(log_coverage(RATE, "step"), "{{step}}")],
              "percentunit", most=1, width=8),
    ]  # fmt: skip


def coverage(width: int) -> Panel:
    """Panel of the share of complete logs, from which the rates come."""
    return number("Log coverage", "Share of logs that were read completely.",
                  log_coverage(),
                  "percentunit", good=0.9, width=width)  # fmt: skip


def rate_of(cache: str) -> str:
    """Hits of requests, by pipeline."""
    return ratio(
        increase("hookline_cache_hits_total", RATE, BY_PIPELINE, cache=cache),
        increase("hookline_cache_requests_total", RATE, BY_PIPELINE, cache=cache),
    )


def images() -> list[Panel]:
    """Panels of the state of image caches, and of their cost."""
    return [
        bars("Builds by state of the cache", "full: all steps came from the cache; cold_missing: there was no cache; cold_error: the cache could not be read; broken: it was damaged.",
             [(increase("hookline_image_builds_total", RATE, "cache_state"), "{{cache_state}}")], width=24),
        *(lines(f"Time of the {way}, p90", f"Time of the {way} of the cache in a build.",
                [(quantile(0.9, f"hookline_image_cache_{way}_seconds", RATE, BY_PIPELINE), PIPELINE_LEGEND)], "s", width=8) for way in ("import", "export")),
        lines("Pulled from the cache", "Bytes of cached layers that builds pulled.", [(increase("hookline_image_cache_pulled_bytes_total", RATE, BY_PIPELINE), PIPELINE_LEGEND)],
              "bytes", width=8),
    ]  # fmt: skip


def others() -> list[Panel]:
    """Go modules, and logs."""
    return [
        bars("Test steps by state of the module cache", "missed: modules were downloaded, and the template does not say how many were needed.",
             [(increase("hookline_go_module_cache_runs_total", RATE, "cache_state"), "{{cache_state}}")]),
        bars("Logs by result", "gone: the pod was deleted before its log was read.",
             [(increase("hookline_log_reads_total", RATE, "result"), "{{result}}")]),
    ]  # fmt: skip
