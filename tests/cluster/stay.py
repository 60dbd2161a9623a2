"""Leaves the cluster running for hand work, until Ctrl-C: `make cluster`.

What is applied to it runs: pods of EventSources, Sensors and buses start within a second, in every namespace.
"""

import os
import socket
import sys
import threading
import time
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster.control_plane import ControlPlane
from cluster.network import CONTROL_PLANE
from cluster.virtual_node import VirtualNode

FOLDER = Path(__file__).parents[2] / ".cluster"


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while content := source.recv(65_536):
            target.sendall(content)
    except OSError:
        pass
    finally:
        target.close()


def forward(door: socket.socket) -> None:
    """Lead every connection to the door, which is outside of the namespaces, to the API server inside."""
    while True:
        outside, _ = door.accept()
        inside = socket.create_connection((CONTROL_PLANE, 6443))
        for pair in ((outside, inside), (inside, outside)):
            threading.Thread(target=_copy, args=pair, daemon=True).start()


def main() -> None:
    """Start, say where, and run what is applied."""
    door = socket.socket(fileno=int(os.environ["HOOKLINE_CLUSTER_DOOR"]))
    cluster = ControlPlane()
    threading.Thread(target=forward, args=(door,), daemon=True).start()
    FOLDER.mkdir(exist_ok=True)
    kubeconfig = FOLDER / "kubeconfig"
    kubeconfig.touch(0o600)
    kubeconfig.write_text(cluster.kubeconfig_text(f"https://127.0.0.1:{door.getsockname()[1]}"))
    VirtualNode(cluster.api)
    cluster.api.apply(yaml.safe_load((Path(__file__).parent / "ci-go-v1.yaml").read_text("utf-8")))
    print(f"export KUBECONFIG={kubeconfig}")
    print(
        "Ctrl-C ends it. Namespaces, the template ci-go-v1 and a node are there; pods of Workflows stay Pending or Running."
    )
    sys.stdout.flush()
    known: set[str] = set()
    try:
        while True:
            for namespace in cluster.api.list("v1", "Namespace"):
                cluster.kubelet.sync(namespace["metadata"]["name"])
            for pods in list(cluster.kubelet.pods.values()):
                for pod in pods:
                    if pod.name not in known:
                        known.add(pod.name)
                        print(f"{pod.namespace}/{pod.name} at {pod.address.ip}, log {pod.log}", flush=True)
            time.sleep(1)
    except KeyboardInterrupt:
        kubeconfig.unlink()
        cluster.stop()


if __name__ == "__main__":
    main()
