"""The controller on the real API server, with the rights that are rendered for it: a real Gitea is told how runs went."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from cluster.control_plane import ControlPlane
from cluster.gitea import Gitea
from cluster.histories import HISTORIES, NAMESPACE, RETRYING, play
from cluster.virtual_node import VirtualNode
from cluster.waiting import until
from exporter_process import ControllerProcess

from runs.controller.manifests import Installation, controller_manifests
from runs.deployments import PodSettings

REPOSITORY = "ann/shop"
ENDS = {
    "green": "success",
    "red-test": "failure",
    "red-build": "failure",
    "reclaimed": "error",
    "step-deadline": "error",
    "stopped": "error",
    "terminated-waiting": "error",
    "workflow-deleted": "error",
}
"""History → the last state that Gitea has to have."""


@pytest.fixture(scope="module")
def gitea(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gitea]:
    with ExitStack() as stack:
        found = Gitea(cluster.engines["gitea"], tmp_path_factory.mktemp("gitea"))
        stack.callback(found.stop)
        found.create_user("ann")
        found.api("ann", "POST", "user/repos", {"name": "shop", "auto_init": True, "default_branch": "main"})
        yield found


@pytest.fixture
def account(cluster: ControlPlane) -> Path:
    """A kubeconfig of the controller's own account: it has the rights of its manifests, no more."""
    api = cluster.api
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    # The account of the histories' runs.
    runs = {"name": "hookline-exporter", "namespace": NAMESPACE}
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": runs})
    made = Installation(
        namespace=NAMESPACE,
        pod=PodSettings("none"),
        watch=(NAMESPACE,),
        name="hookline-controller",
        instance="hookline",
        settings="",
    )
    for manifest in controller_manifests(made):
        if manifest["kind"] in {"ServiceAccount", "Role", "RoleBinding"}:
            api.apply(manifest)
    kubeconfig = yaml.safe_load(cluster.kubeconfig.read_text())
    kubeconfig["users"][0]["user"] = {"token": api.token(NAMESPACE, "hookline-controller")}
    path = cluster.folder / "controller.kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))
    return path


def test_a_real_gitea_has_the_last_word_of_every_run_although_the_controller_was_killed(
    cluster: ControlPlane, workflows: str, node: VirtualNode, gitea: Gitea, account: Path, tmp_path: Path
) -> None:
    cluster.api.apply(RETRYING)
    clone = gitea.clone("ann", REPOSITORY, tmp_path / "clone")
    commits = {name: clone.commit() for name in ENDS}
    clone.push("main")
    token = gitea.token("ann", f"statuses-{workflows}", "write:repository")
    (tmp_path / "token").write_text(token)
    settings = tmp_path / "controller.yaml"
    settings.write_text(
        f"sources:\n  gitea:\n    host: gitea\n    api: {gitea.url}/api/v1\n    token_file: {tmp_path / 'token'}\n"
    )

    def states(name: str) -> list[str]:
        """Those of one run's commit, the newest first."""
        rows = gitea.api("ann", "GET", f"repos/{REPOSITORY}/commits/{commits[name]}/statuses?limit=50")
        assert {each["context"] for each in rows} <= {"hookline/shop"}
        return [each["status"] for each in sorted(rows, key=lambda each: -each["id"])]

    def happen(name: str) -> None:
        history = HISTORIES[name]
        told = {"hookline.dev/repository": REPOSITORY, "hookline.dev/sha": commits[name]}
        play(cluster, node, f"told-{name}-{workflows}", history.of_commit("gitea", told))

    options = ("--config", str(settings), "-n", NAMESPACE, "--lease", f"{NAMESPACE}/hookline-controller")
    # What is deleted must be seen by a controller that is up: nobody else knows of it later.
    names = [name for name in ENDS if name != "workflow-deleted"]
    with ControllerProcess(account, tmp_path, *options) as controller, ThreadPoolExecutor(4) as pool:
        controller.until(controller.ready, 60)
        playing = [pool.submit(happen, name) for name in names]
        for each in playing[: len(names) // 2]:
            each.result()
        controller.kill()
        controller.start()
        # One that waits for the lease is ready too.
        controller.until(lambda: controller.value("hookline_controller_leading") == 1, 60)
        controller.until(controller.ready, 60)
        playing.append(pool.submit(happen, "workflow-deleted"))
        for each in playing[len(names) // 2 :]:
            each.result()

        def missing() -> dict[str, list[str]]:
            return {name: states(name) for name, end in ENDS.items() if states(name)[:1] != [end]}

        try:
            until(lambda: not missing(), "Gitea has the last word of every run", 120, 0.5)
        finally:
            print(f"without their last word: {missing()}", controller.said[-3000:] if missing() else "")
        for name, end in ENDS.items():
            found = states(name)
            assert len(found) == len(set(found)), (name, found)
            assert set(found) <= {"pending", end}
        assert token not in controller.said
