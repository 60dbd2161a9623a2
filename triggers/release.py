"""Releases of Argo Workflows, and which of their fields an object is written with.

Source: argo-workflows manifests/base/crds/full at v3.5.15, v3.6.19, v3.7.18, v4.0.10 and v4.1.2 (tests/data/definitions).
"""

from typing import Literal

__all__ = ["OLDEST_UPSTREAM", "Release", "takes_lists"]

Release = Literal["3.5", "3.6", "3.7", "4.0", "4.1"]
"""A minor release of the cluster."""
OLDEST_UPSTREAM: Release = "3.6"
"""Release for which hookline writes objects by default; later releases read them too."""


def takes_lists(release: Release) -> bool:
    """Whether a release reads `schedules` and `mutexes`.

    3.5 reads `schedule` and `mutex` alone, 3.6 and 3.7 read both forms, 4.0 and 4.1 the lists alone.
    """
    return release != "3.5"
