"""hookline init: it reads every form of remote, and guesses nothing."""

import os
import random
import re
import secrets
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from events.host import host, host_names
from events.sources import Source
from hookline.cli import main
from hookline.declaration.remotes import Location, host_of, parse_location
from hookline.declaration.starter import random_endpoint, starter


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is a git repository without remotes, on the branch trunk."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git("init", "-q", "-b", "trunk")
    return tmp_path


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def hookline(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


SHOP = "https://github.com/acme/shop.git"
FORMS = [
    ("https://github.com/acme/shop.git", SHOP, "github"),
    ("https://github.com/acme/shop", SHOP, "github"),
    ("https://github.com/acme/shop/", SHOP, "github"),
    ("https://github.com/acme/shop.git/", SHOP, "github"),
    ("https://github.com:443/acme/shop.git", SHOP, "github"),
    ("https://GitHub.com/acme/shop", SHOP, "github"),
    ("https://octo@github.com/acme/shop.git", SHOP, "github"),
    ("https://octo:t0ken@github.com/acme/shop.git", SHOP, "github"),
    ("https://octo%40acme:t0ken@github.com/acme/shop", SHOP, "github"),
    ("http://github.com/acme/shop", SHOP, "github"),
    ("git://github.com/acme/shop.git", SHOP, "github"),
    ("git@github.com:acme/shop.git", SHOP, "github"),
    ("git@github.com:acme/shop", SHOP, "github"),
    ("git@github.com:/acme/shop.git", SHOP, "github"),
    ("github.com:acme/shop.git", SHOP, "github"),
    ("ssh://git@github.com/acme/shop.git", SHOP, "github"),
    ("ssh://git@github.com:22/acme/shop", SHOP, "github"),
    ("ssh://github.com/acme/shop/", SHOP, "github"),
    ("git+ssh://git@github.com/acme/shop", SHOP, "github"),
    ("ssh://git@ssh.github.com:443/acme/shop.git", SHOP, "github"),
    ("git@github.example.com:acme/shop.git", "https://github.example.com/acme/shop.git", "github"),
    ("https://acme.ghe.com/acme/shop", "https://acme.ghe.com/acme/shop.git", "github"),
    ("git@gitlab.com:group/sub/deep/shop.git", "https://gitlab.com/group/sub/deep/shop.git", "gitlab"),
    ("ssh://git@altssh.gitlab.com:443/group/shop.git", "https://gitlab.com/group/shop.git", "gitlab"),
    ("ssh://git@gitlab.example.com:2222/group/sub/shop.git", "https://gitlab.example.com/group/sub/shop.git", "gitlab"),
    ("https://gitlab.example.com:8443/group/shop.git", "https://gitlab.example.com:8443/group/shop.git", "gitlab"),
    ("https://user:token@gitea.example.com/acme/Shop_API", "https://gitea.example.com/acme/Shop_API.git", "gitea"),
    ("https://codeberg.org/acme/shop", "https://codeberg.org/acme/shop.git", "gitea"),
    ("git@forgejo.example.com:acme/shop", "https://forgejo.example.com/acme/shop.git", "gitea"),
    ("https://github.com/acme/shop.js.git", "https://github.com/acme/shop.js.git", "github"),
    ("git@gitee.com:acme/shop.git", "https://gitee.com/acme/shop.git", "gitee"),
    ("git@bitbucket.org:acme/shop.git", "https://bitbucket.org/acme/shop.git", "bitbucket"),
    ("ssh://git@altssh.bitbucket.org:443/acme/shop.git", "https://bitbucket.org/acme/shop.git", "bitbucket"),
    ("git@codeup.aliyun.com:60de7a68/acme/shop.git", "https://codeup.aliyun.com/60de7a68/acme/shop.git", "codeup"),
    ("https://gitee.example.com/acme/shop", "https://gitee.example.com/acme/shop.git", "gitee"),
]  # fmt: skip


@pytest.mark.parametrize(("remote", "clone", "host"), FORMS, ids=[each[0] for each in FORMS])
def test_every_form_of_remote_is_read(folder: Path, remote: str, clone: str, host: str) -> None:
    git("remote", "add", "origin", remote)
    result = hookline("init")
    assert result.exit_code == 0, result.stderr
    text = (folder / "hookline.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=")
    declared = yaml.safe_load(text)
    assert declared["sources"][host]["host"] == host
    (pipeline,) = declared["pipelines"].values()
    assert pipeline["repository"]["url"] == clone
    assert pipeline["repository"]["name"] == clone.split("/", 3)[3].removesuffix(".git")
    assert pipeline["events"]["push"]["branches"] == ["trunk"]
    assert "t0ken" not in text
    assert "octo" not in text
    assert hookline("validate").exit_code == 0
    assert "exists, and is not overwritten" in hookline("init").stderr
    assert (folder / "hookline.yaml").read_text("utf-8") == text


@pytest.mark.parametrize(
    ("remote", "sentence"),
    [
        ("/srv/git/acme/shop.git", "the git remote is /srv/git/acme/shop.git: a folder sends no events; expected a server and a name"),
        ("file:///srv/git/shop.git", "a folder sends no events"),
        ("../shop.git", "a folder sends no events"),
        ("git@work:acme/shop.git", "work looks like a name of your SSH configuration, not like a server"),
        ("ssh://git@github-work/acme/shop", "github-work looks like a name of your SSH configuration"),
        ("http://github.example.com:3000/acme/shop", "port 3000 serves plain HTTP"),
        ("https://github.com/shop", "expected a server and a name"),
        ("https://github.com:port/acme/shop", "expected a server and a name"),
        ("https://x:t0ken@github.com/acme/my%20shop", "expected a server and a name"),
        ("s3://bucket/acme/shop", "expected a server and a name"),
        ("git@[::1]:acme/shop", "expected a server and a name"),
        ("https://git.example.com/acme/shop", "the name of git.example.com does not say which git host it is; expected --host bitbucket, bitbucketserver, codeup, gitea, gitee, github, gitlab"),
        ("https://mygithub.example.com/acme/shop", "does not say which git host it is"),
        ("git@bucket.example.org:acme/shop.git", "does not say which git host it is"),
    ],
)  # fmt: skip
def test_what_names_no_repository_or_no_host_is_refused_and_nothing_is_written(
    folder: Path, remote: str, sentence: str
) -> None:
    git("remote", "add", "origin", remote)
    result = hookline("init")
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert "t0ken" not in result.stderr
    assert not (folder / "hookline.yaml").exists()


def test_the_host_can_be_named(folder: Path) -> None:
    git("remote", "add", "origin", "https://git.example.com/acme/shop")
    for name in ("github", "gitlab", "gitea", "gitee", "codeup", "bitbucket"):
        text = hookline("init", "--host", name, "--to", "-").stdout
        assert yaml.safe_load(text)["sources"][name]["host"] == name
    assert hookline("init", "--host", "acr").exit_code == 2


@pytest.mark.parametrize("name", [each for each in host_names() if "push" in host(each).kinds])
def test_the_file_for_any_git_host_is_valid_and_names_its_webhook(folder: Path, name: str) -> None:
    git("remote", "add", "origin", "https://git.example.com/acme/shop")
    assert hookline("init", "--host", name).exit_code == 0
    assert hookline("validate").exit_code == 0
    printed = hookline("webhooks").stdout
    assert host(name).webhook.place in printed


@pytest.mark.parametrize(
    "remote",
    [
        "https://bitbucket.example.com/scm/prj/my-repo.git",
        "https://octo@bitbucket.example.com/scm/prj/my-repo.git",
        "ssh://git@bitbucket.example.com:7999/prj/my-repo.git",
    ],
)
def test_of_bitbucket_data_center_the_name_is_told_from_the_path_of_clones(folder: Path, remote: str) -> None:
    git("remote", "add", "origin", remote)
    declared = yaml.safe_load(hookline("init", "--to", "-").stdout)
    assert declared["sources"]["bitbucketserver"]["host"] == "bitbucketserver"
    repository = declared["pipelines"]["my-repo"]["repository"]
    assert repository["name"] == "prj/my-repo"
    assert repository["url"] == "https://bitbucket.example.com/scm/prj/my-repo.git"


def test_without_origin_the_only_remote_is_taken(folder: Path) -> None:
    result = hookline("init")
    assert result.exit_code == 2
    assert "there is no git remote origin here; name the repository" in result.stderr
    git("remote", "add", "upstream", "git@github.com:acme/shop.git")
    assert f"url: {SHOP}\n" in hookline("init", "--to", "-").stdout
    git("remote", "add", "fork", "git@github.com:mallory/shop.git")
    assert hookline("init").exit_code == 2
    git("remote", "rename", "upstream", "origin")
    assert f"url: {SHOP}\n" in hookline("init", "--to", "-").stdout


def test_outside_of_a_repository_its_name_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert hookline("init").exit_code == 2
    for given in ("github.com/acme/shop", "https://github.com/acme/shop.git", "git@github.com:acme/shop"):
        assert f"url: {SHOP}\n" in hookline("init", "--repository", given, "--to", "-").stdout
    text = hookline(
        "init", "--repository", "git.example.com:8443/acme/shop", "--host", "gitea", "--to", "-"
    ).stdout
    assert "url: https://git.example.com:8443/acme/shop.git\n" in text
    for wrong in (
        "shop",
        "acme/shop",
        "group/sub/shop",
        "github.com/shop",
        "github.com/a/b c",
        "github.com/acme/..",
        "",
    ):
        result = hookline("init", "--repository", wrong)
        assert (wrong, result.exit_code) == (wrong, 2)
        assert "expected a server and a name" in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_endpoint_that_messages_ask_for_is_printed_and_accepted(folder: Path) -> None:
    declared = "version: 1\nsources:\n  acr: {host: acr, endpoint: %s, unverified: {because: ACR cannot sign, allowed_cidrs: [203.0.113.0/24]}}\n"
    (folder / "hookline.yaml").write_text(declared % "/acr", "utf-8")
    refused = hookline("validate")
    assert refused.exit_code == 2
    (advised,) = re.findall(r"hookline (init --\w+) prints one", refused.stderr)
    first, second = (hookline(*advised.split()).stdout.strip() for _ in range(2))
    assert first != second
    (folder / "hookline.yaml").write_text(declared % first, "utf-8")
    assert hookline("validate").exit_code == 0


def test_a_servers_name_says_its_host_as_a_whole_word_only() -> None:
    assert host_of("gitlab.example.com:8443") == "gitlab"
    assert [host_of(each) for each in ("notgithub.com", "git.example.com", "github-mirror.example.com")] == [
        None
    ] * 3
    assert parse_location("github.com/acme/shop").server == "github.com"


def test_every_endpoint_that_is_printed_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = random.Random(7)
    monkeypatch.setattr(secrets, "token_bytes", numbers.randbytes)
    unverified = {"because": "ACR cannot sign", "allowed_cidrs": ["203.0.113.0/24"]}
    for _ in range(2_000):
        Source.model_validate(
            {"host": "acr", "endpoint": random_endpoint("acr"), "unverified": unverified}, context={}
        )


def test_init_everything_in_comments_is_valid_too(folder: Path) -> None:
    text = hookline("init", "--repository", "github.com/acme/shop", "--to", "-").stdout
    lines = [
        line.replace("# ", "", 1)
        if line.lstrip().startswith("# ")
        and ":" in line
        and not line.lstrip().startswith(("# $", "# Create"))
        and "This path" not in line
        and "schema" not in line
        else line
        for line in text.splitlines()
    ]
    (folder / "hookline.yaml").write_text("\n".join(lines), "utf-8")
    result = hookline("validate")
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("name", [each for each in host_names() if "push" in host(each).kinds])
def test_init_offers_the_events_that_the_host_can_start(folder: Path, name: str) -> None:
    text = hookline("init", "--repository", "git.example.com/acme/shop", "--host", name, "--to", "-").stdout
    assert ("# pull_request:" in text) == ("pull_request" in host(name).kinds)


@pytest.mark.parametrize(
    "branch", ["1.20", "on", "fix/#12", "it's", "功能/登录", "feature/a", "null", "0x1", "-"]
)
def test_init_writes_the_branch_as_text(folder: Path, branch: str) -> None:
    text = yaml.safe_load(starter(Location("github.com", "acme/shop"), "github", branch))
    assert text["pipelines"]["shop"]["events"]["push"]["branches"] == [branch]


@pytest.mark.parametrize("openssl", ["exit 1", "exit 0", "echo 5ec1e7"])
def test_the_commands_of_init_never_make_an_empty_secret(folder: Path, openssl: str) -> None:
    text = hookline("init", "--repository", "github.com/acme/shop", "--to", "-").stdout
    commands = "\n".join(line.partition("# $ ")[2] for line in text.splitlines() if "# $ " in line)
    for name, script in (("openssl", openssl), ("kubectl", 'echo "$@" > made')):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        (folder / name).chmod(0o755)
    path = {"PATH": f"{folder}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", commands], check=False, capture_output=True, env=path)
    assert (folder / "made").exists() == (openssl == "echo 5ec1e7")
    if (folder / "made").exists():
        assert "--from-file=secret=github-webhook.secret" in (folder / "made").read_text("utf-8")
        assert (folder / "github-webhook.secret").stat().st_mode & 0o077 == 0


def test_init_prints_another_path_each_time() -> None:
    first, second = (
        hookline("init", "--repository", "github.com/acme/shop", "--to", "-").stdout for _ in range(2)
    )
    assert first != second
