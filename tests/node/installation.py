"""hookline on the node, installed by the commands that README.md gives, and what then happens to an event."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from cluster.api import ApiError, Json
from cluster.gitea import Clone
from cluster.waiting import until
from node.catalogue import TEMPLATE_IMAGES
from node.declaration import REPORTS
from node.forge import BASE_IMAGE, REGISTRY, RUNTIME_IMAGE, STORAGE_CLASS, Forge
from node.kubernetes import Kubernetes
from node.places import DOMAIN, FOLDER
from template.repositories import FILES
from template.servers import PASSWORD, USER

__all__ = ["API", "NAMESPACE", "Hookline", "Project"]

API = "argoproj.io/v1alpha1"
NAMESPACE = "ci"
ORGANISATION = "acme"
EVENT_PODS = "controller in (eventbus-controller,eventsource-controller,sensor-controller)"
"""Selects what Argo Events runs for hookline."""
RUN_SECONDS = 900.0
"""Longer than any run takes on a busy machine."""
COMMAND_SECONDS = 600.0
"""Longer than any command waits."""
MODULE = Path(__file__).parent.parent / "template/modules/small"
DOCKERFILE = f"""\
FROM {BASE_IMAGE} AS build
ARG GOPROXY
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -o /shop .

FROM {RUNTIME_IMAGE}
COPY --from=build /src/stamp.txt /stamp.txt
COPY --from=build /shop /shop
ENTRYPOINT ["/shop"]
"""
"""Seven steps that can be hits: three before the source is copied, four from there on."""


class Hookline:
    """An installation in a namespace, and the folder of who works on its hookline.yaml."""

    def __init__(self, cluster: Kubernetes, forge: Forge, namespace: str = NAMESPACE) -> None:
        self.cluster = cluster
        self.forge = forge
        self.namespace = namespace
        self.folder = FOLDER / f"work-{namespace}"
        self.folder.mkdir()
        self.environment = cluster.environment | {
            "PATH": f"{Path(sys.executable).parent}:{cluster.environment['PATH']}"
        }
        """Of a shell with hookline and kubectl."""

    def shell(self, command: str) -> str:
        """What a command prints that somebody types in the folder of hookline.yaml.

        Raises:
            RuntimeError: It failed; with what it said.
        """
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command}\nfailed: {done.stdout[-2_000:]}{done.stderr[-4_000:]}")
        return done.stdout

    @contextmanager
    def started(self, command: str) -> Iterator[None]:
        """A command under way while the block runs; the block ends with it.

        Raises:
            RuntimeError: It failed; with what it said.
        """
        said = (self.folder / "said").open("w+")
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder, env=self.environment, stdout=said, stderr=said,
        )  # fmt: skip
        try:
            yield
            if process.wait(COMMAND_SECONDS):
                said.seek(0)
                raise RuntimeError(f"{command}\nfailed: {said.read()[-4_000:]}")
        finally:
            process.kill()
            said.close()

    def write(self, declaration: str) -> None:
        """The file of the installation."""
        (self.folder / "hookline.yaml").write_text(declaration)

    def create_secrets(self) -> None:
        """The Secrets of the webhooks, by the commands that hookline prints."""
        for secret in self.webhooks()["secrets"]:
            for command in secret["commands"]:
                self.shell(command)

    def create_report_secret(self) -> None:
        """The Secret of the controller, as docs/controller.md says to make it, with the authority of the git host beside the token."""
        (self.folder / "token.txt").write_text(
            self.forge.gitea.token("administrator", "hookline", "write:repository")
        )
        self.shell(
            f"kubectl -n {self.namespace} create secret generic {REPORTS}"
            f" --from-file=token=token.txt --from-file=ca.crt={self.forge.authority}"
        )

    def install(self, declaration: str, template: str = "hookline-ci-go") -> None:
        """README's five commands, and the Secrets of the webhooks."""
        self.write(declaration)
        self.shell(f"kubectl create namespace {self.namespace}")
        self.create_secrets()
        self.create_report_secret()
        self.apply_prerequisites()
        self.apply_template(template)
        self.apply_rendered()

    def apply_prerequisites(self) -> None:
        """What a template needs besides: the second and third of README's commands."""
        (self.folder / "ca.crt").write_bytes(self.forge.authority.read_bytes())
        self.shell(
            f"hookline template prerequisites -n {self.namespace} --registry {REGISTRY} --storage class --storage-class {STORAGE_CLASS}"
            " --private-ca ca.crt > prerequisites.yaml"
        )
        self._fill_in(self.folder / "prerequisites.yaml")
        self.shell("kubectl apply --server-side -f prerequisites.yaml")

    def apply_rendered(self) -> None:
        """The objects of hookline.yaml, as it is now."""
        self.shell("hookline render | kubectl apply --server-side -f -")

    def _fill_in(self, path: Path) -> None:
        """What the file asks for: the login of the registry, and the label's removal."""
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        lines = path.read_text().splitlines(keepends=True)
        kept = [line for line in lines if "hookline.dev/unfinished:" not in line]
        asked = f"<base64 of user:password for {REGISTRY}, on one line>"
        path.write_text("".join(kept).replace(asked, login))

    def apply_template(self, name: str) -> None:
        """A template with the images of this node."""
        self.shell(f"{self.template_command(name)} | kubectl apply --server-side -f -")

    def template_command(self, name: str) -> str:
        """What prints it."""
        digests = self.cluster.supplies.digests
        images = " ".join(
            f"--image {part}=docker.io/{repository}@{digests[f'{repository}:1']}"
            for part, repository in TEMPLATE_IMAGES.items()
        )
        return f"hookline template {name} {images}"

    def webhooks(self) -> Json:
        """What hookline says to set at the hosts."""
        found: Json = json.loads(self.shell("hookline webhooks -o json"))
        return found

    def listen_to_registry(self) -> None:
        """Set the webhook of the registry, as hookline says to."""
        (webhook,) = (each for each in self.webhooks()["items"] if each["host"] == "distribution")
        token = (self.folder / webhook["secret"]["file"]).read_text().strip()
        fields = {each["name"]: each["value"] for each in webhook["fields"]}
        headers = yaml.safe_load(
            fields["headers"].replace(f"<content of {webhook['secret']['file']}>", token)
        )
        self.forge.registry.notify(
            {
                "name": "hookline",
                "url": self.url(webhook),
                "headers": headers,
                "ignore": {"actions": yaml.safe_load(fields["ignore.actions"])},
                "timeout": "10s",
                "threshold": 5,
                "backoff": "1s",
            }
        )

    def until_receiving(self) -> None:
        """Wait until the bus, the event sources and the Sensors run, and every Sensor has subscribed."""
        rows = [line.split() for line in self.shell("hookline render --pods").splitlines()]
        pods = sum(int(row[2]) for row in rows if row[0] in {"EventBus", "EventSource", "Sensor"})
        self.cluster.until_ready(self.namespace, EVENT_PODS, count=pods)
        until(self._subscribed, "every Sensor has subscribed", pause=0.5)

    def _subscribed(self) -> bool:
        logs = self.shell(f"kubectl -n {self.namespace} logs -l sensor-name --tail=-1 --prefix")
        sensors = self.cluster.api.list(API, "Sensor", self.namespace)
        return len(sensors) > 0 and all(
            any(
                f"[pod/{each['metadata']['name']}-sensor-" in line and "Subscrib" in line
                for line in logs.splitlines()
            )
            for each in sensors
        )

    def url(self, webhook: Mapping[str, Any]) -> str:
        """Where a host in the same network reaches an event source: at its Service."""
        return f"http://{webhook['service']}.{self.namespace}.svc.{DOMAIN}:{webhook['port']}{webhook['path']}"

    def workflows(self, pipeline: str) -> list[Json]:
        """Workflows of a pipeline, the oldest first."""
        found = self.cluster.api.list(API, "Workflow", self.namespace, f"hookline.dev/pipeline={pipeline}")
        return sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))

    def until_run(self, pipeline: str, kind: str, commit: str = "") -> str:
        """The name of the Workflow that a pipeline has for an event, as soon as it is there.

        Args:
            pipeline: Its name.
            kind: Of the event: push, tag, pull_request, schedule, image_push.
            commit: Of the event; without one, it is the pipeline's only event of this kind.
        """

        def found() -> str | None:
            names = [
                str(each["metadata"]["name"])
                for each in self.workflows(pipeline)
                if each["metadata"]["labels"]["hookline.dev/event-kind"] == kind
                and commit in {"", each["metadata"].get("annotations", {}).get("hookline.dev/sha")}
            ]
            assert len(names) < 2, f"{pipeline} runs more than once for {kind} {commit}: {names}"
            return names[0] if names else None

        return until(found, f"{pipeline} has a Workflow for {kind} {commit}", pause=0.2)

    def until_ended(self, name: str, seconds: float = RUN_SECONDS) -> Json:
        """A Workflow, as soon as it has ended."""

        def ended() -> Json | None:
            found = self.cluster.api.get(API, "Workflow", name, self.namespace)
            return found if found.get("status", {}).get("phase") in {"Succeeded", "Failed", "Error"} else None

        return until(ended, f"Workflow {name} has ended", seconds, 0.5)

    def until_step(self, name: str, step: str, check: Callable[[Json], bool]) -> Json:
        """The pod of a step, as soon as the check is true of it."""

        def found() -> Json | None:
            selector = f"workflows.argoproj.io/workflow={name}"
            for pod in self.cluster.api.list("v1", "Pod", self.namespace, selector):
                node = str(pod["metadata"]["annotations"].get("workflows.argoproj.io/node-name", ""))
                if f".{step}" in node and check(pod):
                    return pod
            return None

        return until(found, f"the pod of {step} of {name}", pause=0.2)

    def logs(self, name: str) -> str:
        """What the steps of a Workflow printed, as far as their pods are there."""
        try:
            return self.shell(
                f"kubectl -n {self.namespace} logs -l workflows.argoproj.io/workflow={name} -c main --tail=-1 --prefix"
            )
        except (RuntimeError, ApiError) as error:
            return str(error)


class Project:
    """A repository of the git host with a Go service in it, and the clone of who works on it."""

    def __init__(self, hookline: Hookline, name: str) -> None:
        self.name = name
        self.full_name = f"{ORGANISATION}/{name}"
        self._hookline = hookline
        self.hook = 0
        """Number of its webhook, once there is one."""
        gitea = hookline.forge.gitea
        gitea.api(
            "administrator", "POST", f"orgs/{ORGANISATION}/repos", {"name": name, "default_branch": "main"}
        )
        self.clone: Clone = gitea.clone("administrator", self.full_name, hookline.folder / name)
        module = {each: (MODULE / each).read_text() for each in ("go.mod", "go.sum")}
        self.files = {**FILES, **module, "Dockerfile": DOCKERFILE, "stamp.txt": "1\n"}

    def add_webhooks(self) -> None:
        """As hookline webhooks says, by Gitea's API."""
        for webhook in self._hookline.webhooks()["items"]:
            if webhook["host"] != "gitea" or self.full_name not in webhook["repositories"]:
                continue
            secret = (self._hookline.folder / webhook["secret"]["file"]).read_text().strip()
            config = {"url": self._hookline.url(webhook), "content_type": "json", "secret": secret}
            hook = {
                "type": "gitea",
                "active": True,
                "config": config,
                "events": [each["name"] for each in webhook["choose"]],
            }
            made = self._hookline.forge.gitea.api(
                "administrator", "POST", f"repos/{self.full_name}/hooks", hook
            )
            self.hook = int(made["id"])

    def push(self, files: Mapping[str, str], branch: str = "main") -> str:
        """Commit files and push; the commit."""
        commit = self.clone.commit(message="Change the shop", files=files)
        self.clone.push(f"HEAD:refs/heads/{branch}")
        return commit

    def request(self, head: str, into: str = "main") -> None:
        """Open a request of a branch."""
        body = {"head": head, "base": into, "title": "Change the shop"}
        self._hookline.forge.gitea.api("administrator", "POST", f"repos/{self.full_name}/pulls", body)
