"""Write Grafana dashboards, recording rules and alerts."""

import re
from pathlib import Path
from typing import Any

import click

from documents.scalars import check_metadata_key, check_pod_label
from hookline.command_line.common import fail, parse_namespace, print_line
from hookline.command_line.strict import StrictCommand
from hookline.command_line.writing import write_file
from hookline.labels import DEFAULT_INSTANCE, labelled
from hookline.output import yaml_text

PREFIX = re.compile(r"[A-Za-z0-9:/._~%?=&#@+-]{0,500}")


@click.command(cls=StrictCommand)
@click.option(
    "-o",
    "--to",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to. Files with the same names are replaced.",
)
@click.option(
    "-n",
    "--namespace",
    default="monitoring",
    show_default=True,
    callback=parse_namespace,
    help="Namespace of the ConfigMaps and the PrometheusRule.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME=VALUE",
    help="Label of the PrometheusRule, by which your Prometheus chooses its rules (release=kube-prometheus-stack); repeatable.",
)
@click.option(
    "--runbooks",
    metavar="PREFIX",
    help="Address where you publish the runbooks that hookline docs --to writes. Alerts link to PREFIX<name of the alert>.md.  [default: alerts name the command that prints their runbook]",
)
def command(folder: Path, namespace: str, labels: tuple[str, ...], runbooks: str | None) -> None:
    """Write Grafana dashboards, recording rules and alerts on the exporter's metrics, in every form in which they can be loaded.

    \b
    DIR/grafana/dashboards/      JSON, to import or to mount
    DIR/grafana/provisioning/    a provider for mounted files
    DIR/kubernetes/              ConfigMaps for Grafana's sidecar, and a PrometheusRule
    DIR/prometheus/rules.yaml    the same rules as a plain file

    \b
    Examples:
      hookline dashboards -o monitoring
      hookline dashboards -o monitoring -n monitoring --label release=kube-prometheus-stack
      kubectl apply --server-side -f monitoring/kubernetes/
    """
    from dashboards.files import files  # noqa: PLC0415 - no other command needs it

    # Prometheus takes what stands in an annotation for a template: {{ would be run there.
    if runbooks is not None and not PREFIX.fullmatch(runbooks):
        fail(
            f"--runbooks {runbooks}: expected the beginning of an address, as in https://docs.example.com/runbooks/"
        )
    made = dict(files(namespace, _read_labels(labels), runbooks))
    shown = made["kubernetes/dashboards.yaml"]
    made["kubernetes/dashboards.yaml"] = {**shown, "items": [_labelled(each) for each in shown["items"]]}
    made["kubernetes/rules.yaml"] = _labelled(made["kubernetes/rules.yaml"])
    written = {
        name: content if isinstance(content, str) else yaml_text(content) for name, content in made.items()
    }
    try:
        for name, text in written.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, text)
    except OSError as error:
        fail(f"{folder}: {error.strerror or error}")
    print_line(f"{len(written)} files in {folder}", err=True)


def _labelled(manifest: dict[str, Any]) -> dict[str, Any]:
    return labelled(manifest, "monitoring", DEFAULT_INSTANCE)


def _read_labels(given: tuple[str, ...]) -> dict[str, str]:
    """The labels of --label by name; one that Kubernetes would refuse ends the command."""
    found: dict[str, str] = {}
    for label in given:
        name, equals, value = label.partition("=")
        if not equals:
            fail(f"--label {label}: write NAME=VALUE, as in release=kube-prometheus-stack")
        if name in found:
            fail(f"--label {name} is given twice")
        try:
            found[check_metadata_key(name)] = check_pod_label(value)
        except ValueError as error:
            fail(f"--label {label}: {error}")
    return found
