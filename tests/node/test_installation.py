"""What README tells users to run, asked of a cluster in which it has run."""

from node.world import World


def test_every_command_of_the_installation_can_be_run_again(world: World) -> None:
    # By then the controllers have written into the objects, and own what they changed.
    hookline = world.hookline
    hookline.shell("kubectl apply --server-side -f prerequisites.yaml")
    hookline.apply_template("hookline-ci-go")
    applied = hookline.shell("hookline render | kubectl apply --server-side -f -")
    for kind in ("eventbus", "eventsource", "sensor"):
        assert f"{kind}.argoproj.io/" in applied
    hookline.until_receiving()
