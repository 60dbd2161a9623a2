"""Delete what apply has made in a cluster."""

import click

from hookline.applying.changes import Change
from hookline.command_line.agreeing import agree
from hookline.command_line.applying_options import (
    TargetCluster,
    change_data,
    failures,
    sentence,
    target_options,
    told,
)
from hookline.command_line.common import (
    DeclarationArguments,
    declaration_arguments,
    fail,
    output_option,
    print_data,
    print_line,
)
from hookline.command_line.strict import StrictCommand


@click.command(cls=StrictCommand)
@declaration_arguments
@target_options
@click.option("-y", "--yes", is_flag=True, help="Delete without asking. Required where nobody can answer.")
@output_option
def command(declared: DeclarationArguments, target: TargetCluster, *, yes: bool, output: str) -> None:
    """Delete what apply has made in a cluster: the objects of the inventory, and then the inventory.

    FILE is a file or folder of the declaration, as with -f. It says which inventory; what it declares does not count.

    PersistentVolumeClaims, Secrets, namespaces, and what Argo CD or Flux track stay. Workflows stay too, until their ttl ends. Events that
    wait on the bus are lost with the bus.

    \b
    Exit codes:
      0   everything that apply had made is gone
      1   you said no; nothing was deleted
      2   wrong usage, or a wrong declaration
      3   the cluster cannot be reached, or you may not do this

    \b
    Examples:
      hookline delete
      hookline delete --yes --context test
    """
    plan = declared.plan()
    done: list[Change] = []

    def tell(change: Change) -> None:
        done.append(change)
        if output == "table":
            told(change)

    with failures():
        applier = target.applier(plan)
        examined = applier.examine((), force_conflicts=False, prune=True)
        if not examined.recorded:
            fail(
                f"the cluster has no inventory of this declaration (ConfigMap {plan.prefix}-inventory in {plan.namespace}); delete what kubectl "
                "applied with: hookline render | kubectl delete -f -"
            )
        if not yes:
            for each in examined.changes:
                print_line(
                    f"{each.name.placed}: {each.action}" + (f", {each.reason}" if each.reason else ""),
                    err=True,
                )
            agree(f"Delete these from {plan.namespace}?", "nothing was deleted")
        applier.delete(examined, tell)
    if output != "table":
        items = [change_data(each) for each in done]
        print_data({"apiVersion": "hookline.dev/v1", "kind": "Deleted", "items": items}, output)
    print_line(sentence(tuple(done)), err=output != "table")
