"""Hides what looks like a credential in a line of a log. It knows common forms alone, so it is a help and no boundary."""

import re

__all__ = ["MASK", "masked"]

MASK = "•••"
_FORMS = (
    # A URL with user and password, as git prints the remote that it cannot reach.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)[^\s/@:]{0,200}:[^\s/@]{1,500}@"), rf"\1{MASK}@"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)[^\s/@:]{20,500}@"), rf"\1{MASK}@"),
    (re.compile(r"(?i)\b((?:proxy-)?authorization\s*[:=]\s*\W?(?:basic|bearer|token)\s+)[^\s\"']{4,}"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b((?:private-token|x-api-key|job-token)\s*[:=]\s*)[^\s\"']{4,}"), rf"\1{MASK}"),
    # Tokens that say what they are: GitHub, GitLab, npm, Slack, a JSON Web Token.
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|gl[a-z]{1,6}-|npm_|xox[abeoprs]-)[A-Za-z0-9_.-]{16,}"), MASK),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"), MASK),
    (re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*"), MASK),
    # PASSWORD=..., as `env` and `set -x` print it. With a colon it is too often a sentence.
    (re.compile(r"(?i)\b(\w{0,40}(?:password|passwd|secret|token|api_?key)=[\"']?)[^\s\"']{6,}"), rf"\1{MASK}"),
)  # fmt: skip


def masked(line: str) -> str:
    """A line without what looks like a credential."""
    for form, instead in _FORMS:
        line = form.sub(instead, line)
    return line
