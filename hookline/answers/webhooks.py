"""Webhooks: what to set at the hosts, and which Secrets to make, so that the events of a declaration arrive."""

from collections.abc import Mapping
from dataclasses import dataclass

from events.canonical import Kind
from events.eventsource import Endpoint
from events.webhook_form import Choice
from hookline.plan.planning import Plan

__all__ = ["NO_ADDRESS", "SecretToMake", "Webhook", "Webhooks", "webhooks"]

NO_ADDRESS = "https://ADDRESS-OF-YOUR-INGRESS"
"""Stands before a path where the declaration has no `cluster.ingress`."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One source with what its host has to be told."""

    endpoint: Endpoint
    url: str
    repositories: tuple[str, ...]
    """Repositories, of code or of images, whose events are wanted, as the declaration spells them, sorted."""
    kinds: tuple[Kind, ...]
    """Kinds of events that pipelines use from this source, sorted."""
    secret_file: str | None
    """File that holds the secret after the commands have run; None where nothing is verified."""
    comments: bool = False
    """Whether comments on its requests are heard."""

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """The fields of the host's form with their values."""
        return self.endpoint.host.webhook.filled(self.url, f"<content of {self.secret_file}>")

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The choices in the form."""
        form = self.endpoint.host.webhook
        return form.chosen(self.kinds) + (form.comments if self.comments else ())


@dataclass(frozen=True, slots=True)
class SecretToMake:
    """A Secret that sources need, with the commands that make it."""

    name: str
    namespace: str
    files: Mapping[str, str]
    """Key → file that holds its content."""

    @property
    def commands(self) -> tuple[str, ...]:
        """Shell commands: one for each file, then one for the Secret.

        No outcome of them is an empty Secret: the last command asks of every file whether it holds anything but white
        space. A file that has a content already is kept, so the commands may run again.
        """
        filled = {file: f"grep -q '[[:graph:]]' {file}" for file in self.files.values()}
        made = (
            f"{test} 2>/dev/null || (umask 077; openssl rand -hex 32 > {file})"
            for file, test in filled.items()
        )
        sources = " ".join(f"--from-file={key}={file}" for key, file in self.files.items())
        create = f"kubectl -n {self.namespace} create secret generic {self.name} {sources}"
        return (*made, " && ".join([*filled.values(), create]))


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Everything to set outside of the cluster's objects."""

    items: tuple[Webhook, ...]
    """By the name of the source."""
    secrets: tuple[SecretToMake, ...]
    """By name."""


def webhooks(plan: Plan) -> Webhooks:
    """The webhooks and Secrets of a plan; sources that no pipeline uses are left out."""
    kinds: dict[str, set[Kind]] = {}
    repositories: dict[str, set[str]] = {}
    for route in plan.routes:
        declared = plan.declaration.pipelines[route.pipeline].pipeline
        image = route.events.image_push if "image_push" in route.kinds else None
        kinds.setdefault(route.source.name, set()).update(route.kinds)
        repositories.setdefault(route.source.name, set()).add(
            image.image if image is not None else declared.repository.name
        )
    ingress = plan.declaration.cluster.ingress
    address = NO_ADDRESS if ingress is None else f"https://{ingress.host}"
    declared_controller = plan.declaration.controller
    heard = (declared_controller.controller.comments if declared_controller is not None else None) or ()
    files: dict[str, dict[str, str]] = {}
    for endpoint in plan.received:
        if endpoint.secret is not None:
            files.setdefault(endpoint.secret.name, {})[endpoint.secret.key] = _file(endpoint)
    return Webhooks(
        tuple(
            Webhook(
                endpoint,
                f"{address}{endpoint.path}",
                tuple(sorted(repositories[endpoint.name])),
                tuple(sorted(kinds[endpoint.name])),
                _file(endpoint) if endpoint.secret is not None else None,
                endpoint.name in heard,
            )
            for endpoint in plan.received
        ),
        tuple(
            SecretToMake(name, plan.namespace, dict(sorted(found.items())))
            for name, found in sorted(files.items())
        ),
    )


def _file(endpoint: Endpoint) -> str:
    """The file of a secret; names of Secrets have no dots, so no two are the same."""
    return f"{endpoint.secret.name}.{endpoint.secret.key}" if endpoint.secret is not None else ""
