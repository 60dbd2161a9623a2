"""Sentences: one of pydantic's errors in plain words."""

import difflib
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from yaml.constructor import SafeConstructor

from documents.annotations import accepted_keys, annotations, example
from documents.document import Document
from documents.locating import KINDS, Located
from documents.reading import as_read
from documents.yaml_syntax import shown

__all__ = ["WRONG_TYPE", "Sentence", "sentence"]

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
WRONG_TYPE = {*_EXPECTED, "literal_error"}
"""Kinds of error about a value of another type."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that says what is wrong, and what would be accepted."""

    text: str
    meant: str = ""
    """The accepted key that is probably meant by an unknown one."""


def sentence(document: Document, model: type[BaseModel], found: Located) -> Sentence:
    """The sentence about an error."""
    if found.kind == "extra_forbidden":
        return _unknown_key(document, str(found.path[-1]), tuple(accepted_keys(model, found)))
    if found.kind in {"missing", "union_tag_not_found"}:
        return Sentence(f"missing key {shown(found.path[-1])}")
    if found.kind in WRONG_TYPE:
        return Sentence(_wrong_type(found.given, _expected(model, found), document.scalar(found.path)))
    return Sentence(_message(model, found))


def _unknown_key(document: Document, key: str, accepted: tuple[str, ...]) -> Sentence:
    if hint := document.wanted.hint(key, accepted):
        prefix = "unknown key; " if hint.meant else ""
        return Sentence(prefix + hint.sentence, hint.meant)
    if near := _near(key, accepted):
        return Sentence(f"unknown key; did you mean {near}?", near)
    if not accepted:
        return Sentence("unknown key; no key is accepted here")
    return Sentence(f"unknown key; accepted: {', '.join(accepted)}")


def _near(given: object, accepted: Sequence[str]) -> str | None:
    """The accepted word that was probably meant."""
    word = str(given)[:120]
    same = {each.lower().replace("-", "_"): each for each in accepted}
    if found := same.get(word.lower().replace("-", "_")):
        return found
    return next(iter(difflib.get_close_matches(word, accepted, 1)), None)


def _expected(model: type[BaseModel], found: Located) -> list[Any]:
    """Accepted values in place of one of a wrong type: the words of pydantic's members, or the literals themselves."""
    members = annotations(model, found.path)
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
    """Whether YAML reads this text as true or false without quotes."""
    return text.lower() in SafeConstructor.bool_values


def _kind(given: Any, expected: set[str]) -> str:
    """The value in the file, as text; shown if a look at it tells what is wrong."""
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


def _message(model: type[BaseModel], found: Located) -> str:
    """Errors that are not about keys and types."""
    if found.kind == "string_pattern_mismatch":
        usual = None if found.at_key else example(model, found.path)
        accepted = f"such as {shown(usual)}" if usual else f"that matches {shown(found.context['pattern'])}"
        return f'"{shown(found.given)}" is not accepted; expected text {accepted}'
    if plain := _PLAIN.get(found.kind):
        return plain(found.context, shown(found.given))
    if found.kind in {"value_error", "assertion_error"} or found.kind not in KINDS:
        return found.sentence.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    sentence = re.sub(r"^(?:Input|Value|String|URL) should (?:be )?", "expected ", found.sentence)
    return sentence[:1].lower() + sentence[1:]
