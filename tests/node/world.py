"""The whole of it, started once: Kubernetes, Argo, what is outside the cluster, and hookline."""

import time
from contextlib import ExitStack

from node.argo import install_argo, until_argo_is_ready
from node.forge import MODULES, REGISTRY, Forge
from node.installation import ORGANISATION, Hookline
from node.kubernetes import Kubernetes
from node.places import FORGE
from node.supplies import given_supplies

__all__ = ["DECLARATION", "World"]

DECLARATION = f"""\
version: 1
sources:
  gitea: {{host: gitea, endpoint: /gitea, secret: {{name: gitea-webhook, key: secret}}}}
defaults:
  run: {{template: hookline-ci-go}}
  image: {REGISTRY}/acme/{{repository_name}}
pipelines:
  shop:
    repository: {{source: gitea, name: acme/shop, url: "https://{FORGE}:3000/acme/shop.git"}}
    run: {{parameters: {{go_proxy: {MODULES}, go_env: GONOSUMDB=*}}}}
    events:
      push: {{branches: [main]}}
      tag: {{tags: ["v*"]}}
      pull_request: {{into: [main]}}
  stock:
    repository: {{source: gitea, name: acme/stock, url: "https://{FORGE}:3000/acme/stock.git"}}
    run: {{template: ci-go-v1}}
    events:
      push: {{branches: [main]}}
"""


class World:
    """Running, with what is said of each stage on the way."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        with ExitStack() as stack:
            self.cluster = Kubernetes(given_supplies())
            stack.callback(self.cluster.stop)
            self.cluster.start()
            self.say("the node is ready")
            install_argo(self.cluster)
            self.cluster.until_ready("kube-system", "k8s-app=kube-dns")
            self.say("CoreDNS is ready")
            self.forge = Forge(self.cluster)
            stack.callback(self.forge.stop)
            self.say("Gitea, the registry and the module proxy answer")
            until_argo_is_ready(self.cluster)
            self.say("Argo's controllers are ready")
            self.forge.gitea.api("administrator", "POST", "orgs", {"username": ORGANISATION})
            self.hookline = Hookline(self.cluster, self.forge)
            self.hookline.install(DECLARATION)
            self.say("hookline is installed")
            self.hookline.until_receiving()
            self.say("the bus, the event source and the Sensor are ready")
            self._stop = stack.pop_all()

    def say(self, what: str) -> None:
        """A stage, and the seconds since the start."""
        print(f"{time.monotonic() - self._began:6.1f} s  {what}", flush=True)

    def stop(self) -> None:
        """Stop all of it."""
        self._stop.close()
