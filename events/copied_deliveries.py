"""Copied deliveries: headers and payload as text, as people copy them from the page of a host or of a tool."""

import json
import re
import urllib.parse
from collections.abc import Iterator, Mapping

from events import nested_json
from events.delivery import DeliveryError
from events.request import Delivery, header_values, is_form, url_path

__all__ = ["copied_delivery"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_NOTED_URL = re.compile(r"(?im)^[ \t]*Request URL:\s*(?:POST\s+)?(?P<url>https?://\S+)")
_NOTED_METHOD = re.compile(r"(?im)^[ \t]*Request method:\s*(?P<method>\S+)")
_NO_HEADERS = frozenset({"headers", "payload", "body", "trigger", "request", "response"})
"""Words before a colon that are titles of the pages of GitHub, GitLab and Gitea."""
_TITLE = re.compile(
    r"(?:(?P<word>request|response)(?: headers| body| payload)?|payload|general)(?: \([0-9]+\))?",
    re.IGNORECASE,
)
"""A title of a part; developer tools add how many headers there are."""
_INDENTATION = re.compile(r"(?m)^[ \t\u00a0]+")
_TITLED_PAYLOAD = re.compile(r"(?im)^((?:request )?(?:payload|body)[ \t]*:)[ \t]*(?=[\[{])")
_BLOCK = re.compile(r"(?m)^(?=[\[{])")


def copied_delivery(text: str, headers: Mapping[str, str]) -> Delivery | None:
    """The delivery whose headers and payload stand in a text, in any order; None where the text has no headers or no JSON.

    Read are: lines `Name: value`, also with the value on a line of its own; a JSON value that begins a line; the URL and
    the method that pages note beside them. The response, below a title such as `Response headers`, is left out.

    Raises:
        DeliveryError: It has headers, and what stands beside them is not one JSON value.
    """
    text = _without_response(_INDENTATION.sub("", text.replace("\r\n", "\n")))
    text = _TITLED_PAYLOAD.sub(r"\1\n", text)
    blocks = list(nested_json.blocks(text, _BLOCK))
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
    merged = header_values([*pairs, *headers.items()])
    # Pages show the payload of a form as it reads, not as it was sent.
    body = urllib.parse.urlencode({"payload": payload}, errors="replace") if is_form(merged) else payload
    return Delivery(
        merged,
        body.encode("utf-8", "replace"),
        webhook_path=url_path(url["url"]) if url else None,
        exact_body=False,
    )


def _without_response(text: str) -> str:
    """The text without the parts below a title that says Response, up to the next part of the request.

    Above the payload, Response alone is the name of the tab beside it.
    """
    kept: list[str] = []
    inside = begun = False
    for line in text.split("\n"):
        title = _TITLE.fullmatch(line.strip().removesuffix(":").strip())
        if title is not None and (begun or title[0].lower() != "response"):
            inside = (title["word"] or "").lower() == "response"
        if not inside:
            kept.append(line)
        begun = begun or line.lstrip()[:1] in {"{", "["}
    return "\n".join(kept)


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
