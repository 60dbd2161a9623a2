"""The manifests of the exporter: least rights, no root, and parts that fit together."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support import read_yaml, recommended

from hookline.cli import main
from hookline.commands.exporter import command

IMAGE = "registry.example.com/hookline:1"
SCHEDULED = """\
version: 1
cluster: {namespace: ci}
pipelines:
  night:
    owner: team-night
    repository: {name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    events: {schedule: {at: "0 3 * * *", timezone: Asia/Shanghai, except: [2026-12-31], spread: 20m}}
"""
SELECTOR = {"app.kubernetes.io/name": "hookline-exporter", "app.kubernetes.io/instance": "hookline"}
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


def asked(*options: str, **environment: str) -> Result:
    return CliRunner().invoke(main, ["exporter", "--manifests", IMAGE, *options], env=environment)


def printed(*options: str) -> dict[str, Any]:
    """The objects by their kind."""
    done = asked("-n", "ci", *options)
    assert done.exit_code == 0, done.stderr
    return {each["kind"]: each for each in read_yaml(done.stdout)}


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
        ("", "events", "list", "watch"),
        ("", "pods", "list", "watch"),
        ("", "pods/log", "get"),
        ("argoproj.io", "workflows", "list", "watch"),
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
        # The ledger is the user's.
        component = "user-data" if kind == "PersistentVolumeClaim" else "exporter"
        labels = recommended(component, "hookline-exporter")
        metadata = {"name": "hookline-exporter", "namespace": "ci", "labels": labels}
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


@pytest.mark.parametrize("listen", ["0.0.0.0:9300", ":9300", "[::]:9300"])
def test_what_asks_it_finds_its_port(listen: str) -> None:
    objects = printed("--listen", listen)
    template = objects["Deployment"]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert f"--listen={listen if '[' in listen else '0.0.0.0:9300'}" in container["args"]
    assert objects["NetworkPolicy"]["spec"]["ingress"] == [{"ports": [{"port": 9300, "protocol": "TCP"}]}]
    assert container["ports"] == [{"name": "http", "containerPort": 9300}]
    assert container["livenessProbe"] == {"httpGet": {"path": "/-/healthy", "port": "http"}}
    assert container["readinessProbe"] == {"httpGet": {"path": "/-/ready", "port": "http"}}
    # No version: an upgrade of hookline that changes nothing else keeps the pod, and nobody can change the selector.
    assert template["metadata"] == {"labels": SELECTOR}
    assert objects["Deployment"]["spec"]["selector"] == {"matchLabels": SELECTOR}
    assert objects["Service"]["spec"] == {
        "selector": SELECTOR,
        "ports": [{"name": "http", "port": 9300, "targetPort": "http"}],
    }
    assert objects["ServiceMonitor"]["spec"] == {
        "selector": {"matchLabels": SELECTOR},
        # A run's own namespace stays: Prometheus would replace it by the exporter's.
        "endpoints": [{"port": "http", "interval": "30s", "scrapeTimeout": "10s", "honorLabels": True}],
    }


GIVEN = {
    "kubeconfig": "kubeconfig",
    "context": "production",
    "namespaces": "builds",
    "configuration": "exporter.yaml",
    "ledger": "ledger.db",
    "listen": "0.0.0.0:9300",
    "web_configuration": "web.yaml",
    "lease": "builds/other",
    "declaration": "hookline.yaml",
    "schedules": "schedules.yaml",
    "forecast": "",
}
"""A value for each option of the command: a new option needs one here."""
IN_THE_POD = {
    "namespaces": "--namespace=builds",
    "listen": "--listen=0.0.0.0:9300",
    "lease": "--lease=builds/other",
    "configuration": "--config=/settings/settings.yaml",
    "declaration": "--schedules=/settings/schedules.yaml",
}
"""Option → what the pod runs for it."""
FILES = {"configuration": "max_pipelines: 7\n", "declaration": SCHEDULED}
OPTIONS = {each.name: each for each in command.params if each.name != "manifests"}


def test_every_option_of_the_command_is_tried() -> None:
    assert OPTIONS.keys() == GIVEN.keys()


@pytest.mark.parametrize("by_variable", [False, True])
@pytest.mark.parametrize("name", GIVEN)
def test_an_option_is_what_the_pod_runs_or_is_refused_with_what_to_do(
    name: str, by_variable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if name in FILES:
        (tmp_path / GIVEN[name]).write_text(FILES[name], "utf-8")
    option, value = OPTIONS[name].opts[-1], GIVEN[name]
    variable = OPTIONS[name].envvar
    namespace = () if name == "namespaces" else ("-n", "builds")
    if by_variable:
        if not isinstance(variable, str):
            return
        done = asked(*namespace, **{variable: value})
    else:
        done = asked(*namespace, option, *filter(None, [value]))
    if name in IN_THE_POD:
        assert done.exit_code == 0, done.stderr
        objects = {each["kind"]: each for each in read_yaml(done.stdout)}
        (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
        assert IN_THE_POD[name] in container["args"]
        return
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    told = (
        f"error: {option} (from {variable}) with --manifests: "
        if by_variable
        else f"error: {option} with --manifests: "
    )
    assert line.startswith(told)
    assert "leave" in line or "web_config" in line


def test_the_rights_of_the_pod_are_for_the_lease_that_it_shares() -> None:
    objects = printed("--lease", "ci/other")
    (named,) = [each["resourceNames"] for each in objects["Role"]["rules"] if "resourceNames" in each]
    assert named == ["other"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "--manifests needs a namespace in which the exporter runs: -n ci watches this namespace alone, --lease ci/hookline-exporter all namespaces"),
        (("-n", "ci", "-n", "ci"), "-n ci is given twice"),
        (("-n", "A b"), "-n A b: expected a namespace, as in ci"),
        (("-n", "ci", "--listen", "127.0.0.1:9893"), "write 0.0.0.0:PORT or [::]:PORT"),
        (("-n", "ci", "--listen", "0.0.0.0:80"), "write a port from 1024 to 65535"),
        (("-n", "ci", "--listen", "9893"), "write HOST:PORT"),
        (("-n", "ci", "--lease", "ci/A B"), "expected the name of a Lease"),
    ],
)  # fmt: skip
def test_what_no_pod_can_run_is_refused(options: tuple[str, ...], message: str) -> None:
    done = asked(*options)
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert message in line


@pytest.mark.parametrize("image", ["a b", "", "a\n---\nkind: Pod"])
def test_what_is_no_image_is_refused(image: str) -> None:
    done = CliRunner().invoke(main, ["exporter", "-n", "ci", "--manifests", image])
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "expected an image" in line


def test_the_forecast_takes_no_option_that_it_would_ignore() -> None:
    assert CliRunner().invoke(main, ["exporter", "--forecast"]).exit_code == 0
    done = CliRunner().invoke(main, ["exporter", "--forecast", "--listen", ":1", "-n", "ci"])
    assert (done.exit_code, done.stderr) == (
        2,
        "error: --forecast takes no other option, since it reads nothing; leave out --listen, --namespace\n",
    )
