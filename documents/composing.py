"""Composing: the text of a file as PyYAML's nodes, within limits."""

import re
from functools import lru_cache
from typing import Any

import yaml
from yaml.resolver import Resolver

from documents.diagnostics import Diagnostic, InvalidInput, Position
from documents.document import position_of
from documents.wanted import Wanted
from documents.yaml_syntax import shown, syntax_message

__all__ = ["DEEPEST", "LARGEST_BYTES", "MOST_NODES", "TOO_DEEP", "TOO_MANY", "compose"]

LARGEST_BYTES = 32 * 1024 * 1024
DEEPEST = 100
MOST_NODES = 2_000_000
"""Values of one file, with every alias written out."""
_NULL_TAG = "tag:yaml.org,2002:null"
_MAP_TAG = "tag:yaml.org,2002:map"
_REFUSED_CHARACTER = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


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
        if self.depth > DEEPEST + 1:
            raise _LimitError(TOO_DEEP, mark)
        if self.nodes > MOST_NODES:
            raise _LimitError(TOO_MANY, mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        return (
            _scalar_tag(value, implicit) if kind is yaml.ScalarNode else _plain.resolve(kind, value, implicit)
        )


_plain: Any = Resolver()


@lru_cache(maxsize=65_536)
def _scalar_tag(value: str, implicit: tuple[bool, bool]) -> str:
    """The tag of a scalar; cached, because a declaration repeats the same few words thousands of times."""
    return str(_plain.resolve(yaml.ScalarNode, value, implicit))


TOO_DEEP = f"nested too deeply; at most {DEEPEST} levels are read"
TOO_MANY = f"too many values; at most {MOST_NODES:,} are read, with every alias written out"
_Loader: Any = type("_Loader", (_Limits, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), {})


def compose(text: str | bytes, file: str, wanted: Wanted) -> yaml.MappingNode:
    """The mapping that a file holds.

    Raises:
        InvalidInput: The file is too large, not UTF-8, not YAML, or holds something else than one mapping.
    """
    content = _decoded(text, file)
    try:
        return _mapping(content, file, wanted)
    except _LimitError as limit:
        raise _refusal(position_of(file, limit.mark), str(limit)) from None
    except yaml.MarkedYAMLError as error:
        if "maximum nesting depth" in str(
            error.problem
        ):  # the parser's own limit, which it may reach before ours
            raise _refusal(position_of(file, error.problem_mark or error.context_mark), TOO_DEEP) from None
        position = position_of(file, error.problem_mark or error.context_mark)
        raise _refusal(position, syntax_message(error, content.splitlines())) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise _refusal(Position(file, 1, 1), f"not YAML: {shown(error)}") from None


def _refusal(position: Position, message: str) -> InvalidInput:
    return InvalidInput((Diagnostic(position, message),))


def _decoded(text: str | bytes, file: str) -> str:
    """The text without a byte order mark."""
    start = Position(file, 1, 1)
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > LARGEST_BYTES:
        raise _refusal(start, f"the file has more than {LARGEST_BYTES:,} bytes; no larger one is read")
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


def _mapping(text: str, file: str, wanted: Wanted) -> yaml.MappingNode:
    loader = _Loader(text)
    try:
        node: yaml.Node | None = loader.get_node() if loader.check_node() else None
        if node is not None and loader.check_node():
            message = "a second YAML document starts here; give each document a file of its own"
            raise _refusal(_second(text, file, node, loader.peek_event()), message)
    finally:
        loader.dispose()
    if node is None or (node.tag == _NULL_TAG and isinstance(node, yaml.ScalarNode)):
        if wanted.empty is None:
            return yaml.MappingNode(_MAP_TAG, [])
        raise _refusal(Position(file, 1, 1), f"the file is empty; {wanted.empty}")
    if not isinstance(node, yaml.MappingNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
        raise _refusal(
            position_of(file, node.start_mark), f"expected a mapping at the top, {wanted.mapping}, not {kind}"
        )
    return node


_MARKER = re.compile(r"^---", re.MULTILINE)


def _second(text: str, file: str, first: yaml.Node, event: yaml.Event) -> Position:
    """Position at which a second document starts; libyaml only gives the position of its content."""
    if first.end_mark is not None and (found := _MARKER.search(text, max(first.end_mark.index - 1, 0))):
        return _end(file, text[: found.start()])
    return position_of(file, event.start_mark)
