"""Deliveries of each host: payloads of the corpus with the headers and the proof that the host would send."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.installation import TOKEN, Request
from support import PAYLOADS, payload

__all__ = ["ACR_PATH", "DECLARATION", "DELIVERIES", "DOCKER_HUB_PATH", "Sample", "signed"]

ACR_PATH = "/acr-4f9d0a31c7be25864f9d0a31c7be2586"
DOCKER_HUB_PATH = "/hub-b1946ac92492d2347c6235b4d2611184"
CODEUP_PATH = "/codeup-5d41402abc4b2a76b9719d911017c592"
GITEE_PATH = "/gitee-8c7dd922ad47494fc02c388e12c00eac"

DECLARATION = f"""\
version: 1
cluster: {{namespace: ci, shards: 3, event_bus: {{replicas: 1}}}}
sources:
  github: {{host: github, endpoint: /github, secret: {{name: hooks, key: github}}}}
  gitea: {{host: gitea, endpoint: /gitea, secret: {{name: hooks, key: gitea}}}}
  gitlab: {{host: gitlab, endpoint: /gitlab, secret: {{name: hooks, key: gitlab}}}}
  harbor: {{host: harbor, endpoint: /harbor, secret: {{name: hooks, key: harbor}}}}
  registry: {{host: distribution, endpoint: /registry, secret: {{name: hooks, key: registry}}}}
  ghcr: {{host: ghcr, endpoint: /ghcr, secret: {{name: hooks, key: ghcr}}}}
  acr:
    host: acr
    endpoint: {ACR_PATH}
    unverified: {{because: the test's own, allowed_cidrs: [10.244.0.0/16]}}
  hub:
    host: dockerhub
    endpoint: {DOCKER_HUB_PATH}
    unverified: {{because: the test's own, allowed_cidrs: [10.244.0.0/16]}}
  bitbucket: {{host: bitbucket, endpoint: /bitbucket, secret: {{name: hooks, key: bitbucket}}}}
  bitbucketserver: {{host: bitbucketserver, endpoint: /bitbucketserver, secret: {{name: hooks, key: bitbucketserver}}}}
  codeup:
    host: codeup
    endpoint: {CODEUP_PATH}
    unverified: {{because: the test's own, allowed_cidrs: [10.244.0.0/16]}}
  gitee:
    host: gitee
    endpoint: {GITEE_PATH}
    unverified: {{because: the test's own, allowed_cidrs: [10.244.0.0/16]}}
defaults:
  run: {{template: ci-go-v1, deadline: 1h}}
pipelines:
  hello:
    owner: team-hello
    repository: {{source: github, name: Codertocat/Hello-World, url: "https://github.com/Codertocat/Hello-World.git"}}
    image: registry.example.com/acme/hello
    events:
      push: {{branches: [master]}}
      tag: {{tags: ["simple-*"], branch: master}}
      pull_request: {{into: [master]}}
  octo:
    repository: {{source: gitea, name: octo/test, url: "https://git.example.com/octo/octo-test.git"}}
    image: registry.example.com/acme/octo
    events:
      push: {{branches: ["**"]}}
      pull_request: {{into: [master]}}
  diaspora:
    repository: {{source: gitlab, name: mike/diaspora, url: "https://gitlab.example.com/mike/diaspora.git"}}
    image: registry.example.com/acme/diaspora
    events: {{push: {{branches: [master]}}}}
  example:
    repository: {{source: gitlab, name: jsmith/example, url: "https://gitlab.example.com/jsmith/example.git"}}
    image: registry.example.com/acme/example
    events: {{tag: {{tags: ["v*"], branch: master}}}}
  gitlab-test:
    repository: {{source: gitlab, name: gitlabhq/gitlab-test, url: "https://gitlab.example.com/gitlabhq/gitlab-test.git"}}
    image: registry.example.com/acme/gitlab-test
    events: {{pull_request: {{into: [master]}}}}
  foo:
    repository: {{source: bitbucket, name: brydzewski/foo, url: "https://bitbucket.org/brydzewski/foo.git"}}
    image: registry.example.com/acme/foo
    events:
      push: {{branches: [master]}}
      tag: {{tags: ["feature/*"], branch: master}}
  my-repo:
    repository: {{source: bitbucketserver, name: PRJ/my-repo, url: "https://bitbucket.example.com/scm/prj/my-repo.git"}}
    image: registry.example.com/acme/my-repo
    events:
      push: {{branches: [master]}}
      tag: {{tags: ["v*"], branch: master}}
      pull_request: {{into: [master]}}
  demo:
    repository: {{source: codeup, name: 60de7a6852743a5162b5f957/demo, url: "https://codeup.aliyun.com/60de7a6852743a5162b5f957/demo.git"}}
    image: registry.example.com/acme/demo
    events:
      push: {{branches: [master]}}
      tag: {{tags: ["v*"], branch: master}}
      pull_request: {{into: [master]}}
  drone:
    repository: {{source: gitee, name: kit101/drone-yml-test, url: "https://gitee.com/kit101/drone-yml-test.git"}}
    image: registry.example.com/acme/drone
    events:
      push: {{branches: ["feat-*"]}}
      tag: {{tags: ["1.*"], branch: master}}
      pull_request: {{into: [master]}}
  on-harbor:
    repository: {{name: acme/on-harbor, url: "https://github.com/acme/on-harbor.git"}}
    image: registry.example.com/acme/on-harbor
    events: {{image_push: {{source: harbor, image: base/go, tags: ["1.*"], branch: main}}}}
  on-registry:
    repository: {{name: acme/on-registry, url: "https://github.com/acme/on-registry.git"}}
    image: registry.example.com/acme/on-registry
    events: {{image_push: {{source: registry, image: team/app, branch: main}}}}
  on-ghcr:
    repository: {{name: acme/on-ghcr, url: "https://github.com/acme/on-ghcr.git"}}
    image: registry.example.com/acme/on-ghcr
    events: {{image_push: {{source: ghcr, image: codertocat/hello-world, branch: main}}}}
  on-acr:
    repository: {{name: acme/on-acr, url: "https://github.com/acme/on-acr.git"}}
    image: registry.example.com/acme/on-acr
    events: {{image_push: {{source: acr, image: namespace/repoTest, branch: main}}}}
  on-hub:
    repository: {{name: acme/on-hub, url: "https://github.com/acme/on-hub.git"}}
    image: registry.example.com/acme/on-hub
    events: {{image_push: {{source: hub, image: octo/base, branch: main}}}}
"""
"""A pipeline for every host and every kind that it sends."""


@dataclass(frozen=True)
class Sample:
    """A delivery of the corpus and the pipeline that it starts."""

    source: str
    name: str
    path: str
    body: Any
    headers: Mapping[str, str]
    pipeline: str

    def request(self, token: str = TOKEN) -> Request:
        """With the host's proof, made with a token."""
        return signed(self.source, self.path, self.body, self.headers, token)


def signed(source: str, path: str, body: Any, headers: Mapping[str, str], token: str = TOKEN) -> Request:
    """A request as the host of a source proves it: a signature, a bearer token, or nothing."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"Content-Type": "application/json", **headers}
    if source in {"bitbucket", "bitbucketserver"}:
        # By the older header alone.
        digest = hmac.new(token.encode(), content, hashlib.sha256).hexdigest()
        named["X-Hub-Signature"] = f"sha256={digest}"
    elif source in {"github", "gitea", "ghcr"}:
        digest = hmac.new(token.encode(), content, hashlib.sha256).hexdigest()
        named["X-Hub-Signature-256"] = f"sha256={digest}"
    elif source in {"gitlab", "harbor", "registry"}:
        named["Authorization"] = f"Bearer {token}"
    return Request(path, named, content)


def _git(source: str, header: str, event: str, name: str, pipeline: str) -> Sample:
    return Sample(source, name, f"/{source}", payload(name), {header: event}, pipeline)


def _registry(source: str, body: Any, pipeline: str, path: str | None = None) -> Sample:
    return Sample(source, source, path or f"/{source}", body, {}, pipeline)


def _manifest_notification() -> Any:
    """The recorded notification of a manifest under a tag; the others are of blobs."""
    recorded = json.loads((PAYLOADS / "distribution/notifications.json").read_text("utf-8"))
    return next(
        body
        for _, _, body in recorded
        if any(event["action"] == "push" and event["target"].get("tag") for event in body["events"])
    )


def _container_package() -> Any:
    """GitHub's published package, made a container image with a tag as its documentation shows one."""
    body = payload("github/octokit-package-01")
    found = body.get("package") or body["registry_package"]
    found["package_version"]["container_metadata"] = {
        "tag": {"name": "1.2.3", "digest": "sha256:" + "ab" * 32},
    }
    found["package_version"]["package_url"] = "ghcr.io/codertocat/hello-world:1.2.3"
    return body


_GITHUB, _GITEA, _GITLAB = "X-GitHub-Event", "X-Gitea-Event", "X-Gitlab-Event"

DELIVERIES = (
    _git("github", _GITHUB, "push", "github/push-branch", "hello"),
    _git("github", _GITHUB, "push", "github/push-tag-created", "hello"),
    _git("github", _GITHUB, "pull_request", "github/pull_request-opened", "hello"),
    _git("gitea", _GITEA, "push", "gitea/push", "octo"),
    _git("gitea", _GITEA, "pull_request", "gitea/pull_request-opened", "octo"),
    _git("gitlab", _GITLAB, "Push Hook", "gitlab/push", "diaspora"),
    _git("gitlab", _GITLAB, "Tag Push Hook", "gitlab/tag_push", "example"),
    _git("gitlab", _GITLAB, "Merge Request Hook", "gitlab/merge_request", "gitlab-test"),
    _git("bitbucket", "X-Event-Key", "repo:push", "bitbucket/push", "foo"),
    _git("bitbucket", "X-Event-Key", "repo:push", "bitbucket/push_tag_create", "foo"),
    *(
        _git("bitbucketserver", "X-Event-Key", event, f"bitbucketserver/{name}", "my-repo")
        for event, name in (
            ("repo:refs_changed", "push"),
            ("repo:refs_changed", "push_tag_create"),
            ("pr:opened", "pr_open"),
        )
    ),
    *(
        Sample(
            "codeup",
            f"codeup/{name}",
            CODEUP_PATH,
            payload(f"codeup/{name}"),
            {"X-Codeup-Event": event},
            "demo",
        )
        for name, event in (
            ("push", "Push Hook"),
            ("tag_push", "Tag Push Hook"),
            ("merge_request", "Merge Request Hook"),
        )
    ),
    *(
        Sample(
            "gitee", f"gitee/{name}", GITEE_PATH, payload(f"gitee/{name}"), {"X-Gitee-Event": event}, "drone"
        )
        for name, event in (
            ("push", "Push Hook"),
            ("tag_create", "Tag Push Hook"),
            ("pr_open", "Merge Request Hook"),
        )
    ),
    _registry("harbor", payload("harbor/push_artifact"), "on-harbor"),
    _registry("registry", _manifest_notification(), "on-registry"),
    Sample("ghcr", "ghcr", "/ghcr", _container_package(), {_GITHUB: "package"}, "on-ghcr"),
    _registry("acr", payload("acr/push"), "on-acr", ACR_PATH),
    _registry("hub", payload("dockerhub/push"), "on-hub", DOCKER_HUB_PATH),
)
