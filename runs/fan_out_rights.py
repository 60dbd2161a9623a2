"""The rights of the pod of a fan-out (`hookline.fanning_out`)."""

from typing import Any

__all__ = ["order_rules", "run_rules"]


def order_rules() -> list[dict[str, Any]]:
    """In the namespace of the fan-outs: to read its own, and to find those of newer events."""
    return [_rule("get", "list")]


def run_rules() -> list[dict[str, Any]]:
    """In each namespace in which it starts runs: to create them, and to see which exist."""
    return [_rule("create", "get")]


def _rule(*verbs: str) -> dict[str, Any]:
    return {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": list(verbs)}
