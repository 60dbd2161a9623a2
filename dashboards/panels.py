"""Panels in a few kinds, so that all dashboards look and behave alike."""

import itertools
from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models import dashboard as shapes
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.queries import BY_PIPELINE, PIPELINE_LEGEND, RATE, increase
from runs.exporter.family import PIPELINE

__all__ = ["DATA_SOURCE", "RUNS_VARIABLES", "Panel", "Query", "bars", "dashboard", "lines", "number", "rows"]

Panel = stat.Panel | timeseries.Panel | table.Panel
Query = tuple[str, str]
"""PromQL and legend."""
DATA_SOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
STEP = "5m"
"""Builds are rare: a shorter step shows more noise, not more."""
COLORS = {
    "success": "green", "failure": "red", "error": "orange", "timeout": "dark-orange", "cancellation": "#8e8e8e",
    "skip": "#b7b7b7", "full": "green", "partial": "yellow", "cold_missing": "#8e8e8e", "cold_unusable": "#b7b7b7",
    "cold_error": "red", "broken": "dark-red", "failed": "orange", "not_configured": "blue", "no_steps": "light-blue",
    "unknown": "purple", "spot": "green", "on_demand": "blue",
}  # fmt: skip
"""Colour of each word, the same on every panel."""
COLORED = ("{{outcome}}", "{{cache_state}}", "{{capacity}}")
RUNS_LINK = (
    "${exporter}/runs?namespace=${__field.labels.namespace:percentencode}"
    "&pipeline=${__field.labels.pipeline:percentencode}"
)


def _targets(
    queries: Sequence[Query], *, instant: bool = False, as_table: bool = False
) -> list[Builder[Dataquery]]:
    found: list[Builder[Dataquery]] = []
    for number, (expression, legend) in enumerate(queries):
        target = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number))
        target = target.datasource(DATA_SOURCE)
        target = target.instant() if instant else target.range().exemplar(True)
        found.append(target.format(PromQueryFormat.TABLE) if as_table else target)
    return found


def _runs_link() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Runs of this pipeline")
        .type(shapes.DashboardLinkType.LINK)
        .url(RUNS_LINK)
        .target_blank(True)
    )


def _colors() -> list[tuple[str, list[shapes.DynamicConfigValue]]]:
    return [
        (word, [shapes.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": color})])
        for word, color in COLORS.items()
    ]


def number(
    title: str,
    description: str,
    query: str | Query,
    unit: str = "short",
    *,
    good: float | None = None,
    bad: float | None = None,
    words: Mapping[str, str] | None = None,
    width: int = 4,
) -> stat.Panel:
    """Panel of one value over the chosen time, coloured green, yellow or red by two limits.

    Args:
        title: Of the panel.
        description: What it says, and what it does not.
        query: PromQL, with a legend where the panel shows it.
        unit: Grafana's id of a unit.
        good: From here on green, where more is better.
        bad: From here on red, where less is better.
        words: Value → what is shown for it.
        width: Of 24 columns.
    """
    steps = [shapes.Threshold(value=None, color="text")]
    if good is not None:
        steps = [
            shapes.Threshold(value=None, color="red"),
            shapes.Threshold(value=good * 0.8, color="yellow"),
            shapes.Threshold(value=good, color="green"),
        ]
    elif bad is not None:
        steps = [shapes.Threshold(value=None, color="green"), shapes.Threshold(value=bad, color="red")]
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .targets(_targets([(query, "") if isinstance(query, str) else query], instant=True))
        .unit(unit)
        .no_value("no data")
        .thresholds(builders.ThresholdsConfig().mode(shapes.ThresholdsMode.ABSOLUTE).steps(steps))
        .graph_mode(models.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .span(width)
        .height(4)
    )
    if words:
        options = {value: shapes.ValueMappingResult(text=text) for value, text in words.items()}
        panel = panel.mappings([shapes.ValueMap(options=options)])
    return panel


def lines(
    title: str,
    description: str,
    queries: Sequence[Query],
    unit: str = "short",
    *,
    width: int = 12,
    most: float | None = None,
) -> timeseries.Panel:
    """Values over time."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .targets(_targets(queries))
        .unit(unit)
        .interval(STEP)
        .min(0)
        .line_width(1.5)
        .fill_opacity(8)
        .show_points(models.VisibilityMode.AUTO)
        .span_nulls(3_600_000)
        .tooltip(
            common.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI).sort(models.SortOrder.DESCENDING)
        )
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(models.LegendDisplayMode.LIST)
            .placement(models.LegendPlacement.BOTTOM)
        )
        .span(width)
        .height(8)
    )
    if all(PIPELINE_LEGEND in legend for _, legend in queries):
        panel = panel.data_links([_runs_link()])
    if most is not None:
        panel = panel.max(most)
    if any(legend in COLORED for _, legend in queries):
        for word, properties in _colors():
            panel = panel.override_by_name(word, properties)
    return panel


def bars(
    title: str, description: str, queries: Sequence[Query], unit: str = "short", *, width: int = 12
) -> timeseries.Panel:
    """Counts over time, one on the other."""
    return (
        lines(title, description, queries, unit, width=width)
        .interval("30m")
        .draw_style(models.GraphDrawStyle.BARS)
        .fill_opacity(80)
        .line_width(0)
        .stacking(common.StackingConfig().mode(models.StackingMode.NORMAL))
    )


def rows(
    title: str,
    description: str,
    columns: Mapping[str, str],
    units: Mapping[str, str],
    *,
    width: int = 24,
) -> table.Panel:
    """A table: a row for each pipeline, a column for each query (name → PromQL)."""
    names = {f"Value #{chr(ord('A') + number)}": name for number, name in enumerate(columns)}
    organize = {"excludeByName": {"Time": True}, "renameByName": names}
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .targets(_targets([(query, "") for query in columns.values()], instant=True, as_table=True))
        .transformations(
            [
                shapes.DataTransformerConfig(id_val="merge", options={}),
                shapes.DataTransformerConfig(id_val="organize", options=organize),
            ]
        )
        .no_value("–")
        .span(width)
        .height(9)
    )
    for name, unit in units.items():
        panel = panel.override_by_name(name, [shapes.DynamicConfigValue(id_val="unit", value=unit)])
    link = {
        "title": "Runs of this pipeline",
        "url": "${exporter}/runs?namespace=${__data.fields.namespace}&pipeline=${__value.text:percentencode}",
        "targetBlank": True,
    }
    return panel.override_by_name("pipeline", [shapes.DynamicConfigValue(id_val="links", value=[link])])


def _variable(name: str, label: str, query: str, description: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(DATA_SOURCE)
        .query({"query": query, "refId": "StandardVariableQuery"})
        .refresh(shapes.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(shapes.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(shapes.VariableOption(text="All", value="$__all", selected=True))
    )


VARIABLES = {
    "job": ("Job", "label_values(hookline_build_info, job)", "The scrape job of the exporter."),
    "namespace": (
        "Namespace",
        'label_values(hookline_runs_total{job=~"$job"}, namespace)',
        "Of the runs.",
    ),
    "owner": (
        "Owner",
        'label_values(hookline_runs_total{job=~"$job",namespace=~"$namespace"}, owner)',
        "Of the pipelines, by hookline.yaml. Runs without an owner are in All.",
    ),
    "pipeline": (
        "Pipeline",
        'label_values(hookline_runs_total{job=~"$job",namespace=~"$namespace",owner=~"$owner"}, pipeline)',
        "Of hookline.yaml, or adopted.",
    ),
    "events_namespace": (
        "Namespace of events",
        "label_values(argo_events_events_sent_total, namespace)",
        "Of event sources, Sensors and the bus.",
    ),
}
RUNS_VARIABLES = ("job", *PIPELINE)
"""Variables of a dashboard of runs, in the order in which each narrows the next."""


def dashboard(
    uid: str, title: str, description: str, variables: Sequence[str], content: Mapping[str, Sequence[Panel]]
) -> builders.Dashboard:
    """A dashboard of rows of panels.

    Args:
        uid: Stable: links and provisioning use it.
        title: Without the name of the project.
        description: What it answers.
        variables: Of VARIABLES.
        content: Title of a row → its panels.
    """
    made = (
        builders.Dashboard(f"hookline / {title}")
        .uid(f"hookline-{uid}")
        .description(description)
        .tags(["hookline", "ci"])
        .time("now-7d", "now")
        .refresh("5m")
        .timezone("browser")
        .tooltip(shapes.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(builders.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .link(
            builders.DashboardLink("hookline")
            .type(shapes.DashboardLinkType.DASHBOARDS)
            .tags(["hookline"])
            .include_vars(True)
            .keep_time(True)
        )
    )
    for name in variables:
        label, query, explained = VARIABLES[name]
        variable = _variable(name, label, query, explained)
        # Shorter than a list of a thousand names. Jobs are named, since other programs have metrics of a process too.
        made = made.with_variable(variable if name == "job" else variable.all_value(".*"))
    made = made.with_variable(
        builders.TextBoxVariable("exporter")
        .label("Exporter")
        .description("Address of the exporter's pages, for links to runs.")
        .default_value("http://localhost:9893")
    )
    if "pipeline" in variables:
        made = made.annotation(
            builders.AnnotationQuery()
            .name("Spot reclaims")
            .datasource(DATA_SOURCE)
            .enable(True)
            .icon_color("orange")
            .expr(f"{increase('hookline_spot_reclaims_total', RATE, f'{BY_PIPELINE}, reason')} > 0")
        )
    ids = itertools.count(1)
    for name, panels in content.items():
        made = made.with_row(builders.Row(name).id(next(ids)))
        for panel in panels:
            made = made.with_panel(panel.id(next(ids)))
    return made
