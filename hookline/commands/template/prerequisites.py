"""hookline template prerequisites."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click

from documents.diagnostics import InvalidInput
from documents.files import read_file
from hookline.command_line.common import fail, objects_option, print_line
from hookline.command_line.strict import StrictCommand
from hookline.labels import DEFAULT_INSTANCE, USER_DATA, labelled
from hookline.output import comment, json_text, yaml_text
from triggers.prerequisites import (
    GIT_SECRET,
    ClassStorage,
    GitCredentials,
    NasStorage,
    NfsStorage,
    Prerequisite,
    Storage,
    placeholders,
    prerequisites,
)

NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,54}[a-z0-9])?")
"""Seven characters fewer than Kubernetes allows: the volume's label holds the namespace after pv-nas-."""
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
SERVER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]*[A-Za-z0-9])?")
PATH = re.compile(r"/[^\x00-\x1f<>\"'\\]*")
CLASS = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
MOUNT_OPTION = re.compile(r"\S+")
SIZE = re.compile(r"[1-9][0-9]{0,8}(?:[MGT]i?)")
OTHER_SECRET = re.compile(r"docker-config|hookline-.*")
"""Secrets for something else."""
SECRET = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
LARGEST_CA = 512 * 1024


@click.command("prerequisites", cls=StrictCommand)
@click.option("-n", "--namespace", default="ci", show_default=True, help="Namespace of the runs.")
@click.option(
    "--storage",
    "kind",
    type=click.Choice(["nas", "nfs", "class"]),
    default="nas",
    show_default=True,
    help="Kind of the volume: Alibaba Cloud NAS, any NFS server, or a StorageClass with ReadWriteMany.",
)
@click.option("--nas-server", metavar="HOST", help="Mount target of the NAS file system.")
@click.option("--nas-path", metavar="PATH", help="Directory of the NAS file system.  [default: /]")
@click.option("--nfs-server", metavar="HOST", help="Host name or address of the NFS server.")
@click.option("--nfs-path", metavar="PATH", help="Directory that the NFS server exports.")
@click.option("--storage-class", metavar="NAME", help="Name of the StorageClass.")
@click.option(
    "--mount-option",
    "mount_options",
    multiple=True,
    metavar="OPTION",
    help="Mount option, in place of the usual ones of the storage; repeatable.",
)
@click.option("--size", default="100Gi", show_default=True, help="Size of the volume.")
@click.option(
    "--registry",
    "registries",
    multiple=True,
    metavar="HOST",
    help="Registry to which runs push images, or from which they pull private ones; repeatable.",
)
@click.option(
    "--git",
    multiple=True,
    metavar="[NAME=]password|ssh",
    help="Print a Secret for private repositories too: with a password or token, or with an SSH key. Repeatable: one Secret for each git "
    "host. NAME is the name of the Secret.  [default: git-creds]",
)
@click.option(
    "--private-ca",
    "ca",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Print the ConfigMap private-ca too, from this file: certificates (PEM) of the CA of the git host, module proxy and registry.",
)
@objects_option
def command(
    *,
    namespace: str,
    kind: str,
    size: str,
    registries: tuple[str, ...],
    mount_options: tuple[str, ...],
    git: tuple[str, ...],
    ca: Path | None,
    output: str,
    **places: str | None,
) -> None:
    """Print the objects that a template needs before its first run: volume, registry credentials, account.

    A value for which you give no option is a placeholder, such as <NAS mount target>. stderr lists the placeholders. The API server
    rejects objects that still have placeholders, because of a label. Passwords are never options: write them into the file.

    \b
    Examples:
      hookline template prerequisites -n ci --nas-server 0123456789-abc12.cn-hangzhou.nas.aliyuncs.com
      hookline template prerequisites -n ci --storage nfs --nfs-server 10.0.0.5 --nfs-path /export/ci
      hookline template prerequisites -n ci --storage class --storage-class nfs-csi --git ssh
      hookline template prerequisites -n ci --git password --git gitlab-creds=ssh
    """
    _expect(NAMESPACE, namespace, "-n", "a namespace of at most 56 characters, as in ci")
    _expect(SIZE, size, "--size", "a size such as 100Gi")
    for host in registries:
        _expect(HOST, host, "--registry", "a host, as in registry-vpc.cn-hangzhou.aliyuncs.com")
    made = prerequisites(
        namespace,
        _storage(kind, places, mount_options),
        registries=tuple(dict.fromkeys(registries)),
        size=size,
        git=_git_secrets(git),
        private_ca="" if ca is None else _certificates(ca),
    )
    found = [replace(each, manifest=_labelled(each.manifest)) for each in made]
    if output == "json":
        items = [each.manifest for each in found]
        click.echo(json_text({"apiVersion": "v1", "kind": "List", "items": items}), nl=False)
    else:
        click.echo("".join(map(_document, found)), nl=False)
    for each in found:
        if left := placeholders(each.manifest):
            print_line(f"to fill in: {', '.join(left)} in {each.title}", err=True)


def _labelled(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """An object with its labels: accounts and rights as render prints them too, everything else is the user's."""
    of_runs = (
        manifest["kind"] in {"ServiceAccount", "Role", "RoleBinding"}
        or manifest.get("type") == "kubernetes.io/service-account-token"
    )
    return labelled(manifest, "runs" if of_runs else USER_DATA, DEFAULT_INSTANCE)


def _document(each: Prerequisite) -> str:
    return "---\n" + "".join(map(comment, each.notes)) + yaml_text(each.manifest)


def _expect(pattern: re.Pattern[str], value: str, option: str, accepted: str) -> None:
    if not pattern.fullmatch(value):
        fail(f"{option} {value}: expected {accepted}")


def _storage(kind: str, places: dict[str, str | None], mount_options: tuple[str, ...]) -> Storage:
    given = {name: value for name, value in places.items() if value is not None}
    belongs = {
        "nas": {"nas_server", "nas_path"},
        "nfs": {"nfs_server", "nfs_path"},
        "class": {"storage_class"},
    }
    for name in given:
        if name not in belongs[kind]:
            option = f"--{name.replace('_', '-')}"
            owner = next(each for each, names in belongs.items() if name in names)
            fail(f"{option} is for --storage {owner}, not {kind}")
    for each in mount_options:
        _expect(MOUNT_OPTION, each, "--mount-option", "an option without spaces, as in vers=4.1")
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if name.endswith("_server"):
            _expect(SERVER, value, option, "a host name or an address")
        elif name.endswith("_path"):
            _expect(PATH, value, option, "a path that begins with /")
        else:
            _expect(CLASS, value, option, "the name of a StorageClass")
    if kind == "class":
        if mount_options:
            fail("--mount-option is for --storage nas and nfs; a StorageClass has its own")
        return ClassStorage(**({"name": given["storage_class"]} if given else {}))
    settings = {name.partition("_")[2]: value for name, value in given.items()}
    storage: NasStorage | NfsStorage = NasStorage(**settings) if kind == "nas" else NfsStorage(**settings)  # type: ignore[arg-type]  # server and path are texts
    return type(storage)(storage.server, storage.path, mount_options or storage.options)


def _git_secrets(given: tuple[str, ...]) -> dict[str, list[GitCredentials]]:
    """The credentials of --git by the name of their Secret."""
    found: dict[str, list[GitCredentials]] = {}
    for each in given:
        name, equals, text = each.rpartition("=")
        name = name if equals else GIT_SECRET
        kind: GitCredentials | None = next((one for one in get_args(GitCredentials) if one == text), None)
        if kind is None or not SECRET.fullmatch(name):
            fail(
                f"--git {each}: expected password or ssh, perhaps after the name of a Secret, as in gitlab-creds=ssh"
            )
        if OTHER_SECRET.fullmatch(name):
            fail(
                f"--git {each}: {name} is a Secret for something else; expected another name, as in gitlab-creds={kind}"
            )
        if kind in found.setdefault(name, []):
            fail(
                f"--git {each}: {name} has it already; a second git host needs a Secret of its own, as in gitlab-creds={kind}"
            )
        found[name].append(kind)
    return found


def _certificates(path: Path) -> str:
    try:
        text = read_file(path, LARGEST_CA).decode("ascii")
    except InvalidInput as invalid:
        fail(f"--private-ca {path}: {invalid.diagnostics[0].message}")
    except UnicodeDecodeError:
        fail(
            f"--private-ca {path}: expected PEM, which is plain text; openssl x509 -inform der -in FILE converts"
        )
    if "PRIVATE KEY" in text:
        fail(f"--private-ca {path}: it holds a private key; expected certificates alone")
    if "-----BEGIN CERTIFICATE-----" not in text:
        fail(f"--private-ca {path}: expected certificates in PEM")
    return text
