"""Diagnostics: what is wrong in a file of the user, and where."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Diagnostic", "InvalidInput", "Position"]


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
    """One problem: one sentence that says what is wrong and what would be accepted."""

    position: Position
    message: str
    severity: Literal["error", "warning"] = "error"
    field: str = ""
    """Dotted path, such as pipelines.shop.events.push.branches."""

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return f"{self.position}: {self.severity}: {field}{self.message}"


class InvalidInput(Exception):
    """Input that is refused, with every problem that was found."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.diagnostics = tuple(sorted(set(diagnostics)))
        super().__init__("\n".join(str(each) for each in self.diagnostics))
