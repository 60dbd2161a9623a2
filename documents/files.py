"""Files that a user names: reading them up to a limit of bytes, and as a model."""

import os
import stat
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from documents.composing import LARGEST_BYTES
from documents.diagnostics import Diagnostic, InvalidInput, Position
from documents.reading import read_document
from documents.validation import validate_document
from documents.wanted import Wanted

__all__ = ["read_file", "read_model"]

ModelT = TypeVar("ModelT", bound=BaseModel)


def read_file(path: Path, most: int = LARGEST_BYTES) -> bytes:
    """The complete content of a regular file.

    A device, a pipe or a socket may have no end, so it is refused unread.

    Args:
        path: The file.
        most: Bytes that its reader takes; one more is read at most.

    Raises:
        InvalidInput: It cannot be read, is no regular file, or is larger.
    """
    try:
        # Opening a pipe waits for its other end; without blocking it does not, and the look comes after the opening.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(most + 1) if stat.S_ISREG(mode) else None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise _refusal(path, f"cannot be read: {reason}") from error
    if content is None:
        raise _refusal(
            path, "is a device, a pipe or a socket, not a regular file; write its content to a file"
        )
    if len(content) > most:
        raise _refusal(path, f"the file has more than {most:,} bytes; no larger one is read")
    return content


def _refusal(path: Path, message: str) -> InvalidInput:
    return InvalidInput((Diagnostic(Position(str(path), 1, 1), message),))


def read_model(path: Path, model: type[ModelT], wanted: Wanted) -> ModelT:
    """A YAML file as its model.

    Raises:
        InvalidInput: With every problem that was found, each with its position.
    """
    return validate_document(read_document(read_file(path), str(path), wanted), model)
