"""Overview: number, success, duration and cost of builds, and how complete the numbers are."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import RUNS_VARIABLES, Panel, bars, dashboard, lines, number, rows
from dashboards.queries import BY_ROW, DECIDED, RATE, increase, log_coverage, quantile, ratio, select

__all__ = ["overview"]


def overview() -> Dashboard:
    """The dashboard."""
    return dashboard("overview", "Overview", "Builds of all pipelines.", RUNS_VARIABLES, {
        "Completeness of the numbers": trust(),
        "Builds": builds(),
        "By pipeline": [by_pipeline()],
    })  # fmt: skip


def trust() -> list[Panel]:
    """The banner."""
    return [
        number("Log coverage", "Share of logs that were read completely. Cache numbers come from these logs only.",
               log_coverage(), "percentunit", good=0.9, width=6),
        number("Observations lost", "Runs and pods whose end the exporter did not see, or could not measure. No other number counts them.",
               increase("hookline_observations_lost_total"), bad=1, width=6),
        number("Data age", "Time since the API server last sent anything.", f"max({select('hookline_watch_age_seconds')})", "s", bad=600, width=6),
        number("Counting since", "Runs that ended earlier are not counted.",
               f"min({select('hookline_counting_since_timestamp_seconds')}) * 1000", "dateTimeFromNow", width=6),
    ]  # fmt: skip


def builds() -> list[Panel]:
    """Counts, times and money."""
    total = increase("hookline_runs_total", outcome=DECIDED)
    spot_list = increase("hookline_compute_list_cost_total", capacity="spot")
    spot_cost = increase("hookline_compute_cost_total", capacity="spot")
    return [
        number("Runs", "Finished runs, including cancelled ones.", increase("hookline_runs_total")),
        number("Green", "Share of runs that succeeded, without cancelled and skipped runs.",
               ratio(increase("hookline_runs_total", outcome="success"), total), "percentunit", good=0.8),
        number("Broken by the infrastructure", "Share of runs with the outcome error: lost pods, images that could not be pulled, broken caches. Failed code is not included.",
               ratio(increase("hookline_runs_total", outcome="error"), total), "percentunit", bad=0.05),
        number("Median duration", "Median time from the start of a run to its end.", quantile(0.5, "hookline_run_duration_seconds"), "s"),
        number("Cost", "Estimated cost, in the currency of the price list. Pods without a known price are left out.", increase("hookline_compute_cost_total")),
        number("Saved by spot", "List price of spot pods minus their cost. No data without a price for spot.", f"{spot_list} - {spot_cost}"),
        bars("Runs by outcome", "failure: the code failed. error: the infrastructure failed.",
             [(increase("hookline_runs_total", RATE, "outcome"), "{{outcome}}")]),
        bars("Runs by event", "Kind of the event that started the run.", [(increase("hookline_runs_total", RATE, "event"), "{{event}}")]),
        lines("Duration", "Time from the start of a run to its end.", [(quantile(share, "hookline_run_duration_seconds", RATE), name) for share, name in ((0.5, "p50"), (0.9, "p90"))], "s"),
        lines("Cache hit rates", "Hit rate of each cache. The caches hold different things, so do not add up their rates. A cache that is not in use has no line.",
              [(ratio(increase("hookline_cache_hits_total", RATE, "cache"), increase("hookline_cache_requests_total", RATE, "cache")), "{{cache}}")],
              "percentunit", most=1),
        lines("Active runs", "pending: no step has run yet; finalizing: the exporter reads the logs.",
              [(f"sum by (state) ({select('hookline_runs_active')})", "{{state}}")], width=24),
    ]  # fmt: skip


def by_pipeline() -> Panel:
    """The table."""
    total = increase("hookline_runs_total", by=BY_ROW, outcome=DECIDED)
    requests = increase("hookline_cache_requests_total", by=BY_ROW, cache="image_layer")
    return rows("Pipelines", "Numbers over the chosen time. The name of a pipeline links to its runs.", {
        "runs": increase("hookline_runs_total", by=BY_ROW),
        "green": ratio(increase("hookline_runs_total", by=BY_ROW, outcome="success"), total),
        "infrastructure": ratio(increase("hookline_runs_total", by=BY_ROW, outcome="error"), total),
        "p90 duration": quantile(0.9, "hookline_run_duration_seconds", by=BY_ROW),
        "image cache": ratio(increase("hookline_cache_hits_total", by=BY_ROW, cache="image_layer"), requests),
        "cost": increase("hookline_compute_cost_total", by=BY_ROW),
        "last success": f"max by ({BY_ROW}) ({select('hookline_last_success_timestamp_seconds')}) * 1000",
    }, {"green": "percentunit", "infrastructure": "percentunit", "p90 duration": "s", "image cache": "percentunit",
                    "cost": "short", "last success": "dateTimeFromNow"})  # fmt: skip
