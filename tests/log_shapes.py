"""Logs of any size in the shapes that are hard on a parser: each is one thing a step can print, again and again."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

__all__ = ["SHAPES", "shaped"]

LOGS = Path(__file__).parent / "data" / "logs"
STAMP = b"2026-11-24T10:00:00.123456789Z "
BUILD, BUILT = b"Start to Build And Push Container Image\n", b"Build And Push Container Image x Complete.\n"
TEST, TESTED = b"Start Go Test...\n", b"Go Test Complete.\n"
CLONE, CLONED = b"Start to Clone  x\n", b"Git Clone and Checkout Complete.\n"
AROUND = {
    "build-push-image": (BUILD, BUILT),
    "run-test": (TEST, TESTED),
    "git-checkout-pr": (CLONE, CLONED),
}


def again(piece: bytes) -> Callable[[int], bytes]:
    """The piece, as often as it fits."""
    return lambda size: piece * (size // len(piece))


def numbered(form: str) -> Callable[[int], bytes]:
    """Lines with a number that grows."""

    def lines(size: int) -> Iterator[bytes]:
        left = size
        for number in itertools.count(1):
            line = (form % number).encode()
            left -= len(line)
            if left < 0:
                return
            yield line

    return lambda size: b"".join(lines(size))


def stamped(piece: bytes) -> Callable[[int], bytes]:
    return again(b"".join(STAMP + line for line in piece.splitlines(keepends=True)))


GO_TEST = (LOGS / "go" / "go1.22-02-warm-mod-cold-build-test-v.log").read_bytes()
BUILT_LOG = (LOGS / "buildkit" / "03-partial-source-changed.log").read_bytes()

SHAPES: Mapping[str, tuple[str, Callable[[int], bytes]]] = {
    # What steps print
    "verbose tests": ("run-test", again(GO_TEST)),
    "verbose tests with stamps": ("run-test", stamped(GO_TEST)),
    "tests as JSON": ("run-test", again((LOGS / "go" / "go1.22-07-json-second-cached.jsonl").read_bytes())),
    "results of ever new packages": ("run-test", numbered("ok  \texample.test/p%d\t0.01s\n")),
    "gotestsum, tests by name": ("run-test", lambda size: again(b"PASS a.TestA (0.00s)\nPASS a\n")(size) + b"DONE 1 tests\n"),
    "downloads of ever new modules": ("run-test", numbered("go: downloading example.test/m v1.0.%d\n")),
    "a build, again and again": ("build-push-image", again(BUILT_LOG)),
    "output of one command": ("build-push-image", lambda size: b"#1 [a 1/1] RUN x\n" + again(b"#1 0.123 compiling x\n")(size)),
    "output of two commands in turn": ("build-push-image", again(b"#1 [a 1/2] RUN x\n#1 0.1 x\n\n#2 [a 2/2] RUN y\n#2 0.1 y\n\n")),
    "output with stamps": ("build-push-image", stamped(b"#1 [a 1/1] RUN x\n#1 0.123 compiling x\n")),
    "pulls of ever new layers": ("build-push-image", lambda size: b"#1 [a 1/1] RUN x\n" + numbered("#1 sha256:%064d 1.2MB / 1.2MB done\n")(size)),
    "colours": ("build-push-image", again(b"\x1b[34m#1 [a 1/1] RUN x\x1b[0m\n")),
    "progress with carriage returns": ("git-checkout-pr", again(b"Receiving objects: 10% (1/10)\r")),
    # What steps can print to hurt
    "one line": ("run-test", again(b"x")),
    "one line of start words": ("run-test", again(b"Start Go Test...")),
    "one line of end words": ("run-test", again(b"Go Test Complete.")),
    "lines that almost start": ("run-test", again(b" Start Go Test...\n")),
    "empty lines": ("run-test", again(b"\n")),
    "empty lines of a build": ("build-push-image", again(b"\n")),
    "one line of carriage returns": ("run-test", again(b"\r")),
    "carriage returns and a line's end": ("run-test", again(b"\r\r\n")),
    "escapes that never end": ("run-test", again(b"\x1b[")),
    "titles that never end": ("run-test", again(b"\x1b]")),
    "stamps only": ("run-test", again(STAMP)),
    "stamps with long fractions": ("run-test", lambda size: STAMP + b"x\n" + again(b"2026-11-24T10:00:00." + b"1" * 59 + b"\n")(size)),
    "a stamp, then empty lines": ("run-test", lambda size: STAMP + b"x\n" + again(b"\n")(size)),
    "result words without an end": ("run-test", again(b"ok  \t")),
    "results of one endless package": ("run-test", lambda size: b"ok  \t" + again(b"x")(size)),
    "JSON that never closes": ("run-test", again(b'{"Time":')),
    "JSON without a package": ("run-test", again(b'{"Time":"1","Action":"output","Package":"\n')),
    "results under a verbose test": ("run-test", lambda size: b"=== RUN\n" + again(b"ok  \tx\t1s\n\n")(size)),
    "ever new vertices": ("build-push-image", numbered("#%d x\n")),
    "numbers of vertices without a name": ("build-push-image", again(b"#1 \n")),
    "one endless number": ("build-push-image", lambda size: b"#" + again(b"1")(size)),
    "one endless name of a step": ("build-push-image", lambda size: b"#1 [" + again(b"a ")(size)),
    "one endless line of output": ("build-push-image", lambda size: b"#1 [a 1/1] RUN x\n#1 0.1 " + again(b"x")(size)),
    "one endless error": ("build-push-image", lambda size: b"error: " + again(b"Unavailable: ")(size)),
    "ever new errors": ("build-push-image", again(b"error: failed to solve: x did not complete successfully: exit code: \n")),
    "starts of a build": ("build-push-image", again(BUILD)),
    "starts of a checkout": ("git-checkout-pr", again(CLONE)),
    "news of a checkout": ("git-checkout-pr", again(b"Already up to date.\n")),
    "words of a network": ("git-checkout-pr", again(b"unable to access ")),
    "lines of words of a network": ("git-checkout-pr", again(b"fatal: unable to access 'x\n")),
}  # fmt: skip
"""Name → step, what makes a log of about so many bytes."""


def shaped(name: str, size: int) -> tuple[str, bytes]:
    """Step and log of a shape, with what its script prints around it."""
    step, make = SHAPES[name]
    first, last = AROUND[step]
    return step, first + make(size) + b"\n" + last
