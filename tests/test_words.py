"""Plain words: texts begin with a subject, sentences that readers had to read twice do not come back, own words are explained."""

import ast
import re
from pathlib import Path

import pytest
from support import ROOT

ROOMS = ("documents", "events", "triggers", "sensors", "apiserver", "bus", "runs", "dashboards", "hookline")
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
HARD_SENTENCES = (
    "in which something is",
    "a type that none has there",
    "what these make",
    "that only knowledge can make",
    "ends by themselves",
    "is evaluated and not found",
    "the comment sees to",
    "says the same once more",
    "or from none where forks are sandboxed",
    "0 while it was not",
    "a missing rate is then no",
    "a manifest of a user is anything",
    "can all of it",
    "lead your ingress",
    "how dear",
    "told again",
    "turns it round",
    "takes a default back",
    "is heard of",
    "run the tests: of",
    "whose text it is",
)
"""Wordings that readers who are not native speakers did not understand at once. A standard phrase takes the place of each."""
OWN_WORDS = (
    "bin",
    "dead letter",
    "lane",
    "route",
    "sandbox",
    "shard",
    "table",
    "trusted pipeline",
    "wide",
    "workload",
)
WORDS_OF_ARGO = (
    "ClusterWorkflowTemplate",
    "CronWorkflow",
    "EventBus",
    "JetStream",
    "Sensor",
    "Workflow",
    "dependency",
    "event source",
    "step",
    "template",
    "trigger",
)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def docstrings(path: Path) -> list[str]:
    """Every docstring of a module, those of attributes included."""
    return [
        statement.value.value
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for body in [getattr(node, "body", None)]
        if isinstance(body, list)
        for statement in body
        if isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_no_docstring_begins_with_a_question_word_in_place_of_a_noun(room: str) -> None:
    every = [
        (relative(path), text)
        for path in MODULES
        if path.is_relative_to(ROOT / room)
        for text in docstrings(path)
    ]
    assert len(every) > 30
    assert [(path, text) for path, text in every if text.startswith("What ")] == []


@pytest.mark.parametrize("paths", [PAGES, MODULES], ids=["pages", "code"])
def test_no_text_holds_a_sentence_that_is_known_to_be_hard(paths: list[Path]) -> None:
    texts = {path: re.sub(r"\s+", " ", path.read_text("utf-8").lower()) for path in paths}
    assert len(texts) > 20
    found = [
        (relative(path), hard) for path, text in texts.items() for hard in HARD_SENTENCES if hard in text
    ]
    assert found == []


def test_the_glossary_explains_every_word_of_our_own_and_is_in_order() -> None:
    text = (ROOT / "docs/glossary.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| (.*) \|$", text)[2:]
    words = [re.fullmatch(r"([A-Za-z -]+) \| [A-Z].*\.", row) for row in rows]
    assert None not in words
    found = [each[1] for each in words if each]
    assert {*OWN_WORDS, *WORDS_OF_ARGO} <= set(found)
    assert found == sorted(found, key=str.lower)


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/commands.md",
        "docs/declaration.md",
        "docs/reliability.md",
        "docs/reasons.md",
        "docs/security.md",
    ],
)
def test_pages_that_use_words_of_our_own_lead_to_the_glossary(page: str) -> None:
    assert re.search(r"\]\((docs/)?glossary\.md\)", (ROOT / page).read_text("utf-8"))
