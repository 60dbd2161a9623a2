"""Merging: a pipeline's own keys over those of its defaults, as data and as the nodes that say where each stands."""

from typing import Any, NamedTuple

import yaml

from documents.document import placed
from hookline.declaration.shapes import Shape

__all__ = ["EMPTY", "Part", "data_at", "elsewhere", "made", "merge", "part_at", "with_part"]

_MAP, _TEXT = "tag:yaml.org,2002:map", "tag:yaml.org,2002:str"


class Part(NamedTuple):
    """A value of a file with its node."""

    data: Any
    node: yaml.Node

    def pairs(self) -> list[tuple[yaml.Node, yaml.Node]]:
        """The nodes of the keys and values; none for anything but a mapping."""
        return self.node.value if isinstance(self.node, yaml.MappingNode) else []

    def children(self) -> "dict[str, tuple[yaml.Node, Part]]":
        """Key → node of the key, part below it; empty for anything but a mapping."""
        return {key.value: (key, Part(self.data[key.value], node)) for key, node in self.pairs()}


EMPTY = Part({}, yaml.MappingNode(_MAP, []))


def made(data: Any, mark: Any) -> Part:
    """A value that no file holds, as if it stood at a mark."""
    if isinstance(data, dict):
        pairs = [(yaml.ScalarNode(_TEXT, key, mark), made(value, mark).node) for key, value in data.items()]
        return Part(data, yaml.MappingNode(_MAP, pairs, mark))
    return Part(data, yaml.ScalarNode(_TEXT, str(data), mark))


def merge(shape: Shape, default: Part, own: Part, *, holds_false: bool = True) -> Part:
    """The keys of a pipeline, and the default's where it has none.

    `false` removes a default wherever it is not a value by itself. Unknown keys stay, so that the model refuses them.

    Args:
        shape: Of the mapping.
        default: In which no false removes anything.
        own: What stands over it.
        holds_false: Whether there may be a false in it; if there is none, what has no default need not be looked at.
    """
    if not isinstance(own.data, dict) or (not default.data and not holds_false):
        return own
    data, nodes = dict(own.data), dict[str, yaml.Node]()
    for key in own.data.keys() if holds_false else own.data.keys() & default.data.keys():
        child, mine = shape.child(key), part_at(own, key)
        if child is None or mine is None:
            continue
        if mine.data is False and not child.holds_false:
            del data[key]
        elif child.merges:
            under = part_at(default, key) if isinstance(default.data.get(key), dict) else None
            data[key], nodes[key] = _over(child, under or EMPTY, mine, holds_false)
    pairs = list(own.pairs())
    if nodes or len(data) < len(pairs):
        pairs = [(key, nodes.get(key.value, node)) for key, node in pairs if key.value in data]
    for pair in default.pairs():
        if (name := pair[0].value) not in own.data:
            data[name] = default.data[name]
            pairs.append(pair)
    return Part(data, yaml.MappingNode(_MAP, pairs, own.node.start_mark))


def _over(shape: Shape, default: Part, own: Part, holds_false: bool) -> Part:
    """A mapping over its default; of a list of them, each."""
    if not shape.listed or not isinstance(own.data, list) or not isinstance(own.node, yaml.SequenceNode):
        return merge(shape, default, own, holds_false=holds_false)
    items = [
        merge(shape, default, Part(data, node), holds_false=holds_false)
        for data, node in zip(own.data, own.node.value, strict=True)
    ]
    return Part(
        [each.data for each in items],
        yaml.SequenceNode(own.node.tag, [each.node for each in items], own.node.start_mark),
    )


def data_at(data: Any, *path: str) -> Any:
    """The value below a path of keys; None where there is none. It is much cheaper than the part."""
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def part_at(part: Part, *path: str) -> Part | None:
    """The part below a path of keys; None where there is none."""
    for key in path:
        if not isinstance(part.data, dict) or key not in part.data:
            return None
        node = next(node for key_node, node in part.pairs() if key_node.value == key)
        part = Part(part.data[key], node)
    return part


def with_part(whole: Part, path: tuple[str, ...], part: Part | None) -> Part:
    """A copy in which another part stands at a path of keys, or none; what lies on the way is a mapping or is made one."""
    key, *rest = path
    children = whole.children()
    if rest:
        below = children[key][1] if key in children and isinstance(children[key][1].data, dict) else None
        part = with_part(below or made({}, part.node.start_mark if part else None), tuple(rest), part)
    if part is None:
        children.pop(key, None)
    else:
        children[key] = (children[key][0] if key in children else _key(key, part), part)
    return Part(
        {name: each.data for name, (_, each) in children.items()},
        yaml.MappingNode(
            _MAP, [(key_node, each.node) for key_node, each in children.values()], whole.node.start_mark
        ),
    )


def _key(name: str, part: Part) -> yaml.Node:
    return yaml.ScalarNode(_TEXT, name, part.node.start_mark)


def elsewhere(part: Part, file: str) -> Part:
    """The same part with positions that name its file: it is read as a part of other files too."""
    return Part(part.data, placed(part.node, file))
