"""Leaves a node with hookline on it running until Ctrl-C, and says how to step into it: make node."""

import os
import signal
import sys
from pathlib import Path

# In place of this folder, whose kubernetes.py would hide the package.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).parent.parent))

from node.world import World


def main() -> None:
    """Start it, and wait."""
    world = World()
    inside = f"$(pgrep -P $(pgrep -P {os.environ['HOOKLINE_NODE_LAUNCHER']}))"
    shell = " ".join(f"{name}={value}" for name, value in world.hookline.environment.items())
    print(f"step in from outside:  nsenter --all --target {inside} env {shell} bash")
    print("Ctrl-C ends it.", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        os.write(1, b"\n")
    world.stop()


if __name__ == "__main__":
    main()
