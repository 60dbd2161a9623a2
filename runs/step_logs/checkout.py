"""The log of git-checkout-pr: was the checkout on the volume used again?

Only what stands between `Start to Clone` and `Start to Checkout target branch` tells: the second pull says "up to date" also after
a fresh clone.
"""

import re
from typing import Literal

from runs.step_logs.results import Checkout
from runs.step_logs.text import LogText

__all__ = ["read_checkout"]

State = Literal["clone", "noop", "update", "broken", "unreachable", "unknown"]
_COMMIT = rb"(?:^)Commit id is got: ([0-9a-f]{7,64})\b"
_UNREACHABLE = re.compile(
    rb"unable to access|Could not resolve host|Could not read from remote|Connection (?:refused|timed out)|unable to connect"
)


def read_checkout(log: LogText, exit_code: int | None) -> tuple[Checkout, bool]:
    """What it says, and whether it is whole."""
    begin = log.last(b"Start to Clone ")
    if begin < 0:
        return Checkout("unknown", "", counted=False), False
    end = log.find(rb"(?:^)Start to Checkout target branch", begin)
    section = log.data[begin : len(log.data) if end is None else end.start()]
    commit = log.find(_COMMIT, begin)
    complete = not log.cut and (exit_code != 0 or log.last(b"Git Clone and Checkout Complete.") > begin)
    state = _state(section) if complete else "unknown"
    counted = complete and exit_code == 0 and state in {"clone", "noop", "update"}
    return Checkout(state, commit[1].decode() if commit is not None else "", counted=counted), complete


def _state(section: bytes) -> State:
    if b"already exists and is not an empty directory" in section:
        return "broken"
    if _UNREACHABLE.search(section):
        return "unreachable"
    if b"Cloning into " in section:
        return "clone"
    if b"\nUpdating " in section or b" Updating " in section or b"Fast-forward" in section:
        return "update"
    return "noop" if b"Already up to date." in section or b"Already up-to-date." in section else "unknown"
