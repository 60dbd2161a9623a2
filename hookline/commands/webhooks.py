"""Print what to set at the hosts, and how to make the Secrets."""

from typing import Any

import click

from hookline.answers.webhooks import NO_ADDRESS, SecretToMake, Webhook, Webhooks, webhooks
from hookline.command_line.common import (
    DeclarationArguments,
    declaration_arguments,
    format_option,
    print_data,
    print_line,
    report,
)
from hookline.command_line.strict import StrictCommand
from hookline.output import table

NOTHING = "nothing to choose"
AFTERWARDS = "Set the content of each file at its host, then delete the file."
MANY = 5
"""Repositories that are named in a line; JSON and Markdown name all of them."""


@click.command(cls=StrictCommand)
@declaration_arguments
@format_option(
    "table",
    "markdown",
    "json",
    "yaml",
    help="Format of the answer.",
)
def command(declared: DeclarationArguments, output: str) -> None:
    """Print what to set at each host so that the events of this declaration arrive, and the commands that make the Secrets.

    FILE is a file or folder of the declaration, as with -f.

    \b
    Examples:
      hookline webhooks
      hookline webhooks -o markdown > WEBHOOKS.md

    The events to choose are those that pipelines use. No command that is printed makes an empty Secret.
    """
    plan = declared.plan()
    report(plan.warnings)
    found = webhooks(plan)
    if output in {"json", "yaml"}:
        print_data(_data(found), output)
    elif not found.items:
        click.echo("no pipeline uses a source, so no host has to be told anything")
    else:
        text = _markdown(found) if output == "markdown" else _text(found)
        for line in text.splitlines():
            print_line(line)


def _data(found: Webhooks) -> dict[str, Any]:
    return {
        "apiVersion": "hookline.dev/v1",
        "kind": "Webhooks",
        "items": [_item(each) for each in found.items],
        "secrets": [
            {
                "name": each.name,
                "namespace": each.namespace,
                "files": dict(each.files),
                "commands": list(each.commands),
            }
            for each in found.secrets
        ],
    }


def _item(webhook: Webhook) -> dict[str, Any]:
    endpoint = webhook.endpoint
    secret, unverified = endpoint.secret, endpoint.unverified
    return {
        "source": endpoint.name,
        "host": endpoint.host.name,
        "path": endpoint.path,
        "url": None if webhook.url.startswith(NO_ADDRESS) else webhook.url,
        "service": endpoint.service,
        "port": endpoint.host.receiver.port,
        "verification": endpoint.host.verification.value,
        "secret": None
        if secret is None
        else {"name": secret.name, "key": secret.key, "file": webhook.secret_file},
        "allowedCidrs": [] if unverified is None else sorted(unverified.allowed_cidrs),
        "kinds": list(webhook.kinds),
        "choose": [{"label": each.label, "name": each.name} for each in webhook.choices],
        "place": endpoint.host.webhook.place,
        "fields": [{"name": name, "value": value} for name, value in webhook.fields],
        "repositories": list(webhook.repositories),
    }


def _chosen(webhook: Webhook) -> str:
    return ", ".join(each.label for each in webhook.choices) or NOTHING


def _secret(webhook: Webhook) -> str:
    secret = webhook.endpoint.secret
    return "none" if secret is None else f"{secret.name}, key {secret.key}"


def _protection(webhook: Webhook) -> str | None:
    """A sentence about a source that cannot be verified; None for the others."""
    unverified = webhook.endpoint.unverified
    if unverified is None:
        return None
    return (
        f"The URL is the only secret. The NetworkPolicy admits {', '.join(sorted(unverified.allowed_cidrs))}: the addresses "
        "that the pod sees, which are those of the ingress where it hides its clients."
    )


def _text(found: Webhooks) -> str:
    head = ("SOURCE", "URL", "SERVICE", "PORT", "SECRET", "CHOOSE")
    rows = [
        (
            each.endpoint.name,
            each.url,
            each.endpoint.service,
            str(each.endpoint.host.receiver.port),
            _secret(each),
            _chosen(each),
        )
        for each in found.items
    ]
    parts = [table(head, rows)]
    for each in found.items:
        some = ", ".join(each.repositories[:MANY])
        more = f" and {len(each.repositories) - MANY} more" if len(each.repositories) > MANY else ""
        lines = [
            ("for", f"{some}{more}"),
            ("at", each.endpoint.host.webhook.place),
            *each.fields,
            ("choose", _chosen(each)),
        ]
        body = table(("", ""), [(f"  {name}", value) for name, value in lines]).partition("\n")[2]
        note = _protection(each)
        parts.append(
            f"\n{each.endpoint.name}: {each.endpoint.host.title}\n{body}" + (f"  {note}\n" if note else "")
        )
    parts += [f"\nSecret {each.name}:\n{_indented(each)}" for each in found.secrets]
    return "".join(parts) + (f"\n{AFTERWARDS}\n" if found.secrets else "")


def _indented(secret: SecretToMake) -> str:
    return "".join(f"  {line}\n" for line in secret.commands)


def _markdown(found: Webhooks) -> str:
    parts = ["# Webhooks\n"]
    for each in found.items:
        endpoint = each.endpoint
        rows = [
            ("URL", f"`{each.url}`"),
            ("Service and port", f"`{endpoint.service}`, {endpoint.host.receiver.port}"),
            ("Kubernetes Secret", _secret(each)),
            ("Where", endpoint.host.webhook.place),
            *((name, f"`{value}`") for name, value in each.fields),
            ("Choose", _chosen(each)),
            ("For", ", ".join(f"`{repository}`" for repository in each.repositories)),
        ]
        cells = "".join(f"| {name} | {value.replace('|', chr(92) + '|')} |\n" for name, value in rows)
        note = _protection(each)
        parts.append(
            f"\n## {endpoint.name}: {endpoint.host.title}\n\n| | |\n|---|---|\n{cells}"
            + (f"\n{note}\n" if note else "")
        )
    parts += [
        f"\n## Secret {each.name}\n\n```sh\n{''.join(f'{line}{chr(10)}' for line in each.commands)}```\n"
        for each in found.secrets
    ]
    return "".join(parts) + (f"\n{AFTERWARDS}\n" if found.secrets else "")
