"""An installation of the last version, in a namespace that takes restricted pods alone: what an upgrade begins with, and a removal ends.

`last_version/` holds what that version printed. The namespace enforces Pod Security's level `restricted`: the bus, the event source, the Sensor and
the pod of the template `light`, with what Argo puts around it, must live there.
"""

import shutil
from pathlib import Path

from node.installation import Hookline
from node.world import World

__all__ = ["LEGACY", "install_last_version"]

LEGACY = "legacy"
"""Its namespace, its pipeline, and the repository."""
FILES = Path(__file__).parent / "last_version"


def install_last_version(world: World) -> Hookline:
    """Apply what the last version printed, as its README says; nothing of it is waited for."""
    hookline = Hookline(world.cluster, world.forge, LEGACY)
    shutil.copytree(FILES, hookline.folder, dirs_exist_ok=True)
    hookline.shell(f"kubectl create namespace {LEGACY}")
    hookline.shell(f"kubectl label namespace {LEGACY} pod-security.kubernetes.io/enforce=restricted")
    hookline.create_secrets()
    hookline.apply_prerequisites()
    for name in ("nothing", "light", "rendered"):
        hookline.shell(f"kubectl apply --server-side -f {name}.yaml")
    return hookline
