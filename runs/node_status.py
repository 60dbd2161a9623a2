"""The nodes in a Workflow's status → small records, and the names of their steps.

Sources: argo-workflows pkg/apis/workflow/v1alpha1/workflow_types.go (NodeStatus), workflow/packer/packer.go and util/file/fileutil.go
(compression: gzip, and since 4.1 zstd or brotli by WORKFLOW_COMPRESSION_ALGORITHM), workflow/controller/operator.go (names).
"""

import base64
import binascii
import io
import re
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from apiserver.raw_values import Json, list_of, map_of, text, unix, values_at_most

__all__ = ["Node", "NodePath", "nodes_of", "path_of", "progress_of"]

MAX_STATUS_BYTES = 32 * 1024 * 1024
"""Compressed node status is unpacked up to this size."""
MAX_WINDOW_LOG = 25
"""zstd's memory for a stream that asks for much: 2 ** 25 bytes; Argo's writer asks for 8 MiB at most."""
MAX_STATUS_VALUES = 4_000_000
"""80 for each node: few bytes make many values, and a decoded value takes 64 bytes or more."""
MAX_NODES = 50_000
MAX_CHILDREN = 100
MAX_OUTPUTS, MAX_OUTPUT_TEXT = 64, 65_536
ZSTD = b"\x28\xb5\x2f\xfd"
GZIP = b"\x1f\x8b"
GROUPS = frozenset({"Steps", "StepGroup", "DAG", "TaskGroup", "Retry"})
"""Types of nodes that only hold others."""


@dataclass(frozen=True, slots=True)
class NodePath:
    """Parts of a node's name: `shop-1.run-test(0:amd64)(1)`."""

    step: str
    """The last task's name, without its item and attempt (run-test); empty for the Workflow's own node."""
    task: str
    """The whole name without attempts (shop-1.run-test(0:amd64)): what a retry repeats, and a matrix does not share."""
    on_exit: bool
    """Whether it belongs to an exit handler."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a Workflow's status that did something, or was skipped."""

    id: str
    type: str
    """Pod, Skipped, Container, HTTP, Plugin, Suspend; a group only where memoization had its result."""
    step: str
    task: str
    on_exit: bool
    phase: str
    message: str
    finished: float | None
    exit_code: int | None
    """Exit code of the main container, if Argo wrote it down."""
    memoized: bool | None
    """Whether the memoization cache had it; None where the node has none."""
    outputs: Mapping[str, str]
    started: float | None = None
    progress: tuple[int, int] | None = None
    """Amount that is done, and the whole, where the pod itself reports it: Argo writes 0/1 and 1/1 for all others."""
    boundary: str = ""
    """Of a Container, the id of its pod's node."""
    children: tuple[str, ...] = ()
    """Of a Container, the ids of those that wait for it."""

    @property
    def ended(self) -> bool:
        """Whether its phase is a last one."""
        return self.phase in {"Succeeded", "Failed", "Error", "Skipped", "Omitted"}

    @property
    def began(self) -> bool:
        """Whether anything of it ran, or its result was taken from a cache."""
        return self.phase not in {"", "Pending", "Skipped", "Omitted"} and not self.prevented

    @property
    def prevented(self) -> bool:
        """Whether the Workflow was shut down before the node's pod was made: Argo marks the node Failed all the same.

        Of a pod that is there, Argo writes the message with two spaces (argo-workflows v3.7.18 and v4.0.5:
        workflow/controller/workflowpod.go, exec_control.go; tests/cluster/histories.py tries both).
        """
        return self.phase == "Failed" and _PREVENTED.fullmatch(self.message) is not None

    @property
    def had_pod(self) -> bool:
        """Whether a pod was made for it."""
        return self.type == "Pod" and self.memoized is not True and self.began


_PREVENTED = re.compile(r"workflow shutdown with strategy: (Terminate|Stop)")
_ATTEMPT = re.compile(r"\(\d+\)")
"""Suffix that a retry adds to a name; the suffix of an item has a colon: (0:amd64)."""


def path_of(name: str, workflow: str) -> NodePath:
    """Read the parts of a node's name.

    An item of a matrix may hold dots and, in older versions of Argo, parentheses; names of tasks hold neither.

    Args:
        name: The node's full name, as in the annotation `node-name` of its pod.
        workflow: The Workflow's name, with which all names of its nodes begin; it may hold dots.
    """
    begin = len(workflow) if workflow and name.startswith(workflow) else 0
    parts = _outside_parentheses(name[begin:]).split(".")
    step = parts[-1].partition("[")[0]
    return NodePath(
        step=step if begin or len(parts) > 1 else "",
        task=_ATTEMPT.sub("", name),
        on_exit="onExit" in parts[1:],
    )


def _outside_parentheses(name: str) -> str:
    """The text without what stands in parentheses; where they do not match, up to the first."""
    found, depth = list[str](), 0
    for piece in re.split(r"([()])", name):
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth -= 1
            if depth < 0:
                break
        elif depth == 0:
            found.append(piece)
    return "".join(found) if depth == 0 else name.partition("(")[0]


def nodes_of(status: Json, workflow: str) -> tuple[tuple[Node, ...] | None, tuple[int, int] | None]:
    """The nodes of a Workflow that did something or were skipped; hits and lookups of memoization.

    Args:
        status: Of the Workflow.
        workflow: Its name.

    Returns:
        None for the nodes where the status does not hold them (off-loaded, or not readable); None for memoization that was not used.
    """
    nodes: Any = status.get("nodes")
    if not nodes and isinstance(packed := status.get("compressedNodes"), str) and packed:
        nodes = _unpacked(packed)
    elif not nodes and status.get("offloadNodeStatusVersion"):
        nodes = None
    elif nodes is None:
        nodes = {}
    if not isinstance(nodes, Mapping) or len(nodes) > MAX_NODES:
        return None, None
    raw = [each for each in nodes.values() if isinstance(each, Mapping)]
    found = tuple(_node(each, workflow) for each in raw if _keeps(each))
    # An attempt of a retried node repeats what its Retry node says.
    asked = [
        hit
        for each in raw
        if (hit := _memoized(each)) is not None and not map_of(each.get("nodeFlag")).get("retried")
    ]
    return found, (sum(asked), len(asked)) if asked else None


def _keeps(raw: Json) -> bool:
    return text(raw.get("type")) not in GROUPS or _memoized(raw) is True


def _memoized(raw: Json) -> bool | None:
    found = raw.get("memoizationStatus")
    return found.get("hit") is True if isinstance(found, Mapping) else None


def _node(raw: Json, workflow: str) -> Node:
    name = text(raw.get("name"))
    path = path_of(name, workflow)
    # A display name is the task's name with its item and attempt, without a path.
    shown = text(raw.get("displayName"))
    step = shown.partition("(")[0].rpartition(".")[2] if shown and shown != name else path.step
    outputs = map_of(raw.get("outputs"))
    told = [
        (item["name"], text(item["value"], MAX_OUTPUT_TEXT))
        for item in list_of(outputs.get("parameters"))[:MAX_OUTPUTS]
        if isinstance(item, Mapping)
        and isinstance(item.get("name"), str)
        and isinstance(item.get("value"), str)
    ]
    code = text(outputs.get("exitCode"))
    in_pod = raw.get("type") == "Container"
    return Node(
        id=text(raw.get("id")),
        type=text(raw.get("type")),
        step=step or path.step or text(raw.get("templateName")),
        task=path.task,
        on_exit=path.on_exit or map_of(raw.get("nodeFlag")).get("hooked") is True,
        phase=text(raw.get("phase")),
        message=text(raw.get("message")),
        finished=unix(raw.get("finishedAt")),
        exit_code=int(code) if code.isascii() and code.isdigit() and len(code) < 10 else None,
        memoized=_memoized(raw),
        outputs=dict(told),
        started=unix(raw.get("startedAt")),
        progress=progress_of(raw.get("progress")),
        boundary=text(raw.get("boundaryID")) if in_pod else "",
        children=tuple(map(text, list_of(raw.get("children"))[:MAX_CHILDREN])) if in_pod else (),
    )


_PROGRESS = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


def progress_of(value: Any) -> tuple[int, int] | None:
    """Amount that is done, and the whole (argo-workflows docs/progress.md); None for what is not reported, and where the whole is 1."""
    match = _PROGRESS.fullmatch(text(value, 20))
    if match is None or int(match[2]) < 2:
        return None
    return min(int(match[1]), int(match[2])), int(match[2])


def _unpacked(packed: str) -> Any:
    """The node status of a large Workflow: base64 of compressed JSON; None where it cannot be read, or is too large."""
    try:
        content = base64.b64decode(packed, validate=True)
        found = _inflated(content)
        if found is None or len(found) > MAX_STATUS_BYTES or values_at_most(found) > MAX_STATUS_VALUES:
            return None
        return orjson.loads(found)
    except (binascii.Error, zlib.error, EOFError, ValueError):
        return None


def _inflated(content: bytes) -> bytes | None:
    """The content, at most one byte more than the limit; None where nothing here can read it."""
    if content.startswith(GZIP):
        return zlib.decompressobj(wbits=31).decompress(content, MAX_STATUS_BYTES + 1)
    if content.startswith(ZSTD):
        return _zstd(content)
    # As Argo does it: brotli has no mark of its own.
    return _brotli(content)


def _zstd(content: bytes) -> bytes | None:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd  # noqa: PLC0415 - only where such a status comes
        else:
            from backports import zstd  # noqa: PLC0415 - the same, and an extra
    except ImportError:
        return None
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: MAX_WINDOW_LOG}
    try:
        with zstd.open(io.BytesIO(content), options=options) as stream:
            found: bytes = stream.read(MAX_STATUS_BYTES + 1)
    except zstd.ZstdError:
        return None
    return found


def _brotli(content: bytes) -> bytes | None:
    try:
        import brotli  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra, and only where such a status comes
    except ImportError:
        return None
    inflate = brotli.Decompressor()
    try:
        found: bytes = inflate.process(content, output_buffer_limit=MAX_STATUS_BYTES + 1)
    except brotli.error:
        return None
    return found if inflate.is_finished() else None
