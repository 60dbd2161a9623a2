"""Trigger parameters: the source of a value, written for Argo Events and computed offline.

Each source of a value says both, side by side, so that the two cannot drift apart unseen: `argo` is the `src` that
the Sensor resolves, `resolve` is the same value computed here. Semantics: argo-events pkg/sensors/triggers/params.go.
"""

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["ContextKey", "DataKey", "DataObject", "Parameter", "ScheduleHash", "Sha256", "set_path"]

MINUTE = 16
"""Characters of an RFC 3339 time down to the minute: 2026-11-24T02:30."""


def _at(path: str, data: Mapping[str, Any]) -> Any:
    value: Any = data
    for part in path.split("."):
        value = value[part]
    return value


def _sha16(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class ValueSource(Protocol):
    """Source of a parameter's value."""

    def argo(self) -> dict[str, Any]:
        """The selector of `src`, without its dependencyName."""

    def resolve(self, context: Mapping[str, str], data: Mapping[str, Any]) -> Any:
        """The value for an event."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """A value of the decision."""

    path: str

    def argo(self) -> dict[str, Any]:
        """The selector of `src`."""
        return {"dataKey": self.path}

    def resolve(self, context: Mapping[str, str], data: Mapping[str, Any]) -> str:  # noqa: ARG002
        """The value at the path, as text."""
        return str(_at(self.path, data))


@dataclass(frozen=True, slots=True)
class DataObject:
    """An object of the decision, put into its place as it is: Argo Events 1.8.1 and later."""

    path: str

    def argo(self) -> dict[str, Any]:
        """The selector of `src`."""
        return {"dataKey": self.path, "useRawData": True}

    def resolve(self, context: Mapping[str, str], data: Mapping[str, Any]) -> Any:  # noqa: ARG002
        """A copy of the object at the path."""
        return copy.deepcopy(_at(self.path, data))


@dataclass(frozen=True, slots=True)
class ContextKey:
    """A CloudEvents attribute: id or time."""

    key: str

    def argo(self) -> dict[str, str]:
        """The selector of `src`."""
        return {"contextKey": self.key}

    def resolve(self, context: Mapping[str, str], data: Mapping[str, Any]) -> str:  # noqa: ARG002
        """The attribute."""
        return context[self.key]


@dataclass(frozen=True, slots=True)
class Sha256:
    """16 hex digits of the SHA-256 of a value of the decision, after another value and "-" if `prefix` names one."""

    path: str
    prefix: str = ""

    def argo(self) -> dict[str, str]:
        """The selector of `src`."""
        prefix = f"{{{{ .Input.{self.prefix} }}}}-" if self.prefix else ""
        return {"dataTemplate": f"{prefix}{{{{ .Input.{self.path} | sha256sum | trunc 16 }}}}"}

    def resolve(self, context: Mapping[str, str], data: Mapping[str, Any]) -> str:
        """The hash of the value at the path."""
        prefix = DataKey(self.prefix).resolve(context, data) + "-" if self.prefix else ""
        return prefix + _sha16(DataKey(self.path).resolve(context, data))


@dataclass(frozen=True, slots=True)
class ScheduleHash:
    """The same for a schedule: constants, and the minute in UTC at which the calendar fired.

    The calendar's own eventTime is Go's Time.String and never parsed; the CloudEvent's time is RFC 3339.
    """

    prefix: str
    constants: str

    def argo(self) -> dict[str, str]:
        """The selector of `src`."""
        minute = f"(.Input.time | trunc {MINUTE})"
        return {
            "contextTemplate": f'{self.prefix}{{{{ printf "{self.constants} %s" {minute} | sha256sum | trunc 16 }}}}'
        }

    def resolve(self, context: Mapping[str, str], data: Mapping[str, Any]) -> str:  # noqa: ARG002
        """The hash of constants and minute."""
        return self.prefix + _sha16(f"{self.constants} {context['time'][:MINUTE]}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value put into the Workflow."""

    path: tuple[str, ...]
    """Keys and indices below the Workflow."""
    value: ValueSource

    def argo(self, dependency: str) -> dict[str, Any]:
        """The item of `parameters`; dots inside a key are escaped as sjson wants it."""
        return {
            "src": {"dependencyName": dependency, **self.value.argo()},
            "dest": ".".join(part.replace(".", "\\.") for part in self.path),
        }


def set_path(resource: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Write a value as the Sensor does: missing mappings are made."""
    node: Any = resource
    for part in path[:-1]:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
    node[path[-1]] = value
