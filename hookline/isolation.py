"""The name-owner check: five plain folder names, some of which other distributions own too.

Runs before anything imports the other four packages: with a foreign `events` in the environment the program may
still appear to work.
"""

import importlib.util
from pathlib import Path

__all__ = ["foreign_packages"]

_PACKAGES = ("documents", "events", "triggers", "sensors", "apiserver", "bus", "runs", "dashboards")


def foreign_packages() -> list[str]:
    """Packages that would be imported under our names and are not ours."""
    foreign = []
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if (
            spec is None
            or spec.origin is None
            or 'OWNER = "hookline"' not in Path(spec.origin).read_text("utf-8", "replace")
        ):
            foreign.append(f"{name} ({spec.origin if spec else 'missing'})")
    return foreign
