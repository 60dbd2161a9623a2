"""The program that decides: one text, run by gojq in the Sensor and by libjq here."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Protocol, cast

from events.canonical import Kind
from events.host import Host, prelude_text, program_text
from sensors.compact import compacted, patterns, shared
from sensors.table import Line, common_arguments, entries_of, named_rules, quoted

__all__ = [
    "Program",
    "TemplateFacts",
    "compose",
    "reader",
    "rules",
    "started",
    "string_literal",
    "suspended_schedule",
]

_DIRECTIVE = re.compile(r"#(if|end)\b(.*)")


class _Compiled(Protocol):
    """The part of the `jq` package that this module uses; the package ships no types."""

    def input_text(self, text: str, *, slurp: bool = False) -> Any: ...


def _parts(text: str, wanted: frozenset[str]) -> str:
    """Keep what is wanted, one statement a line, without comments and indentation.

    `#if push tag` ... `#end` around lines keeps them only for these kinds of events, so that a program for a registry
    carries no path rules: the Sensor object has to fit into one environment variable. `any_ref` says whether some template of the
    table takes every name of a branch or tag, `open_paths` whether runs of some can answer a path filter; without, they are `plain_ref`
    and `told_paths`. `suspended` is for tables with suspended pipelines, `mutexes` for tables with runs that wait for each other, `namespaces` for tables over several namespaces.
    `several_refs` is for hosts that tell several branches and tags in one delivery, `one_ref` for all others.
    `table` is for programs that decide one pipeline of a key, `list` for those that decide several, `started` for who starts what these decided.
    """
    kept: list[str] = []
    stack: list[bool] = []
    for line in text.splitlines():
        stripped = line.strip()
        if directive := _DIRECTIVE.fullmatch(stripped):
            if directive[1] == "if":
                stack.append(not wanted.isdisjoint(directive[2].split()))
            else:
                stack.pop()
        elif stripped and not stripped.startswith("#") and all(stack):
            kept.append(stripped)
    if stack:
        raise ValueError("#if without #end")
    return "\n".join(kept)


def string_literal(text: str) -> str:
    """`text` as a jq string literal that keeps line ends as they are, so that YAML shows them as lines."""
    lines = (json.dumps(line, ensure_ascii=False)[1:-1] for line in text.split("\n"))
    return '"' + "\n".join(lines) + '"'


def _shipped(name: str) -> str:
    return resources.files("sensors").joinpath(name).read_text(encoding="utf-8")


@cache
def _definitions(host: str, parts: frozenset[str]) -> str:
    run, decide = (_shipped(name) for name in ("run.jq", "decide.jq"))
    texts = (prelude_text(), program_text(host), run, decide) if host else (prelude_text(), run, decide)
    return "\n".join(_parts(text, parts) for text in texts)


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """Facts about a template that runs of a table use, as its program needs them."""

    arguments: tuple[str, ...] = ()
    """Those that some run gives, in the template's order."""
    bindings: Mapping[Kind, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    """Kind → argument → the field of the event (branch, tag, sha, ref, paths) that fills it."""
    mutex: str = ""
    """The argument that names the mutex of an entry without one of its own."""
    any_ref: bool = False
    """Whether it takes every branch and tag that git allows, or harmless characters alone."""

    def encode(self, kinds: frozenset[Kind]) -> dict[str, Any]:
        """The facts about these kinds, as `decide.jq` reads them."""
        bindings = {
            kind: dict(fields) for kind, fields in sorted(self.bindings.items()) if kind in kinds and fields
        }
        found = {
            "arguments": list(self.arguments),
            "bindings": bindings,
            "mutex": self.mutex,
            "any_ref": self.any_ref,
        }
        return {key: value for key, value in found.items() if value}


@dataclass(frozen=True)
class Program:
    """A `transform.jq` text. Its last line is what the Sensor runs; offline it can be asked more."""

    definitions: str
    listed: bool = False
    """Whether it decides all pipelines of a key, and several runs are started by a fan-out."""

    @property
    def text(self) -> str:
        """The text for `transform.jq`."""
        return _text(self.definitions, "canonical | decide")

    def decide(self, data: str, files: Sequence[str] | None = None) -> dict[str, Any]:
        """Run an event through the program of the Sensor's dependency.

        Args:
            data: The event's data as JSON text, as the event source publishes it.
            files: The changed files, complete; None = what the payload lists.

        Returns:
            The `hookline` object: action, verdict, reason, pipeline and, for `run`, what the Workflow gets.
        """
        result = self._ask_with_files(data, files, "decide")
        return cast("dict[str, Any]", result["hookline"])

    def clauses(
        self, data: str, files: Sequence[str] | None = None, pipeline: str | None = None
    ) -> list[tuple[str, bool | None]]:
        """Every clause that the decision looks at, with its result; the first one that is not true decided.

        Empty where the table has no entry for the event.

        Args:
            data: The event's data as JSON text.
            files: The changed files, complete; None = what the payload lists.
            pipeline: Whose clauses, where a key of the table has several pipelines.
        """
        one = f"select(.pipeline == {json.dumps(pipeline)})"
        asked = (
            f'used_by({json.dumps(pipeline)}) | . as $event | first(entry(key) | if type == "array" then .[] | {one} else . end) as $entry'
            " | if $entry == null then [] else [clauses($event; rule($entry; $event.kind); template($entry))] end"
        )
        return [(code, result) for code, result in self._ask_with_files(data, files, asked)]

    def canonical(self, data: str) -> dict[str, Any]:
        """The canonical event that the host's program reads out of the data."""
        return cast("dict[str, Any]", self.ask(data, "canonical"))

    def used(self, data: str) -> list[dict[str, Any]]:
        """The canonical events that the decision is about: of several pushes in one delivery, one; of a list those by which pipelines were decided."""
        return cast("list[dict[str, Any]]", self.ask(data, "canonical | all_used"))

    def used_by(self, pipeline: str, data: str) -> dict[str, Any]:
        """The canonical event by which a pipeline was decided."""
        return cast("dict[str, Any]", self.ask(data, f"canonical | used_by({json.dumps(pipeline)})"))

    def left(self, data: str) -> list[tuple[str, dict[str, Any]]]:
        """Pipelines with pushes of the delivery by which they would start, and do not: another push of it starts the one Workflow."""
        if self.listed:
            return []
        question = 'canonical | used as $used | [pushes | select(. != $used) | {push: ., found: judged} | select(.found.action == "run")]'
        return [(str(each["found"]["pipeline"]), each["push"]) for each in self.ask(data, question)]

    def pushes(self, data: str) -> list[dict[str, Any]]:
        """The canonical events of a delivery: one, or one for each push in it."""
        return cast("list[dict[str, Any]]", self.ask(data, "canonical | [pushes]"))

    def pushes_and_keys(self, data: str) -> tuple[list[dict[str, Any]], frozenset[str | None]]:
        """`pushes` and `keys`, for the price of one."""
        pushes, keys = self.ask(data, "canonical | [[pushes], [pushes | key]]")
        return pushes, frozenset(keys)

    def keys(self, data: str) -> frozenset[str | None]:
        """The names under which the table is searched; several if the delivery holds several pushes."""
        return self.pushes_and_keys(data)[1]

    def ask(self, data: str, question: str) -> Any:
        """Answer a question in jq about a JSON text, with the definitions of this program."""
        return _compile(self.definitions, question).input_text(data).first()

    def _ask_with_files(self, data: str, files: Sequence[str] | None, question: str) -> Any:
        """Answer a question about the canonical event; its changed files are those given, if any."""
        if files is None:
            return self.ask(data, f"canonical | {question}")
        # The files are input and not part of the text, so that one compiled program answers for every event.
        asked = (
            f".[1] as $files | .[0] | canonical | . + {{files: $files, files_complete: true}} | {question}"
        )
        both = f"{data}\n{json.dumps(list(files))}"
        return _compile(self.definitions, asked).input_text(both, slurp=True).first()


def _text(definitions: str, question: str) -> str:
    return f"{definitions}\n{question}"


@lru_cache(maxsize=64)
def _compile(definitions: str, question: str) -> _Compiled:
    """Compile a program, once: that takes ten times as long as running it, and half a megabyte."""
    import jq  # noqa: PLC0415 - loading libjq is only worth it where a program runs

    return cast("_Compiled", jq.compile(_text(definitions, question)))


def compose(
    *,
    host: Host,
    source: str,
    kinds: frozenset[Kind],
    lines: Mapping[str, Line],
    templates: Mapping[str, TemplateFacts],
    labels: Mapping[str, str] = MappingProxyType({}),
    mutex_path: Sequence[str | int] = (),
    fan_out: Mapping[str, Any] | None = None,
) -> Program:
    """Put a program together.

    Args:
        host: Whose payloads it reads.
        source: Name of the source in hookline.yaml; part of every event.
        kinds: Event kinds that some line listens to; the parts of other kinds are left out.
        lines: The table: repository or image name, as the program's `key` spells it, to its entry; with `fan_out` to a list of entries.
        templates: The templates that its entries name under `template`; one alone stands under "".
        labels: Of every Workflow.
        mutex_path: Where the specs of the table have an empty place for the name of a mutex; empty = none has.
        fan_out: Constants of the fan-outs that start the runs of one event, where a key has several entries.
    """
    entries = [entry for line in lines.values() for entry in entries_of(line)]
    shared_arguments = common_arguments(entries)
    written = dict(named_rules(lines, shared_arguments, kinds))
    further = ""
    if fan_out is not None:
        short = [entry for name, line in written.items() if name in lines for entry in entries_of(line)]
        common, derived = shared(short), patterns(short)
        written |= {
            name: [compacted(entry, common, derived) for entry in entries_of(written[name])] for name in lines
        }
        further = "".join(
            f"def {name}: {json.dumps(value)};\n"
            for name, value in (("fan_out", fan_out), ("shared", common), ("patterns", derived))
        )
    table = "".join(f"\n{name} {quoted(line)}" for name, line in written.items())
    known = {name: facts.encode(kinds) for name, facts in sorted(templates.items())}
    constants = (
        f"def table: {string_literal(table)};\n"
        f"def arguments: {json.dumps(shared_arguments)};\n"
        f"def templates: {json.dumps(known)};\n"
        f"def labels: {json.dumps(dict(sorted(labels.items())))};\n"
        f"def mutex_path: {json.dumps(list(mutex_path))};\n"
        f"def source: {json.dumps(source)};\n"
        f"def ignores_case: {json.dumps(host.ignores_case)};\n" + further
    )
    any_ref = any(each.any_ref for each in templates.values())
    open_paths = any(
        "paths" in fields.values() for each in known.values() for fields in each.get("bindings", {}).values()
    )
    parts = {"any_ref" if any_ref else "plain_ref", "open_paths" if open_paths else "told_paths"}
    if mutex_path:
        parts.add("mutexes")
    parts |= {"table"} if fan_out is None else {"list", "namespaces"}
    parts.add("several_refs" if host.several_refs else "one_ref")
    if any("namespace" in entry for entry in entries):
        parts.add("namespaces")
    if any("suspended" in entry[kind] for entry in entries for kind in kinds & entry.keys()):
        parts.add("suspended")
    return Program(constants + _definitions(host.name, kinds | parts), fan_out is not None)


def suspended_schedule(pipeline: str, config: str, suspended: bool | int) -> Program:
    """The program of a suspended pipeline's calendar event: there is nothing to decide but whether it is still suspended.

    Args:
        pipeline: Its name.
        config: Digest of its Workflow.
        suspended: True, or the Unix second until which it is.
    """
    line = {"pipeline": pipeline, "config": config, "schedule": {"suspended": suspended}}
    constants = (
        f"def table: {string_literal(f'{chr(10)}{pipeline} {quoted(line)}')};\n"
        'def arguments: {}; def templates: {}; def labels: {}; def mutex_path: []; def source: "calendar"; def ignores_case: false;\n'
        f"def canonical: {json.dumps({'kind': 'schedule', 'repository': pipeline})};\n"
    )
    parts = frozenset({"schedule", "suspended", "plain_ref", "told_paths", "table"})
    return Program(constants + _definitions("", parts))


def reader(host: Host, source: str) -> Program:
    """The program of a host with an empty table: reads any event of it, decides nothing."""
    return compose(host=host, source=source, kinds=host.kinds, lines={}, templates={})


def rules(*, any_ref: bool) -> Program:
    """The rules of the decision alone, without a host and a table: `ask` it whether a text may be a branch, a commit, a tag.

    Args:
        any_ref: Whether the template takes every branch and tag that git allows.
    """
    constants = 'def table: ""; def arguments: {}; def templates: {}; def labels: {}; def mutex_path: []; def source: ""; def ignores_case: false;\n'
    parts = {"push", "tag", "any_ref" if any_ref else "plain_ref", "told_paths", "table"}
    template = f"def ref_name: ref_name({json.dumps({'any_ref': any_ref})});\n"
    return Program(constants + _definitions("", frozenset(parts)) + "\n" + template)


def started() -> Program:
    """The program of who works off a fan-out's order: asked `runs`, it gives what the Sensor would give for each run by itself."""
    return Program(_parts(_shipped("run.jq"), frozenset({"list", "mutexes", "namespaces", "started"})))
