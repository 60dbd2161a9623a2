"""hookline template check."""

import sys
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from documents.diagnostics import Diagnostic, InvalidInput, Position
from documents.files import read_file
from documents.lines import printable
from hookline.answers.template_check import TemplateReport, check_template, report_data
from hookline.command_line.cluster_templates import AbsentTemplate, manifest_from_cluster
from hookline.command_line.common import (
    EXIT_NEGATIVE,
    EXIT_UNREACHABLE,
    fail,
    output_option,
    parse_namespace,
    print_data,
    read_stdin,
    refuse,
)
from hookline.command_line.strict import StrictCommand
from hookline.declaration.templates import LARGEST_BYTES, manifest_template, templates_in
from hookline.output import plural, table
from hookline.version import VERSION
from triggers.inspection.words import shortened
from triggers.shipped import shipped_names


def _complete_what(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Files; with --live, the templates that come with hookline."""
    if not context.params.get("live"):
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(name) for name in shipped_names() if name.startswith(incomplete)]


@click.command("check", cls=StrictCommand)
@click.argument("what", metavar="[FILE|NAME]", required=False, shell_complete=_complete_what)
@click.option(
    "--live",
    is_flag=True,
    help="Ask the cluster for the template NAME; without a NAME, for the templates that come with hookline.",
)
@click.option(
    "-n",
    "--namespace",
    default="",
    callback=parse_namespace,
    help="With --live: check a WorkflowTemplate of this namespace.  [default: a ClusterWorkflowTemplate]",
)
@click.option("--context", help="With --live: context of the kubeconfig.  [default: the current one]")
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path),
    help="With --live: the kubeconfig.  [default: as kubectl]",
)
@output_option
def command(
    what: str | None, *, live: bool, namespace: str, context: str | None, kubeconfig: Path | None, output: str
) -> None:
    """Say which published version a template is, whether it keeps the contract of ci-go-v1, and what it lacks for events.

    FILE holds the output of `kubectl get cwft NAME -o yaml`, or a List of templates; - is standard input. hookline shows an unknown
    template beside the most similar one that it can print.

    \b
    Exit codes:
      0   the template lacks nothing
      1   it lacks something, or the cluster has no such template
      2   wrong usage, or the input is not a template
      3   the cluster cannot be reached, or refuses

    \b
    Examples:
      hookline template check --live
      hookline template check --live ci-go-v1 --context prod
      hookline template check ci-go-v1.yaml -o json
      kubectl get cwft ci-go-v1 -o yaml | hookline template check -
    """
    if not live and (namespace or context is not None or kubeconfig is not None):
        fail("-n, --context and --kubeconfig are for --live")
    if what is None and not live:
        fail("name a file, or ask a cluster with --live")
    try:
        reports = _live(what, namespace, context, kubeconfig) if live else _file(what or "-")
    except InvalidInput as invalid:
        refuse(invalid)
    if output == "table":
        click.echo("\n".join(_text(report) for report in reports), nl=False)
    else:
        data = {
            "apiVersion": "hookline.dev/v1",
            "kind": "TemplateCheck",
            "templates": [report_data(report) for report in reports],
        }
        print_data(data, output)
    if any(report.findings for report in reports):
        sys.exit(EXIT_NEGATIVE)


def _file(file: str) -> list[TemplateReport]:
    if file == "-":
        content, file = read_stdin(LARGEST_BYTES), "(stdin)"
    else:
        if file in shipped_names() and not Path(file).exists():
            sentence = f"cannot be read: there is no such file; a cluster is asked for its template with --live {file}"
            raise InvalidInput((Diagnostic(Position(file, 1, 1), sentence),))
        content = read_file(Path(file), LARGEST_BYTES)
    return [check_template(each, VERSION) for each in templates_in(content, file)]


def _live(
    name: str | None, namespace: str, context: str | None, kubeconfig: Path | None
) -> list[TemplateReport]:
    reports = []
    for each in shipped_names() if name is None else (name,):
        try:
            manifest = manifest_from_cluster(
                each, kubeconfig=kubeconfig, context=context, namespace=namespace
            )
        except AbsentTemplate as error:
            if name is not None:
                fail(str(error), EXIT_NEGATIVE)
            continue
        except ConnectionError as error:
            fail(str(error), EXIT_UNREACHABLE)
        reports.append(check_template(manifest_template(manifest, f"cluster:{each}"), VERSION))
    if not reports:
        fail(f"the cluster has neither {' nor '.join(shipped_names())}", EXIT_NEGATIVE)
    return reports


def _text(report: TemplateReport) -> str:
    where = f"{report.namespace}/" if report.namespace else ""
    parts = [f"{report.kind} {shortened(where + report.name)}\ntext   {report.origin.sentence}\n"]
    if report.origin.images:
        rows = [
            (
                each.step,
                shortened(each.found),
                each.expected,
                "the same by digest" if each.same_content else "another image",
            )
            for each in report.origin.images
        ]
        parts.append(table(("IMAGE OF", "HERE", "IN THAT TEXT", ""), rows))
    clauses = [
        (
            each.state,
            each.what,
            each.name,
            each.expected,
            "" if each.state == "found" else each.found or "nothing",
        )
        for each in report.contract
    ]
    parts.append(table(("CONTRACT", "WHAT", "NAME", "EXPECTED", "INSTEAD"), clauses))
    if report.findings:
        lacks = table(("LACKS", "HERE"), [(each.code, each.sentence) for each in report.findings])
        parts.append(
            f"{lacks}{plural(len(report.findings), 'finding')}; what each means: hookline docs template#what-a-cluster-holds\n"
        )
    else:
        parts.append("lacks nothing for events\n")
    if report.comparison is not None:
        near = report.comparison
        parts.append(
            f"{near.percent} % of the lines are those of hookline's {near.nearest}"
            + (":\n" + "\n".join(near.diff) + "\n" if near.diff else "; too far from it for a comparison\n")
        )
    return "\n".join("".join(f"{printable(line)}\n" for line in part.splitlines()) for part in parts)
