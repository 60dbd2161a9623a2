"""A real Gitea: what its users do, and what each delivery starts, said by hand.

ann owns the organisation; bob may only read; renovate-bot writes, and its pushes and requests are excluded.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from cluster.control_plane import ControlPlane
from cluster.gitea import Gitea
from cluster.gitea_site import GiteaSite, Repository, Told
from cluster.installation import Installation

RUN = "run MATCH"
NOT_ASKED = "skip EVENT"
NAMES = (
    "pushes", "names", "forced", "tags", "requests", "foreign", "private", "again", "button", "merged", "bots", "others",
)  # fmt: skip


def pushed(
    branch: str, everywhere: str = RUN, strict: str | None = None, docs: str = "skip BRANCHES"
) -> Told:
    """A push; the strict pipeline says what the other one does unless it is told apart."""
    return Told(f"push {branch}", everywhere, strict or everywhere, docs)


def tagged(tag: str, verdict: str = RUN) -> Told:
    return Told(f"tag {tag}", verdict, NOT_ASKED, NOT_ASKED)


def requested(number: int, action: str, verdict: str, into: str = "main") -> Told:
    return Told(f"request {number} {action} into {into}", verdict, NOT_ASKED, NOT_ASKED)


@pytest.fixture(scope="module")
def world(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GiteaSite]:
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gitea"}})
    site = Installation(cluster, "gitea")
    with ExitStack() as stack:  # what was started is stopped, also when the next cannot be started
        stack.callback(site.remove)
        gitea = Gitea(cluster.engines["gitea"], tmp_path_factory.mktemp("gitea"))
        stack.callback(gitea.stop)
        started = GiteaSite(site, gitea, list(NAMES), tmp_path_factory.mktemp("world"))
        stack.callback(started.stop)
        yield started


@pytest.fixture
def repository(world: GiteaSite, request: pytest.FixtureRequest) -> Repository:
    """A repository of the test's own, named by its parameter."""
    name, settings = request.param
    return Repository(world, name, **settings)


def in_repository(name: str, **settings: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("repository", [(name, settings)], indirect=True, ids=[name])


def next_second() -> None:
    """Gitea's times have no fractions: what tells two events apart are their seconds."""
    started = int(time.time())
    while int(time.time()) == started:
        time.sleep(0.02)


@in_repository("pushes")
def test_a_push_is_decided_by_its_branch_its_files_and_its_message(repository: Repository) -> None:
    ann = repository.ann
    ann.commit("main.go")
    with repository.brings(pushed("main", docs="skip PATHS")):
        ann.push("main")
    ann.commit("docs/guide.md")
    ann.commit("main.go")
    with repository.brings(pushed("main", docs=RUN)):
        ann.push("main")
    for _ in range(12):  # Gitea lists five
        ann.commit("main.go")
    with repository.brings(pushed("main", docs="run PATHS")):
        ann.push("main")
    ann.commit("docs/guide.md", "Change\n\nOnly words. [skip ci]")
    with repository.brings(pushed("main", "skip SKIP_MARKERS", docs="skip SKIP_MARKERS")):
        ann.push("main")
    ann.commit("docs/guide.md")
    with repository.brings(pushed("topic", docs="skip BRANCHES")):
        ann.push("main:topic")
    with repository.brings(pushed("by-api")):
        repository.api("ann", "POST", "branches", new_branch_name="by-api", old_branch_name="topic")
    with repository.brings(pushed("topic", "skip DELETED", docs="skip DELETED")):
        ann.push("--delete", "topic")
    with repository.brings(pushed("main", docs=RUN)):
        content = {"content": "aGVsbG8=", "message": "Change", "branch": "main"}
        repository.api("ann", "POST", "contents/docs/new.md", **content)
    repository.check(workflows=15)


ORDINARY = ("release/1.2", "a.b-c_d")
ODD = (
    "feature/#12-fix", "dependabot/npm_and_yarn/@types/x", "renovate/foo+bar", "功能/登录", "fix=1", "it's", "feat(api)",
    "$(id)", "a;b", "100%", 'say"hi"', "a&b", "_x",
)  # fmt: skip


@in_repository("names")
def test_a_branch_builds_whatever_name_git_takes_where_the_template_takes_any(repository: Repository) -> None:
    for name in ORDINARY:
        with repository.brings(pushed(name)):
            repository.ann.push(f"main:refs/heads/{name}")
    for name in ODD:
        with repository.brings(pushed(name, RUN, "skip REF")):
            repository.ann.push(f"main:refs/heads/{name}")
    for name in ("a{{b}}", "-x"):
        with repository.brings(pushed(name, "skip REF", docs="skip REF")):
            repository.ann.push(f"main:refs/heads/{name}")
    repository.ann.branch("feature/#13")
    repository.ann.commit()
    with repository.brings(pushed("feature/#13", RUN, "skip REF")):
        repository.ann.push("feature/#13")
    with repository.brings(requested(1, "opened", RUN)):
        repository.request("ann", "feature/#13", "main", "Change")
    repository.check(workflows=2 * len(ORDINARY) + len(ODD) + 2)


@in_repository("forced")
def test_a_commit_that_is_pushed_back_and_pushed_again_runs_again(repository: Repository) -> None:
    ann = repository.ann
    ann.branch("topic")
    first = ann.commit()
    with repository.brings(pushed("topic")):
        ann.push("topic")
    second = ann.commit()
    for commit in (second, first, second, first):
        next_second()
        with repository.brings(pushed("topic")):
            ann.push("--force", f"{commit}:refs/heads/topic")
    next_second()
    with repository.brings(pushed("topic", "skip DELETED", docs="skip DELETED")):
        ann.push("--delete", "topic")
    next_second()
    with repository.brings(pushed("topic")):
        ann.push(f"{first}:refs/heads/topic")
    with repository.brings(requested(1, "opened", RUN)):
        repository.request("ann", "topic", "main", "Change")
    for commit in (second, first, second):
        next_second()
        with repository.brings(pushed("topic"), requested(1, "updated", RUN)):
            ann.push("--force", f"{commit}:refs/heads/topic")
    repository.check(workflows=2 * 6 + 1 + 3 * 3)


@in_repository("tags")
def test_a_tag_runs_and_runs_again_when_it_is_made_again(repository: Repository) -> None:
    ann = repository.ann
    ann.git("tag", "v1.0.0")
    ann.git("tag", "-a", "v1.1.0", "-m", "Release [skip ci]")
    for name in ("v1.0.0", "v1.1.0"):
        with repository.brings(tagged(name)):
            ann.push(name)
    next_second()
    with repository.brings(*[tagged("v1.0.0", "skip DELETED")] * 2):  # as a push and as a deletion
        ann.push("--delete", "v1.0.0")
    next_second()
    with repository.brings(tagged("v1.0.0")):
        ann.push("v1.0.0")
    ann.commit()
    ann.git("tag", "--force", "v1.0.0")
    with repository.brings(tagged("v1.0.0"), pushed("main", docs="skip PATHS")):
        ann.push("--force", "main", "v1.0.0")
    with repository.brings(tagged("tools/v1.2.3")):
        ann.push("main:refs/tags/tools/v1.2.3")
    five = [f"many-{number}" for number in range(5)]
    with repository.brings(*(tagged(name) for name in five)):
        ann.push(*(f"main:refs/tags/{name}" for name in five))
    with repository.brings(tagged("v2.0.0")):
        repository.api("ann", "POST", "tags", tag_name="v2.0.0", target="main")
    repository.check(workflows=2 + 1 + 3 + 1 + 5 + 1)


@in_repository("requests")
def test_a_request_runs_when_it_is_ready_and_when_its_commit_or_target_changes(
    repository: Repository,
) -> None:
    ann = repository.ann
    for name in ("develop", "elsewhere"):
        with repository.brings(pushed(name)):
            ann.push(f"main:{name}")
    ann.branch("topic")
    ann.commit()
    with repository.brings(pushed("topic")):
        ann.push("topic")
    with repository.brings(requested(1, "opened", "skip DRAFTS")):
        repository.request("ann", "topic", "main", "WIP: Change")
    with repository.brings(requested(1, "ready", RUN)):
        repository.api("ann", "PATCH", "pulls/1", title="Change")
    with repository.brings(requested(1, "edited", "skip ACTION")):
        repository.api("ann", "PATCH", "pulls/1", title="Change more")
    with repository.brings(requested(1, "edited", "skip ACTION")):
        repository.api("ann", "PATCH", "pulls/1", body="Why")
    label = repository.api("ann", "POST", "labels", name="ok", color="#00ff00")["id"]
    repository.api(
        "ann", "POST", "issues/1/labels", labels=[label]
    )  # told to the organisation's webhook alone
    next_second()
    ann.commit()
    with repository.brings(pushed("topic"), requested(1, "updated", RUN)):
        ann.push("topic")
    with repository.brings(requested(1, "retargeted", RUN, "develop")):
        repository.api("ann", "PATCH", "pulls/1", base="develop")
    with repository.brings(requested(1, "retargeted", "skip INTO", "elsewhere")):
        repository.api("ann", "PATCH", "pulls/1", base="elsewhere")
    with repository.brings(requested(1, "closed", "skip ACTION", "elsewhere")):
        repository.api("ann", "PATCH", "pulls/1", state="closed")
    with repository.brings(requested(1, "reopened", "skip INTO", "elsewhere")):
        repository.api("ann", "PATCH", "pulls/1", state="open")
    # One commit is built once for all that is done to its request without a new commit.
    with repository.brings(requested(1, "retargeted", RUN)):
        repository.api("ann", "PATCH", "pulls/1", base="main")
    with repository.brings(requested(1, "closed", "skip ACTION")):
        repository.api("ann", "PATCH", "pulls/1", state="closed")
    with repository.brings(requested(1, "reopened", RUN)):
        repository.api("ann", "PATCH", "pulls/1", state="open")
    with repository.brings(requested(1, "edited", "skip ACTION")):
        repository.api("ann", "PATCH", "pulls/1", title="[WIP] Change")
    next_second()
    ann.commit()
    with repository.brings(pushed("topic"), requested(1, "updated", "skip DRAFTS")):
        ann.push("topic")
    with repository.brings(requested(1, "ready", RUN)):
        repository.api("ann", "PATCH", "pulls/1", title="Change")
    with repository.brings(requested(1, "edited", "skip ACTION")):
        repository.api("ann", "PATCH", "pulls/1", title="Change [skip ci]")
    next_second()
    ann.commit()
    with repository.brings(pushed("topic"), requested(1, "updated", "skip SKIP_MARKERS")):
        ann.push("topic")
    # Pushes of develop, elsewhere and, four times, topic; ready, updated, moved to develop, and ready again.
    repository.check(workflows=2 * 6 + 4)


def opened_by_bob(repository: Repository) -> None:
    """Bob may read: from his fork, and by AGit, which needs no fork and names the repository itself as the head's."""
    repository.api("bob", "POST", "forks")
    fork = repository.clone("bob", f"bob/{repository.name}")
    fork.branch("topic")
    fork.commit()
    fork.push("topic")
    with repository.brings(requested(1, "opened", "skip FORKS")):
        repository.request("bob", "bob:topic", "main", "Change")
    fork.commit()
    with repository.brings(requested(1, "updated", "skip FORKS")):
        fork.push("topic")
    fork.git("remote", "add", "upstream", fork.git("remote", "get-url", "origin").replace("/bob/", "/acme/"))
    with pytest.raises(RuntimeError, match="denied"):
        fork.git("push", "-q", "upstream", "HEAD:refs/heads/topic")
    fork.commit()
    with repository.brings(requested(2, "opened", "skip FORKS")):
        fork.git("push", "-q", "upstream", "HEAD:refs/for/main", "-o", "topic=change")
    fork.commit()
    with repository.brings(requested(2, "updated", "skip FORKS")):
        fork.git("push", "-q", "upstream", "HEAD:refs/for/main", "-o", "topic=change")
    with repository.brings(requested(3, "opened", "skip FORKS")):
        fork.git("push", "-q", "upstream", "HEAD:refs/for/main/main", "-o", "topic=main", "-o", "title=main")


@in_repository("foreign")
def test_foreign_code_never_runs_as_trusted(repository: Repository) -> None:
    opened_by_bob(repository)
    ann = repository.ann
    with repository.brings(pushed("develop")):
        ann.push("main:develop")
    # What the owner does to such a request does not make it hers.
    for number in (1, 2):
        with repository.brings(requested(number, "edited", "skip ACTION")):
            repository.api("ann", "PATCH", f"pulls/{number}", title="WIP: Change")
        with repository.brings(requested(number, "ready", "skip FORKS")):
            repository.api("ann", "PATCH", f"pulls/{number}", title="Change")
        with repository.brings(requested(number, "retargeted", "skip FORKS", "develop")):
            repository.api("ann", "PATCH", f"pulls/{number}", base="develop")
        with repository.brings(requested(number, "closed", "skip ACTION", "develop")):
            repository.api("ann", "PATCH", f"pulls/{number}", state="closed")
        with repository.brings(requested(number, "reopened", "skip FORKS", "develop")):
            repository.api("ann", "PATCH", f"pulls/{number}", state="open")
    repository.check(workflows=2)


@in_repository("private", private=True)
def test_foreign_code_never_runs_as_trusted_in_a_private_repository(repository: Repository) -> None:
    repository.api("ann", "PUT", "collaborators/bob", permission="read")
    opened_by_bob(repository)
    repository.check(workflows=0)


@in_repository("again")
def test_a_delivery_that_is_sent_again_is_the_same_run(repository: Repository, world: GiteaSite) -> None:
    ann = repository.ann
    ann.branch("topic")
    ann.commit()
    with repository.brings(pushed("topic")):
        ann.push("topic")
    with repository.brings(requested(1, "opened", RUN)):
        repository.request("ann", "topic", "main", "Change")
    with repository.brings(tagged("v1.0.0")):
        ann.push("HEAD:refs/tags/v1.0.0")
    next_second()
    assert len(repository.received()) == 3
    for passed in repository.received():
        with repository.brings(repository.told(passed)):
            delivery = passed.request.headers["X-Gitea-Delivery"]
            world.gitea.redeliver("ann", repository.full_name, repository.hook, delivery)
    repository.check(workflows=2 + 1 + 1)


@in_repository("button")
def test_the_test_button_sends_a_push_of_the_newest_commit(repository: Repository) -> None:
    with repository.brings(pushed("main", docs="run PATHS")):  # its commit comes without its files
        repository.api("ann", "POST", f"hooks/{repository.hook}/tests")
    repository.check(workflows=3, through_organisation=False)


@in_repository("merged")
def test_a_merged_request_runs_as_the_push_that_it_is(repository: Repository) -> None:
    ann = repository.ann
    for number, style in enumerate(("merge", "squash", "rebase", "rebase-merge", "fast-forward-only"), 1):
        ann.git("fetch", "-q")
        ann.branch(style)
        ann.commit(f"{style}.go")
        with repository.brings(pushed(style)):
            ann.push(style)
        with repository.brings(requested(number, "opened", RUN)):
            repository.request("ann", style, "main", "Change")

        with repository.brings(requested(number, "merged", "skip ACTION"), pushed("main", docs="skip PATHS")):
            repository.api("ann", "POST", f"pulls/{number}/merge", Do=style)
    repository.check(workflows=5 * (2 + 1 + 2))


@in_repository("bots")
def test_what_an_excluded_author_pushes_and_asks_for_does_not_run(repository: Repository) -> None:
    repository.api("ann", "PUT", "collaborators/renovate-bot", permission="write")
    bot = repository.clone("renovate-bot")
    bot.branch("renovate/all")
    bot.commit()
    with repository.brings(pushed("renovate/all", "skip AUTHORS", RUN)):
        bot.push("renovate/all")
    with repository.brings(requested(1, "opened", "skip AUTHORS")):
        repository.request("renovate-bot", "renovate/all", "main", "Update")
    repository.check(workflows=1)


@in_repository("others")
def test_what_is_no_push_tag_or_request_starts_nothing(repository: Repository, world: GiteaSite) -> None:
    other = Told("other None", NOT_ASKED, NOT_ASKED, NOT_ASKED)
    with repository.brings(tagged("v1.0.0")):
        repository.api("ann", "POST", "releases", tag_name="v1.0.0", target_commitish="main", name="Release")
    issue = repository.api("ann", "POST", "issues", title="A question", body="Why?")["number"]
    repository.api("bob", "POST", f"issues/{issue}/comments", body="/retest")
    repository.api("ann", "POST", "wiki/new", title="Home", content_base64="aGVsbG8=", message="Write")
    repository.api("bob", "POST", "forks")
    repository.check(workflows=1)
    events = {
        each.request.headers["X-Gitea-Event"]: repository.told(each)
        for each in repository.received(world.of_organisation)
        if each.request.headers["X-Gitea-Event"] != "push"
    }
    assert events == dict.fromkeys(
        ("create", "release", "repository", "issues", "issue_comment", "wiki"), other
    )
