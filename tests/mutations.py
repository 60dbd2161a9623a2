"""Events of every host, as they stand on the bus, and edits of them that aim at what a program reads."""

import copy
import json
import random
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from support import PAYLOADS, SHA, ZERO, edited, payload

from events.delivery import BusEvent
from events.host import host, program_text

Path = tuple[str | int, ...]

DIGEST = "sha256:" + "a" * 64
IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IMAGE_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
LABEL = "ok-to-test"
"""What approves a request from a fork."""
TEXTS = [
    "", "a", "main", "main\n", "\nmain", "refs/heads/", "refs/heads/main", "refs/heads/main\n", "refs/heads/-x", "refs/heads/a..b",
    "refs/heads/{{workflow.name}}", "refs/heads/feature/#12-fix", "refs/heads/\u529f\u80fd/it's", "refs/heads/a@{b", "refs/tags/tools/v1+x",
    "refs/heads/a\x85b", "refs/heads/\u202emain", "refs/tags/v1", "refs/tags/{{x}}", ZERO, "0" * 64, SHA, SHA + "\n", "b" * 64, "A" * 40,
    "refs/heads/@types/x", "refs/heads/feat(api)", "refs/heads/fix=1", "refs/heads/_a", 'refs/heads/$(id)`x`;&|<>!"', "refs/heads/" + "é" * 99,
    "refs/heads/" + "é" * 101, "refs/tags/sub/dir/v1.2.3",
    "é", "\U0001f600", "\ud800", "\x00\x1f\x7f", "\u2028", "'", '"', "\\", "acme/x {'", "=1", "[skip ci]", "***NO_CI***", "latest", "1.26",
    "1.26{{x}}", DIGEST, DIGEST + "\n", "WIP: x", "ghcr.io/", "ghcr.io/:", "ghcr.io/o/n@" + DIGEST, "CONTAINER", "opened", "open", "update",
    "sha256-" + "c" * 64 + ".sig", "main-buildcache", "application/vnd.oci.image.config.v1+json", "application/vnd.cncf.helm.config.v1+json",
    "robot$ci+push", "synchronize", "labeled", LABEL, LABEL + "\n", "push", "delete", "branch", "tag", "PUSH_ARTIFACT", "harbor.artifact.deleted", "1417566161",
    "edited", "synchronized", "refs/pull/1/head", "Draft: x", "2026-11-26T17:27:25+08:00", "2026-11-26 17:27:25 UTC", "x\n\n\nskip-checks: true", "[ci_skip]",
    "[skip ci] " * 10_000, "\n" * 100_000 + "skip-checks: true", "x\n" * 50_000, "a" * 100_000, "refs/heads/" + "a/" * 50_000, "{{" * 50_000, "\U0001f600" * 25_000,
]  # fmt: skip
OTHERS: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, 1.5, 7, 15, 20, 999_999_999, 10**9, 2**53 - 1, 2**53, 2**53 + 1, 2**53 + 3, 2**63, 2**64 + 1, -(2**63) - 1,
    10**9 - 1, 10**15, 10**17 + 1, 10**20, 1e-7, 0.1, 1e17, 1e21, 1e300, 1417566161.5, 1790000000, 1790000000.5,
    [], {}, [[]], [{}], [None], ["x"], [["x"]], {"a": 1}, {"name": None}, [None, {"added": ["a", 1, None], "id": None}],
]  # fmt: skip


def container(**changes: Any) -> Any:
    """A package event of GHCR; the corpus has none of a container."""
    return edited(
        payload("github/package-published"),
        package__ecosystem="CONTAINER",
        package__package_version__package_url="ghcr.io/codertocat/base:1.26",
        package__package_version__container_metadata={
            "tag": {"name": "1.26", "digest": DIGEST},
            "manifest": {
                "media_type": IMAGE_MANIFEST,
                "config": {"media_type": ""},
                "layers": [{"media_type": IMAGE_LAYER}],
            },
        },
        **changes,
    )


def derived(name: str) -> list[tuple[str, Any]]:
    """Deliveries that no package holds, as event name and body."""
    if name == "ghcr":
        registry_package = {"action": "updated", "registry_package": container()["package"]}
        return [("package", container()), ("registry_package", registry_package)]
    if name == "bitbucket":
        push, tag = payload("bitbucket/push"), payload("bitbucket/push_tag_create")
        changes = push["push"]["changes"] + tag["push"]["changes"]
        changes.append(edited(changes[0], new__name="develop", forced=True))
        return [("repo:push", edited(push, push__changes=changes))]
    if name == "bitbucketserver":
        push, tag = payload("bitbucketserver/push"), payload("bitbucketserver/push_tag_create")
        change = push["changes"][0]
        request = payload("bitbucketserver/pr_modified_meta")
        request["pullRequest"]["fromRef"]["repository"] = request["pullRequest"]["toRef"]["repository"]
        request["pullRequest"]["draft"] = False
        return [
            ("repo:refs_changed", {**push, "toCommit": {"id": change["toHash"], "message": "x [skip ci]"}}),
            (
                "repo:refs_changed",
                {**push, "changes": [change, *tag["changes"], {**change, "refId": "refs/heads/develop"}]},
            ),
            ("pr:modified", {**request, "previousDraft": True}),
        ]
    if name == "gitea":
        push, request = payload("gitea/push"), payload("gitea/pull_request-opened")
        push["repository"]["updated_at"] = "2026-11-26T17:27:25Z"
        request["pull_request"] |= {"updated_at": "2026-11-26T17:27:25Z", "draft": False}
        request["pull_request"]["head"] |= {"label": "test-branch"}
        return [
            ("push", push),
            ("push", edited(push, ref="refs/tags/v1", head_commit={"id": SHA, "message": "x"})),
            ("pull_request", edited(request, action="synchronized")),
            ("pull_request", {**request, "action": "edited", "changes": {"title": {"from": "WIP: x"}}}),
            ("pull_request", {**request, "action": "edited", "changes": {"ref": {"from": "develop"}}}),
        ]
    if name == "harbor":
        default = payload("harbor/push_artifact")
        cloud_event = {"specversion": "1.0", "id": "4b2f89a6", "type": "harbor.artifact.pushed"}
        several = [{"digest": DIGEST, "tag": "latest"}, {"digest": DIGEST, "tag": "1.26"}]
        return [
            ("push", {**cloud_event, "operator": "robot$ci", "data": default["event_data"]}),
            ("push", edited(default, event_data__resources=several)),
        ]
    if name == "distribution":
        sent = [each["events"][0] for _, _, each in payload("distribution/notifications")]
        tagged = [each for each in sent if each["action"] == "push" and each["target"].get("tag")]
        references = [{"mediaType": IMAGE_LAYER, "digest": DIGEST, "size": 1}]
        told = edited(tagged[0], target={**tagged[0]["target"], "artifactType": "", "references": references})
        return [("push", {"events": [*tagged[:2], told]})]
    if name == "github":
        approved = edited(
            payload("github/pull_request-labeled"),
            label__name=LABEL,
            pull_request__head__repo__full_name="mallory/Hello-World",
        )
        queue = payload("github/octokit-merge_group-00")["merge_group"]["head_ref"]
        return [
            ("push", edited(payload("github/push-branch"), ref=queue)),
            ("pull_request", edited(payload("github/pull_request-opened"), pull_request__draft=True)),
            ("pull_request", approved),
            ("pull_request", edited(approved, action="synchronize")),
            (
                "pull_request",
                {
                    **payload("github/pull_request-opened"),
                    "action": "edited",
                    "changes": {"base": {"ref": {"from": "develop"}}},
                },
            ),
        ]
    if name == "gitlab":
        approved = edited(
            payload("gitlab/merge_request"),
            object_attributes__action="update",
            object_attributes__source_project_id=99,
            changes={"labels": {"previous": [{"title": "a"}], "current": [{"title": "a"}, {"title": LABEL}]}},
        )
        update = edited(payload("gitlab/merge_request"), object_attributes__action="update")
        update["object_attributes"]["updated_at"] = "2026-11-26 17:27:25 UTC"
        return [
            ("merge_request", approved),
            (
                "merge_request",
                edited(update, object_attributes={**update["object_attributes"], "oldrev": SHA}),
            ),
            ("merge_request", edited(update, changes={"title": {"previous": "WIP: x", "current": "x"}})),
            (
                "merge_request",
                edited(update, changes={"target_branch": {"previous": "x", "current": "master"}}),
            ),
            ("push", {**payload("gitlab/push"), "push_options": {"ci": {"skip": False}}}),
            ("tag_push", edited(payload("gitlab/tag_push"), after="b" * 40)),
        ]
    return []


@cache
def events(name: str) -> list[dict[str, Any]]:
    """Event data of a host as it stands on the bus: the corpus, and what is derived from it."""
    found = derived(name)
    for path in sorted((PAYLOADS / ("github" if name == "ghcr" else name)).glob("*.json")):
        event = path.stem.removeprefix("octokit-").split("-")[0]
        # GHCR is a registry of GitHub: of its host's many pull requests, none is about an image.
        if name != "ghcr" or event in {"package", "ping"}:
            body = json.loads(path.read_text("utf-8"))
            found += [(event, each[2]) for each in body] if name == "distribution" else [(event, body)]
    record = host(name)
    return [
        {
            record.receiver.headers_key: {
                header: [value]
                for header, value in (
                    *((each, event) for each in record.event_headers[:1]),
                    (record.delivery_header, "72d3162e-cc78"),
                )
                if header
            },
            "body": body,
        }
        for event, body in found
    ]


def text(event: Any) -> str:
    return BusEvent("", "", event).text()


def places(value: Any, path: Path = ()) -> list[Path]:
    found: list[Path] = [path] if path else []
    if isinstance(value, dict):
        for key, child in value.items():
            found += places(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value[:3]):
            found += places(child, (*path, index))
    return found


@cache
def targets(name: str) -> list[list[Path]]:
    """Per event, the places that the program reads."""
    words = {"headers", "header", "body", "added", "modified", "removed"}
    words |= set(re.findall(r"[A-Za-z_-]+", re.sub(r"(?m)^ *#.*", "", program_text(name))))
    return [
        [place for place in places(event) if all(isinstance(part, int) or part in words for part in place)]
        for event in events(name)
    ]


def _at(node: Any, part: str | int) -> Any:
    return node[part]


def change(event: dict[str, Any], place: Path, operation: int, value: Any) -> None:
    """Edit a place, unless an earlier edit took it away."""
    parent: Any = None
    node: Any = event
    for part in place:
        there = (
            part in node
            if isinstance(node, dict)
            else isinstance(node, list) and isinstance(part, int) and part < len(node)
        )
        if not there:
            return
        parent, node = node, _at(node, part)
    last = place[-1]
    if operation == 0:
        del parent[last]
    elif operation == 1:
        parent[last] = [node]  # a list for an object or a text
    elif operation == 2 and isinstance(node, list) and node:
        parent[last] = node[0]  # a text for a header's list
    elif operation == 3 and isinstance(node, list):
        parent[last] = node * 20  # longer than GitLab's and Gitea's limits
    elif operation == 4 and isinstance(node, str):
        parent[last] = node + str(value)
    else:
        parent[last] = copy.deepcopy(value)


def mutated(name: str, seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Events of a host with one to four edits each; the same ones for the same seed."""
    chance = random.Random(f"{seed} {name}")
    strange = [*(each for each in TEXTS if len(each) < 1000), *OTHERS]
    for _ in range(count):
        index = chance.randrange(len(events(name)))
        event = copy.deepcopy(events(name)[index])
        for _ in range(chance.randint(1, 4)):
            change(event, chance.choice(targets(name)[index]), chance.randrange(10), chance.choice(strange))
        yield event
