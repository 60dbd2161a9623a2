"""docs/gitops.md: what Argo CD and Flux are told keeps what hookline apply keeps, in its order, and says what is healthy."""

import copy
import itertools
import json
import re
from typing import Any

import pytest
from definitions import ARGO_CD, KUSTOMIZE_CONTROLLER, problems
from gitops import EVENT_OBJECTS, KINDS, flux_status, health, patched, patches, shown
from printed import CASES, printed

from hookline.applying.changes import stage
from hookline.applying.guards import KEPT, why_not_touched
from triggers.release import OLDEST_UPSTREAM

WAVE = "argocd.argoproj.io/sync-wave"
LAST = 3
RENDERED = [
    each
    for case in CASES.values()
    for each in printed(case, OLDEST_UPSTREAM)
    if each["kind"] != "Workflow"  # what an event makes, not what is rendered
]
ELSEWHERE = {"HTTPRoute", "PodMonitor", "PrometheusRule"}
"""Kinds that hookline renders for declarations which are not among the cases."""
BY_KIND = {kind: {"kind": kind, "metadata": {"name": "any"}} for kind in ELSEWHERE} | {
    each["kind"]: each for each in RENDERED
}
STATES: dict[str, dict[str, Any]] = json.loads(EVENT_OBJECTS.read_text("utf-8"))


def wave(kind: str) -> int:
    return int(patched("argo-cd", BY_KIND[kind])["metadata"].get("annotations", {}).get(WAVE, "0"))


def test_argo_cd_takes_the_application() -> None:
    application = shown("application.yaml")
    assert problems("argo-cd", ARGO_CD, application) == []
    wrong = copy.deepcopy(application)
    wrong["spec"]["source"]["kustomize"]["patches"][0]["targets"] = {}
    wrong["spec"]["syncPolicy"]["automated"]["prune"] = "yes"
    assert len(problems("argo-cd", ARGO_CD, wrong)) == 2


def test_flux_takes_the_kustomization() -> None:
    kustomization = shown("kustomization.yaml")
    assert problems("kustomize-controller", KUSTOMIZE_CONTROLLER, kustomization) == []
    wrong = copy.deepcopy(kustomization)
    del wrong["spec"]["healthCheckExprs"][0]["current"]
    wrong["spec"]["wait"] = "true"
    assert len(problems("kustomize-controller", KUSTOMIZE_CONTROLLER, wrong)) == 2


def test_both_prune_and_apply_on_the_server() -> None:
    policy = shown("application.yaml")["spec"]["syncPolicy"]
    assert policy["automated"]["prune"] is True
    assert {"ServerSideApply=true", "PruneLast=true"} <= set(policy["syncOptions"])
    spec = shown("kustomization.yaml")["spec"]
    assert (spec["prune"], spec["wait"]) == (True, True)


@pytest.mark.parametrize("kind", ["Secret", "PersistentVolumeClaim"])
def test_pruning_keeps_what_hookline_never_deletes(kind: str) -> None:
    assert kind in KEPT
    of_argo_cd = patched("argo-cd", BY_KIND[kind])["metadata"]["annotations"]
    assert of_argo_cd["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
    of_flux = patched("flux", BY_KIND[kind])["metadata"]["annotations"]
    assert of_flux["kustomize.toolkit.fluxcd.io/prune"] == "disabled"


def test_every_kind_that_hookline_never_deletes_and_renders_is_kept() -> None:
    assert {"Secret", "PersistentVolumeClaim"} == KEPT.keys() & BY_KIND.keys()


@pytest.mark.parametrize("tool", ["argo-cd", "flux"])
def test_nothing_else_is_kept(tool: str) -> None:
    for kind in BY_KIND.keys() - KEPT.keys():
        annotations = patched(tool, BY_KIND[kind])["metadata"].get("annotations", {})
        assert not {name for name in annotations if name.endswith(("/sync-options", "/prune"))}, kind


def test_the_waves_are_the_stages_of_apply() -> None:
    for first, second in itertools.permutations(BY_KIND, 2):
        if stage(first) < stage(second) and first not in {"PersistentVolumeClaim", "Namespace"}:
            assert wave(first) < wave(second), (first, second)
    assert [wave(kind) for kind in ("ServiceAccount", *("EventBus", "Sensor", "EventSource"))] == [
        0,
        1,
        2,
        LAST,
    ]


def test_a_claim_is_in_the_wave_of_the_pod_that_binds_it() -> None:
    # In a wave before it, a claim whose class waits for the first consumer would keep that pod from ever coming.
    assert wave("PersistentVolumeClaim") == wave("Deployment") == max(map(wave, BY_KIND))


@pytest.mark.parametrize("tool", ["argo-cd", "flux"])
def test_every_patch_is_for_a_kind_that_can_be_rendered(tool: str) -> None:
    for each in patches(tool):
        named = each["target"]["kind"].split("|")
        assert [kind for kind in named if not re.fullmatch("[A-Z][A-Za-z]+", kind)] == []
        assert set(named) <= BY_KIND.keys()


@pytest.mark.parametrize("tool", ["argo-cd", "flux"])
def test_the_annotations_alone_keep_nobody_from_applying(tool: str) -> None:
    for each in RENDERED:
        assert why_not_touched(patched(tool, each)) is None


@pytest.mark.parametrize(
    ("state", "argo_cd", "flux"),
    [
        ("new", "Progressing", "InProgress"),
        ("without a bus", "Progressing", "InProgress"),
        ("before its bus", "Progressing", "InProgress"),
        ("broken", "Degraded", "Failed"),
        ("deployed", "Healthy", "Current"),
    ],
)
def test_both_see_what_the_controllers_said(state: str, argo_cd: str, flux: str) -> None:
    found = STATES[state]
    assert found.keys() >= {"EventSource", "Sensor"}
    for kind, live in found.items():
        assert flux_status(live) == flux, kind
        if kind != "EventBus":  # Argo CD brings the check of a bus
            assert health(live) == argo_cd, kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "status", [None, {}, {"conditions": []}, {"conditions": [{"type": "Deployed", "status": "Unknown"}]}]
)
def test_both_wait_while_nothing_is_said(kind: str, status: dict[str, Any] | None) -> None:
    live = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": "a"}}
    if status is not None:
        live["status"] = status
    assert flux_status(live) == "InProgress"
    if kind != "EventBus":
        assert health(live) == "Progressing"


@pytest.mark.parametrize("kind", ["EventSource", "Sensor"])
def test_a_refusal_without_a_reason_is_one(kind: str) -> None:
    conditions = [{"type": "Deployed", "status": "Unknown"}, {"type": "SourcesProvided", "status": "False"}]
    live = {"kind": kind, "metadata": {"name": "a"}, "status": {"conditions": conditions}}
    assert (health(live), flux_status(live)) == ("Degraded", "Failed")
