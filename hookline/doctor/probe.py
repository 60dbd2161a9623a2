"""The probe of `--end-to-end`: a pipeline whose runs start no container, and a signed push that starts it and nothing else."""

import datetime
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from events.delivery import BusEvent, bus_event, rfc3339
from events.eventsource import Endpoint
from events.host import Verification
from events.request import Delivery, canonical_header
from hookline.answers.simulation import simulate
from hookline.doctor.facts import NamedTemplate
from hookline.doctor.run_needs import pairs, template_of
from hookline.plan.planning import Plan

__all__ = ["Probe", "ProbeRequest", "chosen_probe", "harmless", "request_of", "started_by"]

BRANCH = "main"
AUTHOR = "hookline-doctor"
HOSTS = ("gitea", "github", "gitlab")
"""Hosts whose push is known here."""
_RUNS = {"container", "containerSet", "data", "http", "plugin", "resource", "script", "templateRef"}
"""Keys of a template that runs or makes something, or that is written elsewhere (argo-workflows pkg/apis/workflow/v1alpha1 Template)."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A pipeline that runs nothing, and the source of its events."""

    pipeline: str
    repository: str
    namespace: str
    """Of its Workflows."""
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """A push as its host would send it."""

    path: str
    headers: Mapping[str, str]
    content: Mapping[str, Any]
    """The body before it is written; `orjson.dumps` of it is what is signed."""
    sha: str

    @property
    def body(self) -> bytes:
        """The bytes of the body."""
        return orjson.dumps(self.content)


def harmless(manifest: Any) -> bool:
    """Whether no run of a template starts a container, or makes or asks anything."""
    spec = manifest.get("spec") if isinstance(manifest, dict) else None
    return (
        isinstance(spec, dict)
        and bool(spec.get("templates"))
        and not any(key in _RUNS for key, _ in pairs(spec))
    )


def chosen_probe(plan: Plan, templates: Mapping[NamedTemplate, Any]) -> Probe | None:
    """The first pipeline that starts on pushes and runs nothing, of a host whose push is known; None if there is none.

    Args:
        plan: The plan.
        templates: The manifests, as the cluster has them.
    """
    for route in plan.routes:
        load = plan.workloads[route.pipeline]
        known = "push" in route.kinds and route.source.host.name in HOSTS
        if known and harmless(templates.get(template_of(load))):
            endpoint = plan.endpoints[route.source.name]
            return Probe(route.pipeline, load.repository, load.namespace, endpoint)
    return None


def request_of(probe: Probe, secret: bytes, sha: str, now: datetime.datetime) -> ProbeRequest:
    """A push of a new commit to the probe's repository, proved with the webhook's secret.

    Args:
        probe: The probe.
        secret: Content of the Secret's key.
        sha: The commit, 40 hex digits; another one is another run.
        now: Time of the push.
    """
    host = probe.endpoint.host
    content = _gitlab(probe, sha, now) if host.name == "gitlab" else _github(probe, sha, now)
    event = {"gitlab": "X-Gitlab-Event", "gitea": "X-Gitea-Event"}.get(host.name, "X-GitHub-Event")
    headers = {
        "Content-Type": "application/json",
        event: "Push Hook" if host.name == "gitlab" else "push",
        host.delivery_header or "X-Delivery": f"{AUTHOR}-{sha[:12]}",
        "User-Agent": AUTHOR,
    }
    request = ProbeRequest(probe.endpoint.path, headers, content, sha)
    # One line end at the end of a Secret's value is not part of it, for Argo Events.
    key = secret.removesuffix(b"\n")
    if host.verification is Verification.BEARER:
        proof = {"Authorization": f"Bearer {key.decode('utf-8', 'replace')}"}
    else:
        digest = hmac.new(key, request.body, hashlib.sha256).hexdigest()
        proof = {"X-Hub-Signature-256": f"sha256={digest}"}
    return ProbeRequest(request.path, {**headers, **proof}, content, sha)


def _github(probe: Probe, sha: str, now: datetime.datetime) -> dict[str, Any]:
    """A push as GitHub and Gitea send it."""
    commit = {"id": sha, "message": "a probe of hookline doctor", "timestamp": rfc3339(now)}
    return {
        "ref": f"refs/heads/{BRANCH}",
        "before": "f" * 40,
        "after": sha,
        "created": False,
        "deleted": False,
        "forced": False,
        "commits": [{**commit, "added": [], "removed": [], "modified": ["probe"]}],
        "head_commit": commit,
        "repository": {"full_name": probe.repository, "default_branch": BRANCH},
        "pusher": {"name": AUTHOR, "login": AUTHOR},
        "sender": {"login": AUTHOR},
    }


def _gitlab(probe: Probe, sha: str, now: datetime.datetime) -> dict[str, Any]:
    commit = {"id": sha, "message": "a probe of hookline doctor", "timestamp": rfc3339(now)}
    return {
        "object_kind": "push",
        "event_name": "push",
        "ref": f"refs/heads/{BRANCH}",
        "before": "f" * 40,
        "after": sha,
        "checkout_sha": sha,
        "user_username": AUTHOR,
        "project": {"path_with_namespace": probe.repository, "default_branch": BRANCH},
        "commits": [{**commit, "added": [], "removed": [], "modified": ["probe"]}],
        "total_commits_count": 1,
    }


def started_by(plan: Plan, probe: Probe, request: ProbeRequest, now: datetime.datetime) -> dict[str, str]:
    """Pipeline → reason code of its verdict, for each that the push would start; by the programs that Sensors run."""
    headers = {canonical_header(name): (value,) for name, value in request.headers.items()}
    delivery = Delivery(headers, request.body, request.path)
    read = bus_event(delivery, probe.endpoint.host, probe.endpoint.event_source, probe.endpoint.name)
    event = BusEvent(read.event_source, read.event_name, read.data, {"id": request.sha, "time": rfc3339(now)})
    return {each.pipeline: each.reason for each in simulate(plan, event).results if each.action == "run"}
