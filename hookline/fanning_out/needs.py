"""Needs of a fan-out's pod: its command, its rights, and where it writes what came of it."""

from typing import Any

__all__ = ["OUTPUTS", "arguments", "rules", "rules_at_home"]

OUTPUTS = "/tmp/outputs"  # noqa: S108 - a volume of the pod
"""Folder of what Argo keeps as the fan-out's outputs."""


def arguments(namespace: str, workflow: str) -> list[str]:
    """Of `hookline`, for the fan-out of this name."""
    return ["fan-out", "--namespace", namespace, "--workflow", workflow, "--outputs", OUTPUTS]


def rules_at_home() -> list[dict[str, Any]]:
    """Rights where fan-outs run: it reads its own, and finds newer ones of the same image."""
    return [{"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "list"]}]


def rules() -> list[dict[str, Any]]:
    """Rights where runs are created."""
    return [{"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "create"]}]
