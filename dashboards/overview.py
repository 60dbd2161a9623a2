"""Overview: how many builds, how green, how long, how dear, and may the numbers be trusted."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import Panel, bars, dashboard, lines, number, rows
from dashboards.queries import DECIDED, RATE, increase, log_coverage, quantile, ratio, select

__all__ = ["overview"]


def overview() -> Dashboard:
    """The dashboard."""
    return dashboard("overview", "Overview", "Builds of all pipelines.", ("job", "pipeline"), {
        "May these numbers be trusted?": trust(),
        "Builds": builds(),
        "By pipeline": [by_pipeline()],
    })  # fmt: skip


def trust() -> list[Panel]:
    """The banner."""
    return [
        number("Log coverage", "Logs that were read completely, of all that ended; cache numbers come from these alone.",
               log_coverage(), "percentunit", good=0.9, width=6),
        number("Observations lost", "Runs and pods that ended unseen: they are in no other number.",
               increase("hookline_observations_lost_total"), bad=1, width=6),
        number("Data age", "Time since the API server last said anything.", f"max({select('hookline_watch_age_seconds')})", "s", bad=600, width=6),
        number("Counting since", "Runs that ended earlier are not counted.",
               f"min({select('hookline_counting_since_timestamp_seconds')}) * 1000", "dateTimeFromNow", width=6),
    ]  # fmt: skip


def builds() -> list[Panel]:
    """Counts, times and money."""
    total = increase("hookline_runs_total", outcome=DECIDED)
    spot_list = increase("hookline_compute_list_cost_total", capacity="spot")
    spot_cost = increase("hookline_compute_cost_total", capacity="spot")
    return [
        number("Runs", "Finished runs, cancelled ones included.", increase("hookline_runs_total")),
        number("Green", "Successes of runs that were neither cancelled nor skipped.",
               ratio(increase("hookline_runs_total", outcome="success"), total), "percentunit", good=0.8),
        number("Broken by the infrastructure", "Errors: lost pods, images that could not be pulled, broken caches. Red code is not in it.",
               ratio(increase("hookline_runs_total", outcome="error"), total), "percentunit", bad=0.05),
        number("Median duration", "From the start of a run to its end.", quantile(0.5, "hookline_run_duration_seconds"), "s"),
        number("Cost", "Estimate, in the currency of the price list; pods without a known price are left out.", increase("hookline_compute_cost_total")),
        number("Saved by spot", "List price of spot pods less their cost; nothing without a spot price.", f"{spot_list} - {spot_cost}"),
        bars("Runs by outcome", "failure: the code is red. error: the infrastructure failed.",
             [(increase("hookline_runs_total", RATE, "outcome"), "{{outcome}}")]),
        bars("Runs by event", "What started them.", [(increase("hookline_runs_total", RATE, "event"), "{{event}}")]),
        lines("Duration", "Of runs.", [(quantile(share, "hookline_run_duration_seconds", RATE), name) for share, name in ((0.5, "p50"), (0.9, "p90"))], "s"),
        lines("Cache hit rates", "Each cache for itself: they are different things, and not to be added up. A cache that is not in use has no line.",
              [(ratio(increase("hookline_cache_hits_total", RATE, "cache"), increase("hookline_cache_requests_total", RATE, "cache")), "{{cache}}")],
              "percentunit", most=1),
        lines("Runs that go on", "pending: no step has run yet; finalizing: logs are being read.",
              [(f"sum by (state) ({select('hookline_runs_active')})", "{{state}}")], width=24),
    ]  # fmt: skip


def by_pipeline() -> Panel:
    """The table."""
    total = increase("hookline_runs_total", by="pipeline", outcome=DECIDED)
    requests = increase("hookline_cache_requests_total", by="pipeline", cache="image_layer")
    return rows("Pipelines", "Over the chosen time. The name leads to the runs.", {
        "runs": increase("hookline_runs_total", by="pipeline"),
        "green": ratio(increase("hookline_runs_total", by="pipeline", outcome="success"), total),
        "infrastructure": ratio(increase("hookline_runs_total", by="pipeline", outcome="error"), total),
        "p90 duration": quantile(0.9, "hookline_run_duration_seconds", by="pipeline"),
        "image cache": ratio(increase("hookline_cache_hits_total", by="pipeline", cache="image_layer"), requests),
        "cost": increase("hookline_compute_cost_total", by="pipeline"),
        "last success": f"max by (pipeline) ({select('hookline_last_success_timestamp_seconds')}) * 1000",
    }, "pipeline", {"green": "percentunit", "infrastructure": "percentunit", "p90 duration": "s", "image cache": "percentunit",
                    "cost": "short", "last success": "dateTimeFromNow"})  # fmt: skip
