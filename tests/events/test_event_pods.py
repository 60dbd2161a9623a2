"""Resources of the event path's pods. Argo's controller reads the objects, and writes them back."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils import parse_quantity
from printed import CASES, printed
from support import ROOT

from events.event_pods import METRICS_PORT, monitor, pod_template, requests


def amount(quantity: str) -> Decimal:
    found: Decimal = parse_quantity(quantity)  # type: ignore[no-untyped-call]
    return found


def is_written_back_as_it_is(quantity: str) -> bool:
    """Whether its unit is the largest that leaves it a whole number: in that form the API writes it."""
    digits = quantity.rstrip("KMGTPEim")
    factor = 1000 if quantity.endswith("m") else 1024
    return int(digits) % factor != 0


def quantities(value: Any) -> Iterator[str]:
    """Of every `requests` and `limits` in an object."""
    if isinstance(value, dict):
        for key, child in value.items():
            if key in {"requests", "limits"}:
                yield from child.values()
            else:
                yield from quantities(child)
    elif isinstance(value, list):
        for child in value:
            yield from quantities(child)


@given(st.integers(1, 100_000), st.integers(1, 1_000_000))
def test_resources_are_what_was_meant_in_the_form_that_the_api_writes(millis: int, mib: int) -> None:
    asked = requests(millis, mib)["requests"]
    limits = pod_template("account", 128, mib)["container"]["resources"]["limits"]
    assert amount(asked["cpu"]) * 1000 == millis
    assert amount(asked["memory"]) == amount(limits["memory"]) == mib * 2**20
    for quantity in (asked["cpu"], asked["memory"], limits["memory"]):
        assert is_written_back_as_it_is(quantity), quantity


@pytest.mark.parametrize("case", CASES)
def test_the_same_file_can_be_applied_again_after_the_controller_wrote_its_objects_back(case: str) -> None:
    # kubectl apply --server-side ends with a conflict where the controller's own form of a value differs.
    objects = [
        each for each in printed(CASES[case], "3.7") if each["kind"] in {"EventBus", "EventSource", "Sensor"}
    ]
    found = [quantity for each in objects for quantity in quantities(each)]
    assert len(found) >= len(objects)
    assert [each for each in found if not is_written_back_as_it_is(each)] == []


def test_the_docs_show_the_monitor_of_the_event_pods() -> None:
    page = (ROOT / "docs/dashboards.md").read_text("utf-8")
    (shown,) = (
        found
        for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
        if (found := yaml.safe_load(block)).get("kind") == "PodMonitor"
    )
    assert shown == monitor("ci", {"release": "kube-prometheus-stack"})
    assert f"port {METRICS_PORT}" in page
