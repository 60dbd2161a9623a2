"""Payloads that other projects publish, and the right verdict for each.

tests/data/public/payloads.zip holds them as their sources do (tests/data/README.md names source and licence);
verdicts.tsv has one line for each: the host that receives it, what the event header says ("-" without one), the
kind of event, and the verdict of a pipeline that takes every push that changes no/such/…, every tag, every request and every group of a merge queue.
"""

import csv
import re
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from events.delivery import Delivery, bus_event
from events.host import host
from sensors.program import Program, compose, reader

FOLDER = Path(__file__).parents[1] / "data" / "public"
HEADERS = {
    "github": "X-Github-Event", "gitlab": "X-Gitlab-Event", "gitea": "X-Gitea-Event", "gogs": "X-Gogs-Event",
}  # fmt: skip
RULES = {"push": {"paths": {"include": "no/such/.+"}}, "tag": {}, "pull_request": {}, "merge_group": {}}

with (FOLDER / "verdicts.tsv").open(encoding="utf-8", newline="") as file:
    VERDICTS = list(csv.DictReader(file, delimiter="\t"))


def received_as(name: str) -> str:
    """Gogs' payloads go to the program of Gitea, which came of it; in a cluster no source would take its signature."""
    return "gitea" if name == "gogs" else name


@cache
def events() -> dict[str, str]:
    """Payload → event data, as text."""
    with zipfile.ZipFile(FOLDER / "payloads.zip") as archive:
        found = {}
        for line in VERDICTS:
            headers = {} if line["event"] == "-" else {HEADERS[line["host"]]: (line["event"],)}
            delivery = Delivery(headers, archive.read(line["payload"]))
            found[line["payload"]] = bus_event(
                delivery, host(received_as(line["host"])), "hookline-webhooks", "source"
            ).text()
        return found


@cache
def canonical(payload: str, name: str) -> dict[str, Any]:
    return reading(name).decide(events()[payload])


@cache
def reading(name: str) -> Program:
    """A program that decides nothing and gives the canonical event: compiled once, where `Program.canonical` compiles each time."""
    return Program(reader(host(name), "source").definitions + "\ndef decide: {hookline: .};")


@cache
def program(name: str) -> Program:
    """A program that has every repository of the host's payloads in its table."""
    keys = {
        str(canonical(line["payload"], name)["repository"]).lower()
        for line in VERDICTS
        if received_as(line["host"]) == name
    }
    entry = {"pipeline": "shop", "config": "0123456789ab", "arguments": {}, **RULES}
    return compose(
        host=host(name),
        source="source",
        kinds=host(name).kinds,
        lines={key: entry for key in keys if re.fullmatch(r"[A-Za-z0-9._/-]+", key)},
        templates={},
    )


def test_every_payload_has_a_verdict() -> None:
    with zipfile.ZipFile(FOLDER / "payloads.zip") as archive:
        payloads = [name for name in archive.namelist() if name.endswith(".json")]
    assert sorted(payloads) == sorted(line["payload"] for line in VERDICTS)
    assert len(payloads) >= 150
    verdicts = Counter(line["verdict"] for line in VERDICTS)
    assert min(verdicts[each] for each in ("run(MATCH)", "unknown(PATHS)", "skip(PATHS)", "skip(FORKS)")) >= 2


@pytest.mark.parametrize("name", sorted({line["host"] for line in VERDICTS}))
def test_public_payloads_get_the_verdicts_of_the_table(name: str) -> None:
    asked = program(received_as(name))
    wrong = []
    for line in VERDICTS:
        if line["host"] != name:
            continue
        decided, event = (
            asked.decide(events()[line["payload"]]),
            canonical(line["payload"], received_as(name)),
        )
        kind = event["kind"]
        if kind == "pull_request":
            kind += f"/{event['pull_request']['action']}"
        found = (kind, f"{decided['verdict']}({decided['reason']})")
        if found != (line["kind"], line["verdict"]):
            wrong.append((line["payload"], found, (line["kind"], line["verdict"])))
    assert wrong == []
