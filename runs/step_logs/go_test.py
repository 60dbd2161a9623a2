"""The log of run-test: downloaded modules, and packages whose result came from the test cache.

`go: downloading` is printed before a download, so it is an attempt; tests can print it too, so only lines before the first test
count. The last result line of a package is the one that go wrote (cmd/go/internal/test).
"""

from collections import Counter
from typing import Literal

from runs.step_logs.results import GoTest
from runs.step_logs.text import LogText, pattern

__all__ = ["read_go_test"]

State = Literal["cold", "partial", "full", "missed", "unknown"]
MAX_PACKAGES = 20_000
_FIRST_TEST = rb'(?:^)(?:=== RUN|ok  \t|FAIL|\?   \t|PASS|--- |\{"Time":)'
_DOWNLOAD = rb"(?:^)go: downloading (\S{1,500}) (v\S{1,200})(?=\r?\n|\Z)"
_RESULT = rb"(?:^)(ok  |FAIL|\?   )\t([^\s]{1,1000})([^\n]{0,200})"
_JSON_RESULT = (
    rb'(?:^)\{"Time":"[^"\n]{1,40}","Action":"output","Package":"[^"\n]{1,1000}",'
    rb'"Output":"(ok  |FAIL|\?   )\\t([^"\\\s]{1,1000})([^"\n]{0,200})'
)


def read_go_test(log: LogText, exit_code: int | None, needed: int | None) -> tuple[GoTest, bool]:
    """What it says, and whether it is whole."""
    begin = log.last(b"Start Go Test...")
    complete = begin >= 0 and not log.cut and (exit_code != 0 or log.last(b"Go Test Complete.") > begin)
    if not complete:
        return GoTest("unknown", 0, needed, {}, counted=False), False
    first = log.find(_FIRST_TEST, begin)
    until = len(log.data) if first is None else first.start()
    found = pattern(_DOWNLOAD, log.stamp).findall(log.data, begin, until)
    downloaded = len(set(found))
    packages = _packages(log, until)
    if packages is None:
        return GoTest("unknown", downloaded, needed, {}, counted=False), False
    created = log.last(b"GOMODCACHE Directory /pkg/mod is created") >= 0
    state = _state(downloaded, needed, created=created)
    return GoTest(state, downloaded, needed, packages, counted=exit_code == 0), True


def _state(downloaded: int, needed: int | None, *, created: bool) -> State:
    if created or (needed and downloaded >= needed):
        return "cold"
    if downloaded == 0:
        return "full"
    return "missed" if needed is None else "partial"


def _packages(log: LogText, begin: int) -> dict[str, int] | None:
    """How many packages had which result; None for more packages than a log is read for."""
    results: dict[bytes, str] = {}
    is_json = log.find(rb'(?:^)\{"Time":', begin) is not None
    for match in pattern(_JSON_RESULT if is_json else _RESULT, log.stamp).finditer(log.data, begin):
        results[match[2]] = _result(match[1], match[3])
        if len(results) > MAX_PACKAGES:
            return None
    return dict(Counter(results.values()))


def _result(word: bytes, rest: bytes) -> str:
    if word == b"?   ":
        return "no_tests"
    if word == b"FAIL":
        return "build_failed" if b"[build failed]" in rest or b"[setup failed]" in rest else "failed"
    return "cached" if b"(cached)" in rest else "ran"
