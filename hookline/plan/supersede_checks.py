"""Checks of `supersede` and `cancel_closed`, and the settings that the controller's pod is given of them."""

from collections.abc import Collection

from documents.diagnostics import Problems
from hookline.declaration.loading import Declaration, DeclaredController, DeclaredPipeline
from hookline.declaration.supersede import superseded_kinds

__all__ = ["asks_to_supersede", "check_superseding", "superseded_settings"]


def check_superseding(declaration: Declaration, problems: Problems) -> None:
    """Refuse a setting that could stop no run.

    Args:
        declaration: The files.
        problems: Takes what is found.
    """
    if declaration.controller is not None:
        _check_controller(declaration, declaration.controller, problems)
    for each in declaration.pipelines.values():
        if why := _why(each, controlled=declaration.controller is not None):
            problems.error(each.position("supersede"), why, each.field("supersede"))


def asks_to_supersede(declaration: Declaration, declared: DeclaredController) -> bool:
    """Whether somebody asks for superseded runs to be stopped: the default alone may be a forgotten report:."""
    said = "supersede" in declared.controller.model_fields_set and declared.controller.supersede
    return bool(said) or any(each.pipeline.supersede for each in declaration.pipelines.values())


def superseded_settings(
    declaration: Declaration, declared: DeclaredController
) -> dict[str, dict[str, list[str]]]:
    """The kinds that are superseded, of those that somebody listens to: by source, and by pipeline where one says otherwise."""
    general = superseded_kinds(declared.controller.supersede)
    sources: dict[str, set[str]] = {}
    pipelines: dict[str, list[str]] = {}
    for each in declaration.pipelines.values():
        own, heard = each.pipeline.supersede, _heard(each)
        kinds = general if own is None else superseded_kinds(own)
        if kinds & heard != general & heard:
            pipelines[each.name] = sorted(kinds & heard)
            continue
        for source, _, listened in each.listened():
            if both := kinds & listened:
                sources.setdefault(source, set()).update(both)
    found = {
        "supersede": {source: sorted(kinds) for source, kinds in sorted(sources.items())},
        "supersede_pipelines": dict(sorted(pipelines.items())),
    }
    return {key: value for key, value in found.items() if value}


def _check_controller(declaration: Declaration, declared: DeclaredController, problems: Problems) -> None:
    heard = {kind for each in declaration.pipelines.values() for kind in _heard(each)}
    if declared.controller.cancel_closed and "pull_request" not in heard:
        _refuse(declared, "cancel_closed", "no run is one of a closed request", "", problems)
    # True is the default: whoever says nothing is told nothing.
    if "supersede" not in declared.controller.model_fields_set:
        return
    said, place = declared.controller.supersede, ("controller", "supersede")
    if said is True and "pull_request" not in heard:
        follows = "no commit supersedes the run of another"
        _refuse(declared, "supersede", follows, _branches(heard), problems)
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


def _refuse(declared: DeclaredController, key: str, follows: str, instead: str, problems: Problems) -> None:
    problems.error(
        declared.document.position(("controller", key), key=True),
        f"no pipeline listens to requests, so {follows}; {instead}add pull_request: to the events of one, or leave {key}: out",
        f"controller.{key}",
    )


def _why(declared: DeclaredPipeline, *, controlled: bool) -> str:
    """Reason for which the pipeline's own setting stops no run; empty if it does, or says that none is stopped."""
    own = declared.pipeline.supersede
    if not own:
        return ""
    if not controlled:
        return "nothing stops runs without the controller; add controller: {}, or leave supersede: out"
    kinds = superseded_kinds(own)
    heard = _heard(declared)
    if kinds.isdisjoint(heard):
        instead = _branches(heard) if own is True else ""
        wanted = " or ".join(f"{kind}:" for kind in sorted(kinds))
        return f"the pipeline does not listen to {' and '.join(sorted(kinds))}; {instead}add {wanted} to its events, or leave supersede: out"
    return ""


def _branches(heard: Collection[str]) -> str:
    """Advice for whoever wrote true, and builds branches alone."""
    return "write [push] for branches, " if "push" in heard else ""


def _heard(declared: DeclaredPipeline) -> frozenset[str]:
    """Kinds of events of hosts and registries that start the pipeline."""
    return frozenset().union(*(kinds for _, _, kinds in declared.listened()))
