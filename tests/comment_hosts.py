"""Git hosts on loopback that answer what comment commands ask: whose the token is, who may write, what a request is now.

Sources: GitHub's REST documentation ("Get repository permissions for a user", "Get a pull request"); gitea
routers/api/v1/repo/collaborators.go and modules/structs/pull.go; gitlab doc/api/members.md and doc/api/merge_requests.md.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

__all__ = ["IDS", "TOKEN", "CommentHost", "comment_host", "delivered"]

TOKEN = "a-token-of-the-test"
IDS = {"ann": 11, "reader": 12, "ci-account": 13, "mallory": 14}
LEVELS = {"write": 30, "read": 20, "admin": 40}


@dataclass
class CommentHost:
    """One host with the repository acme/shop and its request 7."""

    kind: str
    rights: dict[str, str] = field(
        default_factory=lambda: {"ann": "write", "reader": "read", "ci-account": "admin"}
    )
    sha: str = "a" * 40
    fork: bool = False
    state: str = "open"
    draft: bool = False
    faults: list[int] = field(default_factory=list)
    """Statuses of the next answers."""
    asked: list[str] = field(default_factory=list)
    url: str = ""
    before: Callable[[str], None] = lambda _: None

    def answer(self, path: str, token: str) -> tuple[int, Any]:
        self.asked.append(path)
        self.before(path)
        if self.faults:
            return self.faults.pop(0), {"message": "not now"}
        expected = {"github": f"Bearer {TOKEN}", "gitea": f"token {TOKEN}", "gitlab": TOKEN}[self.kind]
        if token != expected:
            return 401, {"message": "401 Unauthorized"}
        if path == "/user":
            return 200, {"username" if self.kind == "gitlab" else "login": "ci-account"}
        return self._gitlab(path) if self.kind == "gitlab" else self._like_github(path)

    def _like_github(self, path: str) -> tuple[int, Any]:
        for name, right in self.rights.items():
            if path == f"/repos/acme/shop/collaborators/{name}/permission":
                return 200, {"permission": right, "user": {"login": name, "id": IDS[name]}}
        if path != "/repos/acme/shop/pulls/7":
            return 404, {"message": "Not Found"}
        ours, theirs = {"full_name": "acme/shop", "id": 1}, {"full_name": "mallory/shop", "id": 2}
        return 200, {
            "number": 7,
            "state": self.state,
            "draft": self.draft,
            "title": "A change",
            "user": {"login": "mallory"},
            "merged": False,
            "head": {
                "ref": "topic",
                "label": "topic",
                "sha": self.sha,
                "repo": theirs if self.fork else ours,
                "repo_id": 2 if self.fork else 1,
            },
            "base": {"ref": "main", "label": "main", "repo": ours, "repo_id": 1},
        }

    def _gitlab(self, path: str) -> tuple[int, Any]:
        for name, right in self.rights.items():
            if path == f"/projects/acme/shop/members/all/{IDS[name]}":
                return 200, {
                    "id": IDS[name],
                    "username": name,
                    "state": "active",
                    "access_level": LEVELS[right],
                }
        if path != "/projects/acme/shop/merge_requests/7":
            return 404, {"message": "404 Not found"}
        return 200, {
            "iid": 7,
            "state": {"open": "opened"}.get(self.state, self.state),
            "sha": self.sha,
            "draft": self.draft,
            "source_branch": "topic",
            "target_branch": "main",
            "source_project_id": 2 if self.fork else 1,
            "target_project_id": 1,
            "author": {"username": "mallory"},
        }


def delivered(kind: str, text: str, author: str = "ann", number: int = 501, **changes: Any) -> dict[str, Any]:
    """The event data of a comment on request 7, as the host's deliveries have it.

    Args:
        kind: Of the host.
        text: Of the comment.
        author: Who wrote it.
        number: Of the comment.
        changes: action, state, sender, type (of the account) or issue (no request).
    """
    user = {
        "login": author,
        "id": IDS.get(author, 99),
        **({"type": changes["type"]} if "type" in changes else {}),
    }
    if kind == "gitlab":
        return {
            "header": {"X-Gitlab-Event": ["Note Hook"]},
            "body": {
                "object_kind": "note",
                "user": {"id": IDS.get(author, 99), "username": author},
                "project": {"path_with_namespace": "acme/shop"},
                "object_attributes": {
                    "id": number,
                    "note": text,
                    "noteable_type": "Issue" if changes.get("issue") else "MergeRequest",
                    "action": {"created": "create", "edited": "update"}[changes.get("action", "created")],
                    "author_id": IDS.get(changes.get("sender", author), 99),
                    "system": False,
                },
                "merge_request": {
                    "iid": 7,
                    "state": {"open": "opened"}.get(changes.get("state", "open"), "closed"),
                },
            },
        }
    issue: dict[str, Any] = {"number": 7, "state": changes.get("state", "open")}
    if not changes.get("issue"):
        issue["pull_request"] = {"merged": False}
    name = {"github": "X-Github-Event", "gitea": "X-Gitea-Event"}[kind]
    return {
        "headers": {name: ["issue_comment"]},
        "body": {
            "action": changes.get("action", "created"),
            "issue": issue,
            "comment": {"id": number, "body": text, "user": user, "author_association": "OWNER"},
            "repository": {"full_name": "Acme/Shop"},
            "sender": {"login": changes.get("sender", author)},
        },
    }


@contextmanager
def comment_host(kind: str) -> Iterator[CommentHost]:
    """A host that runs until the end."""
    host = CommentHost(kind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            token = self.headers.get("PRIVATE-TOKEN") or self.headers.get("Authorization") or ""
            status, answer = host.answer(unquote(self.path), token)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    host.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
