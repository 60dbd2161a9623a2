"""Workflows: what a run looks like for every setting, and what its name depends on."""

from typing import Any

import pytest
from support import DECLARATION, plan


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
            "automountServiceAccountToken": False,
            "executor": {"serviceAccountName": "hookline-executor"},
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
    ("{template: hookline-ci-go, pods: one}", "entrypoint", "one-pod"),
    ("{ttl: 1h}", "ttlStrategy", {"secondsAfterCompletion": 3600}),
    ("{keep_pods: 30m}", "podGC", {"strategy": "OnWorkflowCompletion", "deleteDelayDuration": "1800s"}),
    ("{deadline: 90m}", "activeDeadlineSeconds", 5400),
    ("{service_account: ci-runner}", "serviceAccountName", "ci-runner"),
    ("{priority: 10}", "priority", 10),
]


@pytest.mark.parametrize(("settings", "key", "expected"), SETTINGS, ids=[case[0] for case in SETTINGS])
def test_settings(settings: str, key: str, expected: Any) -> None:
    assert resource(settings)["spec"][key] == expected


def test_the_code_of_a_run_holds_no_token_unless_an_account_is_named() -> None:
    """Whoever holds a token that may report results can write those of every run of the namespace."""
    tokenless = {
        "serviceAccountName": "hookline-run",
        "automountServiceAccountToken": False,
        "executor": {"serviceAccountName": "hookline-executor"},
    }
    for settings in ("{}", "{service_account: hookline-run}"):
        assert tokenless.items() <= resource(settings)["spec"].items()
    own = resource("{service_account: ci-runner}")["spec"]
    assert own["serviceAccountName"] == "ci-runner"
    assert not {"automountServiceAccountToken", "executor"} & own.keys()


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
