"""Diagnostics: what is wrong in a file of the user, and where."""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from documents.lines import printable

__all__ = ["Diagnostic", "InvalidInput", "Position", "Problems", "printed"]

MOST_PRINTED = 100
"""Highest number of problems to print: a person fixes a few and runs the command again."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One problem: one sentence that says what is wrong and what would be accepted. As text it is one printable line."""

    position: Position
    message: str
    severity: Literal["error", "warning"] = "error"
    field: str = ""
    """Dotted path, such as pipelines.shop.events.push.branches."""

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return printable(f"{self.position}: {self.severity}: {field}{self.message}")


def printed(diagnostics: Collection[Diagnostic]) -> list[str]:
    """The lines that a person reads: the first 100 problems, and how many more there are."""
    lines = [str(each) for each in islice(diagnostics, MOST_PRINTED)]
    if more := len(diagnostics) - len(lines):
        lines.append(f"... and {more:,} more {'problem' if more == 1 else 'problems'}")
    return lines


class InvalidInput(Exception):
    """Input that is refused, with every problem that was found."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.diagnostics = tuple(sorted(set(diagnostics)))
        super().__init__("\n".join(printed(self.diagnostics)))


@dataclass(slots=True)
class Problems:
    """The problems that checks have found so far."""

    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)

    def error(self, position: Position, message: str, path: str = "") -> None:
        """Add something that is refused."""
        self.errors.append(Diagnostic(position, message, "error", path))

    def warn(self, position: Position, message: str, path: str = "") -> None:
        """Add something that the user should know."""
        self.warnings.append(Diagnostic(position, message, "warning", path))

    def raise_errors(self) -> None:
        """Stop if anything is refused.

        Raises:
            InvalidInput: Something is.
        """
        if self.errors:
            raise InvalidInput(tuple(self.errors))
