"""Models of a pipeline's `events:` in hookline.yaml."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from documents.arguments import Arguments
from documents.blocks import Block, Duration, Name, OneOrMore
from documents.scalars import parse_date_range
from documents.time_zones import check_timezone
from events.canonical import Kind
from events.cron import parse_cron
from events.patterns import check_branch_pattern, check_login_pattern, check_pattern, check_tag_pattern
from events.scalars import check_branch, check_image, check_image_name
from events.sources import SourceName

__all__ = [
    "Approval",
    "Built",
    "Events",
    "ImagePush",
    "MergeGroup",
    "Paths",
    "PullRequest",
    "Push",
    "Schedule",
    "Selection",
    "Tag_",
    "included",
    "own_image",
]


_A_FEW = Field(min_length=1, max_length=200)
Globs = Annotated[list[Annotated[str, AfterValidator(check_pattern)]], _A_FEW, OneOrMore]
BranchGlobs = Annotated[list[Annotated[str, AfterValidator(check_branch_pattern)]], _A_FEW, OneOrMore]
TagGlobs = Annotated[list[Annotated[str, AfterValidator(check_tag_pattern)]], _A_FEW, OneOrMore]
LoginGlobs = Annotated[list[Annotated[str, AfterValidator(check_login_pattern)]], _A_FEW, OneOrMore]
Branch = Annotated[str, AfterValidator(check_branch)]


_INCLUDE = Field(
    default=None,
    description="Globs of which one must match. Absent: everything.",
    examples=[["main", "release/*"]],
)
_EXCLUDE = Field(default=None, description="Globs of which none may match.", examples=[["release/old-*"]])


class Selection(Block):
    """Patterns that choose values. exclude wins over include; without include, every value is chosen."""

    include: Globs | None = _INCLUDE
    exclude: Globs | None = _EXCLUDE


class BranchSelection(Selection):
    """Patterns that choose values. exclude wins over include; without include, every value is chosen."""

    include: BranchGlobs | None = _INCLUDE
    exclude: BranchGlobs | None = _EXCLUDE


class TagSelection(Selection):
    """Patterns that choose values. exclude wins over include; without include, every value is chosen."""

    include: TagGlobs | None = _INCLUDE
    exclude: TagGlobs | None = _EXCLUDE


class LoginSelection(Selection):
    """Patterns that choose values. exclude wins over include; without include, every value is chosen."""

    include: LoginGlobs | None = _INCLUDE
    exclude: LoginGlobs | None = _EXCLUDE


class Paths(Selection):
    """Patterns that choose changed files."""

    unknown: Literal["run", "skip"] | None = Field(
        default=None,
        description="run or skip a push whose payload does not list every changed file: new branches, forced and very large pushes. "
        "Default: the run itself compares the files, if the template can, as hookline-ci-go; with other templates, run.",
        examples=["run"],
    )


def _shape(value: Any) -> str:
    return "list" if isinstance(value, list | str) else "mapping"


Chosen = Annotated[
    Annotated[Globs, Tag("list")] | Annotated[Selection, Tag("mapping")], Discriminator(_shape)
]
ChosenPaths = Annotated[
    Annotated[Globs, Tag("list")] | Annotated[Paths, Tag("mapping")], Discriminator(_shape)
]
ChosenBranches = Annotated[
    Annotated[BranchGlobs, Tag("list")] | Annotated[BranchSelection, Tag("mapping")], Discriminator(_shape)
]
ChosenTags = Annotated[
    Annotated[TagGlobs, Tag("list")] | Annotated[TagSelection, Tag("mapping")], Discriminator(_shape)
]
ChosenLogins = Annotated[
    Annotated[LoginGlobs, Tag("list")] | Annotated[LoginSelection, Tag("mapping")], Discriminator(_shape)
]


def included(chosen: "list[str] | Selection | None") -> Selection | None:
    """The long form of a choice: a plain list means include."""
    return Selection.model_construct(include=chosen) if isinstance(chosen, list) else chosen


OwnImage = Annotated[
    Annotated[str, AfterValidator(check_image)] | None,
    Field(
        description="Image that runs of these events push, in place of the pipeline's: registry/namespace/name, without tag, or a pattern of it.",
        examples=["registry.example.com/acme/shop-test"],
    ),
]
Publish = Annotated[
    bool | None,
    Field(
        description="false: runs of these events test and build, and push nothing. Refused if the template cannot. Default: true.",
        examples=[False],
    ),
]
PublishUnmerged = Annotated[
    bool | None,
    Field(
        description="Whether runs of these events push the image. Default: false, unless image: or the parameter for the image's tag stands here, or the "
        "template cannot build without pushing.",
        examples=[False],
    ),
]
OwnParameters = Annotated[
    Arguments | None,
    Field(
        description="Arguments of the template for runs of these events, over those of run.parameters.",
        examples=[{"coverage": False}],
    ),
]


class Push(Block):
    """Pushes to branches."""

    branches: ChosenBranches | None = Field(
        default=None,
        description="Branches, as globs. Default: every branch.",
        examples=[["main", "release/*"]],
    )
    paths: ChosenPaths | None = Field(
        default=None,
        description="Changed files, as globs. The push runs if at least one changed file is chosen.",
        examples=[{"exclude": ["docs/**"]}],
    )
    authors: ChosenLogins | None = Field(
        default=None,
        description="Login names of the people who push, as globs, ignoring case. Names of GitHub Apps end in [bot]: dependabot[bot], *[bot].",
        examples=[{"exclude": ["*-bot"]}],
    )
    skip_markers: bool = Field(
        default=True,
        description="Skip a push whose head commit's message has a marker such as [skip ci], or that has the push option ci.skip: hookline docs sources#skip-markers.",
        examples=[True],
    )
    image: OwnImage = None
    publish: Publish = None
    parameters: OwnParameters = None


class Tag_(Block):  # noqa: N801 - Tag is pydantic's
    """New or moved tags."""

    tags: ChosenTags | None = Field(
        default=None, description="Tags, as globs. Default: every tag.", examples=[["v*"]]
    )
    branch: Branch | None = Field(
        default=None,
        description="Branch to build. Required if the template builds branch heads only, as stock ci-go-v1 does; "
        "the tag then names the image.",
        examples=["main"],
    )
    image: OwnImage = None
    publish: Publish = None
    parameters: OwnParameters = None


def _never_or_sandboxed(value: Any) -> Any:
    if value not in ("never", "sandboxed"):
        raise ValueError(
            "accepted: never, or sandboxed in a pipeline of its own; a fork's code would run with your secrets and write your "
            "caches, and stock ci-go-v1 would build your branch of the same name instead of it"
        )
    return value


def _check_label(value: str) -> str:
    if value != value.strip() or not value.isprintable():
        raise ValueError("expected the name of a label on one line, without spaces at its ends")
    return value


class Approval(Block):
    """The approval that lets foreign code run."""

    label: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_check_label)] = Field(
        description="Name of the label, compared exactly. Whoever adds the label starts a run of the commit that is the request's head at "
        "that moment. Later commits need the label again: remove it, read the code, add it.",
        examples=["ok-to-test"],
    )


class PullRequest(Block):
    """Pull and merge requests: opened, reopened, new commits, ready for review, moved to another target."""

    into: ChosenBranches | None = Field(
        default=None, description="Target branches, as globs. Default: every branch.", examples=[["main"]]
    )
    paths: Chosen | None = Field(
        default=None,
        description="Changed files, as globs. No event lists the files of a request, so the run itself compares them, and ends there if none is "
        "chosen. Needs a template that can, such as hookline-ci-go.",
        examples=[{"exclude": ["docs/**"]}],
    )
    drafts: bool = Field(default=False, description="Whether drafts run too.", examples=[False])
    forks: Annotated[Literal["never", "sandboxed"], BeforeValidator(_never_or_sandboxed)] = Field(
        default="never",
        description="never: requests from forks do not run. sandboxed: only requests from forks run, in cluster.sandbox, after a label has "
        "approved them, without secrets, shared caches and pushes; such a pipeline has no other events. "
        "A fork that was deleted is still a fork.",
        examples=["never"],
    )
    approved_by: Approval | None = Field(
        default=None,
        description="Approval that starts a run. Required with forks: sandboxed, and refused without it.",
        examples=[{"label": "ok-to-test"}],
    )
    authors: ChosenLogins | None = Field(
        default=None,
        description="Login names of the people who cause the event, as globs, ignoring case. Names of GitHub Apps end in [bot]: dependabot[bot], "
        "*[bot].",
        examples=[{"exclude": ["*-bot"]}],
    )
    skip_markers: bool = Field(
        default=True,
        description="Skip a request whose head commit's message has a marker such as [skip ci], if the host sends the message: hookline docs sources#skip-markers.",
        examples=[True],
    )
    image: OwnImage = None
    publish: PublishUnmerged = None
    parameters: OwnParameters = None

    @model_validator(mode="after")
    def _foreign_code_is_approved(self) -> "PullRequest":
        if self.forks == "sandboxed" and self.approved_by is None:
            raise ValueError(
                "forks: sandboxed runs only approved commits; name the label that approves them, such as approved_by: {label: ok-to-test}"
            )
        if self.forks == "never" and self.approved_by is not None:
            raise ValueError(
                "approved_by: belongs to forks: sandboxed; requests of the repository itself need no label"
            )
        return self


class MergeGroup(Block):
    """Groups of requests that a merge queue has put together, to be checked before they are merged: docs/merge-queues.md."""

    into: ChosenBranches | None = Field(
        default=None,
        description="Branches into which the queue merges, as globs. Default: every branch.",
        examples=[["main"]],
    )
    image: OwnImage = None
    publish: PublishUnmerged = None
    parameters: OwnParameters = None


class Missed(Block):
    """Catching up on fire times that passed while the event source was down."""

    within: Duration = Field(description="Catch up on fire times that are at most this old.", examples=["3h"])


def _check_cron(value: str) -> str:
    return parse_cron(value).text


def _each_once(values: list[str]) -> list[str]:
    if twice := next((each for place, each in enumerate(values) if each in values[:place]), None):
        raise ValueError(f'"{twice}" stands here twice')
    return values


def _check_date(value: str) -> str:
    parse_date_range(value)
    return value


_DATES = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}(\.\.\d{4}-\d{2}-\d{2})?$"}


class Schedule(Block):
    """Fire times at which a pipeline starts."""

    name: Name | None = Field(
        default=None,
        description="Name of the schedule. Required for all but one of a list; next, simulate and the CronWorkflow show it.",
        examples=["weekly"],
    )
    at: Annotated[
        list[Annotated[str, AfterValidator(_check_cron)]],
        Field(min_length=1, max_length=20),
        AfterValidator(_each_once),
        OneOrMore,
    ] = Field(
        description="Five cron fields: minute, hour, day of month, month, day of week. A list of them fires at each.",
        examples=["30 2 * * 1-5"],
    )
    timezone: Annotated[str, AfterValidator(check_timezone)] = Field(
        default="UTC", description="IANA time zone of the fields.", examples=["Asia/Shanghai"]
    )
    spread: Duration | None = Field(
        default=None,
        description="Delay this pipeline's fire times by a fixed part of this duration, so that schedules do not all start at once. "
        "The delay follows from the pipeline's name and never changes.",
        examples=["20m"],
    )
    except_: list[Annotated[str, AfterValidator(_check_date), WithJsonSchema(_DATES)]] = Field(
        default=[],
        alias="except",
        description="Dates, or ranges of dates (first..last), in the time zone, on which nothing fires.",
        examples=[["2026-12-31", "2027-02-05..2027-02-11"]],
        max_length=50,
    )
    missed: Missed | None = Field(
        default=None,
        description="Catch up on missed fire times. Default: they are lost.",
        examples=[{"within": "3h"}],
    )
    branch: Branch = Field(default="main", description="Branch to build.", examples=["main"])
    image: OwnImage = None
    publish: Publish = None
    parameters: OwnParameters = None


def _told_apart(schedules: list[Schedule]) -> list[Schedule]:
    names = [each.name for each in schedules]
    if names.count(None) > 1:
        raise ValueError("all but one of several schedules need a name, such as {name: weekly, at: …}")
    if twice := next((each for place, each in enumerate(names) if each in names[:place]), None):
        raise ValueError(f'two schedules are named "{twice}"')
    return schedules


def _schedules(value: Any) -> Any:
    """The answer to a mapping of schedules."""
    if isinstance(value, dict) and "at" not in value:
        named = next((key for key, each in value.items() if isinstance(each, dict) and "at" in each), None)
        if named is not None:
            raise ValueError(f"{named}: expected a list of schedules, such as [{{name: {named}, at: …}}]")
    return value


class ImagePush(Block):
    """A new image in a registry, such as a base image."""

    source: SourceName = Field(
        description="Registry that sends the event: a name under sources.", examples=["acr"]
    )
    image: Annotated[str, AfterValidator(check_image_name)] = Field(
        description="Image as the registry reports it: namespace/name, without registry and tag.",
        examples=["acme/go-base"],
    )
    tags: Chosen | None = Field(
        default=None,
        description="Tags, as globs. Default: every tag of an image. A signature, an attestation, an SBOM, a chart or a build cache starts a "
        "run only if you name its tag here: in full, or by the mark in it, such as sha256-* or *.sig.",
        examples=[["1.26*"]],
    )
    branch: Branch = Field(default="main", description="Branch to build.", examples=["main"])
    publish: Publish = None
    parameters: OwnParameters = None


Built = Push | Tag_ | PullRequest | MergeGroup | Schedule | ImagePush
"""A block of `events:`, or one of its schedules: besides choosing events, it may change what their runs build and push."""


def own_image(built: Built) -> str | None:
    """The image that the runs of a block push in place of the pipeline's. The image of an image_push is the one that starts it."""
    return None if isinstance(built, ImagePush) else built.image


class Events(Block):
    """The events that start a pipeline; at least one."""

    push: Push | None = Field(
        default=None, description="Pushes to branches.", examples=[{"branches": ["main"]}]
    )
    tag: Tag_ | None = Field(
        default=None, description="Pushed tags.", examples=[{"tags": ["v*"], "branch": "main"}]
    )
    pull_request: PullRequest | None = Field(
        default=None, description="Pull or merge requests.", examples=[{"into": ["main"]}]
    )
    merge_group: MergeGroup | None = Field(
        default=None, description="Groups of GitHub's merge queue.", examples=[{"into": ["main"]}]
    )
    schedule: (
        Annotated[
            list[Schedule],
            Field(min_length=1, max_length=20),
            AfterValidator(_told_apart),
            OneOrMore,
            BeforeValidator(_schedules),
        ]
        | None
    ) = Field(
        default=None,
        description="Fire times of a calendar: one schedule, or a list of them.",
        examples=[{"at": "30 2 * * 1-5", "timezone": "Asia/Shanghai"}],
    )
    image_push: ImagePush | None = Field(
        default=None,
        description="New images in a registry.",
        examples=[{"source": "acr", "image": "acme/go-base"}],
    )

    @model_validator(mode="after")
    def _something_starts_it(self) -> "Events":
        if not self.kinds():
            raise ValueError(
                "nothing starts this pipeline; name at least one of push, tag, pull_request, merge_group, schedule, image_push"
            )
        return self

    @property
    def sandboxed(self) -> bool:
        """Whether the pipeline runs only foreign code."""
        return self.pull_request is not None and self.pull_request.forks == "sandboxed"

    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that are declared."""
        every: tuple[Kind, ...] = ("push", "tag", "pull_request", "merge_group", "schedule", "image_push")
        return tuple(kind for kind in every if getattr(self, kind) is not None)
