"""Every metric family, declared once: exposition, ledger, forecast, docs and dashboards are made from these.

Names, types and labels of stable families change only with a major version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "CACHES",
    "CACHE_STATES",
    "CAPACITIES",
    "EVENTS",
    "FAMILIES",
    "GO_MODULE_STATES",
    "HOPS",
    "OTHER",
    "OUTCOMES",
    "PLATFORMS",
    "RUN_STATES",
    "STEPS",
    "Family",
]

Type = Literal["counter", "gauge", "histogram"]
Stability = Literal["stable", "experimental"]
Closed = dict[str, tuple[str, ...]]

OTHER = "other"
"""What a label value becomes that is on no list, or one too many."""
STEPS = ("git-checkout-pr", "run-test", "build-push-image")
"""Steps of ci-go-v1."""
OUTCOMES = ("success", "failure", "error", "timeout", "cancellation", "skip")
"""OpenTelemetry's six results of a pipeline run (semantic conventions, attribute `cicd.pipeline.result`)."""
RUN_STATES = ("pending", "executing", "finalizing")
"""OpenTelemetry's three states of a run (attribute `cicd.pipeline.run.state`)."""
EVENTS = ("push", "tag", "pull_request", "image_push", "schedule", "manual")
HOPS = ("bus", "sensor", "workflow", "pod", "container")
CAPACITIES = ("spot", "on_demand")
PLATFORMS = ("eci", "acs", "node")
CACHES = ("image_layer", "go_module", "go_test", "git_checkout", "memoization")
CACHE_STATES = (
    "full",
    "partial",
    "cold_missing",
    "cold_error",
    "cold_unusable",
    "not_configured",
    "no_steps",
    "broken",
    "failed",
    "unknown",
)
"""Why an image build was warm or cold; exactly one for each build."""
GO_MODULE_STATES = ("cold", "partial", "full", "missed", "unknown")

RUN_BUCKETS = (30.0, 60.0, 120.0, 180.0, 300.0, 450.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0)
STEP_BUCKETS = (10.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1200.0)
"""1200 s is a boundary: the deadline of each step of ci-go-v1."""
LATENCY_BUCKETS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
TRANSFER_BUCKETS = (1.0, 5.0, 15.0, 60.0)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family."""

    name: str
    """The full name; a counter's ends in `_total`."""
    help: str
    type: Type
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, ascending, without +Inf."""
    stability: Stability = "stable"
    kept: bool = True
    """Whether the ledger keeps it over restarts; what is not kept is asked for at each scrape."""
    values: Mapping[str, tuple[str, ...]] | None = None
    """Closed sets of label values, for forecasts and docs."""
    zero: str = ""
    """A label: the first series of a counter brings one at 0 for each of its values, so that the first failure is an
    increase (robustperception.io, existential issues with metrics)."""


_EVENT: Closed = {"event": (*EVENTS, OTHER)}
_OUTCOME: Closed = {"outcome": OUTCOMES}
_STEP: Closed = {"step": (*STEPS, OTHER)}
_CAPACITY: Closed = {"capacity": CAPACITIES}
_CACHE: Closed = {"cache": CACHES}

_DECLARED = (
    Family(
        "hookline_run_duration_seconds",
        "Time from the start of a run to its end, waiting for locks and pods included.",
        "histogram",
        ("pipeline",),
        RUN_BUCKETS,
    ),
    Family(
        "hookline_runs_total",
        "Finished runs. failure: the code is red; error: the infrastructure failed; see the page on outcomes.",
        "counter",
        ("pipeline", "event", "outcome"),
        values=_EVENT | _OUTCOME,
        zero="outcome",
    ),
    Family(
        "hookline_runs_active",
        "Runs that are not counted yet. pending: no step has run yet; finalizing: it has ended, its logs are being read.",
        "gauge",
        ("pipeline", "state"),
        kept=False,
        values={"state": RUN_STATES},
    ),
    Family(
        "hookline_step_duration_seconds",
        "Time that the main container of a step ran, by its own start and end; attempts that were lost to the "
        "infrastructure are left out.",
        "histogram",
        ("pipeline", "step"),
        STEP_BUCKETS,
        values=_STEP,
    ),
    Family(
        "hookline_step_pending_seconds",
        "Time from the creation of a step's pod to the start of its main container.",
        "histogram",
        ("step", "capacity"),
        LATENCY_BUCKETS,
        values=_STEP | _CAPACITY,
    ),
    Family(
        "hookline_step_attempts_total",
        "Ended pods of steps; a retried step has several.",
        "counter",
        ("pipeline", "step", "outcome", "capacity"),
        values=_STEP | {"outcome": OUTCOMES[:-1]} | _CAPACITY,
        zero="outcome",
    ),
    Family(
        "hookline_event_latency_seconds",
        "From the event to the first running step, hop by hop: bus (event to the Sensor's action, where the Sensor "
        "stamps it), sensor (to the Workflow object), workflow (to its first pod), pod (to a node), container (to the "
        "main container).",
        "histogram",
        ("hop",),
        LATENCY_BUCKETS,
        values={"hop": HOPS},
    ),
    Family(
        "hookline_clock_skew_total",
        "Hops that ended before they began, since two clocks measured them; the histogram holds them as 0 s.",
        "counter",
        ("hop",),
        values={"hop": HOPS},
    ),
    Family(
        "hookline_run_overhead_seconds_total",
        "Time of finished runs in which none of their pods existed: queues, locks, and gaps between steps.",
        "counter",
        ("pipeline",),
    ),
    Family(
        "hookline_last_success_timestamp_seconds",
        "When the newest successful run ended.",
        "gauge",
        ("pipeline",),
    ),
    Family(
        "hookline_schedule_last_timestamp_seconds",
        "The newest fire time for which a scheduled run exists.",
        "gauge",
        ("pipeline",),
    ),
    Family(
        "hookline_schedule_next_timestamp_seconds",
        "The coming fire time of a schedule, by the declaration given with --file.",
        "gauge",
        ("pipeline",),
        kept=False,
    ),
    Family(
        "hookline_cache_requests_total",
        "What a cache in use was asked for: image layers, Go modules, test packages, checkouts, memoized nodes. "
        "Only complete logs of successful steps count.",
        "counter",
        ("pipeline", "cache"),
        values=_CACHE,
    ),
    Family(
        "hookline_cache_hits_total",
        "What the cache had. The hit rate is hits / requests, one cache at a time.",
        "counter",
        ("pipeline", "cache"),
        values=_CACHE,
    ),
    Family(
        "hookline_cache_configured",
        "1 once the cache was seen in use, 0 while it was not: a missing rate is then no 0 %.",
        "gauge",
        ("pipeline", "cache"),
        values=_CACHE,
    ),
    Family(
        "hookline_image_builds_total",
        "Image builds by the state of their layer cache.",
        "counter",
        ("pipeline", "cache_state"),
        values={"cache_state": CACHE_STATES},
        zero="cache_state",
    ),
    Family(
        "hookline_image_cache_import_seconds",
        "Time that an image build took to import its cache manifest.",
        "histogram",
        ("pipeline",),
        TRANSFER_BUCKETS,
    ),
    Family(
        "hookline_image_cache_export_seconds",
        "Time that an image build took to export its cache.",
        "histogram",
        ("pipeline",),
        TRANSFER_BUCKETS,
    ),
    Family(
        "hookline_image_cache_pulled_bytes_total",
        "Bytes of cached layers that image builds pulled.",
        "counter",
        ("pipeline",),
    ),
    Family(
        "hookline_go_module_cache_runs_total",
        "Test steps by the state of the Go module cache. missed: modules were downloaded, and the template does not "
        "report how many were needed.",
        "counter",
        ("pipeline", "cache_state"),
        values={"cache_state": GO_MODULE_STATES},
        zero="cache_state",
    ),
    Family(
        "hookline_compute_vcpu_seconds_total",
        "vCPU seconds of ended pods, of the billed size where the platform writes it back, else of the requests.",
        "counter",
        ("pipeline", "step", "platform", "capacity"),
        values=_STEP | {"platform": PLATFORMS} | _CAPACITY,
    ),
    Family(
        "hookline_compute_memory_byte_seconds_total",
        "Memory byte seconds of ended pods, of the same size.",
        "counter",
        ("pipeline", "step", "platform", "capacity"),
        values=_STEP | {"platform": PLATFORMS} | _CAPACITY,
    ),
    Family(
        "hookline_compute_cost_total",
        "Estimated cost of ended pods. Pods without a known price (spot, unless a price file names it) are left out.",
        "counter",
        ("pipeline", "capacity", "currency"),
        values=_CAPACITY,
    ),
    Family(
        "hookline_compute_list_cost_total",
        "What the same pods would have cost on demand, by list price.",
        "counter",
        ("pipeline", "capacity", "currency"),
        values=_CAPACITY,
    ),
    Family(
        "hookline_compute_unpriced_vcpu_seconds_total",
        "vCPU seconds for which no price is known: the part that is missing in the cost.",
        "counter",
        ("pipeline", "capacity"),
        values=_CAPACITY,
    ),
    Family("hookline_spot_pods_total", "Ended pods that asked for spot capacity.", "counter", ("pipeline",)),
    Family(
        "hookline_spot_degraded_total",
        "Pods that asked for spot and ran on demand.",
        "counter",
        ("pipeline", "reason"),
        values={"reason": ("SpotDegraded",)},
    ),
    Family(
        "hookline_spot_reclaims_total",
        "Spot pods that were taken away while they worked. BidFailed: the pod stayed, failed; evicted: it was deleted.",
        "counter",
        ("pipeline", "reason"),
        values={"reason": ("BidFailed", "evicted")},
        zero="reason",
    ),
    Family(
        "hookline_spot_wasted_vcpu_seconds_total",
        "vCPU seconds of attempts that were reclaimed: work that was lost.",
        "counter",
        ("pipeline",),
    ),
    Family(
        "hookline_log_reads_total",
        "Logs of ended steps, by what came of reading them. Coverage is complete / all.",
        "counter",
        ("step", "result"),
        values=_STEP | {"result": ("complete", "truncated", "gone", "error")},
        zero="result",
    ),
    Family(
        "hookline_observations_lost_total",
        "Runs and pods that ended unseen, or whose end the API did not tell: they are in no other metric.",
        "counter",
        ("object",),
        values={"object": ("run", "pod", "node_status")},
    ),
    Family(
        "hookline_label_overflow_total",
        "Label values that were replaced by `other`, since their list was full or they were on none.",
        "counter",
        ("label",),
        values={"label": ("pipeline", "step", "event")},
    ),
    Family(
        "hookline_counting_since_timestamp_seconds",
        "Runs that ended earlier are not counted: the first start with this ledger, or the last start without one.",
        "gauge",
        kept=False,
    ),
    Family(
        "hookline_build_info", "1, with the version of hookline.", "gauge", ("version", "python"), kept=False
    ),
    Family(
        "hookline_price_info",
        "1 for the price list in use.",
        "gauge",
        ("currency", "source"),
        kept=False,
    ),
    Family("hookline_price_date_seconds", "The day of the price list.", "gauge", kept=False),
    Family("hookline_leader", "1 while this instance counts, 0 while it waits.", "gauge", kept=False),
    Family("hookline_list_total", "Complete lists of a resource.", "counter", ("resource",), kept=False),
    Family("hookline_watch_total", "Watches opened.", "counter", ("resource",), kept=False),
    Family("hookline_list_errors_total", "Lists that failed.", "counter", ("resource", "reason"), kept=False),
    Family(
        "hookline_watch_errors_total", "Watches that failed.", "counter", ("resource", "reason"), kept=False
    ),
    Family(
        "hookline_relists_total",
        "Lists after the first one: changes may have been missed before each.",
        "counter",
        ("resource",),
        kept=False,
    ),
    Family("hookline_watch_events_total", "Changes received.", "counter", ("resource",), kept=False),
    Family(
        "hookline_watch_undecodable_total",
        "Lines of watches that were no JSON, or cut.",
        "counter",
        ("resource",),
        kept=False,
    ),
    Family(
        "hookline_watch_age_seconds",
        "Time since the API server last said anything about a resource, bookmarks included.",
        "gauge",
        ("resource",),
        kept=False,
    ),
    Family(
        "hookline_decode_seconds_total", "Time spent decoding JSON.", "counter", ("resource",), kept=False
    ),
    Family(
        "hookline_tracked_objects",
        "Objects that are kept in memory until they are counted.",
        "gauge",
        ("object",),
        kept=False,
        values={"object": ("run", "pod", "log")},
    ),
    Family("hookline_ledger_bytes", "Size of the ledger; 0 where it is in memory only.", "gauge", kept=False),
    Family("hookline_ledger_runs", "Runs that the ledger remembers.", "gauge", kept=False),
    Family("hookline_ledger_commits_total", "Transactions since the start.", "counter", kept=False),
    Family("hookline_series", "Series that the last scrape held.", "gauge", kept=False),
    Family(
        "hookline_scrape_duration_seconds", "Time that the last scrape took to answer.", "gauge", kept=False
    ),
    Family(
        "hookline_config_last_reload_successful",
        "1 if the last reload of the configuration worked.",
        "gauge",
        kept=False,
    ),
    Family(
        "hookline_config_last_reload_success_timestamp_seconds", "When it last worked.", "gauge", kept=False
    ),
    Family(
        "hookline_cdevents_total",
        "CDEvents by what came of sending them.",
        "counter",
        ("result",),
        stability="experimental",
        kept=False,
        values={"result": ("sent", "dropped")},
    ),
)

FAMILIES: Mapping[str, Family] = {family.name: family for family in _DECLARED}
"""Name → declaration, in the order of the exposition."""
