"""cluster.ingress: every used endpoint is routed by its exact path, and what cannot be rendered is refused."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import plan

from documents.diagnostics import InvalidInput
from events.eventsource import Endpoint
from events.host import host
from events.ingress import CONTROLLERS, Controller, Gateway, Ingress
from events.ingress_objects import MOST_MATCHES, MOST_RULES, ingress_manifests
from hookline.plan.objects import objects

SOURCES = """\
version: 1
cluster: {namespace: ci, ingress: INGRESS}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}}
  gitlab: {host: gitlab, endpoint: /gitlab, secret: {name: hooks, key: gitlab}}
  unused: {host: gitea, endpoint: /gitea, secret: {name: hooks, key: gitea}}
  acr: {host: acr, endpoint: ACR, unverified: {because: ACR cannot sign anything, allowed_cidrs: [203.0.113.0/24]}}
pipelines:
  shop:
    repository: {source: github, name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    events: {push: {branches: [main]}, image_push: {source: acr, image: acme/go-base}}
  cart:
    repository: {source: gitlab, name: acme/cart, url: "https://gitlab.com/acme/cart.git"}
    image: registry.example.com/acme/cart
    events: {push: {branches: [main]}}
"""
ACR = "/acr/0f9kW3xQ7pL2vN8sT4yB6d"


def declared(ingress: str, acr: str = ACR) -> str:
    return SOURCES.replace("INGRESS", ingress).replace("ACR,", f"{acr},", 1)


def routing(ingress: str) -> list[dict[str, Any]]:
    return [each for each in objects(plan(declared(ingress))) if each["kind"] in {"Ingress", "HTTPRoute"}]


BACKENDS = {
    "/github": ("hookline-webhooks-eventsource-svc", 12000),
    "/gitlab": ("hookline-webhooks-eventsource-svc", 12001),
    ACR: ("hookline-acr-eventsource-svc", 12001),
}


def test_an_ingress_routes_every_used_endpoint_and_nothing_else() -> None:
    (found,) = routing("{host: ci.example.com, class: nginx, tls: cert}")
    assert (found["apiVersion"], found["metadata"]["name"]) == ("networking.k8s.io/v1", "hookline-webhooks")
    assert "annotations" not in found["metadata"]
    spec = found["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["ci.example.com"], "secretName": "cert"}]
    (rule,) = spec["rules"]
    assert rule["host"] == "ci.example.com"
    assert {each["pathType"] for each in rule["http"]["paths"]} == {"Exact"}
    assert {
        each["path"]: (
            each["backend"]["service"]["name"],
            each["backend"]["service"]["port"]["number"],
        )
        for each in rule["http"]["paths"]
    } == BACKENDS


def test_an_ingress_behind_something_that_ends_tls_has_no_certificate_and_may_have_the_default_class() -> (
    None
):
    (found,) = routing("{host: ci.example.com, tls: false}")
    assert found["spec"].keys() == {"rules"}


def test_a_route_is_attached_to_the_listener_of_its_gateway() -> None:
    (found,) = routing(
        "{host: ci.example.com, gateway: {name: public, namespace: gateways, listener: https}}"
    )
    assert found["apiVersion"] == "gateway.networking.k8s.io/v1"
    spec = found["spec"]
    assert spec["parentRefs"] == [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
    assert spec["hostnames"] == ["ci.example.com"]
    assert {
        match["path"]["value"]: (rule["backendRefs"][0]["name"], rule["backendRefs"][0]["port"])
        for rule in spec["rules"]
        for match in rule["matches"]
    } == BACKENDS
    assert {
        (match["path"]["type"], match["method"]) for rule in spec["rules"] for match in rule["matches"]
    } == {("Exact", "POST")}


@given(verified=st.integers(0, 40), alone=st.integers(0, 40))
def test_routes_stay_within_what_the_gateway_api_takes(verified: int, alone: int) -> None:
    received = [
        Endpoint(f"s{each}", host("github"), f"/s{each}", None, None, "hookline-webhooks")
        for each in range(verified)
    ] + [
        Endpoint(f"a{each}", host("acr"), f"/a{each}", None, None, f"hookline-a{each}")
        for each in range(alone)
    ]
    ingress = Ingress(host="ci.example.com", gateway=Gateway(name="public"))
    routes = ingress_manifests(ingress, received, "hookline-webhooks", "ci")
    rules = [rule for route in routes for rule in route["spec"]["rules"]]
    assert len({route["metadata"]["name"] for route in routes}) == len(routes)
    assert all(len(route["spec"]["rules"]) <= MOST_RULES for route in routes)
    assert all(len(rule["matches"]) <= MOST_MATCHES for rule in rules)
    assert sorted(match["path"]["value"] for rule in rules for match in rule["matches"]) == sorted(
        each.path for each in received
    )


@pytest.mark.parametrize(
    ("controller", "expected"),
    [
        ("alb", {"alb.ingress.kubernetes.io/traffic-limit-qps": "50"}),
        (
            "ingress-nginx",
            {
                "nginx.ingress.kubernetes.io/limit-rps": "50",
                "nginx.ingress.kubernetes.io/proxy-body-size": "4m",
            },
        ),
        (
            "haproxy",
            {
                "haproxy.org/rate-limit-requests": "50",
                "haproxy.org/rate-limit-period": "1s",
                "haproxy.org/rate-limit-status-code": "429",
            },
        ),
        (
            "nginx",
            {
                "nginx.org/client-max-body-size": "4m",
                "nginx.org/limit-req-rate": "50r/s",
                "nginx.org/limit-req-key": "${binary_remote_addr}",
                "nginx.org/limit-req-burst": "50",
                "nginx.org/limit-req-no-delay": "true",
                "nginx.org/limit-req-reject-code": "429",
            },
        ),
    ],
)
def test_a_limit_is_written_as_the_named_controller_reads_it(
    controller: str, expected: dict[str, str]
) -> None:
    (found,) = routing(f"{{host: ci.example.com, tls: cert, controller: {controller}, rate_limit: 50}}")
    assert found["metadata"]["annotations"] == expected
    (without,) = routing(
        f"{{host: ci.example.com, tls: cert, controller: {controller}, annotations: {{a: b}}}}"
    )
    own = {key: value for key, value in expected.items() if key.endswith("body-size")}
    assert without["metadata"]["annotations"] == {"a": "b", **own}


def test_every_controller_that_can_be_declared_has_its_annotations() -> None:
    assert tuple(CONTROLLERS) == get_args(Controller)
    for each in CONTROLLERS.values():
        assert any("7" in value for value in each.annotations(7).values())


@pytest.mark.parametrize(
    ("ingress", "message"),
    [
        ("{host: ci.example.com}", "say who ends TLS"),
        ("{host: ci.example.com, tls: true}", "expected the name of the Secret with the certificate, or false"),
        ("{host: ci.example.com, tls: 'false'}", "or false, without quotes"),
        ("{host: 'https://ci.example.com', tls: cert}", "expected a DNS name"),
        ("{host: '*.example.com', tls: cert}", "expected a DNS name"),
        ("{host: ci.example.com/hooks, tls: cert}", "expected a DNS name"),
        ("{host: CI.example.com, tls: cert}", "expected a DNS name"),
        ("{host: localhost, tls: cert}", "expected a DNS name"),
        (f"{{host: {'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.example.com, tls: cert}}", "expected a DNS name"),
        ("{host: ci.example.com, tls: cert, rate_limit: 50}", "name yours under controller:"),
        ("{host: ci.example.com, tls: cert, controller: traefik}", "controller: expected one of: alb, haproxy, ingress-nginx, nginx"),
        ("{host: ci.example.com, tls: cert, controller: alb, rate_limit: 0}", "rate_limit: expected 1 or more, not 0"),
        ("{host: ci.example.com, gateway: {name: public}, tls: cert}", "tls: belongs to an Ingress"),
        ("{host: ci.example.com, gateway: {name: public}, tls: false}", "tls: belongs to an Ingress"),
        ("{host: ci.example.com, gateway: {name: public}, class: nginx}", "class: belongs to an Ingress"),
        ("{host: ci.example.com, gateway: {name: public}, controller: alb, rate_limit: 5}", "rate_limit: the Gateway API has no"),
        ("{host: ci.example.com, gateway: {name: public}, controller: alb}", "controller: the Gateway API has no"),
        (
            "{host: ci.example.com, tls: cert, controller: ingress-nginx, annotations: {nginx.ingress.kubernetes.io/proxy-body-size: 8m}}",
            "is written for controller: ingress-nginx",
        ),
        ("{host: ci.example.com, tls: cert, annotations: {'a b': c}}", "expected the key of a label or annotation"),
    ],
)  # fmt: skip
def test_what_cannot_be_rendered_is_refused(ingress: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        plan(declared(ingress))
    (only,) = refused.value.diagnostics
    assert message in f"{only.field.removeprefix('cluster.ingress.')}: {only.message}"
    assert only.position.line == 2


def test_two_services_cannot_have_one_path_behind_an_ingress() -> None:
    text = declared("{host: ci.example.com, tls: cert}").replace("endpoint: /github", f"endpoint: {ACR}")
    with pytest.raises(InvalidInput) as refused:
        plan(text)
    assert [each.message for each in refused.value.diagnostics] == [
        f'source "acr" has the endpoint {ACR} too, and an ingress routes a path to one Service only; take another path'
    ]
    assert objects(plan(text.replace(", ingress: {host: ci.example.com, tls: cert}", "")))


def test_an_ingress_without_anything_to_route_is_left_out_and_said() -> None:
    text = (
        "version: 1\ncluster: {ingress: {host: ci.example.com, tls: cert}}\npipelines:\n  shop:\n"
        "    repository: {name: acme/shop, url: 'https://git.example.com/acme/shop.git'}\n"
        "    image: registry.example.com/acme/shop\n    events: {schedule: {at: '30 2 * * *'}}\n"
    )
    found = plan(text)
    assert [each.field for each in found.warnings] == ["cluster.ingress"]
    assert not [each for each in objects(found) if each["kind"] == "Ingress"]
