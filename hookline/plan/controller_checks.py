"""Checks of `controller:` and of the sources' `report:`, and the settings that its pod is given."""

from collections.abc import Iterable
from typing import Any

from documents.diagnostics import Problems
from hookline.declaration.bus_needs import bus_needs
from hookline.declaration.loading import Declaration, DeclaredController, DeclaredSource
from hookline.output import yaml_text
from hookline.plan.comment_checks import check_comments
from hookline.plan.own_pod_checks import check_amounts, check_clients
from hookline.plan.report_skipped_checks import check_report_skipped
from hookline.plan.supersede_checks import asks_to_supersede, check_superseding, superseded_settings
from runs.controller.manifests import DEFAULT_LIMITS, DEFAULT_REQUESTS, SECRETS

__all__ = ["check_controller"]


def check_controller(declaration: Declaration, problems: Problems) -> str:
    """Check the controller, and what it reports to.

    Args:
        declaration: The files.
        problems: Takes what is found.

    Returns:
        The settings of its pod; empty where it runs none, or where something is wrong.
    """
    check_report_skipped(declaration, problems)
    check_superseding(declaration, problems)
    declared = declaration.controller
    reporting = [each for each in declaration.sources.values() if each.source.report is not None]
    if declared is None:
        for each in reporting:
            problems.error(
                each.document.position(("sources", each.name, "report"), key=True),
                "nothing reports without the controller; add controller: {}, or leave report: out",
                f"sources.{each.name}.report",
            )
        return ""
    _check_pod(declaration, declared, problems)
    needs = list(bus_needs(declaration))
    if not reporting and not needs and not asks_to_supersede(declaration, declared):
        problems.error(
            declared.position(),
            "the controller has nothing to do: no source has report:; add report: {token: {name: …, key: …}} to one, reconcile: true to the "
            "controller, or leave controller: out",
            "controller",
        )
    if declaration.cluster.platform == "ack-one":
        for path in needs:
            problems.error(
                declared.document.position(path, key=True),
                "the bus of ack-one is NATS Streaming, and hookline reads JetStream alone; leave it out",
                ".".join(path),
            )
    check_comments(declaration, declared, problems)
    sources = {each.name: _settings(declaration, each, problems) for each in reporting}
    found: dict[str, Any] = {"sources": sources, "context": declared.controller.context}
    link = declared.controller.link
    if link is None and declaration.exporter is not None and declaration.exporter.exporter.url is not None:
        link = f"{declaration.exporter.exporter.url}/runs/{{namespace}}/{{workflow}}"
    if link is not None:
        found["link"] = link
    return yaml_text(found | superseded_settings(declaration, declared))


def _check_pod(declaration: Declaration, declared: DeclaredController, problems: Problems) -> None:
    if declaration.cluster.image is None:
        problems.error(
            declared.position(),
            "the controller runs hookline's own image, which cluster: does not name; write cluster: {image: …}, or leave controller: out "
            "(make image builds one: hookline docs releasing)",
            "controller",
        )
    check_amounts(
        declared.controller, declared.position, "controller", (DEFAULT_REQUESTS, DEFAULT_LIMITS), problems
    )
    check_clients(declared.controller, declared.position, "controller", problems)


def _settings(declaration: Declaration, declared: DeclaredSource, problems: Problems) -> dict[str, Any]:
    # Most declarations report nothing.
    from runs.reports.hosts import HOST_APIS  # noqa: PLC0415

    name, source = declared.name, declared.source
    place = ("sources", name, "report")
    api = HOST_APIS.get(source.host)
    if source.report is None:
        raise TypeError(f"source {name} has no report")
    if api is None:
        problems.error(
            declared.document.position(place, key=True),
            f"hookline sets no statuses at {source.host}; it does at {', '.join(sorted(HOST_APIS))}; leave report: out",
            f"sources.{name}.report",
        )
        return {}
    address = source.report.api
    if address is None:
        servers = sorted(set(_servers(declaration, name)))
        if len(servers) != 1:
            why = (
                f"its repositories are cloned from {', '.join(servers)}"
                if servers
                else "no pipeline has a repository of it"
            )
            problems.error(
                declared.document.position(place, key=True),
                f"the address of the host's API is not known: {why}; write api:, as in api: {api.address('https://git.example.com')}",
                f"sources.{name}.report",
            )
            return {}
        address = api.address(servers[0])
    found: dict[str, Any] = {"host": source.host, "api": address}
    if (app := source.report.app) is not None:
        if source.host != "github":
            problems.error(
                declared.document.position((*place, "app"), key=True),
                f"only GitHub has Apps, and the host is {source.host}; write token: {{name: …, key: …}}",
                f"sources.{name}.report.app",
            )
        number = {} if app.installation is None else {"installation": app.installation}
        found["app"] = {"id": app.id, **number, "private_key_file": f"{SECRETS}/{name}/private-key.pem"}
    else:
        found["token_file"] = f"{SECRETS}/{name}/token"
    if source.report.ca is not None:
        found["ca_file"] = f"{SECRETS}/{name}/ca.crt"
    return found


def _servers(declaration: Declaration, source: str) -> Iterable[str]:
    from runs.reports.host_api import server  # noqa: PLC0415

    for each in declaration.pipelines.values():
        if each.pipeline.repository.source == source:
            yield server(each.pipeline.repository.url)
