"""Makes new namespaces look like a machine of their own, then runs a command there.

    python tests/node/machine.py COMMAND [ARGUMENT...]

Started by launch.py as the first process of the namespaces: it collects the processes that containers leave behind.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from node import control_groups
from node.places import ADDRESS, DNS, FOLDER, NAME
from node.supplies import given_supplies

MEMORY = "14g"
"""At most, for all files of the node: images, volumes, the registry."""
KERNEL_SETTINGS = (
    "kernel/keys/root_maxbytes", "kernel/keys/root_maxkeys", "kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory",
    "vm/panic_on_oom",
)  # fmt: skip
"""Of the whole machine; kubelet would write them."""


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _lay_files() -> None:
    """Everything that the node writes lies in memory."""
    hierarchies = control_groups.hierarchies()
    _mount("--make-rprivate", "/")
    _mount("-t", "tmpfs", "-o", f"mode=755,size={MEMORY}", "tmpfs", "/run")
    FOLDER.mkdir()
    for name in ("lib", "log"):  # kubelet's, containerd's and CNI's places
        (FOLDER / name).mkdir()
        _mount("--bind", str(FOLDER / name), f"/var/{name}")
    _mount("-t", "overlay", "-o", f"lowerdir={given_supplies().packages}/usr:/usr", "overlay", "/usr")
    for name in KERNEL_SETTINGS:
        kept = FOLDER / "kernel" / name
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(Path("/proc/sys", name).read_text())
        _mount("--bind", str(kept), f"/proc/sys/{name}")
    _lay_control_groups(hierarchies)
    names = FOLDER / "resolv.conf"
    names.write_text(f"nameserver {DNS}\n")
    place = Path("/etc/resolv.conf").resolve()
    if not place.exists():  # a link into the old /run
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    _mount("--bind", str(names), str(place))


def _lay_control_groups(hierarchies: list[control_groups.Hierarchy]) -> None:
    """Mounted again, a hierarchy shows this namespace's part alone."""
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/sys/fs/cgroup")
    for hierarchy in hierarchies:
        place = Path("/sys/fs/cgroup", hierarchy.place.name)
        place.mkdir()
        _mount("-t", "cgroup", "-o", hierarchy.options, "cgroup", str(place))
        for controller in hierarchy.controllers:
            link = place.with_name(controller)
            if not link.exists():  # two controllers in one hierarchy
                link.symlink_to(place.name)


def _lay_network() -> None:
    """An address of the node, and a route, without which addresses of Services would lead nowhere."""
    batch = (
        "link set lo up\nlink add node0 type veth peer name node1\nlink set node1 up\n"
        f"addr add {ADDRESS}/24 dev node0\nlink set node0 up\nroute add default via {ADDRESS} dev node0\n"
    )
    subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    bridged = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if bridged.exists():
        bridged.write_text("1")


def main() -> int:
    """The command line."""
    _lay_files()
    _lay_network()
    subprocess.run(["hostname", NAME], check=True)
    child = subprocess.Popen(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command got it too, and ends in its own way
    while True:
        number, status = os.wait()
        if number == child.pid:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    ended = main()
    sys.exit(ended if ended >= 0 else 128 - ended)
