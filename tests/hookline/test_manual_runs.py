"""A run that a person starts: it is the Workflow of the event that it stands for, and what no event may say, no person may say either."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT, data, edited, github_push, payload

from events.host import host
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import simulate
from hookline.declaration.loading import load, load_texts
from hookline.declaration.templates import manifest_template
from hookline.plan.planning import Plan, make_plan
from hookline.steering.manual import ManualRun, Subject, Unusable, manual_run, person, reason
from sensors.program import reader
from triggers.words import PREFIX

SHA = "0123456789" * 4
PLATFORM = """\
version: 1
cluster: {namespace: ci, sandbox: {namespace: ci-forks}}
sources:
  github: {host: github, endpoint: /github, secret: {name: github-webhook, key: secret}, url: "https://github.com/{repository}.git"}
defaults:
  repository: {source: github}
  image: registry.example.com/{repository}
  events: {push: {branches: [main]}}
  run: {template: hookline-ci-go}
"""
EVENTS = "{push: {branches: [main]}, tag: {tags: ['v*'], parameters: {coverage: false}}, pull_request: {into: [main]}}"
TEXT = f"""\
{PLATFORM}limits: {{builds: 2}}
pipelines:
  shop: {{repository: acme/shop, owner: team-shop, events: {EVENTS}, run: {{limit: builds, mutex: shop, spot: {{}}}}}}
  nightly: {{repository: acme/shop, events: {{push: false, schedule: {{at: '0 2 * * *', branch: develop, parameters: {{coverage: false}}}}}}}}
  wide: {{repository: acme/shop, events: {{push: {{branches: ['**']}}}}}}
  stock: {{repository: acme/stock, run: {{template: ci-go-v1}}}}
  forks: {{repository: acme/shop, events: {{push: false, pull_request: {{forks: sandboxed, approved_by: {{label: ok}}}}}}}}
"""


def planned(text: str, *templates: Any) -> Plan:
    found = {each.name: each for each in templates}
    return make_plan(load_texts([("hookline.yaml", text.encode())]), found)


@pytest.fixture(scope="module")
def declared() -> Plan:
    return planned(TEXT)


def started(
    plan: Plan, pipeline: str, subject: Subject | None = None, *, because: str = "", **inputs: str
) -> ManualRun:
    return manual_run(
        plan,
        pipeline,
        subject or Subject(),
        inputs,
        name=f"{pipeline}-x",
        started_by="ada@example.com",
        because=because,
    )


def refused(plan: Plan, pipeline: str, subject: Subject | None = None, **more: Any) -> str:
    with pytest.raises(Unusable) as error:
        started(plan, pipeline, subject, **more)
    return str(error.value)


def arguments(workflow: Any) -> dict[str, str]:
    return {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}


def by_event(plan: Plan, pipeline: str, body: Any, kind: str) -> Any:
    """The Workflow that an event of GitHub starts, by the programs that the Sensor runs."""
    options = EventOptions("github", {"X-GitHub-Event": kind})
    found = simulate(plan, incoming(plan, "x", json.dumps(body).encode(), options))
    return next(each.workflow for each in found.results if each.pipeline == pipeline)


def a_push(plan: Plan, pipeline: str, ref: str = "refs/heads/main") -> Any:
    repository = plan.workloads[pipeline].repository
    body = github_push(after=SHA, ref=ref, head_commit__id=SHA, repository__full_name=repository)
    return by_event(plan, pipeline, body, "push")


def same(manual: ManualRun, event: Any) -> None:
    """Everything that decides what runs, and whose it is, is the same."""
    assert manual.workflow["spec"] == event["spec"]
    assert manual.workflow["metadata"]["namespace"] == event["metadata"]["namespace"]
    labels, others = manual.workflow["metadata"]["labels"], event["metadata"]["labels"]
    own = {f"{PREFIX}{each}" for each in ("source", "event-kind", "event")} | {
        "workflows.argoproj.io/cron-workflow"
    }
    assert {key: value for key, value in labels.items() if key not in own} == {
        key: value for key, value in others.items() if key not in own
    }
    assert labels[f"{PREFIX}event-kind"] == labels[f"{PREFIX}source"] == "manual"


# --- the same Workflow as the event's ----------------------------------------------------------------------


def test_a_branch_by_hand_is_the_workflow_of_a_push(declared: Plan) -> None:
    same(started(declared, "shop", Subject(branch="main", sha=SHA)), a_push(declared, "shop"))
    event = a_push(declared, "wide", "refs/heads/feature/ümlaut")
    same(started(declared, "wide", Subject(branch="feature/ümlaut", sha=SHA)), event)


def test_a_tag_by_hand_is_the_workflow_of_a_pushed_tag(declared: Plan) -> None:
    manual = started(declared, "shop", Subject(tag="v1.2.0", sha=SHA))
    same(manual, a_push(declared, "shop", "refs/tags/v1.2.0"))
    assert arguments(manual.workflow)["coverage"] == "false"


def test_the_head_of_a_branch_is_left_to_the_template(declared: Plan) -> None:
    same(started(declared, "stock", Subject(branch="main")), a_push(declared, "stock"))
    found = arguments(started(declared, "shop", Subject(branch="main")).workflow)
    assert (found["revision"], found["ref"], found["target_branch"]) == ("", "refs/heads/main", "main")


def test_a_request_by_hand_has_the_settings_of_requests(declared: Plan) -> None:
    body = edited(
        payload("github/pull_request-opened"),
        pull_request__head__sha=SHA,
        pull_request__head__ref="feature",
        pull_request__base__ref="main",
        repository__full_name="acme/shop",
        pull_request__head__repo__full_name="acme/shop",
        pull_request__base__repo__full_name="acme/shop",
        pull_request__head__repo__id=1,
        pull_request__base__repo__id=1,
        pull_request__head__repo__fork=False,
    )
    event = arguments(by_event(declared, "shop", body, "pull_request"))
    manual = started(declared, "shop", Subject(branch="feature", sha=SHA, request=12))
    # The code comes from the repository's own branch, never from the ref that a fork can write.
    assert arguments(manual.workflow) == event | {"ref": "refs/heads/feature"}
    assert manual.pushes == ""
    assert manual.workflow["metadata"]["annotations"][f"{PREFIX}ref"] == "refs/pull/12/head"


def test_a_request_to_a_pipeline_that_knows_none_and_a_run_that_shall_not_push_push_nothing(
    declared: Plan,
) -> None:
    manual = started(declared, "wide", Subject(branch="feature", request=12))
    assert (manual.like, manual.pushes) == ("pull_request", "")
    nothing = manual_run(
        declared, "wide", Subject(branch="main"), {}, name="x", started_by="", because="", publish=False
    )
    assert (nothing.like, nothing.pushes) == ("push", "")
    with pytest.raises(Unusable, match="--no-publish: ci-go-v1 cannot build without pushing"):
        manual_run(declared, "stock", Subject(), {}, name="x", started_by="", because="", publish=False)
    assert "cannot build without pushing" in refused(declared, "stock", Subject(branch="feature", request=12))


def test_without_a_ref_it_runs_as_its_schedule_or_builds_its_one_branch(declared: Plan) -> None:
    nightly = started(declared, "nightly")
    found = arguments(nightly.workflow)
    assert (nightly.like, found["target_branch"], found["coverage"]) == ("schedule", "develop", "false")
    assert nightly.builds == "branch develop at its head"
    assert started(declared, "shop").builds == "branch main at its head"
    assert refused(declared, "wide").startswith("say what to build: --branch, --tag or --request")


def test_a_schedule_by_hand_is_the_schedules_own_workflow(declared: Plan) -> None:
    event = incoming(declared, "schedule:nightly", None, EventOptions())
    (result,) = (each for each in simulate(declared, event).results if each.workflow)
    same(started(declared, "nightly"), result.workflow)


@pytest.mark.parametrize("example", ["minimal", "forks", "monorepo", "teams", "ack-one"])
def test_by_hand_nothing_but_the_name_differs_in_the_examples(example: str) -> None:
    plan = make_plan(load((ROOT / "examples" / example,)), {})
    pipelines = [
        name for name, each in plan.declaration.pipelines.items() if each.pipeline.events.push is not None
    ]
    assert pipelines
    for name in pipelines:
        workload = plan.workloads[name]
        manual = started(plan, name, Subject(branch="main"))
        constants = dict(workload.arguments) | dict(workload.kind_arguments.get("push", {}))
        bound = workload.template.bindings("push")
        found = arguments(manual.workflow)
        assert found.items() >= {key: value for key, value in constants.items() if key not in bound}.items()
        assert list(found) == [each for each in workload.template.parameters if each in found]
        spec = {key: value for key, value in manual.workflow["spec"].items() if key != "arguments"}
        assert spec.keys() == workload.resource["spec"].keys() - {"arguments"}
        assert manual.workflow["metadata"]["namespace"] == workload.namespace


# --- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pipeline", "subject", "words"),
    [
        ("shop", Subject(request=3), "add --branch, the request's branch in acme/shop"),
        ("shop", Subject(sha=SHA), "add --branch or --tag, which the commit belongs to"),
        ("shop", Subject(branch="main", sha="abc"), "expected all 40 or 64 lower-case hex digits"),
        ("shop", Subject(branch="main", sha="0" * 40), "expected all 40 or 64 lower-case hex digits"),
        ("shop", Subject(branch="{{workflow.name}}"), "expected a name that git allows"),
        ("shop", Subject(branch="-x"), "expected a name that git allows"),
        ("shop", Subject(tag="v1", request=3), "a request has no tag"),
        ("shop", Subject(tag="latest"), "keeps it for itself"),
        ("stock", Subject(branch="$(id)"), "pastes it into a script"),
        ("stock", Subject(branch="main", sha=SHA), "has no parameter for a commit"),
        ("stock", Subject(tag="v1"), "does not say under tag: which one"),
        ("forks", Subject(), "--request NUMBER --sha COMMIT alone"),
        ("forks", Subject(request=3), "--request NUMBER --sha COMMIT alone"),
        ("forks", Subject(branch="main"), "--request NUMBER --sha COMMIT alone"),
        ("forks", Subject(branch="main", request=3, sha=SHA), "--request NUMBER --sha COMMIT alone"),
    ],
)
def test_what_cannot_be_built_safely_is_refused(
    declared: Plan, pipeline: str, subject: Subject, words: str
) -> None:
    assert words in refused(declared, pipeline, subject)


def test_foreign_code_runs_in_the_sandbox_at_the_commit_that_was_looked_at(declared: Plan) -> None:
    manual = started(declared, "forks", Subject(request=3, sha=SHA))
    found = arguments(manual.workflow)
    assert manual.workflow["metadata"]["namespace"] == "ci-forks"
    assert (found["revision"], found["ref"], found["sandboxed"]) == (SHA, "refs/pull/3/head", "true")
    assert (found["container_image"], manual.pushes) == ("", "")


BRANCHES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40) | st.sampled_from(
    ["main", "a/b", "a..b", "a b", "x.lock", "{{x}}", "é", "-x", "a" * 201]
)


@given(branch=BRANCHES)
def test_a_branch_passes_by_hand_if_and_only_if_its_push_would(declared: Plan, branch: str) -> None:
    pushed = a_push(declared, "wide", f"refs/heads/{branch}")
    try:
        manual = started(declared, "wide", Subject(branch=branch, sha=SHA))
    except Unusable:
        assert pushed is None
    else:
        same(manual, pushed)


# --- inputs ------------------------------------------------------------------------------------------------


def test_an_input_stands_over_the_declaration(declared: Plan) -> None:
    found = arguments(started(declared, "shop", coverage="false", go_test_flags="-race -short").workflow)
    assert (found["coverage"], found["go_test_flags"]) == ("false", "-race -short")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("revision", SHA, "takes the commit of the event"),
        ("target_branch", "x", "comes from the event"),
        ("repo_url", "https://x/y", "comes from repository.url"),
        ("container_image", "x", "comes from image"),
        ("sandboxed", "false", "follows from pull_request.forks"),
        ("publish", "true", "follows from publish:"),
        ("paths", "x", "takes the path filter"),
        ("test_resources", '{"x": 1}', "comes from run: {resources: {run-test"),
        ("coverage", "yes", "is a switch"),
        ("coverge", "true", "did you mean coverage?"),
        ("go_env", "{{workflow.name}}", "Argo would expand it"),
        ("go_env", "a\nb", "expected one line"),
        ("dockerfile", "../x", "expected a path inside the repository"),
    ],
)
def test_an_input_is_refused_as_in_the_declaration(declared: Plan, name: str, value: str, words: str) -> None:
    said = refused(declared, "shop", Subject(branch="main"), **{name: value})
    assert said.startswith(f"--input {name}: ")
    assert words in said


def test_a_shell_is_not_pasted_into(declared: Plan) -> None:
    assert "pastes dockerfile into a shell" in refused(declared, "stock", dockerfile="$(id)")


CHOICES = """\
apiVersion: argoproj.io/v1alpha1
kind: ClusterWorkflowTemplate
metadata: {name: ours, annotations: {hookline.dev/commit-parameter: revision, hookline.dev/any-ref: "true"}}
spec:
  entrypoint: main
  arguments:
    parameters:
    - {name: repo_url}
    - {name: revision}
    - {name: level, value: quick, enum: [quick, full, true]}
  templates:
  - {name: main, container: {image: x, command: [make], env: [{name: LEVEL, value: "{{workflow.parameters.level}}"}]}}
"""


def test_a_parameter_with_an_enum_takes_its_values_alone() -> None:
    ours = manifest_template(yaml.safe_load(CHOICES), "ours.yaml").template
    assert ours.choices == {"level": ("quick", "full", "true")}
    text = PLATFORM.replace("hookline-ci-go", "ours").replace(
        "  image: registry.example.com/{repository}\n", ""
    )
    plan = planned(text + "pipelines: {shop: {repository: acme/shop}}\n", ours)
    subject = Subject(branch="main", sha=SHA)
    assert arguments(started(plan, "shop", subject, level="full").workflow)["level"] == "full"
    assert "level takes one of quick, full, true" in refused(plan, "shop", subject, level="slow")
    # A branch that the template has no place for says nothing.
    assert refused(plan, "shop", Subject(branch="main")).endswith("; add --sha")


# --- who and why -------------------------------------------------------------------------------------------


def test_who_started_it_and_why_stand_on_the_run(declared: Plan) -> None:
    run = started(declared, "shop", because="the base image was broken")
    assert run.workflow["metadata"]["annotations"] == {
        f"{PREFIX}repository": "acme/shop",
        f"{PREFIX}ref": "refs/heads/main",
        f"{PREFIX}actor": "ada@example.com",
        f"{PREFIX}started-by": "ada@example.com",
        f"{PREFIX}because": "the base image was broken",
    }


@pytest.mark.parametrize(
    ("because", "words"),
    [
        ("a\nb", "expected one line"),
        ("{{workflow.name}}", "Argo would expand it"),
        ("x" * 501, "at most 500"),
    ],
)
def test_a_reason_is_one_line_that_nothing_expands(declared: Plan, because: str, words: str) -> None:
    assert words in refused(declared, "shop", because=because)


def test_a_template_that_pastes_annotations_takes_a_plain_reason() -> None:
    assert reason("try #12: main", pasted=True) == "try #12: main"
    with pytest.raises(Unusable, match="pastes annotations"):
        reason("$(id)", pasted=True)


def test_a_user_with_any_name_makes_no_annotation_that_is_read_as_something_else() -> None:
    assert person("system:serviceaccount:ci:bot") == "system:serviceaccount:ci:bot"
    assert person("arn:aws:iam::1:user/ada") == "arn:aws:iam::1:user/ada"
    assert person("{{x}} $(id)\n") == "--x-----id--"


@pytest.mark.parametrize(
    ("name", "file", "header"),
    [
        ("github", "pull_request-opened", "X-Github-Event"),
        ("gitlab", "merge_request", "X-Gitlab-Event"),
        ("gitea", "pull_request-opened", "X-Gitea-Event"),
    ],
)
def test_a_request_is_filed_where_its_hosts_events_are(name: str, file: str, header: str) -> None:
    kind = "Merge Request Hook" if name == "gitlab" else "pull_request"
    event = reader(host(name), name).canonical(data(name, payload(f"{name}/{file}"), **{header: kind}))
    number = event["pull_request"]["number"]
    assert event["ref"] == f"{host(name).request_refs}{number}/head"
