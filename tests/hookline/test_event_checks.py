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
        ("merge_queue: {}", "the key here is merge_group"),
        ("merge-group: {}", "did you mean merge_group"),
        ("merge_train: {}", "a job of the train starts the Workflow: hookline docs merge-queues"),
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
        ('push: {branches: ["gh-readonly-queue/main/*"]}', "ci-go-v1", "write merge_group: {into: [main]}"),
        ('push: {branches: [main, "gh-readonly-queue/**"]}', "hookline-ci-go", "are merge_group events"),
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


@pytest.mark.parametrize(
    ("branches", "which"),
    [
        ("", "every commit of a request in"),
        ('branches: ["**"]', "every commit of a request in"),
        ("branches: {exclude: [main]}", 'from a branch such as "topic"'),
        ('branches: [main, "*"]', 'from a branch such as "topic"'),
        ('branches: [main, "feature/**"]', 'from a branch such as "feature/topic"'),
        ('branches: {exclude: ["*", "feature/*"]}', 'from a branch such as "features/topic"'),
        ('branches: {include: ["*/*"], exclude: ["fe*/*"]}', 'from a branch such as "fix/topic"'),
    ],
)
def test_validate_warns_of_commits_that_a_push_and_a_request_build_twice(branches: str, which: str) -> None:
    (found,) = warnings(f"push: {{{branches}}}, pull_request: {{}}")
    assert found.startswith("hookline.yaml:11:"), "it stands at the push"
    assert which in found
    for way in ("built twice, as a push and as a request", "branches: [main]", "leave pull_request: out"):
        assert way in found
    assert warnings(f"push: {{{branches}}}") == []


@pytest.mark.parametrize(
    "branches",
    ["[main]", '[main, "release/*", "v?.*"]', "[main, feature/one]", '{include: ["*"], exclude: ["*"]}'],
)
def test_branches_that_are_built_for_themselves_are_no_double_build(branches: str) -> None:
    assert warnings(f"push: {{branches: {branches}}}, pull_request: {{}}") == []


def test_two_pipelines_that_build_one_commit_twice_are_told_at_the_push() -> None:
    head = DECLARATION[: DECLARATION.index("pipelines:")] + "pipelines:\n"
    one = (
        "  NAME: {repository: {source: github, name: acme/REPO, url: https://github.com/acme/REPO.git}, "
        "image: registry.example.com/acme/NAME, run: {template: hookline-ci-goMORE}, events: {EVENTS}}\n"
    )

    def said(*pipelines: tuple[str, str, str, str]) -> list[str]:
        text = head + "".join(
            one.replace("NAME", name).replace("REPO", repo).replace("EVENTS", events).replace("MORE", more)
            for name, repo, events, more in pipelines
        )
        return [
            f"{each.field}: {each.message}" for each in plan(text).warnings if "built twice" in each.message
        ]

    (found,) = said(("shop", "shop", "push: {}", ""), ("shop-pr", "Shop", "pull_request: {}", ""))
    assert found.startswith("pipelines.shop.events.push: every commit of a request")
    assert 'as a request by the pipeline "shop-pr"' in found
    assert said(("shop", "shop", "push: {}", ""), ("cart", "cart", "pull_request: {}", "")) == []
    assert said(("shop", "shop", "push: {branches: [main]}", ""), ("b", "shop", "pull_request: {}", "")) == []
    other = ", parameters: {dockerfile: web/Dockerfile}"
    assert said(("shop", "shop", "push: {}", ""), ("web", "shop", "pull_request: {}", other)) == []


def test_a_default_that_builds_commits_twice_is_told_once() -> None:
    head = DECLARATION[: DECLARATION.index("pipelines:")]
    text = head + (
        "defaults: {repository: {source: github}, image: 'registry.example.com/{repository}', run: {template: hookline-ci-go},\n"
        "  events: {push: {}, pull_request: {}}}\npipelines:\n"
    )
    for name in ("a", "b", "c"):
        text += f"  {name}: {{repository: {{name: acme/{name}, url: https://github.com/acme/{name}.git}}}}\n"
    (found,) = [str(each) for each in plan(text).warnings if "built twice" in each.message]
    assert "defaults.events.push: " in found
    assert found.endswith('(reaches 3 pipelines, such as "a")')
