"""What the programs of the node read: their configuration files, and CoreDNS."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from node.places import ADDRESS, DNS, DOMAIN, FOLDER, NAME, OWN_REGISTRY, POD_ADDRESSES

__all__ = [
    "coredns",
    "write_containerd",
    "write_kubelet",
    "write_network",
    "write_proxy",
    "write_registry",
]

REGISTRIES = {"_default": 5001, OWN_REGISTRY: 5002}
"""Registry, as containerd is told of it → port. The first stands for all registries of the world."""


def _write(name: str, content: Mapping[str, Any]) -> None:
    (FOLDER / name).write_text(yaml.safe_dump(dict(content)))


def write_registry(name: str, images: Path) -> Path:
    """Of a registry with these images, which can only be read.

    Args:
        name: As in REGISTRIES.
        images: Its folder.
    """
    storage = {
        "filesystem": {"rootdirectory": str(images)},
        "maintenance": {"readonly": {"enabled": True}},
    }
    http = {"addr": f"{ADDRESS}:{REGISTRIES[name]}"}
    _write(f"{name}.yml", {"version": 0.1, "log": {"level": "warn"}, "storage": storage, "http": http})
    return FOLDER / f"{name}.yml"


def write_network() -> None:
    """Of pods: one bridge (CNI)."""
    folder = FOLDER / "cni"
    folder.mkdir()
    ranges = [[{"subnet": POD_ADDRESSES}]]
    bridge = {
        "type": "bridge",
        "bridge": "pods0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]},
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    content = {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, ports]}
    (folder / "10-pods.conflist").write_text(json.dumps(content))


def write_containerd() -> None:
    """Of containerd: our registries in place of all others."""
    for name, port in REGISTRIES.items():
        hosts = FOLDER / "registries" / name / "hosts.toml"
        hosts.parent.mkdir(parents=True)
        hosts.write_text(f'[host."http://{ADDRESS}:{port}"]\n  capabilities = ["pull", "resolve"]\n')
    (FOLDER / "containerd.toml").write_text(f"""\
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/hookline-test/pause:1"
  # Where root lacks CAP_SYS_RESOURCE, an OOM score cannot be lowered, as every pod sandbox asks (-998).
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    # Everything lies in memory: what is unpacked is not kept as an archive, too.
    discard_unpacked_layers = true
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "/usr/sbin/runc"
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{FOLDER}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{FOLDER}/registries"
""")


def write_kubelet() -> None:
    """Of kubelet."""
    (FOLDER / "pods-resolv.conf").write_text("nameserver 127.0.0.1\n")
    _write(
        "kubelet.yaml",
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "cgroupDriver": "cgroupfs",
            "failCgroupV1": False,
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "clusterDNS": [DNS],
            "clusterDomain": DOMAIN,
            "failSwapOn": False,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            # Of pods with the node's own DNS, which is CoreDNS alone: it must not ask itself.
            "resolvConf": str(FOLDER / "pods-resolv.conf"),
            # The machine is shared with others: only its last memory ends pods.
            "evictionHard": {
                "memory.available": "200Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
            },
            "imageGCHighThresholdPercent": 100,
            "syncFrequency": "10s",
            "volumePluginDir": str(FOLDER / "volume-plugins"),
        },
    )


def write_proxy(kubeconfig: Path) -> None:
    """Of kube-proxy. The table of connections is the machine's: its size cannot be set from here."""
    unlimited = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
    _write(
        "proxy.yaml",
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": POD_ADDRESSES,
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            "conntrack": unlimited,
            "hostnameOverride": NAME,
        },
    )


def coredns() -> list[Mapping[str, Any]]:
    """CoreDNS, as a cluster has it; what is not there is asked again after a second, since pods come while others wait for them."""
    names = {"name": "coredns", "namespace": "kube-system"}
    role = {"name": "system:coredns"}
    corefile = (
        ".:53 {\n  errors\n  health\n  ready\n"
        f"  kubernetes {DOMAIN} in-addr.arpa {{\n    pods insecure\n    fallthrough in-addr.arpa\n    ttl 5\n  }}\n"
        "  cache 30 {\n    denial 1024 1 1\n  }\n  loadbalance\n}\n"
    )
    container = {
        "name": "coredns",
        "image": "docker.io/hookline-test/coredns:1",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    labels = {"k8s-app": "kube-dns"}
    pod = {
        "serviceAccountName": "coredns",
        "dnsPolicy": "Default",
        "priorityClassName": "system-cluster-critical",
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    rbac = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": names},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRole",
            "metadata": role,
            "rules": [
                {
                    "apiGroups": [""],
                    "resources": ["services", "pods", "namespaces"],
                    "verbs": ["list", "watch"],
                },
                {
                    "apiGroups": ["discovery.k8s.io"],
                    "resources": ["endpointslices"],
                    "verbs": ["list", "watch"],
                },
            ],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": role,
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "system:coredns"},
            "subjects": [{"kind": "ServiceAccount", **names}],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": names, "data": {"Corefile": corefile}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": names,
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": "kube-system"},
            "spec": {
                "clusterIP": DNS,
                "selector": labels,
                "ports": [
                    {"name": "dns", "port": 53, "protocol": "UDP"},
                    {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
                ],
            },
        },
    ]
