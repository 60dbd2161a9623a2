"""Write Grafana dashboards, recording rules and alerts."""

import re
from pathlib import Path

import click

from hookline.command_line.common import fail
from hookline.command_line.writing import write_file
from hookline.output import yaml_text

LABEL = re.compile(r"[\w./-]+=[\w.-]*\Z")


@click.command()
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
    default="docs/runbooks/",
    show_default=True,
    metavar="PREFIX",
    help="Address where you publish the runbooks. Alerts link to PREFIX<name of the alert>.md.",
)
def command(folder: Path, namespace: str, labels: tuple[str, ...], runbooks: str) -> None:
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

    for label in labels:
        if not LABEL.match(label):
            fail(f"--label {label}: write NAME=VALUE, as in release=kube-prometheus-stack")
    made = files(namespace, dict(each.split("=", 1) for each in labels), runbooks)
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
    click.echo(f"{len(written)} files in {folder}", err=True)
