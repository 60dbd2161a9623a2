"""Patterns of names in events: globs of the common dialect, and what people write for them elsewhere."""

from functools import partial
from typing import Final

from documents.globs import GlobError, check_glob

__all__ = ["APP_ENDING", "check_branch_pattern", "check_login_pattern", "check_pattern", "check_tag_pattern"]

APP_ENDING: Final = "[bot]"
"""Ending of the logins of GitHub Apps; there it is not a character class."""

check_pattern = partial(check_glob, instead_of_negation="write the pattern without it under exclude:")
"""A glob of a list that may exclude."""

check_login_pattern = partial(check_pattern, literal_ending=APP_ENDING)
"""The same for login names."""


def check_branch_pattern(pattern: str) -> str:
    """The same for names of branches, which are written without refs/heads/.

    Raises:
        GlobError: It is none.
    """
    return _bare(pattern, "refs/heads/", "branches are bare names here", "main")


def check_tag_pattern(pattern: str) -> str:
    """The same for names of tags, which are written without refs/tags/.

    Raises:
        GlobError: It is none.
    """
    return _bare(pattern, "refs/tags/", "tags are bare names here", "v*")


def _bare(pattern: str, prefix: str, rule: str, example: str) -> str:
    check_pattern(pattern)
    if pattern.startswith("refs/"):
        name = pattern.removeprefix(prefix)
        instead = f'write "{name}"' if name != pattern else f'expected one such as "{example}"'
        raise GlobError(f'"{pattern}": {rule}; {instead}')
    return pattern
