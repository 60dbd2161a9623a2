"""The bus's names are those of Argo Events; expected values were computed by its own Go functions."""

import pytest
from support import plan

from bus.names import BusNames, consumer, subject


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("hookline-1", "github-1-857c68", "github-1-857c68"), "group-1358585018"),
        (("s", "t", "d"), "group-2871341474"),
    ],
)
def test_a_subscription_is_found_by_the_names_of_sensor_trigger_and_dependency(
    names: tuple[str, str, str], expected: str
) -> None:
    assert consumer(*names) == expected


def test_the_objects_of_a_bus_follow_from_its_name() -> None:
    names = BusNames("default")
    assert (names.stateful_set, names.service) == ("eventbus-default-js", "eventbus-default-js-svc")
    assert names.client_auth_secret == "eventbus-default-js-client-auth"


def test_every_dependency_of_a_plan_has_a_subject_and_a_consumer_of_its_own() -> None:
    found = plan()
    placed = [(sensor.name, each) for sensor in found.sensors for each in sensor.dependencies]
    assert [subject(each.event_source, each.event_name) for _, each in placed] == [
        "default.hookline-webhooks.github"
    ]
    assert len({consumer(sensor, each.name, each.name) for sensor, each in placed}) == len(placed)
