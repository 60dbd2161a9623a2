"""Pods of hookline's own image: what a declaration decides about them."""

from hookline.declaration.model import Cluster
from hookline.declaration.own_pods import PlacedPod
from runs.deployments import PodSettings

__all__ = ["pod_settings"]


def pod_settings(
    cluster: Cluster, pod: PlacedPod, requests: dict[str, str], limits: dict[str, str]
) -> PodSettings:
    """The settings of a pod.

    Args:
        cluster: Names the image.
        pod: What is said about this pod.
        requests: Amounts that it requests where nothing else is said.
        limits: The same of its limits.
    """
    own_requests, own_limits = pod.amounts(requests, limits)
    return PodSettings(
        image=cluster.image or "",
        pull_secrets=tuple(cluster.image_pull_secrets),
        requests=own_requests,
        limits=own_limits,
        node_selector=pod.node_selector,
        tolerations=tuple(
            each.model_dump(exclude_none=True, exclude={"operator"}) | {"operator": each.operator}
            for each in pod.tolerations
        ),
    )
