"""Arguments: names and values that a file hands to a workflow template."""

from typing import Annotated, Any

from pydantic import AfterValidator

from documents.lines import check_line
from documents.scalars import matching

__all__ = ["Arguments", "LiteralText", "literal_text"]


def literal_text(value: Any) -> Any:
    """The value, if it is one line that Argo takes as it is, or no text.

    Raises:
        ValueError: It is not; the message is a sentence for the user.
    """
    if isinstance(value, str):
        if "{{" in value:
            raise ValueError("{{ is refused, because Argo would expand it when the run starts")
        check_line(value)
    return value


LiteralText = Annotated[str, AfterValidator(literal_text)]
"""One line that Argo takes as it is."""

Arguments = dict[
    Annotated[
        str, AfterValidator(matching(r"[A-Za-z_][A-Za-z0-9_-]{0,62}", "expected the name of a parameter"))
    ],
    Annotated[str | bool | int, AfterValidator(literal_text)],
]
"""Name of a parameter → its value; a switch is true or false."""
