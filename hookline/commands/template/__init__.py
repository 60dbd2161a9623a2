"""Print workflow templates, check one, print what they need."""

from typing import Any

import click

from hookline.command_line.common import fail, objects_option, parse_namespace
from hookline.command_line.strict import StrictCommand, StrictGroup
from hookline.commands.template.check import command as check_command
from hookline.commands.template.prerequisites import command as prerequisites_command
from hookline.labels import DEFAULT_INSTANCE, labelled
from hookline.output import json_text, table, yaml_documents
from hookline.version import VERSION
from triggers.image_references import is_mirror, is_pinned, mirrored
from triggers.publishing import DESCRIPTIONS, published
from triggers.shipped import IMAGES, shipped, shipped_names

PINNED_EXAMPLE = "registry.example.com/golang:1.27.0@sha256: and 64 hex digits"

COMMANDS = {"check": check_command, "prerequisites": prerequisites_command}


class TemplateGroup(StrictGroup):
    """A group in which the name of a shipped template is a command, too."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Templates first: they are what the group is for."""
        return [*shipped_names(), *COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """A template's command is made when it is asked for."""
        return render_command(cmd_name) if cmd_name in shipped_names() else COMMANDS.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Answer a wrong word with the right one."""
        known = self.list_commands(ctx)
        if args[0] not in known and not ctx.resilient_parsing:
            import difflib  # noqa: PLC0415 - only for a typing error

            near = difflib.get_close_matches(args[0], known, 1)
            ctx.fail(
                f"No such template '{args[0]}'."
                + (f" Did you mean {near[0]}?" if near else f" Expected one of: {', '.join(known)}.")
            )
        return super().resolve_command(ctx, args)


@click.group(cls=TemplateGroup, invoke_without_command=True, subcommand_metavar="[NAME|COMMAND] [ARGS]...")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Print a workflow template to apply, check what a cluster holds, print what must be there before.

    Without arguments: the templates, one a line. `hookline template NAME` prints a template.

    \b
    Examples:
      hookline template
      hookline template hookline-ci-go | kubectl apply --server-side -f -
      hookline template check --live ci-go-v1
      hookline template prerequisites -n ci --storage class --storage-class nfs-csi
    """
    if ctx.invoked_subcommand is None:
        click.echo(
            table(("NAME", "WHAT"), ((name, DESCRIPTIONS[name]) for name in shipped_names())), nl=False
        )


def render_command(name: str) -> click.Command:
    """The command that prints a template."""

    def render(
        images: tuple[str, ...],
        mirror: str | None,
        *,
        artifacts: bool = False,
        referencing: str | None,
        namespaced: bool,
        namespace: str,
        output: str,
    ) -> None:
        if namespace and not namespaced:
            fail("-n needs --namespaced, because a ClusterWorkflowTemplate belongs to no namespace")
        made = published(
            name,
            VERSION,
            chosen_images(images, mirror),
            artifacts=artifacts,
            restricted=referencing is not None,
            namespaced=namespaced,
            namespace=namespace,
        )
        manifest = labelled(made, "workflow-template", DEFAULT_INSTANCE)
        click.echo(json_text(manifest) if output == "json" else yaml_documents([manifest]), nl=False)

    help_text = f"""{DESCRIPTIONS[name]}

    The command prints the template, ready to apply. The same input gives the same bytes. Images are pinned by digest.

    \b
    Examples:
      hookline template {name} | kubectl apply --server-side -f -
      hookline template {name} --mirror registry-vpc.cn-hangzhou.aliyuncs.com/mirror
      hookline template {name} --namespaced -n ci
    """
    options: list[click.Parameter] = [
        click.Option(
            ["--image", "images"],
            multiple=True,
            metavar="NAME=REF",
            help=f"Use the image REF. NAME is one of {', '.join(IMAGES)}; REF ends in @sha256: and 64 hex digits. Repeatable.",
        ),
        click.Option(
            ["--mirror"],
            metavar="PREFIX",
            help="Take images from this prefix in place of docker.io/, with the same digests. Images of --image stay.",
        ),
        click.Option(
            ["--referencing"],
            type=click.Choice(["strict", "secure"]),
            help="Print the form for a workflow-controller with this templateReferencing: the template names the account of its pods and "
            "the mutex of a shared checkout, because there a Workflow may not name them.",
        ),
        click.Option(
            ["--namespaced"],
            is_flag=True,
            help="Print a WorkflowTemplate of one namespace instead of a ClusterWorkflowTemplate.",
        ),
        click.Option(
            ["-n", "--namespace"],
            default="",
            callback=parse_namespace,
            help="Namespace of the WorkflowTemplate.  [default: the one in which you apply it]",
        ),
    ]
    if shipped(name, artifacts=True) != shipped(name):
        artifacts = click.Option(
            ["--artifacts"],
            is_flag=True,
            help="Keep test results, JUnit and coverage in the cluster's artifact repository. Without such a repository, these steps fail.",
        )
        options.insert(2, artifacts)
    return objects_option(
        StrictCommand(
            name,
            callback=render,
            params=options,
            help=help_text,
            short_help=DESCRIPTIONS[name],
        )
    )


def chosen_images(given: tuple[str, ...], mirror: str | None) -> dict[str, str]:
    """The images after --image and --mirror; a wrong option ends the command."""
    images: dict[str, Any] = dict(IMAGES)
    if mirror is not None:
        if not is_mirror(mirror):
            fail(
                f"--mirror {mirror}: expected a registry, perhaps with a path, as in registry-vpc.cn-hangzhou.aliyuncs.com/mirror"
            )
        images = mirrored(images, mirror)
    named = set()
    for each in given:
        name, equals, reference = each.partition("=")
        if not equals or name not in IMAGES:
            fail(f"--image {each}: expected NAME=REF, NAME one of {', '.join(IMAGES)}")
        if name in named:
            fail(f"--image {name} is given twice")
        if not is_pinned(reference):
            fail(
                f"--image {each}: a tag can change what runs; expected a digest, as in {name}={PINNED_EXAMPLE}"
            )
        named.add(name)
        images[name] = reference
    if mirror is not None and named == IMAGES.keys():
        fail("--mirror has no effect, because --image names every image; leave it out")
    return images
