"""Recording rules and alerts, in the style of monitoring mixins (github.com/monitoring-mixins/docs).

Windows are long, since builds are rare. Every share needs a number of runs before it may alert, and is nothing where there are none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.queries import DECIDED, increase, quantile, ratio, select, stuck

__all__ = ["ALERTS", "RECORDS", "Alert", "Record", "groups"]

BY = "cluster, job, namespace, owner, pipeline"
"""Labels that results keep; `cluster` is there where Prometheus adds it, `owner` where hookline.yaml names one.

An alert about a pipeline carries all of them, so that Alertmanager can send it to its owner. An alert about what all pipelines share, such as
spot capacity, the bus or the exporter, has no owner: it is for whoever runs the platform.
"""
MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Record:
    """One recording rule: level:metric:operation."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; its runbook is docs/runbooks/<name>.md, which `hookline docs <name>` prints."""

    name: str
    expression: str
    pending: str
    """Time for which the expression must hold."""
    severity: str
    """critical, warning or info."""
    summary: str
    description: str
    group: str = "hookline"
    """The group of rules in which it is evaluated; a key of GROUPS."""


GROUPS: Mapping[str, str] = {"hookline": "1m", "hookline-events": "15s"}
"""Group of rules → how often it is evaluated.

Rules of one group are evaluated one after the other, so that alerts see the records of the same moment. Deliveries are refused while the
bus is lost, so what tells of that does not wait for a minute.
"""


def _share(
    part: str, whole: str, window: str, by: str = BY, *, of: Mapping[str, str] | None = None, **labels: str
) -> str:
    """The share of series with these labels in all of a counter, or in those that `of` chooses."""
    return ratio(
        increase(part, window, by, rule=True, **labels), increase(whole, window, by, rule=True, **(of or {}))
    )


RUNS, BUILDS = "hookline_runs_total", "hookline_image_builds_total"
STEPS, PENDING = "hookline_step_duration_seconds", "hookline_step_pending_seconds"
HITS, REQUESTS = "hookline_cache_hits_total", "hookline_cache_requests_total"
READS, RECLAIMS, SPOT_PODS = (
    "hookline_log_reads_total",
    "hookline_spot_reclaims_total",
    "hookline_spot_pods_total",
)
COST, LIST_COST = "hookline_compute_cost_total", "hookline_compute_list_cost_total"
CACHE, STEP, MONEY = f"{BY}, cache", f"{BY}, step", f"{BY}, currency"

RECORDS: Sequence[Record] = (
    Record("pipeline:hookline_runs:increase1d", increase(RUNS, "1d", BY, rule=True, outcome=DECIDED)),
    Record("pipeline:hookline_runs:increase6h", increase(RUNS, "6h", BY, rule=True, outcome=DECIDED)),
    Record("pipeline:hookline_runs_failure:ratio1d", _share(RUNS, RUNS, "1d", of={"outcome": DECIDED}, outcome="~failure|timeout")),
    Record("pipeline:hookline_runs_error:ratio6h", _share(RUNS, RUNS, "6h", of={"outcome": DECIDED}, outcome="error")),
    Record("pipeline_step:hookline_step_duration_seconds:p90_1d", quantile(0.9, STEPS, "1d", STEP, rule=True)),
    Record("pipeline_step:hookline_step_duration_seconds:p90_7d", quantile(0.9, STEPS, "7d", STEP, rule=True)),
    Record("step:hookline_step_pending_seconds:p90_1h", quantile(0.9, PENDING, "1h", "cluster, job, step, capacity", rule=True)),
    Record("hop:hookline_event_latency_seconds:p90_1h", quantile(0.9, "hookline_event_latency_seconds", "1h", "cluster, job, hop", rule=True)),
    Record("pipeline_cache:hookline_cache_requests:increase1d", increase(REQUESTS, "1d", CACHE, rule=True)),
    Record("pipeline_cache:hookline_cache_hits:ratio1d", _share(HITS, REQUESTS, "1d", CACHE)),
    Record("pipeline_cache:hookline_cache_hits:ratio7d", _share(HITS, REQUESTS, "7d", CACHE)),
    Record("pipeline:hookline_image_builds_broken:ratio1d", _share(BUILDS, BUILDS, "1d", cache_state="broken")),
    Record("job:hookline_spot_reclaims:ratio1h", _share(RECLAIMS, SPOT_PODS, "1h", "cluster, job")),
    Record("pipeline:hookline_compute_cost_saved:ratio1d", f"1 - {_share(COST, LIST_COST, '1d', MONEY, of={'capacity': 'spot'}, capacity='spot')}"),
    Record("job_step:hookline_log_reads_complete:ratio1d", _share(READS, READS, "1d", "cluster, job, step", result="complete")),
)  # fmt: skip
"""Rates that alerts use, and that are useful over months."""


def _due(expression: str) -> str:
    """Fire time of a schedule as it was known an hour ago, if it passed more than 15 minutes ago."""
    return f"max by ({BY}) ({expression} offset 1h) < time() - {15 * MINUTE}"


_NEXT = select("hookline_schedule_next_timestamp_seconds", rule=True)
_LAST = select("hookline_schedule_last_timestamp_seconds", rule=True)
_SENT = "argo_events_events_sent_total"
_BROUGHT_BACK = "hookline_controller_reconcile_runs_total"
_FAILED = "argo_events_action_failed_total"
_REFUSED = "argo_events_events_processing_failed_total"
"""Counts every delivery that is answered 500, and argo_events_events_sent_failed_total only those for which there was a connection to the bus
(argo-events 1.9.11, pkg/eventsources/eventing.go and common/webhook/webhook.go)."""


def _no_subscription() -> str:
    """Buses whose servers ran within the last ten minutes, and none of which holds a subscription now.

    A server without a stream holds none, nor does one that is gone: no samples count as none.
    """
    by, held = "cluster, namespace", select("nats_server_total_consumers", rule=True)
    return f"count by ({by}) (max_over_time({held}[10m])) unless on ({by}) (sum by ({by}) ({held}) > 0)"


def _waiting_without_progress() -> str:
    """Runs that fan-outs have to start, where their number has not changed for an hour, or since they are there."""
    by, waiting = "cluster, job, namespace, source", select("hookline_fan_out_runs_waiting", rule=True)
    return f"sum by ({by}) ({waiting}) > 0 unless on ({by}) (sum by ({by}) (changes({waiting}[1h])) > 0)"


ALERTS: Sequence[Alert] = (
    Alert(
        "HooklineRunsFailing",
        "pipeline:hookline_runs_failure:ratio1d > 0.5 and pipeline:hookline_runs:increase1d >= 5",
        "30m", "info",
        "Most runs of {{ $labels.namespace }}/{{ $labels.pipeline }} fail.",
        "{{ $value | humanizePercentage }} of the runs of {{ $labels.pipeline }} in the last day failed because of their code.",
    ),
    Alert(
        "HooklineRunsBrokenByInfrastructure",
        "pipeline:hookline_runs_error:ratio6h > 0.2 and pipeline:hookline_runs:increase6h >= 5",
        "15m", "warning",
        "Runs of {{ $labels.namespace }}/{{ $labels.pipeline }} fail because of the infrastructure.",
        "{{ $value | humanizePercentage }} of the runs of {{ $labels.pipeline }} in the last six hours ended because of lost pods, images that could not "
        "be pulled, or broken caches.",
    ),
    Alert(
        "HooklineStepSlower",
        "pipeline_step:hookline_step_duration_seconds:p90_1d > 1.5 * pipeline_step:hookline_step_duration_seconds:p90_7d "
        "and pipeline_step:hookline_step_duration_seconds:p90_1d - pipeline_step:hookline_step_duration_seconds:p90_7d > 60",
        "2h", "info",
        "{{ $labels.step }} of {{ $labels.namespace }}/{{ $labels.pipeline }} became slower.",
        "The 90th percentile of the step was {{ $value | humanizeDuration }} in the last day: more than 1.5 times that of the last week.",
    ),
    Alert(
        "HooklineCacheHitRateDropped",
        "pipeline_cache:hookline_cache_hits:ratio1d < 0.6 * pipeline_cache:hookline_cache_hits:ratio7d "
        "and pipeline_cache:hookline_cache_requests:increase1d >= 20",
        "1h", "info",
        "The cache {{ $labels.cache }} of {{ $labels.namespace }}/{{ $labels.pipeline }} hits less often than before.",
        "Its hit rate was {{ $value | humanizePercentage }} in the last day: less than 0.6 times that of the last week.",
    ),
    Alert(
        "HooklineImageCacheBroken",
        f"{increase(BUILDS, '6h', BY, rule=True, cache_state='broken')} > 0.5",
        "0m", "warning",
        "The image cache of {{ $labels.namespace }}/{{ $labels.pipeline }} is damaged.",
        "Builds fail because layers of the cache cannot be fetched. They fail until somebody deletes the cache in the registry.",
    ),
    Alert(
        "HooklineSpotReclaimStorm",
        f"job:hookline_spot_reclaims:ratio1h > 0.2 and {increase(RECLAIMS, '1h', 'cluster, job', rule=True)} >= 5",
        "0m", "warning",
        "Many spot pods are reclaimed.",
        "{{ $value | humanizePercentage }} of the spot pods of the last hour were reclaimed while they worked.",
    ),
    Alert(
        "HooklineStepsPending",
        "step:hookline_step_pending_seconds:p90_1h > 300",
        "15m", "warning",
        "Pods of {{ $labels.step }} wait long.",
        "One in ten pods ({{ $labels.capacity }}) waited {{ $value | humanizeDuration }} or longer from its creation to its start.",
    ),
    Alert(
        "HooklineScheduleMissed",
        f"({_due(_NEXT)}) unless on ({BY}) (max by ({BY}) ({_LAST}) >= on ({BY}) max by ({BY}) ({_NEXT} offset 1h))",
        "5m", "warning",
        "The scheduled run of {{ $labels.namespace }}/{{ $labels.pipeline }} did not start.",
        "It was due at {{ $value | humanizeTimestamp }}, and no run of that schedule was seen.",
    ),
    Alert(
        "HooklineBusLost",
        _no_subscription(),
        "15s", "critical",
        "The event bus in {{ $labels.namespace }} has lost its stream or its subscriptions.",
        "No server of the bus holds a subscription of a Sensor. Deliveries are answered 500, or they are answered 200 and start no run. It does not heal "
        "by itself.",
        "hookline-events",
    ),
    Alert(
        "HooklineBusBroken",
        f"max by (cluster, job, check) ({select('hookline_controller_bus_broken', rule=True)}) > 0",
        "3m", "critical",
        "The event bus is broken ({{ $labels.check }}), and the controller has not mended it.",
        "Deliveries may be refused, or start no run. The warnings at /-/ready of the controller say why.",
    ),
    Alert(
        "HooklineDeliveriesRefused",
        f"{increase(_REFUSED, '5m', 'cluster, namespace, eventsource_name', rule=True)} > 0",
        "0s", "critical",
        "{{ $labels.eventsource_name }} answers deliveries with 500.",
        "Deliveries of the last five minutes that did not reach the event bus: about {{ $value | humanize }}. Only the git host has them now.",
        "hookline-events",
    ),
    Alert(
        "HooklineNoEvents",
        f"{increase(_SENT, '2d', 'cluster, namespace', rule=True)} == 0 and sum by (cluster, namespace) ({select(_SENT, rule=True)}) > 0",
        "1h", "info",
        "No event came for two days.",
        "The event sources of {{ $labels.namespace }} put no event on the bus, although they did before. Webhooks may not arrive.",
    ),
    Alert(
        "HooklineTriggersFailing",
        f"{increase(_FAILED, '30m', 'cluster, namespace, sensor_name', rule=True)} > 2",
        "5m", "critical",
        "Triggers of {{ $labels.sensor_name }} fail.",
        "{{ $value | humanize }} attempts to start a run failed within half an hour. Check rights, quota, admission and the API server.",
    ),
    Alert(
        "HooklineRunsLost",
        f"{increase(_BROUGHT_BACK, '15m', 'cluster, job, result', rule=True, result='~created|refused')} > 0.5",
        "0m", "warning",
        "Events started no run.",
        "The controller found about {{ $value | humanize }} lost runs within 15 minutes ({{ $labels.result }}).",
    ),
    Alert(
        "HooklineFanOutFailed",
        f"{increase('hookline_fan_outs_total', '15m', 'cluster, job, namespace, source, outcome', rule=True, outcome='~failure|error|timeout')} > 0.5",
        "0m", "warning",
        "A fan-out of {{ $labels.source }} did not start all of its runs.",
        "Fan-outs in {{ $labels.namespace }} that ended with {{ $labels.outcome }} within 15 minutes: about {{ $value | humanize }}.",
    ),
    Alert(
        "HooklineFanOutStuck",
        _waiting_without_progress(),
        "30m", "warning",
        "Runs of {{ $labels.source }} wait for a fan-out that starts none.",
        "{{ $value | humanize }} runs wait in {{ $labels.namespace }}, and none of them started within the last hour.",
    ),
    Alert(
        "HooklineReconcileStopped",
        f"time() - max by (cluster, job) ({select('hookline_controller_reconcile_last_round_timestamp_seconds', rule=True)}) > 600",
        "5m", "warning",
        "Nobody looks for lost runs.",
        "The controller ended its last round {{ $value | humanizeDuration }} ago. It cannot read the bus, or asks the API server in vain.",
    ),
    Alert(
        "HooklineTriggerStuck",
        stuck(rule=True),
        "10m", "critical",
        "A trigger handles no events.",
        "{{ $value }} events wait for {{ $labels.consumer_name }}, and it acknowledged none for ten minutes.",
    ),
    Alert(
        "HooklineLogsNotRead",
        "job_step:hookline_log_reads_complete:ratio1d < 0.8",
        "1h", "info",
        "Cache numbers of {{ $labels.step }} come from few logs.",
        "The exporter read only {{ $value | humanizePercentage }} of its logs of the last day completely.",
    ),
    Alert(
        "HooklineObservationsLost",
        f"{increase('hookline_observations_lost_total', '1h', 'cluster, job, object', rule=True)} > 0.5",
        "0m", "warning",
        "The exporter did not see how runs ended.",
        "About {{ $value | humanize }} ({{ $labels.object }}) ended unseen, or could not be measured. No other metric counts them.",
    ),
    Alert(
        "HooklineWatchStale",
        f"max by (cluster, job, resource) ({select('hookline_watch_age_seconds', rule=True)}) > 600",
        "5m", "critical",
        "The exporter receives nothing about {{ $labels.resource }}.",
        "The API server last sent something {{ $value | humanizeDuration }} ago.",
    ),
    Alert(
        "HooklineExporterAbsent",
        f"absent(sum({select('hookline_leader', rule=True)}) > 0)",
        "15m", "critical",
        "No exporter counts runs.",
        "It is down, Prometheus does not scrape it, or all instances wait for the lease. Later it counts what is then still in the cluster.",
    ),
)  # fmt: skip


def groups(runbooks: str | None) -> Mapping[str, Any]:
    """The content of a rule file.

    Args:
        runbooks: Address of the runbooks, up to `<name of the alert>.md`; None if nobody publishes them.
    """
    records = [{"record": each.name, "expr": each.expression} for each in RECORDS]
    rules = {name: [_alert(each, runbooks) for each in ALERTS if each.group == name] for name in GROUPS}
    rules["hookline"] = [*records, *rules["hookline"]]
    return {"groups": [{"name": name, "interval": GROUPS[name], "rules": rules[name]} for name in GROUPS]}


def _alert(each: Alert, runbooks: str | None) -> Mapping[str, Any]:
    return {
        "alert": each.name,
        "expr": each.expression,
        "for": each.pending,
        "labels": {"severity": each.severity},
        "annotations": {
            "summary": each.summary,
            "description": each.description,
            # Alertmanager and Grafana make a link of runbook_url: a text that is no address does not belong there.
            **(
                {"runbook": f"hookline docs {each.name}"}
                if runbooks is None
                else {"runbook_url": f"{runbooks}{each.name}.md"}
            ),
        },
    }
