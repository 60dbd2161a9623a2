"""Texts for messages about YAML: values shown short and harmless, syntax errors in plain words."""

import re
from collections.abc import Sequence

import yaml

from documents.lines import printable

__all__ = ["shown", "syntax_message"]

_LONGEST_SHOWN = 60


def shown(value: object) -> str:
    """A value for a message: printable and short."""
    text = printable(str(value)[: _LONGEST_SHOWN + 1])
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


_BRACES = re.compile(r"""\s*(?:-\s+)*(?:[^\s"'#][^"'#]*?:\s+)?\[?\s*\{\{""")

_SYNTAX: tuple[tuple[str, str], ...] = (
    ("unexpected end of stream", "the quote that opens in line {line} is never closed"),
    ("unexpected document indicator", "the quote that opens in line {line} is never closed"),
    (
        "unknown escape character",
        r"YAML does not know this \ sequence; write the text in single quotes, or \\ for one \ ",
    ),
    ("escape", r"YAML does not know this \ sequence; write the text in single quotes, or \\ for one \ "),
    ("comment or line break", "text after | or > starts on the next line, indented"),
    ("chomping or indentation", "text after | or > starts on the next line, indented"),
    ("',' or ']'", "expected , or ] in the list that opens in line {line}"),
    ("',' or '}'", "expected , or }} in the mapping that opens in line {line}"),
    ("expected ':'", "the key in line {line} has no : after it"),
    (
        "mapping values are not allowed",
        'a : is not expected here; check the indentation, or quote the text if ": " is part of it',
    ),
    (
        "sequence entries are not allowed",
        "a list cannot start here; start it on a line of its own, or quote the text if - is part of it",
    ),
    ("mapping keys are not allowed", "a ? cannot start here; quote the text if it is part of it"),
    ("expected key", "expected a key with a : here; check the indentation and the quotes"),
    ("<block end>", "expected a key with a : here; check the indentation and the quotes"),
    ("'-' indicator", "expected - here, as in the list that starts in line {line}; check the indentation"),
    (
        "expected node content",
        "expected a key or a value here; quote text that starts with a special character",
    ),
    ("duplicate anchor", "this anchor is set twice; give it another name"),
    ("second occurrence", "this anchor is set in line {line} already; give it another name"),
    ("incompatible YAML document", "this version of YAML is not read; leave the %YAML line out"),
)


def syntax_message(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> str:
    """A sentence that says what is wrong, with the usual cause if the text shows it."""
    problem = " ".join(str(error.problem or error).split())
    context, place = str(error.context or ""), error.problem_mark or error.context_mark
    opening = error.context_mark or place
    line = lines[place.line] if place and place.line < len(lines) else ""
    rest = line[place.column :] if place else ""
    if "scanning a" in context and opening and "scalar" not in context and opening.line < len(lines):
        rest = lines[opening.line][opening.column :]
    if hint := _hint(problem, context, line, rest):
        return hint
    for part, sentence in _SYNTAX:
        if part in problem:
            return sentence.format(line=opening.line + 1 if opening else 1).strip()
    return f"not YAML: {shown(problem)}"


def _hint(problem: str, context: str, line: str, rest: str) -> str | None:
    """The usual cause of a syntax error: a character that means something else in YAML."""
    token = shown(re.split(r"[\s,\]}#\"]", rest, maxsplit=1)[0])
    no_token = "cannot start any token" in problem
    causes = {
        "a tab indents this line; YAML wants spaces": "tab character" in problem or re.match(r" *\t", line),
        "* starts an alias in YAML; put a pattern that starts with * into quotes": (
            "undefined alias" in problem or context.endswith("an alias")
        ),
        "{{ opens a mapping in YAML; quote text that starts with {{": _BRACES.match(line),
        f'& starts an anchor in YAML; quote text that starts with &: "{token}"': context.endswith(
            "an anchor"
        ),
        f'! starts a tag in YAML; quote text that starts with !: "{token}"': (
            context.endswith("a tag") or "tag handle" in problem
        ),
        f'% starts a directive in YAML; quote text that starts with %: "{token}"': (
            rest.startswith("%") and (no_token or context.endswith("a directive"))
        ),
        f'nothing can start with {rest[:1]} in YAML; quote the text: "{token}"': (
            rest.startswith(("@", "`")) and no_token
        ),
    }
    return next((sentence for sentence, applies in causes.items() if applies), None)
