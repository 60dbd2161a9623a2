"""A Kubernetes of one node: etcd, API server, controllers and scheduler; containerd, kubelet and kube-proxy; CoreDNS as a pod."""

import json
import os
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from cluster.api import Api, ApiError
from cluster.processes import Process
from cluster.waiting import until
from node import settings
from node.authority import Authority
from node.images import Store
from node.places import ADDRESS, DOMAIN, FOLDER, NAME, OWN_REGISTRY, POD_ADDRESSES, SERVICE_ADDRESSES
from node.supplies import Supplies

__all__ = ["Kubernetes"]

SERVER = f"https://{ADDRESS}:6443"
ETCD = "http://127.0.0.1:2379"
USERS = {
    "administrator": '"system:masters"',
    "system:kube-scheduler": "",
    "system:kube-controller-manager": "",
    "system:kube-proxy": "",
    f"system:node:{NAME}": '"system:nodes"',
}
"""User → groups."""


class Kubernetes:
    """A running cluster. Everything that it writes lies in FOLDER."""

    def __init__(self, supplies: Supplies) -> None:
        self.supplies = supplies
        self.logs = FOLDER / "logs"
        self.logs.mkdir()
        self.authority = Authority(FOLDER / "certificates")
        self.certificate = self.authority.sign(
            "kube-apiserver", f"IP:{ADDRESS}", "IP:127.0.0.1", "IP:10.96.0.1", "DNS:kubernetes.default.svc",
            f"DNS:kubernetes.default.svc.{DOMAIN}", "DNS:kubernetes.default", "DNS:kubernetes",
        )  # fmt: skip
        self._accounts_key = self.authority.key("service-accounts")
        self._tokens = {user: secrets.token_hex(16) for user in USERS}
        self._processes: list[Process] = []
        self.own_image = ""
        """Of hookline, by its digest, once the node is there."""
        (FOLDER / "tokens.csv").write_text(
            "".join(f"{self._tokens[user]},{user},{user},{groups}\n" for user, groups in USERS.items())
        )
        self.kubeconfig = self._kubeconfig("administrator")
        self.api = Api(SERVER, self.authority.certificate, self._tokens["administrator"])
        self.environment = {
            "PATH": f"{supplies.engines['kubernetes-node']}:{os.environ['PATH']}",
            "HOME": str(FOLDER),
            "LC_ALL": "C.UTF-8",
            "KUBECONFIG": str(self.kubeconfig),
        }
        """Of an administrator's shell."""

    def _kubeconfig(self, user: str) -> Path:
        path = FOLDER / f"{user.replace(':', '-')}.kubeconfig"
        cluster = {"server": SERVER, "certificate-authority": str(self.authority.certificate)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "node", "cluster": cluster}],
            "users": [{"name": "user", "user": {"token": self._tokens[user]}}],
            "contexts": [{"name": "node", "context": {"cluster": "node", "user": "user"}}],
            "current-context": "node",
        }
        path.write_text(json.dumps(content))
        return path

    def start(self) -> None:
        """Start everything, and wait until the node is ready."""
        self._start_control_plane()
        self._start_node()
        until(self._node_ready, "the node is ready")
        self.apply(settings.coredns())

    def _start(self, name: str, *arguments: str) -> Process:
        process = Process(
            name, arguments, self.logs / f"{name}.log", {"PATH": os.environ["PATH"], "HOME": str(FOLDER)}
        )
        self._processes.append(process)
        return process

    def _program(self, engine: str, name: str) -> str:
        return str(Path(self.supplies.engines[engine]) / name)

    def _start_control_plane(self) -> None:
        peer = "http://127.0.0.1:2380"
        self._start(
            "etcd", self._program("etcd", "etcd"), f"--data-dir={FOLDER / 'etcd'}", "--unsafe-no-fsync", "--log-level=error",
            f"--listen-client-urls={ETCD}", f"--advertise-client-urls={ETCD}", f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
        )  # fmt: skip
        accounts = self._accounts_key
        server = self._start(
            "kube-apiserver", self._program("kubernetes", "kube-apiserver"), f"--etcd-servers={ETCD}", f"--advertise-address={ADDRESS}",
            f"--tls-cert-file={self.certificate.certificate}", f"--tls-private-key-file={self.certificate.key}",
            f"--token-auth-file={FOLDER / 'tokens.csv'}", f"--client-ca-file={self.authority.certificate}",
            "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
            f"--service-account-key-file={accounts}", f"--service-account-signing-key-file={accounts}",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-cluster-ip-range={SERVICE_ADDRESSES}",
            "--kubelet-preferred-address-types=InternalIP", "--allow-privileged=true",
        )  # fmt: skip
        server.until(self.api.ready, "the API server is ready")
        manager = self._kubeconfig("system:kube-controller-manager")
        self._start(
            "kube-controller-manager", self._program("kubernetes", "kube-controller-manager"), f"--kubeconfig={manager}",
            f"--service-account-private-key-file={accounts}", f"--root-ca-file={self.authority.certificate}",
            "--use-service-account-credentials=true", "--leader-elect=false", f"--cluster-cidr={POD_ADDRESSES}",
        )  # fmt: skip
        scheduler = self._kubeconfig("system:kube-scheduler")
        self._start(
            "kube-scheduler", self._program("kubernetes-node", "kube-scheduler"), f"--kubeconfig={scheduler}", "--leader-elect=false",
            f"--authentication-kubeconfig={scheduler}", f"--authorization-kubeconfig={scheduler}",
        )  # fmt: skip

    def _start_node(self) -> None:
        own = FOLDER / "own-images"
        digest = Store(own).add_archive(Path(self.supplies.hookline), "hookline:tested")
        self.own_image = f"{OWN_REGISTRY}/hookline@{digest}"
        registries = [
            self._start(
                f"docker-registry-{name}",
                "docker-registry",
                "serve",
                str(settings.write_registry(name, images)),
            )
            for name, images in (("_default", Path(self.supplies.images)), (OWN_REGISTRY, own))
        ]
        settings.write_network()
        settings.write_containerd()
        containerd = self._start("containerd", "containerd", "--config", str(FOLDER / "containerd.toml"))
        containerd.until(self._containerd_answers, "containerd answers")
        for registry in registries:
            registry.check()
        settings.write_kubelet()
        self._start(
            "kubelet", self._program("kubernetes-node", "kubelet"), f"--config={FOLDER / 'kubelet.yaml'}",
            f"--kubeconfig={self._kubeconfig(f'system:node:{NAME}')}", f"--node-ip={ADDRESS}", f"--hostname-override={NAME}",
        )  # fmt: skip
        settings.write_proxy(self._kubeconfig("system:kube-proxy"))
        self._start(
            "kube-proxy", self._program("kubernetes-node", "kube-proxy"), f"--config={FOLDER / 'proxy.yaml'}"
        )

    def _containerd_answers(self) -> bool:
        return subprocess.run(["ctr", "version"], capture_output=True, check=False).returncode == 0

    def _node_ready(self) -> bool:
        for process in self._processes:
            process.check()
        try:
            node = self.api.get("v1", "Node", NAME)
        except ApiError:
            return False
        return any(
            each["type"] == "Ready" and each["status"] == "True"
            for each in node.get("status", {}).get("conditions", [])
        )

    def run(self, *command: str, given: str = "") -> str:
        """Run a command in an administrator's shell; what it printed.

        Raises:
            RuntimeError: It failed; with what it said.
        """
        done = subprocess.run(
            command,
            input=given,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=FOLDER,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed: {done.stdout[-2_000:]}{done.stderr[-4_000:]}")
        return done.stdout

    def apply(self, manifests: str | list[Mapping[str, Any]]) -> None:
        """Apply text or objects as kubectl does."""
        text = manifests if isinstance(manifests, str) else yaml.safe_dump_all(manifests)
        self.run("kubectl", "apply", "--server-side", "-f", "-", given=text)

    def until_ready(self, namespace: str, selector: str, seconds: float = 300, count: int = 1) -> None:
        """Wait until that many pods with these labels are ready, all of them."""

        def ready() -> bool:
            found = self.api.list("v1", "Pod", namespace, selector)
            pods = [each for each in found if "deletionTimestamp" not in each["metadata"]]
            states = [
                each
                for pod in pods
                for each in pod.get("status", {}).get("conditions", [])
                if each["type"] == "Ready"
            ]
            return (
                len(pods) >= count
                and len(states) == len(pods)
                and all(each["status"] == "True" for each in states)
            )

        try:
            until(ready, f"pods {selector} in {namespace} are ready", seconds, 0.3)
        except AssertionError as error:
            described = self.run("kubectl", "-n", namespace, "describe", "pods", "-l", selector)
            raise AssertionError(f"{error}\n{described[-6_000:]}") from error

    def stop(self) -> None:
        """End what a kubelet would leave behind; the kernel ends the rest with the namespaces."""
        for process in reversed(self._processes):
            process.stop(3)
