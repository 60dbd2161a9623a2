"""The controller's settings: a small YAML file. `hookline render` writes it of `controller:` and of the sources' `report:`."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from documents.blocks import Block, Text, Url
from documents.files import read_file
from documents.reading import read_document
from documents.validation import validate_document
from documents.wanted import Wanted
from runs.reports.hosts import HOST_APIS
from runs.reports.reporter import DEFAULT_CONTEXT, Naming

__all__ = ["ControllerSettings", "ReportedSource", "read_settings"]

WANTED = Wanted(mapping="such as context: hookline/{pipeline}", merge_key="write its keys out")


def _check_host(value: str) -> str:
    if value not in HOST_APIS:
        raise ValueError(
            f'no statuses can be told to "{value[:40]}"; accepted: {", ".join(sorted(HOST_APIS))}'
        )
    return value


class ReportedSource(Block):
    """A source whose host is told of runs."""

    host: Annotated[str, AfterValidator(_check_host)]
    """Kind of the host."""
    api: Url
    """Address of its API, as https://git.example.com/api/v1."""
    token_file: Text
    """File with the token that sets statuses."""
    ca_file: Text | None = None
    """File with the certificates that sign the host's; without it those of the system."""


class ControllerSettings(Block):
    """The settings that the file may hold."""

    sources: dict[str, ReportedSource] = Field(default={})
    """Name of a source, as runs carry it → where to tell."""
    context: Text = DEFAULT_CONTEXT
    """Pattern of a status's name."""
    link: Text | None = None
    """Pattern of the page of a run."""

    @property
    def naming(self) -> Naming:
        """Names and links of statuses."""
        return Naming(self.context, self.link or "")


def read_settings(path: Path) -> ControllerSettings:
    """Read the file.

    Raises:
        InvalidInput: With every problem that was found, each with its position.
    """
    return validate_document(read_document(read_file(path), str(path), WANTED), ControllerSettings)
