"""Retries: another attempt after the infrastructure lost a pod, never after a failed test."""

from typing import Any

__all__ = ["INFRASTRUCTURE_LOSS", "retry_strategy"]

INFRASTRUCTURE_LOSS = 'lastRetry.status == "Error" || lastRetry.message contains "spot instance"'
"""True for a deleted pod and a reclaimed spot pod, false for exit code 1 (seen on workflow-controller 3.7.4)."""


def retry_strategy(limit: int) -> dict[str, Any]:
    """A retryStrategy with at most this many further attempts."""
    return {
        "limit": str(limit),
        # Always, written out: on 3.4 an expression alone does not imply it (argo-workflows docs/retries.md).
        "retryPolicy": "Always",
        "expression": INFRASTRUCTURE_LOSS,
    }
