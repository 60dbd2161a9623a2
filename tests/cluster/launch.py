"""Runs a command beside engines of its own: builds what is missing, then steps into new namespaces of Linux.

    python tests/cluster/launch.py [--with ENGINE ... | --for template] COMMAND [ARGUMENT...]

The command gets network, process and mount namespaces of its own. So every port is free, nothing outside is
touched, and when the command ends, whatever ended it, the kernel ends every engine and drops their files.

Exit codes: the command's own; 2 when something is missing here.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster.engines import ENGINES, MORE_ENGINES, TEMPLATE_ENGINES, Engine, EngineError, build

TOOLS = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
    "openssl": "openssl",
    "docker-registry": "docker-registry",
}
"""Program → its Debian package."""

_PR_SET_PDEATHSIG = 1


def _install(packages: list[str]) -> bool:
    """Whether Debian's packages could be installed."""
    if shutil.which("apt-get") is None:
        return False
    print(f"installing {' '.join(packages)} ...", file=sys.stderr, flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    return all(
        subprocess.run(
            ["apt-get", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
        ).returncode
        == 0
        for arguments in (["-qq", "update"], ["-qq", "-y", "--no-install-recommends", "install", *packages])
    )


def install_missing(tools: Mapping[str, str]) -> list[str]:
    """What these tools (program → Debian package) need and this machine lacks, a sentence each; installs what it can."""
    if sys.platform != "linux":
        return [f"Linux is needed (network namespaces); this is {sys.platform}"]
    found = []
    if os.geteuid() != 0:
        found.append(
            "root is needed (network namespaces); run it as root, on a machine or in a VM of your own"
        )
    if shutil.which("go") is None:
        found.append("Go 1.26 or newer is needed to build the engines; install it and put go on the PATH")
    if found:
        return found
    packages = sorted({package for tool, package in tools.items() if shutil.which(tool) is None})
    if packages:
        _install(packages)
    return [
        f"the program {tool} is needed and could not be installed (Debian package {package})"
        for tool, package in tools.items()
        if shutil.which(tool) is None
    ]


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run(command: list[str], engines: Sequence[Engine]) -> int:
    """Run a command beside these engines in namespaces of its own; its exit code."""
    folders = json.dumps({engine.name: str(build(engine)) for engine in engines})
    # A listening socket stays in the network namespace that made it: the way in for `make cluster`.
    door = socket.create_server(("127.0.0.1", 0))
    environment = os.environ | {
        "HOOKLINE_CLUSTER_ENGINES": folders,
        "HOOKLINE_CLUSTER_DOOR": str(door.fileno()),
    }
    child = subprocess.Popen(
        ["unshare", "--net", "--pid", "--mount", "--mount-proc", "--fork", "--kill-child", "--", *command],
        env=environment,
        pass_fds=[door.fileno()],
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - there are no threads here
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: child.kill())
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # the command got it too, and ends in its own way


def main() -> int:
    """The command line."""
    command, engines = sys.argv[1:], list(ENGINES)
    while command[:1] == ["--with"]:
        engines += [engine for engine in MORE_ENGINES if engine.name in command[1:2]]
        command = command[2:]
    if command[:2] == ["--for", "template"]:
        engines, command = list(TEMPLATE_ENGINES), command[2:]
    if not command:
        print("usage: launch.py [--with ENGINE ... | --for template] COMMAND [ARGUMENT...]", file=sys.stderr)
        return 2
    lacking = install_missing(
        TOOLS | {name: package for engine in engines for name, package in engine.tools.items()}
    )
    if lacking:
        for sentence in lacking:
            print(f"error: {sentence}", file=sys.stderr)
        return 2
    try:
        code = run(command, engines)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
