"""An exporter: block has Prometheus scrape the event path too, unless somebody does already."""

from typing import Any

import pytest
from printed import EXPORTED, printed

from documents.diagnostics import InvalidInput
from triggers.release import OLDEST_UPSTREAM


def monitors(text: str) -> list[dict[str, Any]]:
    found = printed([("hookline.yaml", text.encode())], OLDEST_UPSTREAM)
    of_kind = (each for each in found if each["kind"] == "PodMonitor")
    return [each for each in of_kind if each["metadata"]["name"] == "hookline-events"]


def test_the_monitor_of_the_event_path_finds_pods_in_the_namespace_of_the_bus() -> None:
    (elsewhere,) = monitors(EXPORTED)
    assert elsewhere["metadata"]["namespace"] == "monitoring"
    assert elsewhere["metadata"]["labels"]["release"] == "stack"
    assert elsewhere["spec"]["namespaceSelector"] == {"matchNames": ["ci"]}
    (beside,) = monitors(
        EXPORTED.replace("  monitoring_namespace: monitoring\n", "  monitoring_namespace: ci\n")
    )
    assert beside["metadata"]["namespace"] == "ci"
    assert "namespaceSelector" not in beside["spec"]


@pytest.mark.parametrize("instead", ["  event_metrics: false\n  monitor: service\n", "  monitor: none\n"])
def test_there_is_none_if_it_is_not_wanted_or_nothing_is_monitored(instead: str) -> None:
    lines = "  monitor: pod\n  monitor_labels: {release: stack}\n  interval: 1m\n"
    assert lines in EXPORTED
    assert monitors(EXPORTED.replace(lines, instead)) == []


def test_event_metrics_without_a_monitor_is_refused() -> None:
    lines = "  monitor: pod\n  monitor_labels: {release: stack}\n  interval: 1m\n"
    text = EXPORTED.replace(lines, "  monitor: none\n  event_metrics: true\n")
    with pytest.raises(InvalidInput, match="leave event_metrics: out"):
        monitors(text)
