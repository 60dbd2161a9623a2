"""Write Grafana dashboards, recording rules and alerts."""

import re
from pathlib import Path

import click

from documents.scalars import check_metadata_key, check_namespace, check_pod_label
from hookline.command_line.common import fail, print_line
from hookline.command_line.writing import write_file
from hookline.output import yaml_text

PREFIX = re.compile(r"[A-Za-z0-9:/._~%?=&#@+-]{0,500}")


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

    try:
        check_namespace(namespace)
    except ValueError as error:
        fail(f"-n {namespace}: {error}")
    # Prometheus takes what stands in an annotation for a template: {{ would be run there.
    if not PREFIX.fullmatch(runbooks):
        fail(
            f"--runbooks {runbooks}: expected the beginning of an address, as in https://docs.example.com/runbooks/"
        )
    made = files(namespace, dict(map(_label, labels)), runbooks)
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


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        fail(f"--label {text}: write NAME=VALUE, as in release=kube-prometheus-stack")
    try:
        return check_metadata_key(name), check_pod_label(value)
    except ValueError as error:
        fail(f"--label {text}: {error}")
