"""Parts that suspend and resume share: the file of a pipeline is edited, tried, and only then written."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from documents.diagnostics import InvalidInput
from hookline.command_line.common import DeclarationArguments, fail, print_line, refuse
from hookline.command_line.writing import write_file
from hookline.declaration.loading import DeclaredPipeline
from hookline.declaration.model import Suspension
from hookline.declaration.suspending import Edited, NotEditable, suspension_line
from hookline.plan.planning import Plan

__all__ = ["declared_pipeline", "edit"]


def declared_pipeline(declared: DeclarationArguments, pipeline: str) -> tuple[Plan, DeclaredPipeline]:
    """The plan with this pipeline; without it the command ends."""
    plan = declared.plan()
    found = plan.declaration.pipelines.get(pipeline)
    if found is None:
        fail(f'there is no pipeline "{pipeline}"; declared: {", ".join(sorted(plan.declaration.pipelines))}')
    return plan, found


def _others(plan: Plan, name: str) -> dict[str, object]:
    """Everything that a plan says of pipelines, apart from whether this one is suspended."""
    return {
        each: declared.pipeline.model_copy(update={"suspended": None}) if each == name else declared.pipeline
        for each, declared in plan.declaration.pipelines.items()
    }


def _replace(path: Path, text: str) -> None:
    """Write the file that the path leads to, and leave its rights as they are."""
    target = path.resolve()
    mode = target.stat().st_mode & 0o7777
    write_file(target, text)
    target.chmod(mode)


def edit(
    declared: DeclarationArguments,
    plan: Plan,
    pipeline: DeclaredPipeline,
    change: Callable[[str], Edited],
    *,
    wanted: Suspension | None,
    dry_run: bool,
) -> None:
    """Change the pipeline's file, if the declaration is then right and says what it shall say.

    Args:
        declared: The options of the declaration.
        plan: Of the files as they are.
        pipeline: Whose file it is.
        change: Makes the new text of the old one.
        wanted: What the pipeline shall then say.
        dry_run: Whether the file is left as it is.
    """
    path = Path(pipeline.document.file)
    key = "suspended" if wanted is None else suspension_line(wanted.because, wanted.until)
    by_hand = f"{'remove' if wanted is None else 'write'} by hand: {key}"

    def left(reason: str) -> NoReturn:
        fail(f"{path}: {reason}, so the file is left as it is; {by_hand}, under the pipeline {pipeline.name}")

    try:
        with path.open(encoding="utf-8", newline="") as file:
            before = file.read()
        edited = change(before)
    except OSError as error:
        left((error.strerror or str(error)).lower())
    except UnicodeDecodeError:
        left("it is not UTF-8")
    except NotEditable as error:
        left(str(error))
    try:
        after = declared.read({pipeline.document.file: edited.text.encode()})
    except InvalidInput as invalid:
        refuse(invalid)
    now = after.declaration.pipelines[pipeline.name].pipeline.suspended
    if now != wanted or _others(after, pipeline.name) != _others(plan, pipeline.name):
        left("the change would say something else, too")
    if not dry_run:
        _replace(path, edited.text)
    done = "resumed" if wanted is None else "suspended"
    if dry_run:
        more = "" if wanted is None else f" by: {key}"
        print_line(f"{path}:{edited.line}: {pipeline.name} would be {done}{more}")
    else:
        print_line(f"{path}:{edited.line}: {pipeline.name} is {done}; apply it with: hookline apply")
