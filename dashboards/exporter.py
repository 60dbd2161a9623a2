"""Exporter: its own health."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import Panel, bars, dashboard, lines, number
from dashboards.queries import RATE, increase, select

__all__ = ["exporter"]


def exporter() -> Dashboard:
    """The dashboard."""
    return dashboard("exporter", "Exporter", "Watches, ledger, logs and cost of the exporter itself.", ("job",), {
        "State": state(), "Watches": watches(), "Counting": counting(), "Process": process(),
    })  # fmt: skip


def state() -> list[Panel]:
    """Numbers."""
    return [
        number("Counting instances", "Number of instances that count. One counts, the others wait.", f"sum({select('hookline_leader')})", words={"0": "none"}),
        number("Version", "Version of hookline.", (f"max by (version, python) ({select('hookline_build_info')})", "{{version}} on Python {{python}}"),
               words={"1": "running"}),
        number("Settings", "Whether the last change of the settings could be read.", f"min({select('hookline_config_last_reload_successful')})",
               words={"0": "refused", "1": "in force"}),
        number("Settings read", "Time since the settings were last read successfully.", f"max({select('hookline_config_last_reload_success_timestamp_seconds')}) * 1000", "dateTimeFromNow"),
        number("Series", "Series in the last scrape.", f"sum({select('hookline_series')})"),
        number("Scrape", "Time that the last scrape took.", f"max({select('hookline_scrape_duration_seconds')})", "s", bad=1.0),
    ]  # fmt: skip


def watches() -> list[Panel]:
    """Lists and watches."""
    return [
        lines("Silence", "Time since the API server last sent anything. Bookmarks come about once a minute.",
              [(f"max by (resource) ({select('hookline_watch_age_seconds')})", "{{resource}}")], "s", width=8),
        bars("Changes", "Changes that the exporter received.", [(increase("hookline_watch_events_total", RATE, "resource"), "{{resource}}")], width=8),
        bars("Errors", "Errors of lists and watches, by reason; lines that were not JSON; requests that the exporter failed to answer. /-/ready says what fails now.", [
            (increase("hookline_list_errors_total", RATE, "resource, reason"), "list {{resource}}: {{reason}}"),
            (increase("hookline_watch_errors_total", RATE, "resource, reason"), "watch {{resource}}: {{reason}}"),
            (increase("hookline_watch_undecodable_total", RATE, "resource"), "{{resource}}: undecodable"),
            (increase("hookline_web_errors_total", RATE), "pages and /metrics"),
            (f"max({select('hookline_api_requests_failing')})", "kinds of requests that fail now"),
        ], width=8),
        bars("Lists and watches", "Lists and watches that the exporter began. It renews watches at least every five minutes. It may have missed changes before each list after the first.", [
            (increase("hookline_list_total", RATE, "resource"), "list {{resource}}"),
            (increase("hookline_relists_total", RATE, "resource"), "list again {{resource}}"),
            (increase("hookline_watch_total", RATE, "resource"), "watch {{resource}}"),
        ]),
        lines("Decoding", "Share of a core that decoding JSON takes.", [(f"sum by (resource) (rate({select('hookline_decode_seconds_total')}[{RATE}]))", "{{resource}}")], "percentunit"),
    ]  # fmt: skip


def counting() -> list[Panel]:
    """Panels of counted and lost objects."""
    return [
        lines("Tracked objects", "Objects in memory that are not counted yet.", [(f"sum by (object) ({select('hookline_tracked_objects')})", "{{object}}")], width=8),
        bars("Lost observations", "Runs and pods whose end the exporter did not see, or could not measure.", [(increase("hookline_observations_lost_total", RATE, "object"), "{{object}}")], width=8),
        bars("Replaced label values", "Label values that became `other`, because a list was full or did not hold them.", [(increase("hookline_label_overflow_total", RATE, "label"), "{{label}}")], width=8),
        lines("Ledger", "Size of the ledger file; 0 if the ledger is in memory only.", [(f"max({select('hookline_ledger_bytes')})", "size")], "bytes", width=8),
        lines("Remembered runs", "Runs in the ledger.", [(f"max({select('hookline_ledger_runs')})", "runs")], width=8),
        bars("Transactions and messages", "Transactions of the ledger; messages to listeners, such as CDEvents, that the receiver accepted, that were dropped, and that wait.", [
            (increase("hookline_ledger_commits_total", RATE), "transactions"),
            (increase("hookline_listener_messages_total", RATE, "listener, result"), "{{listener}} {{result}}"),
            (f"max by (listener) ({select('hookline_listener_messages_waiting')})", "{{listener}} waiting"),
        ], width=8),
    ]  # fmt: skip


def process() -> list[Panel]:
    """The process."""
    return [
        lines("CPU", "Cores that the process uses.", [(f"sum(rate({select('process_cpu_seconds_total')}[{RATE}]))", "cores")]),
        lines("Memory", "Resident memory of the process.", [(f"max({select('process_resident_memory_bytes')})", "resident")], "bytes"),
    ]  # fmt: skip
