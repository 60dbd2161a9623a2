"""Templates: what each parameter is for, which values become text of a script, and what a manifest cannot be."""

import copy
import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT
from tries import tries

from triggers.inspection.anatomy import anatomy
from triggers.inspection.capabilities import capabilities
from triggers.inspection.parts import Malformed
from triggers.shipped import shipped
from triggers.stock import stock, stock_names
from triggers.template import Template
from triggers.words import STOCK_PARAMETERS


def template(manifest: Any) -> Template:
    return capabilities(anatomy(manifest), "file")


NAMED = """
kind: ClusterWorkflowTemplate
metadata: {name: our-ci, annotations: {hookline.dev/commit-parameter: revision}}
spec:
  arguments: {parameters: [{name: repo_url}, {name: revision}, {name: container_image, value: ""}, {name: container_tag, value: dev}]}
  templates:
    - {name: main, dag: {tasks: [{name: build, template: build}]}}
    - {name: build, container: {image: x, command: [sh, -c], args: ["build {{workflow.parameters.container_image}}:latest"]}}
"""


def test_capabilities_are_read_out_of_a_manifest() -> None:
    found = template(yaml.safe_load(NAMED))
    assert found == Template(
        name="our-ci",
        cluster_scope=True,
        namespace="",
        parameters={"repo_url": None, "revision": None, "container_image": "", "container_tag": "dev"},
        choices={},
        roles={
            "url": "repo_url", "tag": "container_tag", "image": "container_image", "commit": "revision",
        },
        concurrent_runs=False,
        takes_any_ref=False,
        inline_tasks=False,
        own_retries="none",
        moves_latest=True,
        pasted=frozenset({"container_image"}),
        service_account=None,
        executor=None,
        synchronized=False,
        own_semaphores=False,
        sizes={},
        one_pod="",
        origin="file",
    )  # fmt: skip
    assert found.bindings("tag") == {"revision": "sha", "container_tag": "tag"}
    assert found.bindings("push") == {"revision": "sha"}


# --- what parameters are for ----------------------------------------------------------------------------------------


def annotated(**annotations: Any) -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load(NAMED)
    manifest["metadata"]["annotations"] = {
        f"hookline.dev/{key.replace('_', '-')}": value for key, value in annotations.items()
    }
    manifest["spec"]["arguments"]["parameters"] += [
        {"name": "ref", "value": ""},
        {"name": "sandboxed", "value": "false"},
    ]
    return manifest


def test_the_stock_template_builds_branch_heads_and_has_no_further_mode() -> None:
    found = stock("ci-go-v1")
    assert found.bindings("push") == {"target_branch": "branch"}
    assert found.bindings("tag") == {"container_tag": "tag"}
    assert found.bindings("schedule") == {}
    assert not {"commit", "ref", "sandbox"} & found.roles.keys()
    assert (found.concurrent_runs, found.takes_any_ref) == (False, False)


def test_what_is_known_of_the_stock_template_is_what_its_text_shows() -> None:
    """The facts stand in for a manifest of the vendor's: one with its parameters and defects is read alike."""
    from stock_template import stock as manifest

    known, read = stock("ci-go-v1"), template(manifest())
    assert read.pasted == known.pasted - {"enable_suffix_commitid"}  # the words of ours do not use it
    for name in ("parameters", "roles", "concurrent_runs", "takes_any_ref", "inline_tasks", "moves_latest"):
        assert getattr(read, name) == getattr(known, name), name


def test_a_template_says_by_annotations_what_its_manifest_cannot_show() -> None:
    found = template(
        annotated(
            commit_parameter="revision",
            ref_parameter="ref",
            concurrent_runs="true",
            sandbox_parameter="sandboxed",
        )
    )
    assert (found.roles["ref"], found.concurrent_runs, found.roles["sandbox"]) == ("ref", True, "sandboxed")
    assert found.bindings("push") == {"revision": "sha", "ref": "ref"}
    assert found.bindings("tag") == {"revision": "sha", "ref": "ref", "container_tag": "tag"}
    assert found.bindings("pull_request") == {"revision": "sha", "ref": "ref"}
    assert found.bindings("schedule") == found.bindings("image_push") == {}


def test_a_path_filter_is_given_to_a_script_as_a_value_alone() -> None:
    with pytest.raises(Malformed) as refused:
        template(annotated(paths_parameter="container_image", image_parameter=""))
    assert "container_image becomes text of a script or of a condition" in str(refused.value)
    found = template(annotated(paths_parameter="ref"))
    assert [found.bindings(kind).get("ref") for kind in ("push", "pull_request", "tag", "schedule")] == [
        "paths",
        "paths",
        None,
        None,
    ]


def test_an_annotation_wins_over_the_name_of_ci_go_v1_and_an_empty_one_takes_it_away() -> None:
    found = template(annotated(tag_parameter="ref", image_parameter=""))
    assert found.roles == {"url": "repo_url", "tag": "ref"}
    # A parameter is for one thing: what an annotation takes is no longer taken by its name.
    assert template(annotated(commit_parameter="container_tag")).roles["commit"] == "container_tag"
    assert "tag" not in template(annotated(commit_parameter="container_tag")).roles


@pytest.mark.parametrize(
    ("annotations", "key", "message"),
    [
        ({"ref_parameter": "refs"}, "ref-parameter", "the annotation names refs, which is not a parameter of the template"),
        ({"sandbox_parameter": "safe"}, "sandbox-parameter", "the annotation names safe, which is not a parameter of the template"),
        ({"url_parameter": "git"}, "url-parameter", "the annotation names git, which is not a parameter of the template"),
        (
            {"commit_parameter": "ref", "ref_parameter": "ref"},
            "ref-parameter",
            "the annotation names ref, which hookline.dev/commit-parameter names, too",
        ),
        ({"concurrent_runs": "yes"}, "concurrent-runs", 'expected "true" or "false", not yes'),
        ({"any_ref": "True"}, "any-ref", 'expected "true" or "false", not True'),
        ({"concurrent_runs": True}, "concurrent-runs", "expected text, not true or false"),
        ({"ref_parameter": ["ref"]}, "ref-parameter", "expected text, not a list"),
    ],
)  # fmt: skip
def test_an_annotation_that_says_nothing_usable_is_refused_with_its_place(
    annotations: dict[str, Any], key: str, message: str
) -> None:
    with pytest.raises(Malformed) as refused:
        template(annotated(**annotations))
    assert refused.value.problems == ((("metadata", "annotations", f"hookline.dev/{key}"), message),)


def test_all_wrong_annotations_are_told_at_once() -> None:
    with pytest.raises(Malformed) as refused:
        template(annotated(url_parameter="a", branch_parameter="b", any_ref="1"))
    assert len(refused.value.problems) == 3


def test_no_line_of_the_code_names_a_parameter_but_the_one_table() -> None:
    rooms = (
        "documents",
        "events",
        "triggers",
        "sensors",
        "apiserver",
        "bus",
        "runs",
        "dashboards",
        "hookline",
    )
    word = re.compile(
        "|".join(rf"[\"']{name}[\"']" for role, name in STOCK_PARAMETERS.items() if role != "dockerfile")
    )
    named = {
        str(path.relative_to(ROOT))
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        if word.search(re.sub(r"\"\"\".*?\"\"\"", "", path.read_text("utf-8"), flags=re.DOTALL))
    }
    # GitLab calls a field of its merge requests as the stock template calls its parameter.
    assert named == {"triggers/words.py", "hookline/commenting/questions.py"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": ["ClusterWorkflowTemplate"]},
        {"kind": "Workflow"},
        {"spec": None},
        {"spec": {"arguments": {"parameters": 7}}},
        {"spec": {"arguments": {"parameters": [{"value": "x"}]}}},
        {"spec": {"templates": [{"dag": "tasks"}]}},
        {"spec": {"templates": 7}},
        {"spec": {"templates": [{"container": {"env": [{"name": "A", "value": True}]}}]}},
        {"spec": {"hooks": {"exit": "cleanup"}}},
    ],
)
def test_a_manifest_with_values_of_other_types_is_refused(wrong: dict[str, Any]) -> None:
    manifest = {"kind": "ClusterWorkflowTemplate", "metadata": {"name": "ours"}, "spec": {}, **wrong}
    with pytest.raises(Malformed):
        template(manifest)


@pytest.mark.parametrize("manifest", [None, [], {}, 1, "x", {"kind": "WorkflowTemplate"}])
def test_what_is_no_template_is_refused(manifest: Any) -> None:
    with pytest.raises(Malformed):
        template(manifest)


# --- which values become text of a script ---------------------------------------------------------------------------


def made(*templates: dict[str, Any], **spec: Any) -> dict[str, Any]:
    parameters = [{"name": name, "value": "x"} for name in ("a", "b", "b-c", "flags")]
    return {
        "kind": "WorkflowTemplate",
        "metadata": {"name": "own"},
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": [*parameters, {"name": "tests", "value": "true"}]},
            "templates": list(templates),
            **spec,
        },
    }


def runs(script: str, **more: Any) -> dict[str, Any]:
    return {"name": "main", "container": {"image": "x", "command": ["sh", "-c"], "args": [script], **more}}


def values(**named: Any) -> dict[str, Any]:
    return {"parameters": [{"name": name, "value": value} for name, value in named.items()]}


INPUT = {"inputs": {"parameters": [{"name": "x"}]}}
PASTES_INPUT = {**runs("echo {{inputs.parameters.x}}"), "name": "step", **INPUT}
TAKES_ENV = {
    **runs("echo $X", env=[{"name": "X", "value": "{{inputs.parameters.x}}"}]),
    "name": "step",
    **INPUT,
}


def task(value: str = "{{workflow.parameters.a}}", **more: Any) -> dict[str, Any]:
    return {"name": "task", "template": "step", "arguments": values(x=value), **more}


def dag(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {"name": "main", "dag": {"tasks": list(tasks)}}


A, ALL = {"a"}, {"a", "b", "b-c", "flags", "tests"}
WAYS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "plain": (made(runs("echo {{workflow.parameters.a}}")), A),
    "blanks": (made(runs("echo {{ workflow.parameters.a }}")), A),
    "a name with a dash": (made(runs("echo {{workflow.parameters.b-c}}")), {"b-c"}),
    "a name in brackets": (made(runs("echo {{workflow.parameters['a']}}")), A),
    "everything in brackets": (made(runs("echo {{=workflow['parameters']['a']}}")), A),
    "an expression": (made(runs("echo {{=workflow.parameters.a}}")), A),
    "an expression over lines": (made(runs("echo {{=\nsprig.trim(workflow.parameters.a)\n}}")), A),
    "an expression with two": (made(runs("{{=workflow.parameters.a + workflow.parameters['b-c']}}")), {"a", "b-c"}),
    "a difference": (made(runs("{{=workflow.parameters.b-1}}")), {"b"}),
    "a name that is worked out": (made(runs("{{=workflow.parameters[inputs.parameters.name]}}")), ALL),
    "all of them as JSON": (made(runs("{{workflow.parameters}}")), ALL),
    "all of them as JSON, named": (made(runs("{{workflow.parameters.json}}")), ALL),
    "the whole run": (made(runs("{{=toJson(workflow)}}")), ALL),
    "arguments": (made(runs("{{workflow.arguments.parameters.a}}")), {"a"}),
    "annotations of the run": (made(runs("{{workflow.annotations.hookline.dev/ref}}")), {"workflow.annotations"}),
    "a script": (made({"name": "main", "script": {"image": "x", "source": "{{workflow.parameters.a}}"}}), A),
    "an init container": (made({**runs("x"), "initContainers": [{"name": "i", "args": ["{{workflow.parameters.a}}"]}]}), A),
    "a sidecar": (made({**runs("x"), "sidecars": [{"name": "s", "command": ["{{workflow.parameters.a}}"]}]}), A),
    "a container of a set": (
        made({"name": "main", "containerSet": {"containers": [{"name": "c", "args": ["{{workflow.parameters.a}}"]}]}}), A,
    ),
    "a lifecycle hook of a container": (
        made(runs("x", lifecycle={"preStop": {"exec": {"command": ["{{workflow.parameters.a}}"]}}})), A,
    ),
    "a probe": (made(runs("x", readinessProbe={"exec": {"command": ["{{workflow.parameters.a}}"]}})), A),
    "a manifest": (made({"name": "main", "resource": {"action": "create", "manifest": "x: {{workflow.parameters.a}}"}}), A),
    "a request": (made({"name": "main", "http": {"url": "https://x/{{workflow.parameters.a}}"}}), A),
    "the body of a request": (made({"name": "main", "http": {"url": "https://x/", "body": "{{workflow.parameters.a}}"}}), A),
    "a plugin": (made({"name": "main", "plugin": {"slack": {"text": "{{workflow.parameters.a}}"}}}), A),
    "a patch of the pod": (made({**runs("x"), "podSpecPatch": '{"x": "{{workflow.parameters.a}}"}'}), A),
    "a patch of every pod": (made(runs("x"), podSpecPatch='{"x": "{{workflow.parameters.a}}"}'), A),
    "a file that is written before": (
        made({**runs("sh /x"), "inputs": {"artifacts": [{"name": "x", "path": "/x", "raw": {"data": "{{workflow.parameters.a}}"}}]}}), A,
    ),
    "defaults of templates": (made(runs("x"), templateDefaults={"container": {"args": ["{{workflow.parameters.a}}"]}}), A),
    "a variable that Kubernetes puts in": (
        made(runs("echo $(A)", env=[{"name": "A", "value": "{{workflow.parameters.a}}"}])), A,
    ),
    "a variable in a variable": (
        made(runs("echo $(B)", env=[
            {"name": "A", "value": "{{workflow.parameters.a}}"}, {"name": "B", "value": "x$(A)"},
        ])), A,
    ),
    "an input": (made(dag(task()), PASTES_INPUT), A),
    "an input in brackets": (
        made(dag(task()), {**runs("{{=inputs.parameters['x']}}"), "name": "step", **INPUT}), A,
    ),
    "all inputs": (made(dag(task()), {**runs("{{inputs.parameters}}"), "name": "step", **INPUT}), A),
    "an argument that is an expression": (made(dag(task("{{=workflow.parameters.a}}")), PASTES_INPUT), A),
    "an argument from an expression": (
        made(dag({"name": "task", "template": "step", "arguments": {"parameters": [
            {"name": "x", "valueFrom": {"expression": "workflow.parameters.a"}},
        ]}}), PASTES_INPUT), A,
    ),
    "the default of an input": (
        made(dag({"name": "task", "template": "step"}), {
            **PASTES_INPUT, "inputs": {"parameters": [{"name": "x", "value": "{{workflow.parameters.a}}"}]},
        }), A,
    ),
    "an input of an input": (
        made(
            dag(task()),
            {"name": "step", **INPUT, "steps": [[{"name": "s", "template": "inner", "arguments": values(y="{{inputs.parameters.x}}")}]]},
            {**runs("echo {{inputs.parameters.y}}"), "name": "inner", "inputs": {"parameters": [{"name": "y"}]}},
        ), A,
    ),
    "an argument of the run that is the entrypoint's input": (
        made({**runs("echo {{inputs.parameters.a}}"), "inputs": {"parameters": [{"name": "a"}]}}), A,
    ),
    "an argument of the run in the exit handler": (
        made(runs("x"), {**runs("{{inputs.parameters.b}}"), "name": "bye", "inputs": {"parameters": [{"name": "b"}]}}, onExit="bye"), {"b"},
    ),
    "a task that is repeated for a value": (
        made(dag(task("{{item}}", withParam="{{workflow.parameters.a}}")), PASTES_INPUT), A,
    ),
    "a part of an item": (
        made(dag(task("{{item.name}}", withItems=[{"name": "{{workflow.parameters.a}}"}])), PASTES_INPUT), A,
    ),
    "an item in an inline template": (
        made(dag({"name": "t", "withParam": "{{workflow.parameters.a}}", "inline": {"container": {"image": "x", "args": ["{{item}}"]}}})), A,
    ),
    "an input of the template around an inline one": (
        made(
            {"name": "main", "steps": [[{"name": "s", "template": "step", "arguments": values(x="{{workflow.parameters.a}}")}]]},
            {"name": "step", **INPUT, "dag": {"tasks": [
                {"name": "t", "inline": {"container": {"image": "x", "args": ["{{inputs.parameters.x}}"]}}},
            ]}},
        ), A,
    ),
    "a hook of a task": (
        made(dag({"name": "t", "template": "main2", "hooks": {"exit": {"template": "step", "arguments": values(x="{{workflow.parameters.a}}")}}}),
             {**runs("x"), "name": "main2"}, PASTES_INPUT), A,
    ),
    "a hook of the run": (
        made(runs("x"), PASTES_INPUT, hooks={"exit": {"template": "step", "arguments": values(x="{{workflow.parameters.a}}")}}), A,
    ),
    "what a step puts out of its environment": (
        made(
            dag(task(), {"name": "next", "template": "paste", "arguments": values(y="{{tasks.task.outputs.result}}")}),
            TAKES_ENV,
            {**runs("echo {{inputs.parameters.y}}"), "name": "paste", "inputs": {"parameters": [{"name": "y"}]}},
        ), A,
    ),
    "a global output": (
        made(dag(task(), {"name": "next", "template": "paste"}), TAKES_ENV, {**runs("{{workflow.outputs.parameters.z}}"), "name": "paste"}), A,
    ),
    "a condition": (made(dag(task(when="{{workflow.parameters.b}} == x")), TAKES_ENV), {"b"}),
    "the value of an expression in a condition": (
        made(dag(task(when="{{=workflow.parameters.b}} == x && {{=workflow.parameters.b == 'x'}}")), TAKES_ENV), {"b"},
    ),
    "one value beside another in a condition": (
        made(dag(task(when="{{=workflow.parameters.a == 'x' ? workflow.parameters.b : 'y'}} == y")), TAKES_ENV), {"a", "b"},
    ),
    "a hook of another template": (
        made(runs("x"), hooks={"exit": {"templateRef": {"name": "shared", "template": "tell"}}}), ALL,
    ),
    "a task of another template": (made(dag({"name": "t", "templateRef": {"name": "shared", "template": "git"}})), ALL),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_value_that_becomes_text_of_a_program_is_known(way: str) -> None:
    manifest, pasted = WAYS[way]
    assert template(manifest).pasted == pasted


HARMLESS: dict[str, dict[str, Any]] = {
    "environment": made(runs("echo $A", env=[{"name": "A", "value": "{{workflow.parameters.a}}"}])),
    "environment, by an input": made(dag(task()), TAKES_ENV),
    "environment in an expression": made(
        runs("echo $A", env=[{"name": "A", "value": "{{=workflow.parameters.a}}"}])
    ),
    "an escaped variable of Kubernetes": made(
        runs("echo $$A", env=[{"name": "A", "value": "{{workflow.parameters.a}}"}])
    ),
    "a constant": made(dag(task("constant")), PASTES_INPUT),
    "a constant default": made(
        dag({"name": "task", "template": "step"}),
        {**PASTES_INPUT, "inputs": {"parameters": [{"name": "x", "value": "1"}]}},
    ),
    "names of the run": made(runs("echo {{workflow.name}} {{workflow.uid}} {{pod.name}}")),
    "the status of a task": made(
        dag(
            task("{{tasks.other.status}}"), {"name": "other", "template": "step", "arguments": values(x="1")}
        ),
        PASTES_INPUT,
    ),
    "a switch in a condition": made(dag(task(when="{{workflow.parameters.tests}} == true")), TAKES_ENV),
    "a value that an expression compares in a condition": made(
        dag(task(when="{{=workflow.parameters.a == 'x'}} && {{= inputs.parameters['x'] != '' }}")), TAKES_ENV
    ),
    "an output that an expression compares in a condition": made(
        dag(
            task(when="{{=tasks['other'].outputs.parameters['a-b'] == ''}}"),
            {"name": "other", "template": "step", "arguments": values(x="1")},
        ),
        TAKES_ENV,
    ),
    "braces of other languages": made(
        runs("docker inspect --format '{{.Id}}' $(cat parameters) # {{ inputs }} are not parameters")
    ),
}


@pytest.mark.parametrize("way", HARMLESS)
def test_a_value_that_stays_a_value_is_not_called_text(way: str) -> None:
    assert template(HARMLESS[way]).pasted == frozenset()


def test_ours_paste_nothing() -> None:
    assert template(shipped("hookline-ci-go")).pasted == template(shipped("ci-go-v1")).pasted == frozenset()


PIECES = st.sampled_from(
    ["{{", "}}", "=", " ", "workflow", "inputs", "tasks.t", ".parameters", ".outputs", ".a", "['a']", "item", "\n", "$(A)", "x"]
)  # fmt: skip


@settings(max_examples=tries(100))
@given(st.lists(PIECES, max_size=12).map("".join), st.lists(PIECES, max_size=12).map("".join))
def test_whatever_stands_before_and_after_a_pasted_value_it_is_seen(before: str, after: str) -> None:
    """Argo looks for {{workflow.parameters.a}} also inside of a tag that it does not know."""
    manifest = made(runs(f"{before}{{{{workflow.parameters.a}}}}{after}"))
    assert "a" in template(manifest).pasted


def test_a_long_way_does_not_take_long() -> None:
    import time

    names = [f"p{number}" for number in range(200)]
    chain = [
        {
            "name": "main" if number == 0 else f"u{number}",
            **INPUT,
            "dag": {"tasks": [{
                "name": "t", "template": f"u{number + 1}",
                "arguments": values(x=f"{{{{inputs.parameters.x}}}} {{{{workflow.parameters.p{number % 200}}}}}"),
            }]},
        }
        for number in range(2_000)
    ]  # fmt: skip
    manifest = made(*chain, {**PASTES_INPUT, "name": "u2000"})
    manifest["spec"]["arguments"]["parameters"] = [{"name": name, "value": ""} for name in names]
    start = time.process_time()
    assert template(manifest).pasted == set(names)
    assert time.process_time() - start < 5


# --- every ref ------------------------------------------------------------------------------------------------------


def test_a_template_that_takes_values_as_values_may_say_that_it_takes_every_ref() -> None:
    assert stock("hookline-ci-go").takes_any_ref
    assert [name for name in stock_names() if stock(name).takes_any_ref] == ["hookline-ci-go"]


@pytest.mark.parametrize("way", [way for way in WAYS if "another template" not in way])
def test_one_that_pastes_a_value_may_not(way: str) -> None:
    manifest = copy.deepcopy(WAYS[way][0])
    manifest["metadata"]["annotations"] = {"hookline.dev/any-ref": "true"}
    with pytest.raises(Malformed) as refused:
        template(manifest)
    ((path, message),) = refused.value.problems
    assert path == ("metadata", "annotations", "hookline.dev/any-ref")
    assert "give values to scripts as environment variables" in message


def test_its_author_may_answer_for_what_other_templates_do() -> None:
    manifest = copy.deepcopy(WAYS["a task of another template"][0])
    manifest["metadata"]["annotations"] = {"hookline.dev/any-ref": "true"}
    found = template(manifest)
    assert (found.takes_any_ref, found.pasted) == (True, frozenset())
