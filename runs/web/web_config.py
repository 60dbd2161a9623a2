"""Prometheus' web configuration file: TLS, client certificates and passwords (prometheus/exporter-toolkit docs/web-configuration.md).

The file and its certificates are read again when they change; a new version that is wrong leaves the old one in force.
"""

import re
import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import structlog
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from documents.blocks import Block, Text
from documents.diagnostics import Diagnostic, InvalidInput, Position
from documents.files import read_file
from documents.reading import read_document
from documents.validation import validate_document
from documents.wanted import Wanted
from runs.web.passwords import Passwords, problem_of_hash

__all__ = ["Security", "Settings"]

WANTED = Wanted(mapping="such as basic_auth_users: {}", merge_key="write its keys out")

OWN_HEADERS = frozenset(
    {
        "allow", "connection", "content-encoding", "content-length", "content-type", "date", "keep-alive", "retry-after", "te", "trailer",
        "transfer-encoding", "upgrade", "vary", "www-authenticate",
    }
)  # fmt: skip
"""They say how an answer is framed, or what is in it."""
ClientAuthentication = Literal[
    "NoClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
]
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[!-~](?:[ \t!-~]*[!-~])?|")
"""RFC 9110, 5.1 and 5.5: names are tokens; values are printable ASCII, with spaces inside only."""
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
                f"client_auth_type: {self.client_auth_type} accepts certificates that nobody verifies; "
                "accepted are NoClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert"
            )
        return self


def _header_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError("no HTTP header can have this name; accepted are ASCII letters, digits and -")
    if name.lower() in OWN_HEADERS:
        raise ValueError("the exporter writes this header itself; take it out")
    return name


def _header_value(value: str) -> str:
    if not _VALUE.fullmatch(value):
        raise ValueError(
            "no HTTP header can have this value; accepted is printable ASCII without line breaks, and without spaces at its ends"
        )
    return value


def _distinct(headers: Mapping[str, str]) -> Mapping[str, str]:
    seen: dict[str, str] = {}
    for name in headers:
        if (first := seen.setdefault(name.lower(), name)) != name:
            raise ValueError(f"{name}: this is the same header as {first}; keep one of them")
    return headers


_Headers = Annotated[
    Mapping[Annotated[str, AfterValidator(_header_name)], Annotated[str, AfterValidator(_header_value)]],
    AfterValidator(_distinct),
]


class _Http(Block):
    headers: _Headers = Field(default_factory=dict)
    http2: Literal[False] = False


def _hashed(value: object) -> object:
    # The value is not repeated in the message: it may be the password itself.
    if (problem := problem_of_hash(value if isinstance(value, str) else "")) is not None:
        raise ValueError(problem)
    return value


def _user(name: str) -> str:
    if ":" in name or not name.isprintable():
        raise ValueError("a client cannot send this name; accepted is printable text without a colon")
    return name


class _Configuration(Block):
    tls_server_config: _Tls | None = None
    http_server_config: _Http = _Http()
    basic_auth_users: Mapping[
        Annotated[Text, AfterValidator(_user)], Annotated[str, BeforeValidator(_hashed)]
    ] = {}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that hold for one request."""

    headers: Mapping[str, str]
    """The headers that every answer carries."""
    context: ssl.SSLContext | None
    """For new connections; None without TLS. A connection that was made under another one is closed."""
    passwords: Passwords | None
    """None where everybody may read."""


class Security:
    """The current settings of the file. Safe for threads."""

    def __init__(self, path: Path | None) -> None:
        """Read the file; without one everything is open.

        Raises:
            InvalidInput: It cannot be used; every problem with its position.
        """
        self._path = path
        self._lock = threading.Lock()
        self._stamps: dict[Path, _Stamp] = {}
        self._settings = Settings({}, None, None)
        if path is not None:
            self._load(path)

    def now(self) -> Settings:
        """The settings that hold now; the files are read again if one of them changed."""
        if self._path is None:
            return self._settings
        with self._lock:
            if self._stamps != (stamps := _stamps(self._stamps)):
                try:
                    self._load(self._path)
                except InvalidInput as error:
                    # Keeps what was right, and does not complain at every request.
                    self._stamps = stamps
                    _log.error("web configuration not reloaded", error=str(error))
            return self._settings

    def _load(self, path: Path) -> None:
        # Before they are read: a file that changes meanwhile is read again.
        stamps = _stamps([path])
        configuration = _read(path)
        tls = configuration.tls_server_config
        if tls is not None:
            stamps |= _stamps(map(Path, tls.files.values()))
        users = configuration.basic_auth_users
        self._settings = Settings(
            configuration.http_server_config.headers,
            None if tls is None else _context(path, tls),
            Passwords(users) if users else None,
        )
        self._stamps = stamps


_Stamp = tuple[int, int, int] | None
"""Time, inode and size; a volume of Kubernetes puts another file in the place of the first."""


def _stamps(files: Iterable[Path]) -> dict[Path, _Stamp]:
    found: dict[Path, _Stamp] = {}
    for file in files:
        try:
            seen = file.stat()
        except OSError:
            found[file] = None
        else:
            found[file] = (seen.st_mtime_ns, seen.st_ino, seen.st_size)
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
