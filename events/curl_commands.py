"""curl commands: the request that one would send, as webhook tools and browsers copy it."""

import re
from collections.abc import Iterator, Mapping

from events.delivery import DeliveryError
from events.request import FORM, Delivery, header_values, url_path

__all__ = ["curl_delivery"]

_PART = re.compile(
    r"""'(?P<single>[^']*)'|\$'(?P<ansi>[^'\\]*(?:\\.[^'\\]*)*)'|"(?P<double>[^"\\]*(?:\\.[^"\\]*)*)\""""
    r"""|\\(?P<escaped>.)|(?P<space>\s+)|(?P<plain>[^\s'"\\$]+|\$)""",
    re.DOTALL,
)
_ANSI = re.compile(
    r"\\(?:u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL
)
_CONTROL = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "e": "\x1b",
    "E": "\x1b",
}
_LONG = {
    "-X": "--request", "-H": "--header", "-d": "--data", "-A": "--user-agent", "-u": "--user", "-o": "--output",
    "-m": "--max-time", "-b": "--cookie", "-e": "--referer", "-x": "--proxy", "-F": "--form",
}  # fmt: skip
_BODY = ("--data", "--data-ascii", "--data-raw", "--data-binary", "--json")
_WITH_VALUE = {*_LONG.values(), *_BODY, "--data-urlencode", "--url", "--connect-timeout", "--retry", "--cacert", "--resolve"}  # fmt: skip


def curl_delivery(text: str, headers: Mapping[str, str]) -> Delivery | None:
    """The request of a curl command as a shell reads it; None where the text is none.

    Raises:
        DeliveryError: The command does not post a body of its own.
    """
    if not re.match(r"\s*(?:\$\s+)?curl\s", text):
        return None
    words = list(_words(text.strip().removeprefix("$ ")))[1:]
    pairs: list[tuple[str, str]] = []
    bodies: list[str] = []
    method, url, is_json = "", None, False
    for option, value in _options(words):
        if option == "--request":
            method = value
        elif option == "--header":
            name, _, content = value.partition(":")
            pairs.append((name.strip(), content.strip()))
        elif option == "--user-agent":
            pairs.append(("User-Agent", value))
        elif option in _BODY:
            if value.startswith("@") and option != "--data-raw":
                raise DeliveryError(
                    f"curl reads the body from {value[1:61]}; give that file as the event, and the headers with --header"
                )
            bodies.append(value)
            is_json = is_json or option == "--json"
        elif option in {"--form", "--data-urlencode"}:
            raise DeliveryError(
                f"curl encodes the body of {option} itself; expected --data-raw or --data-binary"
            )
        elif option in {"", "--url"} and url is None:
            url = value
    if not bodies or method not in {"", "POST"}:
        raise DeliveryError("the curl command posts no body; webhooks are POST requests with one")
    merged = header_values([*pairs, *headers.items()])
    merged.setdefault("Content-Type", ("application/json" if is_json else FORM,))
    body = ("" if is_json else "&").join(bodies).encode("utf-8", "replace")
    return Delivery(merged, body, webhook_path=url_path(url) if url else None)


def _words(text: str) -> Iterator[str]:
    """The words of a command, as bash splits them."""
    word: list[str] | None = None
    at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise DeliveryError("the curl command has a quote that does not end")
        at = part.end()
        if part["space"] is not None:
            if word is not None:
                yield "".join(word)
            word = None
        elif part["escaped"] != "\n":  # a line that goes on
            word = [] if word is None else word
            word.append(_read(part))
    if word is not None:
        yield "".join(word)


def _read(part: re.Match[str]) -> str:
    if part["ansi"] is not None:
        return _ANSI.sub(_ansi, part["ansi"])
    if part["double"] is not None:
        return re.sub(r'\\([$`"\\\n])', lambda found: "" if found[1] == "\n" else found[1], part["double"])
    return next(value for value in (part["single"], part["escaped"], part["plain"]) if value is not None)


def _ansi(found: re.Match[str]) -> str:
    for digits, base in ((found[1] or found[2] or found[3], 16), (found[4], 8)):
        if digits:
            number = int(digits, base)
            return chr(number) if number <= 0x10FFFF else "\ufffd"
    return _CONTROL.get(found[5], found[5])


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Options with their values; a word that is no option has the option ""."""
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word[:2] in _LONG:
            yield _LONG[word[:2]], word[2:] or next(rest, "")
        elif name in _WITH_VALUE:
            yield name, value if equals else next(rest, "")
        elif not word.startswith("-"):
            yield "", word
