"""A declaration as a pod carries it: the files that were read, as the keys of one ConfigMap. Reading them gives the same declaration.

The names of the files are those relative to the folder that holds all of them, so that every checkout writes the same object.
"""

import base64
import bz2
import json
import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from documents.diagnostics import Diagnostic, InvalidInput, Position
from documents.files import read_file
from hookline.declaration.loading import Contents, Declaration, load_texts
from triggers.template import Template

__all__ = ["INDEX", "LARGEST", "Carried", "carried", "load_carried", "map_bytes"]

INDEX: Final = "index.json"
"""Key of the list of files. Each other key is the content of one."""
PLAIN_BYTES: Final = 200_000
"""Up to so many bytes the files stand in the ConfigMap as they are, and a diff shows what changed. `kubectl apply` keeps an object a second
time in an annotation, which holds 262,144 bytes (Kubernetes, apimachinery pkg/api/validation/objectmeta.go TotalAnnotationSizeLimitB)."""
LARGEST: Final = 1024 * 1024
"""Bytes that a ConfigMap holds (Kubernetes, pkg/apis/core/validation MaxSecretSize)."""
_TEMPLATES = TypeAdapter(dict[str, Template])


@dataclass(frozen=True, slots=True)
class Carried:
    """The content of a ConfigMap."""

    data: Mapping[str, str]
    binary: Mapping[str, str]
    """Base64, as `binaryData` has it."""


def carried(contents: Contents, templates: Mapping[str, Template]) -> Carried:
    """The ConfigMap of a declaration; the same for the same files on every machine.

    Args:
        contents: Of the files.
        templates: Those that were given beside the declaration.
    """
    absolute = {name: os.path.abspath(name) for name in (*contents.declared, *contents.named)}  # noqa: PTH100 - a link stays: its target may be elsewhere on another machine
    root = os.path.commonpath([str(Path(each).parent) for each in absolute.values()])
    shown = {name: Path(each).relative_to(root).as_posix() for name, each in absolute.items()}
    files = {shown[name]: content for name, content in {**contents.named, **contents.declared}.items()}
    declared = {shown[name] for name in contents.declared}
    plain = sum(map(len, files.values())) <= PLAIN_BYTES
    index: list[dict[str, Any]] = []
    data: dict[str, str] = {}
    binary: dict[str, str] = {}
    for path in sorted(files):
        key = _key(path, {INDEX, *data, *binary})
        text = _text(files[path]) if plain else None
        if text is not None:
            data[key] = text
        else:
            # bzip2 has one implementation, so its bytes are the same everywhere; those of gzip are not.
            binary[key] = base64.b64encode(bz2.compress(files[path])).decode("ascii")
        index.append({"path": path, "key": key, "declared": path in declared, "compressed": text is None})
    facts = _TEMPLATES.dump_python(dict(templates), mode="json")
    for each in facts.values():
        each["pasted"].sort()
    data[INDEX] = json.dumps({"files": index, "templates": facts}, indent=1) + "\n"
    return Carried(data, binary)


def map_bytes(found: Carried) -> int:
    """The size that the API server counts: keys, texts, and bytes without base64 (Kubernetes, ValidateConfigMap)."""
    texts = sum(len(value.encode()) for value in found.data.values())
    return texts + sum(len(base64.b64decode(value)) for value in found.binary.values())


def _text(content: bytes) -> str | None:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _key(path: str, taken: set[str]) -> str:
    """A key of a ConfigMap that no other file has (letters, digits, -, _ and ., at most 253)."""
    name = re.sub(r"[^-._a-zA-Z0-9]", "_", path)[-200:].lstrip(".") or "file"
    return next(
        each
        for each in (name, *(f"{number}-{name}" for number in range(len(taken) + 1)))
        if each not in taken
    )


def load_carried(folder: Path) -> tuple[Declaration, dict[str, Template]]:
    """The declaration and the further templates in a mounted ConfigMap.

    Raises:
        InvalidInput: The folder holds none, or this version does not read it as the one that wrote it did.
    """
    place = folder / INDEX
    try:
        index = json.loads(read_file(place))
        files = {
            str(each["path"]): (
                _content(folder / each["key"], compressed=each["compressed"]),
                each["declared"],
            )
            for each in index["files"]
        }
        templates = _TEMPLATES.validate_python(index["templates"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = "is not the declaration that hookline render writes for its controller; apply it again with the version of the pod"
        raise InvalidInput((Diagnostic(Position(str(place), 1, 1), message),)) from error

    def read(path: Path) -> bytes:
        found = files.get(posixpath.normpath(path.as_posix()))
        if found is None:
            raise InvalidInput(
                (Diagnostic(Position(str(path), 1, 1), "cannot be read: it is not in the ConfigMap"),)
            )
        return found[0]

    texts = [(path, content) for path, (content, declared) in files.items() if declared]
    return load_texts(texts, read), templates


def _content(path: Path, *, compressed: bool) -> bytes:
    found = read_file(path)
    return bz2.decompress(found) if compressed else found
