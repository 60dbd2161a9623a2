"""Limits of the decision: the last text that passes, and the first that does not."""

from typing import Any

import pytest
from mutations import DIGEST, container
from support import OTHER_SHA, SHA, data, edited, github_push, payload, program

EVERY: dict[str, Any] = {"push": {}, "tag": {}, "pull_request": {}, "image_push": {}}
PR = edited(payload("github/pull_request-opened"), repository__full_name="acme/shop")


def decided(body: Any, rules: dict[str, Any] = EVERY, event: str = "push", delivery: str = "d") -> Any:
    headers = {"X_Github_Event": event, "X_Github_Delivery": delivery}
    return program("github", rules, ("acme/shop", "a" * 300, "b" * 301)).decide(
        data("github", body, **headers)
    )


def pushed(**changes: Any) -> Any:
    """An image's push to ACR, decided."""
    body = payload("acr/push")
    body["push_data"] |= changes
    return program("acr", EVERY, ("namespace/repoTest",)).decide(data("acr", body))


@pytest.mark.parametrize(
    ("sent", "told"),
    [("d" * 128, "d" * 128), ("d" * 129, ""), ("aZ09._:-", "aZ09._:-"), ("a b", ""), ("a\n", ""), ("\na", ""), ("", "")],
)  # fmt: skip
def test_the_id_of_a_delivery_becomes_an_annotation_whole_or_not_at_all(sent: str, told: str) -> None:
    assert decided(github_push(), delivery=sent)["delivery"] == told


@pytest.mark.parametrize(
    ("sha", "reason"),
    [
        ("0123456789abcdef" * 4, "MATCH"), ("0123456789abcdef" * 2 + "0" * 8, "MATCH"), ("a" * 39, "COMMIT"), ("a" * 41, "COMMIT"),
        ("a" * 63, "COMMIT"), ("a" * 65, "COMMIT"), ("A" * 40, "COMMIT"), ("g" * 40, "COMMIT"), ("0" * 39 + "1", "MATCH"), (["a" * 40], "COMMIT"),
    ],
)  # fmt: skip
def test_a_commit_is_40_or_64_hexadecimal_digits(sha: Any, reason: str) -> None:
    assert decided(github_push(after=sha))["reason"] == reason


@pytest.mark.parametrize(("name", "reason"), [("a" * 300, "MATCH"), ("b" * 301, "REPOSITORY")])
def test_a_repository_has_a_name_of_300_characters_at_most(name: str, reason: str) -> None:
    assert decided(github_push(repository__full_name=name))["reason"] == reason


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("a" * 128, "MATCH"), ("a" * 129, "IMAGE_TAG"), ("_aZ09.-", "MATCH"), ("9", "MATCH"), (".a", "IMAGE_TAG"), ("-a", "IMAGE_TAG"),
        ("a/b", "IMAGE_TAG"), ("a\n", "IMAGE_TAG"), ("", "IMAGE_TAG"), (1, "IMAGE_TAG"),
    ],
)  # fmt: skip
def test_a_tag_of_an_image_is_what_the_oci_specification_allows(tag: Any, reason: str) -> None:
    assert pushed(tag=tag)["reason"] == reason


@pytest.mark.parametrize(
    ("digest", "reason"),
    [
        (DIGEST, "MATCH"), (None, "MATCH"), (DIGEST + "a", "DIGEST"), (DIGEST[:-1], "DIGEST"), (DIGEST.upper(), "DIGEST"),
        ("x" + DIGEST, "DIGEST"), (DIGEST + "\n", "DIGEST"),
    ],
)  # fmt: skip
def test_a_digest_is_64_hexadecimal_digits_after_sha256(digest: str | None, reason: str) -> None:
    found = pushed(digest=digest)
    assert found["reason"] == reason
    if reason == "MATCH":
        assert found["sha"] == (digest or "")
        assert found["event"].endswith(f"latest {digest or ''}")


@pytest.mark.parametrize(
    ("tag", "reason", "parameter"),
    [
        ("v" * 100, "MATCH", "v" * 100), ("v" * 101, "IMAGE_TAG", ""), ("tools/v1.2", "MATCH", "tools-v1.2"),
        ("latest", "IMAGE_TAG", ""), ("buildcache", "IMAGE_TAG", ""), ("latest-1", "MATCH", "latest-1"), ("a/latest", "MATCH", "a-latest"),
    ],
)  # fmt: skip
def test_a_git_tag_becomes_a_tag_that_the_template_does_not_keep_for_itself(
    tag: str, reason: str, parameter: str
) -> None:
    found = decided(github_push(ref=f"refs/tags/{tag}"))
    assert found["reason"] == reason
    assert found.get("parameters", {}).get("container_tag", "") == parameter


@pytest.mark.parametrize(
    ("author", "reason"),
    [("a" * 1000, "MATCH"), ("a" * 1001, "AUTHORS"), (None, "AUTHORS"), (1, "AUTHORS"), ("A-Bot", "AUTHORS"), ("a-bots", "MATCH")],
)  # fmt: skip
def test_an_author_that_cannot_be_tried_is_not_chosen(author: Any, reason: str) -> None:
    rules = {kind: {"authors": {"exclude": ".*-bot"}} for kind in ("push", "pull_request")}
    assert decided(github_push(sender={"login": author}), rules)["reason"] == reason
    assert decided(edited(PR, sender={"login": author}), rules, "pull_request")["reason"] == reason


@pytest.mark.parametrize(("length", "verdict"), [(1000, "skip"), (1001, "unknown")])
def test_a_path_of_1000_characters_is_tried_and_a_longer_one_is_not(length: int, verdict: str) -> None:
    body = github_push()
    body["commits"][0]["modified"] = ["a" * length]
    assert decided(body, {"push": {"paths": {"include": "docs/.*"}}})["verdict"] == verdict


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("2026-11-26T17:27:25.123+08:00", " 2026-11-26T17:27:25.123+08:00"), ("2026-11-26 17:27:25 UTC", " 2026-11-26_17:27:25_UTC"),
        ("1" * 64, " " + "1" * 64), ("1" * 65, ""), ("1\n", ""), ("1;id", ""), ("", ""), (None, ""), (1, " 1"), (1.9, " 1"), (0, ""), (-1, ""),
        (10**15 - 1, f" {10**15 - 1}"), (10**15, ""),
    ],
)  # fmt: skip
def test_the_time_of_a_push_is_part_of_its_event_where_it_is_harmless(sent: Any, told: str) -> None:
    body = github_push(repository={"full_name": "acme/shop", "pushed_at": sent})
    assert decided(body)["event"] == f"shop github push acme/shop refs/heads/main {OTHER_SHA} {SHA}{told}"


def test_a_time_that_is_empty_is_none() -> None:
    body = github_push(repository={"full_name": "acme/shop", "pushed_at": ""})
    assert program("github").canonical(data("github", body, X_Github_Event="push"))["occurrence"] is None


@pytest.mark.parametrize(
    ("sent", "told"),
    [(10**11 - 1, f"{10**11 - 1}"), (10**11, None), (1.9, "1"), (1, "1"), (0, None), ("1417566161", "1417566161"), ("a;b", "a;b")],
)  # fmt: skip
def test_the_time_of_a_push_to_docker_hub_tells_it_from_others(sent: Any, told: str | None) -> None:
    text = data("dockerhub", edited(payload("dockerhub/push"), push_data__pushed_at=sent))
    assert program("dockerhub").canonical(text)["image"]["occurrence"] == told
    event = program("dockerhub", EVERY, ("octo/base",)).decide(text)["event"]
    harmless = told if told is not None and ";" not in told else ""
    assert event == f"shop dockerhub image_push octo/base latest {harmless}"


def test_of_several_pushes_of_which_no_pipeline_knows_one_the_first_is_told() -> None:
    resources = [{"digest": DIGEST, "tag": tag} for tag in ("1", "2", "3")]
    body = edited(payload("harbor/push_artifact"), event_data__resources=resources)
    assert [each["image"]["tag"] for each in program("harbor").used(data("harbor", body))] == ["1"]


def test_what_a_payload_does_not_tell_of_a_repository_contradicts_nothing() -> None:
    """Names that agree prove it; an id that one side alone has says nothing."""
    for side in ("head", "base"):
        body = edited(PR, **{f"pull_request__{side}__repo__id": None})
        found = program("github").canonical(data("github", body, X_Github_Event="pull_request"))
        assert found["pull_request"]["fork"] is False


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"package_type": "container", "ecosystem": None}, "image_push"), ({"package_type": "docker", "ecosystem": None}, "image_push"),
        ({"package_type": "npm", "ecosystem": "CONTAINER"}, "image_push"), ({"package_type": None, "ecosystem": "docker"}, "image_push"),
        ({"package_type": "npm", "ecosystem": "npm"}, "other"), ({"package_type": None, "ecosystem": None}, "other"),
    ],
)  # fmt: skip
def test_a_package_is_an_image_by_its_type_or_by_its_ecosystem(changes: dict[str, Any], kind: str) -> None:
    body = container()
    body["package"] |= changes
    assert program("ghcr").canonical(data("ghcr", body, X_Github_Event="package"))["kind"] == kind


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("ghcr.io/o/n:1", "o/n"), ("ghcr.io/O/N@" + DIGEST, "o/n"), ("ghcr.io/o/n", "o/n"), ("ghcr.io/:1", "codertocat/base"),
        ("ghcr.io/@" + DIGEST, "codertocat/base"), ("ghcr.io/", "codertocat/base"), ("xghcr.io/o/n", "codertocat/base"), (1, "codertocat/base"),
    ],
)  # fmt: skip
def test_a_package_is_named_by_its_url_and_else_by_its_namespace(url: Any, name: str) -> None:
    body = edited(container(), package__package_version__package_url=url, package__name="base")
    for namespace in ("codertocat", "Codertocat/base"):
        body["package"]["namespace"] = namespace
        assert program("ghcr").canonical(data("ghcr", body, X_Github_Event="package"))["repository"] == name


def test_a_push_to_gitlab_has_no_time_whatever_it_checks_out() -> None:
    body = payload("gitlab/push")
    found = program("gitlab").canonical(data("gitlab", edited(body, checkout_sha=None)))
    assert (found["sha"], found["occurrence"]) == (body["after"], None)


@pytest.mark.parametrize(("name", "repository"), [("acr", "repo_full_name"), ("dockerhub", "repo_name")])
@pytest.mark.parametrize(
    ("body", "kind"),
    [({"push_data": {}}, "image_push"), ({}, "other"), ({"push_data": "x"}, "other"), ({"push_data": {}, "repository": {}}, "other")],
)  # fmt: skip
def test_a_delivery_without_a_push_or_a_repository_is_no_push(
    name: str, repository: str, body: dict[str, Any], kind: str
) -> None:
    sent = {"repository": {repository: "base/go"}, **body}
    assert program(name).canonical(data(name, sent))["kind"] == kind


@pytest.mark.parametrize(
    ("sign", "reason"),
    [("\x9f", "REF"), ("\xa0", "MATCH"), ("\x7f", "REF"), ("~", "REF"), ("}", "MATCH"), ("!", "MATCH"), (" ", "REF"), ("\x80", "REF")],
)  # fmt: skip
def test_a_template_that_takes_any_ref_takes_no_control_character(sign: str, reason: str) -> None:
    text = data("github", github_push(ref=f"refs/heads/a{sign}b"), X_Github_Event="push")
    assert program("github", EVERY, ("acme/shop",), any_ref=True).decide(text)["reason"] == reason


def test_runs_share_the_mutex_that_the_pipeline_names_and_else_that_of_its_checkout() -> None:
    def mutex(line: dict[str, Any]) -> str:
        return str(decided(github_push(), line)["spec"]["synchronization"]["mutexes"][0]["name"])

    assert mutex(EVERY) == "shop"
    assert mutex({**EVERY, "mutex": "own"}) == "own"
    assert mutex({**EVERY, "arguments": {}}) == ""


@pytest.mark.parametrize(("any_ref", "reason"), [(False, "REF"), (True, "MATCH")])
def test_a_request_whose_branch_is_not_told_runs_where_its_number_is_enough(
    *, any_ref: bool, reason: str
) -> None:
    text = data("github", edited(PR, pull_request__head__ref=None), X_Github_Event="pull_request")
    found = program("github", EVERY, ("acme/shop",), any_ref=any_ref).decide(text)
    assert found["reason"] == reason
    assert found.get("parameters", {}).get("target_branch", "pull/2") == "pull/2"
