"""Models of `sources:` in hookline.yaml: where deliveries come from, and what proves it."""

import difflib
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from documents.blocks import Block, Name, SecretKey, Url
from documents.scalars import check_cidr, check_cidrs
from events.host import Verification, host, host_names
from events.repository_fields import fields_of, fill
from events.scalars import check_endpoint, check_source_name, check_url, is_placeholder

__all__ = ["App", "Report", "SecretReference", "Source", "SourceName", "Unverified"]

SourceName = Annotated[str, AfterValidator(check_source_name)]


def _secret_is_a_reference(value: Any) -> Any:
    if isinstance(value, str | int | float):
        raise ValueError(  # noqa: TRY004 - one kind of error for the reader; the value is not repeated
            "a secret is named, never written down: {name: <Secret>, key: <key in it>}"
        )
    return value


class SecretReference(Block):
    """A key of a Kubernetes Secret in the namespace of the event sources."""

    name: Name = Field(description="Name of the Secret.", examples=["github-webhook"])
    key: SecretKey = Field(description="Key in the Secret.", examples=["secret"])


class App(Block):
    """A GitHub App that makes check runs."""

    id: int = Field(ge=1, description="App ID, as the App's settings at GitHub show it.", examples=[123456])
    installation: int | None = Field(
        default=None,
        ge=1,
        description="Number of the App's installation, the last part of the address of its settings. Default: GitHub is asked for each owner.",
        examples=[7654321],
    )
    private_key: Annotated[SecretReference, BeforeValidator(_secret_is_a_reference)] = Field(
        description="Secret that holds a private key of the App, as GitHub gives it to download (PEM).",
        examples=[{"name": "github-app", "key": "private-key.pem"}],
    )


class Report(Block):
    """How the host of a source is told of runs."""

    token: Annotated[SecretReference | None, BeforeValidator(_secret_is_a_reference)] = Field(
        default=None,
        description="Secret that holds a token which may set the statuses of commits. Either this or app:.",
        examples=[{"name": "github-statuses", "key": "token"}],
    )
    app: App | None = Field(
        default=None,
        description="GitHub App that makes check runs: they show steps and failing tests. Only for GitHub, in place of token:.",
        examples=[{"id": 123456, "private_key": {"name": "github-app", "key": "private-key.pem"}}],
    )
    api: Url | None = Field(
        default=None,
        description="Address of the host's API, such as https://git.example.com/api/v1. Default: that of the host from which the source's "
        "repositories are cloned.",
        examples=["https://git.example.com/api/v1"],
    )
    ca: SecretReference | None = Field(
        default=None,
        description="Secret with the certificates that sign the host's, if it has a private authority.",
        examples=[{"name": "private-ca", "key": "ca.crt"}],
    )

    @model_validator(mode="after")
    def _has_one_right(self) -> "Report":
        if self.token is None and self.app is None:
            raise ValueError(
                "expected token: {name: <Secret>, key: <key in it>}, or for GitHub app: {id, private_key: {name, key}}"
            )
        if self.token is not None and self.app is not None:
            raise ValueError(
                "token: a source reports by a token or by an App, not by both; leave token: or app: out"
            )
        return self


class Unverified(Block):
    """The user's consent to receive a source that cannot be verified."""

    because: Annotated[str, Field(min_length=10, max_length=200)] = Field(
        description="Reason why you accept this source although its deliveries cannot be verified. The output keeps it.",
        examples=["ACR cannot sign; the endpoint is reachable from its egress addresses only"],
    )
    allowed_cidrs: Annotated[
        list[Annotated[str, AfterValidator(check_cidr)]],
        Field(min_length=1, max_length=50),
        AfterValidator(check_cidrs),
    ] = Field(
        description="Address blocks that may reach the endpoint, as the pod of the event source sees them (NetworkPolicy).",
        examples=[["47.98.116.0/24"]],
    )


def _check_host(value: str) -> str:
    if value not in host_names():
        near = difflib.get_close_matches(value, host_names(), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f'"{value[:40]}" is not a host; accepted: {", ".join(host_names())}{hint}')
    return value


def _check_url_pattern(value: str) -> str:
    check_url(fill(value, fields_of("acme/shop", "shop")))
    return value


class Source(Block):
    """One source of events: a git host or a registry, and the endpoint that it delivers to."""

    host: Annotated[str, AfterValidator(_check_host)] = Field(
        description="Git host or registry that sends the events.", examples=["github"]
    )
    endpoint: Annotated[str, AfterValidator(check_endpoint)] = Field(
        description="URL path to which the host delivers. For a host that cannot sign, ${NAME} keeps the path out of Git: hookline docs sources#a-path-that-is-not-in-git.",
        examples=["/github"],
    )
    secret: Annotated[SecretReference | None, BeforeValidator(_secret_is_a_reference)] = Field(
        default=None,
        description="Secret that holds the webhook's secret (signature) or token (bearer). Required if the host can sign or send a token.",
        examples=[{"name": "github-webhook", "key": "secret"}],
    )
    unverified: Unverified | None = Field(
        default=None,
        description="Accept a host that can neither sign nor send a token. The endpoint path then needs at least 128 random bits of your own.",
        examples=[{"because": "ACR cannot sign its notifications", "allowed_cidrs": ["47.98.116.0/24"]}],
    )

    url: Annotated[str, AfterValidator(_check_url_pattern)] | None = Field(
        default=None,
        description="Pattern of the clone URLs of its repositories: {repository} is acme/shop, {owner} acme, {repository_name} shop.",
        examples=["https://git.example.com/{repository}.git"],
    )

    report: Report | None = Field(
        default=None,
        description="Tell the host how runs go, as statuses of their commits. Needs controller:.",
        examples=[{"token": {"name": "github-statuses", "key": "token"}}],
    )

    @model_validator(mode="after")
    def _clones_where_it_holds_code(self) -> "Source":
        if self.url is not None and "push" not in host(self.host).kinds:
            raise ValueError(f"url: {host(self.host).title} is a registry and holds no code to clone")
        return self

    @model_validator(mode="after")
    def _can_be_verified(self) -> "Source":
        record = host(self.host)
        if record.verification is Verification.NONE:
            if self.secret is not None:
                raise ValueError(
                    f"secret: {record.title} cannot sign or send a header, so a secret would never be checked; "
                    "use unverified: {because, allowed_cidrs} and a random endpoint path"
                )
            if self.unverified is None:
                raise ValueError(
                    f"{record.title} can neither sign nor send a token; accept that with unverified: {{because, allowed_cidrs}} "
                    "and an endpoint path of your own with at least 128 random bits (hookline init --endpoint prints one)"
                )
            if not is_placeholder(self.endpoint) and not _has_random_part(self.endpoint):
                raise ValueError(
                    "endpoint: the path is the only secret of this source, so one part of it must be at least 128 random bits "
                    "(22 characters of base64url or 32 of hex); hookline init --endpoint prints one"
                )
        else:
            if is_placeholder(self.endpoint):
                raise ValueError(
                    f"endpoint: {record.title} can be verified, so its path is no secret; write it down, such as /{self.host}"
                )
            if self.unverified is not None:
                raise ValueError(
                    f"unverified: {record.title} can be verified; give secret: {{name, key}} instead"
                )
            if self.secret is None:
                how = (
                    "signs its deliveries"
                    if record.verification is Verification.SIGNATURE
                    else "can send a bearer token"
                )
                raise ValueError(
                    f"{record.title} {how}, so a secret is needed: secret: {{name: <Secret>, key: <key in it>}}"
                )
        return self


def _has_random_part(endpoint: str) -> bool:
    """Whether a path part can carry 128 random bits; variety is a floor against typed-in words, not a measure."""
    return any(
        len(set(part)) >= 10
        and (
            re.fullmatch(r"[0-9a-f]{32,}", part)
            or (re.fullmatch(r"[A-Za-z0-9_-]{22,}", part) and re.search(r"\d", part))
        )
        for part in endpoint.split("/")
    )
