"""Leaving: the objects that a new declaration no longer has, worked out from two declarations, without a cluster."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from hookline.applying.changes import in_order
from hookline.applying.guards import KEPT, ORPHANING
from hookline.applying.object_name import ObjectName

__all__ = ["Leaving", "deletions", "leaving"]


@dataclass(frozen=True, slots=True)
class Leaving:
    """One object that the new declaration no longer has."""

    name: ObjectName
    kept: str | None
    """Reason for which nobody should delete it unseen; None if it only holds what hookline made."""


def leaving(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> list[Leaving]:
    """The objects of `before` that `after` does not have, in the order of deleting."""
    stays = {ObjectName.of(each).identity for each in after}
    gone = [name for name in map(ObjectName.of, before) if name.identity not in stays]
    return [Leaving(name, KEPT.get(name.kind)) for name in reversed(in_order(gone))]


def deletions(found: Iterable[Leaving]) -> Iterator[str]:
    """The kubectl commands that delete them: one a namespace, one for objects of the whole cluster, and others for what leaves its own."""
    names = sorted(
        (each.name for each in found if each.kept is None),
        key=lambda name: (name.namespace, _orphaning(name)),
    )  # stable, so within a namespace the order of deleting stays
    for (namespace, orphaning), members in groupby(
        names, key=lambda name: (name.namespace, _orphaning(name))
    ):
        place = f"-n {namespace} " if namespace else ""
        cascade = "--cascade=orphan " if orphaning else ""
        yield f"kubectl delete {cascade}{place}{' '.join(map(str, members))}"


def _orphaning(name: ObjectName) -> bool:
    return name.kind in ORPHANING
