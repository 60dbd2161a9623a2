"""The clauses of the decision: each with its reason code, the meaning of a skip, its part of the event, and its filter.

A filter is a field of the `events:` block that a clause reads. This table ties the field to the clause: `sensors/routes.py`
writes a pipeline's line of the table from it and fails on a field that nobody wires, `hookline explain` words its answer
with it, and a test holds it against the fields of the declaration and against the codes in `decide.jq`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from documents.globs import expression
from events.canonical import Kind
from events.declaration import Approval, Paths, Selection, included
from events.patterns import APP_ENDING

__all__ = ["CLAUSES", "SETTINGS", "Clause", "clause_of", "named_artifacts"]


def _patterns(chosen: "list[str] | Selection | None", literal_ending: str = "") -> dict[str, Any] | None:
    """Include and exclude globs as regular expressions."""
    selection = included(chosen)
    if selection is None:
        return None
    return {
        side: expression(globs, literal_ending=literal_ending)
        for side in ("include", "exclude")
        if (globs := getattr(selection, side)) is not None
    }


def named_artifacts(tags: "list[str] | Selection | None") -> str | None:
    """The globs that name what is no image too, as one regular expression: whole tags, and what spells the mark of such a tag."""
    selection = included(tags)
    named = [
        glob
        for glob in (selection.include if selection else None) or ()
        if not re.search(r"[*?]", glob)
        or re.search(r"sha(?:256|384|512)-|[.](?:sig|att|sbom)\Z|build-?cache", glob)
    ]
    return expression(named) if named else None


def _logins(chosen: "list[str] | Selection | None") -> dict[str, Any] | None:
    """The same for login names, which every host compares ignoring case."""
    found = _patterns(chosen, APP_ENDING)
    return None if found is None else {side: text.lower() for side, text in found.items()}


def _paths(chosen: "list[str] | Paths | None") -> dict[str, Any] | None:
    found = _patterns(chosen)
    if found is not None and isinstance(chosen, Paths) and chosen.unknown is not None:
        found["unknown"] = chosen.unknown
    return found


def _approval(approval: Approval | None) -> str | None:
    return approval.label if approval is not None else None


def _target(event: Mapping[str, Any]) -> Any:
    return _request(event, "base_ref") or (event.get("merge_group") or {}).get("base_ref")


def _request(event: Mapping[str, Any], key: str) -> Any:
    return (event.get("pull_request") or {}).get(key)


def _image(event: Mapping[str, Any], key: str) -> Any:
    return (event.get("image") or {}).get(key)


def _tag(event: Mapping[str, Any]) -> str:
    return event.get("tag") or _image(event, "tag") or "this push carries no tag"


_ARTIFACTS: Final[Mapping[str | None, str]] = {
    "referrer": "a signature, an attestation or an SBOM, by its tag",
    "cache": "a build cache",
    "chart": "a Helm chart, by its media type",
    "artifact": "no image, by its media type",
}


def _files(event: Mapping[str, Any]) -> str:
    files = event.get("files") or []
    shown = ", ".join(files[:3]) + (", …" if len(files) > 3 else "")
    complete = "all of them" if event.get("files_complete") else "not all that changed"
    return f"{len(files)} listed ({complete}): {shown}" if files else "no changed file is listed"


def _labels(event: Mapping[str, Any]) -> str:
    added = _request(event, "added_labels")
    return f"added {', '.join(added)}" if added else "adds no label"


def _head(event: Mapping[str, Any]) -> str:
    return f"head {_request(event, 'head_repository')}" + (", foreign" if _request(event, "fork") else "")


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause of the decision."""

    code: str
    """The reason code; never renamed."""
    meaning: str
    """Meaning of a skip by this clause."""
    subject: Callable[[Mapping[str, Any]], str]
    """Part of the canonical event that the clause looks at, as text for a person."""
    filters: Mapping[Kind, str] = field(default_factory=lambda: MappingProxyType({}))
    """Kind of event → the field of the declaration that it reads; empty = it holds without being written."""
    encode: Callable[[Any], Any] = _same
    """The field's value as the table of the program holds it; None = the table says nothing."""
    meanings: Callable[[Mapping[str, Any]], str] | None = None
    """The meaning for one event, where that is more exact."""


def _forks(event: Mapping[str, Any]) -> str:
    if _request(event, "fork"):
        head, repository = _request(event, "head_repository"), event.get("repository")
        if head and repository and head.lower() == repository.lower():
            return "the payload does not prove that the pull request comes from a branch of the repository; this pipeline takes no foreign code"
        return "the pull request comes from a fork; this pipeline takes none"
    return "the pull request is not from a fork; this pipeline takes only those"


def _unusable_tag(event: Mapping[str, Any]) -> str:
    if event.get("tag") or _image(event, "tag"):
        return "the tag cannot name an image, or the template keeps it for itself"
    return "this push carries no tag"


CLAUSES: Final[tuple[Clause, ...]] = (
    Clause(
        "EVENT", "the pipeline does not listen to this kind of event", lambda event: str(event.get("kind"))
    ),
    Clause("SUSPENDED", "the pipeline is suspended", lambda _: "any event"),
    Clause(
        "DELETED",
        "a branch, tag or image was deleted",
        lambda event: "deleted" if event.get("deleted") else "exists",
    ),
    Clause(
        "REF",
        "the branch or tag has characters that the template may not get",
        lambda event: str(event.get("branch") or event.get("tag")),
    ),
    Clause("COMMIT", "the event names no commit to build", lambda event: str(event.get("sha"))),
    Clause(
        "BRANCHES",
        "the branch is not chosen",
        lambda event: str(event.get("branch")),
        {"push": "branches"},
        _patterns,
    ),
    Clause("TAGS", "the tag is not chosen", _tag, {"tag": "tags", "image_push": "tags"}, _patterns),
    Clause(
        "IMAGE_TAG",
        "the push carries no tag, the tag cannot name an image, or the template keeps it for itself",
        _tag,
        meanings=_unusable_tag,
    ),
    Clause(
        "DIGEST",
        "the digest is malformed",
        lambda event: _image(event, "digest") or "this push carries no digest",
    ),
    Clause(
        "ARTIFACT",
        "the push is a signature, an attestation, an SBOM, a chart or a build cache, and tags: does not name it",
        lambda event: _ARTIFACTS.get(_image(event, "artifact"), "an image"),
    ),
    Clause(
        "ACTION",
        "the pull request has neither new commits nor a new target, and did not become ready for review",
        lambda event: str(_request(event, "action")),
    ),
    Clause(
        "FORKS",
        "the pull request comes from a fork, and this pipeline takes none; or it is not from a fork, and this pipeline takes only those",
        _head,
        {"pull_request": "forks"},
        # `approved_by` says the same: a pipeline of foreign code has it, and no other may.
        lambda _: None,
        meanings=_forks,
    ),
    Clause(
        "APPROVAL",
        "this event did not add the label that approves the request's head commit",
        _labels,
        {"pull_request": "approved_by"},
        _approval,
    ),
    Clause(
        "INTO",
        "the target branch is not chosen",
        lambda event: str(_target(event)),
        {"pull_request": "into", "merge_group": "into"},
        _patterns,
    ),
    Clause(
        "DRAFTS",
        "the pull request is a draft",
        lambda event: "a draft" if _request(event, "draft") else "ready for review",
        {"pull_request": "drafts"},
        lambda drafts: drafts or None,
    ),
    Clause(
        "AUTHORS",
        "the author is not chosen",
        lambda event: str(event.get("actor")),
        {"push": "authors", "pull_request": "authors"},
        _logins,
    ),
    Clause(
        "SKIP_MARKERS",
        "the head commit's message, the title or the push option ci.skip asks to skip",
        lambda event: str(event.get("skip_marker") or "no marker"),
        {"push": "skip_markers", "pull_request": "skip_markers"},
        lambda honoured: None if honoured else False,
    ),
    Clause(
        "PATHS",
        "no changed file is chosen, or the event does not list every changed file",
        _files,
        {"push": "paths", "pull_request": "paths"},
        _paths,
    ),
)
"""Every clause of `decide.jq`."""

_OF_RUNS: Final = frozenset({"image", "publish", "parameters"})

SETTINGS: Final[Mapping[Kind, frozenset[str]]] = {
    "push": _OF_RUNS,
    "tag": _OF_RUNS | {"branch"},
    "pull_request": _OF_RUNS,
    "merge_group": _OF_RUNS,
    "image_push": _OF_RUNS | {"source", "branch"},
}
"""Fields that choose no events: what is built and pushed, and where the event comes from."""

_BY_FIELD: Final[Mapping[tuple[Kind, str], Clause]] = {
    (kind, name): clause for clause in CLAUSES for kind, name in clause.filters.items()
}


def clause_of(kind: Kind, name: str) -> Clause:
    """The clause that reads a field of the declaration.

    Raises:
        LookupError: None does: the field would be accepted and ignored.
    """
    found = _BY_FIELD.get((kind, name))
    if found is None:
        raise LookupError(f"no clause in sensors/clauses.py reads the field {kind}.{name}")
    return found
