"""Validation: a document against a model, with every problem in plain words at its place in the file."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from documents.diagnostics import Diagnostic, InvalidInput
from documents.document import Document
from documents.lines import check_line, printable
from documents.locating import Located, Path, located
from documents.sentences import WRONG_TYPE, sentence
from documents.yaml_syntax import shown

__all__ = ["validate_document"]

ModelT = TypeVar("ModelT", bound=BaseModel)


def validate_document(document: Document, model: type[ModelT]) -> ModelT:
    """Check a document against a model.

    Every text in it, keys included, has to be one line of printable characters: texts of a file come to stand in comments,
    names, tables and messages.

    Raises:
        InvalidInput: With every problem, each at its position.
    """
    unprintable = tuple(_unprintable(document)) if document.holds_hidden else ()
    empty = set(_empty(document.data, (), set())) if document.holds_nothing else set[Path]()
    try:
        checked = model.model_validate(document.data, context={})
    except ValidationError as error:
        errors = error.errors(include_url=False)
    else:
        if not empty and not document.surprises and not unprintable:
            return checked
        errors = []
    found = [located(document, each) for each in errors]
    empty -= {each.path for each in found if each.kind == "extra_forbidden"}
    # Drop a complaint about a value that is already reported as missing.
    above = {path[:length] for path in empty for length in range(len(path) + 1)}
    kept = [each for each in found if each.path not in above or each.kind in {"missing", "extra_forbidden"}]
    # What does not print is the whole trouble with a text.
    worse = {each.position for each in unprintable}
    problems = [
        *unprintable,
        *(_nothing(document, path) for path in empty),
        *(
            each
            for each in _diagnostics(document, model, list(_without_other_members(kept)))
            if each.position not in worse
        ),
    ]
    told = {each.position for each in problems}
    # Where text is accepted, the message about the wrong type says all.
    raise InvalidInput((*problems, *(each for each in document.surprises if each.position not in told)))


def _unprintable(document: Document) -> Iterator[Diagnostic]:
    """Texts and keys that are no line."""
    seen: set[int] = set()
    todo: list[tuple[Path, Any]] = [((), document.data)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, str):
            yield from _no_line(document, path, value, key=False)
        elif isinstance(value, dict | list) and id(value) not in seen:
            seen.add(id(value))
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for part, below in items:
                if isinstance(part, str):
                    yield from _no_line(document, (*path, part), part, key=True)
                todo.append(((*path, part), below))


def _no_line(document: Document, path: Path, text: str, *, key: bool) -> Iterator[Diagnostic]:
    try:
        check_line(text)
    except ValueError as error:
        yield Diagnostic(document.position(path, key=key), str(error), field=_dotted(path))


def _empty(data: Any, path: Path, seen: set[int]) -> Iterator[Path]:
    """Paths of the keys without a value."""
    if not isinstance(data, dict | list) or id(data) in seen:
        return
    seen.add(id(data))
    for part, value in data.items() if isinstance(data, dict) else enumerate(data):
        if value is None and isinstance(data, dict):
            yield (*path, part)
        elif isinstance(value, dict | list):
            yield from _empty(value, (*path, part), seen)


def _nothing(document: Document, path: Path) -> Diagnostic:
    message = f'nothing stands after "{shown(path[-1])}:"; write a value ({{}} for all defaults), or leave the key out'
    return Diagnostic(document.position(path, key=True), message)


def _dotted(path: Path) -> str:
    return ".".join(shown(part) for part in path)


def _without_other_members(found: Sequence[Located]) -> Iterator[Located]:
    """One complaint for each value: pydantic complains for every member of a union that a value is not.

    If one member had the right shape, what is wrong inside of it is the only thing to say.
    """
    inside = {union for each in found for union in each.unions if len(each.path) > len(union)}
    own = {each.path for each in found if each.path in each.unions and each.kind not in WRONG_TYPE}
    said: set[Path] = set()
    for each in found:
        if each.path in each.unions and each.kind in WRONG_TYPE:
            if each.path in inside | own | said:
                continue
            said.add(each.path)
        yield each


def _diagnostics(
    document: Document, model: type[BaseModel], found: Sequence[Located]
) -> Iterator[Diagnostic]:
    """One problem each; a key that is missing because it is misspelt is one problem, not two."""
    said = [(each, sentence(document, model, each)) for each in found]
    meant = {(*each.path[:-1], about.meant) for each, about in said if about.meant}
    for each, about in said:
        if each.kind == "missing" and each.path in meant:
            continue
        absent = each.kind in {"missing", "union_tag_not_found"}
        place = document.position(each.path[:-1] if absent else each.path, key=each.at_key)
        yield Diagnostic(place, printable(about.text), field=_dotted(each.path))
