"""Git hosts on loopback that hold the documented rules of commit statuses, and fail as a test says.

Sources: GitHub's REST documentation (1,000 statuses for a commit and context, descriptions of 140 characters, contexts compared without
case, rate limits); gitlabhq app/services/ci/create_commit_status_service.rb and app/models/commit_status.rb (state machine, pipelines, 409);
gitea routers/api/v1/repo/status.go (every post is a row); help.aliyun.com, "CreateCommitStatus" (Codeup: contexts of 50 characters, descriptions of
3,000, pages of at most 100); developer.atlassian.com, "Commit statuses" (Bitbucket Cloud: keys of 40 characters, one status of a key, a page to lead to,
pages that link the next one) and "Updating build status for commits" (Data Center: 404 where a commit has no status of a key).
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "a-token-of-the-test"
Answered = tuple[int, Any, Mapping[str, str]]
Fault = Callable[[], Answered | None]
"""An answer instead of the host's; None: no answer at all."""


@dataclass
class StatusHost:
    """One host: what it was told, in order."""

    kind: str
    most: int = 1000
    told: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Repository, commit, context, state of every status that it took."""
    descriptions: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Method and path of every request."""
    faults: list[Fault] = field(default_factory=list)
    """What happens to the next requests that give a status, one each."""
    after: list[Fault] = field(default_factory=list)
    """The same, after the status was taken."""
    token: str = TOKEN
    url: str = ""
    jobs: list[dict[str, Any]] = field(default_factory=list)
    """Of GitLab."""
    pipelines: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> float:
        """Its clock, Unix seconds."""
        return time.time()

    def access(self, file: Path) -> dict[str, Any]:
        """How a source's settings name it, and the file with the secret that it wants."""
        return {"host": self.kind, "token_file": str(file)}

    def secret(self) -> str:
        """What the file must hold."""
        return self.token

    def replace_secret(self) -> str:
        """Take another secret from now on, and no longer the one before."""
        self.token = "another"
        return self.token

    def states(self, context: str = "hookline/shop") -> list[str]:
        """The states of one context, in order."""
        return [state for _, _, name, state in self.told if name.lower() == context.lower()]

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Any, body: Any
    ) -> Answered | None:
        with self.lock:
            self.asked.append(f"{method} {path}")
            given = {
                "github": headers.get("Authorization") == f"Bearer {self.token}",
                "gitea": headers.get("Authorization") == f"token {self.token}",
                "gitlab": headers.get("PRIVATE-TOKEN") == self.token,
                "codeup": headers.get("x-yunxiao-token") == self.token,
                "bitbucketserver": headers.get("Authorization") == f"Bearer {self.token}",
                "bitbucket": headers.get("Authorization") == f"Bearer {self.token}",
            }[self.kind]
            if not given:
                return 401, {"message": "401 Unauthorized"}, {}
            if method == "POST" and self.faults:
                return self.faults.pop(0)()
            found: Answered | None = getattr(self, f"_{self.kind}")(method, path, query, body)
            if method == "GET" and found is not None and isinstance(found[1], list):
                found = self._page(found[1], query)
            if method == "POST" and found is not None and found[0] in {201, 204} and self.after:
                return self.after.pop(0)()
            return found

    def _github(self, method: str, path: str, _: Mapping[str, str], body: Any) -> Answered:
        parts = path.strip("/").split("/")
        if method == "GET" and parts[0] == "repos" and parts[3] == "commits" and parts[5] == "statuses":
            return 200, self._rows("/".join(parts[1:3]), parts[4], "state"), {}
        if method != "POST" or parts[0] != "repos" or parts[3] != "statuses" or len(parts) != 5:
            return 404, {"message": "Not Found"}, {}
        if body["state"] not in {"error", "failure", "pending", "success"}:
            return 422, {"message": "Validation Failed"}, {}
        if len(body["description"]) > 140:
            return 422, {"message": "description is too long (maximum is 140 characters)"}, {}
        same = [
            each for each in self.told if (each[1], each[2].lower()) == (parts[4], body["context"].lower())
        ]
        if len(same) >= self.most:
            return 422, {"message": "This SHA and context has reached the maximum number of statuses."}, {}
        return self._took("/".join(parts[1:3]), parts[4], body["context"], body["state"], body["description"])

    def _gitea(self, method: str, path: str, _: Mapping[str, str], body: Any) -> Answered:
        parts = path.strip("/").split("/")
        if method == "GET" and parts[0] == "repos" and parts[3] == "commits" and parts[5] == "statuses":
            return 200, self._rows("/".join(parts[1:3]), parts[4], "status"), {}
        if method != "POST" or parts[0] != "repos" or parts[3] != "statuses" or len(parts) != 5:
            return 404, {"message": "not found"}, {}
        if body["state"] not in {"pending", "success", "error", "failure", "warning"}:
            return 422, {"message": "invalid state"}, {}
        return self._took("/".join(parts[1:3]), parts[4], body["context"], body["state"], body["description"])

    def _bitbucket(self, method: str, path: str, _: Mapping[str, str], body: Any) -> Answered:
        parts = path.strip("/").split("/")
        if parts[0] != "repositories" or parts[3] != "commit" or parts[5] != "statuses":
            return 404, {"type": "error", "error": {"message": "Resource not found"}}, {}
        repository, sha = "/".join(parts[1:3]), parts[4]
        if method == "GET":
            newest = {each["context"]: each for each in reversed(self._rows(repository, sha, "state"))}
            return 200, [{**each, "key": key} for key, each in newest.items()], {}
        if (
            parts[6:] != ["build"]
            or body["state"] not in {"INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED"}
            or not 0 < len(body["key"]) <= 40
            or not body["url"].startswith("http")
        ):
            return 400, {"type": "error", "error": {"message": "Bad request"}}, {}
        return self._took(repository, sha, body["key"], body["state"], body["description"])

    def _bitbucketserver(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answered:
        parts = path.strip("/").split("/")
        if (parts[0], parts[2], parts[4], parts[6:]) != ("projects", "repos", "commits", ["builds"]):
            return 404, {"errors": [{"message": "Not found"}]}, {}
        repository, sha = f"{parts[1]}/{parts[3]}", parts[5]
        if method == "GET":
            rows = [each for each in self._rows(repository, sha, "state") if each["context"] == query["key"]]
            found = (
                {**rows[0], "key": rows[0]["context"]} if rows else {"errors": [{"message": "No such build"}]}
            )
            return 200 if rows else 404, found, {}
        if (
            body["state"] not in {"INPROGRESS", "SUCCESSFUL", "FAILED", "CANCELLED", "UNKNOWN"}
            or not 0 < len(body["key"]) <= 255
            or not body["url"].startswith("http")
        ):
            return 400, {"errors": [{"message": "Bad request"}]}, {}
        self._took(repository, sha, body["key"], body["state"], body["description"])
        return 204, None, {}

    def _codeup(self, method: str, path: str, _: Mapping[str, str], body: Any) -> Answered:
        # A Region edition: the path names no organization.
        parts = path.strip("/").split("/")
        if parts[0] != "repositories" or parts[2] != "commits" or parts[4:] != ["statuses"]:
            return 404, {"errorCode": "NOT_FOUND", "errorMessage": "Not found."}, {}
        repository, sha = unquote(parts[1]), parts[3]
        if method == "GET":
            return 200, self._rows(repository, sha, "state"), {}
        wrong = (
            body["state"] not in {"error", "failure", "pending", "success"}
            or not 0 < len(body["context"]) <= 50
            or len(body["description"]) > 3000
        )
        same = [each for each in self.told if (each[1], each[2].lower()) == (sha, body["context"].lower())]
        if wrong or len(same) >= self.most:
            return 400, {"errorCode": "InvalidParameter", "errorMessage": "Invalid parameter."}, {}
        return self._took(repository, sha, body["context"], body["state"], body["description"])

    def _gitlab(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answered:
        parts = path.strip("/").split("/")
        repository, sha = unquote(parts[1]), parts[-1]
        if method == "GET" and parts[2:4] == ["repository", "commits"] and parts[5] == "statuses":
            rows = [each for each in self.jobs if each["sha"] == parts[4] and each["name"] == query["name"]]
            return 200, sorted(rows, key=lambda each: -each["id"]), {}
        if method != "POST" or parts[0] != "projects" or parts[2] != "statuses":
            return 404, {"message": "404 Not Found"}, {}
        state, name = body["state"], body["name"]
        open_jobs = [
            each
            for each in self.jobs
            if (each["sha"], each["name"]) == (sha, name)
            and each["status"] in {"created", "pending", "running"}
            and body.get("pipeline_id") in {None, each["pipeline_id"]}
        ]
        event = {
            "pending": "enqueue",
            "running": "run",
            "success": "success",
            "failed": "drop",
            "canceled": "cancel",
        }
        if not open_jobs:
            if "pipeline_id" not in body:
                self.pipelines += 1
            pipeline = body.get("pipeline_id", self.pipelines)
            job = {
                "id": len(self.jobs) + 1,
                "sha": sha,
                "name": name,
                "status": "created",
                "pipeline_id": pipeline,
            }
            self.jobs.append(job)
        else:
            job = open_jobs[-1]
        allowed = {"pending": {"created"}, "running": {"created", "pending"}}
        if job["status"] not in allowed.get(state, {"created", "pending", "running"}):
            said = f"Cannot transition status via :{event[state]} from :{job['status']} (Reason(s): Status cannot transition)"
            return 400, {"message": said}, {}
        job["status"], job["description"] = state, body["description"]
        self.told.append((repository, sha, name, state))
        self.descriptions.append(body["description"])
        return 201, dict(job), {}

    def _page(self, rows: list[Any], query: Mapping[str, str]) -> Answered:
        """One page: GitHub and GitLab link the next one, Gitea says how many rows there are."""
        names = ("pagelen", "perPage", "per_page", "limit")
        asked = next((query[name] for name in names if name in query), "20")
        size, page = int(asked), int(query.get("page", 1))
        shown = rows[(page - 1) * size : page * size]
        if self.kind == "gitea":
            return 200, shown, {"X-Total-Count": str(len(rows))}
        if self.kind == "codeup":
            return 200, shown, {}
        if self.kind == "bitbucket":
            following = {"next": "https://elsewhere.example/next"} if len(rows) > page * size else {}
            return 200, {"values": shown, "pagelen": size, **following}, {}
        more = len(rows) > page * size
        return 200, shown, {"Link": '<https://elsewhere.example/next>; rel="next"'} if more else {}

    def _rows(self, repository: str, sha: str, key: str) -> list[dict[str, str]]:
        return [
            {key: state, "context": context, "description": description}
            for (place, commit, context, state), description in reversed(
                list(zip(self.told, self.descriptions, strict=True))
            )
            if (place, commit) == (repository, sha)
        ]

    def _took(self, repository: str, sha: str, context: str, state: str, description: str) -> Answered:
        self.told.append((repository, sha, context, state))
        self.descriptions.append(description)
        return 201, {"state": state, "context": context}, {}


def answers(status: int, message: str = "", **headers: str) -> Fault:
    """Answers so."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: (status, {"message": message}, named)


def silence() -> None:
    """No answer: the connection is closed."""


class _Handler(BaseHTTPRequestHandler):
    host: StatusHost
    protocol_version = "HTTP/1.1"
    # Headers and body in one packet: else the body waits for the client's acknowledgement, 40 ms.
    wbufsize = -1

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self.host.now() if timestamp is None else timestamp)

    def _handle(self) -> None:
        url = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        found = self.host.answer(self.command, url.path, query, self.headers, body)
        if found is None:
            self.close_connection = True
            self.connection.close()
            return
        status, answer, headers = found
        data = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


Host = TypeVar("Host", bound=StatusHost)


@contextmanager
def serving(host: Host) -> Iterator[Host]:
    """The host, which runs until the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"host": host}))
    server.daemon_threads = True
    host.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def status_host(kind: str) -> Iterator[StatusHost]:
    """A host that takes statuses, which runs until the end."""
    with serving(StatusHost(kind)) as host:
        yield host
