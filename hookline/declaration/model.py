"""The declaration: hookline.yaml as one model, made of the models of the other rooms."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from documents.arguments import LiteralText
from documents.blocks import Block, Name, Once
from documents.scalars import check_label_value, check_moment, check_namespace, matching, parse_moment
from events.declaration import Events
from events.eventsource import JETSTREAM_VERSION
from events.ingress import Ingress
from events.scalars import check_image, check_repository_name, check_url
from events.sources import Source, SourceName
from hookline.declaration.controller import Controller
from hookline.declaration.exporter import Exporter
from hookline.declaration.fan_out import FanOutBlock
from hookline.declaration.own_pods import ImageReference, ObjectReference
from hookline.declaration.supersede import Supersede
from triggers.declaration import Run
from triggers.release import OLDEST_UPSTREAM, Release

__all__ = ["Cluster", "Defaults", "File", "Pipeline", "Sandbox", "Suspension", "TestCase"]

LabelValue = Annotated[str, AfterValidator(check_label_value)]
Namespace = Annotated[str, AfterValidator(check_namespace)]


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
        default=JETSTREAM_VERSION,
        description="JetStream version. The Argo Events controller must know it. `latest` is refused, because an upgrade of the "
        "controller would then change the running bus.",
        examples=["2.10.29"],
    )
    replicas: Literal[1, 3, 5] = Field(default=3, description="Number of servers of the bus.", examples=[3])


class Sandbox(Block):
    """The place where foreign code runs."""

    namespace: Name = Field(
        description="Namespace of the Workflows of pipelines with forks: sandboxed. It differs from cluster.namespace, so the same names of "
        "volumes and Secrets mean other objects.",
        examples=["ci-forks"],
    )


class Cluster(Block):
    """The cluster to which the objects are applied, and what it allows."""

    namespace: Name = Field(
        default="ci",
        description="Namespace of event sources, bus and Sensors, and of the Workflows of pipelines that name no namespace.",
        examples=["ci"],
    )
    sandbox: Sandbox | None = Field(
        default=None,
        description="Place where requests from forks run. Required for forks: sandboxed.",
        examples=[{"namespace": "ci-forks"}],
    )
    platform: Literal["argo", "ack-one"] = Field(
        default="argo",
        description="argo: open-source Argo Events and Argo Workflows. ack-one: the managed product of Alibaba Cloud, with its limits.",
        examples=["argo"],
    )
    argo_workflows: Release = Field(
        default=OLDEST_UPSTREAM,
        description="Release of Argo Workflows in the cluster: 3.5, 3.6, 3.7, 4.0 or 4.1. It decides how CronWorkflows and locks are "
        "written: 3.5 reads schedule and mutex, 4.0 and 4.1 read only schedules and mutexes. All later releases read what is written for "
        "3.6.",
        examples=["4.0"],
    )
    allow: list[Literal["webhook", "calendar"]] = Field(
        default=[],
        description="ack-one only: event sources that the product does not document, and that a ticket has enabled for your cluster.",
        examples=[["webhook"]],
    )
    image: ImageReference | None = Field(
        default=None,
        description="Image of hookline's own pods, which make image builds. Name it by its digest: a tag can be moved. Required for "
        "exporter:. With it, one Sensor decides all pipelines of a repository or image with more than three, and a fan-out starts their runs.",
        examples=["registry.example.com/hookline:0.2.0"],
    )
    image_pull_secrets: list[ObjectReference] = Field(
        default=[],
        description="Secrets with which nodes pull cluster.image, in the namespaces of hookline's own pods.",
        examples=[["registry"]],
    )
    fan_out: FanOutBlock | None = Field(
        default=None,
        description="How the runs of one event start, where there are many (hookline docs fan-out). Needs cluster.image. Default: 20 at once, "
        "the next ones after 30s.",
        examples=[{"at_once": 20, "every": "30s"}],
    )
    name: Annotated[
        str,
        AfterValidator(
            matching(
                r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?",
                "expected a short name: a lower-case letter, then letters, digits and -, at most 22 characters",
            )
        ),
    ] = Field(default="hookline", description="Prefix of the names of all objects.", examples=["hookline"])
    shards: Annotated[int, Field(ge=1, le=100)] = Field(
        default=1,
        description="Number of Sensors among which the repositories are divided. validate says when you need more.",
        examples=[1],
    )
    schedules: Literal["calendar", "cron_workflow"] | None = Field(
        default=None,
        description="Object that fires schedules. cron_workflow: a CronWorkflow for each time, without an event pod. calendar: an event source, whose "
        "events are on the bus. Default: a CronWorkflow, but the event source for schedules that need it: those with except:, those of a "
        "pipeline that is suspended until a time, and times of a pipeline that may come in one minute and are one run; on ack-one cron_workflow.",
        examples=["calendar"],
    )
    template_referencing: Literal["strict", "secure"] | None = Field(
        default=None,
        description="Value of workflowRestrictions.templateReferencing in the workflow-controller's configuration. hookline then refuses settings "
        "of a run that Argo takes only from the template, and says where to write them. hookline expects its own templates as "
        "`hookline template hookline-ci-go --referencing strict` prints them. Leave the key out if the controller has no such restriction.",
        examples=["strict"],
    )
    event_bus: EventBus = Field(
        default=EventBus(), description="The bus of Argo Events.", examples=[{"name": "default"}]
    )
    ingress: Ingress | None = Field(
        default=None,
        description="Render an Ingress or an HTTPRoute for the event sources. Default: none; route your own to their Services.",
        examples=[{"host": "ci.example.com", "class": "nginx", "tls": "ci-example-com-tls"}],
    )


class Repository(Block):
    """The repository that a pipeline builds."""

    source: SourceName | None = Field(
        default=None,
        description="Source of its events: a name under sources. Required for push, tag and pull_request.",
        examples=["github"],
    )
    name: Annotated[str, AfterValidator(check_repository_name)] = Field(
        description="Name of the repository, owner/name as the host spells it.", examples=["acme/shop"]
    )
    url: Annotated[str, AfterValidator(check_url)] = Field(
        description="Clone URL, or a pattern of it. hookline takes it from here or from the url of the source, never from an event.",
        examples=["https://github.com/acme/shop.git"],
    )


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


class Suspension(Block):
    """A pipeline that no event starts, for a while."""

    because: LiteralText = Field(
        description="Why; simulate and explain say it.", examples=["the registry is moved"]
    )
    until: Annotated[str, AfterValidator(check_moment)] | None = Field(
        default=None,
        description="Day (from its begin in UTC), or time with a zone, from which on events start the pipeline again by themselves; the clock is "
        "that of the Sensor. An event source then fires the schedules of the pipeline; "
        "refused with schedules: cron_workflow and on ack-one, because a CronWorkflow knows no such end. Default: until somebody removes the "
        "key.",
        examples=["2026-12-01"],
    )

    @property
    def ends(self) -> int | None:
        """The Unix second at which it ends; None = somebody ends it."""
        return None if self.until is None else int(parse_moment(self.until).timestamp())


class Defaults(Block):
    """The settings that pipelines inherit. A pipeline's own key overrides them, key by key; `false` removes a default."""

    owner: LabelValue | None = Field(
        default=None,
        description="Owner of the pipeline; every Workflow has it as a label.",
        examples=["team-shop"],
    )
    namespace: Namespace | None = Field(
        default=None,
        description="Namespace of the Workflows, with their accounts and rights. It does not reach pipelines with forks: sandboxed. Default: "
        "cluster.namespace.",
        examples=["team-shop"],
    )
    repository: Repository | None = Field(
        default=None,
        description="Repository to build. A text is its name.",
        examples=[{"source": "github", "name": "acme/shop", "url": "https://github.com/acme/shop.git"}],
    )
    image: Annotated[str, AfterValidator(check_image)] | None = Field(
        default=None,
        description="Image to push: registry/namespace/name, without tag, or a pattern of it. Required if the template builds images. Refused if "
        "forks are sandboxed, because such runs push nothing; they do not inherit it.",
        examples=["registry-vpc.cn-hangzhou.aliyuncs.com/acme/shop"],
    )
    events: Annotated[Events, Once] | None = Field(
        default=None,
        description="Events that start the pipeline. A schedule without at, or an image_push without image, in defaults starts nothing by itself: it "
        "completes those of the pipelines.",
        examples=[{"push": {"branches": ["main"]}}],
    )
    run: Annotated[Run, Once] | None = Field(
        default=None, description="Settings of the run.", examples=[{"deadline": "1h"}]
    )


class Pipeline(Defaults):
    """One pipeline: a repository, the events that start a build, and the settings of the run. Keys of `defaults:` may be left out."""

    repository: Repository = Field(
        description="Repository to build. A text is its name.",
        examples=[{"source": "github", "name": "acme/shop", "url": "https://github.com/acme/shop.git"}],
    )
    events: Annotated[Events, Once] = Field(
        description="Events that start the pipeline.", examples=[{"push": {"branches": ["main"]}}]
    )
    suspended: Suspension | None = Field(
        default=None,
        description="No event starts the pipeline. `hookline suspend` writes this key and `hookline resume` removes it; a run by hand starts all the "
        "same.",
        examples=[{"because": "the registry is moved"}],
    )
    report_skipped: bool | None = Field(
        default=None,
        description="Whether the controller tells a request's commit that the pipeline starts nothing for it. Default: controller.report_skipped.",
        examples=[False],
    )
    supersede: Supersede | None = Field(
        default=None,
        description="Whether a newer commit stops a run of the pipeline: true for requests, false for none, or the kinds of events, pull_request and "
        "push (of a branch). Default: controller.supersede.",
        examples=[False],
    )
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
    """A test: an event, and the verdicts that it must give. `hookline test` runs it."""

    __test__ = False  # not for pytest

    name: Annotated[str, BeforeValidator(_one_line)] = Field(
        description="Name of the test.", examples=["docs only"]
    )
    event: str = Field(
        description="File with the event, relative to this file, or schedule:PIPELINE, or schedule:PIPELINE/NAME for one of its schedules.",
        examples=["tests/push-docs.json"],
    )
    source: SourceName | None = Field(
        default=None,
        description="Source that receives the event, if the file is a bare body.",
        examples=["github"],
    )
    headers: dict[str, str] = Field(
        default={},
        description="Request headers, if the file is a bare body.",
        examples=[{"X-GitHub-Event": "push"}],
    )
    files: list[str] | None = Field(
        default=None,
        description="Complete list of changed files, in place of the list in the payload.",
        examples=[["docs/a.md"]],
    )
    expect: dict[Name, Annotated[str, AfterValidator(_check_expectation)]] = Field(
        description="Expected verdict of each pipeline: run, skip or unknown, with or without a reason.",
        examples=[{"shop": "skip(PATHS)"}],
    )


class File(Block):
    """One file of a declaration. hookline reads several files, or a folder, as one declaration."""

    version: Literal[1] = Field(description="Version of this format.", examples=[1])
    owner: LabelValue | None = Field(
        default=None,
        description="Owner of the pipelines in this file that name no owner.",
        examples=["team-shop"],
    )
    namespace: Namespace | None = Field(
        default=None,
        description="Namespace of the Workflows of the pipelines in this file that name no namespace.",
        examples=["team-shop"],
    )
    cluster: Cluster | None = Field(
        default=None,
        description="Cluster to which the objects are applied. In one file only.",
        examples=[{"namespace": "ci"}],
    )
    exporter: Exporter | None = Field(
        default=None,
        description="The exporter in the cluster: measures runs for Prometheus. In one file only. Default: render prints none.",
        examples=[{}],
    )
    controller: Controller | None = Field(
        default=None,
        description="The controller in the cluster: tells git hosts how runs go. In one file only. Default: render prints none.",
        examples=[{}],
    )
    sources: dict[SourceName, Source] = Field(
        default={},
        description="Sources of events, by name.",
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
        description="Settings that the pipelines of this file inherit. Beside cluster:, or in a file without pipelines, the pipelines of every file "
        "inherit them, and the defaults of a file override them.",
        examples=[{"run": {"template": "ci-go-v1"}}],
    )
    templates: dict[Name, TemplateFile] = Field(
        default={},
        description="Workflow templates of your own, by name, for run.template; they may stand in place of a known one.",
        examples=[{"team-ci": {"file": "ci/team-ci.yaml"}}],
    )
    limits: dict[Name, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default={},
        description="Most runs at once, by name, for run.limit. Runs of every pipeline and namespace count together.",
        examples=[{"nightly": 10}],
    )
    pipelines: dict[Name, Pipeline] = Field(
        default={},
        description="Pipelines, by name.",
        examples=[
            {
                "shop": {
                    "repository": {
                        "source": "github",
                        "name": "acme/shop",
                        "url": "https://github.com/acme/shop.git",
                    },
                    "image": "registry.example.com/acme/shop",
                    "events": {"push": {"branches": ["main"]}},
                }
            }
        ],
    )
    tests: list[TestCase] = Field(
        default=[], description="Events with the verdicts that they must give.", examples=[[]]
    )

    @model_validator(mode="after")
    def _not_empty(self) -> "File":
        if not (
            self.pipelines
            or self.sources
            or self.defaults
            or self.cluster
            or self.tests
            or self.templates
            or self.limits
            or self.exporter
            or self.controller
        ):
            raise ValueError(
                "the file declares nothing; expected pipelines:, sources:, defaults:, templates:, limits:, cluster:, exporter:, controller: or tests:"
            )
        return self
