"""Rights: every account of the printed objects may do what is listed here, and nothing else."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from support import DECLARATION, go_template, plan

from hookline.plan.objects import objects

SANDBOXED = """\
version: 1
cluster: {namespace: ci, sandbox: {namespace: ci-forks}}
sources:
  github: {host: github, endpoint: /github, secret: {name: github-webhook, key: secret}}
defaults: {run: {template: hookline-ci-go}}
pipelines:
  shop:
    repository: {source: github, name: acme/shop, url: https://github.com/acme/shop.git}
    image: registry.example.com/acme/shop
    events:
      push: {branches: [main]}
  forks:
    repository: {source: github, name: acme/shop, url: https://github.com/acme/shop.git}
    events: {pull_request: {forks: sandboxed, approved_by: {label: ok-to-test}}}
"""
SCHEDULED = DECLARATION.replace(
    "push: {branches: [main]}",
    'schedule: {at: "30 2 * * *", branch: main, except: [2026-12-31], missed: {within: 3h}}',
)
CREATES = "argoproj.io workflows create,get,patch"
REPORTS = "argoproj.io workflowtaskresults create,patch"
PRINTED: dict[str, tuple[str, dict[tuple[str, str], list[str]]]] = {
    "one namespace": (
        DECLARATION,
        {("ci/hookline-executor", "ci"): [REPORTS], ("ci/hookline-sensor", "ci"): [CREATES]},
    ),
    "sandboxed runs": (
        SANDBOXED,
        {
            ("ci/hookline-executor", "ci"): [REPORTS],
            ("ci/hookline-sensor", "ci"): [CREATES],
            ("ci/hookline-sensor", "ci-forks"): [CREATES],
            ("ci-forks/hookline-executor", "ci-forks"): [REPORTS],
        },
    ),
    "a calendar that catches up": (
        SCHEDULED,
        {
            ("ci/hookline-executor", "ci"): [REPORTS],
            ("ci/hookline-sensor", "ci"): [CREATES],
            ("ci/hookline-calendar", "ci"): [
                " configmaps create",
                " configmaps get,update hookline-calendar",
            ],
        },
    ),
}


def granted(made: Sequence[dict[str, Any]]) -> Iterator[tuple[tuple[str, str], list[str]]]:
    """Account and namespace, with what it may do there; each RoleBinding must find its Role, and each account."""
    by_name = {(e["kind"], e["metadata"].get("namespace"), e["metadata"]["name"]): e for e in made}
    for binding in (each for each in made if each["kind"] == "RoleBinding"):
        place, role = binding["metadata"]["namespace"], binding["roleRef"]
        assert (role["apiGroup"], role["kind"]) == ("rbac.authorization.k8s.io", "Role")
        rules = by_name["Role", place, role["name"]]["rules"]
        for rule in rules:
            assert rule.keys() <= {"apiGroups", "resources", "verbs", "resourceNames"}
        (subject,) = binding["subjects"]
        assert subject["kind"] == "ServiceAccount"
        assert ("ServiceAccount", subject["namespace"], subject["name"]) in by_name
        yield (
            (f"{subject['namespace']}/{subject['name']}", place),
            [
                " ".join(
                    [
                        *each["apiGroups"],
                        *each["resources"],
                        ",".join(sorted(each["verbs"])),
                        *each.get("resourceNames", ()),
                    ]
                )
                for each in rules
            ],
        )


@pytest.mark.parametrize("name", PRINTED)
def test_no_account_may_do_more_than_is_listed(name: str) -> None:
    text, expected = PRINTED[name]
    made = objects(plan(text, go_template()))
    assert dict(granted(made)) == expected
    kinds = [each["kind"] for each in made]
    assert kinds.count("RoleBinding") == kinds.count("Role") == len(expected)
    assert not [kind for kind in kinds if kind.startswith("Cluster")]
    for each in made:
        if each["kind"] in {"Role", "RoleBinding"}:
            assert each["apiVersion"] == "rbac.authorization.k8s.io/v1"
        if each["kind"] in {"Role", "RoleBinding", "ServiceAccount"}:
            assert each["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "hookline"


def test_no_token_is_mounted_into_the_containers_of_sandboxed_runs() -> None:
    made = objects(plan(SANDBOXED, go_template()))
    found = [each for each in made if each["metadata"].get("namespace") == "ci-forks"]
    accounts = {each["metadata"]["name"]: each for each in found if each["kind"] == "ServiceAccount"}
    assert accounts.keys() == {"hookline-run", "hookline-executor"}
    assert all(each["apiVersion"] == "v1" for each in accounts.values())
    assert all(each["automountServiceAccountToken"] is False for each in accounts.values())
    assert accounts["hookline-executor"]["metadata"]["annotations"] == {
        "workflows.argoproj.io/service-account-token.name": "hookline-executor-token"
    }
    (secret,) = [each for each in found if each["kind"] == "Secret"]
    secret["metadata"].pop("labels")
    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": "hookline-executor-token",
            "namespace": "ci-forks",
            "annotations": {"kubernetes.io/service-account.name": "hookline-executor"},
        },
    }
