"""The end of a red step's log, for people: the tests that failed, with file and line, and the last lines.

The text is whatever the step printed, so it is cut, and nothing in it moves a cursor. It decides nothing: a line that imitates
`go test` is shown as one. Formats: Go's cmd/internal/test2json and testing (`=== RUN`, `--- FAIL`), the compiler's and vet's
`file:line:column`, testify's assertions, and gotestsum's summary (`=== FAIL: package Test`).
"""

import re
from collections.abc import Mapping
from itertools import islice

import orjson

from runs.step_logs.masking import masked
from runs.step_logs.results import FailedTest, LogEnd, Place
from runs.step_logs.text import LogText

__all__ = ["MAX_LINE", "read_end"]

MAX_LINE = 300
"""Characters of a line that are kept."""
MAX_TESTS, MAX_PLACES = 20, 3
MAX_SEEN = 20_000
"""Tests whose places are remembered until it is known whether they failed."""
MAX_NAME = 200
MAX_DEPTH = 10
"""Levels of subtests that are told apart."""
_STEP_OF_BUILD = re.compile(rb"\n#\d{1,6} \d{1,9}\.\d{1,6} ")
"""The beginning of each line that a RUN prints, as BuildKit writes it."""
_TOLD = re.compile(
    rb"\n(?:[ \t]{0,64}(?P<word>=== (?:RUN|NAME|CONT|PAUSE) |--- (?:FAIL|PASS|SKIP): |=== FAIL: )[ ]{0,2}(?P<rest>[^\n]{1,1000})"
    rb"|[ \t]{1,64}(?P<file>[^\s:]{1,500}\.go):(?P<line>\d{1,9}): ?(?P<text>[^\n]{0,2000})"
    rb"|[ \t]{1,64}(?P<assertion>(?:Error:[ \t]|(?:expected|actual) {0,2}: )[^\n]{1,2000})"
    rb"|(?:vet: )?(?P<code>[^\s:#{]{1,500}\.go):(?P<row>\d{1,9}):\d{1,9}: (?P<fault>[^\n]{1,2000})"
    rb"|# (?P<package>[^\s\[]{1,1000})[^\n]{0,1000}"
    rb"|(?P<panic>panic: [^\n]{1,2000})"
    rb"|\t(?P<frame>[^\s:]{1,500}_test\.go):(?P<at>\d{1,9}) \+0x"
    rb"|FAIL\t(?P<failed>[^\s]{1,1000})(?P<how>[^\n]{0,200}))"
)
_JSON = re.compile(
    rb'\n(\{"(?:Time|ImportPath|Action)":[^\n]{1,300}"Action":"(?:output|fail|build-output)"[^\n]{1,16000}\})'
)
_JSON_LINE = re.compile(rb'\{"(?:Time|ImportPath|Action)":')
_PLACE_OF_CODE = re.compile(rb"(?:vet: )?([^\s:#]{1,500}\.go):(\d{1,9})(?::\d{1,9})?: ?([^\n]{0,2000})")
_TIME = re.compile(rb" \((?:[\d.]{1,12}[a-z\xc2\xb5]{1,3}|unknown)\)\s*\Z")
_SUMMARY = b"\n=== Failed\n=== FAIL: "
_ASSERTION = re.compile(rb"[ \t]{1,64}((?:Error:[ \t]|(?:expected|actual) {0,2}: )[^\n]{1,2000})")
"""The lines of testify's assertions that say what was wrong (stretchr/testify assert/assertions.go)."""
_FRAME = re.compile(rb"\t([^\s:]{1,500}_test\.go):(\d{1,9}) \+0x")
_SLASH = re.compile(rb"/")
_Key = tuple[bytes | int, bytes]
"""Package, or how many packages had failed before it, and test; no test for the package itself."""


def read_end(log: LogText, lines: int) -> LogEnd:
    """The last lines of a log, and the tests that it calls failed.

    Args:
        log: Of a step that failed.
        lines: How many lines are kept at most.
    """
    data = log.data
    if _STEP_OF_BUILD.search(data) is not None:
        data = _STEP_OF_BUILD.sub(b"\n", data)
    # gotestsum prints every failure again at its end, with all that is known of it.
    begin = data.rfind(_SUMMARY)
    tests = _Tests(summed=begin >= 0)
    json = False
    for match in _JSON.finditer(data):
        if (event := _event(match[1])) is not None:
            json = True
            tests.told_by_json(event)
    if not json:
        for match in _TOLD.finditer(data, max(0, begin)):
            tests.told(match)
    failed, more = tests.failed()
    lines_at_end = () if log.cut else _last_lines(data, lines)
    return LogEnd(lines=lines_at_end, failed=failed, more=more, cut=log.cut)


def last_lines(data: bytes, lines: int) -> tuple[str, ...]:
    """The last lines of a piece of a log."""
    return _last_lines(LogText(data, cut=False).data, lines)


def _last_lines(data: bytes, lines: int) -> tuple[str, ...]:
    end = begin = len(data.rstrip())
    # A line of `go test -json` may hold no text.
    for _ in range(4 * lines):
        begin = data.rfind(b"\n", 0, begin)
        if begin <= 0:
            break
    raw = data[max(0, begin) + 1 : end].split(b"\n") if lines and end > 0 else []
    told = (_output(each) if each.startswith(b'{"') else each for each in raw)
    found = [_line(each) for each in told if each is not None]
    return tuple(found[-lines:])


def _output(raw: bytes) -> bytes | None:
    """The text of a line of `go test -json`; None where it holds none. Any other line is itself."""
    event = _event(raw) if _JSON_LINE.match(raw) is not None else None
    if event is None:
        return raw
    said = _bytes(event.get("Output")).rstrip(b"\n")
    return said or None


def _line(raw: bytes, most: int = MAX_LINE) -> str:
    """One line as a terminal would leave it: a progress bar writes over itself, and what is not seen is not there."""
    text = raw[: 16 * most].rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace").expandtabs(4)
    shown = masked("".join(each for each in text if each.isprintable()))
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _event(raw: bytes) -> Mapping[str, object] | None:
    try:
        event = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


class _Tests:
    """Tests that a log tells of, line by line. Texts stay bytes until it is known which of them are shown."""

    def __init__(self, *, summed: bool) -> None:
        """Begin with none.

        Args:
            summed: Whether it is gotestsum's summary that tells of them.
        """
        self._summed = summed
        self._places: dict[_Key, list[tuple[bytes, bytes, bytes, bool]]] = {}
        """Test → file, line and text of what it said, and whether the text follows in lines of its own."""
        self._failed: dict[_Key, None] = {}
        self._packages: list[bytes] = []
        """go names a package after its tests: package 0 has those up to the first line FAIL."""
        self._named_last = 0
        self._now: _Key = (b"", b"")
        self._panic = b""

    def told(self, match: "re.Match[bytes]") -> None:
        """One line of go's, or of gotestsum's summary."""
        if match["word"]:
            self._word(match["word"], _TIME.sub(b"", match["rest"]))
        elif match["file"]:
            self._place(self._now, match["file"], match["line"], match["text"])
        elif match["assertion"]:
            self._more(self._now, match["assertion"])
        elif match["code"]:
            key = self._package_of(match["code"]) if self._summed else self._now
            self._place(key, match["code"], match["row"], match["fault"])
        elif match["package"]:
            self._now = (match["package"], b"")
        elif match["panic"]:
            self._panic = match["panic"]
        elif match["frame"]:
            if self._panic:
                self._place(self._now, match["frame"], match["at"], self._panic)
                self._panic = b""
        elif not self._summed:
            self._package_failed(match["failed"], broken=b"failed]" in match["how"])

    def _word(self, word: bytes, rest: bytes) -> None:
        if word == b"=== FAIL: ":
            package, _, name = rest.partition(b" ")
            self._now = (package, name)
            self._fail(self._now)
            return
        self._now = (len(self._packages), rest)
        if word == b"--- FAIL: ":
            self._fail(self._now)
        elif word.startswith(b"--- "):
            self._places.pop(self._now, None)

    @staticmethod
    def _package_of(file: bytes) -> "_Key":
        """The package of a file that does not compile: the summary names it after its folder."""
        return (file.rpartition(b"/")[0].removeprefix(b"./") or b".", b"")

    def _package_failed(self, package: bytes, *, broken: bool) -> None:
        if broken or len(self._failed) == self._named_last:
            # A package that does not build has no tests; one that ends early names none.
            self._fail((package, b""))
        if len(self._packages) < MAX_SEEN:
            self._packages.append(package)
        self._named_last = len(self._failed)
        self._now = (len(self._packages), b"")

    def told_by_json(self, event: Mapping[str, object]) -> None:
        """One event of `go test -json`."""
        package, test, said = (_bytes(event.get(name)) for name in ("Package", "Test", "Output"))
        key = (package or _bytes(event.get("ImportPath")).partition(b" ")[0], test)
        if event.get("Action") == "fail":
            self._fail(key)
        elif found := _PLACE_OF_CODE.match(said.strip()):
            self._place(key, found[1], found[2], found[3])
        elif found := _ASSERTION.match(said):
            self._more(key, found[1])
        elif said.startswith(b"panic: "):
            self._place(key, b"", b"0", said)
        elif found := _FRAME.match(said):
            self._came_from(key, found[1], found[2])

    def _fail(self, key: "_Key") -> None:
        if len(self._failed) < MAX_SEEN:
            self._failed.setdefault(key)

    def _place(self, key: "_Key", file: bytes, line: bytes, text: bytes) -> None:
        places = self._places.get(key)
        if places is None:
            if len(self._places) >= MAX_SEEN:
                return
            places = self._places[key] = []
        if len(places) < MAX_PLACES and all(each[:3] != (file, line, text) for each in places):
            places.append((file, line, text, not text.strip()))

    def _more(self, key: "_Key", text: bytes) -> None:
        """A line of testify's: the place says nothing itself, and what was wrong follows in lines of their own."""
        places = self._places.get(key)
        if not places:
            return
        file, line, said, follows = places[-1]
        if follows:
            words = text.removeprefix(b"Error:").split()
            places[-1] = (file, line, b" ".join([said.strip(), *words]).strip()[:1000], True)

    def _came_from(self, key: "_Key", file: bytes, line: bytes) -> None:
        """The line of the test from which a panic came."""
        places = self._places.get(key, [])
        if places and not places[-1][0]:
            places[-1] = (file, line, *places[-1][2:])

    def failed(self) -> tuple[tuple[FailedTest, ...], int]:
        """The first tests that failed, and how many more; without those of which only a part failed."""
        parents = {
            (package, name[: at.start()])
            for package, name in self._failed
            for at in islice(_SLASH.finditer(name), MAX_DEPTH)
        }
        parents |= {(package, b"") for package, name in self._failed if name}
        found = [key for key in self._failed if key not in parents or key in self._places]
        return tuple(self._shown(key) for key in found[:MAX_TESTS]), max(0, len(found) - MAX_TESTS)

    def _shown(self, key: "_Key") -> FailedTest:
        package, name = key
        if isinstance(package, int):
            package = self._packages[package] if package < len(self._packages) else b""
        places = (
            Place(_line(file, MAX_NAME), int(line), _line(text))
            for file, line, text, _ in self._places.get(key, ())
        )
        return FailedTest(_line(package, MAX_NAME), _line(name, MAX_NAME), tuple(places))


def _bytes(value: object) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else b""
