"""What validate says of events that would never come, come twice, or stop coming."""

import re
import zoneinfo

import pytest
from support import DECLARATION, go_template, plan

from documents.diagnostics import InvalidInput
from events.eventsource import unreadable_abbreviations

SCHEDULED = """\
version: 1
cluster: {CLUSTER}
defaults: {run: {template: hookline-ci-go}}
pipelines:
  shop:
    repository: {name: acme/shop, url: https://git.example.com/acme/shop.git}
    image: registry.example.com/acme/shop
    events: {schedule: {at: "0 2 * * *", timezone: ZONE MISSED}}
"""
CANNOT = ["Asia/Kathmandu", "Asia/Colombo", "Asia/Kabul", "Asia/Tehran", "Asia/Yangon", "Pacific/Chatham", "Pacific/Marquesas", "Australia/Eucla", "Australia/Lord_Howe"]  # fmt: skip
CAN = ["UTC", "Asia/Shanghai", "Asia/Kolkata", "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Guam", "Asia/Makassar", "Australia/Adelaide", "America/St_Johns", "Pacific/Kiritimati"]  # fmt: skip


def scheduled(
    zone: str, missed: str = ", missed: {within: 3h}", cluster: str = "schedules: calendar"
) -> list[str]:
    text = SCHEDULED.replace("CLUSTER", cluster).replace("ZONE", zone).replace(" MISSED", missed)
    return [each.message for each in plan(text, go_template()).warnings]


@pytest.mark.parametrize("zone", CANNOT)
def test_a_zone_whose_caught_up_time_cannot_be_read_again_is_refused_with_the_way_out(zone: str) -> None:
    with pytest.raises(InvalidInput, match=r"cannot read that after a restart.*Leave missed: out, or write"):
        scheduled(zone)
    with pytest.raises(InvalidInput, match=r"cluster[.]schedules: cron_workflow"):
        scheduled(zone)
    assert scheduled(zone, "") == []
    assert scheduled(zone, cluster="schedules: cron_workflow") == []


@pytest.mark.parametrize("zone", CAN)
def test_a_zone_whose_caught_up_time_can_be_read_again_is_accepted(zone: str) -> None:
    assert scheduled(zone) == []


IMAGES = """\
version: 1
sources:
  hub:
    host: dockerhub
    endpoint: /hub-3b6f2c1d9e8a47560f1e2d3c4b5a6978
    unverified: {because: "a demonstration only", allowed_cidrs: [10.0.0.0/8]}
  gitea: {host: gitea, endpoint: /gitea, secret: {name: gitea-webhook, key: secret}}
defaults: {run: {template: ci-go-v1}}
pipelines:
  base:
    repository: {source: gitea, name: acme/base, url: https://git.example.com/acme/base.git}
    image: docker.io/base/go
    events: {push: {branches: [main]}}
  shop:
    repository: {name: acme/shop, url: https://git.example.com/acme/shop.git}
    image: registry.example.com/acme/shop
    events: {image_push: {source: hub, image: IMAGE}}
"""


def images(image: str) -> list[str]:
    found = plan(IMAGES.replace("IMAGE", image), go_template()).warnings
    return [each.message for each in found]


@pytest.mark.parametrize("image", ["library/golang", "golang", "Library/Golang"])
def test_an_official_image_of_docker_hub_is_warned_of(image: str) -> None:
    (warning,) = images(image)
    assert warning.startswith(
        f"{image} is an official image of Docker Hub: nobody else can set a webhook there"
    )


@pytest.mark.parametrize("image", ["acme/golang", "librarything/x"])
def test_an_image_of_somebody_s_own_is_not(image: str) -> None:
    assert images(image) == []


def test_an_image_that_another_pipeline_pushes_under_two_tags_is_warned_of() -> None:
    (warning,) = images("base/go")
    assert re.match(r'pipeline "base" pushes every image under two tags.*tags: \[latest\]', warning)
    assert images("base/go, tags: [latest]") == []
    with pytest.raises(InvalidInput, match="pushes this image itself"):
        plan(IMAGES.replace("IMAGE", "acme/shop").replace("registry.example.com", "docker.io"), go_template())


def test_the_zones_follow_from_how_they_are_abbreviated() -> None:
    """Read with Go 1.26's time.Parse for every zone of the database (2026): these, and other names of the same zones."""
    found = {zone for zone in zoneinfo.available_timezones() if unreadable_abbreviations(zone)}
    others = {"Asia/Katmandu", "Asia/Rangoon", "Australia/LHI", "Indian/Cocos", "Iran", "NZ-CHAT"}
    assert set(CANNOT) <= found <= set(CANNOT) | others


def test_a_sandbox_without_foreign_code_is_told() -> None:
    text = DECLARATION.replace("namespace: ci", "namespace: ci, sandbox: {namespace: ci-forks}")
    assert "cluster.sandbox" in {each.field for each in plan(text).warnings}
    forks = "pull_request: {forks: sandboxed, approved_by: {label: ok}}"
    used = text.replace("push: {branches: [main]}", forks).replace(
        "    image: registry.example.com/acme/shop\n", "    run: {template: hookline-ci-go}\n"
    )
    assert "cluster.sandbox" not in {each.field for each in plan(used, go_template()).warnings}


@pytest.mark.parametrize("key", ["version: 2.10.29", "replicas: 5"])
def test_a_setting_of_a_bus_that_is_not_printed_is_refused(key: str) -> None:
    text = DECLARATION.replace("namespace: ci", f"namespace: ci, event_bus: {{{key}, create: false}}")
    with pytest.raises(
        InvalidInput,
        match=f"with create: false hookline prints no EventBus, so that {key.partition(':')[0]}: has no effect",
    ):
        plan(text)
    plan(text.replace("create: false", "create: true"))


def test_a_git_host_that_only_schedules_name_is_not_used() -> None:
    text = DECLARATION.replace("push: {branches: [main]}", 'schedule: {at: "0 2 * * *"}')
    assert "sources.github" in {each.field for each in plan(text).warnings}
    with pytest.raises(InvalidInput, match="Harbor is a registry; expected a git host, or leave source: out"):
        plan(text.replace("source: github", "source: harbor"))
