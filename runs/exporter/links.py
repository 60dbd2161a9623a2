"""Links from the page of a run to elsewhere: the commit and the request at the host, the log, Argo's UI. Patterns in the settings."""

import re
from collections.abc import Mapping
from typing import Annotated, Protocol
from urllib.parse import quote

from pydantic import AfterValidator, Field

from documents.blocks import Block, Name
from documents.lines import check_line
from runs.history import Attempt, Run

__all__ = ["Links"]

_FIELD = re.compile(r"\{(\w*)\}")
# The host is written out: no name of a run may choose where a link leads.
_ADDRESS = re.compile(r"https?://[^\s{}/?#]+/\S*")
_REQUEST = re.compile(r"refs/(?:pull|merge-requests|pull-requests|changes)/(\d{1,12})(?:/|\Z)")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def _check(value: str, *known: str) -> str:
    check_line(value)
    for name in _FIELD.findall(value):
        if name not in known:
            raise ValueError(f"{{{name}}} is no field; fields: {', '.join(f'{{{each}}}' for each in known)}")
    if len(value) > 1000 or re.search(r"[{}]", _FIELD.sub("", value)) or not _ADDRESS.fullmatch(value):
        raise ValueError(
            f"expected an address that begins with https:// and a host, with fields behind it: {', '.join(f'{{{each}}}' for each in known)}"
        )
    return value


def _of_run(value: str) -> str:
    return _check(value, "namespace", "workflow", "uid")


def _of_pod(value: str) -> str:
    return _check(value, "namespace", "workflow", "uid", "pod", "step")


def _of_commit(value: str) -> str:
    return _check(value, "repository", "sha")


def _of_request(value: str) -> str:
    return _check(value, "repository", "number")


class Linked(Protocol):
    """A run or a fan-out: what its Workflow is called, and what its event was about."""

    @property
    def uid(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def repository(self) -> str: ...
    @property
    def ref(self) -> str: ...
    @property
    def sha(self) -> str: ...


class Links(Block):
    """Links that the page of a run has. A field is filled with the run's own text, percent-encoded."""

    argo: Annotated[str, AfterValidator(_of_run)] | None = Field(
        default=None,
        description="Page of the Workflow in Argo's UI. Fields: {namespace}, {workflow}, {uid}.",
        examples=["https://argo.example.com/workflows/{namespace}/{workflow}"],
    )
    log: Annotated[str, AfterValidator(_of_pod)] | None = Field(
        default=None,
        description="Log of a step, where logs are kept. Fields: {namespace}, {workflow}, {uid}, {pod}, {step}.",
        examples=["https://logs.example.com/pods/{namespace}/{pod}"],
    )
    commit: Mapping[Name, Annotated[str, AfterValidator(_of_commit)]] = Field(
        default={},
        description="Source → page of a commit at its host. Fields: {repository}, {sha}.",
        examples=[{"github": "https://github.com/{repository}/commit/{sha}"}],
    )
    request: Mapping[Name, Annotated[str, AfterValidator(_of_request)]] = Field(
        default={},
        description="Source → page of a pull or merge request at its host. Fields: {repository}, {number}.",
        examples=[{"github": "https://github.com/{repository}/pull/{number}"}],
    )

    def of_run(self, run: Linked) -> Mapping[str, tuple[str, str]]:
        """`argo`, `commit`, `request` → address and text, of those that are known of this run, or of this fan-out."""
        found = {}
        if self.argo is not None:
            found["argo"] = (_filled(self.argo, _words(run)), "in Argo")
        if run.repository and run.source in self.commit and _COMMIT.fullmatch(run.sha):
            words = {"repository": run.repository, "sha": run.sha}
            found["commit"] = (_filled(self.commit[run.source], words), run.sha[:12])
        number = request_of(run)
        if run.repository and number and run.source in self.request:
            words = {"repository": run.repository, "number": number}
            found["request"] = (_filled(self.request[run.source], words), f"#{number}")
        return found

    def of_attempt(self, run: Run, attempt: Attempt) -> str:
        """Address of the log of a pod; empty where the settings name none."""
        if self.log is None or not attempt.pod:
            return ""
        return _filled(self.log, {**_words(run), "pod": attempt.pod, "step": attempt.step})


def request_of(run: Linked) -> str:
    """The number of the request that started a run; empty for every other run."""
    match = _REQUEST.match(run.ref) if run.event == "pull_request" else None
    return match[1] if match is not None else ""


def _words(run: Linked) -> Mapping[str, str]:
    return {"namespace": run.namespace, "workflow": run.name, "uid": run.uid}


def _filled(pattern: str, words: Mapping[str, str]) -> str:
    # Dots that lead to another page of the host are no names.
    safe = {
        name: "/".join("" if part in {".", ".."} else quote(part, safe="") for part in value.split("/"))
        if name == "repository"
        else quote(value, safe="")
        for name, value in words.items()
    }
    return _FIELD.sub(lambda match: safe[match[1]], pattern)
