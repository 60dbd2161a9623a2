"""Write SHA256SUMS of the files of a release: wheel, source, list of the image's parts, archive of the image."""

import hashlib
import os
from pathlib import Path

from hookline.version import VERSION

__all__ = ["ROOT", "release_folder", "write_checksums"]

ROOT = Path(__file__).resolve().parent.parent


def release_folder() -> Path:
    """Where the files of a release go: DIST, or dist/ of the checkout."""
    return Path(os.environ.get("DIST") or ROOT / "dist").absolute()


def write_checksums(folder: Path, version: str) -> Path:
    """Write SHA256SUMS of the files of one version, as `sha256sum --check` reads it; files of other versions are left out."""
    patterns = (
        f"hookline-{version}-py3-none-any.whl",
        f"hookline-{version}.tar.gz",
        f"hookline-{version}-image.*",
    )
    lines = []
    for path in sorted(found for pattern in patterns for found in folder.glob(pattern)):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    sums = folder / "SHA256SUMS"
    sums.write_text("".join(lines), "utf-8")
    return sums


if __name__ == "__main__":
    print(write_checksums(release_folder(), VERSION))
