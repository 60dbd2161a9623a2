"""Patterns of branches, tags and logins: what people write works, or validate says what to write."""

import json
from typing import Any

import pytest
from support import DECLARATION, edited, github_push, payload, plan

from documents.diagnostics import InvalidInput
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import Result, simulate

PR = edited(payload("github/pull_request-opened"), repository__full_name="acme/shop")
PR["pull_request"]["base"]["repo"]["full_name"] = PR["pull_request"]["head"]["repo"]["full_name"] = (
    "acme/shop"
)


def declaration(events: str, template: str = "hookline-ci-go") -> str:
    head = DECLARATION[: DECLARATION.index("    events:")]
    return f"{head}    run: {{template: {template}}}\n    events: {{{events}}}\n"


def warnings(events: str, template: str = "hookline-ci-go") -> list[str]:
    return [str(each) for each in plan(declaration(events, template)).warnings if "events" in str(each)]


def decided(events: str, body: Any, event: str = "push") -> Result:
    planned = plan(declaration(events))
    options = EventOptions(source="github", headers={"X-GitHub-Event": event})
    (found,) = simulate(planned, incoming(planned, "event", json.dumps(body).encode(), options)).results
    return found


def test_the_login_of_a_github_app_is_literal_under_authors() -> None:
    for pattern in ("dependabot[bot]", "*[bot]", "DependaBot[bot]"):
        events = f'pull_request: {{authors: {{exclude: ["{pattern}"]}}}}'
        robot = edited(PR, sender__login="dependabot[bot]")
        assert decided(events, robot, "pull_request").reason == "AUTHORS"
        for other in ("dependabot", "dependabotb", "dependaboto"):
            assert decided(events, edited(PR, sender__login=other), "pull_request").reason == "MATCH"


@pytest.mark.parametrize("pattern", ["[bot", "a[bc]", "[bot]x", "x[bot][bot]", "[a-z]*[bot]"])
def test_other_brackets_under_authors_are_refused_with_what_to_write(pattern: str) -> None:
    with pytest.raises(InvalidInput, match=r"a final \[bot\] is literal"):
        plan(declaration(f'push: {{authors: ["{pattern}"]}}'))


def test_brackets_stay_refused_where_names_have_none() -> None:
    with pytest.raises(InvalidInput, match="character classes"):
        plan(declaration('push: {branches: ["x[bot]"]}'))


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ("push: {branches: [refs/heads/main]}", 'write "main"'),
        ('push: {branches: {include: ["refs/heads/release/*"]}}', r'write "release/\*"'),
        ("pull_request: {into: [refs/heads/main]}", 'write "main"'),
        ('tag: {tags: ["refs/tags/v*"]}', r'write "v\*"'),
        ('tag: {tags: {exclude: ["refs/tags/v*"]}}', r'write "v\*"'),
        ('push: {branches: ["refs/tags/v*"]}', 'such as "main"'),
        ('push: {branches: ["refs/pull/*/head"]}', "bare names"),
        ("schedule: [{at: 0 2 * * *}, {at: 0 4 * * 1}]", "need a name"),
        ("merge_group: {}", r"gh-readonly-queue/main/\*"),
        ("merge_queue: {}", r"gh-readonly-queue/main/\*"),
    ],
)
def test_what_other_tools_write_is_refused_with_what_to_write(events: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        plan(declaration(events))


@pytest.mark.parametrize(
    ("events", "template", "says"),
    [
        (
            'push: {branches: ["feature/#*"]}',
            "ci-go-v1",
            "use a template that takes any ref, such as hookline-ci-go",
        ),
        ('push: {branches: [main, "功能/*"]}', "ci-go-v1", "takes any ref"),
        ("push: {branches: {include: [_private]}}", "ci-go-v1", "begins with a letter or digit"),
        ('push: {branches: ["a..b*"]}', "hookline-ci-go", "git has no branch of such a name"),
        ('push: {branches: ["*.lock"]}', "hookline-ci-go", "git has no branch of such a name"),
        ('push: {branches: ["-x"]}', "hookline-ci-go", "git has no branch of such a name"),
        ('push: {branches: ["x ~*"]}', "hookline-ci-go", "git has no branch of such a name"),
        ('tag: {tags: ["v*+*"]}', "hookline-ci-go", "v1.2.3-rc.1 in place of v1.2.3+rc.1"),
        ('tag: {tags: ["v*", "发布*"]}', "hookline-ci-go", "an image tag has letters, digits"),
        ("tag: {tags: [latest]}", "hookline-ci-go", "is neither latest nor buildcache"),
        ('tag: {branch: main, tags: ["v*+*"]}', "ci-go-v1", "takes any ref"),
        (
            'image_push: {source: harbor, image: base/go, tags: ["v*+*"]}',
            "hookline-ci-go",
            "an image tag has",
        ),
        (
            'image_push: {source: harbor, image: base/go, tags: ["v1/*"]}',
            "hookline-ci-go",
            "an image tag has",
        ),
    ],
)
def test_validate_warns_of_a_pattern_that_nothing_can_match(events: str, template: str, says: str) -> None:
    found = [each for each in warnings(events, template) if "never matches" in each]
    assert len(found) == 1
    assert says in found[0]
    assert "events." in found[0]


@pytest.mark.parametrize(
    ("events", "template"),
    [
        ('push: {branches: [main, "release/*", "**", "*", "v?.?", "a/**", "**/x", "1.26*"]}', "ci-go-v1"),
        ('push: {branches: {exclude: ["feature/#*", "-x"]}}', "ci-go-v1"),
        ('push: {branches: ["feature/#*", "功能/**", "_x", "fix=1", "it\'s"]}', "hookline-ci-go"),
        ('tag: {tags: ["v*", "tools/v*", "**", "latest*", "?"]}', "hookline-ci-go"),
        ('image_push: {source: harbor, image: base/go, tags: ["1.*", latest, "*-rc?"]}', "hookline-ci-go"),
    ],
)
def test_validate_is_silent_about_patterns_that_can_match(events: str, template: str) -> None:
    assert [each for each in warnings(events, template) if "never matches" in each] == []


@pytest.mark.parametrize(
    "events",
    ['schedule: {at: "0 2 * * *", branch: "BRANCH"}', 'tag: {branch: "BRANCH"}',
     'image_push: {source: harbor, image: base/go, branch: "BRANCH"}'],
)  # fmt: skip
def test_a_branch_that_is_named_is_built_or_refused_by_what_the_template_takes(events: str) -> None:
    for branch in ("feature/#12-fix", "功能/登录", "_private"):
        assert plan(declaration(events.replace("BRANCH", branch))).workloads
        with pytest.raises(InvalidInput, match="cannot be built: ci-go-v1 gets a branch only if"):
            plan(declaration(events.replace("BRANCH", branch), "ci-go-v1"))
    for branch in ("a..b", "-x", "{{x}}", "a~b", "x" * 201):
        with pytest.raises(InvalidInput, match="cannot be built: git has no branch"):
            plan(declaration(events.replace("BRANCH", branch)))


def test_a_tag_of_a_go_module_names_an_image_that_exists() -> None:
    found = decided('tag: {tags: ["tools/v*"]}', github_push(ref="refs/tags/tools/v1.2.0"))
    assert (found.verdict, found.reason) == ("run", "MATCH")
    assert found.workflow is not None
    arguments = {each["name"]: each["value"] for each in found.workflow["spec"]["arguments"]["parameters"]}
    assert (arguments["container_tag"], arguments["ref"]) == ("tools-v1.2.0", "refs/tags/tools/v1.2.0")


def test_a_request_whose_branch_has_any_name_is_built() -> None:
    body = edited(PR, pull_request__head__ref="feature/#12-登录", pull_request__base__ref="main")
    found = decided("pull_request: {into: [main]}", body, "pull_request")
    assert (found.verdict, found.reason) == ("run", "MATCH")
    assert found.workflow is not None
    assert found.workflow["metadata"]["annotations"]["hookline.dev/ref"] == "refs/pull/2/head"


@pytest.mark.parametrize("branches", ["", 'branches: ["**"]', "branches: {exclude: [main]}"])
def test_validate_warns_of_commits_that_a_push_and_a_request_build_twice(branches: str) -> None:
    found = warnings(f"push: {{{branches}}}, pull_request: {{}}")
    assert [("built twice" in each, "branches: [main]" in each) for each in found] == [(True, True)]
    assert warnings("push: {branches: [main]}, pull_request: {}") == []
    assert warnings(f"push: {{{branches}}}") == []
