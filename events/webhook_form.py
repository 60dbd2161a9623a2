"""Webhook forms: what a user fills in and chooses at a host so that it delivers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from events.canonical import Kind

__all__ = ["SECRET", "URL", "Choice", "WebhookForm"]

URL = "{url}"
"""Stands in a field for the URL of the source."""

SECRET = "{secret}"  # noqa: S105 - a placeholder
"""Stands in a field for the content of the source's Secret."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One box to tick, or one event to choose."""

    label: str
    """As the host's page writes it."""
    name: str
    """As the host's API writes it."""


@dataclass(frozen=True, slots=True)
class WebhookForm:
    """The form, or the file, in which a host is told where to deliver."""

    place: str
    """Where the form is."""
    fields: tuple[tuple[str, str], ...]
    """Fields with their values; `URL` and `SECRET` stand for what a declaration decides."""
    choices: Mapping[Kind, tuple[Choice, ...]]
    """Kind of event → what to choose so that the host sends it. Empty where the host sends it anyway."""
    comments: tuple[Choice, ...] = ()
    """Choices by which the host sends comments on requests."""

    def chosen(self, kinds: Iterable[Kind]) -> tuple[Choice, ...]:
        """The choices for these kinds, each once, in the order of the form."""
        wanted = set(kinds)
        found = (each for kind, choices in self.choices.items() if kind in wanted for each in choices)
        return tuple(dict.fromkeys(found))

    def filled(self, url: str, secret: str) -> tuple[tuple[str, str], ...]:
        """The fields with their values."""
        return tuple((name, value.replace(URL, url).replace(SECRET, secret)) for name, value in self.fields)
