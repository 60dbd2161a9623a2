"""Checks of limits: that each is declared and used, and that Argo would hold it beside the other locks of a run."""

import difflib
from collections.abc import Iterator

from documents.diagnostics import Problems
from hookline.declaration.loading import Declaration
from triggers.declaration import Run
from triggers.release import takes_lists
from triggers.template import Template

__all__ = ["check_limits", "limit_problems"]


def check_limits(declaration: Declaration, problems: Problems) -> None:
    """Warn of limits that no pipeline names."""
    used = {each.run.limit for each in declaration.pipelines.values()}
    for name, limit in declaration.limits.items():
        if name not in used:
            problems.warn(
                limit.document.position(("limits", name), key=True),
                f'no pipeline names the limit "{name}" (run: {{limit: {name}}}); it is left out',
                f"limits.{name}",
            )


def limit_problems(declaration: Declaration, run: Run, template: Template) -> Iterator[str]:
    """The sentence of each problem with the limit of a run."""
    if not run.limit:
        return
    if run.limit not in declaration.limits:
        yield f'there is no limit "{run.limit}"; {_accepted(declaration, run.limit)}'
    if template.own_semaphores:
        yield (
            f"{template.name} names semaphores for the whole run in its own spec, which a limit would replace; leave limit: out, or take "
            "them out of the template"
        )
    mutex = run.mutex or (template.shares_checkout and run.mutex is None)
    if not takes_lists(declaration.cluster.argo_workflows) and (mutex or template.synchronized):
        # Its controller looks at the semaphore alone where a Workflow has both (workflow_types.go, Synchronization.GetType).
        whose = f"mutex: {run.mutex}" if run.mutex else f"the mutex that runs of {template.name} need"
        way = "mutex: or limit:" if run.mutex else "limit:"
        yield (
            f"Argo Workflows {declaration.cluster.argo_workflows} takes one lock a run, and beside a limit it would ignore {whose}; leave "
            f"{way} out, or use 3.6 or later{'' if run.mutex else ', or a template whose runs need no mutex, such as hookline-ci-go'}"
        )


def _accepted(declaration: Declaration, name: str) -> str:
    if not declaration.limits:
        return f"none is declared: write limits: {{{name}: 10}} at the top of a file"
    near = difflib.get_close_matches(name, declaration.limits, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"declared: {', '.join(declaration.limits)}{hint}"
