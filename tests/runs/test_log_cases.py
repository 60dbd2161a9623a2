"""Logs that were once misread, and neighbours of each; real logs that are cut, trimmed, padded or mixed never give a wrong number."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from runs.step_logs import StepLog, read_step
from runs.step_logs.results import Checkout, GoTest, ImageBuild

DATA = Path(__file__).parents[1] / "data"
CASES = DATA / "cases" / "logs"
LOGS = DATA / "logs"
BUILD = b"Image Tag is: v1\nStart to Build And Push Container Image\n"
BUILT = b"Build And Push Container Image x:v1 and x:latest Complete.\n"
TEST, TESTED = b"Start Go Test...\n", b"Go Test Complete.\n"


def read(step: str, log: bytes, exit_code: int | None = 0) -> StepLog:
    found = read_step(step, log, exit_code)
    assert found is not None
    return found


def image(log: bytes, exit_code: int = 0) -> ImageBuild:
    found = read("build-push-image", log, exit_code).image_build
    assert found is not None
    return found


def case(name: str) -> bytes:
    return (CASES / f"{name}.log").read_bytes()


# Image builds


@pytest.mark.parametrize(
    ("name", "state", "hits", "steps"),
    [
        ("bk-12-steps-unnamed", "partial", 5, 11),
        ("bk-trimmed-stamps", "partial", 5, 8),
        ("bk-hookline-afresh", "broken", 0, 4),
        ("bk-first-build-denied", "cold_missing", 0, 4),
    ],
)
def test_a_build_that_succeeded_has_the_state_that_is_true(
    name: str, state: str, hits: int, steps: int
) -> None:
    found = image(case(name))
    assert (found.cache_state, found.hits, found.steps) == (state, hits, steps)
    assert found.counted is (state != "broken")


@pytest.mark.parametrize("version", ["0.13", "0.33"])
@pytest.mark.parametrize(
    ("name", "state", "hits"),
    [("01-cold", "cold_missing", 0), ("02-full", "full", 11), ("03-partial", "partial", 5)],
)
def test_padded_steps_of_real_builds_count_as_buildctl_counts_them(
    version: str, name: str, state: str, hits: int
) -> None:
    folder = LOGS / "buildctl-padded"
    found = image(BUILD + (folder / f"{version}-{name}.log").read_bytes() + BUILT)
    assert (found.cache_state, found.hits, found.steps) == (state, hits, 11)
    truth = json.loads((folder / f"{version}-{name}.metrics.json").read_text("utf-8"))
    assert (found.hits, found.steps) == (truth["user_cacheable"] - truth["miss"], truth["user_cacheable"])


@pytest.mark.parametrize("version", ["0.13", "0.33"])
@pytest.mark.parametrize(("name", "fault"), [("04-red", False), ("05-oom", True), ("06-daemon-killed", True)])
def test_a_real_build_that_failed_says_whose_fault_it_is(version: str, name: str, fault: bool) -> None:
    found = image(BUILD + (LOGS / "buildctl-padded" / f"{version}-{name}.log").read_bytes(), 1)
    assert (found.cache_state, found.infrastructure) == ("failed", fault)


@pytest.mark.parametrize("name", ["bk-daemon-killed", "bk-deadline", "bk-run-oom137"])
def test_what_broke_around_a_build_is_not_the_codes_fault(name: str) -> None:
    found = image(case(name), 1)
    assert (found.cache_state, found.infrastructure, found.counted) == ("failed", True, False)


FAILED = 'process "/bin/sh -c go build ./..." did not complete successfully: '


@pytest.mark.parametrize(
    ("error", "by_infrastructure"),
    [
        (
            "error: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF",
            True,
        ),
        (
            'ERROR: failed to solve: Unavailable: closing transport due to: connection error: desc = "EOF"',
            True,
        ),
        (
            "ERROR: failed to build: failed to receive status: rpc error: code = Unavailable desc = transport is closing",
            True,
        ),
        (
            'error: listing workers for Build: failed to list workers: Unavailable: connection error: desc = "x"',
            True,
        ),
        (
            "ERROR: failed to solve: DeadlineExceeded: failed to push r.example.com/a: context deadline exceeded",
            True,
        ),
        (f"error: failed to solve: {FAILED}exit code: 137", True),
        (f"error: failed to solve: {FAILED}exit code: 143: context canceled", True),
        (f"error: failed to solve: ResourceExhausted: {FAILED}cannot allocate memory", True),
        (f"error: failed to solve: {FAILED}exit code: 1", False),
        (f"error: failed to solve: {FAILED}exit code: 13", False),
        ("error: failed to solve: dockerfile parse error on line 3: unknown instruction: RUM", False),
        (
            "error: failed to solve: golang:1.99: failed to resolve source metadata: docker.io/library/golang:1.99: not found",
            False,
        ),
    ],
)
def test_the_last_error_says_whose_fault_it_is(error: str, by_infrastructure: bool) -> None:
    log = BUILD + b"#1 [build 2/2] RUN go build ./...\n#1 0.1 compiling\n" + error.encode() + b"\n"
    assert image(log, 1).infrastructure is by_infrastructure


@pytest.mark.parametrize(
    ("words", "by_infrastructure"),
    [
        (b"12.3 compile: signal: killed", True),
        (b"12.3 write /tmp/x: no space left on device", True),
        (b"12.3 undefined: foo", False),
    ],
)
def test_the_last_lines_of_a_command_say_that_memory_or_space_ran_out(
    words: bytes, by_infrastructure: bool
) -> None:
    log = (
        BUILD
        + b"#1 [build 2/2] RUN make\n#1 "
        + words
        + b"\n#1 ERROR: "
        + FAILED.encode()
        + b"exit code: 1\n------\n"
        b" > [build 2/2] RUN make:\n"
        + words
        + b"\n------\nerror: failed to solve: "
        + FAILED.encode()
        + b"exit code: 1\n"
    )
    assert image(log, 1).infrastructure is by_infrastructure


@pytest.mark.parametrize(
    "name",
    ["[ 2/12] RUN x", "[stage-0  2/10] RUN x", "[linux/amd64  2/12] RUN x", "[linux/amd64->arm64 build  2/12] RUN x",
     "[web build 2/5] COPY . .", "[build 2/5] ONBUILD RUN x"],
)  # fmt: skip
def test_a_step_counts_however_its_number_is_padded(name: str) -> None:
    log = BUILD + f"#1 {name}\n#1 CACHED\n".encode() + BUILT
    assert (image(log).hits, image(log).steps) == (1, 1)


@pytest.mark.parametrize(
    "name", ["[ 1/12] FROM x", "[linux/amd64  1/12] FROM x", "[internal] load build context", "FROM x"]
)
def test_what_is_no_step_is_not_counted(name: str) -> None:
    assert image(BUILD + f"#1 {name}\n#1 CACHED\n".encode() + BUILT).steps == 0


def test_a_build_whose_step_never_ended_is_not_whole() -> None:
    log = BUILD + b"#1 [a 1/2] RUN x\n#1 CACHED\n#2 [a 2/2] RUN y\n" + BUILT
    assert read("build-push-image", log).completeness == "truncated"


@pytest.mark.parametrize(
    ("error", "exported", "state"),
    [
        ("r/x:buildcache: not found", False, "cold_missing"),
        ("unexpected status: manifest unknown", False, "cold_missing"),
        ("artifact acme/shop:buildcache not found", False, "cold_missing"),
        ("name unknown: repository name not known to registry", False, "cold_missing"),
        ("pull access denied, repository does not exist or may require authorization", True, "cold_missing"),
        ("pull access denied, repository does not exist or may require authorization", False, "cold_error"),
        ("unexpected status from HEAD request: 401 Unauthorized", True, "cold_error"),
        ("failed to do request: dial tcp: lookup r.example.com: no such host", True, "cold_error"),
        (
            "httpReadSeeker: failed open: could not fetch content descriptor sha256:b from remote: not found",
            True,
            "cold_error",
        ),
    ],
)
def test_an_import_that_failed_found_nothing_or_is_broken(error: str, exported: bool, state: str) -> None:
    log = (
        BUILD + b"#1 importing cache manifest from r/x:buildcache\n#1 ERROR: failed to configure registry cache importer: "
        + error.encode() + b"\n#2 [a 1/1] RUN x\n#2 0.1 x\n#2 DONE 0.1s\n#3 exporting cache to registry\n"
        + (b"#3 DONE 0.1s\n" if exported else b"#3 ERROR: denied\n") + BUILT
    )  # fmt: skip
    assert image(log).cache_state == state


# Checkouts


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (case("git-warn-attributes"), "clone"),
        (case("git-submodule-update"), "update"),
        (b"Cloning into 'shop'...\nSubmodule 'lib' (x) registered for path 'lib'\nCloning into '/w/shop/lib'...\n", "clone"),
        (b"Already up to date.\nSubmodule path 'lib': checked out '681053c'\n", "update"),
        (b"Auto-merging main.go\nMerge made by the 'ort' strategy.\n main.go | 1 +\n", "update"),
        (b"Successfully rebased and updated refs/heads/main.\n", "update"),
        (b"Current branch main is up to date.\n", "noop"),
        (b"hint: Could not resolve host of a mirror in your configuration\nAlready up to date.\n", "noop"),
        (b"warning: unable to access '/root/.gitconfig': Permission denied\nAlready up to date.\n", "noop"),
        (b"Cloning into 'shop'...\r\nremote: Counting objects:  50%\rremote: Counting objects: 100%\r\n", "clone"),
    ],
)  # fmt: skip
def test_a_checkout_that_succeeded_is_what_git_did(text: bytes, state: str) -> None:
    log = text
    if b"Start to Clone" not in text:
        log = b"Start to Clone  x\n" + text + b"Start to Checkout target branch main\nAlready up to date.\n"
        log += b"Commit id is got: 681053c\nGit Clone and Checkout Complete.\n"
    found = read("git-checkout-pr", log).checkout
    assert found == Checkout(state, "681053c", counted=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (
            b"fatal: unable to access 'https://x/y.git/': The requested URL returned error: 503\n",
            "unreachable",
        ),
        (
            b"ssh: connect to host x port 22: Connection timed out\nfatal: Could not read from remote repository.\n",
            "unreachable",
        ),
        (b"CONFLICT (content): Merge conflict in main.go\nAutomatic merge failed; fix conflicts\n", "broken"),
        (b"fatal: Need to specify how to reconcile divergent branches.\n", "broken"),
        (b"fatal: Unable to create '/w/shop/.git/index.lock': File exists.\n", "broken"),
        (
            b"warning: unable to access '/root/.gitconfig': Permission denied\nfatal: not a git repository\n",
            "broken",
        ),
    ],
)
def test_a_checkout_that_failed_says_why(text: bytes, state: str) -> None:
    found = read("git-checkout-pr", b"Start to Clone  x\n" + text, 128).checkout
    assert found == Checkout(state, "", counted=False)  # type: ignore[arg-type]


# Tests, as go 1.26.8 and gotestsum 1.13.0 print them (tests/data/logs/README.md)

PRINTED = {
    "go1.26-v": {"ran": 3, "no_tests": 1}, "go1.26-v-cached": {"cached": 3, "no_tests": 1},
    "go1.26-json": {"ran": 3, "no_tests": 1}, "go1.26-json-cached": {"cached": 3, "no_tests": 1},
    "go1.26-cover": {"ran": 3, "no_tests": 1},
    "gotestsum-testname": {"ran": 2, "no_tests": 2}, "gotestsum-testname-cached": {"cached": 2, "no_tests": 2},
    "gotestsum-pkgname": {"ran": 2, "no_tests": 2}, "gotestsum-pkgname-cached": {"cached": 2, "no_tests": 2},
    "gotestsum-standard-quiet-cached": {"cached": 3, "no_tests": 1},
    "gotestsum-standard-verbose": {"ran": 3, "no_tests": 1}, "gotestsum-standard-verbose-cached": {"cached": 3, "no_tests": 1},
    "gotestsum-github-actions": {"ran": 2, "no_tests": 2}, "gotestsum-github-actions-cached": {"cached": 2, "no_tests": 2},
    "gotestsum-dots": {}, "gotestsum-testdox": {},
}  # fmt: skip
"""One package has a test that prints `ok  \\texample.test/fake\\t(cached)`."""


@pytest.mark.parametrize("name", PRINTED)
def test_packages_are_counted_however_they_are_printed(name: str) -> None:
    text = (LOGS / "go" / f"{name}.log").read_bytes()
    found = read("run-test", TEST + text + TESTED).go_test
    assert found == GoTest("full", 0, None, PRINTED[name], counted=True)


def test_what_tests_print_before_a_result_is_no_download() -> None:
    text = "go: downloading example.test/beta v1.0.0\n✓  a (15ms)\ngo: downloading example.test/gamma v1.0.0\nDONE 1 tests\n"
    found = read("run-test", TEST + text.encode() + TESTED).go_test
    assert found is not None
    assert found.downloaded == 1


# Whatever happens to a log on its way


def real_logs() -> dict[str, tuple[str, bytes, int]]:
    """Name → step, log, exit code of every recorded log of a step that is whole."""
    found: dict[str, tuple[str, bytes, int]] = {}
    for folder in ("buildkit", "buildctl", "buildctl-padded"):
        for path in sorted((LOGS / folder).glob("*.log")):
            text = path.read_bytes()
            failed = re.search(rb"(?m)^(?:ERROR|error): failed to ", text) is not None
            text = re.sub(rb"(?m)^rc=\d+\n?", b"", text)
            found[f"{folder}/{path.name}"] = (
                "build-push-image",
                BUILD + text + (b"" if failed else BUILT),
                int(failed),
            )
    for path in sorted((LOGS / "hookline-ci-go").glob("*/*.log")):
        found[f"{path.parent.name}/{path.name}"] = (path.name.removesuffix(".log"), path.read_bytes(), 0)
    for path in sorted((LOGS / "git").glob("0[1-5]*.log")):
        found[f"git/{path.name}"] = ("git-checkout-pr", re.sub(rb"(?m)^rc=\d+\n?", b"", path.read_bytes()), 0)
    for name in PRINTED:
        found[name] = ("run-test", TEST + (LOGS / "go" / f"{name}.log").read_bytes() + TESTED, 0)
    return found


REAL = real_logs()
TRUTH = {name: read(*each) for name, each in REAL.items()}


def test_the_recorded_logs_are_whole() -> None:
    assert len(REAL) > 50
    assert {each.completeness for each in TRUTH.values()} == {"complete"}


def stamp(number: int, width: int, zone: bytes) -> bytes:
    """A stamp whose fraction is trimmed as RFC 3339 allows."""
    digits = str(123_456_789 + number * 7_919_000_000 % 876_543_210).encode()[:9][:width].rstrip(b"0")
    return b"2026-11-24T10:00:00" + (b"." + digits if digits else b"") + zone + b" "


@st.composite
def travelled(draw: st.DrawFn) -> tuple[str, bytes]:
    """A real log as it may come: coloured, with other line ends, padded, stamped."""
    name = draw(st.sampled_from(sorted(REAL)))
    lines = REAL[name][1].splitlines(keepends=True)
    if draw(st.booleans()):
        colour = draw(
            st.sampled_from([b"\x1b[34m", b"\x1b[1;31m", b"\x1b]0;title\x07", b"\x1b(B", b"\x1b[2K"])
        )
        lines = [colour + line.rstrip(b"\n") + b"\x1b[0m\n" for line in lines]
    if draw(st.booleans()):
        lines = [line.replace(b"\n", draw(st.sampled_from([b"\r\n", b"\r\r\n"]))) for line in lines]
    if draw(st.booleans()):
        lines = [line.rstrip(b" ") if line.strip(b" \n") else line for line in lines]
    if draw(st.booleans()):
        widths, zone = (
            draw(st.lists(st.integers(0, 9), min_size=1, max_size=7)),
            draw(st.sampled_from([b"Z", b"+08:00", b"-03:30"])),
        )
        lines = [stamp(place, widths[place % len(widths)], zone) + line for place, line in enumerate(lines)]
    return name, b"".join(lines)


@settings(max_examples=tries(300))
@given(log=travelled())
def test_a_log_is_read_the_same_whatever_was_added_on_its_way(log: tuple[str, bytes]) -> None:
    name, text = log
    step, _, exit_code = REAL[name]
    assert read(step, text, exit_code) == TRUTH[name]


@settings(max_examples=tries(300))
@given(log=travelled(), begin=st.floats(0, 1), end=st.floats(0, 1), data=st.data())
def test_a_log_that_lost_its_beginning_or_end_gives_no_number_that_is_not_true(
    log: tuple[str, bytes], begin: float, end: float, data: st.DataObject
) -> None:
    name, text = log
    step, _, exit_code = REAL[name]
    first, last = sorted((int(begin * len(text)), int(end * len(text))))
    first = data.draw(st.sampled_from([0, first]))
    last = data.draw(st.sampled_from([last, len(text)]))
    check(name, read(step, text[first:last], exit_code))


@settings(max_examples=tries(300))
@given(one=travelled(), other=travelled(), chance=st.randoms(use_true_random=True))
def test_two_logs_that_were_written_into_one_give_no_number_that_is_not_true(
    one: tuple[str, bytes], other: tuple[str, bytes], chance: object
) -> None:
    name, text = one
    step, _, exit_code = REAL[name]
    lines, others = text.splitlines(keepends=True), other[1].splitlines(keepends=True)
    mixed: list[bytes] = []
    while lines or others:
        source = lines if lines and (not others or chance.random() < 0.5) else others  # type: ignore[attr-defined]
        mixed.append(source.pop(0))
    found = read(step, b"".join(mixed), exit_code)
    # The log of another step is in the way of nothing; one of the same step must not be mixed into the numbers.
    if step != REAL[other[0]][0]:
        return
    if found.completeness == "complete" and found.image_build is not None and found.image_build.counted:
        truths = [TRUTH[each].image_build for each in (name, other[0])]
        numbers = [(each.hits, each.steps) for each in truths if each is not None]
        assert (found.image_build.hits, found.image_build.steps) in numbers


def check(name: str, found: StepLog) -> None:
    """What is called complete and counted is the truth."""
    truth = TRUTH[name]
    if found.completeness != "complete":
        return
    if found.image_build is not None and truth.image_build is not None and found.image_build.counted:
        assert found.image_build == truth.image_build
    if found.go_test is not None and truth.go_test is not None and found.go_test.counted:
        # The line that calls the volume new stands before the first one that must be there. Without it "missed" is as true as "cold".
        states = {truth.go_test.cache_state} | ({"missed"} if truth.go_test.cache_state == "cold" else set())
        assert found.go_test.cache_state in states
        assert replace(found.go_test, cache_state=truth.go_test.cache_state) == truth.go_test
    if found.checkout is not None and found.checkout.counted:
        assert found.checkout == truth.checkout
