"""The results of a fan-out, run by run, and the outputs that say them. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from documents.lines import printable
from hookline.fanning_out.order import Run

__all__ = ["LIMIT_BYTES", "Outcome", "Tally"]

Result = Literal["started", "existing", "replaced", "refused", "waiting"]

LIMIT_BYTES = 200_000
"""Bytes of all lines: they become part of the Workflow's status, and etcd takes objects up to 1.5 MiB."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one run so far."""

    result: Result
    words: str = ""
    """The name of the fan-out that replaced it, or the reason of the refusal."""

    def __str__(self) -> str:
        match self.result:
            case "replaced":
                return f"replaced by {self.words}"
            case "refused":
                return f"refused: {self.words}"
            case _:
                return self.result


_WAITING = Outcome("waiting")
_DONE = frozenset({"started", "existing", "replaced"})


class Tally:
    """The result of each run of an order."""

    def __init__(self, runs: Sequence[Run]) -> None:
        """Begin: every run waits."""
        self._runs = runs
        self._found: dict[Run, Outcome] = {}

    def note(self, run: Run, outcome: Outcome) -> None:
        """Set the result of a run; the last one counts."""
        self._found[run] = outcome

    def of(self, result: Result) -> list[tuple[Run, Outcome]]:
        """The runs with this result, in the order of the fan-out."""
        found = ((each, self._found.get(each, _WAITING)) for each in self._runs)
        return [(run, outcome) for run, outcome in found if outcome.result == result]

    def is_done(self, run: Run) -> bool:
        """Whether a run exists or was replaced."""
        return self._found.get(run, _WAITING).result in _DONE

    @property
    def total(self) -> int:
        """How many runs the order has."""
        return len(self._runs)

    @property
    def done(self) -> int:
        """How many of them exist or were replaced."""
        return sum(each.result in _DONE for each in self._found.values())

    def counts(self) -> dict[str, int]:
        """The number of runs with each result. The shape is a contract (docs/fan-out.md)."""
        found = Counter(each.result for each in self._found.values())
        return {name: found[name] for name in ("started", "existing", "replaced", "refused")}

    def lines(self, limit_bytes: int = LIMIT_BYTES) -> str:
        """One line for each run: `namespace/name` and the result. Long reasons are cut first; then runs at the end are left out and counted."""
        most = max(150, limit_bytes // max(1, len(self._runs)))
        found, size = list[str](), 0
        for place, run in enumerate(self._runs):
            text = printable(" ".join(f"{run.place} {self._found.get(run, _WAITING)}".split()))
            line = _cut(text, most - 1) + "\n"
            rest = f"and {len(self._runs) - place} more\n"
            if size + len(line.encode()) + len(rest) > limit_bytes and place + 1 < len(self._runs):
                found.append(rest)
                break
            found.append(line)
            size += len(line.encode())
        return "".join(found)


def _cut(text: str, most_bytes: int) -> str:
    if len(text.encode()) <= most_bytes:
        return text
    return text.encode()[: most_bytes - 3].decode("utf-8", "ignore") + "…"
