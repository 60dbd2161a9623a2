"""Checks of what a declaration decides about pods of hookline's own image."""

from typing import Protocol

from documents.diagnostics import Position, Problems
from documents.quantities import amount
from hookline.declaration.own_pods import OwnPod, PlacedPod

__all__ = ["check_amounts", "check_clients"]


class Positions(Protocol):
    """Position of a part of a block."""

    def __call__(self, *path: str | int, key: bool = False) -> Position: ...


def check_amounts(
    pod: PlacedPod,
    position: Positions,
    block: str,
    defaults: tuple[dict[str, str], dict[str, str]],
    problems: Problems,
) -> None:
    """Kubernetes refuses a pod that requests more than it may use.

    Args:
        pod: What is said.
        position: Of its parts.
        block: Its key in the file.
        defaults: Requests and limits where nothing is said.
        problems: Takes what is found.
    """
    requests, limits = pod.amounts(*defaults)
    for key in requests.keys() & limits.keys():
        if amount(requests[key]) > amount(limits[key]):
            problems.error(
                position("resources", "requests", key),
                f"requests {requests[key]}, and the limit is {limits[key]}; Kubernetes refuses such a pod, so write limits: {{{key}: …}} too",
                f"{block}.resources.requests.{key}",
            )


def check_clients(pod: OwnPod, position: Positions, block: str, problems: Problems) -> None:
    """Refuse clients where no NetworkPolicy lets them in."""
    if "clients" in pod.model_fields_set and not pod.network_policy:
        problems.error(
            position("clients", key=True),
            "with network_policy: false this has no effect; leave clients: out, or network_policy: false",
            f"{block}.clients",
        )
