"""What a template says of itself: what is then allowed, what still is not, and what a run of foreign code has."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from support import ONE_PIPELINE, ROOT, go_template, plan

from documents.diagnostics import InvalidInput
from hookline.cli import main
from hookline.plan.objects import objects
from hookline.plan.planning import Plan

HEAD = """\
version: 1
cluster: {namespace: ci, sandbox: {namespace: ci-forks}}
sources:
  github: {host: github, endpoint: /github, secret: {name: github-webhook, key: secret}}
  gitlab: {host: gitlab, endpoint: /gitlab, secret: {name: gitlab-webhook, key: token}}
defaults: {run: {template: TEMPLATE}}
pipelines:
"""
SHOP = """\
  shop:
    repository: {source: github, name: acme/shop, url: https://github.com/acme/shop.git}
    image: registry.example.com/acme/shop
    events: {push: {branches: [main]}}
    run: {}
"""
OTHER = """\
  other:
    repository: {source: github, name: umbrella/shop, url: https://github.com/umbrella/shop.git}
    image: registry.example.com/umbrella/shop
    events: {push: {branches: [main]}}
"""
FORKS = """\
  forks:
    repository: {source: github, name: acme/shop, url: https://github.com/acme/shop.git}
    events: {pull_request: {forks: sandboxed, approved_by: {label: ok-to-test}}}
    run: {}
"""


def made(pipelines: str, template: str = "hookline-ci-go", **changes: tuple[str, str]) -> Plan:
    text = HEAD.replace("TEMPLATE", template) + pipelines
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return plan(text, go_template())


def refusals(pipelines: str, template: str = "hookline-ci-go", **changes: Any) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        made(pipelines, template, **changes)
    return [each.message for each in refused.value.diagnostics]


# --- runs that may overlap ----------------------------------------------------------------------------------------


def test_runs_that_may_overlap_have_no_mutex_unless_one_is_named() -> None:
    assert made(SHOP).workloads["shop"].mutex is None
    assert "synchronization" not in made(SHOP).workloads["shop"].resource["spec"]
    assert made(SHOP, run=("run: {}", "run: {mutex: false}")).workloads["shop"].mutex is None
    named = made(SHOP, run=("run: {}", "run: {mutex: one-at-a-time}")).workloads["shop"]
    assert named.mutex == "one-at-a-time"
    assert named.resource["spec"]["synchronization"] == {"mutexes": [{"name": ""}]}
    assert made(SHOP, "ci-go-v1").workloads["shop"].mutex == "shop"
    assert (
        "without a mutex they would overwrite each other's files"
        in refusals(SHOP, "ci-go-v1", run=("run: {}", "run: {mutex: false}"))[0]
    )


def test_two_repositories_of_one_name_are_refused_only_where_they_share_a_checkout() -> None:
    assert made(SHOP + OTHER).workloads.keys() == {"shop", "other"}
    assert "into the same directory" in refusals(SHOP + OTHER, "ci-go-v1")[0]
    mixed = ("run: {}", "run: {template: ci-go-v1}")
    assert made(SHOP + OTHER, run=mixed).workloads["shop"].mutex == "shop"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("push: {branches: [main]}", "tag: {}"), "builds the head of a branch, never a tag"),
    ],
)
def test_what_the_stock_template_cannot_do_is_allowed_for_one_that_can(
    change: tuple[str, str], said: str
) -> None:
    unused = {"sources.gitlab", "cluster.sandbox"}
    assert {each.field for each in made(SHOP, change=change).warnings} == unused
    assert said in refusals(SHOP, "ci-go-v1", change=change)[0]


RETRIED = """
apiVersion: argoproj.io/v1alpha1
kind: ClusterWorkflowTemplate
metadata: {name: our-ci}
spec:
  arguments: {parameters: [{name: repo_url}, {name: target_branch}]}
  templates:
  - {name: test, container: {image: x}%s}
  - {name: build, container: {image: x}%s}
"""
OWN = ", retryStrategy: {limit: 2}"


@pytest.mark.parametrize(
    ("first", "second", "severity"),
    [
        ("", "", ""),
        (", retryStrategy: {expression: a}", "", ""),  # the limit is the Workflow's
        (OWN, "", "warning"),
        (OWN, OWN, "error"),
        (OWN, ", retryStrategy: {limit: '0'}", "error"),
    ],
)
def test_a_retry_that_the_templates_own_wins_over_is_not_ignored(
    first: str, second: str, severity: str, tmp_path: Path
) -> None:
    (tmp_path / "ours.yaml").write_text(RETRIED % (first, second), "utf-8")
    declared = ONE_PIPELINE.replace(
        "    image: registry.example.com/acme/shop\n", "    run: {template: our-ci, retry: {limit: 9}}\n"
    )
    (tmp_path / "hookline.yaml").write_text(declared, "utf-8")
    result = CliRunner().invoke(
        main,
        [
            "validate",
            str(tmp_path / "hookline.yaml"),
            "--template",
            str(tmp_path / "ours.yaml"),
            "-o",
            "json",
        ],
    )
    problems = [each for each in json.loads(result.stdout)["problems"] if each["field"].endswith("run.retry")]
    assert [each["severity"] for each in problems] == ([severity] if severity else [])
    assert all(
        "have" in each["message"] or "has a retryStrategy of its own" in each["message"] for each in problems
    )


def test_the_template_that_retries_by_itself_takes_no_retry() -> None:
    retry = ("run: {}", "run: {retry: {limit: 9}}")
    assert (
        "every step of hookline-ci-go has a retryStrategy of its own"
        in refusals(SHOP, "hookline-ci-go", run=retry)[0]
    )
    assert "writes its tasks inline" in refusals(SHOP, "ci-go-v1", run=retry)[0]
    assert "shop" in made(SHOP, run=("run: {}", "run: {retry: false}")).workloads


def test_pull_requests_are_warned_of_latest_only_where_every_run_moves_it() -> None:
    change = ("push: {branches: [main]}", "pull_request: {}")
    assert [each.message for each in made(SHOP, change=change).warnings if "latest" in each.message] == []
    assert [each for each in made(SHOP, "ci-go-v1", change=change).warnings if "latest" in each.message]


def test_every_kind_of_git_event_brings_commit_and_full_ref() -> None:
    change = ("push: {branches: [main]}", "push: {}, tag: {}, pull_request: {}, schedule: {at: 0 2 * * *}")
    load = made(SHOP, change=change).workloads["shop"]
    for kind in ("push", "tag", "pull_request"):
        assert {"revision": "sha", "ref": "ref"}.items() <= load.bindings[kind].items()
    assert load.bindings["schedule"] == {}
    assert (load.arguments["revision"], load.arguments["ref"]) == ("", "")  # the template's defaults


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("revision: x", "revision takes the commit of the event"),
        ("ref: refs/heads/x", "ref takes the full ref of the event"),
        ("sandboxed: false", "sandboxed follows from pull_request.forks: true where it says sandboxed"),
        ("sandboxed: true", "sandboxed follows from pull_request.forks: true where it says sandboxed"),
    ],
)
def test_what_hookline_sets_is_not_for_the_user(parameter: str, said: str) -> None:
    for pipeline in (SHOP, FORKS):
        assert refusals(pipeline, run=("run: {}", f"run: {{parameters: {{{parameter}}}}}")) == [said]


# --- foreign code -------------------------------------------------------------------------------------------------


def test_a_run_of_foreign_code_shares_nothing_with_a_trusted_one() -> None:
    found = made(SHOP + FORKS)
    trusted, foreign = found.workloads["shop"], found.workloads["forks"]
    assert trusted.resource["metadata"]["namespace"] == "ci"
    assert foreign.resource["metadata"]["namespace"] == "ci-forks"
    assert foreign.arguments == {
        "repo_url": "https://github.com/acme/shop.git",
        "repo_name": "shop",
        "container_image": "",
        "sandboxed": "true",
    }
    assert "sandboxed" not in trusted.arguments
    assert foreign.bindings["pull_request"] == {
        "revision": "sha",
        "ref": "ref",
        "target_branch": "branch",
        "paths": "paths",
    }
    spec = foreign.resource["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["executor"] == {"serviceAccountName": "hookline-executor"}
    assert trusted.resource["spec"]["automountServiceAccountToken"] is False


def test_it_is_a_lane_of_its_own_beside_the_trusted_pipeline() -> None:
    (sensor,) = made(SHOP + FORKS).sensors
    assert [each.pipelines for each in sensor.dependencies] == [("forks",), ("shop",)]
    assert [each.creates.namespaces for each in sensor.dependencies] == [{"ci-forks"}, {"ci"}]


def test_beyond_the_lanes_it_still_runs_in_its_namespace() -> None:
    many = "".join(FORKS.replace("  forks:", f"  forks-{number}:") for number in range(5))
    for sensor in made(many).sensors:
        for dependency in sensor.dependencies:
            assert dependency.creates.resource["metadata"]["namespace"] == "ci-forks"
            assert dependency.program is not None
            assert "'sandboxed':'true'" in dependency.program.text


def test_the_sensors_account_gets_rights_where_workflows_are_made_and_nowhere_else() -> None:
    def places(found: Plan) -> list[str]:
        return [
            each["metadata"]["namespace"]
            for each in objects(found)
            if each["kind"] == "Role" and each["metadata"]["name"] == "hookline-sensor"
        ]

    assert places(made(SHOP)) == ["ci"]
    assert places(made(SHOP + FORKS)) == ["ci", "ci-forks"]
    assert places(made(FORKS)) == ["ci-forks"]
    assert {each["metadata"]["namespace"] for each in objects(made(SHOP))} == {"ci"}


def test_an_account_of_ones_own_is_warned_of_because_the_code_gets_its_token() -> None:
    def warned(account: str) -> list[str]:
        found = made(SHOP, defaults=("{template: hookline-ci-go}", f"{{template: hookline-ci-go{account}}}"))
        return [each.message for each in found.warnings]

    assert not any("token" in message for message in warned(""))
    assert warned(", service_account: hookline-run") == warned("")
    assert any("hold a token of ci-runner" in message for message in warned(", service_account: ci-runner"))


def test_an_account_of_the_defaults_does_not_reach_foreign_code() -> None:
    defaults = ("{template: hookline-ci-go}", "{template: hookline-ci-go, service_account: ci-runner}")
    found = made(SHOP + FORKS, defaults=defaults)
    assert found.workloads["shop"].resource["spec"]["serviceAccountName"] == "ci-runner"
    assert found.workloads["forks"].resource["spec"]["serviceAccountName"] == "hookline-run"
    # Its own rights are not made for it: accounts of runs are in the sandbox alone.
    accounts = {
        (each["metadata"]["namespace"], each["metadata"]["name"])
        for each in objects(found)
        if each["kind"] == "ServiceAccount"
    }
    assert accounts == {
        ("ci", "eventbus-default"),
        ("ci", "hookline-sensor"),
        ("ci", "hookline-webhooks"),
        ("ci-forks", "hookline-run"),
        ("ci-forks", "hookline-executor"),
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("run: {}", "run: {service_account: ci-runner}"),
            "the pods of a sandboxed run have no token, and an account without rights; leave service_account: out",
        ),
        (
            ("run: {}", "run: {pod_annotations: {k8s.aliyun.com/eci-ram-role-name: builder}}"),
            "k8s.aliyun.com/eci-ram-role-name would give foreign code the credentials of a role; set it only on the other pipelines",
        ),
        (
            ("{template: hookline-ci-go}", "{template: hookline-ci-go, pod_annotations: {k8s.aliyun.com/eci-ram-role-name: x}}"),
            'k8s.aliyun.com/eci-ram-role-name would give foreign code the credentials of a role; set it only on the other pipelines (reaches the pipeline "forks")',
        ),
        (
            (", sandbox: {namespace: ci-forks}", ""),
            "requests from forks run in a namespace of their own, without your volumes and Secrets; name it with cluster: {sandbox: {namespace: …}}",
        ),
        (
            ("    events:", "    image: registry.example.com/acme/shop\n    events:"),
            "a sandboxed run pushes nothing; leave image: out",
        ),
        (
            ("label: ok-to-test}}}", "label: ok-to-test}}, tag: {}}"),
            "the pipeline runs only requests from forks, in a sandbox; give tag a pipeline of its own",
        ),
    ],
)  # fmt: skip
def test_what_would_let_foreign_code_out_is_refused(change: tuple[str, str], said: str) -> None:
    assert refusals(FORKS, change=change) == [said]


def test_gitlab_can_approve_too_and_gitea_cannot() -> None:
    assert made(FORKS, source=("source: github", "source: gitlab")).sandboxed == {"forks"}
    (said,) = refusals(FORKS, host=("host: github,", "host: gitea,"))
    assert "which one was added" in said


def test_a_folder_keeps_objects_of_one_name_in_two_namespaces_apart(tmp_path: Any) -> None:
    example = ROOT / "examples" / "forks"
    arguments = ["render", "-f", str(example / "hookline.yaml"), "--to", str(tmp_path)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    listed = yaml.safe_load((tmp_path / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert len(set(listed)) == len(listed)
    written = [yaml.safe_load((tmp_path / name).read_text("utf-8")) for name in listed]
    places = {(each["kind"], each["metadata"]["namespace"], each["metadata"]["name"]) for each in written}
    assert len(places) == len(listed)
    assert {("Role", "ci", "hookline-sensor"), ("Role", "ci-forks", "hookline-sensor")} <= places
