"""The values of all series in memory, and their text: a scrape joins bytes that were made when a value changed.

client_python renders every line at every scrape (3.8 s for 378,000 lines); here a scrape costs what changed since the
last one. A gzip answer is a sequence of gzip members (RFC 1952, 2.2), some a family, each kept until a series of it changes.
"""

import gzip
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from runs.exporter.family import PIPELINE, Family, Sample
from runs.exporter.kept import KEPT

__all__ = ["Histogram", "Key", "SeriesTable", "Value", "added", "escaped", "nothing"]

OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CONFIGURED = "hookline_cache_configured"
CHUNKS = 16
"""Parts of a family's text. With more, less is made anew after a run; with fewer, the gzip members are larger, which compress better."""
GATED = ("hookline_cache_requests_total", "hookline_cache_hits_total")


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by bucket (not cumulative, the last one is above all bounds) and the exact sum."""

    counts: tuple[int, ...]
    sum: Fraction
    exemplars: Mapping[int, tuple[str, float]] = field(default_factory=dict, compare=False)
    """Bucket → Workflow and value of its newest observation; not kept over restarts."""


Value = float | Fraction | Histogram
"""A gauge, a counter, a histogram. Sums are exact: floats would round, and the sum would depend on the order of its parts."""
Key = tuple[str, tuple[str, ...]]


def nothing(family: Family[Any]) -> Value:
    """The value of a series without any sample."""
    if family.type == "histogram":
        return Histogram((0,) * (len(family.buckets) + 1), Fraction(0))
    return 0.0 if family.type == "gauge" else Fraction(0)


def added(family: Family[Any], value: Value | None, sample: Sample) -> Value:
    """The value of a series after a sample; None is a series that was not there.

    Raises:
        ValueError: The sample is no finite number, and would make the series none for good.
    """
    if not math.isfinite(sample.value):
        raise ValueError(f"{family.name}: {sample.value} is no finite number")
    if family.type == "histogram":
        counts = list(value.counts) if isinstance(value, Histogram) else [0] * (len(family.buckets) + 1)
        if isinstance(value, Histogram) and len(counts) != len(family.buckets) + 1:
            raise ValueError(f"{family.name}: a kept histogram has other buckets")
        bucket = next(
            (index for index, bound in enumerate(family.buckets) if sample.value <= bound),
            len(family.buckets),
        )
        counts[bucket] += 1
        before = value.sum if isinstance(value, Histogram) else Fraction(0)
        exemplars = dict(value.exemplars) if isinstance(value, Histogram) else {}
        if sample.exemplar:
            exemplars[bucket] = (sample.exemplar, sample.value)
        return Histogram(tuple(counts), before + Fraction(sample.value), exemplars)
    if family.type == "gauge":
        return max(value, sample.value) if isinstance(value, float) else sample.value
    return value + Fraction(sample.value) if isinstance(value, Fraction) else Fraction(sample.value)


def escaped(value: str) -> str:
    """A label value as the text format wants it."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def number(value: float | Fraction) -> str:
    """A number as Prometheus reads it, which is the nearest float; whole numbers without a fraction."""
    nearest = float(value)
    return str(int(nearest)) if nearest.is_integer() and abs(nearest) < 1e15 else repr(nearest)


@dataclass(slots=True)
class _Text:
    """A text, and the same as a gzip member once somebody has asked for it."""

    plain: bytes
    _member: bytes | None = None

    def get(self, *, zipped: bool) -> bytes:
        """The text in one of the two forms."""
        if not zipped:
            return self.plain
        if self._member is None:
            self._member = gzip.compress(self.plain, compresslevel=1, mtime=0)
        return self._member


@dataclass(slots=True)
class _Chunk:
    """The lines of some series of one family in one format."""

    blocks: dict[tuple[str, ...], bytes] = field(default_factory=dict)
    stale: set[tuple[str, ...]] = field(default_factory=set)
    text: _Text | None = None


class _Lines:
    """The lines of one family in one format: a run that is counted changes one of its chunks."""

    def __init__(self, head: bytes) -> None:
        self.head = _Text(head)
        self.chunks = tuple(_Chunk() for _ in range(CHUNKS))

    def chunk(self, labels: tuple[str, ...]) -> _Chunk:
        """The chunk of a series: the same one in every process, and for all series of a pipeline."""
        return self.chunks[zlib.crc32(repr(tuple(labels[: len(PIPELINE)])).encode()) % CHUNKS]


class SeriesTable:
    """All series with their cached lines; not safe for threads: the owner holds a lock."""

    def __init__(self, values: Mapping[Key, Value] | None = None) -> None:
        self._values: dict[str, dict[tuple[str, ...], Value]] = {name: {} for name in KEPT}
        self._lines: dict[bool, dict[str, _Lines]] = {
            openmetrics: {
                name: _Lines(_head(family, openmetrics=openmetrics)) for name, family in KEPT.items()
            }
            for openmetrics in (False, True)
        }
        self.update(values or {})

    def get(self, name: str, labels: tuple[str, ...]) -> Value | None:
        """The value of a series; None if there is no such series."""
        return self._values[name].get(labels)

    def values(self) -> Iterable[tuple[Key, Value]]:
        """Every series, by family."""
        return (
            ((name, labels), value)
            for name, series in self._values.items()
            for labels, value in series.items()
        )

    def __len__(self) -> int:
        """Number of series, counting each bucket, sum and count of a histogram."""
        return sum(
            len(series) * (len(KEPT[name].buckets) + 3 if KEPT[name].type == "histogram" else 1)
            for name, series in self._values.items()
        )

    def update(self, values: Mapping[Key, Value]) -> None:
        """Set series to new values."""
        for (name, labels), value in values.items():
            self._values[name][labels] = value
            # What a cache was asked for shows only once the cache was seen in use.
            touched = (name, *GATED) if name == CONFIGURED else (name,)
            for lines in self._lines.values():
                for each in touched:
                    if labels in self._values[each]:
                        lines[each].chunk(labels).stale.add(labels)

    def remove(self, keys: Iterable[Key]) -> None:
        """Take series away."""
        for name, labels in keys:
            del self._values[name][labels]
            for lines in self._lines.values():
                chunk = lines[name].chunk(labels)
                chunk.stale.discard(labels)
                if chunk.blocks.pop(labels, None) is not None:
                    chunk.text = None

    def exposition(self, *, openmetrics: bool = False, zipped: bool = False) -> bytes:
        """The text of all series, in one of the two formats, plain or as gzip members."""
        parts: list[bytes] = []
        for name, lines in self._lines[openmetrics].items():
            for chunk in lines.chunks:
                if chunk.stale:
                    self._render(name, chunk, openmetrics=openmetrics)
            shown = [chunk for chunk in lines.chunks if chunk.blocks]
            if shown:
                parts.append(lines.head.get(zipped=zipped))
            for chunk in shown:
                if chunk.text is None:
                    chunk.text = _Text(b"".join(chunk.blocks.values()))
                parts.append(chunk.text.get(zipped=zipped))
        if openmetrics:
            parts.append(gzip.compress(b"# EOF\n", mtime=0) if zipped else b"# EOF\n")
        return b"".join(parts)

    def _render(self, name: str, chunk: _Chunk, *, openmetrics: bool) -> None:
        family, series, known = KEPT[name], self._values[name], len(chunk.blocks)
        for labels in chunk.stale:
            if name in GATED and self._values[CONFIGURED].get(labels) == 0:
                continue
            chunk.blocks[labels] = _block(family, labels, series[labels], openmetrics=openmetrics)
        if len(chunk.blocks) > known:
            # Whichever series came first: the same values are the same text.
            chunk.blocks = dict(sorted(chunk.blocks.items()))
        chunk.stale.clear()
        chunk.text = None


def _head(family: Family[Any], *, openmetrics: bool) -> bytes:
    name = family.name.removesuffix("_total") if openmetrics and family.type == "counter" else family.name
    text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {name} {text}\n# TYPE {name} {family.type}\n".encode()


def _block(family: Family[Any], labels: tuple[str, ...], value: Value, *, openmetrics: bool) -> bytes:
    pairs = [f'{name}="{escaped(text)}"' for name, text in zip(family.labels, labels, strict=True)]
    if not isinstance(value, Histogram):
        inside = "{" + ",".join(pairs) + "}" if pairs else ""
        return f"{family.name}{inside} {number(value)}\n".encode()
    lines, total = [], 0
    bounds = [repr(bound) if openmetrics else number(bound) for bound in family.buckets]
    for index, (bound, count) in enumerate(zip([*bounds, "+Inf"], value.counts, strict=True)):
        total += count
        exemplar = ""
        if openmetrics and index in value.exemplars:
            workflow, observed = value.exemplars[index]
            exemplar = f' # {{workflow="{escaped(workflow)}"}} {number(observed)}'
        inside = ",".join([*pairs, f'le="{bound}"'])
        lines.append(f"{family.name}_bucket{{{inside}}} {total}{exemplar}\n")
    inside = "{" + ",".join(pairs) + "}" if pairs else ""
    lines.append(f"{family.name}_sum{inside} {number(value.sum)}\n{family.name}_count{inside} {total}\n")
    return "".join(lines).encode()
