"""hookline template check: whose text, which contract, what is lacking, of files and of clusters."""

import contextlib
import copy
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from stock_template import stock
from tries import tries

from documents.diagnostics import InvalidInput
from hookline.answers.template_check import TemplateReport, check_template, report_data
from hookline.cli import main
from hookline.declaration.templates import manifest_template, templates_in
from hookline.version import VERSION
from triggers.inspection.findings import CODES
from triggers.inspection.normal_form import STAMP
from triggers.publishing import published
from triggers.shipped import shipped_names

OTHER_DIGEST = "@sha256:" + "a" * 64


def hookline(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["template", *arguments], input=text)


def checked(manifest: Any) -> TemplateReport:
    return check_template(manifest_template(manifest, "own"), VERSION)


def codes(manifest: Any) -> set[str]:
    return {each.code for each in checked(manifest).findings}


# --- whose text -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped_names())
@pytest.mark.parametrize("artifacts", [False, True])
def test_what_hookline_renders_is_recognised_whoever_stored_it(name: str, artifacts: bool) -> None:
    manifest = published(name, VERSION, artifacts=artifacts, namespaced=True, namespace="ci")
    manifest["metadata"] |= {
        "uid": "1",
        "managedFields": [{}],
        "creationTimestamp": None,
        "labels": {"x": "y"},
    }
    manifest["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "{}"
    manifest["status"] = {}
    for template in manifest["spec"]["templates"]:
        template |= {
            "inputs": template.get("inputs", {}),
            "metadata": template.get("metadata", {}),
            "outputs": template.get("outputs", {}),
        }
    manifest["spec"]["templates"].reverse()
    origin = checked(manifest).origin
    assert (origin.text, origin.template, origin.version, origin.images) == ("hookline", name, VERSION, ())


def test_the_successor_lacks_nothing_and_keeps_the_contract() -> None:
    result = hookline("check", "-", text=hookline("hookline-ci-go").stdout)
    assert result.exit_code == 0
    assert "lacks nothing for events" in result.stdout
    report = checked(published("hookline-ci-go", VERSION))
    assert {each.state for each in report.contract} == {"found"}


def test_other_images_and_mirrors_are_named_and_are_the_same_template() -> None:
    printed = hookline(
        "hookline-ci-go", "--mirror", "mirror.example.com", "--image", "go=golang" + OTHER_DIGEST
    ).stdout
    result = hookline("check", "-", text=printed)
    assert result.exit_code == 0
    assert "hookline's hookline-ci-go, as version" in result.stdout
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if "@sha256:" in line}
    assert rows["git-checkout-pr"].endswith("the same by digest")
    assert rows["run-test"].endswith("another image")


def test_another_version_is_told_from_a_changed_one() -> None:
    manifest = published("ci-go-v1", "0.0.9")
    manifest["spec"]["entrypoint"] = "other"
    changed = checked(manifest)
    assert changed.origin.sentence == "hookline's ci-go-v1 of version 0.0.9, changed since"
    assert changed.comparison is not None
    assert "-  entrypoint: main" in changed.comparison.diff
    assert "+  entrypoint: other" in changed.comparison.diff
    from triggers.inspection.normal_form import digest, normal_form

    manifest["metadata"]["annotations"][STAMP["digest"]] = digest(normal_form(manifest))
    other = checked(manifest)
    assert (other.origin.text, other.origin.version) == ("hookline", "0.0.9")
    assert other.comparison is None


@pytest.mark.parametrize(
    ("marks", "text"),
    [
        ({"tracking": False, "opt": False, "blanks": 1}, "vendor-article"),
        ({"blanks": 1}, "vendor-first-generation"),
        ({}, "vendor-second-generation"),
        ({"tracking": False}, "customised"),
        ({"blanks": 3}, "customised"),
    ],
)
def test_the_published_texts_are_told_by_their_marks(marks: dict[str, Any], text: str) -> None:
    report = checked(stock(**marks))
    assert report.origin.text == text
    assert (report.comparison is not None) == (text == "customised")


def test_a_published_text_from_a_mirror_is_still_that_text() -> None:
    manifest = stock()
    manifest["spec"]["templates"][0]["dag"]["tasks"][0]["inline"]["container"]["image"] = (
        "mirror.example.com/alpine"
    )
    origin = checked(manifest).origin
    assert origin.text == "vendor-second-generation"
    assert [(each.step, each.expected, each.same_content) for each in origin.images] == [
        ("git-checkout-pr", "alpine:latest", False)
    ]


@pytest.mark.parametrize(("part", "word"), [("arguments", "parameters"), ("volumes", "volumes")])
def test_a_published_text_that_somebody_changed(part: str, word: str) -> None:
    manifest = stock()
    del manifest["spec"][part]
    origin = checked(manifest).origin
    assert origin.text == "customised"
    assert f"second generation of workflow clusters, by its marks, but changed: {word}" in origin.sentence


# --- the contract and what is lacking -------------------------------------------------------------------------------


def test_the_stock_text_lacks_all_of_this() -> None:
    assert codes(stock()) == set(CODES) - {
        "NO_DEADLINE", "STALE_CHECKOUT", "BUILD_ARGUMENT_DROPPED", "CONTRACT_BROKEN", "OTHER_TEMPLATES", "TOKEN_IN_STEP",
    }  # fmt: skip
    assert codes(stock(tracking=False, opt=False, blanks=1)) >= {"STALE_CHECKOUT", "BUILD_ARGUMENT_DROPPED"}


def test_our_own_ci_go_v1_lacks_less() -> None:
    found = codes(published("ci-go-v1", VERSION))
    assert found < codes(stock())
    assert not found & {
        "PASTED_PARAMETERS",
        "INLINE_TASKS",
        "IMAGE_NOT_PINNED",
        "INSTALLS_AT_RUN_TIME",
        "PLAIN_HTTP_PROXY",
    }


def _spec(**changes: Any) -> dict[str, Any]:
    manifest = stock()
    manifest["spec"] |= changes
    return manifest


def test_a_deadline_a_retry_and_a_commit_are_seen() -> None:
    manifest = stock()
    for task in manifest["spec"]["templates"][0]["dag"]["tasks"]:
        del task["inline"]["activeDeadlineSeconds"]
    assert "NO_DEADLINE" in codes(manifest)
    manifest["spec"] |= {"activeDeadlineSeconds": 3600, "templateDefaults": {"retryStrategy": {"limit": 1}}}
    manifest["metadata"]["annotations"] = {"hookline.dev/commit-parameter": "dockerfile"}
    assert not codes(manifest) & {"NO_DEADLINE", "NO_RETRY", "NO_COMMIT_PARAMETER"}


@pytest.mark.parametrize(
    ("script", "code", "there"),
    [
        ("echo {{workflow.parameters.repo_url}}", "PASTED_PARAMETERS", True),
        ("echo {{= workflow.parameters.repo_url }}", "PASTED_PARAMETERS", True),
        ("echo {{inputs.parameters.x}}", "PASTED_PARAMETERS", True),
        ("echo {{workflow.name}} {{workflow.uid}}", "PASTED_PARAMETERS", False),
        ("apk --no-cache add git", "INSTALLS_AT_RUN_TIME", True),
        ("apt-get -qq -y install git", "INSTALLS_AT_RUN_TIME", True),
        ("echo an apk is added", "INSTALLS_AT_RUN_TIME", False),
        ("GOCACHE=/data/go go test ./...", "GOCACHE_NOT_KEPT", False),
        ("GOCACHE=/tmp/go go test ./...", "GOCACHE_NOT_KEPT", True),
        ("git -C x fetch && git reset --hard FETCH_HEAD", "CHECKOUT_BLOCKS", False),
        ("git pull || git clone x && git reset --hard origin/x", "CHECKOUT_BLOCKS", False),
        ("git pull || git clone x", "CHECKOUT_BLOCKS", True),
        ("docker push x:latest", "LATEST_ALWAYS", True),
        ("docker pull x:latest", "LATEST_ALWAYS", False),
        ("build --export-cache type=registry,ignore-error=true,ref=x:buildcache-1", "CACHE_FAILS_BUILD", False),
        ("build --export-cache type=registry,ignore-error=true,ref=x:buildcache-1", "ONE_CACHE", False),
        ("build --export-cache type=registry,ref=x:buildcache,mode=max", "ONE_CACHE", True),
        ("build --opt build-arg:GOPROXY=x", "BUILD_ARGUMENT_DROPPED", False),
        ("build --opt filename=x \\\n  build-arg:GOPROXY=x", "BUILD_ARGUMENT_DROPPED", True),
    ],
)  # fmt: skip
def test_what_a_script_says(script: str, code: str, there: bool) -> None:
    container: dict[str, Any] = {"image": "x" + OTHER_DIGEST, "command": ["sh", "-c"], "args": [script]}
    container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    manifest = {
        "kind": "WorkflowTemplate",
        "metadata": {"name": "own"},
        "spec": {
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            "templates": [{"name": "step", "container": container}],
        },
    }
    assert (code in codes(manifest)) is there
    del container["args"], container["command"]
    manifest["spec"]["templates"] = [{"name": "step", "script": {**container, "source": script}}]  # type: ignore[index]
    assert (code in codes(manifest)) is there


def test_clauses_of_the_contract_are_found_missing_or_different() -> None:
    manifest = stock()
    parameters = manifest["spec"]["arguments"]["parameters"]
    parameters[2]["value"] = "master"
    del parameters[0]
    manifest["spec"]["templates"][0]["dag"]["tasks"][2]["name"] = "build"
    manifest["spec"]["volumes"][1]["persistentVolumeClaim"]["claimName"] = "other"
    report = checked(manifest)
    told = {
        (each.what, each.name): (each.state, each.found) for each in report.contract if each.state != "found"
    }
    assert told[("parameter", "repo_url")] == ("missing", "")
    assert told[("parameter", "target_branch")] == ("different", 'default "master"')
    assert told[("step", "build-push-image")] == ("missing", "")
    assert told[("volume", "workdir")][1] == "PersistentVolumeClaim other at /workdir"
    (broken,) = (each for each in report.findings if each.code == "CONTRACT_BROKEN")
    assert broken.sentence == "missing: parameter repo_url, step build-push-image"


@pytest.mark.parametrize(
    ("change", "code", "found"),
    [
        ({}, "KEEPS_CAPABILITIES", True),
        ({"securityContext": {"capabilities": {"drop": ["ALL"]}}}, "KEEPS_CAPABILITIES", False),
        ({"securityContext": {"capabilities": {"drop": ["NET_RAW"]}}}, "KEEPS_CAPABILITIES", True),
        ({"resources": {"limits": {"memory": "1Gi"}}}, "NO_MEMORY_LIMIT", False),
        ({"resources": {"limits": {"cpu": "1"}, "requests": {"memory": "1Gi"}}}, "NO_MEMORY_LIMIT", True),
    ],
)
def test_what_each_container_of_a_step_may_do_and_use_is_seen(
    change: dict[str, Any], code: str, found: bool
) -> None:
    manifest = published("hookline-ci-go", VERSION)
    assert not codes(manifest) & {"KEEPS_CAPABILITIES", "NO_MEMORY_LIMIT", "TOKEN_IN_STEP"}
    step = next(each for each in manifest["spec"]["templates"] if each["name"] == "run-test")
    # One more container is enough.
    step["sidecars"] = [{"name": "database", "image": "postgres@sha256:" + "0" * 64, **change}]
    assert (code in codes(manifest)) == found


@pytest.mark.parametrize(("value", "found"), [(True, True), (False, False), (None, False)])
def test_a_step_that_asks_for_a_token_is_seen(value: bool | None, found: bool) -> None:
    manifest = published("hookline-ci-go", VERSION)
    step = next(each for each in manifest["spec"]["templates"] if each["name"] == "run-test")
    step["automountServiceAccountToken"] = value
    assert ("TOKEN_IN_STEP" in codes(manifest)) == found


def test_every_code_can_be_found_and_has_a_meaning() -> None:
    limitless = stock(tracking=False, opt=False, blanks=1)
    image = [
        each for each in limitless["spec"]["arguments"]["parameters"] if each["name"] == "container_image"
    ]
    limitless["spec"]["arguments"]["parameters"] = image
    for task in limitless["spec"]["templates"][0]["dag"]["tasks"]:
        del task["inline"]["activeDeadlineSeconds"]
        task["inline"]["automountServiceAccountToken"] = True
    tasks = limitless["spec"]["templates"][0]["dag"]["tasks"]
    tasks.append({"name": "scan", "templateRef": {"name": "shared", "template": "scan"}})
    assert codes(limitless) == set(CODES)
    assert all(re.fullmatch(r"[A-Z_]+", code) and meaning.endswith(".") for code, meaning in CODES.items())


# --- files ----------------------------------------------------------------------------------------------------------


def test_the_exit_code_says_whether_something_is_lacking(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump(stock()), "utf-8")
    result = hookline("check", str(path))
    assert (result.exit_code, result.stderr) == (1, "")
    assert "Alibaba Cloud's text, page of the second generation" in result.stdout
    assert "PASTED_PARAMETERS" in result.stdout


def test_a_list_is_answered_item_by_item(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    items = [stock(), {"kind": "Pod"}, published("hookline-ci-go", VERSION)]
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}), "utf-8")
    answer = json.loads(hookline("check", str(path), "-o", "json").stdout)
    assert (answer["apiVersion"], answer["kind"]) == ("hookline.dev/v1", "TemplateCheck")
    assert [(each["text"], bool(each["findings"])) for each in answer["templates"]] == [
        ("vendor-second-generation", True),
        ("hookline", False),
    ]
    assert answer == yaml.safe_load(hookline("check", str(path), "-o", "yaml").stdout)


HEAD = "kind: ClusterWorkflowTemplate\nmetadata: {name: x}\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "(stdin):1:1: error: the file is empty; expected a template, as kubectl get cwft NAME -o yaml prints it"),
        ("- 1\n", "(stdin):1:1: error: expected a mapping at the top, such as kind: ClusterWorkflowTemplate, not a list"),
        ("kind: Pod\n", "(stdin):1:7: error: kind: expected the manifest of a ClusterWorkflowTemplate or a WorkflowTemplate"),
        ("kind: [\n", "(stdin):2:1: error: "),
        (HEAD, "(stdin):1:1: error: spec: expected a mapping; a template has a spec"),
        (HEAD + "spec: 1\n", "(stdin):3:7: error: spec: expected a mapping; a template has a spec"),
        ("kind: WorkflowTemplate\nspec: {}\n", "(stdin):1:1: error: metadata.name: expected text; it is missing"),
        (HEAD + "spec:\n  templates: {}\n", "(stdin):4:14: error: spec.templates: expected a list, not a mapping"),
        (
            HEAD + "spec:\n  templates:\n  - container: {args: [x, 1]}\n",
            "(stdin):5:27: error: spec.templates[0].container.args[1]: expected text, not a number",
        ),
        ("kind: List\nitems: [{kind: Pod}]\n", "(stdin):2:8: error: items: no ClusterWorkflowTemplate"),
        ("kind: List\nitems: [{kind: []}, 1]\n", "(stdin):2:8: error: items: no ClusterWorkflowTemplate"),
        ("kind: List\nitems: 1\n", "(stdin):2:8: error: items: expected a list; a List has items"),
        (HEAD + "spec: {a: &a [x], b: !!python/none x}\n", "(stdin):3:22: error: the tag !!python/none is refused"),
        ("a: " + "[" * 200, "(stdin):1:"),
        ("x" * (4 * 1024 * 1024 + 1), "(stdin):1:1: error: the file has more than 4,194,304 bytes; no larger one is read"),
        (HEAD + "spec:\n  a: &a " + "x" * 100_000 + "\n  b: [" + "*a, " * 200 + "*a]\n", "(stdin):1:1: error: its texts have more than"),
    ],
)  # fmt: skip
def test_what_is_no_template_is_refused_with_its_place(content: str, message: str) -> None:
    result = hookline("check", "-", text=content)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr.splitlines()[0]
    assert "Traceback" not in result.stderr


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = hookline("check", str(tmp_path / "x.yaml"))
    assert result.exit_code == 2
    assert ":1:1: error: cannot be read: no such file" in result.stderr
    assert "asked for its template with --live ci-go-v1" in hookline("check", "ci-go-v1").stderr


def test_a_check_of_nothing_says_what_to_name() -> None:
    assert hookline("check").exit_code == 2
    assert "or ask a cluster with --live" in hookline("check").stderr
    assert "are for --live" in hookline("check", "x.yaml", "-n", "ci").stderr


def test_a_terminal_gets_nothing_to_act_on() -> None:
    manifest = stock()
    manifest["metadata"]["name"] = "x\x1b[31m"
    manifest["spec"]["templates"][0]["dag"]["tasks"][0]["inline"]["container"]["args"] = [
        "echo \x1b]0;x\x07 \u202e"
    ]
    printed = hookline("check", "-", text=json.dumps(manifest)).stdout
    assert "x\\x1b[31m" in printed
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", printed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _places(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from _places(value, (*path, key))


WHOLE = (stock(), published("hookline-ci-go", VERSION, artifacts=True))
PLACES = [(index, path) for index, manifest in enumerate(WHOLE) for path in _places(manifest)]


def _answered(manifest: Any) -> None:
    with contextlib.suppress(InvalidInput):
        assert json.loads(json.dumps(report_data(checked(manifest))))["contract"]


@settings(max_examples=tries(60))
@given(JSON)
def test_any_json_value_is_answered(value: Any) -> None:
    _answered(value)
    _answered({"kind": "WorkflowTemplate", "metadata": {"name": "x"}, "spec": value})


@settings(max_examples=tries(100))
@given(st.sampled_from(PLACES), JSON)
def test_a_template_with_any_json_value_in_any_place_is_answered(
    place: tuple[int, tuple[str | int, ...]], value: Any
) -> None:
    index, path = place
    manifest: Any = copy.deepcopy(WHOLE[index])
    if not path:
        manifest = value
    else:
        node = manifest
        for part in path[:-1]:
            node = node[part]
        node[path[-1]] = value
    _answered(manifest)
    with contextlib.suppress(InvalidInput):
        assert templates_in(json.dumps(manifest).encode(), "x")


@pytest.mark.parametrize(
    "text",
    [
        "git -C {{" * 7_500, "apk -" * 20_000, "{{ parameters " * 15_000, "git " * 50_000, "build-arg:GOPROXY " * 12_500,
        "--export-cache '" * 15_000, "Start to Clone" + " " * 225_000, ":latest push" * 17_500, "\\ " * 100_000, "rm -" + "a" * 225_000,
    ],
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    import time

    manifest = stock()
    manifest["spec"]["templates"][0]["dag"]["tasks"][0]["inline"]["container"]["args"] = [text]
    start = time.process_time()
    checked(manifest)
    assert time.process_time() - start < 1.5


# --- a cluster ------------------------------------------------------------------------------------------------------


class Cluster:
    """An API server that has some templates by path, and counts what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.objects: dict[str, Any] = {}
        self.status = 404
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = cluster.objects.get(self.path.removeprefix("/apis/argoproj.io/v1alpha1/"))
                body = found if isinstance(found, bytes) else json.dumps(found or {"kind": "Status"}).encode()
                self.send_response(200 if found is not None else cluster.status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "gone", "users": [{"name": "x", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}"}}],
        }  # fmt: skip
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(config), "utf-8")

    def check(self, *arguments: str) -> Result:
        return hookline("check", "--live", "--kubeconfig", str(self.kubeconfig), "--context", "x", *arguments)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster without templates."""
    made = Cluster(tmp_path)
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_cluster_is_asked_for_a_template(cluster: Cluster) -> None:
    cluster.objects["clusterworkflowtemplates/ci-go-v1"] = stock()
    result = cluster.check("ci-go-v1")
    assert result.exit_code == 1
    assert "page of the second generation" in result.stdout
    cluster.objects["namespaces/ci/workflowtemplates/own"] = published("hookline-ci-go", VERSION)
    assert cluster.check("own", "-n", "ci").exit_code == 0


def test_without_a_name_a_cluster_is_asked_for_what_hookline_knows(cluster: Cluster) -> None:
    result = cluster.check()
    assert (result.exit_code, result.stderr) == (
        1,
        "error: the cluster has neither ci-go-v1 nor hookline-ci-go\n",
    )
    cluster.objects["clusterworkflowtemplates/hookline-ci-go"] = published("hookline-ci-go", VERSION)
    assert cluster.check().exit_code == 0


def test_a_cluster_that_has_not_got_it_refuses_or_is_not_there(cluster: Cluster) -> None:
    absent = cluster.check("gone")
    assert (absent.exit_code, "404" in absent.stderr) == (1, True)
    cluster.status = 403
    assert cluster.check("gone").exit_code == 3
    kubeconfig = ("--kubeconfig", str(cluster.kubeconfig))
    assert hookline("check", "--live", *kubeconfig).exit_code == 3
    assert hookline("check", "--live", *kubeconfig, "--context", "y").exit_code == 3
    assert hookline("check", "--live", "--kubeconfig", str(cluster.kubeconfig.parent / "gone")).exit_code == 3
    cluster.kubeconfig.write_text("[", "utf-8")
    assert cluster.check().exit_code == 3


@pytest.mark.parametrize(
    "content", [b"no json", b"[]", b"1", b"{}", b"[" * 5_000, b'{"kind": "ClusterWorkflowTemplate"}']
)
def test_a_cluster_that_gives_something_else(cluster: Cluster, content: bytes) -> None:
    cluster.objects["clusterworkflowtemplates/ci-go-v1"] = content
    result = cluster.check("ci-go-v1")
    assert result.exit_code in {2, 3}
    assert "error: " in result.stderr
    assert "Traceback" not in result.stderr
