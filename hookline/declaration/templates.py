"""Templates that the user names: manifests in files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from documents.diagnostics import Diagnostic, InvalidInput, Position
from triggers.template import Template, TemplateError, from_manifest

__all__ = ["LARGEST_BYTES", "read_templates"]

LARGEST_BYTES = 4 * 1024 * 1024


def read_templates(files: Sequence[Path]) -> dict[str, Template]:
    """Capabilities by template name, from manifest files.

    Raises:
        InvalidInput: A file cannot be read or holds no template.
    """
    found: dict[str, Template] = {}
    for path in files:
        try:
            template = from_manifest(_manifest(path.read_bytes()), str(path))
        except (OSError, yaml.YAMLError, TemplateError, RecursionError, ValueError) as error:
            sentence = " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
            raise InvalidInput(
                (Diagnostic(Position(str(path), 1, 1), f"not a template: {sentence}"),)
            ) from error
        found[template.name] = template
    return found


def _manifest(content: bytes) -> Any:
    if len(content) > LARGEST_BYTES:
        raise TemplateError(f"the file has {len(content):,} bytes; a template has at most {LARGEST_BYTES:,}")
    return yaml.safe_load(content)
