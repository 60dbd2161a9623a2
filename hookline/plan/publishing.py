"""Publishing: which runs of a pipeline push an image, and which one. Runs of unmerged commits push only where somebody says so."""

from collections.abc import Iterator

from events.canonical import Kind
from events.declaration import Built, own_image
from hookline.declaration.loading import DeclaredPipeline
from triggers.template import Template
from triggers.workflow import KindSettings

__all__ = ["UNMERGED", "images_pushed", "names_a_target", "publishes", "settings", "settings_by_kind"]

UNMERGED = frozenset[Kind]({"pull_request", "merge_group"})
"""Kinds of events about commits that no branch of the repository has yet."""


def names_a_target(built: Built, template: Template) -> bool:
    """Whether the events of a kind name an image or a tag of their own to push."""
    return own_image(built) is not None or template.roles.get("tag", "") in (built.parameters or {})


def publishes(kind: Kind, built: Built, template: Template) -> bool:
    """Whether runs of a kind push what they build, as far as the template leaves the choice."""
    if "publish" not in template.roles:
        return True
    if built.publish is not None:
        return built.publish
    return kind not in UNMERGED or names_a_target(built, template)


def settings(kind: Kind, built: Built, template: Template) -> KindSettings:
    """Settings that a block of `events:` has for its runs."""
    return KindSettings(
        branch=getattr(built, "branch", None),
        image=own_image(built),
        publish=publishes(kind, built, template),
        parameters=built.parameters or {},
    )


def settings_by_kind(declared: DeclaredPipeline, template: Template) -> dict[Kind, list[KindSettings]]:
    """Kind → what the pipeline says about its runs, once for each schedule."""
    found: dict[Kind, list[KindSettings]] = {}
    for _, kind, built in declared.blocks:
        found.setdefault(kind, []).append(settings(kind, built, template))
    return found


def images_pushed(declared: DeclaredPipeline, template: Template | None) -> Iterator[tuple[Kind, str]]:
    """Kind → each image that the pipeline's runs push, as far as hookline knows; without a template, as if all were pushed."""
    pipeline = declared.pipeline
    if pipeline.events.sandboxed:
        return
    for _, kind, built in declared.blocks:
        image = own_image(built) or pipeline.image
        if image is not None and (template is None or publishes(kind, built, template)):
            yield kind, image
