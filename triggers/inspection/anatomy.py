"""The parts of a template's manifest that questions are asked about, read from any JSON value.

A user may hand in any JSON. Fields that are asked about are checked, and everything that has another type than Kubernetes wants is refused
at once with its place; other fields are ignored. Null is the same as absent, as it is for the API server.
"""

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from triggers.inspection.fields import Fields, strings
from triggers.inspection.parts import Anatomy, Call, Malformed, Mount, Path, Step, Task, Unit, Volume, dotted

__all__ = ["KINDS", "anatomy"]

KINDS = ("ClusterWorkflowTemplate", "WorkflowTemplate")
MOST_PROBLEMS = 20
MOST_CHARACTERS = 16_000_000
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
"""What Kubernetes replaces by a variable of the container."""


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
    characters = 0
    for text in strings(manifest):
        characters += len(text)
        if characters > MOST_CHARACTERS:
            message = f"its texts have more than {MOST_CHARACTERS:,} characters, with every alias written out"
            raise Malformed((((), message),))


@dataclass(slots=True)
class _Found:
    """What the templates of a manifest have in common, and what was found in them so far."""

    volumes: dict[str, Volume]
    retries: bool
    has_deadline: bool
    tasks: list[Task] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)


@dataclass(slots=True)
class _Running:
    """What the containers of a step run, and what they see."""

    images: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    expanded: list[str] = field(default_factory=list)
    """Values of variables that Kubernetes puts into commands."""
    env: dict[str, str] = field(default_factory=dict)
    mounts: list[Mount] = field(default_factory=list)
    secrets: bool = False


class _Reader(Fields):
    """Walks a manifest; collects what has the wrong type."""

    def template(self, manifest: Any) -> Anatomy:
        kind = manifest.get("kind") if isinstance(manifest, dict) else None
        if not isinstance(kind, str) or kind not in KINDS:
            self.wrong(("kind",), f"expected the manifest of a {KINDS[0]} or a {KINDS[1]}")
            raise Malformed(tuple(self.problems))
        metadata, at = self.mapping(manifest, "metadata", ())
        annotations, notes_at = self.mapping(metadata, "annotations", at)
        spec: Mapping[str, Any] = {}
        spec_at: Path = ("spec",)
        if isinstance(manifest.get("spec"), dict):
            spec = manifest["spec"]
        else:
            self.wrong(spec_at, "expected a mapping; a template has a spec")
        parameters = self.parameters(spec, spec_at)
        defaults, defaults_at = self.mapping(spec, "templateDefaults", spec_at)
        found = _Found(self.volumes(spec, spec_at), *self.limits(defaults, defaults_at))
        for item, here in self.mappings(spec, "templates", spec_at):
            self.unit(item, here, found, self.text(item, "name", here))
        self.around(spec, spec_at, parameters, found)
        lock, _ = self.mapping(spec, "synchronization", spec_at)
        return Anatomy(
            kind=kind,
            name=self.text(metadata, "name", at, needed=True),
            namespace=self.text(metadata, "namespace", at),
            annotations={str(key): self.text(annotations, key, notes_at) for key in annotations},
            parameters=parameters,
            volumes=found.volumes,
            tasks=tuple(found.tasks),
            steps=tuple(found.steps),
            units=tuple(found.units),
            has_deadline=self.scalar(spec, "activeDeadlineSeconds", spec_at) is not None,
            service_account=self.text(spec, "serviceAccountName", spec_at),
            synchronized=bool(lock),
            settings=frozenset(str(key) for key, value in spec.items() if value is not None),
        )

    def parameters(self, node: Mapping[str, Any], path: Path) -> dict[str, str | None]:
        """Parameters of `arguments`, with what stands there for each."""
        arguments, at = self.mapping(node, "arguments", path)
        found = {}
        for item, here in self.mappings(arguments, "parameters", at):
            value, default = self.scalar(item, "value", here), self.scalar(item, "default", here)
            found[self.text(item, "name", here, needed=True)] = default if value is None else value
        return found

    def around(
        self, spec: Mapping[str, Any], path: Path, parameters: Mapping[str, Any], found: _Found
    ) -> None:
        """What the spec itself says to every run: where it starts, its hooks, its patch of pods, defaults of templates."""
        # Argo hands the arguments of a Workflow to the inputs of the templates that it starts by itself.
        given = {name: f"{{{{workflow.parameters.{name}}}}}" for name in parameters}
        calls = [
            Call(key, target, given, "")
            for key in ("entrypoint", "onExit")
            if (target := self.text(spec, key, path))
        ]
        calls += self.hooks(spec, path)
        patch = self.text(spec, "podSpecPatch", path)
        found.units.append(Unit(" spec", "spec", "", patch, "", "", {}, tuple(calls)))
        defaults, at = self.mapping(spec, "templateDefaults", path)
        if defaults:
            self.unit(
                defaults,
                at,
                _Found({}, retries=False, has_deadline=False, units=found.units),
                "templateDefaults",
            )

    def limits(self, node: Mapping[str, Any], path: Path) -> tuple[bool, bool]:
        """Whether a template is tried again, and whether it ends by itself."""
        retry, _ = self.mapping(node, "retryStrategy", path)
        deadline = self.scalar(node, "activeDeadlineSeconds", path) is not None
        return bool(retry), deadline or bool(self.text(node, "timeout", path))

    def volumes(self, node: Mapping[str, Any], path: Path) -> dict[str, Volume]:
        found = {}
        for item, here in self.mappings(node, "volumes", path):
            kind, name = "another volume", ""
            for key, kind_of_key, name_key in _VOLUMES:
                if item.get(key) is not None:
                    source, source_at = self.mapping(item, key, here)
                    kind, name = kind_of_key, self.text(source, name_key, source_at) if name_key else ""
            found[self.text(item, "name", here, needed=True)] = Volume(kind, name)
        return found

    def unit(
        self, node: Mapping[str, Any], path: Path, found: _Found, name: str, key: str = "", within: str = ""
    ) -> None:
        """A template, and what is written inline in it."""
        key = key or name or dotted(path)
        step, pasted = self.step(node, path, found, name, inline=bool(within))
        if step is not None:
            found.steps.append(step)
        conditions: list[str] = []
        calls: list[Call] = []
        for number, (item, here) in enumerate(self.inner(node, path)):
            own = self.text(item, "name", here, needed=True)
            inside, inside_at = self.mapping(item, "inline", here)
            others = [str(each) for each, _ in self.items(item, "dependencies", here)]
            when = self.text(item, "when", here)
            conditions.append(when)
            after = self.text(item, "depends", here) or " && ".join(others)
            found.tasks.append(Task(own, after, when, bool(inside)))
            target = f"{key}/{number}" if inside else self.text(item, "template", here)
            calls += self.calls(item, here, own, target)
            if inside:
                self.unit(inside, inside_at, found, own, target, key)
        said = strings({each: value for each, value in node.items() if each not in {"dag", "steps"}})
        inputs, inputs_at = self.mapping(node, "inputs", path)
        found.units.append(
            Unit(
                key=key,
                name=name,
                inside=within,
                pasted="\n".join(pasted),
                conditions="\n".join(conditions),
                said="\n".join(said),
                inputs=self.inputs(inputs, inputs_at),
                calls=tuple(calls),
            )
        )

    def inner(self, node: Mapping[str, Any], path: Path) -> list[tuple[Mapping[str, Any], Path]]:
        """Tasks of a DAG, and steps."""
        dag, dag_at = self.mapping(node, "dag", path)
        found = list(self.mappings(dag, "tasks", dag_at))
        for group, here in self.items(node, "steps", path):
            # A manifest writes the inner lists of parallel steps; a single one is accepted for a list of one.
            holder = {"steps": group if isinstance(group, list) else [group]}
            found += [(item, here) for item, _ in self.mappings(holder, "steps", here)]
        return found

    def inputs(self, node: Mapping[str, Any], path: Path) -> dict[str, str]:
        return {
            self.text(item, "name", here, needed=True): "\n".join(
                strings([item.get(key) for key in ("value", "default", "valueFrom")])
            )
            for item, here in self.mappings(node, "parameters", path)
        }

    def calls(self, item: Mapping[str, Any], path: Path, task: str, target: str) -> Iterator[Call]:
        """What a task starts: its template, and those of its hooks."""
        repeated = strings({key: item.get(key) for key in ("withItems", "withParam", "withSequence")})
        yield Call(task, target, self.given(item, path), "\n".join(repeated), self.elsewhere(item, path))
        if exits := self.text(item, "onExit", path):
            yield Call(task, exits, {}, "")
        yield from self.hooks(item, path)

    def hooks(self, node: Mapping[str, Any], path: Path) -> Iterator[Call]:
        hooks, at = self.mapping(node, "hooks", path)
        for name in hooks:
            hook, here = self.mapping(hooks, name, at)
            target = self.text(hook, "template", here)
            yield Call(str(name), target, self.given(hook, here), "", self.elsewhere(hook, here))

    def elsewhere(self, node: Mapping[str, Any], path: Path) -> str:
        reference, at = self.mapping(node, "templateRef", path)
        return self.text(reference, "name", at, needed=bool(reference))

    def given(self, node: Mapping[str, Any], path: Path) -> dict[str, str]:
        arguments, at = self.mapping(node, "arguments", path)
        found = {}
        for item, here in self.mappings(arguments, "parameters", at):
            origin, _ = self.mapping(item, "valueFrom", here)
            # An expression of valueFrom stands there without braces.
            expressions = "".join(f"{{{{={text}}}}}" for text in strings(origin.get("expression")))
            texts = strings({key: value for key, value in item.items() if key != "name"})
            found[self.text(item, "name", here, needed=True)] = "\n".join((*texts, expressions))
        return found

    def step(
        self, node: Mapping[str, Any], path: Path, found: _Found, name: str, *, inline: bool
    ) -> tuple[Step | None, list[str]]:
        """A template that runs something, and the texts in which values become program text."""
        containers = [
            self.mapping(node, key, path) for key in ("container", "script") if node.get(key) is not None
        ]
        group, group_at = self.mapping(node, "containerSet", path)
        containers += self.mappings(group, "containers", group_at)
        resource, resource_at = self.mapping(node, "resource", path)
        runs = bool(containers or resource)
        for key in _MORE_CONTAINERS:
            containers += self.mappings(node, key, path)
        running = _Running([], [self.text(resource, "manifest", resource_at)])
        for container, here in containers:
            self.container(container, here, running)
        inputs, inputs_at = self.mapping(node, "inputs", path)
        artifacts = [item for item, _ in self.mappings(inputs, "artifacts", inputs_at)]
        pasted = [*running.texts, *running.expanded]
        pasted += [text for key in _ALL_TEXT for text in strings(node.get(key))]
        pasted += [text for item in artifacts for text in strings(item.get("raw"))]
        if not runs:
            return None, pasted
        outputs, outputs_at = self.mapping(node, "outputs", path)
        retries, limited = self.limits(node, path)
        repositories = [item["git"] for item in artifacts if isinstance(item.get("git"), dict)]
        return Step(
            name=name,
            inline=inline,
            images=tuple(running.images),
            text="\n".join(running.texts),
            env=running.env,
            reads_secrets=running.secrets,
            mounts=tuple(running.mounts),
            volumes=ChainMap(self.volumes(node, path), found.volumes),
            outputs=tuple(
                self.text(item, "name", at) for item, at in self.mappings(outputs, "parameters", outputs_at)
            ),
            bare_git_artifacts=any(
                not {"usernameSecret", "passwordSecret", "sshPrivateKeySecret"} & each.keys()
                for each in repositories
            ),
            retries=retries or found.retries,
            has_deadline=limited or found.has_deadline,
        ), pasted

    def container(self, node: Mapping[str, Any], path: Path, running: _Running) -> None:
        image = self.text(node, "image", path)
        running.images.append(image)
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
        return Mount(
            self.text(item, "name", path, needed=True),
            self.text(item, "mountPath", path, needed=True),
            item.get("readOnly") is True,
            self.text(item, "subPath", path) or self.text(item, "subPathExpr", path),
        )


def _expanded(texts: list[str], env: Mapping[str, str]) -> list[str]:
    """Values of the variables that Kubernetes puts into these texts, $(NAME), also those that stand in such a value."""
    found: dict[str, str] = {}
    left = list(texts)
    while left:
        for name in _EXPANSION.findall(left.pop()):
            if name in env and name not in found:
                found[name] = env[name]
                left.append(env[name])
    return list(found.values())
