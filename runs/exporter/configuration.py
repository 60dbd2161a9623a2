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
from runs.exporter.links import Links
from runs.exporter.prices import BUILT_IN, Prices, read_prices
from runs.listener_settings import ListenerSettings

__all__ = ["Configuration", "read_configuration"]

WANTED = Wanted(mapping="such as max_pipelines: 500", merge_key="write its keys out")
Glob = Annotated[str, AfterValidator(check_glob)]


class Configuration(Block):
    """Settings of the exporter, in the file of --config or under `exporter.settings`; every key is optional."""

    templates: Texts = Field(
        default=("ci-go-v1", "hookline-ci-go"),
        description="Templates whose runs are measured, whoever started them; every run that hookline started is measured too. Read at the "
        "start only.",
        examples=[["ci-go-v1", "team-ci"]],
    )
    adopt: Annotated[tuple[Glob, ...], Field(strict=False)] = Field(
        default=(),
        description="Patterns for runs that hookline did not start. If the repo_name of a run matches one, that name becomes its pipeline; "
        "otherwise the pipeline is other.",
        examples=[["acme/*"]],
    )
    steps: Texts = Field(
        default=STEPS,
        description="Steps with series of their own; the others are other.",
        examples=[["run-test", "build-push-image"]],
    )
    max_pipelines: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=1000,
        description="Number of pipelines with series of their own, each with its namespace and owner; further ones are other.",
        examples=[2000],
    )
    prices: Text | None = Field(
        default=None,
        description="File of prices (hookline docs exporter#cost), relative to the file that names it. Default: the built-in list.",
        examples=["prices.yaml"],
    )
    keep_runs: Annotated[int, Field(ge=100, le=10_000_000)] = Field(
        default=100_000,
        description="Number of runs that the pages show. Read at the start only.",
        examples=[100000],
    )
    log_limit_bytes: Annotated[int, Field(ge=65_536, le=256 * 1024 * 1024)] = Field(
        default=16 * 1024 * 1024,
        description="Bytes of a log that are read; a longer one gives no samples.",
        examples=[16777216],
    )
    log_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        default=60, description="Seconds in which a log must be read.", examples=[60]
    )
    log_readers: Annotated[int, Field(ge=1, le=64)] = Field(
        default=4, description="Number of logs that are read at once.", examples=[4]
    )
    log_lines: Annotated[int, Field(ge=0, le=200)] = Field(
        default=40,
        description="Last lines of a red step's log that the page of its run shows, beside the tests that failed. With 0, the exporter keeps "
        "and shows nothing of logs. Read at the start only.",
        examples=[0],
    )
    grafana: Url | None = Field(
        default=None,
        description="Address of the Grafana that has the dashboards. The page of a run then has a link to that of its pipeline. Read at the "
        "start only.",
        examples=["https://grafana.example.com"],
    )
    links: Links | None = Field(
        default=None,
        description="Links from the page of a run to the commit, the request, the log and Argo's UI. Read at the start only.",
        examples=[{"argo": "https://argo.example.com/workflows/{namespace}/{workflow}"}],
    )
    cdevents: CDEventsSettings | None = Field(
        default=None,
        description="Receiver of finished runs and steps. Read at the start only.",
        examples=[{"url": "https://events.example.com/", "source": "/hookline"}],
    )

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
