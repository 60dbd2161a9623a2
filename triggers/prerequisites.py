"""Objects that a template needs in the namespace of the runs: a volume, credentials, an account.

Values that nobody gave are placeholders such as `<NAS mount target>`. An object with a placeholder in it has a label that the API server
refuses, so that it is not created before somebody has filled it in: a volume with a wrong server would leave pods pending, and a
password of `<password>` would fail the first push only.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from triggers.rbac import run_rights

__all__ = [
    "GIT_SECRET",
    "GUARD",
    "ClassStorage",
    "GitCredentials",
    "NasStorage",
    "NfsStorage",
    "Prerequisite",
    "Storage",
    "placeholders",
    "prerequisites",
]

GUARD = "hookline.dev/unfinished"
GUARD_VALUE = "<remove me when all values in angle brackets are replaced>"
"""No label value may hold these characters (Kubernetes, Labels and Selectors), so that the API server refuses the object."""

GitCredentials = Literal["password", "ssh"]
GIT_SECRET = "git-creds"  # noqa: S105 - a name
"""The Secret that hookline-ci-go reads where its parameter git_secret names no other."""

_CLAIM = "pvc-nas"
_OWN_DIRECTORY = "Give each namespace a directory of its own: runs wait only for runs of their own namespace, and share files with no other."
_PLACEHOLDER = re.compile(r"<[A-Za-z][^<>]*>")


@dataclass(frozen=True, slots=True)
class NasStorage:
    """An Alibaba Cloud NAS file system, mounted by its CSI driver."""

    server: str = "<NAS mount target>"
    path: str = "/"
    options: tuple[str, ...] = ("nolock,tcp,noresvport", "vers=3")


@dataclass(frozen=True, slots=True)
class NfsStorage:
    """Any NFS server."""

    server: str = "<NFS server>"
    path: str = "<exported path>"
    options: tuple[str, ...] = ("vers=4.1",)


@dataclass(frozen=True, slots=True)
class ClassStorage:
    """A StorageClass whose volumes several nodes can write."""

    name: str = "<StorageClass with ReadWriteMany>"


Storage = NasStorage | NfsStorage | ClassStorage


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """An object, and what a person has to know about it."""

    manifest: Mapping[str, Any]
    notes: tuple[str, ...] = field(default=())

    @property
    def title(self) -> str:
        """PersistentVolume pv-nas-ci."""
        return f"{self.manifest['kind']} {self.manifest['metadata']['name']}"


def placeholders(manifest: Any) -> tuple[str, ...]:
    """Placeholders that are left in an object, in order."""
    found: dict[str, None] = {}

    def walk(node: Any) -> None:
        if isinstance(node, Mapping):
            for key, value in node.items():
                walk(key)
                if key != GUARD:
                    walk(value)
        elif isinstance(node, list | tuple):
            for value in node:
                walk(value)
        elif isinstance(node, str):
            found.update(dict.fromkeys(_PLACEHOLDER.findall(node)))

    walk(manifest)
    return tuple(found)


def prerequisites(
    namespace: str,
    storage: Storage,
    *,
    registries: Sequence[str] = (),
    size: str = "100Gi",
    git: Mapping[str, Sequence[GitCredentials]] | None = None,
    private_ca: str = "",
) -> list[Prerequisite]:
    """Everything that must be there before the first run.

    Args:
        namespace: Of the runs.
        storage: What the volume is.
        registries: Hosts of the registries that images are pushed to and pulled from; none = a placeholder.
        size: Of the volume, as a Kubernetes quantity; NAS and NFS take it for a name and enforce nothing.
        git: Name of a Secret → the credentials for private repositories that it holds.
        private_ca: Certificates (PEM) of a private CA; empty = no ConfigMap.
    """
    found = [*_volume(namespace, storage, size), _docker_config(namespace, registries)]
    found += [_git_credentials(namespace, name, kinds) for name, kinds in (git or {}).items()]
    if private_ca:
        found.append(
            Prerequisite(
                _object("ConfigMap", "private-ca", namespace, data={"ca.crt": private_ca}),
                (
                    "The CA of the git host, the module proxy and the registry; steps trust it in addition to public CAs.",
                ),
            )
        )
    account, executor, *rights = run_rights(namespace)
    found += [
        Prerequisite(
            account, ("What runs run as: it may do nothing, and their containers hold no token of it.",)
        ),
        Prerequisite(
            executor, ("What Argo's own containers run as: it may report results, and nothing else.",)
        ),
        *(Prerequisite(each) for each in rights),
    ]
    return [_guarded(each) for each in found]


def _object(kind: str, name: str, namespace: str, **content: Any) -> dict[str, Any]:
    where = {"namespace": namespace} if namespace else {}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, **where}, **content}


def _guarded(each: Prerequisite) -> Prerequisite:
    left = placeholders(each.manifest)
    if not left:
        return each
    metadata = each.manifest["metadata"]
    labels = {**metadata.get("labels", {}), GUARD: GUARD_VALUE}
    todo = f"Replace {', '.join(left)}, then remove the label {GUARD}: with it the API server refuses this object."
    return Prerequisite({**each.manifest, "metadata": {**metadata, "labels": labels}}, (*each.notes, todo))


def _volume(namespace: str, storage: Storage, size: str) -> list[Prerequisite]:
    name = f"pv-nas-{namespace}"
    claim = _object("PersistentVolumeClaim", _CLAIM, namespace)
    claim["spec"] = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": size}}}
    if isinstance(storage, ClassStorage):
        claim["spec"]["storageClassName"] = storage.name
        return [
            Prerequisite(
                claim,
                ("The volume of all runs; its class must be able to mount it on several nodes at once.",),
            )
        ]
    volume = _object("PersistentVolume", name, "")
    volume["spec"] = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        # Written out: a cluster's default class would otherwise be put into the claim, and the two would not find each other.
        "storageClassName": "",
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": namespace,
            "name": _CLAIM,
        },
        "mountOptions": list(storage.options),
    }
    claim["spec"] |= {"storageClassName": "", "volumeName": name}
    if isinstance(storage, NasStorage):
        volume["metadata"]["labels"] = {"alicloud-pvname": name}
        claim["spec"]["selector"] = {"matchLabels": {"alicloud-pvname": name}}
        del claim["spec"]["volumeName"]
        volume["spec"]["csi"] = {
            "driver": "nasplugin.csi.alibabacloud.com",
            "volumeHandle": name,
            "volumeAttributes": {"server": storage.server, "path": storage.path},
        }
        notes = (
            "The volume of all runs. Its mount target is in the NAS console, and has to be in the cluster's VPC.",
            _OWN_DIRECTORY,
        )
    else:
        volume["spec"]["nfs"] = {"server": storage.server, "path": storage.path}
        notes = (
            "The volume of all runs. Its server must let root write (no_root_squash), or own the path to whom it maps root.",
            _OWN_DIRECTORY,
        )
    return [Prerequisite(volume, notes), Prerequisite(claim)]


def _docker_config(namespace: str, registries: Sequence[str]) -> Prerequisite:
    auths = {host: {"auth": f"<base64 of user:password for {host}, on one line>"} for host in registries}
    content = {"auths": auths or {"<registry host>": {"auth": "<base64 of user:password, on one line>"}}}
    data = {"config.json": json.dumps(content, indent=2)}
    return Prerequisite(
        _object("Secret", "docker-config", namespace, type="Opaque", stringData=data),
        (
            "Credentials with which runs push images. The value of auth is the output of this command, without a line break:",
            "  printf %s 'user:password' | base64 | tr -d '\\n'",
        ),
    )


_GIT: Mapping[GitCredentials, tuple[Mapping[str, str], str]] = {
    "password": (
        {"username": "<user of the git host>", "password": "<password or token>"},
        "Credentials that read private repositories over https. A read-only token is enough.",
    ),
    "ssh": (
        {
            "ssh-private-key": "<private key, all of its lines>\n",
            "known_hosts": "<lines of ssh-keyscan HOST, compared with what the host publishes>\n",
        },
        "Key that reads private repositories over ssh. A read-only deploy key is enough.",
    ),
}


def _git_credentials(namespace: str, name: str, kinds: Sequence[GitCredentials]) -> Prerequisite:
    data = {key: value for kind in kinds for key, value in _GIT[kind][0].items()}
    notes = [_GIT[kind][1] for kind in kinds]
    if name != GIT_SECRET:
        notes.append(f"Pipelines that use it say so: run: {{parameters: {{git_secret: {name}}}}}.")
    return Prerequisite(_object("Secret", name, namespace, type="Opaque", stringData=data), tuple(notes))
