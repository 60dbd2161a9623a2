"""The exporter's own settings: a small YAML file, read again when it changes."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from runs.exporter.metrics import STEPS
from runs.exporter.prices import BUILT_IN, InvalidPrices, Prices, read_prices
from runs.exporter.yaml_files import read_model

__all__ = ["Configuration", "InvalidConfiguration", "read_configuration"]

Name = Annotated[str, Field(min_length=1, max_length=253)]


class InvalidConfiguration(ValueError):
    """A file that cannot be used; the text says where, what is wrong and what is accepted."""


class CDEvents(BaseModel):
    """Where finished runs and steps are sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: Annotated[str, Field(pattern=r"^https?://")]
    source: Annotated[str, Field(min_length=1)] = "/hookline"
    """The URI that identifies this exporter in events."""


class Configuration(BaseModel):
    """What the file may say; every key is optional."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    templates: tuple[Name, ...] = ("ci-go-v1", "hookline-ci-go")
    """Runs of these templates are measured, whoever started them; and every run that hookline started."""
    adopt: tuple[Name, ...] = ()
    """`repo_name`s, or globs of them, that become the pipeline of runs that hookline did not start."""
    steps: tuple[Name, ...] = STEPS
    """Steps with series of their own; the others are `other`."""
    max_pipelines: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Pipelines with series of their own; the next ones are `other`."""
    prices: Path | None = None
    """A price file, relative to this one."""
    keep_runs: Annotated[int, Field(ge=100, le=10_000_000)] = 100_000
    """Runs that the pages show."""
    log_limit_bytes: Annotated[int, Field(ge=65_536, le=256 * 1024 * 1024)] = 16 * 1024 * 1024
    """A log is read up to here; a longer one gives no samples."""
    log_seconds: Annotated[float, Field(gt=0, le=600)] = 60
    """Time for one log."""
    log_readers: Annotated[int, Field(ge=1, le=64)] = 4
    """Logs that are read at once."""
    grafana: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    """Address of the Grafana that has the dashboards; a run's page then leads to the one of its pipeline."""
    cdevents: CDEvents | None = None

    def price_list(self) -> Prices:
        """The prices in use."""
        return BUILT_IN if self.prices is None else read_prices(self.prices)


def read_configuration(path: Path | None) -> Configuration:
    """Read the file; without one everything is at its default.

    Raises:
        InvalidConfiguration: It cannot be read, is no YAML, or has wrong or unknown keys.
    """
    if path is None:
        return Configuration()
    found = read_model(path, Configuration, InvalidConfiguration)
    if found.prices is not None:
        found = found.model_copy(update={"prices": path.parent / found.prices})
    try:
        found.price_list()
    except InvalidPrices as error:
        raise InvalidConfiguration(str(error)) from error
    return found
