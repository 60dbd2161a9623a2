"""The bus as somebody reads it who has a kubeconfig and no way to a pod: hookline forwards the port through the API server and the kubelet."""

import json

from cluster.waiting import until
from node.installation import Project
from node.world import World


def test_events_are_read_through_the_api_server(world: World) -> None:
    hookline = world.hookline
    # A repository that no pipeline lists, with the webhook of the others.
    made = Project(hookline, "elsewhere")
    (webhook, *_) = hookline.webhooks()["items"]
    secret = (hookline.folder / webhook["secret"]["file"]).read_text().strip()
    config = {"url": hookline.url(webhook), "content_type": "json", "secret": secret}
    hook = {"type": "gitea", "active": True, "config": config, "events": ["push"]}
    hookline.forge.gitea.api("administrator", "POST", f"repos/{made.full_name}/hooks", hook)
    commit = made.push({"README.md": "elsewhere\n"})

    def arrived() -> list[dict[str, object]]:
        found = json.loads(hookline.shell(f"hookline events --repository {made.full_name} -o json"))
        items: list[dict[str, object]] = found["items"]
        return items

    (one,) = until(arrived, "the push is on the bus")
    assert (one["source"], one["pipelines"]) == ("gitea", [])
    explained = json.loads(hookline.shell(f"hookline explain shop -e {commit} -o json"))
    assert (explained["verdict"], explained["reason"], explained["event"]["sha"]) == (
        "skip",
        "REPOSITORY",
        commit,
    )
    missing = json.loads(hookline.shell("hookline reconcile --since 5m --dry-run -o json"))
    assert missing["events"] >= 1
    assert not [each for each in missing["items"] if each["action"] == "would create"]
