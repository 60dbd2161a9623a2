"""Reading: YAML as plain data that remembers where everything stands.

PyYAML finds the nodes; this module turns them into values, so that duplicate keys, YAML 1.1 surprises (`on:`, 12:30,
1.20) and aliases without end are refused with their position instead of being read as something else.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from documents.diagnostics import Diagnostic, InvalidInput, Position
from documents.yaml_syntax import shown, syntax_message

__all__ = ["Document", "Wanted", "as_read", "read_document"]

_LARGEST_BYTES = 32 * 1024 * 1024
_DEEPEST = 100
_MOST_NODES = 2_000_000
_LONGEST_NUMBER = 100
_TAG = "tag:yaml.org,2002:"
_TEXT = {f"{_TAG}str", f"{_TAG}timestamp", f"{_TAG}value", f"{_TAG}merge"}
_REFUSED_CHARACTER = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its data, and its nodes for positions."""

    file: str
    data: Any
    root: yaml.Node = field(repr=False, compare=False)
    holds_nothing: bool = False
    """Whether nothing stands somewhere (null, or a key without a value)."""
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

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        return (
            _scalar_tag(value, implicit) if kind is yaml.ScalarNode else _plain.resolve(kind, value, implicit)
        )


_plain: Any = Resolver()


@lru_cache(maxsize=65_536)
def _scalar_tag(value: str, implicit: tuple[bool, bool]) -> str:
    """The tag of a scalar; a declaration says the same few words thousands of times."""
    return str(_plain.resolve(yaml.ScalarNode, value, implicit))


_TOO_DEEP = f"nested too deeply; at most {_DEEPEST} levels are read"
_TOO_MANY = f"too many values; at most {_MOST_NODES:,} are read, with every alias written out"
_Loader: Any = type("_Loader", (_Limits, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), {})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file should hold, for messages about a file that holds something else."""

    empty: str
    mapping: str


DECLARATION = Wanted(empty="hookline init writes a first one", mapping="such as version: 1")


def read_document(text: str | bytes, file: str, wanted: Wanted = DECLARATION) -> Document:
    """Read one YAML document.

    Raises:
        InvalidInput: With every problem found.
    """
    content = _decoded(text, file)
    try:
        root = _compose(content, file, wanted)
    except _LimitError as limit:
        raise _refusal(_position(file, limit.mark), str(limit)) from None
    except yaml.MarkedYAMLError as error:
        position = _position(file, error.problem_mark or error.context_mark)
        raise _refusal(position, syntax_message(error, content.splitlines())) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise _refusal(Position(file, 1, 1), f"not YAML: {shown(error)}") from None
    reader = _Reader(file)
    data = reader.value(root).data
    if reader.problems:
        raise InvalidInput(tuple(reader.problems))
    return Document(file, data, root, holds_nothing=reader.holds_nothing)


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


def _compose(text: str, file: str, wanted: Wanted) -> yaml.MappingNode:
    loader = _Loader(text)
    try:
        node: yaml.Node | None = loader.get_node() if loader.check_node() else None
        if node is not None and loader.check_node():
            message = "a second YAML document starts here; give each document a file of its own"
            raise _refusal(_second(text, file, node, loader.peek_event()), message)
    finally:
        loader.dispose()
    if node is None or (node.tag == f"{_TAG}null" and isinstance(node, yaml.ScalarNode)):
        raise _refusal(Position(file, 1, 1), f"the file is empty; {wanted.empty}")
    if not isinstance(node, yaml.MappingNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
        raise _refusal(
            _position(file, node.start_mark), f"expected a mapping at the top, {wanted.mapping}, not {kind}"
        )
    return node


_MARKER = re.compile(r"^---", re.MULTILINE)


def _second(text: str, file: str, first: yaml.Node, event: yaml.Event) -> Position:
    """Where a second document starts; libyaml only tells where its content does."""
    if first.end_mark is not None and (found := _MARKER.search(text, max(first.end_mark.index - 1, 0))):
        return _end(file, text[: found.start()])
    return _position(file, event.start_mark)


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
        self.holds_nothing = False

    def problem(self, node: yaml.Node, message: str) -> None:
        self.problems.append(Diagnostic(_position(self.file, node.start_mark), message))

    def value(self, node: yaml.Node) -> _Value:
        if isinstance(node, yaml.ScalarNode):
            data = self.scalar(node)
            self.holds_nothing = self.holds_nothing or data is None
            return _Value(data)
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
                    key_node, f'the key "{shown(key)}" stands here twice; the first is in line {line}'
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
                f'YAML reads the key "{shown(node.value)}" as {as_read(node.value, value)}; {hint}',
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
            node, f"YAML cannot read {shown(text) or 'nothing'} as {expected}; quote it if it is text"
        )
        return None

    def refuse_tag(self, node: yaml.Node) -> None:
        tag = node.tag.replace(_TAG, "!!", 1)
        if tag.startswith("tag:"):
            tag = f"!<{tag}>"
        accepted = "leave the tag out" if tag.startswith(("!!", "!<")) else "quote text that starts with !"
        self.problem(node, f"the tag {shown(tag)} is refused; {accepted}")


def _opens_twice(node: yaml.Node) -> bool:
    """Whether a mapping is written as {{, which is most likely a template's text without quotes."""
    if not isinstance(node, yaml.MappingNode) or not node.value:
        return False
    inner = node.value[0][0]
    if not isinstance(inner, yaml.MappingNode) or node.start_mark is None or inner.start_mark is None:
        return False
    return inner.start_mark.index == node.start_mark.index + 1


def as_read(text: str, value: Any) -> str:
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
