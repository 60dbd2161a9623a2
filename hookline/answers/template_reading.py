"""Manifests that `hookline template check` is asked about: what is wrong in them is told with its place."""

from typing import Any

from documents.diagnostics import Diagnostic, InvalidInput, Position
from documents.reading import read_document
from documents.wanted import Wanted
from documents.yaml_syntax import shown
from hookline.answers.template_check import TemplateReport, check_template, templates_in
from hookline.declaration.templates import LARGEST_BYTES
from triggers.inspection.anatomy import Malformed, Path, dotted

__all__ = ["check_file", "check_manifest"]

MANIFEST = Wanted(
    empty="expected a template, as kubectl get cwft NAME -o yaml prints it",
    mapping="such as kind: ClusterWorkflowTemplate",
)


def check_file(content: bytes, file: str, version: str) -> list[TemplateReport]:
    """The answers about the templates in a file, which may be a List.

    Raises:
        InvalidInput: It holds no template; every problem with its place.
    """
    if len(content) > LARGEST_BYTES:
        message = f"too large for a template; at most {LARGEST_BYTES:,} bytes are read"
        raise InvalidInput((Diagnostic(Position(file, 1, 1), message),))
    document = read_document(content, file, MANIFEST)
    reports: list[TemplateReport] = []
    problems: list[tuple[Path, str]] = []
    try:
        found = templates_in(document.data)
    except Malformed as malformed:
        found, problems = [], list(malformed.problems)
    for where, manifest in found:
        try:
            reports.append(check_template(manifest, version))
        except Malformed as malformed:
            problems += [((*where, *path), message) for path, message in malformed.problems]
    if problems:
        raise InvalidInput(
            tuple(
                Diagnostic(document.position(path), message, field=shown(dotted(path)))
                for path, message in problems
            )
        )
    return reports


def check_manifest(manifest: Any, origin: str, version: str) -> TemplateReport:
    """The answer about a manifest that a cluster gave.

    Raises:
        InvalidInput: It is no template.
    """
    try:
        return check_template(manifest, version)
    except Malformed as malformed:
        raise InvalidInput(
            tuple(
                Diagnostic(Position(origin, 1, 1), message, field=shown(dotted(path)))
                for path, message in malformed.problems
            )
        ) from malformed
