"""JSON as Go's encoding/json reads it, so that a body is refused offline where the event source refuses it."""

import json
from typing import Any

from events import nested_json

__all__ = ["loads"]


def loads(body: bytes) -> Any:
    """The value of a body: bad UTF-8 is replaced, NaN and numbers out of range are refused.

    Raises:
        ValueError: Go would refuse it; the message is a clause for the user.
    """
    try:
        return nested_json.loads(body.decode("utf-8", "replace"), _read)
    except nested_json.NestedTooDeeplyError as error:
        raise ValueError(f"the body is {error}") from error
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {str(error)[:100]}") from error


def _read(text: str) -> Any:
    return json.loads(text, parse_constant=_no_constant, parse_float=_finite, parse_int=_integer)


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise ValueError("a number is out of range")
    return number


def _integer(text: str) -> int | float:
    return int(text) if len(text) < 16 else _finite(text)
