"""What steps talk to, real and on loopback: a git host (smart HTTP), registries with TLS and password, a Go module proxy."""

import base64
import io
import json
import queue
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol, Self

import bcrypt
import urllib3
import yaml
from cluster.images import ImageClient, digest
from cluster.processes import Process

__all__ = ["HOST", "PASSWORD", "USER", "Certificates", "GitHost", "ModuleProxy", "Registry", "SshHost"]

HOST = "forge.test"
"""The name of every server here; /etc/hosts of the containers leads it to loopback."""
USER, PASSWORD = "robot", "p$(id)w;rd"


class SignedServer(Protocol):
    """What a server needs for TLS, and its clients."""

    @property
    def ca(self) -> Path: ...
    @property
    def certificate(self) -> Path: ...
    @property
    def key(self) -> Path: ...


class Certificates:
    """A private CA and a certificate of HOST."""

    def __init__(self, folder: Path) -> None:
        def openssl(*arguments: str) -> None:
            subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
                "-out", "ca.crt", "-days", "2", "-subj", "/CN=private CA")  # fmt: skip
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "server.key",
                "-out", "server.csr", "-subj", f"/CN={HOST}")  # fmt: skip
        (folder / "names").write_text(f"subjectAltName=DNS:{HOST},DNS:localhost,IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", "server.crt", "-days", "2", "-extfile", "names")  # fmt: skip
        self.ca, self.certificate, self.key = (
            folder / "ca.crt",
            folder / "server.crt",
            folder / "server.key",
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A pod that was killed hangs up; anything else is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError | ssl.SSLEOFError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _served(server: ThreadingHTTPServer) -> ThreadingHTTPServer:
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


class Pause:
    """A git host sends half of a pack, and nothing more until the pause is over."""

    def __init__(self) -> None:
        self.reached, self.over = threading.Event(), threading.Event()


class _Git(BaseHTTPRequestHandler):
    """git http-backend behind HTTP/1.1; a repository below private/ asks for the password."""

    protocol_version = "HTTP/1.1"

    def __init__(self, host: "GitHost", *arguments: object) -> None:
        self.host = host
        super().__init__(*arguments)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        pause = self.host.take_pause() if b"PACK" in body else None
        if pause is not None:
            half = len(body) // 2
            self.wfile.write(body[:half])
            pause.reached.set()
            pause.over.wait()
            body = body[half:]
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Ask git."""
        body = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if path.startswith("/private/") and self.headers.get("Authorization") != wanted:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            return
        environment = {
            "PATH": "/usr/bin:/bin",
            "GIT_PROJECT_ROOT": str(self.host.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": "" if self.host.only_tips else self.headers.get("Git-Protocol", ""),
            "HOME": "/nonexistent",
        }
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", "http-backend"],
            input=body,
            env=environment,
            capture_output=True,
            check=False,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        status = int(headers.pop("Status", "200").split()[0])
        self._answer(status, headers, content)

    do_POST = do_GET


class GitHost:
    """A git host for the bare repositories in a folder: http on 8080, https on 8443."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self.folder = folder
        self.only_tips = False
        """Whether it speaks the old protocol, in which only the tips of refs can be asked for."""
        handler = partial(_Git, self)
        self._pauses: queue.SimpleQueue[Pause] = queue.SimpleQueue()
        self._plain = _served(_Server(("127.0.0.1", 8080), handler))
        secure = _Server(("127.0.0.1", 8443), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.certificate, certificates.key)
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        self._secure = _served(secure)

    @contextmanager
    def pause(self) -> Iterator[Pause]:
        """The next pack that anybody asks for stops half way; the pause is over with the block at the latest."""
        made = Pause()
        self._pauses.put(made)
        try:
            yield made
        finally:
            made.over.set()
            self.take_pause()

    def take_pause(self) -> Pause | None:
        """The pause of the pack that is sent now; each is taken once."""
        try:
            return self._pauses.get_nowait()
        except queue.Empty:
            return None

    def url(self, name: str, *, secure: bool = True) -> str:
        """Where a repository is cloned from."""
        return f"https://{HOST}:8443/{name}.git" if secure else f"http://{HOST}:8080/{name}.git"


class SshHost:
    """A git host that is asked by ssh, for one repository and one key; ends with the block that it was made for."""

    def __init__(self, folder: Path, bare: Path) -> None:
        def key(name: str) -> None:
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
            )

        for name in ("host", "client", "other"):
            key(name)
        self.url = f"ssh://root@{HOST}:2222{bare}"
        self.client_key = (folder / "client").read_bytes()

        def known(name: str) -> bytes:
            kind, content, *_ = (folder / f"{name}.pub").read_text("utf-8").split()
            return f"[{HOST}]:2222 {kind} {content}\n".encode()

        self.known_hosts, self.others_known_hosts = known("host"), known("other")
        (folder / "authorized").write_bytes((folder / "client.pub").read_bytes())
        (folder / "sshd_config").write_text(
            f"Port 2222\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        self._folder = folder
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self._process = Process(
            "sshd",
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(self._folder / "sshd_config")],
            self._folder / "sshd.log",
            {"PATH": "/usr/bin:/bin"},
        )

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", 2222)) == 0

        self._process.until(listens, "sshd listens")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.stop()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


class ModuleProxy:
    """The Go module proxy, as far as it was asked once: http on 8081."""

    url = f"http://{HOST}:8081"

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self._folder = folder
        self._address = address
        self._server: ThreadingHTTPServer | None = None
        self.start()

    def start(self) -> None:
        """Answer from now on."""
        if self._server is None:
            handler = partial(_Quiet, directory=str(self._folder))
            self._server = _served(_Server((self._address, 8081), handler))

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Front(BaseHTTPRequestHandler):
    """Passes requests on to a registry, except the first upload that is to be finished."""

    protocol_version = "HTTP/1.1"

    def __init__(self, front: "MixedUploads", *arguments: object) -> None:
        self._front = front
        super().__init__(*arguments)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _answer(self) -> None:
        body = self._body()
        finishes = self.command == "PUT" and "digest=" in self.path
        status, headers, answer = self._front.answer(
            self.command, self.path, dict(self.headers), body, finishes=finishes
        )
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "date"}:
                self.send_header(name, value)
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(answer))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer


class MixedUploads:
    """A registry with TLS on 5444 that answers one upload as Debian's docker-registry answers two that it mixed up."""

    name = f"{HOST}:5444"

    def __init__(self, registry: "Registry", certificates: SignedServer) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self.refused = 0
        self._server = _Server(("127.0.0.1", 5444), partial(_Front, self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.certificate, certificates.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        _served(self._server)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, finishes: bool
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body for a request."""
        with self._lock:
            refuse = finishes and not self.refused
            self.refused += refuse
        if refuse:
            error = {
                "code": "DIGEST_INVALID",
                "message": "provided digest did not match uploaded content",
            }
            return 400, {"Content-Type": "application/json"}, json.dumps({"errors": [error]}).encode()
        return self._registry.pass_on(method, path, headers, body)


class Registry:
    """Debian's docker-registry with a password: with TLS on 5443, or without on 5001 for the stock template's push."""

    def __init__(
        self,
        folder: Path,
        certificates: SignedServer,
        *,
        secure: bool,
        host: str = HOST,
        address: str = "127.0.0.1",
    ) -> None:
        self.folder = folder
        self.name = f"{host}:5443" if secure else "localhost:5001"
        address = f"{address}:5443" if secure else f"{address}:5001"
        self._url = f"https://{address}" if secure else f"http://{address}"
        folder.mkdir(parents=True, exist_ok=True)
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        (folder / "htpasswd").write_text(f"{USER}:{hashed}\n")
        http: dict[str, object] = {"addr": address}
        verified: dict[str, Any] = {}
        if secure:
            http["tls"] = {"certificate": str(certificates.certificate), "key": str(certificates.key)}
            verified = {"ca_certs": str(certificates.ca), "server_hostname": host, "assert_hostname": host}
        self._settings: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {
                "filesystem": {"rootdirectory": str(folder / "storage")},
                "delete": {"enabled": True},
            },
            "auth": {"htpasswd": {"realm": "registry", "path": str(folder / "htpasswd")}},
            "http": http,
        }
        login = urllib3.make_headers(basic_auth=f"{USER}:{PASSWORD}")
        self._http = urllib3.PoolManager(retries=False, timeout=60, headers=login, **verified)
        self._process: Process | None = None
        self.start()

    def start(self) -> None:
        """Answer from now on."""
        if self._process is None:
            (self.folder / "registry.yml").write_text(yaml.safe_dump(self._settings))
            self._process = Process(
                "docker-registry",
                ["docker-registry", "serve", str(self.folder / "registry.yml")],
                self.folder / "registry.log",
                {"PATH": "/usr/bin:/usr/sbin"},
            )
            self._process.until(lambda: self._status("/v2/") == 200, "the registry answers")

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def notify(self, endpoint: Mapping[str, object]) -> None:
        """Tell an endpoint of what is pushed (Distribution, configuration: notifications); a registry reads this at its start."""
        self.stop()
        self._settings["notifications"] = {"endpoints": [dict(endpoint)]}
        self.start()

    def _status(self, path: str) -> int:
        try:
            return int(self._http.request("GET", self._url + path).status)
        except urllib3.exceptions.HTTPError:
            return 0

    def _get(self, path: str) -> tuple[int, bytes, Mapping[str, str]]:
        accepted = ", ".join(
            f"application/vnd.{each}+json"
            for each in (
                "oci.image.index.v1", "oci.image.manifest.v1", "docker.distribution.manifest.v2",
                "docker.distribution.manifest.list.v2",
            )
        )  # fmt: skip
        headers = {"Accept": accepted, **self._http.headers}
        answer = self._http.request("GET", self._url + path, headers=headers)
        return answer.status, answer.data, answer.headers

    def pass_on(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body for a request to another address of this registry."""
        kept = {name: value for name, value in headers.items() if name.lower() != "transfer-encoding"}
        answer = self._http.request(
            method, self._url + path, headers={**kept, "Content-Length": str(len(body))}, body=body
        )
        return answer.status, answer.headers, answer.data

    def push(self, image: str, tag: str, layers: Sequence[bytes], config: Mapping[str, object]) -> None:
        """Push an image of uncompressed layers, whose containers are configured so."""
        described = {
            "architecture": "amd64",
            "os": "linux",
            "config": dict(config),
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        }
        ImageClient(self._http, self._url).push(image, tag, layers, described)

    def tags(self, image: str) -> set[str]:
        """Tags of an image without its registry; none if it is not there."""
        status, body, _ = self._get(f"/v2/{image}/tags/list")
        return set(yaml.safe_load(body).get("tags") or []) if status == 200 else set()

    def manifest(self, image: str, reference: str) -> tuple[dict[str, Any], str]:
        """A manifest, and its digest."""
        status, body, headers = self._get(f"/v2/{image}/manifests/{reference}")
        if status != 200:
            raise AssertionError(f"{image}:{reference}: {status}")
        return yaml.safe_load(body), headers["Docker-Content-Digest"]

    def config(self, image: str, reference: str) -> dict[str, Any]:
        """The configuration of an image: labels, history, layers."""
        manifest, _ = self.manifest(image, reference)
        found: dict[str, Any] = yaml.safe_load(self.blob(image, manifest["config"]["digest"]))
        return found

    def blob(self, image: str, digest: str) -> bytes:
        """A blob."""
        status, body, _ = self._get(f"/v2/{image}/blobs/{digest}")
        if status != 200:
            raise AssertionError(f"{image}@{digest}: {status}")
        return body

    def content(self, image: str, reference: str, name: str) -> str:
        """A file of an image: of its topmost layer that has it."""
        manifest, _ = self.manifest(image, reference)
        for layer in reversed(manifest["layers"]):
            blob = self.blob(image, layer["digest"])
            with tarfile.open(fileobj=io.BytesIO(blob)) as archive:
                if name in archive.getnames():
                    found = archive.extractfile(name)
                    return found.read().decode() if found is not None else ""
        raise AssertionError(f"{image}:{reference} has no {name}")

    def lose(self, digest: str) -> None:
        """What a registry's clean-up of blobs does to one."""
        for path in (self.folder / "storage").rglob(digest.removeprefix("sha256:")):
            if (path / "data").is_file():
                (path / "data").unlink()
