"""What docs/gitops.md gives Argo CD and Flux, held against real kustomize, the real API server and the real controllers."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from cluster.api import Json
from gitops import KINDS, flux_status, health, patched, patches
from node.installation import API
from node.world import World


class Reader(yaml.SafeLoader):
    """YAML as Go reads it: kustomize writes the comparator = without quotes, and YAML 1.1 gave it a meaning that nobody uses."""


Reader.add_constructor("tag:yaml.org,2002:value", lambda _, node: str(node.value))


def rendered(world: World) -> list[Json]:
    """What is in the folder that both tools read."""
    world.hookline.shell("hookline render --to deploy")
    return list(yaml.safe_load_all(world.hookline.shell("hookline render")))


def by_name(objects: list[Json]) -> dict[tuple[str, str, str], Json]:
    return {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each
        for each in objects
    }


@pytest.mark.parametrize("tool", ["argo-cd", "flux"])
def test_kustomize_adds_the_annotations_and_changes_nothing_else(world: World, tool: str) -> None:
    objects = rendered(world)
    overlay = world.hookline.folder / tool
    overlay.mkdir()
    described = {"resources": ["../deploy"], "patches": patches(tool)}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(described))
    built = list(yaml.load_all(world.hookline.shell(f"kubectl kustomize {tool}"), Reader))
    assert by_name(built) == by_name([patched(tool, each) for each in objects])
    assert built != objects


@pytest.mark.parametrize("manager", ["argocd-controller", "kustomize-controller"])
def test_what_the_controllers_write_is_no_difference_for_either_tool(world: World, manager: str) -> None:
    rendered(world)
    tried = world.hookline.shell(
        f"kubectl apply --kustomize deploy --server-side --force-conflicts --field-manager {manager} --dry-run=server --output json"
    )
    live = world.hookline.shell("kubectl get --kustomize deploy --output json")
    expected, found = (by_name(json.loads(each)["items"]) for each in (live, tried))
    assert found.keys() == expected.keys()
    for name, each in found.items():
        assert content(each) == content(expected[name])


def content(live: Mapping[str, Any]) -> Json:
    """An object without what the API server and the status of controllers change by themselves."""
    kept = {key: each for key, each in live.items() if key not in {"metadata", "status"}}
    metadata = {key: live["metadata"].get(key) for key in ("labels", "annotations", "finalizers")}
    return kept | {"metadata": metadata}


def test_what_runs_is_healthy_for_both(world: World) -> None:
    for kind in KINDS:
        found = world.cluster.api.list(API, kind, "ci")
        assert found
        for live in found:
            # A list leaves out what each of its items is.
            assert flux_status({"kind": kind, **live}) == "Current"
            if kind != "EventBus":
                assert health({"kind": kind, **live}) == "Healthy"
