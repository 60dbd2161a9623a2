"""Forty repositories of four teams on the real engines: each team's runs in its namespace, and rights there alone."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cluster.deliveries import signed
from cluster.installation import API, TOKEN, Installation, Request, masked
from cluster.test_tokens import as_account, refused
from support import EXAMPLES, edited

HOOKLINE = Path(sys.executable).with_name("hookline")
FORTY = next(path for path in EXAMPLES if path.name == "forty")
COMMIT = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
GITLAB_COMMIT = "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"
TEAMS = ("team-data", "team-pay", "team-shop", "team-web")
PAY = (
    "acquiring",
    "cards",
    "fraud",
    "gateway",
    "invoices",
    "ledger",
    "payouts",
    "rates",
    "refunds",
    "wallet",
)


def event(name: str) -> Any:
    return json.loads((FORTY / "events" / name).read_text("utf-8"))


def github(repository: str) -> Request:
    body = edited(event("push.json")["request"]["payload"], repository__full_name=repository)
    return signed(
        "github", "/ghe", body, {"X-GitHub-Event": "push", "X-GitHub-Delivery": repository.replace("/", "-")}
    )


Expected = dict[str, tuple[str, str, str, str]]
"""Pipeline → namespace, URL, image and commit ("" = the head of the default branch) of its run."""

DELIVERIES: list[tuple[str, Request, Expected]] = [
    ("ghe", github("shop/checkout"), {"checkout": ("team-shop", "https://git.example.com/shop/checkout.git", "harbor.example.com/shop/checkout", COMMIT)}),
    ("ghe", github("web/api"), {"web-api": ("team-web", "https://git.example.com/web/api.git", "harbor.example.com/web/api", COMMIT)}),
    ("ghe", github("pay/ledger"), {"pay-ledger": ("team-pay", "https://git.example.com/pay/ledger.git", "registry-vpc.cn-hangzhou.aliyuncs.com/pay/ledger", COMMIT)}),
    (
        "gitlab",
        signed("gitlab", "/gitlab", event("gitlab.json"), {"X-Gitlab-Event": "Push Hook"}),
        {"data-lake": ("team-data", "https://gitlab.example.com/data/lake.git", "harbor.example.com/data/lake", GITLAB_COMMIT)},
    ),
    (
        "harbor",
        signed("harbor", "/harbor", event("base.json"), {}),
        {
            f"pay-{name}": ("team-pay", f"https://git.example.com/pay/{name}.git", f"registry-vpc.cn-hangzhou.aliyuncs.com/pay/{name}", "")
            for name in PAY
        },
    ),
    ("ghe", github("nobody/knows"), {}),
]  # fmt: skip


def printed(site: Installation, folder: Path, source: str, request: Request) -> list[Any]:
    """The Workflows that `hookline simulate` prints for a delivery."""
    (folder / "event.http").write_bytes(request.raw())
    (folder / "secret").write_text(TOKEN)
    files = folder / "declared"
    files.mkdir(exist_ok=True)
    for name, content in placed(site):
        (files / Path(name).name).write_bytes(content)
    (files / "data-repositories.txt").write_bytes((FORTY / "data-repositories.txt").read_bytes())
    command = ["simulate", "-f", str(files), "-e", str(folder / "event.http"), "--source", source]
    found = subprocess.run(
        [str(HOOKLINE), *command, "--secret-file", str(folder / "secret"), "-o", "json"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [each["workflow"] for each in json.loads(found)["results"] if each["workflow"]]


def placed(site: Installation) -> list[tuple[str, bytes]]:
    """The files of the example, with a bus of one server and the namespace of this installation."""
    found = []
    for path in sorted(FORTY.glob("*.yaml")):
        text = path.read_text("utf-8")
        changed = text.replace(
            "{namespace: ci, ", f"{{namespace: {site.namespace}, event_bus: {{replicas: 1}}, "
        )
        assert (changed != text) == (path.name == "platform.yaml")
        found.append((str(path), changed.encode()))
    return found


def arguments(workflow: Any) -> dict[str, str]:
    return {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}


def test_events_of_four_teams_run_in_their_namespaces_with_their_arguments(
    site: Installation, tmp_path: Path
) -> None:
    site.declare_files(placed(site))
    assert site.plan.namespaces == TEAMS
    site.apply()
    site.start()
    simulated: list[Any] = []
    for source, request, _ in DELIVERIES:
        simulated += printed(site, tmp_path, source, request)
        assert site.deliver(source, request) == (200, "success")
    expected = [(name, *each) for _, _, started in DELIVERIES for name, each in started.items()]
    created = site.until_workflows(len(expected))
    found = [
        (
            each["metadata"]["labels"]["hookline.dev/pipeline"],
            each["metadata"]["namespace"],
            arguments(each)["repo_url"],
            arguments(each)["container_image"],
            arguments(each).get("revision", ""),
        )
        for each in created
    ]
    assert sorted(found) == sorted(expected)
    for each in created:
        assert each["metadata"]["labels"]["hookline.dev/owner"] == each["metadata"]["namespace"]
        assert arguments(each)["target_branch"] == "main"
    # What is printed beforehand is what then stands in the API server, namespace and all.
    by_name = {each["metadata"]["name"]: masked(each) for each in created}
    assert by_name == {each["metadata"]["name"]: masked(each) for each in simulated}

    # A second delivery of each event changes nothing, in whichever namespace its run is.
    for source, request, _ in DELIVERIES:
        assert site.deliver(source, request) == (200, "success")
    site.bus.until_settled(site.consumers)
    assert {each["metadata"]["name"]: masked(each) for each in site.workflows()} == by_name

    _rights_are_in_the_teams_namespaces_alone(site, created[0])


def _rights_are_in_the_teams_namespaces_alone(site: Installation, workflow: Any) -> None:
    """Asked of the real API server, with the accounts' own tokens."""
    sensors = as_account(site, site.api.token(site.namespace, "hookline-sensor"))
    run = copy.deepcopy(masked(workflow))
    run["metadata"]["name"] = "asked-by-the-test"

    def may_create(namespace: str) -> bool:
        run["metadata"]["namespace"] = namespace
        return not refused(lambda: sensors.create(run, dry_run=True))

    assert {name: may_create(name) for name in (*TEAMS, site.namespace, "default")} == {
        **dict.fromkeys(TEAMS, True),
        site.namespace: False,
        "default": False,
    }
    for team in TEAMS:
        assert refused(lambda team=team: sensors.delete(API, "Workflow", "x", team))  # type: ignore[misc]  # a default holds the value
        assert refused(lambda team=team: sensors.list("v1", "Secret", team))  # type: ignore[misc]
    executor = as_account(site, site.api.token("team-pay", "hookline-executor"))
    code = as_account(site, site.api.token("team-pay", "hookline-run"))

    def result(namespace: str) -> Any:
        return {
            "apiVersion": API,
            "kind": "WorkflowTaskResult",
            "metadata": {"name": "x", "namespace": namespace},
        }

    assert not refused(lambda: executor.create(result("team-pay"), dry_run=True))
    for team in sorted({*TEAMS} - {"team-pay"}):
        assert refused(lambda team=team: executor.create(result(team), dry_run=True))  # type: ignore[misc]
    for team in TEAMS:
        assert refused(lambda team=team: code.create(result(team), dry_run=True))  # type: ignore[misc]
        assert refused(lambda team=team: code.list("v1", "Pod", team))  # type: ignore[misc]
