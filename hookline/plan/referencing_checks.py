"""Checks under templateReferencing: Strict or Secure, where Argo accepts only a few settings in a Workflow itself."""

from collections.abc import Iterator

from hookline.declaration.loading import DeclaredPipeline
from triggers.declaration import Run
from triggers.shipped import shipped_names
from triggers.template import Template
from triggers.words import EXECUTOR_SERVICE_ACCOUNT, RUN_SERVICE_ACCOUNT

__all__ = ["referencing_problems"]

_OTHERWISE = "or let the workflow-controller take it (WORKFLOW_USER_OVERRIDE_ALLOWLIST; see hookline docs template#where-workflows-may-only-name-a-template) and leave cluster.template_referencing: out"
_REFUSED = "cannot be set on a Workflow under templateReferencing"
_ACCOUNTS = (
    f"serviceAccountName: {RUN_SERVICE_ACCOUNT}, automountServiceAccountToken: false and executor: {{serviceAccountName: "
    f"{EXECUTOR_SERVICE_ACCOUNT}}}"
)
_METADATA = ("spot", "compute", "pod_labels", "pod_annotations")


def referencing_problems(
    declared: DeclaredPipeline, run: Run, template: Template
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Settings that a pipeline wants and the template does not have: path in the pipeline, sentence."""
    account = template.service_account
    if account is None:
        if template.name in shipped_names():
            way = f"apply `hookline template {template.name} --referencing strict` and give its file with --template"
        else:
            way = f"write {_ACCOUNTS} into the template's spec"
        yield (
            ("run", "template"),
            f"serviceAccountName {_REFUSED}, and {template.name} names none: {way}",
        )
    elif run.service_account is not None and run.service_account != account:
        yield (
            ("run", "service_account"),
            f"serviceAccountName {_REFUSED}; the template names {account}: change it there, or leave service_account: out",
        )
    elif account == RUN_SERVICE_ACCOUNT and template.executor is None:
        message = (
            f"executor {_REFUSED}, and {account}, which {template.name} names, may report no results, so that every step would end in "
            f"an error: write {_ACCOUNTS} into the template's spec"
        )
        yield ("run", "template"), message
    if isinstance(run.mutex, str):
        yield (
            ("run", "mutex"),
            f"synchronization {_REFUSED}: write the mutex into the template's spec, and leave mutex: out",
        )
    elif template.shares_checkout and not template.synchronized:
        lock = f'mutexes: [{{name: "{{{{workflow.parameters.{template.roles["directory"]}}}}}"}}]'
        message = (
            f"synchronization {_REFUSED}, and runs of {template.name} share a checkout: write synchronization: {{{lock}}} into the "
            "template's spec"
        )
        yield ("run", "template"), message
    if run.limit:
        yield (
            ("run", "limit"),
            f"synchronization {_REFUSED}: write a semaphore into the template's spec, with a ConfigMap of your own, and leave limit: out",
        )
    for key in _METADATA:
        value = getattr(run, key)
        if value and value != "node":
            message = f"podMetadata {_REFUSED}: write what {key}: stands for into the template's spec.podMetadata, {_OTHERWISE}"
            yield ("run", key), message
    if run.retry:
        yield (
            ("run", "retry"),
            f"templateDefaults {_REFUSED}: write retryStrategy into the template's own templates, and leave retry: out",
        )
    if declared.pipeline.events.sandboxed:
        message = f"executor and automountServiceAccountToken, which a sandboxed run needs, {_REFUSED}: leave forks: out, {_OTHERWISE}"
        yield ("events", "pull_request", "forks"), message
