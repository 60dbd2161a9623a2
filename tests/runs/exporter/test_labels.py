"""Namespace, owner and pipeline of a run: whose it is, and how many of them there can be."""

from pathlib import Path

from api_objects import START, green_run
from counting_core import Exporter
from hypothesis import given
from hypothesis import strategies as st

from hookline.command_line.common import DeclarationArguments
from hookline.plan.exporter_objects import schedules_of
from hookline.plan.fire_times import next_fires
from runs.exporter.family import PipelineLabels
from runs.exporter.labels import MAX_TEAMS_OF_OTHER, Labels
from runs.facts import Began
from runs.history import Query

WORDS = st.text(st.sampled_from('abé{"\\\n'), max_size=3)


def a_run(namespace: str = "ci", owner: str = "", pipeline: str = "", repo_name: str = "") -> Began:
    return Began(
        uid="u",
        namespace=namespace,
        name="n",
        owner=owner,
        pipeline=pipeline,
        repo_name=repo_name,
        created=1.0,
    )


def workflow_labels(pipeline: str, owner: str = "") -> dict[str, str]:
    labels = {"hookline.dev/pipeline": pipeline, "hookline.dev/event-kind": "push"}
    return labels | ({"hookline.dev/owner": owner} if owner else {})


def test_a_run_is_counted_under_its_namespace_and_owner() -> None:
    found = Exporter().play(green_run("a", START, labels=workflow_labels("shop", "team-web")))
    team = ("ci", "team-web")
    assert found.value("runs_total", "shop", "push", "success", team=team) == 1
    assert sum(found.value("step_pending_seconds", "run-test", "on_demand", team=team).counts) == 1
    assert sum(found.value("event_latency_seconds", "sensor", team=team).counts) == 1
    assert {labels[:2] for (name, labels), _ in found.ledger.series.values() if len(labels) > 1} == {team}
    (run,) = found.ledger.page(Query(owner="team-web")).runs
    assert (run.namespace, run.owner, run.pipeline) == ("ci", "team-web", "shop")


def test_pipelines_of_one_name_in_two_namespaces_are_two() -> None:
    elsewhere = green_run("b", START + 500, labels=workflow_labels("shop", "team-qa"))
    for _, raw in (*elsewhere.workflows, *elsewhere.pods):
        raw["metadata"]["namespace"] = "qa"
    found = Exporter().play(green_run("a", START, labels=workflow_labels("shop", "team-web")), elsewhere)
    for team in (("ci", "team-web"), ("qa", "team-qa")):
        assert found.value("runs_total", "shop", "push", "success", team=team) == 1


def test_a_run_whose_workflow_names_no_owner_has_none() -> None:
    found = Exporter().play(green_run("a", START, labels=workflow_labels("shop")))
    line = 'hookline_runs_total{namespace="ci",owner="",pipeline="shop",event="push",outcome="success"} 1'
    assert line in found.ledger.exposition().decode()


def test_a_person_can_give_a_run_an_owner() -> None:
    labels = {"hookline.dev/owner": "team-web"}
    found = Exporter().play(green_run("a", START, labels=labels, annotations={}))
    assert found.value("runs_total", "other", "manual", "success", team=("ci", "team-web")) == 1


@given(
    st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), max_size=60),
    st.integers(1, 5),
)
def test_whatever_workflows_say_there_are_at_most_so_many_pipelines(
    said: list[tuple[str, str, str, str]], most: int
) -> None:
    labels = Labels(adopt=["**"], max_pipelines=most)
    found = {labels.pipeline(a_run(*each))[0] for each in said}
    assert len({each for each in found if each.pipeline != "other"}) <= most
    # What has its own series keeps them.
    assert {labels.pipeline(a_run(*each))[0] for each in said} == found


def test_runs_by_hand_in_many_namespaces_are_bounded_and_take_no_place_of_a_pipeline() -> None:
    labels = Labels(max_pipelines=2)
    for number in range(MAX_TEAMS_OF_OTHER):
        namespace = f"pr-{number}"
        assert labels.pipeline(a_run(namespace)) == ((namespace, "", "other"), ())
    assert labels.pipeline(a_run("one-too-many")) == (("other", "", "other"), ("namespace",))
    assert labels.pipeline(a_run("one-too-many", "web")) == (
        ("other", "other", "other"),
        ("namespace", "owner"),
    )
    assert labels.pipeline(a_run("pr-7")) == (("pr-7", "", "other"), ())
    assert labels.pipeline(a_run("ci", "web", "shop")) == (("ci", "web", "shop"), ())


def test_a_pipeline_too_many_stays_with_its_namespace_and_owner() -> None:
    runs = [
        green_run(f"r{number}", START + number, labels=workflow_labels(f"p{number}", "team-web"))
        for number in range(3)
    ]
    found = Exporter(max_pipelines=1).play(*runs)
    assert found.value("runs_total", "other", "push", "success", team=("ci", "team-web")) == 2
    assert found.value("label_overflow_total", "pipeline") == 2
    assert found.value("label_overflow_total", "namespace") == 0
    # The pages say whose a run is, also where its series do not.
    run = found.ledger.run("ci", "shop-r2")
    assert run is not None
    assert (run.namespace, run.owner, run.pipeline) == ("ci", "team-web", "other")


def test_a_new_owner_is_another_pipeline_and_takes_a_place() -> None:
    labels = Labels(max_pipelines=2, known=[PipelineLabels("ci", "web", "shop")])
    assert labels.pipeline(a_run("ci", "ops", "shop")) == (("ci", "ops", "shop"), ())
    assert labels.pipeline(a_run("ci", "web", "cart")) == (("ci", "web", "other"), ("pipeline",))


def test_pipelines_of_an_older_ledger_keep_their_places() -> None:
    known = [PipelineLabels("", "", "shop"), PipelineLabels("", "", "cart"), PipelineLabels("", "", "other")]
    labels = Labels(max_pipelines=2, known=known)
    assert labels.pipeline(a_run("ci", "web", "new")) == (("ci", "web", "other"), ("pipeline",))
    assert labels.pipeline(a_run("ci", "web", "shop")) == (("ci", "web", "shop"), ())
    assert labels.pipeline(a_run("qa", "web", "shop")) == (("qa", "web", "other"), ("pipeline",))
    assert labels.pipeline(a_run("ci", "web", "cart")) == (("ci", "web", "cart"), ())


DECLARATION = """\
version: 1
owner: team-web
cluster: {namespace: ci}
sources: {github: {host: github, endpoint: /github, secret: {name: github-webhook, key: secret}}}
defaults:
  repository: {source: github, url: "https://github.com/{repository}.git"}
  image: "r.example.com/{repository}"
  events: {schedule: {at: "0 2 * * *", timezone: UTC}}
  run: {template: ci-go-v1}
pipelines:
  shop: {repository: acme/shop}
  cart: {repository: acme/cart, owner: team-cart}
"""


def test_a_coming_fire_time_has_the_labels_of_the_run_that_it_starts(tmp_path: Path) -> None:
    path = tmp_path / "hookline.yaml"
    path.write_text(DECLARATION)
    plan = DeclarationArguments((path,), (), ()).plan()
    fires = next_fires(tuple(schedules_of(plan)))(START)
    for name, owner in (("shop", "team-web"), ("cart", "team-cart")):
        run = a_run(plan.workloads[name].resource["metadata"]["namespace"], owner, name)
        assert Labels().pipeline(run)[0] in fires
    assert len(fires) == 2
