"""Names of objects: which object of a cluster a manifest is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ObjectName"]


@dataclass(frozen=True, slots=True, order=True)
class ObjectName:
    """One object of a cluster."""

    kind: str
    namespace: str
    """Empty for an object of the whole cluster."""
    name: str
    group: str
    """API group; empty for the core."""
    version: str

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "ObjectName":
        """The object that a manifest describes."""
        metadata = manifest["metadata"]
        return cls.at(
            str(manifest["apiVersion"]),
            str(manifest["kind"]),
            str(metadata.get("namespace", "")),
            metadata["name"],
        )

    @classmethod
    def at(cls, api_version: str, kind: str, namespace: str, name: str) -> "ObjectName":
        """The object of this API version and place."""
        group, _, version = api_version.rpartition("/")
        return cls(kind, namespace, name, group, version)

    @property
    def api_version(self) -> str:
        """Group and version, as a manifest has them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """The parts that stay the same when the API server renames the version."""
        return self.group, self.kind, self.namespace, self.name

    @property
    def placed(self) -> str:
        """The object and its namespace, as a sentence has them."""
        return f"{self} in {self.namespace}" if self.namespace else str(self)

    @property
    def data(self) -> dict[str, str]:
        """The object as JSON and YAML name it."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
        }

    def __str__(self) -> str:
        kind = f"{self.kind.lower()}.{self.group}" if self.group else self.kind.lower()
        return f"{kind}/{self.name}"
