"""Writing the output of commands: complete files, and complete folders that replace the output of an earlier run."""

import ctypes
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from hookline.output import json_text, manifest_text, yaml_text

__all__ = ["replace_folder", "write_file", "write_folder"]

MARK = "# made by hookline render; the next render replaces it\n"
INDEX = "kustomization.yaml"


def write_folder(folder: Path, objects: Sequence[dict[str, Any]], output: str, namespace: str) -> int:
    """Write one file per object and a kustomization.yaml; returns how many files.

    A file is named by kind and name; that of an object outside of `namespace` by its namespace too, which ends at an underscore
    because no name of Kubernetes has one.

    The folder changes as a whole. Manifests that an earlier render listed in kustomization.yaml and this one does not
    make are gone afterwards; every other file in the folder stays.

    Raises:
        FileExistsError: A file that somebody else wrote stands where one of ours belongs.
        OSError: The folder cannot be written.
    """
    folder = Path(os.path.realpath(folder))
    files: dict[str, str] = {}
    for manifest in objects:
        kind, metadata = manifest["kind"].lower(), manifest["metadata"]
        place = "" if metadata.get("namespace", namespace) == namespace else f"{metadata['namespace']}_"
        name = f"{kind}-{place}{metadata['name']}.{output}"
        files[name] = json_text(manifest) if output == "json" else manifest_text(manifest)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(files),
    }
    files[INDEX] = MARK + yaml_text(kustomization)
    replace_folder(folder, files, _listed(folder))
    return len(files)


def _listed(folder: Path) -> frozenset[str]:
    """The names of the files that an earlier render wrote here."""
    index = folder / INDEX
    if not index.exists():
        return frozenset()
    text = index.read_text("utf-8", "replace")
    if not text.startswith(MARK):
        raise FileExistsError(0, f"holds a {INDEX} that hookline did not write; choose another folder")
    names = (line.removeprefix("- ") for line in text.splitlines() if line.startswith("- "))
    return frozenset({INDEX, *(name for name in names if "/" not in name)})


def replace_folder(folder: Path, files: Mapping[str, str], earlier: Collection[str]) -> None:
    """Let a folder hold these files, all of them or, if anything fails, none.

    A second folder is filled beside it; then the two change places. A kill at any moment leaves the old content or the
    new one; what a killed run leaves beside the folder goes with the next run.

    Args:
        folder: An absolute path without links.
        files: Name → content.
        earlier: Names that an earlier run wrote: they are replaced or removed. Everything else in the folder is kept.

    Raises:
        FileExistsError: A file that is not in `earlier` stands where one of these belongs.
        OSError: It cannot be written, or cannot be replaced as a whole.
    """
    _sweep(folder)
    exists = folder.exists()
    if exists:
        _refuse_what_cannot_move(folder)
        for name in files:
            if name not in earlier and os.path.lexists(folder / name):
                raise FileExistsError(0, f"holds {name}, which hookline did not write; move that file away")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{_prefix(folder)}{os.getpid()}-"))
    try:
        for name, text in files.items():
            (beside / name).write_text(text, "utf-8")
        if exists:
            for entry in folder.iterdir():
                if entry.name not in earlier:
                    _keep(entry, beside / entry.name)
        beside.chmod(folder.stat().st_mode & 0o7777 if exists else 0o755)
        _change_places(beside, folder) if exists else beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _refuse_what_cannot_move(folder: Path) -> None:
    if not folder.is_dir():
        raise NotADirectoryError(0, "is not a folder")
    if Path.cwd().is_relative_to(folder):
        raise OSError(
            0,
            "is the current folder, and hookline replaces the whole folder; run the command from its parent",
        )
    if folder.is_mount():
        raise OSError(
            0, "is a mount point, and hookline replaces the whole folder; name a folder inside of it"
        )


def _keep(entry: Path, place: Path) -> None:
    """The same file under a second folder: a link where the file system has them."""
    if entry.is_dir() and not entry.is_symlink():
        place.mkdir()
        for child in entry.iterdir():
            _keep(child, place / child.name)
        shutil.copystat(entry, place)
        return
    try:
        os.link(entry, place, follow_symlinks=False)
    except OSError:
        shutil.copy2(entry, place, follow_symlinks=False)


def _change_places(beside: Path, folder: Path) -> None:
    """Exchange two folders in one step, or in two renames if the system has no such step."""
    if _exchanged(beside, folder):
        return
    old = beside.with_name(f"{beside.name}-old")
    folder.rename(old)
    try:
        beside.rename(folder)
    except BaseException:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchanged(first: Path, second: Path) -> bool:
    """Whether the two paths were exchanged in one step (renameat2(2) of Linux, renamex_np(2) of macOS)."""
    at_current, exchange = -100, 2
    library = ctypes.CDLL(None)
    paths = os.fsencode(first), os.fsencode(second)
    try:
        if sys.platform == "darwin":
            return bool(library.renamex_np(*paths, exchange) == 0)
        return bool(library.renameat2(at_current, paths[0], at_current, paths[1], exchange) == 0)
    except AttributeError:
        return False


def _prefix(folder: Path) -> str:
    return f".{folder.name}.hookline-"


def _sweep(folder: Path) -> None:
    """Remove temporary folders of killed runs; put an old folder back if it has no successor."""
    if not folder.parent.is_dir():
        return
    left = re.compile(re.escape(_prefix(folder)) + r"(\d+)-\w+(-old)?")
    for entry in folder.parent.iterdir():
        match = left.fullmatch(entry.name)
        if match is None or _runs(int(match[1])):
            continue
        if match[2] and not folder.exists():
            entry.rename(folder)
        else:
            shutil.rmtree(entry, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def write_file(path: Path, text: str) -> None:
    """Write a file by a rename, so that nobody sees a part of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
