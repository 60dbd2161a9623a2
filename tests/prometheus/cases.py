"""What each alert and record says of made-up series, in promtool's notation: fires, does not fire, no data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ALERT_CASES", "RECORD_CASES", "AlertCase", "RecordCase", "step"]

SHOP = 'job="h",namespace="ci",owner="web",pipeline="shop"'
TEAM = 'namespace="ci",owner="web"'
LABELS = {"job": "h", "namespace": "ci", "owner": "web", "pipeline": "shop"}
"""Of an alert about a pipeline, besides its severity."""
BUS = 'namespace="ci",stream_name="default",consumer_name="shop"'


def step(at: str) -> str:
    """How far apart values and evaluations are: a week in minutes would take promtool minutes."""
    hours = int(at[:-1]) if at.endswith("h") else 1
    return "30m" if hours > 100 else "5m" if hours > 1 else "1m"


@dataclass(frozen=True)
class AlertCase:
    """When an alert fires, and when it does not."""

    fires: Mapping[str, str]
    """Series → values, one a step."""
    at: str
    labels: Mapping[str, str]
    """Of the alert that fires."""
    summary: str
    description: str
    quiet: Mapping[str, str] = field(default_factory=dict)
    """Series that are near it, and do not make it fire."""


@dataclass(frozen=True)
class RecordCase:
    """What a recording rule comes to."""

    series: Mapping[str, str]
    at: str
    samples: Mapping[str, float]
    """Series → value."""


def runs(outcome: str, event: str = "push") -> str:
    return f'hookline_runs_total{{{SHOP},event="{event}",outcome="{outcome}"}}'


SOURCE = 'job="h",namespace="ci",source="registry"'
SOURCE_LABELS = {"job": "h", "namespace": "ci", "source": "registry"}


def fan_outs(outcome: str) -> str:
    return f'hookline_fan_outs_total{{{SOURCE},outcome="{outcome}"}}'


def buckets(name: str, labels: str, bounds: Mapping[str, str]) -> dict[str, str]:
    return {f'{name}_bucket{{{labels},le="{bound}"}}': values for bound, values in bounds.items()}


def subscriptions(server: int) -> str:
    """A server of the bus; one that takes the place of another has a new number."""
    return f'nats_server_total_consumers{{namespace="ci",server_id="{server}"}}'


STEP = f'{SHOP},step="run-test"'
FAST_THEN_SLOW = buckets(
    "hookline_step_duration_seconds",
    STEP,
    # Six days of runs below 60 s, then a day of runs between 300 and 600 s.
    {
        "60": "0+1x287 288x60",
        "300": "0+1x287 288x60",
        "600": "0+1x287 288+0.1x60",
        "+Inf": "0+1x287 288+0.1x60",
    },
)
ALWAYS_FAST = buckets(
    "hookline_step_duration_seconds",
    STEP,
    {"60": "0+1x347", "300": "0+1x347", "600": "0+1x347", "+Inf": "0+1x347"},
)
PENDING = f'job="h",{TEAM},step="run-test",capacity="spot"'

ALERT_CASES: Mapping[str, AlertCase] = {
    "HooklineRunsFailing": AlertCase(
        {runs("failure"): "0+1x300", runs("success"): "0+0.25x300"},
        "25h",
        {"severity": "info", **LABELS},
        "Most runs of ci/shop fail.",
        "80% of the runs of shop in the last day failed because of their code.",
        {runs("failure"): "0x270 1 2 3x30", runs("cancellation"): "0+1x300"},  # three runs say little
    ),
    "HooklineRunsBrokenByInfrastructure": AlertCase(
        {runs("error"): "0+1x100", runs("success"): "0+3x100"},
        "7h",
        {"severity": "warning", **LABELS},
        "Runs of ci/shop fail because of the infrastructure.",
        "25% of the runs of shop in the last six hours ended because of lost pods, images that could not be pulled, or broken caches.",
        {runs("error"): "0+1x100", runs("success"): "0+9x100", runs("failure"): "0+20x100"},
    ),
    "HooklineStepSlower": AlertCase(
        FAST_THEN_SLOW,
        "168h",
        {"severity": "info", **LABELS, "step": "run-test"},
        "run-test of ci/shop became slower.",
        "The 90th percentile of the step was 9m 30s in the last day: more than 1.5 times that of the last week.",
        ALWAYS_FAST,
    ),
    "HooklineCacheHitRateDropped": AlertCase(
        {
            f'hookline_cache_hits_total{{{SHOP},cache="image_layer"}}': "0+9x287 2592+2x60",
            f'hookline_cache_requests_total{{{SHOP},cache="image_layer"}}': "0+10x347",
        },
        "168h",
        {"severity": "info", **LABELS, "cache": "image_layer"},
        "The cache image_layer of ci/shop hits less often than before.",
        "Its hit rate was 20% in the last day: less than 0.6 times that of the last week.",
        {
            f'hookline_cache_hits_total{{{SHOP},cache="image_layer"}}': "0+1x347",
            f'hookline_cache_requests_total{{{SHOP},cache="image_layer"}}': "0+10x347",
        },
    ),
    "HooklineImageCacheBroken": AlertCase(
        {f'hookline_image_builds_total{{{SHOP},cache_state="broken"}}': "0x10 1x20"},
        "20m",
        {"severity": "warning", **LABELS},
        "The image cache of ci/shop is damaged.",
        "Builds fail because layers of the cache cannot be fetched. They fail until somebody deletes the cache in the registry.",
        {
            f'hookline_image_builds_total{{{SHOP},cache_state="broken"}}': "3x30",
            f'hookline_image_builds_total{{{SHOP},cache_state="failed"}}': "0+1x30",
        },
    ),
    "HooklineSpotReclaimStorm": AlertCase(
        {
            f'hookline_spot_reclaims_total{{{SHOP},reason="BidFailed"}}': "0+1x60",
            f"hookline_spot_pods_total{{{SHOP}}}": "0+4x60",
        },
        "1h",
        {"severity": "warning", "job": "h"},
        "Many spot pods are reclaimed.",
        "25% of the spot pods of the last hour were reclaimed while they worked.",
        {
            f'hookline_spot_reclaims_total{{{SHOP},reason="BidFailed"}}': "0+1x60",
            f"hookline_spot_pods_total{{{SHOP}}}": "0+40x60",
        },
    ),
    "HooklineStepsPending": AlertCase(
        buckets(
            "hookline_step_pending_seconds", PENDING, {"300": "0x100", "600": "0+1x100", "+Inf": "0+1x100"}
        ),
        "90m",
        {"severity": "warning", "job": "h", "step": "run-test", "capacity": "spot"},
        "Pods of run-test wait long.",
        "One in ten pods (spot) waited 9m 30s or longer from its creation to its start.",
        buckets(
            "hookline_step_pending_seconds", PENDING, {"300": "0+1x100", "600": "0+1x100", "+Inf": "0+1x100"}
        ),
    ),
    "HooklineScheduleMissed": AlertCase(
        # Due at 3600 s; then the next one is a day later, and the last run is one of long ago.
        {
            f"hookline_schedule_next_timestamp_seconds{{{SHOP}}}": "3600x60 90000x120",
            f"hookline_schedule_last_timestamp_seconds{{{SHOP}}}": "1x180",
        },
        "100m",
        {"severity": "warning", **LABELS},
        "The scheduled run of ci/shop did not start.",
        "It was due at 1970-01-01 01:00:00 +0000 UTC, and no run of that schedule was seen.",
        {
            f"hookline_schedule_next_timestamp_seconds{{{SHOP}}}": "3600x60 90000x120",
            f"hookline_schedule_last_timestamp_seconds{{{SHOP}}}": "1x61 3600x120",
        },
    ),
    "HooklineBusLost": AlertCase(
        # All three servers are lost; the new ones come two minutes later, with nothing on them.
        {
            **{subscriptions(old): "2x5 stale" for old in (0, 1, 2)},
            **{subscriptions(new): "_x7 0x30" for new in (3, 4, 5)},
        },
        "20m",
        {"severity": "critical", "namespace": "ci"},
        "The event bus in ci has lost its stream or its subscriptions.",
        "No server of the bus holds a subscription of a Sensor. Deliveries are answered 500, or they are answered 200 and start no run. It does not heal "
        "by itself.",
        {
            # One server after the other is replaced.
            subscriptions(0): "2x5 stale",
            subscriptions(1): "2x8 stale",
            subscriptions(3): "_x6 0 2x30",
            subscriptions(4): "_x17 0x30",
        },
    ),
    "HooklineDeliveriesRefused": AlertCase(
        {
            'argo_events_events_processing_failed_total{namespace="ci",eventsource_name="hooks",event_name="github"}': "3x9 4x10"
        },
        "12m",
        {"severity": "critical", "namespace": "ci", "eventsource_name": "hooks"},
        "hooks answers deliveries with 500.",
        "Deliveries of the last five minutes that did not reach the event bus: about 1. Only the git host has them now.",
        {
            'argo_events_events_processing_failed_total{namespace="ci",eventsource_name="hooks",event_name="github"}': "3x19"
        },
    ),
    "HooklineNoEvents": AlertCase(
        {
            'argo_events_events_sent_total{namespace="ci",eventsource_name="hooks",event_name="github"}': "7x620"
        },
        "50h",
        {"severity": "info", "namespace": "ci"},
        "No event came for two days.",
        "The event sources of ci put no event on the bus, although they did before. Webhooks may not arrive.",
        {
            'argo_events_events_sent_total{namespace="ci",eventsource_name="hooks",event_name="github"}': "7x400 8x220"
        },
    ),
    "HooklineTriggersFailing": AlertCase(
        {
            'argo_events_action_failed_total{namespace="ci",sensor_name="hookline-1",trigger_name="a"}': "0+1x60"
        },
        "40m",
        {"severity": "critical", "namespace": "ci", "sensor_name": "hookline-1"},
        "Triggers of hookline-1 fail.",
        "30 attempts to start a run failed within half an hour. Check rights, quota, admission and the API server.",
        {
            'argo_events_action_failed_total{namespace="ci",sensor_name="hookline-1",trigger_name="a"}': "0x20 1x40"
        },
    ),
    "HooklineTriggerStuck": AlertCase(
        {
            f"nats_consumer_num_pending{{{BUS}}}": "0+1x60",
            f"nats_consumer_ack_floor_stream_seq{{{BUS}}}": "42x60",
        },
        "40m",
        {"severity": "critical", "namespace": "ci", "stream_name": "default", "consumer_name": "shop"},
        "A trigger handles no events.",
        "40 events wait for shop, and it acknowledged none for ten minutes.",
        {
            f"nats_consumer_num_pending{{{BUS}}}": "0+1x60",
            f"nats_consumer_ack_floor_stream_seq{{{BUS}}}": "42+1x60",
        },
    ),
    "HooklineRunsLost": AlertCase(
        {'hookline_controller_reconcile_runs_total{job="h",result="created"}': "0x30 3x60"},
        "40m",
        {"severity": "warning", "job": "h", "result": "created"},
        "Events started no run.",
        "The controller found about 3 lost runs within 15 minutes (created).",
        {
            'hookline_controller_reconcile_runs_total{job="h",result="created"}': "3x90",
            'hookline_controller_reconcile_runs_total{job="h",result="existing"}': "0+1x90",
        },
    ),
    "HooklineFanOutFailed": AlertCase(
        {fan_outs("failure"): "0x30 1x30", fan_outs("success"): "0+1x60"},
        "40m",
        {"severity": "warning", **SOURCE_LABELS, "outcome": "failure"},
        "A fan-out of registry did not start all of its runs.",
        "Fan-outs in ci that ended with failure within 15 minutes: about 1.",
        {fan_outs("failure"): "3x60", fan_outs("success"): "0+1x60", fan_outs("cancellation"): "0+1x60"},
    ),
    "HooklineFanOutStuck": AlertCase(
        # Half of them started, and then the pod got no further.
        {f"hookline_fan_out_runs_waiting{{{SOURCE}}}": "300 280 260x120"},
        "100m",
        {"severity": "warning", **SOURCE_LABELS},
        "Runs of registry wait for a fan-out that starts none.",
        "260 runs wait in ci, and none of them started within the last hour.",
        # A few every 40 minutes; and a source whose fan-outs are done.
        {
            f"hookline_fan_out_runs_waiting{{{SOURCE}}}": "300x40 280x40 260x40",
            f"hookline_fan_out_runs_waiting{{{SOURCE.replace('registry', 'github')}}}": "0x120",
        },
    ),
    "HooklineReconcileStopped": AlertCase(
        {'hookline_controller_reconcile_last_round_timestamp_seconds{job="h"}': "60x60"},
        "30m",
        {"severity": "warning", "job": "h"},
        "Nobody looks for lost runs.",
        "The controller ended its last round 29m 0s ago. It cannot read the bus, or asks the API server in vain.",
        {'hookline_controller_reconcile_last_round_timestamp_seconds{job="h"}': "0+60x60"},
    ),
    "HooklineBusBroken": AlertCase(
        {
            'hookline_controller_bus_broken{job="h",check="lost-stream"}': "1x60",
            'hookline_controller_bus_broken{job="h",check="bus-group"}': "0x60",
        },
        "10m",
        {"severity": "critical", "job": "h", "check": "lost-stream"},
        "The event bus is broken (lost-stream), and the controller has not mended it.",
        "Deliveries may be refused, or start no run. The warnings at /-/ready of the controller say why.",
        {'hookline_controller_bus_broken{job="h",check="lost-stream"}': "0 1 1 0x60"},
    ),
    "HooklineLogsNotRead": AlertCase(
        {
            f'hookline_log_reads_total{{job="h",{TEAM},step="run-test",result="complete"}}': "0+1x300",
            f'hookline_log_reads_total{{job="h",{TEAM},step="run-test",result="gone"}}': "0+1x300",
        },
        "25h",
        {"severity": "info", "job": "h", "step": "run-test"},
        "Cache numbers of run-test come from few logs.",
        "The exporter read only 50% of its logs of the last day completely.",
        {
            f'hookline_log_reads_total{{job="h",{TEAM},step="run-test",result="complete"}}': "0+9x300",
            f'hookline_log_reads_total{{job="h",{TEAM},step="run-test",result="gone"}}': "0+1x300",
        },
    ),
    "HooklineObservationsLost": AlertCase(
        {'hookline_observations_lost_total{job="h",object="run"}': "0x30 3x60"},
        "40m",
        {"severity": "warning", "job": "h", "object": "run"},
        "The exporter did not see how runs ended.",
        "About 3 (run) ended unseen, or could not be measured. No other metric counts them.",
        {'hookline_observations_lost_total{job="h",object="run"}': "3x90"},
    ),
    "HooklineWatchStale": AlertCase(
        {'hookline_watch_age_seconds{job="h",resource="pods"}': "0+60x60"},
        "30m",
        {"severity": "critical", "job": "h", "resource": "pods"},
        "The exporter receives nothing about pods.",
        "The API server last sent something 30m 0s ago.",
        {'hookline_watch_age_seconds{job="h",resource="pods"}': "60x60"},
    ),
    "HooklineExporterAbsent": AlertCase(
        {'hookline_leader{job="h",instance="a"}': "0x60", 'hookline_leader{job="h",instance="b"}': "0x60"},
        "30m",
        {"severity": "critical"},
        "No exporter counts runs.",
        "It is down, Prometheus does not scrape it, or all instances wait for the lease. Later it counts what is then still in the cluster.",
        {'hookline_leader{job="h",instance="a"}': "1x60", 'hookline_leader{job="h",instance="b"}': "0x60"},
    ),
}

DAY_OF_RUNS = {
    runs("success"): "0+6x300",
    runs("failure"): "0+2x300",
    runs("timeout"): "0+1x300",
    runs("error"): "0+1x300",
}
MONEY = f'{SHOP},capacity="spot",currency="CNY"'

RECORD_CASES: Mapping[str, RecordCase] = {
    "pipeline:hookline_runs:increase1d": RecordCase(
        DAY_OF_RUNS | {runs("skip"): "0+9x300"}, "25h", {f"{{{SHOP}}}": 2880}
    ),
    "pipeline:hookline_runs:increase6h": RecordCase(DAY_OF_RUNS, "25h", {f"{{{SHOP}}}": 720}),
    "pipeline:hookline_runs_failure:ratio1d": RecordCase(DAY_OF_RUNS, "25h", {f"{{{SHOP}}}": 0.3}),
    "pipeline:hookline_runs_error:ratio6h": RecordCase(DAY_OF_RUNS, "25h", {f"{{{SHOP}}}": 0.1}),
    "pipeline_step:hookline_step_duration_seconds:p90_1d": RecordCase(
        FAST_THEN_SLOW, "168h", {f"{{{STEP}}}": 570}
    ),
    "pipeline_step:hookline_step_duration_seconds:p90_7d": RecordCase(
        ALWAYS_FAST, "168h", {f"{{{STEP}}}": 54}
    ),
    "step:hookline_step_pending_seconds:p90_1h": RecordCase(
        ALERT_CASES["HooklineStepsPending"].fires, "90m", {'{job="h",step="run-test",capacity="spot"}': 570}
    ),
    "hop:hookline_event_latency_seconds:p90_1h": RecordCase(
        buckets(
            "hookline_event_latency_seconds",
            f'job="h",{TEAM},hop="pod"',
            {"1": "0x100", "2": "0+1x100", "+Inf": "0+1x100"},
        ),
        "90m",
        {'{job="h",hop="pod"}': 1.9},
    ),
    "pipeline_cache:hookline_cache_requests:increase1d": RecordCase(
        ALERT_CASES["HooklineCacheHitRateDropped"].fires, "168h", {f'{{{SHOP},cache="image_layer"}}': 480}
    ),
    "pipeline_cache:hookline_cache_hits:ratio1d": RecordCase(
        ALERT_CASES["HooklineCacheHitRateDropped"].fires, "168h", {f'{{{SHOP},cache="image_layer"}}': 0.2}
    ),
    "pipeline_cache:hookline_cache_hits:ratio7d": RecordCase(
        ALERT_CASES["HooklineCacheHitRateDropped"].quiet, "168h", {f'{{{SHOP},cache="image_layer"}}': 0.1}
    ),
    "pipeline:hookline_image_builds_broken:ratio1d": RecordCase(
        {
            f'hookline_image_builds_total{{{SHOP},cache_state="broken"}}': "0+1x300",
            f'hookline_image_builds_total{{{SHOP},cache_state="full"}}': "0+3x300",
        },
        "25h",
        {f"{{{SHOP}}}": 0.25},
    ),
    "job:hookline_spot_reclaims:ratio1h": RecordCase(
        ALERT_CASES["HooklineSpotReclaimStorm"].fires, "1h", {'{job="h"}': 0.25}
    ),
    "pipeline:hookline_compute_cost_saved:ratio1d": RecordCase(
        {
            f"hookline_compute_cost_total{{{MONEY}}}": "0+1x300",
            f"hookline_compute_list_cost_total{{{MONEY}}}": "0+4x300",
            f"hookline_compute_list_cost_total{{{MONEY.replace('spot', 'on_demand')}}}": "0+9x300",
        },
        "25h",
        {f'{{{SHOP},currency="CNY"}}': 0.75},
    ),
    "job_step:hookline_log_reads_complete:ratio1d": RecordCase(
        ALERT_CASES["HooklineLogsNotRead"].fires, "25h", {'{job="h",step="run-test"}': 0.5}
    ),
}
