"""From a push to the image in the registry, on real pods: everything between is what a cluster has."""

from collections import Counter
from collections.abc import Iterator

import pytest
from cluster.api import Json
from node.installation import Project
from node.measuring import Counts, Exporter
from node.places import FOLDER
from node.world import World

STEPS = ("git-checkout-pr", "run-test", "build-push-image")


@pytest.fixture(scope="module")
def shop(world: World) -> Project:
    """A repository on the git host, empty, with the webhook that hookline says to set."""
    made = Project(world.hookline, "shop")
    made.add_webhooks()
    return made


@pytest.fixture(scope="module")
def exporter(world: World) -> Iterator[Exporter]:
    made = Exporter(world.hookline, FOLDER / "exporter")
    yield made
    made.stop()


def succeeded(world: World, name: str) -> Json:
    """A Workflow that has ended well; else what its steps said."""
    run = world.hookline.until_ended(name)
    assert run["status"]["phase"] == "Succeeded", (
        f"{run['status'].get('message')}\n{world.hookline.logs(name)}"
    )
    return run


def outputs(run: Json) -> dict[str, str]:
    return {each["name"]: each["value"] for each in run["status"]["outputs"]["parameters"]}


def counts(event: str, modules: str, image: str, caches: dict[str, tuple[int, int]]) -> Counts:
    """Of one successful run: hits and requests of each cache."""
    found: Counts = Counter({("runs", event, "success"): 1, ("modules", modules): 1, ("images", image): 1})
    found.update({("attempts", step, "success"): 1 for step in STEPS})
    for cache, (hits, requests) in caches.items():
        found["hits", cache] = hits
        found["requests", cache] = requests
    return +found


def check_image(world: World, run: Json, image: str, commit: str, tags: set[str]) -> None:
    """The registry holds what the run says that it pushed, and it was built of the commit."""
    registry, said = world.forge.registry, outputs(run)
    assert said["commit"] == commit
    assert set(said["tags"].split()) == tags
    for tag in tags:
        assert registry.manifest(image, tag)[1] == said["digest"]
    config = registry.config(image, said["digest"])["config"]
    assert config["Labels"]["org.opencontainers.image.revision"] == commit
    assert config["Entrypoint"] == ["/shop"]


def test_a_push_becomes_an_image_and_the_next_one_finds_the_caches_warm(
    world: World, shop: Project, exporter: Exporter
) -> None:
    cold = counts(
        "push",
        "missed",
        "cold_missing",
        {"go_module": (0, 6), "image_layer": (0, 6), "git_checkout": (0, 1), "go_test": (0, 1)},
    )
    with exporter.counting("shop", cold):
        commit = shop.push(shop.files)
        name = world.hookline.until_started("shop")
        world.say("the first Workflow exists")
        run = succeeded(world, name)
        world.say("the first run has ended")
        check_image(world, run, "acme/shop", commit, {f"v1.0.0-{commit[:12]}", "latest"})
        assert world.forge.registry.tags("acme/shop") >= {"buildcache"}
        assert world.forge.registry.content("acme/shop", "latest", "stamp.txt") == "1\n"
    warm = counts(
        "push",
        "full",
        "partial",
        {"go_module": (6, 6), "image_layer": (2, 6), "git_checkout": (1, 1), "go_test": (1, 1)},
    )
    with exporter.counting("shop", warm):
        commit = shop.push({"stamp.txt": "2\n"})
        run = succeeded(world, world.hookline.until_started("shop", 2))
        world.say("the second run has ended")
        check_image(world, run, "acme/shop", commit, {f"v1.0.0-{commit[:12]}", "latest"})
        assert world.forge.registry.content("acme/shop", "latest", "stamp.txt") == "2\n"
