"""From a push to the image in the registry, on real pods: everything between is what a cluster has."""

import datetime
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cluster.api import Json
from node.forge import MODULES
from node.installation import NAMESPACE, Project
from node.measuring import Counts, Exporter
from node.places import FOLDER
from node.world import World

FAILING = 'package main\n\nimport "testing"\n\nfunc TestNo(t *testing.T) { t.Fatal("no greeting today") }\n'
SLOW = """package main

import (
	"testing"
	"time"
)

func TestTakesItsTime(t *testing.T) { time.Sleep(20 * time.Second) }
"""
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
    """Of the whole run: of its first node, which has the Workflow's own name."""
    whole = run["status"]["nodes"][run["metadata"]["name"]]
    return {each["name"]: each["value"] for each in whole["outputs"]["parameters"]}


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
        "push", "cold", "cold_missing", {"go_module": (0, 5), "image_layer": (0, 7), "git_checkout": (0, 1)}
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
    # Whether tests are cached at all is known from the first hit on; the request of the run before is counted then, too.
    warm = counts(
        "push",
        "full",
        "partial",
        {"go_module": (5, 5), "image_layer": (3, 7), "git_checkout": (1, 1), "go_test": (1, 2)},
    )
    with exporter.counting("shop", warm):
        commit = shop.push({"stamp.txt": "2\n"})
        run = succeeded(world, world.hookline.until_started("shop", 2))
        world.say("the second run has ended")
        check_image(world, run, "acme/shop", commit, {f"v1.0.0-{commit[:12]}", "latest"})
        assert world.forge.registry.content("acme/shop", "latest", "stamp.txt") == "2\n"


def attempts(event: str, outcome: str, *ended: tuple[str, str]) -> Counts:
    """Of one run: its outcome, and the outcome of each attempt."""
    return Counter([("runs", event, outcome), *(("attempts", *each) for each in ended)])


def test_a_request_with_a_red_test_fails_and_one_with_a_green_test_succeeds_and_neither_pushes(
    world: World, shop: Project, exporter: Exporter
) -> None:
    before = len(world.hookline.workflows("shop"))
    tags = world.forge.registry.tags("acme/shop")
    shop.clone.branch("topic")
    commit = shop.push({"main_test.go": FAILING}, "topic")
    red = attempts("pull_request", "failure", ("git-checkout-pr", "success"), ("run-test", "failure"))
    with exporter.counting("shop", red, ("runs", "attempts")):
        shop.request("topic")
        run = world.hookline.until_ended(world.hookline.until_started("shop", before + 1))
        assert run["status"]["phase"] == "Failed"
        assert "no greeting today" in world.hookline.logs(run["metadata"]["name"])
    assert world.forge.registry.tags("acme/shop") == tags
    green = attempts("pull_request", "success", *((step, "success") for step in STEPS))
    with exporter.counting("shop", green, ("runs", "attempts")):
        commit = shop.push({"main_test.go": shop.files["main_test.go"]}, "topic")
        run = succeeded(world, world.hookline.until_started("shop", before + 2))
        assert outputs(run)["commit"] == commit
    # Built, and not pushed: nobody has merged it.
    assert outputs(run)["digest"] == ""
    assert world.forge.registry.tags("acme/shop") == tags


def test_a_tag_is_built_although_a_pod_is_deleted_in_the_middle(
    world: World, shop: Project, exporter: Exporter
) -> None:
    before = len(world.hookline.workflows("shop"))
    shop.clone.branch("release")
    commit = shop.clone.commit(files={"slow_test.go": SLOW})
    retried = attempts("tag", "success", ("run-test", "error"), *((step, "success") for step in STEPS))
    with exporter.counting("shop", retried, ("runs", "attempts")):
        shop.clone.push("HEAD:refs/tags/v2.0.0")
        name = world.hookline.until_started("shop", before + 1)
        pod = world.hookline.until_step(name, "run-test", main_runs)
        world.hookline.shell(
            f"kubectl -n {NAMESPACE} delete pod {pod['metadata']['name']} --grace-period=0 --force"
        )
        run = succeeded(world, name)
        check_image(world, run, "acme/shop", commit, {f"v2.0.0-{commit[:12]}", "v2.0.0"})


def main_runs(pod: Json) -> bool:
    """Whether the step itself has started, not only what Argo puts around it."""
    states = pod["status"].get("containerStatuses", [])
    return any(each["name"] == "main" and "running" in each["state"] for each in states)


def test_a_schedule_that_is_added_while_events_flow_starts_a_build_of_the_newest_commit(
    world: World, shop: Project, exporter: Exporter
) -> None:
    before = len(world.hookline.workflows("shop"))
    commit = shop.clone.git("ls-remote", "origin", "refs/heads/main").split()[0]
    due = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=2)
    file = world.hookline.folder / "hookline.yaml"
    events = "      pull_request: {into: [main]}\n"
    scheduled = f'{events}      schedule: {{at: "{due.minute} {due.hour} * * *"}}\n'
    file.write_text(file.read_text().replace(events, scheduled))
    with exporter.counting(
        "shop", attempts("schedule", "success", *((step, "success") for step in STEPS)), ("runs", "attempts")
    ):
        world.hookline.apply_rendered()
        run = succeeded(world, world.hookline.until_started("shop", before + 1))
        check_image(world, run, "acme/shop", commit, {f"v1.0.0-{commit[:12]}", "latest"})


def test_the_stock_template_builds_the_head_of_a_branch(world: World, exporter: Exporter) -> None:
    world.hookline.apply_template("ci-go-v1")
    trust_private_authority(world, "ci-go-v1")
    stock = Project(world.hookline, "stock")
    stock.add_webhooks()
    fixed = "RUN go mod download"  # its build argument names a proxy that is not reached from here
    dockerfile = (
        stock.files["Dockerfile"]
        .replace("ARG GOPROXY\n", "")
        .replace(fixed, f"ENV GOPROXY={MODULES}\n{fixed}")
    )
    with exporter.counting(
        "stock", attempts("push", "success", *((step, "success") for step in STEPS)), ("runs", "attempts")
    ):
        commit = stock.push({**stock.files, "Dockerfile": dockerfile})
        succeeded(world, world.hookline.until_started("stock"))
    registry = world.forge.registry
    short = stock.clone.git("rev-parse", "--short", commit)
    assert registry.tags("acme/stock") == {f"v1.0.0-{short}", "latest", "buildcache"}
    assert registry.content("acme/stock", "latest", "stamp.txt") == "1\n"


def trust_private_authority(world: World, template: str) -> None:
    """What the owner of a cluster does for a template that knows no private CA and no module proxy: set both for all of its pods."""
    public = Path("/etc/ssl/certs/ca-certificates.crt")
    bundle = public.read_text() + world.forge.authority.read_text()
    metadata = {"name": "trusted", "namespace": NAMESPACE}
    world.cluster.apply(
        [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {public.name: bundle}}]
    )
    main = {
        "name": "main",
        "volumeMounts": [{"name": "trusted", "mountPath": str(public), "subPath": public.name}],
        "env": [{"name": "GOPROXY", "value": MODULES}, {"name": "GONOSUMDB", "value": "*"}],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
    }
    pod = {"volumes": [{"name": "trusted", "configMap": {"name": "trusted"}}], "containers": [main]}
    patch = json.dumps({"spec": {"podSpecPatch": json.dumps(pod)}})
    world.cluster.run(
        "kubectl", "patch", "clusterworkflowtemplate", template, "--type=merge", f"--patch={patch}"
    )


def test_an_image_that_cannot_be_pulled_ends_the_run_at_the_deadline_of_its_step(
    world: World, shop: Project, exporter: Exporter
) -> None:
    before = len(world.hookline.workflows("shop"))
    template = yaml.safe_load(world.hookline.shell(world.hookline.template_command("hookline-ci-go")))
    steps, parameters = template["spec"]["templates"], template["spec"]["arguments"]["parameters"]
    checkout = next(each for each in steps if each["name"] == "git-checkout-pr")
    checkout["container"]["image"] = f"docker.io/hookline-test/gone@sha256:{'0' * 64}"
    next(each for each in parameters if each["name"] == "checkout_deadline")["value"] = "20"
    world.cluster.apply([template])
    ended = attempts("push", "timeout", ("git-checkout-pr", "timeout"))
    with exporter.counting("shop", ended, ("runs", "attempts")):
        shop.clone.branch("main")
        shop.push({"stamp.txt": "gone\n"})
        run = world.hookline.until_ended(world.hookline.until_started("shop", before + 1))
        assert run["status"]["phase"] == "Failed"
    world.hookline.apply_template("hookline-ci-go")
