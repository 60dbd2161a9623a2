"""The controller on the bus of real Argo Events, with the rights that are rendered for it: what Sensors lose, it creates once."""

import base64
import itertools
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from cluster.api import Json
from cluster.deliveries import signed
from cluster.fleet import fleet, push_body, push_event
from cluster.installation import Installation
from cluster.reporter import Reporter
from cluster.test_faults import refuse, start_sensors, stop_sensors
from cluster.virtual_node import VirtualNode
from cluster.waiting import until
from exporter_process import ControllerProcess

from bus.names import CLIENT_PORT
from hookline.plan.controller_objects import controller_objects

ADMISSION = "admissionregistration.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io/v1"
REPOSITORIES, SHARDS, UNDER_REFUSAL = 24, 4, 4
GRACE = 70
"""Seconds; a Sensor itself tries for up to 69."""
ROUND = 60
SETTLED_SECONDS = 8.0
"""Longer than what is allowed for clocks: an event that follows is provably one of the declaration."""


def declaration(site: Installation, duties: str = f"reconcile: {{grace: {GRACE}s, since: 30m}}") -> str:
    text = fleet(REPOSITORIES, SHARDS).replace("namespace: ci", f'namespace: {site.namespace}, image: "none"')
    return f"{text}\ncontroller: {{{duties}}}\n"


def mounted(site: Installation, folder: Path) -> tuple[Path, Path]:
    """The ConfigMaps of the controller as its pod has them (declaration and settings), and its account and rights in the cluster."""
    folders: dict[str, Path] = {}
    for manifest in controller_objects(site.plan):
        if manifest["kind"] in {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}:
            site.api.apply(manifest)
        if manifest["kind"] == "ConfigMap":
            folders[manifest["metadata"]["name"].rpartition("-")[2]] = written(manifest, folder)
    return folders["declaration"], folders["settings"]


def written(manifest: Json, folder: Path) -> Path:
    found = folder / str(manifest["metadata"]["name"])
    found.mkdir()
    for key, text in manifest.get("data", {}).items():
        (found / key).write_bytes(text.encode())
    for key, text in manifest.get("binaryData", {}).items():
        (found / key).write_bytes(base64.b64decode(text))
    return found


class Instances:
    """Several instances of the controller, with the account of its pod."""

    def __init__(self, site: Installation, folder: Path) -> None:
        declared, settings = mounted(site, folder)
        (server,) = site.pods("EventBus/default")
        kubeconfig = yaml.safe_load(site.cluster.kubeconfig.read_text())
        kubeconfig["users"][0]["user"] = {"token": site.api.token(site.namespace, "hookline-controller")}
        self.account = folder / "controller.kubeconfig"
        self.account.write_text(yaml.safe_dump(kubeconfig))
        self.folder = folder
        self.options = (
            f"--namespace={site.namespace}",
            f"--config={settings / 'settings.yaml'}",
            f"--declaration={declared}",
            f"--bus-url=tls://{server.address.ip}:{CLIENT_PORT}",
        )

    def one(self, *options: str) -> ControllerProcess:
        return ControllerProcess(self.account, self.folder, *self.options, *options)


@contextmanager
def sensors_may_create_nothing(site: Installation) -> Iterator[None]:
    """Takes the rights of the Sensors away, and gives them back."""
    bindings = [
        each
        for each in site.api.list(RBAC, "RoleBinding", site.namespace)
        if each["metadata"]["labels"].get("app.kubernetes.io/component") == "sensor"
    ]
    assert bindings
    for each in bindings:
        site.api.delete(RBAC, "RoleBinding", each["metadata"]["name"], site.namespace)
    try:
        yield
    finally:
        for each in bindings:
            for key in ("resourceVersion", "uid", "creationTimestamp", "managedFields"):
                each["metadata"].pop(key, None)
            site.api.apply({"apiVersion": RBAC, "kind": "RoleBinding", **each})


def identities(workflows: list[Any]) -> dict[str, str]:
    """Name → uid."""
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in workflows}


def looked_twice(controller: ControllerProcess) -> bool:
    return (controller.value("hookline_controller_reconcile_rounds_total", result="done") or 0) >= 2


def pause(seconds: float) -> None:
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end, f"{seconds:.0f} s went by", seconds + 10)


def test_each_run_that_sensors_lost_is_created_once_although_controllers_are_killed(
    site: Installation, tmp_path: Path
) -> None:
    site.api.apply(yaml.safe_load((Path(__file__).parent / "ci-go-v1.yaml").read_text("utf-8")))
    site.install(declaration(site))
    pause(SETTLED_SECONDS)
    instances = Instances(site, tmp_path)
    created: list[ControllerProcess] = []
    with sensors_may_create_nothing(site):
        site.bus.publish([push_event(site, number) for number in range(UNDER_REFUSAL)])
        # Each trigger has tried for its time, and has given its event up.
        site.bus.until_settled(site.consumers, 300)
        assert site.workflows() == []
    stop_sensors(site)
    site.bus.publish([push_event(site, number) for number in range(UNDER_REFUSAL, REPOSITORIES)])
    published = time.monotonic()
    print(
        f"{UNDER_REFUSAL} events were given up by their Sensors, {REPOSITORIES - UNDER_REFUSAL} wait for Sensors that are dead"
    )
    try:
        # What was given up is due at once; then one is killed while it creates.
        created.append(instances.one())
        until(lambda: len(site.workflows()) >= UNDER_REFUSAL // 2, "it has begun to create", ROUND + 30, 0.01)
        created[0].kill()
        # Two at once, without a lease.
        created += [instances.one(), instances.one()]
        until(lambda: len(site.workflows()) > UNDER_REFUSAL, "the others are due", GRACE + ROUND + 60, 0.01)
        created[1].kill()
        until(lambda: len(site.workflows()) == REPOSITORIES, "every run exists", ROUND + 60, 0.1)
        print(
            f"every run exists {time.monotonic() - published:.0f} s after its event, with a grace of {GRACE} s"
        )
        found = identities(site.workflows())
        again = instances.one()
        created.append(again)
        for each in (created[2], again):
            until(partial(looked_twice, each), "it has looked twice", 150)
            assert "reconcile: " not in each.get("/-/ready")
        # The Sensors come back to what waits for them, and find every run there.
        start_sensors(site)
        site.until_ready()
        assert identities(site.until_workflows(REPOSITORIES)) == found
        site.bus.until_settled(site.consumers)
        assert identities(site.workflows()) == found
        annotations = [each["metadata"]["annotations"] for each in site.workflows()]
        assert [each["hookline.dev/created-by"] for each in annotations] == ["reconcile"] * REPOSITORIES
        pipelines = {each["metadata"]["labels"]["hookline.dev/pipeline"] for each in site.workflows()}
        assert len(pipelines) == REPOSITORIES
        assert again.value("hookline_controller_reconcile_runs_total", result="created") == 0
        assert again.value("hookline_controller_reconcile_judged", reason="EXISTS") == REPOSITORIES
        assert sum(each.said.count("a lost run is created") for each in created) <= REPOSITORIES
        # With Sensors that work, nothing is left for it.
        site.bus.publish([push_event(site, number, commit=1) for number in range(REPOSITORIES)])
        site.until_workflows(2 * REPOSITORIES)
        again.until(
            lambda: again.value("hookline_controller_reconcile_judged", reason="EXISTS") == 2 * REPOSITORIES,
            150,
        )
        assert again.value("hookline_controller_reconcile_runs_total", result="created") == 0
        for workflow in site.workflows():
            metadata = workflow["metadata"]
            assert ("hookline.dev/created-by" in metadata["annotations"]) == (metadata["name"] in found)
    finally:
        for each in created:
            print(each.said[-600:])
            each.kill()


def push(site: Installation, commit: int) -> int:
    """A new commit of the first repository; the status of the answer."""
    headers = {"X-GitHub-Event": "push", "X-GitHub-Delivery": f"d-{commit}"}
    return site.deliver("github", signed("github", "/github", push_body(0, commit), headers))[0]


def lose_the_stream(site: Installation) -> None:
    """As when all pods of the bus are lost at once: they come back with empty disks."""
    (server,) = site.pods("EventBus/default")
    server.running.kill()
    store = server.files / "data/jetstream"
    assert store.is_dir()
    for each in store.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    server.start()


def test_a_bus_that_lost_its_stream_is_mended_by_the_controller(
    site: Installation, node: VirtualNode, tmp_path: Path
) -> None:
    site.install(declaration(site, "heal_bus: true"))
    with Reporter(site, node):
        assert push(site, 1) == 200
        site.until_workflows(1)
        with Instances(site, tmp_path).one() as controller:
            until(partial(looked, controller), "it has looked, and all is well", 60)
            lost = time.monotonic()
            lose_the_stream(site)
            until(
                lambda: controller.value("hookline_controller_bus_broken", check="lost-stream"),
                "it is seen",
                60,
            )
            print(f"the loss is seen after {time.monotonic() - lost:.0f} s")
            assert "has lost its stream" in controller.get("/-/ready")
            until(partial(mended, controller), "the Sensors are restarted", 90)
            print(f"the Sensors are restarted after {time.monotonic() - lost:.0f} s")
            commits = itertools.count(2)
            until(
                lambda: push(site, next(commits)) == 200,
                "the untouched event source takes deliveries",
                pause=0.5,
            )
            until(lambda: len(site.workflows()) >= 2, "a delivery became a Workflow")
            print(f"a delivery became a Workflow after {time.monotonic() - lost:.0f} s")
            until(
                lambda: not controller.value("hookline_controller_bus_broken", check="lost-stream"),
                "it is well",
                60,
            )
            assert controller.value("hookline_controller_bus_cures_total", step="sensors", result="done") == 1
            assert controller.value("hookline_controller_bus_cures_total", step="server", result="done") == 0
            assert "bus: " not in controller.get("/-/ready")


def looked(controller: ControllerProcess) -> bool:
    look = controller.value("hookline_controller_bus_last_look_timestamp_seconds")
    return bool(look) and "bus: " not in controller.get("/-/ready")


def mended(controller: ControllerProcess) -> bool:
    return controller.value("hookline_controller_bus_cures_total", step="sensors", result="done") == 1


def test_a_restart_of_the_bus_under_blocked_triggers_needs_no_restart_of_the_sensors(
    site: Installation, tmp_path: Path
) -> None:
    site.install(declaration(site))
    pause(SETTLED_SECONDS)
    (server,) = site.pods("EventBus/default")
    api_server = site.cluster.process("kube-apiserver")
    with Instances(site, tmp_path).one() as controller:
        site.bus.publish([push_event(site, number) for number in range(REPOSITORIES // 2)])
        api_server.signal(signal.SIGSTOP)  # actions block, as on an API server that hangs
        try:
            server.running.kill()
            server.start()
            pause(9)
        finally:
            api_server.signal(signal.SIGCONT)
        rest = [push_event(site, number) for number in range(REPOSITORIES // 2, REPOSITORIES)]
        until(lambda: site.bus.publish(rest), "the bus takes events again")
        begin = time.monotonic()
        found = site.until_workflows(REPOSITORIES, GRACE + ROUND + 60)
        print(f"every run exists {time.monotonic() - begin:.0f} s after the last event")
        created = sum("hookline.dev/created-by" in each["metadata"]["annotations"] for each in found)
        assert controller.value("hookline_controller_reconcile_runs_total", result="created") == created
        print(f"the controller created {created} of {REPOSITORIES}")
        assert len({each["metadata"]["labels"]["hookline.dev/pipeline"] for each in found}) == REPOSITORIES


def test_a_run_that_was_refused_is_said_and_created_once_it_is_taken(
    site: Installation, tmp_path: Path
) -> None:
    refuse(site, "service-0000")
    site.install(declaration(site))
    pause(SETTLED_SECONDS)
    with Instances(site, tmp_path).one() as controller:
        site.bus.publish([push_event(site, number) for number in range(6)])
        site.until_workflows(5)
        until(
            lambda: controller.value("hookline_controller_reconcile_runs_total", result="refused"),
            "it is said",
            240,
        )
        assert "no Workflow of service-0000 here" in controller.get("/-/ready")
        site.api.delete(ADMISSION, "ValidatingAdmissionPolicyBinding", f"refuse-{site.namespace}")
        found = site.until_workflows(6, ROUND + 60)
        created = [each for each in found if "hookline.dev/created-by" in each["metadata"]["annotations"]]
        assert [each["metadata"]["labels"]["hookline.dev/pipeline"] for each in created] == ["service-0000"]
        until(lambda: "refused" not in controller.get("/-/ready"), "nothing is refused any more", 90)
