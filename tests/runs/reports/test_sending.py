"""Statuses over HTTP: whoever does not know whether the host was told asks it first."""

from pathlib import Path

import pytest
from status_hosts import status_host

from runs.reports.host_api import Delivered
from runs.reports.hosts import HOST_APIS
from runs.reports.sending import sender
from runs.reports.status import Report, Status, Word

SHA = "3f1c" * 10
WAITING: tuple[Word, ...] = ("queued", "running", "failure")


def report(word: Word, context: str = "hookline/shop", *, unsure: bool = False) -> Report:
    return Report(
        Status("acme/shop", SHA, context, word, f"{word} it is"), "ci", "shop-1", "u1", 0.0, unsure=unsure
    )


@pytest.mark.parametrize("kind", ["github", "gitea", "gitlab", "codeup", "bitbucket", "bitbucketserver"])
def test_a_status_behind_a_page_of_others_is_not_told_twice(kind: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    with status_host(kind) as host:
        token.write_text(host.secret())
        send = sender(HOST_APIS[kind], host.url, token)
        assert isinstance(send(report("failure")), Delivered)
        for number in range(120):
            assert isinstance(send(report("success", f"hookline/p{number}")), Delivered)
        told = len(host.told)
        assert isinstance(send(report("failure", unsure=True)), Delivered)
        assert len(host.told) == told


@pytest.mark.parametrize("kind", ["bitbucket", "bitbucketserver"])
def test_bitbucket_keeps_one_status_of_a_key_and_needs_a_page_to_lead_to(kind: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    with status_host(kind) as host:
        token.write_text(host.secret())
        send = sender(HOST_APIS[kind], host.url, token)
        for word in WAITING:
            assert isinstance(send(report(word)), Delivered)
        assert host.states() == ["INPROGRESS", "INPROGRESS", "FAILED"]
        send(report("failure", unsure=True))
        assert host.states() == ["INPROGRESS", "INPROGRESS", "FAILED"]
        send(report("success", unsure=True))
        assert host.states()[-1] == "SUCCESSFUL"


@pytest.mark.parametrize("kind", ["github", "gitea", "codeup"])
def test_of_a_context_the_newest_status_decides_whether_it_is_told(kind: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    with status_host(kind) as host:
        token.write_text(host.secret())
        send = sender(HOST_APIS[kind], host.url, token)
        send(report("failure"))
        send(report("running"))
        for number in range(60):
            send(report("success", f"hookline/p{number}"))
        send(report("failure", unsure=True))
        assert host.states() == ["failure", "pending", "failure"]
