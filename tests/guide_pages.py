"""The pages of docs/guide, and the commands in them as a reader types them."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from support import ROOT

__all__ = ["PAGES", "SETTINGS", "Section", "sections", "with_settings"]

PAGES = ("install", "first-build", "requests", "second-team", "dashboards", "upgrade", "remove")
"""In the order of the guide."""
SETTINGS = (
    "NAMESPACE",
    "GIT_KIND",
    "GIT_HOST",
    "REGISTRY",
    "SHOP",
    "VOLUME",
    "TEMPLATE_OPTIONS",
    "CART",
    "CART_VOLUME",
    "HOOKLINE_IMAGE",
)
"""What readers replace by their own, in the order of the pages."""


@dataclass(frozen=True, slots=True)
class Section:
    """One heading of a page, with what follows up to the next."""

    heading: str
    commands: str
    """The text of its blocks for the shell; empty where a person does something by hand."""


def sections(page: str) -> list[Section]:
    """Those of a page."""
    text = (ROOT / f"docs/guide/{page}.md").read_text("utf-8")
    _, *found = re.split(r"(?m)^## (.+)$", text)
    return [
        Section(heading, "".join(re.findall(r"(?ms)^```sh\n(.*?)^```$", body)))
        for heading, body in zip(found[::2], found[1::2], strict=True)
    ]


def with_settings(commands: str, values: Mapping[str, str]) -> str:
    """Commands with a reader's own values in place of those of the page."""
    return re.sub(
        r"(?m)^export ([A-Z_]+)=.*$",
        lambda each: f"export {each[1]}={shlex.quote(values[each[1]])}",
        commands,
    )
