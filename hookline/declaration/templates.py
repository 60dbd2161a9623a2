"""Templates that the user names: manifests in files or of a cluster, read in one way for every command."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from documents.diagnostics import Diagnostic, InvalidInput, Position
from documents.document import Document
from documents.files import read_file
from documents.reading import as_read, read_document
from documents.wanted import Wanted
from documents.yaml_syntax import shown
from triggers.inspection.anatomy import KINDS, anatomy
from triggers.inspection.capabilities import capabilities
from triggers.inspection.parts import Anatomy, Malformed, dotted
from triggers.inspection.parts import Path as Place
from triggers.template import Template

__all__ = [
    "LARGEST_BYTES",
    "ReadTemplate",
    "manifest_template",
    "read_templates",
    "templates_in",
]

LARGEST_BYTES = 4 * 1024 * 1024

MANIFEST = Wanted(
    empty="expected a template, as kubectl get cwft NAME -o yaml prints it",
    mapping="such as kind: ClusterWorkflowTemplate",
)


@dataclass(frozen=True, slots=True)
class ReadTemplate:
    """A manifest, what was read of it, and what the template can do."""

    manifest: Any
    anatomy: Anatomy
    template: Template


def read_templates(files: Sequence[Path]) -> dict[str, Template]:
    """Capabilities by template name, from manifest files.

    Raises:
        InvalidInput: A file cannot be read or holds no template; every problem of every file with its place.
    """
    found: dict[str, Template] = {}
    problems: list[Diagnostic] = []
    for path in files:
        try:
            for each in templates_in(read_file(path, LARGEST_BYTES), str(path)):
                found[each.template.name] = each.template
        except InvalidInput as invalid:
            problems += invalid.diagnostics
    if problems:
        raise InvalidInput(tuple(problems))
    return found


def templates_in(content: bytes, file: str) -> list[ReadTemplate]:
    """The templates in a file, which may be a List.

    Raises:
        InvalidInput: It holds no template; every problem with its place.
    """
    if len(content) > LARGEST_BYTES:
        message = f"the file has more than {LARGEST_BYTES:,} bytes; no larger one is read"
        raise InvalidInput((Diagnostic(Position(file, 1, 1), message),))
    document = read_document(content, file, MANIFEST)
    found: list[ReadTemplate] = []
    problems: list[tuple[Place, str]] = []
    try:
        manifests = _manifests(document.data)
    except Malformed as malformed:
        manifests, problems = [], list(malformed.problems)
    for where, manifest in manifests:
        try:
            found.append(_template(manifest, file))
            problems += _read_as_another(document, where, manifest)
        except Malformed as malformed:
            problems += [((*where, *path), message) for path, message in malformed.problems]
    if problems:
        raise InvalidInput(
            tuple(
                Diagnostic(document.position(path), message, field=shown(dotted(path)))
                for path, message in problems
            )
        )
    return found


def manifest_template(manifest: Any, origin: str) -> ReadTemplate:
    """The template in a manifest that a cluster gave.

    Args:
        manifest: Any JSON value.
        origin: Where it is from, for messages.

    Raises:
        InvalidInput: It is no template.
    """
    try:
        return _template(manifest, origin)
    except Malformed as malformed:
        raise InvalidInput(
            tuple(
                Diagnostic(Position(origin, 1, 1), message, field=shown(dotted(path)))
                for path, message in malformed.problems
            )
        ) from malformed


def _template(manifest: Any, origin: str) -> ReadTemplate:
    read = anatomy(manifest)
    return ReadTemplate(manifest, read, capabilities(read, origin))


def _manifests(document: Any) -> list[tuple[Place, Any]]:
    """The manifests in a file with their places: the file itself, or the templates of a List.

    Raises:
        Malformed: It is a List without templates.
    """
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(kind, str) or not kind.endswith("List"):
        return [((), document)]
    items = document.get("items")
    if not isinstance(items, list):
        raise Malformed(((("items",), f"expected a list; a {kind[:60]} has items"),))
    found: list[tuple[Place, Any]] = [
        (("items", index), item)
        for index, item in enumerate(items)
        if isinstance(item, dict) and item.get("kind") in KINDS
    ]
    if not found:
        raise Malformed(((("items",), "no ClusterWorkflowTemplate or WorkflowTemplate is in this list"),))
    return found


def _read_as_another(document: Document, where: Place, manifest: Any) -> Iterator[tuple[Place, str]]:
    """Values of parameters that YAML reads as something else than is written: yes, 1:30, 1.20.

    Argo takes a number or a switch for a parameter, and turns it into text; readers of YAML differ in which number it is.
    """
    parameters = ((manifest.get("spec") or {}).get("arguments") or {}).get("parameters") or []
    for index, item in enumerate(parameters):
        for key in ("value", "default"):
            path = (*where, "spec", "arguments", "parameters", index, key)
            value, written = item.get(key), document.scalar(path)
            if isinstance(value, bool):
                same = written in {"true", "false"}
            else:
                same = value is None or isinstance(value, str) or str(value) == written
            if not same and written is not None:
                yield (
                    path,
                    f"YAML reads {shown(written)} as {as_read(written, value)}; quote it if it is text",
                )
