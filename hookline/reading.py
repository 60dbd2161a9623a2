"""Reading: YAML as plain data that remembers where everything stands, and its check against a model.

PyYAML finds the nodes; this module turns them into values, so that duplicate keys, YAML 1.1 surprises (`on:`, 12:30,
1.20) and aliases without end are refused with their position instead of being read as something else.
"""

import difflib
import itertools
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import yaml
from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import core_schema
from yaml.constructor import SafeConstructor

from hookline.diagnostics import Diagnostic, InvalidInput, Position

__all__ = ["Document", "read_document", "validate_document"]

ModelT = TypeVar("ModelT", bound=BaseModel)
Path = tuple[str | int, ...]

_LARGEST_BYTES = 32 * 1024 * 1024
_DEEPEST = 100
_MOST_NODES = 2_000_000
_LONGEST_NUMBER = 100
_LONGEST_SHOWN = 60
_TAG = "tag:yaml.org,2002:"
_TEXT = {f"{_TAG}str", f"{_TAG}timestamp", f"{_TAG}value", f"{_TAG}merge"}
_REFUSED_CHARACTER = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def _printable(text: str) -> str:
    """Text on one line, without anything that a terminal would act on."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text
    )


def _shown(value: object) -> str:
    """A value for a message: printable and short."""
    shown = _printable(str(value)[: _LONGEST_SHOWN + 1])
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[: _LONGEST_SHOWN - 3]}..."


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its data, and its nodes for positions."""

    file: str
    data: Any
    root: yaml.Node = field(repr=False, compare=False)
    _children: dict[int, dict[str, tuple[yaml.Node, yaml.Node]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Children of the mappings that somebody asked about: the checks ask about each of 1,000 pipelines."""

    def position(self, path: Sequence[str | int], *, key: bool = False) -> Position:
        """Where the value at a path stands (or its key); for an absent one, its deepest existing ancestor."""
        node, mark = self.root, self.root.start_mark
        for index, part in enumerate(path, 1):
            found = self._child(node, part)
            if found is None:
                break
            key_node, node = found
            mark = (key_node if key and key_node and index == len(path) else node).start_mark
        return _position(self.file, mark)

    def scalar(self, path: Sequence[str | int]) -> str | None:
        """The text of a scalar as it is written, without quotes; None if something else stands there."""
        node = self.root
        for part in path:
            found = self._child(node, part)
            if found is None:
                return None
            node = found[1]
        return str(node.value) if isinstance(node, yaml.ScalarNode) else None

    def _child(self, node: yaml.Node, part: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
        if isinstance(node, yaml.SequenceNode):
            return (None, node.value[part]) if isinstance(part, int) and 0 <= part < len(node.value) else None
        if not isinstance(node, yaml.MappingNode) or not isinstance(part, str):
            return None
        children = self._children.get(id(node))
        if children is None:
            children = self._children[id(node)] = {key.value: (key, value) for key, value in node.value}
        return children.get(part)


def _position(file: str, mark: Any) -> Position:
    return Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)


class _LimitError(Exception):
    """A file that is refused before it is composed to the end."""

    def __init__(self, message: str, mark: Any) -> None:
        super().__init__(message)
        self.mark = mark


class _Limits:
    """Mixed into PyYAML's loader, which calls these around every node that it composes.

    Composing recurses: a file of 100,000 brackets would otherwise end the interpreter.
    """

    depth = 0
    nodes = 0

    def descend_resolver(self, parent: yaml.Node | None, _index: object) -> None:
        self.depth += 1
        self.nodes += 1
        mark = parent.start_mark if parent else None
        if self.depth > _DEEPEST + 1:
            raise _LimitError(_TOO_DEEP, mark)
        if self.nodes > _MOST_NODES:
            raise _LimitError(_TOO_MANY, mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1


_TOO_DEEP = f"nested too deeply; at most {_DEEPEST} levels are read"
_TOO_MANY = f"too many values; at most {_MOST_NODES:,} are read, with every alias written out"
_Loader: Any = type("_Loader", (_Limits, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), {})


def read_document(text: str | bytes, file: str) -> Document:
    """Read one YAML document.

    Raises:
        InvalidInput: With every problem found.
    """
    content = _decoded(text, file)
    try:
        root = _compose(content, file)
    except _LimitError as limit:
        raise _refusal(_position(file, limit.mark), str(limit)) from None
    except yaml.MarkedYAMLError as error:
        position = _position(file, error.problem_mark or error.context_mark)
        raise _refusal(position, _syntax_message(error, content.splitlines())) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise _refusal(Position(file, 1, 1), f"not YAML: {_shown(error)}") from None
    reader = _Reader(file)
    data = reader.value(root).data
    if reader.problems:
        raise InvalidInput(tuple(reader.problems))
    return Document(file, data, root)


def _refusal(position: Position, message: str) -> InvalidInput:
    return InvalidInput((Diagnostic(position, message),))


def _decoded(text: str | bytes, file: str) -> str:
    """The text without a byte order mark."""
    start = Position(file, 1, 1)
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > _LARGEST_BYTES:
        raise _refusal(start, f"the file has {size:,} bytes; at most {_LARGEST_BYTES:,} are read")
    if isinstance(text, bytes):
        if text.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
            raise _refusal(start, "the file is UTF-16 or UTF-32; save it as UTF-8")
        content = text.removeprefix(b"\xef\xbb\xbf")
        try:
            decoded = content.decode("utf-8")
        except UnicodeDecodeError as error:
            place = _end(file, content[: error.start].decode("utf-8"))
            raise _refusal(
                place, f"the byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
            ) from None
    else:
        decoded = text.removeprefix("\ufeff")
    if found := _REFUSED_CHARACTER.search(decoded):
        message = f"the character U+{ord(found[0]):04X} is not allowed in YAML; remove it"
        raise _refusal(_end(file, decoded[: found.start()]), message)
    return decoded


def _end(file: str, before: str) -> Position:
    """The position after a text."""
    lines = f"{before}|".splitlines()
    return Position(file, len(lines), len(lines[-1]))


def _compose(text: str, file: str) -> yaml.MappingNode:
    loader = _Loader(text)
    try:
        node: yaml.Node | None = loader.get_node() if loader.check_node() else None
        if node is not None and loader.check_node():
            message = "a second YAML document starts here; give each document a file of its own"
            raise _refusal(_second(text, file, node, loader.peek_event()), message)
    finally:
        loader.dispose()
    if node is None or (node.tag == f"{_TAG}null" and isinstance(node, yaml.ScalarNode)):
        raise _refusal(Position(file, 1, 1), "the file is empty; hookline init writes a first one")
    if not isinstance(node, yaml.MappingNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
        raise _refusal(
            _position(file, node.start_mark), f"expected a mapping at the top, such as version: 1, not {kind}"
        )
    return node


_MARKER = re.compile(r"^---", re.MULTILINE)


def _second(text: str, file: str, first: yaml.Node, event: yaml.Event) -> Position:
    """Where a second document starts; libyaml only tells where its content does."""
    if first.end_mark is not None and (found := _MARKER.search(text, max(first.end_mark.index - 1, 0))):
        return _end(file, text[: found.start()])
    return _position(file, event.start_mark)


_BRACES = re.compile(r"""\s*(?:-\s+)*(?:[^\s"'#][^"'#]*?:\s+)?\[?\s*\{\{""")

_SYNTAX: tuple[tuple[str, str], ...] = (
    ("unexpected end of stream", "the quote that opens in line {line} is never closed"),
    ("unexpected document indicator", "the quote that opens in line {line} is never closed"),
    (
        "unknown escape character",
        r"YAML does not know this \ sequence; write the text in single quotes, or \\ for one \ ",
    ),
    ("escape", r"YAML does not know this \ sequence; write the text in single quotes, or \\ for one \ "),
    ("comment or line break", "text after | or > starts on the next line, indented"),
    ("chomping or indentation", "text after | or > starts on the next line, indented"),
    ("',' or ']'", "expected , or ] in the list that opens in line {line}"),
    ("',' or '}'", "expected , or }} in the mapping that opens in line {line}"),
    ("expected ':'", "the key in line {line} has no : after it"),
    (
        "mapping values are not allowed",
        'a : is not expected here; check the indentation, or quote the text if ": " is part of it',
    ),
    (
        "sequence entries are not allowed",
        "a list cannot start here; start it on a line of its own, or quote the text if - is part of it",
    ),
    ("mapping keys are not allowed", "a ? cannot start here; quote the text if it is part of it"),
    ("expected key", "expected a key such as version: here; check the indentation and the quotes"),
    ("<block end>", "expected a key such as version: here; check the indentation and the quotes"),
    ("'-' indicator", "expected - here, as in the list that starts in line {line}; check the indentation"),
    (
        "expected node content",
        "expected a key or a value here; quote text that starts with a special character",
    ),
    ("duplicate anchor", "this anchor is set twice; give it another name"),
    ("second occurrence", "this anchor is set in line {line} already; give it another name"),
    ("incompatible YAML document", "this version of YAML is not read; leave the %YAML line out"),
)


def _syntax_message(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> str:
    """What is wrong, in plain words, with the usual cause where the text shows it."""
    problem = " ".join(str(error.problem or error).split())
    context, place = str(error.context or ""), error.problem_mark or error.context_mark
    opening = error.context_mark or place
    line = lines[place.line] if place and place.line < len(lines) else ""
    rest = line[place.column :] if place else ""
    if "scanning a" in context and opening and "scalar" not in context and opening.line < len(lines):
        rest = lines[opening.line][opening.column :]
    if hint := _hint(problem, context, line, rest):
        return hint
    for part, sentence in _SYNTAX:
        if part in problem:
            return sentence.format(line=opening.line + 1 if opening else 1).strip()
    return f"not YAML: {_shown(problem)}"


def _hint(problem: str, context: str, line: str, rest: str) -> str | None:
    """The usual cause of a syntax error: a character that means something else in YAML."""
    token = _shown(re.split(r"[\s,\]}#\"]", rest, maxsplit=1)[0])
    no_token = "cannot start any token" in problem
    causes = {
        "a tab indents this line; YAML wants spaces": "tab character" in problem or re.match(r" *\t", line),
        "* starts an alias in YAML; put a pattern that starts with * into quotes": (
            "undefined alias" in problem or context.endswith("an alias")
        ),
        "{{ opens a mapping in YAML; quote text that starts with {{": _BRACES.match(line),
        f'& starts an anchor in YAML; quote text that starts with &: "{token}"': context.endswith(
            "an anchor"
        ),
        f'! starts a tag in YAML; quote text that starts with !: "{token}"': (
            context.endswith("a tag") or "tag handle" in problem
        ),
        f'% starts a directive in YAML; quote text that starts with %: "{token}"': (
            rest.startswith("%") and (no_token or context.endswith("a directive"))
        ),
        f'nothing can start with {rest[:1]} in YAML; quote the text: "{token}"': (
            rest.startswith(("@", "`")) and no_token
        ),
    }
    return next((sentence for sentence, applies in causes.items() if applies), None)


@dataclass(frozen=True, slots=True)
class _Value:
    """A value, and how large it is with every alias written out."""

    data: Any
    nodes: int = 1
    levels: int = 0


_CONSTRUCTOR = SafeConstructor()
_CONSTRUCT: Mapping[str, Callable[[yaml.ScalarNode], Any]] = {
    f"{_TAG}bool": _CONSTRUCTOR.construct_yaml_bool,
    f"{_TAG}int": _CONSTRUCTOR.construct_yaml_int,
    f"{_TAG}float": _CONSTRUCTOR.construct_yaml_float,
}


class _Reader:
    """Nodes as values; collects every problem on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Diagnostic] = []
        self.done: dict[int, _Value] = {}
        self.open: set[int] = set()
        self.limited = False

    def problem(self, node: yaml.Node, message: str) -> None:
        self.problems.append(Diagnostic(_position(self.file, node.start_mark), message))

    def value(self, node: yaml.Node) -> _Value:
        if isinstance(node, yaml.ScalarNode):
            return _Value(self.scalar(node))
        identity = id(node)
        if identity in self.done:
            return self.done[identity]
        if identity in self.open:
            self.problem(node, "an alias inside of what it stands for never ends; write the value out")
            return _Value(None)
        self.open.add(identity)
        if node.tag not in {f"{_TAG}map", f"{_TAG}seq"}:
            self.refuse_tag(node)
        value = self.mapping(node) if isinstance(node, yaml.MappingNode) else self.sequence(node)
        if value.nodes > _MOST_NODES or value.levels > _DEEPEST:
            if not self.limited:
                self.problem(node, _TOO_MANY if value.nodes > _MOST_NODES else _TOO_DEEP)
            self.limited = True
            value = _Value(None)
        self.open.discard(identity)
        self.done[identity] = value
        return value

    def sequence(self, node: yaml.Node) -> _Value:
        items = [self.value(item) for item in node.value]
        nodes, levels = sum(item.nodes for item in items), max((item.levels for item in items), default=0)
        return _Value([item.data for item in items], nodes + 1, levels + 1)

    def mapping(self, node: yaml.MappingNode) -> _Value:
        found: dict[str, Any] = {}
        first: dict[str, yaml.Node] = {}
        nodes, levels = 1, 0
        for key_node, value_node in node.value:
            value = self.value(value_node)
            nodes += value.nodes + 1
            levels = max(levels, value.levels)
            key = key_node.value
            if not self.is_key(key_node, inside_braces=_opens_twice(node)):
                continue
            if key in first:
                line = first[key].start_mark.line + 1
                self.problem(
                    key_node, f'the key "{_shown(key)}" stands here twice; the first is in line {line}'
                )
                continue
            first[key] = key_node
            found[key] = value.data
        return _Value(found, nodes, levels + 1)

    def is_key(self, node: yaml.Node, *, inside_braces: bool) -> bool:
        """Whether a key is accepted; if not, says why."""
        if isinstance(node, yaml.ScalarNode) and node.tag in _TEXT:
            if node.tag != f"{_TAG}merge":
                return True
            self.problem(
                node, "the merge key << is refused; what several pipelines share goes under defaults:"
            )
        elif isinstance(node, yaml.MappingNode) and (inside_braces or _opens_twice(node)):
            self.problem(node, "{{ opens a mapping in YAML; quote text that starts with {{")
        elif not isinstance(node, yaml.ScalarNode):
            self.problem(node, "a key must be text; quote text that starts with [ or {")
        elif node.tag == f"{_TAG}null" and not node.value:
            self.problem(node, "a key is missing here; expected text before the :")
        elif node.tag == f"{_TAG}null" or node.tag in _CONSTRUCT:
            hint = "the key here is events" if node.value.lower() == "on" else "quote the key"
            value = self.scalar(node)
            self.problem(
                node,
                f'YAML reads the key "{_shown(node.value)}" as {_as_read(node.value, value)}; {hint}',
            )
        else:
            self.refuse_tag(node)
        return False

    def scalar(self, node: yaml.ScalarNode) -> Any:
        text, tag = node.value, node.tag
        if tag in _TEXT:
            return text
        if tag == f"{_TAG}null":
            return None
        construct = _CONSTRUCT.get(tag)
        if construct is None:
            self.refuse_tag(node)
            return None
        # Reading a number takes time that grows with the square of its length.
        if len(text) <= _LONGEST_NUMBER:
            try:
                return construct(node)
            except (ValueError, KeyError, IndexError, OverflowError):
                pass
        expected = (
            "true or false" if tag == f"{_TAG}bool" else f"a number of at most {_LONGEST_NUMBER} characters"
        )
        self.problem(
            node, f"YAML cannot read {_shown(text) or 'nothing'} as {expected}; quote it if it is text"
        )
        return None

    def refuse_tag(self, node: yaml.Node) -> None:
        tag = node.tag.replace(_TAG, "!!", 1)
        if tag.startswith("tag:"):
            tag = f"!<{tag}>"
        accepted = "leave the tag out" if tag.startswith(("!!", "!<")) else "quote text that starts with !"
        self.problem(node, f"the tag {_shown(tag)} is refused; {accepted}")


def _opens_twice(node: yaml.Node) -> bool:
    """Whether a mapping is written as {{, which is most likely a template's text without quotes."""
    if not isinstance(node, yaml.MappingNode) or not node.value:
        return False
    inner = node.value[0][0]
    if not isinstance(inner, yaml.MappingNode) or node.start_mark is None or inner.start_mark is None:
        return False
    return inner.start_mark.index == node.start_mark.index + 1


def _as_read(text: str, value: Any) -> str:
    """What YAML makes of a plain scalar."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        word = str(value).lower()
        return "a truth value" if text.lower() == word else word
    if str(value) == text:
        return "a number"
    plain = text.lstrip("+-")
    base = ""
    if isinstance(value, int) and ":" not in plain and plain.startswith("0"):
        base = {"0x": " (base 16)", "0b": " (base 2)"}.get(plain[:2], " (octal)")
    return f"the number {value}{base}"


def validate_document(document: Document, model: type[ModelT]) -> ModelT:
    """Check a document against a model.

    Raises:
        InvalidInput: With every problem, each at its position.
    """
    empty = set(_empty(document.data, (), set()))
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
    message = f'nothing stands after "{_shown(path[-1])}:"; write a value ({{}} for all defaults), or leave the key out'
    return Diagnostic(document.position(path, key=True), message)


def _dotted(path: Path) -> str:
    return ".".join(_shown(part) for part in path)


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
        message = f"missing key {_shown(found.path[-1])}"
    elif found.kind in _WRONG_TYPE:
        expected = _expected(model, found)
        message = _wrong_type(found.given, expected, document.scalar(found.path))
    else:
        message = _message(model, found)
    shown = found.path[:-1] if found.kind in {"missing", "union_tag_not_found"} else found.path
    return Diagnostic(
        document.position(shown, key=found.at_key), _printable(message), field=_dotted(found.path)
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
    word = str(given)[: _LONGEST_SHOWN * 2]
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
        return f'{expected}, but YAML reads {_shown(written)} as {_as_read(written, given)}; write "{_shown(written)}"'
    if isinstance(given, str) and (given in literals or (texts == {"true or false"} and _is_truth(given))):
        return f'{expected}, not text "{_shown(given)}"; leave the quotes out'
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
            return f"the number {_shown(given)}"
        case str():
            return "text" if expected & {"a list", "a mapping"} else f'text "{_shown(given)}"'
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
            f"such as {_shown(example)}" if example else f"that matches {_shown(found.context['pattern'])}"
        )
        return f'"{_shown(found.given)}" is not accepted; expected text {accepted}'
    if plain := _PLAIN.get(found.kind):
        return plain(found.context, _shown(found.given))
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
