"""A declaration in the controller's pod: the same files, the same plan."""

import base64
import bz2
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from support import read_yaml

from documents.diagnostics import InvalidInput
from hookline.cli import main
from hookline.declaration.carrying import (
    INDEX,
    LARGEST,
    PLAIN_BYTES,
    Carried,
    carried,
    load_carried,
    map_bytes,
)
from hookline.declaration.loading import Contents, load
from hookline.declaration.templates import read_templates
from hookline.plan.objects import objects, sensor_object
from hookline.plan.planning import Plan, make_plan

CLUSTER = """\
version: 1
cluster: {namespace: ci, image: "registry.example.com/hookline:1"}
controller: {reconcile: true}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}}
"""
TEAM = """\
version: 1
templates: {own: {file: ../templates/own.yaml}}
pipelines:
  "build-{repository_name}":
    for_each: {file: ../repositories.txt}
    repository: {source: github, url: "https://github.com/{owner}/{repository_name}.git"}
    image: "registry.example.com/{owner}/{repository_name}"
    run: {template: own}
    events: {push: {branches: [main]}}
  given:
    repository: {source: github, name: acme/given, url: "https://github.com/acme/given.git"}
    image: registry.example.com/acme/given
    run: {template: given}
    events: {push: {branches: [main]}}
"""
TEMPLATE = """\
apiVersion: argoproj.io/v1alpha1
kind: ClusterWorkflowTemplate
metadata: {name: NAME}
spec:
  entrypoint: main
  arguments: {parameters: [{name: repo_name}, {name: repo_url}, {name: container_image}, {name: commit_sha, value: ""}]}
  templates:
    - name: main
      inputs: {parameters: [{name: word, value: "{{workflow.parameters.container_image}}"}]}
      container: {image: alpine, command: [sh, -c], args: ["echo {{workflow.parameters.commit_sha}}"]}
"""


def written(folder: Path) -> None:
    (folder / "teams").mkdir(parents=True)
    (folder / "templates").mkdir()
    (folder / "hookline.yaml").write_text(CLUSTER)
    (folder / "teams" / "shop.hookline.yaml").write_text(TEAM)
    (folder / "repositories.txt").write_text("acme/shop\nacme/cart\n")
    (folder / "templates" / "own.yaml").write_text(TEMPLATE.replace("NAME", "own"))
    (folder / "given.yaml").write_text(TEMPLATE.replace("NAME", "given"))
    (folder / "unused.yaml").write_text(TEMPLATE.replace("NAME", "unused"))


def planned(folder: Path) -> Plan:
    templates = read_templates([folder / "given.yaml", folder / "unused.yaml"])
    return make_plan(load([folder]), templates)


def mounted(found: Carried, folder: Path) -> Path:
    folder.mkdir()
    for key, text in found.data.items():
        (folder / key).write_bytes(text.encode())
    for key, text in found.binary.items():
        (folder / key).write_bytes(base64.b64decode(text))
    return folder


def test_the_pod_plans_what_render_planned(tmp_path: Path) -> None:
    written(tmp_path / "there")
    plan = planned(tmp_path / "there")
    assert plan.given.keys() == {"given"}
    found = carried(plan.declaration.contents, plan.given)
    declaration, templates = load_carried(mounted(found, tmp_path / "pod"))
    again = make_plan(declaration, templates)
    mine, theirs = ([sensor_object(each, sensor) for sensor in each.sensors] for each in (again, plan))
    assert mine == theirs
    # Whoever plans what was carried carries the same: the names are those of the ConfigMap by now.
    assert objects(again) == objects(plan)


def test_every_checkout_writes_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for place in ("laptop", "ci/checkout"):
        written(tmp_path / place)
        made.append(carried(planned(tmp_path / place).declaration.contents, {}))
    monkeypatch.chdir(tmp_path / "laptop")
    made.append(
        carried(make_plan(load([Path()]), read_templates([Path("given.yaml")])).declaration.contents, {})
    )
    monkeypatch.chdir(tmp_path / "laptop" / "teams")
    made.append(
        carried(
            make_plan(load([Path("..")]), read_templates([Path("../given.yaml")])).declaration.contents, {}
        )
    )
    assert made[1:] == made[:1] * 3


names = st.lists(
    st.sampled_from(["a", "b.yaml", "b_yaml", "ü", "index.json", ".c", " d", "a_b"]), min_size=1, max_size=3
).map("/".join)


@given(
    st.dictionaries(
        names, st.one_of(st.binary(max_size=50), st.text(max_size=50).map(str.encode)), min_size=1, max_size=6
    ),
    st.booleans(),
)
def test_each_file_comes_back_byte_by_byte(files: dict[str, bytes], large: bool) -> None:
    if large:
        files = {**files, "large": b"x" * (PLAIN_BYTES + 1)}
    found = carried(Contents({}, files), {})
    assert not found.data.keys() & found.binary.keys()
    keys = [*found.data, *found.binary]
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key) and not key.startswith("..") for key in keys)
    index = {each["path"]: each for each in json.loads(found.data[INDEX])["files"]}
    contents = {
        path: bz2.decompress(base64.b64decode(found.binary[each["key"]]))
        if each["compressed"]
        else found.data[each["key"]].encode()
        for path, each in index.items()
    }
    assert sorted(contents.values()) == sorted(files.values())
    assert len(contents) == len(files)
    assert carried(Contents({}, dict(reversed(files.items()))), {}) == found


def test_a_thousand_pipelines_in_one_file_fit(tmp_path: Path) -> None:
    each = """\
  shop-NUMBER:
    repository: {source: github, name: acme/shop-NUMBER, url: "https://github.com/acme/shop-NUMBER.git"}
    image: registry.example.com/acme/shop-NUMBER
    events: {push: {branches: [main, "release/NUMBER/*"]}}
"""
    pipelines = "".join(each.replace("NUMBER", str(number)) for number in range(1000))
    (tmp_path / "hookline.yaml").write_text(f"{CLUSTER}pipelines:\n{pipelines}")
    contents = load([tmp_path]).contents
    assert sum(map(len, contents.declared.values())) > PLAIN_BYTES
    found = carried(contents, {})
    assert map_bytes(found) < 50_000 < LARGEST
    declaration, _ = load_carried(mounted(found, tmp_path / "pod"))
    assert len(declaration.pipelines) == 1000


def test_what_another_version_wrote_is_refused_with_what_to_do(tmp_path: Path) -> None:
    pod = tmp_path / "pod"
    pod.mkdir()
    (pod / INDEX).write_text('{"files": [{"path": "x"}], "templates": {}}')
    with pytest.raises(InvalidInput) as refused:
        load_carried(pod)
    assert "apply it again with the version of the pod" in str(refused.value.diagnostics[0])


def rendered(folder: Path, *options: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(main, ["render", str(folder), *options])
    assert done.exit_code == 0, done.stderr
    return [
        each
        for each in read_yaml(done.stdout)
        if each["metadata"]["labels"]["app.kubernetes.io/component"] == "controller"
    ]


def test_render_writes_it_where_a_duty_needs_it_and_a_change_replaces_the_pod(tmp_path: Path) -> None:
    written(tmp_path)
    options = [f"--template={tmp_path / 'given.yaml'}"]
    sums = []
    for text in (CLUSTER, CLUSTER + "# a word\n"):
        (tmp_path / "hookline.yaml").write_text(text)
        found = {f"{each['kind']}/{each['metadata']['name']}": each for each in rendered(tmp_path, *options)}
        held = found["ConfigMap/hookline-controller-declaration"]
        assert held["data"]["hookline.yaml"] == text
        pod = found["Deployment/hookline-controller"]["spec"]["template"]
        assert "--declaration=/declaration" in pod["spec"]["containers"][0]["args"]
        assert {"name": "declaration", "mountPath": "/declaration", "readOnly": True} in pod["spec"][
            "containers"
        ][0]["volumeMounts"]
        sums.append(pod["metadata"]["annotations"]["checksum/config"])
    assert sums[0] != sums[1]
    roles = {
        each["metadata"].get("namespace", ""): each["rules"]
        for each in found.values()
        if each["kind"].endswith("Role")
    }
    argo, core = {"apiGroups": ["argoproj.io"]}, {"apiGroups": [""]}
    assert [each for each in roles["ci"] if each["resources"] != ["leases"]] == [
        {**argo, "resources": ["workflows"], "verbs": ["get", "list", "patch", "watch"]},
        {**argo, "resources": ["eventbus"], "resourceNames": ["default"], "verbs": ["get"]},
        {
            **core,
            "resources": ["secrets"],
            "resourceNames": ["eventbus-default-js-client-auth"],
            "verbs": ["get"],
        },
        {**argo, "resources": ["sensors"], "verbs": ["list"]},
        {**argo, "resources": ["workflows"], "verbs": ["create"]},
        {**core, "resources": ["events"], "verbs": ["list"]},
    ]
    assert roles[""] == [
        {
            **argo,
            "resources": ["clusterworkflowtemplates"],
            "resourceNames": ["given", "own"],
            "verbs": ["get"],
        }
    ]


def test_a_controller_that_only_reports_is_given_neither_bus_nor_declaration(tmp_path: Path) -> None:
    written(tmp_path)
    report = "secret: {name: hooks, key: github}, report: {token: {name: statuses, key: token}}"
    text = CLUSTER.replace("{reconcile: true}", "{}").replace("secret: {name: hooks, key: github}", report)
    (tmp_path / "hookline.yaml").write_text(text)
    found = rendered(tmp_path, f"--template={tmp_path / 'given.yaml'}")
    assert "hookline-controller-declaration" not in {each["metadata"]["name"] for each in found}
    assert "ClusterRole" not in {each["kind"] for each in found}
    resources = {
        name
        for each in found
        if each["kind"] == "Role"
        for rule in each["rules"]
        for name in rule["resources"]
    }
    assert resources == {"workflows", "leases"}


def test_a_declaration_that_no_configmap_holds_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    written(tmp_path)
    noise = "".join(f"# {random.Random(number).randbytes(60).hex()}\n" for number in range(30_000))
    (tmp_path / "repositories.txt").write_text("acme/shop\n" + noise)
    done = CliRunner().invoke(main, ["render", str(tmp_path), f"--template={tmp_path / 'given.yaml'}"])
    assert done.exit_code == 2
    assert re.search(
        r"hookline\.yaml:3:1: error: controller: the declaration has [\d,]+ bytes when", done.stderr
    )
    assert "leave reconcile out" in done.stderr
