"""Whatever an installed hookline names of its documentation, `hookline docs` prints; nothing names a file of the checkout."""

import ast
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pages import commands_page
from support import ROOT

from dashboards.rules import ALERTS, groups
from hookline import documentation
from hookline.cli import main
from hookline.documentation import Page, find, pages, section

ROOMS = ("documents", "events", "triggers", "sensors", "apiserver", "bus", "runs", "dashboards", "hookline")
POINTER = re.compile(r"hookline docs ([a-zA-Z][\w/-]*(?:#[\w-]+)?)")
PATH = re.compile(r"docs/[\w/-]+\.md\b|runbooks/\w+\.md\b")
OF_USERS = {"docs/a.md"}
"""A changed file in an example."""


def docs(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["docs", *arguments])


def texts(path: Path) -> list[str]:
    """The texts of a file that can reach a user: a module's strings without its docstrings, or all of a data file."""
    if path.suffix != ".py":
        return [path.read_text("utf-8")]
    tree = ast.parse(path.read_text("utf-8"))
    documented = {
        id(body[0].value)
        for node in ast.walk(tree)
        if isinstance(body := getattr(node, "body", None), list) and body and isinstance(body[0], ast.Expr)
    }
    # Those of attributes follow them.
    documented |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented
    ]


@cache
def for_users() -> Mapping[str, Sequence[str]]:
    """File → its texts. Read by the tests that ask, not by every process that collects them."""
    return {
        str(path.relative_to(ROOT)): texts(path)
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*"))
        if path.suffix in {".py", ".jq", ".yaml", ".json", ".sh", ".html", ".js", ".css"}
    } | {"help": [commands_page()]}


def test_no_text_for_users_names_a_page_by_its_path_in_a_checkout() -> None:
    assert len(for_users()) > 200
    named = {
        (file, each)
        for file, found in for_users().items()
        for text in found
        for each in PATH.findall(text)
        if each not in OF_USERS
    }
    assert named == set()


def test_every_page_that_a_text_for_users_names_is_printed() -> None:
    pointers = {each for found in for_users().values() for text in found for each in POINTER.findall(text)}
    assert len(pointers) >= 7
    for each in sorted(pointers):
        done = docs(each)
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith("#")


def test_every_page_that_the_pages_name_is_printed() -> None:
    written = [(ROOT / "README.md").read_text("utf-8"), *(page.text for page in pages())]
    named = {each for text in written for each in POINTER.findall(text)} - {"NAME"}
    assert named
    assert [each for each in sorted(named) if docs(each).exit_code] == []


def test_links_between_pages_lead_to_pages_and_sections_that_are_printed() -> None:
    followed = 0
    for page in pages():
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.text):
            path = (
                (ROOT / "docs" / page.name).parent / target if target else ROOT / "docs" / f"{page.name}.md"
            )
            if not path.resolve().is_relative_to(ROOT / "docs") or path.suffix != ".md":
                continue  # an example, or a picture
            found = find(str(path.resolve().relative_to(ROOT)))
            assert found.text == path.read_text("utf-8")
            assert not anchor or section(found, anchor)
            followed += 1
    assert followed > 60


def test_an_alert_names_the_command_that_prints_its_runbook() -> None:
    rules = [each for group in groups(None)["groups"] for each in group["rules"] if "alert" in each]
    assert sorted(each["alert"] for each in rules) == sorted(each.name for each in ALERTS)
    for each in rules:
        assert "runbook_url" not in each["annotations"]
        words = each["annotations"]["runbook"].split()
        assert words[:2] == ["hookline", "docs"]
        assert docs(*words[2:]).stdout.startswith(f"# {each['alert']}\n")


def test_an_alert_links_to_the_runbook_where_somebody_publishes_it(tmp_path: Path) -> None:
    assert docs("--to", str(tmp_path)).exit_code == 0
    rules = [each for each in groups(f"{tmp_path}/runbooks/")["groups"][0]["rules"] if "alert" in each]
    for each in rules:
        assert "runbook" not in each["annotations"]
        assert Path(each["annotations"]["runbook_url"]).read_text("utf-8").startswith(f"# {each['alert']}\n")


def test_the_list_names_every_page_and_says_what_it_is_about() -> None:
    head, *rows = docs().stdout.splitlines()
    assert head.split() == ["PAGE", "ABOUT"]
    listed = dict(re.split(r"  +", row, maxsplit=1) for row in rows)
    files = {str(path.relative_to(ROOT / "docs").with_suffix("")) for path in (ROOT / "docs").rglob("*.md")}
    assert set(listed) == files
    assert listed["template"] == "Templates"
    assert listed["runbooks/HooklineNoEvents"].startswith("The event sources of a namespace put no event")


@pytest.mark.parametrize(
    "name", ["runbooks/HooklineNoEvents", "HooklineNoEvents", "docs/runbooks/HooklineNoEvents.md", "HooklineNoEvents.md"]
)  # fmt: skip
def test_a_page_is_found_by_its_name_its_last_part_and_its_path(name: str) -> None:
    assert docs(name).stdout == (ROOT / "docs/runbooks/HooklineNoEvents.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("HooklineNoEvent", "there is no page HooklineNoEvent; did you mean HooklineNoEvents?"),
        ("../README", "there is no page ../README; for the list, leave the name out"),
        ("", "there is no page ; for the list, leave the name out"),
        ("template#nothing", "the page template has no section nothing; it has install-it, "),
    ],
)
def test_a_page_or_section_that_there_is_not_is_refused_with_what_there_is(name: str, said: str) -> None:
    done = docs(name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {said}")


def test_a_name_of_two_pages_is_refused_with_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        documentation, "pages", lambda: [Page("guide/install", "# One"), Page("runbooks/install", "# Two")]
    )
    with pytest.raises(LookupError, match="install is the name of 2 pages: guide/install, runbooks/install"):
        find("install")
    assert find("guide/install").text == "# One"


def test_a_page_beside_a_folder_to_write_to_is_refused(tmp_path: Path) -> None:
    done = docs("template", "--to", str(tmp_path / "site"))
    assert done.exit_code == 2
    assert done.stderr == "error: --to writes every page; leave the name of the page out\n"
    assert not (tmp_path / "site").exists()


def test_the_sections_of_a_page_are_the_page() -> None:
    for page in pages():
        lines = page.text.splitlines(keepends=True)
        top = section(page, next(iter(documentation._headings(lines)))[2])
        assert top == page.text
        second = [anchor for _, depth, anchor in documentation._headings(lines) if depth == 2]
        if len(set(second)) == len(second):
            below = "".join(section(page, each) for each in second)
            assert page.text.endswith(below)


def test_a_comment_in_a_block_of_code_is_no_heading() -> None:
    page = Page("a", "# A\n\n## B\n\n```\n# C\n```\n\nD\n\n## E\n\nF\n")
    assert section(page, "b") == "## B\n\n```\n# C\n```\n\nD\n\n"
    with pytest.raises(LookupError):
        section(page, "c")
