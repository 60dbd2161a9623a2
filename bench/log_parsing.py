"""How long logs take to read: every shape of tests/log_shapes.py at 16 MiB, which is as much as the exporter reads of one."""

import gc
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from log_shapes import SHAPES, shaped

from runs.step_logs import read_step

MEBIBYTES = 16
LIMIT_SECONDS = 2.0


def seconds(name: str, exit_code: int) -> float:
    """CPU time of one reading."""
    step, log = shaped(name, MEBIBYTES * 1024 * 1024)
    gc.collect()
    began = time.process_time()
    read_step(step, log, exit_code)
    return time.process_time() - began


def main() -> int:
    """Print the figures; 1 if a shape takes longer than the limit."""
    print(f"log parsing, seconds for {MEBIBYTES} MiB on one core (step that succeeded, step that failed)")  # noqa: T201
    slow = 0
    for name in SHAPES:
        green, red = seconds(name, 0), seconds(name, 1)
        slow += max(green, red) > LIMIT_SECONDS
        print(f"  {name:40} {green:6.2f} {red:6.2f}")  # noqa: T201
    print(f"  {len(SHAPES)} shapes, {slow} of them beyond {LIMIT_SECONDS:.0f} s")  # noqa: T201
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main())
