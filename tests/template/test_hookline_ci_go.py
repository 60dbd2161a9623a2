"""Promises of hookline-ci-go, each asked of real steps."""

import base64
import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from template.pods import Run
from template.repositories import FILES
from template.scenarios import together
from template.servers import PASSWORD, USER, MixedUploads, SshHost
from template.world import Site, World

from runs.step_logs import StepLog, read_step

RECORDS = Path(__file__).parents[1] / "data/logs/hookline-ci-go"
SERVICE_SUMS = (Path(__file__).parent / "modules/service/go.sum").read_text("utf-8").splitlines()
NEW_MODULE = "github.com/cespare/xxhash/v2"
FAILING = 'package main\n\nimport "testing"\n\nfunc TestNo(t *testing.T) { t.Fatal("no & <no>") }\n'


def read(run: Run, step: str) -> StepLog:
    """What the exporter reads in a step."""
    ended = run.steps[step]
    needed = ended.outputs.get("go-modules-needed", "")
    found = read_step(
        step,
        ended.log.encode(),
        ended.exit_code,
        cache_metrics=ended.outputs.get("image-cache-metrics"),
        modules_needed=int(needed) if needed else None,
    )
    assert found is not None
    assert found.completeness == "complete"
    return found


IN_EITHER = pytest.mark.parametrize("site", [True, False], ids=["one-pod", "three-pods"], indirect=True)
"""Of a test that holds for steps in one pod, too. Three pods come last: their logs are what HOOKLINE_RECORD keeps."""


def numbers(run: Run) -> tuple[str, str, int, Mapping[str, int], str, int, int]:
    """Checkout, module cache, downloads, results of packages, image cache, hits and steps."""
    checkout, test, build = (
        read(run, "git-checkout-pr").checkout,
        read(run, "run-test").go_test,
        read(run, "build-push-image").image_build,
    )
    assert checkout is not None
    assert test is not None
    assert build is not None
    assert run.output("run-test", "go-modules-downloaded") == str(test.downloaded)
    return (
        checkout.state,
        test.cache_state,
        test.downloaded,
        test.packages,
        build.cache_state,
        build.hits,
        build.steps,
    )


def kept(title: str, run: Run, *found: object) -> None:
    """With HOOKLINE_RECORD, what a run printed and put out becomes data of the fast tests, with what it was found to be."""
    if not os.environ.get("HOOKLINE_RECORD"):
        return
    folder = RECORDS / title
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for step in run.steps.values():
        (folder / f"{step.name}.log").write_text(step.log, "utf-8")
    facts = {
        "exit_codes": {step.name: step.exit_code for step in run.steps.values()},
        "outputs": {step.name: dict(step.outputs) for step in run.steps.values()},
        "expected": found,
    }
    (folder / "run.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


@IN_EITHER
def test_each_cache_says_exactly_what_it_did(site: Site) -> None:
    """Cold, warm, source changed, go.mod changed: by outputs, and by what the exporter reads in the logs."""
    repository = site.repository
    cold = site.run()
    assert numbers(cold) == ("clone", "cold", 5, {"ran": 1}, "cold_missing", 0, 6), cold.log
    kept("1-cold", cold, *numbers(cold))
    warm = site.run()
    assert numbers(warm) == ("noop", "full", 0, {"cached": 1}, "full", 6, 6), warm.log
    kept("2-warm", warm, *numbers(warm))
    assert warm.output("build-push-image", "digest") == cold.output("build-push-image", "digest")
    repository.commit({"main.go": FILES["main.go"].replace("a greeting", "another greeting")})
    changed = site.run()
    assert numbers(changed) == ("update", "full", 0, {"ran": 1}, "partial", 3, 6), changed.log
    kept("3-source-changed", changed, *numbers(changed))
    sums = [line for line in SERVICE_SUMS if line.startswith(NEW_MODULE + " ")]
    version = sums[0].split()[1]
    repository.commit(
        {
            "go.mod": f"{repository.git('show', 'main:go.mod')}\nrequire {NEW_MODULE} {version}\n",
            "go.sum": "\n".join(sorted([*repository.git("show", "main:go.sum").splitlines(), *sums])) + "\n",
            "other.go": f'package main\n\nimport "{NEW_MODULE}"\n\nvar Other = xxhash.Sum64String("x")\n',
        }
    )
    modules = site.run()
    assert numbers(modules) == ("update", "partial", 1, {"ran": 1}, "partial", 1, 6), modules.log
    kept("4-go-mod-changed", modules, *numbers(modules))
    assert modules.output("run-test", "go-modules-needed") == "6"


def test_a_test_that_reads_a_file_is_cached_until_the_file_changes(site: Site) -> None:
    site.warm().run()
    site.repository.commit({})
    assert "(cached)" in site.run().steps["run-test"].log
    site.repository.commit({"testdata/text.txt": "A text\n"})  # as long as before
    assert "(cached)" not in site.run().steps["run-test"].log


@IN_EITHER
def test_what_cache_mounts_hold_is_there_again_in_the_next_run(site: Site) -> None:
    """BuildKit's daemon and all that it has end with each pod."""
    base = site.repository.git("show", "main:Dockerfile")
    mounted = "RUN --mount=target=/kept,type=cache --mount=type=cache,id=other,target=/o,sharing=locked cat stamp.txt"
    dockerfile = base.replace("RUN cat stamp.txt", mounted).replace(
        "> /program", ">> /kept/all && cat stamp.txt > /o/last && cat /kept/all /o/last > /program"
    )
    first, second, third = (
        site.repository.commit({"Dockerfile": dockerfile}),
        site.repository.commit({}),
        site.repository.commit({}),
    )
    one, two, three = (site.repository.stamp(commit) for commit in (first, second, third))
    assert site.built(site.build(revision=first)) == f"{one}\n{one}"
    assert site.built(site.build(revision=second)) == f"{one}\n{two}\n{two}"
    # Written once a day at most.
    assert site.built(site.build(revision=third)) == f"{one}\n{three}\n{three}"
    again = site.build(revision=third)
    assert read(again, "build-push-image").image_build.cache_state == "full"  # type: ignore[union-attr]
    kept = site.namespace.volume / "hookline/image" / site.key / "mounts.tar"
    os.utime(kept, (0, 0))
    next_day = site.repository.commit({})
    assert site.built(site.build(revision=next_day)).startswith(f"{one}\n{site.repository.stamp(next_day)}\n")
    assert kept.stat().st_mtime > 0


@IN_EITHER
def test_an_image_says_what_it_is_of(site: Site) -> None:
    run = site.build()
    commit = site.repository.git("rev-parse", "main")
    assert site.revision("latest") == commit
    assert run.output("git-checkout-pr", "commit") == commit
    assert run.output("build-push-image", "tags") == f"v1.0.0-{commit[:12]} latest"
    assert site.registry.manifest(site.image, "latest")[1] == run.output("build-push-image", "digest")
    labels = site.registry.config(site.image, "latest")["config"]["Labels"]
    assert labels["org.opencontainers.image.source"] == site.arguments()["repo_url"]
    assert labels["org.opencontainers.image.created"].endswith("Z")


@IN_EITHER
@pytest.mark.parametrize("cold", [True, False])
def test_a_run_without_a_chosen_file_ends_in_its_first_step(site: Site, cold: bool) -> None:
    """By the image's own git, sed and grep; names in other scripts, line ends in names and bytes that are no UTF-8 included."""
    if not cold:
        site.build(only=("git-checkout-pr",))
    topic = site.repository.commit(
        {"docs/a.md": "x", "功能/é.md": "x", "docs/a\nb.md": "x", os.fsdecode(b"docs/\xff.md"): "x"},
        "topic",
        push=False,
    )
    site.repository.push("topic:refs/pull/1/head")
    asked = {"target_branch": "topic", "revision": topic, "ref": "refs/pull/1/head"}
    nothing = (
        "include ([^/]+/)*[^/]*[.]go",
        "include [^/]/[^/][.]md\nexclude docs/.+",
        "exclude ([^/]+/)*[^/é]*é[.]md|docs/.+|stamp[.]txt",
    )
    for each in nothing:
        run = site.build(**asked, paths=f"base refs/heads/main\n{each}")
        assert list(run.steps) == ["git-checkout-pr"], run.log
        assert run.output("git-checkout-pr", "skip-reason") == "PATHS", run.log
        assert read(run, "git-checkout-pr").checkout is not None
    assert not site.tags()
    for each in ("include [^/][^/]/[^/][.]md", "include docs/[^/]*b[.]md", "exclude docs/.+"):
        run = site.build(**asked, paths=f"base refs/heads/main\n{each}", only=("git-checkout-pr",))
        assert run.output("git-checkout-pr", "skip-reason") == "", run.log
    run = site.build(**asked, paths="base refs/heads/main\ninclude docs/.+")
    assert site.built(run) == site.repository.stamp(topic)


@IN_EITHER
def test_a_red_test_leaves_reports_and_no_image(site: Site) -> None:
    site.repository.commit({"no_test.go": FAILING})
    run = site.warm().run()
    step = run.steps["run-test"]
    assert step.exit_code == 1
    assert "build-push-image" not in run.steps
    assert site.tags() == set()
    suite = ET.fromstring(step.reports["junit.xml"]).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "no & <no>" in (failure.text or "")
    assert "--- FAIL: TestNo" in step.log
    events = [json.loads(line) for line in step.reports["tests.json"].splitlines()]
    assert {"Action", "Package", "Test"} <= set(events[-5]) | set(events[1])
    assert step.reports["coverage.out"].startswith("mode: set")
    (failed,) = json.loads(run.output("run-test", "failing-tests"))
    assert failed == {
        "package": "example.test/small",
        "test": "TestNo",
        "path": "no_test.go",
        "line": 5,
        "message": "no & <no>",
    }


@IN_EITHER
def test_failing_tests_are_named_at_their_lines_within_a_bound(site: Site) -> None:
    many = "\n".join(f'func TestNumber{n:02d}(t *testing.T) {{ t.Error("{{{{" + text) }}' for n in range(40))
    head = 'package deep\n\nimport (\n\t"strings"\n\t"testing"\n)\n\nvar text = strings.Repeat("é", 5000)\n\n'
    site.repository.commit({"a/deep/many_test.go": f"{head}{many}\n"})
    said = site.warm().run().output("run-test", "failing-tests")
    assert len(said.encode()) <= 8192
    assert "{{" not in said
    found = json.loads(said)
    assert 5 < len(found) <= 20
    assert {each["path"] for each in found} == {"a/deep/many_test.go"}
    assert [each["line"] for each in found] == list(range(10, 10 + len(found)))
    assert all(each["message"].startswith("{{éé") for each in found)


def test_a_package_that_does_not_compile_is_a_failure_in_the_report(site: Site) -> None:
    site.repository.commit({"broken.go": "package main\n\nfunc Broken() { return 1 }\n"})
    step = site.warm().run().steps["run-test"]
    assert step.exit_code != 0
    assert "too many return values" in step.log
    assert ET.fromstring(step.reports["junit.xml"]).find("testsuite/testcase/failure") is not None
    (failed,) = json.loads(step.outputs["failing-tests"])
    assert (failed["test"], failed["path"], failed["line"]) == ("", "broken.go", 3)
    assert "too many return values" in failed["message"]


def test_without_the_module_proxy_a_warm_run_is_green_and_a_cold_one_harms_nothing(world: World) -> None:
    site = world.site().warm()
    world.modules.stop()
    try:
        cold = site.run()
    finally:
        world.modules.start()
    assert cold.steps["run-test"].exit_code == 1
    assert "connection refused" in cold.steps["run-test"].log
    assert site.run().succeeded
    world.modules.stop()
    try:
        site.repository.commit({})
        assert site.run().succeeded
    finally:
        world.modules.start()


def test_a_module_that_was_changed_on_the_volume_is_not_used(site: Site) -> None:
    site.warm().run()
    archive = next(site.namespace.volume.glob("hookline/go/modules/*/github.com/google/uuid/@v/*.zip"))
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("github.com/google/uuid@v1.6.0/evil.go", "package uuid\n\nfunc init() { panic(1) }\n")
    site.repository.commit({"main.go": FILES["main.go"] + "\n// changed\n"})
    run = site.run()
    assert run.succeeded, run.log
    assert "is not what go.sum names" in run.steps["run-test"].log
    assert run.output("run-test", "go-modules-downloaded") == "1"
    with zipfile.ZipFile(archive) as opened:
        assert not any(name.endswith("evil.go") for name in opened.namelist())


def test_tests_see_and_write_nothing_of_other_repositories(world: World, site: Site) -> None:
    other = world.site()
    other.namespace = site.namespace  # another repository on the same volume
    assert other.build().succeeded
    site.repository.commit(
        {
            "volume_test.go": f"""package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVolume(t *testing.T) {{
	if os.WriteFile("/source/x", nil, 0o644) == nil {{
		t.Error("wrote")
	}}
	for _, folder := range []string{{"/source", "/caches", "/workdir"}} {{
		filepath.Walk(folder, func(path string, _ os.FileInfo, _ error) error {{
			if strings.Contains(path, "{other.key}") {{
				t.Error("saw", path)
			}}
			return nil
		}})
	}}
}}
"""
        }
    )
    run = site.warm().run()
    assert run.succeeded, run.log


@pytest.mark.parametrize("damage", ["pack", "idx", "refs", "everything", "objects"])
def test_a_damaged_mirror_heals_by_itself(site: Site, damage: str) -> None:
    site.build()
    site.repository.commit({})
    site.build()
    packs = site.mirror / "objects/pack"
    match damage:
        case "pack":
            for path in packs.glob("*.pack"):
                content = bytearray(path.read_bytes())
                content[len(content) // 2 :] = b"x" * (len(content) - len(content) // 2)
                path.write_bytes(content)
        case "idx":
            for path in packs.glob("*.idx"):
                path.write_bytes(b"no index")
        case "refs":
            (site.mirror / "packed-refs").write_text("1234 nonsense\n\0\n")
        case "everything":
            shutil.rmtree(site.mirror)
        case "objects":
            for path in list(packs.iterdir())[:2]:
                path.unlink()
    commit = site.repository.commit({})
    run = site.build()
    assert run.succeeded, run.log
    assert site.built(run) == site.repository.stamp(commit)
    commit = site.repository.commit({})
    again = site.build()
    assert again.succeeded, again.log
    assert "Something is wrong" not in again.log


@pytest.mark.parametrize(
    ("step", "kills"), [("git-checkout-pr", 10), ("run-test", 7), ("build-push-image", 6)]
)
def test_a_run_that_was_killed_at_any_moment_leaves_nothing_in_the_way(
    site: Site, step: str, kills: int
) -> None:
    """The moments lie evenly over the time that the step takes; each is followed by a whole run of the same commit."""
    site.warm().run()
    taken = (
        site.run(revision=site.repository.commit({"main.go": FILES["main.go"] + "\n// first\n"}))
        .steps[step]
        .seconds
    )
    killed = 0
    for number in range(kills):
        text = FILES["main.go"].replace("a greeting", f"greeting {number}")
        commit = site.repository.commit({"main.go": text})
        run = site.run(kill=(step, taken * (0.2 + 0.75 * number / kills)))
        if run.succeeded:
            taken = run.steps[step].seconds  # the machine has more time for it than before
        else:
            killed += 1
        after = site.run()
        assert after.succeeded, after.log
        assert site.built(after) == site.repository.stamp(commit)
        assert site.revision("latest") == commit
    assert killed >= kills // 2
    found = subprocess.run(
        ["git", "-c", "safe.directory=*", f"--git-dir={site.mirror}", "fsck", "--full", "--strict"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr


@IN_EITHER
def test_eight_runs_of_one_repository_at_once_with_tests(site: Site) -> None:
    commits = {
        f"b{number}": site.repository.commit(
            {"main.go": FILES["main.go"].replace("a greeting", f"greeting {number}")}, f"b{number}"
        )
        for number in range(4)
    }
    site.warm()
    calls = [
        (lambda branch=branch, commit=commit: site.run(target_branch=branch, revision=commit))
        for branch, commit in [*commits.items(), *commits.items()]
    ]
    runs = together(*calls)
    for run, commit in zip(runs, [*commits.values(), *commits.values()], strict=True):
        assert run.succeeded, run.log
        assert site.built(run) == site.repository.stamp(commit)
        assert run.output("git-checkout-pr", "commit") == commit
    assert site.run().succeeded


def test_a_registry_that_is_down_fails_the_run_and_nothing_after_it(world: World) -> None:
    site = world.site()
    site.build()
    world.registry.stop()
    try:
        run = site.build()
    finally:
        world.registry.start()
    build = read(run, "build-push-image").image_build
    assert build is not None
    assert build.infrastructure
    assert site.build().succeeded


def test_an_upload_that_the_registry_mixed_up_is_made_again(world: World, site: Site) -> None:
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    auths = {name: {"auth": login} for name in (site.registry.name, MixedUploads.name)}
    site.namespace.files["docker-config"] = {"config.json": json.dumps({"auths": auths}).encode()}
    with MixedUploads(world.registry, world.certificates) as mixed:
        run = site.build(container_image=f"{mixed.name}/{site.image}")
    step = run.steps["build-push-image"]
    assert run.succeeded, run.log
    assert mixed.refused == 1
    assert step.log.count("The registry mixed up two uploads; once more:") == 1
    tags = step.outputs["tags"].split()
    assert "latest" in tags
    assert {world.registry.manifest(site.image, tag)[1] for tag in tags} == {step.outputs["digest"]}
    assert read(run, "build-push-image").image_build is not None


def test_a_private_repository_is_cloned_with_a_token_that_stays_in_its_secret(world: World) -> None:
    site = world.site()
    site.repository = site.make("private/shop")
    refused = site.build()
    assert refused.steps["git-checkout-pr"].exit_code == 1
    assert "does not answer, or does not let us in" in refused.log
    site.namespace.files["git-creds"] = {"username": USER.encode(), "password": PASSWORD.encode()}
    run = site.build()
    assert run.succeeded, run.log
    assert PASSWORD not in run.log
    everywhere = subprocess.run(
        ["grep", "-rlF", "--", PASSWORD, str(site.namespace.volume)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert everywhere.stdout == ""


def test_a_private_repository_is_cloned_with_a_deploy_key(world: World, tmp_path: Path) -> None:
    site = world.site()
    with SshHost(tmp_path, site.repository.bare) as host:
        site.namespace.files["git-creds"] = {"ssh-private-key": host.client_key}
        unknown = site.build(repo_url=host.url)
        assert "no known_hosts: anyone could answer for the host" in unknown.log
        site.namespace.files["git-creds"]["known_hosts"] = host.known_hosts
        run = site.build(repo_url=host.url)
        assert run.succeeded, run.log
        assert site.built(run) == site.repository.stamp("main")
        site.namespace.files["git-creds"]["known_hosts"] = host.others_known_hosts
        assert not site.build(repo_url=host.url).succeeded


def test_a_token_in_the_url_is_refused(site: Site) -> None:
    url = site.arguments()["repo_url"].replace("https://", "https://robot:secret@")
    run = site.build(repo_url=url)
    assert run.steps["git-checkout-pr"].exit_code == 1
    assert "no user or token in the URL" in run.log


def test_a_host_that_gives_tips_only_still_gives_the_commit(world: World) -> None:
    site = world.site()
    site.build()
    first = site.repository.commit({})
    site.repository.commit({})
    world.git.only_tips = True
    try:
        run = site.build(revision=first)
    finally:
        world.git.only_tips = False
    assert run.succeeded, run.log
    assert site.built(run) == site.repository.stamp(first)
    assert site.registry.tags(site.image) >= {f"v1.0.0-{first[:12]}"}


def test_a_commit_that_is_gone_is_said_so_and_costs_nothing(site: Site) -> None:
    site.build()
    run = site.build(revision="1" * 40)
    assert run.steps["git-checkout-pr"].exit_code == 1
    assert "gone after a forced push, or never there" in run.log
    assert "Something is wrong with the mirror" not in run.log
    assert site.build().succeeded


def test_latest_is_the_head_of_the_default_branch_and_of_no_older_commit(site: Site) -> None:
    old = site.repository.git("rev-parse", "main")
    new = site.repository.commit({})
    site.build(revision=new, ref="refs/heads/main")
    late = site.build(revision=old, ref="refs/heads/main")
    assert late.output("build-push-image", "tags") == f"v1.0.0-{old[:12]}"
    assert site.revision("latest") == new


def test_the_image_of_a_tag_has_the_tags_name(site: Site) -> None:
    commit = site.repository.git("rev-parse", "main")
    site.repository.git("tag", "-a", "-m", "a release", "v2.1.0")
    site.repository.push("v2.1.0")
    run = site.build(ref="refs/tags/v2.1.0", revision=commit, container_tag="v2.1.0")
    assert run.output("build-push-image", "tags") == f"v2.1.0-{commit[:12]} v2.1.0"
    assert site.revision("v2.1.0") == commit
    assert site.tags() == {f"v2.1.0-{commit[:12]}", "v2.1.0"}  # no latest, and a tag writes no cache


def test_a_submodule_is_checked_out_where_that_is_asked_for(world: World) -> None:
    site = world.site()
    other = site.make("acme/library")
    site.repository.git("submodule", "add", "-q", str(other.bare), "library")
    site.repository.git("config", "-f", ".gitmodules", "submodule.library.url", world.git.url(other.name))
    site.repository.commit(
        {
            "Dockerfile": site.repository.git("show", "main:Dockerfile").replace(
                "cat stamp.txt", "cat library/stamp.txt"
            )
        }
    )
    assert not site.build().succeeded
    run = site.build(submodules="true")
    assert run.succeeded, run.log
    assert site.built(run) == other.stamp("main")
    assert site.build(submodules="true").succeeded


def test_pointers_of_lfs_stay_pointers(site: Site) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12\n"
    site.repository.commit(
        {
            ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
            "x.bin": pointer,
            "Dockerfile": site.repository.git("show", "main:Dockerfile").replace(
                "cat stamp.txt", "cat x.bin"
            ),
        }
    )
    run = site.build()
    assert run.succeeded, run.log
    assert site.built(run) == pointer.strip()


@IN_EITHER
def test_a_module_in_a_folder_with_its_dockerfile_elsewhere(site: Site) -> None:
    repository = site.repository
    moved = {
        f"services/shop/{name}": repository.git("show", f"main:{name}") + "\n"
        for name in FILES
        if name != "Dockerfile"
    }
    dockerfile = repository.git("show", "main:Dockerfile").replace(
        "COPY go.mod go.sum", "COPY services/shop/go.mod services/shop/go.sum"
    )
    repository.commit({**moved, "build/Dockerfile": dockerfile, **dict.fromkeys(FILES)})
    run = site.warm().run(go_module_directory="services/shop", dockerfile="build/Dockerfile")
    assert run.succeeded, run.log
    wrong = site.run()
    assert "no go.mod in ." in wrong.steps["run-test"].log
    outside = site.run(go_module_directory="../..")
    assert "expected a path inside the repository" in outside.steps["run-test"].log


def test_a_repository_without_tests_and_one_with_vendored_modules(site: Site) -> None:
    site.repository.commit({"main_test.go": None, "testdata/text.txt": None, "x/x_test.go": "package x\n"})
    run = site.warm().run()
    assert run.succeeded, run.log
    assert "[no tests to run]" in run.log
    site.repository.commit(
        {
            "main.go": "package main\n\nfunc main() {}\n",
            "x/x_test.go": None,
            "go.sum": "",
            "go.mod": "module example.test/small\n\ngo 1.22\n",
        }
    )
    run = site.run()
    assert run.succeeded, run.log
    assert run.output("run-test", "go-modules-needed") == "0"
    vendored = {
        "go.mod": "module example.test/small\n\ngo 1.22\n\nrequire example.test/v v1.0.0\n",
        "vendor/modules.txt": "# example.test/v v1.0.0\n## explicit; go 1.22\nexample.test/v\n",
        "vendor/example.test/v/v.go": "package v\n\nconst Text = 1\n",
        "main.go": 'package main\n\nimport "example.test/v"\n\nfunc main() { _ = v.Text }\n',
        "main_test.go": 'package main\n\nimport "testing"\n\nfunc TestMain1(t *testing.T) { main() }\n',
    }
    site.repository.commit(vendored)
    run = site.run()
    assert run.succeeded, run.log
    assert (run.output("run-test", "go-modules-needed"), run.output("run-test", "go-modules-downloaded")) == (
        "0",
        "0",
    )


def test_foreign_code_gets_no_secret_and_pushes_nothing(world: World) -> None:
    site = world.site()
    del site.namespace.files["docker-config"]
    commit = site.repository.commit({}, "topic", push=False)
    site.repository.push("topic:refs/pull/7/head")
    site.repository.commit({"Dockerfile": "FROM scratch\nCOPY stamp.txt /\n"}, "topic", push=False)
    site.repository.push("topic:refs/pull/7/head", force=True)
    commit = site.repository.git("rev-parse", "topic")
    run = site.warm().run(
        revision=commit, ref="refs/pull/7/head", target_branch="topic", sandboxed="true", container_image=""
    )
    assert run.succeeded, run.log
    assert site.tags() == set()
    assert run.output("build-push-image", "digest") == ""
    trusted = site.build()
    assert "Secret docker-config with the key config.json is missing" in trusted.log


@IN_EITHER
def test_a_run_that_publishes_nothing_builds_from_the_registrys_cache_and_writes_nothing_there(
    site: Site,
) -> None:
    assert site.build().succeeded
    before = site.tags()
    again = read(site.build(publish="false"), "build-push-image").image_build
    assert again is not None
    assert (again.cache_state, again.hits) == ("full", again.steps), (
        "the cache of the default branch was read"
    )
    commit = site.repository.commit({}, "topic")
    request = {"revision": commit, "ref": "refs/pull/7/head", "target_branch": "topic", "publish": "false"}
    run = site.build(**request)
    assert run.succeeded, run.log
    assert site.tags() == before
    assert [run.output("build-push-image", name) for name in ("digest", "tags")] == ["", ""]
    assert "Build And Push Container Image nothing, publish is false Complete." in run.log
    found = read(run, "build-push-image").image_build
    assert found is not None
    assert (found.cache_state, found.steps) == ("partial", again.steps)
    # It is built for real: what does not build is red.
    red = site.repository.commit({"Dockerfile": "FROM scratch\nCOPY missing.txt /\n"}, "topic")
    assert not site.build(**(request | {"revision": red})).succeeded
    # Without an image there is no cache to read, and without the Secret no password: it builds all the same.
    plain = site.repository.commit({"Dockerfile": "FROM scratch\nCOPY stamp.txt /\n"}, "topic")
    del site.namespace.files["docker-config"]
    bare = site.build(**(request | {"revision": plain, "container_image": ""}))
    assert bare.succeeded, bare.log
    assert "expected registry/namespace/name" in site.build(container_image="").log


def test_how_an_image_was_built_can_be_attested(site: Site) -> None:
    run = site.build(provenance="max")
    index, _ = site.registry.manifest(site.image, "latest")
    kinds = [each.get("annotations", {}).get("vnd.docker.reference.type") for each in index["manifests"]]
    assert "attestation-manifest" in kinds
    assert run.output("build-push-image", "digest").startswith("sha256:")


def test_what_is_in_an_image_can_be_attested(world: World) -> None:
    """By any scanner of BuildKit's protocol; this one says that it was here."""
    statement = {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://spdx.dev/Document",
        "predicate": {"SPDXID": "SPDXRef-DOCUMENT", "name": "scanned"},
    }
    world.push_busybox(
        "base/scanner",
        {
            "Entrypoint": [
                "/bin/sh",
                "-c",
                f"echo '{json.dumps(statement)}' > $BUILDKIT_SCAN_DESTINATION/a.spdx.json",
            ]
        },
    )
    site = world.site()
    run = site.build(sbom_generator=f"{site.registry.name}/base/scanner:1")
    assert run.succeeded, run.log
    index, _ = site.registry.manifest(site.image, "latest")
    attested = [
        each["digest"]
        for each in index["manifests"]
        if each.get("annotations", {}).get("vnd.docker.reference.type") == "attestation-manifest"
    ]
    manifest, _ = site.registry.manifest(site.image, attested[0])
    layers = [site.registry.blob(site.image, each["digest"]) for each in manifest["layers"]]
    assert any(json.loads(each)["predicate"].get("name") == "scanned" for each in layers)


@pytest.mark.parametrize(
    ("parameter", "value", "said"),
    [
        ("container_tag", "latest", "kept for the template itself"),
        ("container_tag", 'x",push=false', "expected letters"),
        ("dockerfile", "../../etc/passwd", "expected a path inside the repository"),
        ("dockerfile", "No", "there is no No in this commit"),
        ("container_image", "a,b", "expected registry/namespace/name"),
        ("repo_name", "../x", "repo_name: expected letters"),
        ("revision", "main", "revision: expected a whole commit"),
        ("revision", "abc1234", "revision: expected 40 or 64 hex digits"),
        ("target_branch", "no such branch", "is no branch of git"),
        ("target_branch", "missing", "does not exist at"),
        ("ref", "x y", "is no ref of git"),
        ("ref", "refs/tags/missing", "does not exist at"),
        ("repo_url", "ext::sh -c id", "repo_url: expected https://"),
        ("repo_url", "/workdir", "repo_url: expected https://"),
    ],
)
def test_what_cannot_be_built_is_said_in_one_line(site: Site, parameter: str, value: str, said: str) -> None:
    run = site.build(**{parameter: value})
    assert not run.succeeded
    errors = [line for line in run.log.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, run.log
    assert said in errors[0]


def test_the_volume_stays_bounded(site: Site) -> None:
    """Many small packs become one, and what no run can still be using goes with the hourly sweep."""
    for _ in range(24):
        site.repository.commit({})
        assert site.run(only=("git-checkout-pr",)).succeeded
    packs = site.mirror / "objects/pack"
    superseded = list(packs.glob("*.superseded"))
    assert len(superseded) >= 20
    old = 200 * 60
    root = site.namespace.volume / "hookline"
    for path in [
        *superseded,
        *(root / "source").rglob("*.tar"),
        *(root / "source").rglob("*.files"),
        root / ".swept",
    ]:
        moment = path.stat().st_mtime - 3 * old
        subprocess.run(["touch", "-d", f"@{moment}", str(path)], check=True)
    site.repository.commit({})
    assert site.run(only=("git-checkout-pr",)).succeeded
    assert not list(packs.glob("*.superseded"))
    assert len(list(packs.glob("*.pack"))) <= 6
    assert len(list((root / "source").rglob("*.tar"))) == 1
    assert site.build().succeeded
