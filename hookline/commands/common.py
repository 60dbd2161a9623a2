"""What commands share: their options, how a declaration is opened, how problems end a command."""

import functools
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from hookline.diagnostics import Diagnostic, InvalidInput
from hookline.loading import load
from hookline.logs import log
from hookline.planning import Plan, make_plan
from hookline.templates import read_templates, template_from_cluster

__all__ = [
    "EXIT_NEGATIVE",
    "EXIT_UNDECIDABLE",
    "EXIT_UNREACHABLE",
    "EXIT_USAGE",
    "declaration_options",
    "fail",
    "header_option",
    "open_plan",
    "print_data",
    "report",
]

EXIT_NEGATIVE = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_UNDECIDABLE = 5

Command = TypeVar("Command", bound=Callable[..., Any])


def fail(message: str, code: int = EXIT_USAGE) -> NoReturn:
    """End the command with one sentence on stderr."""
    click.echo(f"error: {message}", err=True)
    sys.exit(code)


def report(diagnostics: Iterable[Diagnostic]) -> None:
    """Problems, one a line, on stderr."""
    for each in diagnostics:
        click.echo(str(each), err=True)


def declaration_options(command: Command) -> Command:
    """-f and --template: which declaration, and what is known of templates."""

    @click.option(
        "-f",
        "--file",
        "files",
        multiple=True,
        type=click.Path(path_type=Path),
        help="File or folder of the declaration; repeatable.  [default: hookline.yaml]",
    )
    @click.option(
        "--template",
        "template_files",
        multiple=True,
        type=click.Path(path_type=Path),
        help="Manifest of a (Cluster)WorkflowTemplate that pipelines use, as kubectl get -o yaml prints it; repeatable.",
    )
    @click.option(
        "--template-from-cluster",
        "cluster_templates",
        multiple=True,
        metavar="NAME",
        help="Read this ClusterWorkflowTemplate from the cluster of the current kubeconfig context; repeatable.",
    )
    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return command(*args, **kwargs)

    return wrapped  # type: ignore[return-value]  # click.option keeps the callable's type, functools.wraps does not say so


def header_option(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    """Callback of --header: Name: value."""
    found = {}
    for value in values:
        name, colon, content = value.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f"expected 'Name: value', not {value!r}")
        found[name.strip()] = content.strip()
    return found


def open_plan(
    files: tuple[Path, ...], template_files: tuple[Path, ...], cluster_templates: tuple[str, ...] = ()
) -> Plan:
    """The plan of a declaration; its problems end the command with code 2."""
    paths = files or (Path("hookline.yaml"),)
    if not files and not paths[0].exists():
        fail("there is no hookline.yaml here; name one with -f, or write a first one with: hookline init")
    try:
        templates = read_templates(template_files)
        for name in cluster_templates:
            templates[name] = template_from_cluster(name)
        plan = make_plan(load(paths), templates)
    except InvalidInput as invalid:
        report(invalid.diagnostics)
        sys.exit(EXIT_USAGE)
    except ConnectionError as error:
        fail(str(error), EXIT_UNREACHABLE)
    log(
        "info",
        "planned",
        files=[str(path) for path in paths],
        pipelines=len(plan.workloads),
        routes=len(plan.routes),
    )
    return plan


def print_data(value: Any, output: str) -> None:
    """JSON or YAML on stdout."""
    from hookline.output import json_text, yaml_text  # noqa: PLC0415 - not every command prints data

    click.echo(json_text(value) if output == "json" else yaml_text(value), nl=False)
