"""--source is asked for only where two sources could have received a delivery; of several deliveries one is chosen by its number."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support import edited, github_push, payload, plan

from events.delivery import DeliveryError
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.receiving import file_and_number
from hookline.cli import main

EVERY_HOST = """\
version: 1
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}}
  gitea: {host: gitea, endpoint: /gitea, secret: {name: hooks, key: gitea}}
  gitlab: {host: gitlab, endpoint: /gitlab, secret: {name: hooks, key: gitlab}}
  ghcr: {host: ghcr, endpoint: /ghcr, secret: {name: hooks, key: ghcr}}
  harbor: {host: harbor, endpoint: /harbor, secret: {name: hooks, key: harbor}}
  distribution: {host: distribution, endpoint: /distribution, secret: {name: hooks, key: distribution}}
  acr: {host: acr, endpoint: /acr/0f9kW3xQ7pL2vN8sT4yB6d, unverified: {because: ACR cannot sign anything, allowed_cidrs: [203.0.113.0/24]}}
  dockerhub: {host: dockerhub, endpoint: /hub/0f9kW3xQ7pL2vN8sT4yB6d, unverified: {because: it cannot sign anything, allowed_cidrs: [203.0.113.0/24]}}
pipelines:
  shop:
    repository: {source: github, name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    events: {push: {branches: [main]}}
"""
TWO_GITLABS = EVERY_HOST.replace(
    "pipelines:",
    "  second: {host: gitlab, endpoint: /second, secret: {name: hooks, key: second}}\npipelines:",
)


def received(
    value: Any, text: str = EVERY_HOST, headers: dict[str, str] | None = None, number: int | None = None
) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    named = {name.replace("_", "-"): each for name, each in (headers or {}).items()}
    return incoming(plan(text), "event", content, EventOptions(None, named, number=number)).event_name


ALL = "acr, distribution, dockerhub, ghcr, gitea, github, gitlab, harbor"
GITEA = {"X_Gitea_Event": "push", "X_Gogs_Event": "push", "X_Github_Event": "push"}
NOTIFICATION = next(
    body
    for _, _, body in payload("distribution/notifications")
    if body["events"][0]["action"] == "push" and body["events"][0]["target"].get("tag")
)


@pytest.mark.parametrize(
    ("source", "body", "headers"),
    [
        ("github", github_push(), {"X_Github_Event": "push"}),
        ("github", payload("github/pull_request-opened"), {"X_Github_Event": "pull_request"}),
        ("github", payload("github/issue_comment-created"), {"X_Github_Event": "issue_comment"}),
        ("ghcr", edited(payload("github/package-published"), package__package_type="CONTAINER", package__ecosystem="CONTAINER"), {"X_Github_Event": "package"}),
        ("gitea", payload("gitea/push"), GITEA),
        ("gitea", payload("gitea/push"), {**GITEA, "X_Forgejo_Event": "push"}),
        ("gitea", payload("gitea/pull_request-opened"), dict.fromkeys(GITEA, "pull_request")),
        ("gitlab", payload("gitlab/push"), {"X_Gitlab_Event": "Push Hook"}),
        ("gitlab", payload("gitlab/push"), {}),
        ("gitlab", payload("gitlab/tag_push"), {}),
        ("gitlab", payload("gitlab/merge_request"), {}),
        ("harbor", payload("harbor/push_artifact"), {}),
        ("harbor", edited(payload("harbor/push_artifact"), type="PULL_ARTIFACT"), {}),
        ("distribution", NOTIFICATION, {}),
        ("acr", payload("acr/push"), {}),
        ("dockerhub", payload("dockerhub/push"), {}),
    ],
)  # fmt: skip
def test_a_delivery_is_received_by_the_source_whose_host_sends_such(
    source: str, body: Any, headers: dict[str, str]
) -> None:
    assert received(body, headers=headers) == source
    with_others = EVERY_HOST.replace("github, endpoint: /github", "github, endpoint: /other")
    assert received(body, with_others, headers) == source


@pytest.mark.parametrize(
    ("body", "headers", "text", "sources"),
    [
        (payload("gitlab/push"), {}, TWO_GITLABS, "gitlab, second"),
        (payload("github/ping-hook"), {"X_Github_Event": "ping"}, EVERY_HOST, "ghcr, github"),
        (github_push(), {}, EVERY_HOST, ALL),  # without its header, nobody can tell
        ({"a": 1}, {}, EVERY_HOST, ALL),
        ([], {}, EVERY_HOST, ALL),
        (b"not JSON", {}, EVERY_HOST, ALL),
    ],
)
def test_the_source_is_asked_for_where_two_could_have_received_it(
    body: Any, headers: dict[str, str], text: str, sources: str
) -> None:
    with pytest.raises(
        DeliveryError, match=f"name the source that receives it with --source; sources: {sources}$"
    ):
        received(body, text, headers)


def saved_by_gitlab(url: str) -> dict[str, Any]:
    return {
        "url": url,
        "request_headers": {"X-Gitlab-Event": "Push Hook"},
        "request_data": payload("gitlab/push"),
    }


def test_the_noted_url_tells_two_sources_of_one_host_apart() -> None:
    assert received(saved_by_gitlab("https://ci.example.com/second"), TWO_GITLABS) == "second"
    assert received([saved_by_gitlab("https://ci.example.com/gitlab")], TWO_GITLABS) == "gitlab"


def test_the_url_of_another_webhook_does_not_matter() -> None:
    assert received(saved_by_gitlab("https://jenkins.example.com/gitlab-webhook/post")) == "gitlab"


def recording(*urls: str) -> bytes:
    entries = [
        {"request": {"method": "POST", "url": url, "headers": [{"name": "X-GitHub-Event", "value": "push"}], "postData": {"text": json.dumps(github_push())}}}
        for url in urls
    ]  # fmt: skip
    return json.dumps({"log": {"entries": entries}}).encode()


def test_of_several_requests_the_one_that_was_sent_to_a_source_is_meant() -> None:
    content = recording("https://metrics.example.com/beacon", "https://ci.example.com/github")
    assert received(content) == "github"


def test_several_deliveries_are_listed_and_one_is_chosen_by_its_number() -> None:
    content = recording(*[f"https://ci.example.com/{each}" for each in ("github", "gitea", "github")])
    with pytest.raises(DeliveryError) as refused:
        received(content)
    assert str(refused.value) == (
        "the file holds 3 deliveries; choose one by its number: event#1 (push at /github), event#2 (push at /gitea), "
        "event#3 (push at /github)"
    )
    assert received(content, number=1) == "github"
    assert received(content, number=2) == "gitea"
    with pytest.raises(DeliveryError, match="the file holds 3 events, so there is no number 4"):
        received(content, number=4)


def test_a_long_list_is_cut() -> None:
    with pytest.raises(DeliveryError, match=r"event#10 \(push at /x\), and 2 more$"):
        received(recording(*["https://ci.example.com/x"] * 12))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a.har#2", ("a.har", 2)),
        ("a.har", ("a.har", None)),
        ("-#3", ("-", 3)),
        ("a#0", ("a#0", None)),
        ("a#x", ("a#x", None)),
        ("is#1", ("is#1", None)),
        ("is#1#2", ("is#1", 2)),
        ("#1", ("#1", None)),
    ],
)
def test_the_number_stands_behind_the_file(
    given: str, expected: tuple[str, int | None], tmp_path: Path
) -> None:
    (tmp_path / "is#1").touch()
    assert file_and_number(given, tmp_path) == expected


# --- On the command line -----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ci").mkdir()
    tests = "tests:\n  - {name: second, event: all.har#2, expect: {shop: run}}\n  - {name: all, event: all.har, expect: {shop: run}}\n"
    (tmp_path / "ci/hookline.yaml").write_text(EVERY_HOST + tests, "utf-8")
    (tmp_path / "ci/all.har").write_bytes(
        recording("https://a.example.com/github", "https://a.example.com/github")
    )
    return tmp_path


def hookline(*arguments: str, text: bytes | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=text)


def test_a_source_that_nobody_named_is_said(folder: Path) -> None:
    (folder / "gitlab.json").write_text(json.dumps(saved_by_gitlab("https://jenkins.example.com/x")), "utf-8")
    result = hookline("simulate", "-f", "ci/hookline.yaml", "-e", "gitlab.json", "-o", "json")
    assert result.stderr == "received by gitlab; --source names another source\n"
    assert json.loads(result.stdout)["event"]["kind"] == "push"
    (folder / "raw").write_text(f"POST /gitlab HTTP/1.1\n\n{json.dumps(payload('gitlab/push'))}", "utf-8")
    for named in (("-e", "gitlab.json", "--source", "gitlab"), ("-e", "raw")):
        assert hookline("simulate", "-f", "ci/hookline.yaml", *named).stderr == ""


def test_simulate_takes_the_number_of_a_delivery(folder: Path) -> None:
    result = hookline("simulate", "-f", "ci/hookline.yaml", "-e", "ci/all.har#2")
    assert result.exit_code == 0, result.output
    assert "shop" in result.stdout
    content = (folder / "ci/all.har").read_bytes()
    assert hookline("explain", "shop", "-f", "ci/hookline.yaml", "-e", "-#1", text=content).exit_code == 0
    refused = hookline("simulate", "-f", "ci/hookline.yaml", "-e", "ci/all.har")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith(
        "error: ci/all.har: the file holds 2 deliveries; choose one by its number: ci/all.har#1 "
    )


def test_a_test_of_the_declaration_takes_it_too(folder: Path) -> None:
    result = hookline("test", "-f", "ci/hookline.yaml")
    assert result.exit_code == 1
    assert "choose one by its number: all.har#1" in result.output
    assert result.output.count("choose one") == 1
