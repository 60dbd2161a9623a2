"""Annotations: the problems of a declaration in the forms in which other tools show them beside its lines."""

import os
import urllib.parse
from collections.abc import Collection
from pathlib import Path
from typing import Any

from documents.diagnostics import Diagnostic
from documents.lines import printable

__all__ = ["path_in_repository", "problem_data", "sarif", "workflow_command"]

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES = {
    "error": ("refused", "hookline refuses the declaration"),
    "warning": ("warned", "hookline warns about the declaration"),
}
"""Severity → the rule of SARIF that stands for it. Code scanning groups and titles alerts by rule."""


def problem_data(each: Diagnostic) -> dict[str, Any]:
    """A problem as data; the shape is a contract."""
    return {
        "severity": each.severity,
        "file": each.position.file,
        "line": each.position.line,
        "column": each.position.column,
        "field": each.field,
        "message": each.message,
    }


def path_in_repository(file: str) -> str:
    """The path of a file from the root of its git repository, as CI servers show it; outside of one, the absolute path.

    A position such as cluster:NAME, which is no file, stays as it is.
    """
    if not os.path.lexists(file):
        return file
    path = Path(os.path.realpath(Path(file).parent)) / Path(file).name
    root = next((folder for folder in path.parents if (folder / ".git").exists()), None)
    return (path if root is None else path.relative_to(root)).as_posix()


def _text(each: Diagnostic) -> str:
    return printable(f"{each.field}: {each.message}" if each.field else each.message)


def sarif(problems: Collection[Diagnostic], version: str) -> dict[str, Any]:
    """Problems as SARIF 2.1.0, with all that GitHub's code scanning asks for.

    Args:
        problems: Of a declaration.
        version: Of hookline.
    """
    rules = [
        {
            "id": name,
            "shortDescription": {"text": sentence},
            "fullDescription": {"text": f"{sentence}."},
            "help": {"text": "The message says what is wrong, and what would be accepted."},
            "defaultConfiguration": {"level": level},
        }
        for level, (name, sentence) in _RULES.items()
    ]
    driver = {"name": "hookline", "version": version, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each) for each in problems],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(each: Diagnostic) -> dict[str, Any]:
    where = {
        "artifactLocation": {"uri": _uri(path_in_repository(each.position.file))},
        "region": {"startLine": each.position.line, "startColumn": each.position.column},
    }
    return {
        "ruleId": _RULES[each.severity][0],
        "level": each.severity,
        "message": {"text": _text(each)},
        "locations": [{"physicalLocation": where}],
    }


def _uri(path: str) -> str:
    """A path as a reference relative to the repository, or as a file: URI."""
    quoted = urllib.parse.quote(os.fsencode(path))
    return f"file://{quoted}" if path.startswith("/") else quoted


_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def workflow_command(each: Diagnostic) -> str:
    """A problem as a workflow command of GitHub Actions, which shows it beside its line (actions/toolkit, packages/core/src/command.ts)."""
    file = printable(path_in_repository(each.position.file)).translate(_PROPERTY)
    place = f"file={file},line={each.position.line},col={each.position.column}"
    return f"::{each.severity} {place},title=hookline::{_text(each).translate(_DATA)}"
