"""Layers: the files of a declaration with every pipeline written out, defaults, patterns and for_each applied.

What comes out is a document again, of which every part knows where it is written: in the pipeline, in the file's
defaults, in the defaults of all files, or at the source.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from documents.diagnostics import Diagnostic, InvalidInput
from documents.document import Document, position_of
from events.repository_fields import PatternError, fields_of, fill, is_pattern
from events.scalars import check_repository_name
from hookline.declaration.for_each import ReadBytes, written_out
from hookline.declaration.merging import EMPTY, Part, data_at, elsewhere, made, merge, part_at, with_part
from hookline.declaration.model import Pipeline
from hookline.declaration.shapes import shape_of
from hookline.declaration.shared import SharedPlaces

__all__ = ["Common", "Layered", "layered"]

_SAMPLE = {"name": "acme/shop", "url": "https://git.example.com/acme/shop.git"}
_IMAGE = "registry.example.com/acme/shop"
_PATTERNS = {
    ("repository", "url"): _SAMPLE["url"],
    ("image",): _IMAGE,
    ("events", "push", "image"): _IMAGE,
    ("events", "tag", "image"): _IMAGE,
    ("events", "pull_request", "image"): _IMAGE,
    ("events", "merge_group", "image"): _IMAGE,
    ("events", "schedule", "image"): _IMAGE,
    ("events", "image_push", "image"): "acme/base",
}
"""Where a pattern may stand, with a text that serves in place of a wrong one, of which more need not be said."""
_STARTS = {"schedule": "at", "image_push": "image"}
"""Kinds of events that start nothing without a key: a default without it only completes what pipelines say."""
_OF_THE_FILE = ("owner", "namespace")
"""Keys of a file that its pipelines inherit. The file's own `defaults:` stand over them, and they over those of all files."""


@dataclass(frozen=True, slots=True)
class Layered:
    """One file with every pipeline written out."""

    document: Document
    own: dict[str, Any]
    """Pipeline → what it says itself."""


@dataclass(slots=True)
class Common:
    """The settings that reach the pipelines of every file."""

    places: SharedPlaces
    read: ReadBytes
    defaults: Part = EMPTY
    urls: dict[str, Part] = field(default_factory=dict)
    """Source → the pattern of its clone URLs."""
    problems: list[Diagnostic] = field(default_factory=list)
    """Patterns and lists that cannot be written out."""


def layered(documents: Sequence[Document], read: ReadBytes) -> tuple[list[Layered], Common]:
    """Write out every pipeline of the files.

    Args:
        documents: As they were read.
        read: Reads a file of names.

    Returns:
        The files, and what many pipelines share.
    """
    common = Common(SharedPlaces(), read)
    wide = [each for each in documents if _reaches_all(each)]
    for each in wide[1:]:
        first, second = (each_.position(("defaults",), key=True) for each_ in (wide[0], each))
        common.problems.append(
            Diagnostic(second, f"defaults: of all files are declared already at {first}", field="defaults")
        )
    for document in documents:
        whole = Part(document.data, document.root)
        if wide and document is wide[0]:
            normal = merge(shape_of(Pipeline), EMPTY, _normal(part_at(whole, "defaults") or EMPTY))
            common.defaults = elsewhere(normal, document.file)
        for name, (_, source) in (part_at(whole, "sources") or EMPTY).children().items():
            if (url := part_at(source, "url")) is not None:
                common.urls[name] = elsewhere(url, document.file)
                common.places.add(document.file, url.node, f"sources.{name}.url", whole=False)
    found = [_layered(document, common, own_is_common=document in wide) for document in documents]
    return found, common


def _reaches_all(document: Document) -> bool:
    """Whether the defaults of a file reach all files: those beside `cluster:`, and those beside no pipeline."""
    data = document.data
    return isinstance(data.get("defaults"), dict) and ("cluster" in data or "pipelines" not in data)


def _normal(pipeline: Part) -> Part:
    """The long form: `repository: acme/shop` names the repository."""
    repository = (
        part_at(pipeline, "repository") if isinstance(data_at(pipeline.data, "repository"), str) else None
    )
    if repository is None:
        return pipeline
    empty = made({}, repository.node.start_mark)
    return with_part(pipeline, ("repository",), with_part(empty, ("name",), repository))


def _layered(document: Document, common: Common, *, own_is_common: bool) -> Layered:
    whole = Part(document.data, document.root)
    own_defaults, pipelines = part_at(whole, "defaults"), part_at(whole, "pipelines")
    holds_nothing = document.holds_nothing or _holds_nothing(common.defaults.data)
    shape, of_the_file = shape_of(Pipeline), _of_the_file(document.file, whole, common)
    defaults = common.defaults
    if of_the_file.data:
        under, over = (of_the_file, defaults) if own_is_common else (defaults, of_the_file)
        defaults = merge(shape, under, over)
    if own_defaults is not None and isinstance(own_defaults.data, dict):
        common.places.add(document.file, own_defaults.node, "defaults")
        normal = _normal(own_defaults)
        whole = with_part(whole, ("defaults",), _tried(document.file, normal, common))
        if not own_is_common:
            defaults = merge(shape, defaults, normal)
    own: dict[str, Any] = {}
    if pipelines is not None and isinstance(pipelines.data, dict):
        pairs: list[tuple[yaml.Node, Part]] = []
        for key_node, pipeline in _each(document.file, pipelines, common):
            name = key_node.value
            if name in own:
                place = position_of(document.file, key_node.start_mark)
                message = f'a pipeline "{name}" is declared already in this file'
                common.problems.append(Diagnostic(place, message))
                continue
            own[name] = pipeline.data
            pairs.append((key_node, _merged(document, name, pipeline, defaults, common)))
        made_of = Part(
            {key.value: part.data for key, part in pairs},
            yaml.MappingNode(
                pipelines.node.tag, [(key, part.node) for key, part in pairs], pipelines.node.start_mark
            ),
        )
        whole = with_part(whole, ("pipelines",), made_of)
    return Layered(replace(document, data=whole.data, root=whole.node, holds_nothing=holds_nothing), own)


def _of_the_file(file: str, whole: Part, common: Common) -> Part:
    """The settings that stand beside `pipelines:` and reach them all."""
    found = {name: part for name, part in whole.children().items() if name in _OF_THE_FILE}
    for name, (_, part) in found.items():
        common.places.add(file, part.node, name, whole=False)
    return Part(
        {name: part.data for name, (_, part) in found.items()},
        yaml.MappingNode(
            whole.node.tag, [(key, part.node) for key, part in found.values()], whole.node.start_mark
        ),
    )


def _holds_nothing(data: Any) -> bool:
    if isinstance(data, dict):
        return any(map(_holds_nothing, data.values()))
    return any(map(_holds_nothing, data)) if isinstance(data, list) else data is None


def _each(file: str, pipelines: Part, common: Common) -> Iterator[tuple[yaml.Node, Part]]:
    """The pipelines of a file, those with for_each written out, in their long form."""
    for key_node, node in pipelines.pairs():
        pipeline = Part(pipelines.data[key_node.value], node)
        if isinstance(pipeline.data, dict) and "for_each" in pipeline.data:
            common.places.add(file, pipeline.node, f"pipelines.{key_node.value}")
            try:
                found = list(written_out(file, key_node, pipeline, common.read))
            except InvalidInput as invalid:
                common.problems += invalid.diagnostics
                continue
            for key, each in found:
                yield key, _normal(each)
        else:
            yield key_node, _normal(pipeline)


def _merged(document: Document, name: str, own: Part, defaults: Part, common: Common) -> Part:
    """A pipeline with its defaults and patterns applied."""
    if not isinstance(own.data, dict):
        return own
    found = merge(shape_of(Pipeline), defaults, own, holds_false=document.holds_false)
    events = found.data.get("events")
    for kind, key in _STARTS.items() if isinstance(events, dict) else ():
        value = events.get(kind)
        if isinstance(value, dict) and key not in value and data_at(own.data, "events", kind) is None:
            found = with_part(found, ("events", kind), None)
    if data_at(found.data, "events", "pull_request", "forks") == "sandboxed":
        # Such a run pushes nothing: no default may say where.
        for *above, key in (("image",), *(("events", "pull_request", key) for key in ("image", "publish"))):
            said, inherited = (data_at(each.data, *above) or {} for each in (own, found))
            if key in inherited and not (isinstance(said, dict) and key in said):
                found = with_part(found, (*above, key), None)
    file = document.file
    return _filled(file, name, _with_url(file, name, own, found, common), common)


def _with_url(file: str, name: str, own: Part, found: Part, common: Common) -> Part:
    """The clone URL of the source's pattern, where the pipeline says none."""
    source = data_at(found.data, "repository", "source") if common.urls else None
    pattern = common.urls.get(source) if isinstance(source, str) else None
    if pattern is None:
        return found
    url = part_at(found, "repository", "url")
    if url is None:
        return with_part(found, ("repository", "url"), pattern)
    if data_at(own.data, "repository", "url") is None:
        common.problems.append(
            Diagnostic(
                position_of(file, url.node.start_mark),
                f"the source {source} has a url: of its own, and one of the two would count for nothing; leave one out",
                field=f"pipelines.{name}.repository.url",
            )
        )
    return found


def _filled(file: str, name: str, pipeline: Part, common: Common) -> Part:
    """A pipeline with its patterns filled."""
    values: dict[str, str] = {}
    schedules = part_at(pipeline, "events", "schedule") if _lists_schedules(pipeline.data) else None
    if schedules is not None:
        pipeline = with_part(
            pipeline, ("events", "schedule"), _filled_list(file, name, pipeline, schedules, common)
        )
    for path, text in _PATTERNS.items():
        part = part_at(pipeline, *path) if is_pattern(data_at(pipeline.data, *path)) else None
        if part is None:
            continue
        # Defaults are tried as those of a pipeline: {pipeline} needs a name there, too.
        values = values or fields_of(_named(part_at(pipeline, "repository", "name")), name or "shop")
        try:
            filled = fill(part.data, values, lower=path[-1] == "image")
        except PatternError as error:
            place = position_of(file, part.node.start_mark)
            field_name = ".".join(("pipelines", name, *path)) if name else ".".join(("defaults", *path))
            common.problems.append(Diagnostic(place, str(error), field=field_name))
            filled = text
        pipeline = with_part(pipeline, path, Part(filled, part.node))
    return pipeline


def _lists_schedules(data: Any) -> bool:
    return isinstance(data_at(data, "events", "schedule"), list)


def _filled_list(file: str, name: str, pipeline: Part, schedules: Part, common: Common) -> Part:
    """A list of schedules with their patterns filled, each as if it were the pipeline's only one."""
    items = [
        part_at(
            _filled(file, name, with_part(pipeline, ("events", "schedule"), Part(data, node)), common),
            "events",
            "schedule",
        )
        or EMPTY
        for data, node in zip(schedules.data, schedules.node.value, strict=True)
    ]
    return Part(
        [each.data for each in items],
        yaml.SequenceNode(schedules.node.tag, [each.node for each in items], schedules.node.start_mark),
    )


def _named(repository: Part | None) -> str:
    """The repository's name; a wrong or missing one is complained of at its place, so that any other serves here."""
    try:
        return (
            check_repository_name(repository.data)
            if repository and isinstance(repository.data, str)
            else "acme/shop"
        )
    except ValueError:
        return "acme/shop"


def _tried(file: str, defaults: Part, common: Common) -> Part:
    """Defaults over a pipeline that has everything: whatever is wrong with the result is wrong with them."""
    sample: dict[str, Any] = {
        "repository": _SAMPLE,
        "events": {
            "push": {},
            "schedule": {"at": "0 0 * * *"},
            "image_push": {"source": "registry", "image": "acme/base"},
        },
    }
    merged = merge(shape_of(Pipeline), made(sample, defaults.node.start_mark), defaults)
    return _filled(file, "", merged, common)
