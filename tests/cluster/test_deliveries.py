"""Deliveries of every host, for real: what simulate prints is what stands in the API server."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cluster.deliveries import ACR_PATH, DECLARATION, DELIVERIES, Sample
from cluster.installation import TOKEN, Installation, Request, masked
from cluster.waiting import until

from bus.names import consumer
from hookline.plan.objects import objects

HOOKLINE = Path(sys.executable).with_name("hookline")


UNVERIFIED = {"acr", "hub", "gitee", "codeup"}


def simulated(site: Installation, folder: Path, sample: Sample) -> list[Any]:
    """The Workflows that `hookline simulate` prints for a delivery."""
    declaration, event, secret = folder / "hookline.yaml", folder / "event.http", folder / "secret"
    declaration.write_text(DECLARATION.replace("namespace: ci", f"namespace: {site.namespace}"))
    event.write_bytes(sample.request().raw())
    secret.write_text(TOKEN)
    checked = [] if sample.source in UNVERIFIED else ["--secret-file", str(secret)]
    command = [str(HOOKLINE), "simulate", "-f", str(declaration), "-e", str(event), *checked, "-o", "json"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [found["workflow"] for found in json.loads(printed)["results"] if found.get("workflow")]


def by_name(workflows: list[Any]) -> dict[str, Any]:
    return {workflow["metadata"]["name"]: masked(workflow) for workflow in workflows}


def test_every_delivery_becomes_the_workflow_that_simulate_prints(site: Installation, tmp_path: Path) -> None:
    site.install(DECLARATION)
    printed: list[Any] = []
    for sample in DELIVERIES:
        found = simulated(site, tmp_path, sample)
        assert [each["metadata"]["labels"]["hookline.dev/pipeline"] for each in found] == [sample.pipeline]
        printed += found
        assert site.deliver(sample.source, sample.request()) == (200, "success")
    assert by_name(site.until_workflows(len(DELIVERIES))) == by_name(printed)


def test_a_path_that_whoever_applies_fills_is_served_and_an_open_one_receives_nothing(
    site: Installation,
) -> None:
    site.declare(DECLARATION.replace(ACR_PATH, '"${ACR_ENDPOINT}"'))
    for manifest in site.secrets():
        site.api.apply(manifest)
    text = json.dumps(objects(site.plan))
    assert text.count("${") == 1
    sample = next(each for each in DELIVERIES if each.source == "acr").request()
    site.apply_objects(json.loads(text))
    site.start()
    for path in ("/${ACR_ENDPOINT}", "/$%7BACR_ENDPOINT%7D", "/", ACR_PATH):
        assert site.deliver("acr", Request(path, sample.headers, sample.body))[0] == 404
    site.apply_objects(json.loads(text.replace("${ACR_ENDPOINT}", ACR_PATH)))
    site.start()
    assert site.deliver("acr", Request(ACR_PATH[:-1], sample.headers, sample.body))[0] == 404
    assert site.deliver("acr", sample) == (200, "success")
    site.until_workflows(1)


def test_every_subscription_has_the_name_that_a_reader_of_the_bus_works_out(site: Installation) -> None:
    site.install(DECLARATION)
    expected = {
        consumer(sensor.name, each.name, each.name)
        for sensor in site.plan.sensors
        for each in sensor.dependencies
    }
    assert {each.name for each in site.bus.consumers()} == expected


def test_a_replayed_delivery_is_the_same_run(site: Installation) -> None:
    site.install(DECLARATION)
    sample = DELIVERIES[0]
    site.deliver(sample.source, sample.request())
    first = site.until_workflows(1)
    for _ in range(3):
        assert site.deliver(sample.source, sample.request()) == (200, "success")
    until(lambda: site.bus.stream().state.messages == 4, "four events are on the bus")
    assert by_name(site.until_workflows(1)) == by_name(first)


def without_proof(sample: Sample) -> Request:
    proof = {"X-Hub-Signature-256", "X-Hub-Signature", "Authorization"}
    request = sample.request()
    return Request(request.path, {k: v for k, v in request.headers.items() if k not in proof}, request.body)


def test_a_delivery_without_the_right_proof_is_refused_and_starts_nothing(site: Installation) -> None:
    site.install(DECLARATION)
    for sample in DELIVERIES:
        if sample.source in UNVERIFIED:
            continue
        refused = site.plan.endpoints[sample.source].host.receiver.refusal_status
        assert site.deliver(sample.source, sample.request("another secret"))[0] == refused
        assert site.deliver(sample.source, without_proof(sample))[0] == refused
    # Who does not know the random path of a source that cannot prove anything, finds nothing there.
    unverified = next(sample for sample in DELIVERIES if sample.source == "acr").request()
    assert site.deliver("acr", Request(ACR_PATH[:-1], unverified.headers, unverified.body))[0] == 404
    assert site.bus.stream().state.messages == 0
    assert site.workflows() == []
