"""Pipeline: what one pipeline, or some, spend their time on."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import RUNS_VARIABLES, Panel, bars, dashboard, lines, number
from dashboards.queries import RATE, increase, quantile, ratio, select

__all__ = ["pipeline"]

QUANTILES = ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))


def pipeline() -> Dashboard:
    """The dashboard."""
    return dashboard("pipeline", "Pipeline", "Runs, steps and waiting times of the chosen pipelines.", RUNS_VARIABLES, {
        "Runs": runs(), "Steps": steps(), "From the event to the first running step": latency(),
    })  # fmt: skip


def runs() -> list[Panel]:
    """Runs."""
    duration = "hookline_run_duration_seconds"
    return [
        number("Runs", "Finished runs.", increase("hookline_runs_total"), width=6),
        number("Last success", "Time since the last success. With several pipelines, the longest.",
               f"min({select('hookline_last_success_timestamp_seconds')}) * 1000", "dateTimeFromNow", width=6),
        number("Mean duration", "Mean time from the start of a run to its end.",
               ratio(increase(f"{duration}_sum"), increase(f"{duration}_count")), "s", width=6),
        number("Overhead", "Share of the runs' time in which none of their pods existed: queues, locks, gaps between steps.",
               ratio(increase("hookline_run_overhead_seconds_total"), increase(f"{duration}_sum")), "percentunit", bad=0.3, width=6),
        bars("Runs by outcome", "failure: the code failed. error: the infrastructure failed.",
             [(increase("hookline_runs_total", RATE, "outcome"), "{{outcome}}")]),
        lines("Duration", "Time from the start of a run to its end.", [(quantile(share, duration, RATE), name) for share, name in QUANTILES], "s"),
    ]  # fmt: skip


def steps() -> list[Panel]:
    """Steps."""
    attempts = "hookline_step_attempts_total"
    return [
        *(lines(f"Step duration, {name}", "Time that the main container ran. Attempts lost to the infrastructure are left out.",
                [(quantile(share, "hookline_step_duration_seconds", RATE, "step"), "{{step}}")], "s", width=8) for share, name in QUANTILES),
        lines("Pending, p90", "Time from the creation of a step's pod to the start of its main container, over all pipelines of the chosen namespaces and owners.",
              [(quantile(0.9, "hookline_step_pending_seconds", RATE, "step, capacity"), "{{step}}, {{capacity}}")], "s", width=8),
        bars("Attempts by outcome", "Ended pods of steps. A retried step has several.", [(increase(attempts, RATE, "outcome"), "{{outcome}}")], width=8),
        bars("Attempts that failed", "Ended pods of steps without success, by step and outcome.",
             [(increase(attempts, RATE, "step, outcome", outcome="!success"), "{{step}}: {{outcome}}")], width=8),
    ]  # fmt: skip


def latency() -> list[Panel]:
    """Hops."""
    hop = "hookline_event_latency_seconds"
    return [
        *(lines(f"{name} by hop", "Time of each hop, over all pipelines of the chosen namespaces and owners. sensor: from the event to the Workflow; workflow: to its first pod; pod: to a node; container: to the main container.",
                [(quantile(share, hop, RATE, "hop"), "{{hop}}")], "s", width=8) for share, name in QUANTILES[:2]),
        bars("Clock skew", "Hops that ended before they began, because two clocks differ. The histogram holds them as 0 s.",
             [(increase("hookline_clock_skew_total", RATE, "hop"), "{{hop}}")], width=8),
    ]  # fmt: skip
