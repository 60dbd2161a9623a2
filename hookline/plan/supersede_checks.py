"""Checks of `supersede` and `cancel_closed`: whoever asks for runs to be stopped is told where none could be."""

from documents.diagnostics import Problems
from hookline.declaration.loading import Declaration, DeclaredController
from hookline.declaration.supersede import superseded_kinds

__all__ = ["check_superseding"]


def check_superseding(declaration: Declaration, declared: DeclaredController, problems: Problems) -> None:
    """Refuse a setting that could stop no run, because no pipeline listens to its events.

    Args:
        declaration: The files.
        declared: The controller.
        problems: Takes what is found.
    """
    heard = {
        kind for each in declaration.pipelines.values() for _, _, kinds in each.listened() for kind in kinds
    }
    if declared.controller.cancel_closed and "pull_request" not in heard:
        _refuse(declared, "cancel_closed", "no run is one of a closed request", problems)
    # True is the default: whoever says nothing is told nothing.
    if "supersede" not in declared.controller.model_fields_set:
        return
    said, place = declared.controller.supersede, ("controller", "supersede")
    if said is True and "pull_request" not in heard:
        _refuse(declared, "supersede", "no commit supersedes the run of another", problems)
    if not isinstance(said, list):
        return
    tell = problems.error if heard.isdisjoint(superseded_kinds(said)) else problems.warn
    for index, kind in enumerate(said):
        if kind not in heard:
            tell(
                declared.document.position((*place, index)),
                f"no pipeline listens to {kind}; add {kind}: to the events of one, or leave it out here",
                ".".join((*place, str(index))),
            )


def _refuse(declared: DeclaredController, key: str, follows: str, problems: Problems) -> None:
    problems.error(
        declared.document.position(("controller", key), key=True),
        f"no pipeline listens to requests, so {follows}; add pull_request: to the events of one, or leave {key}: out",
        f"controller.{key}",
    )
