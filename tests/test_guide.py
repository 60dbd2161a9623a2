"""docs/guide: its pages are short, lead to one another, and what of their commands needs no cluster runs as written.

tests/node/test_guide.py runs every command, in the same order, on a real node.
"""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from guide_pages import PAGES, SETTINGS, sections, with_settings
from shell import answering
from support import ROOT, read_yaml

from hookline.cli import main
from hookline.documentation import find, pages

LINES = 80
VALUES = dict.fromkeys(SETTINGS, "") | {
    "NAMESPACE": "builds",
    "GIT_KIND": "gitlab",
    "GIT_HOST": "git.example.org:8443",
    "REGISTRY": "registry.example.org",
    "SHOP": "acme/shop",
    "CART": "acme/cart",
    "VOLUME": "--storage class --storage-class nfs",
    "CART_VOLUME": "--storage nfs --nfs-server nas.example.org --nfs-path /cart",
    "HOOKLINE_IMAGE": f"registry.example.org/hookline@sha256:{'0' * 64}",
}
WITHOUT_A_CLUSTER = {"dashboards", "render", "template", "validate", "version", "webhooks"}


def text_of(page: str) -> str:
    return (ROOT / f"docs/guide/{page}.md").read_text("utf-8")


def test_the_guide_has_these_pages() -> None:
    assert {path.stem for path in (ROOT / "docs/guide").iterdir()} == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_the_guide_is_a_page_long_and_leads_to_all_others(page: str) -> None:
    text = text_of(page)
    assert len(text.splitlines()) <= LINES
    navigation = text.partition("## ")[0]
    assert f"# Guide {PAGES.index(page) + 1}: " in navigation
    linked = re.findall(r"\]\(([a-z-]+)\.md\)", navigation)
    assert linked == [each for each in PAGES if each != page]


@pytest.mark.parametrize("page", PAGES[:-1])
def test_a_page_of_the_guide_ends_with_the_next_one(page: str) -> None:
    following = PAGES[PAGES.index(page) + 1]
    assert f"]({following}.md)" in text_of(page).rstrip().splitlines()[-1]


def test_every_setting_stands_on_the_page_that_first_needs_it() -> None:
    found: list[str] = []
    for page in PAGES:
        for section in sections(page):
            for line in section.commands.splitlines():
                if setting := re.match(r"export ([A-Z_]+)=", line):
                    found.append(setting[1])
                for used in re.findall(r"\$\{?([A-Z_]{2,})", line):
                    assert used in found, (page, line)
    assert tuple(found) == SETTINGS


@pytest.mark.parametrize("page", PAGES)
def test_a_page_reads_the_settings_before_it_uses_them(page: str) -> None:
    commands = "".join(each.commands for each in sections(page))
    before = commands.partition(
        "\n. ./settings.sh\n" if "settings.sh <<" in commands else ". ./settings.sh\n"
    )
    assert before[1]
    assert "$" not in before[0]


def offline(commands: str) -> str:
    """What of a page's commands needs no cluster, git host and network: files, and some commands of hookline."""
    kept, ends = [], ""
    for line in commands.splitlines():
        if ends:
            ends = "" if line == ends else ends
        elif heredoc := re.search(r"<<'?([A-Z]+)", line):
            ends = heredoc[1]
        elif line.startswith("hookline "):
            if line.split()[1] not in WITHOUT_A_CLUSTER:
                continue
        elif line.split()[0] not in {".", "mkdir", "rm", "ls"}:
            continue
        kept.append(line.partition(" | ")[0])
    return "\n".join(kept)


def test_what_needs_no_cluster_runs_as_it_is_written(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    script = "\n".join(
        offline(with_settings(section.commands, VALUES)) for page in PAGES for section in sections(page)
    )
    assert script.count("hookline ") > 8
    with answering(tmp_path_factory.mktemp("shell")) as commands:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={"PATH": f"{commands}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "2 pipelines, 1 source: valid" in done.stdout
    (volume,) = (
        each
        for each in read_yaml((tmp_path / "prerequisites-cart.yaml").read_text("utf-8"))
        if each["kind"] == "PersistentVolume"
    )
    assert volume["spec"]["nfs"]["path"] == "/cart"
    assert {path.name for path in (tmp_path / "declaration").iterdir()} == {"platform.yaml", "team-shop.yaml"}


def test_every_command_of_hookline_in_the_guide_takes_its_options() -> None:
    found = 0
    for page in PAGES:
        for section in sections(page):
            for line in section.commands.splitlines():
                if line.startswith("hookline "):
                    words = shlex.split(line.partition(" | ")[0].partition(" > ")[0])
                    names = words[1:3] if words[1] == "template" else words[1:2]
                    text = CliRunner().invoke(main, [*names, "--help"], terminal_width=200).stdout
                    missing = [word for word in words[2:] if word.startswith("-") and word not in text]
                    assert missing == [], line
                    found += 1
    assert found > 20


def test_an_installed_hookline_lists_and_prints_the_pages_of_the_guide() -> None:
    listed = [each.name for each in pages() if each.name.startswith("guide/")]
    assert listed == sorted(f"guide/{page}" for page in PAGES)
    printed = CliRunner().invoke(main, ["docs", "guide/install#apply-it"])
    assert printed.exit_code == 0
    assert "hookline apply declaration" in printed.stdout
    # A name that two folders have is the one without a folder; the guide's own needs its folder only then.
    assert find("dashboards").name == "dashboards"
    assert find("first-build").name == "guide/first-build"
