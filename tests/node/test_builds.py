"""From pushes, tags, requests, schedules and base images to the images in the registry, on real pods: everything between is what a cluster has.

Builds wait for one another's locks, images and pods more than for a processor, so those that do not depend on each other are under way at once.
"""

import datetime
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cluster.api import Json
from cluster.waiting import until
from node.declaration import GONE, RUN_PAGE, schedule_added
from node.forge import MODULES, RUNTIME
from node.installation import NAMESPACE, Hookline, Project
from node.measuring import Counts, Exporter
from node.scraping import Prometheus
from node.world import World
from panel_queries import chosen

from dashboards.caches import rate_of

FAILING = 'package main\n\nimport "testing"\n\nfunc TestNo(t *testing.T) { t.Fatal("no greeting today") }\n'
SLOW = """package main

import (
	"testing"
	"time"
)

func TestTakesItsTime(t *testing.T) { time.Sleep(20 * time.Second) }
"""
STEPS = ("git-checkout-pr", "run-test", "build-push-image")
GREEN = tuple((step, "success") for step in STEPS)


@dataclass
class Pushed:
    """What was pushed, and what stood before."""

    commits: dict[str, str] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)
    """Of the exporter, by pipeline."""
    tags: set[str] = field(default_factory=set)
    """Of the shop's image."""


@pytest.fixture(scope="module")
def shop(world: World) -> Project:
    """A repository on the git host, empty, with the webhook that hookline says to set."""
    made = Project(world.hookline, "shop")
    made.add_webhooks()
    return made


@pytest.fixture(scope="module")
def first(
    world: World, shop: Project, exporter: Exporter, prometheus: Prometheus, legacy: Hookline
) -> Pushed:
    """The first push of two repositories: of one that hookline-ci-go builds, and of one for the stock template.

    Prometheus scrapes from before the runs on, so that it sees their counters at 0. The installation of the last version starts beside them.
    """
    assert legacy.folder.is_dir()
    assert prometheus.ask("hookline_leader")
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
    made = Pushed(counts={name: exporter.counts(name) for name in ("shop", "stock")})
    made.commits["shop"] = shop.push(shop.files)
    made.commits["stock"] = stock.push({**stock.files, "Dockerfile": dockerfile})
    return made


@pytest.fixture(scope="module")
def together(world: World, shop: Project, exporter: Exporter) -> Pushed:
    """A tag, two requests, a new base image, a push whose template has no image, and a schedule that is added while these events flow.

    While their runs end, the exporter is rolled out anew.
    """
    hookline, registry = world.hookline, world.forge.registry
    made = Pushed(
        counts={name: exporter.counts(name) for name in ("shop", "gone")}, tags=registry.tags("acme/shop")
    )
    made.commits["schedule"] = shop.clone.git("ls-remote", "origin", "refs/heads/main").split()[0]
    due = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=2)
    hookline.write(
        schedule_added((hookline.folder / "hookline.yaml").read_text(), f"{due.minute} {due.hour} * * *")
    )
    with hookline.started("hookline apply"):
        shop.clone.branch("release")
        made.commits["tag"] = shop.clone.commit(files={"slow_test.go": SLOW})
        shop.clone.push("HEAD:refs/tags/v2.0.0")
        for name, files in (("red", {"main_test.go": FAILING}), ("green", {"stamp.txt": "green\n"})):
            shop.clone.branch(name)
            made.commits[name] = shop.push(files, name)
            shop.request(name)
        shop.clone.branch(GONE)
        made.commits[GONE] = shop.push({"stamp.txt": "gone\n"}, GONE)
        world.forge.push_runtime("2")
        tagged = hookline.until_run("shop", "tag")
        pod = hookline.until_step(tagged, "run-test", main_runs)
        hookline.shell(
            f"kubectl -n {NAMESPACE} delete pod {pod['metadata']['name']} --grace-period=0 --force"
        )
    world.say("the changed declaration was applied, and a pod deleted")
    hookline.until_ended(hookline.until_run("shop", "pull_request", made.commits["red"]))
    exporter.restart()
    world.say("the exporter was rolled out anew")
    return made


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


COLD = counts(
    "push", "cold", "cold_missing", {"go_module": (0, 5), "image_layer": (0, 7), "git_checkout": (0, 1)}
)
"""Of the first run of a repository."""
# Whether tests are cached at all is known from the first hit on; the request of the run before is counted then, too.
WARM = counts(
    "push",
    "full",
    "partial",
    {"go_module": (5, 5), "image_layer": (3, 7), "git_checkout": (1, 1), "go_test": (1, 2)},
)
"""Of the second run, of a commit that changed one file."""


def check_image(
    world: World, run: Json, image: str, commit: str, tags: set[str], *, newest: bool = True
) -> None:
    """The registry holds what the run says that it pushed, and it was built of the commit.

    Args:
        world: With the registry.
        run: Its Workflow.
        image: Without the registry.
        commit: All its digits.
        tags: Under which it was pushed.
        newest: Whether they are still those of this run; other runs of the commit push under the same.
    """
    registry, said = world.forge.registry, outputs(run)
    assert said["commit"] == commit
    assert set(said["tags"].split()) == tags
    if newest:
        assert {registry.manifest(image, tag)[1] for tag in tags} == {said["digest"]}
    config = registry.config(image, said["digest"])["config"]
    assert config["Labels"]["org.opencontainers.image.revision"] == commit
    assert config["Entrypoint"] == ["/shop"]


def test_a_push_becomes_an_image_and_the_next_one_finds_the_caches_warm(
    world: World, shop: Project, first: Pushed, exporter: Exporter, prometheus: Prometheus
) -> None:
    commit = first.commits["shop"]
    run = succeeded(world, world.hookline.until_run("shop", "push", commit))
    world.say("the first run has ended")
    check_image(world, run, "acme/shop", commit, {f"v1.0.0-{commit[:12]}", "latest"})
    assert world.forge.registry.tags("acme/shop") >= {"buildcache"}
    assert world.forge.registry.content("acme/shop", "latest", "stamp.txt") == "1\n"
    exporter.until_counted("shop", first.counts["shop"], COLD)
    with exporter.counting("shop", WARM):
        commit = shop.push({"stamp.txt": "2\n"})
        run = succeeded(world, world.hookline.until_run("shop", "push", commit))
        world.say(f"the second run has ended, after {seconds(run):.0f} s")
        check_image(world, run, "acme/shop", commit, {f"v1.0.0-{commit[:12]}", "latest"})
        assert world.forge.registry.content("acme/shop", "latest", "stamp.txt") == "2\n"
    # Prometheus has both runs; the panels' growth of cache counters begins with the second one (docs/exporter.md).
    prometheus.until('hookline_runs_total{pipeline="shop",event="push",outcome="success"}', 2)
    for cache, (hits, requests) in {
        "image_layer": (3, 7),
        "go_module": (5, 5),
        "git_checkout": (1, 1),
    }.items():
        rate = chosen(rate_of(cache), {"$__rate_interval": "1h"}, pipeline="shop")
        # Prometheus extrapolates each of the two by its own scrapes.
        prometheus.until(rate, pytest.approx(hits / requests, rel=0.05))


def test_in_one_pod_the_same_steps_come_to_the_same(world: World, exporter: Exporter) -> None:
    """Images, outputs and what the exporter counts; of pods there is one a run. A red test keeps its outputs, and stops the build."""
    fast = Project(world.hookline, "fast")
    fast.add_webhooks()
    for number, expected in enumerate((COLD, WARM), 1):
        with exporter.counting("fast", expected):
            commit = fast.push({**(fast.files if number == 1 else {}), "stamp.txt": f"{number}\n"})
            name = world.hookline.until_run("fast", "push", commit)
            run = succeeded(world, name)
            world.say(f"run {number} in one pod has ended, after {seconds(run):.0f} s")
            check_image(world, run, "acme/fast", commit, {f"v1.0.0-{commit[:12]}", "latest"})
            assert world.forge.registry.content("acme/fast", "latest", "stamp.txt") == f"{number}\n"
            assert len(pods(world, name)) == 1
    red = attempts("push", "failure", ("git-checkout-pr", "success"), ("run-test", "failure"))
    with exporter.counting("fast", red, words=("runs", "attempts")):
        commit = fast.push({"main_test.go": FAILING})
        name = world.hookline.until_run("fast", "push", commit)
        run = world.hookline.until_ended(name)
        assert run["status"]["phase"] == "Failed"
        assert "TestNo" in outputs(run)["failing-tests"]
        assert len(pods(world, name)) == 1


def seconds(run: Json) -> float:
    """From the creation of a Workflow to its end."""
    begin, end = (
        datetime.datetime.fromisoformat(each)
        for each in (run["metadata"]["creationTimestamp"], run["status"]["finishedAt"])
    )
    return (end - begin).total_seconds()


def pods(world: World, workflow: str) -> list[Json]:
    """Of a Workflow."""
    return world.cluster.api.list("v1", "Pod", NAMESPACE, f"workflows.argoproj.io/workflow={workflow}")


def attempts(event: str, outcome: str, *ended: tuple[str, str]) -> Counts:
    """Of one run: its outcome, and the outcome of each attempt."""
    return Counter([("runs", event, outcome), *(("attempts", *each) for each in ended)])


def test_the_stock_template_builds_the_head_of_a_branch(
    world: World, first: Pushed, exporter: Exporter
) -> None:
    commit = first.commits["stock"]
    succeeded(world, world.hookline.until_run("stock", "push", commit))
    registry = world.forge.registry
    (tag,) = registry.tags("acme/stock") - {"latest", "buildcache"}
    prefix, _, short = tag.rpartition("-")
    assert prefix == "v1.0.0"
    assert commit.startswith(short)
    assert registry.manifest("acme/stock", tag) == registry.manifest("acme/stock", "latest")
    assert registry.content("acme/stock", "latest", "stamp.txt") == "1\n"
    exporter.until_counted(
        "stock", first.counts["stock"], attempts("push", "success", *GREEN), ("runs", "attempts")
    )


def test_a_tag_is_built_although_a_pod_is_deleted_in_the_middle(world: World, together: Pushed) -> None:
    commit = together.commits["tag"]
    run = succeeded(world, world.hookline.until_run("shop", "tag", commit))
    check_image(world, run, "acme/shop", commit, {f"v2.0.0-{commit[:12]}", "v2.0.0"})


def test_a_request_with_a_red_test_fails_and_one_with_a_green_test_succeeds_and_neither_pushes(
    world: World, together: Pushed
) -> None:
    hookline = world.hookline
    run = hookline.until_ended(hookline.until_run("shop", "pull_request", together.commits["red"]))
    assert run["status"]["phase"] == "Failed"
    assert "no greeting today" in hookline.logs(run["metadata"]["name"])
    run = succeeded(world, hookline.until_run("shop", "pull_request", together.commits["green"]))
    assert outputs(run)["commit"] == together.commits["green"]
    # Built, and not pushed: nobody has merged it.
    assert outputs(run)["digest"] == ""
    new = world.forge.registry.tags("acme/shop") - together.tags
    assert not [tag for tag in new if together.commits["green"][:12] in tag]


@pytest.mark.parametrize(
    ("request_", "state", "said"),
    [("red", "failure", r"failed in run-test after .+: TestNo"), ("green", "success", "passed after .+")],
)
def test_a_request_shows_at_the_git_host_how_its_run_ended(
    world: World, together: Pushed, request_: str, state: str, said: str
) -> None:
    commit = together.commits[request_]
    run = world.hookline.until_ended(world.hookline.until_run("shop", "pull_request", commit))
    gitea = world.forge.gitea

    def final() -> tuple[str, str, str] | None:
        found = gitea.statuses("acme/shop", commit).get("hookline/shop")
        return found if found and found[0] != "pending" else None

    shown = until(final, f"Gitea shows how {run['metadata']['name']} ended", 60, 0.5)
    assert shown[0] == state
    assert re.fullmatch(said, shown[1]), shown
    assert shown[2] == RUN_PAGE.format(namespace=NAMESPACE, workflow=run["metadata"]["name"])
    (opened,) = (
        each
        for each in gitea.api("administrator", "GET", "repos/acme/shop/pulls?state=open")
        if each["head"]["ref"] == request_
    )
    assert opened["head"]["sha"] == commit


def test_a_pushed_base_image_starts_a_build_that_stands_on_it(world: World, together: Pushed) -> None:
    run = succeeded(world, world.hookline.until_run("shop", "image_push"))
    commit = together.commits["schedule"]
    check_image(world, run, "acme/shop", commit, {f"v1.0.0-{commit[:12]}", "latest"}, newest=False)
    registry, digest = world.forge.registry, outputs(run)["digest"]
    assert registry.content("acme/shop", digest, "runtime-version") == "2"
    base, _ = registry.manifest(RUNTIME, "1")
    built, _ = registry.manifest("acme/shop", digest)
    # BuildKit compresses the layer; its content has one digest all the same.
    assert registry.config("acme/shop", digest)["rootfs"]["diff_ids"][0] == base["layers"][0]["digest"]
    assert len(built["layers"]) == len(base["layers"]) + 2


def test_a_schedule_that_is_added_while_events_flow_starts_a_build_of_the_newest_commit(
    world: World, together: Pushed
) -> None:
    run = succeeded(world, world.hookline.until_run("shop", "schedule"))
    commit = together.commits["schedule"]
    check_image(world, run, "acme/shop", commit, {f"v1.0.0-{commit[:12]}", "latest"}, newest=False)


def test_an_image_that_cannot_be_pulled_ends_the_run_at_the_deadline_of_its_step(
    world: World, together: Pushed, exporter: Exporter
) -> None:
    run = world.hookline.until_ended(world.hookline.until_run(GONE, "push", together.commits[GONE]))
    assert run["status"]["phase"] == "Failed"
    ended = attempts("push", "timeout", ("git-checkout-pr", "timeout"))
    exporter.until_counted(GONE, together.counts[GONE], ended, ("runs", "attempts"))


def test_each_event_has_one_run_and_each_run_is_counted_once_although_the_exporter_was_rolled_out(
    world: World, together: Pushed, exporter: Exporter
) -> None:
    ended = [
        attempts("pull_request", "failure", ("git-checkout-pr", "success"), ("run-test", "failure")),
        attempts("tag", "success", ("run-test", "error"), *GREEN),
        *(attempts(kind, "success", *GREEN) for kind in ("pull_request", "image_push", "schedule")),
    ]
    expected: Counts = sum(ended, Counter())
    exporter.until_counted("shop", together.counts["shop"], expected, ("runs", "attempts", "lost"))


def main_runs(pod: Json) -> bool:
    """Whether the step itself has started, not only what Argo puts around it."""
    states = pod["status"].get("containerStatuses", [])
    return any(each["name"] == "main" and "running" in each["state"] for each in states)


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
