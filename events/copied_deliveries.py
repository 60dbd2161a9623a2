"""Copied deliveries: headers and payload as text, as people copy them from the page of a host or of a tool."""

import json
import re
from collections.abc import Iterator, Mapping

from events import nested_json
from events.delivery import DeliveryError
from events.request import Delivery, header_values, url_path

__all__ = ["copied_delivery"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_NOTED_URL = re.compile(r"(?im)^[ \t]*Request URL:\s*(?:POST\s+)?(?P<url>https?://\S+)")
_NOTED_METHOD = re.compile(r"(?im)^[ \t]*Request method:\s*(?P<method>\S+)")
_NO_HEADERS = frozenset({"headers", "payload", "body", "trigger", "request", "response"})
"""Words before a colon that are titles of the pages of GitHub, GitLab and Gitea."""
_RESPONSE = re.compile(r"(?im)^[ \t]*response (?:headers|body)[ \t]*:?[ \t]*$")
_TITLED_PAYLOAD = re.compile(r"(?im)^([ \t]*(?:request )?(?:payload|body)[ \t]*:)[ \t]*(?=[\[{])")
_BLOCK = re.compile(r"(?m)^[ \t]*(?=[\[{])")


def copied_delivery(text: str, headers: Mapping[str, str]) -> Delivery | None:
    """The delivery whose headers and payload stand in a text, in any order; None where the text has no headers or no JSON.

    Read are: lines `Name: value`, also with the value on a line of its own; a JSON value that begins a line; the URL and
    the method that pages note beside them. The response, from a title such as `Response headers` on, is left out.

    Raises:
        DeliveryError: It has headers, and what stands beside them is not one JSON value.
    """
    text = text.replace("\r\n", "\n").replace("\u00a0", " ")
    if response := _RESPONSE.search(text):
        text = text[: response.start()]
    text = _TITLED_PAYLOAD.sub(r"\1\n", text)
    blocks = list(_blocks(text))
    edges = [0, *(edge for block in blocks for edge in block), len(text)]
    around = "\n".join(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    pairs = list(_headers(around.split("\n")))
    if not pairs or not blocks:
        return None
    if len(blocks) > 1:
        raise DeliveryError(
            f"the text holds {len(blocks)} JSON values beside its headers; keep the headers and the payload of one delivery"
        )
    noted = _NOTED_METHOD.search(around)
    if noted is not None and noted["method"].upper() != "POST":
        raise DeliveryError("the copied request is no POST request; webhooks are POST requests")
    payload = text[blocks[0][0] : blocks[0][1]]
    try:
        nested_json.loads(payload, json.loads)
    except ValueError as error:
        raise DeliveryError(
            f"the payload beside the headers is not JSON, so it was not copied whole or not as it is: {error}"
        ) from error
    url = _NOTED_URL.search(around)
    return Delivery(
        header_values([*pairs, *headers.items()]),
        payload.encode("utf-8", "replace"),
        webhook_path=url_path(url["url"]) if url else None,
        exact_body=False,
    )


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each JSON object or list that begins a line; one that does not end ends with the text."""
    at = 0
    while begin := _BLOCK.search(text, at):
        depth, at = 0, len(text)
        for token in nested_json.TOKEN.finditer(text, begin.end()):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
            if depth <= 0:
                at = token.end()
                break
        yield begin.end(), at


def _headers(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Names with their values; a value may stand on the line below its name, as developer tools copy it."""
    waiting = ""
    for line in lines:
        name, colon, rest = line.strip().partition(":")
        # What follows the colon is a space or nothing: a URL is no header.
        if not colon or not _NAME.fullmatch(name) or (rest and not rest[0].isspace()):
            if waiting and line.strip():
                yield waiting, line.strip()
                waiting = ""
            continue
        if waiting:
            yield waiting, ""
        waiting = ""
        if name.lower() in _NO_HEADERS:
            continue
        if rest:
            yield name, rest.strip()
        else:
            waiting = name
    if waiting:
        yield waiting, ""
