"""Real logs give the truth that was known by construction; look-alikes and cut logs give nothing."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from runs.exporter.metrics import CACHE_STATES
from runs.step_logs import StepLog, read_step

LOGS = Path(__file__).parents[1] / "data" / "logs"
BUILD = b"Image Tag is: v1\nStart to Build And Push Container Image\n"
BUILT = b"Build And Push Container Image x:v1 and x:latest Complete.\n"


def sample(folder: str, name: str) -> tuple[bytes, int]:
    """A recorded log without the recorder's lines, and its exit code."""
    path = next((LOGS / folder).glob(f"{name}*.log"))
    text = path.read_bytes()
    code = re.search(rb"(?m)^rc=(\d+)$", text)
    if folder == "buildctl":
        lines = (LOGS / folder / "EXPECTED.txt").read_text().splitlines()
        expected = next(line for line in lines if line.startswith(path.name.removesuffix(".log")))
        return text, int(re.findall(r"rc=(\d+)", expected)[0])
    return re.sub(rb"(?m)^(?:rc=\d+|\$ .*|## .*)\n?", b"", text), int(code[1]) if code else 0


def build(text: bytes, exit_code: int = 0, **options: object) -> StepLog:
    log = BUILD + text + (BUILT if exit_code == 0 else b"")
    found = read_step("build-push-image", log, exit_code, **options)  # type: ignore[arg-type]
    assert found is not None
    return found


def stamped(log: bytes, zone: bytes = b"Z") -> bytes:
    """The log as the API gives it with timestamps=true."""
    stamp = b"2026-11-24T10:00:00.123456789" + zone + b" "
    return b"".join(stamp + line for line in log.splitlines(keepends=True))


BUILDKIT = {
    "01": ("cold_missing", 0, 8),
    "02": ("full", 8, 8),
    "03": ("partial", 5, 8),
    "04": ("partial", 4, 8),
    "05": ("not_configured", 8, 8),
    "06": ("cold_error", 8, 8),
    "07": ("failed", 3, 5),
    "08": ("failed", 8, 8),
    "11": ("full", 8, 8),
    "12": ("partial", 2, 8),
    "13": ("broken", 2, 4),
    "14": ("cold_missing", 0, 8),
    "15": ("full", 8, 8),
    "16": ("not_configured", 0, 2),
}


@pytest.mark.parametrize("zone", [None, b"Z", b"+08:00"])
@pytest.mark.parametrize("name", BUILDKIT)
def test_a_build_has_the_state_and_hits_that_are_true(name: str, zone: bytes | None) -> None:
    text, exit_code = sample("buildkit", name)
    log = BUILD + text + (BUILT if exit_code == 0 else b"")
    found = read_step("build-push-image", log if zone is None else stamped(log, zone), exit_code)
    assert found is not None
    assert found.image_build is not None
    assert (found.image_build.cache_state, found.image_build.hits, found.image_build.steps) == BUILDKIT[name]
    assert found.image_build.counted == (name in {"01", "02", "03", "04", "11", "12", "14", "15"})
    assert found.image_build.local == (name in {"05", "06"})


@pytest.mark.parametrize("number", range(1, 12))
def test_the_rule_for_plain_logs_gives_what_buildctl_says_itself(number: int) -> None:
    text, exit_code = sample("buildctl", f"{number:02}")
    truth_file = next((LOGS / "buildctl").glob(f"{number:02}*.metrics.json"))
    truth = json.loads(truth_file.read_text().splitlines()[-1])
    found = build(text, exit_code).image_build
    assert found is not None
    assert found.hits == truth["user_cacheable"] - truth["miss"]
    if exit_code == 0:
        reported = build(text, exit_code, cache_metrics=truth_file.read_text()).image_build
        assert reported is not None
        assert (reported.hits, reported.steps) == (found.hits, found.steps)


@pytest.mark.parametrize(
    ("folder", "name", "by_infrastructure"),
    [
        ("buildkit", "07", False),
        ("buildkit", "08", True),
        ("buildkit", "13", True),
        ("buildctl", "07", True),
        ("buildctl", "08", False),
        ("buildctl", "11", True),
    ],
)
def test_a_failed_build_says_whose_fault_it_is(folder: str, name: str, by_infrastructure: bool) -> None:
    found = build(*sample(folder, name)).image_build
    assert found is not None
    assert found.infrastructure is by_infrastructure


def test_pulls_and_transfers_are_measured() -> None:
    found = build(*sample("buildkit", "03")).image_build
    assert found is not None
    assert (found.import_seconds, found.export_seconds, found.export) == (0.0, 0.2, "ok")
    assert found.pulled_bytes == 170 + 92 + 4_070_000 + 8_390_000 + 122 + 93
    assert found.exported_layers == 9


@pytest.mark.parametrize(
    "spoiled",
    [
        pytest.param(lambda log: log.replace(b"#5 ", b"#25 "), id="a vertex is missing"),
        pytest.param(lambda log: log[log.index(b"#3 ") :], id="the beginning is missing"),
        pytest.param(lambda log: log[: len(log) // 2], id="the end is missing"),
    ],
)
def test_an_incomplete_log_gives_no_sample(spoiled: object) -> None:
    text, _ = sample("buildkit", "03")
    log = spoiled(BUILD + text + BUILT)  # type: ignore[operator]
    found = read_step("build-push-image", log, 0)
    assert found is not None
    assert found.image_build is not None
    assert (found.completeness, found.image_build.cache_state, found.image_build.counted) == (
        "truncated",
        "unknown",
        False,
    )


def test_a_second_start_of_the_script_begins_anew() -> None:
    text, _ = sample("buildkit", "03")
    found = read_step("build-push-image", BUILD + text[:2000] + BUILD + text + BUILT, 0)
    assert found is not None
    assert found.image_build is not None
    assert found.image_build.hits == 5


TEST = b"Start Go Test...\n"
TESTED = b"Go Test Complete.\n"


def go_test(name: str, needed: int | None = None) -> tuple[str, int, dict[str, int], bool]:
    text, exit_code = sample("go", name)
    log = TEST + text + (TESTED if exit_code == 0 else b"")
    found = read_step("run-test", log, exit_code, modules_needed=needed)
    assert found is not None
    assert found.go_test is not None
    test = found.go_test
    return test.cache_state, test.downloaded, dict(test.packages), test.counted


@pytest.mark.parametrize(
    ("name", "needed", "state", "downloaded", "packages", "counted"),
    [
        ("go1.22-01", None, "missed", 4, {"ran": 2, "no_tests": 1}, True),
        ("go1.22-01", 4, "cold", 4, {"ran": 2, "no_tests": 1}, True),
        ("go1.22-02", None, "full", 0, {"ran": 2, "no_tests": 1}, True),
        ("go1.22-02", 4, "full", 0, {"ran": 2, "no_tests": 1}, True),
        ("go1.22-09", None, "missed", 1, {"ran": 2, "no_tests": 1}, True),
        ("go1.22-09", 4, "partial", 1, {"ran": 2, "no_tests": 1}, True),
        ("go1.22-05", None, "full", 0, {"cached": 2, "no_tests": 1}, True),
        ("go1.22-18", None, "unknown", 0, {}, False),
        ("go1.22-19", None, "missed", 3, {}, False),
        ("go1.22-20", None, "full", 0, {"build_failed": 1, "ran": 3, "failed": 1, "no_tests": 1}, False),
    ],
)
def test_go_test_is_read_and_look_alikes_are_not(
    name: str, needed: int | None, state: str, downloaded: int, packages: dict[str, int], counted: bool
) -> None:
    assert go_test(name, needed) == (state, downloaded, packages, counted)


def test_results_are_read_from_json_too() -> None:
    log = TEST + (LOGS / "go" / "go1.22-07-json-second-cached.jsonl").read_bytes() + TESTED
    found = read_step("run-test", log, 0)
    assert found is not None
    assert found.go_test is not None
    assert dict(found.go_test.packages) == {"cached": 2, "no_tests": 1}


def test_the_first_run_on_a_volume_is_cold() -> None:
    assert first_run(b"go: downloading example.test/beta v1.0.0\n", 0) == "cold"
    # It failed before it could download anything.
    assert first_run(b"go: example.test/m: GOPROXY=off\n", 1) == "cold"


def test_the_first_run_of_a_module_without_dependencies_misses_nothing() -> None:
    assert first_run(b"", 0) == "full"
    text, _ = sample("go", "go1.22-22")
    assert first_run(text, 0) == "full"


def first_run(text: bytes, exit_code: int) -> str:
    """The state of the module cache in a run that had to make its directory."""
    log = b"GOMODCACHE Directory /pkg/mod is created\n" + TEST + text + (TESTED if exit_code == 0 else b"")
    found = read_step("run-test", log, exit_code)
    assert found is not None
    assert found.go_test is not None
    return found.go_test.cache_state


@pytest.mark.parametrize(
    ("name", "state", "commit"),
    [
        ("01", "clone", "681053c"),
        ("02", "noop", "681053c"),
        ("03", "update", "367cd1c"),
        ("04", "noop", None),
        ("05", "update", None),
        ("06", "broken", ""),
        ("07", "broken", ""),
        ("08", "unreachable", ""),
        ("09", "unreachable", ""),
    ],
)
def test_a_checkout_is_classified_by_its_first_section(name: str, state: str, commit: str | None) -> None:
    text, exit_code = sample("git", name)
    found = read_step("git-checkout-pr", b"fetch https://dl-cdn.alpinelinux.org\n" + text, exit_code)
    assert found is not None
    assert found.checkout is not None
    assert found.checkout.state == state
    assert found.checkout.counted is (exit_code == 0)
    assert commit is None or found.checkout.commit == commit


def test_a_checkout_that_found_nothing_to_build_is_whole_and_counts_for_no_cache() -> None:
    log = b"Start to Clone  https://example.com/a.git\nChanged since 1234567: 2 files, of which paths: chooses 0.\n"
    end = b"Nothing to build: the other steps are skipped (PATHS).\n"
    for text, completeness in ((log + end, "complete"), (log, "truncated")):
        found = read_step("git-checkout-pr", text, 0)
        assert found is not None
        assert found.checkout is not None
        assert (found.completeness, found.checkout.state, found.checkout.counted) == (
            completeness,
            "unknown",
            False,
        )


def test_of_two_first_checkouts_at_once_one_clones_and_one_breaks() -> None:
    first, second = (LOGS / "git" / "10-two-cold-runs-at-once.log").read_bytes().split(b"## run B\n")
    states = [read_step("git-checkout-pr", text, code) for text, code in ((first, 0), (second, 128))]
    assert [found.checkout.state for found in states if found and found.checkout] == ["clone", "broken"]


def test_steps_of_other_templates_have_no_parser() -> None:
    assert read_step("deploy", b"ok  \tx\t(cached)\n", 0) is None


@settings(max_examples=tries(200))
@given(
    log=st.one_of(
        st.binary(max_size=2000),
        st.lists(
            st.sampled_from(
                [
                    BUILD,
                    BUILT,
                    TEST,
                    TESTED,
                    b"#1 [a 1/2] RUN x\n",
                    b"#1 CACHED\n",
                    b"#2 0.1 x\n",
                    b"\xff\n",
                    b"#3 DONE 0.1s\n",
                    b"ok  \tp\t(cached)\n",
                ]
            ),
            max_size=40,
        ).map(b"".join),
    ),
    exit_code=st.sampled_from([0, 1, None]),
)
def test_any_bytes_are_read_to_a_known_state(log: bytes, exit_code: int | None) -> None:
    for step in ("build-push-image", "run-test", "git-checkout-pr"):
        found = read_step(step, log, exit_code)
        assert found is not None
        if found.image_build is not None:
            assert found.image_build.cache_state in CACHE_STATES
            assert 0 <= found.image_build.hits <= found.image_build.steps


RUNS = sorted(path for path in (LOGS / "hookline-ci-go").iterdir() if path.is_dir())


@pytest.mark.parametrize("told", ["by outputs", "by logs alone"])
@pytest.mark.parametrize("folder", RUNS, ids=lambda path: path.name)
def test_a_run_of_hookline_ci_go_is_read_as_what_it_was(folder: Path, told: str) -> None:
    """Recorded from real steps; BuildKit v0.33 prints what the rules for v0.13 read, and both ways give the same numbers."""
    run = json.loads((folder / "run.json").read_text("utf-8"))
    found: dict[str, StepLog] = {}
    for step, outputs in run["outputs"].items():
        log = (folder / f"{step}.log").read_bytes()
        metrics = outputs.get("image-cache-metrics") if told == "by outputs" else None
        needed = int(outputs["go-modules-needed"]) if "go-modules-needed" in outputs else None
        read = read_step(step, log, run["exit_codes"][step], cache_metrics=metrics, modules_needed=needed)
        assert read is not None
        assert read.completeness == "complete"
        found[step] = read
    checkout = found["git-checkout-pr"].checkout
    test = found["run-test"].go_test
    image = found["build-push-image"].image_build
    assert checkout is not None
    assert test is not None
    assert image is not None
    assert [
        checkout.state, test.cache_state, test.downloaded, test.packages, image.cache_state, image.hits, image.steps,
    ] == run["expected"]  # fmt: skip


def test_four_runs_of_hookline_ci_go_are_recorded() -> None:
    assert [path.name for path in RUNS] == ["1-cold", "2-warm", "3-source-changed", "4-go-mod-changed"]
