"""Schedules, by the real clock: a calendar fires, catches up and honours an exclusion; a CronWorkflow is run, as it was said before."""

import base64
import datetime
import json
from typing import Any

import pytest
from cluster.installation import API, Installation, masked
from cluster.waiting import until

from events.delivery import BusEvent
from hookline.answers.incoming import EventOptions, incoming
from runs.objects import workflow_of

CALENDAR = """\
version: 1
cluster: {{namespace: ci, schedules: calendar, event_bus: {{replicas: 1}}}}
pipelines:
  every-minute:
    repository: {{name: acme/shop, url: "https://github.com/acme/shop.git"}}
    image: registry.example.com/acme/shop
    events: {{schedule: {{at: "* * * * *", timezone: Asia/Shanghai, branch: main, missed: {{within: 1h}}}}}}
  not-today:
    repository: {{name: acme/cart, url: "https://github.com/acme/cart.git"}}
    image: registry.example.com/acme/cart
    events: {{schedule: {{at: "* * * * *", timezone: Asia/Shanghai, branch: main, except: [{today}, {tomorrow}]}}}}
"""

CRON_WORKFLOW = """\
version: 1
cluster: {namespace: ci, platform: ack-one, argo_workflows: "RELEASE", event_bus: {create: false}}
pipelines:
  every-minute:
    repository: {name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    events: {schedule: {at: "* * * * *", timezone: Asia/Shanghai, branch: main}}
"""


def started(site: Installation, pipeline: str) -> list[Any]:
    return [
        each for each in site.workflows() if each["metadata"]["labels"]["hookline.dev/pipeline"] == pipeline
    ]


def last_event(site: Installation) -> BusEvent:
    message = site.bus.message(site.bus.stream().state.last_seq)
    data = json.loads(base64.b64decode(message["data_base64"]))
    return BusEvent(
        message["source"], message["subject"], data, {"id": message["id"], "time": message["time"]}
    )


def minute() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(second=0, microsecond=0)


def test_a_calendar_fires_catches_up_after_downtime_and_honours_an_exclusion(site: Installation) -> None:
    today = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8))).date()
    site.install(CALENDAR.format(today=today, tomorrow=today + datetime.timedelta(days=1)))

    until(lambda: started(site, "every-minute"), "the calendar has fired")
    event = last_event(site)
    expected = [each.workflow for each in site.simulated(event).results if each.workflow]

    def created() -> Any:
        name = expected[0]["metadata"]["name"]
        return next(
            (each for each in started(site, "every-minute") if each["metadata"]["name"] == name), None
        )

    assert masked(until(created, "the event has started its Workflow")) == masked(expected[0])

    (pod,) = site.pods("EventSource/hookline-calendar")
    pod.running.kill()
    site.bus.until_settled(site.consumers)
    fired, stopped, seen = len(started(site, "every-minute")), minute(), site.bus.stream().state.messages
    # At least one whole minute goes by while nothing fires, and the next one has just begun.
    until(lambda: minute() >= stopped + datetime.timedelta(minutes=2), "a minute was missed", pause=0.2)
    assert site.bus.stream().state.messages == seen
    pod.start()
    until(lambda: site.bus.stream().state.messages >= seen + 2, "both missed fires were made up for")
    site.bus.until_settled(site.consumers)
    # They come in the same minute, so that they are one run, however many they are.
    assert len(started(site, "every-minute")) == fired + 1
    assert started(site, "not-today") == []


@pytest.mark.usefixtures("node")
def test_the_workflow_controller_runs_the_cron_workflow_of_ack_one(
    site: Installation, workflows: str
) -> None:
    site.apply(CRON_WORKFLOW.replace("RELEASE", "3.7" if workflows == "argo-workflows" else "4.0"))
    assert site.pods() == []
    (found,) = until(lambda: started(site, "every-minute"), "the CronWorkflow has started a Workflow")[:1]
    assert found["metadata"]["labels"]["hookline.dev/event-kind"] == "schedule"
    assert found["spec"]["workflowTemplateRef"] == {"name": "ci-go-v1", "clusterScope": True}
    cron = site.api.get(
        API,
        "CronWorkflow",
        found["metadata"]["labels"]["workflows.argoproj.io/cron-workflow"],
        site.namespace,
    )
    assert {each["name"]: each["value"] for each in found["spec"]["arguments"]["parameters"]} == {
        each["name"]: each["value"] for each in cron["spec"]["workflowSpec"]["arguments"]["parameters"]
    }


CHOSEN = """\
version: 1
cluster: {namespace: ci, argo_workflows: "RELEASE", event_bus: {create: false}}
pipelines:
  every-minute:
    repository: {name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    owner: team-shop
    events: {schedule: {at: "* * * * *", timezone: Asia/Kathmandu, branch: main, missed: {within: 1h}}}
"""


@pytest.mark.usefixtures("node")
def test_a_run_of_a_cron_workflow_is_what_simulate_says(site: Installation, workflows: str) -> None:
    site.apply(CHOSEN.replace("RELEASE", "3.7" if workflows == "argo-workflows" else "4.0"))
    found = until(lambda: started(site, "every-minute"), "the CronWorkflow has started a Workflow")[0]
    fired = found["metadata"]["annotations"]["workflows.argoproj.io/scheduled-time"]
    minute = datetime.datetime.fromisoformat(fired)
    event = incoming(site.plan, "schedule:every-minute", None, EventOptions(now=minute))
    (result,) = site.simulated(event).results
    expected = masked(result.workflow or {})
    (owner,) = found["metadata"].pop("ownerReferences")
    assert masked(found) == expected
    assert owner["kind"] == "CronWorkflow"
    record = workflow_of(found, frozenset())
    assert record is not None
    assert (record.event, record.fire_time) == ("schedule", minute.timestamp())
