"""Problems that checks have found so far, each with its place."""

from dataclasses import dataclass, field

from documents.diagnostics import Diagnostic, InvalidInput, Position

__all__ = ["Findings"]


@dataclass(slots=True)
class Findings:
    """Problems found so far."""

    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)

    def error(self, position: Position, message: str, path: str = "") -> None:
        """Something that is refused."""
        self.errors.append(Diagnostic(position, message, "error", path))

    def warn(self, position: Position, message: str, path: str = "") -> None:
        """Something that the user should know."""
        self.warnings.append(Diagnostic(position, message, "warning", path))

    def raise_errors(self) -> None:
        """Stop if anything is refused."""
        if self.errors:
            raise InvalidInput(tuple(self.errors))
