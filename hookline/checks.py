"""Checks that only knowledge can make: of templates, hosts, platforms, and of pipelines beside each other."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from events.eventsource import Endpoint
from events.host import Verification
from hookline.diagnostics import Diagnostic, InvalidInput, Position
from hookline.loading import Declaration, DeclaredPipeline
from triggers.declaration import Run, merge
from triggers.template import Template
from triggers.workflow import DEFAULT_TEMPLATE, Subject

__all__ = ["Findings", "check_declaration", "check_pipeline"]

SET_BY_HOOKLINE: Mapping[str, str] = {
    "repo_url": "repository.url",
    "repo_name": "the last part of repository.url",
    "container_image": "image",
    "target_branch": "the event, or its branch: key",
}

HARMLESS = re.compile(r"[A-Za-z0-9._/:@=+,%~-]*")
"""Characters that a shell takes as they are; stock ci-go-v1 pastes parameters into sh -c."""


@dataclass(slots=True)
class Findings:
    """Problems found so far."""

    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)

    def error(self, position: Position, message: str, path: str = "") -> None:
        """Something that is refused."""
        self.errors.append(Diagnostic(position, message, "error", path))

    def warn(self, position: Position, message: str, path: str = "") -> None:
        """Something that the user should know."""
        self.warnings.append(Diagnostic(position, message, "warning", path))

    def raise_errors(self) -> None:
        """Stop if anything is refused."""
        if self.errors:
            raise InvalidInput(tuple(self.errors))


def check_declaration(
    declaration: Declaration,
    templates: Mapping[str, Template],
    endpoints: Mapping[str, Endpoint],
    findings: Findings,
) -> None:
    """What concerns several pipelines or none."""
    _check_platform(declaration, endpoints, findings)
    _check_sandbox_namespace(declaration, findings)
    _check_endpoints(declaration, endpoints, findings)
    _check_checkouts(declaration, templates, findings)
    _check_loops(declaration, endpoints, findings)
    known = set(declaration.pipelines)
    for test in declaration.tests:
        for name in test.case.expect:
            if name not in known:
                position = test.document.position(("tests", test.index, "expect", name), key=True)
                findings.error(position, f'there is no pipeline "{name}"', f"tests.{test.index}.expect")


def _check_platform(declaration: Declaration, endpoints: Mapping[str, Endpoint], findings: Findings) -> None:
    cluster = declaration.cluster
    if cluster.platform == "argo":
        if cluster.allow:
            findings.error(
                declaration.cluster_position("allow"),
                "allow: belongs to platform: ack-one; on argo every event source is there",
                "cluster.allow",
            )
        return
    if cluster.schedules == "calendar" and "calendar" not in cluster.allow:
        findings.error(
            declaration.cluster_position("schedules"),
            "ACK One does not document calendar event sources; leave schedules: out (CronWorkflows), or name calendar under "
            "allow: if it was enabled for your cluster",
            "cluster.schedules",
        )
    if "version" in cluster.event_bus.model_fields_set:
        findings.error(
            declaration.cluster_position("event_bus", "version"),
            "the bus of ACK One is NATS Streaming, which has no version to choose; leave version: out",
            "cluster.event_bus.version",
        )
    if "webhook" in cluster.allow:
        return
    for name, declared in declaration.sources.items():
        endpoint = endpoints[name]
        if endpoint.host.receiver == "webhook":
            findings.error(
                declared.document.position(("sources", name, "host")),
                f"{endpoint.host.title} needs a webhook event source, and ACK One documents Git, OSS and MNS only; name webhook "
                "under cluster.allow: if it was enabled for your cluster by ticket",
                f"sources.{name}.host",
            )


def _check_sandbox_namespace(declaration: Declaration, findings: Findings) -> None:
    cluster = declaration.cluster
    if cluster.sandbox is not None and cluster.sandbox.namespace == cluster.namespace:
        findings.error(
            declaration.cluster_position("sandbox", "namespace"),
            f"{cluster.namespace} is where trusted runs have their volumes and Secrets; expected another namespace, which has none of "
            f"them, such as {cluster.namespace[:57]}-forks",
            "cluster.sandbox.namespace",
        )


def _check_endpoints(declaration: Declaration, endpoints: Mapping[str, Endpoint], findings: Findings) -> None:
    used = {
        name
        for each in declaration.pipelines.values()
        for name in (
            each.pipeline.repository.source,
            each.pipeline.events.image_push and each.pipeline.events.image_push.source,
        )
    }
    by_path: dict[tuple[str, str], str] = {}
    for name, endpoint in endpoints.items():
        document = declaration.sources[name].document
        position = document.position(("sources", name, "endpoint"))
        other = by_path.setdefault((endpoint.event_source, endpoint.path), name)
        if other != name:
            findings.error(
                position,
                f'source "{other}" has the endpoint {endpoint.path} already',
                f"sources.{name}.endpoint",
            )
        if endpoint.path == "/health":
            findings.error(
                position,
                "/health is answered by Argo Events itself; take another path",
                f"sources.{name}.endpoint",
            )
        if endpoint.unverified is not None and name in {"webhooks", "calendar"}:
            findings.error(
                document.position(("sources", name), key=True),
                f'"{name}" is the name of an EventSource of hookline; name the source after its registry',
                f"sources.{name}",
            )
        if name not in used:
            findings.warn(
                document.position(("sources", name), key=True),
                f'no pipeline uses source "{name}"; it is left out',
                f"sources.{name}",
            )
        elif endpoint.host.verification is Verification.NONE:
            findings.warn(
                position,
                f"{endpoint.host.title} proves nothing: whoever knows the path can start builds; keep it out of logs and tickets",
                f"sources.{name}.endpoint",
            )


def _check_checkouts(declaration: Declaration, templates: Mapping[str, Template], findings: Findings) -> None:
    """ci-go-v1 ignores the URL once the directory exists, and builds whatever lies there."""
    by_directory: dict[tuple[bool, str], DeclaredPipeline] = {}
    for name, declared in declaration.pipelines.items():
        run = merge(declaration.default_run, declared.pipeline.run)
        template = templates.get(run.template or DEFAULT_TEMPLATE)
        if template is not None and template.concurrent_runs:
            continue  # it keeps no checkout that another repository could find
        subject = Subject(name, None, declared.pipeline.repository.url, None)
        volume = declared.pipeline.events.sandboxed  # a sandbox has volumes of its own
        other = by_directory.setdefault((volume, subject.checkout_directory), declared)
        if _same_repository(other.pipeline.repository.url) != _same_repository(
            declared.pipeline.repository.url
        ):
            findings.error(
                declared.position("repository", "url"),
                f'pipeline "{other.name}" checks out {other.pipeline.repository.url} into the same directory '
                f'"{subject.checkout_directory}": one of the two would build the other\'s code; give one another name or namespace',
                f"pipelines.{name}.repository.url",
            )


def _same_repository(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return (
        f"{scheme}{separator}{host.lower()}{slash}{path.removesuffix('.git')}"
        if separator
        else url.removesuffix(".git")
    )


def _image_path(image: str) -> tuple[str, str]:
    """Registry and path of an image reference."""
    first, slash, rest = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return "docker.io", image


def _check_loops(declaration: Declaration, endpoints: Mapping[str, Endpoint], findings: Findings) -> None:
    """A pipeline that starts from an image which it pushes itself, directly or through others, never stops."""
    pushed: dict[str, list[str]] = defaultdict(list)
    for name, declared in declaration.pipelines.items():
        if declared.pipeline.image is not None:
            pushed[_image_path(declared.pipeline.image)[1].lower()].append(name)

    def starters(name: str) -> Iterator[str]:
        image_push = declaration.pipelines[name].pipeline.events.image_push
        if image_push is None or image_push.source not in endpoints:
            return
        registries = endpoints[image_push.source].host.registries
        for other in pushed[image_push.image.lower()]:
            registry = _image_path(declaration.pipelines[other].pipeline.image or "")[0]
            if not registries or registry in registries:
                yield other

    for name, declared in declaration.pipelines.items():
        path, seen, todo = f"pipelines.{name}.events.image_push.image", set[str](), list(starters(name))
        if name in todo:
            findings.error(
                declared.position("events", "image_push", "image"),
                "the pipeline pushes this image itself (its tag, latest and buildcache): every build would start the next; "
                "name another image",
                path,
            )
            continue
        while todo:
            other = todo.pop()
            if other == name:
                findings.error(
                    declared.position("events", "image_push", "image"),
                    f"a loop through {', '.join(sorted(seen))}: each of them starts from an image that another one pushes",
                    path,
                )
                break
            if other not in seen:
                seen.add(other)
                todo += starters(other)


@dataclass(frozen=True, slots=True)
class _Pipeline:
    """One pipeline under examination."""

    declared: DeclaredPipeline
    findings: Findings

    def error(self, message: str, *path: str) -> None:
        self.findings.error(
            self.declared.position(*path), message, ".".join(("pipelines", self.declared.name, *path))
        )

    def warn(self, message: str, *path: str) -> None:
        self.findings.warn(
            self.declared.position(*path), message, ".".join(("pipelines", self.declared.name, *path))
        )


def check_pipeline(
    declaration: Declaration,
    declared: DeclaredPipeline,
    run: Run,
    templates: Mapping[str, Template],
    endpoints: Mapping[str, Endpoint],
    findings: Findings,
) -> Template | None:
    """What concerns one pipeline; returns its template, or None where nothing more can be said."""
    checked = _Pipeline(declared, findings)
    _check_sources(declaration, checked, endpoints)
    name = run.template or DEFAULT_TEMPLATE
    template = templates.get(name)
    if template is None:
        checked.error(
            f'hookline knows nothing of the template "{name}"; known: {", ".join(sorted(templates))}. Save it with '
            f"`kubectl get cwft {name} -o yaml > {name}.yaml` and give it with --template {name}.yaml",
            "run",
            "template",
        )
        return None
    before = len(findings.errors)
    _check_run(declaration, checked, run, template)
    _check_events(declaration, checked, template)
    if declared.pipeline.events.sandboxed:
        _check_sandboxed(declaration, checked, run, template)
    return template if len(findings.errors) == before else None


def _check_sources(declaration: Declaration, checked: _Pipeline, endpoints: Mapping[str, Endpoint]) -> None:
    pipeline = checked.declared.pipeline
    accepted = (
        f"declared: {', '.join(declaration.sources)}"
        if declaration.sources
        else "none is declared under sources:"
    )
    source, needed = (
        pipeline.repository.source,
        [kind for kind in pipeline.events.kinds() if kind in {"push", "tag", "pull_request"}],
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
    else:
        for kind in needed:
            if kind not in endpoints[source].host.kinds:
                checked.error(f"{endpoints[source].host.title} sends no {kind} events", "events", kind)
        push = pipeline.events.push
        if push is not None and push.paths is not None and not endpoints[source].host.lists_files:
            checked.error(
                f"{endpoints[source].host.title} does not list changed files", "events", "push", "paths"
            )
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
    _check_parameters(checked, run, template)
    _check_required(checked, run, template)
    directory = Subject(checked.declared.name, None, pipeline.repository.url, None).checkout_directory
    if "repo_name" in template.parameters and (
        directory in {"pkg", ".", ".."} or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", directory)
    ):
        checked.error(
            f'the checkout directory would be "{directory}", which {template.name} cannot use (pkg is its module cache)',
            "repository",
            "url",
        )
    if (
        template.parameters.get("container_image") == ""
        and pipeline.image is None
        and not pipeline.events.sandboxed
    ):
        checked.error(
            f"{template.name} pushes an image: say where with image: registry/namespace/name", "image"
        )
    if pipeline.image is not None and "container_image" not in template.parameters:
        checked.error(f"{template.name} takes no image (it has no parameter container_image)", "image")
    if run.retry and template.inline_tasks:
        checked.error(
            f"{template.name} writes its tasks inline: with a retry from outside Argo ends every run in "
            '"failed to get a template"; use a template with named templates',
            "run",
            "retry",
        )
    if run.mutex is False and "repo_name" in template.parameters and not template.concurrent_runs:
        checked.error(f"runs of {template.name} share a checkout; without a mutex they mix", "run", "mutex")
    if run.spot and run.compute == "node":
        checked.error("spot: needs compute: eci or acs; nodes have no spot pods", "run", "spot")
    if run.spot and run.compute == "acs" and (given := run.spot.model_fields_set):
        checked.error(
            f"on ACS spot is one label; {', '.join(sorted(given))} would have no effect: write spot: {{}}",
            "run",
            "spot",
        )
    if declaration.cluster.platform == "ack-one" and run.compute == "node":
        checked.error("ACK One has no nodes of yours: compute: eci or acs", "run", "compute")


def _check_required(checked: _Pipeline, run: Run, template: Template) -> None:
    """Parameters without a default that neither hookline, the events nor the user fill."""
    pipeline = checked.declared.pipeline
    kinds = pipeline.events.kinds()
    for name, default in template.parameters.items():
        if default is not None or name in (run.parameters or {}) or name in {"repo_url", "repo_name"}:
            continue
        if name == "container_image":
            if pipeline.image is None and not pipeline.events.sandboxed:
                checked.error(
                    f"{template.name} pushes an image: say where with image: registry/namespace/name", "image"
                )
            continue
        if name == template.sandbox_parameter and pipeline.events.sandboxed:
            continue
        bare = [
            kind
            for kind in kinds
            if name not in template.bindings(kind)
            and not (name == "target_branch" and getattr(getattr(pipeline.events, kind), "branch", None))
        ]
        if name == template.commit_parameter and bare:
            checked.error(
                f"a {bare[0]} event has no commit, and the parameter {name} of {template.name} has no default to build instead",
                "events",
                bare[0],
            )
        elif bare:
            checked.error(f"{template.name} needs a value for its parameter {name}", "run", "parameters")


def _check_parameters(checked: _Pipeline, run: Run, template: Template) -> None:
    for name, value in (run.parameters or {}).items():
        path = ("run", "parameters", name)
        if name in SET_BY_HOOKLINE:
            checked.error(f"{name} comes from {SET_BY_HOOKLINE[name]}", *path)
        elif name == template.commit_parameter:
            checked.error(f"{name} takes the commit of the event", *path)
        elif name == template.ref_parameter:
            checked.error(f"{name} takes the full ref of the event", *path)
        elif name == template.sandbox_parameter:
            checked.error(f"{name} follows from pull_request.forks: true where it says sandboxed", *path)
        elif name not in template.parameters:
            declared = ", ".join(sorted(template.parameters.keys() - SET_BY_HOOKLINE.keys()))
            checked.error(
                f'{template.name} has no parameter "{name}" (Argo would ignore it); it has: {declared}', *path
            )
        elif template.parameters[name] in {"true", "false"} and not isinstance(value, bool):
            checked.error(
                f"{name} is a switch: true or false, without quotes; the template takes anything else for off",
                *path,
            )
        elif template.pastes_parameters and isinstance(value, str) and not HARMLESS.fullmatch(value):
            checked.error(
                f"{template.name} pastes {name} into a shell: letters, digits and . _ / : @ = + , % ~ - only",
                *path,
            )
        elif name == "container_tag" and value in {"latest", "buildcache"}:
            checked.error(f"{value} is a tag that the template keeps for itself", *path)
        elif name == "container_tag" and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", str(value)):
            checked.error("expected an image tag: letters, digits and _ . -, at most 100 characters", *path)
        elif name == "dockerfile" and (str(value).startswith("/") or ".." in str(value).split("/")):
            checked.error("expected a path inside the repository, such as ./Dockerfile", *path)


def _check_events(declaration: Declaration, checked: _Pipeline, template: Template) -> None:
    events = checked.declared.pipeline.events
    builds_branches = template.commit_parameter is None
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
                f"{template.name} builds the head of {events.tag.branch} at that moment, which need not be the tagged commit",
                "events",
                "tag",
            )
    if events.pull_request is not None and template.moves_latest and not events.sandboxed:
        checked.warn(
            f"{template.name} pushes :latest in every run, so a pull request moves it too; give pull requests a pipeline with an "
            "image of its own",
            "events",
            "pull_request",
        )
    if events.schedule is not None:
        calendar = declaration.cluster.schedules or (
            "cron_workflow" if declaration.cluster.platform == "ack-one" else "calendar"
        )
        if calendar == "cron_workflow" and events.schedule.except_:
            checked.error(
                "a CronWorkflow has no exclusion dates; use cluster.schedules: calendar, or leave except: out",
                "events",
                "schedule",
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
                f"the pipeline runs requests from forks in a sandbox and nothing else; give {kind} a pipeline of its own",
                "events",
                kind,
            )
    if declaration.cluster.sandbox is None:
        checked.error(
            "requests from forks run in a namespace of their own, without your volumes and Secrets; name it with cluster: "
            "{sandbox: {namespace: …}}",
            *forks,
        )
    if template.sandbox_parameter is None:
        checked.error(
            f"{template.name} has no mode in which nothing is pushed and no cache is shared; use a template that names the parameter "
            "for it in the annotation hookline.dev/sandbox-parameter",
            *forks,
        )
    if template.commit_parameter is None:
        checked.error(
            f"{template.name} builds the head of a branch, whatever commit was approved; use a template that takes a commit",
            *forks,
        )
    if pipeline.image is not None:
        checked.error("a sandboxed run pushes nothing; leave image: out", "image")
    if pipeline.run is not None and pipeline.run.service_account is not None:
        checked.error(
            "the pods of a sandboxed run have no token, and an account that may do nothing; leave service_account: out",
            "run",
            "service_account",
        )
    if RAM_ROLE in (run.pod_annotations or {}):
        checked.error(
            f"{RAM_ROLE} would give foreign code the credentials of a role; give it to the other pipelines alone",
            "run",
            "pod_annotations",
        )
