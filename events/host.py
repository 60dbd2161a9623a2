"""Hosts: one record and one jq program each. Adding a host is adding the two files to `events/hosts/`."""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType

from events import hosts
from events.canonical import Kind
from events.receivers import Receiver, Verification
from events.webhook_form import WebhookForm

__all__ = ["Host", "Verification", "host", "host_names", "prelude_text", "program_text"]


@dataclass(frozen=True, slots=True)
class Host:
    """The properties of one git host or registry, the same for every user."""

    name: str
    """The word after `host:` in hookline.yaml; also the name of its program, `<name>.jq`."""
    title: str
    kinds: frozenset[Kind]
    """Event kinds that its program can produce."""
    receiver: Receiver
    """The event source of Argo Events that takes its deliveries."""
    verification: Verification
    webhook: WebhookForm
    """The form in which a user sets it up; `hookline webhooks` prints the part that a declaration needs."""
    event_headers: tuple[str, ...] = ()
    """Request headers of which one must name the event, in Go's canonical case; empty if the body names it."""
    delivery_header: str | None = None
    """The request header with the delivery id, in Go's canonical case."""
    commit_page: str = ""
    """Path of a commit's page below the host's address, with {repository} and {sha}; empty for a registry."""
    request_page: str = ""
    """Path of a request's page below the host's address, with {repository} and {number}; empty for a registry."""
    ignores_case: bool = False
    """Whether the host compares repository names ignoring case."""
    lists_files: bool = False
    """Whether its push events list changed files; no host lists them on pull requests or tags."""
    several_refs: bool = False
    """Whether one delivery may tell of several branches and tags."""
    lacks: Mapping[Kind, str] = field(default_factory=lambda: MappingProxyType({}))
    """Kinds of events that it sends and that start nothing → why, and what to do in their place, as a sentence without its end."""
    tells_added_labels: bool = False
    """Whether its pull request events say which label was added, which is how a request from a fork is approved."""
    request_refs: str = "refs/pull/"
    """Begin of the ref of a pull request's head, before its number."""
    official_namespace: str | None = None
    """The namespace of a registry's own images, where nobody else can set a webhook; a name without a slash is in it."""
    senders: tuple[str, ...] = ()
    """Address blocks from which it says that it delivers; empty where it names none."""
    registries: tuple[str, ...] = ()
    """Registry names that its images live under, where that is fixed (Docker Hub, GHCR); empty = any."""

    def key(self, name: str) -> str:
        """A repository or image as the host compares names, and as `key` in decide.jq spells it."""
        return name.lower() if self.ignores_case else name


@cache
def host_names() -> tuple[str, ...]:
    """Names of all hosts, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(hosts.__path__)))


@cache
def host(name: str) -> Host:
    """The record of a host; imports that host's module alone.

    Raises:
        KeyError: There is no such host.
    """
    if name not in host_names():
        raise KeyError(name)
    record = importlib.import_module(f"events.hosts.{name}").HOST
    if not isinstance(record, Host) or record.name != name:
        raise TypeError(f"events/hosts/{name}.py must define HOST, a Host named {name!r}")
    return record


@cache
def program_text(name: str) -> str:
    """The jq program of a host: defines `canonical`, from event data to the canonical event."""
    return resources.files(hosts).joinpath(f"{name}.jq").read_text(encoding="utf-8")


@cache
def prelude_text() -> str:
    """The jq functions that every host's program may use."""
    return resources.files("events").joinpath("prelude.jq").read_text(encoding="utf-8")
