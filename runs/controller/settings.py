"""The controller's settings: a small YAML file. `hookline render` writes it of `controller:` and of the sources' `report:`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from documents.blocks import Block, Text, Url
from documents.files import read_file
from documents.reading import read_document
from documents.validation import validate_document
from documents.wanted import Wanted
from runs.reports.asking import asker
from runs.reports.check_sending import check_sender
from runs.reports.github_app import AppKey, InstallationTokens
from runs.reports.host_api import HostApi
from runs.reports.hosts import HOST_APIS, github, github_checks
from runs.reports.outgoing import Send
from runs.reports.reporter import DEFAULT_CONTEXT, Naming
from runs.reports.sending import sender
from runs.superseding import Choice

__all__ = ["ControllerSettings", "GitHubApp", "ReportedSource", "read_settings"]

SupersededKind = Literal["pull_request", "push"]
WANTED = Wanted(mapping="such as context: hookline/{pipeline}", merge_key="write its keys out")


def _check_host(value: str) -> str:
    if value not in HOST_APIS:
        raise ValueError(
            f'no statuses can be told to "{value[:40]}"; accepted: {", ".join(sorted(HOST_APIS))}'
        )
    return value


class GitHubApp(Block):
    """A GitHub App."""

    id: int = Field(ge=1)
    """The App ID of its settings at GitHub."""
    installation: int | None = Field(default=None, ge=1)
    """Number of the installation; without it the host is asked."""
    private_key_file: Text
    """File with its private key, PEM."""


class ReportedSource(Block):
    """A source whose host is told of runs."""

    host: Annotated[str, AfterValidator(_check_host)]
    """Kind of the host."""
    api: Url
    """Address of its API, as https://git.example.com/api/v1."""
    token_file: Text | None = None
    """File with the token that sets statuses."""
    app: GitHubApp | None = None
    """The GitHub App that makes check runs, in place of a token."""
    ca_file: Text | None = None
    """File with the certificates that sign the host's; without it those of the system."""

    @model_validator(mode="after")
    def _has_one_right(self) -> "ReportedSource":
        if (self.token_file is None) == (self.app is None):
            raise ValueError("expected either token_file: or app:")
        if self.app is not None and self.host != github.API.name:
            raise ValueError(f"app: only GitHub has Apps, and the host is {self.host}; write token_file:")
        return self

    @property
    def host_api(self) -> HostApi:
        """The kind of its host."""
        return HOST_APIS[self.host] if self.app is None else github_checks.API

    def send(self) -> Send:
        """Sends its statuses."""
        address = self.api.rstrip("/")
        authority = None if self.ca_file is None else Path(self.ca_file)
        if self.app is None:
            return sender(self.host_api, address, Path(self.token_file or ""), authority)
        ask = asker(authority)
        key = AppKey(self.app.id, Path(self.app.private_key_file), self.app.installation)
        return check_sender(address, key.id, InstallationTokens(address, key, ask), ask)


class ControllerSettings(Block):
    """The settings that the file may hold."""

    sources: dict[str, ReportedSource] = Field(default={})
    """Name of a source, as runs carry it → where to tell."""
    context: Text = DEFAULT_CONTEXT
    """Pattern of a status's name."""
    link: Text | None = None
    """Pattern of the page of a run."""
    supersede: dict[str, list[SupersededKind]] = Field(default={})
    """Name of a source → kinds of its events of whose runs the newest alone goes on."""
    supersede_pipelines: dict[str, list[SupersededKind]] = Field(default={})
    """Name of a pipeline → kinds that count for it in place of those of its source."""

    @property
    def naming(self) -> Naming:
        """Names and links of statuses."""
        return Naming(self.context, self.link or "")

    @property
    def superseded(self) -> Choice:
        """The runs that a newer commit may end."""
        return Choice(
            {name: frozenset(each) for name, each in self.supersede.items()},
            {name: frozenset(each) for name, each in self.supersede_pipelines.items()},
        )


def read_settings(path: Path) -> ControllerSettings:
    """Read the file.

    Raises:
        InvalidInput: With every problem that was found, each with its position.
    """
    return validate_document(read_document(read_file(path), str(path), WANTED), ControllerSettings)
