"""The options of `hookline exporter` as what its pod runs: each is in the printed objects, or refused with what to do instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from documents.diagnostics import InvalidInput
from documents.files import read_file
from documents.scalars import check_object_name
from hookline.command_line.common import DeclarationArguments, fail, print_line, refuse
from hookline.command_line.exporter_options import address, given_options
from hookline.declaration.own_pods import check_reference
from hookline.output import yaml_text
from hookline.plan.exporter_objects import labelled_exporter, schedules_of
from hookline.plan.fire_times import schedules_fit, schedules_text
from runs.deployments import PodSettings
from runs.exporter.manifests import (
    DEFAULT_LIMITS,
    DEFAULT_REQUESTS,
    NAME,
    PRICES,
    SCHEDULES,
    SETTINGS,
    Installation,
)

__all__ = ["PodOptions", "pod_objects"]

_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared, not listened at
_CARRIED = frozenset({"manifests", "namespaces", "listen", "lease", "configuration", "declaration"})
"""Parameters that the objects carry."""
_REFUSED: Mapping[str, str] = {
    "kubeconfig": "the pod watches the cluster that it runs in; leave the option out",
    "context": "the pod watches the cluster that it runs in; leave the option out",
    "web_configuration": "it holds passwords, so that it belongs into a Secret; write exporter: {web_config: {name: SECRET}} in hookline.yaml, "
    "and use hookline render",
    "schedules": "render writes that file, and so does --manifests with -f; leave the option out",
    "ledger": "the pod keeps its ledger on a volume of its own; leave the option out",
    "forecast": "hookline prints either the forecast or the objects; leave one of them out",
}


@dataclass(frozen=True, slots=True)
class PodOptions:
    """Values of the options that the objects carry."""

    image: str
    namespaces: tuple[str, ...]
    listen: str
    lease: tuple[str, str] | None
    """Namespace and name."""
    configuration: Path | None
    declaration: Path | None


def pod_objects(context: click.Context, given: PodOptions) -> list[dict[str, Any]]:
    """The objects that run the exporter with the options that were given; an option that no pod can have ends the command.

    Args:
        context: Of the command: it knows which options were given.
        given: Their values.
    """
    for name, option in given_options(context).items():
        if name not in _CARRIED:
            fail(
                f"{option} with --manifests: {_REFUSED.get(name, 'the objects do not carry it; leave it out')}"
            )
    try:
        check_reference(given.image)
    except ValueError as error:
        fail(f"--manifests {given.image}: {error}")
    host, port = _port(given.listen)
    namespace, lease = _place(given)
    made = Installation(
        namespace=namespace,
        pod=PodSettings(given.image, requests=DEFAULT_REQUESTS, limits=DEFAULT_LIMITS),
        watch=given.namespaces,
        host=host,
        port=port,
        lease=lease,
        files=_files(given),
    )
    return labelled_exporter(made)


def _port(listen: str) -> tuple[str, int]:
    host, port = address(listen)
    if host not in _EVERYWHERE:
        fail(
            f"--listen {listen} with --manifests: probes and Prometheus reach the pod from outside; write 0.0.0.0:PORT or [::]:PORT"
        )
    if port < 1024:
        fail(
            f"--listen {listen} with --manifests: the pod does not run as root; write a port from 1024 to 65535"
        )
    return host, port


def _place(given: PodOptions) -> tuple[str, str]:
    """The namespace in which the exporter runs, and the name of its lease there."""
    if given.lease is None:
        if not given.namespaces:
            fail(
                "--manifests needs a namespace in which the exporter runs: -n ci watches this namespace alone, --lease ci/hookline-exporter all "
                "namespaces"
            )
        return given.namespaces[0], NAME
    namespace, name = given.lease
    try:
        check_object_name(name)
    except ValueError:
        fail(f"--lease {namespace}/{name}: expected the name of a Lease, as in {namespace}/{NAME}")
    return namespace, name


def _files(given: PodOptions) -> dict[str, str]:
    """The files of the pod: settings with their prices, and the schedules of the declaration."""
    found: dict[str, str] = {}
    if given.configuration is not None:
        try:
            found |= _settings(given.configuration)
        except InvalidInput as invalid:
            refuse(invalid)
    if given.declaration is not None:
        text = schedules_text(schedules_of(DeclarationArguments((given.declaration,), (), ()).plan()))
        if not schedules_fit(text):
            print_line(
                f"warning: -f {given.declaration}: its schedules do not fit into a ConfigMap, so that the exporter does not show when they fire",
                err=True,
            )
        elif text:
            found[SCHEDULES] = text
    return found


def _settings(path: Path) -> dict[str, str]:
    from runs.exporter.configuration import read_configuration  # noqa: PLC0415 - needs the exporter's packages

    checked = read_configuration(path)
    text = read_file(path).decode("utf-8")
    if checked.prices is None:
        return {SETTINGS: text}
    said = checked.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"prices"})
    prices = read_file(Path(checked.prices)).decode("utf-8")
    return {SETTINGS: yaml_text({**said, "prices": PRICES}), PRICES: prices}
