"""`run: {resources: …}`: what reaches the template, and what is refused."""

import copy
import json
from typing import Any

import pytest
import yaml
from support import ROOT, github_push

from documents.diagnostics import InvalidInput
from events.delivery import BusEvent
from hookline.declaration.loading import load_texts
from hookline.declaration.templates import manifest_template
from hookline.plan.planning import Plan, make_plan
from triggers.pod_size import instance_types_metadata, resources_patch
from triggers.shipped import shipped
from triggers.template import Template

HEAD = """\
version: 1
cluster: {namespace: ci}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}}
pipelines:
  shop:
    repository: {source: github, name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    events: {push: {branches: [main]}}
"""


def declared(run: str) -> str:
    return f"{HEAD}    run: {run}\n"


def wanted(resources: str, more: str = "") -> str:
    return declared(f"{{template: hookline-ci-go, resources: {resources}{more}}}")


def planned(text: str, *templates: Template) -> Plan:
    return make_plan(load_texts([("hookline.yaml", text.encode())]), {each.name: each for each in templates})


def refusals(text: str, *templates: Template) -> list[str]:
    with pytest.raises(InvalidInput) as found:
        planned(text, *templates)
    return [str(each) for each in found.value.diagnostics]


def arguments(plan: Plan) -> dict[str, str]:
    """The arguments of the Workflow that a push makes."""
    delivery = BusEvent("", "", {"headers": {"X-Github-Event": ["push"]}, "body": github_push()}).text()
    (dependency,) = (each for sensor in plan.sensors for each in sensor.dependencies)
    assert dependency.program is not None
    decision = dependency.program.decide(delivery)
    workflow = dependency.creates.of({"id": "1", "time": "2026-11-24T02:30:00Z"}, {"hookline": decision})
    return {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("{cpu: 4}", {"requests": {"cpu": "4"}}),
        ("{cpu: 0.5}", {"requests": {"cpu": "0.5"}}),
        ("{cpu: 500m}", {"requests": {"cpu": "500m"}}),
        ("{memory: 8Gi}", {"requests": {"memory": "8Gi"}, "limits": {"memory": "8Gi"}}),
        (
            "{cpu: 4, memory: 8Gi}",
            {"requests": {"cpu": "4", "memory": "8Gi"}, "limits": {"memory": "8Gi"}},
        ),
        (
            "{cpu: 2, memory: 4G, limits: {cpu: 4, memory: 6G}}",
            {"requests": {"cpu": "2", "memory": "4G"}, "limits": {"cpu": "4", "memory": "6G"}},
        ),
        ("{limits: {memory: 16Gi}}", {"limits": {"memory": "16Gi"}}),
    ],
)
def test_the_resources_of_a_step_reach_its_parameter_as_json(said: str, expected: dict[str, Any]) -> None:
    found = arguments(planned(wanted(f"{{run-test: {said}}}")))
    assert json.loads(found["test_resources"]) == expected
    assert "checkout_resources" not in found
    assert "build_resources" not in found


def test_instance_types_reach_their_parameter_in_their_order() -> None:
    types = "{run-test: {instance_types: [4-8Gi, ecs.c6.xlarge, 8-16Gi]}}"
    assert arguments(planned(wanted(types, ", compute: eci")))["test_instance_types"] == (
        "4-8Gi,ecs.c6.xlarge,8-16Gi"
    )
    one = "{run-test: {instance_types: 4-8Gi}}"
    assert arguments(planned(wanted(one, ", spot: {}")))["test_instance_types"] == "4-8Gi"


def test_what_is_not_said_stays_as_the_template_says() -> None:
    assert not [
        name for name in arguments(planned(declared("{template: hookline-ci-go}"))) if "resources" in name
    ]


def test_a_pipelines_resources_stand_over_its_defaults_key_by_key() -> None:
    defaults = "defaults: {run: {template: hookline-ci-go, resources: {run-test: {cpu: 4, memory: 8Gi}, build-push-image: {cpu: 2}}}}\n"
    text = declared("{resources: {run-test: {memory: 12Gi}, build-push-image: false}}")
    found = arguments(planned(text.replace("pipelines:\n", defaults + "pipelines:\n")))
    assert json.loads(found["test_resources"])["requests"] == {"cpu": "4", "memory": "12Gi"}
    assert "build_resources" not in found


def test_other_resources_are_another_configuration() -> None:
    one, other = (
        planned(wanted(f"{{run-test: {{cpu: {cpus}}}}}")).workloads["shop"].config for cpus in (4, 8)
    )
    assert one != other


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("{cpu: 0}", "cpu: expected more than 0 CPUs"),
        ("{cpu: 0m}", "cpu: expected more than 0 CPUs"),
        ("{cpu: -1}", "cpu: expected CPUs, such as 4, 0.5 or 500m"),
        ("{cpu: two}", "cpu: expected CPUs"),
        ("{cpu: true}", "cpu: expected CPUs"),
        ("{cpu: [4]}", "cpu: expected CPUs"),
        ("{cpu: 4Gi}", "cpu: expected CPUs"),
        ("{cpu: 0.0001}", "cpu: expected CPUs"),
        ("{cpu: .nan}", "cpu: expected CPUs"),
        ("{cpu: .inf}", "cpu: expected CPUs"),
        ("{cpu: 4000}", "cpu: 4000 CPUs are more than a node has; 4000m are 4"),
        ("{cpu: 9000000m}", "cpu: 9000 CPUs are more than a node has"),
        ('{cpu: "{{workflow.name}}"}', "cpu: expected CPUs"),
        ("{memory: 0Gi}", "memory: expected more than no memory"),
        ("{memory: 8}", "memory: expected memory with its unit, such as 512Mi or 8Gi; 8 would be bytes"),
        (
            "{memory: 512m}",
            "memory: expected memory with its unit, such as 512Mi or 8Gi; did you mean 512Mi?",
        ),
        ("{memory: 8GB}", "did you mean 8Gi?"),
        ("{memory: 8gib}", "did you mean 8Gi?"),
        ("{memory: 8 Gi}", "did you mean 8Gi?"),
        ("{memory: 8g}", "did you mean 8Gi?"),
        ("{memory: -8Gi}", "memory: expected memory with its unit"),
        ("{memory: 900Ti}", "memory: 900Ti is more than a node has"),
        ("{limits: {cpu: 0}}", "limits.cpu: expected more than 0 CPUs"),
        ("{}", "nothing is said here; expected cpu:, memory:, limits: {…} or instance_types:"),
        ("{limits: {}}", "nothing is said here"),
        ("{cpus: 4}", "did you mean cpu?"),
        ("{requests: {cpu: 4}}", "cpu: and memory: are what the step requests"),
        ("{instance_types: []}", "instance_types"),
        ("{instance_types: [1-1Gi, 1-2Gi, 2-2Gi, 2-4Gi, 4-4Gi, 4-8Gi]}", "instance_types"),
        ("{instance_types: c6.xlarge}", "expected vCPUs and memory, such as 4-8Gi, or an ECS type"),
        ("{instance_types: 4-8}", "expected vCPUs and memory"),
        ("{instance_types: 0-8Gi}", "expected vCPUs and memory"),
        ('{instance_types: "4-8Gi,8-16Gi"}', "expected vCPUs and memory"),
        ('{instance_types: "ecs.{{x}}.y"}', "expected vCPUs and memory"),
    ],
)
def test_an_amount_that_kubernetes_would_not_take_is_refused(said: str, sentence: str) -> None:
    (message,) = refusals(wanted(f"{{run-test: {said}}}", ", compute: eci"))
    assert message.startswith("hookline.yaml:10:")
    assert "pipelines.shop.run.resources.run-test" in message
    assert sentence in message


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "{cpu: 4, limits: {cpu: 2}}",
            "run-test.cpu: the request, 4, is above the limit, 2: Kubernetes would refuse the pod of run-test",
        ),
        (
            "{memory: 8Gi, limits: {memory: 4Gi}}",
            "run-test.memory: the request, 8Gi, is above the limit, 4Gi",
        ),
        (
            "{limits: {memory: 2Gi}}",
            "run-test.limits.memory: the request, 4Gi in hookline-ci-go, is above the limit, 2Gi",
        ),
        (
            "{limits: {cpu: 1500m}}",
            "run-test.limits.cpu: the request, 2 in hookline-ci-go, is above the limit, 1500m",
        ),
    ],
)
def test_a_request_above_its_limit_is_refused_also_where_the_template_says_the_other(
    said: str, sentence: str
) -> None:
    (message,) = refusals(wanted(f"{{run-test: {said}}}"))
    assert sentence in message
    assert "raise the limit with limits: {" in message


def test_a_step_that_the_template_does_not_have_is_refused_with_the_one_that_is_meant() -> None:
    (message,) = refusals(wanted("{run-tests: {cpu: 4}}"))
    assert (
        'run.resources.run-tests: hookline-ci-go takes no resources for a step "run-tests"; it takes them for: git-checkout-pr, run-test, '
        "build-push-image; did you mean run-test?"
    ) in message


def test_a_template_that_cannot_is_named_with_the_way_out() -> None:
    (message,) = refusals(declared("{resources: {run-test: {cpu: 4}}}"))
    assert "run.resources: the steps of ci-go-v1 have a fixed size" in message
    assert "hookline-ci-go" in message
    assert "hookline.dev/resources-parameters" in message


@pytest.mark.parametrize(
    ("more", "where"), [("", "nodes (compute: node)"), (", compute: acs", "ACS (compute: acs)")]
)
def test_instance_types_need_eci(more: str, where: str) -> None:
    (message,) = refusals(wanted("{run-test: {instance_types: 4-8Gi}}", more))
    assert f"instance types are those of ECI, and these pods run on {where}; write compute: eci" in message


def test_where_the_template_says_that_pods_run_on_eci_instance_types_are_taken() -> None:
    text = wanted("{run-test: {cpu: 4, instance_types: 4-8Gi}}").replace(
        "{namespace: ci}", "{namespace: ci, template_referencing: strict}"
    )
    restricted = manifest_template(shipped("hookline-ci-go", restricted=True), "own").template
    found = arguments(planned(text, restricted))
    assert found["test_instance_types"] == "4-8Gi"
    assert json.loads(found["test_resources"]) == {"requests": {"cpu": "4"}}


def test_an_instance_that_is_too_small_for_the_step_is_refused() -> None:
    small = "{run-test: {cpu: 4, memory: 8Gi, instance_types: [8-16Gi, 2-16Gi]}}"
    (message,) = refusals(wanted(small, ", compute: eci"))
    assert "instance_types: 2-16Gi is too small: run-test requests 4 of cpu" in message
    by_itself = "{build-push-image: {instance_types: 2-2Gi}}"
    (message,) = refusals(wanted(by_itself, ", compute: eci"))
    assert "2-2Gi is too small: build-push-image requests 4Gi of memory" in message


def test_a_parameter_of_a_size_is_set_by_resources_alone() -> None:
    (message,) = refusals(declared('{template: hookline-ci-go, parameters: {test_resources: "{}"}}'))
    assert "test_resources comes from run: {resources: {run-test: …}}" in message
    (message,) = refusals(declared("{template: hookline-ci-go, parameters: {tests: 1}}"))
    assert "_resources" not in message
    assert "_instance_types" not in message


@pytest.mark.parametrize("key", ["cpu: 4", "memory: 8Gi", "requests: {cpu: 4}"])
def test_a_size_for_all_steps_is_answered_with_the_key_that_takes_it(key: str) -> None:
    (message,) = refusals(declared(f"{{template: hookline-ci-go, {key}}}"))
    assert "write resources: {run-test: {cpu: 4, memory: 8Gi}}" in message


# --- templates of one's own -----------------------------------------------------------------------------------------

PATCH = (
    '{"containers": [{"name": "main", "resources": {{=toJson(jsonpath(workflow.parameters.size, \'$\'))}}}]}'
)


def own(**changes: Any) -> dict[str, Any]:
    """A template with one step whose size a run may choose."""
    manifest: dict[str, Any] = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ClusterWorkflowTemplate",
        "metadata": {
            "name": "team-ci",
            "annotations": {
                "hookline.dev/any-ref": "true",
                "hookline.dev/concurrent-runs": "true",
                "hookline.dev/resources-parameters": '{"build": "size"}',
            },
        },
        "spec": {
            "entrypoint": "main",
            "arguments": {
                "parameters": [{"name": "container_image", "value": ""}, {"name": "size", "value": "{}"}]
            },
            "templates": [
                {"name": "main", "dag": {"tasks": [{"name": "build", "template": "build"}]}},
                {
                    "name": "build",
                    "podSpecPatch": PATCH,
                    "container": {
                        "image": "alpine",
                        "command": ["true"],
                        "env": [{"name": "IMAGE", "value": "{{workflow.parameters.container_image}}"}],
                        "resources": {"limits": {"cpu": 2, "memory": "1Gi"}},
                    },
                },
            ],
        },
    }
    found = copy.deepcopy(manifest)
    found["metadata"]["annotations"] |= {
        f"hookline.dev/{name.replace('_', '-')}": value for name, value in changes.items()
    }
    return found


def team(resources: str) -> str:
    return declared(f"{{template: team-ci, resources: {resources}}}")


def test_a_template_of_ones_own_takes_resources_by_its_annotation() -> None:
    template = manifest_template(own(), "own").template
    assert template.takes_any_ref  # the size is no text of a script, and no event fills it
    assert json.loads(arguments(planned(team("{build: {cpu: 1}}"), template))["size"]) == {
        "requests": {"cpu": "1"}
    }
    (message,) = refusals(team("{build: {cpu: 4}}"), template)
    assert "the request, 4, is above the limit, 2 in team-ci" in message
    (message,) = refusals(team("{build: {cpu: 1, instance_types: 2-4Gi}}"), template)
    assert (
        "team-ci takes no instance types for build: its annotation hookline.dev/instance-types-parameters"
        in message
    )


@pytest.mark.parametrize(
    ("annotations", "sentence"),
    [
        ({"resources_parameters": "build=size"}, "expected JSON that names a parameter for each step"),
        ({"resources_parameters": '["size"]'}, "expected JSON"),
        ({"resources_parameters": '{"build": 1}'}, "expected JSON"),
        ({"resources_parameters": "[" * 100_000}, "expected JSON"),
        ({"resources_parameters": '{"test": "size"}'}, "names a step test, which the template does not have; it has: build"),
        ({"resources_parameters": '{"build": "sizes"}'}, "names sizes, which is not a parameter of the template"),
        ({"resources_parameters": '{"build": "container_image"}'}, "does not read workflow.parameters.container_image"),
        ({"instance_types_parameters": '{"build": "size"}'}, "names size for build, and it is that of build already"),
        ({"sandbox_parameter": "size"}, "the annotation names size, which takes the size of build"),
    ],
)  # fmt: skip
def test_an_annotation_that_would_have_no_effect_is_refused(
    annotations: dict[str, str], sentence: str
) -> None:
    with pytest.raises(InvalidInput) as found:
        manifest_template(own(**annotations), "own")
    assert sentence in str(found.value)


def test_a_size_without_a_default_is_refused() -> None:
    manifest = own()
    del manifest["spec"]["arguments"]["parameters"][1]["value"]
    with pytest.raises(InvalidInput) as found:
        manifest_template(manifest, "own")
    assert "size needs a default for runs that say nothing of build" in str(found.value)


def test_the_template_that_the_page_shows_takes_sizes_as_ours_does() -> None:
    page = (ROOT / "docs" / "capacity.md").read_text("utf-8")
    (shown,) = (
        yaml.safe_load(each.partition("```")[0])
        for each in page.split("```yaml\n")[1:]
        if "podSpecPatch" in each.partition("```")[0]
    )
    manifest = own()
    manifest["metadata"]["annotations"] = shown["metadata"]["annotations"]
    manifest["spec"]["arguments"] = shown["spec"]["arguments"]
    (build,) = shown["spec"]["templates"]
    assert build["podSpecPatch"].strip() == resources_patch({"main": "build_resources"})
    (ours,) = instance_types_metadata("build_instance_types")["annotations"].items()
    (key,) = build["metadata"]["annotations"]
    assert (
        key.replace("example.com/no-types", "hookline.dev/instance-types"),
        build["metadata"]["annotations"][key],
    ) == ours
    manifest["spec"]["templates"][1] = build | {"container": {"image": "alpine", "command": ["true"]}}
    template = manifest_template(manifest, "the page").template
    assert template.size_parameters == {"build_resources", "build_instance_types"}
