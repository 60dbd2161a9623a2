"""Folders: which files of a declaration a list of files and folders means."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from documents.diagnostics import Diagnostic, InvalidInput, Position

__all__ = ["files_of"]

_YAML = (".yaml", ".yml")
_OURS = re.compile(rb"^(?:\xef\xbb\xbf)?version:[ \t]*1[ \t]*(?:#[^\n]*)?\r?$", re.MULTILINE)
_LOOKED_AT = 64 * 1024
"""Bytes of a file in which its version is looked for."""


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """The files that are read, each once, however often it is named.

    A file is taken as it is. Of a folder and its sub-folders these are taken, sorted: hookline.yaml, *.hookline.yaml,
    and any other YAML file that says version: 1. Hidden folders and files are left out.

    Raises:
        InvalidInput: A folder holds none.
    """
    seen: set[Path] = set()
    for path in paths:
        found = list(_declared(path)) if path.is_dir() else [path]
        if not found:
            message = "no file of a declaration is in this folder: hookline.yaml, *.hookline.yaml, or a *.yaml file with version: 1"
            raise InvalidInput((Diagnostic(Position(str(path), 1, 1), message),))
        for each in found:
            same = each.resolve()
            if same not in seen:
                seen.add(same)
                yield each


def _declared(folder: Path) -> Iterator[Path]:
    for name, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for each in sorted(files):
            path = Path(name) / each
            if (
                not each.startswith(".")
                and path.suffix in _YAML
                and path.is_file()
                and (_named(path) or _says_so(path))
            ):
                yield path


def _named(path: Path) -> bool:
    return path.stem == "hookline" or path.stem.endswith(".hookline")


def _says_so(path: Path) -> bool:
    """Whether a file says that it is of this format; one that cannot be read says nothing."""
    try:
        with path.open("rb") as file:
            return _OURS.search(file.read(_LOOKED_AT)) is not None
    except OSError:
        return False
