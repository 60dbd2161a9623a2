"""`limits:` and `run: {limit: …}`: the ConfigMap, the semaphore of every Workflow, and what is refused."""

from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from support import edited, github_push, payload

from documents.diagnostics import InvalidInput
from events.delivery import BusEvent
from hookline.cli import main
from hookline.declaration.loading import load_texts
from hookline.declaration.templates import manifest_template
from hookline.plan.objects import objects
from hookline.plan.planning import Plan, make_plan
from triggers.release import Release
from triggers.template import Template

HEAD = """\
version: 1
cluster: {namespace: ci, sandbox: {namespace: ci-forks}, schedules: cron_workflow}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}, url: "https://github.com/{repository}.git"}
limits: {nightly: 10, builds: 2}
defaults:
  repository: {source: github}
  image: registry.example.com/{owner}/{repository_name}
  run: {template: hookline-ci-go, limit: nightly}
pipelines:
"""
SHOP = """\
  shop: {repository: acme/shop, events: {push: {}, schedule: {at: "0 3 * * *"}}}
"""
CART = """\
  cart: {repository: acme/cart, events: {push: {}}, run: {limit: builds}}
"""
FREE = """\
  free: {repository: acme/free, events: {push: {}}, run: {limit: false}}
"""
FORKS = """\
  forks: {repository: acme/forks, events: {pull_request: {forks: sandboxed, approved_by: {label: ok-to-test}}}}
"""


def planned(text: str, *templates: Template) -> Plan:
    return make_plan(load_texts([("hookline.yaml", text.encode())]), {each.name: each for each in templates})


def refusals(text: str, *templates: Template) -> list[str]:
    with pytest.raises(InvalidInput) as found:
        planned(text, *templates)
    return [str(each) for each in found.value.diagnostics]


def created(plan: Plan, repository: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The Workflow that a delivery about a repository makes."""
    event = "push" if body is None else "pull_request"
    body = body or github_push(repository__full_name=repository)
    delivery = BusEvent("", "", {"headers": {"X-Github-Event": [event]}, "body": body}).text()
    for sensor in plan.sensors:
        for each in sensor.dependencies:
            decision = each.program.decide(delivery) if each.program else {}
            if decision.get("action") == "run":
                context = {"id": "1", "time": "2026-11-24T02:30:00Z"}
                return each.creates.of(context, {"hookline": decision})
    raise AssertionError("no pipeline runs")


def semaphore(key: str, **more: str) -> dict[str, Any]:
    return {"configMapKeyRef": {"name": "hookline-limits", "key": key}, **more}


def config_maps(plan: Plan) -> list[dict[str, Any]]:
    return [each for each in objects(plan) if each["kind"] == "ConfigMap"]


def test_one_config_map_holds_the_limits_that_are_used() -> None:
    (found,) = config_maps(planned(HEAD + SHOP + FORKS))
    found["metadata"].pop("labels")
    assert found == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "hookline-limits", "namespace": "ci"},
        "data": {"nightly": "10"},
    }
    assert config_maps(planned(HEAD + FREE)) == []


def test_the_limits_stand_before_all_that_starts_runs() -> None:
    kinds = [each["kind"] for each in objects(planned(HEAD + SHOP))]
    assert kinds.index("ConfigMap") < min(kinds.index("Sensor"), kinds.index("CronWorkflow"))


def test_pipelines_of_different_limits_share_a_trigger_and_each_run_names_its_own() -> None:
    plan = planned(HEAD + SHOP + CART)
    assert len([each for sensor in plan.sensors for each in sensor.dependencies]) == 1
    for repository, key in (("acme/shop", "nightly"), ("acme/cart", "builds")):
        spec = created(plan, repository)["spec"]
        assert spec["synchronization"] == {"semaphores": [semaphore(key)]}
    assert "synchronization" not in created(planned(HEAD + FREE), "acme/free")["spec"]


def test_a_fourth_pipeline_of_a_repository_has_its_limit_in_a_trigger_of_its_own() -> None:
    several = "".join(SHOP.replace("shop:", f"shop-{name}:") for name in "abcd")
    limited = HEAD + several.replace('{at: "0 3 * * *"}}', '{at: "0 3 * * *"}}, run: {limit: builds}')
    found = [
        each.creates.resource["spec"]["synchronization"]["semaphores"][0]["configMapKeyRef"]["key"]
        for sensor in planned(limited).sensors
        for each in sensor.dependencies
    ]
    assert sorted(found) == ["", "", "", "builds"]


@pytest.mark.parametrize("release", get_args(Release))
def test_the_limit_of_a_scheduled_run_is_written_for_the_release(release: str) -> None:
    plan = planned((HEAD + SHOP).replace("cluster: {", f'cluster: {{argo_workflows: "{release}", '))
    (found,) = (each for each in objects(plan) if each["kind"] == "CronWorkflow")
    one, several = {"semaphore": semaphore("nightly")}, {"semaphores": [semaphore("nightly")]}
    assert found["spec"]["workflowSpec"]["synchronization"] == (one if release == "3.5" else several)


def test_a_run_of_a_calendar_has_its_limit_too() -> None:
    plan = planned((HEAD + SHOP).replace("schedules: cron_workflow", "schedules: calendar"))
    (found,) = (each for sensor in plan.sensors for each in sensor.dependencies if each.program is None)
    assert found.creates.resource["spec"]["synchronization"] == {"semaphores": [semaphore("nightly")]}


def test_runs_of_another_namespace_name_that_of_the_limits_so_that_all_count_together() -> None:
    request = edited(
        payload("github/pull_request-labeled"),
        label__name="ok-to-test",
        repository__full_name="acme/forks",
        pull_request__base__repo__full_name="acme/forks",
        pull_request__head__repo__full_name="mallory/forks",
    )
    workflow = created(planned(HEAD + FORKS), "acme/forks", request)
    assert workflow["metadata"]["namespace"] == "ci-forks"
    assert workflow["spec"]["synchronization"] == {"semaphores": [semaphore("nightly", namespace="ci")]}


def test_a_limit_stands_beside_the_mutex() -> None:
    text = (HEAD + SHOP).replace("template: hookline-ci-go", "template: ci-go-v1")
    spec = created(planned(text), "acme/shop")["spec"]
    assert spec["synchronization"] == {"mutexes": [{"name": "shop"}], "semaphores": [semaphore("nightly")]}


def test_another_number_changes_the_config_map_and_nothing_else() -> None:
    before, after = (
        objects(planned(text + SHOP)) for text in (HEAD, HEAD.replace("nightly: 10", "nightly: 3"))
    )
    assert [each["kind"] for each, other in zip(before, after, strict=True) if each != other] == ["ConfigMap"]


def test_another_limit_is_another_configuration() -> None:
    one, other = (
        planned(text).workloads["cart"].config
        for text in (HEAD + CART, HEAD + CART.replace("builds", "nightly"))
    )
    assert one != other


def test_a_declaration_without_limits_has_the_program_that_it_always_had() -> None:
    (dependency,) = (each for sensor in planned(HEAD + FREE).sensors for each in sensor.dependencies)
    assert dependency.program is not None
    assert "limit:" not in dependency.program.text


def test_the_manifest_that_simulate_prints_has_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hookline.yaml").write_text((HEAD + SHOP).replace(", schedules: cron_workflow", ""), "utf-8")
    result = CliRunner().invoke(main, ["simulate", "-e", "schedule:shop", "-o", "manifest"])
    assert result.exit_code == 0, result.stderr
    assert "key: nightly" in result.stdout


def test_a_limit_that_nobody_declared_is_refused_with_the_one_that_is_meant() -> None:
    (message,) = refusals(HEAD + SHOP.replace("}}}", "}}, run: {limit: nigthly}}"))
    assert message.startswith("hookline.yaml:11:")
    assert 'there is no limit "nigthly"; declared: builds, nightly; did you mean nightly?' in message
    (message,) = refusals((HEAD + SHOP).replace("limits: {nightly: 10, builds: 2}\n", ""))
    assert "none is declared: write limits: {nightly: 10} at the top of a file" in message


def test_a_limit_that_no_pipeline_names_is_warned_of_and_left_out() -> None:
    plan = planned(HEAD + SHOP)
    (warning,) = (each.message for each in plan.warnings if "limit" in each.message)
    assert warning == 'no pipeline names the limit "builds" (run: {limit: builds}); it is left out'
    assert plan.limits == {"nightly": 10}


@pytest.mark.parametrize("number", ["0", "-1", '"10"', "1.5", "true", "1000001", "[10]"])
def test_a_number_of_runs_that_argo_could_not_hold_is_refused(number: str) -> None:
    (message,) = refusals((HEAD + SHOP).replace("nightly: 10", f"nightly: {number}"))
    assert "limits.nightly" in message


def test_a_limit_in_two_files_is_refused() -> None:
    files = [("a.yaml", HEAD + SHOP), ("b.yaml", "version: 1\nlimits: {nightly: 3}\n")]
    with pytest.raises(InvalidInput) as found:
        load_texts([(name, text.encode()) for name, text in files])
    (problem,) = found.value.diagnostics
    assert str(problem).startswith("b.yaml:2:10: ")
    assert "limit nightly is declared already at a.yaml:5:10" in str(problem)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("template: ci-go-v1", "the mutex that runs of ci-go-v1 need"),
        ("template: hookline-ci-go, mutex: one", "mutex: one"),
    ],
)
def test_a_release_that_takes_one_lock_is_refused_a_mutex_and_a_limit(settings: str, said: str) -> None:
    text = (HEAD + SHOP).replace("template: hookline-ci-go", settings)
    old = text.replace("cluster: {", 'cluster: {argo_workflows: "3.5", ')
    (message,) = refusals(old)
    assert f"Argo Workflows 3.5 takes one lock a run, and beside a limit it would ignore {said}" in message
    assert planned(text.replace("cluster: {", 'cluster: {argo_workflows: "3.6", ')).limits == {"nightly": 10}


def test_under_template_referencing_a_limit_is_refused_with_the_way_out() -> None:
    text = (HEAD + SHOP).replace("cluster: {", "cluster: {template_referencing: strict, ")
    (message,) = refusals(text)
    assert "run.limit: synchronization cannot be set on a Workflow under templateReferencing" in message


def locked_template(**synchronization: Any) -> dict[str, Any]:
    """A template that lets runs overlap, and has locks of its own."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ClusterWorkflowTemplate",
        "metadata": {"name": "team-ci", "annotations": {"hookline.dev/concurrent-runs": "true"}},
        "spec": {
            "entrypoint": "main",
            "synchronization": synchronization,
            "arguments": {"parameters": [{"name": "container_image", "value": ""}]},
            "templates": [{"name": "main", "container": {"image": "alpine", "command": ["true"]}}],
        },
    }


def test_a_limit_that_would_replace_semaphores_of_the_template_is_refused() -> None:
    text = (HEAD + SHOP).replace("template: hookline-ci-go", "template: team-ci")
    reference = {"configMapKeyRef": {"name": "team", "key": "builds"}}
    own = manifest_template(locked_template(semaphores=[reference]), "own").template
    (message,) = refusals(text, own)
    assert (
        "team-ci names semaphores for the whole run in its own spec, which a limit would replace" in message
    )
    mutex = manifest_template(locked_template(mutexes=[{"name": "team"}]), "own").template
    assert planned(text, mutex).limits == {"nightly": 10}
    (message,) = refusals(text.replace("cluster: {", 'cluster: {argo_workflows: "3.5", '), mutex)
    assert "Argo Workflows 3.5 takes one lock a run" in message


@pytest.mark.parametrize(
    "text",
    [
        HEAD.replace("cluster: {", "cluster: {parallelism: 10, ") + SHOP,
        HEAD.replace("cluster: {", "cluster: {limits: {nightly: 10}, ") + SHOP,
        (HEAD + SHOP).replace("limit: nightly}", "max_parallel: 10}"),
    ],
)
def test_the_words_of_others_are_answered_with_the_key_that_does_it(text: str) -> None:
    assert any("write limits: {nightly: 10} at the top of a file" in each for each in refusals(text))
