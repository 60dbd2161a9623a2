"""What happens to a repository and its runs, told once and played against both templates.

A scenario returns what came of it, in few words: the cells of the table in docs/template.md.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from cluster.waiting import PATIENCE, until
from template.pods import Run
from template.world import Site

__all__ = ["SCENARIOS", "SHELL_NAMES", "Scenario", "together"]

GOOD = "builds it"
OTHER = "**builds another commit**"
BLOCKED = "; **every later run fails**"

SHELL_NAMES = (
    "x;touch${IFS}$M;#", "x&&touch${IFS}$M", "x|touch${IFS}$M", "x&touch${IFS}$M", "$(touch${IFS}$M)", "`touch${IFS}$M`",
    "x$(touch${IFS}$M)y", "a'$(touch${IFS}$M)'b", 'a"$(touch${IFS}$M)"b', "x;touch${IFS}$M;y", "x>$M", "x>>$M", "x;{touch,$M}",
    "x||touch${IFS}$M", "x;eval${IFS}touch${IFS}$M", "x;sh${IFS}-c${IFS}id>$M", "x;exec${IFS}touch${IFS}$M", "'x;touch${IFS}$M;'",
    '"x;touch${IFS}$M;"', "x$(id>$M)", "x;.${IFS}/dev/stdin<$M;touch${IFS}$M", "-x;touch${IFS}$M", "--upload-pack=touch${IFS}$M",
    "x;(touch${IFS}$M)", "x!touch${IFS}$M;touch${IFS}$M", "ü;touch${IFS}$M", "$(CONTAINER_IMAGE)", "%s$(touch${IFS}$M)",
    "feature/#12-fix", "dependabot/npm_and_yarn/@types/x", "foo+bar", "功能/登录", "fix=1", "it's", "feat(api)", "_private", "@",
)  # fmt: skip
"""Names that git takes for branches and a shell for code, $M is a file that must not come to be; and ordinary ones with such characters."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of the table."""

    title: str
    play: Callable[[Site], str]


def event(site: Site, branch: str, commit: str, ref: str = "") -> dict[str, str]:
    """Parameters for an event: the stock template takes the branch alone."""
    if site.stock:
        return {"target_branch": branch}
    return {"target_branch": branch, "revision": commit, "ref": ref or f"refs/heads/{branch}"}


def came_of(site: Site, run: Run, commit: str) -> str:
    """What a run did about a commit."""
    if not run.succeeded:
        step = list(run.steps.values())[-1]
        return f"fails in {step.name}"
    return GOOD if site.built(run) == site.repository.stamp(commit) else OTHER


def later(site: Site) -> str:
    """Whether the next run of the default branch works."""
    return "" if site.build().succeeded else BLOCKED


def together(*calls: Callable[[], Run]) -> list[Run]:
    """Runs at the same time."""
    found: list[Run | BaseException | None] = [None] * len(calls)

    def one(index: int) -> None:
        try:
            found[index] = calls[index]()
        except BaseException as error:  # noqa: BLE001 - raised below
            found[index] = error

    threads = [threading.Thread(target=one, args=(index,), daemon=True) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return [each for each in found if isinstance(each, Run)]


def first_run(site: Site) -> str:
    """A branch, first and again, and after a new commit."""
    head = site.repository.git("rev-parse", "main")
    words = [came_of(site, site.build(**event(site, "main", head)), head)]
    words.append(came_of(site, site.build(**event(site, "main", head)), head))
    new = site.repository.commit({})
    words.append(came_of(site, site.build(**event(site, "main", new)), new))
    return " / ".join(words)


def second_branch(site: Site) -> str:
    head = site.repository.git("rev-parse", "main")
    site.build(**event(site, "main", head))
    new = site.repository.commit({}, "feature/x")
    return came_of(site, site.build(**event(site, "feature/x", new)), new) + later(site)


def branch_moved_on(site: Site) -> str:
    site.build()
    first = site.repository.commit({})
    site.repository.commit({})
    return came_of(site, site.build(**event(site, "main", first)), first)


def light_tag(site: Site) -> str:
    site.build()
    commit = site.repository.git("rev-parse", "main")
    site.repository.git("tag", "v1.0.0")
    site.repository.push("v1.0.0")
    site.repository.commit({})
    return _tag(site, commit)


def annotated_tag(site: Site) -> str:
    site.build()
    commit = site.repository.git("rev-parse", "main")
    site.repository.git("tag", "-a", "-m", "a release", "v1.0.0")
    site.repository.push("v1.0.0")
    site.repository.commit({})
    return _tag(site, commit)


def _tag(site: Site, commit: str) -> str:
    if site.stock:
        run = site.build(target_branch="v1.0.0", container_tag="v1.0.0")
    else:
        run = site.build(ref="refs/tags/v1.0.0", container_tag="v1.0.0", enable_suffix_commitid="false")
    return came_of(site, run, commit) + later(site)


def single_commit(site: Site) -> str:
    site.build()
    commit = site.repository.commit({})
    site.repository.commit({})
    run = site.build(target_branch=commit) if site.stock else site.build(revision=commit)
    return came_of(site, run, commit) + later(site)


def pull_request(site: Site) -> str:
    site.build()
    commit = site.repository.commit({}, "topic", push=False)
    site.repository.push("topic:refs/pull/1/head")
    ref = "refs/pull/1/head"
    run = site.build(target_branch=ref) if site.stock else site.build(**event(site, "topic", commit, ref))
    return came_of(site, run, commit) + later(site)


def deleted_branch(site: Site) -> str:
    commit = site.repository.commit({}, "topic")
    site.build(**event(site, "topic", commit))
    site.repository.push(":refs/heads/topic")
    run = site.build(**event(site, "topic", commit))
    return came_of(site, run, commit) + later(site)


def forced_push(site: Site) -> str:
    site.repository.commit({})
    site.build()
    site.repository.git("reset", "-q", "--hard", "HEAD~1")
    commit = site.repository.commit({}, push=False)
    site.repository.push("main", force=True)
    return came_of(site, site.build(**event(site, "main", commit)), commit) + later(site)


def folder_for_branch(site: Site) -> str:
    first = site.repository.commit({}, "a")
    site.build(**event(site, "a", first))
    site.repository.push(":refs/heads/a")
    site.repository.git("checkout", "-q", "main")
    site.repository.git("branch", "-q", "-D", "a")
    commit = site.repository.commit({}, "a/b")
    return came_of(site, site.build(**event(site, "a/b", commit)), commit) + later(site)


def same_last_part(site: Site) -> str:
    site.build()
    name = site.repository.name.rpartition("/")[2]
    site.repository = site.make(f"other/{name}")
    commit = site.repository.git("rev-parse", "main")
    return came_of(site, site.build(**event(site, "main", commit)), commit)


def called_pkg(site: Site) -> str:
    (site.namespace.volume / "pkg/mod").mkdir(parents=True)
    site.repository = site.make(f"site-{site.number}/pkg")
    commit = site.repository.git("rev-parse", "main")
    return came_of(site, site.build(**event(site, "main", commit)), commit)


def first_runs_at_once(site: Site) -> str:
    """The second run begins and ends its checkout while the first has half of its pack."""
    head = site.repository.git("rev-parse", "main")
    with site.world.git.pause() as pause:

        def first() -> Run:
            return site.build(**event(site, "main", head))

        def second() -> Run:
            try:
                until(pause.reached.is_set, "the first run has half of its pack")
                return site.build(after={"git-checkout-pr": pause.over.set}, **event(site, "main", head))
            finally:
                pause.over.set()

        return " / ".join(came_of(site, run, head) for run in together(first, second))


def branches_at_once(site: Site) -> str:
    """Two branches: the second is checked out before the first is built."""
    commits = {branch: site.repository.commit({}, branch) for branch in ("one", "two")}
    site.build()
    first_is_out, second_is_out = threading.Event(), threading.Event()

    def first() -> Run:
        def out() -> None:
            first_is_out.set()
            until(second_is_out.is_set, "the second branch is checked out")

        return site.build(after={"git-checkout-pr": out}, **event(site, "one", commits["one"]))

    def second() -> Run:
        until(first_is_out.is_set, "the first branch is checked out")
        return site.build(after={"git-checkout-pr": second_is_out.set}, **event(site, "two", commits["two"]))

    runs = together(first, second)
    words = [came_of(site, run, commit) for run, commit in zip(runs, commits.values(), strict=True)]
    return " / ".join(words)


def eight_at_once(site: Site) -> str:
    """All begin at once, and none is built before every checkout has ended."""
    checked_out = threading.Barrier(8, timeout=PATIENCE)
    commits = {f"b{number}": site.repository.commit({}, f"b{number}") for number in range(8)}
    runs = together(
        *(
            lambda branch=branch, commit=commit: site.build(
                after={"git-checkout-pr": checked_out.wait}, **event(site, branch, commit)
            )
            for branch, commit in commits.items()
        )
    )
    words = [came_of(site, run, commit) for run, commit in zip(runs, commits.values(), strict=True)]
    good = words.count(GOOD)
    # With the stock template it is chance whether a later run works.
    return "8 of 8 build theirs" + later(site) if good == 8 else "**fewer than 8 build theirs**"


def shell_names(site: Site) -> str:
    """Branches whose names are code, each built by its name; what they would do is to write a file on the volume."""
    site.build()
    ran = good = 0
    mark = site.namespace.volume / "ran"
    for number, name in enumerate(SHELL_NAMES):
        branch = name.replace("$M", "/workdir/ran")
        site.repository.push(f"main:refs/heads/{branch}")
        whole = not site.stock and number < 3
        run = site.build(target_branch=branch, only=() if whole else ("git-checkout-pr",))
        ran += mark.exists()
        mark.unlink(missing_ok=True)
        good += run.succeeded and (not whole or site.built(run) == site.repository.stamp("main"))
    if ran:
        return "**names run as code**"
    return f"nothing runs, {'all' if good == len(SHELL_NAMES) else good} are built"


def killed_clone(site: Site) -> str:
    """The pod of the first checkout goes while it gets half of a pack."""
    commit = site.repository.bulk(500)
    with site.world.git.pause() as pause:
        killed = site.build(kill=("git-checkout-pr", pause.reached))
    if not pause.reached.is_set() or killed.succeeded:
        raise AssertionError(f"the run was not killed:\n{killed.log}")
    return came_of(site, site.build(**event(site, "main", commit)), commit)


def _with_a_red_test(site: Site) -> None:
    if not site.stock:
        site.warm()
    site.repository.commit(
        {"main_test.go": 'package main\n\nimport "testing"\n\nfunc TestNo(t *testing.T) { t.Fatal(1) }\n'}
    )


def red_test(site: Site) -> str:
    _with_a_red_test(site)
    run = site.run()
    return (
        "no image"
        if "build-push-image" not in run.steps and run.steps["run-test"].exit_code
        else "**an image**"
    )


def capital_true(site: Site) -> str:
    _with_a_red_test(site)
    run = site.run(enable_test="True")
    return "tests run" if "run-test" in run.steps else "**no test runs, and the run is green**"


def _stays(site: Site, tag: str) -> bool:
    """Whether a tag of the image is the default branch's still when another branch was built."""
    site.build()
    before = site.registry.manifest(site.image, tag)[1]
    commit = site.repository.commit({}, "topic")
    site.build(**event(site, "topic", commit))
    return site.registry.manifest(site.image, tag)[1] == before


def latest(site: Site) -> str:
    return "stays the default branch's" if _stays(site, "latest") else "**moves to the branch**"


def own_caches(site: Site) -> str:
    return "stays the default branch's" if _stays(site, "buildcache") else "**is replaced by the branch's**"


def cache_blob_missing(site: Site) -> str:
    site.build()
    manifest, _ = site.registry.manifest(site.image, "buildcache")
    parts = manifest.get("layers") or manifest["manifests"]  # an index, in older BuildKits
    layers = {each["digest"] for each in parts if "cacheconfig" not in each["mediaType"]}
    # Those of images stay: no clean-up takes what a tag needs.
    for image, tag in (("base/busybox", "1"), (site.image, "latest")):
        kept, _ = site.registry.manifest(image, tag)
        layers -= {each["digest"] for each in kept["layers"]}
    for digest in layers:
        site.registry.lose(digest)
    commit = site.repository.commit({})
    word = came_of(site, site.build(**event(site, "main", commit)), commit)
    commit = site.repository.commit({})
    return word + "; then " + came_of(site, site.build(**event(site, "main", commit)), commit)


SCENARIOS = (
    Scenario("A branch: first run / again / after a new commit", first_run),
    Scenario("Another branch", second_branch),
    Scenario("The branch has moved on since the event", branch_moved_on),
    Scenario("A tag", light_tag),
    Scenario("An annotated tag", annotated_tag),
    Scenario("A commit", single_commit),
    Scenario("The head of a pull request", pull_request),
    Scenario("A branch that was deleted", deleted_branch),
    Scenario("A forced push", forced_push),
    Scenario("Branch `a` deleted, `a/b` pushed", folder_for_branch),
    Scenario("Another repository with the same last part of the URL", same_last_part),
    Scenario("A repository called `pkg`", called_pkg),
    Scenario("Two first runs at once", first_runs_at_once),
    Scenario("Two branches at once", branches_at_once),
    Scenario("Eight branches at once", eight_at_once),
    Scenario("Branches whose names are shell code", shell_names),
    Scenario("A run after one that was killed while git worked", killed_clone),
    Scenario("A red test", red_test),
    Scenario('A red test, `enable_test: "True"`', capital_true),
    Scenario("`:latest` when a branch is built", latest),
    Scenario("`:buildcache` when a branch is built", own_caches),
    Scenario("The registry lost blobs of the cache", cache_blob_missing),
)
