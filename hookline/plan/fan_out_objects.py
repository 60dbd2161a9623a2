"""The objects by which fan-outs run: the template with their pod, and its account."""

from collections.abc import Iterator, Mapping
from typing import Any

from hookline.fanning_out.needs import OUTPUTS, arguments, rules, rules_at_home
from runs.deployments import PodSettings, container_security, granted, placement, pod_security
from triggers.retry import retry_strategy
from triggers.words import EXECUTOR_SERVICE_ACCOUNT

__all__ = ["DEFAULT_LIMITS", "DEFAULT_REQUESTS", "fan_out_objects"]

DEFAULT_REQUESTS = {"cpu": "100m", "memory": "96Mi"}
DEFAULT_LIMITS = {"memory": "256Mi"}
KEPT_SECONDS = 4 * 86_400
"""A fan-out stays for longer than its event on the bus: what is read there again finds it (docs/reconcile.md)."""
KEPT_PODS_SECONDS = 600
DEADLINE_SECONDS = 86_400
ATTEMPTS = 10
GOES_ON = 'not (lastRetry.exitCode in ["1", "2"])'
"""When another pod goes on where this one was: always, unless the command itself has said that runs were refused to the end, or that the fan-out cannot
be read. A pod that is killed for its memory or ended by an eviction has failed, as one whose code fails has; a pod that is gone has the exit code -1
(argo-workflows workflow/controller/operator.go, buildRetryStrategyLocalScope)."""
BACKOFF = {"duration": "2s", "factor": "2"}
"""Half an hour for all attempts: what is wrong with a node or a right does not end in a second."""


def fan_out_objects(
    name: str, namespace: str, namespaces: tuple[str, ...], pod: PodSettings
) -> Iterator[dict[str, Any]]:
    """The template of fan-outs, with everything that its pod needs.

    Args:
        name: Of all of them.
        namespace: Where fan-outs run.
        namespaces: Where their runs are created.
        pod: What the cluster decides.
    """
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
    for place in dict.fromkeys((namespace, *namespaces)):
        given = [*(rules_at_home() if place == namespace else []), *(rules() if place in namespaces else [])]
        yield from granted("Role", name, place, given, name, namespace)
    yield {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {"name": name, "namespace": namespace},
        "spec": _spec(name, pod),
    }


def _spec(name: str, pod: PodSettings) -> dict[str, Any]:
    return {
        "entrypoint": "start",
        "serviceAccountName": name,
        # Argo's own containers report the result as another account, and hold no token of this one.
        "executor": {"serviceAccountName": EXECUTOR_SERVICE_ACCOUNT},
        "activeDeadlineSeconds": DEADLINE_SECONDS,
        "ttlStrategy": {"secondsAfterCompletion": KEPT_SECONDS},
        "podGC": {"strategy": "OnWorkflowCompletion", "deleteDelayDuration": f"{KEPT_PODS_SECONDS}s"},
        "securityContext": pod_security(),
        "templates": [_start(pod)],
        **placement(pod),
    }


def _start(pod: PodSettings) -> dict[str, Any]:
    outputs: Mapping[str, str] = {"counts": "{}", "runs": ""}
    return {
        "name": "start",
        "retryStrategy": retry_strategy(ATTEMPTS) | {"expression": GOES_ON, "backoff": dict(BACKOFF)},
        "container": {
            "image": pod.image,
            "command": ["hookline"],
            "args": arguments("{{workflow.namespace}}", "{{workflow.name}}"),
            "resources": {"requests": dict(pod.requests), "limits": dict(pod.limits)},
            "securityContext": container_security(),
            "volumeMounts": [{"name": "outputs", "mountPath": OUTPUTS}],
        },
        "volumes": [{"name": "outputs", "emptyDir": {}}],
        "outputs": {
            "parameters": [
                # A pod that is ended at once has written nothing.
                {"name": each, "valueFrom": {"path": f"{OUTPUTS}/{each}", "default": default}}
                for each, default in outputs.items()
            ]
        },
    }
