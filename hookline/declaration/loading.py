"""Loading: the files of a declaration, read, checked by themselves and put together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from documents.diagnostics import Diagnostic, InvalidInput, Position
from documents.document import Document
from documents.files import read_file
from documents.reading import read_document
from documents.validation import validate_document
from documents.wanted import KeyHint, Wanted
from events.sources import Source
from hookline.declaration.model import Cluster, File, Pipeline, TestCase
from triggers.declaration import Run

__all__ = ["Declaration", "DeclaredPipeline", "DeclaredSource", "DeclaredTest", "load", "load_texts"]

WANTED = Wanted(
    mapping="such as version: 1",
    empty="hookline init writes a first one",
    merge_key="what several pipelines share goes under defaults:",
    hints=(
        KeyHint(frozenset({"on"}), beside="events", sentence="the key here is events", meant="events"),
        KeyHint(
            frozenset({"paths"}),
            beside="into",
            sentence="no host lists the changed files of a pull request, so paths: cannot be decided here; it belongs to "
            "push:",
        ),
        KeyHint(
            frozenset({"paths", "files"}),
            beside="tags",
            sentence="a tag carries no list of changed files; paths: belongs to push:",
        ),
    ),
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

    def position(self, *path: str | int) -> Position:
        """Position of a part of the pipeline; for an absent part, that of the nearest part above it."""
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
    default_run: Run | None
    sources: dict[str, DeclaredSource]
    pipelines: dict[str, DeclaredPipeline]
    tests: tuple[DeclaredTest, ...]

    def cluster_position(self, *path: str) -> Position:
        """Position of a part of `cluster:`; without one, the start of the first file."""
        if self.cluster_document is not None:
            return self.cluster_document.position(("cluster", *path))
        first = next((each.document for each in self.pipelines.values()), None)
        return first.position(()) if first else Position("hookline.yaml", 1, 1)


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


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """The files that a list of files and folders means; a folder's *.yaml and *.yml, sorted, not below it."""
    for path in paths:
        try:
            # A device or a pipe in a folder is not passed over: reading refuses it.
            found = (
                [path]
                if not path.is_dir()
                else [
                    each
                    for each in sorted(path.iterdir())
                    if each.suffix in {".yaml", ".yml"} and not each.is_dir()
                ]
            )
        except OSError as error:
            raise _refusal(path, f"cannot be read: {(error.strerror or str(error)).lower()}") from error
        if not found:
            raise _refusal(path, "the folder holds no *.yaml file")
        yield from found


def _refusal(path: Path, message: str) -> InvalidInput:
    return InvalidInput((Diagnostic(Position(str(path), 1, 1), message),))


def load(paths: Sequence[Path]) -> Declaration:
    """Read a declaration from files and folders.

    Raises:
        InvalidInput: With every problem that the files have by themselves, each with its position.
    """
    return load_texts([(str(path), read_file(path)) for path in files_of(paths)])


def load_texts(texts: Sequence[tuple[str, bytes]]) -> Declaration:
    """The same for (shown file name, content) pairs."""
    together = _Together()
    files: list[tuple[Document, File]] = []
    for name, content in texts:
        try:
            document = read_document(content, name, WANTED)
            files.append((document, validate_document(document, File)))
        except InvalidInput as invalid:
            together.problems.extend(invalid.diagnostics)
    cluster: tuple[Cluster, Document] | None = None
    default_run: Run | None = None
    sources: dict[str, DeclaredSource] = {}
    pipelines: dict[str, DeclaredPipeline] = {}
    tests: list[DeclaredTest] = []
    for document, file in files:
        if file.cluster is not None and together.claim(document, "cluster"):
            cluster = file.cluster, document
        if file.defaults is not None and together.claim(document, "defaults"):
            default_run = file.defaults.run
        for name, source in file.sources.items():
            if together.claim(document, "sources", name):
                sources[name] = DeclaredSource(name, source, document)
        for name, pipeline in file.pipelines.items():
            if together.claim(document, "pipelines", name):
                pipelines[name] = DeclaredPipeline(name, pipeline, pipeline.owner or file.owner, document)
        tests += [DeclaredTest(case, document, index) for index, case in enumerate(file.tests)]
    if together.problems:
        raise InvalidInput(tuple(together.problems))
    return Declaration(
        cluster=cluster[0] if cluster else Cluster(),
        cluster_document=cluster[1] if cluster else None,
        default_run=default_run,
        sources=dict(sorted(sources.items())),
        pipelines=dict(sorted(pipelines.items())),
        tests=tuple(tests),
    )
