"""Takes the pictures of the docs anew: `make pictures`. They show the demo's recorded day, and nothing else."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.conftest import DEMO, address_of_a_retried_run, chromium
from support import ROOT

from hookline.version import VERSION
from runs.exporter.configuration import read_configuration
from runs.exporter.replaying import Replayed
from sensors.reasons import REASONS

FOLDER = ROOT / "docs/images"


def main() -> None:
    """One of the runs, one of a run whose step was taken away and tried again."""
    replayed = Replayed(DEMO / "day.zip", read_configuration(DEMO / "exporter.yaml"))
    server = replayed.server(VERSION, REASONS, "127.0.0.1", 0)
    site = f"http://127.0.0.1:{server.start()}"
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1200, "height": 640})
        for name, address in (("runs", "/runs"), ("run", address_of_a_retried_run(replayed))):
            page.goto(site + address)
            page.screenshot(path=FOLDER / f"{name}.png")
    server.stop()


if __name__ == "__main__":
    main()
