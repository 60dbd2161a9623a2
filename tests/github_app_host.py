"""GitHub on loopback with an App: real signatures, tokens that end, and the documented rules of check runs.

Source: GitHub's REST documentation: "Generating a JSON Web Token (JWT) for a GitHub App", "Create an installation access token for an
app", "Check runs". Creating twice makes two; a completed one cannot be opened again; annotations of an update are added.
"""

import datetime
import functools
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from status_hosts import Answered, StatusHost

APP, INSTALLATION = 123456, 7654321
HOUR = 3600.0
CONCLUSIONS = {
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "skipped",
    "success",
    "timed_out",
}
OPEN = {"queued", "in_progress"}


@functools.cache
def private_key(number: int) -> RSAPrivateKey:
    """A key; the same for the same number."""
    return generate_private_key(65537, 2048 + 8 * number)


def pem(key: RSAPrivateKey) -> str:
    """A private key as GitHub gives it to download."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@dataclass
class AppHost(StatusHost):
    """A host with one App, which is installed for one account."""

    account: str = "acme"
    ahead: float = 0.0
    """Seconds by which its clock is ahead of this machine's."""
    number: int = 0
    """Of the key that it knows."""
    runs: list[dict[str, Any]] = field(default_factory=list)
    """Check runs."""
    ends: dict[str, float] = field(default_factory=dict)
    """Token of an installation → its end."""
    given: Mapping[str, str] = field(default_factory=lambda: {"checks": "write", "metadata": "read"})
    """Permissions of the App."""
    token_faults: list[Callable[[], Answered | None]] = field(default_factory=list)
    """What happens to the next requests for a token, one each."""
    serial: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def now(self) -> float:
        return time.time() + self.ahead

    def access(self, file: Path) -> dict[str, Any]:
        return {"host": "github", "app": {"id": APP, "private_key_file": str(file)}}

    def secret(self) -> str:
        return pem(private_key(self.number))

    def replace_secret(self) -> str:
        self.number += 1
        self.ends.clear()
        return self.secret()

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Any, body: Any
    ) -> Answered | None:
        with self.lock:
            self.asked.append(f"{method} {path}")
            scheme, _, token = headers.get("Authorization", "").partition(" ")
            parts = path.strip("/").split("/")
            if parts[0] == "app" or parts[3:] == ["installation"]:
                if self.token_faults:
                    return self.token_faults.pop(0)()
                wrong = self._wrong_signature(token) if scheme == "Bearer" else "no token"
                if wrong:
                    return 401, {"message": wrong}, {}
                return self._installation(method, parts, body)
            if scheme != "Bearer" or self.ends.get(token, 0.0) <= self.now():
                return 401, {"message": "Bad credentials"}, {}
            if method != "GET" and self.faults:
                return self.faults.pop(0)()
            found = self._checks(method, parts, query, body)
            if method != "GET" and found[0] in {200, 201} and self.after:
                return self.after.pop(0)()
            return found

    def _wrong_signature(self, token: str) -> str:
        try:
            claims = jwt.decode(
                token,
                private_key(self.number).public_key(),
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False, "require": ["iat", "exp", "iss"]},
            )
        except jwt.PyJWTError:
            return "A JSON web token could not be decoded"
        now = self.now()
        if claims["iss"] != str(APP):
            return "Integration not found"
        if claims["iat"] > now:
            return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        if claims["exp"] <= now:
            return "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
        if claims["exp"] > now + 600:
            return "'Expiration time' claim ('exp') is too far in the future"
        return ""

    def _installation(self, method: str, parts: list[str], body: Any) -> Answered:
        if method == "GET" and parts[0] == "repos":
            if parts[1] != self.account:
                return 404, {"message": "Not Found"}, {}
            return 200, {"id": INSTALLATION, "app_id": APP}, {}
        if method != "POST" or parts != ["app", "installations", str(INSTALLATION), "access_tokens"]:
            return 404, {"message": "Not Found"}, {}
        wanted = (body or {}).get("permissions", self.given)
        if any(self.given.get(name) not in {right, "write"} for name, right in wanted.items()):
            return 422, {"message": "The permissions requested are not granted to this installation."}, {}
        token, end = f"ghs_{next(self.serial):036d}", self.now() + HOUR
        self.ends[token] = end
        until = datetime.datetime.fromtimestamp(int(end), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return 201, {"token": token, "expires_at": until, "permissions": dict(wanted)}, {}

    def _checks(self, method: str, parts: list[str], query: Mapping[str, str], body: Any) -> Answered:
        repository = "/".join(parts[1:3])
        if parts[0] != "repos" or parts[1] != self.account:
            return 404, {"message": "Not Found"}, {}
        match method, parts[3:]:
            case "GET", ["commits", sha, "check-runs"]:
                found = [
                    each
                    for each in reversed(self.runs)
                    if (each["repository"], each["head_sha"]) == (repository, sha)
                    and each["name"] == query.get("check_name", each["name"])
                    and str(each["app"]["id"]) == query.get("app_id", str(each["app"]["id"]))
                ]
                # GitHub's documentation: 30 on a page, at most 100.
                size = min(int(query.get("per_page", "30")), 100)
                begin = (int(query.get("page", "1")) - 1) * size
                return 200, {"total_count": len(found), "check_runs": found[begin : begin + size]}, {}
            case "POST", ["check-runs"]:
                if wrong := _wrong(body, made=True):
                    return 422, {"message": f"Invalid request. {wrong}"}, {}
                made = {
                    "id": next(self.serial),
                    "repository": repository,
                    "app": {"id": APP},
                    "external_id": "",
                    "status": "queued",
                    "conclusion": None,
                    "completed_at": None,
                    "annotations": [],
                }
                self.runs.append(made)
                return 201, self._changed(made, body), {}
            case "PATCH", ["check-runs", number]:
                run = next((each for each in self.runs if str(each["id"]) == number), None)
                if run is None or run["repository"] != repository:
                    return 404, {"message": "Not Found"}, {}
                if wrong := _wrong(body, made=False):
                    return 422, {"message": f"Invalid request. {wrong}"}, {}
                if run["status"] == "completed" and body.get("status", "completed") != "completed":
                    return 422, {"message": "A completed check run cannot be reopened."}, {}
                return 200, self._changed(run, body), {}
        return 404, {"message": "Not Found"}, {}

    def _changed(self, run: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        annotations = run["annotations"] + body.get("output", {}).get("annotations", [])
        run |= {**body, "annotations": annotations}
        if run["status"] == "completed" and run["completed_at"] is None:
            run["completed_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now()))
        state = run["conclusion"] if run["status"] == "completed" else run["status"]
        self.told.append((run["repository"], run["head_sha"], run["name"], state))
        self.descriptions.append(body["output"]["title"])
        return dict(run)


def _wrong(body: dict[str, Any], *, made: bool) -> str:
    """What is wrong with a request, by the documentation; empty for nothing."""
    if made and not (body.get("name") and body.get("head_sha")):
        return "name and head_sha weren't supplied."
    if body.get("status") == "completed" and body.get("conclusion") not in CONCLUSIONS:
        return "conclusion is required for completed."
    if body.get("status") not in {"completed", *OPEN}:
        return "status is not a member of [queued, in_progress, completed]."
    if body["status"] != "completed" and "conclusion" in body:
        return "conclusion completes it."
    if body.get("details_url", "https://x") == "":
        return "details_url is not a URL."
    output = body.get("output", {"title": "x", "summary": "x"})
    if not output.get("title") or not output.get("summary"):
        return "title and summary weren't supplied."
    if len(output["summary"]) > 65_535:
        return "summary exceeds a maximum of 65535 characters."
    notes = output.get("annotations", [])
    if len(notes) > 50:
        return "No more than 50 items are allowed; annotations."
    for each in notes:
        if {"path", "start_line", "end_line", "annotation_level", "message"} - each.keys():
            return "annotations lack something."
        if len(each.get("title", "")) > 255 or each["start_line"] < 1 or not each["message"]:
            return "an annotation is wrong."
    return ""
