"""Comment commands with a real Gitea: its payloads, its rights, its requests. Bus and API server are on loopback."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cluster.control_plane import ControlPlane
from cluster.gitea import Gitea
from cluster.network import CONTROL_PLANE
from comment_hosts import CommentHost
from comment_site import Site

from events.request import canonical_header
from runs.controller.settings import ControllerSettings, ReportedSource

REPOSITORY = "acme/shop"
CHOSEN = ["pull_request_only", "pull_request_sync", "pull_request_comment"]
"""What `hookline webhooks` prints, in the words of Gitea's API."""


@pytest.fixture
def gitea(cluster: ControlPlane, tmp_path: Path) -> Iterator[Gitea]:
    (tmp_path / "gitea").mkdir()
    with ExitStack() as stack:
        found = Gitea(cluster.engines["gitea"], tmp_path / "gitea")
        stack.callback(found.stop)
        for name in ("ann", "bob", "carol", "ci"):
            found.create_user(name)
        found.api("ann", "POST", "orgs", {"username": "acme"})
        found.api(
            "ann", "POST", "orgs/acme/repos", {"name": "shop", "auto_init": True, "default_branch": "main"}
        )
        for name, right in (("bob", "read"), ("carol", "write"), ("ci", "admin")):
            found.api("ann", "PUT", f"repos/{REPOSITORY}/collaborators/{name}", {"permission": right})
        yield found


@pytest.fixture
def heard(gitea: Gitea, tmp_path: Path) -> Iterator[Site]:
    """The duty, to which the Gitea delivers, with a token of the account ci."""
    folder = tmp_path / "site"
    folder.mkdir()
    found = Site(CommentHost("gitea", url=gitea.url), folder)
    (folder / "token").write_text(gitea.token("ci", "t", "write:repository", "read:user"))
    source = ReportedSource(host="gitea", api=f"{gitea.url}/api/v1", token_file=str(folder / "token"))
    found.settings = ControllerSettings(sources={"git": source})

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {canonical_header(name): [value] for name, value in self.headers.items()}
            found.put({"headers": headers, "body": body})
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = http.server.ThreadingHTTPServer((CONTROL_PLANE, 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "url": f"http://{CONTROL_PLANE}:{server.server_port}/",
        "content_type": "json",
        "secret": "s3cret",
    }
    hook = {"type": "gitea", "config": config, "events": CHOSEN, "active": True}
    gitea.api("ann", "POST", f"repos/{REPOSITORY}/hooks", hook)
    yield found
    found.stop()
    server.shutdown()
    server.server_close()


def test_a_real_gitea_says_who_may_command_and_which_commit(
    gitea: Gitea, heard: Site, tmp_path: Path
) -> None:
    clone = gitea.clone("carol", REPOSITORY, tmp_path / "clone")
    clone.branch("topic")
    sha = clone.commit()
    clone.push("topic")
    request = {"head": "topic", "base": "main", "title": "A change"}
    number = gitea.api("carol", "POST", f"repos/{REPOSITORY}/pulls", request)["number"]
    issue = gitea.api("carol", "POST", f"repos/{REPOSITORY}/issues", {"title": "No request"})["number"]

    def say(user: str, text: str, where: int = number) -> Any:
        return gitea.api(user, "POST", f"repos/{REPOSITORY}/issues/{where}/comments", {"body": text})

    heard.start()
    say("bob", "/test")
    heard.until("no_permission")
    say("ci", "/test")
    heard.until("own")
    say("carol", "/test", issue)
    said = say("carol", "Once more:\r\n/test cart\r\n")
    heard.until("created")
    assert heard.pipelines == ["cart"]
    (run,) = heard.runs.values()
    annotations = run["metadata"]["annotations"]
    assert annotations["hookline.dev/sha"] == sha
    assert annotations["hookline.dev/started-by"] == "carol@git"
    assert str(said["id"]) in annotations["hookline.dev/because"]
    # Neither a comment that was followed, nor one that held no command, is heard when it is edited.
    for edited in (said, say("carol", "Thank you")):
        place = f"repos/{REPOSITORY}/issues/comments/{edited['id']}"
        gitea.api("carol", "PATCH", place, {"body": "/test shop"})
    heard.until("edited", 2)
    gitea.api("carol", "PATCH", f"repos/{REPOSITORY}/pulls/{number}", {"state": "closed"})
    say("carol", "/test shop")
    heard.until("closed")
    assert heard.pipelines == ["cart"]
