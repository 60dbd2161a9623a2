"""Names that can run: whether the program would let a branch, git tag or image tag pass, asked of the program's own text."""

import json
import re
from functools import cache
from typing import Literal

from events.host import host
from sensors.program import Program, TemplateFacts, compose

__all__ = ["Rule", "passes"]

Rule = Literal["ref_name", "own_image_tag", "image_tag"]
"""A definition of decide.jq: a branch or tag by what the template takes, a git tag that names an image, an image tag."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}(?:[.][A-Za-z0-9][A-Za-z0-9_-]{0,40})?")
"""Names that pass every rule, except the few reserved ones; a cheap test, because running the program takes milliseconds."""


@cache
def _program(*, any_ref: bool) -> Program:
    github = host("github")
    templates = {"": TemplateFacts(any_ref=any_ref)}
    return compose(host=github, source="", kinds=github.kinds, lines={}, templates=templates)


@cache
def passes(name: str, rule: Rule, *, any_ref: bool) -> bool:
    """Whether a name passes a rule.

    Args:
        name: A bare branch or tag.
        rule: Which rule of the program.
        any_ref: Whether the template takes every branch and tag that git allows.
    """
    if _PLAIN.fullmatch(name) and not name.endswith(".lock") and name not in {"latest", "buildcache"}:
        return True
    asked = f'{rule}(templates[""])' if rule == "ref_name" else rule
    return bool(_program(any_ref=any_ref).ask(json.dumps(name), asked))
