"""Checks of several pipelines, or of none, that need facts outside the file: platform, endpoints, checkouts, loops."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from documents.diagnostics import Position, Problems
from events.eventsource import Endpoint
from hookline.declaration.loading import Declaration, DeclaredPipeline
from hookline.plan.limit_checks import check_limits
from hookline.plan.publishing import images_pushed
from hookline.plan.source_checks import check_sources
from triggers.template import Template
from triggers.workflow import DEFAULT_TEMPLATE, Subject

__all__ = ["check_declaration"]


def check_declaration(
    declaration: Declaration,
    templates: Mapping[str, Template],
    endpoints: Mapping[str, Endpoint],
    problems: Problems,
) -> None:
    """Check everything that concerns several pipelines or none."""
    _check_platform(declaration, endpoints, problems)
    _check_bus(declaration, problems)
    _check_sandbox_namespace(declaration, problems)
    _check_namespaces(declaration, problems)
    _check_endpoints(declaration, endpoints, problems)
    _check_checkouts(declaration, templates, problems)
    _check_chains(declaration, templates, endpoints, problems)
    check_sources(declaration, endpoints, problems)
    check_limits(declaration, problems)
    known = set(declaration.pipelines)
    for test in declaration.tests:
        for name in test.case.expect:
            if name not in known:
                position = test.document.position(("tests", test.index, "expect", name), key=True)
                problems.error(position, f'there is no pipeline "{name}"', f"tests.{test.index}.expect")


def _check_platform(declaration: Declaration, endpoints: Mapping[str, Endpoint], problems: Problems) -> None:
    cluster = declaration.cluster
    if cluster.platform == "argo":
        if cluster.allow:
            problems.error(
                declaration.cluster_position("allow"),
                "allow: belongs to platform: ack-one; on argo every event source is there",
                "cluster.allow",
            )
        return
    if "argo_workflows" not in cluster.model_fields_set:
        problems.warn(
            declaration.cluster_position("platform"),
            "ACK One does not say which release of Argo Workflows runs; hookline writes objects for 3.6 and later, and 3.5 would ignore "
            "their schedules and locks: set argo_workflows:",
            "cluster.platform",
        )
    if cluster.schedules == "calendar" and "calendar" not in cluster.allow:
        problems.error(
            declaration.cluster_position("schedules"),
            "ACK One does not document calendar event sources; leave schedules: out (CronWorkflows), or name calendar under "
            "allow: if it was enabled for your cluster",
            "cluster.schedules",
        )
    if "version" in cluster.event_bus.model_fields_set:
        problems.error(
            declaration.cluster_position("event_bus", "version"),
            "the bus of ACK One is NATS Streaming, which has no version to choose; leave version: out",
            "cluster.event_bus.version",
        )
    for name, declared in declaration.sources.items():
        endpoint = endpoints[name]
        receiver = endpoint.host.receiver
        if not receiver.on_ack_one and receiver.key not in cluster.allow:
            problems.error(
                declared.document.position(("sources", name, "host")),
                f"{endpoint.host.title} needs a {receiver.key} event source, and ACK One documents Git, OSS and MNS only; name "
                f"{receiver.key} under cluster.allow: if it was enabled for your cluster by ticket",
                f"sources.{name}.host",
            )


def _check_bus(declaration: Declaration, problems: Problems) -> None:
    bus = declaration.cluster.event_bus
    for key in ("version", "replicas"):
        if not bus.create and key in bus.model_fields_set:
            problems.error(
                declaration.cluster_position("event_bus", key),
                f"with create: false hookline prints no EventBus, so that {key}: has no effect; leave it out",
                f"cluster.event_bus.{key}",
            )


def _check_sandbox_namespace(declaration: Declaration, problems: Problems) -> None:
    cluster = declaration.cluster
    if cluster.sandbox is not None and not any(
        each.pipeline.events.sandboxed for each in declaration.pipelines.values()
    ):
        problems.warn(
            declaration.cluster_position("sandbox"),
            "no pipeline says forks: sandboxed, so that nothing runs here",
            "cluster.sandbox",
        )
    if cluster.sandbox is not None and cluster.sandbox.namespace == cluster.namespace:
        problems.error(
            declaration.cluster_position("sandbox", "namespace"),
            f"{cluster.namespace} is where trusted runs have their volumes and Secrets; expected another namespace, which has none of "
            f"them, such as {cluster.namespace[:57]}-forks",
            "cluster.sandbox.namespace",
        )


def _check_namespaces(declaration: Declaration, problems: Problems) -> None:
    """Refuse trusted code where foreign code runs, and a namespace that reaches no pipeline which it concerns."""
    sandbox = declaration.cluster.sandbox
    concerned: set[Position] = set()
    foreign: list[DeclaredPipeline] = []
    for declared in declaration.pipelines.values():
        namespace = declared.pipeline.namespace
        if namespace is None:
            continue
        if declared.pipeline.events.sandboxed:
            foreign.append(declared)
            continue
        concerned.add(declared.position("namespace"))
        if sandbox is not None and namespace == sandbox.namespace:
            problems.error(
                declared.position("namespace"),
                f"{namespace} is cluster.sandbox.namespace, where foreign code runs: it would share a volume and Secrets with this "
                "pipeline; expected another namespace",
                declared.field("namespace"),
            )
    for declared in foreign:
        if declared.position("namespace") not in concerned and not declared.says("namespace"):
            problems.error(
                declared.position("namespace"),
                "every pipeline that this namespace reaches says forks: sandboxed, and runs in cluster.sandbox.namespace; leave namespace: out",
                declared.field("namespace"),
            )


def _check_endpoints(declaration: Declaration, endpoints: Mapping[str, Endpoint], problems: Problems) -> None:
    used = {source for each in declaration.pipelines.values() for source, _, _ in each.listened()}
    by_path: dict[tuple[str, str], str] = {}
    for name, endpoint in endpoints.items():
        document = declaration.sources[name].document
        position = document.position(("sources", name, "endpoint"))
        other = by_path.setdefault((endpoint.event_source, endpoint.path), name)
        if other != name:
            problems.error(
                position,
                f'source "{other}" has the endpoint {endpoint.path} already',
                f"sources.{name}.endpoint",
            )
        if endpoint.path == "/health":
            problems.error(
                position,
                "/health is answered by Argo Events itself; take another path",
                f"sources.{name}.endpoint",
            )
        if endpoint.unverified is not None and name in {"webhooks", "calendar"}:
            problems.error(
                document.position(("sources", name), key=True),
                f'"{name}" is the name of an EventSource of hookline; name the source after its registry',
                f"sources.{name}",
            )
        if endpoint.host.several_refs and declaration.cluster.image is None and name in used:
            problems.warn(
                document.position(("sources", name), key=True),
                f"{endpoint.host.title} tells all branches and tags of a push in one delivery, and without cluster.image a pipeline starts by the "
                "first that it takes; the others start nothing (ANOTHER_PUSH). With cluster.image it starts by each of them",
                f"sources.{name}",
            )
        if name not in used:
            problems.warn(
                document.position(("sources", name), key=True),
                f'no pipeline uses source "{name}"; it is left out',
                f"sources.{name}",
            )


def _check_checkouts(declaration: Declaration, templates: Mapping[str, Template], problems: Problems) -> None:
    """Refuse two repositories in one directory: ci-go-v1 ignores the URL once the directory exists, and builds its content."""
    by_directory: dict[tuple[str, str], DeclaredPipeline] = {}
    for name, declared in declaration.pipelines.items():
        run = declared.run
        template = templates.get(run.template or DEFAULT_TEMPLATE)
        if template is not None and template.concurrent_runs:
            continue  # it keeps no checkout that another repository could find
        subject = Subject(name, None, declared.pipeline.repository.url, None)
        namespace = declaration.namespace_of(
            declared.pipeline
        )  # a claim of the same name is another volume there
        other = by_directory.setdefault((namespace, subject.checkout_directory), declared)
        if _same_repository(other.pipeline.repository.url) != _same_repository(
            declared.pipeline.repository.url
        ):
            problems.error(
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


def _moves_latest(declaration: Declaration, templates: Mapping[str, Template], name: str) -> bool:
    run = declaration.pipelines[name].run
    template = templates.get(run.template or DEFAULT_TEMPLATE)
    return template is not None and template.moves_latest


def _check_chains(
    declaration: Declaration,
    templates: Mapping[str, Template],
    endpoints: Mapping[str, Endpoint],
    problems: Problems,
) -> None:
    """Pipelines that start from images which other pipelines push.

    One that starts from an image which it pushes itself, directly or through others, never stops; one that takes every
    tag of an image that is pushed under two starts twice.
    """
    # Image → pipelines of which any run pushes it, with its registry; and those of which a run does that an image started.
    pushed: dict[str, set[tuple[str, str]]] = defaultdict(set)
    passed_on: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for name, declared in declaration.pipelines.items():
        for kind, image in images_pushed(declared, templates.get(declared.run.template or DEFAULT_TEMPLATE)):
            registry, image_path = _image_path(image)
            pushed[image_path.lower()].add((name, registry))
            if kind == "image_push":
                passed_on[image_path.lower()].add((name, registry))

    def starters(name: str, among: Mapping[str, set[tuple[str, str]]]) -> Iterator[str]:
        image_push = declaration.pipelines[name].pipeline.events.image_push
        if image_push is None or image_push.source not in endpoints:
            return
        registries = endpoints[image_push.source].host.registries
        for other, registry in sorted(among.get(image_push.image.lower(), ())):
            if not registries or registry in registries:
                yield other

    for name, declared in declaration.pipelines.items():
        path, seen, todo = (
            f"pipelines.{name}.events.image_push.image",
            set[str](),
            list(starters(name, passed_on)),
        )
        if name in todo:
            problems.error(
                declared.position("events", "image_push", "image"),
                "the pipeline pushes this image itself (its tag, latest and buildcache): every build would start the next; "
                "name another image",
                path,
            )
            continue
        image_push = declared.pipeline.events.image_push
        twice = [other for other in starters(name, pushed) if _moves_latest(declaration, templates, other)]
        if image_push is not None and image_push.tags is None and twice:
            problems.warn(
                declared.position("events", "image_push", "image"),
                f'pipeline "{twice[0]}" pushes every image under two tags, its own and latest, and each starts a run here; choose one, '
                "such as tags: [latest]",
                path,
            )
        while todo:
            other = todo.pop()
            if other == name:
                problems.error(
                    declared.position("events", "image_push", "image"),
                    f"a loop through {', '.join(sorted(seen))}: each of them starts from an image that another one pushes",
                    path,
                )
                break
            if other not in seen:
                seen.add(other)
                todo += starters(other, passed_on)
