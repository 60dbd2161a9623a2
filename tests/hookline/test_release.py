"""`cluster.argo_workflows` decides how CronWorkflows and locks are written; the platform does not."""

from typing import Any, get_args

import pytest
from support import github_push

from events.delivery import BusEvent
from hookline.declaration.loading import load_texts
from hookline.plan.objects import objects
from hookline.plan.planning import Plan, make_plan
from triggers.release import Release

TEXT = """\
version: 1
cluster: {CLUSTER}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}}
pipelines:
  shop:
    repository: {source: github, name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    events: {push: {branches: [main]}, schedule: {at: "30 2 * * *", branch: main}}
  cart:
    repository: {source: github, name: acme/cart, url: "https://github.com/acme/cart.git"}
    image: registry.example.com/acme/cart
    events: {push: {branches: [main]}}
"""
PLATFORMS = {"argo": "schedules: cron_workflow", "ack-one": "platform: ack-one"}


def planned(cluster: str) -> Plan:
    text = TEXT.replace("CLUSTER", cluster)
    return make_plan(load_texts([("hookline.yaml", text.encode())]), {})


def cron_workflow(plan: Plan) -> dict[str, Any]:
    (found,) = (each for each in objects(plan) if each["kind"] == "CronWorkflow")
    return dict(found["spec"])


@pytest.mark.parametrize("release", [*get_args(Release), ""])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_release_decides_and_not_the_platform(platform: str, release: str) -> None:
    said = f', argo_workflows: "{release}"' if release else ""
    spec = cron_workflow(planned(PLATFORMS[platform] + said))
    lock = spec["workflowSpec"]["synchronization"]
    if release == "3.5":
        assert spec["schedule"] == "30 2 * * *"
        assert "schedules" not in spec
        assert lock == {"mutex": {"name": "shop"}}
    else:
        assert spec["schedules"] == ["30 2 * * *"]
        assert "schedule" not in spec
        assert lock == {"mutexes": [{"name": "shop"}]}


@pytest.mark.parametrize("release", ["3.5", "4.0"])
def test_the_lock_of_a_run_that_an_event_starts_is_written_for_the_release_too(release: str) -> None:
    plan = planned(f'namespace: ci, argo_workflows: "{release}"')
    (dependency,) = (each for sensor in plan.sensors for each in sensor.dependencies if each.program)
    assert set(dependency.pipelines) == {"shop", "cart"}
    assert dependency.program is not None
    push = {"headers": {"X-Github-Event": ["push"]}, "body": github_push()}
    decision = dependency.program.decide(BusEvent("", "", push).text())
    workflow = dependency.creates.of({"id": "1", "time": "2026-11-24T02:30:00Z"}, {"hookline": decision})
    lock = {"mutex": {"name": "shop"}} if release == "3.5" else {"mutexes": [{"name": "shop"}]}
    assert workflow["spec"]["synchronization"] == lock


def test_on_ack_one_a_release_that_is_not_said_is_warned_of() -> None:
    (warning,) = planned("platform: ack-one").warnings
    assert "argo_workflows" in warning.message
    assert planned('platform: ack-one, argo_workflows: "3.7"').warnings == ()
    assert planned("schedules: cron_workflow").warnings == ()
