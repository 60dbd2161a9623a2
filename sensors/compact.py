"""Compact lists: what entries of a table have in common, or what follows from their names, stands once.

A list of hundreds of pipelines must fit into one environment variable (`events.environment`): an entry has a third of the bytes, and a Sensor holds three times as many.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["compacted", "patterns", "shared"]

Entry = Mapping[str, Any]
Pattern = tuple[str, str, str]
"""Before, which name, after: ("https://example.com/", "repository", ".git")."""


def _names(entry: Entry) -> dict[str, str]:
    """Names of an entry from which `derived` in run.jq makes arguments."""
    repository = str(entry.get("repository", ""))
    found = {
        "pipeline": str(entry["pipeline"]),
        "repository": repository,
        "name": repository.rpartition("/")[2],
    }
    return {which: name for which, name in found.items() if name}


def _fitting(value: str, names: Mapping[str, str]) -> Iterator[Pattern]:
    for which, name in names.items():
        before, found, after = value.rpartition(name)
        if found:
            yield before, which, after


def patterns(entries: Sequence[Entry]) -> dict[str, Pattern]:
    """Argument → the pattern that gives it in most entries; only of arguments that every entry has."""
    if len(entries) < 2:
        return {}
    arguments = [entry.get("arguments", {}) for entry in entries]
    names = [_names(entry) for entry in entries]
    chosen: dict[str, Pattern] = {}
    for argument in sorted(set.intersection(*(set(each) for each in arguments))):
        counts = Counter(
            pattern
            for each, own in zip(arguments, names, strict=True)
            for pattern in _fitting(each[argument], own)
        )
        if counts:
            # Of patterns that fit as often, the same one on every machine.
            pattern, count = min(counts.items(), key=lambda each: (-each[1], each[0]))
            if count > len(entries) / 2:
                chosen[argument] = pattern
    return chosen


def shared(entries: Sequence[Entry]) -> dict[str, Any]:
    """Values that all entries have; their arguments are shared elsewhere."""
    if len(entries) < 2:
        return {}
    return {
        key: value
        for key, value in sorted(entries[0].items())
        if key != "arguments" and all(key in each and each[key] == value for each in entries)
    }


def compacted(entry: Entry, common: Mapping[str, Any], derived: Mapping[str, Pattern]) -> dict[str, Any]:
    """An entry without what is shared, and without arguments that follow from its names."""
    names = _names(entry)
    found = {key: value for key, value in entry.items() if key not in common}
    if "arguments" in found:
        arguments = {
            name: value
            for name, value in found.pop("arguments").items()
            if name not in derived or not _gives(derived[name], names, value)
        }
        if arguments:
            found["arguments"] = arguments
    return found


def _gives(pattern: Pattern, names: Mapping[str, str], value: str) -> bool:
    before, which, after = pattern
    return which in names and before + names[which] + after == value
