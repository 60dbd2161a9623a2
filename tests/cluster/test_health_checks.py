"""The health checks for Argo CD and Flux, asked about objects that the real controllers of Argo Events have seen."""

import json
import os

from cluster.api import Json
from cluster.deliveries import DECLARATION
from cluster.installation import API, Installation
from cluster.waiting import until
from gitops import EVENT_OBJECTS, KINDS, flux_status, health

from hookline.plan.objects import objects

BROKEN: dict[str, Json] = {
    "EventBus": {"jetstream": {"version": "none"}},
    "EventSource": {"webhook": {"shop": {"method": "POST", "port": "12000"}}},  # no endpoint
    "Sensor": {
        "dependencies": [{"name": "push", "eventSourceName": "webhooks", "eventName": "shop"}],
        "triggers": [],
    },
}
"""Kind → a spec that the API server takes and the controller refuses."""


def seen(site: Installation, kind: str, name: str, condition: str, status: str) -> Json:
    """An object as soon as a condition of it has this status."""

    def found() -> Json | None:
        live = site.api.get(API, kind, name, site.namespace)
        conditions = live.get("status", {}).get("conditions", [])
        return (
            live
            if any((each["type"], each["status"]) == (condition, status) for each in conditions)
            else None
        )

    return until(found, f"{condition} of {kind} {name} is {status}", 30, 0.2)


def named(site: Installation, kind: str, name: str, spec: Json, bus: str = "default") -> Json:
    metadata = {"name": name, "namespace": site.namespace}
    with_bus = spec if kind == "EventBus" else spec | {"eventBusName": bus}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": with_bus}


def states(site: Installation) -> dict[str, dict[str, Json]]:
    """State → kind → object."""
    site.declare(DECLARATION)
    manifests = {kind: next(each for each in objects(site.plan) if each["kind"] == kind) for kind in KINDS}
    specs = {kind: manifests[kind]["spec"] for kind in KINDS}
    created = {kind: site.api.create(named(site, kind, "new", specs[kind]), dry_run=True) for kind in KINDS}
    found = {"new": created, "without a bus": {}, "before its bus": {}, "broken": {}, "deployed": {}}
    site.apply()
    for kind in KINDS:
        found["deployed"][kind] = seen(site, kind, manifests[kind]["metadata"]["name"], "Deployed", "True")
    site.api.create(named(site, "EventBus", "broken", BROKEN["EventBus"]))
    found["broken"]["EventBus"] = seen(site, "EventBus", "broken", "Deployed", "False")
    for kind in ("EventSource", "Sensor"):
        site.api.create(named(site, kind, "busless", specs[kind], "none"))
        found["without a bus"][kind] = seen(site, kind, "busless", "Deployed", "False")
        site.api.create(named(site, kind, "early", specs[kind], "broken"))
        found["before its bus"][kind] = seen(site, kind, "early", "Deployed", "False")
        site.api.create(named(site, kind, "broken", BROKEN[kind]))
        condition = "SourcesProvided" if kind == "EventSource" else "TriggersProvided"
        found["broken"][kind] = seen(site, kind, "broken", condition, "False")
    return found


def test_argo_cd_and_flux_see_what_the_controllers_say(site: Installation) -> None:
    found = states(site)
    if os.environ.get("HOOKLINE_REGENERATE"):
        kept = {state: {kind: without_spec(each) for kind, each in of.items()} for state, of in found.items()}
        EVENT_OBJECTS.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")
    words = {
        "new": ("Progressing", "InProgress"),
        "without a bus": ("Progressing", "InProgress"),
        "before its bus": ("Progressing", "InProgress"),
        "broken": ("Degraded", "Failed"),
        "deployed": ("Healthy", "Current"),
    }
    for state, (argo_cd, flux) in words.items():
        for kind, live in found[state].items():
            assert flux_status(live) == flux, (state, kind, live["status"])
            if kind != "EventBus":  # Argo CD brings the check of a bus
                assert health(live) == argo_cd, (state, kind, live["status"])


def without_spec(live: Json) -> Json:
    """An object without its spec and what only the API server writes: the checks read the rest."""
    metadata = {key: live["metadata"][key] for key in ("name", "namespace")}
    return {key: each for key, each in live.items() if key != "spec"} | {"metadata": metadata}
