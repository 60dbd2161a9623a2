"""Ingress and HTTPRoute objects: each endpoint by its exact path, to the port of its Service."""

from collections.abc import Iterator, Sequence
from typing import Any

from events.eventsource import Endpoint
from events.ingress import Gateway, Ingress

__all__ = ["ingress_manifests"]

MOST_MATCHES, MOST_RULES = 8, 16
"""Most paths of a rule and rules of an HTTPRoute that every release of the Gateway API's v1 takes."""


def ingress_manifests(
    ingress: Ingress, received: Sequence[Endpoint], name: str, namespace: str
) -> list[dict[str, Any]]:
    """The objects that lead deliveries to event sources; none if there are no endpoints.

    Args:
        ingress: As it is declared.
        received: The endpoints that pipelines use.
        name: Of the first object; further ones get a number.
        namespace: Of the objects and the Services.
    """
    if not received:
        return []
    annotations = {**ingress.own_annotations(), **ingress.annotations}
    metadata = {
        "name": name,
        "namespace": namespace,
        **({"annotations": dict(sorted(annotations.items()))} if annotations else {}),
    }
    if ingress.gateway is None:
        return [
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "metadata": metadata,
                "spec": _ingress_spec(ingress, received),
            }
        ]
    rules = list(_route_rules(received))
    parts = [rules[at : at + MOST_RULES] for at in range(0, len(rules), MOST_RULES)]
    return [
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": metadata if number == 1 else {**metadata, "name": f"{name}-{number}"},
            "spec": {
                "parentRefs": [_parent(ingress.gateway)],
                "hostnames": [ingress.host],
                "rules": part,
            },
        }
        for number, part in enumerate(parts, 1)
    ]


def _ingress_spec(ingress: Ingress, received: Sequence[Endpoint]) -> dict[str, Any]:
    paths = [
        {
            "path": each.path,
            "pathType": "Exact",
            "backend": {"service": {"name": each.service, "port": {"number": each.host.receiver.port}}},
        }
        for each in received
    ]
    spec: dict[str, Any] = {"rules": [{"host": ingress.host, "http": {"paths": paths}}]}
    if ingress.class_ is not None:
        spec = {"ingressClassName": ingress.class_, **spec}
    if ingress.tls:
        spec["tls"] = [{"hosts": [ingress.host], "secretName": ingress.tls}]
    return spec


def _parent(gateway: Gateway) -> dict[str, Any]:
    named = {"name": gateway.name, "namespace": gateway.namespace, "sectionName": gateway.listener}
    return {key: value for key, value in named.items() if value is not None}


def _route_rules(received: Sequence[Endpoint]) -> Iterator[dict[str, Any]]:
    """Rules by Service and port."""
    backends: dict[tuple[str, int], list[str]] = {}
    for each in received:
        backends.setdefault((each.service, each.host.receiver.port), []).append(each.path)
    for (service, port), paths in backends.items():
        for at in range(0, len(paths), MOST_MATCHES):
            yield {
                "matches": [
                    {"path": {"type": "Exact", "value": path}, "method": "POST"}
                    for path in paths[at : at + MOST_MATCHES]
                ],
                "backendRefs": [{"name": service, "port": port}],
            }
