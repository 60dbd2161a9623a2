"""Reason codes: one vocabulary for simulate, explain, annotations, docs. Codes are never renamed."""

from collections.abc import Mapping
from typing import Any, Final

from sensors.clauses import CLAUSES

__all__ = ["OPEN_PATHS", "REASONS", "meaning"]

REASONS: Final[Mapping[str, str]] = {
    "MATCH": "every clause holds",
    "SOURCE": "the pipeline does not listen to this source",
    "REPOSITORY": "no pipeline listens to this repository or image at this source",
    "ANOTHER_PUSH": "the delivery holds several pushes, and another push of it starts the one Workflow",
    **{clause.code: clause.meaning for clause in CLAUSES},
    "SIGNATURE": "the signature or token does not verify: the event source refuses the delivery",
    "PAYLOAD": "the event source refuses the delivery: the body is not what it accepts",
    "SCHEDULE": "the schedule does not fire at this time",
}
"""Code → what it means for `skip`; for `unknown` see docs/reasons.md."""

OPEN_PATHS: Final = "paths decided in the run"
"""Meaning of a verdict that is `run` with the reason PATHS."""

_EXACT = {clause.code: clause.meanings for clause in CLAUSES if clause.meanings is not None}


def meaning(code: str, event: Mapping[str, Any], verdict: str = "") -> str:
    """The meaning of a reason for this canonical event, with this verdict."""
    if (code, verdict) == ("PATHS", "run"):
        return f"{OPEN_PATHS}, whose first step compares the files"
    return _EXACT[code](event) if code in _EXACT else REASONS[code]
