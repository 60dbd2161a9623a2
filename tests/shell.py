"""A command `hookline` for shells that answers in this process: whoever types many commands waits for none to start.

tests/hookline/test_package.py and the tests of services start hookline as a process.
"""

import contextlib
import itertools
import os
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from click.testing import CliRunner

from hookline.cli import main

__all__ = ["answering"]

_COMMAND = """\
#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/{port}
{{ printf '%s\\0' "$PWD" "$#" "$@"; env -0; printf '\\0'; }} >&3
read -r code answer <&3
cat "$answer.stdout"
cat "$answer.stderr" >&2
exit "$code"
"""


@contextlib.contextmanager
def answering(folder: Path) -> Iterator[Path]:
    """A folder for PATH, made in this one, with the command. It has the caller's folder, variables and arguments; nothing stands on its stdin."""
    numbers = itertools.count(1)

    class Command(socketserver.StreamRequestHandler):
        def text(self) -> str:
            return os.fsdecode(b"".join(iter(lambda: self.rfile.read(1), b"\0")))

        def handle(self) -> None:
            here, count = self.text(), int(self.text())
            arguments = [self.text() for _ in range(count)]
            environment = dict(each.split("=", 1) for each in iter(self.text, ""))
            with contextlib.chdir(here), patch.dict(os.environ, environment, clear=True):
                result = CliRunner().invoke(main, arguments, prog_name="hookline")
            answer = folder / f"answer-{next(numbers)}"
            answer.with_suffix(".stdout").write_bytes(result.stdout_bytes)
            answer.with_suffix(".stderr").write_bytes(result.stderr_bytes)
            self.wfile.write(f"{result.exit_code} {answer}\n".encode())

    # One at a time: folder and variables are the whole process's.
    with socketserver.TCPServer(("127.0.0.1", 0), Command) as server:
        command = folder / "bin" / "hookline"
        command.parent.mkdir(parents=True)
        command.write_text(_COMMAND.format(port=server.server_address[1]), "utf-8")
        command.chmod(0o755)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield command.parent
        finally:
            server.shutdown()
            thread.join()
