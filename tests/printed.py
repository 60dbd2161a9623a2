"""What hookline prints for a release of Argo Workflows: of every example, and of a declaration with every setting of runs."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from support import EXAMPLES

from hookline.declaration.loading import load_texts
from hookline.plan.objects import objects
from hookline.plan.planning import make_plan
from triggers.release import Release
from triggers.stock import stock

__all__ = ["CASES", "minor", "printed"]

EVERYTHING = """\
version: 1
cluster:
  namespace: ci
  schedules: cron_workflow
  sandbox: {namespace: ci-forks}
  ingress: {host: ci.example.com, class: nginx, tls: ci-example-com-tls, controller: nginx, rate_limit: 50, annotations: {example.com/note: "yes"}}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}}
  gitlab: {host: gitlab, endpoint: /gitlab, secret: {name: hooks, key: gitlab}}
  harbor: {host: harbor, endpoint: /harbor, secret: {name: hooks, key: harbor}}
limits: {nightly: 10}
defaults:
  run:
    template: hookline-ci-go
    limit: nightly
    spot: {strategy: SpotWithPriceLimit, price_limit: "0.35", fallback: true, protection: 1}
    retry: {limit: 2}
    priority: 5
    deadline: 1h
    ttl: 2d
    keep_pods: 10m
    pod_labels: {team: shop}
    pod_annotations: {example.com/note: "yes"}
pipelines:
  shop:
    owner: team-shop
    repository: {source: github, name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    events: {push: {branches: [main]}, tag: {tags: ["v*"]}, schedule: {at: "30 2 * * *", branch: main, missed: {within: 1h}}}
    run: {mutex: shop, limit: false}
  cart:
    repository: {source: gitlab, name: acme/cart, url: "https://gitlab.com/acme/cart.git"}
    image: registry.example.com/acme/cart
    events: {push: {branches: [main]}}
    run: {resources: {run-test: {cpu: 4, memory: 8Gi, limits: {cpu: 8}, instance_types: 4-8Gi}}}
  stock:
    repository: {source: gitlab, name: acme/stock, url: "https://gitlab.com/acme/stock.git"}
    image: registry.example.com/acme/stock
    events: {push: {branches: [main]}}
    run: {template: ci-go-v1, retry: false, limit: false}
  base:
    repository: {name: acme/base, url: "https://github.com/acme/base.git"}
    image: registry.example.com/acme/other
    events: {image_push: {source: harbor, image: library/base, branch: main}}
  forks:
    repository: {source: github, name: acme/shop, url: "https://github.com/acme/shop.git"}
    events: {pull_request: {forks: sandboxed, approved_by: {label: ok-to-test}}}
"""

EXPORTED = (
    EVERYTHING.replace(
        "  namespace: ci\n",
        f"  namespace: ci\n  image: registry.example.com/hookline@sha256:{'0' * 64}\n  image_pull_secrets: [registry]\n",
    )
    + """\
exporter:
  namespace: watching
  watch: all
  settings: {max_pipelines: 500, cdevents: {url: "https://events.example.com/"}}
  web_config: {name: exporter-web, tls: true, ca: {name: exporter-ca, key: ca.crt}, basic_auth: {name: exporter-scrape}}
  storage: {size: 2Gi, class: fast}
  monitor: pod
  monitor_labels: {release: stack}
  interval: 1m
  rules_labels: {release: stack}
  monitoring_namespace: monitoring
  resources: {requests: {cpu: 1}, limits: {cpu: 2, memory: 1Gi}}
  node_selector: {pool: ci}
  tolerations: [{key: dedicated, value: ci, effect: NoSchedule}, {operator: Exists}]
  clients: [monitoring, ingress]
"""
)
"""The same, with an exporter of which everything is set."""

# As somebody who leaves retries to the Workflow has it.
WITHOUT_RETRIES = dataclasses.replace(stock("hookline-ci-go"), own_retries="none")


def printed(files: list[tuple[str, bytes]], release: Release) -> list[dict[str, Any]]:
    """The objects of a declaration for a release, and the Workflows that its Sensors create."""
    declaration = load_texts(files)
    cluster = declaration.cluster.model_copy(update={"argo_workflows": release})
    found = objects(
        make_plan(dataclasses.replace(declaration, cluster=cluster), {WITHOUT_RETRIES.name: WITHOUT_RETRIES})
    )
    return [*found, *(workflow for each in found for workflow in created(each))]


def created(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if manifest["kind"] == "Sensor":
        for trigger in manifest["spec"]["triggers"]:
            yield trigger["template"]["k8s"]["source"]["resource"]


def example_files(example: Path) -> list[tuple[str, bytes]]:
    one = example / "hookline.yaml"
    paths = [one] if one.exists() else sorted(example.glob("*.yaml"))
    return [(str(path), path.read_bytes()) for path in paths]


CASES = {path.name: example_files(path) for path in EXAMPLES} | {
    "everything": [("hookline.yaml", EVERYTHING.encode())],
    "exporter": [("hookline.yaml", EXPORTED.encode())],
}


def minor(version: str) -> Release:
    """The release to declare for a version."""
    (found,) = (each for each in get_args(Release) if version.startswith(f"{each}."))
    return found  # type: ignore[no-any-return]
