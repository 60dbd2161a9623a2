"""Runs a command on a Kubernetes node of its own: makes what is missing, then steps into new namespaces of Linux.

    python tests/node/launch.py COMMAND [ARGUMENT...]

The command gets control group, network, process, mount, host name and IPC namespaces of its own. So every port and folder is free,
nothing outside is touched, and when the command ends, whatever ended it, the kernel ends every process and pod and drops their files.

Exit codes: the command's own; 2 when something is missing here.
"""

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster.engines import NODE_ENGINES, EngineError
from cluster.launch import install_missing
from node import control_groups
from node.supplies import TOOLS, Supplies, make_supplies

_PR_SET_PDEATHSIG = 1
_NAMESPACES = ("--cgroup", "--net", "--pid", "--mount", "--uts", "--ipc")


def _missing() -> list[str]:
    """What this machine lacks, a sentence each."""
    found = install_missing(
        TOOLS | {name: package for engine in NODE_ENGINES for name, package in engine.tools.items()}
    )
    if not found and not control_groups.hierarchies():
        found.append("control groups of version 1 are needed; this machine has version 2 alone")
    return found


def _run(command: list[str], supplies: Supplies) -> int:
    """Run a command in namespaces of its own; its exit code."""
    control_groups.remove_left_over()
    groups = control_groups.make(os.getpid())

    def prepared() -> None:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        control_groups.join(groups)

    first = [sys.executable, str(Path(__file__).with_name("machine.py")), *command]
    child = subprocess.Popen(
        ["unshare", *_NAMESPACES, "--mount-proc", "--fork", "--kill-child", "--", *first],
        env=os.environ
        | {"HOOKLINE_NODE_SUPPLIES": supplies.text(), "HOOKLINE_NODE_LAUNCHER": str(os.getpid())},
        preexec_fn=prepared,  # noqa: PLW1509 - there are no threads here
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: child.kill())
    try:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue  # the command got it too, and ends in its own way
    finally:
        for group in control_groups.remove(groups):
            print(f"warning: a control group is left: {group}", file=sys.stderr)


def main() -> int:
    """The command line."""
    command = sys.argv[1:]
    if not command:
        print("usage: launch.py COMMAND [ARGUMENT...]", file=sys.stderr)
        return 2
    lacking = _missing()
    for sentence in lacking:
        print(f"error: {sentence}", file=sys.stderr)
    if lacking:
        return 2
    try:
        supplies = make_supplies()
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    code = _run(command, supplies)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
