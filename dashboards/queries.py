"""PromQL from the metric declarations: a name or a label that the exporter does not have is an error here, not a dead panel."""

import json

from runs.exporter.family import PIPELINE
from runs.exporter.metrics import FAMILIES

__all__ = [
    "BY_PIPELINE",
    "BY_ROW",
    "DECIDED",
    "OTHER_METRICS",
    "PIPELINE_LEGEND",
    "RATE",
    "increase",
    "log_coverage",
    "quantile",
    "ratio",
    "select",
    "stuck",
]

RATE = "$__rate_interval"
"""The window of a point in a panel over time."""
BY_PIPELINE = "namespace, pipeline"
"""Labels that tell the lines of pipelines apart; two namespaces may have pipelines of the same name."""
BY_ROW = ", ".join(PIPELINE)
"""Labels of a row about a pipeline."""
PIPELINE_LEGEND = "{{namespace}}/{{pipeline}}"
DECIDED = "~success|failure|error|timeout"
"""Outcomes that say whether a build works; cancellations and skips do not."""

OTHER_METRICS = {
    # hookline/controlling/{healing,reconciling}.py, port 9894 of the controller
    "hookline_controller_bus_broken": ("check",),
    "hookline_controller_reconcile_runs_total": ("result",),
    "hookline_controller_reconcile_last_round_timestamp_seconds": (),
    # argoproj/argo-events pkg/metrics/metrics.go (1.9.10), port 7777 of event sources and Sensors
    "argo_events_event_service_running_total": ("namespace", "eventsource_name"),
    "argo_events_events_sent_total": ("namespace", "eventsource_name", "event_name"),
    "argo_events_events_processing_failed_total": ("namespace", "eventsource_name", "event_name"),
    "argo_events_event_processing_duration_milliseconds_count": (
        "namespace",
        "eventsource_name",
        "event_name",
    ),
    "argo_events_action_triggered_total": ("namespace", "sensor_name", "trigger_name"),
    "argo_events_action_failed_total": ("namespace", "sensor_name", "trigger_name"),
    "argo_events_action_retries_failed_total": ("namespace", "sensor_name", "trigger_name"),
    "argo_events_action_duration_milliseconds_sum": ("namespace", "sensor_name", "trigger_name"),
    "argo_events_action_duration_milliseconds_count": ("namespace", "sensor_name", "trigger_name"),
    # nats-io/prometheus-nats-exporter collector/jsz.go (0.14.0), the bus's own metrics container. Argo Events starts it with -prefix=nats
    # (pkg/reconciler/eventbus/installer/jetstream.go), which stands in place of its usual jetstream_.
    "nats_consumer_num_pending": ("namespace", "stream_name", "consumer_name"),
    "nats_consumer_num_ack_pending": ("namespace", "stream_name", "consumer_name"),
    "nats_consumer_ack_floor_stream_seq": ("namespace", "stream_name", "consumer_name"),
    "nats_server_total_consumers": ("namespace",),
}
"""Metrics of others, and their labels."""
_PROCESS = {"process_resident_memory_bytes": (), "process_cpu_seconds_total": ()}
_SUFFIXES = ("_bucket", "_sum", "_count")


def _labels(name: str) -> tuple[str, ...]:
    for known in (OTHER_METRICS, _PROCESS):
        if name in known:
            return known[name]
    if name in FAMILIES:
        return FAMILIES[name].labels
    for suffix in _SUFFIXES:
        family = FAMILIES.get(name.removesuffix(suffix))
        if name.endswith(suffix) and family is not None and family.type == "histogram":
            return (*family.labels, "le") if suffix == "_bucket" else family.labels
    raise KeyError(f"{name} is no metric of the exporter, nor a known one of others")


def select(name: str, *, rule: bool = False, **labels: str) -> str:
    """A selector, of the series that the dashboard's variables choose.

    Args:
        name: Of the metric.
        rule: Within a rule: there are no variables.
        labels: Label → value; one that begins with `~` is a regular expression, with `!` what it must not be.

    Raises:
        KeyError: There is no such metric or label.
    """
    known = _labels(name)
    matchers = []
    if not rule and name in OTHER_METRICS:
        matchers.append('namespace=~"$events_namespace"')
    elif not rule:
        matchers.append('job=~"$job"')
        matchers += [f'{label}=~"${label}"' for label in PIPELINE if label in known]
    for label, value in labels.items():
        if label not in known:
            raise KeyError(f"{name} has no label {label}")
        operator = {"~": "=~", "!": "!="}.get(value[:1], "=")
        matchers.append(f"{label}{operator}{_quoted(value[1:] if value[:1] in {'~', '!'} else value)}")
    return f"{name}{{{','.join(matchers)}}}" if matchers else name


def _quoted(text: str) -> str:
    """A string of PromQL, which has the escapes of Go and so those of JSON (Prometheus, Querying basics)."""
    return json.dumps(text)


def increase(name: str, window: str = "$__range", by: str = "", *, rule: bool = False, **labels: str) -> str:
    """Growth of a counter, summed up by labels."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (increase({select(name, rule=rule, **labels)}[{window}]))"


def ratio(part: str, whole: str) -> str:
    """Query of a ratio; it gives no data if the whole is 0, because no data is not 0 %."""
    return f"{part} / ({whole} > 0)"


def log_coverage(window: str = "$__range", by: str = "") -> str:
    """The share of logs that were read completely."""
    reads = "hookline_log_reads_total"
    return ratio(increase(reads, window, by, result="complete"), increase(reads, window, by))


def quantile(
    share: float, histogram: str, window: str = "$__range", by: str = "", *, rule: bool = False
) -> str:
    """A quantile of a histogram, by labels."""
    inner = increase(f"{histogram}_bucket", window, f"{by}, le" if by else "le", rule=rule)
    return f"histogram_quantile({share}, {inner})"


def stuck(*, rule: bool = False) -> str:
    """Events that wait for consumers which acknowledged nothing for ten minutes.

    A trigger that is dead takes nothing, while its Sensor looks alive.
    """
    by = "namespace, stream_name, consumer_name"
    floor = select("nats_consumer_ack_floor_stream_seq", rule=rule)
    waiting = f"max by ({by}) ({select('nats_consumer_num_pending', rule=rule)}) > 0"
    return f"({waiting}) and (max by ({by}) (delta({floor}[10m])) == 0)"
