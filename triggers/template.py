"""Capabilities of a workflow template: its parameters, their roles, and what follows for events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from events.canonical import Kind
from triggers.words import Role

__all__ = ["StepSize", "Template"]


@dataclass(frozen=True, slots=True)
class StepSize:
    """Ways in which a run chooses the size of one step."""

    resources: str
    """The parameter that takes a container's `resources` as JSON; empty = there is none."""
    instance_types: str
    """The parameter that takes instance types of ECI; empty = there is none."""
    requests: Mapping[str, str]
    """Resource → what the step requests by itself."""
    limits: Mapping[str, str]
    """Resource → the most that it may use by itself."""


@dataclass(frozen=True, slots=True)
class Template:
    """Capabilities of a WorkflowTemplate or ClusterWorkflowTemplate, as data."""

    name: str
    cluster_scope: bool
    namespace: str
    """Of a WorkflowTemplate, the namespace that its manifest names; empty = none, or it is of the cluster."""
    parameters: Mapping[str, str | None]
    """Declared workflow arguments with their defaults; None = no default."""
    choices: Mapping[str, tuple[str, ...]]
    """Parameter → the only values that it takes; one that is not there takes any."""
    roles: Mapping[Role, str]
    """Role of a parameter → its name. Without "commit" the template builds the head of a branch, without "sandbox" it has no
    mode for foreign code, without "ref" it finds the commit by itself, without "paths" it cannot tell which files changed."""
    concurrent_runs: bool
    """Runs of one repository may overlap: no checkout directory is shared, so no mutex is needed."""
    takes_any_ref: bool
    """Whether its scripts take every name of a branch or tag that git allows, as a value of the environment."""
    inline_tasks: bool
    """Tasks are written inline in the DAG: a retry strategy from outside ends every run in "failed to get a
    template" (seen on workflow-controller 3.7.4)."""
    own_retries: Literal["none", "some", "all"]
    """Steps whose own retryStrategy has a limit, which wins over one from outside."""
    moves_latest: bool
    """Every run pushes `<image>:latest`."""
    pasted: frozenset[str]
    """Parameters whose values become text of a script, so that their characters have to be harmless."""
    service_account: str | None
    """The account that its own spec names."""
    executor: str | None
    """The account of Argo's own containers, where its own spec names one and keeps tokens from all others."""
    synchronized: bool
    """Whether its spec names a mutex or a semaphore for the whole run."""
    own_semaphores: bool
    """Whether its spec names semaphores for the whole run."""
    sizes: Mapping[str, StepSize]
    """Step → how a run chooses its size; a step that is not there has the size that the template says."""
    one_pod: str
    """The entrypoint that runs all steps as containers of one pod; empty = it has none."""
    origin: str
    """Source of these facts, for messages."""

    @property
    def shares_checkout(self) -> bool:
        """Whether runs of one repository work in one directory, named by a parameter."""
        return "directory" in self.roles and not self.concurrent_runs

    @property
    def size_parameters(self) -> frozenset[str]:
        """Parameters that take the sizes of steps."""
        return frozenset(
            name for each in self.sizes.values() for name in (each.resources, each.instance_types) if name
        )

    def role(self, parameter: str) -> Role | None:
        """Role of each parameter; None if hookline does not know the roles."""
        return next((role for role, name in self.roles.items() if name == parameter), None)

    def bindings(self, kind: Kind) -> dict[str, str]:
        """Parameter → event field (branch, tag, sha, ref or paths) that fills it, for an event of this kind."""
        filled: dict[Role, str] = {}
        if kind in {"push", "tag", "pull_request", "merge_group"}:
            filled |= {"commit": "sha", "ref": "ref"}
        if kind in {"push", "pull_request", "merge_group"}:
            filled["branch"] = "branch"
        if kind in {"push", "pull_request"}:
            filled["paths"] = "paths"
        if kind == "tag":
            filled["tag"] = "tag"
        return {self.roles[role]: field for role, field in filled.items() if role in self.roles}
