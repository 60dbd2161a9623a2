"""Validation: a document against a model, with every problem in plain words at its place in the file."""

import difflib
import itertools
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import core_schema
from yaml.constructor import SafeConstructor

from documents.diagnostics import Diagnostic, InvalidInput
from documents.reading import Document, as_read
from documents.yaml_syntax import printable, shown

__all__ = ["validate_document"]

ModelT = TypeVar("ModelT", bound=BaseModel)
Path = tuple[str | int, ...]


def validate_document(document: Document, model: type[ModelT]) -> ModelT:
    """Check a document against a model.

    Raises:
        InvalidInput: With every problem, each at its position.
    """
    empty = set(_empty(document.data, (), set())) if document.holds_nothing else set[Path]()
    try:
        checked = model.model_validate(document.data, strict=True)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    else:
        if not empty:
            return checked
        errors = []
    found = [_found(document, each) for each in errors]
    empty -= {each.path for each in found if each.kind == "extra_forbidden"}
    # A model's own check over an absent value says the same once more, in other words.
    above = {path[:length] for path in empty for length in range(len(path) + 1)}
    kept = [each for each in found if each.path not in above or each.kind in {"missing", "extra_forbidden"}]
    raise InvalidInput(
        (
            *(_nothing(document, path) for path in empty),
            *_diagnostics(document, model, list(_without_other_members(kept))),
        )
    )


def _empty(data: Any, path: Path, seen: set[int]) -> Iterator[Path]:
    """Paths of the keys that nothing stands after."""
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


@dataclass(frozen=True, slots=True)
class _Found:
    """One of pydantic's errors, with its place in the file in place of its place in the schema."""

    path: Path
    at_key: bool
    unions: frozenset[Path]
    """Where on the way pydantic tried one member of a union."""
    kind: str
    given: Any
    context: Mapping[str, Any]
    sentence: str
    location: Path


def _routes(data: Any, location: Path) -> Iterator[tuple[Path, frozenset[Path], Any]]:
    """The ways to read a location of pydantic as a path: it names members of unions, which stand nowhere in the file."""
    if not location:
        yield (), frozenset(), data
        return
    part, rest = location[0], location[1:]
    in_list = isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data)
    if in_list or (isinstance(data, dict) and part in data):
        for path, unions, end in _routes(data[part], rest):
            yield (part, *path), frozenset((part, *union) for union in unions), end
    if isinstance(part, str):
        for path, unions, end in _routes(data, rest):
            yield path, unions | {()}, end


_MOST_ROUTES = 64


def _found(document: Document, error: Any) -> _Found:
    location, kind, given = tuple(error["loc"]), error["type"], error["input"]
    context = error.get("ctx") or {}
    walked, at_key = location, kind == "extra_forbidden"
    for index, part in enumerate(location):
        if part == "[key]" and index and location[index - 1] == given:
            walked, at_key = location[:index], True
    if kind == "missing":
        walked = location[:-1]
    routes = list(itertools.islice(_routes(document.data, walked), _MOST_ROUTES)) or [
        ((), frozenset[Path](), None)
    ]
    # The value that pydantic was given tells a key of the file from a union's member of the same name.
    path, unions, _ = next((route for route in routes if route[2] is given), routes[0])
    if kind == "missing":
        path = (*path, location[-1])
    if kind == "union_tag_not_found" or (
        kind == "union_tag_invalid" and str(context["discriminator"])[:1] == "'"
    ):
        path = (*path, str(context["discriminator"]).strip("'"))
    elif kind not in _KINDS and isinstance(below := context.get("path"), list | tuple | str):
        path = (*path, below) if isinstance(below, str) else (*path, *below)
    sentence = str(context["error"]) if kind == "value_error" and "error" in context else error["msg"]
    # A check of a whole mapping names the key that it is about; then that is the place to show.
    key, colon, rest = sentence.partition(": ")
    if kind == "value_error" and colon and not at_key and isinstance(given, dict) and key in given:
        path, sentence = (*path, key), rest
    return _Found(path, at_key, unions, kind, given, context, sentence, location)


_KINDS = set(typing.get_args(core_schema.ErrorType))
_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "none_required": "nothing",
    "finite_number": "a finite number",
}
_WRONG_TYPE = {*_EXPECTED, "literal_error"}


def _without_other_members(found: Sequence[_Found]) -> Iterator[_Found]:
    """One complaint for each value: pydantic complains for every member of a union that a value is not.

    If one member had the right shape, what is wrong inside of it is the only thing to say.
    """
    inside = {union for each in found for union in each.unions if len(each.path) > len(union)}
    own = {each.path for each in found if each.path in each.unions and each.kind not in _WRONG_TYPE}
    said: set[Path] = set()
    for each in found:
        if each.path in each.unions and each.kind in _WRONG_TYPE:
            if each.path in inside | own | said:
                continue
            said.add(each.path)
        yield each


def _diagnostics(document: Document, model: type[BaseModel], found: Sequence[_Found]) -> Iterator[Diagnostic]:
    """One problem each; a key that is missing because it is misspelt is one problem, not two."""
    said = [(each, _diagnostic(document, model, each)) for each in found]
    meant = {
        (*each.path[:-1], match[1])
        for each, diagnostic in said
        if each.kind == "extra_forbidden"
        and (match := re.search(r"(?:did you mean|the key here is) ([^\s?]+)", diagnostic.message))
    }
    for each, diagnostic in said:
        if each.kind != "missing" or each.path not in meant:
            yield diagnostic


def _diagnostic(document: Document, model: type[BaseModel], found: _Found) -> Diagnostic:
    if found.kind == "extra_forbidden":
        message = _unknown_key(str(found.path[-1]), _accepted_keys(model, found))
    elif found.kind in {"missing", "union_tag_not_found"}:
        message = f"missing key {shown(found.path[-1])}"
    elif found.kind in _WRONG_TYPE:
        expected = _expected(model, found)
        message = _wrong_type(found.given, expected, document.scalar(found.path))
    else:
        message = _message(model, found)
    place = found.path[:-1] if found.kind in {"missing", "union_tag_not_found"} else found.path
    return Diagnostic(
        document.position(place, key=found.at_key), printable(message), field=_dotted(found.path)
    )


def _unknown_key(key: str, accepted: Sequence[str]) -> str:
    if key.lower() == "on" and "events" in accepted:
        return "unknown key; the key here is events"
    if key == "paths" and "into" in accepted:
        return "no host lists the changed files of a pull request, so paths: cannot be decided here; it belongs to push:"
    if key in {"paths", "files"} and "tags" in accepted:
        return "a tag carries no list of changed files; paths: belongs to push:"
    if near := _near(key, accepted):
        return f"unknown key; did you mean {near}?"
    return (
        f"unknown key; accepted: {', '.join(accepted)}"
        if accepted
        else "unknown key; no key is accepted here"
    )


def _near(given: object, accepted: Sequence[str]) -> str | None:
    """The accepted word that was probably meant."""
    word = str(given)[:120]
    same = {each.lower().replace("-", "_"): each for each in accepted}
    if found := same.get(word.lower().replace("-", "_")):
        return found
    return next(iter(difflib.get_close_matches(word, accepted, 1)), None)


def _members(annotation: Any) -> Iterator[Any]:
    """The members of a union, at any depth; of anything else, itself."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _members(typing.get_args(annotation)[0])
    elif origin in {typing.Union, types.UnionType}:
        for each in typing.get_args(annotation):
            yield from _members(each)
    elif hasattr(annotation, "__value__"):
        yield from _members(annotation.__value__)
    elif (
        isinstance(annotation, type)
        and issubclass(annotation, BaseModel)
        and "root" in annotation.model_fields
    ):
        yield from _members(annotation.model_fields["root"].annotation)
    else:
        yield annotation


def _is_model(annotation: Any) -> typing.TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _aliases(name: str, info: FieldInfo) -> list[str]:
    """How a field is written in a file."""
    alias = info.validation_alias or info.alias
    if isinstance(alias, AliasChoices):
        return [each for each in alias.choices if isinstance(each, str)] or [name]
    return [alias] if isinstance(alias, str) else [name]


def _fields(annotation: Any, part: str | int) -> Iterator[FieldInfo]:
    if _is_model(annotation):
        for name, info in annotation.model_fields.items():
            if part == name or part in _aliases(name, info):
                yield info


def _below(annotation: Any, part: str | int) -> Iterator[Any]:
    """The annotations of what stands under a key or an index."""
    for info in _fields(annotation, part):
        yield from _members(info.annotation)
    if _is_model(annotation):
        return
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if isinstance(part, int) and origin is tuple and arguments[-1:] != (...,):
        arguments = arguments[part : part + 1]
    if not arguments or not isinstance(origin, type):
        return
    if isinstance(part, str) and issubclass(origin, Mapping):
        yield from _members(arguments[-1])
    elif isinstance(part, int) and not issubclass(origin, Mapping):
        yield from _members(arguments[0])


def _annotations(model: type[BaseModel], path: Path) -> list[Any]:
    """The annotations that may stand at a path, each member of a union by itself."""
    found = list(_members(model))
    for part in path:
        found = [below for each in found for below in _below(each, part)]
    return found


def _accepted_keys(model: type[BaseModel], found: _Found) -> list[str]:
    models = [each for each in _annotations(model, found.path[:-1]) if _is_model(each)]
    tried = [
        each
        for each in models
        if any(re.search(rf"\b{each.__name__}\b", str(part)) for part in found.location)
    ]
    keys = (
        key
        for each in tried or models
        for name, info in each.model_fields.items()
        for key in _aliases(name, info)
    )
    return list(dict.fromkeys(keys))


def _expected(model: type[BaseModel], found: _Found) -> list[Any]:
    """What is accepted in place of a wrong type: the words of pydantic's members, or the literals themselves."""
    members = _annotations(model, found.path)
    if found.path in found.unions:
        words = [word for each in members for word in _words(each)]
    elif found.kind == "literal_error":
        words = [word for each in members if typing.get_origin(each) is Literal for word in _words(each)]
        words = words or [_Word(each) for each in _literals(str(found.context.get("expected", "")))]
    else:
        words = []
    return list(dict.fromkeys(words)) or [_Word(_EXPECTED.get(found.kind, "another value"))]


@dataclass(frozen=True, slots=True)
class _Word:
    """Something that would be accepted: a kind of value, or one value."""

    text: str
    literal: bool | int | str | None = None


def _words(annotation: Any) -> Iterator[_Word]:
    if typing.get_origin(annotation) is Literal:
        for value in typing.get_args(annotation):
            if value is not None:
                yield _Word(str(value).lower() if isinstance(value, bool) else str(value), value)
        return
    kind = typing.get_origin(annotation) or annotation
    if not isinstance(kind, type) or kind is types.NoneType:
        return
    words = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
    if kind in words:
        yield _Word(words[kind])
    else:
        yield _Word("a mapping" if issubclass(kind, BaseModel | Mapping) else "a list")


def _literals(expected: str) -> Iterator[str]:
    """The values in pydantic's sentence, such as: 'argo' or 'ack-one'."""
    for quoted, bare in re.findall(r"'((?:[^'\\]|\\.)*)'|([^\s,']+)", expected):
        if bare != "or":
            yield quoted or bare


def _one_of(words: Sequence[_Word]) -> str:
    texts = [word.text for word in words]
    if all(word.literal is not None for word in words):
        return f"one of: {', '.join(texts)}"
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"


def _wrong_type(given: Any, words: Sequence[_Word], written: str | None) -> str:
    expected = f"expected {_one_of(words)}"
    texts = {word.text for word in words if word.literal is None}
    literals = {word.text: word for word in words if word.literal is not None}
    as_text = "text" in texts or (written in literals and isinstance(literals[written].literal, str))
    if as_text and written and not isinstance(given, str | list | dict):
        return f'{expected}, but YAML reads {shown(written)} as {as_read(written, given)}; write "{shown(written)}"'
    if isinstance(given, str) and (given in literals or (texts == {"true or false"} and _is_truth(given))):
        return f'{expected}, not text "{shown(given)}"; leave the quotes out'
    if not texts:
        near = _near(given, [text for text, word in literals.items() if isinstance(word.literal, str)])
        return f"{expected}; did you mean {near}?" if near and isinstance(given, str) else expected
    return f"{expected}, not {_kind(given, texts)}"


def _is_truth(text: str) -> bool:
    """Whether YAML reads this as true or false where it stands without quotes."""
    return text.lower() in SafeConstructor.bool_values


def _kind(given: Any, expected: set[str]) -> str:
    """What stands there; shown where one look tells what is wrong with it."""
    match given:
        case None:
            return "nothing"
        case bool():
            return str(given).lower()
        case int() | float():
            return f"the number {shown(given)}"
        case str():
            return "text" if expected & {"a list", "a mapping"} else f'text "{shown(given)}"'
        case list():
            return "a list"
    return "a mapping"


def _count(number: object, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


_PLAIN: Mapping[str, Callable[[Mapping[str, Any], str], str]] = {
    "string_too_short": lambda context, _: f"expected at least {_count(context['min_length'], 'character')}",
    "string_too_long": lambda context, _: f"expected at most {_count(context['max_length'], 'character')}",
    "too_short": lambda context, _: (
        f"expected at least {_count(context['min_length'], 'item')}, not {context['actual_length']}"
    ),
    "too_long": lambda context, _: f"expected at most {_count(context['max_length'], 'item')}",
    "greater_than": lambda context, given: f"expected more than {context['gt']}, not {given}",
    "greater_than_equal": lambda context, given: f"expected {context['ge']} or more, not {given}",
    "less_than": lambda context, given: f"expected less than {context['lt']}, not {given}",
    "less_than_equal": lambda context, given: f"expected {context['le']} or less, not {given}",
    "multiple_of": lambda context, given: f"expected a multiple of {context['multiple_of']}, not {given}",
    "enum": lambda context, _: f"expected one of: {', '.join(_literals(str(context['expected'])))}",
    "union_tag_invalid": lambda context, _: (
        f"expected one of: {', '.join(_literals(str(context['expected_tags'])))}"
    ),
}


def _message(model: type[BaseModel], found: _Found) -> str:
    """Errors that are not about keys and types."""
    if found.kind == "string_pattern_mismatch":
        example = None if found.at_key else _example(model, found.path)
        accepted = (
            f"such as {shown(example)}" if example else f"that matches {shown(found.context['pattern'])}"
        )
        return f'"{shown(found.given)}" is not accepted; expected text {accepted}'
    if plain := _PLAIN.get(found.kind):
        return plain(found.context, shown(found.given))
    if found.kind in {"value_error", "assertion_error"} or found.kind not in _KINDS:
        return found.sentence.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    sentence = re.sub(r"^(?:Input|Value|String|URL) should (?:be )?", "expected ", found.sentence)
    return sentence[:1].lower() + sentence[1:]


def _example(model: type[BaseModel], path: Path) -> str | None:
    """The first example that the field at a path documents."""
    for each in _annotations(model, path[:-1]):
        for info in _fields(each, path[-1]):
            if info.examples and isinstance(info.examples[0], str):
                return info.examples[0]
    return None
