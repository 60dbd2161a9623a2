"""The control groups of a node: a tree of its own in every hierarchy, made before its namespaces and removed after them.

Version 1 of control groups alone: each controller has a hierarchy of its own.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Hierarchy", "hierarchies", "join", "make", "remove", "remove_left_over"]

PREFIX = "hookline-node-"
SHARES = 1024
"""Of a core, as the kernel counts."""
PATIENCE = 10.0
"""Seconds that the kernel may take to end the last process of a group."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One that is mounted."""

    place: Path
    options: str
    """To mount it again: its controllers, or its name."""

    @property
    def controllers(self) -> tuple[str, ...]:
        """None for a hierarchy that only has a name."""
        return tuple(each for each in self.options.split(",") if "=" not in each and each != "none")


def hierarchies() -> list[Hierarchy]:
    """What is mounted here; empty where there is only version 2."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, rest = line.partition(" - ")
        kind, _, super_options = rest.split(" ", 2)
        if kind == "cgroup":
            named = [
                each for each in super_options.split(",") if each not in {"rw", "xattr", "clone_children"}
            ]
            options = ["none", *named] if any("name=" in each for each in named) else named
            found.append(Hierarchy(Path(mount.split(" ")[4]), ",".join(options)))
    return found


def make(number: int) -> list[Path]:
    """One group in each hierarchy, of a process number that nobody else has."""
    made = []
    for hierarchy in hierarchies():
        group = hierarchy.place / f"{PREFIX}{number}"
        group.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):  # empty ones take no process
            if (group / name).exists():
                (group / name).write_text((hierarchy.place / name).read_text())
        shares = group / "cpu.shares"
        if shares.exists():  # a group otherwise weighs as much as one process
            shares.write_text(str(SHARES * (os.cpu_count() or 1)))
        made.append(group)
    return made


def join(groups: list[Path]) -> None:
    """Move this process into the groups; its children start there."""
    for group in groups:
        (group / "cgroup.procs").write_text("0")


def _inner_first(group: Path) -> Iterator[Path]:
    for path in group.iterdir():
        if path.is_dir():
            yield from _inner_first(path)
    yield group


def remove(groups: list[Path]) -> list[Path]:
    """Remove the groups with all groups in them, once their processes have ended; those that could not be removed."""
    end = time.monotonic() + PATIENCE
    left = [group for group in groups if group.exists()]
    while True:
        for group in left:
            for path in _inner_first(group):
                try:
                    path.rmdir()
                except OSError:  # a process of it has not ended yet
                    break
        left = [group for group in left if group.exists()]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)


def remove_left_over() -> None:
    """Remove groups of launchers that were killed."""
    for hierarchy in hierarchies():
        for group in hierarchy.place.glob(f"{PREFIX}*"):
            if not Path("/proc", group.name.removeprefix(PREFIX)).exists():
                remove([group])
