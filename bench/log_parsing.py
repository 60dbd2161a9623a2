"""How fast logs are read: MB/s on one core, over logs made long by repeating recorded ones."""

import re
import time
from collections.abc import Callable
from pathlib import Path

from runs.step_logs import read_step

LOGS = Path(__file__).parents[1] / "tests" / "data" / "logs"
STAMP = b"2026-11-24T10:00:00.123456789Z "


def build_log(megabytes: int) -> bytes:
    """A build of many steps whose RUN commands print a lot."""
    sample = (LOGS / "buildkit" / "03-partial-source-changed.log").read_bytes()
    output = b"".join(re.findall(rb"(?m)^#11 \d.*\n", sample))
    text = re.sub(rb"(?m)^#11 \d.*\n", b"", sample)
    place = text.index(b"#11 DONE")
    times = megabytes * 1_000_000 // len(output)
    text = text[:place] + output * times + text[place:]
    return (
        b"Start to Build And Push Container Image\n" + text + b"Build And Push Container Image x Complete.\n"
    )


def test_log(megabytes: int) -> bytes:
    """A verbose test run of many packages."""
    sample = (LOGS / "go" / "go1.22-02-warm-mod-cold-build-test-v.log").read_bytes()
    return b"Start Go Test...\n" + sample * (megabytes * 1_000_000 // len(sample)) + b"Go Test Complete.\n"


def stamped(log: bytes) -> bytes:
    """As the API gives it."""
    return b"".join(STAMP + line for line in log.splitlines(keepends=True))


def speed(step: str, log: bytes) -> float:
    """MB/s, the best of five."""
    best = min(_seconds(lambda: read_step(step, log, 0)) for _ in range(5))
    return len(log) / 1e6 / best


def _seconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def main() -> None:
    """Print the figures."""
    print("log parsing, MB/s on one core")  # noqa: T201
    for name, step, log in (
        ("BuildKit", "build-push-image", build_log(12)),
        ("BuildKit with time stamps", "build-push-image", stamped(build_log(12))),
        ("go test -v", "run-test", test_log(13)),
        ("go test -v with time stamps", "run-test", stamped(test_log(13))),
    ):
        print(f"  {name:28} {speed(step, log):6.0f}  ({len(log) / 1e6:.0f} MB)")  # noqa: T201


if __name__ == "__main__":
    main()
