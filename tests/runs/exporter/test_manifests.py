"""The manifests of the exporter: least rights, no root, and parts that fit together."""

from typing import Any

import yaml
from click.testing import CliRunner

from hookline.cli import main
from runs.exporter.manifests import exporter_manifests

IMAGE = "registry.example.com/hookline:1"
NAME = {"app.kubernetes.io/name": "hookline-exporter"}
LABELS = {**NAME, "app.kubernetes.io/managed-by": "hookline"}
API_VERSIONS = {
    "ServiceAccount": "v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "PersistentVolumeClaim": "v1",
    "Deployment": "apps/v1",
    "Service": "v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
}


def printed() -> dict[str, Any]:
    """The objects by their kind."""
    done = CliRunner().invoke(main, ["exporter", "-n", "ci", "--manifests", IMAGE])
    assert done.exit_code == 0, done.stderr
    return {each["kind"]: each for each in yaml.safe_load_all(done.stdout)}


def test_the_manifests_give_least_rights_and_no_root() -> None:
    objects = printed()
    assert {kind: each["apiVersion"] for kind, each in objects.items()} == API_VERSIONS
    # All of it, so that nothing can be added unseen.
    assert sorted(
        (group, resource, *sorted(rule["verbs"]))
        for rule in objects["Role"]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    ) == [
        ("", "events", "get", "list", "watch"),
        ("", "pods", "get", "list", "watch"),
        ("", "pods/log", "get"),
        ("argoproj.io", "workflows", "get", "list", "watch"),
        ("coordination.k8s.io", "leases", "create"),
        ("coordination.k8s.io", "leases", "get", "update"),
    ]
    named = [rule for rule in objects["Role"]["rules"] if set(rule) != {"apiGroups", "resources", "verbs"}]
    assert [(rule["resources"], rule["resourceNames"]) for rule in named] == [
        (["leases"], ["hookline-exporter"])
    ]
    assert objects["RoleBinding"]["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Role",
        "name": "hookline-exporter",
    }
    assert objects["RoleBinding"]["subjects"] == [
        {"kind": "ServiceAccount", "name": "hookline-exporter", "namespace": "ci"}
    ]
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert [each["securityContext"] for each in pod["containers"]] == [
        {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    ]
    assert set(pod) == {
        "serviceAccountName",
        "terminationGracePeriodSeconds",
        "securityContext",
        "containers",
        "volumes",
    }
    assert [list(each) for each in pod["volumes"]] == [["name", "persistentVolumeClaim"]]
    assert objects["ServiceMonitor"]["metadata"]["annotations"] == {"arms.prometheus.io/discovery": "true"}


def test_every_object_is_the_exporters_own_in_the_namespace() -> None:
    for kind, each in printed().items():
        metadata = {"name": "hookline-exporter", "namespace": "ci", "labels": LABELS}
        marks = {"annotations": {"arms.prometheus.io/discovery": "true"}} if kind == "ServiceMonitor" else {}
        assert each["metadata"] == metadata | marks, kind


def test_one_pod_at_a_time_keeps_its_ledger_on_a_volume_of_its_own() -> None:
    objects = printed()
    spec = objects["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert objects["PersistentVolumeClaim"]["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    pod = spec["template"]["spec"]
    assert pod["serviceAccountName"] == "hookline-exporter"
    assert pod["volumes"] == [{"name": "ledger", "persistentVolumeClaim": {"claimName": "hookline-exporter"}}]
    (container,) = pod["containers"]
    assert (container["name"], container["image"]) == ("exporter", IMAGE)
    assert container["volumeMounts"] == [{"name": "ledger", "mountPath": "/ledger"}]
    assert container["args"] == [
        "exporter",
        "--namespace=ci",
        "--ledger=/ledger/ledger.db",
        "--listen=0.0.0.0:9893",
        "--lease=ci/hookline-exporter",
    ]
    # Long enough that a scrape ends and the lease is given back.
    assert pod["terminationGracePeriodSeconds"] == 30
    assert container["resources"] == {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"memory": "512Mi"},
    }


def test_what_asks_it_finds_its_port() -> None:
    objects = {each["kind"]: each for each in exporter_manifests("ci", IMAGE, 9300)}
    template = objects["Deployment"]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert "--listen=0.0.0.0:9300" in container["args"]
    assert container["ports"] == [{"name": "http", "containerPort": 9300}]
    assert container["livenessProbe"] == {"httpGet": {"path": "/-/healthy", "port": "http"}}
    assert container["readinessProbe"] == {"httpGet": {"path": "/-/ready", "port": "http"}}
    assert template["metadata"] == {"labels": LABELS}
    assert objects["Deployment"]["spec"]["selector"] == {"matchLabels": NAME}
    assert objects["Service"]["spec"] == {
        "selector": NAME,
        "ports": [{"name": "http", "port": 9300, "targetPort": "http"}],
    }
    assert objects["ServiceMonitor"]["spec"] == {
        "selector": {"matchLabels": NAME},
        "endpoints": [{"port": "http", "interval": "30s", "scrapeTimeout": "10s"}],
    }
