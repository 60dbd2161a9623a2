"""The program that decides: one text, run by gojq in the Sensor and by libjq here."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Protocol, cast

from events.canonical import Kind
from events.host import Host, prelude_text, program_text

__all__ = ["Program", "compose", "reader", "string_literal"]

_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode
_DIRECTIVE = re.compile(r"#(if|end)\b(.*)")


class _Compiled(Protocol):
    """The part of the `jq` package that this module uses; the package ships no types."""

    def input_text(self, text: str, *, slurp: bool = False) -> Any: ...


def _parts(text: str, wanted: frozenset[str]) -> str:
    """Keep what is wanted, one statement a line, without comments and indentation.

    `#if push tag` ... `#end` around lines keeps them only for these kinds of events, so that a program for a registry
    carries no path rules: the Sensor object has to fit into one environment variable. `any_ref` and `plain_ref` are the
    two rules for names of branches and tags, of which a program has one; `open_paths` and `told_paths` say whether runs can answer a path
    filter; `limited` is for tables whose entries name limits, `namespaces` for tables over several namespaces.
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


@cache
def _definitions(host: str, parts: frozenset[str]) -> str:
    decide = resources.files("sensors").joinpath("decide.jq").read_text(encoding="utf-8")
    return "\n".join(_parts(text, parts) for text in (prelude_text(), program_text(host), decide))


@dataclass(frozen=True)
class Program:
    """A `transform.jq` text. Its last line is what the Sensor runs; offline it can be asked more."""

    definitions: str

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

    def clauses(self, data: str, files: Sequence[str] | None = None) -> list[tuple[str, bool | None]]:
        """Every clause that the decision looks at, with its result; the first one that is not true decided.

        Empty where the table has no entry for the event.
        """
        asked = (
            "used | . as $event | entry(key) as $entry"
            " | if $entry == null then [] else [clauses($event; rule($entry; $event.kind))] end"
        )
        return [(code, result) for code, result in self._ask_with_files(data, files, asked)]

    def canonical(self, data: str) -> dict[str, Any]:
        """The canonical event that the host's program reads out of the data."""
        return cast("dict[str, Any]", self.ask(data, "canonical"))

    def used(self, data: str) -> dict[str, Any]:
        """The canonical event that the decision is about: of several pushes in one delivery, one."""
        return cast("dict[str, Any]", self.ask(data, "canonical | used"))

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
    lines: Mapping[str, Mapping[str, Any]],
    bindings: Mapping[Kind, Mapping[str, str]],
    mutex_argument: str = "",
    any_ref: bool = False,
) -> Program:
    """Put a program together.

    Args:
        host: Whose payloads it reads.
        source: Name of the source in hookline.yaml; part of every identity.
        kinds: Event kinds that some line listens to; the parts of other kinds are left out.
        lines: The table: repository or image name, as the program's `key` spells it, to its entry.
        bindings: Per kind, template parameter to the event field (branch, tag, sha, ref, paths) that fills it.
        mutex_argument: The argument that names the mutex of an entry without one of its own.
        any_ref: Whether the templates take every branch and tag that git allows, or harmless characters alone.
    """
    shared_arguments = _common(lines.values())
    table = "".join(
        f"\n{name} {_quoted(line)}" for name, line in _shared_rules(lines, shared_arguments, kinds)
    )
    bound = {kind: dict(fields) for kind, fields in sorted(bindings.items()) if kind in kinds and fields}
    constants = (
        f"def table: {string_literal(table)};\n"
        f"def arguments: {json.dumps(shared_arguments)};\n"
        f"def bindings: {json.dumps(bound)};\n"
        f"def mutex_argument: {json.dumps(mutex_argument)};\n"
        f"def source: {json.dumps(source)};\n"
        f"def ignores_case: {json.dumps(host.ignores_case)};\n"
    )
    open_paths = any("paths" in fields.values() for fields in bound.values())
    parts = {"any_ref" if any_ref else "plain_ref", "open_paths" if open_paths else "told_paths"}
    if any("limit" in line for line in lines.values()):
        parts.add("limited")
    if any("namespace" in line for line in lines.values()):
        parts.add("namespaces")
    return Program(constants + _definitions(host.name, kinds | parts))


def reader(host: Host, source: str) -> Program:
    """The program of a host with an empty table: reads any event of it, decides nothing."""
    return compose(host=host, source=source, kinds=host.kinds, lines={}, bindings={})


def _quoted(line: Mapping[str, Any]) -> str:
    """A line of the table: JSON with ' for ", which costs one byte in the Sensor object instead of four."""
    return _encode(line).replace("'", "\\u0027").replace('"', "'")


def _common(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Arguments that are the same in every entry; there must be two entries for anything to be shared."""
    everyone = [entry["arguments"] for entry in entries if "arguments" in entry]
    if len(everyone) < 2:
        return {}
    return {
        name: value
        for name, value in sorted(everyone[0].items())
        if all(each.get(name) == value for each in everyone)
    }


def _shared_rules(
    lines: Mapping[str, Mapping[str, Any]], shared_arguments: Mapping[str, str], kinds: frozenset[Kind]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The lines of the table by name: rules that several entries share, as =1, =2 …, then the entries."""
    written = {
        key: {kind: _quoted(entry[kind]) for kind in kinds & entry.keys()} for key, entry in lines.items()
    }
    counts = Counter(text for texts in written.values() for text in texts.values())
    # A name costs five bytes, a line of its own about as many again.
    names = {
        text: f"={number}"
        for number, text in enumerate(
            sorted(text for text, count in counts.items() if count > 1 and len(text) > 12), 1
        )
    }
    done: set[str] = set()
    entries: list[tuple[str, Mapping[str, Any]]] = []
    for key, entry in sorted(lines.items()):
        line = dict(entry)
        for kind, text in written[key].items():
            if text in names:
                if text not in done:
                    done.add(text)
                    yield names[text], entry[kind]
                line[kind] = names[text]
        if "arguments" in line:
            line["arguments"] = {
                name: value for name, value in line["arguments"].items() if name not in shared_arguments
            }
        entries.append((key, line))
    yield from entries
