"""Loading: the files of a declaration, read, checked by themselves and put together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from documents.diagnostics import Diagnostic, InvalidInput, Position
from documents.document import Document
from documents.files import read_file
from documents.reading import read_document
from documents.validation import validate_document
from documents.wanted import Wanted
from events.canonical import FROM_REPOSITORIES, Kind
from events.declaration import Built, Schedule
from events.sources import Source
from hookline.declaration.controller import Controller
from hookline.declaration.exporter import Exporter
from hookline.declaration.folders import files_of
from hookline.declaration.for_each import ReadBytes
from hookline.declaration.key_hints import KEY_HINTS
from hookline.declaration.layers import layered
from hookline.declaration.model import Cluster, File, Pipeline, TestCase
from hookline.declaration.shared import SharedPlaces
from triggers.declaration import Run
from triggers.template import Template

__all__ = [
    "Contents",
    "Declaration",
    "DeclaredExporter",
    "DeclaredLimit",
    "DeclaredPipeline",
    "DeclaredSource",
    "DeclaredTemplate",
    "DeclaredTest",
    "load",
    "load_texts",
]

WANTED = Wanted(
    mapping="such as version: 1",
    empty="hookline init writes a first one",
    merge_key="what several pipelines share goes under defaults:",
    hints=KEY_HINTS,
)
"""A file of the declaration, for messages about one that is something else."""


@dataclass(frozen=True, slots=True)
class DeclaredSource:
    """A source with the document that declares it."""

    name: str
    source: Source
    document: Document


@dataclass(frozen=True)
class DeclaredPipeline:
    """A pipeline with the document that declares it."""

    name: str
    pipeline: Pipeline
    document: Document
    own: Mapping[str, Any]
    """The keys that the pipeline says itself, without defaults."""

    def says(self, *path: str) -> bool:
        """Whether the pipeline says a key itself."""
        found: Any = self.own
        for key in path:
            if not isinstance(found, Mapping) or key not in found:
                return False
            found = found[key]
        return True

    @property
    def owner(self) -> str | None:
        """Who answers for it."""
        return self.pipeline.owner

    @property
    def run(self) -> Run:
        """Settings of its runs; empty where it says none."""
        return self.pipeline.run or Run.model_construct()

    def listened(self) -> Iterator[tuple[str, str, frozenset[Kind]]]:
        """Source, the repository or image there, and the kinds of its events that start the pipeline. A schedule has no source."""
        events, repository = self.pipeline.events, self.pipeline.repository
        git = frozenset(events.kinds()) & FROM_REPOSITORIES
        if git and repository.source is not None:
            yield repository.source, repository.name, git
        if events.image_push is not None:
            yield events.image_push.source, events.image_push.image, frozenset({"image_push"})

    def inherited(self) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Path and value of each setting that a default or a pattern gives."""
        yield from _added(self.document.data["pipelines"][self.name], self.own, ())

    def schedules(self) -> Iterator[tuple[tuple[str | int, ...], Schedule]]:
        """The schedules, each with its path in the pipeline: a single one need not stand in a list."""
        schedules = self.pipeline.events.schedule
        if schedules is None:
            return
        path = ("events", "schedule")
        listed = isinstance(self.document.data["pipelines"][self.name]["events"]["schedule"], list)
        for place, each in enumerate(schedules):
            yield ((*path, place) if listed else path), each

    @cached_property
    def blocks(self) -> tuple[tuple[tuple[str | int, ...], Kind, Built], ...]:
        """The blocks of `events:` and its schedules, each with its path in the pipeline and its kind; every check asks for them."""
        return tuple(self._blocks())

    def _blocks(self) -> Iterator[tuple[tuple[str | int, ...], Kind, Built]]:
        events = self.pipeline.events
        for kind in events.kinds():
            if kind == "schedule":
                yield from ((path, kind, each) for path, each in self.schedules())
            else:
                yield ("events", kind), kind, getattr(events, kind)

    def position(self, *path: str | int) -> Position:
        """Position of a part of the pipeline; for an absent part, that of the nearest part above it."""
        return self.document.position(("pipelines", self.name, *path))

    def field(self, *path: str | int) -> str:
        """A part of the pipeline as messages name it."""
        return ".".join(("pipelines", self.name, *map(str, path)))


def _added(data: Any, own: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and value of each part that is not the pipeline's own."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _added(value, own.get(key) if isinstance(own, Mapping) else None, (*path, key))
    elif data != own:
        yield path, data


@dataclass(frozen=True, slots=True)
class DeclaredTest:
    """A test with the document that declares it."""

    case: TestCase
    document: Document
    index: int


@dataclass(frozen=True, slots=True)
class DeclaredTemplate:
    """A template of one's own with the document that names its file."""

    name: str
    file: str
    """As it is written: relative to the document."""
    document: Document


@dataclass(frozen=True, slots=True)
class DeclaredLimit:
    """A limit with the document that declares it."""

    most: int
    """Runs at once."""
    document: Document


@dataclass(frozen=True, slots=True)
class DeclaredExporter:
    """The exporter with the document that declares it."""

    exporter: Exporter
    document: Document

    def position(self, *path: str | int, key: bool = False) -> Position:
        """Position of a part of `exporter:`; for an absent part, that of the nearest part above it."""
        return self.document.position(("exporter", *path), key=key or not path)


@dataclass(frozen=True, slots=True)
class DeclaredController:
    """The controller with the document that declares it."""

    controller: Controller
    document: Document

    def position(self, *path: str | int, key: bool = False) -> Position:
        """Position of a part of `controller:`; for an absent part, that of the nearest part above it."""
        return self.document.position(("controller", *path), key=key or not path)


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of a declaration as they were read, by the names that messages show."""

    declared: Mapping[str, bytes]
    """Files of the declaration itself."""
    named: Mapping[str, bytes]
    """Files that those name: templates, lists of repositories."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """All files as one."""

    cluster: Cluster
    cluster_document: Document | None
    sources: dict[str, DeclaredSource]
    pipelines: dict[str, DeclaredPipeline]
    tests: tuple[DeclaredTest, ...]
    templates: Mapping[str, Template]
    """Templates of one's own by name, read from the files that the declaration names."""
    limits: Mapping[str, DeclaredLimit]
    """Limits by name."""
    exporter: DeclaredExporter | None
    """The exporter that runs in the cluster."""
    controller: DeclaredController | None
    """The controller that runs in the cluster."""
    shared: SharedPlaces = field(repr=False, compare=False)
    """The places that reach many pipelines."""
    contents: Contents = field(repr=False, compare=False)
    """The files that were read."""

    def namespace_of(self, pipeline: Pipeline) -> str:
        """The namespace of a pipeline's Workflows. Foreign code has one of its own, where the declaration names it."""
        cluster = self.cluster
        if pipeline.events.sandboxed:
            return cluster.sandbox.namespace if cluster.sandbox is not None else cluster.namespace
        return pipeline.namespace or cluster.namespace

    def cluster_position(self, *path: str) -> Position:
        """Position of a part of `cluster:`; without one, the start of the first file."""
        if self.cluster_document is not None:
            return self.cluster_document.position(("cluster", *path))
        first = next((each.document for each in self.pipelines.values()), None)
        return first.position(()) if first else Position("hookline.yaml", 1, 1)


@dataclass(slots=True)
class _Remembering:
    """Reads files, and keeps what they hold."""

    read: ReadBytes
    contents: dict[str, bytes] = field(default_factory=dict)

    def __call__(self, path: Path) -> bytes:
        self.contents[str(path)] = content = self.read(path)
        return content


@dataclass(slots=True)
class _Together:
    """The files put together so far; each name has one owner."""

    problems: list[Diagnostic] = field(default_factory=list)
    first: dict[tuple[str, ...], Document] = field(default_factory=dict)

    def claim(self, document: Document, *path: str) -> bool:
        """Whether this document is the first to declare the path; a second one is a problem."""
        earlier = self.first.setdefault(path, document)
        if earlier is document:
            return True
        where = earlier.position(path, key=True)
        what = f"{path[0][:-1]} {path[1]}" if len(path) > 1 else f"{path[0]}:"
        self.problems.append(
            Diagnostic(
                document.position(path, key=True),
                f"{what} is declared already at {where}",
                field=".".join(path),
            )
        )
        return False


def load(paths: Sequence[Path], changed: Mapping[str, bytes] | None = None) -> Declaration:
    """Read a declaration from files and folders.

    Args:
        paths: The files and folders.
        changed: File → the content that it is taken to have.

    Raises:
        InvalidInput: With every problem that the files have by themselves, each with its position.
    """
    contents = changed or {}
    return load_texts(
        [
            (str(path), contents[str(path)] if str(path) in contents else read_file(path))
            for path in files_of(paths)
        ]
    )


def load_texts(texts: Sequence[tuple[str, bytes]], read: ReadBytes = read_file) -> Declaration:
    """The same for (shown file name, content) pairs; `read` reads the files that they name."""
    together = _Together()
    documents = _read(texts)
    remembering = _Remembering(read)
    written, common = layered(documents, remembering)
    together.problems += common.problems
    files: list[tuple[Document, File, Mapping[str, Any]]] = []
    for each in written:
        try:
            files.append((each.document, validate_document(each.document, File), each.own))
        except InvalidInput as invalid:
            together.problems.extend(invalid.diagnostics)
    cluster: tuple[Cluster, Document] | None = None
    sources: dict[str, DeclaredSource] = {}
    pipelines: dict[str, DeclaredPipeline] = {}
    tests: list[DeclaredTest] = []
    templates: dict[str, DeclaredTemplate] = {}
    limits: dict[str, DeclaredLimit] = {}
    for document, file, own in files:
        together.problems += _reaching_nothing(document, file)
        if file.cluster is not None and together.claim(document, "cluster"):
            cluster = file.cluster, document
        for name, source in file.sources.items():
            if together.claim(document, "sources", name):
                sources[name] = DeclaredSource(name, source, document)
        for name in file.templates:
            if together.claim(document, "templates", name):
                templates[name] = DeclaredTemplate(name, file.templates[name].file, document)
        for name, most in file.limits.items():
            if together.claim(document, "limits", name):
                limits[name] = DeclaredLimit(most, document)
        for name, pipeline in file.pipelines.items():
            if together.claim(document, "pipelines", name):
                pipelines[name] = DeclaredPipeline(name, pipeline, document, own[name])
        tests += [DeclaredTest(case, document, index) for index, case in enumerate(file.tests)]
    exporters = [
        DeclaredExporter(file.exporter, document)
        for document, file, _ in files
        if file.exporter is not None and together.claim(document, "exporter")
    ]
    controllers = [
        DeclaredController(file.controller, document)
        for document, file, _ in files
        if file.controller is not None and together.claim(document, "controller")
    ]
    settings = cluster[0] if cluster else Cluster()
    own_templates, problems = _own_templates(templates, remembering)
    together.problems += problems
    if together.problems:
        raise InvalidInput(tuple(common.places.told_once(together.problems)))
    return Declaration(
        cluster=settings,
        cluster_document=cluster[1] if cluster else None,
        sources=dict(sorted(sources.items())),
        pipelines=dict(sorted(pipelines.items())),
        tests=tuple(tests),
        templates=own_templates,
        limits=dict(sorted(limits.items())),
        exporter=exporters[0] if exporters else None,
        controller=controllers[0] if controllers else None,
        shared=common.places,
        contents=Contents(dict(texts), remembering.contents),
    )


def _reaching_nothing(document: Document, file: File) -> Iterator[Diagnostic]:
    """The keys of a file that only its pipelines inherit, where there are none."""
    for key in () if file.pipelines else ("owner", "namespace"):
        if getattr(file, key) is not None:
            message = f"no pipeline stands in this file, so that {key}: reaches none; under defaults: it can reach those of other files"
            yield Diagnostic(document.position((key,), key=True), message, field=key)


def _read(texts: Sequence[tuple[str, bytes]]) -> list[Document]:
    """The files as documents.

    Raises:
        InvalidInput: One cannot be read. Then no file is looked at further: what it would say may be missing in others.
    """
    documents: list[Document] = []
    problems: list[Diagnostic] = []
    for name, content in texts:
        try:
            documents.append(read_document(content, name, WANTED))
        except InvalidInput as invalid:
            problems += invalid.diagnostics
    if problems:
        raise InvalidInput(tuple(problems))
    return documents


def _own_templates(
    declared: Mapping[str, DeclaredTemplate], read: ReadBytes
) -> tuple[Mapping[str, Template], list[Diagnostic]]:
    if not declared:
        return {}, []
    from hookline.declaration.own_templates import read_own  # noqa: PLC0415 - most declarations name none

    return read_own(declared.values(), read)
