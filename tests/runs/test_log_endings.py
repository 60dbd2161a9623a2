"""What a page shows of a red step's log: the tests that failed, by name and line, and the last lines, bounded and without what is not seen."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from runs.step_logs import FailedTest, LogEnd, Place, last_lines, read_step
from runs.step_logs.endings import MAX_LINE, MAX_NAME, MAX_PLACES, MAX_TESTS

LOGS = Path(__file__).parents[1] / "data" / "logs"
ADD = FailedTest("example.com/shop/add", "TestAdd/zero", (Place("add_test.go", 12, "want 3, got 4"),))
BROKEN = FailedTest("example.com/shop/sub", "", (Place("sub/x.go", 4, "undefined: foo"),))
PLAIN = b"""Start Go Test...
--- FAIL: TestAdd (0.00s)
    --- FAIL: TestAdd/zero (0.00s)
        add_test.go:12: want 3, got 4
FAIL
FAIL\texample.com/shop/add\t0.004s
ok  \texample.com/shop/fine\t0.002s
# example.com/shop/sub [example.com/shop/sub.test]
sub/x.go:4:2: undefined: foo
FAIL\texample.com/shop/sub [build failed]
FAIL
"""
VERBOSE = b"""Start Go Test...
=== RUN   TestFine
    add_test.go:3: said on the way
--- PASS: TestFine (0.00s)
=== RUN   TestAdd
=== RUN   TestAdd/zero
    add_test.go:12: want 3, got 4
--- FAIL: TestAdd (0.00s)
    --- FAIL: TestAdd/zero (0.00s)
FAIL
FAIL\texample.com/shop/add\t0.004s
# example.com/shop/sub [example.com/shop/sub.test]
sub/x.go:4:2: undefined: foo
FAIL\texample.com/shop/sub [build failed]
FAIL
"""
JSON = rb"""Start Go Test...
{"Time":"2026-11-27T10:00:00Z","Action":"run","Package":"example.com/shop/add","Test":"TestAdd"}
{"Time":"2026-11-27T10:00:00Z","Action":"output","Package":"example.com/shop/add","Test":"TestAdd/zero","Output":"    add_test.go:12: want 3, got 4\n"}
{"Time":"2026-11-27T10:00:00Z","Action":"fail","Package":"example.com/shop/add","Test":"TestAdd/zero","Elapsed":0}
{"Time":"2026-11-27T10:00:00Z","Action":"fail","Package":"example.com/shop/add","Test":"TestAdd","Elapsed":0}
{"Time":"2026-11-27T10:00:00Z","Action":"fail","Package":"example.com/shop/add","Elapsed":0.004}
{"ImportPath":"example.com/shop/sub [example.com/shop/sub.test]","Action":"build-output","Output":"sub/x.go:4:2: undefined: foo\n"}
{"Time":"2026-11-27T10:00:00Z","Action":"fail","Package":"example.com/shop/sub","Elapsed":0,"FailedBuild":"example.com/shop/sub [example.com/shop/sub.test]"}
"""


def end_of(log: bytes, step: str = "run-test", lines: int = 40) -> LogEnd:
    found = read_step(step, log, 1, lines=lines)
    assert found is not None
    assert found.end is not None
    return found.end


@pytest.mark.parametrize("name", ["plain", "verbose", "json"])
def test_what_go_itself_printed_is_read_alike_in_every_form(name: str) -> None:
    found = end_of((LOGS / "red" / f"{name}.log").read_bytes()).failed
    panic = "panic: runtime error: invalid memory address or nil pointer dereference [recovered, repanicked]"
    assert {(each.package.rpartition("/")[2], each.name): each.places for each in found} == {
        ("a", "TestOne"): (Place("a_test.go", 5, "said"), Place("a_test.go", 5, "want 3")),
        ("a", "TestSubs/deep/er"): (Place("a_test.go", 9, "deeper"),),
        ("a", "TestSubs/bad"): (Place("a_test.go", 8, "bad one"),),
        ("a", "TestP1"): (Place("a_test.go", 11, "p1"),),
        ("b", "TestNil"): (Place("/src/red/b/b_test.go", 5, panic),),
        ("c", ""): (Place("c/c_test.go", 5, "undefined: undefinedThing"),),
        ("d", ""): (),
    }


@pytest.mark.parametrize("step", ["run-test", "lint"])
@pytest.mark.parametrize("log", [PLAIN, VERBOSE, JSON], ids=["plain", "verbose", "json"])
def test_failed_tests_are_told_by_name_and_line_in_every_form_and_step(log: bytes, step: str) -> None:
    assert end_of(log, step).failed == (ADD, BROKEN)


def test_the_lines_of_an_image_build_are_read_too() -> None:
    log = b"".join(b"#12 1.%d " % number + line + b"\n" for number, line in enumerate(PLAIN.split(b"\n")))
    assert end_of(log, "build-push-image").failed == (ADD, BROKEN)


def test_the_summary_of_gotestsum_repeats_nothing() -> None:
    summary = b"\n=== Failed\n=== FAIL: add TestAdd/zero (0.00s)\n    add_test.go:12: want 3, got 4\n\nDONE 3 tests, 1 failure in 0.1s\n"
    for log in (VERBOSE + summary, summary):
        assert end_of(log).failed == (FailedTest("add", ADD.name, ADD.places),)


@pytest.mark.parametrize("path", sorted((LOGS / "red").glob("gotestsum-*.log")), ids=lambda path: path.stem)
def test_every_format_of_gotestsum_is_read_by_its_summary(path: Path) -> None:
    found = end_of(path.read_bytes()).failed
    assert {(each.package, each.name): [place.line for place in each.places] for each in found} == {
        ("a", "TestOne"): [5, 5],
        ("a", "TestSubs/deep/er"): [9],
        ("a", "TestSubs/bad"): [8],
        ("a", "TestP1"): [11],
        ("b", "TestNil"): [5],
        ("c", ""): [5],
        ("d", "TestVet"): [],
    }


TESTIFY = b"""\
    add_test.go:12: 
        \tError Trace:\t/src/add_test.go:12
        \tError:      \tNot equal: 
        \t            \texpected: 3
        \t            \tactual  : 4
        \tTest:       \tTestAdd/zero
"""  # noqa: W291 - as it is written


def test_an_assertion_of_testify_says_what_was_wrong() -> None:
    plain = (
        b"--- FAIL: TestAdd (0.00s)\n    --- FAIL: TestAdd/zero (0.00s)\n"
        + TESTIFY
        + b"FAIL\nFAIL\tp\t0.1s\n"
    )
    verbose = b"=== RUN   TestAdd/zero\n" + TESTIFY + b"--- FAIL: TestAdd/zero (0.00s)\nFAIL\nFAIL\tp\t0.1s\n"
    event = {"Time": "2026-11-27T10:00:00Z", "Action": "output", "Package": "p", "Test": "TestAdd/zero"}
    events = [event | {"Output": line.decode() + "\n"} for line in TESTIFY.splitlines()] + [
        event | {"Action": "fail"}
    ]
    told = b"".join(json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in events)
    place = Place("add_test.go", 12, "Not equal: expected: 3 actual : 4")
    for log in (plain, verbose, told):
        assert end_of(log).failed == (FailedTest("p", "TestAdd/zero", (place,)),)


def test_a_panic_is_told_with_the_line_of_the_test() -> None:
    log = b"""=== RUN   TestNil
--- FAIL: TestNil (0.00s)
panic: runtime error: invalid memory address [recovered]

goroutine 7 [running]:
example.com/shop.TestNil(0xc0001)
\t/src/shop/nil_test.go:33 +0x1d
FAIL\texample.com/shop\t0.004s
"""
    place = Place("/src/shop/nil_test.go", 33, "panic: runtime error: invalid memory address [recovered]")
    assert end_of(log).failed == (FailedTest("example.com/shop", "TestNil", (place,)),)


def test_a_package_that_ends_before_its_tests_is_told_by_its_name() -> None:
    log = b"exit status 3\nFAIL\texample.com/shop\t0.004s\nok  \texample.com/b\t0.1s\n"
    assert end_of(log).failed == (FailedTest("example.com/shop", ""),)


def test_tests_of_the_same_name_in_two_packages_are_two() -> None:
    one = b"--- FAIL: TestA (0.00s)\n    a_test.go:%d: no\nFAIL\nFAIL\texample.com/%s\t0.1s\n"
    found = end_of(one % (1, b"x") + one % (2, b"y")).failed
    assert [(each.package, each.places[0].line) for each in found] == [
        ("example.com/x", 1),
        ("example.com/y", 2),
    ]


def test_the_last_lines_are_as_a_terminal_would_leave_them() -> None:
    log = b"first\n\x1b[31mred\x1b[0m \x07bell\n 10%\r 50%\r100%\r\nnul\x00 \xe2\x80\xaeevil\n\tTab\n\n"
    assert end_of(log).lines == ("first", "red bell", "100%", "nul evil", "    Tab")
    stamped = b"2026-11-24T10:00:00.123456789Z one\n2026-11-24T10:00:01.1Z two\n"
    assert end_of(stamped, lines=1).lines == ("two",)
    assert end_of(b"").lines == end_of(b"\n\n").lines == ()
    assert last_lines(b"a\nb\nc\n", 2) == ("b", "c")


def test_lines_of_go_test_json_show_their_text() -> None:
    assert end_of(JSON).lines == (
        "Start Go Test...",
        "    add_test.go:12: want 3, got 4",
        "sub/x.go:4:2: undefined: foo",
    )
    assert end_of(b'{"Time":"x", broken\n{"my":"line"}\n').lines == ('{"Time":"x", broken', '{"my":"line"}')


def test_a_log_that_was_cut_shows_no_last_lines_of_its_middle() -> None:
    found = read_step("run-test", PLAIN, 1, cut=True, lines=40)
    assert found is not None
    assert found.end == LogEnd((), (ADD, BROKEN), 0, cut=True)


@pytest.mark.parametrize(("exit_code", "lines"), [(0, 40), (None, 40), (1, 0)])
def test_nothing_is_kept_of_a_step_that_did_not_fail_or_where_nothing_is_wanted(
    exit_code: int | None, lines: int
) -> None:
    assert read_step("lint", PLAIN, exit_code, lines=lines) is None
    found = read_step("run-test", PLAIN, exit_code, lines=lines)
    assert found is not None
    assert found.end is None


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("fatal: unable to access 'https://ci:glpat-abcdefghij0123456789@git.example.com/x/'", "fatal: unable to access 'https://•••@git.example.com/x/'"),
        ("remote: https://0123456789abcdef0123456789abcdef@git.example.com/x", "remote: https://•••@git.example.com/x"),
        ("> Authorization: Bearer abc.def.ghi", "> Authorization: Bearer •••"),
        ("PRIVATE-TOKEN: abcdefgh", "PRIVATE-TOKEN: •••"),
        ("using ghp_0123456789012345678901234567890123456 now", "using ••• now"),
        ("+ export NPM_TOKEN=abcdefgh", "+ export NPM_TOKEN=•••"),
        ("x.go:3:1: syntax error: unexpected token: newline", "x.go:3:1: syntax error: unexpected token: newline"),
        ("see https://example.com/a@b and git@github.com:acme/shop.git", "see https://example.com/a@b and git@github.com:acme/shop.git"),
    ],
)  # fmt: skip
def test_what_looks_like_a_credential_is_hidden(line: str, shown: str) -> None:
    assert end_of(line.encode()).lines == (shown,)


PIECES = st.sampled_from(
    [b"=== RUN   T", b"--- FAIL: T", b"    a_test.go:1: ", b"FAIL\tp", b"# p", b"panic: x", b"\t/a_test.go:1 +0x1", b'{"Time":"","Action":"fail","Test":"',
     b"\x1b[", b"\r", b"\n", b"\xff", "\u202e".encode(), b"/", b"x" * 400, b"#1 1.1 ", b"\x00", b'{"', b"a.go:99999999999999: ", b"https://a:b@c"]
)  # fmt: skip


@settings(max_examples=tries(300))
@given(st.lists(PIECES | st.binary(max_size=8), max_size=80).map(b"".join), st.integers(1, 50))
def test_every_text_is_bounded_and_prints(log: bytes, lines: int) -> None:
    found = end_of(log, lines=lines)
    assert len(found.lines) <= lines
    assert len(found.failed) <= MAX_TESTS
    names = [
        text
        for each in found.failed
        for text in (each.package, each.name, *(place.file for place in each.places))
    ]
    texts = [*found.lines, *(place.text for each in found.failed for place in each.places)]
    assert all(len(each.places) <= MAX_PLACES and (each.package or each.name) for each in found.failed)
    assert all(len(each) <= MAX_NAME for each in names)
    assert all(len(each) <= MAX_LINE for each in texts)
    assert all(each.isprintable() for each in (*names, *texts))
