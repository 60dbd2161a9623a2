"""A kubelet without containers: the pods that Argo Events' controller asks for, run as processes.

It takes the Deployments and StatefulSets as the controller wrote them: arguments, environment, mounted Secrets and
ConfigMaps, service account, security context. A pod is the engine's binary in a root folder, a network namespace and with
a token of its own, if its account mounts one. It runs as the user that it names, without capabilities then, cannot gain
privileges where it says so, and can write its volumes alone where its root is read-only. What a real kubelet adds and this
one does not: images, seccomp, probes, resource limits, restarts after a crash.
"""

import base64
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.api import Api, Json
from cluster.network import CONTROL_PLANE, Address
from cluster.processes import Process

__all__ = ["Kubelet", "Pod"]

SERVICE_ACCOUNT_FOLDER = "var/run/secrets/kubernetes.io/serviceaccount"


@dataclass
class Pod:
    """One pod: its root folder, its address and, while it runs, its process."""

    name: str
    namespace: str
    owner: str
    """Kind and name of what it was made for: Sensor/hookline-1."""
    template: Json
    folder: Path
    address: Address
    environment: Mapping[str, str]
    arguments: list[str]
    process: Process | None = None
    starts: int = 0
    names: list[str] = field(default_factory=list)
    """Under which other pods of its namespace know it."""

    @property
    def user(self) -> int | None:
        """Number of the user that it names; without one it runs as root, as the engines' images do."""
        found: int | None = _security(self.template).get("runAsUser")
        return found

    @property
    def no_new_privileges(self) -> bool:
        """Whether it must not gain privileges."""
        return _security(self.template).get("allowPrivilegeEscalation") is False

    @property
    def files(self) -> Path:
        """What its root folder shows; here the kubelet writes, whatever the pod may."""
        return self.folder.with_name(f"{self.folder.name}.files")

    @property
    def log(self) -> Path:
        """Everything that it printed, over restarts."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def start(self) -> None:
        """Start the process, or start it again: emptyDirs and address stay, as after a crash of a container."""
        self.starts += 1
        user = [
            option.format(self.user) for option in ("--setuid={}", "--setgid={}") if self.user is not None
        ]
        self.process = Process(
            f"{self.namespace}/{self.name}",
            [
                *(["setpriv", "--no-new-privs"] if self.no_new_privileges else []),
                "nsenter",
                f"--net=/run/netns/{self.address.name}",
                f"--root={self.folder}",
                "--wd=/",
                *user,
                *self.arguments,
            ],
            self.log,
            self.environment,
        )

    @property
    def running(self) -> Process:
        """Its process."""
        if self.process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self.process

    def delete(self, seconds: float = 10) -> None:
        """Stop it and give back what it held; its log stays."""
        if self.process is not None:
            self.process.stop(seconds)
        self.address.release()
        for folder in (self.folder, *self._bound()):
            subprocess.run(["umount", "--recursive", str(folder)], check=False, capture_output=True)
        for folder in (self.folder, self.files):
            shutil.rmtree(folder, ignore_errors=True)

    def _bound(self) -> list[Path]:
        volumes = [
            self.files / each["mountPath"].lstrip("/")
            for each in self.template["spec"]["containers"][0].get("volumeMounts", [])
        ]
        return [self.files / "bin/engine", self.files / "usr/share/zoneinfo", *volumes]


def _security(template: Json) -> Json:
    """The security context of a pod's one container that runs here: its own words win."""
    spec = template["spec"]
    found: Json = spec.get("securityContext", {}) | spec["containers"][0].get("securityContext", {})
    return found


class Kubelet:
    """Runs the pods of some namespaces."""

    def __init__(self, api: Api, folder: Path, images: Mapping[str, Path], authority: Path) -> None:
        """Args.

        api: An administrator's.
        folder: For the pods' root folders.
        images: First part of an image's name (before : or @) → binary.
        authority: The API server's certificate.
        """
        self._api = api
        self._folder = folder
        self._images = images
        self._authority = authority
        self._count = 0
        self.pods: dict[tuple[str, str], list[Pod]] = {}
        """(namespace, kind/name of the workload object) → its pods."""

    def of(self, namespace: str, owner: str = "") -> list[Pod]:
        """Pods of a namespace; only those made for an owner, such as Sensor/hookline-1, where one is named."""
        return [
            pod
            for (place, _), pods in self.pods.items()
            if place == namespace
            for pod in pods
            if owner in {"", pod.owner}
        ]

    def sync(self, namespace: str) -> list[Pod]:
        """Run what the namespace's Deployments and StatefulSets ask for now; the pods that were started.

        A changed Deployment is rolled as Kubernetes does by default: the new pod first, then the old one is ended.
        """
        wanted: dict[tuple[str, str], Json] = {
            (namespace, f"{kind}/{each['metadata']['name']}"): each
            for kind in ("StatefulSet", "Deployment")
            for each in self._api.list("apps/v1", kind, namespace)
            if "deletionTimestamp" not in each["metadata"]
        }
        started: list[Pod] = []
        ended: list[Pod] = []
        for key, workload in wanted.items():
            running = self.pods.get(key, [])
            if [pod.template for pod in running] == [workload["spec"]["template"]] * workload["spec"][
                "replicas"
            ]:
                continue
            made = self._pods(key[1], workload)
            ended += running
            self.pods[key] = made
            started += made
        for key in [key for key in self.pods if key[0] == namespace and key not in wanted]:
            ended += self.pods.pop(key)
        self._write_names(namespace)
        for pod in started:
            pod.start()
        for pod in ended:
            pod.delete()
        return started

    def clear(self, namespace: str) -> None:
        """End all pods of a namespace at once."""
        for key in [key for key in self.pods if key[0] == namespace]:
            for pod in self.pods.pop(key):
                if pod.process is not None:
                    pod.process.kill()
                pod.delete()

    def _pods(self, title: str, workload: Json) -> list[Pod]:
        kind, name = title.split("/")
        made = []
        for number in range(workload["spec"]["replicas"]):
            if kind == "StatefulSet":
                pod_name = f"{name}-{number}"
            else:
                self._count += 1
                pod_name = f"{name}-{self._count:05d}"
            made.append(self._pod(pod_name, workload))
        if kind == "StatefulSet":
            service = f"{workload['spec']['serviceName']}.{workload['metadata']['namespace']}.svc"
            for pod in made:
                pod.names = [f"{pod.name}.{service}", service]
        return made

    def _pod(self, name: str, workload: Json) -> Pod:
        namespace = workload["metadata"]["namespace"]
        template = workload["spec"]["template"]
        spec, container = template["spec"], template["spec"]["containers"][0]
        image = re.split("[:@]", container["image"])[0]
        address = Address()
        known = {"metadata.name": name, "metadata.namespace": namespace}
        environment = {
            "KUBERNETES_SERVICE_HOST": CONTROL_PLANE,
            "KUBERNETES_SERVICE_PORT": "6443",
            **self._environment(namespace, container, known),
        }
        controller = workload["metadata"]["ownerReferences"][0]
        pod = Pod(
            name=name,
            namespace=namespace,
            owner=f"{controller['kind']}/{controller['name']}",
            template=template,
            folder=self._folder / f"{namespace}.{name}",
            address=address,
            environment=environment,
            # The image's entry point is the engine; a command names it by its path in the image.
            arguments=["/bin/engine", *container.get("command", [])[1:], *container.get("args", [])],
        )
        self._root_folder(pod.files, self._images[image])
        self._mount(pod.files, namespace, spec, container)
        self._service_account(pod.files, namespace, spec)
        pod.folder.mkdir()
        read_only = _security(template).get("readOnlyRootFilesystem", False)
        subprocess.run(["mount", "--rbind", str(pod.files), str(pod.folder)], check=True)
        if read_only:  # the volumes are mounts of their own and stay as they are
            subprocess.run(["mount", "-o", "remount,bind,ro", str(pod.folder)], check=True)
        return pod

    @staticmethod
    def _root_folder(folder: Path, binary: Path) -> None:
        for name in ("bin", "tmp", "etc", "proc", "dev", "usr/share/zoneinfo", "data", "var/run"):
            (folder / name).mkdir(parents=True)
        (folder / "bin/engine").touch()
        for source, place in ((binary, "bin/engine"), (Path("/usr/share/zoneinfo"), "usr/share/zoneinfo")):
            subprocess.run(["mount", "--bind", str(source), str(folder / place)], check=True)

    def _mount(self, folder: Path, namespace: str, spec: Json, container: Json) -> None:
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            place = folder / mount["mountPath"].lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0777", "tmpfs", str(place)], check=True)
            for name, content in self._volume(namespace, volumes[mount["name"]]):
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_bytes(content)

    def _volume(self, namespace: str, volume: Json) -> Iterable[tuple[str, bytes]]:
        for source in volume.get("projected", {}).get("sources", [volume]):
            if "secret" in source:
                wanted, kind = source["secret"], "Secret"
                name = wanted.get("secretName", wanted.get("name"))
            elif "configMap" in source:
                wanted, kind, name = source["configMap"], "ConfigMap", source["configMap"]["name"]
            else:
                continue  # an emptyDir
            found = self._api.get("v1", kind, name, namespace)
            content = {
                key: base64.b64decode(value) if kind == "Secret" else value.encode()
                for key, value in found.get("data", {}).items()
            }
            items = wanted.get("items") or [{"key": key, "path": key} for key in content]
            yield from ((item["path"], content[item["key"]]) for item in items)

    def _service_account(self, folder: Path, namespace: str, spec: Json) -> None:
        account = spec.get("serviceAccountName", "default")
        mounted = self._api.get("v1", "ServiceAccount", account, namespace).get(
            "automountServiceAccountToken", True
        )
        if not spec.get("automountServiceAccountToken", mounted):
            return
        place = folder / SERVICE_ACCOUNT_FOLDER
        place.mkdir(parents=True)
        (place / "token").write_text(self._api.token(namespace, account))
        (place / "namespace").write_text(namespace)
        (place / "ca.crt").write_bytes(self._authority.read_bytes())

    def _environment(self, namespace: str, container: Json, known: Mapping[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for variable in container.get("env", []):
            source: dict[str, Any] = variable.get("valueFrom", {})
            if "fieldRef" in source:
                value = known[source["fieldRef"]["fieldPath"]]
            elif "secretKeyRef" in source:
                secret = self._api.get("v1", "Secret", source["secretKeyRef"]["name"], namespace)
                value = base64.b64decode(secret["data"][source["secretKeyRef"]["key"]]).decode()
            else:
                value = re.sub(
                    r"\$\((\w+)\)", lambda match: found.get(match[1], match[0]), variable.get("value", "")
                )
            found[variable["name"]] = value
        return found

    def _write_names(self, namespace: str) -> None:
        pods = self.of(namespace)
        lines = ["127.0.0.1 localhost"]
        lines += [f"{pod.address.ip} {name}" for pod in pods for name in pod.names]
        for pod in pods:
            (pod.files / "etc/hosts").write_text("\n".join(lines) + "\n")
