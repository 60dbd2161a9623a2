"""Parts that commands share: options, opening a declaration, ending a command with its problems."""

import functools
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from documents.diagnostics import Diagnostic, InvalidInput, Position, printed
from documents.lines import printable
from documents.scalars import check_namespace
from hookline.command_line.cluster_templates import template_from_cluster
from hookline.command_line.completing import complete_template
from hookline.declaration.loading import load
from hookline.declaration.templates import read_templates
from hookline.exit_codes import (
    EXIT_INTERNAL,
    EXIT_NEGATIVE,
    EXIT_UNDECIDABLE,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
)
from hookline.logs import log
from hookline.plan.controller_check import BrokenRules, checked_objects
from hookline.plan.planning import Plan, make_plan
from hookline.plan.sizes import check_sizes
from triggers.template import Template

__all__ = [
    "EXIT_INTERNAL",
    "EXIT_NEGATIVE",
    "EXIT_UNDECIDABLE",
    "EXIT_UNREACHABLE",
    "EXIT_USAGE",
    "DeclarationArguments",
    "declaration_arguments",
    "declaration_options",
    "fail",
    "header_option",
    "objects_option",
    "objects_to_print",
    "output_option",
    "parse_namespace",
    "print_data",
    "print_line",
    "read_stdin",
    "refuse",
    "report",
]

Command = TypeVar("Command", bound=Callable[..., Any])


def print_line(text: str, *, err: bool = False) -> None:
    """Print one line; what a terminal would act on is escaped, since texts of events and files come from strangers."""
    click.echo(printable(text), err=err)


def read_stdin(most: int) -> bytes:
    """The content of stdin, with one byte too many if it is too long; a closed stdin ends the command."""
    if sys.stdin is None:
        fail("stdin is closed; name a file")
    return sys.stdin.buffer.read(most + 1)


def fail(message: str, code: int = EXIT_USAGE) -> NoReturn:
    """End the command with one sentence on stderr."""
    print_line(f"error: {message}", err=True)
    sys.exit(code)


def refuse(invalid: InvalidInput) -> NoReturn:
    """End the command with every problem of the input."""
    report(invalid.diagnostics)
    sys.exit(EXIT_USAGE)


def report(diagnostics: Collection[Diagnostic]) -> None:
    """Print problems on stderr, one a line: the first hundred, and how many more there are."""
    for line in printed(diagnostics):
        click.echo(line, err=True)


@dataclass(frozen=True, slots=True)
class DeclarationArguments:
    """Options that name the declaration."""

    files: tuple[Path, ...]
    template_files: tuple[Path, ...]
    cluster_templates: tuple[str, ...]

    def plan(self) -> Plan:
        """The plan of the declaration; its problems end the command with code 2."""
        try:
            return self.read()
        except InvalidInput as invalid:
            refuse(invalid)

    def read(self, changed: Mapping[str, bytes] | None = None) -> Plan:
        """The plan of the declaration; a cluster that cannot be asked ends the command with code 3.

        Args:
            changed: File → the content that it is taken to have.

        Raises:
            InvalidInput: With every problem of the declaration and of the templates.
        """
        paths = self.files or (Path("hookline.yaml"),)
        if not self.files and not paths[0].exists():
            fail(
                "there is no hookline.yaml in this folder; name a file with -f, or write a first one with: hookline init"
            )
        try:
            templates = read_templates(self.template_files)
            for name in self.cluster_templates:
                if name in templates:
                    fail(
                        f"--template-from-cluster {name}: {templates[name].origin} is the template of this name already"
                    )
                templates[name] = template_from_cluster(name)
        except ConnectionError as error:
            fail(str(error), EXIT_UNREACHABLE)
        plan = make_plan(load(paths, changed), templates)
        unused = _unused(templates.values(), plan)
        log(
            "info",
            "planned",
            files=[str(path) for path in paths],
            pipelines=len(plan.workloads),
            routes=len(plan.routes),
        )
        return replace(plan, warnings=(*plan.warnings, *unused)) if unused else plan

    def plan_that_fits(self) -> Plan:
        """The plan, if every object of it fits into its pod's environment too."""
        plan = self.plan()
        try:
            check_sizes(plan)
        except InvalidInput as invalid:
            refuse(invalid)
        return plan


def _unused(templates: Iterable[Template], plan: Plan) -> list[Diagnostic]:
    """A warning for each file, or template of a cluster, that no pipeline needs."""
    used = {each.resource["spec"]["workflowTemplateRef"]["name"] for each in plan.workloads.values()}
    held: dict[str, list[str]] = {}
    for each in templates:
        held.setdefault(each.origin, []).append(each.name)
    return [
        Diagnostic(Position(origin, 1, 1), f"no pipeline uses {', '.join(names)}", "warning")
        for origin, names in held.items()
        if used.isdisjoint(names)
    ]


def objects_to_print(plan: Plan) -> list[dict[str, Any]]:
    """Every object of a plan; one that a controller would not take ends the command before anything is written."""
    try:
        return checked_objects(plan)
    except BrokenRules as broken:
        for line in str(broken).splitlines():
            print_line(f"error: {line}", err=True)
        fail("this is an error in hookline, and nothing was written; please report it", EXIT_INTERNAL)


def declaration_arguments(command: Command) -> Command:
    """FILE, and the options of `declaration_options`."""
    files = click.argument("paths", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
    return files(declaration_options(command))


def declaration_options(command: Command) -> Command:
    """-f, --template and --template-from-cluster; the command gets them as `declared`."""

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
        help="File with the manifest of a (Cluster)WorkflowTemplate that pipelines use, as kubectl get -o yaml prints it; repeatable.",
    )
    @click.option(
        "--template-from-cluster",
        "cluster_templates",
        multiple=True,
        metavar="NAME",
        shell_complete=complete_template,
        help="Read this ClusterWorkflowTemplate from the cluster of the current kubeconfig context; repeatable.",
    )
    @functools.wraps(command)
    def wrapped(
        files: tuple[Path, ...],
        template_files: tuple[Path, ...],
        cluster_templates: tuple[str, ...],
        paths: tuple[Path, ...] = (),
        **others: Any,
    ) -> Any:
        return command(
            declared=DeclarationArguments((*files, *paths), template_files, cluster_templates), **others
        )

    return wrapped  # type: ignore[return-value]  # click.option keeps the callable's type, functools.wraps does not say so


def format_option(*formats: str, help: str) -> Callable[[Command], Command]:  # noqa: A002 - as click names it
    """-o: one of these formats; without it, the first."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help=help,
    )


output_option = format_option("table", "json", "yaml", help="Format of the answer.")
objects_option = format_option("yaml", "json", help="Format of the objects.")


def header_option(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    """Callback of --header: Name: value."""
    found: dict[str, str] = {}
    for value in values:
        name, colon, content = value.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f"expected 'Name: value', not {value!r}")
        if name.strip().lower() in map(str.lower, found):
            raise click.BadParameter(f"{name.strip()} is given twice")
        found[name.strip()] = content.strip()
    return found


def parse_namespace(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Callback of --namespace: a name that Kubernetes takes, or the default; another one ends the command."""
    if value != parameter.default and not context.resilient_parsing:
        try:
            check_namespace(value)
        except ValueError as error:
            fail(f"-n {value}: {error}")
    return value


def print_data(value: Any, output: str) -> None:
    """JSON or YAML on stdout."""
    from hookline.output import json_text, yaml_text  # noqa: PLC0415 - not every command prints data

    click.echo(json_text(value) if output == "json" else yaml_text(value), nl=False)
