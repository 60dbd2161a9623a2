"""Speed and memory of hookline, printed beside its limits and beside hera's models. Run it with `make bench`.

Whole commands are run as processes of their own, several times; the fastest run is printed (noise only adds), with the
largest resident set. Figures within one process are the best of several rounds.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COMMAND = [str(Path(sys.executable).with_name("hookline"))]
RUNS = 5
HEAD = """\
version: 1
cluster: {{namespace: ci, shards: {shards}}}
sources:
  github: {{host: github, endpoint: /github, secret: {{name: github-webhook, key: secret}}}}
  harbor: {{host: harbor, endpoint: /harbor, secret: {{name: harbor-webhook, key: token}}}}
defaults:
  run: {{template: ci-go-v1, spot: {{strategy: SpotAsPriceGo, fallback: true}}, parameters: {{enable_test: true}}}}
pipelines:
"""
SHA = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"


def pipeline(name: str, repository: str, events: str) -> str:
    """One pipeline of a declaration."""
    return (
        f"  {name}:\n"
        f"    repository: {{source: github, name: acme/{repository}, url: https://github.com/acme/{repository}.git}}\n"
        f"    image: registry-vpc.cn-hangzhou.aliyuncs.com/acme/{repository}\n"
        f"    events: {{{events}}}\n"
    )


def fleet(pipelines: int, shards: int) -> str:
    """Two pipelines a repository, push and pull request, path filters on half of the repositories."""
    parts = [HEAD.format(shards=shards)]
    for number in range(pipelines // 2):
        repository = f"service-{number:05d}"
        paths = (
            f', paths: {{include: ["cmd/**", "pkg/{number}/**"], exclude: ["docs/**"]}}' if number % 2 else ""
        )
        parts.append(
            pipeline(f"{repository}-push", repository, f'push: {{branches: [main, "release/*"]{paths}}}')
        )
        parts.append(pipeline(f"{repository}-pr", repository, "pull_request: {into: [main]}"))
    return "".join(parts)


def push(repository: str) -> dict[str, Any]:
    """A push of one commit with 20 files."""
    files = [f"cmd/file-{number}.go" for number in range(20)]
    commit = {"id": SHA, "message": "Change", "added": [], "removed": [], "modified": files}
    return {
        "ref": "refs/heads/main",
        "before": "9049f1265b7d61be4a8904a9a27120d2064dab3b",
        "after": SHA,
        "repository": {"full_name": repository},
        "sender": {"login": "octo"},
        "commits": [commit],
        "head_commit": commit,
    }


def measured(arguments: list[str]) -> tuple[float, float]:
    """Seconds of the fastest run and MiB of the largest, of a whole command."""
    best, largest = float("inf"), 0.0
    for _ in range(RUNS):
        started = time.perf_counter()
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        best = min(best, time.perf_counter() - started)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{arguments} ended with {process.returncode}")
        largest = max(largest, usage.ru_maxrss / 1024)
    return best, largest


def answer(arguments: list[str]) -> str:
    """What a command prints."""
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=True).stdout


def best_of(rounds: int, work: Callable[[], object]) -> float:
    """Seconds of the fastest round."""
    found = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        found = min(found, time.perf_counter() - started)
    return found


def shards_for(folder: Path, pipelines: int) -> int:
    """The fewest shards that hold a fleet: what `validate` asks for, until it is content."""
    shards = 1
    while True:
        path = folder / f"{pipelines}.yaml"
        path.write_text(fleet(pipelines, shards), "utf-8")
        done = subprocess.run(
            [*COMMAND, "validate", "-f", str(path)], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return shards
        shards = int(done.stderr.rpartition("set shards: ")[2])


def row(what: str, value: str, limit: str = "") -> None:
    """One line of the result."""
    sys.stdout.write(f"{what:<58} {value:>22}   {limit}\n")
    sys.stdout.flush()


def commands(folder: Path) -> None:
    """Whole commands."""
    shards = shards_for(folder, 1000)
    small = str(folder / "1000.yaml")
    event = folder / "push.json"
    event.write_text(json.dumps(push("acme/service-00007")), "utf-8")
    row("hookline --version", f"{measured(['--version'])[0]:.3f} s", "limit 0.15 s")
    render, memory = measured(["render", "-f", small])
    row("render, 1,000 pipelines", f"{render:.2f} s {memory:.0f} MiB", "limit 1.5 s, 150 MiB")
    row(
        "validate, 1,000 pipelines",
        f"{measured(['validate', '-f', small])[0]:.2f} s",
        "no slower than render",
    )
    given = ["-e", str(event), "--source", "github", "--header", "X-GitHub-Event: push"]
    row(
        "simulate one event, 1,000 pipelines",
        f"{measured(['simulate', '-f', small, *given])[0]:.2f} s",
        "limit 0.5 s",
    )
    row("Sensors for 1,000 pipelines", str(shards), "limit 6")
    (folder / "10000.yaml").write_text(fleet(10_000, shards * 12), "utf-8")
    large, memory = measured(["render", "-f", str(folder / "10000.yaml")])
    row("render, 10,000 pipelines", f"{large:.2f} s {memory:.0f} MiB")
    row("  against ten times 1,000 pipelines", f"{large / (10 * render):.2f}", "linear: at most 1.15")


def pods(folder: Path) -> None:
    """Pods of wide declarations."""
    image = 'image_push: {source: harbor, image: base/go, tags: ["1.*"]}'
    wide = HEAD.format(shards=1) + "".join(
        pipeline(f"app-{number}", f"app-{number}", image) for number in range(300)
    )
    paths = HEAD.format(shards=1) + "".join(
        pipeline(f"part-{number}", "mono", f'push: {{branches: [main], paths: ["parts/{number}/**"]}}')
        for number in range(50)
    )
    nightly = "".join(
        pipeline(
            f"night-{number}",
            f"night-{number}",
            'schedule: {at: "30 2 * * *", timezone: Asia/Shanghai, spread: 1h}',
        )
        for number in range(300)
    )
    calendar = HEAD.format(shards=1).replace("shards: 1", "shards: 1, schedules: calendar")
    for name, text in (
        ("1 image → 300 pipelines", wide),
        ("1 repository → 50 path filters", paths),
        ("300 schedules, calendar", calendar + nightly),
        ("300 schedules, CronWorkflows", HEAD.format(shards=1) + nightly),
    ):
        path = folder / "wide.yaml"
        path.write_text(text, "utf-8")
        lines = answer(["render", "--pods", "-f", str(path)]).splitlines()
        sensors = sum(line.startswith("Sensor") for line in lines)
        row(
            f"pods for {name}",
            lines[-1].split()[0],
            f"of these Sensors {sensors}, bus 3 (Sensors are packed by bytes)",
        )


def decisions() -> None:
    """Decisions of one process about events for a Sensor with 300 pipelines."""
    from events.delivery import BusEvent
    from hookline.declaration.loading import load_texts
    from hookline.plan.planning import make_plan
    from sensors.offline import decide

    text = HEAD.format(shards=1) + "".join(
        pipeline(f"app-{number}", f"app-{number}", 'push: {branches: [main], paths: {exclude: ["docs/**"]}}')
        for number in range(300)
    )
    (sensor,) = make_plan(load_texts([("bench.yaml", text.encode())]), {}).sensors
    (dependency,) = sensor.dependencies
    data = {"headers": {"X-Github-Event": ["push"]}, "body": push("acme/app-250")}
    event = BusEvent("hookline-webhooks", "github", data).text()
    context = {"id": "1", "time": "2026-11-24T00:00:00Z"}

    def run() -> None:
        for _ in range(300):
            if [each.verdict for each in decide(dependency, context, event)] != ["run"]:
                raise RuntimeError("expected a run")

    row(
        "decisions with their Workflows, 300-pipeline Sensor",
        f"{300 / best_of(5, run):.0f} a second",
        "limit 300",
    )


def beside_hera(folder: Path) -> None:
    """The same Sensors, made by us and by hera's models."""
    import hera.events.models as hera
    import yaml

    from hookline.declaration.loading import load
    from hookline.output import yaml_documents
    from hookline.plan.objects import objects
    from hookline.plan.planning import Plan, make_plan

    declaration = load([folder / "1000.yaml"])
    # Its models take no maxPayloadSize as a number and no retryStrategy as the controller reads it (a duration as text,
    # factors as numbers), so that Sensors without their retry are compared.

    def ours() -> list[dict[str, Any]]:
        plan: Plan = make_plan(declaration, {})
        return [each for each in objects(plan) if each["kind"] == "Sensor"]

    sensors = ours()

    without_retry = [_without(each, "retryStrategy") for each in sensors]

    def theirs() -> list[Any]:
        made = [hera.Sensor.model_validate(each) for each in without_retry]
        return [json.loads(each.model_dump_json(exclude_none=True, by_alias=True)) for each in made]

    row("Sensors of 1,000 pipelines: from declaration to objects", f"{best_of(RUNS, ours) * 1000:.0f} ms")
    row(
        "  the finished objects once through hera's models",
        f"{best_of(RUNS, theirs) * 1000:.0f} ms",
        f"(hera {_version('hera')}, no declaration, no checks)",
    )
    print_ours = best_of(RUNS, lambda: yaml_documents(sensors))
    print_theirs = best_of(RUNS, lambda: yaml.safe_dump_all(sensors, sort_keys=False))
    row("  printed as YAML, hookline", f"{print_ours * 1000:.0f} ms")
    row(
        "  printed as YAML, PyYAML as hera uses it",
        f"{print_theirs * 1000:.0f} ms",
        f"{print_theirs / print_ours:.1f} times hookline's",
    )


def _without(node: Any, key: str) -> Any:
    if isinstance(node, dict):
        return {name: _without(value, key) for name, value in node.items() if name != key}
    return [_without(item, key) for item in node] if isinstance(node, list) else node


def _version(name: str) -> str:
    from importlib.metadata import version

    return version(name)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        commands(Path(place))
        pods(Path(place))
        decisions()
        beside_hera(Path(place))
