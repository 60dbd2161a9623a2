"""Writing a folder of manifests: whole files or none, and nothing of an earlier render left behind."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hookline.output import json_text, manifest_text, yaml_text

__all__ = ["write_file", "write_folder"]

MARK = "# made by hookline render; the next render replaces it\n"


def write_folder(folder: Path, objects: Sequence[dict[str, Any]], output: str) -> int:
    """One file per object and a kustomization.yaml; returns how many files.

    Every file appears whole, by a rename. Manifests that an earlier render listed in kustomization.yaml and this one
    does not make are removed; a folder whose kustomization.yaml is not ours is refused.

    Raises:
        FileExistsError: The folder's kustomization.yaml was written by somebody else.
        OSError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "kustomization.yaml"
    earlier: list[str] = []
    if index.exists():
        text = index.read_text("utf-8")
        if not text.startswith(MARK):
            raise FileExistsError(
                0, "holds a kustomization.yaml that is not hookline's; choose another folder"
            )
        earlier = [line.removeprefix("- ") for line in text.splitlines() if line.startswith("- ")]
    names = []
    for manifest in objects:
        kind, metadata = manifest["kind"].lower(), manifest["metadata"]
        name = f"{kind}-{metadata['name']}.{output}"
        if name in names:  # the same name in the sandbox's namespace
            name = f"{kind}-{metadata['namespace']}-{metadata['name']}.{output}"
        write_file(folder / name, json_text(manifest) if output == "json" else manifest_text(manifest))
        names.append(name)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": names,
    }
    write_file(index, MARK + yaml_text(kustomization))
    for name in set(earlier) - set(names):
        if "/" not in name:
            (folder / name).unlink(missing_ok=True)
    return len(names) + 1


def write_file(path: Path, text: str) -> None:
    """Write a file that appears whole, by a rename."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
