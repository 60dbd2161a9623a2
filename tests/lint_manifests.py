"""Holds everything that runs as a pod against kube-score's rules of good practice: `make lint-manifests`.

kube-score knows Kubernetes' own kinds. So an EventSource, a Sensor and an EventBus are turned into the Deployment that Argo Events'
controller makes of them, with the same pod.

    python tests/lint_manifests.py KUBE_SCORE [ARGUMENT...]
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from printed import CASES, printed
from support import exporter_of

from hookline.output import yaml_documents

Json = dict[str, Any]

IGNORED = {
    "container-image-pull-policy": "an image that is named by its digest is the same wherever it comes from",
    "container-ephemeral-storage-request-and-limit": "these pods write logs and a few kilobytes of /tmp; the exporter's ledger is a volume",
    "pod-networkpolicy": "egress goes to the API server and the bus, whose addresses differ from cluster to cluster; who may reach an "
    "endpoint is said where it is not verified",
    "deployment-strategy": "the exporter's volume belongs to one node: the old pod goes before the new one comes",
    "deployment-replicas": "one exporter counts, and a Sensor elects one that acts; a second one would wait and cost",
}
"""Check of kube-score → why it does not apply here."""

DIGEST = f"sha256:{'0' * 64}"


def deployment(manifest: Mapping[str, Any], template: Mapping[str, Any], containers: list[Json]) -> Json:
    """The Deployment that the controller makes, as far as the object says what is in it."""
    labels = {"owner-name": manifest["metadata"]["name"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            **manifest["metadata"],
            "name": f"{manifest['kind']}-{manifest['metadata']['name']}".lower(),
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"securityContext": template["securityContext"], "containers": containers},
            },
        },
    }


def container(name: str, said: Mapping[str, Any]) -> Json:
    return {"name": name, "image": f"example.com/{name}:1@{DIGEST}", **said}


def pods() -> Iterator[Json]:
    """One Deployment for each object of every example that runs as pods."""
    for files in CASES.values():
        for each in printed(files, "3.6"):
            if each["kind"] in {"EventSource", "Sensor"}:
                template = each["spec"]["template"]
                yield deployment(each, template, [container("main", template["container"])])
            elif each["kind"] == "EventBus" and "jetstream" in each["spec"]:
                bus = each["spec"]["jetstream"]
                names = {"main": "container", "reloader": "reloaderContainer", "metrics": "metricsContainer"}
                made = deployment(
                    each, bus, [container(name, bus[f"{field}Template"]) for name, field in names.items()]
                )
                # Their memory has no limit: what a server keeps in memory grows with what is on the bus, and NATS cannot be told a limit.
                made["metadata"]["annotations"] = {"kube-score/ignore": "container-resources"}
                yield made


def main() -> int:
    """Exit code of kube-score: 1 if it has something against an object."""
    found = [*pods(), *exporter_of("ci", f"registry.example.com/hookline@{DIGEST}")]
    # Memory has a limit wherever what it needs was measured; a limit of CPU would only slow down what is waited for.
    options = ["--output-format", "ci", "--ignore-container-cpu-limit", "--kubernetes-version", "v1.34"]
    ignored = [option for name in IGNORED for option in ("--ignore-test", name)]
    done = subprocess.run(
        [*sys.argv[1:], "score", *options, *ignored, "-"],
        input=yaml_documents(found),
        text=True,
        capture_output=True,
        check=False,
    )
    failed = [line for line in done.stdout.splitlines() if not line.startswith(("[OK]", "[SKIPPED]"))]
    print("\n".join(failed) or done.stderr or f"{len(found)} objects: kube-score has nothing against them")  # noqa: T201
    return done.returncode or bool(failed)


if __name__ == "__main__":
    sys.exit(main())
