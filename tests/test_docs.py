"""README and docs: generated parts are as they would be generated, commands give the output shown, links lead somewhere."""

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pages import (
    command_words,
    commands_page,
    declaration_page,
    findings_table,
    metrics_page,
    page_with_outputs,
    reasons_table,
    sources_table,
    template_parameters_table,
    with_table,
)
from stock_template import stock
from support import ROOT, read_yaml

from events.host import Verification, host, host_names
from hookline.cli import command_names, main
from hookline.output import yaml_text
from triggers.shipped import shipped

REGENERATE = bool(os.environ.get("HOOKLINE_REGENERATE"))
DOCS = sorted(
    [
        ROOT / "README.md",
        ROOT / "ARCHITECTURE.md",
        ROOT / "CHANGELOG.md",
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "tests/data/README.md",
    ]
)


def compare(path: Path, expected: str) -> None:
    if REGENERATE:
        path.write_text(expected, "utf-8")
    assert path.read_text("utf-8") == expected


def test_the_page_of_commands_is_their_help() -> None:
    compare(ROOT / "docs/commands.md", commands_page())


def test_the_page_of_the_declaration_is_its_models() -> None:
    compare(ROOT / "docs/declaration.md", declaration_page())


def test_the_page_of_metrics_is_their_declarations() -> None:
    compare(ROOT / "docs/metrics.md", metrics_page())


def test_the_table_of_hosts_is_their_records() -> None:
    path = ROOT / "docs/sources.md"
    compare(
        path,
        with_table(
            path.read_text("utf-8"),
            "| `host:` | where | fields | what to choose, by kind of event |\n|---|---|---|---|\n",
            sources_table(),
        ),
    )


def table_rows(text: str) -> list[list[str]]:
    """The rows of a page's tables whose first cell is code, as cells; heads are left out."""
    return [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in text.splitlines()
        if line.startswith("| `") and not line.startswith("| `host:`")
    ]


def test_the_page_of_sources_says_of_each_host_what_its_record_says() -> None:
    first, _, rest = (ROOT / "docs/sources.md").read_text("utf-8").partition("## What to set")
    of_images = rest.partition("## Images")[2].partition("\n## ")[0]
    proofs = {
        Verification.SIGNATURE: "signature",
        Verification.BEARER: "bearer token",
        Verification.NONE: "nothing:",
    }
    received = {row[0].split("`")[1]: row[1:] for row in table_rows(first)}
    assert sorted(received) == list(host_names())
    for name, (kinds, proof, receiver) in received.items():
        assert set(kinds.split(", ")) == host(name).kinds - {"ping", "other"}
        assert proof.startswith(proofs[host(name).verification])
        assert receiver.startswith(f"`{host(name).receiver.key}` event source")
    registries = {name for name in host_names() if "image_push" in host(name).kinds}
    assert {row[0].strip("`") for row in table_rows(of_images)} == registries


def test_the_table_of_reasons_is_the_programs() -> None:
    path = ROOT / "docs/reasons.md"
    compare(
        path, with_table(path.read_text("utf-8"), "| code | a skip means |\n|---|---|\n", reasons_table())
    )


def test_the_table_of_what_a_template_may_lack_is_the_checks() -> None:
    path = ROOT / "docs/template.md"
    compare(path, with_table(path.read_text("utf-8"), "| code | means |\n|---|---|\n", findings_table()))


def test_what_the_page_says_of_the_steps_is_what_the_template_says() -> None:
    rows = [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in (ROOT / "docs/template.md").read_text("utf-8").splitlines()
        if line.startswith(
            ("| `git-checkout-pr` | root", "| `run-test` | root", "| `build-push-image` | 1000")
        )
    ]
    steps = [each for each in shipped("hookline-ci-go")["spec"]["templates"] if "container" in each]
    assert [row[0].strip("`") for row in rows] == [step["name"] for step in steps]
    for row, step in zip(rows, steps, strict=True):
        _, user, capabilities, seccomp, gains, memory, disk = row
        context, resources = step["container"]["securityContext"], step["container"]["resources"]
        assert str(context.get("runAsUser", "root")) == user
        assert context.get("runAsNonRoot", False) == (user != "root")
        added = context["capabilities"].get("add", [])
        assert context["capabilities"]["drop"] == ["ALL"]
        assert capabilities.startswith("none")
        assert sorted(re.findall(r"`([A-Z]+)`", capabilities)) == added
        assert f"`{context['seccompProfile']['type']}`" == seccomp
        assert (context.get("allowPrivilegeEscalation") is False) == (gains == "no")
        said = [each["memory"].replace("Gi", " GiB") for each in (resources["requests"], resources["limits"])]
        assert ", ".join(said) == memory
        assert resources["limits"]["ephemeral-storage"].replace("Gi", " GiB") == disk
        # A limit of storage alone would be a request, which a virtual node may not be able to give.
        assert resources["requests"]["ephemeral-storage"] == "0"
        assert "cpu" not in resources["limits"]


def test_the_table_of_a_templates_parameters_is_its_manifests() -> None:
    path = ROOT / "docs/template.md"
    head = "| parameter | default | what |\n|---|---|---|\n"
    compare(path, with_table(path.read_text("utf-8"), head, template_parameters_table()))


def test_the_page_of_templates_shows_real_output(tmp_path: Path) -> None:
    (tmp_path / "ci-go-v1.yaml").write_text(yaml_text(stock()), "utf-8")
    path = ROOT / "docs/template.md"
    text = path.read_text("utf-8")
    compare(path, page_with_outputs(text, [tmp_path] * text.count("```console")))


def test_every_command_of_the_page_of_templates_that_needs_no_cluster_runs() -> None:
    text = (ROOT / "docs/template.md").read_text("utf-8")
    commands = {
        each.partition("#")[0].strip()
        for each in re.findall(r"(?:`|^    )(hookline template [^`\n|>]*)", text, re.MULTILINE)
    }
    # A word in capitals stands for something of the reader's, and a check asks about something of theirs.
    runnable = [
        words
        for words in map(shlex.split, sorted(commands))
        if words[2] != "check" and not any(part.isupper() for word in words for part in word.split("="))
    ]
    assert len(runnable) >= 5
    for words in runnable:
        result = CliRunner().invoke(main, words[1:])
        assert result.exit_code == 0, words
        assert read_yaml(result.stdout), words


@pytest.mark.parametrize("page", ["README.md", "docs/template.md"])
def test_five_commands_make_everything_that_a_run_needs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands as they are written; what kubectl would be given is looked at instead."""
    readme = (ROOT / "README.md").read_text("utf-8")
    declared = readme.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "hookline.yaml").write_text(
        f"{declared}defaults: {{run: {{template: hookline-ci-go}}}}\n", "utf-8"
    )
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text("utf-8")
    (block,) = re.findall(r"((?:^    (?:kubectl|hookline) .*\n){5})", text, re.MULTILINE)
    applied: list[dict[str, Any]] = []
    for line in block.splitlines():
        first, _, rest = line.strip().partition(" | ")
        command, _, file = first.partition("#")[0].partition(" > ")
        words = shlex.split(command)
        if words[:3] == ["kubectl", "create", "namespace"]:
            applied.append({"kind": "Namespace", "metadata": {"name": words[3]}})
        elif words[0] == "kubectl":
            assert words[1:4] == ["apply", "--server-side", "-f"]
            applied += read_yaml((tmp_path / words[4]).read_text("utf-8"))
        else:
            # What it would apply is what render prints.
            result = CliRunner().invoke(main, ["render"] if words == ["hookline", "apply"] else words[1:])
            assert result.exit_code == 0, result.stderr
            if file:
                (tmp_path / file.strip()).write_text(result.stdout, "utf-8")
            else:
                assert words == ["hookline", "apply"] or rest == "kubectl apply --server-side -f -"
                applied += read_yaml(result.stdout)
    names = [(each["kind"], each["metadata"]["name"]) for each in applied]
    assert names[0] == ("Namespace", "ci")
    for needed in (
        ("PersistentVolumeClaim", "pvc-nas"),
        ("Secret", "docker-config"),
        ("ServiceAccount", "hookline-run"),
        ("ClusterWorkflowTemplate", "hookline-ci-go"),
    ):
        assert needed in names
    assert '"name": "hookline-ci-go"' in json.dumps(
        [each for each in applied if each["kind"] == "CronWorkflow"]
    )
    assert {"EventSource", "Sensor"} <= {kind for kind, _ in names}
    assert {each["metadata"].get("namespace", "ci") for each in applied} == {"ci"}


def test_the_readme_shows_real_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = tmp_path / "demo"
    assert CliRunner().invoke(main, ["demo", "--to", str(demo)]).exit_code == 0
    (tmp_path / "new").mkdir()
    path = ROOT / "README.md"
    compare(path, page_with_outputs(path.read_text("utf-8"), [demo, demo, tmp_path / "new"]))


def test_the_readmes_declaration_is_valid(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    (tmp_path / "hookline.yaml").write_text(text.partition("```yaml\n")[2].partition("```")[0], "utf-8")
    assert CliRunner().invoke(main, ["validate", "-f", str(tmp_path / "hookline.yaml")]).exit_code == 0


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), target
    for target in re.findall(r"\]\(#([^)]+)\)", text):
        anchors = {
            re.sub(r"[^a-z0-9 -]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
            for line in text.splitlines()
            if line.startswith("#")
        }
        assert target in anchors


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_page_names_exists_with_its_options(path: Path) -> None:
    for text in re.findall(r"(?:^\$ |`|^    )(hookline [^`\n|>&]*)", path.read_text("utf-8"), re.MULTILINE):
        words = shlex.split(text.replace("…", "").partition("#")[0], comments=True)
        if len(words) < 2 or not words[1].isalpha():
            continue
        assert words[1] in command_names(), text
        names = tuple(words[1:3]) if tuple(words[1:3]) in command_words() else tuple(words[1:2])
        groups = {each[0] for each in command_words() if len(each) > 1}
        if words[1] in groups and len(words) > 2 and len(names) == 1:
            # A word that stands for a name, or an option; anything else would be a command that there is not.
            assert words[2].startswith("-") or words[2].isupper(), text
        help_text = CliRunner().invoke(main, [*names, "--help"], terminal_width=200).stdout
        for word in words[2:]:
            if word.startswith("-") and len(word) > 1:
                assert word.partition("=")[0] in help_text, text


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(path: Path) -> None:
    for name in re.findall(
        r"`((?:events|sensors|triggers|hookline|dashboards|tests|docs|examples)/[\w./-]+)`",
        path.read_text("utf-8"),
    ):
        assert (ROOT / name).exists(), name


def test_every_test_that_a_page_names_exists() -> None:
    named = [
        (path.name, *found)
        for path in DOCS
        for found in re.findall(r"`(tests/[\w./-]+\.py)::(\w+)`", path.read_text("utf-8"))
    ]
    assert len(named) > 10
    for page, file, name in named:
        assert f"\ndef {name}(" in (ROOT / file).read_text("utf-8"), f"{page}: {file}::{name}"


def test_both_pages_on_a_lost_bus_restart_it_by_the_same_commands() -> None:
    # The node test types those of the runbook; the section is what hookline doctor points to.
    runbook = (ROOT / "docs/runbooks/HooklineBusLost.md").read_text("utf-8")
    section = (ROOT / "docs/doctor.md").read_text("utf-8").partition("\n## lost-stream\n")[2]
    cure = section.partition("\n## ")[0].partition("Only if")[0]
    said = re.findall(r"(?m)^ {4}(\S.*)$", cure)
    assert len(said) == 4
    typed = re.findall(r"(?m)^ {7}(\S.*)$", runbook)
    assert [each for each in typed if each in said] == said


def test_the_table_of_threats_names_a_test_for_everybody() -> None:
    text = (ROOT / "docs/security.md").read_text("utf-8")
    table = text.partition("## Who may do what\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    assert [row[0].removeprefix("| ") for row in rows if row[0] != "|"] == [
        "somebody on the internet",
        "a reader of the repository",
        "a forker",
        "a contributor whose code is tested",
        "a pipeline's owner",
        "an operator",
    ]
    assert all("::test_" in row[-1] for row in rows)


def test_the_makefile_has_the_targets_that_the_readme_names() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"(?m)(?:`|^    )make ([a-z-]+)", (ROOT / "README.md").read_text("utf-8")):
        assert f"\n{target}:" in makefile
