"""How long a run's last status takes to its host, and what the controller holds: 8,000 Workflows, 20 runs ending a second.

The controller is a process of its own. API server and git host are those of the tests, in this process, so both share its time with it.
"""

import subprocess
import sys
import tempfile
import threading
import time
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from api_objects import green_run
from fake_api_server import FakeApiServer, fake_api_server
from status_hosts import TOKEN, StatusHost, status_host

WORKFLOWS = 8_000
RATE = 20
SECONDS = 30
DAY = 86_400


def controller(api: str, host: str, token: str) -> None:
    """Be the controller, until this process is ended."""
    from apiserver.connection import Connection
    from runs.controller.instance import Controller, Options
    from runs.controller.settings import ControllerSettings, ReportedSource
    from runs.web.web_config import Security

    sources = {"github": ReportedSource(host="gitea", api=host, token_file=token)}
    options = Options("bench", "127.0.0.1", 0, ControllerSettings(sources=sources))
    Controller(options, Connection.plain(api), Security(None)).run(threading.Event())


def run_of(number: int, created: float) -> dict[str, Any]:
    """An ended run of a commit of its own."""
    annotations = {"hookline.dev/repository": "acme/shop", "hookline.dev/sha": f"{number:040x}"}
    labels = {
        "hookline.dev/pipeline": "shop",
        "hookline.dev/event-kind": "push",
        "hookline.dev/source": "github",
    }
    run = green_run(f"run-{number}", created=created, annotations=annotations, labels=labels)
    found: dict[str, Any] = run.workflows[-1][1]
    return found


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def memory_mib(process: int) -> tuple[int, int]:
    """Resident memory of a process now, and the most it had."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    found = {name: value for name, _, value in (line.partition(":") for line in lines)}
    now, most = (int(found[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM"))
    return now, most


def told(host: StatusHost, most: int, seconds: float) -> None:
    """Wait until the host was told so often."""
    end = time.monotonic() + seconds
    while len(host.told) < most:
        if time.monotonic() > end:
            raise SystemExit(f"the host was told {len(host.told)} times, not {most}")
        time.sleep(0.01)


class Clock(list[tuple[str, str, str, str]]):
    """What a host was told, with the time of each by its commit."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[str, float] = {}

    def append(self, entry: tuple[str, str, str, str]) -> None:
        """The next status."""
        self.at[entry[1]] = time.monotonic()
        super().append(entry)


def measure(api: FakeApiServer, host: StatusHost, clock: Clock, process: int) -> None:
    """End runs at the rate, and print the lag and the memory."""
    numbers = count(WORKFLOWS + 1)
    first = next(numbers)
    api.store("workflows", run_of(first, time.time() - 300))
    start = time.monotonic()
    told(host, 1, 300)
    say(f"{WORKFLOWS:,} Workflows listed and one run told: {time.monotonic() - start:.1f} s")
    say("RSS after it, peak: {} MiB, {} MiB".format(*memory_mib(process)))
    ended: dict[str, float] = {}
    begin = time.monotonic()
    for number in range(RATE * SECONDS):
        time.sleep(max(0.0, begin + number / RATE - time.monotonic()))
        raw = run_of(next(numbers), time.time() - 300)
        ended[raw["metadata"]["annotations"]["hookline.dev/sha"]] = time.monotonic()
        api.store("workflows", raw)
    rate = len(ended) / (time.monotonic() - begin)
    told(host, 1 + len(ended), 120)
    lags = quantiles((clock.at[sha] - at for sha, at in ended.items()), n=100)
    say(
        f"{len(ended)} runs ended at {rate:.0f} a second: lag p50 {lags[49] * 1e3:.0f} ms, p99 {lags[98] * 1e3:.0f} ms"
    )
    say("RSS after it, peak: {} MiB, {} MiB".format(*memory_mib(process)))


def main() -> None:
    """Print the figures."""
    with fake_api_server() as api, status_host("gitea") as host, tempfile.TemporaryDirectory() as folder:
        clock = Clock()
        host.told = clock
        token = Path(folder) / "token"
        token.write_text(TOKEN)
        for number in range(WORKFLOWS):
            api.store("workflows", run_of(number, time.time() - 3 * DAY))
        with subprocess.Popen([sys.executable, __file__, api.url, host.url, str(token)]) as process:
            try:
                measure(api, host, clock, process.pid)
            finally:
                process.kill()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        controller(*sys.argv[1:])
    else:
        main()
