"""Loading: the files of a declaration, read, checked by themselves and put together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from documents.diagnostics import Diagnostic, InvalidInput, Position
from documents.document import Document
from documents.files import read_file
from documents.reading import read_document
from documents.validation import validate_document
from documents.wanted import Wanted
from events.declaration import Source
from hookline.declaration.for_each import ReadBytes
from hookline.declaration.key_hints import KEY_HINTS
from hookline.declaration.layers import layered
from hookline.declaration.model import Cluster, File, Pipeline, TestCase
from hookline.declaration.shared import SharedPlaces

__all__ = ["Declaration", "DeclaredPipeline", "DeclaredSource", "DeclaredTest", "load", "load_texts"]

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


@dataclass(frozen=True, slots=True)
class DeclaredPipeline:
    """A pipeline with the document that declares it."""

    name: str
    pipeline: Pipeline
    owner: str | None
    document: Document
    own: Mapping[str, Any]
    """What the pipeline says itself, without defaults."""

    def says(self, *path: str) -> bool:
        """Whether the pipeline says a key itself."""
        found: Any = self.own
        for key in path:
            if not isinstance(found, Mapping) or key not in found:
                return False
            found = found[key]
        return True

    def position(self, *path: str | int) -> Position:
        """Where a part of the pipeline is written; for an absent part, the nearest one above it."""
        return self.document.position(("pipelines", self.name, *path))


@dataclass(frozen=True, slots=True)
class DeclaredTest:
    """A test with the document that declares it."""

    case: TestCase
    document: Document
    index: int


@dataclass(frozen=True, slots=True)
class Declaration:
    """All files as one."""

    cluster: Cluster
    cluster_document: Document | None
    sources: dict[str, DeclaredSource]
    pipelines: dict[str, DeclaredPipeline]
    tests: tuple[DeclaredTest, ...]
    shared: SharedPlaces = field(repr=False, compare=False)
    """What reaches many pipelines from one place."""

    def cluster_position(self, *path: str) -> Position:
        """Where a part of `cluster:` is written; without one, the start of the first file."""
        if self.cluster_document is not None:
            return self.cluster_document.position(("cluster", *path))
        first = next((each.document for each in self.pipelines.values()), None)
        return first.position(()) if first else Position("hookline.yaml", 1, 1)


@dataclass(slots=True)
class _Together:
    """What has been put together so far; one owner for each name."""

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


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """The files that a list of files and folders means; a folder's *.yaml and *.yml, sorted, not below it."""
    for path in paths:
        if path.is_dir():
            found = sorted(
                each for each in path.iterdir() if each.suffix in {".yaml", ".yml"} and each.is_file()
            )
            if not found:
                raise InvalidInput(
                    (Diagnostic(Position(str(path), 1, 1), "the folder holds no *.yaml file"),)
                )
            yield from found
        else:
            yield path


def load(paths: Sequence[Path]) -> Declaration:
    """Read a declaration from files and folders.

    Raises:
        InvalidInput: With every problem that the files have by themselves, each with its position.
    """
    return load_texts([(str(path), read_file(path)) for path in files_of(paths)])


def load_texts(texts: Sequence[tuple[str, bytes]], read: ReadBytes = read_file) -> Declaration:
    """The same for (shown file name, content) pairs; `read` reads the files that they name."""
    together = _Together()
    documents: list[Document] = []
    for name, content in texts:
        try:
            documents.append(read_document(content, name, WANTED))
        except InvalidInput as invalid:
            together.problems.extend(invalid.diagnostics)
    if together.problems:  # what a file that cannot be read would say may be missing in the others
        raise InvalidInput(tuple(together.problems))
    written, common = layered(documents, read)
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
    for document, file, own in files:
        if file.cluster is not None and together.claim(document, "cluster"):
            cluster = file.cluster, document
        for name, source in file.sources.items():
            if together.claim(document, "sources", name):
                sources[name] = DeclaredSource(name, source, document)
        for name, pipeline in file.pipelines.items():
            if together.claim(document, "pipelines", name):
                owner = _owner(file, pipeline, own[name])
                pipelines[name] = DeclaredPipeline(name, pipeline, owner, document, own[name])
        tests += [DeclaredTest(case, document, index) for index, case in enumerate(file.tests)]
    if together.problems:
        raise InvalidInput(tuple(common.places.told_once(together.problems)))
    return Declaration(
        cluster=cluster[0] if cluster else Cluster(),
        cluster_document=cluster[1] if cluster else None,
        sources=dict(sorted(sources.items())),
        pipelines=dict(sorted(pipelines.items())),
        tests=tuple(tests),
        shared=common.places,
    )


def _owner(file: File, pipeline: Pipeline, own: Mapping[str, Any]) -> str | None:
    """Who answers for a pipeline: what it says, then what its file says, then what all files start from."""
    if "owner" in own or (file.defaults is not None and file.defaults.owner is not None):
        return pipeline.owner
    return file.owner or pipeline.owner
