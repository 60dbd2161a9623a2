"""Typed scalars of files that people write: names, durations, dates, address blocks.

Each checker takes the value as written and returns what the program works with, or raises ValueError with one
sentence: what is wrong, and what would be accepted.
"""

import datetime
import ipaddress
import re
from collections.abc import Callable, Sequence
from contextlib import suppress

__all__ = [
    "check_cidr",
    "check_cidrs",
    "check_label_value",
    "check_metadata_key",
    "check_name",
    "check_namespace",
    "check_object_name",
    "check_pod_label",
    "fullmatch",
    "matching",
    "parse_date",
    "parse_date_range",
    "parse_duration",
]

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def parse_duration(value: object) -> int:
    """Seconds of a duration such as 90s, 20m, 1h30m or 7d."""
    message = "expected a duration with units, such as 90s, 20m, 1h30m or 7d"
    if isinstance(value, bool | int | float):
        raise ValueError(f"{message}; {value} has no unit")  # noqa: TRY004 - one kind of error for the reader
    match = re.fullmatch(
        r"(?:(\d{1,5})d)?(?:(\d{1,5})h)?(?:(\d{1,5})m)?(?:(\d{1,5})s)?", str(value), re.ASCII
    )
    if not match or not any(match.groups()):
        raise ValueError(message)
    return sum(
        int(number or 0) * seconds for number, seconds in zip(match.groups(), _UNITS.values(), strict=True)
    )


def matching(pattern: str, message: str) -> Callable[[str], str]:
    """A checker for texts of one pattern."""
    return lambda value: fullmatch(pattern, value, message)


def fullmatch(pattern: str, value: str, message: str) -> str:
    """The value, if all of it matches; otherwise ValueError with this message."""
    if not re.fullmatch(pattern, value):
        raise ValueError(message)
    return value


def check_name(value: str) -> str:
    """A Kubernetes name (RFC 1123 label), at most 52 characters: what hookline appends still fits into 63."""
    return fullmatch(
        r"[a-z0-9](?:[a-z0-9-]{0,50}[a-z0-9])?",
        value,
        "expected a Kubernetes name: lower-case letters, digits and -, starting and ending with a letter or digit, "
        "at most 52 characters",
    )


def check_namespace(value: str) -> str:
    """The name of a namespace (RFC 1123 label)."""
    return fullmatch(
        r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
        value,
        "expected a namespace, as in ci: lower-case letters, digits and -, starting and ending with a letter or digit, at most 63 characters",
    )


def check_pod_label(value: str) -> str:
    """The value of any Kubernetes label; an empty one is one too."""
    return value and check_label_value(value)


def check_label_value(value: str) -> str:
    """A Kubernetes label value."""
    return fullmatch(
        r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?",
        value,
        "expected a label value: letters, digits, - _ and ., starting and ending with a letter or digit, at most 63 characters",
    )


_SUBDOMAIN = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
_METADATA_KEY = re.compile(
    rf"(?:(?P<prefix>{_SUBDOMAIN})/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?"
)


def check_object_name(value: str) -> str:
    """The name of a Kubernetes object (a DNS subdomain of at most 253 characters)."""
    return fullmatch(
        rf"(?=.{{1,253}}\Z){_SUBDOMAIN}",
        value,
        "expected the name of a Kubernetes object: lower-case letters, digits, - and .",
    )


def check_metadata_key(value: str) -> str:
    """The key of a Kubernetes label or annotation: a name, perhaps after a DNS name of at most 253 characters."""
    match = _METADATA_KEY.fullmatch(value)
    if match is None or len(match["prefix"] or "") > 253:
        raise ValueError(
            "expected the key of a label or annotation, such as team or example.com/team: letters, digits, - _ and ., at most 63 "
            "characters, perhaps after a DNS name in lower case"
        )
    return value


def parse_date(value: object) -> datetime.date:
    """The day of a date such as 2026-12-31; a date is taken as it is."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    try:
        return datetime.date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError("expected a date such as 2026-12-31") from None


def parse_moment(value: str) -> datetime.datetime:
    """`2026-12-31`, from its begin in UTC, or a time with a zone: `2026-12-31T18:00:00+08:00`."""
    found: datetime.datetime | None = None
    with suppress(ValueError):
        found = datetime.datetime.fromisoformat(value) if value.isascii() else None
    if found is not None and len(value) == 10:
        found = found.replace(tzinfo=datetime.UTC)
    if found is None or found.tzinfo is None:
        raise ValueError(
            "expected a day such as 2026-12-31, or a time with a zone such as 2026-12-31T18:00:00Z"
        )
    return found


def check_moment(value: str) -> str:
    """The value, if parse_moment() takes it; otherwise ValueError."""
    parse_moment(value)
    return value


def parse_date_range(value: str) -> tuple[datetime.date, datetime.date]:
    """First and last day of `2026-12-31` or `2026-12-24..2027-01-06`."""
    first, separator, last = value.partition("..")
    try:
        start = datetime.date.fromisoformat(first)
        end = datetime.date.fromisoformat(last) if separator else start
    except ValueError:
        raise ValueError(
            "expected a date such as 2026-12-31, or a range such as 2026-12-24..2027-01-06"
        ) from None
    if end < start:
        raise ValueError(f"the range ends ({end}) before it starts ({start})")
    if (end - start).days > 366:
        raise ValueError("a range covers at most 366 days")
    return start, end


_IPV4_INSIDE = (ipaddress.ip_network("::ffff:0:0/96"), ipaddress.ip_network("64:ff9b::/96"))
"""Blocks of IPv6 that hold every IPv4 address (RFC 4291, 2.5.5.2; RFC 6052, 2.1): Go takes the first for IPv4."""


def check_cidr(value: str) -> str:
    """An address block."""
    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        raise ValueError("expected an address block such as 203.0.113.0/24 or 2001:db8::/32") from None
    if network.version == 6 and any(map(network.overlaps, _IPV4_INSIDE)) and network.prefixlen < 104:
        raise ValueError(
            f"{value} holds IPv4 addresses, written as IPv6; name their blocks as in 203.0.113.0/24"
        )
    if network.prefixlen == 0:
        raise ValueError(f"{value} allows every address; name the blocks that deliveries come from")
    return str(network)


_PUBLIC = {
    version: (int(network.network_address), int(network.broadcast_address))
    for version, network in ((4, ipaddress.ip_network("0.0.0.0/0")), (6, ipaddress.ip_network("2000::/3")))
}
"""First and last of the addresses that the internet's are part of (IANA, Internet Protocol Version 6 Address Space)."""


def check_cidrs(values: Sequence[str]) -> Sequence[str]:
    """Address blocks that together leave most of the internet out."""
    networks = [ipaddress.ip_network(value) for value in values]
    for version, (first, last) in _PUBLIC.items():
        covered, at = 0, first
        ranges = sorted(
            (int(each.network_address), int(each.broadcast_address))
            for each in networks
            if each.version == version
        )
        for start, end in ranges:
            # Of two blocks one may lie inside of the other: every address counts once.
            covered += max(0, min(end, last) + 1 - max(start, at))
            at = max(at, end + 1)
        if covered * 2 > last - first:
            raise ValueError(
                f"together these blocks allow half of the public IPv{version} addresses or more; name the blocks that deliveries "
                "come from"
            )
    return values
