"""hookline webhooks: what to set at the hosts follows from the events that pipelines use, and no command makes an empty Secret."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support import plan

from events.host import host, host_names
from hookline.answers.webhooks import Webhooks, webhooks
from hookline.cli import main

SOURCES = """\
version: 1
cluster: {namespace: builds, name: ci}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}}
  gitlab: {host: gitlab, endpoint: /gitlab, secret: {name: hooks, key: gitlab}}
  gitea: {host: gitea, endpoint: /gitea, secret: {name: gitea, key: secret}}
  acr: {host: acr, endpoint: /acr/0f9kW3xQ7pL2vN8sT4yB6d, unverified: {because: ACR cannot sign anything, allowed_cidrs: [203.0.113.0/24]}}
  unused: {host: harbor, endpoint: /harbor, secret: {name: harbor, key: token}}
defaults: {run: {template: hookline-ci-go}}
pipelines:
"""


def pipeline(name: str, source: str, events: str) -> str:
    return (
        f"  {name}:\n    repository: {{source: {source}, name: acme/{name.title()}, url: 'https://git.example.com/acme/{name}.git'}}\n"
        f"    image: registry.example.com/acme/{name}\n    events: {{{events}}}\n"
    )


def found(*pipelines: str, sources: str = SOURCES) -> Webhooks:
    return webhooks(plan(sources + "".join(pipelines)))


PUSH, TAG, REQUEST = "push: {branches: [main]}", 'tag: {tags: ["v*"]}', "pull_request: {into: [main]}"
IMAGE = "image_push: {source: acr, image: acme/go-base}"


@pytest.mark.parametrize(
    ("source", "events", "chosen"),
    [
        ("github", PUSH, ["push"]),
        ("github", TAG, ["push"]),
        ("github", REQUEST, ["pull_request"]),
        ("github", f"{PUSH}, {TAG}, {REQUEST}", ["push", "pull_request"]),
        ("gitlab", PUSH, ["push_events"]),
        ("gitlab", TAG, ["tag_push_events"]),
        ("gitlab", f"{PUSH}, {TAG}, {REQUEST}", ["push_events", "tag_push_events", "merge_requests_events"]),
        ("gitea", f"{PUSH}, {TAG}", ["push"]),
        ("gitea", REQUEST, ["pull_request", "pull_request_sync"]),
    ],
)
def test_what_to_choose_follows_from_the_events_of_the_pipelines(
    source: str, events: str, chosen: list[str]
) -> None:
    (only,) = found(pipeline("shop", source, events)).items
    assert [each.name for each in only.choices] == chosen


def test_events_of_several_pipelines_are_put_together() -> None:
    (only,) = found(pipeline("shop", "gitlab", PUSH), pipeline("cart", "gitlab", REQUEST)).items
    assert [each.label for each in only.choices] == ["Push events", "Merge request events"]
    assert only.repositories == ("acme/Cart", "acme/Shop")


def test_a_source_that_no_pipeline_uses_is_left_out_and_so_is_its_secret() -> None:
    answer = found(pipeline("shop", "github", f"{PUSH}, {IMAGE}"))
    assert [each.endpoint.name for each in answer.items] == ["acr", "github"]
    assert [each.name for each in answer.secrets] == ["hooks"]
    assert [dict(each.files) for each in answer.secrets] == [{"github": "hooks.github"}]


def test_a_registry_is_asked_for_its_images_and_has_a_service_of_its_own() -> None:
    acr, github = found(pipeline("shop", "github", f"{PUSH}, {IMAGE}")).items
    assert (acr.repositories, acr.endpoint.service) == (("acme/go-base",), "ci-acr-eventsource-svc")
    assert (github.repositories, github.endpoint.service) == (("acme/Shop",), "ci-webhooks-eventsource-svc")
    assert (acr.endpoint.host.receiver.port, github.endpoint.host.receiver.port) == (12001, 12000)
    assert (acr.secret_file, github.secret_file) == (None, "hooks.github")


# --- The commands that make Secrets ------------------------------------------------------------------------------


def run(folder: Path, openssl: str) -> tuple[int, str]:
    """What the commands end with, and what kubectl was told: the name of the Secret, and the sizes of its files."""
    (answer,) = (
        each
        for each in found(pipeline("shop", "github", PUSH), pipeline("cart", "gitlab", PUSH)).secrets
        if each.name == "hooks"
    )
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    kubectl = f'echo "$5 $6" >> {folder}/told; for each in "$@"; do case $each in *=*=*) wc -c < "${{each##*=}}" >> {folder}/told;; esac; done'
    for name, script in (("openssl", openssl), ("kubectl", kubectl)):
        (tools / name).write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        (tools / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", "\n".join(answer.commands)],
        cwd=folder,
        env={"PATH": f"{tools}:{os.environ['PATH']}"},
        check=False,
        capture_output=True,
    )
    told = folder / "told"
    return done.returncode, told.read_text("utf-8") if told.exists() else ""


def test_the_commands_make_one_secret_with_every_key(tmp_path: Path) -> None:
    code, told = run(tmp_path, "printf '%064d\\n' 7")
    assert code == 0
    assert told.split() == ["generic", "hooks", "65", "65"]
    assert (tmp_path / "hooks.github").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("openssl", ["exit 1", "exit 127", "true", "echo", "printf ' \\n\\t\\n'"])
def test_no_secret_is_made_where_openssl_gives_nothing(openssl: str, tmp_path: Path) -> None:
    code, told = run(tmp_path, openssl)
    assert code != 0
    assert told == ""


def test_a_file_without_content_is_filled_and_one_with_content_is_kept(tmp_path: Path) -> None:
    (tmp_path / "hooks.github").write_text("\n", "utf-8")
    (tmp_path / "hooks.gitlab").write_text("mine", "utf-8")
    assert run(tmp_path, "printf '%064d\\n' 7")[0] == 0
    assert len((tmp_path / "hooks.github").read_text("utf-8")) == 65
    assert (tmp_path / "hooks.gitlab").read_text("utf-8") == "mine"


# --- What is printed ---------------------------------------------------------------------------------------------


@pytest.fixture
def declared(tmp_path: Path) -> str:
    file = tmp_path / "hookline.yaml"
    repositories = [pipeline(f"cart{each}", "gitlab", PUSH) for each in range(8)]
    text = "".join((SOURCES, pipeline("shop", "github", f"{PUSH}, {REQUEST}, {IMAGE}"), *repositories))
    file.write_text(text, "utf-8")
    return str(file)


def printed(declared: str, output: str) -> str:
    result = CliRunner().invoke(main, ["webhooks", "-f", declared, "-o", output])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_names_everything_that_a_program_needs(declared: str) -> None:
    answer: dict[str, Any] = json.loads(printed(declared, "json"))
    assert (answer["kind"], [each["source"] for each in answer["items"]]) == (
        "Webhooks",
        ["acr", "github", "gitlab"],
    )
    github = answer["items"][1]
    assert github["choose"] == [
        {"label": "Pushes", "name": "push"},
        {"label": "Pull requests", "name": "pull_request"},
    ]
    assert github["secret"] == {"name": "hooks", "key": "github", "file": "hooks.github"}
    assert (github["path"], github["url"], github["port"]) == ("/github", None, 12000)
    assert {"name": "Secret", "value": "<content of hooks.github>"} in github["fields"]
    assert answer["items"][0]["allowedCidrs"] == ["203.0.113.0/24"]
    assert answer["secrets"][0]["namespace"] == "builds"
    assert len(answer["secrets"][0]["commands"]) == 3


@pytest.mark.parametrize("output", ["table", "markdown"])
def test_people_are_told_the_same(declared: str, output: str) -> None:
    text = printed(declared, output)
    for each in json.loads(printed(declared, "json"))["items"]:
        for word in (
            each["path"],
            each["service"],
            str(each["port"]),
            each["place"],
            *each["fields"][0].values(),
        ):
            assert word in text
        for choice in each["choose"]:
            assert choice["label"] in text
    assert "kubectl -n builds create secret generic hooks" in text
    assert "The URL is the only secret" in text
    assert text.endswith("then delete the file.\n")
    assert ("acme/Cart4 and 3 more" in text) == (output == "table")
    assert ("`acme/Cart7`" in text) == (output == "markdown")


def test_a_declaration_without_sources_needs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "hookline.yaml"
    file.write_text(
        "version: 1\npipelines:\n  shop:\n    repository: {name: acme/shop, url: 'https://git.example.com/acme/shop.git'}\n"
        "    image: registry.example.com/acme/shop\n    events: {schedule: {at: '30 2 * * *'}}\n",
        "utf-8",
    )
    assert printed(str(file), "table") == "no pipeline uses a source, so no host has to be told anything\n"
    assert json.loads(printed(str(file), "json"))["items"] == []


@pytest.mark.parametrize("name", host_names())
def test_every_host_is_printed_in_every_form(name: str, tmp_path: Path) -> None:
    record = host(name)
    proof = (
        "secret: {name: hooks, key: one}"
        if record.verification.value != "none"
        else "unverified: {because: it cannot be verified, allowed_cidrs: [203.0.113.0/24]}"
    )
    source = f"  it: {{host: {name}, endpoint: /it/0f9kW3xQ7pL2vN8sT4yB6d, {proof}}}\n"
    events = "image_push: {source: it, image: acme/go-base}" if "image_push" in record.kinds else PUSH
    file = tmp_path / "hookline.yaml"
    file.write_text(
        f"version: 1\nsources:\n{source}pipelines:\n{pipeline('shop', 'it', events)}"
        if "push" in record.kinds
        else f"version: 1\nsources:\n{source}pipelines:\n{pipeline('shop', 'it', events).replace('source: it, name', 'name')}",
        "utf-8",
    )
    for output in ("table", "markdown", "json", "yaml"):
        text = printed(str(file), output)
        assert record.webhook.place in text
        assert "/it/0f9kW3xQ7pL2vN8sT4yB6d" in text
        assert "{url}" not in text
        assert "{secret}" not in text
