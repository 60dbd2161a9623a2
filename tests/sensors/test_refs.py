"""Names of branches and tags: a template that takes any ref gets every one that git allows, and nobody gets an unsafe text."""

import subprocess
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import SHA, data, edited, github_push, payload, program
from tries import tries

from events.canonical import Kind
from events.host import host, host_names
from sensors.program import Program, TemplateFacts, compose

KEY = "acme/shop"
RULES: dict[str, Any] = {"push": {}, "tag": {}, "pull_request": {}}
PR = edited(payload("github/pull_request-opened"), repository__full_name=KEY)

ORDINARY = (
    "feature/#12-fix", "dependabot/npm_and_yarn/@types/x", "renovate/foo+bar", "功能/登录", "fix=1", "it's", "feat(api)", "_private",
    'say"so"', "a&b", "a;b", "a$b", "a|b", "<x>", "a,b", "a!b", "100%", "é", "\U0001f600", "@", "a{b}", "{", "x" * 200,
)  # fmt: skip
"""Names that people use and git takes."""

REFUSED = (
    "", "-x", "--upload-pack=x", "a..b", "a//b", "/a", "a/", "a.", ".a", "a/.b", "x.lock", "x.lock/y", "a b", "a\tb", "a\nb", "main\n", "a\x7f",
    "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b", "a@{b", "{{workflow.name}}", "a{{b", "a\x85b", "x" * 201, "é" * 101, None, 7, ["main"],
)  # fmt: skip
"""What git refuses, and what is unsafe: control characters, what Argo expands, what a command takes for an option."""


@cache
def of(*, any_ref: bool) -> Program:
    return program("github", RULES, (KEY,), any_ref=any_ref)


def decided(body: Any, event: str = "push", *, any_ref: bool = True) -> dict[str, Any]:
    return of(any_ref=any_ref).decide(data("github", body, X_Github_Event=event, X_Github_Delivery="d-1"))


def pushed(branch: Any, *, any_ref: bool = True) -> dict[str, Any]:
    ref = f"refs/heads/{branch}" if isinstance(branch, str) else branch
    return decided(github_push(ref=ref), any_ref=any_ref)


@pytest.mark.parametrize("branch", ORDINARY)
def test_an_ordinary_name_builds_with_a_template_that_takes_any_ref(branch: str) -> None:
    found = pushed(branch)
    assert (found["verdict"], found["reason"], found["ref"]) == ("run", "MATCH", f"refs/heads/{branch}")
    assert found["parameters"]["target_branch"] == branch
    assert found["event"].split(" ")[4] == f"refs/heads/{branch}"
    assert len(found["event"].split(" ")) == 7, "no part of an event holds a space"


@pytest.mark.parametrize("branch", ORDINARY[:-1])
def test_the_strict_list_stays_for_a_template_that_pastes(branch: str) -> None:
    assert pushed(branch, any_ref=False)["reason"] == "REF"
    assert pushed("x" * 200, any_ref=False)["reason"] == "MATCH"


@pytest.mark.parametrize("branch", REFUSED)
def test_what_git_refuses_or_a_run_would_misread_never_runs(branch: Any) -> None:
    assert pushed(branch)["action"] == "drop"
    assert pushed(branch)["reason"] == ("REF" if isinstance(branch, str) else "EVENT")
    assert pushed(branch, any_ref=False)["action"] == "drop"


@pytest.mark.parametrize("branch", [*ORDINARY, *REFUSED])
def test_the_number_and_the_commit_of_a_request_are_enough(branch: Any) -> None:
    found = decided(edited(PR, pull_request__head__ref=branch), "pull_request")
    number = PR["pull_request"]["number"]
    assert (found["verdict"], found["ref"]) == ("run", f"refs/pull/{number}/head")
    assert found["parameters"] == {
        "repo_name": "shop",
        "ref": f"refs/pull/{number}/head",
        "target_branch": branch if branch in ORDINARY else f"pull/{number}",
    }
    numberless = edited(PR, pull_request__head__ref=branch, pull_request__number=None)
    assert decided(numberless, "pull_request")["reason"] == ("MATCH" if branch in ORDINARY else "REF")


def git_allows(name: str) -> bool:
    """What git itself says; a name that begins with - is an option to git branch and git tag."""
    if "\0" in name or name.startswith("-"):
        return False
    checked = subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"], check=False)
    return checked.returncode == 0


PARTS = st.sampled_from(
    ["a", "é", "登", "\U0001f600", ".", "..", "/", "//", "-", "@", "@{", "{", "{{", "}", ".lock", "lock", " ", "~", "^", ":", "?", "*", "[", "]",
     "\\", "'", '"', "#", "+", "=", "(", "$", "`", ";", "&", "|", "<", "%", "\n", "\t", "\x1f", "\x7f", "\x80", "\x9f", "\xa0", "\u2028", "\ufffd"]
)  # fmt: skip


@settings(max_examples=tries(300))
@given(
    st.lists(PARTS, min_size=1, max_size=6).map("".join)
    | st.text(min_size=1, max_size=12)
    | st.text(st.sampled_from("aé登\U0001f600"), min_size=45, max_size=205)
)
@example("a.lock")
@example("@")
def test_every_name_that_git_allows_runs_and_no_other(name: str) -> None:
    control = any(ord(each) < 32 or 127 <= ord(each) < 160 for each in name)
    expected = git_allows(name) and len(name.encode()) <= 200 and not control and "{{" not in name
    found = pushed(name)
    assert (found["action"] == "run") == expected, name
    if expected:
        assert found["parameters"]["target_branch"] == name


@settings(max_examples=tries(200))
@given(st.lists(PARTS, max_size=6).map("".join) | st.text(max_size=12), st.booleans())
def test_no_unsafe_text_reaches_a_parameter_a_label_or_an_annotation(name: str, any_ref: bool) -> None:
    for found in (
        pushed(name, any_ref=any_ref),
        decided(github_push(ref=f"refs/tags/{name}"), any_ref=any_ref),
        decided(edited(PR, pull_request__head__ref=name), "pull_request", any_ref=any_ref),
    ):
        if found["action"] != "run":
            continue
        for value in [*found["parameters"].values(), found["ref"], found["sha"]]:
            assert "{{" not in value
            assert not value.startswith("-")
            assert not any(ord(each) < 32 or 127 <= ord(each) < 160 for each in value)
            assert len(value.encode()) <= 200 + len("refs/heads/")
        assert found["name"] == "shop", "labels and names hold nothing of a ref"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("v1.2.3", "v1.2.3"),
        ("tools/v1.2.3", "tools-v1.2.3"),
        ("a/b/v2", "a-b-v2"),
        ("v1+meta", None),
        ("发布/v1", None),
        ("latest", None),
        ("x" * 101, None),
        ("tools/" + "x" * 95, None),
    ],
)
def test_a_tag_of_a_go_module_becomes_an_image_tag(tag: str, expected: str | None) -> None:
    found = decided(github_push(ref=f"refs/tags/{tag}"))
    if expected is None:
        assert found["reason"] == "IMAGE_TAG"
    else:
        assert found["parameters"]["container_tag"] == expected
        assert (found["ref"], found["sha"]) == (f"refs/tags/{tag}", SHA)


@pytest.mark.parametrize("name", host_names())
def test_a_program_has_the_wide_rule_only_where_a_template_takes_any_ref(name: str) -> None:
    texts = [program(name, RULES, (KEY,), any_ref=each).text for each in (True, False)]
    git = "push" in host(name).kinds
    assert ["utf8bytelength" in text for text in texts] == [git, False]


@pytest.mark.parametrize("branch", ["fix/a+b", "fix/a"])
def test_pipelines_of_one_table_have_the_rule_of_their_own_template(branch: str) -> None:
    specs = {name: {"workflowTemplateRef": {"name": name}} for name in ("wide", "narrow")}
    entries = {
        f"acme/{name}": {"pipeline": name, "config": "c", "run": spec, "template": name, "push": {}}
        for name, spec in specs.items()
    }
    bindings: dict[Kind, dict[str, str]] = {"push": {"revision": "sha"}}
    made = compose(
        host=host("github"),
        source="github",
        kinds=frozenset({"push"}),
        lines=entries,
        templates={
            "wide": TemplateFacts(("revision",), bindings, any_ref=True),
            "narrow": TemplateFacts(("branch",), {"push": {"branch": "branch"}}),
        },
    )
    for name, spec in specs.items():
        body = github_push(ref=f"refs/heads/{branch}", repository__full_name=f"acme/{name}")
        found = made.decide(data("github", body, X_Github_Event="push"))
        if name == "narrow" and "+" in branch:
            assert found["reason"] == "REF"
        else:
            given = (
                {"name": "revision", "value": SHA} if name == "wide" else {"name": "branch", "value": branch}
            )
            assert found["spec"] == {**spec, "arguments": {"parameters": [given]}}
