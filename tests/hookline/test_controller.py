"""The command `hookline controller`: its settings, what it would tell, and what it refuses."""

import base64
import datetime
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_objects import history, workflow
from click.testing import CliRunner, Result
from fake_api_server import FakeApiServer, fake_api_server, status
from fake_nats import PASSWORD, FakeNats
from prometheus_client.parser import text_string_to_metric_families
from status_hosts import TOKEN, status_host
from support import ROOT, edited, payload
from urllib3 import request

from hookline import bus_access
from hookline.cli import main
from hookline.controlling import follower, healing, reconciling, retiring
from runs.controller import own_metrics, superseder

FAILED = [("git-checkout-pr", "Succeeded", 0), ("run-test", "Failed", 1)]


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    with fake_api_server() as server:
        yield server


def settings(folder: Path, api: str = "https://git.example.com/api/v1", more: str = "") -> Path:
    path = folder / "controller.yaml"
    (folder / "token").write_text(TOKEN)
    path.write_text(
        f"sources:\n  github:\n    host: gitea\n    api: {api}\n    token_file: {folder / 'token'}\n{more}"
    )
    return path


def asked(api: FakeApiServer, folder: Path, *options: str) -> Result:
    own = ("--kubeconfig", str(api.kubeconfig(folder)))
    return CliRunner().invoke(main, ["controller", *own, *options])


def put_red_run(api: FakeApiServer) -> None:
    annotations = {"hookline.dev/repository": "acme/shop", "hookline.dev/sha": "3f1c" * 10}
    made = history("u1", time.time() - 300, FAILED, annotations=annotations)
    api.store("workflows", made.workflows[-1][1])


def test_a_dry_run_says_what_would_be_told_and_tells_nothing(api: FakeApiServer, tmp_path: Path) -> None:
    put_red_run(api)
    with status_host("gitea") as host:
        done = asked(api, tmp_path, "--config", str(settings(tmp_path, host.url)), "--dry-run")
        assert host.asked == []
    assert done.exit_code == 0, done.stderr
    head, line = done.stdout.splitlines()
    assert head.split() == ["SOURCE", "REPOSITORY", "COMMIT", "STATUS", "WORD", "DESCRIPTION"]
    assert line.split(maxsplit=5) == [
        "github", "acme/shop", "3f1c3f1c3f1c", "hookline/shop", "failure", "failed in run-test after 1 min 46 s",
    ]  # fmt: skip
    assert [kind for kind, _ in api.requests if kind == "patch"] == []


def test_a_dry_run_says_which_runs_would_be_stopped_and_stops_none(
    api: FakeApiServer, tmp_path: Path
) -> None:
    for uid, sha, ago in (("old", "a" * 40, 300), ("new", "b" * 40, 200)):
        annotations = {
            "hookline.dev/repository": "acme/shop",
            "hookline.dev/sha": sha,
            "hookline.dev/ref": "refs/heads/main",
        }
        api.store("workflows", workflow(uid, time.time() - ago, annotations=annotations))
    path = settings(tmp_path, more="supersede:\n  github: [push]\n")
    done = asked(api, tmp_path, "--config", str(path), "--dry-run")
    assert done.exit_code == 0, done.stderr
    head, line = done.stdout.rpartition("\n\n")[2].splitlines()
    assert head.split() == ["RUN", "STEP", "REASON"]
    assert line.split(maxsplit=2) == ["ci/shop-old", "Terminate", "superseded by bbbbbbbbbbbb"]
    assert [kind for kind, _ in api.requests if kind == "patch"] == []


def test_a_cluster_that_refuses_ends_a_dry_run_with_the_reason(api: FakeApiServer, tmp_path: Path) -> None:
    api.fail("list", *[status(403, "Forbidden")] * 50)
    api.fail("watch", *[status(403, "Forbidden")] * 50)
    done = asked(api, tmp_path, "--config", str(settings(tmp_path)), "--dry-run")
    assert done.exit_code == 3
    assert "workflows in all namespaces" in done.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("contxt: x\n", r"controller\.yaml:6:1: .*contxt.*context"),
        ("link: 3\n", r"controller\.yaml:6:7: error: link: expected text"),
    ],
)
def test_settings_are_refused_with_their_place(
    api: FakeApiServer, tmp_path: Path, more: str, said: str
) -> None:
    done = asked(api, tmp_path, "--config", str(settings(tmp_path, more=more)))
    assert done.exit_code == 2
    assert re.search(said, done.stderr), done.stderr


def test_a_host_without_statuses_is_refused_with_those_that_have_them(
    api: FakeApiServer, tmp_path: Path
) -> None:
    path = settings(tmp_path)
    path.write_text(path.read_text().replace("host: gitea", "host: harbor"))
    done = asked(api, tmp_path, "--config", str(path))
    assert done.exit_code == 2
    assert "controller.yaml:3:11" in done.stderr
    assert "gitea, github, gitlab" in done.stderr


def test_a_running_controller_is_probed_and_measured(
    api: FakeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    monkeypatch.setattr("hookline.commands.controller.stop_signal", lambda: stop)
    lines: list[str] = []
    monkeypatch.setattr("hookline.commands.controller.print_line", lambda line, **_: lines.append(line))
    put_red_run(api)
    with status_host("gitea") as host:
        options = (
            "--config",
            str(settings(tmp_path, host.url)),
            "--listen",
            "127.0.0.1:0",
            "--lease",
            "ci/hookline",
        )
        thread = threading.Thread(target=asked, args=(api, tmp_path, *options))
        thread.start()
        try:
            wait(lambda: bool(lines))
            url = f"http://{lines[0].removeprefix('listening on ')}"
            wait(lambda: host.states() == ["failure"])
            wait(lambda: request("GET", f"{url}/-/ready").status == 200)
            assert request("GET", f"{url}/-/healthy").status == 200
            assert request("GET", f"{url}/runs").status == 404
            wait(lambda: scraped(url)["hookline_controller_reports_total", "delivered", "github"] == 1)
            found = scraped(url)
            assert found["hookline_controller_leading",] == 1
            assert {name for name, *_ in found if name.startswith("hookline_")} <= documented()
        finally:
            stop.set()
            thread.join(20)
    assert api.leases["hookline"]["spec"]["holderIdentity"] == ""


def documented() -> set[str]:
    page = (ROOT / "docs/controller.md").read_text("utf-8")
    return set(re.findall(r"`(hookline_controller_\w+)", page))


def test_every_metric_is_on_the_page() -> None:
    assert documented() == {
        *own_metrics.FAMILIES,
        *follower.FAMILIES,
        *reconciling.FAMILIES,
        *healing.FAMILIES,
        *retiring.FAMILIES,
        *superseder.FAMILIES,
    }


BUS_DECLARATION = """\
version: 1
cluster: {namespace: ci, image: "registry.example.com/hookline:1"}
controller: {reconcile: true}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}}
pipelines:
  shop:
    repository: {source: github, name: acme/shop, url: "https://github.com/acme/shop.git"}
    image: registry.example.com/acme/shop
    events: {push: {branches: [main]}}
"""


def test_a_bus_that_is_not_there_is_a_warning_and_statuses_go_on(
    api: FakeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    monkeypatch.setattr("hookline.commands.controller.stop_signal", lambda: stop)
    lines: list[str] = []
    monkeypatch.setattr("hookline.commands.controller.print_line", lambda line, **_: lines.append(line))
    put_red_run(api)
    (tmp_path / "hookline.yaml").write_text(BUS_DECLARATION)
    with status_host("gitea") as host:
        own = ("--config", str(settings(tmp_path, host.url)), "--listen", "127.0.0.1:0")
        options = (*own, "--declaration", str(tmp_path / "hookline.yaml"))
        thread = threading.Thread(target=asked, args=(api, tmp_path, *options))
        thread.start()
        try:
            wait(lambda: bool(lines))
            url = f"http://{lines[0].removeprefix('listening on ')}"
            wait(lambda: host.states() == ["failure"])
            wait(lambda: b"reconcile: " in request("GET", f"{url}/-/ready").data)
            assert request("GET", f"{url}/-/ready").status == 200
            assert scraped(url)["hookline_controller_reconcile_rounds_total", "failed"] >= 1
        finally:
            stop.set()
            thread.join(20)
            assert not thread.is_alive()


def test_a_dry_run_without_a_bus_ends_with_the_reason(api: FakeApiServer, tmp_path: Path) -> None:
    (tmp_path / "hookline.yaml").write_text(BUS_DECLARATION)
    own = ("--config", str(settings(tmp_path)), "--declaration", str(tmp_path / "hookline.yaml"), "--dry-run")
    done = asked(api, tmp_path, *own)
    assert done.exit_code == 3
    assert "lost runs cannot be looked for: " in done.stderr


HEARD = BUS_DECLARATION.replace("{reconcile: true}", "{report_skipped: true, cancel_closed: true}").replace(
    "{push: {branches: [main]}}", "{pull_request: {into: [release/*]}}"
)


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeNats]:
    """A bus that the API server of these tests knows nothing of."""
    config = {"jetstream": {"url": "nats://bus.ci.svc:4222", "accessSecret": {"name": "bus", "key": "auth"}}}
    event_bus = {"metadata": {"name": "default", "namespace": "ci"}, "status": {"config": config}}
    monkeypatch.setattr(bus_access, "_event_bus", lambda *_: event_bus)
    monkeypatch.setattr(
        bus_access, "_secret_value", lambda *_: f"username: client\npassword: {PASSWORD}".encode()
    )
    found = FakeNats()
    yield found
    found.stop()


def put_request(bus: FakeNats, action: str, ago: float) -> Any:
    """An event of a request on the bus, so many seconds ago; its body."""
    body = edited(payload("github/pull_request-opened"), action=action)
    now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=ago)
    data = {"headers": {"X-Github-Event": ["pull_request"]}, "body": body}
    event = {
        "specversion": "1.0",
        "id": f"event-{action}",
        "source": "hookline-webhooks",
        "subject": "github",
        "type": "github",
        "time": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data_base64": base64.b64encode(json.dumps(data).encode()).decode(),
    }
    bus.put(event, now)
    return body


def test_a_dry_run_hears_of_skipped_and_closed_requests_on_the_bus_and_does_nothing(
    api: FakeApiServer, bus: FakeNats, tmp_path: Path
) -> None:
    body = put_request(bus, "opened", 600)
    name, number = body["repository"]["full_name"], body["pull_request"]["number"]
    report = "secret: {name: hooks, key: github}, report: {token: {name: t, key: t}}"
    text = HEARD.replace("acme/shop,", f"{name},").replace("secret: {name: hooks, key: github}", report)
    (tmp_path / "hookline.yaml").write_text(text)
    annotations = {
        "hookline.dev/repository": name,
        "hookline.dev/sha": "a" * 40,
        "hookline.dev/ref": f"refs/pull/{number}/head",
    }
    api.store("workflows", workflow("open", time.time() - 500, annotations=annotations))
    with status_host("gitea") as host:
        own = ("--config", str(settings(tmp_path, host.url)), "--bus-url", bus.url)
        options = (*own, "--declaration", str(tmp_path / "hookline.yaml"), "--dry-run")
        opened = asked(api, tmp_path, *options)
        put_request(bus, "closed", 100)
        closed = asked(api, tmp_path, *options)
        assert host.asked == []
    assert opened.exit_code == closed.exit_code == 0, opened.stderr + closed.stderr
    _, skipped = opened.stdout.split("\n\n")
    head, row = [re.split(r"  +", line.strip()) for line in skipped.splitlines()]
    assert head == ["SOURCE", "REPOSITORY", "COMMIT", "STATUS OF NO RUN", "WORD", "DESCRIPTION"]
    sha = body["pull_request"]["head"]["sha"][:12]
    assert row[:5] == ["github", name, sha, "hookline/shop", "skip"]
    assert row[5].startswith("skipped: INTO, ")
    line = closed.stdout.splitlines()[-1]
    assert line.split(maxsplit=2) == ["ci/shop-open", "Terminate", "its request was closed"]
    assert [kind for kind, _ in api.requests if kind == "patch"] == []


def test_a_dry_run_whose_bus_does_not_answer_says_so(
    api: FakeApiServer, bus: FakeNats, tmp_path: Path
) -> None:
    bus.stop()
    (tmp_path / "hookline.yaml").write_text(HEARD.replace("report_skipped: true, ", ""))
    own = ("--config", str(settings(tmp_path)), "--bus-url", bus.url)
    done = asked(api, tmp_path, *own, "--declaration", str(tmp_path / "hookline.yaml"), "--dry-run")
    assert done.exit_code == 3
    assert "error: events of the bus cannot be read: the bus at 127.0.0.1" in done.stderr


def test_a_wrong_declaration_is_refused_with_its_place(api: FakeApiServer, tmp_path: Path) -> None:
    (tmp_path / "hookline.yaml").write_text(
        BUS_DECLARATION.replace("{reconcile: true}", "{reconcile: {grace: 1m}}")
    )
    own = ("--config", str(settings(tmp_path)), "--declaration", str(tmp_path / "hookline.yaml"))
    done = asked(api, tmp_path, *own)
    assert done.exit_code == 2
    assert "hookline.yaml:3:33: error: controller.reconcile.grace: expected more than 69s" in done.stderr


def scraped(url: str) -> dict[tuple[str, ...], float]:
    """Name and values of labels → value."""
    text = request("GET", f"{url}/metrics").data.decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def wait(condition: object) -> None:
    end = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def with_app(folder: Path, source: str = "") -> Path:
    path = folder / "controller.yaml"
    path.write_text(
        "sources:\n  github:\n    host: github\n    api: https://api.github.com\n    app:\n      id: 1\n"
        f"      private_key_file: {folder / 'key.pem'}\n{source}"
    )
    return path


def test_an_app_without_the_package_that_signs_is_refused_with_the_extra_to_install(
    api: FakeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)
    done = asked(api, tmp_path, "--config", str(with_app(tmp_path)), "--dry-run")
    assert done.exit_code == 2
    assert "sources.github.app needs a package that is missing (jwt)" in done.stderr
    assert "extra `github-app`" in done.stderr
    # A source with a token needs no such package.
    assert asked(api, tmp_path, "--config", str(settings(tmp_path)), "--dry-run").exit_code == 0


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "    token_file: x\n",
            "controller.yaml:3:5: error: sources.github: expected either token_file: or app:",
        ),
        ("", ""),
    ],
)
def test_a_source_has_a_token_or_an_app(api: FakeApiServer, tmp_path: Path, lines: str, said: str) -> None:
    done = asked(api, tmp_path, "--config", str(with_app(tmp_path, lines)), "--dry-run")
    assert done.exit_code == (2 if said else 0)
    assert said in done.stderr


def test_an_app_of_another_host_is_refused(api: FakeApiServer, tmp_path: Path) -> None:
    path = with_app(tmp_path)
    path.write_text(path.read_text().replace("host: github", "host: gitea"))
    done = asked(api, tmp_path, "--config", str(path), "--dry-run")
    assert done.exit_code == 2
    assert "sources.github.app: only GitHub has Apps, and the host is gitea" in done.stderr
