"""The types of the fields that are read from recorded objects, so that a recording that somebody edited is refused by its line.

An API server gives only these types (kubernetes api/core/v1 types.go; argo-workflows workflow_types.go). The exporter takes objects as
they come and leaves odd fields out; a file that a person can correct deserves a sentence.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from apiserver.raw_values import unix

__all__ = ["wrong_type"]

Check = Callable[[Any], str]
"""The fault of a value: a path and the end of a sentence; empty if there is none."""
_NAMES = {
    type(None): "absent",
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}
MAX_KEY = 80


def _kind(value: Any) -> str:
    return _NAMES.get(type(value), "something else")


def _named(key: str) -> str:
    """A key for a message: one short line."""
    return "".join(each if each.isprintable() else "?" for each in key[:MAX_KEY])


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else f" is {_kind(value)}; text belongs there"


def _scalar(value: Any) -> str:
    return f" is {_kind(value)}; text belongs there" if isinstance(value, dict | list) else ""


def _truth(value: Any) -> str:
    return "" if isinstance(value, bool) else f" is {_kind(value)}; true or false belongs there"


def _whole(value: Any) -> str:
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31
    return "" if fits else f" is {_kind(value)}; a whole number of 32 bits belongs there"


def _time(value: Any) -> str:
    if not isinstance(value, str):
        return f" is {_kind(value)}; a time belongs there"
    return (
        ""
        if unix(value) is not None
        else f" is {value[:MAX_KEY]!r}; a time such as 2026-11-26T10:00:00Z belongs there"
    )


def _quantity(value: Any) -> str:
    fits = isinstance(value, str) or (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    )
    return "" if fits else f" is {_kind(value)}; a quantity belongs there"


def _object(**fields: Check) -> Check:
    """An object in which these fields, where they are there and not null, are of their types."""

    def check(value: Any) -> str:
        if not isinstance(value, dict):
            return f" is {_kind(value)}; an object belongs there"
        for name, field in fields.items():
            found = value.get(name)
            if found is not None and (problem := field(found)):
                return f".{name}{problem}"
        return ""

    return check


def _map(each: Check) -> Check:
    """An object whose values, whatever their names, are of one type."""

    def check(value: Any) -> str:
        if not isinstance(value, dict):
            return f" is {_kind(value)}; an object belongs there"
        problems = ((name, each(found)) for name, found in value.items() if found is not None)
        return next((f".{_named(name)}{problem}" for name, problem in problems if problem), "")

    return check


def _list(each: Check) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, list):
            return f" is {_kind(value)}; a list belongs there"
        problems = ((place, each(found)) for place, found in enumerate(value))
        return next((f"[{place}]{problem}" for place, problem in problems if problem), "")

    return check


_METADATA = _object(
    uid=_text,
    name=_text,
    namespace=_text,
    creationTimestamp=_time,
    labels=_map(_text),
    annotations=_map(_text),
    ownerReferences=_list(_object(kind=_text, name=_text, uid=_text)),
)
_PARAMETERS = _list(_object(name=_text, value=_scalar))
_NODE = _object(
    id=_text,
    name=_text,
    displayName=_text,
    type=_text,
    templateName=_text,
    phase=_text,
    message=_text,
    progress=_text,
    startedAt=_time,
    finishedAt=_time,
    outputs=_object(parameters=_PARAMETERS, exitCode=_text),
    memoizationStatus=_object(hit=_truth),
    nodeFlag=_object(hooked=_truth, retried=_truth),
)
_WORKFLOW = _object(
    metadata=_METADATA,
    spec=_object(
        workflowTemplateRef=_object(name=_text),
        arguments=_object(parameters=_PARAMETERS),
        shutdown=_text,
        podGC=_object(strategy=_text),
    ),
    status=_object(
        phase=_text,
        message=_text,
        startedAt=_time,
        finishedAt=_time,
        progress=_text,
        nodes=_map(_NODE),
        compressedNodes=_text,
        offloadNodeStatusVersion=_text,
    ),
)
_STATE = _object(
    terminated=_object(exitCode=_whole, reason=_text, message=_text, startedAt=_time, finishedAt=_time),
    waiting=_object(reason=_text, message=_text),
    running=_object(startedAt=_time),
)
_CONTAINERS = _list(_object(name=_text, state=_STATE))
_POD = _object(
    metadata=_METADATA,
    spec=_object(
        nodeName=_text,
        containers=_list(_object(name=_text, resources=_object(requests=_map(_quantity)))),
    ),
    status=_object(
        phase=_text,
        reason=_text,
        message=_text,
        startTime=_time,
        conditions=_list(_object(type=_text, status=_text, reason=_text, lastTransitionTime=_time)),
        containerStatuses=_CONTAINERS,
        initContainerStatuses=_CONTAINERS,
    ),
)
_EVENT = _object(metadata=_METADATA, reason=_text, involvedObject=_object(kind=_text, uid=_text))
_OBJECTS: Mapping[str, Check] = {"workflows": _WORKFLOW, "pods": _POD, "events": _EVENT}


def wrong_type(resource: str, raw: Any) -> str:
    """The first field that has a type which no API server gives: `metadata.uid is a number; text belongs there`; empty if none has.

    Args:
        resource: workflows, pods or events.
        raw: The recorded object.
    """
    return _OBJECTS[resource](raw).lstrip(". ")
