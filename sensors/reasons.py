"""Reason codes: one vocabulary for simulate, explain, annotations, docs. Codes are never renamed."""

from collections.abc import Mapping
from typing import Final

__all__ = ["REASONS"]

REASONS: Final[Mapping[str, str]] = {
    "MATCH": "every clause holds",
    "SOURCE": "the pipeline does not listen to this source",
    "EVENT": "the pipeline does not listen to this kind of event",
    "REPOSITORY": "no pipeline listens to this repository or image at this source",
    "DELETED": "a branch, tag or image was deleted",
    "REF": "the branch or tag has characters that may not become a parameter",
    "COMMIT": "the event names no commit to build",
    "BRANCHES": "the branch is not chosen",
    "TAGS": "the tag is not chosen",
    "IMAGE_TAG": "the tag cannot name an image, or is one that the template keeps for itself",
    "DIGEST": "the digest is not one",
    "ACTION": "the pull request's commits did not change",
    "FORKS": "the pull request comes from a fork, or from none where forks are sandboxed",
    "APPROVAL": "this event did not add the label that approves the request's head commit",
    "INTO": "the target branch is not chosen",
    "DRAFTS": "the pull request is a draft",
    "AUTHORS": "the author is not chosen",
    "SKIP_MARKERS": "the commit message asks to skip",
    "PATHS": "no changed file is chosen, or the event does not list every changed file",
    "SIGNATURE": "the signature or token does not verify: the event source refuses the delivery",
    "PAYLOAD": "the event source refuses the delivery: the body is not what it accepts",
}
"""Code → what it means for `skip`; for `unknown` see docs/reasons.md."""
