"""Links of the exporter's pages to commits and requests: where repositories are cloned from, they have their pages too."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from events.host import host
from hookline.declaration.loading import Declaration

__all__ = ["with_links"]


def with_links(declaration: Declaration, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The exporter's settings with the links of each source whose address is known; what the settings say stays.

    Args:
        declaration: The files.
        settings: As the declaration has them, checked.
    """
    said = settings.get("links") or {}
    found: dict[str, dict[str, str]] = {"commit": {}, "request": {}}
    for name, declared in declaration.sources.items():
        pages = {
            "commit": host(declared.source.host).commit_page,
            "request": host(declared.source.host).request_page,
        }
        addresses = set(_addresses(declaration, name))
        if len(addresses) == 1 and (address := addresses.pop()):
            for kind, page in pages.items():
                if page:
                    found[kind][name] = f"{address}/{page}"
    links = {kind: {**each, **(said.get(kind) or {})} for kind, each in found.items()}
    links = {**said, **{kind: each for kind, each in links.items() if each}}
    return {**settings, "links": links} if links else dict(settings)


def _addresses(declaration: Declaration, source: str) -> Iterable[str]:
    """The address of a source's host, by each of its repositories; empty where a clone URL is none of a page."""
    for each in declaration.pipelines.values():
        repository = each.pipeline.repository
        if repository.source == source:
            yield _address(repository.url, repository.name)


def _address(clone_url: str, repository: str) -> str:
    parts = urlsplit(clone_url)
    path = parts.path.removesuffix("/").removesuffix(".git")
    if parts.scheme not in {"http", "https"} or not path.lower().endswith(f"/{repository.lower()}"):
        return ""
    return f"{parts.scheme}://{parts.netloc}{path[: -len(repository) - 1]}"
