"""The exporter's own settings: a small YAML file, read again when it changes."""

from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from documents.blocks import Block, Text, Texts, Url
from documents.diagnostics import Diagnostic, InvalidInput
from documents.files import read_file
from documents.globs import check_glob
from documents.reading import read_document
from documents.validation import validate_document
from documents.wanted import Wanted
from runs.cdevents import CDEventsSettings
from runs.exporter.family import STEPS
from runs.exporter.prices import BUILT_IN, Prices, read_prices
from runs.listener_settings import ListenerSettings

__all__ = ["Configuration", "read_configuration"]

WANTED = Wanted(mapping="such as max_pipelines: 500", merge_key="write its keys out")
Glob = Annotated[str, AfterValidator(check_glob)]


class Configuration(Block):
    """The settings that the file may hold; every key is optional."""

    templates: Texts = ("ci-go-v1", "hookline-ci-go")
    """Runs of these templates are measured, whoever started them; and every run that hookline started."""
    adopt: Annotated[tuple[Glob, ...], Field(strict=False)] = ()
    """Patterns of `repo_name`s that become the pipeline of runs that hookline did not start."""
    steps: Texts = STEPS
    """Steps with series of their own; the others are `other`."""
    max_pipelines: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Pipelines with series of their own; the next ones are `other`."""
    prices: Text | None = None
    """A price file; in the file its path is relative to that."""
    keep_runs: Annotated[int, Field(ge=100, le=10_000_000)] = 100_000
    """Runs that the pages show."""
    log_limit_bytes: Annotated[int, Field(ge=65_536, le=256 * 1024 * 1024)] = 16 * 1024 * 1024
    """A log is read up to here; a longer one gives no samples."""
    log_seconds: Annotated[float, Field(gt=0, le=600)] = 60
    """Time for one log."""
    log_readers: Annotated[int, Field(ge=1, le=64)] = 4
    """Logs that are read at once."""
    grafana: Url | None = None
    """Address of the Grafana that has the dashboards; a run's page then leads to the one of its pipeline."""
    cdevents: CDEventsSettings | None = None

    def listeners(self) -> dict[str, ListenerSettings]:
        """Key → settings of each listener that the file names."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: each for name, each in values.items() if isinstance(each, ListenerSettings)}

    @cached_property
    def price_list(self) -> Prices:
        """The prices in use, read once.

        Raises:
            InvalidInput: The price file cannot be used.
        """
        return BUILT_IN if self.prices is None else read_prices(Path(self.prices))


def read_configuration(path: Path | None) -> Configuration:
    """Read the file, and its price file; without one everything is at its default.

    Raises:
        InvalidInput: With every problem that was found, each with its position.
    """
    if path is None:
        return Configuration()
    document = read_document(read_file(path), str(path), WANTED)
    found = validate_document(document, Configuration)
    if found.prices is None:
        return found
    placed = path.parent / found.prices
    if not placed.is_file():
        problem = f"there is no file {placed}"
        raise InvalidInput((Diagnostic(document.position(("prices",)), problem, field="prices"),))
    found = found.model_copy(update={"prices": str(placed)})
    _ = found.price_list
    return found
