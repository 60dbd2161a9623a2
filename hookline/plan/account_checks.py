"""Checks of whom the pods of a run are: no account that hookline gives rights for its own purposes."""

from hookline.declaration.loading import Declaration, DeclaredPipeline
from triggers.declaration import Run
from triggers.template import Template
from triggers.words import RUN_SERVICE_ACCOUNT

__all__ = ["account_problem"]


def account_problem(
    declaration: Declaration, declared: DeclaredPipeline, run: Run, template: Template
) -> str:
    """The problem with the account of a run; empty if there is none.

    The code that is built acts as this account: with that of the Sensors it could create any Workflow, with that of a calendar
    or of the exporter it could change what they keep.
    """
    restricted = declaration.cluster.template_referencing is not None
    account = (template.service_account if restricted else None) or run.service_account
    if account is None or account == RUN_SERVICE_ACCOUNT or declared.pipeline.events.sandboxed:
        return ""
    calendar, exporter = (f"{declaration.cluster.name}-{each}" for each in ("calendar", "exporter"))
    ours = account in {calendar, exporter} or account.startswith(("hookline-", f"{calendar}-"))
    if not ours:
        return ""
    return (
        f"{account} is an account of hookline's own, and has rights that code under test must not have; expected an account that you "
        f"made, or leave service_account: out for {RUN_SERVICE_ACCOUNT}"
    )
