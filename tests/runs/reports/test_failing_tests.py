"""Failing tests that a step wrote down: what is shown of them, whoever wrote it."""

import json
import re
from typing import Any

import pytest
from api_objects import START, node, with_status, workflow
from hypothesis import given
from hypothesis import strategies as st

from runs.objects import Workflow, workflow_of
from runs.reports.check_text import MAX_ANNOTATIONS, MAX_SUMMARY_BYTES, code, output
from runs.reports.failing_tests import MAX_TESTS, failing_tests_of
from runs.reports.hosts import HOST_APIS
from runs.reports.run_details import details_of
from runs.reports.status import status_of

WRITTEN = [
    {
        "package": "example.com/shop",
        "test": "TestTable/a/b",
        "path": "a_test.go",
        "line": 10,
        "message": "wanted 1\n        got 2",
    },
    {
        "package": "example.com/shop/pkg/deep",
        "test": "",
        "path": "pkg/deep/d.go",
        "line": 3,
        "message": "too many return values",
    },
]
"""As the template's step wrote it of a repository with two failures."""


def run(outputs: str | None, *more: dict[str, Any], phase: str = "Failed") -> Workflow:
    """A run whose test step failed, with this output."""
    written = {} if outputs is None else {"parameters": [{"name": "failing-tests", "value": outputs}]}
    message = "main: Error (exit code 1)" if phase == "Failed" else ""
    nodes = [
        node("shop-u1", "git-checkout-pr", "Succeeded", START + 1, START + 21),
        node("shop-u1", "run-test", phase, START + 22, START + 90, message=message, outputs=written),
        *more,
    ]
    raw = with_status(workflow("u1", START), phase, START + 1, START + 95, nodes)
    found = workflow_of(raw, frozenset())
    assert found is not None
    return found


def shown(found: Workflow) -> dict[str, Any]:
    return output(status_of(found, "hookline/shop", ""), details_of(found))


def test_failing_tests_stand_at_their_lines_and_in_the_summary() -> None:
    found = shown(run(json.dumps(WRITTEN)))
    assert found["title"] == "failed in run-test after 1 min 34 s: TestTable/a/b"
    assert [
        (each["path"], each["start_line"], each["end_line"], each["title"], each["message"])
        for each in found["annotations"]
    ] == [
        ("a_test.go", 10, 10, "TestTable/a/b", "wanted 1\n        got 2"),
        ("pkg/deep/d.go", 3, 3, "example.com/shop/pkg/deep", "too many return values"),
    ]
    assert "`TestTable/a/b` of `example.com/shop` at `a_test.go:10`" in found["summary"]
    assert "| `git-checkout-pr` | passed | 20 s |  |" in found["summary"]
    assert "| `run-test` | failed: `main: Error (exit code 1)` | 1 min 8 s |  |" in found["summary"]


def test_every_host_reads_the_first_failing_test_where_it_fits() -> None:
    said = status_of(run(json.dumps(WRITTEN)), "c", "").description
    assert said == "failed in run-test after 1 min 34 s: TestTable/a/b"
    long = [{**WRITTEN[0], "test": "Test" + "x" * 120}]
    assert status_of(run(json.dumps(long)), "c", "").description == "failed in run-test after 1 min 34 s"
    assert status_of(run(None), "c", "").description == "failed in run-test after 1 min 34 s"


def test_a_run_of_a_template_that_writes_none_is_shown_without() -> None:
    found = shown(run(None))
    assert "annotations" not in found
    assert "Failing tests" not in found["summary"]


def test_a_green_run_shows_no_failing_tests_whatever_a_step_wrote() -> None:
    found = shown(run(json.dumps(WRITTEN), phase="Succeeded"))
    assert "annotations" not in found
    assert "TestTable" not in json.dumps(found)


def test_caches_and_attempts_are_said_where_the_status_has_them() -> None:
    image = {"parameters": [{"name": "image-cache-metrics", "value": '{"user_cacheable": 6, "miss": 2}'}]}
    modules = {
        "parameters": [
            {"name": "go-modules-needed", "value": "12"},
            {"name": "go-modules-downloaded", "value": "3"},
        ]
    }
    nodes = [
        node("shop-u1", "run-test", "Error", START + 1, START + 5, attempt="(0)", message="pod deleted")
        | {"name": "shop-u1.run-test(0)", "displayName": "run-test(0)"},
        node("shop-u1", "run-test", "Succeeded", START + 6, START + 66, attempt="(1)", outputs=modules)
        | {"name": "shop-u1.run-test(1)", "displayName": "run-test(1)"},
        node("shop-u1", "build-push-image", "Succeeded", START + 67, START + 70, outputs=image),
    ]
    found = workflow_of(
        with_status(workflow("u1", START), "Succeeded", START, START + 71, nodes), frozenset()
    )
    assert found is not None
    assert shown(found)["summary"].splitlines()[-2:] == [
        "| `run-test` | passed at attempt 2 | 1 min 0 s | Go modules: 9 of 12 from the cache |",
        "| `build-push-image` | passed | 3 s | image: 4 of 6 steps from the cache |",
    ]


@pytest.mark.parametrize(
    "path", ["../etc/passwd", "/etc/passwd", "a/../b.go", "", "a//b.go", "x" * 501, "./a.go", 7, None]
)
def test_a_file_outside_the_repository_is_no_place(path: object) -> None:
    (found,) = failing_tests_of(run(json.dumps([{**WRITTEN[0], "path": path}])).nodes or ())
    assert (found.path, found.line) == ("", 0)
    assert "annotations" not in shown(run(json.dumps([{**WRITTEN[0], "path": path}])))


@pytest.mark.parametrize("line", [0, -1, True, 1.5, "10", None, 10**9])
def test_a_line_that_is_none_is_no_place(line: object) -> None:
    (found,) = failing_tests_of(run(json.dumps([{**WRITTEN[0], "line": line}])).nodes or ())
    assert (found.path, found.line) == ("", 0)


@pytest.mark.parametrize(
    "text", ["", "{", "null", "7", '"x"', "[7, null]", "{}", "[[]]", "[" * 9000, " " * 20_000, "\ud800"]
)
def test_an_output_that_is_odd_says_nothing(text: str) -> None:
    assert failing_tests_of(run(text).nodes or ()) == ()


STRANGE = st.text(st.one_of(st.characters(), st.sampled_from("`|<>[]()@#\n\\*_~&\u202e\x1b\0")), max_size=60)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "package": STRANGE,
                "test": STRANGE,
                "path": st.one_of(STRANGE, st.just("a/b_test.go")),
                "line": st.integers(-1, 20),
                "message": STRANGE,
            }
        ),
        max_size=30,
    )
)
def test_no_text_of_a_stranger_leaves_its_code(items: list[dict[str, Any]]) -> None:
    found = shown(run(json.dumps(items)))
    # What GitHub's renderer does with code spans and fences, for the part about the tests.
    said = found["summary"].split("### Failing tests", 1)[-1].split("\n| step | result", 1)[0]
    outside = outside_of_code(said)
    assert set(outside) <= set(" \nofat#FilngesTd"), outside
    assert len(found["summary"].encode()) <= MAX_SUMMARY_BYTES
    assert len(found["title"]) <= 255
    notes = found.get("annotations", [])
    assert len(notes) <= min(MAX_TESTS, MAX_ANNOTATIONS)
    for each in notes:
        assert each["start_line"] > 0
        assert each["message"]
        assert len(each["title"]) <= 255
    for text in (found["title"], *(each["title"] for each in notes)):
        assert text.isprintable()


def test_a_message_that_ends_a_fence_and_a_message_with_pipes_stay_code() -> None:
    fenced = [{**WRITTEN[0], "message": "```\n@team\n````\n# big"}]
    message = "main: Error (exit code 1): a | b \\| `c`"
    nodes = [node("shop-u1", "e2e", "Failed", START + 91, START + 92, message=message)]
    found = shown(run(json.dumps(fenced), *nodes))["summary"]
    assert "@" not in outside_of_code(found)
    row = found.splitlines()[-1]
    assert row.startswith("| `e2e` |")
    # A table is split where a pipe has no backslash.
    assert len(re.split(r"(?<!(?<!\\)\\)\|", row)) == 6


def outside_of_code(text: str) -> str:
    """Markdown without its code, as CommonMark ("Fenced code blocks", "Code spans") finds it."""
    kept, lines, fence = list[str](), text.split("\n"), ""
    for line in lines:
        ticks = len(line) - len(line.lstrip("`"))
        if fence:
            if ticks >= len(fence) and not line.strip("`").strip():
                fence = ""
            continue
        if ticks >= 3 and "`" not in line[ticks:]:
            fence = "`" * ticks
            continue
        kept.append(outside_of_spans(line))
    assert not fence
    return "\n".join(kept)


def outside_of_spans(line: str) -> str:
    outside, rest = "", line
    while rest:
        plain, tick, after = rest.partition("`")
        outside += plain
        if not tick:
            break
        run_of = len(after) - len(after.lstrip("`")) + 1
        body, end = after[run_of - 1 :], 0
        while True:
            end = body.find("`", end)
            if end < 0:
                return outside + "`" * run_of + body
            width = len(body[end:]) - len(body[end:].lstrip("`"))
            if width == run_of:
                break
            end += width
        rest = body[end + run_of :]
    return outside


@given(st.text(st.sampled_from("a` |"), max_size=20))
def test_a_code_span_holds_all_of_its_text(text: str) -> None:
    assert outside_of_spans(code(text)) == ""


def test_a_summary_of_a_hundred_steps_and_more_keeps_githubs_limit() -> None:
    nodes = [
        node("shop-u1", f"step-{number}-{'é' * 120}", "Error", START + 1, START + 2, message="💥" * 300)
        for number in range(400)
    ]
    found = shown(run(json.dumps(WRITTEN), *nodes))
    assert len(found["summary"].encode()) <= MAX_SUMMARY_BYTES
    assert found["summary"].endswith(("…", "more steps."))


def test_other_hosts_are_given_no_details() -> None:
    assert not any(each.detailed for each in HOST_APIS.values())
