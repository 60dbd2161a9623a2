"""The files of docs/gitops.md, and what Argo CD and Flux would conclude from its health checks."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml
from cel_expr_python import cel
from lupa import lua51
from support import ROOT

__all__ = ["EVENT_OBJECTS", "KINDS", "flux_status", "health", "patched", "patches", "shown"]

KINDS = ("EventBus", "EventSource", "Sensor")
EVENT_OBJECTS = ROOT / "tests/data/event-objects.json"
"""State → kind → an object as the real controllers left it (tests/cluster/test_health_checks.py)."""
LIBRARIES = (
    "coroutine",
    "debug",
    "io",
    "math",
    "string",
)
"""Lua's libraries that Argo CD does not open for a script of its ConfigMap (argo-cd util/lua/lua.go)."""


@cache
def shown(name: str) -> Any:
    """A file that the page shows, by the comment in its first line."""
    text = (ROOT / "docs/gitops.md").read_text("utf-8")
    (found,) = re.findall(rf"```yaml\n# {re.escape(name)}\n(.*?)```", text, re.DOTALL)
    return yaml.safe_load(found)


def health(live: Mapping[str, Any]) -> str:
    """Argo CD's word for an object: Healthy, Progressing or Degraded."""
    script = shown("argocd-cm.yaml")["data"][f"resource.customizations.health.argoproj.io_{live['kind']}"]
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False)
    names = lua.globals()
    for library in LIBRARIES:
        del names[library]
    names["obj"] = lua.table_from(live, recursive=True)
    found = lua.execute(script)
    assert isinstance(found["message"], str)
    return str(found["status"])


def flux_status(live: Mapping[str, Any]) -> str:
    """Flux's word for an object: Current, InProgress or Failed; what cannot be evaluated is waited for."""
    expressions = shown("kustomization.yaml")["spec"]["healthCheckExprs"]
    (checks,) = (each for each in expressions if each["kind"] == live["kind"])
    environment = cel.NewEnv(variables=dict.fromkeys(live, cel.Type.DYN) | {"status": cel.Type.DYN})
    for name, word in (("inProgress", "InProgress"), ("failed", "Failed"), ("current", "Current")):
        found = environment.compile(checks[name]).eval(data=dict(live))
        if found.type() == cel.Type.ERROR:
            return "InProgress"
        if found.value():
            return word
    return "InProgress"


def patches(tool: str) -> list[dict[str, Any]]:
    """The patches of a tool, as kustomize takes them."""
    spec = shown("application.yaml" if tool == "argo-cd" else "kustomization.yaml")["spec"]
    found: list[dict[str, Any]] = (
        spec["source"]["kustomize"]["patches"] if "source" in spec else spec["patches"]
    )
    return found


def patched(tool: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """An object with the annotations that the patches of a tool add to its kind."""
    annotations = dict(manifest["metadata"].get("annotations", {}))
    for found in _of_kind(tool, manifest["kind"]):
        annotations |= found
    metadata = dict(manifest["metadata"]) | ({"annotations": annotations} if annotations else {})
    return {**manifest, "metadata": metadata}


def _of_kind(tool: str, kind: str) -> Iterator[dict[str, str]]:
    for each in patches(tool):
        # kustomize takes the kind for a regular expression that must fit as a whole.
        if re.fullmatch(each["target"]["kind"], kind):
            patch = yaml.safe_load(each["patch"])
            assert patch.keys() == {"apiVersion", "kind", "metadata"}
            assert patch["metadata"].keys() == {"name", "annotations"}
            yield patch["metadata"]["annotations"]
