"""Checks of `exporter:`, and the files that its pod is given."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from documents.diagnostics import Diagnostic, InvalidInput, Problems
from documents.document import Document
from documents.files import read_file
from events.eventsource import Endpoint
from hookline.declaration.loading import Declaration, DeclaredExporter
from hookline.declaration.merging import EMPTY, Part, part_at
from hookline.output import plural, yaml_text
from hookline.plan.exporter_links import with_links
from hookline.plan.fire_times import LabelledSchedule, schedules_fit, schedules_text
from hookline.plan.own_pod_checks import check_amounts, check_clients
from runs.exporter.manifests import DEFAULT_LIMITS, DEFAULT_REQUESTS, PRICES, SCHEDULES, SETTINGS
from triggers.image_references import is_pinned

__all__ = ["MOST_NAMESPACES", "check_exporter"]

MOST_NAMESPACES = 50
"""Each takes three watches, and three threads that wait."""
LARGEST_SETTINGS = 120_000
"""Bytes of settings and prices together. kubectl apply keeps a copy of the object in an annotation, of which all together may
have 262,144 bytes (apimachinery pkg/api/validation/objectmeta.go)."""


def check_exporter(
    declaration: Declaration,
    endpoints: Mapping[str, Endpoint],
    namespaces: Iterable[str],
    schedules: Iterable[LabelledSchedule],
    problems: Problems,
) -> Mapping[str, str]:
    """Check the exporter and its image.

    Args:
        declaration: The files.
        endpoints: Of the sources, by name.
        namespaces: Of the Workflows.
        schedules: Of all pipelines.
        problems: Takes what is found.

    Returns:
        Name of a file → its content: settings, prices and schedules, as the pod gets them.
    """
    declared = declaration.exporter
    _check_image(declaration, problems)
    if declared is None:
        return {}
    _check_watch(declared, sorted(set(namespaces)), problems)
    _check_names(declaration, declared, endpoints, problems)
    _check_without_effect(declared, problems)
    check_amounts(
        declared.exporter, declared.position, "exporter", (DEFAULT_REQUESTS, DEFAULT_LIMITS), problems
    )
    check_clients(declared.exporter, declared.position, "exporter", problems)
    _check_interval(declared, problems)
    return {**_settings(declaration, declared, problems), **_schedules(declared, schedules, problems)}


def _schedules(
    declared: DeclaredExporter, schedules: Iterable[LabelledSchedule], problems: Problems
) -> Mapping[str, str]:
    text = schedules_text(schedules)
    if not schedules_fit(text):
        problems.warn(
            declared.position(),
            f"the schedules have {len(text.encode()):,} bytes, more than a ConfigMap holds that kubectl can apply, so that the exporter does "
            "not show when they fire",
            "exporter",
        )
        return {}
    return {SCHEDULES: text} if text else {}


def _check_image(declaration: Declaration, problems: Problems) -> None:
    image, declared = declaration.cluster.image, declaration.exporter
    if image is None:
        if declared is not None:
            problems.error(
                declared.position(),
                "the exporter runs hookline's own image, which cluster: does not name; write cluster: {image: …}, or leave exporter: out "
                "(make image builds one: hookline docs exporter)",
                "exporter",
            )
        if declaration.cluster.image_pull_secrets:
            problems.error(
                declaration.cluster_position("image_pull_secrets"),
                "these are for cluster.image, which is not given; write image:, or leave image_pull_secrets: out",
                "cluster.image_pull_secrets",
            )
    elif not is_pinned(image):
        problems.warn(
            declaration.cluster_position("image"),
            "a tag can be moved, and then changes what runs; a digest cannot, as in registry.example.com/hookline@sha256:<64 hex digits>",
            "cluster.image",
        )


def _check_watch(declared: DeclaredExporter, used: list[str], problems: Problems) -> None:
    watch = declared.exporter.watch
    if watch == "all":
        return
    if watch is None:
        if len(used) > MOST_NAMESPACES:
            problems.error(
                declared.position("watch"),
                f"runs go to {plural(len(used), 'namespace')}, and the exporter watches {MOST_NAMESPACES} by name at most; write watch: all, "
                "which needs a ClusterRole",
                "exporter.watch",
            )
        return
    if len(watch) > MOST_NAMESPACES:
        problems.error(
            declared.position("watch"),
            f"{len(watch)} namespaces are named, and the exporter watches {MOST_NAMESPACES} by name at most; write watch: all",
            "exporter.watch",
        )
    for place, name in enumerate(watch):
        if name in watch[:place]:
            problems.error(
                declared.position("watch", place),
                f"{name} is named twice; name it once",
                f"exporter.watch.{place}",
            )
    if missing := [each for each in used if each not in watch]:
        problems.warn(
            declared.position("watch"),
            f"runs go to {', '.join(missing)} too, which the exporter does not watch, so that it does not measure them; name every namespace, "
            "or leave watch: out",
            "exporter.watch",
        )


def _check_names(
    declaration: Declaration,
    declared: DeclaredExporter,
    endpoints: Mapping[str, Endpoint],
    problems: Problems,
) -> None:
    """Accounts and NetworkPolicies are named after what they are for; two may not have one name."""
    cluster = declaration.cluster
    if (declared.exporter.namespace or cluster.namespace) != cluster.namespace:
        return
    ours = f"{cluster.name}-exporter"
    for name, endpoint in endpoints.items():
        if endpoint.event_source == ours:
            source = declaration.sources[name]
            problems.error(
                source.document.position(("sources", name), key=True),
                f"the account of this source would have the name {ours}, which that of the exporter has; rename the source, or give exporter: "
                "another namespace",
                f"sources.{name}",
            )
    if cluster.event_bus.create and f"eventbus-{cluster.event_bus.name}" == ours:
        problems.error(
            declaration.cluster_position("event_bus", "name"),
            f"the account of the bus would have the name {ours}, which that of the exporter has; rename the bus",
            "cluster.event_bus.name",
        )


def _check_interval(declared: DeclaredExporter, problems: Problems) -> None:
    if declared.exporter.interval == 0:
        problems.error(declared.position("interval"), "expected 1s or more, such as 30s", "exporter.interval")


_WITHOUT_EFFECT = (
    ("monitor_labels", "monitor", "none"),
    ("interval", "monitor", "none"),
    ("event_metrics", "monitor", "none"),
    ("rules_labels", "rules", False),
    ("runbooks", "rules", False),
    ("dashboards_labels", "dashboards", False),
)
"""Key, the key that switches it off, and by which value."""


def _check_without_effect(declared: DeclaredExporter, problems: Problems) -> None:
    said = declared.exporter.model_fields_set
    for key, switch, off in _WITHOUT_EFFECT:
        if key in said and getattr(declared.exporter, switch) == off:
            shown = "false" if off is False else off
            problems.error(
                declared.position(key, key=True),
                f"with {switch}: {shown} this has no effect; leave {key}: out, or {switch}: {shown}",
                f"exporter.{key}",
            )


def _settings(declaration: Declaration, declared: DeclaredExporter, problems: Problems) -> Mapping[str, str]:
    if not declared.exporter.settings:
        linked = with_links(declaration, {})
        return {SETTINGS: yaml_text(linked)} if linked else {}
    # The exporter's own models take long to load, and most declarations have no settings.
    from documents.validation import validate_document  # noqa: PLC0415
    from runs.exporter.configuration import WANTED, Configuration  # noqa: PLC0415
    from runs.exporter.prices import read_prices  # noqa: PLC0415

    data = declared.exporter.settings
    exporter = part_at(Part(declared.document.data, declared.document.root), "exporter")
    part = part_at(exporter or EMPTY, "settings") or EMPTY
    written = declared.document
    document = Document(
        written.file,
        data,
        part.node,
        WANTED,
        written.holds_nothing,
        written.holds_false,
        written.holds_hidden,
    )
    files: dict[str, str] = {}
    try:
        found = validate_document(document, Configuration)
        if found.prices is not None:
            path = Path(written.file).parent / found.prices
            if not path.is_file():
                problems.error(
                    declared.position("settings", "prices"),
                    f"there is no file {path}",
                    "exporter.settings.prices",
                )
                return {}
            read_prices(path)
            files[PRICES] = read_file(path).decode("utf-8")
            data = {**data, "prices": PRICES}
    except InvalidInput as invalid:
        problems.errors += [_placed(each, written.file) for each in invalid.diagnostics]
        return {}
    files = {SETTINGS: yaml_text(with_links(declaration, data)), **files}
    size = sum(len(text.encode()) for text in files.values())
    if size > LARGEST_SETTINGS:
        problems.error(
            declared.position("settings"),
            f"settings and prices have {size:,} bytes together, and a ConfigMap that kubectl can apply holds {LARGEST_SETTINGS:,} of them; "
            "shorten the price file",
            "exporter.settings",
        )
    return files


def _placed(problem: Diagnostic, file: str) -> Diagnostic:
    """A problem of the settings as one of the declaration; those of a price file stay."""
    if problem.position.file != file:
        return problem
    return replace(
        problem, field=f"exporter.settings.{problem.field}" if problem.field else "exporter.settings"
    )
