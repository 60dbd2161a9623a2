"""Entry point: `hookline`, `python -m hookline`."""

import os
import sys

from hookline.isolation import foreign_packages


def main() -> None:
    """Run the command line."""
    if foreign := foreign_packages():
        sys.stderr.write(
            f"hookline: another package is installed under one of its names: {', '.join(foreign)}.\n"
            "Install hookline by itself, for example with: uv tool install hookline\n"
        )
        sys.exit(2)
    # Looking for pydantic's plugins reads the metadata of every installed distribution; an isolated program has none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    from hookline.cli import run  # noqa: PLC0415 - after the check

    run()


if __name__ == "__main__":
    main()
