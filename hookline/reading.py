"""Reading: YAML as plain data that remembers where everything stands, and its check against a model.

PyYAML finds the nodes; this module turns them into values, so that duplicate keys, YAML 1.1 surprises (`on:`, 12:30,
1.20) and aliases without end are refused with their position instead of being read as something else.
"""

import difflib
import re
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from hookline.diagnostics import Diagnostic, InvalidInput, Position

__all__ = ["Document", "read_document", "validate_document"]

Model = TypeVar("Model", bound=BaseModel)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_LARGEST_BYTES = 32 * 1024 * 1024
_DEEPEST = 100
_MOST_NODES = 2_000_000
_TAG = "tag:yaml.org,2002:"


class Node:
    """A value with its place. Built from parser events without recursion, so that no depth can end the interpreter."""

    __slots__ = ("column", "index", "items", "kind", "line", "plain", "tag", "value")

    def __init__(
        self, kind: str, tag: str | None, mark: yaml.Mark, value: str = "", *, plain: bool = False
    ) -> None:
        self.kind = kind
        self.tag = tag
        self.line = mark.line + 1
        self.column = mark.column + 1
        self.value = value
        self.plain = plain
        self.items: list[Node] = []  # of a mapping: key, value, key, value
        self.index: dict[str, int] | None = None

    def child(self, part: str | int) -> "tuple[Node | None, Node] | None":
        """Key (of a mapping) and value at a key or index."""
        if self.kind == "mapping":
            if self.index is None:
                self.index = {}
                for number in range(0, len(self.items), 2):
                    self.index.setdefault(self.items[number].value, number)
            found = self.index.get(str(part))
            return None if found is None else (self.items[found], self.items[found + 1])
        if self.kind == "sequence" and isinstance(part, int) and part < len(self.items):
            return None, self.items[part]
        return None


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its data, and its nodes for positions."""

    file: str
    data: Any
    root: Node

    def position(self, path: Sequence[str | int], *, key: bool = False) -> Position:
        """Where the value at a path stands (or its key); for an absent one, its nearest ancestor."""
        node = place = self.root
        for index, part in enumerate(path):
            found = node.child(part)
            if found is None:
                break
            node = found[1]
            place = found[0] if key and found[0] is not None and index == len(path) - 1 else node
        return Position(self.file, place.line, place.column)

    def scalar(self, path: Sequence[str | int]) -> str | None:
        """The text of a scalar as it is written, without quotes; None if it is something else."""
        node = self.root
        for part in path:
            found = node.child(part)
            if found is None:
                return None
            node = found[1]
        return node.value if node.kind == "scalar" else None


def read_document(content: str | bytes, file: str) -> Document:
    """Read one YAML document.

    Raises:
        InvalidInput: With every problem found.
    """

    def refuse(message: str, line: int = 1, column: int = 1) -> InvalidInput:
        return InvalidInput((Diagnostic(Position(file, line, column), message),))

    if len(content) > _LARGEST_BYTES:
        raise refuse(f"the file has {len(content):,} bytes; at most {_LARGEST_BYTES:,} are read")
    if isinstance(content, bytes):
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise refuse("the file is UTF-16; save it as UTF-8")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start]
            line = before.count(b"\n") + 1
            raise refuse(
                "not UTF-8; save the file as UTF-8", line, error.start - (before.rfind(b"\n") + 1) + 1
            ) from error
    else:
        text = content.removeprefix("\ufeff")
    if found := re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", text):
        line = text.count("\n", 0, found.start()) + 1
        raise refuse(
            f"control character {found[0]!r}; remove it",
            line,
            found.start() - text.rfind("\n", 0, found.start()),
        )
    try:
        roots = _compose(text)
    except _Refused as refused:
        raise refuse(refused.message, refused.line, refused.column) from refused
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise refuse(_syntax_message(error, text, line, column), line, column) from error
    except yaml.YAMLError as error:
        raise refuse(f"not YAML: {str(error)[:100]}") from error
    if not roots or (roots[0].kind == "scalar" and _kind_of(roots[0]) == "null"):
        raise refuse("the file is empty; hookline init writes a first one")
    if len(roots) > 1:
        raise refuse(
            "more than one YAML document; give each a file of its own", roots[1].line, roots[1].column
        )
    root = roots[0]
    if root.kind != "mapping":
        raise refuse("expected a mapping at the top, such as version: 1", root.line, root.column)
    reader = _Reader(file)
    data = reader.value(root)
    if reader.problems:
        raise InvalidInput(tuple(reader.problems))
    return Document(file, data, root)


class _Refused(Exception):
    def __init__(self, message: str, mark: yaml.Mark) -> None:
        super().__init__(message)
        self.message = message
        self.line = mark.line + 1
        self.column = mark.column + 1


def _compose(text: str) -> list[Node]:
    """The documents of a text as nodes."""
    roots: list[Node] = []
    open_nodes: list[Node] = []
    anchors: dict[str, Node] = {}
    events: Any = yaml.parse(text, Loader=_Loader)  # the stubs know the common base of events only
    for event in events:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            node = Node("scalar", event.tag, event.start_mark, event.value, plain=event.implicit[0])
        elif kind is yaml.MappingStartEvent:
            node = Node("mapping", event.tag, event.start_mark)
        elif kind is yaml.SequenceStartEvent:
            node = Node("sequence", event.tag, event.start_mark)
        elif kind is yaml.AliasEvent:
            if event.anchor not in anchors:
                raise _Refused(
                    "* starts an alias in YAML; put a pattern that starts with * into quotes",
                    event.start_mark,
                )
            node = anchors[event.anchor]
        else:
            if kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                open_nodes.pop()
            elif kind is yaml.DocumentStartEvent:
                anchors = {}
            continue
        (open_nodes[-1].items if open_nodes else roots).append(node)
        if kind is not yaml.AliasEvent and event.anchor is not None:
            anchors[event.anchor] = node
        if kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            open_nodes.append(node)
            if len(open_nodes) > _DEEPEST:
                raise _Refused(f"nested more than {_DEEPEST} levels deep", event.start_mark)
    return roots


_resolve: Any = yaml.resolver.Resolver().resolve


@cache
def _plain_kind(text: str) -> str:
    """What YAML 1.1 makes of a text without quotes: str, int, float, bool, null, timestamp, merge or value."""
    return str(_resolve(yaml.ScalarNode, text, (True, False))).removeprefix(_TAG)


def _kind_of(node: Node) -> str:
    """The kind of a scalar, or the whole tag where it is none of YAML's own."""
    if node.tag is not None and node.tag != "!":
        return node.tag.removeprefix(_TAG)
    return _plain_kind(node.value) if node.plain else "str"


def _syntax_message(error: yaml.MarkedYAMLError, text: str, line: int, column: int) -> str:
    lines = text.splitlines()
    rest = lines[line - 1][column - 1 :] if line <= len(lines) else ""
    before = lines[line - 1][: column - 1] if line <= len(lines) else ""
    problem = " ".join(str(error.problem or error).split())
    if "undefined alias" in problem or rest.startswith("*") or before.endswith("*"):
        return "* starts an alias in YAML; put a pattern that starts with * into quotes"
    if rest.startswith(("@", "`")):
        return f"nothing can start with {rest[0]} in YAML; put the value into quotes"
    if rest.startswith("!"):
        return "! starts a tag in YAML; put the value into quotes"
    if "\t" in (lines[line - 1] if line <= len(lines) else "")[: max(column, 1)]:
        return "a tab indents this line; YAML wants spaces"
    if rest.startswith("{{") or "{{" in before:
        return "{{ starts a mapping in YAML; put the value into quotes"
    if rest.startswith("%"):
        return "% starts a directive in YAML; put the value into quotes"
    return f"not YAML: {problem}"


def _shown(text: Any) -> str:
    """A value for a message: short, on one line."""
    shown = str(text).encode("unicode_escape").decode() if not str(text).isprintable() else str(text)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


class _Reader:
    """Nodes as values; collects every problem on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Diagnostic] = []
        self.done: dict[int, tuple[Any, int]] = {}
        self.open: set[int] = set()

    def problem(self, node: Node, message: str) -> None:
        self.problems.append(Diagnostic(Position(self.file, node.line, node.column), message))

    def value(self, node: Node) -> Any:
        return self.sized(node)[0]

    def sized(self, node: Node) -> tuple[Any, int]:
        """The value, and how many nodes it has with every alias written out."""
        if node.kind == "scalar":
            return self.scalar(node), 1
        identity = id(node)
        if identity in self.done:
            return self.done[identity]
        if identity in self.open:
            self.problem(node, "an alias inside of what it stands for has no end")
            return None, 1
        self.open.add(identity)
        if node.tag not in {None, "!", f"{_TAG}map", f"{_TAG}seq"}:
            self.problem(
                node, f"the tag {_shown(str(node.tag).replace(_TAG, '!!'))} is refused; expected plain YAML"
            )
        value, size = self.mapping(node) if node.kind == "mapping" else self.sequence(node)
        if size > _MOST_NODES:
            self.problem(node, f"aliases make this more than {_MOST_NODES:,} values")
            value, size = {}, 1
        self.open.discard(identity)
        self.done[identity] = value, size
        return value, size

    def sequence(self, node: Node) -> tuple[list[Any], int]:
        items = [self.sized(item) for item in node.items]
        return [value for value, _ in items], 1 + sum(size for _, size in items)

    def mapping(self, node: Node) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        first: dict[str, Node] = {}
        total = 1
        for key_node, value_node in zip(node.items[::2], node.items[1::2], strict=True):
            key = self.key(key_node)
            value, size = self.sized(value_node)
            total += size + 1
            if key is None:
                continue
            if value is None and value_node.kind == "scalar" and _kind_of(value_node) == "null":
                self.problem(
                    key_node,
                    f'nothing stands after "{_shown(key)}:"; write a value ({{}} for all defaults), or leave the key out',
                )
            if key in first:
                self.problem(
                    key_node,
                    f'the key "{_shown(key)}" stands here twice; the first is in line {first[key].line}',
                )
                continue
            first[key] = key_node
            found[key] = value
        return found, total

    def key(self, node: Node) -> str | None:
        if node.kind != "scalar":
            self.problem(node, "a key must be a plain word; quote a text that starts with [, { or *")
            return None
        kind = _kind_of(node)
        if kind == "merge":
            self.problem(node, "<< is refused; what several pipelines share goes under defaults:")
        elif kind == "bool":
            hint = "the key here is events" if node.value.lower() == "on" else "put it into quotes"
            self.problem(
                node, f'YAML reads the key "{node.value}" as {str(_boolean(node.value)).lower()}; {hint}'
            )
        elif kind not in {"str", "timestamp"}:
            self.problem(node, f'the key "{_shown(node.value)}" is not text in YAML; put it into quotes')
        else:
            return str(node.value)
        return None

    def scalar(self, node: Node) -> Any:
        text = node.value
        kind = _kind_of(node)
        try:
            match kind:
                case "str" | "timestamp" | "value":
                    return text
                case "null":
                    return None
                case "bool":
                    return _boolean(text)
                case "int":
                    return _integer(text)
                case "float":
                    return _float(text)
        except ValueError:
            return text
        self.problem(
            node, f"the tag {_shown(str(node.tag).replace(_TAG, '!!'))} is refused; expected plain YAML"
        )
        return None


def _boolean(text: str) -> bool:
    return text.lower() in {"yes", "true", "on"}


def _integer(text: str) -> int:
    plain = text.replace("_", "")
    sign = -1 if plain.startswith("-") else 1
    plain = plain.lstrip("+-")
    if ":" in plain:
        value = 0
        for part in plain.split(":"):
            value = value * 60 + int(part)
        return sign * value
    if plain.startswith(("0b", "0x")):
        return sign * int(plain, 0)
    return sign * int(plain, 8 if len(plain) > 1 and plain.startswith("0") else 10)


def _float(text: str) -> float:
    plain = text.replace("_", "").lower()
    if plain.endswith((".inf", ".nan")):
        return float(plain.replace(".", "", 1) if not plain[0].isdigit() else plain)
    if ":" in plain:
        value = 0.0
        for part in plain.lstrip("+-").split(":"):
            value = value * 60 + float(part)
        return -value if plain.startswith("-") else value
    return float(plain)


def validate_document(document: Document, model: type[Model]) -> Model:
    """Check a document against a model.

    Raises:
        InvalidInput: With every problem, each at its position.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=True)
        raise InvalidInput(tuple(_diagnostics(document, model, found))) from None


def _diagnostics(document: Document, model: type[BaseModel], errors: Sequence[Any]) -> Iterator[Diagnostic]:
    """One problem each; a key that is missing because it is misspelt is one problem, not two."""
    found = [_diagnostic(document, model, each) for each in errors]
    meant = {
        f"{each.field.rpartition('.')[0]}.{match[1]}"
        for each in found
        if (match := re.search(r"did you mean (\S+)\?", each.message))
    }
    for each in found:
        missing = each.message.removeprefix("missing key ")
        if missing == each.message or f"{each.field}.{missing}" not in meant:
            yield each


def _real_path(data: Any, location: Sequence[str | int], kind: str) -> tuple[list[str | int], bool]:
    """The part of a pydantic location that exists in the data, and whether it ends at a key.

    pydantic adds names of union members and "[key]", which stand nowhere in the file.
    """
    path: list[str | int] = []
    node: Any = data
    for index, part in enumerate(location):
        if part == "[key]":
            return path, True
        last = index == len(location) - 1
        if (isinstance(node, dict) and part in node) or (
            isinstance(node, list) and isinstance(part, int) and part < len(node)
        ):
            below: Any = node
            node = below[part]
            path.append(part)
        elif last and isinstance(node, dict) and kind == "missing":
            path.append(part)
    return path, False


def _diagnostic(document: Document, model: type[BaseModel], error: Any) -> Diagnostic:
    path, at_key = _real_path(document.data, error["loc"], error["type"])
    kind = error["type"]
    written = document.scalar(path)
    if kind == "missing":
        parent = path[:-1]
        return Diagnostic(
            document.position(parent, key=True),
            f"missing key {path[-1]}",
            field=".".join(str(part) for part in parent),
        )
    if kind == "extra_forbidden":
        message = _unknown_key(str(path[-1]), _fields(model, error["loc"][:-1]))
        at_key = True
    else:
        message = _message(error, written)
        # A check of a whole mapping names the key that it is about; then that is the place to show.
        key, colon, rest = message.partition(": ")
        if kind == "value_error" and colon and isinstance(error["input"], dict) and key in error["input"]:
            path, message = [*path, key], rest
    return Diagnostic(
        document.position(path, key=at_key), message, field=".".join(str(part) for part in path)
    )


def _unknown_key(key: str, accepted: list[str]) -> str:
    if key == "on" and "events" in accepted:
        return "unknown key; the key here is events"
    if key == "paths" and "into" in accepted:
        return "no host lists the changed files of a pull request, so paths: cannot be decided here; it belongs to push:"
    if key in {"paths", "files"} and "tags" in accepted:
        return "a tag carries no list of changed files; paths: belongs to push:"
    if near := difflib.get_close_matches(key, accepted, 1):
        return f"unknown key; did you mean {near[0]}?"
    return f"unknown key; accepted: {', '.join(accepted)}"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model below an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        if isinstance(argument, type | types.GenericAlias | types.UnionType) or typing.get_args(argument):
            yield from _models(argument)


def _fields(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """The keys that are accepted at a location."""
    candidates = [model]
    for part in location:
        inner = [
            found
            for candidate in candidates
            for name, field in candidate.model_fields.items()
            if part in {name, field.alias}
            for found in _models(field.annotation)
        ]
        candidates = inner or candidates  # names, indices and union members lead no deeper into the model
    return [field.alias or name for candidate in candidates for name, field in candidate.model_fields.items()]


_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
    return "a mapping"


def _message(error: Any, written: str | None) -> str:
    kind, given, context = error["type"], error.get("input"), error.get("ctx") or {}
    if expected := _EXPECTED.get(kind):
        if kind == "string_type" and isinstance(given, bool | int | float) and written is not None:
            read = str(given).lower() if isinstance(given, bool) else f"the number {given}"
            return f'expected text, but YAML reads {_shown(written)} as {read}; write "{_shown(written)}"'
        if kind == "bool_type" and isinstance(given, str):
            return f'expected true or false, not text "{_shown(given)}"; leave the quotes out'
        return f"expected {expected}, not {_kind(given)}"
    match kind:
        case "value_error":
            return str(context.get("error", error["msg"]))
        case "literal_error":
            accepted = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
            near = difflib.get_close_matches(str(given), accepted.split(", "), 1)
            return f"expected one of: {accepted}" + (
                f"; did you mean {near[0]}?" if near and near[0] != str(given) else ""
            )
        case "string_pattern_mismatch":
            return f'"{_shown(given)}" does not match {context.get("pattern")}'
        case "string_too_short" | "too_short":
            return f"expected at least {context.get('min_length')} {'characters' if kind.startswith('string') else 'items'}"
        case "string_too_long" | "too_long":
            return f"expected at most {context.get('max_length')} {'characters' if kind.startswith('string') else 'items'}"
        case "greater_than_equal":
            return f"expected {context.get('ge')} or more"
        case "less_than_equal":
            return f"expected {context.get('le')} or less"
    return str(error["msg"])[:1].lower() + str(error["msg"])[1:]
