"""`exporter:` in hookline.yaml: everything that the exporter needs comes out of render, and what cannot work is refused with its place."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support import exporter_of, read_yaml

from hookline.cli import main
from hookline.declaration.loading import load_texts
from hookline.plan.exporter_objects import installation
from hookline.plan.fire_times import LARGEST, SchedulesFile
from hookline.plan.planning import make_plan
from runs.exporter.configuration import read_configuration
from runs.exporter.links import Links
from runs.exporter.manifests import SCHEDULES, SETTINGS

DIGEST = "sha256:" + "0" * 64
IMAGE = f"registry.example.com/hookline@{DIGEST}"
SOURCES = """\
sources: {github: {host: github, endpoint: /github, secret: {name: github-webhook, key: secret}}}
"""
PIPELINES = """\
defaults:
  repository: {source: github, url: "https://github.com/{repository}.git"}
  image: "registry.example.com/{repository}"
  run: {template: hookline-ci-go}
pipelines:
  shop: {repository: acme/shop, events: {push: {branches: [main]}}}
  cart: {repository: acme/cart, namespace: team-cart, owner: team-cart, events: {schedule: {at: "0 3 * * *", timezone: Asia/Shanghai, except: [2026-12-31]}}}
"""
HEAD = f"version: 1\ncluster: {{namespace: ci, image: {IMAGE}}}\n"


def declared(exporter: str, head: str = HEAD, more: str = SOURCES + PIPELINES) -> str:
    return f"{head}exporter: {exporter}\n{more}"


def rendered(text: str, folder: Path) -> list[dict[str, Any]]:
    (folder / "hookline.yaml").write_text(text, "utf-8")
    done = CliRunner().invoke(main, ["render", "-f", str(folder / "hookline.yaml")])
    assert done.exit_code == 0, done.stderr
    return read_yaml(done.stdout)


def one(kind: str, found: list[dict[str, Any]], name: str = "hookline-exporter") -> dict[str, Any]:
    (made,) = (each for each in found if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return made


def of_the_exporter(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        each
        for each in found
        if each["metadata"]["labels"]["app.kubernetes.io/component"]
        in {"exporter", "user-data", "monitoring"}
    ]


def problems(text: str, folder: Path, *options: str) -> list[str]:
    path = folder / "hookline.yaml"
    path.write_text(text, "utf-8")
    done = CliRunner().invoke(main, ["validate", str(path), *options])
    return [line.removeprefix(f"{path}:") for line in done.stderr.splitlines()]


# --- What is rendered ---------------------------------------------------------------------------------------------------


def test_an_empty_block_renders_everything_that_the_exporter_needs(tmp_path: Path) -> None:
    found = of_the_exporter(rendered(declared("{}"), tmp_path))
    kinds = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in found]
    assert [each for each in kinds if each[0] != "ConfigMap"] == [
        ("ServiceAccount", "ci", "hookline-exporter"),
        ("Role", "ci", "hookline-exporter"),
        ("RoleBinding", "ci", "hookline-exporter"),
        ("Role", "team-cart", "hookline-exporter"),
        ("RoleBinding", "team-cart", "hookline-exporter"),
        ("PersistentVolumeClaim", "ci", "hookline-exporter"),
        ("Deployment", "ci", "hookline-exporter"),
        ("Service", "ci", "hookline-exporter"),
        ("NetworkPolicy", "ci", "hookline-exporter"),
        ("ServiceMonitor", "ci", "hookline-exporter"),
        ("PodMonitor", "ci", "hookline-events"),
        ("PrometheusRule", "ci", "hookline"),
    ]
    maps = [name for kind, _, name in kinds if kind == "ConfigMap"]
    assert maps[0] == "hookline-exporter-settings"
    assert len(maps) == 7
    assert {"hookline-overview", "hookline-pipeline"} < set(maps)


def test_without_the_block_nothing_of_it_is_rendered(tmp_path: Path) -> None:
    assert of_the_exporter(rendered(HEAD + SOURCES + PIPELINES, tmp_path)) == []


def test_the_block_and_the_option_are_the_same_code(tmp_path: Path) -> None:
    text = declared("{watch: [ci], rules: false, dashboards: false, event_metrics: false}", more=SOURCES)
    assert of_the_exporter(rendered(text, tmp_path)) == exporter_of("ci", IMAGE)


def test_names_begin_with_that_of_the_cluster_so_that_two_declarations_share_a_namespace(
    tmp_path: Path,
) -> None:
    head = HEAD.replace("{namespace: ci,", "{namespace: ci, name: builds,")
    first, second = (of_the_exporter(rendered(declared("{}", each), tmp_path)) for each in (HEAD, head))
    identities = [
        {(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in found}
        for found in (first, second)
    ]
    assert identities[0].isdisjoint(identities[1])
    selectors = [
        each["spec"]["selector"] for found in (first, second) for each in found if each["kind"] == "Service"
    ]
    assert selectors[0] != selectors[1]
    (deployment,) = (each for each in second if each["kind"] == "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for each in second:
        if each["kind"] == "Service":
            assert labels.items() >= each["spec"]["selector"].items()


def test_it_runs_where_it_is_told_and_watches_what_it_is_told(tmp_path: Path) -> None:
    found = of_the_exporter(rendered(declared("{namespace: ops, watch: [team-cart, other]}"), tmp_path))
    arguments = one("Deployment", found)["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [each for each in arguments if "namespace" in each] == [
        "--namespace=team-cart",
        "--namespace=other",
    ]
    assert "--lease=ops/hookline-exporter" in arguments
    roles = {each["metadata"]["namespace"]: each["rules"] for each in found if each["kind"] == "Role"}
    watching = {"workflows", "pods", "events", "pods/log"}
    read = {place: {name for rule in rules for name in rule["resources"]} for place, rules in roles.items()}
    assert read == {"ops": {"leases"}, "team-cart": watching, "other": watching}
    for each in found:
        for subject in each.get("subjects", ()):
            assert subject == {"kind": "ServiceAccount", "name": "hookline-exporter", "namespace": "ops"}


def test_a_whole_cluster_takes_a_cluster_role_that_no_other_exporter_shares(tmp_path: Path) -> None:
    found = of_the_exporter(rendered(declared("{watch: all}"), tmp_path))
    role = one("ClusterRole", found, "hookline-exporter-ci")
    assert "namespace" not in role["metadata"]
    binding = one("ClusterRoleBinding", found, "hookline-exporter-ci")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    # Even for the whole cluster, it writes nothing but its own lease.
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    (home,) = (each for each in found if each["kind"] == "Role")
    assert {name for rule in home["rules"] for name in rule["resources"]} == {"leases"}
    arguments = one("Deployment", found)["spec"]["template"]["spec"]["containers"][0]["args"]
    assert not [each for each in arguments if each.startswith("--namespace")]


def test_a_new_setting_rolls_the_pod_and_a_new_schedule_does_not(tmp_path: Path) -> None:
    def pod(text: str) -> Any:
        return one("Deployment", rendered(text, tmp_path))["spec"]["template"]

    first = pod(declared("{settings: {max_pipelines: 5}}"))
    assert first != pod(declared("{settings: {max_pipelines: 6}}"))
    assert first == pod(declared("{settings: {max_pipelines: 5}}").replace("0 3 * * *", "0 4 * * *"))


def test_the_settings_and_their_prices_reach_the_pod(tmp_path: Path) -> None:
    prices = (
        "currency: EUR\nsource: ours\ndate: 2026-11-01\nvcpu: {on_demand: 0.1}\nmemory: {on_demand: 0.02}\n"
    )
    (tmp_path / "money").mkdir()
    (tmp_path / "money/list.yaml").write_text(prices, "utf-8")
    found = rendered(declared("{settings: {prices: money/list.yaml, keep_runs: 500}}"), tmp_path)
    data = one("ConfigMap", found, "hookline-exporter-settings")["data"]
    (tmp_path / "pod").mkdir()
    for name, text in data.items():
        (tmp_path / "pod" / name).write_text(text, "utf-8")
    from runs.exporter.configuration import read_configuration

    read = read_configuration(tmp_path / "pod/settings.yaml")
    assert (read.keep_runs, read.price_list.currency) == (500, "EUR")


def links_of(text: str, folder: Path) -> Links:
    """The links of the settings that the pod reads."""
    path = folder / "settings.yaml"
    found = one("ConfigMap", rendered(text, folder), "hookline-exporter-settings")["data"]
    path.write_text(found[SETTINGS], "utf-8")
    links = read_configuration(path).links
    assert links is not None
    return links


@pytest.mark.parametrize(
    ("host", "url", "commit", "request_page"),
    [
        ("github", "https://github.com/{repository}.git", "https://github.com/{repository}/commit/{sha}",
         "https://github.com/{repository}/pull/{number}"),
        ("gitlab", "https://gitlab.example.com:8443/{repository}", "https://gitlab.example.com:8443/{repository}/-/commit/{sha}",
         "https://gitlab.example.com:8443/{repository}/-/merge_requests/{number}"),
        ("gitea", "https://example.com/git/{repository}.git", "https://example.com/git/{repository}/commit/{sha}",
         "https://example.com/git/{repository}/pulls/{number}"),
    ],
)  # fmt: skip
def test_runs_link_to_their_commit_and_request_at_the_host_that_repositories_are_cloned_from(
    tmp_path: Path, host: str, url: str, commit: str, request_page: str
) -> None:
    more = (SOURCES + PIPELINES).replace("host: github", f"host: {host}")
    more = more.replace("https://github.com/{repository}.git", url)
    found = links_of(declared("{}", more=more), tmp_path)
    assert (found.commit, found.request) == ({"github": commit}, {"github": request_page})


def test_what_the_settings_say_of_links_goes_over_what_is_known_of_hosts(tmp_path: Path) -> None:
    argo, review = "https://argo.example.com/{workflow}", "https://review.example.com/{sha}"
    settings = (
        f"{{log_lines: 5, links: {{argo: '{argo}', commit: {{github: '{review}', other: '{review}'}}}}}}"
    )
    found = links_of(declared(f"{{settings: {settings}}}"), tmp_path)
    assert (found.argo, found.commit) == (argo, {"github": review, "other": review})
    assert found.request == {"github": "https://github.com/{repository}/pull/{number}"}


def test_no_link_is_guessed_where_repositories_of_a_source_are_at_several_places(tmp_path: Path) -> None:
    pipelines = PIPELINES.replace(
        "{repository: acme/cart,",
        "{repository: {name: acme/cart, url: 'https://mirror.example.com/acme/cart.git'},",
    )
    found = rendered(declared("{}", more=SOURCES + pipelines), tmp_path)
    assert SETTINGS not in one("ConfigMap", found, "hookline-exporter-settings")["data"]


def test_the_pod_knows_the_fire_times_that_next_prints(tmp_path: Path) -> None:
    found = rendered(declared("{}"), tmp_path)
    path = tmp_path / "schedules.yaml"
    path.write_text(one("ConfigMap", found, "hookline-exporter-settings")["data"]["schedules.yaml"], "utf-8")
    now = datetime.datetime(2026, 12, 30, 12, tzinfo=datetime.UTC).timestamp()
    command = ["next", str(tmp_path / "hookline.yaml"), "--count", "2", "-o", "json"]
    done = CliRunner().invoke(main, [*command, "--now", "2026-12-30T12:00:00Z"])
    assert done.exit_code == 0, done.stderr
    (item,) = (each for each in json.loads(done.stdout)["items"] if not each["excluded"])
    fires = SchedulesFile(path).coming(now)
    # The day on which nothing fires is left out: 2026-12-31 in Shanghai.
    assert dict(fires) == {
        ("team-cart", "team-cart", "cart"): datetime.datetime(
            2026, 12, 31, 19, tzinfo=datetime.UTC
        ).timestamp()
    }
    assert datetime.datetime.fromisoformat(item["utc"]).timestamp() == fires["team-cart", "team-cart", "cart"]


def test_a_changed_file_of_schedules_is_read_again_and_a_wrong_one_changes_nothing(tmp_path: Path) -> None:
    import os

    path = tmp_path / "schedules.yaml"
    entry = '- {{namespace: ci, pipeline: shop, fires: {{at: "{} * * * *"}}}}\n'

    def write(text: str, stamp: int) -> None:
        path.write_text(text, "utf-8")
        os.utime(path, (stamp, stamp))

    write("version: 1\nschedules:\n" + entry.format(10), 1)
    file = SchedulesFile(path)
    assert dict(file.coming(0)) == {("ci", "", "shop"): 600}
    write("version: 1\nschedules:\n" + entry.format(20), 2)
    assert dict(file.coming(0)) == {("ci", "", "shop"): 1200}
    write("version: 1\nschedules: [{namespace: ci}]\n", 3)
    assert dict(file.coming(0)) == {("ci", "", "shop"): 1200}


def test_monitor_rules_and_dashboards_can_be_left_out_or_labelled(tmp_path: Path) -> None:
    none = of_the_exporter(rendered(declared("{monitor: none, rules: false, dashboards: false}"), tmp_path))
    assert not [each for each in none if each["apiVersion"].startswith("monitoring.coreos.com")]
    assert [each["metadata"]["name"] for each in none if each["kind"] == "ConfigMap"] == [
        "hookline-exporter-settings"
    ]
    text = (
        "{monitor: pod, monitor_labels: {release: a}, rules_labels: {release: b}, dashboards_labels: {sidecar: c}, monitoring_namespace: "
        "monitoring, interval: 1m}"
    )
    found = of_the_exporter(rendered(declared(text), tmp_path))
    monitor, rule = one("PodMonitor", found), one("PrometheusRule", found, "hookline")
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": ["ci"]}
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert (endpoint["interval"], endpoint["scrapeTimeout"]) == ("60s", "10s")
    assert (monitor["metadata"]["labels"]["release"], rule["metadata"]["labels"]["release"]) == ("a", "b")
    often = of_the_exporter(rendered(declared("{interval: 5s}"), tmp_path))
    # A scrape that may take longer than the interval is refused by the Prometheus Operator.
    (endpoint,) = one("ServiceMonitor", often)["spec"]["endpoints"]
    assert (endpoint["interval"], endpoint["scrapeTimeout"]) == ("5s", "5s")
    shown = [each for each in found if each["metadata"].get("annotations", {}).get("grafana_folder")]
    assert {each["metadata"]["labels"]["sidecar"] for each in shown} == {"c"}
    for each in (monitor, rule, *shown):
        assert each["metadata"]["namespace"] == "monitoring"
        # What kubectl apply keeps of an object, and what a ConfigMap holds.
        assert len(json.dumps(each)) < 262_144


def test_a_scrape_may_not_take_longer_than_the_time_to_the_next_one(tmp_path: Path) -> None:
    monitor = one("ServiceMonitor", of_the_exporter(rendered(declared("{interval: 5s}"), tmp_path)))
    (endpoint,) = monitor["spec"]["endpoints"]
    # Prometheus refuses a whole configuration with one that may.
    assert (endpoint["interval"], endpoint["scrapeTimeout"]) == ("5s", "5s")


def test_a_monitor_finds_the_service_and_the_pod_by_their_labels(tmp_path: Path) -> None:
    found = of_the_exporter(rendered(declared("{}"), tmp_path))
    wanted = one("ServiceMonitor", found)["spec"]["selector"]["matchLabels"]
    assert one("Service", found)["metadata"]["labels"].items() >= wanted.items()
    found = of_the_exporter(rendered(declared("{monitor: pod}"), tmp_path))
    wanted = one("PodMonitor", found)["spec"]["selector"]["matchLabels"]
    assert one("Deployment", found)["spec"]["template"]["metadata"]["labels"].items() >= wanted.items()


def test_tls_reaches_probes_and_monitor_and_the_secret_is_mounted_whole(tmp_path: Path) -> None:
    text = "{web_config: {name: web, tls: true, ca: {name: ca, key: ca.crt}, basic_auth: {name: scrape, password: pass}}}"
    found = rendered(declared(text), tmp_path)
    pod = one("Deployment", found)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert "--web.config.file=/web/web.yml" in container["args"]
    assert {"name": "web", "secret": {"secretName": "web"}} in pod["volumes"]
    for probe in ("livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["scheme"] == "HTTPS"
    (endpoint,) = one("ServiceMonitor", found)["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"] == {
        "serverName": "hookline-exporter.ci.svc",
        "ca": {"secret": {"name": "ca", "key": "ca.crt"}},
    }
    assert endpoint["basicAuth"] == {
        "username": {"name": "scrape", "key": "username"},
        "password": {"name": "scrape", "key": "pass"},
    }


def test_the_pods_place_and_size_are_what_is_said_over_the_defaults(tmp_path: Path) -> None:
    text = (
        "{resources: {requests: {memory: 300Mi}, limits: {memory: 2Gi}}, node_selector: {pool: ci}, "
        "tolerations: [{key: dedicated, value: ci, effect: NoSchedule}], storage: {size: 3Gi, class: fast}, clients: [monitoring]}"
    )
    head = HEAD.replace("{namespace: ci,", "{namespace: ci, image_pull_secrets: [registry],")
    found = rendered(declared(text, head), tmp_path)
    pod = one("Deployment", found)["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"] == {
        "requests": {"cpu": "100m", "memory": "300Mi"},
        "limits": {"memory": "2Gi"},
    }
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["nodeSelector"] == {"pool": "ci"}
    assert pod["tolerations"] == [
        {"key": "dedicated", "operator": "Equal", "value": "ci", "effect": "NoSchedule"}
    ]
    claim = one("PersistentVolumeClaim", found)["spec"]
    assert (claim["storageClassName"], claim["resources"]["requests"]["storage"]) == ("fast", "3Gi")
    assert one("NetworkPolicy", found)["spec"]["ingress"] == [
        {
            "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "ports": [{"port": 9893, "protocol": "TCP"}],
        }
    ]


def test_objects_of_the_whole_cluster_have_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "hookline.yaml").write_text(declared("{watch: all}"), "utf-8")
    done = CliRunner().invoke(
        main, ["render", "-f", str(tmp_path / "hookline.yaml"), "--to", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "out/clusterrole-hookline-exporter-ci.yaml").is_file()
    assert (tmp_path / "out/role-hookline-exporter.yaml").is_file()


def test_an_owner_gets_the_exporters_rights_in_its_namespace_and_nothing_of_the_whole_cluster(
    tmp_path: Path,
) -> None:
    for watch, expected in (("[team-cart]", {"Role", "RoleBinding"}), ("all", set[str]())):
        (tmp_path / "hookline.yaml").write_text(declared(f"{{watch: {watch}, namespace: ops}}"), "utf-8")
        done = CliRunner().invoke(
            main, ["render", "-f", str(tmp_path / "hookline.yaml"), "--owner", "team-cart"]
        )
        assert done.exit_code == 0, done.stderr
        found = {
            each["kind"]
            for each in read_yaml(done.stdout)
            if each["metadata"]["name"].startswith("hookline-exporter")
        }
        assert found == expected


def test_an_exporter_without_pipelines_watches_its_own_namespace(tmp_path: Path) -> None:
    found = rendered(declared("{}", more=""), tmp_path)
    arguments = one("Deployment", found)["spec"]["template"]["spec"]["containers"][0]["args"]
    assert "--namespace=ci" in arguments


def test_the_exporters_pod_is_one_of_those_that_run_all_the_time(tmp_path: Path) -> None:
    (tmp_path / "hookline.yaml").write_text(declared("{}"), "utf-8")
    done = CliRunner().invoke(main, ["render", "-f", str(tmp_path / "hookline.yaml"), "--pods"])
    rows = [line.split()[:3] for line in done.stdout.splitlines()]
    assert ["Deployment", "hookline-exporter", "1"] in rows


# --- What is refused ----------------------------------------------------------------------------------------------------

REFUSED = [
    ("no image", "version: 1\nexporter: {}\n" + SOURCES, "2:1: error: exporter: the exporter runs hookline's own image, which cluster: does not name"),
    ("pull secrets without an image", "version: 1\ncluster: {image_pull_secrets: [a]}\n", "2:31: error: cluster.image_pull_secrets: these are for cluster.image"),
    ("no image reference", HEAD.replace(IMAGE, "'a b'"), "2:33: error: cluster.image: expected an image, such as"),
    ("an unknown setting", declared("{settings: {max_pipeline: 5}}"), "3:23: error: exporter.settings.max_pipeline: "),
    ("a wrong setting", declared("{settings: {keep_runs: 5}}"), "3:34: error: exporter.settings.keep_runs: "),
    ("a wrong price file", declared("{settings: {prices: nowhere.yaml}}"), "3:31: error: exporter.settings.prices: there is no file "),
    ("a namespace twice", declared("{watch: [ci, team-cart, ci]}"), "3:35: error: exporter.watch.2: ci is named twice"),
    ("no namespace", declared("{watch: []}"), "3:19: error: exporter.watch: "),
    ("a wrong namespace", declared("{watch: [Team A]}"), "3:20: error: exporter.watch.0: expected a namespace"),
    ("labels of nothing", declared("{monitor: none, monitor_labels: {a: b}}"), "3:27: error: exporter.monitor_labels: with monitor: none this has no effect"),
    ("rules of nothing", declared("{rules: false, rules_labels: {a: b}}"), "3:26: error: exporter.rules_labels: with rules: false this has no effect"),
    ("clients of no policy", declared("{network_policy: false, clients: [a]}"), "3:35: error: exporter.clients: with network_policy: false"),
    ("a toleration of nothing", declared("{tolerations: [{effect: NoSchedule}]}"), "3:26: error: exporter.tolerations.0: expected key:, or operator: Exists"),
    ("more than its limit", declared("{resources: {requests: {memory: 1Gi}}}"), "3:43: error: exporter.resources.requests.memory: "),
    ("no time between scrapes", declared("{interval: 0s}"), "3:22: error: exporter.interval: expected 1s or more"),
    ("its account for a run", declared("{}", HEAD.replace("{namespace: ci,", "{namespace: ci, name: builds,")).replace("acme/shop, ", "acme/shop, run: {service_account: builds-exporter}, "), "10:56: error: pipelines.shop.run.service_account: builds-exporter is an account of hookline's own"),
    ("runbooks that Prometheus would run", declared('{runbooks: "https://x/{{ query }}"}'), "3:22: error: exporter.runbooks: expected the beginning of an address"),
    (
        "a source of that name",
        declared("{}", more="sources: {exporter: {host: acr, endpoint: /acr-4f9d0a31c7be25864f9d0a31c7be2586, unverified: {because: it cannot sign, allowed_cidrs: [203.0.113.0/24]}}}\n"),
        "4:11: error: sources.exporter: the account of this source would have the name hookline-exporter",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
def test_what_cannot_work_is_refused_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    (found,) = [line for line in problems(text, tmp_path) if ": error: " in line]
    assert found.startswith(message)


def test_two_files_cannot_both_declare_the_exporter(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(declared("{}"), "utf-8")
    (tmp_path / "b.yaml").write_text("version: 1\nexporter: {}\n", "utf-8")
    done = CliRunner().invoke(main, ["validate", str(tmp_path)])
    assert done.exit_code == 2
    assert "b.yaml:2:1: error: exporter: exporter: is declared already at " in done.stderr


def test_namespaces_of_runs_that_nobody_watches_are_told(tmp_path: Path) -> None:
    (told,) = problems(declared("{watch: [ci]}"), tmp_path)
    assert told.startswith("3:19: warning: exporter.watch: runs go to team-cart too")


def test_an_image_that_can_be_moved_is_told(tmp_path: Path) -> None:
    (told,) = problems(declared("{}").replace(f"@{DIGEST}", ":1"), tmp_path)
    assert told.startswith("2:33: warning: cluster.image: a tag can be moved")


def many(count: int, key: str) -> str:
    return "".join(
        f'  p{number}: {{repository: acme/p{number}, {key.format(number)}, events: {{schedule: {{at: "0 3 * * *"}}}}}}\n'
        for number in range(count)
    )


def test_more_namespaces_than_it_watches_by_name_need_a_cluster_role(tmp_path: Path) -> None:
    text = declared("{}") + many(51, "namespace: team-{}")
    (told,) = problems(text, tmp_path)
    assert told.startswith(
        "3:11: error: exporter.watch: runs go to 53 namespaces, and the exporter watches 50 by name"
    )
    assert problems(text.replace("exporter: {}", "exporter: {watch: all}"), tmp_path) == []


def test_schedules_beyond_a_config_map_are_left_out_and_told() -> None:
    files = [("hookline.yaml", (declared("{}") + many(1_000, "owner: team-{}")).encode())]
    plan = make_plan(load_texts(files), {})
    (told,) = plan.warnings
    assert "so that the exporter does not show when they fire" in str(told)
    made = installation(plan)
    assert made is not None
    assert SCHEDULES not in made.files
    fits = make_plan(
        load_texts([("hookline.yaml", (declared("{}") + many(500, "owner: team-{}")).encode())]), {}
    )
    made = installation(fits)
    assert made is not None
    assert fits.warnings == ()
    assert 40_000 < len(made.files["schedules.yaml"]) < LARGEST
