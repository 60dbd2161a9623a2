"""Event path: from deliveries over the bus to Workflows, by the metrics of Argo Events and NATS; fan-outs and schedules.

What a filter drops, Argo Events counts nowhere, and so it is not drawn; `hookline explain` tells of one event.
"""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import RUNS_VARIABLES, Panel, bars, dashboard, lines, number, rows
from dashboards.queries import BY_ROW, RATE, increase, quantile, ratio, select, stuck

__all__ = ["event_path"]

SENT = "argo_events_events_sent_total"
PROCESSED = "argo_events_event_processing_duration_milliseconds_count"
"""Counts forged deliveries too, which argo_events_events_processing_failed_total does not (seen in 1.9.10)."""


def event_path() -> Dashboard:
    """The dashboard."""
    return dashboard("events", "Event path", "Deliveries, triggers and the bus between them; fan-outs and schedules.", (*RUNS_VARIABLES, "events_namespace"), {
        "Events": deliveries(), "Triggers": triggers(), "Bus": bus(), "Fan-outs": fan_outs(), "Schedules": schedules(),
    })  # fmt: skip


def deliveries() -> list[Panel]:
    """Panels of received events."""
    changed = f"timestamp(changes({select(SENT)}[10m]) > 0)"
    return [
        number("Events", "Events that event sources put on the bus.", increase(SENT), width=6),
        number("Since the last event", "Time since the last event, within the last day.", f"time() - max({changed} or max_over_time(({changed})[1d:10m]))", "s", bad=86_400.0, width=6),
        number("Answered 500", "Deliveries that did not reach the bus. Let the git host send them again (hookline docs HooklineDeliveriesRefused).",
               increase("argo_events_events_processing_failed_total") + " or vector(0)", bad=1, width=6),
        number("Event sources", "Running servers of event sources.", f"sum({select('argo_events_event_service_running_total')})", width=6),
        bars("Events", "Events on the bus, by event source and event name.", [(increase(SENT, RATE, "eventsource_name, event_name"), "{{eventsource_name}}/{{event_name}}")]),
        bars("Refused events", "Deliveries that were received and not put on the bus: a wrong signature, a body that is not JSON, or a bus that does not accept the event.",
             [(f"{increase(PROCESSED, RATE, 'eventsource_name')} - {increase(SENT, RATE, 'eventsource_name')}", "{{eventsource_name}}")]),
    ]  # fmt: skip


def triggers() -> list[Panel]:
    """Panels of triggers."""
    duration = "argo_events_action_duration_milliseconds"
    return [
        bars("Triggers", "Actions that succeeded.", [(increase("argo_events_action_triggered_total", RATE, "sensor_name"), "{{sensor_name}}")], width=8),
        bars("Failures", "Failed attempts, and actions that were given up after the last attempt.", [
            (increase("argo_events_action_failed_total", RATE, "sensor_name"), "{{sensor_name}}: failed"),
            (increase("argo_events_action_retries_failed_total", RATE, "sensor_name"), "{{sensor_name}}: given up"),
        ], width=8),
        lines("Time of an action", "Mean time of an action, including retries.",
              [(ratio(increase(f"{duration}_sum", RATE, "sensor_name"), increase(f"{duration}_count", RATE, "sensor_name")), "{{sensor_name}}")], "ms", width=8),
    ]  # fmt: skip


def bus() -> list[Panel]:
    """Panels of waiting events. The consumer of a dead trigger has a growing number of pending events, and acknowledges none."""
    by = "stream_name, consumer_name"
    return [
        lines("Waiting events", "Events that are not yet delivered, and events that are not yet acknowledged. Each trigger has one consumer.", [
            (f"max by ({by}) ({select('nats_consumer_num_pending')}) > 0", "{{consumer_name}}: pending"),
            (f"max by ({by}) ({select('nats_consumer_num_ack_pending')}) > 0", "{{consumer_name}}: delivered"),
        ]),
        lines("Stuck consumers", "Consumers with waiting events that acknowledged nothing for ten minutes. Restart the Sensor (hookline docs HooklineTriggerStuck).",
              [(stuck(), "{{consumer_name}}")]),
    ]  # fmt: skip


def fan_outs() -> list[Panel]:
    """Events with many pipelines. The page of fan-outs of the exporter says of which image or repository each one is."""
    runs = "hookline_fan_out_runs_total"
    return [
        number("Fan-outs", "Ended fan-outs. Each started the runs of one event that has many pipelines.", increase("hookline_fan_outs_total"), width=6),
        number("Not started", "Runs that the API server refused to the end, and runs of which the fan-out said nothing before it ended (hookline docs HooklineFanOutFailed).",
               increase(runs, result="~refused|unknown"), bad=1, width=6),
        number("Waiting", "Runs that fan-outs have still to start.", f"sum({select('hookline_fan_out_runs_waiting')}) or vector(0)", width=6),
        number("Median time", "Median time from the event to the end of its fan-out, pace and quiet period included.", quantile(0.5, "hookline_fan_out_duration_seconds"), "s", width=6),
        bars("Runs of fan-outs", "existing: the run was there already. replaced: a newer digest of the same tag took over. refused: the API server refused it to the end. "
             "unknown: the fan-out ended without saying.", [(increase(runs, RATE, "result"), "{{result}}")], width=8),
        bars("Fan-outs by outcome", "failure: the API server refused runs to the end, or did not answer. error: the pod was lost.",
             [(increase("hookline_fan_outs_total", RATE, "outcome"), "{{outcome}}")], width=8),
        lines("Runs that wait", "Runs that fan-outs have still to start, by the source of their event.",
              [(f"sum by (namespace, source) ({select('hookline_fan_out_runs_waiting')})", "{{namespace}}/{{source}}")], width=8),
    ]  # fmt: skip


def schedules() -> list[Panel]:
    """Nightly builds."""
    coming, last = (
        select("hookline_schedule_next_timestamp_seconds"),
        select("hookline_schedule_last_timestamp_seconds"),
    )
    return [rows("Schedules", "Next fire time by the declaration, and the newest fire time for which a run exists.", {
        "next": f"max by ({BY_ROW}) ({coming}) * 1000", "last": f"max by ({BY_ROW}) ({last}) * 1000",
    }, {"next": "dateTimeFromNow", "last": "dateTimeFromNow"})]  # fmt: skip
