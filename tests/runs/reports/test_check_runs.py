"""Check runs by an App: signed requests, tokens that end, and one check run a Workflow whatever goes wrong."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import jwt
import pytest
from github_app_host import APP, HOUR, INSTALLATION, AppHost, pem, private_key
from status_hosts import answers, serving, silence

from runs.reports.asking import Ask, asker
from runs.reports.check_sending import check_sender
from runs.reports.github_app import AppKey, InstallationTokens, NotNow
from runs.reports.host_api import Answer, Delivered, Later, Refused, Request, Response
from runs.reports.hosts import HOST_APIS, github_checks
from runs.reports.run_details import RunDetails
from runs.reports.status import Report, Status, Word

SHA = "3f1c" * 10
ENDED = 1_790_000_100.0


def report(word: Word = "running", uid: str = "u1", memory: str = "", **more: Any) -> Report:
    status = Status("acme/shop", SHA, "hookline/shop", word, f"{word} it is", more.pop("url", ""))
    finished = more.pop("finished", ENDED if status.final else 0.0)
    return Report(status, "ci", f"shop-{uid}", uid, finished, memory, **more)


class Site:
    """A host, an App, and what asks."""

    def __init__(self, host: AppHost, folder: Path) -> None:
        self.host = host
        self.key = folder / "key.pem"
        self.key.write_text(host.secret())
        self.moment = 0.0
        """Seconds by which this machine's clock is ahead of what it is."""
        self.requests: list[Request] = []
        self.start()

    def start(self, installation: int | None = None) -> None:
        """A process that has just started."""
        real = asker()

        def ask(request: Request) -> Response:
            self.requests.append(request)
            return real(request)

        self.ask: Ask = ask
        self.tokens = InstallationTokens(
            self.host.url,
            AppKey(APP, self.key, installation),
            ask,
            clock=lambda: time.time() + self.moment,
        )
        self.send: Callable[[Report], Answer] = check_sender(self.host.url, APP, self.tokens, ask)

    def tells(self, said: Report) -> str:
        """The memory of a status that the host takes."""
        answer = self.send(said)
        assert isinstance(answer, Delivered), answer
        return answer.memory

    def asked(self, part: str) -> int:
        return sum(part in each for each in self.host.asked)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(AppHost("github-app")) as host:
        yield Site(host, tmp_path)


# A status of no run


def test_a_check_of_a_request_that_starts_nothing_is_made_once_and_yields_to_the_check_run_of_a_run(
    site: Site,
) -> None:
    skipped = report("skip", "", unsure=True, yields=True)
    site.tells(skipped)
    site.tells(skipped)
    assert [each["conclusion"] for each in site.host.runs] == ["skipped"]
    site.tells(report("running"))
    site.tells(skipped)
    site.tells(report("success"))
    site.tells(skipped)
    (_, run) = site.host.runs
    assert (run["external_id"], run["conclusion"]) == ("u1", "success")


# Tokens


def test_one_token_serves_an_hour_and_is_renewed_before_it_ends(site: Site) -> None:
    memory = site.tells(report("queued"))
    for _ in range(5):
        site.tells(report(memory=memory))
    assert (site.asked("access_tokens"), site.asked("/installation")) == (1, 2)
    # Five minutes before its end, and before the host refuses it.
    site.moment = site.host.ahead = HOUR - 240
    refused = len(site.host.asked)
    site.tells(report(memory=memory))
    assert [each.split()[0] for each in site.host.asked[refused:]] == ["POST", "PATCH"]
    assert site.asked("access_tokens") == 2


def test_a_token_asks_for_the_right_to_write_checks_and_no_other(site: Site) -> None:
    site.tells(report())
    (asked,) = [each.body for each in site.requests if "access_tokens" in each.url]
    assert asked == {"permissions": {"checks": "write"}}


def test_a_given_installation_is_not_looked_up(site: Site) -> None:
    site.start(INSTALLATION)
    site.tells(report())
    assert site.asked("acme/shop/installation") == 0


@pytest.mark.parametrize("minutes", [-61, -10, -2, 2, 10, 61])
def test_a_clock_that_is_wrong_by_minutes_does_not_matter(site: Site, minutes: int) -> None:
    site.host.ahead = minutes * 60
    memory = site.tells(report())
    site.tells(report("success", memory=memory))
    assert site.host.states() == ["in_progress", "success"]
    # The host's hour, not this machine's.
    assert site.asked("access_tokens") <= 2
    before = site.asked("access_tokens")
    site.host.ahead += HOUR - 400
    site.moment += HOUR - 400
    site.tells(report("queued", "u2"))
    assert site.asked("access_tokens") == before
    site.host.ahead += 200
    site.moment += 200
    site.tells(report("running", "u2"))
    assert site.asked("access_tokens") == before + 1


def test_a_revoked_token_is_renewed_and_the_request_made_again(site: Site) -> None:
    memory = site.tells(report())
    site.host.ends.clear()
    site.tells(report("success", memory=memory))
    assert site.host.states() == ["in_progress", "success"]


def test_a_revoked_key_is_said_and_a_new_one_needs_no_restart(site: Site) -> None:
    memory = site.tells(report())
    new = site.host.replace_secret()
    answer = site.send(report("success", memory=memory))
    assert isinstance(answer, Later)
    assert "the key was revoked" in answer.why
    site.key.write_text(new)
    site.tells(report("success", memory=memory))


@pytest.mark.parametrize(
    "content", ["", "no key", "-----BEGIN RSA PRIVATE KEY-----\nxyz\n-----END RSA PRIVATE KEY-----\n", None]
)
def test_a_key_that_cannot_be_used_is_said_without_its_text(site: Site, content: str | None) -> None:
    if content is None:
        site.key.unlink()
    else:
        site.key.write_text(content)
    answer = site.send(report())
    assert isinstance(answer, Later)
    assert "the private key cannot be" in answer.why
    assert str(site.key) in answer.why
    assert "xyz" not in answer.why
    assert site.host.asked == []


def test_neither_key_nor_token_stands_in_what_is_printed(site: Site) -> None:
    site.tells(report())
    (token,) = site.host.ends
    key = site.key.read_text().splitlines()[1]
    found = site.tokens._tokens
    for text in (repr(found), repr(site.tokens), *map(repr, site.requests)):
        assert token not in text
        assert key not in text
        assert "eyJ" not in text


def test_what_is_signed_is_what_github_documents(site: Site) -> None:
    site.tells(report())
    (signed,) = {
        each.headers["Authorization"].removeprefix("Bearer ")
        for each in site.requests
        if "access_tokens" in each.url
    }
    assert jwt.get_unverified_header(signed)["alg"] == "RS256"
    claims = jwt.decode(signed, private_key(0).public_key(), algorithms=["RS256"])
    assert claims["exp"] - claims["iat"] <= 600
    assert abs(claims["iat"] + 60 - time.time()) < 5
    assert claims["iss"] == str(APP)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(signed, private_key(1).public_key(), algorithms=["RS256"])
    assert pem(private_key(1)) != pem(private_key(0))


def test_an_account_without_the_app_is_said(site: Site) -> None:
    site.host.account = "other"
    answer = site.send(report())
    assert isinstance(answer, Later)
    assert "the App is not installed for acme/shop" in answer.why
    # It is installed a moment later.
    site.host.account = "acme"
    site.tells(report())


def test_an_app_without_the_permission_is_said(site: Site) -> None:
    site.host.given = {"metadata": "read"}
    answer = site.send(report())
    assert isinstance(answer, Later)
    assert "checks: read and write" in answer.why


@pytest.mark.parametrize(
    ("fault", "everything"),
    [
        (answers(429, "slow down", Retry_After="7"), True),
        (answers(403, "You have exceeded a secondary rate limit", Retry_After="7"), True),
        (answers(502, "bad gateway"), False),
        (answers(201, "no token"), False),
    ],
    ids=["429", "secondary", "502", "odd"],
)
def test_a_host_that_gives_no_token_now_is_asked_later(site: Site, fault: Any, everything: bool) -> None:
    site.start(INSTALLATION)
    site.host.token_faults.append(fault)
    answer = site.send(report())
    assert isinstance(answer, Later)
    assert answer.everything is everything
    assert answer.seconds == (7.0 if everything else None)
    site.tells(report())


def test_nobody_who_answers_is_no_token(site: Site) -> None:
    site.host.token_faults.append(silence)
    with pytest.raises(OSError, match="ProtocolError"):
        site.send(report())
    site.tells(report())


def test_a_removed_installation_is_looked_up_again(site: Site) -> None:
    site.tells(report())
    site.tokens.refused(next(iter(site.host.ends)))
    site.tokens._installations["acme"] = 1
    with pytest.raises(NotNow, match="no installation 1"):
        site.tokens.token("acme/shop")
    assert site.tokens.token("acme/shop")


# Check runs


def test_a_run_has_one_check_run_from_first_to_last_word(site: Site) -> None:
    memory = site.tells(report("queued"))
    memory = site.tells(report("running", memory=memory, details=RunDetails(ENDED - 60)))
    site.tells(
        report("failure", memory=memory, details=RunDetails(ENDED - 60), url="https://argo.example.com/x")
    )
    (run,) = site.host.runs
    assert (run["status"], run["conclusion"], run["external_id"]) == ("completed", "failure", "u1")
    assert (run["started_at"], run["completed_at"]) == ("2026-09-21T14:14:00Z", "2026-09-21T14:15:00Z")
    assert run["details_url"] == "https://argo.example.com/x"


@pytest.mark.parametrize(
    ("word", "conclusion"),
    [
        ("success", "success"),
        ("skip", "skipped"),
        ("failure", "failure"),
        ("error", "failure"),
        ("timeout", "timed_out"),
        ("cancellation", "cancelled"),
    ],
)
def test_each_outcome_has_its_conclusion(site: Site, word: Word, conclusion: str) -> None:
    site.tells(report(word))
    assert site.host.states() == [conclusion]


def test_whoever_was_killed_before_the_mark_leaves_no_second_one(site: Site) -> None:
    for word in ("queued", "running", "failure"):
        site.tells(report(word))
        site.start()
        # The same again, as a restart without the mark has it; and as one that knows it may have been told.
        site.tells(report(word))
        site.tells(report(word, unsure=True))
    assert len(site.host.runs) == 1
    assert site.host.states() == ["queued", "in_progress", "failure"]


def test_an_answer_that_was_lost_makes_no_second_one_and_doubles_no_annotation(site: Site) -> None:
    for word in ("running", "failure"):
        site.host.after.append(silence)
        with pytest.raises(OSError, match="ProtocolError"):
            site.send(report(word))
        site.tells(report(word, unsure=True))
    assert len(site.host.runs) == 1
    assert site.host.states() == ["in_progress", "failure"]


def test_a_completed_one_is_not_opened_again_but_followed_by_another(site: Site) -> None:
    memory = site.tells(report("failure"))
    # argo retry: the same Workflow runs again, and ends again as it did.
    memory = site.tells(report("running", memory=memory))
    site.tells(report("failure", memory=memory, finished=ENDED + 50))
    first, second = site.host.runs
    assert (first["conclusion"], second["conclusion"]) == ("failure", "failure")
    assert first["completed_at"] != second["completed_at"]


def test_a_retry_that_nobody_saw_run_is_told_with_its_own_end(site: Site) -> None:
    memory = site.tells(report("failure"))
    site.tells(report("failure", memory=memory, finished=ENDED + 50, unsure=True))
    assert [each["conclusion"] for each in site.host.runs] == ["failure", "failure"]


def test_no_completed_one_is_changed_by_what_follows_it(site: Site) -> None:
    memory = site.tells(report("failure"))
    site.tells(report("running", memory=memory))
    # Its running was never told.
    site.tells(report("success", "u2", memory=memory, finished=ENDED + 50))
    first = site.host.runs[0]["id"]
    assert [each for each in site.host.asked if each.endswith(f"check-runs/{first}")] == []


def test_one_that_is_gone_at_the_host_is_made_anew(site: Site) -> None:
    memory = site.tells(report())
    site.host.runs.clear()
    site.tells(report("success", memory=memory))
    (run,) = site.host.runs
    assert run["conclusion"] == "success"


def test_a_mark_that_names_a_completed_one_as_open_does_no_harm(site: Site) -> None:
    site.tells(report("failure"))
    number = str(site.host.runs[0]["id"])
    site.tells(report("running", memory=number))
    assert [each["status"] for each in site.host.runs] == ["completed", "in_progress"]


@pytest.mark.parametrize("memory", ["completed 1", "../../x", "1/../2", "-1", "٣", "9" * 40])
def test_a_mark_that_anybody_wrote_leads_to_no_other_address(site: Site, memory: str) -> None:
    site.tells(report(memory=memory))
    assert [each for each in site.host.asked if "PATCH" in each] == []
    assert len(site.host.runs) == 1


def test_a_later_run_of_the_commit_takes_the_one_that_an_earlier_left_open(site: Site) -> None:
    site.tells(report("running", "u1"))
    memory = site.tells(report("queued", "u2"))
    site.tells(report("success", "u2", memory=memory))
    (run,) = site.host.runs
    assert (run["external_id"], run["conclusion"]) == ("u2", "success")


def test_a_second_one_that_was_made_by_mistake_does_not_stay_open(site: Site) -> None:
    memory = site.tells(report("running"))
    # A process that was stopped after its look, and went on when another one had made the check run.
    for number in (901, 902):
        site.host.runs.append({**site.host.runs[0], "id": number})
    site.host.faults.append(answers(502, "bad gateway"))
    assert isinstance(site.send(report("failure", memory=memory)), Later)
    site.tells(report("failure", memory=memory, unsure=True))
    assert {each["status"] for each in site.host.runs} == {"completed"}
    assert {each["conclusion"] for each in site.host.runs} == {"failure"}
    # Nor one that is found when the last word was told.
    site.host.runs.append({**site.host.runs[0], "id": 903, "status": "queued", "conclusion": None})
    site.tells(report("failure", unsure=True))
    assert {each["status"] for each in site.host.runs} == {"completed"}
    assert len(site.host.runs) == 4


def test_a_later_run_of_the_commit_leaves_the_end_of_an_earlier_one(site: Site) -> None:
    site.tells(report("failure", "u1"))
    site.tells(report("success", "u2"))
    assert [(each["external_id"], each["conclusion"]) for each in site.host.runs] == [
        ("u1", "failure"),
        ("u2", "success"),
    ]


def test_a_check_run_of_another_app_is_left_alone(site: Site) -> None:
    site.tells(report("running", "u1"))
    site.host.runs[0]["app"] = {"id": 99}
    site.tells(report("running", "u2"))
    assert [each["external_id"] for each in site.host.runs] == ["u1", "u2"]
    # Nor is it, where a host lists it all the same.
    foreign = {**site.host.runs[0], "external_id": "u3"}
    assert github_checks.known(report("running", "u3"), [foreign], APP) == github_checks.Known()
    assert github_checks.known(report("running", "u3"), [foreign], 99).delivered is not None


def test_odd_rows_in_the_answer_to_the_look_are_no_check_runs() -> None:
    odd = [None, 7, {"id": "x"}, {"id": 1}, {"id": 1, "app": 7}]
    assert github_checks.known(report(), odd, APP) == github_checks.Known()


@pytest.mark.parametrize("said", [None, [], {}, {"check_runs": None}, {"total_count": 1}])
def test_an_answer_that_cannot_be_read_makes_no_second_check_run(site: Site, said: object) -> None:
    real = site.host._checks

    def odd(method: str, parts: list[str], query: Any, body: Any) -> Any:
        return (200, said, {}) if method == "GET" else real(method, parts, query, body)

    site.host._checks = odd  # type: ignore[method-assign]
    answer = site.send(report())
    assert isinstance(answer, Later)
    assert "cannot be read" in answer.why
    assert site.host.runs == []


@pytest.mark.parametrize("earlier", [29, 30, 31, 100, 130])
def test_a_check_run_is_found_behind_any_number_of_others_of_its_name(site: Site, earlier: int) -> None:
    memory = site.tells(report("running"))
    ended = {**site.host.runs[0], "external_id": "other", "status": "completed", "conclusion": "success"}
    site.host.runs += [{**ended, "id": 1000 + number} for number in range(earlier)]
    site.tells(report("failure", memory=memory, unsure=True))
    assert len(site.host.runs) == earlier + 1
    assert site.host.runs[0]["conclusion"] == "failure"


def test_a_commit_with_more_check_runs_than_are_read_is_left_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.tells(report("running"))
    monkeypatch.setattr(github_checks, "PAGES", 2)
    site.host.runs = [{**site.host.runs[0], "id": number, "external_id": "other"} for number in range(61)]
    answer = site.send(report("failure", "u2"))
    assert isinstance(answer, Refused)
    assert "more than 60 check runs of this name" in answer.why
    assert {each["status"] for each in site.host.runs} == {"in_progress"}


def test_a_list_that_grows_shorter_than_it_says_ends(site: Site) -> None:
    real = site.host._checks

    def shorter(method: str, parts: list[str], query: Any, body: Any) -> Any:
        found = real(method, parts, query, body)
        if method == "GET":
            found[1]["total_count"] += 5
        return found

    site.host._checks = shorter  # type: ignore[method-assign]
    site.tells(report("running"))
    site.tells(report("success"))
    assert [each["conclusion"] for each in site.host.runs] == ["success"]


def test_without_a_look_none_is_made(site: Site) -> None:
    real, site.host.runs = site.host._checks, []

    def blind(method: str, parts: list[str], query: Any, body: Any) -> Any:
        return (502, {"message": "bad gateway"}, {}) if method == "GET" else real(method, parts, query, body)

    site.host._checks = blind  # type: ignore[method-assign]
    assert isinstance(site.send(report()), Later)
    assert site.host.runs == []


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (answers(429, "slow down"), Later),
        (answers(502, "bad gateway"), Later),
        (answers(403, "Resource not accessible by integration"), Later),
        (answers(410, "gone"), Refused),
    ],
    ids=["429", "502", "403", "410"],
)
def test_what_the_host_does_not_take_is_said_as_of_statuses(site: Site, fault: Any, kind: type) -> None:
    site.host.faults.append(fault)
    answer = site.send(report())
    assert isinstance(answer, kind)
    assert site.host.runs == []
    site.tells(report())


def test_every_word_has_a_state_at_every_host() -> None:
    for api in (github_checks.API, *HOST_APIS.values()):
        assert api.states.keys() == set(get_args(Word))


def test_a_status_of_no_workflow_is_told_once(site: Site) -> None:
    for _ in range(3):
        site.tells(report("skip", "", finished=0.0, unsure=True))
    assert site.host.states() == ["skipped"]
