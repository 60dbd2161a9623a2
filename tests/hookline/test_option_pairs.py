"""Options two by two: where both are accepted, each changes what the command does."""

import json
import re
import shutil
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import DECLARATION, github_push

from hookline.cli import main

DIGEST = "@sha256:" + "0" * 64
CA = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
NIGHT = 'push: {paths: ["docs/**"]}\n      schedule: {at: "30 2 * * *"}'
EVENT = ("-e", "push.json", "--source", "github", "--header", "X-GitHub-Event: push")
NOW = ("--now", "2026-11-24T00:00:00Z")
DECLARED = {"--file": ("ci",)}

SAMPLES: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {
    ("validate",): {"--output": ("json",), "--strict": (), **DECLARED},
    ("render",): {
        "--output": ("json",), "--to": ("out",), "--pods": (), "--against": ("old.yaml",), "--owner": ("team-tool",), **DECLARED,
    },
    ("test",): {"--output": ("junit",), **DECLARED},
    ("webhooks",): {"--output": ("json",), **DECLARED},
    ("next", *NOW): {"--output": ("json",), "--count": ("2",), "--pipeline": ("shop",), **DECLARED},
    ("simulate", *EVENT, *NOW): {
        "--output": ("json",), "--strict": (), "--files": ("files",), **DECLARED,
    },
    ("simulate", *EVENT): {"--now": NOW[1:], "--strict": (), "--files": ("files",), "--output": ("manifest",)},
    ("explain", "shop", *EVENT): {
        "--output": ("json",), "--strict": (), "--files": ("files",), **DECLARED,
    },
    ("dashboards", "-o", "out"): {"--namespace": ("grafana",), "--label": ("a=b",), "--runbooks": ("https://x/",)},
    ("demo", "--to", "out"): {"--listen": ("127.0.0.1:0",)},
    ("init", "--repository", "github.com/acme/shop", "--to", "new.yaml"): {"--host": ("gitea",), "--endpoint": ()},
    ("template", "hookline-ci-go"): {
        "--image": (f"go=registry.example.com/go:1{DIGEST}",), "--mirror": ("registry.example.com/m",), "--artifacts": (),
        "--referencing": ("strict",), "--namespaced": (), "--namespace": ("ci",), "--output": ("json",),
    },
    ("template", "ci-go-v1"): {
        "--image": (f"go=registry.example.com/go:1{DIGEST}",), "--mirror": ("registry.example.com/m",),
        "--referencing": ("strict",), "--namespaced": (), "--namespace": ("ci",), "--output": ("json",),
    },
    ("template", "check", "ours.yaml"): {
        "--output": ("json",), "--namespace": ("ci",), "--context": ("x",), "--kubeconfig": ("none",),
    },
    ("template", "prerequisites"): {
        "--namespace": ("builds",), "--storage": ("nfs",), "--nas-server": ("nas.example.com",), "--nas-path": ("/x",),
        "--nfs-server": ("10.0.0.5",), "--nfs-path": ("/x",), "--storage-class": ("fast",), "--mount-option": ("hard",),
        "--size": ("1Ti",), "--registry": ("r.example.com",), "--git": ("ssh",), "--private-ca": ("ca.crt",),
        "--output": ("json",),
    },
    ("run", "shop", "--dry-run"): {
        "--branch": ("main",), "--tag": ("v1",), "--sha": ("0123456789" * 4,), "--request": ("3",), "--input": ("enable_test=false",),
        "--because": ("x",), "--no-publish": (), "--output": ("json",),
    },
    ("suspend", "shop", "--because", "x"): {"--until": ("2120-01-01",), "--dry-run": ()},
    ("template", "prerequisites", "--storage", "class"): {
        "--nas-server": ("nas.example.com",), "--storage-class": ("fast",), "--mount-option": ("hard",), "--size": ("1Ti",),
    },
}  # fmt: skip

SETTLED = {("--strict", "--files"), ("--files", "--strict")}
"""With a complete list of files no verdict is unknown, so that --strict has nothing to fail for."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that the samples name."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "ci").mkdir()
    declared = DECLARATION.replace("push: {branches: [main]}", NIGHT).replace(
        "  shop:", "  shop:\n    owner: team-shop"
    )
    tests = "tests: [{name: night, event: 'schedule:shop', expect: {shop: run}}]\n"
    second = (
        declared.partition("pipelines:\n")[2]
        .replace("  shop:\n    owner: team-shop", "  tool:\n    owner: team-tool\n    namespace: tools")
        .replace("push: {paths", "push: {authors: [octo], paths")
    )
    (folder / "hookline.yaml").write_text(declared + second + tests, "utf-8")
    (folder / "old.yaml").write_text(declared.replace("docs", "doc"), "utf-8")
    other = declared.replace("  shop:", "  cart:").replace("namespace: ci", "namespace: builds")
    (folder / "ci" / "a.yaml").write_text(other + tests.replace("shop", "cart"), "utf-8")
    template = CliRunner().invoke(main, ["template", "ci-go-v1"]).stdout
    (folder / "ours.yaml").write_text(template.replace("value: ./Dockerfile", "value: ./other"), "utf-8")
    (folder / "push.json").write_text(json.dumps(github_push(forced=True)), "utf-8")
    for name, content in (("files", "docs/a.md\n"), ("ca.crt", CA)):
        (folder / name).write_text(content, "utf-8")
    return folder


Outcome = tuple[int, str, str, dict[str, bytes]]


def outcome(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, folder: Path, arguments: tuple[str, ...]
) -> Outcome:
    """Exit code, stdout, stderr and the files that were written."""
    here = folder / "here"
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(prepared, here)
    monkeypatch.chdir(here)
    result = CliRunner().invoke(main, list(arguments))
    written = {
        str(path.relative_to(here)): path.read_bytes()
        for path in here.rglob("*")
        if path.is_file() and _changed(path, prepared / path.relative_to(here))
    }
    # What is random in the answer of init, when a simulated event arrives, and when a run is named, are no effects of an option.
    stdout = re.sub(r"/(acr|registry)/[\w-]{32}", "", result.stdout)
    stdout = re.sub(r'event-time: "20[^"]*"', "", stdout) if "--now" not in arguments else stdout
    stdout = re.sub(r"-20[0-9]{14}", "", stdout)
    return result.exit_code, stdout, result.stderr, written


def _changed(path: Path, before: Path) -> bool:
    return not before.exists() or path.read_bytes() != before.read_bytes()


@pytest.mark.parametrize("base", SAMPLES, ids=" ".join)
def test_of_two_options_none_is_ignored(
    base: tuple[str, ...], prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = SAMPLES[base]
    alone = {
        name: outcome(prepared, monkeypatch, tmp_path, (*base, name, *values))
        for name, values in options.items()
    }
    nothing = outcome(prepared, monkeypatch, tmp_path, base)
    ignored = [name for name, found in alone.items() if found == nothing]
    for one, other in set(combinations(options, 2)) - SETTLED:
        both = outcome(prepared, monkeypatch, tmp_path, (*base, one, *options[one], other, *options[other]))
        if both[0] == 2:
            assert both[1] == ""
            assert "rror: " in both[2]
            continue
        ignored += [f"{other} beside {one}"] if both == alone[one] else []
        ignored += [f"{one} beside {other}"] if both == alone[other] else []
    assert ignored == []
