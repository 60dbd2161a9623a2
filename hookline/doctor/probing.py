"""Sends the probe and follows it: the answer, the Workflow, its end, the exporter's count. Each hop is timed."""

import base64
import datetime
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException, HTTPSConnection
from typing import Any

from apiserver.connection import Connection, Refused, Unreachable
from apiserver.resources import Resources
from events.host import Verification
from hookline.doctor.facts import NamedTemplate, ProbeStep, Unread
from hookline.doctor.probe import Probe, ProbeRequest, chosen_probe, request_of, started_by
from hookline.plan.planning import Plan
from triggers.words import PREFIX

__all__ = ["probed"]

API_VERSION = "argoproj.io/v1alpha1"
ANSWER_SECONDS = 30.0
WORKFLOW_SECONDS = 30.0
END_SECONDS = 60.0
COUNT_SECONDS = 30.0
PAUSE_SECONDS = 0.25
OK = 200


class _Gone(Exception):
    """The probe ended on its way; the message says how."""


def probed(
    plan: Plan,
    objects: Sequence[Mapping[str, Any]],
    templates: Mapping[NamedTemplate, Any],
    connection: Connection,
    tell: Callable[[str], None],
) -> tuple[ProbeStep, ...] | Unread:
    """The hops that the probe passed; the last one has a trouble if it got no further.

    Args:
        plan: The plan.
        objects: Its rendered objects.
        templates: The manifests of templates, as the cluster has them.
        connection: The API server.
        tell: Is told what is waited for.
    """
    probe = chosen_probe(plan, templates)
    if probe is None or probe.endpoint.secret is None:
        return Unread(
            "no pipeline of the declaration starts on pushes and runs no container: hookline docs doctor#end-to-end has one to copy"
        )
    through_proxy = plan.declaration.cluster.ingress is None
    if through_proxy and probe.endpoint.host.verification is Verification.BEARER:
        return Unread(
            f"source {probe.endpoint.name} takes a bearer token, which the API server's proxy does not pass on; it needs cluster.ingress"
        )
    try:
        secret = _secret(connection, plan, probe)
    except Refused as refused:
        return Unread(f"the Secret {probe.endpoint.secret.name} cannot be read: {refused}")
    now = datetime.datetime.now(datetime.UTC)
    request = request_of(probe, secret, secrets.token_hex(20), now)
    started = started_by(plan, probe, request, now)
    if set(started) != {probe.pipeline}:
        others = sorted(set(started) - {probe.pipeline})
        if others:
            return Unread(f"the probe's push would start {', '.join(others)} too, so it was not sent")
        return Unread(f"a push to main does not start {probe.pipeline}, so it was not sent")
    return _followed(plan, objects, probe, request, connection, tell)


def _secret(connection: Connection, plan: Plan, probe: Probe) -> bytes:
    reference = probe.endpoint.secret
    assert reference is not None  # noqa: S101 - the caller has looked
    found = connection.json("GET", f"/api/v1/namespaces/{plan.namespace}/secrets/{reference.name}")
    return base64.b64decode((found.get("data") or {}).get(reference.key, ""))


def _followed(
    plan: Plan,
    objects: Sequence[Mapping[str, Any]],
    probe: Probe,
    request: ProbeRequest,
    connection: Connection,
    tell: Callable[[str], None],
) -> tuple[ProbeStep, ...]:
    resources = Resources(connection)
    service = _exporter_service(objects)
    before = _counted(connection, service, probe.pipeline)
    hops: list[tuple[str, Callable[[], object]]] = [
        ("answered", lambda: _send(plan, probe, request, connection)),
        (
            "Workflow",
            lambda: _until(
                lambda: _workflow(resources, probe, request), WORKFLOW_SECONDS, "no Workflow exists"
            ),
        ),
        (
            "Succeeded",
            lambda: _until(
                lambda: _ended(resources, probe, request), END_SECONDS, "the Workflow does not end"
            ),
        ),
    ]
    if before is not None:
        counted = lambda: (_counted(connection, service, probe.pipeline) or 0) > before  # noqa: E731 - asked again and again
        hops.append(
            ("counted", lambda: _until(counted, COUNT_SECONDS, "the exporter does not count the run"))
        )
    found: list[ProbeStep] = []
    for name, hop in hops:
        tell(f"the probe: {name}")
        start = time.monotonic()
        try:
            hop()
        except (_Gone, Refused, Unreachable) as error:
            return (*found, ProbeStep(name, time.monotonic() - start, str(error)[:300]))
        found.append(ProbeStep(name, time.monotonic() - start))
    return tuple(found)


def _send(plan: Plan, probe: Probe, request: ProbeRequest, connection: Connection) -> None:
    ingress = plan.declaration.cluster.ingress
    if ingress is not None:
        _send_to(ingress.host, request)
        return
    endpoint = probe.endpoint
    path = f"/api/v1/namespaces/{plan.namespace}/services/{endpoint.service}:{endpoint.host.receiver.port}/proxy{request.path}"
    with connection.open(
        "POST", path, body=request.content, headers=request.headers, read_seconds=ANSWER_SECONDS
    ):
        pass


def _send_to(host: str, request: ProbeRequest) -> None:
    connection = HTTPSConnection(host, timeout=ANSWER_SECONDS)
    try:
        connection.request("POST", request.path, request.body, dict(request.headers))
        answer = connection.getresponse()
        text = answer.read(300).decode("utf-8", "replace").strip()
    except (OSError, HTTPException) as error:
        raise _Gone(f"https://{host} does not answer: {error}") from error
    finally:
        connection.close()
    if answer.status != OK:
        raise _Gone(f"https://{host}{request.path} answers {answer.status}: {text}")


def _until(ask: Callable[[], object], seconds: float, trouble: str) -> None:
    end = time.monotonic() + seconds
    while not ask():
        if time.monotonic() > end:
            raise _Gone(f"{trouble} after {seconds:.0f} s")
        time.sleep(PAUSE_SECONDS)


def _workflow(resources: Resources, probe: Probe, request: ProbeRequest) -> Mapping[str, Any] | None:
    found = resources.all_of(API_VERSION, "Workflow", probe.namespace, f"{PREFIX}pipeline={probe.pipeline}")
    return next(
        (
            each
            for each in found
            if (each["metadata"].get("annotations") or {}).get(f"{PREFIX}sha") == request.sha
        ),
        None,
    )


def _ended(resources: Resources, probe: Probe, request: ProbeRequest) -> bool:
    status = (_workflow(resources, probe, request) or {}).get("status") or {}
    phase = status.get("phase", "")
    if phase in ("Failed", "Error"):
        raise _Gone(f"the Workflow ended in {phase}: {status.get('message', '')}")
    return bool(phase == "Succeeded")


def _exporter_service(objects: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    component = "app.kubernetes.io/component"
    return next(
        (
            each
            for each in objects
            if each["kind"] == "Service" and each["metadata"].get("labels", {}).get(component) == "exporter"
        ),
        None,
    )


def _counted(connection: Connection, service: Mapping[str, Any] | None, pipeline: str) -> float | None:
    """Runs of a pipeline that the exporter has counted; None if there is none, or it may not be asked."""
    if service is None:
        return None
    metadata, port = service["metadata"], service["spec"]["ports"][0]["port"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}:{port}/proxy/metrics"
    try:
        with connection.open("GET", path, read_seconds=10) as response:
            text = response.data.decode("utf-8", "replace")
    except (Refused, Unreachable):
        return None
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("hookline_runs_total{") and f'pipeline="{pipeline}"' in line
    )
