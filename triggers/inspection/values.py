"""The flow of parameter values: from the arguments of a Workflow through tasks and inputs into the texts that are run.

Argo replaces `{{...}}` in a template's texts before anything runs. A value in `env:` stays a value; in a script, in arguments, in the
manifest of a resource, in a request or in a patch of the pod it becomes text of a program. Where a form is not understood, every value
that it could mean counts. Source: argo-workflows docs/variables.md, docs/lifecyclehook.md.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from triggers.inspection.parts import Anatomy, Call, Unit

__all__ = ["Flow", "flow"]

_NAME = r"(?:\s*\.\s*([\w-]+)|\s*\[\s*['\"]([^'\"\]]*)['\"]\s*\])?"
_IN = r"\s*(?:\.\s*|\[\s*['\"])"
_PARAMETER = re.compile(
    rf"\b(workflow|inputs){_IN}(?:arguments\b(?:['\"]\s*\])?(?!{_IN}parameters)|(?:arguments\b(?:['\"]\s*\])?{_IN})?"
    rf"parameters\b(?:['\"]\s*\])?{_NAME})"
)
_TASK = re.compile(r"\b(?:tasks|steps)\b" + _NAME)
_ANNOTATION = re.compile(rf"\bworkflow{_IN}annotations\b")
_GLOBAL_OUTPUT = re.compile(rf"\bworkflow{_IN}outputs\b")
_WHOLE = re.compile(r"\b(?:workflow|inputs)\b(?!\s*(?:\.\s*\w|\[\s*['\"]))")
_ITEM = re.compile(r"\bitem\b")
_COMPARED = re.compile(
    r"\{\{=\s*\w+(?:\s*\.\s*\w+|\s*\[\s*'[^'{}]*'\s*\])*\s*[!=]=\s*'[^'{}]*'\s*\}\}", re.ASCII
)
"""An expression that compares one value with a text: true or false takes its place, and never the value."""

ANNOTATIONS = "workflow.annotations"
"""Annotations of a run, which hold names of refs and people."""
OUTPUTS = "outputs of "
INPUT = "input "


@dataclass(frozen=True, slots=True)
class Flow:
    """The values that become text of programs.

    A value is the name of a parameter, `workflow.annotations`, `outputs of STEP`, or `input NAME` (one that no task of this template fills).
    """

    scripts: Mapping[str, list[str]]
    """Value → names of the steps that run it as text."""
    conditions: Mapping[str, list[str]]
    """Value → names of the templates that decide by it whether a task runs."""


class _Node(NamedTuple):
    """A place that values pass: what it is, of which unit, its name."""

    what: str
    unit: str = ""
    name: str = ""


def tags(text: str) -> Iterator[str]:
    """The texts between {{ and }}, as Argo finds them."""
    start = text.find("{{")
    while start >= 0:
        end = text.find("}}", start)
        if end < 0:
            return
        yield text[start + 2 : end]
        start = text.find("{{", end + 2)


def flow(template: Anatomy) -> Flow:
    """Follow every value of a template."""
    return _Follower(template).flow()


class _Follower:
    """Edges from places that hold values to the places that take them."""

    def __init__(self, template: Anatomy) -> None:
        self.template = template
        self.units = {unit.key: unit for unit in template.units}
        self.edges: dict[_Node, set[_Node]] = defaultdict(set)
        self.repeated: dict[str, _Node] = {}
        """Unit that is written inline → the items that its task is repeated for."""
        self.given: set[_Node] = set()
        """Inputs that somebody in this template fills."""
        self.called: set[str] = set()
        self.tasks = {unit.key: {call.task for call in unit.calls} for unit in template.units}

    def flow(self) -> Flow:
        for unit in self.units.values():
            for number, call in enumerate(unit.calls):
                items = _Node("items", unit.key, str(number))
                self.take(call.items, unit, items)
                if call.target in self.units and self.units[call.target].inside == unit.key:
                    self.repeated[call.target] = items
                self.call(call, unit, items)
        for unit in self.units.values():
            self.unit(unit)
        held = self.spread()
        return Flow(self.named(held, "script"), self.named(held, "condition"))

    def call(self, call: Call, unit: Unit, items: _Node) -> None:
        """Arguments become inputs; an output of a task may hold everything that the task received."""
        result = _Node("result", unit.key, call.task)
        for name, text in call.arguments.items():
            given = _Node("input", call.target, name)
            self.given.add(given)
            self.take(text, unit, given, items)
            if call.target not in self.units:
                self.take(text, unit, result, items)
        self.called.add(call.target)
        self.edge(_Node("whole", call.target), result)
        self.edge(result, _Node("whole", unit.key))

    def unit(self, unit: Unit) -> None:
        whole = _Node("whole", unit.key)
        for name, text in unit.inputs.items():
            self.take(text, unit, _Node("input", unit.key, name))
        self.take(unit.said, unit, whole)
        self.edge(whole, _Node("global outputs"))
        self.take(unit.pasted, unit, _Node("script", unit.key))
        self.take(_COMPARED.sub("", unit.conditions), unit, _Node("condition", unit.key))

    def edge(self, source: _Node, target: _Node) -> None:
        self.edges[source].add(target)

    def take(self, text: str, unit: Unit, target: _Node, items: _Node | None = None) -> None:
        """The target takes everything that a text refers to."""
        for tag in set(tags(text)):
            for source in self.sources(tag, unit, items):
                self.edge(source, target)

    def scopes(self, unit: Unit) -> Iterator[Unit]:
        """The unit, and those that it is written in: Argo replaces their values in its texts, too."""
        found: Unit | None = unit
        while found is not None:
            yield found
            found = self.units.get(found.inside) if found.inside else None

    def sources(self, tag: str, unit: Unit, items: _Node | None) -> Iterator[_Node]:
        for found in _PARAMETER.finditer(tag):
            name = found[2] or found[3]
            if found[1] == "workflow":
                yield from self.parameter(name, expression=tag.startswith("="))
            else:
                yield from self.inputs(name, unit)
        if tag.lstrip().startswith("=") and _WHOLE.search(tag):
            yield from self.parameter(None, expression=True)
            yield from self.inputs(None, unit)
        if "outputs" in tag:
            for found in _TASK.finditer(tag):
                yield from self.outputs(found[1] or found[2], unit)
        if _ANNOTATION.search(tag):
            yield _Node("parameter", "", ANNOTATIONS)
        if _GLOBAL_OUTPUT.search(tag):
            yield _Node("global outputs")
        if _ITEM.search(tag):
            if items is not None:
                yield items
            yield from (self.repeated[each.key] for each in self.scopes(unit) if each.key in self.repeated)

    def parameter(self, name: str | None, *, expression: bool) -> Iterator[_Node]:
        declared = self.template.parameters
        if name is not None and name not in declared and (expression or name == "json"):
            # In an expression a-1 is a difference; workflow.parameters.json is all of them.
            parts = name.split("-")
            starts = ("-".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))
            start = next((start for start in starts if start in declared), None)
            if start is None:
                yield _Node("every parameter")
            name = start or name
        yield _Node("every parameter") if name is None else _Node("parameter", "", name)

    def inputs(self, name: str | None, unit: Unit) -> Iterator[_Node]:
        for scope in self.scopes(unit):
            if name is None or name == "json":
                yield _Node("every input", scope.key)
            elif name in scope.inputs or scope is unit:
                yield _Node("input", scope.key, name)

    def outputs(self, name: str | None, unit: Unit) -> Iterator[_Node]:
        for scope in self.scopes(unit):
            # In an expression a name with - cannot be told from a difference.
            known = name is not None and name in self.tasks[scope.key]
            yield _Node("output", scope.key, name or "") if known else _Node("every output", scope.key)

    def spread(self) -> tuple[dict[_Node, int], list[str]]:
        """Values that each place can hold, as bits; and the names of the bits: parameters, inputs that nobody here fills, outputs of steps."""
        for name in self.template.parameters:
            self.edge(_Node("parameter", "", name), _Node("every parameter"))
        for unit in self.units.values():
            for name in unit.inputs:
                self.edge(_Node("input", unit.key, name), _Node("every input", unit.key))
            for name in self.tasks[unit.key]:
                # A step's own words, and whatever it was given.
                self.edge(_Node("result", unit.key, name), _Node("output", unit.key, name))
                self.edge(_Node("output", unit.key, name), _Node("every output", unit.key))
        bits: dict[str, int] = {}
        held: dict[_Node, int] = defaultdict(int)
        of_steps = 0
        for node in self.edges:
            if (value := self.begins(node)) is not None:
                held[node] = 1 << bits.setdefault(value, len(bits))
                if node.what == "output":
                    of_steps |= held[node]
        order, again = self.order(), True
        while again:
            again = False
            for node in order:
                for target in self.edges.get(node, ()):
                    # A value that passes a step is one of that step's outputs.
                    passes = ~of_steps if target.what in {"result", "whole", "global outputs"} else -1
                    more = held[target] | (held[node] & passes)
                    if more != held[target]:
                        held[target], again = more, True
        return held, list(bits)

    def begins(self, node: _Node) -> str | None:
        """The value that comes into being at a place, if one does."""
        match node.what:
            case "parameter":
                return node.name
            case "output":
                return f"{OUTPUTS}{node.name}"
            case "input" if node not in self.given:
                unit = self.units.get(node.unit)
                default = unit is not None and node.unit in self.called and unit.inputs.get(node.name)
                return None if default else f"{INPUT}{node.name}"
        return None

    def order(self) -> list[_Node]:
        """Places so that a value is there before it is passed on, apart from circles."""
        found: list[_Node] = []
        seen: set[_Node] = set()
        for first in list(self.edges):
            left: list[tuple[_Node, Iterator[_Node]]] = []
            if first not in seen:
                seen.add(first)
                left.append((first, iter(self.edges[first])))
            while left:
                node, targets = left[-1]
                target = next(targets, None)
                if target is None:
                    found.append(node)
                    left.pop()
                elif target not in seen:
                    seen.add(target)
                    left.append((target, iter(self.edges.get(target, ()))))
        return found[::-1]

    def named(self, held: tuple[dict[_Node, int], list[str]], what: str) -> dict[str, list[str]]:
        """Values in the order in which parameters are declared, each with the units where it ends."""
        places, names = held
        found: dict[str, list[str]] = {}
        for unit in self.units.values():
            here = places.get(_Node(what, unit.key), 0)
            while here:
                bit = (here & -here).bit_length() - 1
                found.setdefault(names[bit], []).append(unit.name)
                here &= here - 1
        place = {name: number for number, name in enumerate(self.template.parameters)}
        return {
            name: found[name] for name in sorted(found, key=lambda each: (place.get(each, len(place)), each))
        }
