"""What a real Gitea 1.26.0 sent, raw, and the verdict of each: tests/data/deliveries/gitea-1.26.

Owner ann; bob may only read. The numbers in front give the order in which it was sent.
"""

from pathlib import Path
from typing import Any

import pytest
from support import program

from documents.globs import expression
from events.delivery import Delivery, bus_event
from events.event_files import parse
from events.host import host
from events.signatures import verify

FOLDER = Path(__file__).parents[1] / "data" / "deliveries" / "gitea-1.26"
RULES: dict[str, Any] = {
    "push": {"paths": {"exclude": expression(["docs/**"])}},
    "tag": {},
    "pull_request": {"into": {"include": expression(["main", "develop"])}},
}
VERDICTS = {
    "001-push": "run MATCH",
    "002-create": "skip EVENT",  # comes with a push
    "008-push": "unknown PATHS",  # a new branch
    "012-push": "run MATCH",
    "014-push": "run MATCH",  # an annotated tag
    "018-pull_request": "skip FORKS",  # AGit: bob pushed to refs/for/main
    "021-pull_request": "skip FORKS",
    "023-push": "run MATCH",  # 5 of 12 commits are listed, and one of their files is chosen
    "024-push": "unknown PATHS",  # forced back by one commit
    "025-push": "run MATCH",
    "026-push": "skip DELETED",
    "028-push": "run MATCH",
    "031-pull_request": "skip ACTION",
    "101-pull_request": "skip ACTION",  # a label added to bob's request
    "103-push": "unknown PATHS",
    "104-push": "skip PATHS",
    "107-pull_request": "run MATCH",
    "108-pull_request": "skip ACTION",
    "112-release": "skip EVENT",
}
ODD_NAMES: dict[str, dict[str, Any]] = {
    # The branch is feature/#12-x: what becomes of its name is tried elsewhere, with what the payload says here.
    "003-push": {"skip_marker": "[skip ci]", "message": "two"},
    "005-pull_request": {"action": "opened", "draft": True, "fork": False},
    "006-pull_request": {"action": "ready", "draft": False, "fork": False},
    "009-pull_request": {"action": "retargeted", "base_ref": "develop", "fork": False},
    "011-pull_request": {"action": "updated", "draft": False, "fork": False},
    "016-push": {"kind": "tag", "tag": "tools/v1.2.3"},
}


def on_bus(name: str) -> str:
    (delivery,) = parse((FOLDER / f"{name}.http").read_bytes(), {})
    assert isinstance(delivery, Delivery)
    verify(delivery, host("gitea"), b"s3cret")
    return bus_event(delivery, host("gitea"), "hookline-webhooks", "gitea").text()


def decide(name: str) -> dict[str, Any]:
    return program("gitea", RULES, ("ann/shop",)).decide(on_bus(name))


def test_every_delivery_has_a_verdict_here() -> None:
    assert VERDICTS.keys() | ODD_NAMES.keys() == {path.stem for path in FOLDER.iterdir()}


@pytest.mark.parametrize("name", VERDICTS)
def test_the_verdict(name: str) -> None:
    found = decide(name)
    assert f"{found['verdict']} {found['reason']}" == VERDICTS[name]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_what_the_payload_says(name: str) -> None:
    event = program("gitea").canonical(on_bus(name))
    found = event | event.get("pull_request", {})
    assert {key: found[key] for key in ODD_NAMES[name]} == ODD_NAMES[name]


def test_a_tag_pushed_again_and_a_commit_pushed_again_are_events_of_their_own() -> None:
    identities = {decide(name)["event"] for name in ("012-push", "028-push", "023-push", "025-push")}
    assert len(identities) == 4
