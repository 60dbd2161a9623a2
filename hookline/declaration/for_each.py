"""One pipeline for each of many repositories: `for_each:` written out."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from documents.diagnostics import Diagnostic, InvalidInput
from documents.document import Place, position_of
from events.repository_fields import PatternError, fields_of, fill, is_pattern
from events.scalars import check_repository_name
from hookline.declaration.merging import Part, made, part_at, with_part

__all__ = ["MOST_REPOSITORIES", "ReadBytes", "written_out"]

MOST_REPOSITORIES = 10_000
"""Repositories of one `for_each:`; more pipelines than that no cluster of ours has been tried with."""
ReadBytes = Callable[[Path], bytes]
_TEXT = "tag:yaml.org,2002:str"


def written_out(
    file: str, key: yaml.Node, pipeline: Part, read: ReadBytes
) -> Iterator[tuple[yaml.Node, Part]]:
    """The pipelines that one with `for_each:` stands for: the node of each one's name, and what it says.

    Args:
        file: That declares it.
        key: Of the pipeline: a pattern such as build-{repository_name}. `build` alone means build-{repository_name}.
        pipeline: What each of them says, and for_each.
        read: Reads a file of names.

    Raises:
        InvalidInput: With every problem, each with its position.
    """
    each = part_at(pipeline, "for_each")
    if each is None:
        yield key, pipeline
        return
    rest = with_part(pipeline, ("for_each",), None)
    repository = part_at(pipeline, "repository")
    named = (
        part_at(pipeline, "repository", "name")
        if repository and not isinstance(repository.data, str)
        else repository
    )
    if named is not None:
        raise _refused(file, named.node, "for_each names the repositories; leave the name out here")
    pattern = key.value if is_pattern(key.value) else f"{key.value}-{{repository_name}}"
    problems: list[Diagnostic] = []
    seen: dict[str, str] = {}
    found: list[tuple[yaml.Node, Part]] = []
    for item in _items(file, each, read):
        position = position_of(file, item.node.start_mark)
        try:
            name = _name(pattern, item.data)
        except PatternError as error:
            raise _refused(file, key, f"the names of the pipelines: {error}") from None
        except ValueError as error:
            problems.append(Diagnostic(position, str(error), field="for_each"))
            continue
        if (other := seen.setdefault(name, item.data)) is not item.data:
            message = (
                f"{item.data} stands in this list already"
                if other == item.data
                else f'{other} and {item.data} would both be the pipeline "{name}"; write a key that tells them apart, such as '
                f'"{{owner}}-{{repository_name}}"'
            )
            problems.append(Diagnostic(position, message, field="for_each"))
        found.append(
            (
                yaml.ScalarNode(_TEXT, name, item.node.start_mark),
                with_part(rest, ("repository", "name"), item),
            )
        )
    if problems:
        raise InvalidInput(tuple(problems))
    yield from found


def _refused(file: str, node: yaml.Node, message: str) -> InvalidInput:
    return InvalidInput((Diagnostic(position_of(file, node.start_mark), message),))


def _name(pattern: str, repository: str) -> str:
    """A Kubernetes name of a pattern: what such a name cannot hold becomes -.

    Raises:
        ValueError: The repository is none, or the pattern cannot be filled.
    """
    values = fields_of(check_repository_name(repository))
    slug = {key: re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-") for key, value in values.items()}
    return fill(pattern, slug)


def _items(file: str, each: Part, read: ReadBytes) -> list[Part]:
    """The names, each with the node where it stands.

    Raises:
        InvalidInput: It is neither a list of texts nor a file of names.
    """
    if isinstance(each.data, dict):
        items = _lines(file, each, read)
    elif isinstance(each.data, list) and isinstance(each.node, yaml.SequenceNode):
        items = [Part(data, node) for data, node in zip(each.data, each.node.value, strict=True)]
    else:
        items = []
    for item in items:
        if not isinstance(item.data, str):
            raise _refused(file, item.node, "expected the name of a repository, such as acme/shop")
    if not items:
        message = (
            "expected a list of repositories, such as [acme/shop, acme/cart], or {file: repositories.txt}"
        )
        raise _refused(file, each.node, message)
    if len(items) > MOST_REPOSITORIES:
        raise _refused(file, each.node, f"expected at most {MOST_REPOSITORIES:,} repositories")
    return items


def _lines(file: str, each: Part, read: ReadBytes) -> list[Part]:
    named = part_at(each, "file")
    if each.data.keys() != {"file"} or named is None or not isinstance(named.data, str) or not named.data:
        raise _refused(
            file, each.node, "expected {file: repositories.txt}: a file with one repository a line"
        )
    path = Path(file).parent / named.data
    try:
        text = read(path).decode("utf-8")
    except InvalidInput as invalid:
        message = "; ".join(each.message for each in invalid.diagnostics)
        raise _refused(file, named.node, f"{path} {message}") from None
    except UnicodeDecodeError:
        raise _refused(file, named.node, f"{path} is not UTF-8; save the file as UTF-8") from None
    found: list[Part] = []
    for number, line in enumerate(text.split("\n")):
        name = line.partition("#")[0].strip()
        if name:
            found.append(made(name, Place(str(path), number, line.index(name))))
    if not found:
        raise _refused(
            file, named.node, f"{path} names no repository; expected one a line, such as acme/shop"
        )
    return found
