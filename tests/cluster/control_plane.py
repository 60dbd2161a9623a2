"""The control plane: etcd, the API server and the controllers, in the namespaces that the launcher made."""

import base64
import json
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import yaml
from cluster.api import Api, ApiError, Json
from cluster.kubelet import Kubelet
from cluster.network import CONTROL_PLANE, lay_bridge
from cluster.processes import Process
from cluster.waiting import NotYet, until

__all__ = ["ControlPlane", "WorkflowsRun"]

SERVER = f"https://{CONTROL_PLANE}:6443"
START_ATTEMPTS = 3
CONTROLLERS = (
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "namespace-controller",
    "garbage-collector-controller",
    "root-ca-certificate-publisher-controller",
)


@dataclass(frozen=True, slots=True)
class WorkflowsRun:
    """Which workflow-controller runs, and how."""

    engine: str = "argo-workflows"
    """Or `argo-workflows-4`."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Data of workflow-controller-configmap."""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def definitions(self) -> str:
        """The form of the custom resource definitions that its release installs: from 4.0 on the full one."""
        return "crds" if self.engine == "argo-workflows" else "crds-full"


class ControlPlane:
    """A running cluster without nodes. Everything that it writes lies in one folder, in memory."""

    def __init__(self) -> None:
        folders = os.environ.get("HOOKLINE_CLUSTER_ENGINES")
        if not folders:
            raise RuntimeError(
                "the engines are started by make cluster-test, make bench-cluster or make cluster"
            )
        self.engines = {name: Path(folder) for name, folder in json.loads(folders).items()}
        """Name → folder."""
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        self.folder = Path("/run/cluster")
        self.folder.mkdir()
        self._token = secrets.token_hex(16)
        self._processes: dict[str, Process] = {}
        self._workflows = WorkflowsRun()
        self.certificate = self.folder / "server.crt"
        self.kubeconfig = self.folder / "kubeconfig"
        lay_bridge()
        self._write_files()
        self.api = Api(SERVER, self.certificate, self._token)
        try:
            self._start("etcd", *self._etcd())
            self.start_api_server()
            self._apply_definitions()
            self._make_root_of_argo_events()
            self._start_controllers()
        except BaseException:
            self._stop_engines()
            raise
        self.kubelet = Kubelet(
            self.api,
            self.folder / "pods",
            {
                "argo-events": self.binary("argo-events", "argo-events"),
                "nats": self.binary("nats", "nats-server"),
            },
            self.certificate,
        )

    def binary(self, engine: str, name: str) -> Path:
        """A program of an engine."""
        return self.engines[engine] / name

    def _write_files(self) -> None:
        names = f"subjectAltName=IP:{CONTROL_PLANE},IP:127.0.0.1,DNS:localhost"
        request = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=test",
        ]
        files = ["-keyout", str(self.folder / "server.key"), "-out", str(self.certificate)]
        subprocess.run([*request, "-addext", names, *files], check=True, capture_output=True)
        (self.folder / "tokens.csv").write_text(f"{self._token},admin,admin,system:masters\n")
        self.kubeconfig.write_text(self.kubeconfig_text(SERVER))

    def kubeconfig_text(self, server: str) -> str:
        """An administrator's kubeconfig, as JSON, which is YAML."""
        certificate = self.certificate.read_bytes().decode()
        cluster = {"server": server, "certificate-authority-data": _base64(certificate)}
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "test", "cluster": cluster}],
                "users": [{"name": "admin", "user": {"token": self._token}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
                "current-context": "test",
            }
        )

    def _start(self, name: str, *arguments: str, environment: dict[str, str] | None = None) -> Process:
        process = Process(name, arguments, self.folder / f"{name}.log", environment)
        self._processes[name] = process
        return process

    def process(self, name: str) -> Process:
        """An engine by name."""
        return self._processes[name]

    def _etcd(self) -> list[str]:
        client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
        return [
            str(self.binary("etcd", "etcd")),
            "--data-dir",
            str(self.folder / "etcd"),
            "--unsafe-no-fsync",
            "--log-level=error",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        ]

    def start_api_server(self) -> None:
        """Start it, or start it again, and wait until it is ready."""
        key = str(self.folder / "server.key")
        probe = Api(SERVER, self.certificate, self._token)
        arguments = [
            str(self.binary("kubernetes", "kube-apiserver")),
            "--etcd-servers=http://127.0.0.1:2379",
            f"--advertise-address={CONTROL_PLANE}",
            f"--tls-cert-file={self.certificate}",
            f"--tls-private-key-file={key}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--watch-cache=true",
            "--kubelet-preferred-address-types=InternalIP",
        ]
        for _ in range(START_ATTEMPTS):
            process = self._start("kube-apiserver", *arguments)
            try:
                until(
                    partial(_answers_or_ended, probe, process),
                    "the API server is ready",
                    pause=0.1,
                )
            except NotYet:
                process.kill()
            if process.running:
                return
        process.check()

    def _apply_definitions(self) -> None:
        self._define(self.engines["argo-events"] / "crds")
        self._define(self.engines["argo-workflows"] / "crds")
        for namespace in ("argo", "argo-events"):
            self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        self._configure_workflows()

    def _define(self, folder: Path) -> None:
        """Apply the custom resource definitions of a folder, and wait until the API server serves them."""
        definitions = [
            document
            for path in sorted(folder.glob("argoproj.io_*.yaml"))
            for document in yaml.load_all(path.read_text("utf-8"), yaml.CSafeLoader)
            if document["kind"] == "CustomResourceDefinition"
        ]
        for definition in definitions:
            self.api.apply(definition)
        for definition in definitions:
            until(partial(self._served, definition), "every custom resource is served")

    def _configure_workflows(self) -> None:
        """Write the settings of the workflow-controller, which reads them when it starts."""
        settings = {"name": "workflow-controller-configmap", "namespace": "argo"}
        data = dict(self._workflows.settings)
        self.api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": settings, "data": data})

    def _served(self, definition: Json) -> bool:
        """A kind answers 404 until it is established, and 429 until its storage is ready."""
        group, plural = definition["spec"]["group"], definition["spec"]["names"]["plural"]
        try:
            self.api.call("GET", f"/apis/{group}/v1alpha1/{plural}")
        except ApiError:
            return False
        return True

    def _make_root_of_argo_events(self) -> None:
        root = self.folder / "argo-events"
        for name in ("bin", "etc/argo-events", "tmp"):
            (root / name).mkdir(parents=True)
        (root / "bin/argo-events").touch()
        binary = self.binary("argo-events", "argo-events")
        subprocess.run(["mount", "--bind", str(binary), str(root / "bin/argo-events")], check=True)
        (root / "kubeconfig").write_text(self.kubeconfig.read_text())
        settings = yaml.safe_load((self.engines["argo-events"] / "controller-config.yaml").read_text("utf-8"))
        (root / "etc/argo-events/controller-config.yaml").write_text(
            settings["data"]["controller-config.yaml"]
        )

    def _start_controllers(self) -> None:
        self._start(
            "kube-controller-manager",
            str(self.binary("kubernetes", "kube-controller-manager")),
            f"--kubeconfig={self.kubeconfig}",
            f"--controllers={','.join(CONTROLLERS)}",
            f"--service-account-private-key-file={self.folder / 'server.key'}",
            f"--root-ca-file={self.certificate}",
            "--leader-elect=false",
        )
        root = self.folder / "argo-events"
        self._start(
            "argo-events-controller",
            "nsenter",
            f"--root={root}",
            "--wd=/",
            "/bin/argo-events",
            "controller",
            "--leader-election=false",
            environment={
                "KUBECONFIG": "/kubeconfig",
                "ARGO_EVENTS_IMAGE": "argo-events:v1.9.11",
                "HOME": "/",
                "USER": "root",  # the client looks for its user, and there is no /etc/passwd
            },
        )
        self._start_workflow_controller()

    def _start_workflow_controller(self) -> None:
        self._start(
            "workflow-controller",
            str(self.binary(self._workflows.engine, "workflow-controller")),
            f"--kubeconfig={self.kubeconfig}",
            "--executor-image=argoexec:latest",  # never pulled: the virtual node plays the pods
            "--namespace=argo",
            environment={
                "LEADER_ELECTION_DISABLE": "true",
                "LEADER_ELECTION_IDENTITY": "test",
                "ARGO_NAMESPACE": "argo",
                **self._workflows.environment,
            },
        )

    def restart_workflow_controller(self) -> None:
        """End it without a word, and start it again."""
        self._processes["workflow-controller"].kill()
        self._start_workflow_controller()

    @contextmanager
    def workflows(self, run: WorkflowsRun) -> Iterator[None]:
        """For a while, another workflow-controller or other settings of it."""
        before = self._workflows
        self._run_workflows(run)
        try:
            yield
        finally:
            self._run_workflows(before)

    def _run_workflows(self, run: WorkflowsRun) -> None:
        if run == self._workflows:
            return
        if run.engine != self._workflows.engine:
            self._define(self.engines[run.engine] / run.definitions)
        self._workflows = run
        self._configure_workflows()
        self.restart_workflow_controller()

    def restart_api_server(self) -> None:
        """End an outage. Controllers that gave up meanwhile are started again, as a kubelet does."""
        self.start_api_server()
        for name in ("argo-events-controller", "workflow-controller", "kube-controller-manager"):
            self._processes[name].kill()
        self._start_controllers()

    def stop(self) -> None:
        """Stop everything, the last started first."""
        for namespace in {place for place, _ in self.kubelet.pods}:
            self.kubelet.clear(namespace)
        self._stop_engines()

    def _stop_engines(self) -> None:
        for process in reversed(self._processes.values()):
            process.stop()


def _answers_or_ended(api: Api, process: Process) -> bool:
    return api.ready() or not process.running


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
