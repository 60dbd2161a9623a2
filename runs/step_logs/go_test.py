"""The log of run-test: downloaded modules, and packages whose result came from the test cache.

`go: downloading` is printed before a download, so it is an attempt; tests can print it too, so only lines before the first test
count. The last result line of a package is the one that go wrote (cmd/go/internal/test). gotestsum runs `go test -json` and prints
lines of its own (gotestyourself/gotestsum testjson/format.go); its formats dots and testdox tell nothing of packages.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal

from runs.step_logs.results import GoTest
from runs.step_logs.text import LogText

__all__ = ["read_go_test"]

State = Literal["cold", "partial", "full", "missed", "unknown"]
MAX_PACKAGES = 20_000
_FIRST_TEST = re.compile(
    rb'\n(?:=== RUN|ok  \t|FAIL|\?   \t|PASS|--- |\{"(?:Time|ImportPath)":|EMPTY |SKIP |::group::|  (?:PASS|EMPTY|FAIL) Package '
    rb"|DONE \d|\xe2\x9c\x93|\xe2\x9c\x96|\xe2\x88\x85)"
)
_DOWNLOAD = re.compile(rb"\ngo: downloading (\S{1,500}) (v\S{1,200})(?=[ \t\r]*(?:\n|\Z))")
_RESULT = re.compile(rb"\n(ok  |FAIL|\?   )\t([^\s]{1,1000})([^\n]{0,200})")
_JSON_RESULT = re.compile(
    rb'\n\{"Time":"[^"\n]{1,40}","Action":"output","Package":"[^"\n]{1,1000}",'
    rb'"Output":"(ok  |FAIL|\?   )\\t([^"\\\s]{1,1000})([^"\n]{0,200})'
)
_IS_JSON = re.compile(rb'\n\{"Time":"[^"\n]{1,40}","Action":"')
_SUMMARY = re.compile(rb"\nDONE (?:\d{1,9} runs, )?\d{1,9} tests?\b")
_SUMMED = (
    # pkgname, short, pkgname-and-test-fails: a mark, the package, its time or (cached)
    re.compile(
        rb"\n(\xe2\x9c\x93|\xe2\x9c\x96|\xe2\x88\x85) {2}(\S{1,1000})((?: \((?:cached|[\d.]{1,12}[a-z\xc2\xb5]{1,3})\))?)(?= \(coverage|[ \t]*(?:\n|\Z))"
    ),
    # testname, short-verbose: a word, the package, nothing or (cached); a test has its time there
    re.compile(
        rb"\n(PASS|EMPTY|FAIL) ((?!Package )\S{1,1000})((?: \(cached\))?)(?= \(coverage|[ \t]*(?:\n|\Z))"
    ),
    # github-actions
    re.compile(
        rb"\n {2}(PASS|EMPTY|FAIL) Package (\S{1,1000})((?: \((?:cached|[\d.]{1,12}[a-z\xc2\xb5]{1,3})\))?)(?= \(coverage|[ \t]*(?:\n|\Z))"
    ),
)
_WORDS = {
    b"\xe2\x9c\x93": "ran", b"PASS": "ran", b"\xe2\x9c\x96": "failed", b"FAIL": "failed", b"\xe2\x88\x85": "no_tests",
    b"EMPTY": "no_tests",
}  # fmt: skip
_BEFORE_OK = (b"PASS", b"coverage:", b"testing: warning")

Results = Iterator[tuple[bytes, str]]


def read_go_test(log: LogText, exit_code: int | None, needed: int | None) -> tuple[GoTest, bool]:
    """The findings of the log, and whether the log is complete."""
    begin = log.last(b"Start Go Test...")
    complete = begin >= 0 and not log.cut and (exit_code != 0 or log.last(b"Go Test Complete.") > begin)
    if not complete:
        return GoTest("unknown", 0, needed, {}, counted=False), False
    first = _FIRST_TEST.search(log.data, begin)
    until = len(log.data) if first is None else first.start()
    downloaded = len(set(_DOWNLOAD.findall(log.data, begin, until)))
    packages = _packages(log.data, until)
    if packages is None:
        return GoTest("unknown", downloaded, needed, {}, counted=False), False
    created = log.last(b"GOMODCACHE Directory /pkg/mod is created") >= 0
    # A module without dependencies finds nothing missing in a new directory.
    idle = downloaded == 0 and exit_code == 0
    # One that ended before its first test may not have come to the modules.
    early = first is None and exit_code != 0 and downloaded == 0
    state: State = (
        "unknown" if early and not created else _state(downloaded, needed, created=created and not idle)
    )
    return GoTest(state, downloaded, needed, packages, counted=exit_code == 0), True


def _state(downloaded: int, needed: int | None, *, created: bool) -> State:
    if created or (needed and downloaded >= needed):
        return "cold"
    if downloaded == 0:
        return "full"
    return "missed" if needed is None else "partial"


def _packages(data: bytes, begin: int) -> dict[str, int] | None:
    """Number of packages by result; None if there are more packages than a log is read for."""
    read: Callable[[bytes, int], Results]
    if _IS_JSON.search(data, begin) is not None:
        read = _told_by_json
    elif _SUMMARY.search(data, begin) is not None and any(each.search(data, begin) for each in _SUMMED):
        read = _told_by_gotestsum
    else:
        read = _told_by_go
    results: dict[bytes, str] = {}
    for package, result in read(data, begin):
        results[package] = result
        if len(results) > MAX_PACKAGES:
            return None
    return dict(Counter(results.values()))


def _told_by_json(data: bytes, begin: int) -> Results:
    for match in _JSON_RESULT.finditer(data, begin):
        yield match[2], _result(match[1], match[3])


def _told_by_go(data: bytes, begin: int) -> Results:
    verbose = data.find(b"\n=== RUN", begin) >= 0
    accepted = begin
    for match in _RESULT.finditer(data, begin):
        # With -v, go writes ok right under the PASS of the package; a test that prints the like has other lines before it.
        if match[1] == b"ok  " and verbose and match.start() != accepted:
            before = data.rfind(b"\n", max(begin, match.start() - 1000), match.start()) + 1
            if not data.startswith(_BEFORE_OK, before):
                continue
        accepted = data.find(b"\n", match.end())
        yield match[2], _result(match[1], match[3])


def _told_by_gotestsum(data: bytes, begin: int) -> Results:
    counts = [(sum(1 for _ in each.finditer(data, begin)), each) for each in _SUMMED]
    _, lines = max(counts, key=lambda each: each[0])
    for match in lines.finditer(data, begin):
        word = _WORDS[match[1]]
        yield match[2], "cached" if word == "ran" and b"(cached)" in match[3] else word


def _result(word: bytes, rest: bytes) -> str:
    if word == b"?   ":
        return "no_tests"
    if word == b"FAIL":
        return "build_failed" if b"[build failed]" in rest or b"[setup failed]" in rest else "failed"
    return "cached" if b"(cached)" in rest else "ran"
