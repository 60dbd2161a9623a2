"""What is declared on the node: hookline.yaml, and templates of its owner."""

import yaml
from node.forge import MODULES, REGISTRY, RUNTIME
from node.places import FORGE

__all__ = [
    "DECLARATION",
    "GONE",
    "MANY",
    "MONITORING",
    "MONOREPO",
    "NOTHING",
    "OWN_IMAGE",
    "REPORTS",
    "RUN_PAGE",
    "gone_template",
    "nothing_template",
    "schedule_added",
]

GONE = "gone"
"""A template like hookline-ci-go with an image that no registry has."""
MONITORING = "monitoring"
"""Namespace of the exporter, which enforces Pod Security's level `restricted`."""
MONOREPO = "many"
"""A repository whose pushes start MANY."""
MANY = tuple(f"many-{number:02}" for number in range(1, 13))
"""Pipelines of NOTHING, which one push starts by a fan-out."""
NOTHING = "succeeds-at-once"
"""A template whose runs succeed at once, without a pod."""
OWN_IMAGE = "IMAGE"
"""Stands for hookline's own image, whose digest is known when it is made."""
REPORTS = "gitea-statuses"
"""The Secret with which the controller sets statuses at the git host: its token, and the private authority."""
RUN_PAGE = "https://argo.example.com/workflows/{namespace}/{workflow}"
"""To which a status leads."""
_PULL_REQUEST = "      pull_request: {into: [main]}\n"

DECLARATION = f"""\
version: 1
cluster: {{image: "{OWN_IMAGE}", fan_out: {{at_once: 4, every: 3s}}}}
exporter:
  namespace: {MONITORING}
  interval: 2s
  settings: {{templates: [hookline-ci-go, ci-go-v1, {GONE}]}}
controller: {{link: "{RUN_PAGE}"}}
sources:
  gitea:
    host: gitea
    endpoint: /gitea
    secret: {{name: gitea-webhook, key: secret}}
    url: "https://{FORGE}:3000/{{repository}}.git"
    report: {{token: {{name: {REPORTS}, key: token}}, ca: {{name: {REPORTS}, key: ca.crt}}}}
  registry: {{host: distribution, endpoint: /registry, secret: {{name: registry-webhook, key: token}}}}
templates:
  {GONE}: {{file: {GONE}.yaml}}
  {NOTHING}: {{file: {NOTHING}.yaml}}
defaults:
  # Longer than all tests take: one looks at the pods of runs at the end.
  run: {{template: hookline-ci-go, keep_pods: 2h}}
  repository: {{source: gitea}}
  image: {REGISTRY}/acme/{{pipeline}}
pipelines:
  shop:
    repository: acme/shop
    run: {{parameters: {{go_proxy: {MODULES}, go_env: GONOSUMDB=*}}}}
    events:
      push: {{branches: [main]}}
      tag: {{tags: ["v*"]}}
{_PULL_REQUEST}\
      image_push: {{source: registry, image: {RUNTIME}, tags: ["1"]}}
  fast:
    repository: acme/fast
    run:
      pods: one
      parameters: {{go_proxy: {MODULES}, go_env: GONOSUMDB=*}}
      resources: {{run-test: {{cpu: 100m, limits: {{memory: 4Gi}}}}, build-push-image: {{cpu: 100m, limits: {{memory: 4Gi}}}}}}
    events:
      push: {{branches: [main]}}
  stock:
    repository: acme/stock
    run: {{template: ci-go-v1}}
    events:
      push: {{branches: [main]}}
  gone:
    repository: acme/shop
    run: {{template: {GONE}}}
    events:
      push: {{branches: [gone]}}
""" + "".join(
    f"""\
  {name}:
    repository: acme/{MONOREPO}
    image: false
    run: {{template: {NOTHING}, mutex: false}}
    events:
      push: {{branches: [main]}}
"""
    for name in MANY
)


def schedule_added(declaration: str, at: str) -> str:
    """The declaration with a schedule of the shop."""
    assert _PULL_REQUEST in declaration
    return declaration.replace(_PULL_REQUEST, f'{_PULL_REQUEST}      schedule: {{at: "{at}"}}\n')


def gone_template(text: str) -> str:
    """The manifest of GONE, from that of hookline-ci-go: its first step may take 20 seconds."""
    template = yaml.safe_load(text)
    template["metadata"]["name"] = GONE
    steps, parameters = template["spec"]["templates"], template["spec"]["arguments"]["parameters"]
    checkout = next(each for each in steps if each["name"] == "git-checkout-pr")
    checkout["container"]["image"] = f"docker.io/hookline-test/gone@sha256:{'0' * 64}"
    next(each for each in parameters if each["name"] == "checkout_deadline")["value"] = "20"
    return yaml.safe_dump(template)


def nothing_template(namespace: str) -> str:
    """The manifest of NOTHING."""
    steps = [[{"name": "nothing", "template": "nothing", "when": "false"}]]
    return yaml.safe_dump(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "WorkflowTemplate",
            "metadata": {"name": NOTHING, "namespace": namespace},
            "spec": {
                "entrypoint": "main",
                "templates": [{"name": "main", "steps": steps}, {"name": "nothing", "suspend": {}}],
            },
        }
    )
