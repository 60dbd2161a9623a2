"""What tests share: payloads, events as they stand on the bus, declarations from text."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from events.canonical import Kind
from events.delivery import BusEvent
from events.host import host
from hookline.declaration.loading import load_texts
from hookline.plan.planning import Plan, make_plan
from sensors.program import Program, TemplateFacts, compose
from triggers.stock import stock
from triggers.template import Template

ROOT = Path(__file__).parent.parent
PAYLOADS = Path(__file__).parent / "data" / "payloads"
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())

SHA = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
OTHER_SHA = "9049f1265b7d61be4a8904a9a27120d2064dab3b"
ZERO = "0" * 40


def payload(name: str) -> Any:
    """A payload of the corpus, such as github/push-branch."""
    return json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))


def read_yaml(text: str) -> list[Any]:
    """The documents of a YAML text, by libyaml: a tenth of the time, and kubectl's reader is a port of it."""
    return list(yaml.load_all(text, yaml.CSafeLoader))


def edited(base: Any, **changes: Any) -> Any:
    """A copy with values changed at paths: a__b__c=value; ... removes a key."""
    found = copy.deepcopy(base)
    for path, value in changes.items():
        *parents, last = path.split("__")
        node = found
        for part in parents:
            node = node[part]
        if value is ...:
            del node[last]
        else:
            node[last] = value
    return found


def data(name: str, body: Any, **headers: str) -> str:
    """Event data of a host's delivery, as JSON text; header names with _ for -."""
    named = {key.replace("_", "-"): [value] for key, value in headers.items()}
    return BusEvent("", "", {host(name).receiver.headers_key: named, "body": body}).text()


def program(
    name: str, line: dict[str, Any] | None = None, keys: tuple[str, ...] = (), *, any_ref: bool = False
) -> Program:
    """A program of a host with one line of the table under some keys."""
    spec = {"workflowTemplateRef": {"name": "ci"}, "synchronization": {"mutexes": [{"name": ""}]}}
    entry = {
        "pipeline": "shop",
        "config": "0123456789ab",
        "run": spec,
        "arguments": {"repo_name": "shop"},
        **(line or {}),
    }
    bindings: dict[Kind, dict[str, str]] = {
        "push": {"target_branch": "branch"},
        "tag": {"container_tag": "tag", "ref": "ref"},
        "pull_request": {"target_branch": "branch", "ref": "ref"},
    }
    return compose(
        host=host(name),
        source=name,
        kinds=host(name).kinds,
        lines=dict.fromkeys(keys, entry),
        templates={
            "": TemplateFacts(
                ("repo_name", "target_branch", "container_tag", "ref"), bindings, "repo_name", any_ref
            )
        },
        labels={"hookline.dev/source": name},
        mutex_path=("synchronization", "mutexes", 0, "name"),
    )


ONE_PIPELINE = """\
version: 1
sources:
  github: {host: github, endpoint: /github, secret: {name: github-webhook, key: secret}}
pipelines:
  shop:
    repository: {source: github, name: acme/shop, url: https://github.com/acme/shop.git}
    image: registry.example.com/acme/shop
    events:
      push: {branches: [main]}
"""

DECLARATION = """\
version: 1
cluster: {namespace: ci}
sources:
  github: {host: github, endpoint: /github, secret: {name: github-webhook, key: secret}}
  harbor: {host: harbor, endpoint: /harbor, secret: {name: harbor-webhook, key: token}}
pipelines:
  shop:
    repository: {source: github, name: acme/shop, url: https://github.com/acme/shop.git}
    image: registry.example.com/acme/shop
    events:
      push: {branches: [main]}
"""


def plan(text: str = DECLARATION, *templates: Template) -> Plan:
    """The plan of a declaration that may use these templates beside the stock ones."""
    return make_plan(load_texts([("hookline.yaml", text.encode())]), {each.name: each for each in templates})


def go_template() -> Template:
    """A template that builds commits, lets runs overlap and has a sandbox."""
    return stock("hookline-ci-go")


def github_push(**changes: Any) -> Any:
    """A push of one commit to acme/shop's main that changed main.go."""
    commit = {"id": SHA, "message": "Change", "added": [], "removed": [], "modified": ["main.go"]}
    base = {
        "ref": "refs/heads/main",
        "before": OTHER_SHA,
        "after": SHA,
        "created": False,
        "deleted": False,
        "forced": False,
        "repository": {"full_name": "acme/shop"},
        "sender": {"login": "octo"},
        "commits": [commit],
        "head_commit": commit,
    }
    return edited(base, **changes)


def exporter_of(namespace: str, image: str, **settings: Any) -> list[dict[str, Any]]:
    """The objects of an exporter that watches its own namespace, as hookline prints them."""
    from hookline.plan.exporter_objects import labelled_exporter
    from runs.deployments import PodSettings
    from runs.exporter.manifests import DEFAULT_LIMITS, DEFAULT_REQUESTS, Installation

    pod = PodSettings(image, requests=DEFAULT_REQUESTS, limits=DEFAULT_LIMITS)
    return labelled_exporter(Installation(namespace, pod, **{"watch": (namespace,)} | settings))


def recommended(component: str, name: str = "hookline", instance: str = "hookline") -> dict[str, str]:
    """The labels that every object of a component has."""
    from hookline.version import VERSION

    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/version": VERSION,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "hookline",
        "app.kubernetes.io/managed-by": "hookline",
    }


def tables(sensor: Any) -> Iterator[dict[str, Any]]:
    """Every line of every table of a Sensor: entries, and the rules and specs that entries share."""
    for dependency in sensor["spec"]["dependencies"]:
        text = dependency.get("transform", {}).get("jq", "")
        table = text.partition('def table: "\n')[2].partition('";\n')[0]
        for line in filter(None, table.split("\n")):
            yield json.loads(json.loads(f'"{line.partition(" ")[2]}"').replace("'", '"'))
