"""Objects of any kind at the API server: read, applied, deleted. Where a kind lives is asked once for each API version."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apiserver.connection import METADATA, METADATA_OF_ONE, Connection, Refused

__all__ = ["MERGE_PATCH", "Resources", "UnknownKind"]

APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
PAGE = 500
"""Objects a page of a list."""


class UnknownKind(Exception):
    """The API server does not know this kind: its definition is not installed."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(f"the cluster does not know {kind} ({api_version})")
        self.api_version = api_version
        self.kind = kind


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of the objects of a kind."""

    root: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        within = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.root}{within}/{self.plural}" + (f"/{name}" if name else "")


class Resources:
    """The objects of one API server. Safe for threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, _Place]] = {}

    def knows(self, api_version: str, kind: str) -> bool:
        """Whether such a definition is installed.

        Raises:
            Refused, Unreachable: As read().
        """
        try:
            self._place(api_version, kind)
        except UnknownKind:
            return False
        return True

    def read(
        self, api_version: str, kind: str, namespace: str, name: str, *, metadata_alone: bool = False
    ) -> dict[str, Any] | None:
        """One object; None if there is none.

        Args:
            api_version: Of the kind.
            kind: Of the object.
            namespace: Of the object.
            name: Of the object.
            metadata_alone: Whether spec and status are left out.

        Raises:
            UnknownKind: Such a definition is not installed.
            Refused, Unreachable: Any other answer, or none.
        """
        place = self._place(api_version, kind)
        accept = {"Accept": METADATA_OF_ONE} if metadata_alone else None
        try:
            return dict(self._connection.json("GET", place.path(namespace, name), headers=accept))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def all_of(
        self,
        api_version: str,
        kind: str,
        namespace: str,
        labels: str = "",
        fields: str = "",
        *,
        metadata_alone: bool = False,
    ) -> list[dict[str, Any]]:
        """All objects of a kind in a namespace.

        Args:
            api_version: Of the kind.
            kind: Of the objects.
            namespace: Of the objects; empty = all.
            labels: A label selector.
            fields: A field selector.
            metadata_alone: Whether spec and status are left out, which makes a list of Workflows twenty times smaller.

        Raises:
            UnknownKind, Refused, Unreachable: As read().
        """
        place = self._place(api_version, kind)
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        query = {"limit": str(PAGE)} | {name: text for name, text in selectors.items() if text}
        accept = {"Accept": METADATA} if metadata_alone else None
        found: list[dict[str, Any]] = []
        while True:
            page = self._connection.json("GET", place.path(namespace), query, headers=accept)
            # Items of a list do not say what they are.
            # A list of metadata without an object has null for its items.
            found += [{**each, "apiVersion": api_version, "kind": kind} for each in page["items"] or ()]
            following = page["metadata"].get("continue")
            if not following:
                return found
            query["continue"] = following

    def apply(
        self, manifest: Mapping[str, Any], manager: str, *, force: bool, dry_run: bool = False
    ) -> dict[str, Any]:
        """Server-side apply: the object as it then is. A field that the API server does not know is refused.

        Args:
            manifest: The fields to own.
            manager: Who owns them.
            force: Take fields that another manager owns with another value.
            dry_run: Change nothing.

        Raises:
            UnknownKind: Such a definition is not installed.
            Refused: 409 if another manager owns a field, and all other reasons.
            Unreachable: There is no answer.
        """
        metadata = manifest["metadata"]
        place = self._place(manifest["apiVersion"], manifest["kind"])
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        return dict(
            self._connection.json(
                "PATCH",
                place.path(metadata.get("namespace", ""), metadata["name"]),
                query,
                body=manifest,
                content_type=APPLY,
            )
        )

    def create(self, manifest: Mapping[str, Any], manager: str) -> dict[str, Any]:
        """A new object, as it then is. A field that the API server does not know is refused.

        Raises:
            UnknownKind: Such a definition is not installed.
            Refused: 409 if there is one of this name, and all other reasons.
            Unreachable: There is no answer; the object may be there all the same.
        """
        place = self._place(manifest["apiVersion"], manifest["kind"])
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        path = place.path(manifest["metadata"].get("namespace", ""))
        return dict(self._connection.json("POST", path, query, body=manifest))

    def merge(self, live: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
        """A merge patch (RFC 7386) of an object as it was read.

        Raises:
            UnknownKind, Unreachable: As apply().
            Refused: 409 if the object has changed since, and all other reasons.
        """
        metadata = live["metadata"]
        path = self._place(live["apiVersion"], live["kind"]).path(
            metadata.get("namespace", ""), metadata["name"]
        )
        seen = {"resourceVersion": metadata["resourceVersion"]}
        body = {**changes, "metadata": {**changes.get("metadata", {}), **seen}}
        return dict(self._connection.json("PATCH", path, body=body, content_type=MERGE_PATCH))

    def patch(self, manifest: Mapping[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
        """A JSON patch (RFC 6902) of one object.

        Raises:
            UnknownKind, Refused, Unreachable: As apply().
        """
        metadata = manifest["metadata"]
        path = self._place(manifest["apiVersion"], manifest["kind"]).path(
            metadata.get("namespace", ""), metadata["name"]
        )
        return dict(self._connection.json("PATCH", path, body=operations, content_type=JSON_PATCH))

    def delete(self, api_version: str, kind: str, namespace: str, name: str, *, orphan: bool = False) -> bool:
        """Delete one object; False if there is none.

        Args:
            api_version: Of the object, as kind, namespace and name.
            kind: See there.
            namespace: See there; empty for an object of the whole cluster.
            name: See there.
            orphan: Whether what it owns stays; otherwise that is deleted too, in the background.

        Raises:
            Refused, Unreachable: Any other answer, or none.
        """
        try:
            path = self._place(api_version, kind).path(namespace, name)
            policy = "Orphan" if orphan else "Background"
            self._connection.json("DELETE", path, {"propagationPolicy": policy})
        except UnknownKind:
            return False
        except Refused as refused:
            if refused.status == 404:
                return False
            raise
        return True

    def _place(self, api_version: str, kind: str) -> _Place:
        with self._lock:
            if api_version not in self._known:
                self._known[api_version] = self._discovered(api_version)
            try:
                return self._known[api_version][kind]
            except KeyError:
                raise UnknownKind(api_version, kind) from None

    def _discovered(self, api_version: str) -> dict[str, _Place]:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            found = self._connection.json("GET", root)
        except Refused as refused:
            if refused.status == 404:
                return {}
            raise
        return {
            each["kind"]: _Place(root, each["name"], bool(each["namespaced"]))
            for each in found["resources"]
            if "/" not in each["name"]
        }
