"""A document: the data of one file, with the position of every value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from documents.diagnostics import Diagnostic, Position
from documents.wanted import Wanted

__all__ = ["MERGE_TAG", "Document", "Place", "merged", "placed", "position_of"]

MERGE_TAG = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Place:
    """A mark that knows its file; line and column count from 0, as PyYAML's do."""

    file: str
    line: int
    column: int


def placed(node: yaml.Node, file: str) -> yaml.Node:
    """A copy of a node for use in the document of another file: every mark in it names the file that it is from."""
    return _placed(node, file, {})


def _placed(node: yaml.Node, file: str, done: dict[int, yaml.Node]) -> yaml.Node:
    if (found := done.get(id(node))) is not None:  # an alias stays one node
        return found
    mark: Any = Place(file, node.start_mark.line, node.start_mark.column) if node.start_mark else None
    if isinstance(node, yaml.MappingNode):
        pairs = [(_placed(key, file, done), _placed(value, file, done)) for key, value in node.value]
        copy: yaml.Node = yaml.MappingNode(node.tag, pairs, mark)
    elif isinstance(node, yaml.SequenceNode):
        copy = yaml.SequenceNode(node.tag, [_placed(each, file, done) for each in node.value], mark)
    else:
        copy = yaml.ScalarNode(node.tag, node.value, mark)
    done[id(node)] = copy
    return copy


def position_of(file: str, mark: Any) -> Position:
    """The position of a mark of PyYAML's, or of a place in another file; without one, the start of the file."""
    if mark is None:
        return Position(file, 1, 1)
    return Position(mark.file if isinstance(mark, Place) else file, mark.line + 1, mark.column + 1)


def merged(value: yaml.Node) -> list[Any]:
    """The nodes that a merge key takes in, mappings if it is right; of two that hold a key, the first one counts."""
    return list(value.value) if isinstance(value, yaml.SequenceNode) else [value]


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its data, and its nodes for positions."""

    file: str
    data: Any
    root: yaml.Node = field(repr=False, compare=False)
    wanted: Wanted = field(repr=False, compare=False)
    holds_nothing: bool = False
    """Whether a place is empty (null, or a key without a value)."""
    holds_false: bool = False
    """Whether a value is false."""
    holds_hidden: bool = False
    """Whether a text or a key has a character that is not plainly seen; only then is it asked which one."""
    surprises: tuple[Diagnostic, ...] = field(default=(), repr=False, compare=False)
    """Numbers that may be meant otherwise: wrong where a number is accepted."""
    _children: dict[int, Mapping[str, tuple[yaml.Node, yaml.Node]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Children of the mappings that somebody asked about: the checks ask about each of 1,000 pipelines."""

    def position(self, path: Sequence[str | int], *, key: bool = False) -> Position:
        """Position of the value at a path, or of its key; for an absent value, that of its deepest existing ancestor."""
        node, mark = self.root, self.root.start_mark
        for index, part in enumerate(path, 1):
            found = self._child(node, part)
            if found is None:
                break
            key_node, node = found
            mark = (key_node if key and key_node and index == len(path) else node).start_mark
        return position_of(self.file, mark)

    def scalar(self, path: Sequence[str | int]) -> str | None:
        """The text of a scalar as it is written, without quotes; None if the value is not a scalar."""
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
        return self._pairs(node).get(part)

    def _pairs(self, node: yaml.MappingNode) -> Mapping[str, tuple[yaml.Node, yaml.Node]]:
        pairs = self._children.get(id(node))
        if pairs is None:
            found = {key.value: (key, value) for key, value in node.value if key.tag != MERGE_TAG}
            for each in (one for key, value in node.value if key.tag == MERGE_TAG for one in merged(value)):
                for name, pair in self._pairs(each).items():
                    found.setdefault(name, pair)
            pairs = self._children[id(node)] = found
        return pairs
