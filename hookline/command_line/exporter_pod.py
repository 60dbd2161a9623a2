"""The options of `hookline exporter` as what its pod runs: each is in the printed objects, or refused with what to do instead."""

import re
from collections.abc import Mapping
from typing import Any

import click

from documents.scalars import check_object_name
from hookline.command_line.common import fail
from hookline.command_line.exporter_options import address, given_options
from runs.exporter.manifests import NAME, exporter_manifests

__all__ = ["pod_objects"]

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,510}")
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared, not listened at
_RUN = frozenset({"manifests", "namespace", "listen", "lease"})
"""Parameters that the objects carry."""
_MOUNT = "put the file into a ConfigMap or Secret, mount that, and add the option with its path in the pod to the container's args"
_REFUSED: Mapping[str, str] = {
    "kubeconfig": "the pod watches the cluster that it runs in; leave the option out",
    "context": "the pod watches the cluster that it runs in; leave the option out",
    "configuration": f"the pod does not have this file; {_MOUNT}",
    "web_configuration": f"the pod does not have this file; {_MOUNT}",
    "declaration": f"the pod does not have this file; {_MOUNT}",
    "ledger": "the pod keeps its ledger on a volume of its own; leave the option out",
    "forecast": "hookline prints either the forecast or the objects; leave one of them out",
}


def pod_objects(
    context: click.Context, image: str, namespace: str, listen: str, lease: tuple[str, str] | None
) -> list[dict[str, Any]]:
    """The objects that run the exporter with the options that were given; an option that no pod can have ends the command.

    Args:
        context: Of the command: it knows which options were given.
        image: Of the exporter.
        namespace: Of the runs.
        listen: HOST:PORT.
        lease: Namespace and name, if given.
    """
    for name, option in given_options(context).items():
        if name not in _RUN:
            fail(
                f"{option} with --manifests: {_REFUSED.get(name, 'the objects do not carry it; leave it out')}"
            )
    if not _IMAGE.fullmatch(image):
        fail(
            f"--manifests {image}: expected an image, such as registry.example.com/hookline@sha256:<64 hex digits>"
        )
    if not namespace:
        fail(
            "--manifests needs -n: the objects watch the runs of one namespace, and are made in it, as in -n ci"
        )
    host, port = address(listen)
    if host not in _EVERYWHERE:
        fail(
            f"--listen {listen} with --manifests: probes and Prometheus reach the pod from outside; write 0.0.0.0:PORT or [::]:PORT"
        )
    if port < 1024:
        fail(
            f"--listen {listen} with --manifests: the pod does not run as root; write a port from 1024 to 65535"
        )
    lease_namespace, lease_name = lease or (namespace, NAME)
    if lease_namespace != namespace:
        fail(
            f"--lease {lease_namespace}/{lease_name} with --manifests: the pod has rights in -n {namespace} alone; write {namespace}/NAME"
        )
    try:
        check_object_name(lease_name)
    except ValueError:
        fail(f"--lease {namespace}/{lease_name}: expected the name of a Lease, as in {namespace}/{NAME}")
    return exporter_manifests(namespace, image, port, host=host, lease=lease_name)
