"""docs/guide on the node: every command of its pages, in their order, and by hand what the pages leave to people."""

import base64
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from cluster.api import Json
from cluster.gitea import PASSWORD as GIT_PASSWORD
from guide_pages import PAGES, SETTINGS, Section, sections, with_settings
from node.forge import REGISTRY, Forge
from node.installation import API, ORGANISATION
from node.places import DOMAIN, FOLDER, FORGE, NAME
from node.world import World
from template.servers import PASSWORD, USER

NAMESPACE = "guide"
TEAM = "team-cart"
SHOP, CART = f"{ORGANISATION}/guide-shop", f"{ORGANISATION}/guide-cart"
STORAGE_CLASS = "guide"
COMMAND_SECONDS = 1_800.0
"""Longer than any section takes on a busy machine."""
FILES = {
    "go.mod": "module example.com/guide\n\ngo 1.22\n",
    "guide.go": "package guide\n\nfunc Answer() int { return 42 }\n",
    "guide_test.go": 'package guide\n\nimport "testing"\n\nfunc TestAnswer(t *testing.T) {\n\tif Answer() != 42 {\n\t\tt.Fatal("no answer")\n\t}\n}\n',
    "Dockerfile": "FROM scratch\nCOPY guide.go /guide.go\n",
}
"""A repository as the guide asks for one, which is built in no time."""
EXIT_1_MEANS_A_CHANGE = ("hookline diff ", "kubectl diff ")


class Reader:
    """Who follows the guide, in a folder and namespaces of their own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.folder = FOLDER / "guide"
        self.folder.mkdir()
        home = FOLDER / "home-of-the-reader"
        home.mkdir()
        self._environment = world.hookline.environment | {"HOME": str(home)}
        self._hooks: dict[str, int] = {}
        (self.folder / "ca.crt").write_bytes(world.forge.authority.read_bytes())
        _sign_in(home, world.forge)
        for repository in (SHOP, CART):
            _create(world.forge, repository)
        world.cluster.apply([*_volumes()])
        options = world.hookline.template_command("hookline-ci-go").partition("hookline-ci-go")[2].strip()
        storage = f"--storage class --storage-class {STORAGE_CLASS} --private-ca ca.crt"
        self._values = {
            "NAMESPACE": NAMESPACE,
            "GIT_KIND": "gitea",
            "GIT_HOST": f"{FORGE}:3000",
            "REGISTRY": REGISTRY,
            "SHOP": SHOP,
            "VOLUME": storage,
            "TEMPLATE_OPTIONS": options,
            "CART": CART,
            "CART_VOLUME": storage,
            "HOOKLINE_IMAGE": world.cluster.own_image,
        }
        assert self._values.keys() == set(SETTINGS)
        self._by_hand: dict[tuple[str, str], Callable[[], None]] = {
            ("install", "Fill in the login"): lambda: self._fill_in("prerequisites.yaml"),
            ("first-build", "Set the webhook"): lambda: self._set_webhook(SHOP),
            ("requests", "Choose the new event"): lambda: self._set_webhook(SHOP),
            ("requests", "Open the request"): lambda: _open_request(world.forge, SHOP, "topic"),
            ("second-team", "Fill in its login"): lambda: self._fill_in("prerequisites-cart.yaml"),
            ("second-team", "Set its webhook"): lambda: self._set_webhook(CART),
            ("remove", "Remove hookline"): self._delete_webhooks,
        }
        self._nothing_to_do = {
            ("upgrade", "Install the new version"),  # this version is installed
            ("upgrade", "Upgrade Argo"),
        }

    def follow(self, page: str) -> str:
        """Do everything that a page says; what its commands printed."""
        return "".join(self.do(page, section) for section in sections(page))

    def do(self, page: str, section: Section) -> str:
        """Do what a section says: by hand first, then its commands; what they printed."""
        place = (page, section.heading)
        assert section.commands or place in self._by_hand or place in self._nothing_to_do, place
        if place in self._by_hand:
            self._by_hand[place]()
        printed = self._shell(with_settings(section.commands, self._values))
        self.world.say(f"guide: {page}, {section.heading}")
        return printed

    def _shell(self, commands: str) -> str:
        # A reader stays in one shell: what a block needs of the blocks before it is the settings.
        lines = ["[ ! -e settings.sh ] || . ./settings.sh"]
        lines += [
            f"{line} || test $? = 1" if line.startswith(EXIT_1_MEANS_A_CHANGE) else line
            for line in commands.splitlines()
        ]
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, f"{commands}\nfailed: {done.stdout[-6_000:]}"
        return done.stdout

    def _fill_in(self, name: str) -> None:
        path = self.folder / name
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        kept = [line for line in path.read_text().splitlines() if "hookline.dev/unfinished:" not in line]
        path.write_text(re.sub(r'"<base64[^>]*>"', f'"{login}"', "\n".join(kept)) + "\n")

    def _set_webhook(self, repository: str) -> None:
        """As `hookline webhooks` says, by Gitea's API: a new one, or other events of the one that is there."""
        (webhook,) = json.loads(self._shell("hookline webhooks declaration --output json 2>/dev/null"))[
            "items"
        ]
        host = f"{webhook['service']}.{NAMESPACE}.svc.{DOMAIN}"
        config = {
            "url": f"http://{host}:{webhook['port']}{webhook['path']}",
            "content_type": "json",
            "secret": (self.folder / webhook["secret"]["file"]).read_text().strip(),
        }
        body = {"active": True, "config": config, "events": [each["name"] for each in webhook["choose"]]}
        api = self.world.forge.gitea.api
        if repository in self._hooks:
            api("administrator", "PATCH", f"repos/{repository}/hooks/{self._hooks[repository]}", body)
        else:
            made = api("administrator", "POST", f"repos/{repository}/hooks", body | {"type": "gitea"})
            self._hooks[repository] = made["id"]

    def _delete_webhooks(self) -> None:
        for repository, hook in self._hooks.items():
            self.world.forge.gitea.api("administrator", "DELETE", f"repos/{repository}/hooks/{hook}")

    def phases(self, namespace: str, pipeline: str) -> list[str]:
        """How the Workflows of a pipeline ended, the oldest first."""
        found = self.world.cluster.api.list(API, "Workflow", namespace, f"hookline.dev/pipeline={pipeline}")
        found.sort(key=lambda each: str(each["metadata"]["creationTimestamp"]))
        return [each["status"]["phase"] for each in found]

    def names(self, kind: str, version: str, namespace: str) -> set[str]:
        """Objects of a kind that nobody else made."""
        return {
            each["metadata"]["name"]
            for each in self.world.cluster.api.list(version, kind, namespace)
            if not {"ownerReferences", "deletionTimestamp"} & each["metadata"].keys()
        }


def _sign_in(home: Path, forge: Forge) -> None:
    """Git as a person has it who works with this host."""
    _, _, place = forge.gitea.url.partition("://")
    (home / ".git-credentials").write_text(f"https://administrator:{quote(GIT_PASSWORD, safe='')}@{place}\n")
    (home / ".gitconfig").write_text(
        "[user]\n\tname = reader\n\temail = reader@example.com\n[credential]\n\thelper = store\n"
        f"[http]\n\tsslCAInfo = {forge.authority}\n"
    )


def _create(forge: Forge, repository: str) -> None:
    """A repository with one commit."""
    owner, _, name = repository.partition("/")
    forge.gitea.api("administrator", "POST", f"orgs/{owner}/repos", {"name": name, "default_branch": "main"})
    clone = forge.gitea.clone("administrator", repository, FOLDER / f"first-{name}")
    clone.commit(message="Begin", files=FILES)
    clone.push("HEAD:refs/heads/main")


def _open_request(forge: Forge, repository: str, head: str) -> None:
    body = {"head": head, "base": "main", "title": "Try a request"}
    forge.gitea.api("administrator", "POST", f"repos/{repository}/pulls", body)


def _volumes() -> list[Json]:
    """Two folders that many pods write, one for each team, and a disk for the exporter."""
    found: list[Json] = [
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": STORAGE_CLASS},
            "provisioner": "kubernetes.io/no-provisioner",
        }
    ]
    node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NAME]}
    disk: Json = {
        "accessModes": ["ReadWriteOnce"],
        "local": {"path": str(FOLDER / "guide-disk")},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [node]}]}},
    }
    specs = {"guide-disk": disk} | {
        name: {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": STORAGE_CLASS,
            "hostPath": {"path": str(FOLDER / name), "type": "Directory"},
        }
        for name in ("guide-shop", "guide-cart")
    }
    for name, spec in specs.items():
        (FOLDER / name).mkdir()
        whole = {"capacity": {"storage": "1Ti"}, **spec}
        found.append(
            {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": whole}
        )
    return found


@pytest.fixture(scope="module")
def reader(world: World) -> Iterator[Reader]:
    made = Reader(world)
    yield made
    # The guide removes the template of the whole cluster at its end.
    world.hookline.apply_template("hookline-ci-go")


def pushed(reader: Reader, repository: str) -> set[str]:
    """Tags of an image in the registry, without the cache."""
    return reader.world.forge.registry.tags(repository) - {"buildcache"}


def belongings(reader: Reader) -> set[tuple[str, str, str]]:
    """Claims and Secrets of both namespaces: kind, namespace, name. The token of an account goes with its account."""
    tokens = {
        (each["metadata"]["namespace"], each["metadata"]["name"])
        for namespace in (NAMESPACE, TEAM)
        for each in reader.world.cluster.api.list("v1", "Secret", namespace)
        if each["type"] == "kubernetes.io/service-account-token"
    }
    return {
        (kind, namespace, name)
        for kind in ("PersistentVolumeClaim", "Secret")
        for namespace in (NAMESPACE, TEAM)
        for name in reader.names(kind, "v1", namespace)
        if kind != "Secret" or (namespace, name) not in tokens
    }


def test_1_install(reader: Reader) -> None:
    reader.follow("install")
    assert reader.names("Sensor", API, NAMESPACE) == {"hookline-1"}


def test_2_the_first_push_becomes_an_image(reader: Reader) -> None:
    printed = reader.follow("first-build")
    assert printed.rstrip().splitlines()[-1].split()[1] == "Succeeded"
    commit = reader.world.forge.gitea.api("administrator", "GET", f"repos/{SHOP}/branches/main")["commit"][
        "id"
    ]
    assert pushed(reader, SHOP) == {"latest", f"v1.0.0-{commit[:12]}"}


def test_3_a_request_is_built_and_pushes_nothing(reader: Reader) -> None:
    before = pushed(reader, SHOP)
    printed = reader.follow("requests")
    assert printed.rstrip().splitlines()[-1].split()[1] == "Succeeded"
    assert pushed(reader, SHOP) == before


def test_4_the_second_team_builds_in_its_own_namespace(reader: Reader) -> None:
    reader.follow("second-team")
    assert reader.phases(TEAM, "cart") == ["Succeeded"]
    assert reader.phases(NAMESPACE, "cart") == []
    assert len(pushed(reader, CART)) == 2


def test_5_the_exporter_counts_a_run_and_the_dashboards_are_there(reader: Reader) -> None:
    printed = reader.follow("dashboards")
    (counted,) = re.findall(r'(?m)^hookline_runs_total\{.*outcome="success".*\} (\S+)$', printed)
    assert float(counted) == 1
    assert len(list((reader.folder / "monitoring/grafana/dashboards").glob("*.json"))) == 6


def test_6_an_upgrade_to_the_same_version_changes_nothing(reader: Reader) -> None:
    uids = {each["metadata"]["uid"] for each in reader.world.cluster.api.list(API, "Sensor", NAMESPACE)}
    printed = reader.follow("upgrade")
    assert "would lose" not in printed
    assert {
        each["metadata"]["uid"] for each in reader.world.cluster.api.list(API, "Sensor", NAMESPACE)
    } == uids


def test_7_what_is_removed_leaves_what_belongs_to_people(reader: Reader) -> None:
    first, whole, rest = sections("remove")
    mine = belongings(reader)
    assert ("PersistentVolumeClaim", TEAM, "pvc-nas") in mine
    assert {("Secret", NAMESPACE, name) for name in ("git-webhook", "docker-config")} <= mine
    reader.do("remove", first)
    assert "hookline-sensor" not in reader.names("RoleBinding", "rbac.authorization.k8s.io/v1", TEAM)
    assert reader.names("Sensor", API, NAMESPACE) == {"hookline-1"}
    reader.do("remove", whole)
    for kind in ("Sensor", "EventSource", "EventBus"):
        assert reader.names(kind, API, NAMESPACE) == set()
    for kind in ("Role", "RoleBinding"):
        for namespace in (NAMESPACE, TEAM):
            left = reader.names(kind, "rbac.authorization.k8s.io/v1", namespace)
            assert not {name for name in left if name.startswith("hookline-sensor")}
    assert belongings(reader) == mine
    reader.do("remove", rest)
    assert {NAMESPACE, TEAM}.isdisjoint(
        each["metadata"]["name"] for each in reader.world.cluster.api.list("v1", "Namespace")
    )


def test_the_guide_was_followed_page_by_page() -> None:
    tests = [name for name in globals() if re.match(r"test_\d", name)]
    assert len(tests) == len(PAGES)
