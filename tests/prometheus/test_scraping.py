"""A Prometheus that scrapes the exporter as the printed ServiceMonitor says keeps the namespaces and owners of the runs."""

import json
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from support import ROOT, exporter_of

from runs.exporter.configuration import read_configuration
from runs.exporter.family import Sample
from runs.exporter.ledger import Observation
from runs.exporter.replaying import Replayed

DEMO = ROOT / "hookline/demo_data"
TARGET = {"namespace": "monitoring", "owner": "platform"}
"""Labels that a Prometheus may give to the exporter itself."""


@contextmanager
def scraping(folder: Path, port: int, **settings: Any) -> Iterator[str]:
    """The address of a Prometheus that scrapes this port."""
    job = {
        "job_name": "hookline",
        "scrape_interval": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": TARGET}],
        **settings,
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        "prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(120)


def scraped(url: str, expression: str) -> list[Mapping[str, str]]:
    """The labels of the series that this query finds, as soon as it finds any."""
    end = time.monotonic() + 120
    query = urllib.parse.urlencode({"query": expression})
    while True:
        try:
            with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=10) as answer:  # noqa: S310
                if found := json.load(answer)["data"]["result"]:
                    return [each["metric"] for each in found]
        except OSError:
            pass
        assert time.monotonic() < end, expression
        time.sleep(0.2)


def test_namespaces_and_owners_of_runs_stay_and_no_run_gets_those_of_the_exporter(tmp_path: Path) -> None:
    (endpoint,) = next(
        each["spec"]["endpoints"] for each in exporter_of("ci", "none") if each["kind"] == "ServiceMonitor"
    )
    replayed = Replayed(DEMO / "day.zip", read_configuration(DEMO / "exporter.yaml"))
    nobodys = Sample("hookline_runs_total", ("ci", "", "nobodys", "manual", "success"), 1)
    replayed.ledger.commit([Observation("nobodys", 0.0, [nobodys])])
    server = replayed.server("test", {}, "127.0.0.1", 0)
    port = server.start()
    try:
        with scraping(tmp_path, port, honor_labels=endpoint["honorLabels"]) as url:
            by = "namespace, exported_namespace, owner, exported_owner, pipeline"
            found = scraped(url, f"count by ({by}) (hookline_runs_total)")
            own = scraped(url, "hookline_build_info")
    finally:
        server.stop()
    owners = {each["pipeline"]: each.get("owner") for each in found}
    assert owners["shop"] == "team-web"
    assert owners["billing"] == "team-billing"
    # A run without an owner has none, not the one that Prometheus gave to the exporter.
    assert owners["nobodys"] is None
    assert {each["namespace"] for each in found} == {"ci"}
    assert not [each for each in found if "exported_namespace" in each or "exported_owner" in each]
    assert own[0]["namespace"] == "monitoring"
