"""What several pipelines share stands once: defaults, patterns, for_each, and one message for a fault in it."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from documents.diagnostics import InvalidInput
from documents.document import Place
from hookline.declaration.loading import Declaration, load_texts
from hookline.declaration.merging import Part, made, merge
from hookline.declaration.model import Pipeline
from hookline.declaration.schema import json_schema
from hookline.declaration.shapes import shape_of
from hookline.plan.planning import make_plan

HEAD = """\
version: 1
cluster: {namespace: ci}
sources:
  ghe: {host: github, endpoint: /ghe, secret: {name: ghe, key: secret}}
"""
DEFAULTS = """\
defaults:
  repository: {source: ghe, url: "https://git.example.com/{repository}.git"}
  image: registry.example.com/{owner}/{repository_name}
  events: {push: {branches: [main], paths: {exclude: ["docs/**"]}}, pull_request: {into: [main]}}
  run: {spot: {fallback: false}, ttl: 1h, parameters: {enable_test: true, dockerfile: ./a}}
"""
SCHEMA = jsonschema.Draft7Validator(json_schema())


def declared(*texts: str, **files: str) -> Declaration:
    """The declaration of these files, each right by the schema too; `files` are the files of names that they read."""
    for text in texts:
        assert list(SCHEMA.iter_errors(yaml.safe_load(text))) == []
    named = [(f"{chr(ord('a') + place)}.yaml", text.encode()) for place, text in enumerate(texts)]
    return load_texts(named, lambda path: files[path.stem].encode())


def pipeline(declaration: Declaration, name: str = "shop") -> Pipeline:
    return declaration.pipelines[name].pipeline


def said(*texts: str, **files: str) -> list[str]:
    """The problems of a declaration, each as it is printed."""
    named = [(f"{chr(ord('a') + place)}.yaml", text.encode()) for place, text in enumerate(texts)]
    with pytest.raises(InvalidInput) as refused:
        make_plan(load_texts(named, lambda path: files[path.stem].encode()), {})
    return [str(each) for each in refused.value.diagnostics]


# --- defaults -------------------------------------------------------------------------------------------------------


def test_a_default_gives_everything_that_a_pipeline_takes() -> None:
    found = pipeline(declared(HEAD + DEFAULTS + "pipelines:\n  shop: {repository: acme/Shop}\n"))
    assert found.repository.model_dump() == {
        "source": "ghe",
        "name": "acme/Shop",
        "url": "https://git.example.com/acme/Shop.git",
    }
    assert found.image == "registry.example.com/acme/shop"
    assert found.events.kinds() == ("push", "pull_request")
    assert found.run is not None
    assert found.run.ttl == 3600


def test_a_pipelines_own_key_wins_key_by_key() -> None:
    own = "{repository: acme/shop, events: {push: {branches: [next]}}, run: {spot: {protection: 0}, parameters: {dockerfile: ./b}}}"
    found = pipeline(declared(HEAD + DEFAULTS + f"pipelines:\n  shop: {own}\n"))
    assert found.events.push is not None
    assert found.events.push.branches == ["next"]
    assert found.events.push.paths is not None
    assert found.run is not None
    assert found.run.spot
    assert (found.run.spot.fallback, found.run.spot.protection, found.run.ttl) == (False, 0, 3600)
    assert found.run.parameters == {"enable_test": True, "dockerfile": "./b"}


def test_false_takes_a_default_back_and_stays_a_value_where_it_is_one() -> None:
    own = (
        "{repository: acme/shop, image: false, events: {pull_request: false, push: {paths: false, skip_markers: false}}, "
        "run: {spot: false, ttl: false, parameters: {enable_test: false}}}"
    )
    found = pipeline(declared(HEAD + DEFAULTS + f"pipelines:\n  shop: {own}\n"))
    assert (found.image, found.events.pull_request) == (None, None)
    assert found.events.push is not None
    assert (found.events.push.paths, found.events.push.skip_markers) == (None, False)
    assert found.run is not None
    assert (found.run.spot, found.run.ttl) == (False, None)
    assert found.run.parameters == {"enable_test": False, "dockerfile": "./a"}


def test_a_false_that_takes_nothing_back_is_taken_in_defaults_and_in_pipelines() -> None:
    head = HEAD + DEFAULTS.replace("image: registry", "owner: false\n  image: registry").replace(
        "pull_request: {into: [main]}", "tag: false"
    )
    shop = pipeline(
        declared(head + "pipelines:\n  shop: {repository: acme/shop, events: {pull_request: false}}\n")
    )
    assert shop.events.kinds() == ("push",)
    assert shop.owner is None


def test_false_takes_back_nothing_that_is_not_a_key() -> None:
    (message,) = said(HEAD + DEFAULTS + "pipelines:\n  shop: {repository: acme/shop, imag: false}\n")
    assert message.endswith("pipelines.shop.imag: unknown key; did you mean image?")


def test_a_default_without_a_start_completes_the_schedules_of_pipelines_and_starts_nothing() -> None:
    defaults = DEFAULTS.replace("events: {", "events: {schedule: {timezone: Asia/Shanghai}, ")
    found = declared(
        HEAD + defaults + "pipelines:\n  shop: {repository: acme/shop}\n"
        '  night: {repository: acme/shop, events: {schedule: {at: "0 3 * * *"}}}\n'
    )
    assert pipeline(found).events.schedule is None
    night = pipeline(found, "night").events.schedule
    assert night is not None
    assert [(each.at, each.timezone) for each in night] == [(["0 3 * * *"], "Asia/Shanghai")]


def test_a_default_completes_each_of_several_schedules() -> None:
    defaults = DEFAULTS.replace("events: {", "events: {schedule: {timezone: Asia/Shanghai, branch: next}, ")
    found = pipeline(
        declared(
            HEAD
            + defaults
            + "pipelines:\n  shop:\n    repository: acme/shop\n    events:\n      schedule:\n"
            + '        - {at: "0 3 * * *", branch: false}\n        - {name: weekly, at: "0 4 * * 0", timezone: UTC}\n'
        )
    )
    assert found.events.schedule is not None
    assert [(each.name, each.timezone, each.branch) for each in found.events.schedule] == [
        (None, "Asia/Shanghai", "main"),
        ("weekly", "UTC", "next"),
    ]


def test_a_teams_defaults_go_over_those_of_all_files_and_reach_its_own_pipelines_alone() -> None:
    team = "version: 1\nowner: team-a\ndefaults: {image: false, run: {ttl: 2h}}\npipelines:\n  shop: {repository: acme/shop}\n"
    other = "version: 1\npipelines:\n  cart: {repository: acme/cart}\n"
    found = declared(team, HEAD + DEFAULTS, other)
    shop, cart = pipeline(found), pipeline(found, "cart")
    assert (shop.image, cart.image) == (None, "registry.example.com/acme/cart")
    assert shop.run is not None
    assert cart.run is not None
    assert (shop.run.ttl, cart.run.ttl) == (7200, 3600)
    assert found.pipelines["shop"].owner == "team-a"


@pytest.mark.parametrize(
    ("own", "team", "everybody", "expected"),
    [
        (", owner: own", "", "", "own"),
        (", owner: false", "", "  owner: all\n", None),
        ("", "  owner: team\n", "  owner: all\n", "team"),
        ("", "", "  owner: all\n", "file"),
    ],
)
def test_the_nearest_owner_counts(own: str, team: str, everybody: str, expected: str | None) -> None:
    defaults = f"defaults:\n{team}" if team else ""
    file = f"version: 1\nowner: file\n{defaults}pipelines:\n  shop: {{repository: acme/shop{own}}}\n"
    assert declared(HEAD + DEFAULTS + everybody, file).pipelines["shop"].owner == expected


def test_defaults_of_all_files_stand_once() -> None:
    (message,) = said(HEAD + DEFAULTS, "version: 1\ndefaults: {run: {ttl: 1h}}\n")
    assert message == "b.yaml:2:1: error: defaults: defaults: of all files are declared already at a.yaml:5:1"


def test_foreign_code_gets_no_default_image_and_no_default_account() -> None:
    defaults = DEFAULTS.replace("ttl: 1h", "service_account: builder")
    own = "{repository: acme/shop, events: {push: false, pull_request: {into: false, forks: sandboxed, approved_by: {label: ok}}}}"
    head = HEAD.replace("namespace: ci", "namespace: ci, sandbox: {namespace: ci-forks}")
    text = head + defaults.replace("{spot", "{template: hookline-ci-go, spot").replace(
        ", dockerfile: ./a", ""
    )
    text = text.replace("parameters: {enable_test: true}", "deadline: 1h")
    found = declared(text + f"pipelines:\n  shop: {own}\n")
    assert pipeline(found).image is None
    assert make_plan(found, {}).sandboxed == {"shop"}


@given(st.data())
def test_merging_with_nothing_changes_nothing_and_the_own_key_always_wins(data: Any) -> None:
    leaves = st.sampled_from(["a", "b", "1h"]) | st.integers(0, 3) | st.sampled_from([True])
    keys = st.sampled_from(["run", "events", "push", "parameters", "ttl", "spot", "image", "x"])
    tree = st.recursive(leaves, lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=8)
    mapping = st.dictionaries(keys, tree, max_size=4)
    default, own = data.draw(mapping), data.draw(mapping)

    def part(value: Any) -> Part:
        return made(value, Place("a.yaml", 0, 0))

    shape = shape_of(Pipeline)
    empty = part({})
    assert merge(shape, empty, part(own)).data == own
    assert merge(shape, part(default), empty).data == default
    merged = merge(shape, part(default), part(own))
    assert merged.data.keys() == default.keys() | own.keys()
    for key, value in own.items():
        if not isinstance(value, dict):
            assert merged.data[key] == value
    again = merge(shape, part(default), merged)
    assert again.data == merged.data


# --- one message for a fault that many pipelines have -----------------------------------------------------------------


MANY = "pipelines:\n" + "".join(f"  p{place}: {{repository: acme/p{place}}}\n" for place in range(40))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ttl: 1h", "ttl: 1 hour", "9:39: error: defaults.run.ttl: expected a duration with units, such as 90s, 20m, 1h30m or 7d"),
        ("enable_test: true", "enable_tests: true", '9:70: error: defaults.run.parameters.enable_tests: ci-go-v1 has no parameter "enable_tests"'),
        ("[main], paths", "[mian ], pathes", "8:38: error: defaults.events.push.pathes: unknown key; did you mean paths?"),
        ("source: ghe", "source: gha", '6:24: error: defaults.repository.source: there is no source "gha"; declared: ghe'),
        ("{owner}/", "{namespace}/", "7:10: error: defaults.image: nothing fills {namespace}; accepted: {repository}, {owner}, {repository_name}, {pipeline}"),
        ("{repository}.git", "{repositry}.git", "6:34: error: defaults.repository.url: nothing fills {repositry}; accepted: {repository}, {owner}, {repository_name}, {pipeline}; did you mean {repository}?"),
        ("{repository}.git", "{repository.git", "6:34: error: defaults.repository.url: a brace stands alone"),
        ("https://git", "http://git", "6:34: error: defaults.repository.url: plain http:// is refused"),
        ("[main]}}", "[]}}", "8:90: error: defaults.events.pull_request.into: expected at least 1 item"),
    ],
)  # fmt: skip
def test_a_fault_of_a_default_is_one_message_at_its_line(old: str, new: str, expected: str) -> None:
    assert old in DEFAULTS
    text = HEAD + DEFAULTS.replace(old, new, 1)
    (message,) = said(text + MANY)
    assert message.startswith(f"a.yaml:{expected}")
    assert message.endswith(' (reaches 40 pipelines, such as "p0")')


def test_a_fault_of_a_default_in_another_file_stands_at_that_files_line() -> None:
    (message,) = said(HEAD + DEFAULTS.replace("ttl: 1h", "ttl: 1"), "version: 1\n" + MANY)
    assert message.startswith("a.yaml:9:39: error: defaults.run.ttl: ")
    assert "40 pipelines" in message


def test_a_fault_of_a_default_that_no_pipeline_takes_is_said_too() -> None:
    (message,) = said(HEAD + DEFAULTS.replace("ttl: 1h", "ttl: 1"))
    assert message.startswith("a.yaml:9:39: error: defaults.run.ttl: expected a duration")
    assert "reaches" not in message


def test_a_fault_of_one_pipeline_stands_at_its_own_line() -> None:
    text = HEAD + DEFAULTS + MANY.replace("acme/p7}", "acme/p7, run: {ttl: 1}}")
    (message,) = said(text)
    assert message.startswith("a.yaml:18:40: error: pipelines.p7.run.ttl: expected a duration")


# --- patterns -------------------------------------------------------------------------------------------------------


def test_a_source_carries_the_pattern_of_its_clone_urls() -> None:
    head = HEAD.replace("{host: github", '{url: "https://git.example.com/{repository}.git", host: github')
    defaults = DEFAULTS.replace(', url: "https://git.example.com/{repository}.git"', "")
    found = declared(head, "version: 1\n" + defaults + "pipelines:\n  shop: {repository: acme/shop}\n")
    assert pipeline(found).repository.url == "https://git.example.com/acme/shop.git"
    own = '{repository: {name: acme/shop, url: "ssh://git@other.example.com/{owner}/x.git"}}'
    found = declared(head, "version: 1\n" + defaults + f"pipelines:\n  shop: {own}\n")
    assert pipeline(found).repository.url == "ssh://git@other.example.com/acme/x.git"


def test_a_default_image_may_be_named_by_the_pipeline() -> None:
    defaults = DEFAULTS.replace("{owner}/{repository_name}", "{pipeline}")
    found = declared(HEAD + defaults + "pipelines:\n  till: {repository: acme/shop}\n")
    assert pipeline(found, "till").image == "registry.example.com/till"


def test_a_fault_of_a_sources_pattern_is_one_message_at_its_line() -> None:
    head = HEAD.replace("{host: github", '{url: "https://git.example.com/{repo}.git", host: github')
    defaults = DEFAULTS.replace(', url: "https://git.example.com/{repository}.git"', "")
    found = said(head, "version: 1\n" + defaults + MANY)
    assert len(found) == 1 or {each.split(": error")[0] for each in found} == {"a.yaml:4:14"}
    assert any("nothing fills {repo}" in each for each in found)


def test_a_default_url_and_a_sources_url_do_not_hide_each_other() -> None:
    head = HEAD.replace("{host: github", '{url: "https://git.example.com/{repository}.git", host: github')
    (message,) = said(head + DEFAULTS + MANY)
    assert message.startswith(
        "a.yaml:6:34: error: defaults.repository.url: the source ghe has a url: of its own"
    )


def test_a_registry_has_no_clone_url() -> None:
    source = '  harbor: {host: harbor, endpoint: /harbor, secret: {name: x, key: y}, url: "https://h.example.com/{repository}"}\n'
    (message,) = said(HEAD + source + DEFAULTS + "pipelines:\n  shop: {repository: acme/shop}\n")
    assert "Harbor is a registry and holds no code to clone" in message


def test_a_subgroup_is_a_part_of_the_owner_and_names_of_images_are_lower_case() -> None:
    found = pipeline(declared(HEAD + DEFAULTS + "pipelines:\n  shop: {repository: Acme/Tools/Shop}\n"))
    assert found.image == "registry.example.com/acme/tools/shop"
    assert found.repository.url == "https://git.example.com/Acme/Tools/Shop.git"


def test_forty_ordinary_repositories_are_forty_lines() -> None:
    found = declared(HEAD + DEFAULTS + MANY)
    assert len(found.pipelines) == 40
    assert len(make_plan(found, {}).workloads) == 40


# --- for_each ---------------------------------------------------------------------------------------------------------


EACH = "pipelines:\n  KEY:\n    for_each: [acme/a, Acme/B.c, tools/d]\n    run: {deadline: 1h}\n"


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("build", ["build-a", "build-b-c", "build-d"]),
        ('"{repository_name}"', ["a", "b-c", "d"]),
        ('"{owner}-{repository_name}-ci"', ["acme-a-ci", "acme-b-c-ci", "tools-d-ci"]),
    ],
)
def test_for_each_makes_a_pipeline_of_each_repository(key: str, names: list[str]) -> None:
    found = declared(HEAD + DEFAULTS + EACH.replace("KEY", key))
    assert list(found.pipelines) == names
    assert [each.pipeline.repository.name for each in found.pipelines.values()] == [
        "acme/a",
        "Acme/B.c",
        "tools/d",
    ]
    assert all(each.pipeline.run and each.pipeline.run.deadline == 3600 for each in found.pipelines.values())


def test_for_each_reads_a_file_of_names() -> None:
    text = HEAD + DEFAULTS + "pipelines:\n  build: {for_each: {file: names.txt}}\n"
    found = declared(text, names="# ours\nacme/a\r\n\n  acme/b  # the other\n")
    assert list(found.pipelines) == ["build-a", "build-b"]
    (message,) = said(text, names="acme/a\n acme\n")
    assert message.startswith("names.txt:2:2: error: for_each: expected owner/name")


def test_a_file_of_names_lies_beside_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("acme/a\n", "utf-8")
    text = HEAD + DEFAULTS + "pipelines:\n  build: {for_each: {file: FILE}}\n"
    path = str(tmp_path / "hookline.yaml")
    assert list(load_texts([(path, text.replace("FILE", "names.txt").encode())]).pipelines) == ["build-a"]
    with pytest.raises(InvalidInput, match=r"hookline[.]yaml:11:28: error: .*other[.]txt cannot be read"):
        load_texts([(path, text.replace("FILE", "other.txt").encode())])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("tools/d", "tools/a", '12:34: error: for_each: acme/a and tools/a would both be the pipeline "build-a"; write a key that tells them apart'),
        ("tools/d", "acme/a", "12:34: error: for_each: acme/a stands in this list already"),
        ("tools/d", "tools", "12:34: error: for_each: expected owner/name"),
        ("tools/d", "7", "12:34: error: expected the name of a repository"),
        ("[acme/a, Acme/B.c, tools/d]", "[]", "12:15: error: expected a list of repositories"),
        ("[acme/a, Acme/B.c, tools/d]", "acme/a", "12:15: error: expected a list of repositories"),
        ("[acme/a, Acme/B.c, tools/d]", "{files: x}", "12:15: error: expected {file: repositories.txt}"),
        ("run: {deadline: 1h}", "repository: acme/x", "13:17: error: for_each names the repositories; leave the name out here"),
        ("  KEY:", "  build-a: {repository: acme/x}\n  KEY:", '13:16: error: a pipeline "build-a" is declared already in this file'),
        ("KEY", '"{repo}"', "11:3: error: the names of the pipelines: nothing fills {repo}"),
        ("1h", "1", "13:21: error: pipelines.build.run.deadline: expected a duration"),
    ],
)  # fmt: skip
def test_what_for_each_refuses_stands_at_its_line(old: str, new: str, expected: str) -> None:
    assert old in EACH
    text = HEAD + DEFAULTS + EACH.replace(old, new, 1).replace("KEY", "build")
    (message,) = said(text)
    # lines count from the head: version 1, cluster 2, sources 3-4, defaults 5-9, pipelines 10
    assert message.startswith(f"a.yaml:{expected}")


def test_two_files_may_not_make_one_pipeline() -> None:
    (message,) = said(
        HEAD + DEFAULTS + EACH.replace("KEY", "build"),
        "version: 1\npipelines:\n  build-d: {repository: acme/other}\n",
    )
    assert (
        message
        == "b.yaml:3:3: error: pipelines.build-d: pipeline build-d is declared already at a.yaml:12:34"
    )


# --- the words of other systems ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("on: {push: {}}", 'YAML reads the key "on" as true; the key here is events'),
        ("concurrency: shop", "give others a lock with run: {mutex: NAME}"),
        ("run: {concurrency: shop}", "give others a lock with run: {mutex: NAME}"),
        ("timeout: 1h", "write run: {deadline: 1h}"),
        ("run: {timeout-minutes: 60}", "the key here is deadline, such as deadline: 1h"),
        ('cron: "0 3 * * *"', "what starts a pipeline stands under events:"),
        ('events: {cron: "0 3 * * *"}', 'write schedule: {at: "0 3 * * *"}'),
        ('events: {schedule: {cron: "0 3 * * *"}}', "the key here is at"),
        ("events: {workflow_dispatch: {}}", "no key is needed to start a run by hand"),
        ("events: {merge_request: {}}", "the key here is pull_request"),
        ("events: {push: {paths-ignore: [a]}}", 'write paths: {exclude: ["docs/**"]}'),
        ("events: {push: {branches_ignore: [a]}}", 'write branches: {exclude: ["wip/*"]}'),
        ("events: {pull_request: {branches: [main]}}", "the branches that a request goes into are into:"),
        ("events: {pull_request: {paths-ignore: [a]}}", 'write paths: {exclude: ["docs/**"]}'),
        ("events: {tag: {paths: [a]}}", "a tag carries no list of changed files"),
        ("run: {parameters: {enable-tests: true}}", "did you mean enable_test?"),
        ("<<: *shop", "what several pipelines share goes under defaults:"),
    ],
)  # fmt: skip
def test_each_word_of_another_system_is_answered_with_the_key_that_does_it_here(
    own: str, expected: str
) -> None:
    text = HEAD + "defaults: &shop\n" + DEFAULTS.partition("\n")[2]
    found = said(text + f"pipelines:\n  shop: {{repository: acme/shop, {own}}}\n")
    assert len(found) == 1
    assert expected in found[0]
    assert ":11:" in found[0]


@pytest.mark.parametrize(
    "key", ["push: {branches: VALUE}", "pull_request: {into: VALUE}", "push: {paths: {exclude: VALUE}}"]
)
def test_a_text_stands_for_a_list_of_one(key: str) -> None:
    text = HEAD + DEFAULTS + f"pipelines:\n  shop: {{repository: acme/shop, events: {{{key}}}}}\n"
    one, listed = (pipeline(declared(text.replace("VALUE", value))) for value in ("main", "[main]"))
    assert one == listed
    (message,) = said(text.replace("VALUE", '"[main"'))
    assert message.startswith("a.yaml:11:")
    assert message.partition(":11:")[2].partition(":")[0] != "3"
