"""The canonical event: what every host's program produces and every decision reads."""

from typing import Any, Literal, TypedDict

__all__ = ["FROM_REPOSITORIES", "CanonicalEvent", "Image", "Kind", "MergeGroup", "PullRequest", "summary"]

Kind = Literal[
    "push", "tag", "pull_request", "merge_group", "image_push", "schedule", "manual", "ping", "other"
]
"""Kind of an event. `ping` is a host's test of the hook; `other` is anything that never starts a build."""

FROM_REPOSITORIES = frozenset[Kind]({"push", "tag", "pull_request", "merge_group"})
"""Kinds of events that a git host sends about a repository."""


class PullRequest(TypedDict, total=False):
    """A pull or merge request as it was when the event was sent."""

    number: int | None
    action: (
        str | None
    )  # opened, reopened, updated, ready, retargeted, labeled, closed, merged, or the host's own word
    added_labels: list[str]  # by this event, which brings no commits; empty where the host does not say
    head_ref: str | None
    head_sha: str | None
    head_repository: str | None
    base_ref: str | None
    draft: bool | None
    fork: bool | None  # true unless the payload proves that the head is in the repository itself
    merged: bool | None


class MergeGroup(TypedDict, total=False):
    """Requests that a merge queue has put together, to be checked before they are merged."""

    base_ref: str | None  # the branch that they go into


class Image(TypedDict, total=False):
    """A pushed image."""

    name: str | None  # namespace/name, without a registry
    tag: str | None
    digest: str | None
    media_type: str | None
    artifact: (
        str | None
    )  # what it is if no image: referrer (by its tag), cache, chart, artifact; null = an image
    occurrence: str | None  # tells two pushes of one tag apart where the registry sends no digest


class CanonicalEvent(TypedDict, total=False):
    """One event, whatever host sent it. A field that the host cannot know is absent or null, never guessed."""

    kind: Kind
    repository: str | None  # owner/name as the host spells it
    ref: str | None  # full ref
    branch: str | None  # bare branch; of a pull request its head branch
    tag: str | None
    sha: str | None  # the commit to build; an annotated tag's commit, not its tag object
    before: str | None
    created: bool | None
    deleted: bool | None
    forced: bool | None
    pull_request: PullRequest
    merge_group: MergeGroup
    image: Image
    also: "list[CanonicalEvent]"  # the other pushes of the delivery, where it tells several
    files: list[str] | None  # changed paths
    files_complete: bool | None  # false where the host cut the list or cannot know it
    actor: str | None
    occurrence: str | None  # tells apart events of the same commits; the same in every delivery of one event
    message: str | None  # first line of the head commit's message
    skip_marker: str | None  # what in the whole message, the title or the push options asks to skip the build
    delivery: str | None  # the host's delivery id


def summary(event: dict[str, Any]) -> str:
    """One line that names the event for a person: kind, repository, ref and commit."""
    kind = str(event.get("kind", "other"))
    parts = [kind]
    pull_request = event.get("pull_request") or {}
    image = event.get("image") or {}
    if kind == "pull_request":
        parts[0] = f"pull_request/{pull_request.get('action')}"
        parts.append(f"{event.get('repository')}#{pull_request.get('number')}")
    elif kind == "image_push":
        tag = image.get("tag")
        parts.append(f"{image.get('name')}:{tag}" if tag else f"{image.get('name')}, without a tag")
    else:
        parts += [str(event[key]) for key in ("repository", "ref") if event.get(key)]
    if event.get("sha"):
        parts.append(str(event["sha"])[:12])
    return "  ".join(parts)
