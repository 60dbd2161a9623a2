"""The table of a program: a line for each repository or image, with what its pipelines say."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from events.canonical import Kind

__all__ = ["Line", "common_arguments", "entries_of", "largest_order", "named_rules", "quoted", "tabled"]

Line = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""The line of a key in a table: one entry, or a list of them."""

_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode


def largest_order(text: str, told: int) -> int:
    """Bytes that an order of any key takes at most, as JSON text inside JSON.

    Args:
        text: Of the program.
        told: Bytes that an event adds to a run at most.
    """
    lines = dict(_lines(text))
    shared = [len(line) for name, line in lines.items() if name.startswith("=")]
    # Settings stand once; a rule may come back in each run, as the question that its first step answers.
    a_run = told + _OF_A_RUN + max(shared, default=0) * ("'paths'" in text)
    found = [
        len(json.dumps(line)) + line.count("'pipeline':") * a_run
        for name, line in lines.items()
        if not name.startswith("=")
    ]
    return max(found, default=0) + sum(shared) + _OF_AN_ORDER


_OF_A_RUN = 160
"""Bytes of a run's keys, reason, verdict and push that its entry does not have."""
_OF_AN_ORDER = 8_000
"""Bytes of the frame: what all runs share, apart from their settings."""


def entries_of(line: Line) -> Sequence[Mapping[str, Any]]:
    """The entries of a line."""
    return [line] if isinstance(line, Mapping) else line


def quoted(line: Line) -> str:
    """A line of the table: JSON with ' for ", which costs one byte in the Sensor object instead of four."""
    return _encode(line).replace("'", "\\u0027").replace('"', "'")


def tabled(text: str) -> Iterator[tuple[str, str]]:
    """The table of a program's text: repository or image, and a pipeline of it; nothing if the text is no program of hookline's."""
    for key, line in _lines(text):
        if not key.startswith("="):
            for entry in entries_of(json.loads(json.loads(f'"{line}"').replace("'", '"'))):
                yield key, str(entry["pipeline"])


def _lines(text: str) -> Iterator[tuple[str, str]]:
    start, end = 'def table: "\n', '";\n'
    if text.startswith(start):
        for written in text[len(start) :].partition(end)[0].split("\n"):
            key, _, line = written.partition(" ")
            yield key, line


def common_arguments(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Arguments that are the same in every entry; there must be two entries for anything to be shared."""
    everyone = [entry["arguments"] for entry in entries if "arguments" in entry]
    if len(everyone) < 2:
        return {}
    return {
        name: value
        for name, value in sorted(everyone[0].items())
        if all(each.get(name) == value for each in everyone)
    }


def named_rules(
    lines: Mapping[str, Line], shared_arguments: Mapping[str, str], kinds: frozenset[Kind]
) -> Iterator[tuple[str, Line]]:
    """The lines of the table by name: rules and specs that several entries share, as =1, =2 …, then the keys."""
    entries = [entry for line in lines.values() for entry in entries_of(line)]
    # Pipelines with the same settings have the same object: it is written once.
    specs = {id(entry["run"]): entry["run"] for entry in entries if "run" in entry}
    texts = {key: quoted(spec) for key, spec in specs.items()}
    written = {
        id(entry): {kind: quoted(entry[kind]) for kind in kinds & entry.keys()}
        | ({"run": texts[id(entry["run"])]} if "run" in entry else {})
        for entry in entries
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
    of_keys: list[tuple[str, Line]] = []
    for key, line in sorted(lines.items()):
        shortened: list[Mapping[str, Any]] = []
        for entry in entries_of(line):
            short = dict(entry)
            for part, text in sorted(written[id(entry)].items()):
                if text in names:
                    if text not in done:
                        done.add(text)
                        yield names[text], entry[part]
                    short[part] = names[text]
            if "arguments" in short:
                short["arguments"] = {
                    name: value for name, value in short["arguments"].items() if name not in shared_arguments
                }
            shortened.append(short)
        of_keys.append((key, shortened[0] if isinstance(line, Mapping) else shortened))
    yield from of_keys
