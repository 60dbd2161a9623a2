"""Suspending: the key `suspended` of a pipeline, written into a file and removed from it. Every other character of the file stays.

The text is edited at the places that the YAML reader tells. What this cannot do safely is refused with the line that a person can write.
"""

import json
from dataclasses import dataclass

import yaml

__all__ = ["Edited", "NotEditable", "resumed", "suspended", "suspension_line"]

KEY = "suspended"


class NotEditable(ValueError):
    """A place in a file that is left to a person; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Edited:
    """A file with one pipeline changed."""

    text: str
    line: int
    """Line of the change, from 1."""


def suspension_line(because: str, until: str | None) -> str:
    """The key with its value, on one line."""
    # JSON texts are YAML texts, in quotes.
    end = f", until: {json.dumps(until)}" if until is not None else ""
    return f"{KEY}: {{because: {json.dumps(because, ensure_ascii=False)}{end}}}"


def suspended(text: str, pipeline: str, because: str, until: str | None) -> Edited:
    """The file with the pipeline suspended, for this reason alone.

    Raises:
        NotEditable: The pipeline is not written there in a form that can be edited.
    """
    node = _pipeline(text, pipeline)
    if _place(node) is not None:
        text = resumed(text, pipeline).text
        node = _pipeline(text, pipeline)
    first = node.value[0][0].start_mark
    line = suspension_line(because, until)
    line_end = "\r\n" if "\r\n" in text else "\n"
    separator = ", " if node.flow_style else f"{line_end}{' ' * first.column}"
    return Edited(text[: first.index] + line + separator + text[first.index :], first.line + 1)


def resumed(text: str, pipeline: str) -> Edited:
    """The file without the pipeline's suspension.

    Raises:
        NotEditable: The suspension is not written there in a form that can be edited.
    """
    node = _pipeline(text, pipeline)
    place = _place(node)
    if place is None:
        raise NotEditable("the pipeline itself has no such key here")
    key, value = node.value[place]
    start, end = key.start_mark.index, value.end_mark.index
    if len(node.value) == 1:
        raise NotEditable("nothing but the key stands there")
    if node.flow_style:
        if place + 1 < len(node.value):
            end = node.value[place + 1][0].start_mark.index
        else:
            start = node.value[place - 1][1].end_mark.index
        return Edited(text[:start] + text[end:], key.start_mark.line + 1)
    if isinstance(value, yaml.MappingNode) and not value.flow_style:
        # The end of a block is where the next thing begins, comments in between included.
        end = value.value[-1][1].end_mark.index
    start = text.rfind("\n", 0, start) + 1
    if text[start : key.start_mark.index].strip():
        raise NotEditable("something else stands on the line of the key")
    after = text.find("\n", end)
    rest = text[end : after if after >= 0 else len(text)].strip()
    if rest and not rest.startswith("#"):
        raise NotEditable("something else stands on the line of the key")
    return Edited(text[:start] + (text[after + 1 :] if after >= 0 else ""), key.start_mark.line + 1)


def _place(node: yaml.MappingNode) -> int | None:
    """Place of the key among the pipeline's."""
    return next((number for number, (key, _) in enumerate(node.value) if key.value == KEY), None)


def _pipeline(text: str, name: str) -> yaml.MappingNode:
    """The mapping of a pipeline.

    Raises:
        NotEditable: There is none that can be edited.
    """
    try:
        # PyYAML's own reader: the marks of the C reader count bytes.
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise NotEditable("the file is no YAML") from error
    pipelines = _child(root, "pipelines")
    found = _child(pipelines, name)
    if found is None:
        raise NotEditable("its name does not stand there: for_each makes it, or a pattern")
    if not isinstance(found, yaml.MappingNode) or not found.value:
        raise NotEditable("it is not written as a mapping with keys")
    aliased = sum(value is found for _, value in pipelines.value) > 1 if pipelines else False
    if aliased or text[found.start_mark.index] in "&*":
        raise NotEditable("it is an anchor or an alias, which other pipelines share")
    return found


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for each, value in node.value if each.value == key), None)
