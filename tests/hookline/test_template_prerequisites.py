"""hookline template prerequisites: what must be there before."""

import base64
import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support import read_yaml

from hookline.cli import main
from hookline.labels import labelled
from triggers.prerequisites import GUARD
from triggers.rbac import run_rights
from triggers.shipped import shipped, shipped_names


def hookline(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["template", *arguments], input=text)


FILLED = (
    "-n",
    "ci",
    "--nas-server",
    "0-abc.cn-hangzhou.nas.aliyuncs.com",
    "--registry",
    "registry.example.com",
)


def needed(*arguments: str) -> tuple[dict[str, Any], str]:
    """The objects by kind and name, and what is said on stderr."""
    result = hookline("prerequisites", *arguments)
    assert result.exit_code == 0, result.stderr
    objects = read_yaml(result.stdout)
    listed = json.loads(hookline("prerequisites", *arguments, "-o", "json").stdout)
    assert listed == {"apiVersion": "v1", "kind": "List", "items": objects}
    return {f"{each['kind']} {each['metadata']['name']}": each for each in objects}, result.stderr


def test_what_the_templates_mount_is_what_is_printed() -> None:
    objects, _ = needed("-n", "ci", "--git", "password")
    for name in shipped_names():
        for volume in shipped(name)["spec"]["volumes"]:
            if claim := volume.get("persistentVolumeClaim"):
                assert f"PersistentVolumeClaim {claim['claimName']}" in objects
            if secret := volume.get("secret"):
                assert f"Secret {secret['secretName']}" in objects
    # As render prints them, so that the two commands do not change each other's objects.
    rights = [labelled(each, "runs", "hookline") for each in run_rights("ci")]
    assert [objects[f"{each['kind']} {each['metadata']['name']}"] for each in rights] == rights
    assert {each["metadata"].get("namespace") for each in objects.values()} == {None, "ci"}


def test_the_volume_of_alibabas_nas() -> None:
    objects, said = needed(*FILLED)
    spec = objects["PersistentVolume pv-nas-ci"]["spec"]
    assert spec["csi"] == {
        "driver": "nasplugin.csi.alibabacloud.com",
        "volumeHandle": "pv-nas-ci",
        "volumeAttributes": {"server": "0-abc.cn-hangzhou.nas.aliyuncs.com", "path": "/"},
    }
    assert spec["mountOptions"] == ["nolock,tcp,noresvport", "vers=3"]
    labels = objects["PersistentVolume pv-nas-ci"]["metadata"]["labels"]
    claim = objects["PersistentVolumeClaim pvc-nas"]["spec"]
    assert claim["selector"]["matchLabels"].items() <= labels.items()
    assert claim["accessModes"] == spec["accessModes"] == ["ReadWriteMany"]
    assert claim["storageClassName"] == spec["storageClassName"] == ""
    assert "NAS mount target" not in said


def test_the_volume_of_any_nfs_server_and_of_a_class() -> None:
    objects, _ = needed(
        "-n", "ci", "--storage", "nfs", "--nfs-server", "10.0.0.5", "--nfs-path", "/x", "--mount-option", "vers=3", "--size", "1Ti"
    )  # fmt: skip
    spec = objects["PersistentVolume pv-nas-ci"]["spec"]
    assert (spec["nfs"], spec["mountOptions"]) == ({"server": "10.0.0.5", "path": "/x"}, ["vers=3"])
    assert spec["capacity"] == {"storage": "1Ti"}
    assert objects["PersistentVolumeClaim pvc-nas"]["spec"]["volumeName"] == "pv-nas-ci"
    objects, _ = needed("-n", "ci", "--storage", "class", "--storage-class", "nfs-csi")
    assert objects["PersistentVolumeClaim pvc-nas"]["spec"]["storageClassName"] == "nfs-csi"
    assert not [name for name in objects if name.startswith("PersistentVolume ")]


@pytest.mark.parametrize("storage", ["nas", "nfs", "class"])
@pytest.mark.parametrize("git", ["password", "ssh"])
def test_what_has_a_placeholder_is_refused_by_the_api_server_and_named(storage: str, git: str) -> None:
    objects, said = needed("-n", "ci", "--storage", storage, "--git", git)
    label_value = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
    for title, each in objects.items():
        bare = copy.deepcopy(each)
        bare["metadata"]["labels"].pop(GUARD, None)
        left = re.findall(r"<[^<>]+>", json.dumps(bare, ensure_ascii=False))
        assert (GUARD in each["metadata"]["labels"]) == bool(left)
        assert all(
            label_value.fullmatch(value) or key == GUARD for key, value in each["metadata"]["labels"].items()
        )
        if left:
            assert not label_value.fullmatch(each["metadata"]["labels"][GUARD])
            assert f"in {title}\n" in said
            assert all(placeholder in said for placeholder in left)


def test_the_registrys_credentials_are_json_whatever_their_length() -> None:
    objects, _ = needed(*FILLED)
    text = objects["Secret docker-config"]["stringData"]["config.json"]
    assert list(json.loads(text)["auths"]) == ["registry.example.com"]
    objects, said = needed("--registry", "a.example.com", "--registry", "b.example.com:5000")
    text = objects["Secret docker-config"]["stringData"]["config.json"]
    assert list(json.loads(text)["auths"]) == ["a.example.com", "b.example.com:5000"]
    assert all(
        f"<base64 of user:password for {host}, on one line>" in said for host in json.loads(text)["auths"]
    )
    long = base64.b64encode(b"user:" + b"p" * 80).decode()
    filled = json.loads(text.replace("<base64 of user:password for a.example.com, on one line>", long))
    assert base64.b64decode(filled["auths"]["a.example.com"]["auth"]).startswith(b"user:")


def test_every_git_host_may_have_credentials_of_its_own() -> None:
    objects, said = needed("--git", "password", "--git", "ssh", "--git", "gitlab-creds=password")
    assert list(objects["Secret git-creds"]["stringData"]) == [
        "username",
        "password",
        "ssh-private-key",
        "known_hosts",
    ]
    assert list(objects["Secret gitlab-creds"]["stringData"]) == ["username", "password"]
    assert "in Secret gitlab-creds" in said
    printed = hookline("prerequisites", "--git", "gitlab-creds=password").stdout
    assert "# Pipelines that use it say so: run: {parameters: {git_secret: gitlab-creds}}.\n" in printed
    assert "name: git-creds" not in printed


def test_a_private_ca_comes_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    path.write_text("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", "utf-8")
    objects, _ = needed(*FILLED, "--private-ca", str(path))
    assert objects["ConfigMap private-ca"]["data"] == {"ca.crt": path.read_text("utf-8")}
    for content in (b"-----BEGIN PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n", b"\x30\x82\xff", b"x"):
        path.write_bytes(content)
        result = hookline("prerequisites", "--private-ca", str(path))
        assert (result.exit_code, result.stdout) == (2, "")
    assert hookline("prerequisites", "--private-ca", str(tmp_path / "gone")).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--nfs-server", "x"), "--nfs-server is for --storage nfs, not nas"),
        (("--storage", "class", "--mount-option", "x"), "a StorageClass has its own"),
        (("-n", "C"), "expected a namespace"),
        (("--nas-server", "a b"), "expected a host name"),
        (("--nas-path", "x"), "a path that begins with /"),
        (("--size", "many"), "a size such as 100Gi"),
        (("--registry", "https://x"), "expected a host"),
        (("--registry", "a.example.com", "--registry", "b c"), "--registry b c: expected a host"),
        (("--git", "token"), "--git token: expected password or ssh"),
        (("--git", "a_b=ssh"), "expected password or ssh, perhaps after the name of a Secret"),
        (("--git", "=ssh"), "expected password or ssh, perhaps after the name of a Secret"),
        (
            ("--git", "ssh", "--git", "ssh"),
            "a second git host needs a Secret of its own, as in gitlab-creds=ssh",
        ),
        (("--git", "ssh", "--git", "git-creds=ssh"), "git-creds has it already"),
        (("--git", "docker-config=password"), "docker-config is a Secret for something else"),
        (("--storage", "class", "--storage-class", "<x>"), "the name of a StorageClass"),
        (("--storage", "class", "--storage-class", "a..b"), "the name of a StorageClass"),
        (("--storage", "class", "--storage-class", "a" * 254), "the name of a StorageClass"),
        (("--mount-option", "vers=3 hard"), "an option without spaces"),
        (("--mount-option", ""), "an option without spaces"),
    ],
)
def test_options_that_are_refused(arguments: tuple[str, ...], message: str) -> None:
    result = hookline("prerequisites", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
