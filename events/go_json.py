"""JSON as Go's encoding/json reads it, so that a body is refused offline where the event source refuses it."""

import json
from typing import Any

__all__ = ["loads"]

_DEEPEST = 1_000


def loads(body: bytes) -> Any:
    """The value of a body: bad UTF-8 is replaced, NaN and numbers out of range are refused.

    Raises:
        ValueError: Go would refuse it; the message is a clause for the user.
    """
    try:
        value = json.loads(
            body.decode("utf-8", "replace"),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {str(error)[:100]}") from error
    except RecursionError as error:
        raise ValueError("the body is nested too deeply") from error
    if _depth(value) > _DEEPEST:
        raise ValueError("the body is nested too deeply")
    return value


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise ValueError("a number is out of range")
    return number


def _integer(text: str) -> int | float:
    return int(text) if len(text) < 16 else _finite(text)


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        if depth > _DEEPEST:
            break
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return depth
