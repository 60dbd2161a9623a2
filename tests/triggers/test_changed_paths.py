"""Path filters that an event leaves open: the run's first step says what git says, and by the same expressions as the event's decision.

The step is the shipped script, run by sh and the real git against repositories of the real git. What git says is asked here
once more, by git diff; what the filter makes of it, by `hookline simulate` with the list of files.
"""

import json
import subprocess
from itertools import compress
from operator import not_
from pathlib import Path
from typing import Any

import pytest
from git_histories import HISTORIES, Asked, Repository, git_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from local_steps import FOLDERS, Pod
from support import DECLARATION, ROOT, edited, github_push, payload, plan, program
from tries import THOROUGH, tries

from documents.globs import GlobError, check_glob, expression
from events.delivery import BusEvent
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import Result, result_of, simulate
from hookline.plan.planning import Plan

URL = "https://github.com/acme/shop.git"
PR = edited(payload("github/pull_request-opened"), repository__full_name="acme/shop")
FILTERS = ('{include: ["code/**"]}', '{exclude: ["docs/**", "*/**/*.md"]}')


def planned(paths: str) -> Plan:
    head = DECLARATION[: DECLARATION.index("    events:")]
    events = f"{{push: {{paths: {paths}}}, pull_request: {{paths: {paths}}}}}"
    return plan(f"{head}    run: {{template: hookline-ci-go}}\n    events: {events}\n")


PLANS = [planned(each) for each in FILTERS]


def event_of(asked: Asked, commits: dict[str, str]) -> tuple[str, Any]:
    """The delivery of GitHub that tells of it; it lists no file."""
    head = commits[asked.head]
    if asked.into:
        changes = {"head__sha": head, "head__ref": "topic", "base__ref": asked.into, "number": 7}
        return "pull_request", edited(
            PR, number=7, **{f"pull_request__{key}": value for key, value in changes.items()}
        )
    before = commits.get(asked.before, asked.before)
    return "push", github_push(
        ref=asked.ref,
        before=before or "0" * len(head),
        after=head,
        created=not before,
        forced=bool(before),
        commits=[],
    )


def read(plan: Plan, kind: str, body: Any) -> BusEvent:
    return incoming(
        plan, "event.json", json.dumps(body).encode(), EventOptions("github", {"X-GitHub-Event": kind})
    )


def answered(plan: Plan, event: BusEvent, files: list[str] | None = None) -> Result:
    return result_of(simulate(plan, event, files), plan, event, "shop")


def arguments(result: Result) -> dict[str, str]:
    assert result.workflow is not None
    return {item["name"]: item["value"] for item in result.workflow["spec"]["arguments"]["parameters"]}


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    for folder in FOLDERS:
        (tmp_path / "pod" / folder.removeprefix("/")).mkdir(parents=True)
    return Pod(tmp_path / "pod")


def again(pod: Pod) -> None:
    """The next pod: only the volume is left."""
    for folder in ("scratch", "tmp/outputs"):
        subprocess.run(["rm", "-rf", pod.root / folder], check=True)
        (pod.root / folder).mkdir()


def ran(pod: Pod, upstream: Path, given: dict[str, str]) -> str:
    """The outcome of the first step: the reason for which the others have nothing to do, or nothing."""
    config = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{upstream}.insteadOf",
        "GIT_CONFIG_VALUE_0": URL,
    }
    done = pod.play("git-checkout-pr", given, **config)
    assert done.returncode == 0, done.stderr + done.stdout
    assert pod.output("commit") == given["revision"]
    reason = pod.output("skip-reason")
    built = sorted(each.name for each in (pod.root / "workdir/hookline/source").rglob("*.tar"))
    if not reason:
        assert built == [f"{given['revision']}.tar"]
    return reason


def git_says(upstream: Path, asked: Asked, commits: dict[str, str]) -> list[str] | None:
    """The files that differ, as git diff lists them; None where it cannot."""
    if not asked.oracle:
        return None
    sides = ["...".join(commits[name] for name in side.split("...")) for side in asked.oracle]
    listed = git_bytes(upstream, "diff", "--name-only", "-z", "--no-renames", *sides)
    return [name.decode("utf-8", "replace") for name in listed.split(b"\0")[:-1]]


CHOSEN = [*enumerate(HISTORIES)][:: 1 if THOROUGH else 3]


@pytest.mark.parametrize(("number", "title"), CHOSEN, ids=[title for _, title in CHOSEN])
def test_the_run_decides_as_git_and_the_decision_about_events_do(
    number: int, title: str, tmp_path: Path, pod: Pod
) -> None:
    repository = Repository()
    asked = HISTORIES[title](repository)
    upstream = tmp_path / "upstream"
    commits = repository.made(upstream, asked.refs)
    kind, body = event_of(asked, commits)
    files = git_says(upstream, asked, commits)
    each = PLANS[number % len(PLANS)]
    event = read(each, kind, body)
    opened = answered(each, event)
    assert (opened.verdict, opened.reason) == ("run", "PATHS")
    given = arguments(opened)
    expected = "run" if files is None else answered(each, event, files).verdict
    assert ("skip" if ran(pod, upstream, given) else "run") == expected, (files, given["paths"])


def test_there_are_histories_enough() -> None:
    assert len(HISTORIES) >= 40


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], Asked]:
    """A request of documents alone, in a repository whose history is longer than what is compared."""
    repository = Repository()
    asked = HISTORIES["a request of documents while the target got code"](repository)
    upstream = tmp_path_factory.mktemp("waiting") / "upstream"
    return upstream, repository.made(upstream, asked.refs), asked


def question(waiting: tuple[Path, dict[str, str], Asked], plan: Plan = PLANS[0]) -> dict[str, str]:
    _, commits, asked = waiting
    return arguments(answered(plan, read(plan, *event_of(asked, commits))))


def test_a_run_with_nothing_to_do_fetches_no_file_and_writes_no_source(
    pod: Pod, waiting: tuple[Path, dict[str, str], Asked]
) -> None:
    assert ran(pod, waiting[0], question(waiting)) == "PATHS"
    volume = pod.root / "workdir/hookline"
    assert not [*volume.rglob("*.pack"), *volume.rglob("*.tar")]
    assert not (pod.root / "scratch/question").exists()
    assert [pod.output(name) for name in ("source", "latest", "cache")] == ["", "false", ""]


@pytest.mark.parametrize("harm", ["shallow", "without trees", "damaged", "whole"])
def test_a_mirror_in_any_state_does_not_change_the_answer(
    harm: str, pod: Pod, waiting: tuple[Path, dict[str, str], Asked], tmp_path: Path
) -> None:
    upstream, given = waiting[0], question(waiting)
    assert ran(pod, upstream, {**given, "paths": ""}) == ""
    (mirror,) = (pod.root / "workdir/hookline/git").glob("*.git")
    packs = mirror / "objects/pack"
    if harm in {"shallow", "without trees"}:
        option = "--depth=1" if harm == "shallow" else "--filter=tree:0"
        other = tmp_path / "other"
        source = f"file://{upstream}"
        git_bytes(tmp_path, "clone", "-q", "--bare", option, "--no-tags", source, str(other))
        git_bytes(other, "fetch", "-q", option, source, "refs/pull/7/head")
        subprocess.run(["rm", "-rf", packs], check=True)
        subprocess.run(["cp", "-r", other / "objects/pack", packs], check=True)
    elif harm == "damaged":
        for pack in packs.glob("*.pack"):
            pack.chmod(0o644)
            pack.write_bytes(pack.read_bytes()[:-40] + b"\0" * 40)
    again(pod)
    assert ran(pod, upstream, given) == "PATHS"
    again(pod)
    assert (
        ran(pod, upstream, {**given, "paths": "include code/.+\nexclude docs/.+"}) == ""
    )  # of no branch, without a base


def test_a_former_head_that_only_the_volume_has_is_compared_with(pod: Pod, tmp_path: Path) -> None:
    repository = Repository()
    asked = HISTORIES["a forced push that takes code away"](repository)
    upstream = tmp_path / "upstream"
    commits = repository.made(upstream, asked.refs)
    given = arguments(answered(PLANS[0], read(PLANS[0], *event_of(asked, commits))))
    before = {**given, "revision": commits["topic/1"], "paths": ""}
    assert ran(pod, upstream, before) == ""
    for ref in ("refs/kept", *(f"refs/work/{mark}" for mark in range(1, 4))):
        git_bytes(upstream, "update-ref", "-d", ref)
    git_bytes(upstream, "config", "uploadpack.allowAnySHA1InWant", "false")
    git_bytes(upstream, "gc", "-q", "--prune=now")
    again(pod)
    subprocess.run(["rm", *(pod.root / "workdir/hookline/source").rglob("*.tar")], check=True)
    assert ran(pod, upstream, given) == "", "code was taken away"


def test_a_host_that_takes_no_filter_answers_as_well(
    pod: Pod, waiting: tuple[Path, dict[str, str], Asked]
) -> None:
    upstream = waiting[0]
    git_bytes(upstream, "config", "uploadpack.allowFilter", "false")
    try:
        assert ran(pod, upstream, question(waiting)) == "PATHS"
    finally:
        git_bytes(upstream, "config", "uploadpack.allowFilter", "true")


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ("base main\ninclude a", "expected a commit or refs/heads/... as base, not 'main'"),
        ("base refs/heads/a..b\ninclude a", "is no branch of git"),
        ("code/**", "expected lines that begin with base, include or exclude"),
    ],
)
def test_a_question_that_nobody_can_have_asked_is_refused(pod: Pod, paths: str, said: str) -> None:
    done = pod.play("git-checkout-pr", {"repo_url": URL, "repo_name": "shop", "paths": paths})
    assert done.returncode == 1
    assert said in done.stderr


def test_what_is_no_expression_is_built(pod: Pod, waiting: tuple[Path, dict[str, str], Asked]) -> None:
    given = question(waiting)
    base = given["paths"].splitlines()[0]
    assert ran(pod, waiting[0], {**given, "paths": f"{base}\ninclude docs/(("}) == ""


def test_of_a_tag_nothing_is_known_to_compare_with(
    pod: Pod, waiting: tuple[Path, dict[str, str], Asked]
) -> None:
    upstream, commits, asked = waiting
    given = {
        "repo_url": URL,
        "repo_name": "shop",
        "revision": commits[asked.head],
        "ref": "refs/tags/v1",
        "paths": "include code/.+",
    }
    git_bytes(upstream, "update-ref", "refs/tags/v1", commits[asked.head])
    assert ran(pod, upstream, given) == ""


# One text for all engines

PROGRAM = program("github")

FUNCTIONS = (ROOT / "triggers/templates/hookline-ci-go/changed-paths.sh").read_text("utf-8")
NAMES = (
    "a", "ab", "a/b", "a/b/c.md", "docs", "docs/a", "docs/a\nb", "docs/a/b\n", "a\tb", "a b", "é", "éé", "功能.go", "功/能", "\U0001f600",
    "a\U0001f600b", "e\u0301", "x.md", "xamd", "(a)", "a+b", "a|b", "a$", "^a", "a^b", "{}", "[a]", "a\\b", "'", '"', "-v", "--help", "a,b", "\x7f",
    "\x01", "a\x01", "ß/ä.é", "éxé", "日本日", "x" * 300,
)  # fmt: skip
GLOBS = (
    "**", "*", "?", "??", "a/**", "**/a", "**/*.md", "docs/**", "docs/*", "*.go", "??.go", "?/?", "*é*", "é?", "*日*", "?日", "a?b", "*?", "a+b",
    "a|b", "a$", "^a", "a^b", "(a)", "a,b", "功能*", "**/*能*", "?能.go", "**/能", "a\u0301", "e?", "*/*", "**/?", "-v", "ß/*.é", "'",
)  # fmt: skip


def kept(folder: Path, option: str, glob: str, names: list[str]) -> list[str]:
    """The names that the step leaves, in their order; the script is cut into its functions."""
    listed = "".join(f"{name}\0".replace("\n", "\1").replace("\0", "\n") for name in names)
    (folder / "names").write_bytes(listed.encode())
    functions = "\n".join(
        FUNCTIONS[FUNCTIONS.index(f"{name}() {{") :].split("\n}\n")[0] + "\n}" for name in ("bytes", "keep")
    )
    script = f'{functions}\nkeep "$1" "$2" && cat "$HOME/names"'
    done = subprocess.run(
        ["sh", "-euc", script, "sh", option, expression([glob])],
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
    )
    return done.stdout.decode().split("\n")[:-1]


def decided(glob: str, names: list[str]) -> list[bool]:
    """Whether each name is chosen, by the definitions of the decision's own program."""
    asked = (
        f"[.[] | {{files: [.], files_complete: true}} | paths({{include: {json.dumps(expression([glob]))}}})]"
    )
    found = PROGRAM.ask(json.dumps(names), asked)
    assert {*found} <= {True, False}
    return list(found)


def shown(names: list[str]) -> list[str]:
    """As they stand in a list with one name a line."""
    return [name.replace("\n", "\1") for name in names]


@pytest.mark.parametrize("glob", GLOBS)
def test_the_step_matches_names_as_the_decision_does(glob: str, tmp_path: Path) -> None:
    names = list(NAMES)
    chosen = decided(glob, names)
    assert kept(tmp_path, "-a", glob, names) == shown([*compress(names, chosen)])
    assert kept(tmp_path, "-av", glob, names) == shown([*compress(names, map(not_, chosen))])


def usable(glob: str) -> bool:
    try:
        check_glob(glob)
    except GlobError:
        return False
    return True


PIECES = st.sampled_from(["a", "b", "é", "日", ".", "*", "?", "/", "**/", "+", "^", "$", "(", "|", " ", "-"])
LETTERS = st.sampled_from(
    ["a", "b", "é", "日", ".", "/", "+", "^", "$", "(", "|", " ", "-", "\n", "\U0001f600"]
)


@settings(max_examples=tries(40))
@given(
    st.lists(PIECES, min_size=1, max_size=8).map("".join).filter(usable),
    st.lists(st.lists(LETTERS, min_size=1, max_size=8).map("".join), min_size=1, max_size=20),
)
def test_the_step_matches_any_name_as_the_decision_does(
    tmp_path_factory: pytest.TempPathFactory, glob: str, names: list[str]
) -> None:
    matching = shown([*compress(names, decided(glob, names))])
    assert kept(tmp_path_factory.mktemp("names"), "-a", glob, names) == matching
