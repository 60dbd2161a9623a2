"""Workflows: what a run looks like for every setting, and what its name depends on."""

from typing import Any

import pytest
import yaml
from support import DECLARATION, plan

from triggers.declaration import Run, merge
from triggers.template import Template, TemplateError, from_manifest, stock


def resource(settings: str = "{}", events: str = "push: {branches: [main]}") -> dict[str, Any]:
    text = DECLARATION.replace("    events:\n", f"    run: {settings}\n    events:\n").replace(
        "push: {branches: [main]}", events
    )
    return dict(plan(text).workloads["shop"].resource)


def test_the_least_that_every_run_has() -> None:
    assert resource() == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"namespace": "ci", "labels": {"app.kubernetes.io/managed-by": "hookline"}},
        "spec": {
            "workflowTemplateRef": {"name": "ci-go-v1", "clusterScope": True},
            "arguments": {
                "parameters": [
                    {"name": name, "value": ""}
                    for name in ("repo_url", "repo_name", "target_branch", "container_image")
                ]
            },
            "serviceAccountName": "hookline-run",
            "ttlStrategy": {"secondsAfterCompletion": 86400},
            "podGC": {"strategy": "OnWorkflowCompletion", "deleteDelayDuration": "600s"},
            "activeDeadlineSeconds": 7200,
            "synchronization": {"mutexes": [{"name": ""}]},
        },
    }


ECI = "k8s.aliyun.com/eci-spot-"
SETTINGS: list[tuple[str, str, Any]] = [
    (
        "{spot: {}}",
        "podMetadata",
        {
            "labels": {"alibabacloud.com/eci": "true"},
            "annotations": {
                f"{ECI}strategy": "SpotAsPriceGo",
                f"{ECI}fallback": "true",
                f"{ECI}duration": "1",
            },
        },
    ),
    (
        '{spot: {strategy: SpotWithPriceLimit, price_limit: "0.35", fallback: false, protection: 0}}',
        "podMetadata",
        {
            "labels": {"alibabacloud.com/eci": "true"},
            "annotations": {
                f"{ECI}strategy": "SpotWithPriceLimit",
                f"{ECI}price-limit": "0.35",
                f"{ECI}fallback": "false",
                f"{ECI}duration": "0",
            },
        },
    ),
    (
        "{compute: acs, spot: {}}",
        "podMetadata",
        {"labels": {"alibabacloud.com/acs": "true", "alibabacloud.com/compute-qos": "best-effort"}},
    ),
    ("{compute: eci}", "podMetadata", {"labels": {"alibabacloud.com/eci": "true"}}),
    (
        "{pod_labels: {team: shop}, pod_annotations: {k8s.aliyun.com/eci-use-specs: 2-4Gi}}",
        "podMetadata",
        {"labels": {"team": "shop"}, "annotations": {"k8s.aliyun.com/eci-use-specs": "2-4Gi"}},
    ),
    ("{ttl: 1h}", "ttlStrategy", {"secondsAfterCompletion": 3600}),
    ("{keep_pods: 30m}", "podGC", {"strategy": "OnWorkflowCompletion", "deleteDelayDuration": "1800s"}),
    ("{deadline: 90m}", "activeDeadlineSeconds", 5400),
    ("{service_account: ci-runner}", "serviceAccountName", "ci-runner"),
    ("{priority: 10}", "priority", 10),
]


@pytest.mark.parametrize(("settings", "key", "expected"), SETTINGS, ids=[case[0] for case in SETTINGS])
def test_settings(settings: str, key: str, expected: Any) -> None:
    assert resource(settings)["spec"][key] == expected


def test_a_pipelines_settings_win_over_the_defaults_and_mappings_merge() -> None:
    default = Run.model_validate(
        {"spot": {"fallback": False}, "parameters": {"enable_test": True, "dockerfile": "a"}, "ttl": "1h"}
    )
    own = Run.model_validate({"spot": {"protection": 0}, "parameters": {"dockerfile": "b"}, "deadline": "1h"})
    merged = merge(default, own)
    assert merged.spot
    assert (merged.spot.fallback, merged.spot.protection, merged.ttl, merged.deadline) == (
        False,
        0,
        3600,
        3600,
    )
    assert merged.parameters == {"enable_test": True, "dockerfile": "b"}
    assert merge(default, Run.model_validate({"spot": False})).spot is False


@pytest.mark.parametrize(
    "change", [("{}", "{ttl: 2h}"), ("{}", "{parameters: {enable_test: false}}"), ("{}", "{mutex: own}")]
)
def test_the_config_digest_changes_with_anything_that_changes_a_run(change: tuple[str, str]) -> None:
    first, second = (
        plan(DECLARATION.replace("    events:\n", f"    run: {each}\n    events:\n")) for each in change
    )
    assert first.workloads["shop"].config != second.workloads["shop"].config


def test_the_config_digest_does_not_change_with_what_only_decides() -> None:
    first, second = plan(), plan(DECLARATION.replace("[main]", '[main, "release/*"]'))
    assert first.workloads["shop"].config == second.workloads["shop"].config


# --- templates ----------------------------------------------------------------------------------------------------

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
    found = from_manifest(yaml.safe_load(NAMED), "file")
    assert found == Template(
        name="our-ci",
        cluster_scope=True,
        parameters={"repo_url": None, "revision": None, "container_image": "", "container_tag": "dev"},
        commit_parameter="revision",
        ref_parameter=None,
        sandbox_parameter=None,
        concurrent_runs=False,
        inline_tasks=False,
        moves_latest=True,
        pastes_parameters=True,
        origin="file",
    )
    assert found.bindings("tag") == {"revision": "sha", "container_tag": "tag"}
    assert found.bindings("push") == {"revision": "sha"}


def test_the_stock_template_builds_branch_heads() -> None:
    assert stock("ci-go-v1").bindings("push") == {"target_branch": "branch"}
    assert stock("ci-go-v1").bindings("tag") == {"container_tag": "tag"}
    assert stock("ci-go-v1").bindings("schedule") == {}


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


def test_a_template_says_by_annotations_what_its_manifest_cannot_show() -> None:
    found = from_manifest(
        annotated(
            commit_parameter="revision",
            ref_parameter="ref",
            concurrent_runs="true",
            sandbox_parameter="sandboxed",
        ),
        "file",
    )
    assert (found.ref_parameter, found.concurrent_runs, found.sandbox_parameter) == ("ref", True, "sandboxed")
    assert found.bindings("push") == {"revision": "sha", "ref": "ref"}
    assert found.bindings("tag") == {"revision": "sha", "ref": "ref", "container_tag": "tag"}
    assert found.bindings("pull_request") == {"revision": "sha", "ref": "ref"}
    assert found.bindings("schedule") == found.bindings("image_push") == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": ["ClusterWorkflowTemplate"]},
        {"spec": {"arguments": {"parameters": 7}}},
        {"spec": {"templates": [{"dag": "tasks"}]}},
        {"spec": {"templates": 7}},
    ],
)
def test_a_manifest_with_values_of_other_types_is_refused_wherever_it_comes_from(
    wrong: dict[str, Any],
) -> None:
    manifest = {"kind": "ClusterWorkflowTemplate", "metadata": {"name": "ours"}, "spec": {}, **wrong}
    with pytest.raises(TemplateError):
        from_manifest(manifest, "ours.yaml")


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ({"ref_parameter": "refs"}, "hookline.dev/ref-parameter names refs, which is not a parameter"),
        ({"sandbox_parameter": "safe"}, "hookline.dev/sandbox-parameter names safe, which is not a param"),
        ({"concurrent_runs": "yes"}, 'hookline.dev/concurrent-runs is yes; accepted: "true" or "false"'),
        ({"concurrent_runs": True}, 'hookline.dev/concurrent-runs is True; accepted: "true" or "false"'),
        ({"ref_parameter": ["ref"]}, "hookline.dev/ref-parameter names"),
    ],
)
def test_an_annotation_that_says_nothing_usable_is_refused(annotations: dict[str, Any], message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        from_manifest(annotated(**annotations), "file")


def test_the_stock_template_has_none_of_it() -> None:
    found = stock("ci-go-v1")
    assert (found.ref_parameter, found.concurrent_runs, found.sandbox_parameter) == (None, False, None)


@pytest.mark.parametrize(
    "manifest",
    [None, [], {}, {"kind": "Workflow"}, {"kind": "WorkflowTemplate"}, {"kind": "WorkflowTemplate", "metadata": {"name": "x"}, "spec": {"arguments": {"parameters": [{"value": "x"}]}}}, {"kind": "WorkflowTemplate", "metadata": {"name": "x", "annotations": {"hookline.dev/commit-parameter": "y"}}, "spec": {}}],
)  # fmt: skip
def test_what_is_no_template_is_refused(manifest: Any) -> None:
    with pytest.raises(TemplateError):
        from_manifest(manifest, "file")
