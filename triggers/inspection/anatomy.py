"""The parts of a template's manifest that questions are asked about, read from any JSON value.

A user may hand in any JSON. Fields that are asked about are checked, and everything that has another type than Kubernetes wants is refused
at once with its place; other fields are ignored. Null is the same as absent, as it is for the API server.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from triggers.inspection.containers import Containers, Found
from triggers.inspection.fields import strings
from triggers.inspection.parts import Anatomy, Call, Malformed, Path, Task, Unit, dotted

__all__ = ["KINDS", "anatomy"]

KINDS = ("ClusterWorkflowTemplate", "WorkflowTemplate")
MOST_PROBLEMS = 20
MOST_CHARACTERS = 16_000_000


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


def _written(value: Any) -> str:
    """A value of an enum as Argo compares it: as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Reader(Containers):
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
        found = Found(self.volumes(spec, spec_at), *self.limits(defaults, defaults_at))
        for item, here in self.mappings(spec, "templates", spec_at):
            self.unit(item, here, found, self.text(item, "name", here))
        self.around(spec, spec_at, parameters, found)
        lock, _ = self.mapping(spec, "synchronization", spec_at)
        executor, executor_at = self.mapping(spec, "executor", spec_at)
        keeps_tokens = spec.get("automountServiceAccountToken") is False
        return Anatomy(
            kind=kind,
            name=self.text(metadata, "name", at, needed=True),
            namespace=self.text(metadata, "namespace", at),
            annotations={str(key): self.text(annotations, key, notes_at) for key in annotations},
            parameters=parameters,
            choices=self.choices(spec, spec_at),
            volumes=found.volumes,
            tasks=tuple(found.tasks),
            steps=tuple(found.steps),
            units=tuple(found.units),
            container_sets=frozenset(found.sets),
            has_deadline=self.scalar(spec, "activeDeadlineSeconds", spec_at) is not None,
            service_account=self.text(spec, "serviceAccountName", spec_at),
            executor=self.text(executor, "serviceAccountName", executor_at) if keeps_tokens else "",
            synchronized=bool(lock),
            own_semaphores=bool(lock.get("semaphore") or lock.get("semaphores")),
            settings=frozenset(str(key) for key, value in spec.items() if value is not None),
        )

    def parameters(self, node: Mapping[str, Any], path: Path) -> dict[str, str | None]:
        """Parameters of `arguments`, with the value that each has there."""
        arguments, at = self.mapping(node, "arguments", path)
        found = {}
        for item, here in self.mappings(arguments, "parameters", at):
            value, default = self.scalar(item, "value", here), self.scalar(item, "default", here)
            found[self.text(item, "name", here, needed=True)] = default if value is None else value
        return found

    def choices(self, node: Mapping[str, Any], path: Path) -> dict[str, tuple[str, ...]]:
        """Parameters of `arguments` that take some values only: Argo ends a run with another value in an error."""
        arguments, at = self.mapping(node, "arguments", path)
        found = {}
        for item, here in self.mappings(arguments, "parameters", at):
            if values := tuple(_written(value) for value, _ in self.items(item, "enum", here)):
                found[self.text(item, "name", here)] = values
        return found

    def around(
        self, spec: Mapping[str, Any], path: Path, parameters: Mapping[str, Any], found: Found
    ) -> None:
        """The settings of the spec for every run: entrypoint, hooks, patch of pods, defaults of templates."""
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
                Found({}, retries=False, has_deadline=False, units=found.units),
                "templateDefaults",
            )

    def unit(
        self, node: Mapping[str, Any], path: Path, found: Found, name: str, key: str = "", within: str = ""
    ) -> None:
        """A template, and what is written inline in it."""
        key = key or name or dotted(path)
        steps, pasted = self.steps(node, path, found, name, inline=bool(within))
        found.steps += steps
        if not within and node.get("containerSet") is not None:
            found.sets.add(name)
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
        """Templates that a task starts: its own, and those of its hooks."""
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
