"""A private certificate authority of the node, and what it signs."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Authority", "Signed"]


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate and its key."""

    ca: Path
    """The certificate of who signed it."""
    certificate: Path
    key: Path


class Authority:
    """Signs certificates of servers."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.certificate = folder / "ca.crt"
        self._key = folder / "ca.key"
        self._openssl("req", "-x509", *self._new(self._key), "-days", "30", "-subj", "/CN=authority of the node", "-out", str(self.certificate))  # fmt: skip

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    @staticmethod
    def _new(key: Path) -> list[str]:
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key)]

    def key(self, name: str) -> Path:
        """A key that signs tokens, in the one form that Kubernetes reads them in."""
        path = self._folder / f"{name}.key"
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path))
        return path

    def sign(self, name: str, *alternatives: str) -> Signed:
        """A certificate of a server.

        Args:
            name: Of its files and its subject.
            alternatives: What clients call it: DNS:... and IP:...
        """
        made = Signed(self.certificate, self._folder / f"{name}.crt", self._folder / f"{name}.key")
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={','.join(alternatives)}\n")
        self._openssl("req", *self._new(made.key), "-subj", f"/CN={name}", "-out", str(request))
        self._openssl(
            "x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self._key), "-CAcreateserial",
            "-days", "30", "-extfile", str(extensions), "-out", str(made.certificate),
        )  # fmt: skip
        return made
