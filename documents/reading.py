"""Reading: YAML as plain data with the position of every value.

PyYAML finds the nodes; this module turns them into values, so that duplicate keys, YAML 1.1 surprises (`on:`, 12:30,
1.20) and aliases without end are refused with their position instead of being read as something else.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from documents.composing import DEEPEST, MOST_NODES, TOO_DEEP, TOO_MANY, compose
from documents.diagnostics import Diagnostic, InvalidInput
from documents.document import MERGE_TAG, Document, merged, position_of
from documents.wanted import Wanted
from documents.yaml_syntax import shown

__all__ = ["as_read", "read_document"]

_LONGEST_NUMBER = 100
_TAG = "tag:yaml.org,2002:"
_TEXT = {f"{_TAG}str", f"{_TAG}timestamp", f"{_TAG}value", MERGE_TAG}


def read_document(text: str | bytes, file: str, wanted: Wanted) -> Document:
    """Read one YAML document.

    Args:
        text: The content of the file.
        file: Its name, for messages.
        wanted: What it should hold.

    Raises:
        InvalidInput: With every problem found.
    """
    root = compose(text, file, wanted)
    reader = _Reader(file, wanted)
    data = reader.value(root).data
    if reader.problems:
        raise InvalidInput(tuple(reader.problems))
    return Document(
        file,
        data,
        root,
        wanted,
        holds_nothing=reader.holds_nothing,
        holds_false=reader.holds_false,
        surprises=tuple(reader.surprises),
        holds_hidden=reader.holds_hidden,
    )


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

    def __init__(self, file: str, wanted: Wanted) -> None:
        self.file, self.wanted = file, wanted
        self.problems: list[Diagnostic] = []
        self.surprises: list[Diagnostic] = []
        self.done: dict[int, _Value] = {}
        self.open: set[int] = set()
        self.limited = False
        self.taken = 0
        self.holds_nothing = False
        self.holds_false = False
        self.holds_hidden = False

    def problem(self, node: yaml.Node, message: str) -> None:
        self.problems.append(Diagnostic(position_of(self.file, node.start_mark), message))

    def value(self, node: yaml.Node) -> _Value:
        if isinstance(node, yaml.ScalarNode):
            data = self.scalar(node)
            self.holds_nothing = self.holds_nothing or data is None
            return _Value(data)
        identity = id(node)
        if identity in self.done:
            return self.done[identity]
        if identity in self.open:
            self.problem(node, "an alias inside its own value never ends; write out the value")
            return _Value(None)
        self.open.add(identity)
        if node.tag not in {f"{_TAG}map", f"{_TAG}seq"}:
            self.refuse_tag(node)
        value = self.mapping(node) if isinstance(node, yaml.MappingNode) else self.sequence(node)
        if value.nodes > MOST_NODES or value.levels > DEEPEST:
            self.refuse_size(node, TOO_MANY if value.nodes > MOST_NODES else TOO_DEEP)
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
        taken: list[Any] = []
        nodes, levels = 1, 0
        for key_node, value_node in node.value:
            value = self.value(value_node)
            nodes += value.nodes + 1
            levels = max(levels, value.levels)
            key = key_node.value
            self.holds_hidden = self.holds_hidden or not str(key).isprintable()
            if not self.is_key(key_node, inside_braces=_opens_twice(node)):
                continue
            if key in first:
                line = first[key].start_mark.line + 1
                self.problem(
                    key_node, f'the key "{shown(key)}" stands here twice; the first is in line {line}'
                )
                continue
            first[key] = key_node
            if key_node.tag == MERGE_TAG:
                taken += self.merge(key_node, value_node, value.data, found)
            else:
                found[key] = value.data
        for each in taken:
            for key, data in each.items():
                found.setdefault(key, data)
        return _Value(found, nodes, levels + 1)

    def merge(self, key: yaml.Node, node: yaml.Node, data: Any, before: Mapping[str, Any]) -> list[Any]:
        """The mappings that a merge key takes in; what the mapping itself holds counts more."""
        if not all(isinstance(each, yaml.MappingNode) for each in merged(node)):
            self.problem(node, "the merge key << takes a mapping, or a list of mappings")
            return []
        taken = [each for each in (data if isinstance(data, list) else [data]) if isinstance(each, dict)]
        # A few bytes can take in a large mapping, again and again.
        self.taken += sum(map(len, taken))
        if self.taken > MOST_NODES:
            self.refuse_size(node, TOO_MANY)
            return []
        if both := next((name for each in taken for name in each if name in before), None):
            # Older versions of go-yaml take the merged one, newer ones the mapping's own.
            self.problem(
                key,
                f'<< also holds the key "{shown(both)}", which stands before it; programs differ in which one they '
                "take, so write << first",
            )
        return taken

    def refuse_size(self, node: yaml.Node, message: str) -> None:
        if not self.limited:
            self.problem(node, message)
        self.limited = True

    def is_key(self, node: yaml.Node, *, inside_braces: bool) -> bool:
        """Whether a key is accepted; if not, says why."""
        if isinstance(node, yaml.ScalarNode) and node.tag in _TEXT:
            if node.tag != MERGE_TAG or self.wanted.merge_key is None:
                return True
            self.problem(node, f"the merge key << is refused; {self.wanted.merge_key}")
        elif isinstance(node, yaml.MappingNode) and (inside_braces or _opens_twice(node)):
            self.problem(node, "{{ opens a mapping in YAML; quote text that starts with {{")
        elif not isinstance(node, yaml.ScalarNode):
            self.problem(node, "a key must be text; quote text that starts with [ or {")
        elif node.tag == f"{_TAG}null" and not node.value:
            self.problem(node, "a key is missing here; expected text before the :")
        elif node.tag == f"{_TAG}null" or node.tag in _CONSTRUCT:
            hint = self.wanted.hint(node.value)
            advice = hint.sentence if hint else "quote the key"
            value = self.scalar(node)
            self.problem(
                node,
                f'YAML reads the key "{shown(node.value)}" as {as_read(node.value, value)}; {advice}',
            )
        else:
            self.refuse_tag(node)
        return False

    def scalar(self, node: yaml.ScalarNode) -> Any:
        text, tag = node.value, node.tag
        if tag in _TEXT:
            self.holds_hidden = self.holds_hidden or not text.isprintable()
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
                value = construct(node)
            except (ValueError, KeyError, IndexError, OverflowError):
                pass
            else:
                self.holds_false = self.holds_false or value is False
                self.look_at_number(node, value)
                return value
        expected = (
            "true or false" if tag == f"{_TAG}bool" else f"a number of at most {_LONGEST_NUMBER} characters"
        )
        self.problem(
            node, f"YAML cannot read {shown(text) or 'nothing'} as {expected}; quote it if it is text"
        )
        return None

    def look_at_number(self, node: yaml.ScalarNode, value: object) -> None:
        """Note a number of base 60 or 8, which other programs, and people, read as another number or as text."""
        digits = node.value.lstrip("+-")
        if isinstance(value, bool) or not (":" in digits or re.fullmatch(r"0[0-7_]+", digits)):
            return
        message = f'YAML reads {shown(node.value)} as {as_read(node.value, value)}; write {value}, or "{shown(node.value)}" if it is text'
        self.surprises.append(Diagnostic(position_of(self.file, node.start_mark), message))

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
    """The value that YAML reads from a plain scalar."""
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
