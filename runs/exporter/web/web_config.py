"""Prometheus' web configuration file: TLS, client certificates and passwords (prometheus/exporter-toolkit docs/web-configuration.md).

The file and its certificates are read again when they change; a new version that is wrong leaves the old one in force.
"""

import hashlib
import hmac
import re
import secrets
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import bcrypt
import structlog
from pydantic import BeforeValidator, model_validator

from documents.blocks import Block, Text
from documents.diagnostics import Diagnostic, InvalidInput, Position
from documents.files import read_file
from documents.reading import read_document
from documents.validation import validate_document
from documents.wanted import Wanted

__all__ = ["Security"]

WANTED = Wanted(mapping="such as basic_auth_users: {}", merge_key="write its keys out")

CACHED_PASSWORDS = 100
ClientAuthentication = Literal[
    "NoClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
]
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_UNKNOWN_USER = bcrypt.hashpw(secrets.token_bytes(16), bcrypt.gensalt(10))
"""Checked for users that do not exist, so that the time of an answer does not tell."""
_log = structlog.get_logger()


class _Tls(Block):
    cert_file: Text
    key_file: Text
    client_auth_type: ClientAuthentication = "NoClientCert"
    client_ca_file: Text | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"

    @property
    def files(self) -> dict[str, str]:
        """Key of the file → path, for those that are named."""
        named = {key: getattr(self, key) for key in ("cert_file", "key_file", "client_ca_file")}
        return {key: path for key, path in named.items() if path is not None}

    @model_validator(mode="after")
    def _consistent(self) -> "_Tls":
        verifies = self.client_auth_type in {"VerifyClientCertIfGiven", "RequireAndVerifyClientCert"}
        if verifies and self.client_ca_file is None:
            raise ValueError(f"client_auth_type: {self.client_auth_type} needs client_ca_file")
        if self.client_auth_type in {"RequestClientCert", "RequireAnyClientCert"}:
            raise ValueError(
                f"client_auth_type: {self.client_auth_type} takes certificates that nobody checked; "
                "accepted are NoClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert"
            )
        return self


class _Http(Block):
    headers: Mapping[str, str] = {}
    http2: Literal[False] = False


def _hashed(value: object) -> object:
    # The value is not repeated in the message: it may be the password itself.
    if not isinstance(value, str) or not re.match(r"\$2[aby]\$\d\d\$", value):
        raise ValueError("expected a bcrypt hash of the password, as htpasswd -nBC 10 USER prints it")
    return value


class _Configuration(Block):
    tls_server_config: _Tls | None = None
    http_server_config: _Http = _Http()
    basic_auth_users: Mapping[Text, Annotated[str, BeforeValidator(_hashed)]] = {}


class Security:
    """The current settings of the file. Safe for threads."""

    def __init__(self, path: Path | None) -> None:
        """Read the file; without one everything is open.

        Raises:
            InvalidInput: It cannot be used; every problem with its position.
        """
        self._path = path
        self._lock = threading.Lock()
        self._stamps: dict[Path, float] = {}
        self._configuration = _Configuration()
        self._context: ssl.SSLContext | None = None
        self._secret = secrets.token_bytes(32)
        self._known: dict[bytes, bool] = {}
        if path is not None:
            self._load()

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of every answer."""
        self._refresh()
        return self._configuration.http_server_config.headers

    @property
    def certificate(self) -> tuple[str, str] | None:
        """Files of certificate and key; None without TLS."""
        tls = self._configuration.tls_server_config
        return None if tls is None else (str(tls.cert_file), str(tls.key_file))

    def context(self) -> ssl.SSLContext | None:
        """TLS context for the next handshake; None without TLS."""
        self._refresh()
        return self._context

    def admits(self, user: str, password: str) -> bool:
        """Whether a user may read; everybody may where no users are named. Passwords are hashed once, then remembered."""
        self._refresh()
        users = self._configuration.basic_auth_users
        if not users:
            return True
        token = hmac.digest(self._secret, f"{len(user)}:{user}{password}".encode(), hashlib.sha256)
        with self._lock:
            known = self._known.get(token)
        if known is not None:
            return known
        hashed = users.get(user, "").encode() or _UNKNOWN_USER
        admitted = bcrypt.checkpw(password.encode()[:72], hashed) and user in users
        with self._lock:
            if len(self._known) >= CACHED_PASSWORDS:
                self._known.clear()
            self._known[token] = admitted
        return admitted

    @property
    def asks_password(self) -> bool:
        """Whether users are named."""
        return bool(self._configuration.basic_auth_users)

    def _refresh(self) -> None:
        if self._path is None:
            return
        with self._lock:
            if self._stamps == _stamps(self._stamps):
                return
            try:
                self._load()
            except InvalidInput as error:
                # Keeps what was right, and does not complain at every request.
                self._stamps = _stamps(self._stamps)
                _log.error("web configuration not reloaded", error=str(error))

    def _load(self) -> None:
        if self._path is None:
            return
        configuration = _read(self._path)
        tls = configuration.tls_server_config
        files = [self._path, *(() if tls is None else map(Path, tls.files.values()))]
        stamps = _stamps(dict.fromkeys(files, 0.0))
        self._context = None if tls is None else _context(self._path, tls)
        self._configuration, self._stamps = configuration, stamps
        self._known.clear()


def _stamps(files: Mapping[Path, float]) -> dict[Path, float]:
    found = {}
    for file in files:
        try:
            found[file] = file.stat().st_mtime
        except OSError:
            found[file] = -1.0
    return found


def _context(path: Path, tls: _Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    try:
        context.load_cert_chain(tls.cert_file, tls.key_file)
        if tls.client_ca_file is not None:
            context.load_verify_locations(tls.client_ca_file)
    except (OSError, ssl.SSLError) as error:
        problem = f"certificate, key or client authority: {error}"
        place = Position(str(path), 1, 1)
        raise InvalidInput((Diagnostic(place, problem, field="tls_server_config"),)) from error
    if tls.client_auth_type == "RequireAndVerifyClientCert":
        context.verify_mode = ssl.CERT_REQUIRED
    elif tls.client_auth_type == "VerifyClientCertIfGiven":
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _read(path: Path) -> _Configuration:
    document = read_document(read_file(path), str(path), WANTED)
    found = validate_document(document, _Configuration)
    tls = found.tls_server_config
    if tls is None:
        return found
    placed = {key: path.parent / file for key, file in tls.files.items()}
    problems = tuple(
        Diagnostic(
            document.position(("tls_server_config", key)),
            f"there is no file {file}",
            field=f"tls_server_config.{key}",
        )
        for key, file in placed.items()
        if not file.is_file()
    )
    if problems:
        raise InvalidInput(problems)
    update = {key: str(file) for key, file in placed.items()}
    return found.model_copy(update={"tls_server_config": tls.model_copy(update=update)})
