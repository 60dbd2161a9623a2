"""Every shipped example is taken by the real controllers, as rendered."""

from pathlib import Path

import pytest
from cluster.installation import API, Installation
from support import EXAMPLES

from hookline.plan.objects import objects


def files(example: Path) -> list[tuple[str, bytes]]:
    return [(str(path), path.read_bytes()) for path in sorted(example.glob("*.yaml"))]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_controllers_take_every_object_of_an_example(site: Installation, example: Path) -> None:
    site.declare_files(files(example))
    site.apply()  # raises what the Argo Events controller has against an EventBus, EventSource or Sensor
    applied = {
        kind: sum(len(site.api.list(API, kind, namespace)) for namespace in site.namespaces)
        for kind in ("EventSource", "Sensor", "CronWorkflow")
    }
    assert applied == {kind: sum(each["kind"] == kind for each in objects(site.plan)) for kind in applied}
    assert any(applied.values())


def test_a_wrong_object_is_refused_so_the_check_can_fail(site: Installation) -> None:
    site.declare_files(files(EXAMPLES[-1]))
    sensor = next(each for each in objects(site.plan) if each["kind"] == "Sensor")
    sensor["spec"]["triggers"][0]["template"]["k8s"]["operation"] = "replace"
    with pytest.raises(AssertionError, match="the controller refuses Sensor"):
        site.apply_objects([each for each in objects(site.plan) if each["kind"] == "EventBus"] + [sensor])
