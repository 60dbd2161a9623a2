"""Fuzzing: deliveries, declarations and command lines that nobody would write, in this process.

Counts what is refused, what is let through, and what should never be: an unsafe value in a run, an object that a declaration
smuggled in, an exception that nobody foresaw. The same seed tries the same input. `make fuzz` runs a million.
"""

import argparse
import copy
import json
import pickle
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from harmless import check_harmless, program, read_alone
from mutations import OTHERS, TEXTS, change, events, places, targets
from support import EXAMPLES, read_yaml

from documents.diagnostics import InvalidInput
from documents.lines import shows
from events.delivery import DeliveryError, Refusal, bus_event
from events.event_files import parse
from events.host import host, host_names
from events.request import Delivery
from hookline.cli import command_names, main
from hookline.declaration.loading import load_texts
from hookline.output import yaml_documents
from hookline.plan.objects import objects
from hookline.plan.planning import make_plan

EXIT_CODES = {0, 1, 2, 3, 5}
"""Those of docs/commands.md, without 70: hookline's own fault is what is looked for."""
KINDS = {
    "EventBus", "EventSource", "Sensor", "CronWorkflow", "ServiceAccount", "Role", "RoleBinding", "NetworkPolicy", "Secret",
    "Namespace", "ConfigMap", "PodDisruptionBudget", "Ingress", "HTTPRoute",
}  # fmt: skip
STRANGE = [each for each in TEXTS if len(each) < 1000]
HOSTILE: list[Any] = [
    "a\n---\nkind: ClusterRoleBinding", "\x85kind: Role", "\ufffe", "\u202egnp", "\x1b[31m", "{{workflow.name}}", "'; rm -rf /", "$(id)",
    "main", "v*", "shop", "acme/shop", "Asia/Shanghai", "30 2 * * *", "1h", "ci-runner", "\u529f\u80fd", "it's", "a: b", "# a", "`id`", "../..", "/..", "-x", "--all", "a\0b", "%0a", "<script>", "*" * 200, "**/" * 60 + "a", "?" * 200, "0.0.0.0/1", "128.0.0.0/1",
    "hookline-sensor", "9999-12-31", "0001-01-01", "* * 31 2 *", "1e400", "9" * 99, "&a [*a]", "!!python/object:os.system x", "on", "1:30",
    *STRANGE, *OTHERS,
]  # fmt: skip


class Tally:
    """What came of the tries."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run(self, kind: str, attempt: Callable[[], str], shown: object) -> None:
        """Try once; whatever the attempt does not foresee is a finding."""
        try:
            self.counts[f"{kind}: {attempt()}"] += 1
        except Exception:  # noqa: BLE001 - that is what is looked for
            self.counts[f"{kind}: WRONG"] += 1
            if len(self.wrong) < 20:
                self.wrong.append(f"{kind} {shown!r:.2000}\n{traceback.format_exc()}")


def spoilt(content: bytes, chance: random.Random) -> bytes:
    """The content with a few bytes changed, cut out, doubled or put in."""
    found = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randrange(len(found) + 1), chance.choice((1, 1, 2, 8, 40))
        match chance.randrange(4):
            case 0:
                found[at : at + length] = chance.randbytes(length)
            case 1:
                del found[at : at + length]
            case 2:
                found[at:at] = found[at : at + length] * chance.choice((1, 2, 30))
            case _:
                found[at:at] = chance.choice(
                    (b"\n", b"\r\n", b"\0", b"\xff", b"\xc2\x85", b"{{", b"[" * 300, b'"', b"\\ud800")
                )
    return bytes(found)


@cache
def small(name: str) -> tuple[dict[str, Any], ...]:
    return tuple(read_alone(event, index, name) for index, event in enumerate(events(name)))


@cache
def packed(name: str) -> tuple[bytes, ...]:
    return tuple(pickle.dumps(each) for each in small(name))


@cache
def target_places(name: str) -> tuple[list[Any], ...]:
    return tuple(
        [each for each in places(event) if each in set(targets(name)[at])]
        for at, event in enumerate(small(name))
    )


def request(event: dict[str, Any], name: str, chance: random.Random) -> bytes:
    """An event as the HTTP request that brings it; now and then with bytes that are wrong."""
    headers = event.get(host(name).receiver.headers_key)
    lines = [f"POST /{name} HTTP/1.1", "Content-Type: application/json"]
    for header, values in headers.items() if isinstance(headers, dict) else ():
        given = values if isinstance(values, list) else [values]
        lines += [f"{header}: {value if isinstance(value, str) else json.dumps(value)}" for value in given]
    head = "\r\n".join(lines).encode("utf-8", "surrogatepass")
    content = head + b"\r\n\r\n" + json.dumps(event.get("body")).encode()
    return spoilt(content, chance) if chance.random() < 0.3 else content


def delivery(name: str, any_ref: bool, content: bytes) -> str:
    """A request from the wire to the decision."""
    try:
        found = parse(content, {}, name, host(name))[0]
        if isinstance(found, Delivery):
            found = bus_event(found, host(name), "hookline-webhooks", name)
    except DeliveryError:
        return "unreadable"
    except Refusal:
        return "refused"
    decided = program(name, host(name).kinds, any_ref=any_ref).decide(found.text())
    check_harmless(decided, any_ref=any_ref)
    return str(decided["action"])


def deliveries(count: int, seed: int, tally: Tally) -> None:
    """Edited deliveries of every host."""
    chance = random.Random(f"{seed} deliveries")
    for number in range(count):
        name = host_names()[number % len(host_names())]
        index = chance.randrange(len(small(name)))
        event = pickle.loads(packed(name)[index])  # noqa: S301 - our own; a fifth of the time of a deep copy
        for _ in range(chance.randint(1, 3)):
            change(
                event, chance.choice(target_places(name)[index]), chance.randrange(10), chance.choice(HOSTILE)
            )
        content, any_ref = request(event, name, chance), chance.random() < 0.5
        tally.run("delivery", lambda n=name, a=any_ref, c=content: delivery(n, a, c), content)  # type: ignore[misc]


@cache
def examples() -> tuple[tuple[bytes, Any], ...]:
    found = [
        each.read_bytes()
        for folder in EXAMPLES
        for each in sorted(folder.glob("*.yaml"))
        if each.name == "hookline.yaml"
    ]
    return tuple((content, *read_yaml(content.decode())) for content in found)


def declared(chance: random.Random) -> bytes:
    """A declaration of the examples, with bytes or values changed."""
    content, data = chance.choice(examples())
    if chance.random() < 0.3:
        return spoilt(content, chance)
    data = copy.deepcopy(data)
    # One change is refused most of the time already.
    for _ in range(chance.choice((1, 1, 1, 2))):
        place, value = chance.choice(places(data)), copy.deepcopy(chance.choice(HOSTILE))
        node: Any = data
        part: Any
        for part in place[:-1]:
            node = node[part] if isinstance(node, (dict, list)) else {}
        last: Any = place[-1]
        if isinstance(node, dict) and chance.random() < 0.15:
            node[str(value)[:60]] = node.get(last)
        elif isinstance(node, dict) or (
            isinstance(node, list) and isinstance(last, int) and last < len(node)
        ):
            node[last] = value
    return json.dumps(data, default=str).encode()


def declaration(content: bytes) -> str:
    """A declaration from its text to the objects that kubectl would read."""
    refusal = ""
    try:
        made = objects(make_plan(load_texts([("hookline.yaml", content)]), {}))
    except InvalidInput as invalid:
        refusal = str(invalid)
    if refusal:
        assert refusal.replace("\n", "").isprintable()
        return "refused"
    text = yaml_documents(made)
    assert shows(text)
    assert read_yaml(text) == json.loads(json.dumps(made))
    for each in made:
        assert each["kind"] in KINDS, each["kind"]
        for rule in each.get("rules", ()):
            assert "*" not in {*rule["verbs"], *rule["resources"], *rule["apiGroups"]}
    return "rendered"


def declarations(count: int, seed: int, tally: Tally) -> None:
    """Edited declarations."""
    chance = random.Random(f"{seed} declarations")
    for _ in range(count):
        content = declared(chance)
        tally.run("declaration", lambda c=content: declaration(c), content)  # type: ignore[misc]


NOT_RUN = {"exporter", "record", "demo", "dashboards"}
"""Commands that serve, wait, or write outside of a folder of their own."""


def arguments(chance: random.Random, folder: Path) -> list[str]:
    """A command with some of its options, and values that may be right."""
    name = chance.choice([each for each in command_names() if each not in NOT_RUN])
    command = main.get_command(None, name)  # type: ignore[arg-type]  # no context is looked at
    assert command is not None
    found = [name]
    values = [
        "hookline.yaml", "event", "secret", "missing", ".", "/dev/null", "-", "schedule:shop", "shop", "github", "X-GitHub-Event: push", "json",
        "yaml", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2026-11-25T02:30:00Z", "1", "x" * 300, "a\x1b[31mb", "\udcff", "a\nb", "", "a\0b",
        "github.com/acme/shop", "ci-go-v1", "hookline-ci-go", "check", "prerequisites", "bash", str(folder / "out"),
    ]  # fmt: skip
    for each in command.params:
        if chance.random() < 0.45:
            found += [chance.choice(each.opts)] if each.param_type_name == "option" else []
            if not getattr(each, "is_flag", False):
                found.append(chance.choice(values))
    if chance.random() < 0.2:
        found.insert(chance.randrange(len(found) + 1), chance.choice(values))
    # A fault that hookline has itself is told from one that was foreseen by its exit code alone.
    return [each for each in found if each != "--listen"]


def command_line(given: list[str], stdin: bytes) -> str:
    """A command from its arguments to its exit code."""
    result = CliRunner().invoke(main, given, input=stdin)
    code = result.exit_code
    assert code in EXIT_CODES, f"exit code {code}: {result.stderr}"
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert shows(result.output.replace("\t", ""))
    return f"exit code {code}"


def command_lines(count: int, seed: int, tally: Tally, folder: Path) -> None:
    """Arguments and files by chance; the working directory must be the folder."""
    chance = random.Random(f"{seed} commands")
    requests = [request(each, "github", random.Random(0)) for each in small("github")]
    for _ in range(count):
        content = examples()[0][0] if chance.random() < 0.5 else declared(chance)
        event = chance.choice(requests) if chance.random() < 0.5 else spoilt(chance.choice(requests), chance)
        (folder / "hookline.yaml").write_bytes(content)
        (folder / "event").write_bytes(event)
        (folder / "secret").write_bytes(
            chance.choice((b"", b"\n", b" ", b"key", b"key\r\n", chance.randbytes(8)))
        )
        given = arguments(chance, folder)
        tally.run("command", lambda g=given, e=event: command_line(g, e), (given, content[:500]))  # type: ignore[misc]


def lines(tally: Tally) -> Iterator[str]:
    """The tally, for a person."""
    for name, count in sorted(tally.counts.items()):
        yield f"{count:>10,}  {name}"
    yield from tally.wrong


def run() -> None:
    """Fuzz as the arguments say; the exit code is 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=950_000)
    parser.add_argument("--declarations", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    tally, started = Tally(), time.monotonic()
    steps = 100
    for step in range(steps):
        deliveries(chosen.deliveries // steps, chosen.seed * 1000 + step, tally)
        declarations(chosen.declarations // steps, chosen.seed * 1000 + step, tally)
        sys.stderr.write(
            f"{step + 1} % after {time.monotonic() - started:,.0f} s: {sum(tally.counts.values()):,} tries, {len(tally.wrong)} wrong\n"
        )
    sys.stdout.write("\n".join(lines(tally)) + "\n")
    sys.exit(1 if tally.wrong else 0)


if __name__ == "__main__":
    run()
