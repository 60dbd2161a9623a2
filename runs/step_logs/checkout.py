"""The log of git-checkout-pr: was the checkout on the volume used again?

Only what stands between `Start to Clone` and `Start to Checkout target branch` tells: the second pull says "up to date" also after
a fresh clone. The words are git's (builtin/pull.c, merge.c, rebase.c, submodule--helper.c).
"""

import re
from typing import Literal

from runs.step_logs.results import Checkout
from runs.step_logs.text import LogText

__all__ = ["read_checkout"]

State = Literal["clone", "noop", "update", "broken", "unreachable", "unknown"]
_COMMIT = re.compile(rb"\nCommit id is got: ([0-9a-f]{7,64})\b")
_UNREACHABLE = re.compile(
    rb"\n(?!warning:|hint:)[^\n]{0,500}?(?:unable to access '[a-z+]{1,20}:|Could not resolve host|Could not read from remote"
    rb"|Connection (?:refused|timed out|reset)|unable to connect|unable to look up|Temporary failure in name resolution"
    rb"|early EOF|unexpected disconnect)"
)
_BROKEN = re.compile(
    rb"already exists and is not an empty directory|\nAutomatic merge failed|unmerged files|not concluded your merge"
    rb"|reconcile divergent branches|refusing to merge unrelated histories|Not possible to fast-forward"
    rb"|\.lock': File exists|not a git repository|dubious ownership|would be overwritten by merge"
)
_NEWS = re.compile(
    rb"\n(?:(Cloning into )|(Already up[ -]to[ -]date|Current branch \S{1,200} is up to date)"
    rb"|(Updating (?:to )?[0-9a-f]{7}|Fast-forward|Merge made by |Successfully rebased|First, rewinding head|Submodule ))"
)
"""Texts that say that a clone began, that there was nothing new, or that there was something new."""


def read_checkout(log: LogText, exit_code: int | None) -> tuple[Checkout, bool]:
    """The findings of the log, and whether the log is complete."""
    begin = log.last(b"Start to Clone ")
    if begin < 0:
        return Checkout("unknown", "", counted=False), False
    end = log.first(b"Start to Checkout target branch", begin)
    section = log.data[begin : len(log.data) if end < 0 else end]
    commit = _COMMIT.search(log.data, begin)
    # With nothing to build, nothing was checked out.
    ends = (b"Git Clone and Checkout Complete.", b"Nothing to build: ")
    complete = not log.cut and (exit_code != 0 or any(log.last(each) > begin for each in ends))
    state: State = "unknown"
    if complete:
        state = _state(section) if exit_code == 0 else _failed_state(section)
    counted = complete and exit_code == 0 and state in {"clone", "noop", "update"}
    return Checkout(state, commit[1].decode() if commit is not None else "", counted=counted), complete


def _failed_state(section: bytes) -> State:
    # After a pull that failed, the script clones into the directory that is there: the cause is the pull's.
    if _UNREACHABLE.search(section):
        return "unreachable"
    return "broken" if _BROKEN.search(section) else _state(section)


def _state(section: bytes) -> State:
    state: State = "unknown"
    for match in _NEWS.finditer(section):
        if match[3]:
            return "update"
        if match[1]:
            # A clone after a pull is one of a submodule, which is new.
            return "clone" if state == "unknown" else "update"
        state = "noop"
    return state
