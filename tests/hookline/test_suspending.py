"""A suspended pipeline: no event starts it, everybody is told why, and the key comes into the file and out of it without a trace."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT, github_push, payload

from documents.diagnostics import InvalidInput
from events.cron import parse_cron
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import Result as Answer
from hookline.answers.simulation import simulate
from hookline.cli import main
from hookline.declaration.loading import load, load_texts
from hookline.declaration.suspending import NotEditable, resumed, suspended
from hookline.plan.objects import objects
from hookline.plan.planning import Plan, make_plan

HEAD = """\
version: 1
cluster: {{namespace: ci{more}}}
sources:
  github: {{host: github, endpoint: /github, secret: {{name: github-webhook, key: secret}}, url: "https://github.com/{{repository}}.git"}}
  harbor: {{host: harbor, endpoint: /harbor, secret: {{name: harbor-webhook, key: token}}}}
defaults:
  repository: {{source: github}}
  image: registry.example.com/{{repository}}
  events: {{push: {{branches: [main]}}, tag: {{}}, pull_request: {{}}}}
  run: {{template: hookline-ci-go}}
pipelines:
"""
WHY = "suspended: {because: the registry is moved}"


def planned(*pipelines: str, more: str = "") -> Plan:
    text = HEAD.format(more=more) + "".join(f"  {each}\n" for each in pipelines)
    return make_plan(load_texts([("hookline.yaml", text.encode())]), {})


def answers(plan: Plan, body: Any, kind: str = "push", source: str = "github") -> dict[str, Answer]:
    headers = {"X-GitHub-Event": kind} if source == "github" else {}
    event = incoming(plan, "x", json.dumps(body).encode(), EventOptions(source, headers))
    return {each.pipeline: each for each in simulate(plan, event).results}


def verdict(found: Answer) -> tuple[str, str, str]:
    return found.verdict, found.reason, found.action


SUSPENDED = ("skip", "SUSPENDED", "drop")
RUNS = ("run", "MATCH", "run")


# --- the decision ------------------------------------------------------------------------------------------


def test_no_event_starts_a_suspended_pipeline_and_the_others_go_on() -> None:
    plan = planned(f"shop: {{repository: acme/shop, {WHY}}}", "cart: {repository: acme/cart}")
    for ref in ("refs/heads/main", "refs/tags/v1"):
        assert verdict(answers(plan, github_push(ref=ref))["shop"]) == SUSPENDED
    other = answers(plan, github_push(repository__full_name="acme/cart"))
    assert verdict(other["cart"]) == RUNS
    request = payload("github/pull_request-opened") | {"repository": {"full_name": "acme/shop"}}
    assert verdict(answers(plan, request, "pull_request")["shop"]) == SUSPENDED


def test_a_pushed_image_does_not_start_it_either() -> None:
    image = "events: {push: false, tag: false, pull_request: false, image_push: {source: harbor, image: base/go, tags: ['*']}}"
    plan = planned(f"shop: {{repository: acme/shop, {WHY}, {image}}}")
    assert verdict(answers(plan, payload("harbor/push_artifact"), source="harbor")["shop"]) == SUSPENDED


def test_it_ends_by_the_clock_where_that_is_said() -> None:
    past = planned("shop: {repository: acme/shop, suspended: {because: x, until: 2020-01-01}}")
    future = planned("shop: {repository: acme/shop, suspended: {because: x, until: 2120-01-01}}")
    assert verdict(answers(past, github_push())["shop"]) == RUNS
    assert verdict(answers(future, github_push())["shop"]) == SUSPENDED


@pytest.mark.parametrize(
    ("until", "second"),
    [
        ("2026-12-01", 1796083200),
        ("2026-12-01T08:00:00+08:00", 1796083200),
        ("2026-12-01T00:00:01Z", 1796083201),
    ],
)
def test_the_end_is_a_day_in_utc_or_a_time_with_a_zone(until: str, second: int) -> None:
    plan = planned(f'shop: {{repository: acme/shop, suspended: {{because: x, until: "{until}"}}}}')
    assert plan.suspended("shop") == second


@pytest.mark.parametrize("until", ["tomorrow", "2026-12-01T08:00", "2026-13-01", "1", "٢٠٢٦-12-01"])
def test_another_end_is_refused(until: str) -> None:
    with pytest.raises(InvalidInput, match="expected a day such as"):
        planned(f'shop: {{repository: acme/shop, suspended: {{because: x, until: "{until}"}}}}')


def test_a_reason_is_needed_and_is_one_line_that_nothing_expands() -> None:
    for written in ("{}", '{because: "{{x}}"}', '{because: "a\\nb"}'):
        with pytest.raises(InvalidInput):
            planned(f"shop: {{repository: acme/shop, suspended: {written}}}")


@pytest.mark.parametrize(
    ("until", "expected"),
    [("", SUSPENDED), (", until: 2120-01-01", SUSPENDED), (", until: 2020-01-01", RUNS)],
)
def test_a_calendar_decides_by_the_same_program(until: str, expected: tuple[str, str, str]) -> None:
    night = "events: {push: false, tag: false, pull_request: false, schedule: {at: '0 2 * * *'}}"
    plan = planned(
        f"night: {{repository: acme/shop, suspended: {{because: x{until}}}, {night}}}",
        f"day: {{repository: acme/cart, {night}}}",
    )

    def fired(pipeline: str) -> Answer:
        event = incoming(plan, f"schedule:{pipeline}", None, EventOptions())
        return next(each for each in simulate(plan, event).results if each.pipeline == pipeline)

    assert verdict(fired("night")) == expected
    assert verdict(fired("day")) == RUNS
    free = planned(f"night: {{repository: acme/shop, {night}}}")
    event = incoming(free, "schedule:night", None, EventOptions())
    (run,) = (each for each in simulate(free, event).results if each.workflow)
    if expected == RUNS:
        found = fired("night").workflow
        assert found is not None
        assert run.workflow is not None
        assert found["spec"] == run.workflow["spec"]


def test_a_cron_workflow_is_suspended_itself() -> None:
    night = "events: {push: false, tag: false, pull_request: false, schedule: {at: '0 2 * * *'}}"
    plan = planned(
        f"night: {{repository: acme/shop, {WHY}, {night}}}",
        f"day: {{repository: acme/cart, {night}}}",
        more=", schedules: cron_workflow",
    )
    found = {
        each["metadata"]["name"]: each["spec"] for each in objects(plan) if each["kind"] == "CronWorkflow"
    }
    assert found["night"]["suspend"] is True
    assert "suspend" not in found["day"]
    with pytest.raises(InvalidInput, match="fires again only when somebody resumes it"):
        planned(
            f"night: {{repository: acme/shop, suspended: {{because: x, until: 2120-01-01}}, {night}}}",
            more=", schedules: cron_workflow",
        )


def test_a_cron_workflow_that_would_make_up_for_the_suspension_has_another_spelling_of_the_same_times() -> (
    None
):
    def at(more: str, missed: str) -> str:
        night = f"events: {{push: false, tag: false, pull_request: false, schedule: {{at: '*/20 2 * * 1-5'{missed}}}}}"
        plan = planned(f"night: {{repository: acme/shop, {more}{night}}}")
        (spec,) = (each["spec"] for each in objects(plan) if each["kind"] == "CronWorkflow")
        return str(*spec["schedules"])

    missed = ", missed: {within: 12h}"
    free, held = at("", missed), at(f"{WHY}, ", missed)
    assert free != held
    assert (parse_cron(free).minutes, parse_cron(free).hours) == (
        parse_cron(held).minutes,
        parse_cron(held).hours,
    )
    assert parse_cron(free).text.split()[1:] == held.split()[1:]
    assert at("", "") == at(f"{WHY}, ", "") == free


def test_programs_without_a_suspended_pipeline_say_nothing_of_it() -> None:
    for example in sorted((ROOT / "examples").iterdir()):
        plan = make_plan(load((example,)), {})
        for sensor in plan.sensors:
            for each in sensor.dependencies:
                assert each.program is None or "SUSPENDED" not in each.program.text


# --- what people are told ----------------------------------------------------------------------------------


@pytest.fixture
def hookline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "push.json").write_text(json.dumps(github_push()))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    return run


def declare(*pipelines: str) -> None:
    Path("hookline.yaml").write_text(HEAD.format(more="") + "".join(f"  {each}\n" for each in pipelines))


EVENT = ("-e", "push.json", "--source", "github", "--header", "X-GitHub-Event: push")


def test_simulate_explain_and_next_say_why(hookline: Callable[..., Result]) -> None:
    declare(
        f"shop: {{repository: acme/shop, {WHY}, events: {{schedule: {{at: '0 2 * * *'}}}}}}",
        "cart: {repository: acme/cart}",
    )
    simulated = hookline("simulate", *EVENT, "-o", "table").stdout
    assert "the pipeline is suspended: the registry is moved" in simulated
    explained = hookline("explain", "shop", *EVENT).stdout
    assert explained.startswith("SKIP   shop   SUSPENDED: the pipeline is suspended\n")
    (line,) = (each for each in explained.splitlines() if each.startswith("FAIL"))
    assert "the registry is moved" in line
    assert line.endswith("hookline.yaml:12:44")
    assert "suspended: starts nothing" in hookline("next", "--count", "1").stdout
    (item,) = json.loads(hookline("next", "--count", "1", "-o", "json").stdout)["items"]
    assert item["suspended"] is True


def test_a_run_by_hand_starts_all_the_same_and_says_so(hookline: Callable[..., Result]) -> None:
    declare(f"shop: {{repository: acme/shop, {WHY}}}")
    result = hookline("run", "shop", "--dry-run")
    assert result.exit_code == 0
    assert result.stderr.startswith("shop is suspended: no event starts it; this run starts all the same\n")


# --- the file ----------------------------------------------------------------------------------------------

BLOCK = """\
# our pipelines
pipelines:
  # the shop
  shop:   # here
    # what it builds
    repository: acme/shop   # there
    events:
      push: {}
  cart: {repository: acme/cart, events: {push: {}}}
"""


def test_the_key_comes_in_where_the_pipeline_begins_and_nothing_else_moves() -> None:
    found = suspended(BLOCK, "shop", 'it "is" moved', "2026-12-01")
    key = '    suspended: {because: "it \\"is\\" moved", until: "2026-12-01"}\n'
    assert found.text == BLOCK.replace("    repository: acme/shop", f"{key}    repository: acme/shop")
    assert found.line == 6
    flow = suspended(BLOCK, "cart", "x", None)
    assert flow.text == BLOCK.replace("cart: {", 'cart: {suspended: {because: "x"}, ')


def test_a_new_reason_takes_the_place_of_the_old_one() -> None:
    once = suspended(BLOCK, "shop", "a", None).text
    assert suspended(once, "shop", "b", None).text == suspended(BLOCK, "shop", "b", None).text


@pytest.mark.parametrize(
    "written",
    [
        "    suspended: {because: x}\n",
        "    suspended: {because: x}   # until the move\n",
        "    suspended:\n      because: x\n",
        "    suspended:\n      because: x   # why\n      until: 2120-01-01\n",
    ],
)
def test_a_key_that_somebody_wrote_comes_out_whole(written: str) -> None:
    for place in ("    repository", "  cart"):
        text = BLOCK.replace(place, written + place, 1)
        assert resumed(text, "shop").text == BLOCK


def test_a_key_in_braces_comes_out_wherever_it_stands() -> None:
    for text in (
        "pipelines: {shop: {suspended: {because: x}, repository: a/b}}",
        "pipelines: {shop: {repository: a/b, suspended: {because: x}}}",
    ):
        assert resumed(text, "shop").text == "pipelines: {shop: {repository: a/b}}"


@given(
    names=st.lists(
        st.from_regex(r"[a-z][a-z0-9-]{0,6}", fullmatch=True), min_size=1, max_size=4, unique=True
    ),
    because=st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cf", "Co", "Cn")),
        max_size=30,
    ),
    until=st.none() | st.just("2026-12-01"),
    flow=st.booleans(),
    line_end=st.sampled_from(["\n", "\r\n"]),
    note=st.sampled_from(["", "  # ü 日本 😀"]),
)
def test_suspending_and_resuming_leaves_the_file_as_it_was(
    names: list[str], because: str, until: str | None, flow: bool, line_end: str, note: str
) -> None:
    each = (
        "  {}: {{repository: acme/x, events: {{push: {{}}}}}}{}\n"
        if flow
        else "  {}:{}\n    repository: acme/x\n    events: {{push: {{}}}}\n"
    )
    text = "pipelines:\n" + "".join(each.format(name, note) for name in names)
    text = text.replace("\n", line_end)
    for name in names:
        changed = suspended(text, name, because, until).text
        assert changed != text
        assert resumed(changed, name).text == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pipelines: {'{repository_name}': {for_each: [a/b]}}", "for_each makes it"),
        ("pipelines: {shop: &x {repository: a/b}, cart: *x}", "an anchor or an alias"),
        ("pipelines: {cart: &x {repository: a/b}, shop: *x}", "an anchor or an alias"),
        ("pipelines: {shop: }", "not written as a mapping"),
        ("pipelines: [", "no YAML"),
    ],
)
def test_what_cannot_be_edited_safely_is_left_to_a_person(text: str, words: str) -> None:
    with pytest.raises(NotEditable, match=words):
        suspended(text, "shop", "x", None)


def test_the_commands_edit_the_file_that_declares_the_pipeline(hookline: Callable[..., Result]) -> None:
    folder = Path("ci")
    folder.mkdir()
    (folder / "a.yaml").write_text(HEAD.format(more="") + "  cart: {repository: acme/cart}\n")
    shop = folder / "b.yaml"
    shop.write_text("version: 1\npipelines:\n  shop:\n    repository: acme/shop\n")
    shop.chmod(0o640)
    before = shop.read_text()
    dry = hookline("suspend", "shop", "--because", "moved", "-f", "ci", "--dry-run")
    assert (dry.exit_code, dry.stdout) == (
        0,
        'ci/b.yaml:4: shop would be suspended by: suspended: {because: "moved"}\n',
    )
    assert shop.read_text() == before
    done = hookline("suspend", "shop", "--because", "moved", "--until", "2120-01-01", "-f", "ci")
    assert (done.exit_code, done.stdout) == (
        0,
        "ci/b.yaml:4: shop is suspended; apply it with: hookline apply\n",
    )
    assert shop.stat().st_mode & 0o777 == 0o640
    assert "SUSPENDED" in hookline("explain", "shop", *EVENT, "-f", "ci").stdout
    back = hookline("resume", "shop", "-f", "ci")
    assert (back.exit_code, back.stdout) == (
        0,
        "ci/b.yaml:4: shop is resumed; apply it with: hookline apply\n",
    )
    assert shop.read_text() == before
    assert hookline("resume", "shop", "-f", "ci").stdout == "shop is not suspended\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nope", "--because", "x"), 'there is no pipeline "nope"'),
        (("shop", "--because", "{{x}}"), "--because: {{ is refused"),
        (("shop", "--because", "x", "--until", "soon"), "--until: expected a day such as"),
        (("shop",), "Missing option '--because'"),
        (("each-b", "--because", "x"), 'write by hand: suspended: {because: "x"}, under the pipeline each-b'),
    ],
)
def test_what_is_refused_changes_no_file(
    hookline: Callable[..., Result], arguments: tuple[str, ...], words: str
) -> None:
    declare("shop: {repository: acme/shop}", "each: {for_each: [a/b]}")
    before = Path("hookline.yaml").read_text()
    result = hookline("suspend", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert Path("hookline.yaml").read_text() == before
