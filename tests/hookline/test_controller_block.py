"""`controller:` and `report:` of hookline.yaml: what is rendered of them, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from definitions import problems as broken_rules
from support import read_yaml

from documents.reading import read_document
from documents.validation import validate_document
from hookline.cli import main
from hookline.declaration.loading import load
from runs.controller.settings import WANTED, ControllerSettings

IMAGE = "registry.example.com/hookline@sha256:" + "0" * 64
TEXT = """\
version: 1
cluster: {{namespace: ci, image: "{image}"}}
controller: {controller}
sources:
  gitea: {{host: gitea, endpoint: /gitea, secret: {{name: hooks, key: gitea}}, report: {report}}}
  other: {{host: github, endpoint: /github, secret: {{name: hooks, key: github}}}}
pipelines:
  shop:
    repository: {{source: gitea, name: acme/shop, url: "https://git.example.com:3000/acme/shop.git"}}
    image: registry.example.com/acme/shop
    run: {{template: hookline-ci-go}}
    events: {{push: {{branches: [main]}}}}
  cart:
    namespace: team-cart
    repository: {{source: other, name: acme/cart, url: "https://github.com/acme/cart.git"}}
    image: registry.example.com/acme/cart
    run: {{template: hookline-ci-go}}
    events: {{push: {{branches: [main]}}}}
"""
TOKEN = "{token: {name: statuses, key: token}}"


def written(folder: Path, controller: str = "{}", report: str = TOKEN, image: str = IMAGE) -> Path:
    path = folder / "hookline.yaml"
    path.write_text(TEXT.format(controller=controller, report=report, image=image), "utf-8")
    return path


def rendered(path: Path) -> list[dict[str, Any]]:
    done = CliRunner().invoke(main, ["render", str(path)])
    assert done.exit_code == 0, done.stderr
    return [
        each
        for each in read_yaml(done.stdout)
        if each["metadata"]["labels"]["app.kubernetes.io/component"] == "controller"
    ]


def refused(path: Path) -> str:
    done = CliRunner().invoke(main, ["validate", str(path)])
    assert done.exit_code == 2, done.output
    return done.stderr.replace(str(path), "hookline.yaml")


def test_ten_lines_render_everything_that_the_controller_needs(tmp_path: Path) -> None:
    found = rendered(written(tmp_path))
    assert [
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in found
    ] == [
        ("ServiceAccount", "ci", "hookline-controller"),
        ("Role", "ci", "hookline-controller"),
        ("RoleBinding", "ci", "hookline-controller"),
        ("Role", "team-cart", "hookline-controller"),
        ("RoleBinding", "team-cart", "hookline-controller"),
        ("ConfigMap", "ci", "hookline-controller-settings"),
        ("Deployment", "ci", "hookline-controller"),
        ("NetworkPolicy", "ci", "hookline-controller"),
    ]
    assert [problem for each in found for problem in broken_rules("kubernetes", "1.34.4", each)] == []


def test_its_rights_are_those_of_its_requests(tmp_path: Path) -> None:
    roles = {
        each["metadata"]["namespace"]: each["rules"]
        for each in rendered(written(tmp_path))
        if each["kind"] == "Role"
    }
    workflows = {
        "apiGroups": ["argoproj.io"],
        "resources": ["workflows"],
        "verbs": ["get", "list", "patch", "watch"],
    }
    leases = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    assert roles == {
        "team-cart": [workflows],
        "ci": [
            workflows,
            {**leases, "resourceNames": ["hookline-controller"], "verbs": ["get", "update"]},
            {**leases, "verbs": ["create"]},
        ],
    }


def test_its_pod_gets_the_settings_that_the_command_reads_and_one_key_of_each_secret(tmp_path: Path) -> None:
    report = "{token: {name: statuses, key: token}, ca: {name: private-ca, key: root.crt}}"
    found = {each["kind"]: each for each in rendered(written(tmp_path, report=report))}
    text = found["ConfigMap"]["data"]["settings.yaml"]
    document = read_document(text.encode(), "settings.yaml", WANTED)
    settings = validate_document(document, ControllerSettings)
    assert settings.sources.keys() == {"gitea"}
    source = settings.sources["gitea"]
    assert (source.host, source.api) == ("gitea", "https://git.example.com:3000/api/v1")
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (secrets,) = [each["projected"]["sources"] for each in pod["volumes"] if "projected" in each]
    mounted = {
        f"/secrets/{item['path']}": (each["secret"]["name"], item["key"])
        for each in secrets
        for item in each["secret"]["items"]
    }
    assert mounted == {source.token_file: ("statuses", "token"), source.ca_file: ("private-ca", "root.crt")}
    assert pod["containers"][0]["args"][:3] == ["controller", "--namespace=ci", "--namespace=team-cart"]


def test_changed_settings_make_a_new_pod(tmp_path: Path) -> None:
    marks = {
        each["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        for controller in (
            "{}",
            "{context: 'ci/{pipeline}'}",
            "{link: 'https://argo.example.com/{workflow}'}",
        )
        for each in rendered(written(tmp_path, controller))
        if each["kind"] == "Deployment"
    }
    assert len(marks) == 3


@pytest.mark.parametrize(
    ("exporter", "controller", "link"),
    [
        ("{url: 'https://hookline.example.com/'}", "{}", "https://hookline.example.com/runs/{namespace}/{workflow}"),
        ("{url: 'https://ci.example.com:8443'}", "{}", "https://ci.example.com:8443/runs/{namespace}/{workflow}"),
        ("{url: 'https://hookline.example.com'}", "{link: 'https://argo.example.com/{workflow}'}", "https://argo.example.com/{workflow}"),
        ("{}", "{}", None),
    ],
)  # fmt: skip
def test_statuses_lead_to_the_exporters_page_of_the_run_where_its_address_is_known(
    tmp_path: Path, exporter: str, controller: str, link: str | None
) -> None:
    path = written(tmp_path, controller)
    path.write_text(path.read_text("utf-8") + f"exporter: {exporter}\n", "utf-8")
    (found,) = [each for each in rendered(path) if each["kind"] == "ConfigMap"]
    assert yaml.safe_load(found["data"]["settings.yaml"]).get("link") == link


@pytest.mark.parametrize(
    "url", ["hookline.example.com", "https://example.com/hookline", "ftp://x", "https://{workflow}.x"]
)
def test_an_address_of_the_exporter_at_which_its_pages_cannot_stand_is_refused(
    tmp_path: Path, url: str
) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text("utf-8") + f"exporter: {{url: '{url}'}}\n", "utf-8")
    assert "exporter.url: expected http:// or https:// and a host without a path" in refused(path)


@pytest.mark.parametrize(
    ("host", "url", "api"),
    [
        ("github", "https://github.com/acme/shop.git", "https://api.github.com"),
        ("github", "https://github.example.com/acme/shop.git", "https://github.example.com/api/v3"),
        ("github", "https://acme.ghe.com/acme/shop.git", "https://api.acme.ghe.com"),
        ("gitlab", "https://gitlab.com/acme/shop.git", "https://gitlab.com/api/v4"),
        ("bitbucket", "https://bitbucket.org/acme/shop.git", "https://api.bitbucket.org/2.0"),
        (
            "bitbucketserver",
            "https://bitbucket.example.com/scm/acme/shop.git",
            "https://bitbucket.example.com/rest/api/latest",
        ),
    ],
)
def test_the_address_of_the_api_is_that_of_the_host_that_repositories_are_cloned_from(
    tmp_path: Path, host: str, url: str, api: str
) -> None:
    path = written(tmp_path)
    text = path.read_text("utf-8").replace("host: gitea", f"host: {host}")
    path.write_text(text.replace("https://git.example.com:3000/acme/shop.git", url), "utf-8")
    (found,) = [each for each in rendered(path) if each["kind"] == "ConfigMap"]
    assert yaml.safe_load(found["data"]["settings.yaml"])["sources"]["gitea"]["api"] == api


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"controller": "{context: all}"},
            "hookline.yaml:3:23: error: controller.context: expected {pipeline} in it",
        ),
        (
            {"controller": "{context: 'x/{pipline}'}"},
            "{pipline} is no field; fields: {pipeline}, {event}, {source}",
        ),
        ({"controller": "{link: argo}"}, "hookline.yaml:3:20: error: controller.link: expected an address"),
        ({"controller": "{resources: {requests: {memory: 1Gi}}}"}, "requests 1Gi, and the limit is 256Mi"),
        ({"report": "{token: hunter2}"}, "a secret is named, never written down"),
        (
            {"controller": "{network_policy: false, clients: [x]}"},
            "controller.clients: with network_policy: false",
        ),
    ],
)
def test_wrong_settings_are_refused_with_their_place(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    assert said in refused(written(tmp_path, **settings))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("grace: 69s", "controller.reconcile.grace: expected more than 69s, for which a Sensor itself tries"),
        ("grace: 1m", "controller.reconcile.grace: expected more than 69s, for which a Sensor itself tries"),
        ("since: 299s", "controller.reconcile.since: expected 5m to 7d, such as 50m"),
        ("since: 8d", "controller.reconcile.since: expected 5m to 7d, such as 50m"),
    ],
)
def test_lost_runs_are_looked_for_in_no_time_that_a_sensor_still_has_and_none_that_is_too_long(
    tmp_path: Path, settings: str, said: str
) -> None:
    found = refused(written(tmp_path, f"{{reconcile: {{{settings}}}}}"))
    assert said in found
    assert "hookline.yaml:3:" in found


@pytest.mark.parametrize(
    ("settings", "since", "grace"),
    [
        ("{}", 3000, 120),
        ("{since: 5m, grace: 70s}", 300, 70),
        ("{since: 7d, grace: 2m}", 604_800, 120),
    ],
)
def test_times_at_the_limits_are_taken_as_they_are_written(
    tmp_path: Path, settings: str, since: int, grace: int
) -> None:
    declared = load([written(tmp_path, f"{{reconcile: {settings}}}")]).controller
    assert declared is not None
    found = declared.controller.reconciling
    assert found is not None
    assert (found.since_seconds, found.grace_seconds) == (since, grace)


def test_a_report_without_a_controller_and_the_other_way_round_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    text = path.read_text("utf-8")
    path.write_text(text.replace("controller: {}\n", ""), "utf-8")
    assert (
        "hookline.yaml:4:77: error: sources.gitea.report: nothing reports without the controller"
        in refused(path)
    )
    path.write_text(text.replace(f", report: {TOKEN}", ""), "utf-8")
    assert "hookline.yaml:3:1: error: controller: the controller has nothing to do" in refused(path)


def test_a_host_without_statuses_and_an_unknown_address_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    text = path.read_text("utf-8")
    path.write_text(text.replace("host: gitea", "host: harbor"), "utf-8")
    assert (
        "hookline sets no statuses at harbor; it does at bitbucket, bitbucketserver, codeup, gitea, github, gitlab"
        in refused(path)
    )
    path.write_text(text.replace("source: gitea", "source: other"), "utf-8")
    assert (
        "no pipeline has a repository of it; write api:, as in api: https://git.example.com/api/v1"
        in refused(path)
    )


def test_without_an_image_there_is_no_controller(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text("utf-8").replace(f', image: "{IMAGE}"', ""), "utf-8")
    assert "the controller runs hookline's own image, which cluster: does not name" in refused(path)


def test_whoever_has_the_exporter_scraped_has_its_controller_scraped(tmp_path: Path) -> None:
    path = written(tmp_path)
    exporter = "exporter: {monitor: service, interval: 15s, monitor_labels: {release: prometheus}, monitoring_namespace: monitoring}\n"
    text = path.read_text("utf-8")
    for extra, count in ((exporter, 1), ("exporter: {monitor: none}\n", 0), ("", 0)):
        path.write_text(text.replace("controller: {}\n", f"controller: {{}}\n{extra}"), "utf-8")
        done = CliRunner().invoke(main, ["render", str(path)])
        assert done.exit_code == 0, done.stderr
        objects = {(each["kind"], each["metadata"]["name"]): each for each in read_yaml(done.stdout)}
        found = [
            each
            for (kind, name), each in objects.items()
            if (kind, name) == ("PodMonitor", "hookline-controller")
        ]
        assert len(found) == count
        for each in found:
            pod = objects["Deployment", "hookline-controller"]["spec"]["template"]
            assert each["metadata"]["namespace"] == "monitoring"
            assert each["metadata"]["labels"]["release"] == "prometheus"
            assert each["spec"]["namespaceSelector"] == {"matchNames": ["ci"]}
            assert each["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
            assert each["spec"]["podMetricsEndpoints"] == [{"port": "http", "interval": "15s"}]
            assert pod["spec"]["containers"][0]["ports"][0]["name"] == "http"


APP = "app: {id: 123456, private_key: {name: app, key: key.pem}}"


def test_an_app_is_given_to_the_pod_as_one_key_of_its_secret_and_no_token_is(tmp_path: Path) -> None:
    path = written(tmp_path, report=f"{{{APP}}}")
    path.write_text(path.read_text("utf-8").replace("host: gitea", "host: github"), "utf-8")
    found = {each["kind"]: each for each in rendered(path)}
    text = found["ConfigMap"]["data"]["settings.yaml"]
    settings = validate_document(read_document(text.encode(), "settings.yaml", WANTED), ControllerSettings)
    source = settings.sources["gitea"]
    assert source.api == "https://git.example.com:3000/api/v3"
    assert source.token_file is None
    assert source.app is not None
    assert (source.app.id, source.app.installation) == (123456, None)
    assert source.app.private_key_file == "/secrets/gitea/private-key.pem"
    (volume,) = [
        each
        for each in found["Deployment"]["spec"]["template"]["spec"]["volumes"]
        if each["name"] == "secrets"
    ]
    assert volume["projected"]["sources"] == [
        {"secret": {"name": "app", "items": [{"key": "key.pem", "path": "gitea/private-key.pem"}]}}
    ]


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("{}", "hookline.yaml:5:85: error: sources.gitea.report: expected token: {name: <Secret>, key:"),
        (
            f"{{{APP}, token: {{name: a, key: b}}}}",
            "hookline.yaml:5:152: error: sources.gitea.report.token: a source reports by a token or by an App, not by both",
        ),
        (
            f"{{{APP}}}",
            "hookline.yaml:5:86: error: sources.gitea.report.app: only GitHub has Apps, and the host is gitea",
        ),
        (
            "{app: {id: 0, private_key: {name: app, key: k}}}",
            "hookline.yaml:5:96: error: sources.gitea.report.app.id",
        ),
        ("{app: {id: 1, private_key: hunter2}}", "a secret is named, never written down"),
        ("{app: {private_key: {name: app, key: k}}}", "sources.gitea.report.app.id"),
    ],
)
def test_a_source_reports_by_a_token_or_for_github_by_an_app(tmp_path: Path, report: str, said: str) -> None:
    found = refused(written(tmp_path, report=report))
    assert said in found
    assert "hunter2" not in found


def commented(folder: Path, comments: str, report: str = TOKEN) -> Path:
    """A declaration whose pipeline shop builds requests of the source gitea."""
    path = written(folder, f"{{comments: {comments}}}", report)
    first, rest = path.read_text("utf-8").split("  cart:\n")
    path.write_text(first.replace("push: {branches", "pull_request: {into") + "  cart:\n" + rest, "utf-8")
    return path


def test_comments_give_the_controller_the_declaration_and_the_right_to_create_runs(tmp_path: Path) -> None:
    found = rendered(commented(tmp_path, "[gitea]"))
    roles = [each for each in found if each["kind"] == "Role" and each["metadata"]["namespace"] == "ci"]
    verbs = {
        verb
        for role in roles
        for rule in role["rules"]
        for verb in rule["verbs"]
        if rule["resources"] == ["workflows"]
    }
    assert verbs == {"create", "get", "list", "patch", "watch"}
    assert "hookline-controller-declaration" in {each["metadata"]["name"] for each in found}


def test_comments_change_no_event_source_and_no_sensor(tmp_path: Path) -> None:
    def subscriptions(path: Path) -> list[Any]:
        done = CliRunner().invoke(main, ["render", str(path)])
        assert done.exit_code == 0, done.stderr
        return [each for each in read_yaml(done.stdout) if each["kind"] in {"EventSource", "Sensor"}]

    heard = commented(tmp_path, "[gitea]")
    with_comments = subscriptions(heard)
    heard.write_text(heard.read_text("utf-8").replace("{comments: [gitea]}", "{}"), "utf-8")
    assert subscriptions(heard) == with_comments != []


def test_webhooks_name_the_comments_where_they_are_heard(tmp_path: Path) -> None:
    path = commented(tmp_path, "[gitea]")
    assert "Pull Request Comment" in CliRunner().invoke(main, ["webhooks", str(path)]).stdout
    path.write_text(path.read_text("utf-8").replace("{comments: [gitea]}", "{}"), "utf-8")
    assert "Comment" not in CliRunner().invoke(main, ["webhooks", str(path)]).stdout


@pytest.mark.parametrize(
    ("comments", "words"),
    [
        ("[nowhere]", "there is no source nowhere; sources: gitea, other"),
        ("[other]", "other has no token to ask it; add report:"),
        ("[gitea, gitea]", "gitea stands here twice"),
        ("[]", "controller.comments"),
    ],
)
def test_comments_of_a_source_that_cannot_be_asked_are_refused(
    tmp_path: Path, comments: str, words: str
) -> None:
    said = refused(commented(tmp_path, comments))
    assert words in said
    assert "hookline.yaml:3:" in said


def test_comments_of_a_source_without_requests_are_refused(tmp_path: Path) -> None:
    assert "no pipeline builds requests of gitea" in refused(written(tmp_path, "{comments: [gitea]}"))
