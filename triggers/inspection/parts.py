"""Parts of a template's manifest: steps, tasks, volumes, and the texts in which Argo replaces `{{...}}`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Anatomy", "Call", "Malformed", "Mount", "Path", "Step", "Task", "Unit", "Volume", "dotted"]

Path = tuple[str | int, ...]

_CONTINUED = re.compile(r"\\[ \t]*\n\s*")


class Malformed(ValueError):
    """A manifest that is not a workflow template: what is wrong, and where."""

    def __init__(self, problems: tuple[tuple[Path, str], ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{dotted(path)}: {message}" for path, message in problems))


def dotted(path: Path) -> str:
    """spec.templates[0].container."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


KEPT = frozenset({"PersistentVolumeClaim", "NFS export", "CSI volume", "folder of the node"})
"""Kinds of volumes that outlive a run."""


@dataclass(frozen=True, slots=True)
class Mount:
    """Mount of a volume in a step."""

    volume: str
    path: str
    read_only: bool
    sub_path: str


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume: PersistentVolumeClaim, Secret, ConfigMap, emptyDir or another word, and the name of the object or the path."""

    kind: str
    object: str

    def __str__(self) -> str:
        return f"{self.kind} {self.object}".strip()


@dataclass(frozen=True, slots=True)
class Step:
    """A template, or a task's inline template, that runs something; or one container of several that a template runs in one pod."""

    name: str
    inline: bool
    in_set: bool
    """It is one of several containers of a pod."""
    images: tuple[str, ...]
    text: str
    """Everything that is run: commands, arguments, scripts, and the manifest of a resource. A command without a shell is one line."""
    env: Mapping[str, str]
    reads_secrets: bool
    """Variables come from Secrets."""
    mounts: tuple[Mount, ...]
    volumes: Mapping[str, Volume]
    """Volumes of the step and of the template."""
    outputs: tuple[str, ...]
    bare_git_artifacts: bool
    """Argo clones a repository for it, and has no Secret for that."""
    retries: bool
    own_limit: bool
    """Its own retryStrategy says how often: Argo takes that over the limit of a Workflow."""
    has_deadline: bool
    asks_for_token: bool
    """It has its pod mount a token, whatever the Workflow says."""
    keeps_capabilities: bool
    """Some container of it does not drop all capabilities."""
    has_memory_limit: bool
    """Every container of it has one."""
    requests: Mapping[str, str]
    """Resource → what its main container requests."""
    limits: Mapping[str, str]
    """Resource → the most that its main container may use."""
    patch: str
    """Its podSpecPatch."""
    pod_annotations: str
    """Keys and values of the annotations that it gives its pod."""

    def lines(self) -> Iterator[str]:
        """Lines of its scripts, a command over several lines as one."""
        return iter(_CONTINUED.sub(" ", self.text).split("\n"))

    def kept_mounts(self) -> tuple[Mount, ...]:
        """Mounts of volumes that outlive a run."""
        return tuple(mount for mount in self.mounts if self._kind(mount) in KEPT)

    def has_secret(self) -> bool:
        """Whether a Secret reaches it, as a variable or as a file."""
        return self.reads_secrets or any(self._kind(mount) == "Secret" for mount in self.mounts)

    def _kind(self, mount: Mount) -> str:
        return self.volumes[mount.volume].kind if mount.volume in self.volumes else ""


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a DAG, or a step of steps."""

    name: str
    after: str
    when: str
    inline: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A place that starts a template: a task, a step, a hook."""

    task: str
    target: str
    """The key of the unit that it starts; empty = a part of another workflow template."""
    arguments: Mapping[str, str]
    items: str
    """Loop of the task: withItems, withParam or withSequence."""
    elsewhere: str = ""
    """The other workflow template whose part it starts; empty = it starts a part of this one."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One template, named or inline, as far as values flow through it."""

    key: str
    name: str
    inside: str
    """The key of the unit that it is written in; empty = it has a name."""
    pasted: str
    """Texts that are run, or read as program text, after Argo has replaced `{{...}}` in them."""
    conditions: str
    """The `when` of its tasks."""
    said: str
    """Every text of it."""
    inputs: Mapping[str, str]
    """Input parameters with the texts of their defaults."""
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A template's manifest, read."""

    kind: str
    name: str
    namespace: str
    annotations: Mapping[str, str]
    parameters: Mapping[str, str | None]
    """Arguments with their defaults; None = no default."""
    choices: Mapping[str, tuple[str, ...]]
    """Argument → the only values that it takes (`enum`); one that is not there takes any."""
    volumes: Mapping[str, Volume]
    tasks: tuple[Task, ...]
    steps: tuple[Step, ...]
    units: tuple[Unit, ...]
    container_sets: frozenset[str]
    """Names of its templates whose steps are containers of one pod."""
    has_deadline: bool
    """The whole run has one."""
    service_account: str
    """The account that the spec names; empty = none."""
    executor: str
    """The account of Argo's own containers, where the spec names one and keeps tokens from all others; empty = no such thing."""
    synchronized: bool
    """The spec names a mutex or a semaphore for the whole run."""
    own_semaphores: bool
    """The spec names semaphores for the whole run."""
    settings: frozenset[str]
    """Keys of the spec."""

    def calls_elsewhere(self) -> tuple[Call, ...]:
        """Places that start parts of other workflow templates, which are not in this manifest."""
        return tuple(call for unit in self.units for call in unit.calls if call.elsewhere)

    def step(self, name: str) -> Step | None:
        """The step of this name; the pod of its own where it is a container of one pod, too."""
        found = [step for step in self.steps if step.name == name]
        return min(found, key=lambda step: step.in_set, default=None)
