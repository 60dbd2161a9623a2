"""A real Gitea, driven as its users drive it: over its API, its web pages' forms, and with git."""

import itertools
import json
import os
import sqlite3
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from cluster.network import CONTROL_PLANE
from cluster.processes import Process

__all__ = ["PASSWORD", "Answer", "Clone", "Gitea", "Place"]

PORT = 3000
PASSWORD = "a-password-of-the-test"
SETTINGS = """\
APP_NAME = Test
RUN_MODE = prod
RUN_USER = root
; The launcher's namespaces end with the tests, and hold nothing else.
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = {folder}

[server]
PROTOCOL = {place.protocol}
{place.files}
HTTP_ADDR = {place.address}
HTTP_PORT = {port}
ROOT_URL = {place.url}/
STATIC_ROOT_PATH = {engine}
DISABLE_SSH = true
OFFLINE_MODE = true

[database]
DB_TYPE = sqlite3

[security]
INSTALL_LOCK = true
SECRET_KEY = a-secret-of-the-test
PASSWORD_HASH_ALGO = pbkdf2_v1

[webhook]
ALLOWED_HOST_LIST = *
DELIVER_TIMEOUT = 60

[log]
LEVEL = Warn

[cron.update_checker]
ENABLED = false
"""


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the machine's own settings: no proxy, no git configuration."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is found; with a certificate, over TLS alone."""

    address: str = CONTROL_PLANE
    name: str = CONTROL_PLANE
    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None
    """Who signed the certificate."""

    @property
    def protocol(self) -> str:
        """How it is spoken to: https or http."""
        return "https" if self.certificate is not None else "http"

    @property
    def files(self) -> str:
        """Settings of TLS."""
        if self.certificate is None:
            return ""
        return f"CERT_FILE = {self.certificate}\nKEY_FILE = {self.key}"

    @property
    def url(self) -> str:
        """Without a path."""
        return f"{self.protocol}://{self.name}:{PORT}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of the delivery of a push."""

    delivery: str
    """Its number; a delivery that is sent again has a new one."""
    commit: str
    sent: bool
    status: int
    """Of HTTP; 0 if nobody answered."""
    when: float
    """Seconds since 1970, of the answer."""


class Gitea:
    """A running server with an administrator named root."""

    def __init__(self, engine: Path, folder: Path, place: Place | None = None) -> None:
        """Start it.

        Args:
            engine: Its built program, and what it reads from the module.
            folder: For all that it writes.
            place: Where; without one, on the bridge.
        """
        place = place or Place()
        self.url = place.url
        self._authority = place.authority
        self._folder = folder
        self._program = str(engine / "gitea")
        self._settings = folder / "app.ini"
        self._settings.write_text(SETTINGS.format(folder=folder, engine=engine, place=place, port=PORT))
        trusted = None if place.authority is None else str(place.authority)
        self._http = urllib3.PoolManager(retries=False, timeout=120, ca_certs=trusted)
        arguments = [self._program, "web", "--config", str(self._settings)]
        self._process = Process("gitea", arguments, folder / "gitea.log", _environment(folder))
        self._process.until(self._ready, "Gitea is ready")
        try:
            self._command(
                "admin", "user", "create", "--admin", "--username", "administrator",
                "--email", "administrator@example.com", "--password", PASSWORD, "--must-change-password=false",
            )  # fmt: skip
        except BaseException:
            self.stop()
            raise

    def _ready(self) -> bool:
        try:
            return self._http.request("GET", f"{self.url}/api/healthz").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _command(self, *arguments: str) -> None:
        command = [self._program, "--config", str(self._settings), *arguments]
        done = subprocess.run(
            command, env=_environment(self._folder), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"gitea {' '.join(arguments[:3])} failed: {done.stdout}{done.stderr}")

    def stop(self) -> None:
        """Stop it."""
        self._process.stop()

    def api(self, user: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request to the API as a user; the answer's JSON.

        Raises:
            RuntimeError: The answer is an error.
        """
        headers = urllib3.make_headers(basic_auth=f"{user}:{PASSWORD}") | {"Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        answer = self._http.request(method, f"{self.url}/api/v1/{path}", body=content, headers=headers)
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path} as {user}: {answer.status} {answer.data.decode()}")
        return json.loads(answer.data) if answer.data else None

    def token(self, user: str, name: str, *scopes: str) -> str:
        """Make a token of a user, which may do no more than its scopes say."""
        made = self.api(user, "POST", f"users/{user}/tokens", {"name": name, "scopes": scopes})
        return str(made["sha1"])

    def statuses(self, repository: str, commit: str) -> dict[str, tuple[str, str, str]]:
        """Of a commit, as its request shows them: the name of a status → its state, its description, and where it leads."""
        shown = self.api("administrator", "GET", f"repos/{repository}/commits/{commit}/status")
        return {
            each["context"]: (each["status"], each["description"], each["target_url"])
            for each in shown["statuses"] or ()
        }

    def create_user(self, name: str) -> None:
        """A user who can sign in."""
        user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
        self.api("administrator", "POST", "admin/users", user | {"must_change_password": False})

    def redeliver(self, user: str, repository: str, hook: int, delivery: str) -> None:
        """Press the button that sends a delivery again: the API has no call for it."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        signed_in = self._http.request(
            "POST",
            f"{self.url}/user/login",
            body=urlencode({"user_name": user, "password": PASSWORD}),
            headers=form,
            redirect=False,
        )
        set_cookies = [each.split(";")[0].split("=", 1) for each in signed_in.headers.getlist("Set-Cookie")]
        cookies = "; ".join(
            f"{name}={value}" for name, value in dict(set_cookies).items()
        )  # the last of a name
        answer = self._http.request(
            "POST",
            f"{self.url}/{repository}/settings/hooks/{hook}/replay/{delivery}",
            body="",
            headers=form | {"Cookie": cookies},
            redirect=False,
        )
        if answer.status != 303 or "/login" in answer.headers["Location"]:
            raise RuntimeError(f"the delivery was not sent again: {answer.status} {dict(answer.headers)}")

    def deliveries(self) -> list[tuple[int, str, bool]]:
        """What it has to send or has sent: number of the webhook, event, whether it was sent."""
        found = self._hook_tasks("hook_id, event_type, is_delivered")
        return [(hook, event, bool(sent)) for hook, event, sent in found]

    def answers(self, hook: int) -> list[Answer]:
        """To deliveries of pushes by a webhook, the oldest first."""
        columns = "hook_id, uuid, payload_content, is_delivered, response_content, delivered"
        return [
            Answer(
                delivery,
                json.loads(payload)["after"],
                bool(sent),
                json.loads(response or "{}").get("status", 0),
                when / 1e9,
            )
            for number, delivery, payload, sent, response, when in self._hook_tasks(columns)
            if number == hook
        ]

    def _hook_tasks(self, columns: str) -> list[Any]:
        """From its database: the API tells of no delivery."""
        with sqlite3.connect(
            f"file:{self._folder / 'data/gitea.db'}?mode=ro", uri=True, timeout=60
        ) as database:
            return database.execute(f"select {columns} from hook_task order by id").fetchall()  # noqa: S608 - our own columns

    def clone(self, user: str, repository: str, folder: Path) -> "Clone":
        """A user's clone, over HTTP with a password."""
        protocol, _, place = self.url.partition("://")
        return Clone(
            user, f"{protocol}://{quote(user)}:{PASSWORD}@{place}/{repository}.git", folder, self._authority
        )


class Clone:
    """A user's clone of a repository."""

    _numbers = itertools.count(1)

    def __init__(self, user: str, remote: str, folder: Path, authority: Path | None = None) -> None:
        self._folder = folder
        person = {"NAME": user, "EMAIL": f"{user}@example.com"}
        self._environment = _environment(folder) | {
            f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()
        }
        if authority is not None:
            self._environment["GIT_SSL_CAINFO"] = str(authority)
        folder.mkdir(parents=True)
        self.git("clone", "-q", remote, ".")

    def git(self, *arguments: str) -> str:
        """Run git; what it printed.

        Raises:
            RuntimeError: It failed.
        """
        done = subprocess.run(
            ["git", *arguments],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"git {' '.join(arguments)} failed: {done.stderr}")
        return done.stdout.strip()

    def commit(
        self, path: str = "main.go", message: str = "Change", files: Mapping[str, str] | None = None
    ) -> str:
        """Change a file, or write these (path → text), and commit; the commit."""
        for name, text in (files or {path: f"{next(self._numbers)}\n"}).items():
            place = self._folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        self.git("add", ".")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> None:
        """Push refs, or whatever else git push takes."""
        self.git("push", "-q", "origin", *refs)

    def branch(self, name: str, start: str = "origin/main") -> None:
        """Make a branch and go to it."""
        self.git("checkout", "-q", "-B", name, "--no-track", start)
