"""What README tells users to run, asked of a cluster in which it has run."""

from node.world import World


def test_every_command_of_the_installation_can_be_run_again(world: World) -> None:
    # By then the controllers have written into the objects, and own what they changed.
    hookline = world.hookline
    hookline.shell("kubectl apply --server-side -f prerequisites.yaml")
    hookline.apply_template("hookline-ci-go")
    # What kubectl applied first is hookline's since `hookline apply`: other tests have added pipelines by it.
    assert "hookline.yaml" in hookline.shell("hookline apply && ls")
    hookline.shell("hookline diff")  # its exit code is 0: nothing would change
    hookline.until_receiving()
