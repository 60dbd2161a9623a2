"""Caches: whether each is in use, how often it hits, why a build was cold, and what the cache costs."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import Panel, bars, dashboard, lines, number
from dashboards.queries import RATE, increase, log_coverage, quantile, ratio, select
from runs.exporter.metrics import CACHES

__all__ = ["caches"]

ABOUT = {
    "image_layer": "Layers of image builds, FROM left out.",
    "go_module": "Modules that were there, of those that were needed; known only where the template reports the needed ones.",
    "go_test": "Packages with a cached result, of those with tests. The stock ci-go-v1 keeps no such cache.",
    "git_checkout": "Checkouts that found the repository, of all.",
    "memoization": "Memoized nodes of Workflows.",
}


def caches() -> Dashboard:
    """The dashboard."""
    return dashboard("caches", "Caches", "Hit rates cache by cache, and why a build was cold.", ("job", "pipeline"), {
        "In use, and how often it hits": rates(), "Image builds": images(), "Modules and logs": others(),
    })  # fmt: skip


def rates() -> list[Panel]:
    """A state and a rate for each cache."""
    in_use = [
        number(cache, f"Whether it was seen in use. {ABOUT[cache]}", f"max({select('hookline_cache_configured', cache=cache)})",
               words={"0": "not in use", "1": "in use"}, width=4) for cache in CACHES
    ]  # fmt: skip
    return [
        *in_use,
        coverage(4),
        *(lines(f"Hit rate: {cache}", f"{ABOUT[cache]} Hits / requests, of complete logs of successful steps.",
                [(rate_of(cache), "{{pipeline}}")], "percentunit", most=1, width=8) for cache in CACHES),
        lines("Log coverage by step", "Logs that were read completely, of all: what the rates rest on.",
              [(log_coverage(RATE, "step"), "{{step}}")],
              "percentunit", most=1, width=8),
    ]  # fmt: skip


def coverage(width: int) -> Panel:
    """What the rates rest on."""
    return number("Log coverage", "Logs that were read completely, of all.",
                  log_coverage(),
                  "percentunit", good=0.9, width=width)  # fmt: skip


def rate_of(cache: str) -> str:
    """Hits of requests, by pipeline."""
    return ratio(
        increase("hookline_cache_hits_total", RATE, "pipeline", cache=cache),
        increase("hookline_cache_requests_total", RATE, "pipeline", cache=cache),
    )


def images() -> list[Panel]:
    """Why builds were cold, and what the cache cost."""
    return [
        bars("Builds by state of the cache", "full: all from the cache; cold_missing: there was none; cold_error: it could not be read; broken: it was damaged.",
             [(increase("hookline_image_builds_total", RATE, "cache_state"), "{{cache_state}}")], width=24),
        *(lines(f"Time of the {way}, p90", f"The {way} of the cache, a build.",
                [(quantile(0.9, f"hookline_image_cache_{way}_seconds", RATE, "pipeline"), "{{pipeline}}")], "s", width=8) for way in ("import", "export")),
        lines("Pulled from the cache", "Bytes of cached layers.", [(increase("hookline_image_cache_pulled_bytes_total", RATE, "pipeline"), "{{pipeline}}")],
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
