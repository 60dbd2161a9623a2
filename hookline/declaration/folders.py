"""Folders: which files of a declaration a list of files and folders means."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from documents.diagnostics import Diagnostic, InvalidInput, Position

__all__ = ["files_of"]

_YAML = (".yaml", ".yml")
_VERSION = re.compile(rb"^(?:\xef\xbb\xbf)?version:[ \t]*1[ \t]*(?:#[^\n]*)?\r?$", re.MULTILINE)
_KEY = re.compile(
    rb"^(?:cluster|exporter|controller|sources|defaults|templates|limits|pipelines|tests):", re.MULTILINE
)
_LOOKED_AT = 64 * 1024
"""Bytes of a file in which its version and a key are looked for."""


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """The files that are read, each once, however often it is named.

    A file is taken as it is. Of a folder and its sub-folders these are taken, sorted: hookline.yaml, *.hookline.yaml,
    and any other YAML file that says version: 1 and has a key of a declaration at its left edge. Hidden folders and files
    are left out.

    Raises:
        InvalidInput: A folder holds none, or cannot be searched.
    """
    seen: set[Path] = set()
    for path in paths:
        try:
            found = list(_declared(path)) if path.is_dir() else [path]
        except OSError as error:
            raise _unreadable(path, error) from error
        if not found:
            message = "no file of a declaration is in this folder: hookline.yaml, *.hookline.yaml, or a *.yaml file with version: 1"
            raise _refusal(path, message)
        for each in found:
            same = each.resolve()
            if same not in seen:
                seen.add(same)
                yield each


def _refusal(path: Path | str, message: str) -> InvalidInput:
    return InvalidInput((Diagnostic(Position(str(path), 1, 1), message),))


def _unreadable(path: Path | str, error: OSError) -> InvalidInput:
    return _refusal(path, f"cannot be read: {(error.strerror or str(error)).lower()}")


def _refuse(error: OSError) -> None:
    """Refuse a sub-folder that cannot be listed: its pipelines would be missing from what is applied."""
    raise _unreadable(error.filename, error) from error


def _declared(folder: Path) -> Iterator[Path]:
    for name, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for each in sorted(files):
            path = Path(name) / each
            if not each.startswith(".") and path.suffix in _YAML and (_named(path) or _says_so(path)):
                yield path


def _named(path: Path) -> bool:
    return path.stem == "hookline" or path.stem.endswith(".hookline")


def _says_so(path: Path) -> bool:
    """Whether a file says that it is of this format. One that cannot be opened here is taken: reading says why."""
    if not path.is_file():
        return True
    try:
        with path.open("rb") as file:
            start = file.read(_LOOKED_AT)
    except OSError:
        return True
    return _VERSION.search(start) is not None and _KEY.search(start) is not None
