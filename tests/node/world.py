"""The whole of it, started once: Kubernetes, Argo, what is outside the cluster, and hookline."""

import time
from contextlib import ExitStack
from pathlib import Path

from node.argo import install_argo, until_argo_is_ready
from node.bus_care import BusCare
from node.declaration import (
    DECLARATION,
    GONE,
    MONITORING,
    NOTHING,
    OWN_IMAGE,
    gone_template,
    nothing_template,
)
from node.forge import Forge
from node.installation import NAMESPACE, ORGANISATION, Hookline
from node.kubernetes import Kubernetes
from node.scraping import definitions_of_the_operator
from node.supplies import given_supplies

__all__ = ["World"]


class World:
    """Running, with what is said of each stage on the way."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        with ExitStack() as stack:
            self.cluster = Kubernetes(given_supplies())
            stack.callback(self.cluster.stop)
            self.cluster.start()
            self.say("the node is ready")
            self.bus_care = BusCare(self.cluster.api)
            stack.callback(self.bus_care.stop)
            install_argo(self.cluster)
            self.cluster.apply(definitions_of_the_operator())
            self.cluster.until_ready("kube-system", "k8s-app=kube-dns")
            self.say("CoreDNS is ready")
            self.forge = Forge(self.cluster)
            stack.callback(self.forge.stop)
            self.say("Gitea, the registry and the module proxy answer")
            until_argo_is_ready(self.cluster)
            self.say("Argo's controllers are ready")
            self.forge.gitea.api("administrator", "POST", "orgs", {"username": ORGANISATION})
            self.hookline = Hookline(self.cluster, self.forge)
            gone = gone_template(self.hookline.shell(self.hookline.template_command("hookline-ci-go")))
            (self.hookline.folder / f"{GONE}.yaml").write_text(gone)
            self.cluster.apply(gone)
            (self.hookline.folder / f"{NOTHING}.yaml").write_text(nothing_template(NAMESPACE))
            restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
            place = {"name": MONITORING, "labels": restricted}
            self.cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": place}])
            self.hookline.install(DECLARATION.replace(OWN_IMAGE, self.cluster.own_image))
            self.cluster.apply(nothing_template(NAMESPACE))
            self.hookline.listen_to_registry()
            self.say("hookline is installed")
            self.hookline.until_receiving()
            self.say("the bus, the event source and the Sensor are ready")
            self._stop = stack.pop_all()

    def say(self, what: str) -> None:
        """A stage, the seconds since the start, and those that processors worked for all of this: on a busy machine it tells what was waiting."""
        used = int(Path("/sys/fs/cgroup/cpuacct/cpuacct.usage").read_text()) / 1e9
        print(f"{time.monotonic() - self._began:6.1f} s ({used:5.0f} s of CPU)  {what}", flush=True)

    def stop(self) -> None:
        """Stop all of it."""
        self._stop.close()
