"""Shared places: what is written once and reaches many pipelines. A fault there is one message, at its line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import yaml

from documents.diagnostics import Diagnostic, Position
from documents.document import position_of

__all__ = ["SharedPlaces"]


@dataclass(slots=True)
class SharedPlaces:
    """The places of defaults, of a file's owner and namespace, of a source's pattern and of pipelines with for_each."""

    fields: dict[Position, tuple[str, bool]] = field(default_factory=dict)
    """Position → the field that stands there; whether it goes on as the pipeline's does."""

    def add(self, file: str, node: yaml.Node, name: str, *, whole: bool = True) -> None:
        """Note a node and everything below it.

        Args:
            file: That holds it.
            node: Where it begins.
            name: The field that a message names, such as defaults.
            whole: It stands for a pipeline, so that the rest of the pipeline's field follows.
        """
        seen: set[int] = set()
        todo = [node]
        while todo:
            each = todo.pop()
            if id(each) in seen:
                continue
            seen.add(id(each))
            self.fields.setdefault(position_of(file, each.start_mark), (name, whole))
            if isinstance(each, yaml.MappingNode):
                todo += [child for pair in each.value for child in pair]
            elif isinstance(each, yaml.SequenceNode):
                todo += each.value

    def told_once(self, diagnostics: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
        """The diagnostics, with one in place of those that many pipelines have from one place."""
        groups: dict[tuple[Position, str, str], dict[str, list[Diagnostic]]] = {}
        for each in diagnostics:
            top, _, rest = each.field.partition(".")
            if each.position not in self.fields or top not in {
                "pipelines",
                "defaults",
                "sources",
                "owner",
                "namespace",
            }:
                yield each
                continue
            pipeline, _, below = rest.partition(".") if top == "pipelines" else ("", "", rest)
            if not self.fields[each.position][1]:
                below = ""
            group = groups.setdefault((each.position, each.severity, below), {})
            group.setdefault(pipeline, []).append(each)
        for (position, _, below), by_pipeline in groups.items():
            name, whole = self.fields[position]
            field_name = f"{name}.{below}" if whole and below else name
            pipelines = sorted(by_pipeline.keys() - {""})
            most = max(by_pipeline.values(), key=len)
            for each in most:
                yield replace(each, field=field_name, message=each.message + _reach(pipelines))


def _reach(pipelines: list[str]) -> str:
    if not pipelines:
        return ""
    if len(pipelines) == 1:
        return f' (reaches the pipeline "{pipelines[0]}")'
    return f' (reaches {len(pipelines):,} pipelines, such as "{pipelines[0]}")'
