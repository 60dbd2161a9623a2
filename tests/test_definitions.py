"""Everything that hookline prints is valid by the definitions of every release that docs/compatibility.md names."""

import copy
from pathlib import Path
from typing import Any, get_args

import pytest
from definitions import EVENTS, WORKFLOWS, problems
from printed import CASES, minor, printed
from support import EXAMPLES

from triggers.release import OLDEST_UPSTREAM, Release


def test_every_release_that_can_be_declared_has_definitions() -> None:
    assert {minor(version) for version in WORKFLOWS} == set(get_args(Release))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", WORKFLOWS)
def test_what_is_printed_for_a_release_is_valid_there(version: str, case: str) -> None:
    found = printed(CASES[case], minor(version))
    assert any(each["kind"] in {"Workflow", "CronWorkflow"} for each in found)
    assert [each for manifest in found for each in problems("argo-workflows", version, manifest)] == []


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", [each for each in WORKFLOWS if not each.startswith("3.5.")])
def test_what_is_printed_without_a_release_is_valid_from_3_6_on(version: str, case: str) -> None:
    found = printed(CASES[case], OLDEST_UPSTREAM)
    assert [each for manifest in found for each in problems("argo-workflows", version, manifest)] == []


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", EVENTS)
def test_what_argo_events_reads_is_valid_there(version: str, case: str) -> None:
    found = printed(CASES[case], OLDEST_UPSTREAM)
    assert {"EventBus", "Sensor"} & {each["kind"] for each in found} or case == "ack-one"
    assert [each for manifest in found for each in problems("argo-events", version, manifest)] == []


def cron_workflow(release: Release) -> dict[str, Any]:
    (found,) = (each for each in printed(CASES["everything"], release) if each["kind"] == "CronWorkflow")
    return found


@pytest.mark.parametrize("version", ["4.0.5", "4.0.10", "4.1.2"])
def test_the_checker_refuses_on_4_what_is_written_for_3_5(version: str) -> None:
    found = "\n".join(problems("argo-workflows", version, cron_workflow("3.5")))
    assert "'schedules' is a required property" in found
    assert "'schedule' was unexpected" in found
    assert "spec.workflowSpec.synchronization: Additional properties are not allowed ('mutex'" in found


def test_the_checker_refuses_on_3_5_what_is_written_for_later_releases() -> None:
    found = "\n".join(problems("argo-workflows", "3.5.15", cron_workflow("3.6")))
    assert "'schedule' is a required property" in found
    assert "'mutexes' was unexpected" in found


@pytest.mark.parametrize("version", WORKFLOWS)
@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("podGc",), {}),
        (("podGC", "deleteDelay"), "5m"),
        (("activeDeadlineSeconds",), "1h"),
        (("arguments", "parameters"), {"a": "b"}),
        (("templateDefaults", "retryStrategy", "limits"), 2),
        (("workflowTemplateRef", "clusterScope"), "true"),
    ],
)
def test_the_checker_refuses_unknown_fields_and_wrong_types(
    version: str, place: tuple[str, ...], value: object
) -> None:
    found = next(
        copy.deepcopy(each)
        for each in printed(CASES["everything"], minor(version))
        if each["kind"] == "Workflow" and "templateDefaults" in each["spec"]
    )
    assert problems("argo-workflows", version, found) == []
    node = found["spec"]
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = value
    assert len(problems("argo-workflows", version, found)) == 1


@pytest.mark.parametrize("kind", ["EventBus", "EventSource", "Sensor"])
def test_the_checker_refuses_a_field_that_argo_events_does_not_know(kind: str) -> None:
    found = next(
        copy.deepcopy(each) for each in printed(CASES["everything"], OLDEST_UPSTREAM) if each["kind"] == kind
    )
    found["spec"]["replica"] = 1
    assert len(problems("argo-events", "1.9.11", found)) == 1


def test_every_golden_is_among_the_cases() -> None:
    goldens = Path(__file__).parent / "data/goldens"
    assert {path.stem for path in goldens.glob("*.yaml")} == {path.name for path in EXAMPLES} <= CASES.keys()
