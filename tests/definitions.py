"""The rules that the engines' own releases have for their objects, as JSON Schemas, and a checker that goes by them.

`tests/data/definitions` holds what of them hookline's objects touch, taken from the releases (Apache License 2.0):
argo-workflows `manifests/base/crds/full`, argo-events `api/jsonschema/schema.json`, kubernetes `api/openapi-spec/v3`,
prometheus-operator `example/prometheus-operator-crd`, gateway-api `config/crd/standard`, argo-cd `manifests/crds` and Flux's kustomize-controller
`config/crd/bases`. Write a file again from a checkout or a Go module of the release:

    python tests/definitions.py argo-workflows 3.7.18 FOLDER
    python tests/definitions.py argo-events 1.9.11 FOLDER
    python tests/definitions.py kubernetes 1.34.4 FOLDER
    python tests/definitions.py prometheus-operator 0.85.0 FOLDER
    python tests/definitions.py gateway-api 1.3.0 FOLDER
    python tests/definitions.py argo-cd 3.5.1 FOLDER
    python tests/definitions.py kustomize-controller 1.9.4 FOLDER
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

__all__ = [
    "ARGO_CD",
    "EVENTS",
    "GATEWAY_API",
    "KUBERNETES",
    "KUBERNETES_GROUPS",
    "KUSTOMIZE_CONTROLLER",
    "PROMETHEUS_OPERATOR",
    "WORKFLOWS",
    "events_rules",
    "kubernetes_rules",
    "problems",
    "stored",
    "workflows_rules",
]

FOLDER = Path(__file__).parent / "data/definitions"
WORKFLOWS = ("3.5.15", "3.6.19", "3.7.18", "4.0.5", "4.0.10", "4.1.2")
EVENTS = ("1.9.11",)
KUBERNETES = "1.34.4"
PROMETHEUS_OPERATOR = "0.85.0"
GATEWAY_API = "1.3.0"
ARGO_CD = "3.5.1"
KUSTOMIZE_CONTROLLER = "1.9.4"
KUBERNETES_GROUPS = {
    "api/v1": (
        "ConfigMap",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Secret",
        "Service",
        "ServiceAccount",
    ),
    "apis/apps/v1": ("Deployment",),
    "apis/networking.k8s.io/v1": ("Ingress", "NetworkPolicy"),
    "apis/rbac.authorization.k8s.io/v1": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
}
"""API group and version → the kinds of Kubernetes' own that hookline prints."""
POD_TYPES = (
    "Capabilities",
    "EnvVar",
    "EnvVarSource",
    "PodSecurityContext",
    "ResourceRequirements",
    "SeccompProfile",
    "SecurityContext",
)
"""Kubernetes' own types inside the objects of Argo Events that hookline writes."""
LARGE = 4_000
"""A field whose rules take more bytes is only known by its name, unless it is listed in INSIDE."""
INSIDE = {"spec", "workflowSpec", "templateDefaults", "arguments", "source", "kustomize"}
EVENT_KINDS = ("EventBus", "EventSource", "Sensor")
EVENTS_PREFIX = "io.argoproj.events.v1alpha1."

LEFT_OUT = {"Affinity", "EphemeralContainer", "ManagedFieldsEntry", "TopologySpreadConstraint"}
"""Types of Kubernetes whose rules are not kept."""

Json = dict[str, Any]


def _without_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_texts(each)
            for key, each in value.items()
            if not (key == "description" and isinstance(each, str))
        }
    return [_without_texts(each) for each in value] if isinstance(value, list) else value


def _size(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def _small(schema: Json) -> Json:
    """The schema with the rules of small fields alone."""
    if "properties" not in schema:
        return schema
    kept = {
        name: _small(each) if name in INSIDE else each if _size(each) < LARGE else {}
        for name, each in sorted(schema["properties"].items())
    }
    return schema | {"properties": kept}


def workflows_rules(folder: Path) -> Json:
    """Rules of `spec` by kind, from a release's folder of full definitions."""
    found = (_custom(folder / f"argoproj.io_{plural}.yaml") for plural in ("workflows", "cronworkflows"))
    return {kind: _small(schema) for kind, schema in found}


def monitoring_rules(folder: Path) -> Json:
    """Rules of `spec` of the Prometheus Operator's kinds that hookline prints."""
    plurals = ("servicemonitors", "podmonitors", "prometheusrules")
    return dict(_custom(folder / f"monitoring.coreos.com_{plural}.yaml") for plural in plurals)


def application_rules(folder: Path) -> Json:
    """The rules of an Application's `spec`."""
    kind, schema = _custom(folder / "application-crd.yaml")
    return {kind: _small(schema)}


def kustomization_rules(folder: Path) -> Json:
    """The rules of a Flux Kustomization's `spec`."""
    kind, schema = _custom(folder / "kustomize.toolkit.fluxcd.io_kustomizations.yaml")
    return {kind: schema}


def http_route_rules(folder: Path) -> Json:
    """The rules of an HTTPRoute's `spec`; filters, which hookline does not write, are only known by their name."""
    kind, schema = _custom(folder / "gateway.networking.k8s.io_httproutes.yaml")
    return {kind: _without_filters(schema)}


def _without_filters(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_filters(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: {} if key == "filters" else _without_filters(each)
        for key, each in value.items()
        if key != "x-kubernetes-validations"
    }


def _custom(path: Path) -> tuple[str, Json]:
    """Kind and rules of `spec` of a custom resource definition, in the version that is stored."""
    definition = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)["spec"]
    (version,) = (each for each in definition["versions"] if each["storage"])
    schema = _without_texts(version["schema"]["openAPIV3Schema"])
    return definition["names"]["kind"], schema["properties"]["spec"]


def events_rules(path: Path) -> Json:
    """Rules of `spec` by kind, from a release's JSON Schema; `definitions` holds what they refer to."""
    known = _without_texts(json.loads(path.read_text("utf-8")))["definitions"]
    kept: Json = {}

    def keep(name: str) -> None:
        if name in kept:
            return
        # Of Kubernetes' own types hookline writes few; the specifications name many receivers that it never uses.
        # `required` there only tells which fields Go always writes (webhook.url among them): nobody refuses their absence.
        own = name.startswith(EVENTS_PREFIX) or name in {f"io.k8s.api.core.v1.{each}" for each in POD_TYPES}
        kept[name] = {key: each for key, each in known[name].items() if key != "required"} if own else {}
        for reference in _references(kept[name]):
            keep(reference)

    for kind in EVENT_KINDS:
        keep(f"{EVENTS_PREFIX}{kind}Spec")
    return {kind: {"$ref": f"#/definitions/{EVENTS_PREFIX}{kind}Spec"} for kind in EVENT_KINDS} | {
        "definitions": kept
    }


def kubernetes_rules(documents: Iterable[Json]) -> Json:
    """Rules of whole objects by kind, from OpenAPI documents of Kubernetes; `definitions` holds what they refer to."""
    known: Json = {}
    for document in documents:
        known |= _without_texts(document["components"]["schemas"])
    kinds = {kind for found in KUBERNETES_GROUPS.values() for kind in found}
    found = {
        each["x-kubernetes-group-version-kind"][0]["kind"]: name
        for name, each in known.items()
        if name.startswith("io.k8s.api.")
        and each.get("x-kubernetes-group-version-kind", [{}])[0].get("kind") in kinds
    }
    kept: Json = {}

    def keep(name: str) -> None:
        if name not in kept:
            # What is large and not written by hookline is only known by its name, as with the other engines.
            kept[name] = {} if name.rpartition(".")[2] in LEFT_OUT else _plain(known[name])
            for reference in _references(kept[name]):
                keep(reference)

    for name in found.values():
        keep(name)
    return {kind: {"$ref": f"#/definitions/{name}"} for kind, name in found.items()} | {"definitions": kept}


def _plain(value: Any) -> Any:
    """A rule of OpenAPI as JSON Schema says it: references stand alone, and extensions tell a validator nothing."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(reference := value.get("$ref"), str):
        return {"$ref": reference.replace("#/components/schemas/", "#/definitions/")}
    kept = {key: _plain(each) for key, each in value.items() if key != "default" and not key.startswith("x-")}
    return kept["allOf"][0] if len(kept.get("allOf", [])) == 1 else kept


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference.removeprefix("#/definitions/")
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


@cache
def stored(engine: str, version: str) -> Mapping[str, Json]:
    """The kept rules of a release by kind."""
    found: Mapping[str, Json] = json.loads((FOLDER / f"{engine}-{version}.json").read_text("utf-8"))
    if engine == "argo-workflows":
        # Both specs are the type WorkflowSpec (argo-workflows pkg/apis/workflow/v1alpha1/workflow_template_types.go).
        return {**found, "WorkflowTemplate": found["Workflow"]}
    return found


def _strict(value: Any) -> Any:
    """As the API server takes a manifest that kubectl validates: an unknown field is an error."""
    if isinstance(value, list):
        return [_strict(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: _strict(each) for key, each in value.items()}
    if value.get("x-kubernetes-int-or-string"):
        found["type"] = ["integer", "string"]
    if "properties" in value and isinstance(value["properties"], dict) and "type" in value:
        found.setdefault("additionalProperties", False)
    return found


@cache
def _validator(engine: str, version: str, kind: str) -> jsonschema.Draft202012Validator:
    rules = stored(engine, version)
    schema = {**_strict(rules[kind]), "definitions": _strict(rules.get("definitions", {}))}
    return jsonschema.Draft202012Validator(schema)


def problems(engine: str, version: str, manifest: Mapping[str, Any]) -> list[str]:
    """What the rules of a release refuse in an object; nothing of a kind that they do not know."""
    kind = manifest["kind"]
    if kind == "definitions" or kind not in stored(engine, version):
        return []
    whole = engine == "kubernetes"
    place = () if whole else ("spec",)
    return [
        f"{'.'.join(map(str, (*place, *error.absolute_path)))}: {error.message}"
        for error in _validator(engine, version, kind).iter_errors(manifest if whole else manifest["spec"])
    ]


def main() -> None:
    """Write the rules of one release."""
    engine, version, name = sys.argv[1:]
    folder = Path(name)
    if engine == "argo-workflows":
        found = workflows_rules(folder / "manifests/base/crds/full")
    elif engine == "argo-events":
        found = events_rules(folder / "api/jsonschema/schema.json")
    elif engine == "kubernetes":
        files = [f"{group.replace('/', '__')}_openapi.json" for group in KUBERNETES_GROUPS]
        found = kubernetes_rules(
            json.loads((folder / "api/openapi-spec/v3" / each).read_text("utf-8")) for each in files
        )
    elif engine == "gateway-api":
        found = http_route_rules(folder / "config/crd/standard")
    elif engine == "argo-cd":
        found = application_rules(folder / "manifests/crds")
    elif engine == "kustomize-controller":
        found = kustomization_rules(folder / "config/crd/bases")
    else:
        found = monitoring_rules(folder / "example/prometheus-operator-crd")
    path = FOLDER / f"{engine}-{version}.json"
    path.write_text(json.dumps(found, separators=(",", ":"), sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
