"""Addresses, names and folders of the node. They are those of its own namespaces: none can be taken."""

from pathlib import Path

__all__ = [
    "ADDRESS",
    "DNS",
    "DOMAIN",
    "FOLDER",
    "FORGE",
    "NAME",
    "OWN_REGISTRY",
    "POD_ADDRESSES",
    "SERVICE_ADDRESSES",
]

NAME = "node-1"
ADDRESS = "172.30.0.1"
"""Of the node: the API server, the git host and the registries listen here."""
POD_ADDRESSES = "10.244.0.0/24"
SERVICE_ADDRESSES = "10.96.0.0/16"
DNS = "10.96.0.10"
"""Of the Service of CoreDNS."""
DOMAIN = "cluster.local"
FORGE = f"forge.infra.svc.{DOMAIN}"
"""The git host, the registry and the module proxy, as pods and the node know them."""
OWN_REGISTRY = "registry.example.com"
"""Where hookline's own image is, as a company's registry has it."""
FOLDER = Path("/run/node")
"""For everything that is written, in memory."""
