"""Templates that run something: their containers, with commands, variables and mounts, and the volumes that they see."""

import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from triggers.inspection.fields import Fields, strings
from triggers.inspection.parts import Mount, Path, Step, Task, Unit, Volume

__all__ = ["Containers", "Found"]

_MORE_CONTAINERS = ("initContainers", "sidecars")
_PROBES = ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")
_ALL_TEXT = ("resource", "http", "plugin", "data", "podSpecPatch")
"""Keys of a template whose every text is a program, a request or a manifest."""
_VOLUMES = (
    ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
    ("secret", "Secret", "secretName"),
    ("configMap", "ConfigMap", "name"),
    ("emptyDir", "emptyDir", ""),
    ("nfs", "NFS export", "path"),
    ("csi", "CSI volume", "driver"),
    ("hostPath", "folder of the node", "path"),
)
_GIT_IMAGE = re.compile(r"(?:\S*/)?(?:alpine-)?git(?:[:@]\S*)?")
"""Images whose entrypoint is git, such as docker.io/alpine/git."""
_EXPANSION = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
"""Pattern of the texts that Kubernetes replaces by a variable of the container."""


@dataclass(slots=True)
class Found:
    """Data that the templates of a manifest share, and the containers found so far."""

    volumes: dict[str, Volume]
    retries: bool
    has_deadline: bool
    tasks: list[Task] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    sets: set[str] = field(default_factory=set)
    """Names of templates that run several containers in one pod."""


@dataclass(slots=True)
class _Running:
    """The commands that the containers of a step run, and the data that they see."""

    images: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    expanded: list[str] = field(default_factory=list)
    """Values of variables that Kubernetes puts into commands."""
    env: dict[str, str] = field(default_factory=dict)
    mounts: list[Mount] = field(default_factory=list)
    secrets: bool = False
    keeps_capabilities: bool = False
    has_memory_limit: bool = True


class Containers(Fields):
    """Reads what runs in a template."""

    def limits(self, node: Mapping[str, Any], path: Path) -> tuple[bool, bool]:
        """Whether a template is tried again, and whether it ends by itself."""
        retry, _ = self.mapping(node, "retryStrategy", path)
        deadline = self.scalar(node, "activeDeadlineSeconds", path) is not None
        return bool(retry), deadline or bool(self.text(node, "timeout", path))

    def volumes(self, node: Mapping[str, Any], path: Path) -> dict[str, Volume]:
        """Volumes by name."""
        found = {}
        for item, here in self.mappings(node, "volumes", path):
            kind, name = "another volume", ""
            for key, kind_of_key, name_key in _VOLUMES:
                if item.get(key) is not None:
                    source, source_at = self.mapping(item, key, here)
                    kind, name = kind_of_key, self.text(source, name_key, source_at) if name_key else ""
            found[self.text(item, "name", here, needed=True)] = Volume(kind, name)
        return found

    def steps(
        self, node: Mapping[str, Any], path: Path, found: Found, name: str, *, inline: bool
    ) -> tuple[list[Step], list[str]]:
        """Steps of a template, and the texts in which values become program text.

        Each container of a set is a step of its own: they see different data.
        """
        containers = [
            self.mapping(node, key, path) for key in ("container", "script") if node.get(key) is not None
        ]
        group, group_at = self.mapping(node, "containerSet", path)
        of_set = list(self.mappings(group, "containers", group_at))
        shared = [self.mount(item, at) for item, at in self.mappings(group, "volumeMounts", group_at)]
        resource, resource_at = self.mapping(node, "resource", path)
        beside = [each for key in _MORE_CONTAINERS for each in self.mappings(node, key, path)]
        manifest = self.text(resource, "manifest", resource_at)
        running: list[tuple[str, list[tuple[Mapping[str, Any], Path]], _Running]] = []
        if containers or not of_set:
            running.append((name, [*containers, *beside], _Running([], [manifest])))
        for number, (container, at) in enumerate(of_set):
            own = self.text(container, "name", at) or name
            members = [(container, at), *(beside if number == 0 else ())]
            running.append((own, members, _Running(mounts=list(shared))))
        for _, members, each in running:
            for container, at in members:
                self.container(container, at, each)
        inputs, inputs_at = self.mapping(node, "inputs", path)
        artifacts = [item for item, _ in self.mappings(inputs, "artifacts", inputs_at)]
        pasted = [text for *_, each in running for text in (*each.texts, *each.expanded)]
        pasted += [text for key in _ALL_TEXT for text in strings(node.get(key))]
        pasted += [text for item in artifacts for text in strings(item.get("raw"))]
        if not (containers or of_set or resource):
            return [], pasted
        outputs, outputs_at = self.mapping(node, "outputs", path)
        retries, limited = self.limits(node, path)
        retry, retry_at = self.mapping(node, "retryStrategy", path)
        repositories = [item["git"] for item in artifacts if isinstance(item.get("git"), dict)]
        return [
            Step(
                name=own,
                inline=inline,
                in_set=bool(of_set),
                images=tuple(each.images),
                text="\n".join(each.texts),
                env=each.env,
                reads_secrets=each.secrets,
                mounts=tuple(each.mounts),
                volumes=ChainMap(self.volumes(node, path), found.volumes),
                outputs=tuple(
                    self.text(item, "name", at)
                    for item, at in self.mappings(outputs, "parameters", outputs_at)
                ),
                bare_git_artifacts=any(
                    not {"usernameSecret", "passwordSecret", "sshPrivateKeySecret"} & repository.keys()
                    for repository in repositories
                ),
                retries=retries or found.retries,
                own_limit=self.scalar(retry, "limit", retry_at) is not None,
                has_deadline=limited or found.has_deadline,
                asks_for_token=node.get("automountServiceAccountToken") is True,
                keeps_capabilities=each.keeps_capabilities,
                has_memory_limit=each.has_memory_limit,
                requests=self.amounts(members[0], "requests") if members else {},
                limits=self.amounts(members[0], "limits") if members else {},
                patch=self.text(node, "podSpecPatch", path),
                pod_annotations=self.pod_annotations(node, path),
            )
            for own, members, each in running
        ], pasted

    def amounts(self, container: tuple[Mapping[str, Any], Path], key: str) -> dict[str, str]:
        """Resource → amount, of a container's requests or limits."""
        node, path = container
        resources, at = self.mapping(node, "resources", path)
        found, found_at = self.mapping(resources, key, at)
        return {str(name): self.scalar(found, name, found_at) or "" for name in found}

    def pod_annotations(self, node: Mapping[str, Any], path: Path) -> str:
        """Keys and values of the annotations that a template gives its pods."""
        metadata, at = self.mapping(node, "metadata", path)
        found, found_at = self.mapping(metadata, "annotations", at)
        return "\n".join(f"{key}: {self.text(found, key, found_at)}" for key in found)

    def container(self, node: Mapping[str, Any], path: Path, running: _Running) -> None:
        """The command that one container runs, and the data that it sees."""
        image = self.text(node, "image", path)
        running.images.append(image)
        resources, resources_at = self.mapping(node, "resources", path)
        limits, limits_at = self.mapping(resources, "limits", resources_at)
        running.has_memory_limit &= self.scalar(limits, "memory", limits_at) is not None
        context, context_at = self.mapping(node, "securityContext", path)
        capabilities, capabilities_at = self.mapping(context, "capabilities", context_at)
        running.keeps_capabilities |= "ALL" not in self.texts(capabilities, "drop", capabilities_at)
        command, arguments = self.texts(node, "command", path), self.texts(node, "args", path)
        if not command and _GIT_IMAGE.fullmatch(image):
            command = ["git"]
        words = [*command, *arguments]
        # A command that stands word by word is one line, as in a script.
        spoken = words if any("\n" in word for word in words) else [" ".join(words)]
        texts = [*spoken, self.text(node, "source", path)]
        texts += [text for key in _PROBES for text in strings(node.get(key))]
        own: dict[str, str] = {}
        for item, at in self.mappings(node, "env", path):
            own[self.text(item, "name", at, needed=True)] = self.text(item, "value", at)
            origin, _ = self.mapping(item, "valueFrom", at)
            running.secrets = running.secrets or "secretKeyRef" in origin
        running.secrets = running.secrets or any(
            "secretRef" in item for item, _ in self.mappings(node, "envFrom", path)
        )
        running.texts += texts
        running.expanded += _expanded(texts, own)
        running.env |= own
        running.mounts += [self.mount(item, at) for item, at in self.mappings(node, "volumeMounts", path)]

    def mount(self, item: Mapping[str, Any], path: Path) -> Mount:
        """One place where a container sees a volume."""
        return Mount(
            self.text(item, "name", path, needed=True),
            self.text(item, "mountPath", path, needed=True),
            item.get("readOnly") is True,
            self.text(item, "subPath", path) or self.text(item, "subPathExpr", path),
        )


def _expanded(texts: list[str], env: Mapping[str, str]) -> list[str]:
    """Values of the variables $(NAME) that Kubernetes puts into these texts, also of those inside such a value."""
    found: dict[str, str] = {}
    left = list(texts)
    while left:
        for name in _EXPANSION.findall(left.pop()):
            if name in env and name not in found:
                found[name] = env[name]
                left.append(env[name])
    return list(found.values())
