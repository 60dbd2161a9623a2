"""A real registry: one image, one Workflow, however many blobs and architectures it has."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.installation import TOKEN, Installation
from cluster.registry import Registry
from cluster.waiting import until

DECLARATION = """\
version: 1
cluster: {namespace: ci, event_bus: {replicas: 1}}
sources:
  registry: {host: distribution, endpoint: /registry, secret: {name: hooks, key: registry}}
pipelines:
  shop:
    repository: {name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    events: {image_push: {source: registry, image: team/base, tags: ["1.*"], branch: main}}
"""


@pytest.fixture
def registry(site: Installation, tmp_path: Path) -> Iterator[Registry]:
    site.install(DECLARATION)
    pod = site.pods("EventSource/hookline-webhooks")[0]
    running = Registry(tmp_path, f"http://{pod.address.ip}:12001/registry", TOKEN)
    yield running
    running.stop()


def test_an_image_of_one_architecture_is_one_workflow(site: Installation, registry: Registry) -> None:
    pushed = registry.push("team/base", "1.26", b"a layer")
    found = site.until_workflows(1)[0]
    assert found["metadata"]["annotations"]["hookline.dev/ref"] == "team/base:1.26"
    assert pushed["digest"].startswith("sha256:")
    # The registry told of two blobs and a manifest, one event each.
    assert site.bus.stream().state.messages == 3


def test_an_image_of_two_architectures_is_one_workflow(site: Installation, registry: Registry) -> None:
    registry.push_index("team/base", "1.27", ["amd64", "arm64"])
    found = site.until_workflows(1)[0]
    assert found["metadata"]["annotations"]["hookline.dev/ref"] == "team/base:1.27"
    assert site.bus.stream().state.messages > 3


def test_what_the_pipeline_pushes_itself_starts_nothing(site: Installation, registry: Registry) -> None:
    registry.push("acme/shop", "v1.0.0-abc1234", b"the output")
    registry.push("acme/shop", "latest", b"the output")
    until(lambda: site.bus.stream().state.messages >= 4, "the registry has told of the push")
    site.bus.until_settled(site.consumers)
    assert site.workflows() == []
