"""Templates as people write them: what hookline template check says about each, and about its neighbours."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import ROOT

from documents.diagnostics import InvalidInput
from hookline.answers.template_check import TemplateReport, check_template
from hookline.declaration.templates import manifest_template, read_templates, templates_in
from hookline.version import VERSION

DATA = ROOT / "tests/data/templates"


def checked(manifest: Any) -> TemplateReport:
    return check_template(manifest_template(manifest, "own"), VERSION)


def codes(manifest: Any) -> set[str]:
    return {each.code for each in checked(manifest).findings}


def case(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DATA / f"{name}.yaml").read_text("utf-8"))
    return found


def sentences(manifest: Any) -> dict[str, str]:
    return {each.code: each.sentence for each in checked(manifest).findings}


def test_a_merge_key_is_read_as_kubectl_reads_it(tmp_path: Path) -> None:
    (read,) = templates_in((DATA / "merge-key.yaml").read_bytes(), "x.yaml")
    base, test = read.anatomy.steps
    assert test.images == base.images
    assert (base.text.strip(), test.text.strip()) == ("sh -c go vet ./...", "sh -c go test ./...")
    assert read_templates([DATA / "merge-key.yaml"])["our-ci"] == replace(
        read.template, origin=str(DATA / "merge-key.yaml")
    )
    wrong = (DATA / "merge-key.yaml").read_text("utf-8").replace('args: ["go vet ./..."]', "args: [7]")
    (tmp_path / "x.yaml").write_text(wrong.replace('args: ["go test ./..."]', "name: x"), "utf-8")
    with pytest.raises(InvalidInput) as refused:
        read_templates([tmp_path / "x.yaml"])
    assert [(each.position.line, each.field) for each in refused.value.diagnostics] == [
        (11, "spec.templates[0].container.args[0]"),
        (11, "spec.templates[1].container.args[0]"),  # where the value stands that is merged
    ]


def test_a_key_that_yaml_reads_as_another_is_answered_with_nothing_of_hookline_yaml() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_templates([DATA / "on-label.yaml"])
    (told,) = refused.value.diagnostics
    assert (told.position.line, told.message) == (3, 'YAML reads the key "on" as true; quote the key')


def test_a_timeout_is_a_deadline() -> None:
    manifest = case("timeout")
    assert "NO_DEADLINE" not in codes(manifest)
    template = manifest["spec"]["templates"][0]
    del template["timeout"]
    assert "NO_DEADLINE" in codes(manifest)
    manifest["spec"]["templateDefaults"] = {"timeout": "20m"}
    assert "NO_DEADLINE" not in codes(manifest)
    # A pod that waits for capacity ends by pendingTimeout; what runs does not.
    manifest["spec"]["templateDefaults"] = {"pendingTimeout": "20m"}
    assert "NO_DEADLINE" in codes(manifest)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"image": "docker.io/alpine/git:v2.49.1"},
        {"image": "registry.example.com:5000/mirror/alpine-git@sha256:" + "a" * 64},
        {"image": "x", "command": ["git"]},
        {"image": "x", "command": ["/usr/bin/git", "-c", "http.proxy=http://p", "-C", "/work"]},
        {"image": "x", "command": ["git", "--git-dir=/work/.git", "--work-tree=/work"], "args": ["fetch"]},
        {"command": ["git"], "args": ["-C", "/work", "pull"]},
    ],
)
def test_git_is_seen_where_no_shell_calls_it(change: dict[str, Any]) -> None:
    manifest = case("git-entrypoint")
    manifest["spec"]["templates"][0]["container"] |= change
    found = codes(manifest)
    assert "NO_GIT_CREDENTIALS" in found
    assert ("SHARED_CHECKOUT" in found) is (change.get("args") != ["fetch"])


@pytest.mark.parametrize("image", ["gitea/gitea", "alpine/github-cli", "legit", "alpine"])
def test_an_image_that_is_not_gits_is_not_taken_for_it(image: str) -> None:
    manifest = case("git-entrypoint")
    manifest["spec"]["templates"][0]["container"]["image"] = image
    assert not codes(manifest) & {"NO_GIT_CREDENTIALS", "SHARED_CHECKOUT"}


def test_a_repository_that_argo_clones_needs_credentials_too() -> None:
    manifest = case("timeout")
    artifact = {"name": "src", "path": "/src", "git": {"repo": "https://git.example.com/a/b.git"}}
    manifest["spec"]["templates"][0]["inputs"] = {"artifacts": [artifact]}
    assert "NO_GIT_CREDENTIALS" in codes(manifest)
    artifact["git"]["sshPrivateKeySecret"] = {"name": "git", "key": "key"}  # type: ignore[index]
    assert "NO_GIT_CREDENTIALS" not in codes(manifest)


VOLUMES = [
    {"name": "cache", "persistentVolumeClaim": {"claimName": "pvc-nas"}},
    {"name": "cache", "nfs": {"server": "10.0.0.5", "path": "/export"}},
    {"name": "cache", "hostPath": {"path": "/var/cache"}},
    {"name": "cache", "csi": {"driver": "nas.example.com"}},
]


@pytest.mark.parametrize("volume", VOLUMES, ids=lambda each: next(key for key in each if key != "name"))
@pytest.mark.parametrize(
    ("mount", "env", "before"),
    [
        ("/root/.cache/go-build", {}, ""),
        ("/root/.cache", {}, ""),
        ("/root/", {}, ""),
        ("/home/ci/.cache", {"HOME": "/home/ci"}, ""),
        ("/data", {"XDG_CACHE_HOME": "/data"}, ""),
        ("/data", {"GOCACHE": "/data/go"}, ""),
        ("/data", {"GOCACHE": "/away/go"}, 'export GOCACHE="/data/go"; '),
        ("/data", {}, "go env -w GOCACHE=/data/go && "),
        ("/data", {}, "HOME=/data "),
    ],
)
def test_a_build_cache_on_a_volume_is_kept(
    volume: dict[str, Any], mount: str, env: dict[str, str], before: str
) -> None:
    manifest = case("go-env")
    manifest["spec"]["volumes"] = [volume]
    container = manifest["spec"]["templates"][0]["container"]
    container["volumeMounts"][0]["mountPath"] = mount
    container["env"] = [{"name": name, "value": value} for name, value in env.items()]
    container["args"] = [f"{before}go test ./..."]
    assert "GOCACHE_NOT_KEPT" not in codes(manifest)


@pytest.mark.parametrize(
    ("mount", "env", "before"),
    [
        ("/root/.cache/go-build", {"GOCACHE": "/away/go"}, ""),
        ("/root/.cache/go-build", {}, "export GOCACHE=/away/go; "),
        ("/root/.cache/go-build", {"XDG_CACHE_HOME": "/away"}, ""),
        ("/root/.cache", {"HOME": "/home/ci"}, ""),
        ("/root/.cache/go-build-2", {}, ""),
        ("/go/pkg/mod", {}, ""),
    ],
)
def test_a_build_cache_beside_the_volume_is_not(mount: str, env: dict[str, str], before: str) -> None:
    manifest = case("go-env")
    container = manifest["spec"]["templates"][0]["container"]
    container["volumeMounts"][0]["mountPath"] = mount
    container["env"] = [{"name": name, "value": value} for name, value in env.items()]
    container["args"] = [f"{before}go test ./..."]
    assert "GOCACHE_NOT_KEPT" in codes(manifest)


def test_a_volume_of_this_run_alone_or_one_for_reading_keeps_no_cache() -> None:
    manifest = case("go-env")
    container = manifest["spec"]["templates"][0]["container"]
    assert "GOCACHE_NOT_KEPT" not in codes(manifest)
    container["volumeMounts"][0]["readOnly"] = True
    assert "GOCACHE_NOT_KEPT" in codes(manifest)
    container["volumeMounts"] = [{"name": "work", "mountPath": "/root/.cache/go-build"}]
    assert "GOCACHE_NOT_KEPT" in codes(manifest)


def test_parts_of_other_templates_are_named_as_not_looked_at() -> None:
    manifest = case("all-templateref")
    assert sentences(manifest)["OTHER_TEMPLATES"] == (
        "checkout (template shared), test (template shared) not checked; check each of those templates too"
    )
    manifest["spec"]["hooks"] = {"exit": {"templateRef": {"name": "notify", "template": "tell"}}}
    assert "exit (template notify)" in sentences(manifest)["OTHER_TEMPLATES"]
    manifest["spec"]["templates"][0]["steps"][0][0] = {"name": "checkout", "templateRef": {"template": "git"}}
    with pytest.raises(InvalidInput, match=r"templateRef\.name: expected text; it is missing"):
        checked(manifest)
