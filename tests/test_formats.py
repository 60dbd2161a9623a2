"""Where texts of strangers meet a format: each place is listed here, and takes any text. A place that is not listed fails a test."""

import ast
import json
import re
import string
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from support import ROOT
from tries import tries

from dashboards.files import dashboard_texts
from dashboards.queries import select
from dashboards.rules import ALERTS, groups
from documents.diagnostics import InvalidInput
from documents.lines import shows, visible
from events.host import host
from hookline.cli import main
from hookline.declaration.remotes import Checkout, Location, read_checkout
from hookline.declaration.starter import starter
from hookline.logs import configure
from runs.exporter.configuration import read_configuration
from runs.exporter.labels import Labels
from runs.exporter.ledger import Ledger, Observation
from runs.exporter.prices import read_prices
from runs.exporter.recording import Recorder
from runs.exporter.series import SeriesTable
from runs.facts import Began
from runs.history import Query, Run
from sensors.program import TemplateFacts, compose

HOSTILE = [
    "'; DROP TABLE runs; --", "%' OR '1'='1", "\x00", "a\nb", "a\rb", "a\x85b", "a\u2028b", "\x1b[2J", "\x9b2J", "\u202egnp", "\u200b", "\ufffe",
    '"', "'", "\\", "\\n", '\\"', "\\(1)", '"}) or vector(1) #', "{{ $labels.x }}", '{{ query "up" }}', "{{workflow.name}}", "$__all", "${x}", ".*",
    "$(id)", "`id`", "; id", "| id |", "<script>alert(1)</script>", '" onload="x', "javascript:alert(1)", "<!channel>", "# TYPE x counter", "a b",
    "\U0001f600", "功能", "x" * 5000, "", " ", "-", "--help", "*", "!x",
]  # fmt: skip
TEXT = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(HOSTILE)
ROOMS = ("apiserver", "bus", "dashboards", "documents", "events", "hookline", "runs", "sensors", "triggers")


def sources(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    for each in ast.walk(tree):
        if isinstance(each, ast.Call):
            called = each.func
            if (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) in names:
                yield each


# --- SQL ------------------------------------------------------------------------------------------------------------

STATEMENTS = {
    "runs/exporter/ledger_outbox.py": ["statement"],  # one of two constants
    "runs/exporter/remembered.py": [
        "_VALUES[name]",
        "statement",
        "statement",
    ],  # made of names of columns; values are arguments
    # Numbers of versions, and constants.
    "runs/exporter/schema.py": [
        "f'PRAGMA user_version = {VERSION}'",
        "f'PRAGMA user_version = {old + 1}'",
        "statement",
    ],
}
"""Statements that are no constants."""


def test_statements_are_constants_and_values_are_their_arguments() -> None:
    found: dict[str, list[str]] = {}
    for name, tree in sources(*ROOMS):
        for call in calls(tree, "execute", "executemany", "executescript"):
            if not isinstance(call.args[0], ast.Constant):
                found.setdefault(name, []).append(ast.unparse(call.args[0]))
    assert {name: sorted(each) for name, each in found.items()} == STATEMENTS


def a_run(text: str) -> Run:
    return Run(
        uid=f"u{text}", namespace=text, owner=text, name=text, pipeline=text, event=text, outcome=text, created=1.0, started=2.0, finished=3.0,
        message=text, ref=text, sha=text, actor=text, reason=text, delivery=text, currency=text, cache_state=text,
    )  # fmt: skip


@given(TEXT, TEXT)
def test_the_ledger_keeps_and_finds_any_text(text: str, other: str) -> None:
    ledger = Ledger(None, 0.0, count_from=0.0)
    ledger.commit([Observation(f"run/{each}", 3.0, (), run=a_run(each)) for each in {text, other}])
    assert ledger.run(text, text) == a_run(text)
    assert set(ledger.values("pipeline")) == {text, other}
    for query in (Query(pipeline=text), Query(namespace=text), Query(owner=text)):
        assert [each.pipeline for each in ledger.page(query).runs] == [text] or text == ""
    assert text.lower() == "" or a_run(text) in ledger.page(Query(text=text)).runs
    assert ledger.page(Query(text=f"{text}{other}-nothing")).runs == []
    ledger.close()


# --- HTML -----------------------------------------------------------------------------------------------------------

ATTRIBUTES = {
    "aria-label", "class", "content", "data-name", "data-renew", "data-symbol", "datetime", "href", "id", "name", "title", "value", "width", "x",
}  # fmt: skip
"""Attributes of tags that hold a value; all between quotes, and none that runs anything."""
FILLED = (
    "{{ links.argo[0] }}",
    "{{ links.commit[0] }}",
    "{{ links.request[0] }}",
    "{{ log_link }}",
    "{{ logs[attempt.pod] }}",
)
"""Patterns of the settings, whose scheme and host no run fills in (tests/runs/exporter/test_links.py)."""


def test_values_in_tags_stand_between_quotes_in_attributes_that_run_nothing() -> None:
    found: set[str] = set()
    for path in (ROOT / "runs/exporter/web/templates").glob("*.html"):
        text = re.sub(r"\{%.*?%\}", "", path.read_text("utf-8"), flags=re.DOTALL)
        text = text.replace('<script src="/page.js" defer></script>', "")
        assert not re.search(r"\|\s*safe|autoescape|<script|\son[a-z]+=|javascript:", text)
        for tag in re.findall(r"<[a-z][^<>]*(?:\{\{[^}]*\}\}[^<>]*)*>", text):
            found |= {name for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag) if "{{" in value}
            assert "{{" not in re.sub(r'[\w-]+="[^"]*"', "", tag), tag
        # An address begins with what the template says, so that no other scheme can.
        for address in re.findall(r'href="([^"]*)"', text):
            assert address.startswith(("/", "{{ grafana }}/d/", "{{ more }}", *FILLED)), address
    assert found == ATTRIBUTES


@given(TEXT)
def test_a_text_of_a_page_shows_every_character(text: str) -> None:
    assert shows(visible(text).replace("\t", ""))
    assert visible(visible(text)) == visible(text)


# --- PromQL, and the templates of alerts ----------------------------------------------------------------------------

LABELS = {
    "pipeline": "a Kubernetes label, or a checked name (Labels.pipeline)",
    "step": "a list of the configuration", "cache": "a closed set", "capacity": "a closed set", "object": "a closed set",
    "resource": "a closed set", "result": "a closed set", "check": "a closed set", "outcome": "a closed set",
    "source": "a Kubernetes label, or `other` (Labels.fan_out)", "namespace": "a Kubernetes name", "sensor_name": "a Kubernetes name", "eventsource_name": "a Kubernetes name", "consumer_name": "a name of the bus",
}  # fmt: skip
"""Labels that alerts write into their texts, and who says what they can be."""
EXPRESSION = re.compile(
    r"\{\{ (?:\$labels\.(?P<label>\w+)|\$value(?: \| humanize(?:Percentage|Duration|Timestamp)?)?) \}\}"
)


def test_texts_of_alerts_hold_known_labels_and_the_value_alone() -> None:
    found = set()
    for alert in ALERTS:
        for text in (alert.summary, alert.description):
            assert "{{" not in EXPRESSION.sub("", text), text
            found |= {match["label"] for match in EXPRESSION.finditer(text) if match["label"]}
    assert found == LABELS.keys()


@given(TEXT, st.sampled_from(["*", "**", "a*"]))
def test_a_pipeline_that_strangers_name_is_a_name_or_other(text: str, pattern: str) -> None:
    run = Began(uid="u", namespace="ci", name="n", pipeline="", event="push", created=1.0, repo_name=text)
    (namespace, owner, name), replaced = Labels(adopt=[pattern]).pipeline(run)
    assert (namespace, owner) == ("ci", "")
    assert name == "other" or (name == text and re.fullmatch(r"\w[\w./-]{0,199}", name))
    assert not replaced
    assert "{" not in name
    assert "<" not in name


def test_names_of_repositories_are_taken() -> None:
    for name in ("shop", "acme/shop", "acme/shop.go", "a_b-c", "小店/shop"):
        run = Began(uid="u", namespace="ci", name="n", pipeline="", event="push", created=1.0, repo_name=name)
        assert Labels(adopt=["**"]).pipeline(run) == (("ci", "", name), ())


MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"')


def test_matchers_of_queries_hold_words_and_variables_alone() -> None:
    rules = [each["expr"] for group in groups("")["groups"] for each in group["rules"]]
    boards = [json.loads(text) for text in dashboard_texts().values()]

    def expressions(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (
                value for key, value in node.items() if key in {"expr", "query"} and isinstance(value, str)
            )
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from expressions(child)

    values = {match[3] for text in [*rules, *expressions(boards)] for match in MATCHER.finditer(text)}
    assert len(values) > 10
    assert {each for each in values if not re.fullmatch(r"\$?[a-z_|]+", each)} == set()


@given(TEXT)
def test_a_value_of_a_matcher_is_one_string(text: str) -> None:
    name, matcher = select("hookline_runs_total", rule=True, pipeline=text)[:-1].split("{", 1)
    literal = re.fullmatch(r'pipeline(?:=~|!=|=)("(?:[^"\\\n]|\\.)*")', matcher)
    assert name == "hookline_runs_total"
    assert literal is not None
    assert json.loads(literal[1]) == (text[1:] if text[:1] in {"~", "!"} else text)


@pytest.mark.parametrize("option", ["-n", "--label", "--runbooks"])
@settings(max_examples=tries(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT)
def test_an_option_of_dashboards_is_refused_or_changes_its_value_alone(
    option: str, text: str, tmp_path: Path
) -> None:
    done = CliRunner().invoke(
        main,
        [
            "dashboards",
            "-o",
            str(tmp_path / "out"),
            f"{option}={text}" if option[1] == "-" else option + text,
        ],
    )
    if done.exit_code == 2:
        return
    assert done.exit_code == 0, done.output
    rules = yaml.safe_load((tmp_path / "out/kubernetes/rules.yaml").read_text("utf-8"))
    every = [each for group in rules["spec"]["groups"] for each in group["rules"]]
    assert sorted(each["alert"] for each in every if "alert" in each) == sorted(each.name for each in ALERTS)
    for each in every:
        assert "{{" not in each.get("annotations", {}).get("runbook_url", "")


# --- jq -------------------------------------------------------------------------------------------------------------

CONSTANTS = ["table", "arguments", "templates", "labels", "mutex_path", "source", "ignores_case"]
"""Definitions of a program that are made of the declaration."""


@given(TEXT, TEXT, TEXT)
def test_any_text_is_a_value_of_a_program_and_nothing_of_its_code(
    pipeline: str, name: str, value: str
) -> None:
    entry = {"pipeline": pipeline, "config": "c", "arguments": {name: value}, "owner": value}
    made = compose(
        host=host("github"), source=value, kinds=frozenset({"push"}), lines={"acme/shop": entry, "acme/two": {"pipeline": "two", "config": "c"}},
        templates={name: TemplateFacts((name,), {"push": {name: "branch"}}, value)}, labels={name: value},
    )  # fmt: skip
    plain = compose(host=host("github"), source="s", kinds=frozenset({"push"}), lines={}, templates={})
    # The rest is the same text, so the constants are all that a declaration changes.
    assert made.definitions.endswith(plain.definitions.partition("def ignores_case: ")[2].partition("\n")[2])
    assert re.findall(r"^def (\w+):", plain.definitions, re.MULTILINE)[: len(CONSTANTS)] == CONSTANTS
    asked = made.ask("null", '[line("acme/shop"), templates, labels, source]')
    facts = {"arguments": [name], "bindings": {"push": {name: "branch"}}, "mutex": value}
    known = {key: fact for key, fact in facts.items() if fact}
    assert asked == [entry, {name: known}, {name: value}, value]


@given(st.lists(TEXT, max_size=3))
def test_a_list_of_files_is_a_value_of_the_question(files: list[str]) -> None:
    made = compose(host=host("github"), source="s", kinds=frozenset({"push"}), lines={}, templates={})
    assert made.decide('{"headers": {}, "body": {}}', files)["verdict"] == "skip"


# --- The exposition -------------------------------------------------------------------------------------------------


@given(TEXT, TEXT)
def test_a_label_is_read_as_it_was_given_in_both_formats(pipeline: str, event: str) -> None:
    key = ("hookline_runs_total", ("ci", pipeline, pipeline, event, "success"))
    series = SeriesTable({key: 1.0})
    for text, read in (
        (series.exposition(), read_text),
        (series.exposition(openmetrics=True), read_openmetrics),
    ):
        (family,) = read(text.decode())
        (sample,) = family.samples
        named = {"namespace": "ci", "owner": pipeline, "pipeline": pipeline}
        assert sample.labels == {**named, "event": event, "outcome": "success"}


# --- Logs, and what a recording writes ------------------------------------------------------------------------------


@given(TEXT, TEXT)
def test_a_log_is_one_line_on_which_everything_shows(event: str, value: str) -> None:
    written = StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", written)
        configure("info")
        try:
            structlog.get_logger().info(event, reason=value, exc_info=ValueError(value))
        finally:
            structlog.reset_defaults()
    assert written.getvalue().count("\n") == 1
    assert shows(written.getvalue())


@given(uid=st.sampled_from(HOSTILE) | st.sampled_from(["../x", "/etc/x", "a/b", "..", "."]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_log_is_recorded_inside_of_the_recording(uid: str, tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    with Recorder(folder) as recorder:
        recorder.log(uid, b"log")
    assert {each.name for each in tmp_path.iterdir()} == {"recording"}
    assert {each.name for each in folder.iterdir()} == {"changes.jsonl.gz", "logs"}
    assert all(each.is_file() for each in (folder / "logs").iterdir())


# --- Files of the exporter ------------------------------------------------------------------------------------------

PRICES = 'currency: CNY\nsource: "{}"\ndate: 2026-11-01\nvcpu: {{on_demand: 1}}\nmemory: {{on_demand: 1}}\n'


@pytest.mark.parametrize("hidden", ["\\x85", "\\u2028", "\\u202e", "\\x1b", "\\n", "\\0"])
@pytest.mark.parametrize(
    "line", ['templates: ["a{}b"]', 'steps: ["a{}b"]', 'grafana: "https://x/{}b"', 'cdevents: {{url: "https://x/", source: "a{}b"}}']
)  # fmt: skip
def test_a_text_of_the_exporters_settings_is_one_line_that_shows(
    line: str, hidden: str, tmp_path: Path
) -> None:
    path = tmp_path / "exporter.yaml"
    path.write_text(line.format(hidden), "utf-8")
    with pytest.raises(InvalidInput, match=r"does not print|one line|expected"):
        read_configuration(path)
    path.write_text(line.format(""), "utf-8")
    assert read_configuration(path).max_pipelines == 1000
    (tmp_path / "prices.yaml").write_text(PRICES.format(hidden), "utf-8")
    with pytest.raises(InvalidInput, match=r"does not print|one line"):
        read_prices(tmp_path / "prices.yaml")


# --- The terminal ---------------------------------------------------------------------------------------------------

ONE_LINE = {"printable", "table", "json_text", "yaml_text", "yaml_documents", "plural", "len"}
"""Functions whose result holds nothing that a terminal acts on."""
ECHOED = {
    "hookline/command_line/common.py": {"line", "output"},  # of a Diagnostic, which is printable
    "hookline/commands/completion.py": {"*"},  # made by click of the name of the program
    "hookline/commands/demo.py": {"*"},  # the demo's own words, over its own data
    # A declaration (test_a_first_declaration_is_valid_whatever_the_branch), and letters and digits of ours.
    "hookline/commands/events.py": {
        "json",
        "_data",
        "each",
        "runs",
        "dict",
    },  # JSON that escapes all but ASCII
    "hookline/commands/init.py": {"text", "random_endpoint"},
    "hookline/commands/next.py": {"note"},  # names of pipelines and zones
    "hookline/commands/test.py": {"failed", "junit", "verdicts"},  # a number; XML of printable texts
    "hookline/commands/simulate.py": {"REASONS", "reason", "output"},  # words of hookline, a choice
    "hookline/commands/validate.py": {
        "pods_needed",
        "plan",
        "each",
        "workflow_command",
    },  # numbers; workflow_command prints one printable line
    "hookline/commands/render.py": {"moved"},  # whether there is any
    "hookline/commands/docs.py": {"found", "section", "anchor"},  # pages of ours
    "hookline/commands/version.py": {"VERSION"},
    "hookline/commands/template/__init__.py": {"output"},  # a choice
    "hookline/commands/template/check.py": {"_text", "report", "reports"},  # _text prints printable lines
    "hookline/commands/template/prerequisites.py": {"_document", "found", "map"},  # comment() and yaml_text()
}
"""Names in what commands print without a function of ONE_LINE around it, and why they may."""


def names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ONE_LINE:
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    for child in ast.iter_child_nodes(node):
        yield from names(child)


def test_commands_print_strangers_texts_by_functions_that_make_them_printable() -> None:
    found: dict[str, set[str]] = {}
    for name, tree in sources("hookline"):
        for call in calls(tree, "echo"):
            found.setdefault(name, set()).update(each for argument in call.args for each in names(argument))
    new = {
        name: each - ECHOED.get(name, set())
        for name, each in found.items()
        if "*" not in ECHOED.get(name, ())
    }
    assert {name: each for name, each in new.items() if each} == {}


# --- Shells, and the file that init writes --------------------------------------------------------------------------


@given(TEXT | st.text("ab'\"#{}[]:,&*!|>%@` -", max_size=10))
def test_a_first_declaration_is_valid_whatever_the_branch(branch: str) -> None:
    taken = branch if branch and shows(branch) and "\n" not in branch else "main"
    text = starter(Location("git.example.com", "acme/shop"), "github", taken)
    data = yaml.safe_load(text)
    assert data["pipelines"]["shop"]["events"] == {"push": {"branches": [taken]}}
    assert data.keys() == {"version", "cluster", "sources", "defaults", "pipelines"}
    assert shows(text)


@pytest.mark.parametrize("branch", ["a\u2028evil: 1", "a\x85b", "a\u202eb", "a\u200bb"])
def test_a_branch_on_which_something_does_not_show_is_not_taken_over(
    branch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://github.com/acme/shop.git"
    said = {
        ("remote",): "origin",
        ("remote", "get-url"): url,
        ("symbolic-ref", "--short"): f"origin/{branch}",
    }
    monkeypatch.setattr("hookline.declaration.remotes._git", lambda _, *words: said[words[:2]])
    assert read_checkout(tmp_path) == Checkout(url, "main")
    said["symbolic-ref", "--short"] = "origin/trunk"
    assert read_checkout(tmp_path) == Checkout(url, "trunk")


SAFE_IN_SHELL = set(string.ascii_letters + string.digits + "._/=:@%+,-")


@given(
    server=st.from_regex(r"[A-Za-z0-9.-]{1,20}", fullmatch=True),
    name=st.from_regex(r"[A-Za-z0-9._~/-]{1,20}", fullmatch=True),
)
def test_commands_to_copy_hold_nothing_of_the_repository_that_a_shell_acts_on(server: str, name: str) -> None:
    text = starter(Location(server, name), "github", "main")
    found = [line.partition("# $ ")[2] for line in text.splitlines() if "# $ " in line]
    assert len(found) == 2
    for word in found[1].split():
        assert set(word) <= SAFE_IN_SHELL, word
    assert found[0].count("$") == 0


@settings(max_examples=tries(60))
@given(
    st.sampled_from(["-n", "--nas-server", "--nas-path", "--mount-option", "--size", "--registry"]),
    TEXT.filter(bool),
)
def test_an_option_of_prerequisites_is_refused_or_changes_its_value_alone(option: str, text: str) -> None:
    done = CliRunner().invoke(
        main, ["template", "prerequisites", *([option, text] if text[0] != "-" else [f"{option}={text}"])]
    )
    if done.exit_code == 2:
        assert shows(done.stderr)
        return
    assert done.exit_code == 0, done.output
    plain = CliRunner().invoke(main, ["template", "prerequisites"]).stdout
    kinds = [each["kind"] for each in yaml.safe_load_all(plain)]
    assert [each["kind"] for each in yaml.safe_load_all(done.stdout)] == kinds
    # Commands to copy stand in comments, which hold no value of an option.
    assert [line for line in done.stdout.splitlines() if "printf" in line] == [
        line for line in plain.splitlines() if "printf" in line
    ]


# --- Markdown -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: path.name)
def test_rows_of_a_table_have_as_many_cells_as_its_head(path: Path) -> None:
    cells, fenced = 0, False
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        fenced ^= line.lstrip().startswith("```")
        if fenced or not line.startswith("|"):
            cells = 0
            continue
        count = len(re.findall(r"(?<!\\)\|", line))
        assert cells in {0, count}, f"{path.name}:{number}"
        cells = count
