"""Output: manifests and answers as YAML, JSON and tables; the same input gives the same bytes."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from documents.lines import escaped, printable, shows

__all__ = ["comment", "json_text", "manifest_text", "plural", "table", "yaml_documents", "yaml_text"]

VERIFICATION = "hookline.dev/verification."

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

# Words that a YAML 1.1 reader takes for something else than text: `y` and `n` are booleans for the API server, but
# not for PyYAML, which would leave them bare.
_YAML_1_1 = re.compile(r"[yYnN]|[-+.0-9].*|0[oO].*|~|=|<<|\?|:")


class _ManifestDumper(_Dumper):  # type: ignore[misc]  # the C dumper has no types
    """Plain YAML without aliases, texts with line ends as blocks."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: Any, value: str) -> Any:
    if "\n" in value:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|")
    style = '"' if _YAML_1_1.fullmatch(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_ManifestDumper.add_representer(str, _text)


def yaml_text(value: Any) -> str:
    """One YAML document; where something in it would not show, everything beyond ASCII is escaped."""
    text = _dumped(value, allow_unicode=True)
    return text if shows(text) else _dumped(value, allow_unicode=False)


def _dumped(value: Any, *, allow_unicode: bool) -> str:
    return str(
        yaml.dump(
            value,
            Dumper=_ManifestDumper,
            sort_keys=False,
            allow_unicode=allow_unicode,
            width=1_000_000,
            default_flow_style=False,
        )
    )


def comment(text: str) -> str:
    """A comment line of a manifest; whatever the text holds, it stays a comment."""
    return f"# {printable(text)}\n"


def yaml_documents(values: Iterable[Any]) -> str:
    """Several YAML documents, each begun by ---."""
    return "".join(f"---\n{manifest_text(value)}" for value in values)


def manifest_text(manifest: Any) -> str:
    """One manifest, with a comment above it that says how its sources are verified."""
    annotations = manifest["metadata"].get("annotations", {})
    notes = (
        comment(f"{name.removeprefix(VERIFICATION)}: {note}")
        for name, note in annotations.items()
        if name.startswith(VERIFICATION)
    )
    return "".join(notes) + yaml_text(manifest)


def json_text(value: Any) -> str:
    """Indented JSON with a line end; what does not print is escaped."""
    return escaped(json.dumps(value, indent=2, ensure_ascii=False, default=dict)) + "\n"


def plural(count: int, noun: str) -> str:
    """1 pipeline, 2 pipelines."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as kubectl prints them, aligned in a terminal for every script.

    A cell is one line: what a terminal would act on is escaped.
    """
    lines = [tuple(head), *(tuple(printable(cell) for cell in row) for row in rows)]
    widths = [max(_columns(line[index]) for line in lines) for index in range(len(head))]
    return "".join(
        "   ".join(
            cell + " " * (width - _columns(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        + "\n"
        for line in lines
    )


def _columns(text: str) -> int:
    """Number of terminal columns that a text takes: two for a Chinese character, none for a combining one."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # noqa: PLC0415 - most texts need no tables of Unicode

    # -1 is a character that no terminal prints; it is then written as it is.
    return max(wcswidth(text), 0)
