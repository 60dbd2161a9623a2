"""The commands: what they print where, and how they end."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from support import DECLARATION, ROOT, github_push, read_yaml

from hookline.cli import command_names, main
from hookline.plan import objects as writing_down
from sensors.manifests import sensor_manifest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a valid hookline.yaml and a push, in which commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hookline.yaml").write_text(DECLARATION, "utf-8")
    (tmp_path / "push.json").write_text(json.dumps(github_push()), "utf-8")
    return tmp_path


def hookline(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=text)


PUSH = ("-e", "push.json", "--source", "github", "--header", "X-GitHub-Event: push")


# --- validate, render -----------------------------------------------------------------------------------------------


def test_validate_says_what_it_found(folder: Path) -> None:
    result = hookline("validate")
    assert (result.exit_code, result.stdout) == (0, "1 pipeline, 2 sources: valid; 5 pods\n")
    assert "no pipeline uses source" in result.stderr
    assert hookline("validate", "--strict").exit_code == 1


def test_a_folder_or_several_files_are_one_declaration(folder: Path) -> None:
    whole = hookline("render").stdout
    head, _, tail = DECLARATION.partition("pipelines:\n")
    (folder / "ci").mkdir()
    (folder / "ci" / "a.yaml").write_text(f"version: 1\npipelines:\n{tail}", "utf-8")
    (folder / "ci" / "b.yml").write_text(head, "utf-8")
    assert hookline("render", "-f", "ci").stdout == whole
    assert hookline("render", "-f", "ci/b.yml", "-f", "ci/a.yaml").stdout == whole


def test_what_two_files_declare_twice_is_refused(folder: Path) -> None:
    shutil.copy("hookline.yaml", "again.yaml")
    result = hookline("validate", "-f", "hookline.yaml", "-f", "again.yaml")
    assert result.exit_code == 2
    for what in ("cluster:", "source github", "source harbor", "pipeline shop"):
        assert f"{what} is declared already at hookline.yaml:" in result.stderr


@pytest.mark.parametrize("name", ["nothing.yaml", "folder"])
def test_a_file_that_cannot_be_read(folder: Path, name: str) -> None:
    (folder / "folder").mkdir()
    result = hookline("validate", "-f", name)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{name}:1:1: error: ")


def test_without_a_file_it_says_how_to_begin(folder: Path) -> None:
    (folder / "hookline.yaml").unlink()
    assert "hookline init" in hookline("validate").stderr


def test_render_does_not_depend_on_the_order_of_anything(folder: Path) -> None:
    declared = yaml.safe_load((ROOT / "examples" / "monorepo" / "hookline.yaml").read_text("utf-8"))
    (folder / "a.yaml").write_text(yaml.safe_dump(declared, sort_keys=False), "utf-8")

    def turned(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: turned(node[key]) for key in reversed(node)}
        return node[::-1] if isinstance(node, list) and all(isinstance(item, str) for item in node) else node

    (folder / "b.yaml").write_text(yaml.safe_dump(turned(declared), sort_keys=False), "utf-8")
    first, second = hookline("render", "-f", "a.yaml"), hookline("render", "-f", "b.yaml")
    assert first.exit_code == 0
    assert first.stdout == second.stdout


def test_yaml_and_json_are_the_same_objects(folder: Path) -> None:
    as_yaml = read_yaml(hookline("render").stdout)
    assert json.loads(hookline("render", "-o", "json").stdout) == {
        "apiVersion": "v1",
        "kind": "List",
        "items": as_yaml,
    }


def test_a_yaml_1_1_reader_takes_every_text_for_text(folder: Path) -> None:
    text = DECLARATION.replace("acme/shop, url", "y/n, url").replace("namespace: ci", 'namespace: "1e3"')
    (folder / "hookline.yaml").write_text(text, "utf-8")
    printed = hookline("render").stdout
    assert 'namespace: "1e3"' in printed
    assert '- "y"' in printed


@pytest.fixture
def a_trigger_without_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hookline makes a Sensor in which one trigger waits for a dependency that does not exist."""

    def broken(*arguments: Any) -> dict[str, Any]:
        manifest = sensor_manifest(*arguments)
        manifest["spec"]["triggers"][0]["template"]["conditions"] = "absent"
        return manifest

    monkeypatch.setattr(writing_down, "sensor_manifest", broken)


@pytest.mark.parametrize(
    "command", [["validate"], ["render"], ["render", "-o", "json"], ["render", "--to", "out"]], ids=" ".join
)
def test_an_object_that_breaks_a_controllers_rule_is_a_fault_of_hookline_and_is_not_written(
    folder: Path, a_trigger_without_conditions: None, command: list[str]
) -> None:
    result = hookline(*command)
    assert result.exit_code == 70
    assert result.stdout == ""
    assert not (folder / "out").exists()
    *broken, last = result.stderr.splitlines()
    assert broken
    assert [line.split(":")[1].split()[0] for line in broken] == ["Sensor"] * len(broken), broken
    assert last == "error: this is an error in hookline, and nothing was written; please report it"


def test_a_folder_is_written_whole_and_what_is_gone_is_removed(folder: Path) -> None:
    assert hookline("render", "--to", "deploy").exit_code == 0
    index = yaml.safe_load((folder / "deploy/kustomization.yaml").read_text("utf-8"))
    names = sorted(path.name for path in (folder / "deploy").iterdir())
    assert names == sorted([*index["resources"], "kustomization.yaml"])
    loaded = [yaml.safe_load((folder / "deploy" / name).read_text("utf-8")) for name in index["resources"]]
    assert loaded == read_yaml(hookline("render").stdout)
    (folder / "hookline.yaml").write_text(
        DECLARATION.replace("namespace: ci", "namespace: ci, event_bus: {create: false}"), "utf-8"
    )
    (folder / "deploy/notes.txt").write_text("mine", "utf-8")
    assert hookline("render", "--to", "deploy").exit_code == 0
    assert not (folder / "deploy/eventbus-default.yaml").exists()
    assert (folder / "deploy/notes.txt").read_text("utf-8") == "mine"


def test_somebody_elses_kustomization_is_left_alone(folder: Path) -> None:
    (folder / "deploy").mkdir()
    (folder / "deploy/kustomization.yaml").write_text("kind: Kustomization\n", "utf-8")
    result = hookline("render", "--to", "deploy")
    assert (result.exit_code, [path.name for path in (folder / "deploy").iterdir()]) == (
        2,
        ["kustomization.yaml"],
    )


def test_a_refused_declaration_writes_nothing(folder: Path) -> None:
    (folder / "hookline.yaml").write_text(DECLARATION.replace("[main]", '["!main"]'), "utf-8")
    result = hookline("render", "--to", "deploy")
    assert (result.exit_code, result.stdout, (folder / "deploy").exists()) == (2, "", False)


def test_pods_add_up(folder: Path) -> None:
    lines = hookline("render", "--pods").stdout.splitlines()
    assert lines[0].split() == ["KIND", "NAME", "PODS", "WHY"]
    counts = [int(line.split()[2]) for line in lines[1:-1]]
    assert lines[-1].split() == [str(sum(counts)), "in", "all"]


def test_against_tells_what_a_change_moves(folder: Path) -> None:
    shutil.copy("hookline.yaml", "old.yaml")
    assert hookline("render", "--against", "old.yaml").stdout == "nothing moves\n"
    (folder / "hookline.yaml").write_text(DECLARATION.replace("[main]", "[main, develop]"), "utf-8")
    moved = hookline("render", "--against", "old.yaml").stdout
    assert "changed: what waits on the bus is decided by the new table" in moved
    (folder / "hookline.yaml").write_text(DECLARATION.replace("  shop:", "  cart:"), "utf-8")
    moved = hookline("render", "--against", "old.yaml").stdout
    assert "added to" in moved
    assert "removed from" in moved
    assert "kubectl delete" not in moved


def test_against_ends_with_what_to_delete_and_what_to_keep(folder: Path) -> None:
    nightly = 'push: {branches: [main]}\n      schedule: {at: "30 2 * * *", except: [2026-12-31]}'
    (folder / "old.yaml").write_text(DECLARATION.replace("push: {branches: [main]}", nightly), "utf-8")
    lines = hookline("render", "--against", "old.yaml").stdout.splitlines()
    deleted = [
        "  sensor.argoproj.io/hookline-schedules -n ci",
        "  eventsource.argoproj.io/hookline-calendar -n ci",
        "  serviceaccount/hookline-calendar -n ci",
    ]
    assert sorted(line for line in lines if " -n ci" in line and "kubectl" not in line) == sorted(deleted)
    (command,) = (line for line in lines if "kubectl delete" in line)
    assert command.startswith("  kubectl delete -n ci ")
    assert set(command.split()[4:]) == {line.split()[0] for line in deleted}
    found = json.loads(hookline("render", "--against", "old.yaml", "-o", "json").stdout)
    assert {(each["kind"], each["namespace"], each["name"]) for each in found["delete"]} == {
        ("Sensor", "ci", "hookline-schedules"),
        ("EventSource", "ci", "hookline-calendar"),
        ("ServiceAccount", "ci", "hookline-calendar"),
    }
    assert found["keep"] == []
    assert {each["what"] for each in found["changes"]} == {"pipeline", "subscription"}
    assert yaml.safe_load(hookline("render", "--against", "old.yaml", "-o", "yaml").stdout) == found


# --- simulate, explain, test, next ----------------------------------------------------------------------------------


def test_simulate_prints_the_verdict_and_the_workflow(folder: Path) -> None:
    result = hookline("simulate", *PUSH, "--now", "2026-11-24T08:00:00+08:00")
    assert result.exit_code == 0
    table, _, workflow = result.stdout.partition("\n---\n")
    assert table.splitlines()[3].split()[:3] == ["shop", "run", "MATCH"]
    assert (
        yaml.safe_load(workflow)["metadata"]["annotations"]["hookline.dev/event-time"]
        == "2026-11-24T00:00:00Z"
    )


def test_simulate_as_data_is_one_document(folder: Path) -> None:
    as_json = json.loads(hookline("simulate", *PUSH, "--now", "2026-11-24T00:00:00Z", "-o", "json").stdout)
    as_yaml = yaml.safe_load(
        hookline("simulate", *PUSH, "--now", "2026-11-24T00:00:00Z", "-o", "yaml").stdout
    )
    assert as_json == as_yaml
    assert (as_json["kind"], as_json["results"][0]["reason"], as_json["event"]["kind"]) == (
        "Simulation",
        "MATCH",
        "push",
    )


def test_an_event_from_standard_input(folder: Path) -> None:
    result = hookline("simulate", "-e", "-", *PUSH[2:], text=json.dumps(github_push(ref="refs/heads/x")))
    assert "skip" in result.stdout
    assert "BRANCHES" in result.stdout


def test_the_changed_files_can_be_given(folder: Path) -> None:
    (folder / "hookline.yaml").write_text(
        DECLARATION.replace("{branches: [main]}", '{paths: ["docs/**"]}'), "utf-8"
    )
    (folder / "lines.txt").write_text("docs/a.md\n", "utf-8")
    (folder / "list.json").write_text('["main.go"]', "utf-8")
    (folder / "bad.json").write_text("[1]", "utf-8")
    assert " run " in hookline("simulate", *PUSH, "--files", "lines.txt").stdout
    assert " skip " in hookline("simulate", *PUSH, "--files", "list.json").stdout
    assert hookline("simulate", *PUSH, "--files", "bad.json").exit_code == 2


def test_unknown_is_undecidable_under_strict(folder: Path) -> None:
    (folder / "hookline.yaml").write_text(
        DECLARATION.replace("{branches: [main]}", '{paths: ["docs/**"]}'), "utf-8"
    )
    (folder / "push.json").write_text(json.dumps(github_push(forced=True)), "utf-8")
    assert hookline("simulate", *PUSH).exit_code == 0
    assert hookline("simulate", *PUSH, "--strict").exit_code == 5
    assert hookline("explain", "shop", *PUSH, "--strict").exit_code == 5


def test_what_the_run_decides_is_said_in_words_and_is_no_doubt(folder: Path) -> None:
    text = DECLARATION.replace("    events:", "    run: {template: hookline-ci-go}\n    events:")
    tests = "tests:\n  - {name: forced, event: push.json, source: github, headers: {X-GitHub-Event: push}, expect: {shop: EXPECTED}}\n"
    (folder / "push.json").write_text(json.dumps(github_push(forced=True)), "utf-8")
    for expected, code in (("run", 0), ("run(PATHS)", 0), ("unknown", 1), ("run(MATCH)", 1)):
        declared = text.replace("{branches: [main]}", '{paths: ["docs/**"]}') + tests.replace(
            "EXPECTED", expected
        )
        (folder / "hookline.yaml").write_text(declared, "utf-8")
        assert hookline("test").exit_code == code
    simulated = hookline("simulate", *PUSH, "--strict")
    assert simulated.exit_code == 0
    assert "\nshop: run, paths decided in the run\n" in simulated.stdout
    explained = hookline("explain", "shop", *PUSH, "--strict")
    assert explained.stdout.startswith(
        "RUN   shop   PATHS: paths decided in the run, whose first step compares the files\n"
    )
    assert any(line.startswith("in the run") and "PATHS" in line for line in explained.stdout.splitlines())
    assert "Give the changed files with --files to get the answer now." in explained.stdout


def test_explain_names_the_line_of_every_clause(folder: Path) -> None:
    (folder / "push.json").write_text(json.dumps(github_push(ref="refs/heads/topic")), "utf-8")
    lines = hookline("explain", "shop", *PUSH).stdout.splitlines()
    assert lines[0].startswith("SKIP   shop   BRANCHES: ")
    failed = next(line for line in lines if line.startswith("FAIL"))
    assert "topic" in failed
    assert "include main" in failed
    assert failed.endswith("hookline.yaml:11:24")
    assert DECLARATION.splitlines()[10][23:].startswith("[main]")
    as_json = json.loads(hookline("explain", "shop", *PUSH, "-o", "json").stdout)
    assert [clause["code"] for clause in as_json["clauses"] if clause["result"] == "FAIL"] == ["BRANCHES"]


def test_explain_answers_for_a_pipeline_that_listens_elsewhere(folder: Path) -> None:
    (folder / "push.json").write_text(json.dumps(github_push(repository__full_name="acme/other")), "utf-8")
    assert "REPOSITORY" in hookline("explain", "shop", *PUSH).stdout
    (folder / "image.json").write_text("{}", "utf-8")
    assert "SOURCE" in hookline("explain", "shop", "-e", "image.json", "--source", "harbor").stdout
    assert hookline("explain", "shopp", *PUSH).exit_code == 2


def test_the_tests_of_a_declaration_decide_the_exit_code(folder: Path) -> None:
    case = "tests:\n  - {name: x, event: push.json, source: github, headers: {X-GitHub-Event: push}, expect: {shop: %s}}\n"
    for expected, code in (("run", 0), ("run(MATCH)", 0), ("skip", 1), ("skip(PATHS)", 1)):
        (folder / "hookline.yaml").write_text(DECLARATION + case % expected, "utf-8")
        result = hookline("test")
        assert (expected, result.exit_code) == (expected, code)
    assert "hookline.yaml:13:" in result.stdout
    (folder / "hookline.yaml").write_text(DECLARATION, "utf-8")
    assert hookline("test").exit_code == 1
    (folder / "hookline.yaml").write_text(
        DECLARATION + case.replace("push.json", "gone.json") % "run", "utf-8"
    )
    assert "cannot be read" in hookline("test").stdout


def test_tests_take_every_event_that_simulate_takes(folder: Path) -> None:
    case = "tests:\n  - {name: x, event: push.json, source: github, headers: {X-GitHub-Event: push}, expect: {shop: skip(PAYLOAD)}}\n"
    (folder / "hookline.yaml").write_text(DECLARATION + case, "utf-8")
    path = folder / "push.json"
    path.write_bytes(path.read_bytes() + b" " * (33 * 1024**2))
    assert "PAYLOAD" in hookline("simulate", *PUSH).stdout
    assert hookline("test").stdout.startswith("ok ")
    with path.open("wb") as file:
        file.truncate(64 * 1024**2 + 1)
    for each in (hookline("test").stdout, hookline("simulate", *PUSH).stderr):
        assert "the file has more than 67,108,864 bytes; no larger one is read" in each


SCHEDULE = 'schedule: {at: "30 2 * * *", timezone: Europe/Rome, spread: 20m, except: [2026-03-28]}'


def test_next_shows_zone_spread_exclusions_and_clock_changes(folder: Path) -> None:
    (folder / "hookline.yaml").write_text(DECLARATION.replace("push: {branches: [main]}", SCHEDULE), "utf-8")
    lines = hookline("next", "--count", "3", "--now", "2026-03-27T12:00:00Z").stdout.splitlines()
    assert (
        lines[1]
        == "shop       Sat 2026-03-28 02:46 +0100   2026-03-28T01:46Z   Europe/Rome   +16m     excluded: does not fire"
    )
    assert lines[2].startswith("shop       Mon 2026-03-30 02:46 +0200")
    assert (
        lines[-1]
        == "shop: on 2026-03-29 the clocks change in Europe/Rome: 02:46 does not exist, so it does not fire"
    )
    items = json.loads(
        hookline("next", "--count", "2", "--now", "2026-03-27T12:00:00Z", "-o", "json").stdout
    )["items"]
    assert [item["excluded"] for item in items] == [True, False]
    assert hookline("next", "--pipeline", "cart").exit_code == 2


def test_next_without_schedules(folder: Path) -> None:
    assert hookline("next").stdout == "no pipeline has a schedule\n"


# --- templates ------------------------------------------------------------------------------------------------------

TEMPLATE: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "ClusterWorkflowTemplate",
    "metadata": {"name": "our-ci", "annotations": {"hookline.dev/commit-parameter": "revision"}},
    "spec": {"arguments": {"parameters": [{"name": "repo_url"}, {"name": "revision"}]}, "templates": []},
}
OURS = DECLARATION.replace(
    "    image: registry.example.com/acme/shop\n", "    run: {template: our-ci, retry: {limit: 2}}\n"
).replace("push: {branches: [main]}", "tag: {}")


def test_a_template_that_takes_a_commit_builds_tags_and_may_retry(folder: Path) -> None:
    (folder / "our-ci.yaml").write_text(yaml.safe_dump(TEMPLATE), "utf-8")
    (folder / "hookline.yaml").write_text(OURS, "utf-8")
    (folder / "push.json").write_text(json.dumps(github_push(ref="refs/tags/v1")), "utf-8")
    assert "hookline does not know the template" in hookline("validate").stderr
    result = hookline("simulate", "--template", "our-ci.yaml", *PUSH, "-o", "json")
    workflow = json.loads(result.stdout)["results"][0]["workflow"]
    assert workflow["spec"]["arguments"]["parameters"][1] == {
        "name": "revision",
        "value": github_push()["after"],
    }
    assert workflow["spec"]["templateDefaults"]["retryStrategy"]["limit"] == "2"


@pytest.fixture
def cluster(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An API server that has one template, and a kubeconfig that leads to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/apis/argoproj.io/v1alpha1/clusterworkflowtemplates/our-ci"
            body = json.dumps(TEMPLATE if known else {"kind": "Status", "code": 404}).encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    kubeconfig = {
        "apiVersion": "v1", "kind": "Config", "current-context": "x", "users": [{"name": "x", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
    }  # fmt: skip
    (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig), "utf-8")
    monkeypatch.setenv("KUBECONFIG", str(folder / "kubeconfig"))
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("cluster")
def test_a_template_read_from_a_cluster(folder: Path) -> None:
    (folder / "hookline.yaml").write_text(OURS, "utf-8")
    result = hookline("validate", "--template-from-cluster", "our-ci")
    assert (result.exit_code, result.stdout) == (0, "1 pipeline, 2 sources: valid; 5 pods\n"), result.stderr
    result = hookline("validate", "--template-from-cluster", "gone")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "404" in result.stderr


def test_a_cluster_that_is_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(folder / "gone"))
    assert hookline("validate", "--template-from-cluster", "x").exit_code == 3


# --- demo, schema and the rest --------------------------------------------------------------------------------------


def test_demo_shows_three_runs_and_two_refusals(folder: Path) -> None:
    result = hookline("demo")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("hello-world   run       MATCH") == 3
    assert result.stdout.count("kind: Workflow") == 3
    assert "FAIL          FORKS" in result.stdout
    assert "refused   SIGNATURE" in result.stdout
    assert "(exit code 1)" in result.stdout
    assert (
        'hookline_runs_total{namespace="ci",owner="team-web",pipeline="shop",event="push",outcome="success"} 13'
        in result.stdout
    )
    assert "To keep them: hookline demo --listen HOST:PORT" in result.stdout
    assert (folder / "hookline-dashboards/prometheus/rules.yaml").is_file()


def test_the_demos_files_can_be_had(folder: Path) -> None:
    assert hookline("demo", "--to", "demo").exit_code == 0
    assert hookline("validate", "-f", "demo/hookline.yaml").exit_code == 0
    assert hookline("demo", "--to", "demo").exit_code == 2
    assert hookline("demo", "--to", "hookline.yaml/x").exit_code == 2


def test_completion_and_version() -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "hookline" in hookline("completion", shell).stdout
    assert hookline("version").stdout == hookline("--version").stdout


@pytest.mark.parametrize("name", command_names())
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = hookline(name, "--help")
    assert result.exit_code == 0
    assert f"hookline {name}" in result.stdout.partition("Example")[2]


def test_the_overview_has_one_sentence_a_command_and_loads_none_of_them() -> None:
    code = "import sys; from hookline.cli import command_names, summary; print([summary(each) for each in command_names()]); "
    code += "print(sorted(each for each in sys.modules if each.startswith('hookline.commands.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[1] == "[]"
    assert all(re.fullmatch(r"[A-Z].{10,70}\.", each) for each in eval(lines[0]))  # noqa: S307 - our own output


def test_a_wrong_command_is_answered_with_the_right_one() -> None:
    result = hookline("simulat")
    assert result.exit_code == 2
    assert "Did you mean simulate?" in result.stderr


def test_logs_go_to_stderr_and_hold_no_event_above_debug(folder: Path) -> None:
    def logged(level: str) -> str:
        done = hookline("--log-level", level, "simulate", *PUSH, "-o", "json")
        assert (done.exit_code, json.loads(done.stdout)["kind"]) == (0, "Simulation")
        return done.stderr

    told = logged("info")
    assert "event='planned'" in told
    assert "refs/heads" not in told
    assert "refs/heads" in logged("debug")
    assert logged("warning") == ""


def test_what_proves_nothing_is_said_above_the_object(folder: Path) -> None:
    text = DECLARATION.replace(
        "  harbor: {host: harbor, endpoint: /harbor, secret: {name: harbor-webhook, key: token}}",
        "  hub: {host: dockerhub, endpoint: /hub/0f9kW3xQ7pL2vN8sT4yB6d, unverified: {because: Docker Hub cannot sign, allowed_cidrs: [203.0.113.0/24]}}",
    ).replace("push: {branches: [main]}", "image_push: {source: hub, image: library/golang}")
    (folder / "hookline.yaml").write_text(text, "utf-8")
    printed = hookline("render").stdout
    assert (
        "---\n# hub: weak: only the random endpoint path is secret, and the NetworkPolicy. Accepted because: Docker Hub cannot sign\napiVersion"
        in printed
    )
    policy = next(each for each in read_yaml(printed) if each["kind"] == "NetworkPolicy")
    assert policy["spec"]["podSelector"]["matchLabels"] == {"eventsource-name": "hookline-hub"}
    assert policy["spec"]["ingress"][0]["from"] == [{"ipBlock": {"cidr": "203.0.113.0/24"}}]


@pytest.mark.parametrize(
    ("events", "parameters", "sentence"),
    [
        (
            'schedule: {at: "0 0 * * *"}',
            [{"name": "repo_url"}, {"name": "revision"}],
            "a schedule event has no commit",
        ),
        (
            "push: {}",
            [{"name": "repo_url"}, {"name": "revision"}, {"name": "team"}],
            "needs a value for its parameter team",
        ),
        ("push: {}", [{"name": "container_image"}, {"name": "revision"}], "name it with image:"),
    ],
)
def test_a_template_whose_parameters_nobody_fills_is_refused(
    folder: Path, events: str, parameters: list[dict[str, str]], sentence: str
) -> None:
    template = {**TEMPLATE, "spec": {"arguments": {"parameters": parameters}}}
    (folder / "our-ci.yaml").write_text(yaml.safe_dump(template), "utf-8")
    (folder / "hookline.yaml").write_text(OURS.replace("tag: {}", events), "utf-8")
    result = hookline("validate", "--template", "our-ci.yaml")
    assert result.exit_code == 2
    assert sentence in result.stderr


@pytest.mark.parametrize(
    "content",
    [
        None,
        "\0",
        "- a",
        "clusters: x",
        "a: [",
        "clusters: [{name: [x]}]",
        "current-context: {}",
        "!!python/object:os.system x",
    ],
)
@pytest.mark.parametrize("command", [["validate", "--template-from-cluster", "x"], ["exporter"]])
def test_a_kubeconfig_that_cannot_be_used_ends_a_command_and_never_hangs_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], content: str | None
) -> None:
    path = folder / "kubeconfig"
    if content is None:
        os.mkfifo(path)
    else:
        path.write_text(content, "utf-8")
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setenv("HOOKLINE_EXPORTER_LISTEN", "127.0.0.1:0")
    done = hookline(*command)
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
