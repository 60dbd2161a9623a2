"""hookline fan-out at the real API server, with the rights of its account and no others: quotas, missing rights, kills."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cluster.control_plane import ControlPlane
from cluster.installation import API, Installation
from cluster.waiting import until
from fan_out_site import fan_out
from support import ROOT

from hookline.fanning_out.needs import rules, rules_at_home
from runs.deployments import granted

NAME = "fan-out-golang-1"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(site: Installation, cluster: ControlPlane, tmp_path: Path) -> Start:
    """The command as its pod runs it."""
    where = {"name": "fan-out", "namespace": site.namespace}
    site.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": where})
    allow(site, [*rules_at_home(), *rules()])
    config = json.loads(cluster.kubeconfig.read_text())
    for each in config["users"]:
        each["user"] = {"token": site.api.token(site.namespace, "fan-out")}
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    own = ["fan-out", "-n", site.namespace, "--workflow", NAME, "--kubeconfig", str(tmp_path / "kubeconfig")]
    command = [sys.executable, "-m", "hookline", *own, "--outputs", str(tmp_path)]

    def started(*options: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, "ARGO_PROGRESS_FILE": str(tmp_path / "progress")},
            stderr=subprocess.PIPE,
            text=True,
        )

    return started


def allow(site: Installation, given: list[dict[str, Any]]) -> None:
    """The rights of the account."""
    for each in granted("Role", "fan-out", site.namespace, given, "fan-out", site.namespace):
        site.api.apply(each)


def order(site: Installation, runs: int, **pace: int) -> None:
    made = fan_out(runs, namespaces=(site.namespace,), pace=pace or None)
    made["metadata"] |= {"namespace": site.namespace}
    site.api.create(made)


def quota(site: Installation, most: int) -> None:
    """A quota of Workflows. Its status is written as well: the admission goes by it, and its controller takes a moment."""
    hard = {"count/workflows.argoproj.io": str(most)}
    place = {"name": "runs", "namespace": site.namespace}
    site.api.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": place, "spec": {"hard": hard}})
    used = {"count/workflows.argoproj.io": str(len(site.api.list(API, "Workflow", site.namespace)))}
    status = {"status": {"hard": hard, "used": used}}
    site.api.patch("v1", "ResourceQuota", "runs", site.namespace, status, "/status")


def ended(process: "subprocess.Popen[str]", folder: Path) -> tuple[int, Mapping[str, int], str]:
    """Exit code, counts, and what stands on stderr."""
    _, said = process.communicate(timeout=120)
    return process.returncode, json.loads((folder / "counts").read_text()), said


def runs(site: Installation) -> list[str]:
    found = site.api.list(API, "Workflow", site.namespace, "hookline.dev/fan-out")
    return [each["metadata"]["name"] for each in found]


def test_300_runs_are_created_with_the_rights_of_the_account(
    site: Installation, start: Start, tmp_path: Path
) -> None:
    order(site, 300)
    begin = time.monotonic()
    code, counts, said = ended(start(), tmp_path)
    print(f"300 runs in {time.monotonic() - begin:.1f} s with the start of the process")
    assert code == 0, said
    assert counts == {"started": 300, "existing": 0, "replaced": 0, "refused": 0}
    assert len(runs(site)) == 300


def test_a_quota_refuses_some_and_what_exists_is_known_though_it_is_full(
    site: Installation, start: Start, tmp_path: Path
) -> None:
    order(site, 30)
    quota(site, 21)
    code, counts, said = ended(start("--retry-refused", "0s"), tmp_path)
    assert (code, counts["started"], counts["refused"]) == (1, 20, 10), said
    assert "exceeded quota: runs" in said
    code, counts, said = ended(start("--retry-refused", "0s"), tmp_path)
    assert (code, counts) == (1, {"started": 0, "existing": 20, "replaced": 0, "refused": 10}), said
    # A second create of what exists would take places in the quota: thirty runs and the fan-out fit exactly.
    quota(site, 31)
    code, counts, said = ended(start("--retry-refused", "30s"), tmp_path)
    assert (code, counts) == (0, {"started": 10, "existing": 20, "replaced": 0, "refused": 0}), said
    assert len(runs(site)) == 30


def test_a_missing_right_is_one_line(site: Installation, start: Start, tmp_path: Path) -> None:
    order(site, 50)
    allow(site, rules_at_home())
    code, counts, said = ended(start("--retry-refused", "0s"), tmp_path)
    assert (code, counts["refused"]) == (1, 50), said
    assert len([line for line in said.splitlines() if "cannot create resource" in line]) == 2, said
    assert f"refused: 50 runs of namespace {site.namespace}: 403 Forbidden: " in said


def test_a_killed_one_goes_on_where_it_was(site: Installation, start: Start, tmp_path: Path) -> None:
    order(site, 60, at_once=20, every=4, quiet=0)
    process = start()
    until(lambda: len(runs(site)) >= 20, "a batch is there", pause=0.01)
    process.kill()
    process.communicate()
    before = len(runs(site))
    code, counts, said = ended(start(), tmp_path)
    assert code == 0, said
    assert counts == {"started": 60 - before, "existing": before, "replaced": 0, "refused": 0}
    assert len(runs(site)) == 60
