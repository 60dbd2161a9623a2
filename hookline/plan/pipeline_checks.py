"""Checks of one pipeline that need facts outside the file: its sources, its template, its events, its sandbox."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from documents.diagnostics import Problems
from events.canonical import FROM_REPOSITORIES
from events.declaration import Paths
from events.eventsource import Endpoint
from events.host import host
from hookline.declaration.loading import Declaration, DeclaredPipeline
from hookline.plan.account_checks import account_problem
from hookline.plan.limit_checks import limit_problems
from hookline.plan.parameter_checks import parameter_problems
from hookline.plan.pod_checks import pod_problems
from hookline.plan.publishing_checks import publishing_problems
from hookline.plan.referencing_checks import referencing_problems
from hookline.plan.resource_checks import resource_problems
from hookline.plan.schedule_carriers import cron_workflows_alone
from triggers.declaration import Run
from triggers.template import Template
from triggers.words import PREFIX, RUN_SERVICE_ACCOUNT
from triggers.workflow import DEFAULT_TEMPLATE, Subject

__all__ = ["check_pipeline"]


@dataclass(frozen=True, slots=True)
class _Pipeline:
    """One pipeline under examination."""

    declared: DeclaredPipeline
    problems: Problems

    def error(self, message: str, *path: str | int) -> None:
        self.problems.error(self.declared.position(*path), message, self.declared.field(*path))

    def warn(self, message: str, *path: str | int) -> None:
        self.problems.warn(self.declared.position(*path), message, self.declared.field(*path))


def check_pipeline(
    declaration: Declaration,
    declared: DeclaredPipeline,
    run: Run,
    templates: Mapping[str, Template],
    endpoints: Mapping[str, Endpoint],
    problems: Problems,
) -> Template | None:
    """Check one pipeline; returns its template, or None if nothing more can be checked."""
    checked = _Pipeline(declared, problems)
    _check_sources(declaration, checked, endpoints)
    name = run.template or DEFAULT_TEMPLATE
    template = templates.get(name)
    if template is None:
        checked.error(
            f'hookline does not know the template "{name}"; known: {", ".join(sorted(templates))}. Save it with '
            f"`kubectl get cwft {name} -o yaml > {name}.yaml` and name it with templates: {{{name}: {{file: {name}.yaml}}}} "
            f"or with --template {name}.yaml",
            "run",
            "template",
        )
        return None
    before = len(problems.errors)
    namespace = declaration.namespace_of(declared.pipeline)
    if template.namespace and template.namespace != namespace:
        checked.error(
            f"{name} is a WorkflowTemplate of the namespace {template.namespace}, and the Workflows of this pipeline run in {namespace}: Argo "
            f"would not find it; put one into {namespace} and name no namespace in {template.origin}, or make it a ClusterWorkflowTemplate",
            "run",
            "template",
        )
    if problem := account_problem(declaration, declared, run, template):
        checked.error(problem, "run", "service_account")
    _check_run(declaration, checked, run, template)
    for path, message in resource_problems(declaration, run, template):
        checked.error(message, *path)
    for path, message in pod_problems(run, template, sandboxed=declared.pipeline.events.sandboxed):
        checked.error(message, *path)
    _check_events(declaration, checked, template)
    if declared.pipeline.events.sandboxed:
        _check_sandboxed(declaration, checked, run, template)
    if declaration.cluster.template_referencing is None:
        for message in limit_problems(declaration, run, template):
            checked.error(message, "run", "limit")
    else:
        for path, message in referencing_problems(declared, run, template):
            checked.error(message, *path)
    return template if len(problems.errors) == before else None


def _check_sources(declaration: Declaration, checked: _Pipeline, endpoints: Mapping[str, Endpoint]) -> None:
    pipeline = checked.declared.pipeline
    accepted = (
        f"declared: {', '.join(declaration.sources)}"
        if declaration.sources
        else "none is declared under sources:"
    )
    source, needed = (
        pipeline.repository.source,
        [kind for kind in pipeline.events.kinds() if kind in FROM_REPOSITORIES],
    )
    if source is None:
        if needed:
            checked.error(
                f"{needed[0]} needs to know where events come from: repository.source; {accepted}",
                "repository",
                "source",
            )
    elif source not in endpoints:
        checked.error(f'there is no source "{source}"; {accepted}', "repository", "source")
    elif not endpoints[source].host.kinds & FROM_REPOSITORIES:
        checked.error(
            f"{endpoints[source].host.title} is a registry; expected a git host, or leave source: out",
            "repository",
            "source",
        )
    else:
        for kind in needed:
            if kind not in endpoints[source].host.kinds:
                page = (
                    "; hookline docs merge-queues says what to do in its place"
                    if kind == "merge_group"
                    else ""
                )
                why = endpoints[source].host.lacks.get(kind)
                said = f"sends no {kind} events{page}" if why is None else f"has no {kind} events here: {why}"
                checked.error(f"{endpoints[source].host.title} {said}", "events", kind)
        if pipeline.events.sandboxed and not endpoints[source].host.tells_added_labels:
            checked.error(
                f"{endpoints[source].host.title} lists the labels that a request has, and does not say in every version which one was "
                "added, so that nothing would bind an approval to a commit; accepted: never",
                "events",
                "pull_request",
                "forks",
            )
    image_push = pipeline.events.image_push
    if image_push is not None:
        if image_push.source not in endpoints:
            checked.error(
                f'there is no source "{image_push.source}"; {accepted}', "events", "image_push", "source"
            )
        elif "image_push" not in endpoints[image_push.source].host.kinds:
            checked.error(
                f"{endpoints[image_push.source].host.title} is not a registry",
                "events",
                "image_push",
                "source",
            )


def _check_run(declaration: Declaration, checked: _Pipeline, run: Run, template: Template) -> None:
    pipeline = checked.declared.pipeline
    for path, message in parameter_problems(checked.declared, run, template):
        checked.error(message, *path)
    directory = Subject(checked.declared.name, None, pipeline.repository.url, None).checkout_directory
    if "directory" in template.roles and (
        directory in {"pkg", ".", ".."} or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", directory)
    ):
        checked.error(
            f'the checkout directory would be "{directory}", which {template.name} cannot use (pkg is its module cache)',
            "repository",
            "url",
        )
    for path, message in publishing_problems(checked.declared, template):
        checked.error(message, *path)
    if run.retry and template.inline_tasks:
        checked.error(
            f"{template.name} writes its tasks inline: with a retry from outside Argo ends every run in "
            '"failed to get a template"; use a template with named templates',
            "run",
            "retry",
        )
    elif run.retry and template.own_retries == "all" and declaration.cluster.template_referencing is None:
        checked.error(
            f"every step of {template.name} has a retryStrategy of its own, whose limit wins over this one; leave retry: out, or change the "
            "limit in the template",
            "run",
            "retry",
        )
    elif run.retry and template.own_retries == "some":
        checked.warn(
            f"some steps of {template.name} have a retryStrategy of their own, whose limit wins over this one",
            "run",
            "retry",
        )
    if run.mutex is False and template.shares_checkout:
        checked.error(
            f"runs of {template.name} share a checkout; without a mutex they would overwrite each other's files",
            "run",
            "mutex",
        )
    if run.spot and run.compute == "node":
        checked.error("spot: needs compute: eci or acs; nodes have no spot pods", "run", "spot")
    if run.spot and run.compute == "acs" and (given := run.spot.model_fields_set):
        checked.error(
            f"on ACS spot is one label; {', '.join(sorted(given))} would have no effect: write spot: {{}}",
            "run",
            "spot",
        )
    if run.service_account not in {None, RUN_SERVICE_ACCOUNT} and not pipeline.events.sandboxed:
        checked.warn(
            f"the containers that run the repository's code hold a token of {run.service_account}: tests can do what it may, and it has to "
            "report results, so they can write those of other runs, too; leave service_account: out, and they hold none",
            "run",
            "service_account",
        )
    if declaration.cluster.platform == "ack-one" and run.compute == "node":
        checked.error("ACK One has no nodes of yours: compute: eci or acs", "run", "compute")


def _check_unlisted_files(declaration: Declaration, checked: _Pipeline, template: Template) -> None:
    """Refuse a path filter of pushes that nothing could ever answer: the host lists no files, and no run compares commits."""
    push = checked.declared.pipeline.events.push
    declared = declaration.sources.get(checked.declared.pipeline.repository.source or "")
    if push is None or push.paths is None or declared is None:
        return
    sender = host(declared.source.host)
    if sender.lists_files or not sender.kinds & FROM_REPOSITORIES:
        return
    if "paths" not in template.roles:
        checked.error(
            f"{sender.title} does not list changed files, and {template.name} cannot compare commits; use a template that can, such as run: "
            f"{{template: hookline-ci-go}} (annotation {PREFIX}paths-parameter), or leave paths: out",
            "events",
            "push",
            "paths",
        )
    elif isinstance(push.paths, Paths) and push.paths.unknown == "skip":
        checked.error(
            f"{sender.title} does not list changed files, so unknown: skip would skip every push; leave it out, and the run decides",
            "events",
            "push",
            "paths",
            "unknown",
        )


def _check_events(declaration: Declaration, checked: _Pipeline, template: Template) -> None:
    events = checked.declared.pipeline.events
    builds_branches = "commit" not in template.roles
    if events.tag is not None and builds_branches:
        if events.tag.branch is None:
            checked.error(
                f"{template.name} builds the head of a branch, never a tag: name the branch with branch: (the tag then names the "
                "image), or use a template that takes a commit",
                "events",
                "tag",
            )
        else:
            checked.warn(
                f"{template.name} builds the head of {events.tag.branch} at that moment, which can differ from the tagged commit",
                "events",
                "tag",
            )
    if (
        events.pull_request is not None
        and events.pull_request.paths is not None
        and "paths" not in template.roles
    ):
        checked.error(
            f"no event lists the changed files of a request, and {template.name} cannot compare them; use a template that can, such as run: "
            f"{{template: hookline-ci-go}} (annotation {PREFIX}paths-parameter), or leave paths: out",
            "events",
            "pull_request",
            "paths",
        )
    _check_unlisted_files(declaration, checked, template)
    no_calendar = cron_workflows_alone(declaration.cluster)
    suspension = checked.declared.pipeline.suspended
    if (
        suspension is not None
        and suspension.until is not None
        and events.schedule is not None
        and no_calendar
    ):
        checked.error(
            "a suspended CronWorkflow fires again only when somebody resumes it; leave until: out",
            "suspended",
            "until",
        )
    for path, schedule in checked.declared.schedules():
        if no_calendar and schedule.except_:
            checked.error(
                "a CronWorkflow has no exclusion dates; use cluster.schedules: calendar, or leave except: out",
                *path,
                "except",
            )


RAM_ROLE = "k8s.aliyun.com/eci-ram-role-name"
"""Pod annotation of ECI: whatever runs in the pod gets this role's credentials (unlike tokens, from the metadata server)."""


def _check_sandboxed(declaration: Declaration, checked: _Pipeline, run: Run, template: Template) -> None:
    """Foreign code shares nothing with trusted code: no event, no namespace, no image, no account."""
    pipeline, forks = checked.declared.pipeline, ("events", "pull_request", "forks")
    for kind in pipeline.events.kinds():
        if kind != "pull_request":
            checked.error(
                f"the pipeline runs only requests from forks, in a sandbox; give {kind} a pipeline of its own",
                "events",
                kind,
            )
    if declaration.cluster.sandbox is None:
        checked.error(
            "requests from forks run in a namespace of their own, without your volumes and Secrets; name it with cluster: "
            "{sandbox: {namespace: …}}",
            *forks,
        )
    if "sandbox" not in template.roles:
        checked.error(
            f"{template.name} cannot run without pushing images and sharing caches; use a template that can, and that names the parameter "
            "for it in the annotation hookline.dev/sandbox-parameter",
            *forks,
        )
    if "commit" not in template.roles:
        checked.error(
            f"{template.name} builds the head of a branch, whatever commit was approved; use a template that takes a commit",
            *forks,
        )
    if checked.declared.says("namespace"):
        checked.error(
            "requests from forks run in cluster.sandbox.namespace, apart from trusted code; leave namespace: out",
            "namespace",
        )
    if pipeline.image is not None:
        checked.error("a sandboxed run pushes nothing; leave image: out", "image")
    if checked.declared.says("run", "service_account"):
        checked.error(
            "the pods of a sandboxed run have no token, and an account without rights; leave service_account: out",
            "run",
            "service_account",
        )
    if RAM_ROLE in (run.pod_annotations or {}):
        checked.error(
            f"{RAM_ROLE} would give foreign code the credentials of a role; set it only on the other pipelines",
            "run",
            "pod_annotations",
        )
