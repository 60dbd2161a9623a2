"""The declaration: hookline.yaml as one model, put together from the words of the other rooms."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from documents.blocks import Block, Name
from documents.scalars import check_label_value, matching
from events.declaration import Events, Source, SourceName
from events.scalars import check_repository_name, check_url
from triggers.declaration import Run
from triggers.release import OLDEST_UPSTREAM, Release

__all__ = ["Cluster", "Defaults", "File", "Pipeline", "Sandbox", "TestCase"]

LabelValue = Annotated[str, AfterValidator(check_label_value)]


class EventBus(Block):
    """The bus between event sources and Sensors."""

    name: Name = Field(default="default", description="Name of the EventBus object.", examples=["default"])
    create: bool = Field(default=True, description="Whether render prints the EventBus too.", examples=[True])
    version: Annotated[
        str,
        AfterValidator(
            matching(
                r"[0-9]+\.[0-9]+\.[0-9]+(-alpine)?",
                "expected a version of NATS that the controller names, such as 2.10.29; latest would change the bus when the controller is upgraded",
            )
        ),
    ] = Field(
        default="2.10.29",
        description="JetStream version, one that the Argo Events controller knows; `latest` is refused, because an upgrade "
        "of the controller would then change the bus under way.",
        examples=["2.10.29"],
    )
    replicas: Literal[1, 3, 5] = Field(default=3, description="Servers of the bus.", examples=[3])


class Sandbox(Block):
    """Where foreign code runs."""

    namespace: Name = Field(
        description="Namespace of the Workflows of pipelines with forks: sandboxed; another one than cluster.namespace. Names of "
        "volumes and Secrets mean other objects there.",
        examples=["ci-forks"],
    )


class Cluster(Block):
    """Where the objects go, and what is allowed there."""

    namespace: Name = Field(
        default="ci", description="Namespace of all objects and Workflows.", examples=["ci"]
    )
    sandbox: Sandbox | None = Field(
        default=None,
        description="Where requests from forks run; needed for forks: sandboxed.",
        examples=[{"namespace": "ci-forks"}],
    )
    platform: Literal["argo", "ack-one"] = Field(
        default="argo",
        description="argo: upstream Argo Events and Workflows. ack-one: the managed product of Alibaba Cloud and its limits.",
        examples=["argo"],
    )
    argo_workflows: Release = Field(
        default=OLDEST_UPSTREAM,
        description="Release of Argo Workflows in the cluster: 3.5, 3.6, 3.7, 4.0 or 4.1. It decides how CronWorkflows and locks are "
        "written: 3.5 reads schedule and mutex, 4.0 and 4.1 read schedules and mutexes alone. What is written for 3.6 is read by all "
        "later ones too.",
        examples=["4.0"],
    )
    allow: list[Literal["webhook", "calendar"]] = Field(
        default=[],
        description="ack-one only: event sources beyond the documented ones that were enabled for your cluster by ticket.",
        examples=[["webhook"]],
    )
    name: Annotated[
        str,
        AfterValidator(
            matching(
                r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?",
                "expected a short name: a lower-case letter, then letters, digits and -, at most 22 characters",
            )
        ),
    ] = Field(
        default="hookline", description="First part of the names of all objects.", examples=["hookline"]
    )
    shards: Annotated[int, Field(ge=1, le=100)] = Field(
        default=1,
        description="Sensors that share the repositories. validate says when there must be more.",
        examples=[1],
    )
    schedules: Literal["calendar", "cron_workflow"] | None = Field(
        default=None,
        description="What fires schedules: a calendar event source, or one CronWorkflow per schedule (no event pod; no except:). "
        "Default: calendar; on ack-one cron_workflow.",
        examples=["calendar"],
    )
    template_referencing: Literal["strict", "secure"] | None = Field(
        default=None,
        description="What the workflow-controller's configuration says as workflowRestrictions.templateReferencing. Settings of a run that "
        "Argo then takes from the template alone are refused here, with the way out; hookline's own templates are taken to be those of "
        "`hookline template hookline-ci-go --referencing strict`. Leave it out where the controller has no such restriction.",
        examples=["strict"],
    )
    event_bus: EventBus = Field(default=EventBus(), description="The bus.", examples=[{"name": "default"}])


class Repository(Block):
    """The repository that a pipeline builds."""

    source: SourceName | None = Field(
        default=None,
        description="Where its events come from: a name under sources. Needed for push, tag and pull_request.",
        examples=["github"],
    )
    name: Annotated[str, AfterValidator(check_repository_name)] = Field(
        description="owner/name as the host spells it.", examples=["acme/shop"]
    )
    url: Annotated[str, AfterValidator(check_url)] = Field(
        description="Clone URL, or a pattern of it. It always comes from here or from the source's url, never from an event.",
        examples=["https://github.com/acme/shop.git"],
    )


_IMAGE = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
)


def _check_image(value: str) -> str:
    if "@" in value:
        raise ValueError("expected an image without digest: the run decides what it pushes")
    if ":" in value.rsplit("/", 1)[-1]:
        raise ValueError("expected an image without tag: the tag is a parameter of the template")
    if not _IMAGE.fullmatch(value) or len(value) > 255:
        raise ValueError("expected an image such as registry.example.com/acme/shop: lower case, without tag")
    return value


def _check_file_name(value: str) -> str:
    if not value or not value.isprintable():
        raise ValueError("expected the name of a file")
    return value


class TemplateFile(Block):
    """A workflow template of one's own."""

    file: Annotated[str, AfterValidator(_check_file_name)] = Field(
        description="Its manifest, relative to this file: a ClusterWorkflowTemplate or a WorkflowTemplate, as kubectl get -o yaml prints it.",
        examples=["ci/team-ci.yaml"],
    )


class NamesFile(Block):
    """A file with the name of one repository a line; what follows a # is a comment."""

    file: Annotated[str, AfterValidator(_check_file_name)] = Field(
        description="The file, relative to this one.", examples=["repositories.txt"]
    )


class Defaults(Block):
    """What pipelines start from: everything that a pipeline takes. A pipeline's own key wins, key by key; `false` takes a default back."""

    owner: LabelValue | None = Field(
        default=None, description="Who answers for it; a label on every Workflow.", examples=["team-shop"]
    )
    repository: Repository | None = Field(
        default=None,
        description="What is built; a text is its name.",
        examples=[{"source": "github", "name": "acme/shop", "url": "https://github.com/acme/shop.git"}],
    )
    image: Annotated[str, AfterValidator(_check_image)] | None = Field(
        default=None,
        description="Where the image is pushed: registry/namespace/name, without tag; may be a pattern. Needed where the template "
        "builds images, and refused where forks are sandboxed: they push nothing, and no default reaches them.",
        examples=["registry-vpc.cn-hangzhou.aliyuncs.com/acme/shop"],
    )
    events: Events | None = Field(
        default=None,
        description="What starts it. A schedule without at, or an image_push without image, in defaults starts nothing by itself: it "
        "completes those of the pipelines.",
        examples=[{"push": {"branches": ["main"]}}],
    )
    run: Run | None = Field(default=None, description="What runs.", examples=[{"deadline": "1h"}])


class Pipeline(Defaults):
    """One pipeline: a repository, what starts it, what runs. What `defaults:` says need not be said again."""

    repository: Repository = Field(
        description="What is built; a text is its name.",
        examples=[{"source": "github", "name": "acme/shop", "url": "https://github.com/acme/shop.git"}],
    )
    events: Events = Field(description="What starts it.", examples=[{"push": {"branches": ["main"]}}])
    for_each: list[str] | NamesFile | None = Field(
        default=None,
        description="Repositories, or a file of them: one pipeline each. The pipeline's key is then a pattern of their names; a key "
        "without a field gets -{repository_name} at its end.",
        examples=[["acme/shop", "acme/cart"]],
    )


_EXPECTATION = re.compile(r"run|skip|unknown|(?:run|skip|unknown)\([A-Z_]+\)")


def _check_expectation(value: str) -> str:
    from sensors.reasons import REASONS  # noqa: PLC0415 - only a file with tests needs the codes

    if not _EXPECTATION.fullmatch(value):
        raise ValueError("expected run, skip or unknown, with or without a reason, such as skip(PATHS)")
    reason = value.partition("(")[2].rstrip(")")
    if reason and reason not in REASONS:
        raise ValueError(f"{reason} is not a reason; accepted: {', '.join(REASONS)}")
    return value


def _one_line(value: Any) -> Any:
    if isinstance(value, str) and ("\n" in value or len(value) > 200):
        raise ValueError("expected one line of at most 200 characters")
    return value


class TestCase(Block):
    """An event and what it must do; `hookline test` runs it."""

    __test__ = False  # not for pytest

    name: Annotated[str, BeforeValidator(_one_line)] = Field(
        description="What is tested.", examples=["docs only"]
    )
    event: str = Field(
        description="File with the event, relative to this file, or schedule:PIPELINE.",
        examples=["tests/push-docs.json"],
    )
    source: SourceName | None = Field(
        default=None,
        description="The source that receives it, where the file is a bare body.",
        examples=["github"],
    )
    headers: dict[str, str] = Field(
        default={},
        description="Request headers, where the file is a bare body.",
        examples=[{"X-GitHub-Event": "push"}],
    )
    files: list[str] | None = Field(
        default=None,
        description="The changed files, complete, in place of what the payload lists.",
        examples=[["docs/a.md"]],
    )
    expect: dict[Name, Annotated[str, AfterValidator(_check_expectation)]] = Field(
        description="Pipeline → run, skip or unknown, with or without a reason.",
        examples=[{"shop": "skip(PATHS)"}],
    )


class File(Block):
    """One file of a declaration. Several files, or a folder, are read as one."""

    version: Literal[1] = Field(description="Version of this format.", examples=[1])
    owner: LabelValue | None = Field(
        default=None,
        description="Owner of every pipeline of this file that names none.",
        examples=["team-shop"],
    )
    cluster: Cluster | None = Field(
        default=None, description="Where the objects go; in one file only.", examples=[{"namespace": "ci"}]
    )
    sources: dict[SourceName, Source] = Field(
        default={},
        description="Where events come from.",
        examples=[
            {
                "github": {
                    "host": "github",
                    "endpoint": "/github",
                    "secret": {"name": "github-webhook", "key": "secret"},
                }
            }
        ],
    )
    defaults: Defaults | None = Field(
        default=None,
        description="What the pipelines of this file start from. Beside cluster:, or in a file without pipelines, those of every file: "
        "then a file's own defaults go over them.",
        examples=[{"run": {"template": "ci-go-v1"}}],
    )
    templates: dict[Name, TemplateFile] = Field(
        default={},
        description="Workflow templates of your own, by name, for run.template; they may stand in place of a known one.",
        examples=[{"team-ci": {"file": "ci/team-ci.yaml"}}],
    )
    pipelines: dict[Name, Pipeline] = Field(
        default={}, description="Name of a pipeline to what it is.", examples=[{"shop": {}}]
    )
    tests: list[TestCase] = Field(default=[], description="Events with what they must do.", examples=[[]])

    @model_validator(mode="after")
    def _not_empty(self) -> "File":
        if not (
            self.pipelines or self.sources or self.defaults or self.cluster or self.tests or self.templates
        ):
            raise ValueError(
                "the file declares nothing; expected pipelines:, sources:, defaults:, templates:, cluster: or tests:"
            )
        return self
