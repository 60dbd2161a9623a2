"""Where a text meets a format: YAML and its comments, JSON, tables, a terminal, HTML pages and shells."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from support import ONE_PIPELINE

from documents.lines import shows
from hookline.cli import main
from hookline.output import comment, json_text, manifest_text, table, yaml_text

HOSTILE = [
    "x\n---\nkind: ClusterRoleBinding", "x\r---\rkind: Role", "x\x85---\x85kind: Role", "x\u2028---", "\x1b[2J\x1b[31m", "\x9b2J", "\u202egnp.exe", "{{x}}",
    "'; rm -rf / #", "$(id)", "<script>alert(1)</script>", "a: b # c", "- a", "\ufffe", "|", "!!python/object:os.system x", "*a", "\t", "\x00",
]  # fmt: skip
TEXT = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(HOSTILE)


@given(TEXT)
def test_a_comment_is_nothing_but_a_comment(text: str) -> None:
    assert list(yaml.compose_all(comment(text))) == []
    assert comment(text).count("\n") == 1
    assert shows(comment(text))


@given(TEXT, TEXT)
def test_the_note_of_a_source_adds_nothing_to_its_manifest(name: str, note: str) -> None:
    manifest = {
        "kind": "EventSource",
        "metadata": {"annotations": {f"hookline.dev/verification.{name}": note}},
    }
    assert list(yaml.safe_load_all(manifest_text(manifest))) == [manifest]


@given(
    st.recursive(TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
)
def test_yaml_and_json_say_the_same_and_nothing_that_a_terminal_acts_on(value: Any) -> None:
    assert yaml.safe_load(yaml_text({"a": value})) == {"a": value}
    assert json.loads(json_text({"a": value})) == {"a": value}
    assert shows(yaml_text({"a": value}))
    assert shows(json_text({"a": value}))


@given(st.lists(st.tuples(TEXT, TEXT), max_size=4))
def test_a_table_has_a_line_a_row(rows: list[tuple[str, str]]) -> None:
    written = table(("A", "B"), rows)
    assert len(written.split("\n")) == len(rows) + 2
    assert shows(written)


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
@pytest.mark.parametrize("command", [["simulate"], ["explain", "shop"], ["--log-level", "debug", "simulate"]])
def test_no_delivery_sends_an_escape_to_the_terminal(
    command: list[str], output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hookline.yaml").write_text(ONE_PIPELINE, "utf-8")
    evil = "\x1b]0;owned\x07\x9b2J\u202e\x85"
    body = {
        "ref": f"refs/heads/{evil}",
        "after": evil,
        "repository": {"full_name": "acme/shop"},
        "sender": {"login": evil},
        "head_commit": {"id": "a" * 40, "message": evil},
        "commits": [],
    }
    Path("event").write_text(json.dumps(body), "utf-8")
    result = CliRunner().invoke(
        main, [*command, "-e", "event", "--header", "X-GitHub-Event: push", "-o", output]
    )
    assert result.exit_code == 0, result.output
    assert shows(result.output)
    assert "\\x1b" in result.output or "\\u001b" in result.output or "\\e" in result.output
