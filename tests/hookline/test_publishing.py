"""What runs push: requests push nothing unless somebody says so, an image or tag of a kind of event goes before the pipeline's."""

import datetime
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import edited, github_push, payload, plan

from documents.diagnostics import InvalidInput
from hookline.answers.explanation import explain
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import Result, simulate
from hookline.plan.objects import objects
from hookline.plan.planning import Plan
from sensors.reasons import REASONS
from triggers.inspection.anatomy import anatomy
from triggers.inspection.capabilities import capabilities

IMAGE = "registry.example.com/acme/shop"
HEAD = """\
version: 1
cluster: {namespace: ci}
sources:
  github: {host: github, endpoint: /github, secret: {name: github-webhook, key: secret}}
  harbor: {host: harbor, endpoint: /harbor, secret: {name: harbor-webhook, key: token}}
"""
REQUEST = edited(
    payload("github/pull_request-opened"),
    action="opened",
    repository__full_name="acme/shop",
    pull_request__head__repo__full_name="acme/shop",
    pull_request__base__repo__full_name="acme/shop",
)


def shop(
    events: str, template: str = "hookline-ci-go", image: str = IMAGE, more: str = "", name: str = "shop"
) -> str:
    written = f"image: {image}, " if image else ""
    repository = "{source: github, name: acme/shop, url: https://github.com/acme/shop.git}"
    return f"  {name}: {{{written}repository: {repository}, run: {{template: {template}{more}}}, events: {{{events}}}}}\n"


def made(*pipelines: str, head: str = HEAD) -> Plan:
    return plan(head + "pipelines:\n" + "".join(pipelines or (shop("push: {}"),)))


def at(time: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(time).replace(tzinfo=datetime.UTC)


def result(planned: Plan, body: Any, kind: str = "pull_request") -> Result:
    options = EventOptions(source="github", headers={"X-GitHub-Event": kind})
    event = incoming(planned, "event.json", json.dumps(body).encode(), options)
    (found,) = simulate(planned, event).results
    return found


def arguments(found: Result) -> dict[str, str]:
    assert found.workflow is not None
    return {each["name"]: each["value"] for each in found.workflow["spec"]["arguments"]["parameters"]}


def refusals(*pipelines: str, head: str = HEAD) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        made(*pipelines, head=head)
    return [f"{each.field}: {each.message}" for each in refused.value.diagnostics]


def warnings(planned: Plan, word: str = "push") -> list[str]:
    return [f"{each.field}: {each.message}" for each in planned.warnings if word in each.message]


def test_a_request_builds_and_pushes_nothing_while_a_push_publishes() -> None:
    planned = made(shop("push: {branches: [main]}, pull_request: {}"))
    request, push = result(planned, REQUEST), result(planned, github_push(), "push")
    assert (request.pushes, request.publishing) == ("", "builds, pushes nothing")
    assert arguments(request)["publish"] == "false"
    assert arguments(request)["container_image"] == IMAGE  # the caches that it reads
    assert (push.pushes, arguments(push)["publish"]) == (IMAGE, "true")


def test_the_images_and_parameters_of_a_kind_of_event_go_before_the_pipelines() -> None:
    own = "pull_request: {image: registry.example.com/acme/shop-pr, parameters: {container_tag: pr, enable_test: false}}"
    planned = made(
        shop(f"push: {{}}, {own}", more=", parameters: {container_tag: v2, dockerfile: ./a/Dockerfile}")
    )
    request, push = result(planned, REQUEST), result(planned, github_push(), "push")
    assert request.pushes == IMAGE + "-pr"
    names = ("container_tag", "enable_test", "dockerfile", "publish")
    assert [arguments(request)[name] for name in names] == ["pr", "false", "./a/Dockerfile", "true"]
    assert [arguments(push)[name] for name in names] == ["v2", "true", "./a/Dockerfile", "true"]


def test_a_tag_of_its_own_publishes_a_request_and_other_parameters_do_not() -> None:
    tagged = made(shop("pull_request: {parameters: {container_tag: pr}}"))
    assert result(tagged, REQUEST).pushes == IMAGE
    assert result(made(shop("pull_request: {parameters: {coverage: false}}")), REQUEST).pushes == ""


def test_publish_is_an_answer_for_every_kind_of_event() -> None:
    planned = made(shop("push: {publish: false}, pull_request: {publish: true}"))
    assert result(planned, github_push(), "push").pushes == ""
    assert result(planned, REQUEST).pushes == IMAGE


def test_a_build_that_pushes_nothing_needs_no_image() -> None:
    planned = made(shop("pull_request: {}", image=""))
    assert arguments(result(planned, REQUEST))["publish"] == "false"
    own = made(shop(f"push: {{image: {IMAGE}}}, pull_request: {{}}", image=""))
    assert result(own, github_push(), "push").pushes == IMAGE
    assert result(own, REQUEST).pushes == ""
    (refused,) = refusals(shop("push: {}, pull_request: {}", image=""))
    assert "name it with image:" in refused


@given(
    publish=st.sampled_from([None, True, False]),
    image=st.booleans(),
    tag=st.booleans(),
    kind=st.sampled_from(["push", "pull_request"]),
)
def test_what_is_said_wins_then_a_target_of_its_own_then_the_kind(
    publish: bool | None, image: bool, tag: bool, kind: str
) -> None:
    written = [
        *([f"publish: {str(publish).lower()}"] if publish is not None else []),
        *([f"image: {IMAGE}-own"] if image else []),
        *(["parameters: {container_tag: own}"] if tag else []),
    ]
    pipeline = shop(f"{kind}: {{{', '.join(written)}}}")
    if publish is False and tag:
        assert "would name nothing" in refusals(pipeline)[0]
        return
    body = REQUEST if kind == "pull_request" else github_push()
    found = result(made(pipeline), body, kind)
    pushes = publish if publish is not None else kind == "push" or image or tag
    assert found.pushes == ((IMAGE + "-own" if image else IMAGE) if pushes else "")


def test_patterns_fill_the_images_of_kinds_and_of_each_schedule() -> None:
    head = HEAD + (
        "defaults:\n  image: registry.example.com/{owner}/{repository_name}\n  events:\n"
        "    push: {image: 'registry.example.com/{owner}/{repository_name}-dev'}\n"
        "    pull_request: {image: 'registry.example.com/{owner}/{repository_name}-pr'}\n"
    )
    schedule = (
        "schedule: [{at: 0 1 * * *, name: a, image: 'registry.example.com/{repository_name}-a'}, "
        "{at: 0 2 * * *, image: 'registry.example.com/{repository_name}-b', parameters: {container_tag: night}}]"
    )
    planned = made(shop(schedule, image=""), head=head)
    assert result(planned, github_push(), "push").pushes == IMAGE + "-dev"
    assert result(planned, REQUEST).pushes == IMAGE + "-pr"
    times = {"shop-a": "2026-11-25T01:00:00", "shop": "2026-11-25T02:00:00"}
    found = {}
    for name, now in times.items():
        event = incoming(
            planned, f"schedule:shop{'/a' if name == 'shop-a' else ''}", None, EventOptions(now=at(now))
        )
        (each,) = simulate(planned, event).results
        found[name] = (each.pushes, arguments(each)["container_tag"])
    assert found == {
        "shop-a": ("registry.example.com/shop-a", "v1.0.0"),
        "shop": ("registry.example.com/shop-b", "night"),
    }


def test_a_pattern_that_leaves_a_field_open_is_refused_where_it_stands() -> None:
    (refused,) = refusals(shop('pull_request: {image: "registry.example.com/{team}"}'))
    assert refused.startswith("pipelines.shop.events.pull_request.image: nothing fills {team}")


def test_two_schedules_of_one_minute_that_push_different_images_are_two_runs() -> None:
    schedule = f"schedule: [{{at: 0 1 * * *, name: a, image: {IMAGE}-a}}, {{at: 0 1 * * *, name: b, image: {IMAGE}-b}}, {{at: 0 1 * * *, name: c, image: {IMAGE}-a}}]"
    planned = made(shop(schedule))
    names = set()
    for each in ("shop/a", "shop/b", "shop/c"):
        event = incoming(planned, f"schedule:{each}", None, EventOptions(now=at("2026-11-25T01:00:00")))
        (found,) = simulate(planned, event).results
        assert found.workflow is not None
        names.add((found.workflow["metadata"]["name"], found.pushes))
    assert len(names) == 2  # a and c make the same Workflow


def test_a_cron_workflow_has_the_arguments_of_its_schedule() -> None:
    head = HEAD.replace("namespace: ci", "namespace: ci, schedules: cron_workflow")
    schedule = "schedule: [{at: 0 1 * * *, publish: false, name: a}, {at: 0 2 * * *, branch: next}]"
    crons = [each for each in objects(made(shop(schedule), head=head)) if each["kind"] == "CronWorkflow"]
    given = {
        each["metadata"]["name"]: {
            item["name"]: item["value"] for item in each["spec"]["workflowSpec"]["arguments"]["parameters"]
        }
        for each in crons
    }
    assert {name: (values["publish"], values["target_branch"]) for name, values in given.items()} == {
        "shop-a": ("false", "main"),
        "shop": ("true", "next"),
    }


# --- templates that cannot ----------------------------------------------------------------------------------------


def test_a_template_that_cannot_leave_the_push_out_refuses_that_with_the_ways_out() -> None:
    (refused,) = refusals(shop("push: {branches: [main]}, pull_request: {publish: false}", "ci-go-v1"))
    assert refused.startswith(
        "pipelines.shop.events.pull_request.publish: ci-go-v1 cannot build without pushing"
    )
    for way in ("hookline-ci-go", "hookline.dev/publish-parameter", "image:", "leave publish: out"):
        assert way in refused


def test_requests_that_overwrite_the_image_of_a_stock_template_are_told_once() -> None:
    events = "push: {branches: [main]}, pull_request: {}"
    one = made(shop(events, "ci-go-v1"))
    (told,) = warnings(one)
    assert told.startswith("pipelines.shop.events.pull_request: ci-go-v1 cannot build without pushing")
    assert f"push {IMAGE} too and move its :latest" in told
    three = made(*(shop(events, "ci-go-v1", f"{IMAGE}-{name}", name=name) for name in ("a", "b", "c")))
    (told,) = warnings(three)
    assert told.startswith("pipelines.a.events.pull_request")
    assert told.endswith('(so do 2 more pipelines, such as "b")')
    head = HEAD + f"defaults: {{events: {{{events}}}}}\n"
    both = made(
        shop("schedule: {at: 0 1 * * *}", "ci-go-v1"),
        shop("tag: {branch: main}", "ci-go-v1", name="b"),
        head=head,
    )
    (told,) = warnings(both, "cannot build")
    assert told.startswith("defaults.events.pull_request:")
    assert told.endswith('(reaches 2 pipelines, such as "b")')


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ("", True),
        ("parameters: {container_tag: pr}", True),  # ci-go-v1 moves :latest all the same
        ("publish: true", False),
        (f"image: {IMAGE}-pr", False),
    ],
)
def test_what_silences_the_warning_of_a_stock_template_is_a_choice(request_: str, told: bool) -> None:
    planned = made(shop(f"push: {{branches: [main]}}, pull_request: {{{request_}}}", "ci-go-v1"))
    assert bool(warnings(planned)) == told
    assert result(planned, REQUEST).pushes == (IMAGE + "-pr" if "image" in request_ else IMAGE)


def test_a_pipeline_of_requests_with_an_image_of_its_own_overwrites_nothing() -> None:
    pushes = shop("push: {branches: [main]}", "ci-go-v1")
    requests = shop("pull_request: {}", "ci-go-v1", IMAGE + "-pr", name="shop-pr")
    assert warnings(made(pushes, requests)) == []
    assert len(warnings(made(pushes, requests.replace("shop-pr,", "shop,")))) == 1
    assert len(warnings(made(requests))) == 1


def test_a_template_of_ones_own_names_its_switch_in_an_annotation_whatever_its_default() -> None:
    manifest = {
        "kind": "ClusterWorkflowTemplate",
        "metadata": {
            "name": "own",
            "annotations": {
                "hookline.dev/publish-parameter": "upload",
                "hookline.dev/image-parameter": "target",
            },
        },
        "spec": {
            "arguments": {"parameters": [{"name": "upload", "value": "false"}, {"name": "target"}]},
            "entrypoint": "main",
            "templates": [{"name": "main", "container": {"image": "x", "env": []}}],
        },
    }
    own = capabilities(anatomy(manifest), "own.yaml")
    planned = plan(HEAD + "pipelines:\n" + shop("push: {}, pull_request: {}", "own"), own)
    push, request = result(planned, github_push(), "push"), result(planned, REQUEST)
    assert (push.pushes, arguments(push)["upload"]) == (IMAGE, "true")
    assert (request.pushes, arguments(request)["upload"]) == ("", "false")


# --- what has no effect is not accepted in silence ----------------------------------------------------------------

SANDBOXED = "forks: sandboxed, approved_by: {label: ok}"


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        (
            shop("pull_request: {publish: false, parameters: {container_tag: pr}}"),
            "pipelines.shop.events.pull_request.parameters.container_tag: publish: false pushes nothing",
        ),
        (
            shop("tag: {parameters: {container_tag: pr}}"),
            "pipelines.shop.events.tag.parameters.container_tag: container_tag takes the tag of the event",
        ),
        (
            shop("tag: {}", more=", parameters: {container_tag: v1}"),
            "pipelines.shop.run.parameters.container_tag: container_tag takes the tag of the event, and no other",
        ),
        (
            shop("push: {parameters: {publish: false}}"),
            "pipelines.shop.events.push.parameters.publish: publish follows from publish: under a kind of event",
        ),
        (
            shop("push: {}", more=", parameters: {publish: false}"),
            "pipelines.shop.run.parameters.publish: publish follows from publish: under a kind of event",
        ),
        (
            shop("push: {parameters: {container_image: x}}"),
            "pipelines.shop.events.push.parameters.container_image: container_image comes from image",
        ),
        (
            shop("push: {parameters: {coverag: true}}"),
            'pipelines.shop.events.push.parameters.coverag: hookline-ci-go has no parameter "coverag"',
        ),
        (
            shop("push: {parameters: {container_tag: latest}}"),
            "pipelines.shop.events.push.parameters.container_tag: latest is a tag that the template keeps",
        ),
        (
            shop('schedule: [{at: 0 1 * * *, parameters: {coverage: "yes"}}]'),
            "pipelines.shop.events.schedule.0.parameters.coverage: coverage is a switch",
        ),
        (
            shop(f"pull_request: {{{SANDBOXED}, image: {IMAGE}}}", image=""),
            "pipelines.shop.events.pull_request.image: a sandboxed run pushes nothing; leave image: out",
        ),
        (
            shop(f"pull_request: {{{SANDBOXED}, publish: true}}", image=""),
            "pipelines.shop.events.pull_request.publish: a sandboxed run pushes nothing; leave publish: out",
        ),
        (
            shop(f"push: {{image: {IMAGE}:v1}}"),
            "pipelines.shop.events.push.image: expected an image without tag",
        ),
        (
            shop("push: {parameters: {go_env: '{{workflow.name}}'}}"),
            "pipelines.shop.events.push.parameters.go_env: {{ is refused",
        ),
    ],
)  # fmt: skip
def test_a_setting_of_a_kind_that_would_have_no_effect_is_refused_at_its_line(
    pipeline: str, said: str
) -> None:
    head = HEAD.replace("namespace: ci", "namespace: ci, sandbox: {namespace: ci-forks}")
    assert any(each.startswith(said) for each in refusals(pipeline, head=head)), refusals(pipeline, head=head)


def test_a_tag_of_all_runs_serves_those_that_no_git_tag_starts() -> None:
    more = ", parameters: {container_tag: v2}"
    assert (
        arguments(result(made(shop("push: {}, tag: {}", more=more)), github_push(), "push"))["container_tag"]
        == "v2"
    )
    head = HEAD + "defaults: {run: {parameters: {container_tag: v2}}}\n"
    assert made(shop("tag: {}"), head=head).workloads  # a default is for other pipelines, too


def test_no_default_says_where_foreign_code_pushes() -> None:
    head = HEAD.replace("namespace: ci", "namespace: ci, sandbox: {namespace: ci-forks}") + (
        f"defaults: {{image: {IMAGE}, events: {{pull_request: {{publish: true, image: {IMAGE}-pr}}}}}}\n"
    )
    planned = made(shop(f"pull_request: {{{SANDBOXED}}}", image=""), head=head)
    assert planned.sandboxed == {"shop"}
    given = planned.workloads["shop"].arguments
    assert (given["container_image"], given["sandboxed"]) == ("", "true")


def test_an_image_that_no_run_pushes_is_told() -> None:
    (told,) = warnings(made(shop("pull_request: {}")), "no run pushes")
    assert told.startswith("pipelines.shop.image: no run pushes this image")
    assert "pull_request: {publish: true}" in told
    (told,) = warnings(made(shop(f"push: {{image: {IMAGE}-own}}")), "no run pushes")
    assert "every kind of event here has an image of its own" in told
    silent = ("pull_request: {publish: false}", "pull_request: {publish: true}", "push: {}, pull_request: {}")
    assert [warnings(made(shop(events)), "no run pushes") for events in silent] == [[], [], []]
    head = HEAD + f"defaults: {{image: {IMAGE}}}\n"
    assert warnings(made(shop("pull_request: {}", image=""), head=head), "no run pushes") == []


def test_a_base_image_that_requests_push_is_no_loop_and_one_that_every_run_pushes_is() -> None:
    base = "image_push: {source: harbor, image: acme/shop-pr}"
    requests = f"pull_request: {{image: {IMAGE}-pr}}"
    assert made(shop(f"{base}, {requests}")).workloads
    (refused,) = refusals(shop("image_push: {source: harbor, image: acme/shop}"))
    assert "every build would start the next" in refused
    assert made(shop("image_push: {source: harbor, image: acme/shop, publish: false}")).workloads


def test_the_settings_that_an_event_inherits_are_explained_with_their_lines() -> None:
    head = HEAD + f"defaults: {{events: {{pull_request: {{image: {IMAGE}-pr}}, push: {{publish: false}}}}}}\n"
    planned = made(shop("push: {branches: [main]}"), head=head)
    options = EventOptions(source="github", headers={"X-GitHub-Event": "pull_request"})
    event = incoming(planned, "event.json", json.dumps(REQUEST).encode(), options)
    found = explain(planned, event, "shop")
    assert [(each.setting, each.value) for each in found.inherited] == [
        ("events.pull_request.image", IMAGE + "-pr")
    ]
    assert found.result.publishing == f"builds, pushes {IMAGE}-pr"
    assert found.result.reason in REASONS
