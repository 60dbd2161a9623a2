"""Patterns: texts with named fields, such as https://git.example.com/{repository}.git, filled for one repository."""

import difflib
import re
from collections.abc import Mapping

from documents.yaml_syntax import shown

__all__ = ["FIELDS", "PatternError", "fields_of", "fill", "is_pattern"]

FIELDS = ("repository", "owner", "repository_name", "pipeline")
"""The fields of a pattern: acme/shop; acme; shop; the pipeline."""
_FIELD = re.compile(r"\{([^{}]*)\}")


class PatternError(ValueError):
    """A pattern that cannot be filled: one sentence."""


def is_pattern(text: object) -> bool:
    """Whether a text has fields. None of the texts that take patterns may hold a brace otherwise."""
    return isinstance(text, str) and ("{" in text or "}" in text)


def fields_of(repository: str, pipeline: str | None = None) -> dict[str, str]:
    """The values of the fields for a repository, spelt as its host spells it; a subgroup is a part of the owner."""
    owner, _, name = repository.rpartition("/")
    found = {"repository": repository, "owner": owner, "repository_name": name}
    return found if pipeline is None else {**found, "pipeline": pipeline}


def fill(pattern: str, values: Mapping[str, str], *, lower: bool = False) -> str:
    """The text that a pattern stands for.

    Args:
        pattern: With its fields in braces.
        values: Field → text.
        lower: Write the values in lower case, as registries want names of images.

    Raises:
        PatternError: A field is unknown, or a brace stands alone.
    """
    if "{" in (rest := _FIELD.sub("", pattern)) or "}" in rest:
        accepted = ", ".join(f"{{{each}}}" for each in values)
        raise PatternError(f"a brace stands alone; a field is written in a pair of them: {accepted}")
    for name in _FIELD.findall(pattern):
        if name not in values:
            near = difflib.get_close_matches(name.strip().lower().replace("-", "_"), values, 1)
            hint = f"; did you mean {{{near[0]}}}?" if near else ""
            accepted = ", ".join(f"{{{each}}}" for each in values)
            raise PatternError(f"nothing fills {{{shown(name)}}}; accepted: {accepted}{hint}")
    return _FIELD.sub(lambda match: values[match[1]].lower() if lower else values[match[1]], pattern)
