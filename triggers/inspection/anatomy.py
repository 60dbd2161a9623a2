"""The parts of a template's manifest that questions are asked about, read from any JSON value.

A manifest of a user is anything: what has another type than Kubernetes wants is refused with its place, all of it at once, and what is
not asked about is not looked at. Nothing (null) is the same as absent, as it is for the API server.
"""

from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["KINDS", "Anatomy", "Malformed", "Mount", "Path", "Step", "Task", "Volume", "anatomy", "dotted"]

Path = tuple[str | int, ...]

KINDS = ("ClusterWorkflowTemplate", "WorkflowTemplate")
MOST_PROBLEMS = 20
MOST_CHARACTERS = 16_000_000
_CONTAINERS = ("container", "script")
_MORE_CONTAINERS = ("initContainers", "sidecars")
_TEXTS = ("command", "args", "source")


class Malformed(ValueError):
    """A manifest that is not a workflow template: what is wrong, and where."""

    def __init__(self, problems: tuple[tuple[Path, str], ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{dotted(path)}: {message}" for path, message in problems))


def dotted(path: Path) -> str:
    """spec.templates[0].container."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a step sees a volume."""

    volume: str
    path: str
    read_only: bool
    sub_path: str


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume: PersistentVolumeClaim, Secret, ConfigMap, emptyDir or another word, and the object's name."""

    kind: str
    object: str

    def __str__(self) -> str:
        return f"{self.kind} {self.object}".strip()


@dataclass(frozen=True, slots=True)
class Step:
    """A template, or a task's inline template, that runs something."""

    name: str
    inline: bool
    images: tuple[str, ...]
    text: str
    """Everything that is run: commands, arguments, scripts, and the manifest of a resource."""
    env: Mapping[str, str]
    reads_secrets: bool
    """Variables come from Secrets."""
    mounts: tuple[Mount, ...]
    volumes: Mapping[str, Volume]
    """Its own and the template's."""
    outputs: tuple[str, ...]
    retries: bool
    has_deadline: bool

    def mounts_of(self, kind: str) -> tuple[Mount, ...]:
        """Mounts of volumes of this kind."""
        return tuple(
            mount
            for mount in self.mounts
            if mount.volume in self.volumes and self.volumes[mount.volume].kind == kind
        )


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a DAG, or a step of steps."""

    name: str
    after: str
    when: str
    inline: bool


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A template's manifest, read."""

    kind: str
    name: str
    namespace: str
    annotations: Mapping[str, str]
    parameters: Mapping[str, str | None]
    """Arguments with their defaults; None = no default."""
    volumes: Mapping[str, Volume]
    tasks: tuple[Task, ...]
    steps: tuple[Step, ...]
    has_deadline: bool
    """The whole run has one."""

    def step(self, name: str) -> Step | None:
        """The step of this name."""
        return next((step for step in self.steps if step.name == name), None)


def anatomy(manifest: Any) -> Anatomy:
    """Read a manifest.

    Raises:
        Malformed: It is not the manifest of a workflow template.
    """
    _measure(manifest)
    reader = _Reader()
    try:
        found = reader.template(manifest)
    except RecursionError:
        raise Malformed((((), "nested too deeply"),)) from None
    if reader.problems:
        raise Malformed(tuple(reader.problems[:MOST_PROBLEMS]))
    return found


def _measure(manifest: Any) -> None:
    """Refuse texts that are small in a file, by aliases, and endless when they are put together."""
    characters, left = 0, [manifest]
    while left:
        node = left.pop()
        if isinstance(node, str):
            characters += len(node)
            if characters > MOST_CHARACTERS:
                raise Malformed(
                    (
                        (
                            (),
                            f"its texts have more than {MOST_CHARACTERS:,} characters, with every alias written out",
                        ),
                    )
                )
        elif isinstance(node, dict):
            left += node.values()
        elif isinstance(node, list):
            left += node


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "a mapping")


class _Reader:
    """Walks a manifest; collects what has the wrong type."""

    def __init__(self) -> None:
        self.problems: list[tuple[Path, str]] = []

    def wrong(self, path: Path, message: str) -> None:
        self.problems.append((path, message))

    def mapping(self, parent: Mapping[str, Any], key: str, path: Path) -> tuple[Mapping[str, Any], Path]:
        value, here = parent.get(key), (*path, key)
        if value is None:
            return {}, here
        if not isinstance(value, dict):
            self.wrong(here, f"expected a mapping, not {_kind(value)}")
            return {}, here
        return value, here

    def items(self, parent: Mapping[str, Any], key: str, path: Path) -> Iterator[tuple[Any, Path]]:
        value, here = parent.get(key), (*path, key)
        if value is None:
            return
        if not isinstance(value, list):
            self.wrong(here, f"expected a list, not {_kind(value)}")
            return
        for index, item in enumerate(value):
            yield item, (*here, index)

    def mappings(
        self, parent: Mapping[str, Any], key: str, path: Path
    ) -> Iterator[tuple[Mapping[str, Any], Path]]:
        for item, here in self.items(parent, key, path):
            if isinstance(item, dict):
                yield item, here
            else:
                self.wrong(here, f"expected a mapping, not {'nothing' if item is None else _kind(item)}")

    def text(self, parent: Mapping[str, Any], key: str, path: Path, *, needed: bool = False) -> str:
        value = parent.get(key)
        if value is None or value == "":
            if needed:
                self.wrong((*path, key), "expected text; it is missing")
            return ""
        if not isinstance(value, str):
            self.wrong((*path, key), f"expected text, not {_kind(value)}")
            return ""
        return value

    def scalar(self, parent: Mapping[str, Any], key: str, path: Path) -> str | None:
        value = parent.get(key)
        if value is None:
            return None
        if isinstance(value, dict | list):
            self.wrong((*path, key), f"expected text, not {_kind(value)}")
            return None
        return str(value).lower() if isinstance(value, bool) else str(value)

    def template(self, manifest: Any) -> Anatomy:
        if not isinstance(manifest, dict) or manifest.get("kind") not in KINDS:
            self.wrong(("kind",), f"expected the manifest of a {KINDS[0]} or a {KINDS[1]}")
            return Anatomy("", "", "", {}, {}, {}, (), (), has_deadline=False)
        metadata, at = self.mapping(manifest, "metadata", ())
        annotations, notes_at = self.mapping(metadata, "annotations", at)
        if not isinstance(manifest.get("spec"), dict):
            self.wrong(("spec",), "expected a mapping; a template has a spec")
        spec, spec_at = (
            self.mapping(manifest, "spec", ()) if isinstance(manifest.get("spec"), dict) else ({}, ("spec",))
        )
        arguments, arguments_at = self.mapping(spec, "arguments", spec_at)
        parameters = {}
        for item, here in self.mappings(arguments, "parameters", arguments_at):
            value = self.scalar(item, "value", here)
            default = self.scalar(item, "default", here)
            parameters[self.text(item, "name", here, needed=True)] = default if value is None else value
        volumes = self.volumes(spec, spec_at)
        defaults, defaults_at = self.mapping(spec, "templateDefaults", spec_at)
        retries, limited = self.limits(defaults, defaults_at)
        tasks: list[Task] = []
        steps: list[Step] = []
        for item, here in self.mappings(spec, "templates", spec_at):
            self.parts(item, here, _Around(volumes, retries, limited), tasks, steps)
        return Anatomy(
            kind=str(manifest["kind"]),
            name=self.text(metadata, "name", at, needed=True),
            namespace=self.text(metadata, "namespace", at),
            annotations={str(key): self.text(annotations, key, notes_at) for key in annotations},
            parameters=parameters,
            volumes=volumes,
            tasks=tuple(tasks),
            steps=tuple(steps),
            has_deadline=self.scalar(spec, "activeDeadlineSeconds", spec_at) is not None,
        )

    def limits(self, node: Mapping[str, Any], path: Path) -> tuple[bool, bool]:
        retry, _ = self.mapping(node, "retryStrategy", path)
        return bool(retry), self.scalar(node, "activeDeadlineSeconds", path) is not None

    def volumes(self, node: Mapping[str, Any], path: Path) -> dict[str, Volume]:
        found = {}
        for item, here in self.mappings(node, "volumes", path):
            kind, name = "another volume", ""
            for key, kind_of_key, name_key in (
                ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
                ("secret", "Secret", "secretName"),
                ("configMap", "ConfigMap", "name"),
                ("emptyDir", "emptyDir", ""),
            ):
                if item.get(key) is not None:
                    source, source_at = self.mapping(item, key, here)
                    kind, name = kind_of_key, self.text(source, name_key, source_at) if name_key else ""
            found[self.text(item, "name", here, needed=True)] = Volume(kind, name)
        return found

    def parts(
        self,
        node: Mapping[str, Any],
        path: Path,
        around: "_Around",
        tasks: list[Task],
        steps: list[Step],
        task: str = "",
    ) -> None:
        """Tasks and steps of a template, and of what is written inline in it."""
        name = task or self.text(node, "name", path)
        step = self.step(node, path, around, name, inline=bool(task))
        if step is not None:
            steps.append(step)
        dag, dag_at = self.mapping(node, "dag", path)
        inner = list(self.mappings(dag, "tasks", dag_at))
        for group, here in self.items(node, "steps", path):
            # A manifest writes the inner lists of parallel steps; a single one is accepted for a list of one.
            holder = {"steps": group if isinstance(group, list) else [group]}
            inner += [(item, here) for item, _ in self.mappings(holder, "steps", here)]
        for item, here in inner:
            own = self.text(item, "name", here, needed=True)
            inline, inline_at = self.mapping(item, "inline", here)
            others = [str(each) for each, _ in self.items(item, "dependencies", here)]
            after = self.text(item, "depends", here) or " && ".join(others)
            tasks.append(Task(own, after, self.text(item, "when", here), bool(inline)))
            if inline:
                self.parts(inline, inline_at, around, tasks, steps, own)

    def step(
        self, node: Mapping[str, Any], path: Path, around: "_Around", name: str, *, inline: bool
    ) -> Step | None:
        containers = [self.mapping(node, key, path) for key in _CONTAINERS if node.get(key) is not None]
        group, group_at = self.mapping(node, "containerSet", path)
        containers += self.mappings(group, "containers", group_at)
        resource, resource_at = self.mapping(node, "resource", path)
        if not containers and not resource:
            return None
        for key in _MORE_CONTAINERS:
            containers += self.mappings(node, key, path)
        texts = [self.text(resource, "manifest", resource_at)]
        env: dict[str, str] = {}
        mounts: list[Mount] = []
        secrets = False
        for container, here in containers:
            for key in _TEXTS:
                texts += self.texts(container, key, here)
            for item, at in self.mappings(container, "env", here):
                env[self.text(item, "name", at, needed=True)] = self.scalar(item, "value", at) or ""
                origin, _ = self.mapping(item, "valueFrom", at)
                secrets = secrets or "secretKeyRef" in origin
            secrets = secrets or any(
                "secretRef" in item for item, _ in self.mappings(container, "envFrom", here)
            )
            mounts += [self.mount(item, at) for item, at in self.mappings(container, "volumeMounts", here)]
        outputs, outputs_at = self.mapping(node, "outputs", path)
        retries, limited = self.limits(node, path)
        return Step(
            name=name,
            inline=inline,
            images=tuple(self.text(container, "image", here) for container, here in containers),
            text="\n".join(texts),
            env=env,
            reads_secrets=secrets,
            mounts=tuple(mounts),
            volumes=ChainMap(self.volumes(node, path), around.volumes),
            outputs=tuple(
                self.text(item, "name", at) for item, at in self.mappings(outputs, "parameters", outputs_at)
            ),
            retries=retries or around.retries,
            has_deadline=limited or around.has_deadline,
        )

    def texts(self, node: Mapping[str, Any], key: str, path: Path) -> list[str]:
        if key == "source":
            return [self.text(node, key, path)]
        found = []
        for item, here in self.items(node, key, path):
            if isinstance(item, str):
                found.append(item)
            else:
                self.wrong(here, f"expected text, not {'nothing' if item is None else _kind(item)}")
        return found

    def mount(self, item: Mapping[str, Any], path: Path) -> Mount:
        return Mount(
            self.text(item, "name", path, needed=True),
            self.text(item, "mountPath", path, needed=True),
            item.get("readOnly") is True,
            self.text(item, "subPath", path) or self.text(item, "subPathExpr", path),
        )


@dataclass(frozen=True, slots=True)
class _Around:
    """What holds for every step of a template."""

    volumes: dict[str, Volume]
    retries: bool
    has_deadline: bool
