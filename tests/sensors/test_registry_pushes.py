"""What registries push beside images starts nothing, on every registry; every image of a delivery is looked at."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import IMAGE_LAYER, IMAGE_MANIFEST, container, events, text
from support import data, edited, go_template, payload, plan

from events.delivery import BusEvent
from events.host import host, host_names
from hookline.answers.explanation import explain
from hookline.answers.simulation import result_of, simulate
from sensors.program import Program, compose, reader

HEX = "c" * 64
DIGEST, OTHER_DIGEST = ("sha256:" + letter * 64 for letter in "ab")
REGISTRIES = [name for name in host_names() if "image_push" in host(name).kinds]
NO_IMAGES = (
    f"sha256-{HEX}.sig", f"sha256-{HEX}.att", f"sha256-{HEX}.sbom", f"sha256-{HEX}", f"sha256-{HEX}.vuln", f"sha512-{HEX}.",
    f"sha384-{HEX}_2-a.B", "main.buildcache", "_buildcache", "1.26_build-cache", "buildcache.old_2", "buildcache-", "v1-2.x_y-buildcache",
    "buildcache", "main-buildcache", "buildcache-feature-x-0a1b2c3d", "build-cache",
)  # fmt: skip
IMAGES = (
    "1.26",
    "latest",
    "v1.0.0",
    "sha-3f2a1b9",
    "sha256-3f2a1b9",
    "sig",
    "1.26.sig",
    "cachebuild",
    "nobuildcaches",
    HEX,
)


def notification(tag: str, name: str = "base/go", **target: Any) -> dict[str, Any]:
    """One event of a distribution registry: the push of a manifest."""
    found = {"mediaType": IMAGE_MANIFEST, "digest": DIGEST, "repository": name, "tag": tag, **target}
    return {"id": "e-1", "action": "push", "target": found, "actor": {"name": "ci"}}


def first_push(registry: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A delivery of the registry's corpus that tells one push of an image, under a tag: its event data, and its canonical event."""
    read = reader(host(registry), "source")
    canonical = [(each, read.canonical(text(each))) for each in events(registry)]
    found = [
        (each, event)
        for each, event in canonical
        if event["kind"] == "image_push" and event["image"].get("tag") and event.get("deleted") is not True
    ]
    single = [pair for pair in found if not pair[1].get("also")]
    assert single, "tests/data/payloads has no delivery of one push"
    return single[0]


def retagged(value: Any, old: Any, new: Any) -> Any:
    """A value with one part in place of another, wherever it stands."""
    if isinstance(value, dict):
        return {key: retagged(child, old, new) for key, child in value.items()}
    if isinstance(value, list):
        return [retagged(child, old, new) for child in value]
    return new if value == old else value


def pushed(registry: str, tag: str) -> str:
    """The verdict on that push, made under another tag."""
    sent, event = first_push(registry)
    retold = text(retagged(sent, event["image"]["tag"], tag))
    assert reader(host(registry), "source").canonical(retold)["image"]["tag"] == tag
    return verdict(of_its_image(registry, retold).decide(retold))


def of_its_image(registry: str, sent: str) -> Program:
    """A program whose table has the image of a push."""
    return program(registry, None, *filter(None, reader(host(registry), "source").keys(sent)))


def harbor(tag: str) -> str:
    """Event data of Harbor's push of base/go under a tag."""
    body = edited(
        payload("harbor/push_artifact"),
        event_data__resources=[{"digest": DIGEST, "tag": tag}],
        event_data__repository__repo_full_name="base/go",
    )
    return data("harbor", body)


def program(registry: str, rule: dict[str, Any] | None = None, *names: str) -> Program:
    line = {
        "pipeline": "shop",
        "config": "0123456789ab",
        "arguments": {"repo_name": "shop"},
        "image_push": rule or {},
    }
    return compose(
        host=host(registry),
        source="source",
        kinds=frozenset({"image_push"}),
        lines=dict.fromkeys(names or ("base/go",), line),
        templates={},
    )


def verdict(found: dict[str, Any]) -> str:
    return f"{found['verdict']}({found['reason']})"


@pytest.mark.parametrize("tag", NO_IMAGES)
@pytest.mark.parametrize("registry", REGISTRIES)
def test_a_tag_of_a_signature_or_a_cache_starts_nothing(registry: str, tag: str) -> None:
    assert pushed(registry, tag) == "skip(ARTIFACT)"


@pytest.mark.parametrize("tag", IMAGES)
@pytest.mark.parametrize("registry", REGISTRIES)
def test_a_tag_of_an_image_starts_its_pipeline(registry: str, tag: str) -> None:
    assert pushed(registry, tag) == "run(MATCH)"


@pytest.mark.parametrize("registry", REGISTRIES)
def test_a_second_push_of_a_tag_is_another_event(registry: str) -> None:
    """Else it would be the same Workflow, which is there already, and the second push would start nothing."""
    sent, event = first_push(registry)
    told = event["image"].get("digest") or event["image"].get("occurrence")
    assert told, "the program gives neither a digest nor an occurrence"
    first = json.loads(text(sent))
    later = retagged(first, told, OTHER_DIGEST)
    if later == first:  # a number, of which the program makes a text
        later = retagged(first, int(told), int(told) + 60)
    found = [of_its_image(registry, text(each)).decide(text(each)) for each in (first, later)]
    assert [each["reason"] for each in found] == ["MATCH", "MATCH"]
    assert found[0]["event"] != found[1]["event"]


@given(
    hexadecimal=st.text("0123456789abcdef", min_size=64, max_size=64),
    end=st.text("abcdefghijklmnopqrstuvwxyz0123456789.-_", max_size=40),
)
def test_whatever_ends_the_tag_that_names_a_digest_it_is_no_image(hexadecimal: str, end: str) -> None:
    tag = f"sha256-{hexadecimal}" + (f".{end}" if end else "")
    assert pushed("harbor", tag) == "skip(ARTIFACT)"


HELM = "application/vnd.cncf.helm.config.v1+json"
TOLD: list[tuple[str, str, dict[str, Any]]] = [
    ("a chart", "chart", {"references": [{"mediaType": HELM}, {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip"}]}),
    ("a cache", "cache", {"references": [{"mediaType": IMAGE_LAYER}, {"mediaType": "application/vnd.buildkit.cacheconfig.v0"}]}),
    ("a signature", "artifact", {"references": [{"mediaType": "application/vnd.oci.image.config.v1+json"}, {"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json"}]}),
    ("an artifact of ORAS", "artifact", {"artifactType": "application/vnd.example.sbom", "references": [{"mediaType": "application/vnd.oci.empty.v1+json"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "target"), [each[1:] for each in TOLD], ids=[each[0] for each in TOLD])
def test_what_media_types_call_no_image_starts_nothing_under_any_tag(
    kind: str, target: dict[str, Any]
) -> None:
    sent = data("distribution", {"events": [notification("1.26", **target)]})
    assert program("distribution").canonical(sent)["image"]["artifact"] == kind
    assert verdict(program("distribution").decide(sent)) == "skip(ARTIFACT)"


@pytest.mark.parametrize(
    "references",
    [
        [],
        [{"mediaType": "application/vnd.oci.image.config.v1+json"}, {"mediaType": IMAGE_LAYER}],
        [{"mediaType": "application/vnd.docker.container.image.v1+json"}, {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}],
        [{"mediaType": IMAGE_MANIFEST}, {"mediaType": IMAGE_MANIFEST}, {"digest": DIGEST}, None],
    ],
)  # fmt: skip
def test_what_media_types_call_an_image_runs(references: list[Any]) -> None:
    sent = data("distribution", {"events": [notification("1.26", references=references)]})
    assert verdict(program("distribution").decide(sent)) == "run(MATCH)"


def test_docker_hub_and_ghcr_tell_media_types_too() -> None:
    chart = edited(payload("dockerhub/push"), push_data__media_type=HELM, repository__repo_name="base/go")
    assert verdict(program("dockerhub").decide(data("dockerhub", chart))) == "skip(ARTIFACT)"
    manifest = {"media_type": IMAGE_MANIFEST, "config": {"media_type": HELM}}
    version = "package__package_version__"
    package = edited(
        container(),
        **{f"{version}package_url": "ghcr.io/base/go:1", f"{version}container_metadata__manifest": manifest},
    )
    assert (
        verdict(program("ghcr").decide(data("ghcr", package, X_Github_Event="package"))) == "skip(ARTIFACT)"
    )


BASE = """\
version: 1
sources:
  dist: {host: distribution, endpoint: /dist, secret: {name: dist-webhook, key: token}}
defaults: {run: {template: hookline-ci-go}}
pipelines:
  shop:
    repository: {name: acme/shop, url: https://git.example.com/acme/shop.git}
    image: r.example.com/acme/shop
    events: {image_push: {source: dist, image: base/go TAGS}}
  cart:
    repository: {name: acme/cart, url: https://git.example.com/acme/cart.git}
    image: r.example.com/acme/cart
    events: {image_push: {source: dist, image: base/node}}
"""


def simulated(tags: str, *events: dict[str, Any]) -> str:
    made = plan(BASE.replace(" TAGS", f", tags: {tags}" if tags else ""), go_template())
    event = BusEvent(
        "hookline-webhooks",
        "dist",
        json.loads(data("distribution", {"events": list(events)})),
        {"id": "1", "time": "2026-11-24T00:00:00Z"},
    )
    result = result_of(simulate(made, event), made, event, "shop")
    return f"{result.verdict}({result.reason})"


@pytest.mark.parametrize(
    ("tags", "tag", "expected"),
    [
        ("", f"sha256-{HEX}.sig", "skip(ARTIFACT)"),
        ('["*"]', f"sha256-{HEX}.sig", "skip(ARTIFACT)"),
        ('["**"]', "buildcache", "skip(ARTIFACT)"),
        ('["s*"]', f"sha256-{HEX}", "skip(ARTIFACT)"),
        ('["sha256-*"]', f"sha256-{HEX}.att", "run(MATCH)"),
        ('["*.sig"]', f"sha256-{HEX}.sig", "run(MATCH)"),
        ('["*.sig"]', f"sha256-{HEX}.att", "skip(ARTIFACT)"),
        ('["sha384-*"]', f"sha384-{HEX}", "run(MATCH)"),
        ('["sha512-*"]', f"sha512-{HEX}", "run(MATCH)"),
        ('["*.att"]', f"sha256-{HEX}.att", "run(MATCH)"),
        ('["*.sbom"]', f"sha256-{HEX}.sbom", "run(MATCH)"),
        ('["*-build-cache"]', "main-build-cache", "run(MATCH)"),
        ('["*-buildcache"]', "main-buildcache", "run(MATCH)"),
        ('["*.signed"]', f"sha256-{HEX}.signed", "skip(ARTIFACT)"),
        ('["1.*", "buildcache"]', "buildcache", "run(MATCH)"),
        ('["1.*", "buildcache"]', "1.26", "run(MATCH)"),
        ('{include: ["sha256-*"], exclude: ["*.sbom"]}', f"sha256-{HEX}.sbom", "skip(TAGS)"),
        ('{exclude: ["*.sig"]}', f"sha256-{HEX}.att", "skip(ARTIFACT)"),
    ],
)
def test_tags_that_name_what_is_no_image_start_its_pipeline(tags: str, tag: str, expected: str) -> None:
    assert simulated(tags, notification(tag)) == expected


def test_a_chart_starts_a_pipeline_that_names_its_tag() -> None:
    chart = notification("1.2.3", references=[{"mediaType": HELM}])
    assert simulated('["1.2.*"]', chart) == "skip(ARTIFACT)"
    assert simulated('["1.2.3"]', chart) == "run(MATCH)"


def test_one_signed_base_image_gives_one_run() -> None:
    tags = [
        "1.26",
        "buildcache",
        f"sha256-{HEX}.sig",
        f"sha256-{HEX}.att",
        f"sha256-{HEX}.sbom",
        f"sha256-{HEX}",
    ]
    assert [simulated("", notification(tag)) for tag in tags] == ["run(MATCH)"] + ["skip(ARTIFACT)"] * 5


ROBOTS = [
    ("robot$ci+push", "robot-ci+push"), ("robot$library+x", "robot-library+x"), ("robot$ci", "robot-ci"), ("aZ09._@+[bot]-", "aZ09._@+[bot]-"), ("system", "system"),
    ("harbor#proxy-cache-service", "harbor-proxy-cache-service"), ("a\nb{{x}}", "a-b--x--"), ("李雷", "--"), ("x" * 300, "x" * 100), ("", ""), (None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "actor"), ROBOTS)
def test_robots_keep_a_harmless_name(operator: str | None, actor: str) -> None:
    sent = json.loads(harbor("1.26"))
    sent["body"]["operator"] = operator
    assert program("harbor").decide(BusEvent("", "", sent).text())["actor"] == actor


@pytest.mark.parametrize("second", ["1.26", "1.27"])
def test_of_several_pushes_in_one_delivery_the_one_that_starts_a_pipeline_is_used(second: str) -> None:
    decide = program("distribution", {"tags": {"include": second}}).decide
    sent = [
        notification("1", "other/x"),
        notification("1.25"),
        notification(f"sha256-{HEX}.sig"),
        notification(second),
    ]
    found = decide(data("distribution", {"events": sent}))
    assert (found["action"], found["ref"]) == ("run", f"base/go:{second}")
    assert verdict(decide(data("distribution", {"events": sent[:3]}))) == "skip(TAGS)"
    assert verdict(decide(data("distribution", {"events": sent[:1]}))) == "skip(REPOSITORY)"


def test_of_several_resources_of_harbor_the_one_that_starts_a_pipeline_is_used() -> None:
    sent = json.loads(harbor("latest"))
    sent["body"]["event_data"]["resources"].append({"digest": DIGEST, "tag": "1.26"})
    decide = program("harbor", {"tags": {"include": "1[.]26"}}).decide
    assert decide(BusEvent("", "", sent).text())["ref"] == "base/go:1.26"


def test_a_push_of_a_delivery_that_decides_nothing_is_named() -> None:
    made = plan(BASE.replace(" TAGS", ""), go_template())
    pushes = [notification("1", "other/x"), notification("20", "base/node"), notification("1.26")]
    sent = json.loads(data("distribution", {"events": pushes}))
    event = BusEvent("hookline-webhooks", "dist", sent, {"id": "1", "time": "2026-11-24T00:00:00Z"})
    found = simulate(made, event)
    assert [result.pipeline for result in found.results if result.action == "run"] == ["cart"]
    assert found.event["repository"] == "base/node"
    assert [each["repository"] for each in found.unused] == ["other/x", "base/go"]
    assert (result_of(found, made, event, "shop").reason, found.others) == ("ANOTHER_PUSH", {})
    (clause,) = explain(made, event, "shop").clauses
    assert (
        clause.detail == "the delivery holds several pushes, and another push of it starts the one Workflow"
    )


def test_explain_says_that_a_push_carries_no_tag() -> None:
    made = plan(BASE.replace(" TAGS", "").replace("distribution", "harbor"), go_template())
    sent = json.loads(harbor(DIGEST))
    event = BusEvent("hookline-webhooks", "dist", sent, {"id": "1", "time": "2026-11-24T00:00:00Z"})
    clauses = {each.code: each.detail for each in explain(made, event, "shop").clauses}
    assert clauses["IMAGE_TAG"] == "this push carries no tag"


@pytest.mark.parametrize("deleted", [False, True])
def test_harbor_s_events_in_binary_mode_read_as_those_in_one_body(deleted: bool) -> None:
    kind = "harbor.artifact.deleted" if deleted else "harbor.artifact.pushed"
    body = json.loads(harbor("1.26"))["body"]["event_data"]
    structured = {"specversion": "1.0", "id": "u1", "type": kind, "operator": "robot$ci", "data": body}
    binary = data("harbor", body, Ce_Specversion="1.0", Ce_Id="u1", Ce_Type=kind, Ce_Operator="robot$ci")
    read = program("harbor").canonical
    assert read(binary) == read(data("harbor", structured))
    assert (read(binary)["kind"], read(binary)["deleted"]) == ("image_push", deleted)
