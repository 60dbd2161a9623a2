"""Everything that hookline prints is valid by the definitions of every release that docs/compatibility.md names."""

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from definitions import EVENTS, WORKFLOWS, problems
from support import EXAMPLES

from hookline.declaration.loading import load_texts
from hookline.plan.objects import objects
from hookline.plan.planning import make_plan
from triggers.release import OLDEST_UPSTREAM, Release

EVERYTHING = """\
version: 1
cluster: {namespace: ci, schedules: cron_workflow, sandbox: {namespace: ci-forks}}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}}
  gitlab: {host: gitlab, endpoint: /gitlab, secret: {name: hooks, key: gitlab}}
  harbor: {host: harbor, endpoint: /harbor, secret: {name: hooks, key: harbor}}
defaults:
  run:
    template: hookline-ci-go
    spot: {strategy: SpotWithPriceLimit, price_limit: "0.35", fallback: true, protection: 1}
    retry: {limit: 2}
    priority: 5
    deadline: 1h
    ttl: 2d
    keep_pods: 10m
    pod_labels: {team: shop}
    pod_annotations: {example.com/note: "yes"}
pipelines:
  shop:
    owner: team-shop
    repository: {source: github, name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    events: {push: {branches: [main]}, tag: {tags: ["v*"]}, schedule: {at: "30 2 * * *", branch: main, missed: {within: 1h}}}
    run: {mutex: shop}
  cart:
    repository: {source: gitlab, name: acme/cart, url: "https://gitlab.com/acme/cart.git"}
    image: registry.example.com/acme/cart
    events: {push: {branches: [main]}}
  stock:
    repository: {source: gitlab, name: acme/stock, url: "https://gitlab.com/acme/stock.git"}
    image: registry.example.com/acme/stock
    events: {push: {branches: [main]}}
    run: {template: ci-go-v1, retry: false}
  base:
    repository: {name: acme/base, url: "https://github.com/acme/base.git"}
    image: registry.example.com/acme/other
    events: {image_push: {source: harbor, image: library/base, branch: main}}
  forks:
    repository: {source: github, name: acme/shop, url: "https://github.com/acme/shop.git"}
    events: {pull_request: {forks: sandboxed, approved_by: {label: ok-to-test}}}
"""


def printed(files: list[tuple[str, bytes]], release: Release) -> list[dict[str, Any]]:
    """The objects of a declaration for a release, and the Workflows that its Sensors create."""
    declaration = load_texts(files)
    cluster = declaration.cluster.model_copy(update={"argo_workflows": release})
    found = objects(make_plan(dataclasses.replace(declaration, cluster=cluster), {}))
    return [*found, *(workflow for each in found for workflow in created(each))]


def created(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if manifest["kind"] == "Sensor":
        for trigger in manifest["spec"]["triggers"]:
            yield trigger["template"]["k8s"]["source"]["resource"]


def example_files(example: Path) -> list[tuple[str, bytes]]:
    one = example / "hookline.yaml"
    paths = [one] if one.exists() else sorted(example.glob("*.yaml"))
    return [(str(path), path.read_bytes()) for path in paths]


CASES = {path.name: example_files(path) for path in EXAMPLES} | {
    "everything": [("hookline.yaml", EVERYTHING.encode())]
}


def minor(version: str) -> Release:
    """The release to declare for a version."""
    (found,) = (each for each in get_args(Release) if version.startswith(f"{each}."))
    return found  # type: ignore[no-any-return]


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
    assert {path.stem for path in goldens.glob("*.yaml")} == {path.name for path in EXAMPLES}
    assert all(list(yaml.safe_load_all(path.read_text("utf-8"))) for path in goldens.glob("*.yaml"))
