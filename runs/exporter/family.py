"""A metric is one declaration: name, type, labels, help, and the function that makes its samples, written below it.

From the declarations come the exposition, the ledger, the forecast, the docs and the dashboards. Names, types and labels of
stable metrics change only with a major version.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

__all__ = [
    "CACHES",
    "CACHE_STATES",
    "CAPACITIES",
    "EVENTS",
    "FAN_OUT",
    "FAN_OUT_OUTCOMES",
    "GO_MODULE_STATES",
    "HOPS",
    "OTHER",
    "OUTCOMES",
    "PIPELINE",
    "PLATFORMS",
    "RUN_STATES",
    "STEPS",
    "TEAM",
    "Beginning",
    "Closed",
    "Declarations",
    "Family",
    "PipelineLabels",
    "Points",
    "Sample",
]

OTHER = "other"
"""Label value that replaces a value that no list holds, or that is one too many."""
TEAM = ("namespace", "owner")
"""Labels by which teams are told apart; the first ones of each metric of runs."""
PIPELINE = (*TEAM, "pipeline")
"""Labels that name a pipeline. Prometheus' guide advises against `owner`, which may clash with a label of a target, unless the application
calls something so: hookline.yaml does (prometheus.io, Writing exporters)."""
FAN_OUT = ("namespace", "source")
"""Labels of each metric of fan-outs: where its Workflow is, and the source of its event, as hookline.yaml names it. Its runs may have many owners."""
STEPS = ("git-checkout-pr", "run-test", "build-push-image")
"""Steps of ci-go-v1."""
OUTCOMES = ("success", "failure", "error", "timeout", "cancellation", "skip")
"""OpenTelemetry's six results of a pipeline run (semantic conventions, attribute `cicd.pipeline.result`)."""
FAN_OUT_OUTCOMES = tuple(each for each in OUTCOMES if each != "skip")
RUN_STATES = ("pending", "executing", "finalizing")
"""OpenTelemetry's three states of a run (attribute `cicd.pipeline.run.state`)."""
EVENTS = ("push", "tag", "pull_request", "merge_group", "image_push", "schedule", "manual")
HOPS = ("bus", "sensor", "fan_out", "workflow", "pod", "container")
CAPACITIES = ("spot", "on_demand")
PLATFORMS = ("eci", "acs", "node")
CACHES = ("image_layer", "go_module", "go_test", "git_checkout", "memoization")
CACHE_STATES = (
    "full",
    "partial",
    "cold_missing",
    "cold_error",
    "cold_unusable",
    "not_configured",
    "no_steps",
    "broken",
    "failed",
    "unknown",
)
"""States of an image build's cache; each build has exactly one."""
GO_MODULE_STATES = ("cold", "partial", "full", "missed", "unknown")

Type = Literal["counter", "gauge", "histogram"]
Beginning = Literal[
    "run", "event run", "pod", "logged pod", "spot pod", "cost", "list cost", "prices", "fan-out"
]
"""Things that begin: any run, one that an event started, any pod, a pod whose log is read, a pod on spot capacity; a pod whose cost, or whose cost on demand,
can be told; a pod to which the price list applies; a fan-out."""
Labels = tuple[str, ...]


class PipelineLabels(NamedTuple):
    """Values of PIPELINE."""

    namespace: str
    owner: str
    """Empty for a run whose Workflow names none; Prometheus takes that for no label."""
    pipeline: str

    @property
    def team(self) -> tuple[str, str]:
        """Values of TEAM."""
        return self.namespace, self.owner


Points = Iterable[tuple[Labels, float]]
"""Label values, in the order of the declared labels, and what to add, observe or set."""
Closed = dict[str, tuple[str, ...]]
"""Label → all values that it can have."""
Context = TypeVar("Context")


@dataclass(frozen=True, slots=True)
class Sample:
    """One observation: a counter grows by `value`, a histogram observes it, a gauge rises to it if it was lower."""

    family: str
    labels: Labels
    value: float
    exemplar: str = ""
    """Name of a Workflow: an exemplar in OpenMetrics, never a label."""


@dataclass(frozen=True, slots=True)
class Family(Generic[Context]):
    """One metric family."""

    name: str
    """The full name; a counter's ends in `_total`."""
    type: Type
    labels: Labels
    help: str
    samples: Callable[[Context], Points]
    """Function that makes the samples which an ended run, an ended pod, a scrape, … adds."""
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, ascending, without +Inf."""
    stability: Literal["stable", "experimental"] = "stable"
    kept: bool = True
    """Whether the ledger keeps it over restarts; what is not kept is made anew at each scrape."""
    values: Mapping[str, tuple[str, ...]] | None = None
    """Closed sets of label values, for forecasts and docs."""
    zero: str = ""
    """A label: a new series also creates a series at 0 for each value of this label, so that the first failure is an increase."""
    begins: Beginning | None = None
    """The thing whose beginning creates its series at 0, so that `increase()` sees the first sample; None: the first sample creates them."""

    def check(self, labels: Labels) -> None:
        """Raise ValueError for label values that are too many or too few: no series can be made of them."""
        if len(labels) != len(self.labels):
            raise ValueError(
                f"{self.name} has the labels {', '.join(self.labels) or '(none)'}; these values are given: {labels}"
            )

    def siblings(self, labels: Labels) -> Iterator[Labels]:
        """These label values, with each value of the label `zero` in its place."""
        if not self.zero:
            yield labels
            return
        place = self.labels.index(self.zero)
        for word in (self.values or {})[self.zero]:
            yield (*labels[:place], word, *labels[place + 1 :])


class Declarations(Generic[Context]):
    """Metrics that are made of the same thing: `@declare(name, type, labels, help)` above a function of it."""

    def __init__(self, *, kept: bool = True) -> None:
        self._kept = kept
        self.families: dict[str, Family[Context]] = {}

    def __call__(  # noqa: PLR0913 - a declaration says all of a metric
        self,
        name: str,
        kind: Type,
        labels: Labels,
        text: str,
        *,
        buckets: tuple[float, ...] = (),
        values: Mapping[str, tuple[str, ...]] | None = None,
        zero: str = "",
        begins: Beginning | None = None,
        stability: Literal["stable", "experimental"] = "stable",
    ) -> Callable[[Callable[[Context], Points]], Callable[[Context], Points]]:
        """Declare a metric; see `Family`."""

        def declared(samples: Callable[[Context], Points]) -> Callable[[Context], Points]:
            self.families[name] = Family(
                name, kind, labels, text, samples, buckets, stability, self._kept, values, zero, begins
            )
            return samples

        return declared

    def samples(self, context: Context, exemplar: str = "") -> list[Sample]:
        """Samples that one thing adds to all of these metrics."""
        return [
            Sample(family.name, labels, value, exemplar)
            for family in self.families.values()
            for labels, value in family.samples(context)
        ]

    def beginnings(
        self, kinds: frozenset[Beginning], words: Mapping[str, str]
    ) -> Iterator[tuple[str, Labels]]:
        """The series that begin with something, at 0.

        Args:
            kinds: What it is.
            words: Label → value, as far as they are known now.
        """
        for family in self.families.values():
            if family.begins in kinds:
                labels = tuple("" if name == family.zero else words[name] for name in family.labels)
                for each in family.siblings(labels):
                    yield family.name, each
