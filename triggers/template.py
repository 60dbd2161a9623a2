"""What a workflow template can do: the parameters it declares, and what follows for the events that may use it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from events.canonical import Kind
from triggers.shipped import shipped, shipped_names

__all__ = ["StockTemplates", "Template", "TemplateError", "from_manifest", "stock", "stock_names"]

COMMIT_ANNOTATION = "hookline.dev/commit-parameter"
"""On a template: the name of the parameter that takes the commit to build."""

REF_ANNOTATION = "hookline.dev/ref-parameter"
"""On a template: the name of the parameter that takes the full ref, under which the commit can be fetched."""

SANDBOX_ANNOTATION = "hookline.dev/sandbox-parameter"
"""On a template: the name of the parameter that must be "true" where the code is not trusted."""

CONCURRENT_ANNOTATION = "hookline.dev/concurrent-runs"
"""On a template: "true" where runs of one repository may overlap."""


ANY_REF_ANNOTATION = "hookline.dev/any-ref"
"""On a template: "true" where it takes every branch and tag that git allows."""


class TemplateError(ValueError):
    """A manifest that is not a workflow template; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Template:
    """Capabilities of a WorkflowTemplate or ClusterWorkflowTemplate, as data."""

    name: str
    cluster_scope: bool
    parameters: Mapping[str, str | None]
    """Declared workflow arguments with their defaults; None = no default."""
    commit_parameter: str | None
    """The parameter that takes a commit; None = it builds the head of `target_branch`."""
    ref_parameter: str | None
    """The parameter that takes the event's full ref; None = it finds the commit by itself."""
    sandbox_parameter: str | None
    """The parameter that, with "true", keeps a run from pushing and from shared caches; None = it has no such mode."""
    concurrent_runs: bool
    """Runs of one repository may overlap: no checkout directory is shared, so no mutex is needed."""
    inline_tasks: bool
    """Tasks are written inline in the DAG: a retry strategy from outside ends every run in "failed to get a
    template" (seen on workflow-controller 3.7.4)."""
    moves_latest: bool
    """Every run pushes `<image>:latest`."""
    pastes_parameters: bool
    """Parameters are pasted into a shell script, so that their characters have to be harmless."""
    origin: str
    """Where this is known from, for messages."""
    takes_any_ref: bool = False
    """Names of branches and tags reach its scripts as values, so that any that git allows may come."""

    def bindings(self, kind: Kind) -> dict[str, str]:
        """Template parameter → event field (branch, tag, sha or ref) that fills it, for an event of this kind."""
        fields: dict[str, str] = {}
        if kind in {"push", "tag", "pull_request"}:
            if self.commit_parameter:
                fields[self.commit_parameter] = "sha"
            if self.ref_parameter:
                fields[self.ref_parameter] = "ref"
        if kind in {"push", "pull_request"} and "target_branch" in self.parameters:
            fields["target_branch"] = "branch"
        if kind == "tag" and "container_tag" in self.parameters:
            fields["container_tag"] = "tag"
        return fields


def stock_names() -> tuple[str, ...]:
    """Templates whose capabilities come with hookline."""
    return tuple(sorted({*_fact_files(), *shipped_names()}))


def _fact_files() -> frozenset[str]:
    folder = resources.files("triggers.templates")
    return frozenset(
        item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")
    )


@cache
def stock(name: str) -> Template:
    """A template known without asking a cluster: from what is known of a vendor's, or from the one that hookline brings.

    Raises:
        KeyError: hookline knows nothing of it.
    """
    if name not in _fact_files():
        return from_manifest(shipped(name), "the template that hookline brings")
    facts = yaml.safe_load(
        resources.files("triggers.templates").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    )
    return Template(
        name=facts["name"],
        cluster_scope=facts["kind"] == "ClusterWorkflowTemplate",
        parameters=facts["parameters"],
        commit_parameter=facts["commit_parameter"],
        ref_parameter=facts["ref_parameter"],
        sandbox_parameter=facts["sandbox_parameter"],
        concurrent_runs=facts["concurrent_runs"],
        inline_tasks=facts["inline_tasks"],
        moves_latest=facts["moves_latest"],
        pastes_parameters=facts["pastes_parameters"],
        origin="what hookline knows of the stock template",
    )


class StockTemplates(Mapping[str, Template]):
    """Every template known without asking, each read when somebody asks for it."""

    def __getitem__(self, name: str) -> Template:
        return stock(name)

    def __iter__(self) -> Iterator[str]:
        return iter(stock_names())

    def __len__(self) -> int:
        return len(stock_names())


def from_manifest(manifest: Any, origin: str) -> Template:
    """Capabilities read out of a template's manifest, such as `kubectl get cwft NAME -o yaml` prints.

    Raises:
        TemplateError: It is not a (Cluster)WorkflowTemplate.
    """
    try:
        return _capabilities(manifest, origin)
    except (TypeError, AttributeError) as error:
        raise TemplateError(
            "a value has a type that none has there; hookline template check FILE says which"
        ) from error


def _capabilities(manifest: Any, origin: str) -> Template:
    if not isinstance(manifest, dict) or manifest.get("kind") not in {
        "ClusterWorkflowTemplate",
        "WorkflowTemplate",
    }:
        raise TemplateError("expected the manifest of a ClusterWorkflowTemplate or a WorkflowTemplate")
    metadata, spec = manifest.get("metadata"), manifest.get("spec")
    if (
        not isinstance(metadata, dict)
        or not isinstance(metadata.get("name"), str)
        or not isinstance(spec, dict)
    ):
        raise TemplateError("the template's manifest needs metadata.name and spec")
    arguments = spec.get("arguments") or {}
    declared = arguments.get("parameters") or [] if isinstance(arguments, dict) else []
    parameters: dict[str, str | None] = {}
    for item in declared:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise TemplateError("every item of spec.arguments.parameters needs a name")
        default = item.get("value", item.get("default"))
        parameters[item["name"]] = None if default is None else str(default)
    annotations = metadata.get("annotations") or {}
    if not isinstance(annotations, dict):
        raise TemplateError("metadata.annotations of the template must be a mapping")
    text = _script_text(spec)
    return Template(
        name=metadata["name"],
        cluster_scope=manifest["kind"] == "ClusterWorkflowTemplate",
        parameters=parameters,
        commit_parameter=_named(annotations, COMMIT_ANNOTATION, parameters),
        ref_parameter=_named(annotations, REF_ANNOTATION, parameters),
        sandbox_parameter=_named(annotations, SANDBOX_ANNOTATION, parameters),
        concurrent_runs=_switch(annotations, CONCURRENT_ANNOTATION),
        inline_tasks=_has_inline_tasks(spec),
        moves_latest=bool(re.search(r"container_image\s*\}\}:latest", text)),
        pastes_parameters="{{workflow.parameters." in text.replace(" ", ""),
        origin=origin,
        takes_any_ref=_switch(annotations, ANY_REF_ANNOTATION),
    )


def _named(
    annotations: Mapping[str, Any], annotation: str, parameters: Mapping[str, str | None]
) -> str | None:
    """The parameter that an annotation names."""
    name = annotations.get(annotation)
    if name is not None and (not isinstance(name, str) or name not in parameters):
        raise TemplateError(
            f"the annotation {annotation} names {name}, which is not a parameter of the template"
        )
    return name


def _switch(annotations: Mapping[str, Any], annotation: str) -> bool:
    """An annotation that says yes or no; absent = no."""
    value = annotations.get(annotation, "false")
    if value not in ("true", "false"):  # annotations are text: a bare true would be refused by the API server
        raise TemplateError(f'the annotation {annotation} is {value}; accepted: "true" or "false"')
    return bool(value == "true")


def _has_inline_tasks(spec: Mapping[str, Any]) -> bool:
    templates = spec.get("templates") or []
    steps = [
        step
        for template in templates
        if isinstance(template, dict)
        for step in [
            *((template.get("dag") or {}).get("tasks") or []),
            *(
                step
                for group in template.get("steps") or []
                for step in (group if isinstance(group, list) else [group])
            ),
        ]
    ]
    return any(isinstance(step, dict) and "inline" in step for step in steps)


def _script_text(value: Any) -> str:
    """The texts that a container runs: every string below command, args and source."""
    texts: list[str] = []

    def walk(node: Any, running: bool) -> None:
        if isinstance(node, dict):
            for key, child in node.items():
                walk(child, running or key in {"command", "args", "source"})
        elif isinstance(node, list):
            for child in node:
                walk(child, running)
        elif running and isinstance(node, str):
            texts.append(node)

    walk(value, running=False)
    return "\n".join(texts)
