"""Teams: a namespace for the runs of each, rights there and nowhere else, and the objects of one owner."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jq
import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from support import EXAMPLES, ROOT, github_push, go_template, read_yaml
from tries import tries

from documents.diagnostics import InvalidInput
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import simulate
from hookline.cli import main
from hookline.declaration.loading import load_texts
from hookline.plan.objects import objects
from hookline.plan.owners import objects_of
from hookline.plan.planning import Plan, make_plan
from hookline.plan.pods import changes, pods_needed
from sensors.controller_rules import sensor_problems

FORTY = next(path for path in EXAMPLES if path.name == "forty")
PLATFORM = """\
version: 1
cluster: {namespace: ci}
sources:
  github: {host: github, endpoint: /github, secret: {name: github-webhook, key: secret}, url: "https://github.com/{repository}.git"}
defaults:
  repository: {source: github}
  image: registry.example.com/{repository}
  events: {push: {branches: [main]}}
  run: {template: hookline-ci-go}
"""
SANDBOX = PLATFORM.replace("{namespace: ci}", "{namespace: ci, sandbox: {namespace: ci-forks}}")
FORKS = "{push: false, pull_request: {forks: sandboxed, approved_by: {label: ok}}}"


def team(name: str, *repositories: str, more: str = "") -> str:
    """A team's file: `more` stands before its pipelines."""
    pipelines = "".join(f"  {each.replace('/', '-')}: {{repository: {each}}}\n" for each in repositories)
    return f"version: 1\nowner: {name}\n{more}pipelines:\n{pipelines}"


A = team("team-a", "a/one", "a/two", more="namespace: team-a\n")
B = team("team-b", "b/one", more="namespace: team-b\n")


def planned(*texts: str) -> Plan:
    names = ("platform.yaml", *(f"{number}.yaml" for number in range(1, len(texts))))
    files = [(name, text.encode()) for name, text in zip(names, texts, strict=True)]
    return make_plan(load_texts(files), {})


def said(*texts: str) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        planned(*texts)
    return [str(each) for each in refused.value.diagnostics]


def places(plan: Plan) -> dict[str, str]:
    return {name: load.namespace for name, load in plan.workloads.items()}


def granted(made: Sequence[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Who is bound where: the account's namespace, the account, the namespace of the rights."""
    return {
        (subject["namespace"], subject["name"], each["metadata"]["namespace"])
        for each in made
        if each["kind"] == "RoleBinding"
        for subject in each["subjects"]
    }


# --- Where a namespace may stand ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "team_default", "file", "everybody", "expected"),
    [
        (", namespace: own", "team", "file", "all", "own"),
        ("", "team", "file", "all", "team"),
        ("", "", "file", "all", "file"),
        ("", "", "", "all", "all"),
        ("", "", "", "", "ci"),
        (", namespace: false", "team", "file", "all", "ci"),
    ],
)
def test_the_nearest_namespace_counts(
    own: str, team_default: str, file: str, everybody: str, expected: str
) -> None:
    platform = PLATFORM + (f"  namespace: {everybody}\n" if everybody else "")
    more = f"namespace: {file}\n" if file else ""
    more += f"defaults: {{namespace: {team_default}}}\n" if team_default else ""
    text = f"version: 1\n{more}pipelines:\n  one: {{repository: a/one{own}}}\n"
    assert places(planned(platform, text)) == {"one": expected}


def test_the_namespace_of_a_file_with_the_cluster_reaches_its_own_pipelines_alone() -> None:
    platform = PLATFORM + "namespace: platform\npipelines:\n  tools: {repository: p/tools}\n"
    assert places(planned(platform, team("team-a", "a/one"))) == {"tools": "platform", "a-one": "ci"}


def test_event_sources_bus_and_sensors_stay_in_one_namespace() -> None:
    found = objects(planned(PLATFORM, A, B))
    for each in found:
        if each["kind"] in {"EventBus", "EventSource", "Sensor"}:
            assert each["metadata"]["namespace"] == "ci"
    elsewhere = [each for each in found if each["metadata"]["namespace"] != "ci"]
    assert {
        (each["metadata"]["namespace"], each["kind"], each["metadata"]["name"]) for each in elsewhere
    } == {
        (namespace, *each)
        for namespace in ("team-a", "team-b")
        for each in (
            ("ServiceAccount", "hookline-run"),
            ("ServiceAccount", "hookline-executor"),
            ("Secret", "hookline-executor-token"),
            ("Role", "hookline-executor"),
            ("RoleBinding", "hookline-executor"),
            ("Role", "hookline-sensor"),
            ("RoleBinding", "hookline-sensor"),
        )
    }


def test_rights_are_given_in_the_namespaces_of_pipelines_and_in_no_other() -> None:
    sensor, executor = "hookline-sensor", "hookline-executor"
    assert granted(objects(planned(PLATFORM, A, B))) == {
        ("ci", sensor, "team-a"),
        ("ci", sensor, "team-b"),
        ("team-a", executor, "team-a"),
        ("team-b", executor, "team-b"),
    }
    mixed = objects(planned(PLATFORM, A, team("team-c", "c/one")))
    assert {place for _, _, place in granted(mixed)} == {"ci", "team-a"}
    for each in mixed:
        if each["kind"] == "Role" and each["metadata"]["name"] == sensor:
            assert each["rules"] == [
                {
                    "apiGroups": ["argoproj.io"],
                    "resources": ["workflows"],
                    "verbs": ["get", "create", "patch"],
                }
            ]


def test_a_namespace_in_which_no_sensor_creates_gives_the_sensors_no_right() -> None:
    """Its CronWorkflows fire without one."""
    platform = PLATFORM.replace("{namespace: ci}", "{namespace: ci, schedules: cron_workflow}")
    night = 'version: 1\nnamespace: night\npipelines:\n  n: {repository: a/n, events: {push: false, schedule: {at: "0 3 * * *"}}}\n'
    found = objects(planned(platform, A, night))
    assert granted(found) == {
        ("ci", "hookline-sensor", "team-a"),
        ("team-a", "hookline-executor", "team-a"),
        ("night", "hookline-executor", "night"),
    }
    (cron,) = (each for each in found if each["kind"] == "CronWorkflow")
    assert cron["metadata"]["namespace"] == "night"


# --- One table over several namespaces --------------------------------------------------------------------------------


def push(plan: Plan, repository: str, **changes: Any) -> Any:
    body = json.dumps(github_push(repository__full_name=repository, **changes)).encode()
    return incoming(plan, "x", body, EventOptions("github", {"X-GitHub-Event": "push"}))


def test_teams_share_a_trigger_and_each_run_is_created_in_its_namespace() -> None:
    plan = planned(PLATFORM, A, B, team("team-c", "c/one"))
    (sensor,) = (each for each in objects(plan) if each["kind"] == "Sensor")
    assert sensor_problems(sensor) == []
    (dependency,), (trigger,) = sensor["spec"]["dependencies"], sensor["spec"]["triggers"]
    (target,) = (
        each for each in trigger["template"]["k8s"]["parameters"] if each["dest"] == "metadata.namespace"
    )
    assert target["src"]["dataKey"] == "hookline.namespace"
    for repository, namespace in (
        ("a/one", "team-a"),
        ("a/two", "team-a"),
        ("b/one", "team-b"),
        ("c/one", "ci"),
    ):
        event = push(plan, repository)
        (result,) = simulate(plan, event).results
        assert result.workflow is not None
        assert (result.namespace, result.workflow["metadata"]["namespace"]) == (namespace, namespace)
        decided = jq.compile(dependency["transform"]["jq"]).input_text(event.text()).first()
        assert decided["hookline"]["namespace"] == namespace


@given(
    st.dictionaries(
        st.sampled_from(["namespace", "pipeline", "owner", "hookline"]),
        st.sampled_from(["team-b", "kube-system", "ci"]),
    )
)
@settings(max_examples=tries(60), deadline=None)
def test_no_event_chooses_a_namespace(said_by_event: dict[str, str]) -> None:
    plan = planned(PLATFORM, A, B)
    changes = {"namespace": "kube-system", **said_by_event}
    event = push(plan, "a/one", **changes, **{f"repository__{key}": value for key, value in changes.items()})
    (result,) = simulate(plan, event).results
    assert result.workflow is not None
    assert result.workflow["metadata"]["namespace"] == "team-a"


def test_one_namespace_costs_no_byte_of_a_program() -> None:
    one = planned(PLATFORM, A)
    (dependency,) = one.sensors[0].dependencies
    assert dependency.program is not None
    assert "namespace" not in dependency.program.text
    assert dependency.creates.resource["metadata"]["namespace"] == "team-a"


def test_a_pipeline_that_moves_keeps_its_subscription_and_gets_another_digest() -> None:
    before, after = (
        planned(PLATFORM, team("team-a", "a/one"), B),
        planned(PLATFORM, A.replace("  a-two: {repository: a/two}\n", ""), B),
    )
    assert [each.name for each in before.sensors[0].dependencies] == [
        each.name for each in after.sensors[0].dependencies
    ]
    assert before.workloads["a-one"].config != after.workloads["a-one"].config
    assert before.workloads["b-one"].config == after.workloads["b-one"].config
    assert ("a-one", "its Workflows move from ci to team-a") in [
        (each.name, each.effect) for each in changes(before, after)
    ]


def test_wide_pipelines_and_schedules_run_in_their_namespaces_too() -> None:
    wide = "".join(
        f'  a-{number}: {{repository: a/one, events: {{schedule: {{at: "{number} 3 * * *", branch: main}}}}}}\n'
        for number in range(5)
    )
    plan = planned(PLATFORM, f"version: 1\nnamespace: team-a\npipelines:\n{wide}", B)
    for sensor in plan.sensors:
        for dependency in sensor.dependencies:
            if not dependency.creates.chosen:
                expected = "team-b" if dependency.pipelines == ("b-one",) else "team-a"
                assert dependency.creates.namespaces == {expected}
    results = simulate(plan, push(plan, "a/one")).results
    assert [(each.workflow or {})["metadata"]["namespace"] for each in results] == ["team-a"] * 5
    fired = incoming(plan, "schedule:a-3", None, EventOptions())
    (result,) = simulate(plan, fired).results
    assert (result.workflow or {})["metadata"]["namespace"] == "team-a"


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Team", "team_a", "-a", "a.b", "x" * 64])
def test_a_name_that_kubernetes_refuses_is_one_message_at_its_line(text: str) -> None:
    (message,) = said(PLATFORM, A.replace("namespace: team-a", f"namespace: {text}"))
    assert message.startswith("1.yaml:3:12: error: namespace: expected a namespace, as in ci: ")
    (message,) = said(PLATFORM, A.replace("namespace: team-a", f"defaults: {{namespace: {text}}}"))
    assert message.startswith("1.yaml:3:23: error: defaults.namespace: expected a namespace, as in ci: ")


@pytest.mark.parametrize("key", ["namespace", "owner"])
def test_a_key_of_a_file_without_pipelines_is_refused(key: str) -> None:
    (message,) = said(f"{PLATFORM}{key}: platform\n", A)
    assert message == (
        f"platform.yaml:10:1: error: {key}: no pipeline stands in this file, so that {key}: reaches none; "
        "under defaults: it can reach those of other files"
    )


def test_trusted_code_never_runs_where_foreign_code_does() -> None:
    text = A.replace("namespace: team-a", "namespace: ci-forks")
    forks = f"version: 1\npipelines:\n  forks: {{repository: f/one, events: {FORKS}}}\n"
    (message,) = said(SANDBOX, text, forks)
    assert message == (
        "1.yaml:3:12: error: namespace: ci-forks is cluster.sandbox.namespace, where foreign code runs: it would share a volume and Secrets "
        'with this pipeline; expected another namespace (reaches 2 pipelines, such as "a-one")'
    )
    # Nothing sandboxed is there yet: the name is kept for it.
    assert said(SANDBOX, text)[0].startswith(
        "1.yaml:3:12: error: namespace: ci-forks is cluster.sandbox.namespace"
    )


def test_foreign_code_runs_in_the_sandbox_whatever_its_file_says() -> None:
    forks = f"  forks: {{repository: a/one, events: {FORKS}}}\n"
    plan = planned(SANDBOX, A + forks)
    assert places(plan) == {"a-one": "team-a", "a-two": "team-a", "forks": "ci-forks"}
    (message,) = said(SANDBOX, A + forks.replace("{repository", "{namespace: team-a, repository"))
    assert message == (
        "1.yaml:7:22: error: pipelines.forks.namespace: requests from forks run in cluster.sandbox.namespace, apart from trusted code; "
        "leave namespace: out"
    )
    (message,) = said(SANDBOX, f"version: 1\nnamespace: team-a\npipelines:\n{forks}", B)
    assert message.startswith(
        "1.yaml:2:12: error: namespace: every pipeline that this namespace reaches says forks: sandboxed"
    )


TEMPLATE = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: team-ci, namespace: team-a}
spec:
  entrypoint: main
  arguments: {parameters: [{name: repo_url}, {name: container_image, value: ""}]}
  templates:
    - {name: main, dag: {tasks: [{name: build, template: build}]}}
    - {name: build, container: {image: x, command: ["true"]}}
"""


def test_a_template_of_another_namespace_is_refused_where_it_is_used() -> None:
    platform = PLATFORM.replace("hookline-ci-go", "team-ci") + "templates: {team-ci: {file: team-ci.yaml}}\n"

    def found(template: str) -> Plan:
        files = [("p.yaml", platform.encode()), ("a.yaml", A.encode()), ("b.yaml", B.encode())]
        return make_plan(load_texts(files, lambda _: template.encode()), {})

    with pytest.raises(InvalidInput) as refused:
        found(TEMPLATE)
    (message,) = map(str, refused.value.diagnostics)
    assert message == (
        "p.yaml:9:19: error: defaults.run.template: team-ci is a WorkflowTemplate of the namespace team-a, and the Workflows of this "
        "pipeline run in team-b: Argo would not find it; put one into team-b and name no namespace in team-ci.yaml, or make it a "
        'ClusterWorkflowTemplate (reaches the pipeline "b-one")'
    )
    plan = found(TEMPLATE.replace(", namespace: team-a", ""))
    assert places(plan) == {"a-one": "team-a", "a-two": "team-a", "b-one": "team-b"}
    assert plan.workloads["b-one"].resource["spec"]["workflowTemplateRef"] == {"name": "team-ci"}


def test_one_checkout_directory_is_two_volumes_in_two_namespaces() -> None:
    platform = PLATFORM.replace("run: {template: hookline-ci-go}", "run: {template: ci-go-v1}")
    one, other = (
        team("team-a", "a/shop", more="namespace: team-a\n"),
        team("team-b", "b/shop", more="namespace: team-b\n"),
    )
    plan = planned(platform, one, other)
    assert {load.mutex for load in plan.workloads.values()} == {"shop"}
    (message,) = said(platform, one, other.replace("namespace: team-b", "namespace: team-a"))
    assert 'checks out https://github.com/a/shop.git into the same directory "shop"' in message


# --- Owners -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("platform", PLATFORM), ("a", A), ("b", B)):
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def hookline(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.usefixtures("folder")
def test_the_objects_of_an_owner_are_its_namespaces_and_what_is_shared_is_named() -> None:
    result = hookline("render", "--owner", "team-a", ".")
    assert result.exit_code == 0
    made = read_yaml(result.stdout)
    everything = objects(planned(PLATFORM, A, B))
    assert made == [each for each in everything if each["metadata"]["namespace"] == "team-a"]
    assert granted(made) == {("ci", "hookline-sensor", "team-a"), ("team-a", "hookline-executor", "team-a")}
    assert result.stderr == (
        "left out, because all owners share it: EventBus default, EventSource hookline-webhooks, 1 Sensor; "
        "hookline render --pods --owner team-a lists the pods\n"
    )


def test_owners_and_what_they_share_are_all_objects_and_no_object_is_of_two() -> None:
    files = [(str(path), path.read_bytes()) for path in sorted(FORTY.glob("*.yaml"))]
    plan = make_plan(load_texts(files), {})
    everything = objects(plan)
    owned = [
        json.dumps(each) for name in plan_owners(plan) for each in objects_of(plan, name, everything).objects
    ]
    assert len(owned) == len(set(owned)) == 4 * 7 + 2  # the CronWorkflows of a schedule each
    shared = [each for each in everything if json.dumps(each) not in owned]
    assert {each["metadata"]["namespace"] for each in shared} == {"ci"}


def plan_owners(plan: Plan) -> set[str]:
    return {load.owner for load in plan.workloads.values() if load.owner is not None}


def test_a_namespace_of_two_owners_belongs_to_none_of_them_but_a_cron_workflow_does() -> None:
    platform = PLATFORM.replace("{namespace: ci}", "{namespace: ci, schedules: cron_workflow}")
    night = '  night: {repository: a/n, events: {push: false, schedule: {at: "0 3 * * *"}}}\n'
    plan = planned(platform, A + night, B.replace("namespace: team-b", "namespace: team-a"))
    found = objects_of(plan, "team-a", objects(plan))
    assert [(each["kind"], each["metadata"]["name"]) for each in found.objects] == [("CronWorkflow", "night")]
    assert found.shared.endswith(", the accounts and rights in team-a")


def test_an_owner_that_needs_no_pod_shares_nothing(folder: Path) -> None:
    cron = PLATFORM.replace("{namespace: ci}", "{namespace: ci, schedules: cron_workflow}")
    (folder / "platform.yaml").write_text(cron, "utf-8")
    night = 'pipelines:\n  night: {repository: a/n, events: {push: false, schedule: {at: "0 3 * * *"}}}\n'
    (folder / "a.yaml").write_text(f"version: 1\nowner: team-a\nnamespace: team-a\n{night}", "utf-8")
    result = hookline("render", "--owner", "team-a", ".")
    assert (result.exit_code, result.stderr) == (0, "nothing of it is shared\n")
    assert {each["kind"] for each in read_yaml(result.stdout)} == {
        "ServiceAccount", "Secret", "Role", "RoleBinding", "CronWorkflow",
    }  # fmt: skip
    assert granted(read_yaml(result.stdout)) == {("team-a", "hookline-executor", "team-a")}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--owner", "team-x"), 'error: no pipeline has the owner "team-x"; owners: team-a, team-b\n'),
        (("--owner", "team-b", "--against", "b.yaml"), "--owner has no effect beside --against"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_an_owner_that_nothing_can_be_printed_for_is_refused(arguments: tuple[str, ...], said: str) -> None:
    result = hookline("render", *arguments, ".")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_an_owner_without_an_object_of_its_own_is_told_what_it_shares(folder: Path) -> None:
    (folder / "a.yaml").write_text(team("team-a", "a/one"), "utf-8")
    result = hookline("render", "--owner", "team-a", ".")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: team-a has no object of its own: ")
    assert result.stderr.endswith("1 Sensor, the accounts and rights in ci\n")


def test_pods_are_told_by_owner(folder: Path) -> None:
    table, _, by_owner = hookline("render", "--pods", ".").stdout.partition("\n\n")
    rows = [line.split("   ") for line in table.splitlines()]
    assert rows[0][-1].strip() == "PIPELINES OF"
    assert [row[-1].strip() for row in rows[1:-1]] == ["team-a (2), team-b (1)"] * 3
    assert [line.split() for line in by_owner.splitlines()[1:]] == [
        ["team-a", "2", "team-a", "5", "0"],
        ["team-b", "1", "team-b", "5", "0"],
    ]
    night = '  night: {repository: b/n, events: {push: false, schedule: {at: "0 3 * * *", branch: main, except: [2026-12-31]}}}\n'
    (folder / "b.yaml").write_text(B + night, "utf-8")
    mine = hookline("render", "--pods", "--owner", "team-a", ".").stdout
    assert "calendar" not in mine
    assert mine.splitlines()[-1].split() == ["team-a", "2", "team-a", "5", "0"]
    assert hookline("render", "--pods", ".").stdout.splitlines()[-1].split() == [
        "team-b",
        "2",
        "team-b",
        "7",
        "2",
    ]


def test_a_pod_carries_the_pipelines_of_its_dependencies_and_no_other() -> None:
    plan = planned(PLATFORM, A, B)
    for row in pods_needed(plan).rows:
        assert row.pipelines == set(plan.workloads)
    assert pods_needed(plan).carrying(frozenset()).rows == ()


def test_files_of_several_namespaces_have_names_of_their_own(folder: Path) -> None:
    """ci/team-a-x and team-a/x are two objects, however their names are put together."""
    cron = PLATFORM.replace("{namespace: ci}", "{namespace: ci, schedules: cron_workflow}")
    (folder / "platform.yaml").write_text(cron, "utf-8")
    schedule = 'events: {push: false, schedule: {at: "0 3 * * *"}}'
    (folder / "a.yaml").write_text(
        f"version: 1\nnamespace: team-a\npipelines:\n  x: {{repository: a/x, {schedule}}}\n", "utf-8"
    )
    (folder / "b.yaml").write_text(
        f"version: 1\npipelines:\n  team-a-x: {{repository: b/x, {schedule}}}\n", "utf-8"
    )
    assert hookline("render", "--to", "out", ".").exit_code == 0
    written = {path.name: yaml.safe_load(path.read_text("utf-8")) for path in (folder / "out").iterdir()}
    assert written["cronworkflow-team-a-x.yaml"]["metadata"]["namespace"] == "ci"
    assert written["cronworkflow-team-a_x.yaml"]["metadata"]["namespace"] == "team-a"


# --- What commands say ------------------------------------------------------------------------------------------------


def test_commands_name_the_namespace_of_a_run(folder: Path) -> None:
    (folder / "push.json").write_text(json.dumps(github_push(repository__full_name="a/one")), "utf-8")
    event = ("-f", ".", "-e", "push.json", "--source", "github", "--header", "X-GitHub-Event: push")
    lines = [line.split() for line in hookline("simulate", *event, "-o", "table").stdout.splitlines()]
    assert lines[2] == ["PIPELINE", "NAMESPACE", "VERDICT", "REASON", "WORKFLOW"]
    assert lines[3][:3] == ["a-one", "team-a", "run"]
    (manifest,) = read_yaml(hookline("simulate", *event, "-o", "manifest").stdout)
    assert manifest["metadata"]["namespace"] == "team-a"
    (result,) = json.loads(hookline("simulate", *event, "-o", "json").stdout)["results"]
    assert result["namespace"] == "team-a"
    explained = hookline("explain", "a-one", *event).stdout
    assert f"run     team-a/{manifest['metadata']['name']}\n" in explained
    assert ["namespace", "team-a", "a.yaml:3:12"] in [line.split() for line in explained.splitlines()]
    assert json.loads(hookline("explain", "b-one", *event, "-o", "json").stdout)["namespace"] == "team-b"
    assert (
        hookline("validate", ".").stdout
        == "3 pipelines, 1 source: valid; 5 pods; Workflows in 2 namespaces\n"
    )
    assert json.loads(hookline("validate", ".", "-o", "json").stdout)["namespaces"] == ["team-a", "team-b"]


def test_fire_times_name_the_namespace(folder: Path) -> None:
    night = '  night: {repository: b/n, events: {schedule: {at: "0 3 * * *", branch: main}}}\n'
    (folder / "b.yaml").write_text(B + night, "utf-8")
    table = hookline("next", ".", "--count", "1").stdout.splitlines()
    assert [line.split()[:2] for line in table] == [["PIPELINE", "NAMESPACE"], ["night", "team-b"]]
    (item,) = json.loads(hookline("next", ".", "--count", "1", "-o", "json").stdout)["items"]
    assert item["namespace"] == "team-b"


# --- The page ---------------------------------------------------------------------------------------------------------

BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/teams.md").read_text("utf-8"), re.DOTALL)


def test_the_two_files_of_the_page_are_a_declaration() -> None:
    plan = planned(*BLOCKS[:2])
    assert places(plan) == {"cart": "team-shop", "orders": "team-shop"}
    assert plan.warnings == ()


def test_one_exporter_of_all_teams_may_read_in_each_namespace_and_in_no_other() -> None:
    first = BLOCKS[0].replace("cluster: {", 'cluster: {image: "registry.example.com/hookline:1", ')
    plan = planned(f"{first}exporter: {{}}\n", BLOCKS[1])
    reading = {
        each["metadata"]["namespace"]
        for each in objects(plan)
        if each["kind"] == "Role"
        and "workflows" in str(each["rules"])
        and "exporter" in each["metadata"]["name"]
    }
    assert reading == set(plan.namespaces) == {"team-shop"}


def test_sandbox_and_teams_get_accounts_and_rights_by_one_rule() -> None:
    """cluster.sandbox is one more namespace: accounts and rights are made there as for a team."""
    forks = f"  forks: {{repository: a/one, events: {FORKS}}}\n"
    files = [("p.yaml", SANDBOX.encode()), ("a.yaml", (A + forks).encode())]
    found = objects(make_plan(load_texts(files), {"hookline-ci-go": go_template()}))
    kinds = {
        namespace: [
            (each["kind"], each["metadata"]["name"])
            for each in found
            if each["metadata"]["namespace"] == namespace
        ]
        for namespace in ("team-a", "ci-forks")
    }
    assert kinds["team-a"] == kinds["ci-forks"] != []
