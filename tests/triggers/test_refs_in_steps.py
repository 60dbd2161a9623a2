"""hookline-ci-go takes every name of a branch or tag that git takes: its own scripts, run by sh with the real git.

Containers, servers and BuildKit are asked by tests/template.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from local_steps import FOLDERS, Pod, git

NAMES = (
    "feature/#12-fix", "dependabot/npm_and_yarn/@types/x", "renovate/foo+bar", "功能/登录", "fix=1", "it's", "feat(api)", "_private",
    "-x", "--upload-pack=touch${IFS}ran", "@", "a;touch${IFS}ran", "$(touch${IFS}ran)", "`touch${IFS}ran`", 'a"b', "a|b&c<d>e!f,g%h$i",
    "x" * 100 + "/" + "y" * 99,
)  # fmt: skip
IMAGE_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
URL = "https://git.example.com/acme/shop.git"


@dataclass(frozen=True)
class Upstream:
    """A repository, and the commit of each of its refs."""

    folder: Path
    commits: Mapping[str, str]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    """A repository with a branch and a tag of every name, each at a commit of its own."""
    folder = tmp_path_factory.mktemp("upstream")
    git("init", "-q", "-b", "main", folder=folder)
    refs = [f"refs/{kind}/{name}" for kind in ("heads", "tags") for name in NAMES]
    # One process makes them all (git-fast-import(1)).
    history = "".join(
        f"commit refs/heads/main\ncommitter x <x> {number} +0000\ndata 0\n\nreset {ref}\nfrom refs/heads/main\n\n"
        for number, ref in enumerate([*refs, "refs/heads/last"])
    )
    git("fast-import", "--quiet", folder=folder, said=history)
    lines = git("for-each-ref", "--format=%(objectname) %(refname)", folder=folder).splitlines()
    commits = {ref: commit for commit, _, ref in (line.partition(" ") for line in lines)}
    assert commits.keys() == {*refs, "refs/heads/main", "refs/heads/last"}
    assert len({commits[ref] for ref in refs}) == len(refs)
    return Upstream(folder, commits)


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    """A pod's folders, empty."""
    for folder in FOLDERS:
        (tmp_path / folder.removeprefix("/")).mkdir(parents=True)
    return Pod(tmp_path)


def checked_out(pod: Pod, upstream: Upstream, **values: str) -> None:
    """Run git-checkout-pr; the commit that the event told is what comes out."""
    commit = upstream.commits[values["REF"]]
    wanted = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{upstream.folder}.insteadOf",
        "GIT_CONFIG_VALUE_0": URL,
    }
    done = pod.run(
        "git-checkout-pr",
        **{
            "REPO_URL": URL,
            "REPO_NAME": "shop",
            "TARGET_BRANCH": "main",
            "REVISION": commit,
            **values,
            **wanted,
        },
    )
    assert done.returncode == 0, done.stderr
    assert pod.output("commit") == commit
    assert not list(pod.root.rglob("ran"))
    cache = pod.output("cache")
    assert cache == "" or IMAGE_TAG.fullmatch(cache), cache


def test_a_branch_or_a_tag_of_any_name_is_checked_out_at_its_commit(pod: Pod, upstream: Upstream) -> None:
    caches = set()
    for name in NAMES:
        checked_out(pod, upstream, TARGET_BRANCH=name, REF=f"refs/heads/{name}")
        caches.add(pod.output("cache"))
        assert pod.output("latest") == "false"
    assert len(caches) == len(NAMES)  # no branch writes another's cache
    for name in NAMES[:4]:
        checked_out(pod, upstream, REF=f"refs/tags/{name}", REVISION="")
        assert pod.output("cache") == ""


@pytest.mark.parametrize(
    "ref", ["refs/heads/a..b", "refs/heads/a b", "refs/heads/a.lock", "main", "-x", "refs/heads/a\nb"]
)
def test_what_git_takes_for_no_ref_is_refused(pod: Pod, ref: str) -> None:
    done = pod.run("git-checkout-pr", REPO_URL=URL, REPO_NAME="shop", TARGET_BRANCH="main", REF=ref)
    assert done.returncode == 1
    assert "is no ref of git" in done.stderr


@pytest.fixture
def builder(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> Pod:
    """A pod that has a source, the registry's password, and in place of BuildKit a tool that writes down what it is told."""
    (pod.root / "work").mkdir()
    (pod.root / "work/Dockerfile").write_text("FROM scratch\n", "utf-8")
    subprocess.run(["tar", "-C", pod.root / "work", "-cf", pod.root / "source/abc.tar", "."], check=True)
    (pod.root / "config.json").write_text("{}", "utf-8")
    tool = pod.root / "bin/buildctl-daemonless.sh"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {pod.root}/told\n', "utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return pod


def built(pod: Pod, tag: str, ref: str) -> subprocess.CompletedProcess[str]:
    return pod.run(
        "build-push-image", SOURCE="abc", REF=ref, COMMIT="c" * 40, COMMIT_TIME="0", CACHE="", CONTAINER_TAG=tag, DOCKERFILE="Dockerfile",
        CONTAINER_IMAGE="registry.example.com/acme/shop", ENABLE_SUFFIX_COMMITID="true", DOCKER_CONFIG=str(pod.root),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("git_tag", "image_tag"),
    [("v1.2.3", "v1.2.3"), ("tools/v1.2.3", "tools-v1.2.3"), ("_x", "_x")],
)
def test_a_git_tag_becomes_a_tag_of_the_image_by_one_rule(builder: Pod, git_tag: str, image_tag: str) -> None:
    done = built(builder, git_tag, f"refs/tags/{git_tag}")
    assert done.returncode == 0, done.stderr
    image = "registry.example.com/acme/shop"
    told = (builder.root / "told").read_text("utf-8")
    assert f'"name={image}:{image_tag}-{"c" * 12},{image}:{image_tag}"' in told
    assert builder.output("tags") == f"{image_tag}-{'c' * 12} {image_tag}"


@pytest.mark.parametrize(
    "tag",
    [
        "latest",
        "buildcache",
        "buildcache-main-01234567",
        "功能",
        "-x",
        "a b",
        "v1.2.3+5",
        'x",push=false',
        "",
    ],
)
def test_a_tag_that_an_image_cannot_have_pushes_nothing(builder: Pod, tag: str) -> None:
    done = built(builder, tag, "refs/heads/main")
    assert (done.returncode, (builder.root / "told").exists()) == (1, False)
    assert "container_tag: " in done.stderr
