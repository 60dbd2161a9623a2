"""The queries of every panel, as Grafana sends them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dashboards.files import dashboard_texts

__all__ = ["chosen", "panels"]

_EVERYTHING = dict.fromkeys(("$job", "$namespace", "$owner", "$pipeline", "$events_namespace"), ".*")


def chosen(expression: str, times: Mapping[str, str], **variables: str) -> str:
    """A query as Grafana sends it.

    Args:
        expression: Of a panel.
        times: `$__range` and `$__rate_interval`, as PromQL writes durations.
        variables: Variable, without its dollar → what is chosen; otherwise everything is.
    """
    for name, value in {**_EVERYTHING, **times}.items():
        expression = expression.replace(name, variables.get(name.strip("$_"), value))
    assert "$" not in expression, expression
    return expression


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Title of the dashboard, and panel."""
    for text in dashboard_texts().values():
        board = json.loads(text)
        for panel in board["panels"]:
            if panel["type"] != "row":
                yield board["title"], panel
