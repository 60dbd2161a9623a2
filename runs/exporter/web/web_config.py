"""Prometheus' web configuration file: TLS, client certificates and passwords (prometheus/exporter-toolkit docs/web-configuration.md).

The file and its certificates are read again when they change; a new version that is wrong leaves the old one in force.
"""

import hashlib
import hmac
import secrets
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import bcrypt
import structlog
from pydantic import BaseModel, ConfigDict, Field, model_validator

from runs.exporter.yaml_files import read_model

__all__ = ["InvalidWebConfiguration", "Security"]

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


class InvalidWebConfiguration(ValueError):
    """A file that cannot be used; the text says where, what is wrong and what is accepted."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Tls(_Part):
    cert_file: Path
    key_file: Path
    client_auth_type: ClientAuthentication = "NoClientCert"
    client_ca_file: Path | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"

    @model_validator(mode="after")
    def _consistent(self) -> "_Tls":
        verifies = self.client_auth_type in {"VerifyClientCertIfGiven", "RequireAndVerifyClientCert"}
        if verifies and self.client_ca_file is None:
            raise ValueError(f"client_auth_type {self.client_auth_type} needs client_ca_file")
        if self.client_auth_type in {"RequestClientCert", "RequireAnyClientCert"}:
            raise ValueError(
                f"client_auth_type {self.client_auth_type} takes certificates that nobody checked; "
                "accepted are NoClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert"
            )
        return self


class _Http(_Part):
    headers: Mapping[str, str] = {}
    http2: Literal[False] = False


class _Configuration(_Part):
    tls_server_config: _Tls | None = None
    http_server_config: _Http = _Http()
    basic_auth_users: Mapping[
        Annotated[str, Field(min_length=1)], Annotated[str, Field(pattern=r"^\$2[aby]\$\d\d\$")]
    ] = {}


class Security:
    """What the file says now. Safe for threads."""

    def __init__(self, path: Path | None) -> None:
        """Read the file; without one everything is open.

        Raises:
            InvalidWebConfiguration: It cannot be used.
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
        """What every answer carries."""
        self._refresh()
        return self._configuration.http_server_config.headers

    @property
    def certificate(self) -> tuple[str, str] | None:
        """Files of certificate and key; None without TLS."""
        tls = self._configuration.tls_server_config
        return None if tls is None else (str(tls.cert_file), str(tls.key_file))

    def context(self) -> ssl.SSLContext | None:
        """For the next handshake; None without TLS."""
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
            except InvalidWebConfiguration as error:
                # Keeps what was right, and does not complain at every request.
                self._stamps = _stamps(self._stamps)
                _log.error("web configuration not reloaded", error=str(error))

    def _load(self) -> None:
        if self._path is None:
            return
        configuration = _read(self._path)
        tls = configuration.tls_server_config
        files = [self._path] + ([] if tls is None else [tls.cert_file, tls.key_file])
        files += [tls.client_ca_file] if tls is not None and tls.client_ca_file is not None else []
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
        raise InvalidWebConfiguration(f"{path}: certificate, key or client authority: {error}") from error
    if tls.client_auth_type == "RequireAndVerifyClientCert":
        context.verify_mode = ssl.CERT_REQUIRED
    elif tls.client_auth_type == "VerifyClientCertIfGiven":
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _read(path: Path) -> _Configuration:
    found = read_model(path, _Configuration, InvalidWebConfiguration)
    tls = found.tls_server_config
    if tls is not None:
        files = {name: getattr(tls, name) for name in ("cert_file", "key_file", "client_ca_file")}
        placed = {name: path.parent / file for name, file in files.items() if file is not None}
        found = found.model_copy(update={"tls_server_config": tls.model_copy(update=placed)})
    return found
