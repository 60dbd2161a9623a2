"""Checks of `controller: {comments: …}`."""

from documents.diagnostics import Problems
from hookline.declaration.loading import Declaration, DeclaredController

__all__ = ["check_comments"]


def check_comments(declaration: Declaration, declared: DeclaredController, problems: Problems) -> None:
    """Check that each source can be asked, and has requests that somebody builds.

    Args:
        declaration: The files.
        declared: The controller.
        problems: Takes what is found.
    """
    seen: set[str] = set()
    for index, name in enumerate(declared.controller.comments or ()):
        place = ("controller", "comments", index)
        position, path = declared.document.position(place), f"controller.comments[{index}]"
        source = declaration.sources.get(name)
        if source is None:
            known = ", ".join(sorted(declaration.sources)) or "none"
            problems.error(position, f"there is no source {name}; sources: {known}", path)
        elif source.source.report is None:
            problems.error(
                position,
                f"commands count only if the host says who may write, and {name} has no token to ask it; add report: {{token: {{name: …, key: …}}}} "
                f"to sources.{name}",
                path,
            )
        elif source.source.report.app is not None:
            problems.error(
                position,
                f"commands count only if the host says who may write; {name} reports as an App, whose tokens may do nothing but check runs. "
                f"Report by a token there, or leave it out",
                path,
            )
        elif not any(
            each.pipeline.repository.source == name and each.pipeline.events.pull_request is not None
            for each in declaration.pipelines.values()
        ):
            problems.error(position, f"no pipeline builds requests of {name}; leave it out", path)
        if name in seen:
            problems.error(position, f"{name} stands here twice", path)
        seen.add(name)
