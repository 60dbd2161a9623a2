"""Model of `cluster.ingress` in hookline.yaml: how deliveries reach the event sources from outside of the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from documents.blocks import Block, Name, Text
from documents.scalars import check_metadata_key, check_object_name, matching
from events.receivers import MAX_PAYLOAD_BYTES

__all__ = ["CONTROLLERS", "Controller", "Gateway", "Ingress", "IngressController"]

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HostName = Annotated[
    str,
    AfterValidator(
        matching(
            rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})+",
            "expected a DNS name in lower case, such as ci.example.com, without scheme, port, path and *",
        )
    ),
]
_ObjectName = Annotated[str, AfterValidator(check_object_name)]
_MetadataKey = Annotated[str, AfterValidator(check_metadata_key)]
_RATE = "{rate}"
_MEBIBYTES = MAX_PAYLOAD_BYTES // (1024 * 1024)


@dataclass(frozen=True, slots=True)
class IngressController:
    """An ingress controller: the annotations that only it reads."""

    rate: Mapping[str, str]
    """Annotations that limit requests to {rate} a second."""
    body: Mapping[str, str]
    """Annotations that let deliveries through which are as large as the event sources take; empty if it lets them through anyway."""

    def annotations(self, requests_per_second: int | None) -> dict[str, str]:
        """The annotations of an Ingress."""
        if requests_per_second is None:
            return dict(self.body)
        rate = {key: value.replace(_RATE, str(requests_per_second)) for key, value in self.rate.items()}
        return {**self.body, **rate}


Controller = Literal["alb", "haproxy", "ingress-nginx", "nginx"]

CONTROLLERS: Mapping[str, IngressController] = {
    # Alibaba Cloud's; it counts the requests of everybody together, 1 to 100,000 a second.
    "alb": IngressController({"alb.ingress.kubernetes.io/traffic-limit-qps": _RATE}, {}),
    # HAProxy Technologies' (haproxy.org), for each client address.
    "haproxy": IngressController(
        {
            "haproxy.org/rate-limit-requests": _RATE,
            "haproxy.org/rate-limit-period": "1s",
            "haproxy.org/rate-limit-status-code": "429",
        },
        {},
    ),
    # The Kubernetes project's (docs/user-guide/nginx-configuration/annotations.md), for each client address and replica.
    "ingress-nginx": IngressController(
        {"nginx.ingress.kubernetes.io/limit-rps": _RATE},
        {"nginx.ingress.kubernetes.io/proxy-body-size": f"{_MEBIBYTES}m"},
    ),
    # F5's (nginx.org), for each client address and replica; without a burst it would refuse a second request at once.
    "nginx": IngressController(
        {
            "nginx.org/limit-req-rate": f"{_RATE}r/s",
            "nginx.org/limit-req-key": "${binary_remote_addr}",
            "nginx.org/limit-req-burst": _RATE,
            "nginx.org/limit-req-no-delay": "true",
            "nginx.org/limit-req-reject-code": "429",
        },
        {"nginx.org/client-max-body-size": f"{_MEBIBYTES}m"},
    ),
}
"""Controllers whose annotations are known, by the word after `controller:`."""


class Gateway(Block):
    """A Gateway of the Gateway API, to which an HTTPRoute is attached in place of an Ingress."""

    name: Name = Field(description="Name of the Gateway.", examples=["public"])
    namespace: Name | None = Field(
        default=None,
        description="Namespace of the Gateway. Its listener must admit routes of cluster.namespace (allowedRoutes). Default: cluster.namespace.",
        examples=["gateways"],
    )
    listener: _ObjectName | None = Field(
        default=None,
        description="Listener that takes the deliveries (sectionName). Default: every listener that admits the host, those without TLS too.",
        examples=["https"],
    )


def _secret_or_false(value: Any) -> Any:
    if value is True or value in ("true", "false"):
        raise ValueError(
            "expected the name of the Secret with the certificate, or false, without quotes, if something before the Ingress ends TLS"
        )
    return value


class Ingress(Block):
    """The way of deliveries from outside of the cluster to the event sources: an Ingress, or an HTTPRoute."""

    host: _HostName = Field(
        description="Name of the address under which hosts deliver.", examples=["ci.example.com"]
    )
    class_: _ObjectName | None = Field(
        default=None,
        alias="class",
        description="IngressClass of the Ingress. Default: the cluster's default class.",
        examples=["nginx"],
    )
    tls: Annotated[_ObjectName | Literal[False] | None, BeforeValidator(_secret_or_false)] = Field(
        default=None,
        description="Secret with the certificate, in cluster.namespace; or false if something before the Ingress ends TLS, such as a load "
        "balancer with a certificate of its own. Required for an Ingress: tokens and payloads must not travel in plain text.",
        examples=["ci-example-com-tls"],
    )
    gateway: Gateway | None = Field(
        default=None,
        description="Render an HTTPRoute of this Gateway instead of an Ingress.",
        examples=[{"name": "public", "namespace": "gateways", "listener": "https"}],
    )
    controller: Controller | None = Field(
        default=None,
        description="Ingress controller whose own annotations are written: alb (Alibaba Cloud), haproxy (haproxy.org), ingress-nginx, or nginx "
        "(nginx.org). ingress-nginx and nginx then let deliveries of 4 MiB through; without it they refuse more than 1 MiB.",
        examples=["ingress-nginx"],
    )
    rate_limit: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None,
        description="Most requests a second, from each client address; with alb from everybody together. Needs controller:, because there is no "
        "common way to write it. A request beyond the limit is refused, and most hosts do not send it again.",
        examples=[50],
    )
    annotations: dict[_MetadataKey, Text] = Field(
        default={},
        description="Further annotations of the Ingress or the HTTPRoute.",
        examples=[{"cert-manager.io/cluster-issuer": "letsencrypt"}],
    )

    @model_validator(mode="after")
    def _can_be_rendered(self) -> "Ingress":
        if self.gateway is not None:
            self._refuse_what_a_gateway_decides()
        elif self.tls is None:
            raise ValueError(
                "say who ends TLS: tls: <Secret with the certificate>, or tls: false if something before the Ingress does"
            )
        if self.rate_limit is not None and self.controller is None:
            raise ValueError(
                "rate_limit: an Ingress has no field for it, and each controller has annotations of its own; name yours under controller: "
                f"({', '.join(CONTROLLERS)}), or limit requests in front of the cluster"
            )
        for key in self.own_annotations().keys() & self.annotations.keys():
            raise ValueError(
                f"annotations: {key} is written for controller: {self.controller}; leave one of the two out"
            )
        return self

    def _refuse_what_a_gateway_decides(self) -> None:
        if self.class_ is not None or self.tls is not None:
            key = "class" if self.class_ is not None else "tls"
            raise ValueError(
                f"{key}: belongs to an Ingress; the listener of a Gateway has its class and its certificate, so leave it out"
            )
        if self.controller is not None or self.rate_limit is not None:
            key = "rate_limit" if self.rate_limit is not None else "controller"
            raise ValueError(
                f"{key}: the Gateway API has no limit of requests, and annotations of ingress controllers mean nothing on an HTTPRoute; "
                "attach a policy of your Gateway's own to the HTTPRoute"
            )

    def own_annotations(self) -> dict[str, str]:
        """The annotations that follow from `controller` and `rate_limit`."""
        return CONTROLLERS[self.controller].annotations(self.rate_limit) if self.controller else {}
