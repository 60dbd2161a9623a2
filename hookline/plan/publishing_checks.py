"""Checks of what runs push: what the template can leave out, where an image is missing or unused, what requests overwrite."""

from collections.abc import Iterator, Sequence

from documents.diagnostics import Problems
from events.declaration import Built, own_image
from hookline.declaration.loading import Declaration, DeclaredPipeline
from hookline.plan.publishing import UNMERGED, images_pushed, names_a_target, publishes
from triggers.inspection.capabilities import role_annotation
from triggers.template import Template
from triggers.words import STOCK_PARAMETERS

__all__ = ["check_overwritten", "check_publishing", "publishing_problems"]

Path = tuple[str | int, ...]

_ABLE = "hookline-ci-go"


def publishing_problems(declared: DeclaredPipeline, template: Template) -> Iterator[tuple[Path, str]]:
    """Problems with the images of a pipeline and the runs that push them: path in the pipeline, sentence."""
    pipeline, image = declared.pipeline, template.roles.get("image")
    no_image = (
        f"{template.name} takes no image: it has no parameter {STOCK_PARAMETERS['image']}, and its annotation "
        f"{role_annotation('image')} names no other"
    )
    if pipeline.image is not None and image is None:
        yield ("image",), no_image
    for path, _, built in declared.blocks:
        if pipeline.events.sandboxed:
            if own_image(built) is not None:
                yield (*path, "image"), "a sandboxed run pushes nothing; leave image: out"
            if built.publish:
                yield (*path, "publish"), "a sandboxed run pushes nothing; leave publish: out"
            continue
        if own_image(built) is not None and image is None:
            yield (*path, "image"), no_image
        yield from _of_publish(path, built, template)
    if image is None or template.parameters[image] or pipeline.image is not None or pipeline.events.sandboxed:
        return
    if any(
        publishes(kind, built, template) and own_image(built) is None for _, kind, built in declared.blocks
    ):
        yield ("image",), f"{template.name} pushes an image; name it with image: registry/namespace/name"


def _of_publish(path: Path, built: Built, template: Template) -> Iterator[tuple[Path, str]]:
    if "publish" in template.roles:
        tag = template.roles.get("tag", "")
        if built.publish is False and tag in (built.parameters or {}):
            yield (
                (*path, "parameters", tag),
                f"publish: false pushes nothing, so that {tag} would name nothing; leave one of the two out",
            )
    elif built.publish is False:
        other = ", give these runs an image of their own with image:" if own_image(built) is None else ""
        message = (
            f"{template.name} cannot build without pushing: use a template that can, such as {_ABLE} (a template of yours names its "
            f"parameter for it in the annotation {role_annotation('publish')}){other}, or leave publish: out"
        )
        yield (*path, "publish"), message
    elif built.publish and "image" not in template.roles:
        yield (*path, "publish"), f"{template.name} takes no image, so publish: has no effect; leave it out"


def check_publishing(declared: DeclaredPipeline, template: Template, problems: Problems) -> None:
    """Warn of an image that no run pushes."""
    pipeline = declared.pipeline
    if pipeline.image is None or not declared.says("image") or "image" not in template.roles:
        return
    blocks = declared.blocks
    if all(own_image(built) is not None for _, _, built in blocks):
        message = (
            "every kind of event here has an image of its own, so that no run pushes this one; leave it out"
        )
    elif any(True for _ in images_pushed(declared, template)) or any(
        b.publish is False for _, _, b in blocks
    ):
        return
    else:
        kind = blocks[0][1]
        message = (
            f"no run pushes this image, because runs of {kind} events push only where that is said; write {kind}: {{publish: true}} to push "
            f"it, or {kind}: {{publish: false}} if its caches alone are meant"
        )
    problems.warn(declared.position("image"), message, declared.field("image"))


def check_overwritten(
    declaration: Declaration, checked: Sequence[tuple[DeclaredPipeline, Template]], problems: Problems
) -> None:
    """Warn, once for a template, of requests that push the image which merged commits push, because the template has no other way."""
    pushed = [
        (declared, kind, image)
        for declared, template in checked
        for kind, image in images_pushed(declared, template)
    ]
    merged = {image for _, kind, image in pushed if kind not in UNMERGED}
    repositories = {declared.pipeline.repository.url for declared, kind, _ in pushed if kind not in UNMERGED}
    found: dict[str, list[tuple[DeclaredPipeline, Template, Path]]] = {}
    for declared, template in checked:
        pipeline = declared.pipeline
        apart = pipeline.image not in merged and pipeline.repository.url in repositories
        able = "publish" in template.roles or "image" not in template.roles
        if pipeline.image is None or pipeline.events.sandboxed or apart or able:
            continue
        for path, kind, built in declared.blocks:
            if kind not in UNMERGED or built.publish is not None or own_image(built) is not None:
                continue
            if template.moves_latest or not names_a_target(built, template):
                found.setdefault(template.name, []).append((declared, template, path))
    for several in found.values():
        own: list[tuple[DeclaredPipeline, Template, Path]] = []
        for each in several:
            # Those that stand at one shared place become one message by themselves.
            if each[0].position(*each[2]) in declaration.shared.fields:
                _warn_overwritten(each, "", problems)
            else:
                own.append(each)
        if own:
            others = sorted({declared.name for declared, _, _ in own} - {own[0][0].name})
            _warn_overwritten(own[0], _also(others), problems)


def _warn_overwritten(found: tuple[DeclaredPipeline, Template, Path], also: str, problems: Problems) -> None:
    declared, template, path = found
    latest = " and move its :latest" if template.moves_latest else ""
    image = declared.pipeline.image
    problems.warn(
        declared.position(*path),
        f"{template.name} cannot build without pushing, so {path[1]} events push {image} too{latest}; give them an image of their own, such "
        f"as {path[1]}: {{image: {image}-pr}}, use a template that can, such as {_ABLE}, or write publish: true if that is meant{also}",
        declared.field(*path),
    )


def _also(others: Sequence[str]) -> str:
    if not others:
        return ""
    if len(others) == 1:
        return f' (so does the pipeline "{others[0]}")'
    return f' (so do {len(others):,} more pipelines, such as "{others[0]}")'
