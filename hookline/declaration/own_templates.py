"""Templates of one's own that a declaration names: `templates:`."""

from collections.abc import Iterable
from pathlib import Path

from documents.diagnostics import Diagnostic, InvalidInput
from hookline.declaration.for_each import ReadBytes
from hookline.declaration.loading import DeclaredTemplate
from hookline.declaration.templates import templates_in
from triggers.template import Template

__all__ = ["read_own"]


def read_own(
    declared: Iterable[DeclaredTemplate], read: ReadBytes
) -> tuple[dict[str, Template], list[Diagnostic]]:
    """The templates by name, and what is wrong with them or with their files.

    Args:
        declared: What the files of the declaration name.
        read: Reads a file.
    """
    found: dict[str, Template] = {}
    problems: list[Diagnostic] = []
    for each in declared:
        place, field = each.document.position(("templates", each.name, "file")), f"templates.{each.name}.file"
        path = Path(each.document.file).parent / each.file
        try:
            content = read(path)
        except InvalidInput as invalid:
            message = "; ".join(problem.message for problem in invalid.diagnostics)
            problems.append(Diagnostic(place, f"{path} {message}", field=field))
            continue
        try:
            held = {one.template.name: one for one in templates_in(content, str(path))}
        except InvalidInput as invalid:
            problems += invalid.diagnostics
            continue
        if each.name not in held:
            message = f"{path} holds no template {each.name}; it holds: {', '.join(held)}"
            problems.append(Diagnostic(place, message, field=field))
            continue
        found[each.name] = held[each.name].template
    return found, problems
