"""Pods of the event path as they are restricted: they work so, and a namespace that enforces it takes them."""

import copy
from pathlib import Path
from typing import Any

import pytest
from cluster.api import Api, ApiError, Json
from cluster.deliveries import DECLARATION, DELIVERIES
from cluster.installation import Installation
from cluster.kubelet import SERVICE_ACCOUNT_FOLDER, Pod
from cluster.waiting import until
from printed import CASES, WITHOUT_RETRIES
from support import ROOT, exporter_of

from triggers.shipped import shipped

LEVELS = ("restricted", "baseline", "privileged")
"""Of Pod Security, the strictest first."""


def status(pod: Pod) -> dict[str, str]:
    """What the kernel says of a pod's process."""
    lines = Path(f"/proc/{pod.running.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_event_pods_work_without_root_capabilities_and_a_writable_image(site: Installation) -> None:
    site.install(DECLARATION)
    assert {pod.owner.partition("/")[0] for pod in site.pods()} == {"EventBus", "EventSource", "Sensor"}
    for pod in site.pods():
        found = status(pod)
        assert set(found["Uid"].split()) == set(found["Gid"].split()) == {"65532"}, pod.owner
        assert (found["NoNewPrivs"], int(found["CapPrm"], 16)) == ("1", 0), pod.owner
        with pytest.raises(OSError, match="Read-only file system"):
            (pod.folder / "written").touch()
        has_token = (pod.folder / SERVICE_ACCOUNT_FOLDER / "token").exists()
        assert has_token == pod.owner.startswith("Sensor/")
    sample = DELIVERIES[0]
    assert site.deliver(sample.source, sample.request()) == (200, "success")
    site.until_workflows(1)


def namespace(api: Api, name: str, level: str) -> str:
    """A namespace that enforces a level, with its default account."""
    labels = {"pod-security.kubernetes.io/enforce": level}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    until(lambda: _has_account(api, name), f"namespace {name} has its account")
    return name


def _has_account(api: Api, name: str) -> bool:
    try:
        api.get("v1", "ServiceAccount", "default", name)
    except ApiError:
        return False
    return True


def refusal(api: Api, place: str, spec: Json) -> str:
    """What a namespace says against a pod; empty if it takes it. Nothing is created."""
    own = {
        key: value
        for key, value in spec.items()
        if key not in {"serviceAccountName", "serviceAccount", "schedulerName"}
    }
    metadata = {"name": "tried", "namespace": place}
    try:
        api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": own}, dry_run=True)
    except ApiError as error:
        return str(error)
    return ""


def pod_specs(site: Installation) -> dict[str, Json]:
    """The pods that the controllers ask for, by the object that they were made for."""
    return {
        f"{each['metadata']['ownerReferences'][0]['kind']}/{each['metadata']['name']}": each["spec"][
            "template"
        ]["spec"]
        for kind in ("Deployment", "StatefulSet")
        for each in site.api.list("apps/v1", kind, site.namespace)
    }


@pytest.mark.parametrize("case", [name for name in CASES if name != "ack-one"])
def test_a_namespace_that_enforces_restricted_takes_every_event_pod(site: Installation, case: str) -> None:
    place = namespace(site.api, f"{site.namespace}-restricted", "restricted")
    site.declare_files(CASES[case], {WITHOUT_RETRIES.name: WITHOUT_RETRIES})
    site.apply()
    found = pod_specs(site)
    assert {"EventBus", "Sensor"} <= {name.partition("/")[0] for name in found}
    assert {name: refusal(site.api, place, spec) for name, spec in found.items()} == dict.fromkeys(found, "")


def test_a_namespace_that_enforces_restricted_takes_the_exporter_and_refuses_it_as_root(
    site: Installation,
) -> None:
    place = namespace(site.api, f"{site.namespace}-restricted", "restricted")
    (deployment,) = (each for each in exporter_of(place, "hookline") if each["kind"] == "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    assert refusal(site.api, place, spec) == ""
    as_root = copy.deepcopy(spec)
    as_root["securityContext"] |= {"runAsNonRoot": False, "runAsUser": 0}
    assert 'violates PodSecurity "restricted' in refusal(site.api, place, as_root)


def step_pods(template: Json) -> dict[str, Json]:
    """What of a template's steps a level of Pod Security looks at, as pods."""
    found: dict[str, Any] = {}
    for step in template["spec"]["templates"]:
        container = step.get("container") or step.get("script")
        if container:
            # Their volumes are claims, Secrets, ConfigMaps and empty ones, which every level takes.
            security = {"securityContext": container.get("securityContext", {})}
            found[step["name"]] = {
                "containers": [{"name": "main", "image": "step", **security}],
                "securityContext": step.get("securityContext", {}),
            }
    return found


def test_steps_of_hookline_ci_go_need_the_levels_that_the_page_names(site: Installation) -> None:
    places = {level: namespace(site.api, f"{site.namespace}-{level}", level) for level in LEVELS}
    found = {
        name: next(level for level in LEVELS if not refusal(site.api, places[level], spec))
        for name, spec in step_pods(shipped("hookline-ci-go")).items()
    }
    page = (ROOT / "docs/security.md").read_text("utf-8")
    for name, level in found.items():
        assert f"| `{name}` | {level} |" in page, (name, level)
