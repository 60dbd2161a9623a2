"""What docs/template.md and docs/security.md say of repositories that share a volume, asked of real steps and real attacks."""

import os
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest
from template.repositories import FILES
from template.servers import PASSWORD
from template.world import Site, World

UUID = "github.com/google/uuid/@v/v1.6.0"
SECONDS = 240
"""More than a run takes here on a busy machine, and less than a step that hangs."""

TOO_LONG = 3_000
"""Bytes of a path here; the system refuses 4,096."""

TRAPS = """package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Leaves in every folder that it may write what whoever reads it could hang on, fill a disk with, or never get rid of.
func TestTraps(t *testing.T) {
	home, _ := os.Getwd()
	roots := []string{"/caches", "/source", "/workdir", os.Getenv("GOMODCACHE") + "/cache/download"}
	written := 0
	for _, root := range roots {
		filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
			if err != nil {
				return nil
			}
			if info.IsDir() {
				if syscall.Mkfifo(path+"/pipe.zip", 0o644) == nil {
					written++
				}
				os.Symlink("/dev/zero", path+"/zero.zip")
				os.Symlink("/", path+"/everything")
				os.WriteFile(path+"/a\\nname", nil, 0o644)
				os.Mkdir(path+"/shut", 0)
				if sparse, err := os.Create(path + "/sparse.mod"); err == nil {
					sparse.Truncate(1 << 40)
					sparse.Close()
				}
				if root != "/caches" || strings.Count(path, "/") < 4 {
					net.Listen("unix", path+"/socket")
				}
				return nil
			}
			if strings.HasSuffix(path, ".zip") && !strings.HasSuffix(path, "pipe.zip") || strings.HasSuffix(path, "-a") {
				if os.Remove(path) == nil {
					syscall.Mkfifo(path, 0o644)
				}
			} else if strings.HasSuffix(path, "v1.6.0.mod") && os.Remove(path) == nil {
				os.Symlink("/dev/zero", path)
			}
			return nil
		})
	}
	if written == 0 {
		t.Fatal("nothing could be written: this test shows nothing")
	}
	for _, root := range []string{"/caches/build", "/caches/download"} {
		os.Chdir(root)
		for range 300 {
			name := strings.Repeat("d", 200)
			os.Mkdir(name, 0o755)
			os.Chdir(name)
		}
	}
	os.Chdir(home)
}
"""

CONFINED = """package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestConfined(t *testing.T) {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range []string{"CapEff:\\t0000000000000000", "CapBnd:\\t0000000000000000", "NoNewPrivs:\\t1", "Seccomp:\\t2"} {
		if !strings.Contains(string(status), line) {
			t.Error(line, "is not in", string(status))
		}
	}
	if err := syscall.Mknod("/test/device", syscall.S_IFCHR|0o666, 1<<8|5); err == nil {
		t.Error("made a device")
	}
	if err := syscall.Chown("/test", 1000, 1000); err == nil {
		t.Error("gave a folder away")
	}
	sources, _ := os.ReadDir("/source")
	for _, each := range sources {
		if os.Link("/source/"+each.Name(), "/caches/build/linked") == nil {
			t.Error("linked a source into a cache")
		}
	}
	if len(sources) == 0 {
		t.Error("there is no source")
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for _, line := range strings.Split(string(mounts), "\\n") {
		words := strings.Fields(line)
		if len(words) < 6 || !strings.Contains(words[3], "volume/hookline") {
			continue
		}
		writable := strings.HasPrefix(words[5], "rw")
		place := words[4]
		if !strings.Contains(words[3], "KEY") {
			t.Error("saw what is not this repository's:", line)
		}
		if writable != (place == "/caches/build" || place == "/caches/download") {
			t.Error("writable:", writable, line)
		}
	}
	for _, folder := range []string{"/var/run/secrets", "/.docker", "/git-secret"} {
		if held, _ := os.ReadDir(folder); len(held) > 0 {
			t.Error("there is something in", folder)
		}
	}
}
"""


def neighbour(world: World, site: Site) -> Site:
    """Another repository whose runs use the same volume."""
    other = world.site()
    other.namespace = site.namespace
    return other


def contents(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every path below a folder, with mode, size and inode; no link is followed, and none where paths become too long."""
    found = {}
    for place, folders, files in os.walk(folder):
        if len(place) > TOO_LONG:
            folders.clear()
            continue
        for name in (*folders, *files):
            path = Path(place) / name
            facts = path.lstat()
            found[str(path.relative_to(folder))] = (facts.st_mode, facts.st_size, facts.st_ino)
    return found


def of_repository(site: Site) -> dict[str, dict[str, tuple[int, int, int]]]:
    """All that the volume holds for a repository."""
    root = site.namespace.volume / "hookline"
    places = (
        f"git/{site.key}.git",
        f"source/{site.key}",
        f"go/build/{site.key}",
        f"go/modules/{site.key}",
        f"image/{site.key}",
    )
    return {place: contents(root / place) for place in places}


def strange(folder: Path) -> list[str]:
    """What is neither a file of a sensible size nor a folder, or lies too deep."""
    return [
        name
        for name, (mode, size, _) in contents(folder).items()
        if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)) or size > 1 << 35 or len(name) > TOO_LONG // 2
    ]


def test_what_tests_leave_on_the_volume_changes_nothing_of_another_repository(
    world: World, site: Site
) -> None:
    victim = neighbour(world, site)
    assert victim.warm().run().succeeded
    before = of_repository(victim)
    assert {
        "pack" in "".join(before[f"git/{victim.key}.git"]),
        UUID + ".zip" in before[f"go/modules/{victim.key}"],
    } == {True}
    # A test that leaves traps, and a go.sum that names other hashes for the modules that everybody uses.
    site.repository.commit({"traps_test.go": TRAPS})
    attack = site.warm().run()
    assert attack.succeeded, attack.log
    assert strange(site.namespace.volume / "hookline/go")
    sums = site.repository.git("show", "main:go.sum").replace("h1:", "h1:AAAA")
    site.repository.commit({"go.sum": sums + "\n"})
    assert site.run().steps["run-test"].exit_code != 0
    assert of_repository(victim) == before
    again = victim.run(revision=victim.repository.commit({"main.go": FILES["main.go"] + "\n// changed\n"}))
    assert again.succeeded, again.log
    assert again.output("run-test", "go-modules-downloaded") == "0"
    assert all(step.seconds < SECONDS for step in again.steps.values())


def test_a_repository_recovers_from_what_its_own_tests_left(site: Site) -> None:
    """The next run neither hangs nor reads for ever, and leaves only what belongs into caches."""
    site.repository.commit({"traps_test.go": TRAPS})
    attack = site.warm().run()
    assert attack.succeeded, attack.log
    caches = [site.namespace.volume / f"hookline/go/{each}/{site.key}" for each in ("build", "modules")]
    assert all(strange(each) for each in caches)
    site.repository.commit({"traps_test.go": None})
    run = site.run()
    assert run.succeeded, run.log
    assert run.steps["run-test"].seconds < SECONDS
    assert [strange(each) for each in caches] == [[], []]
    assert site.run().output("run-test", "go-modules-downloaded") == "0"


@pytest.mark.parametrize("trap", ["pipe", "zero", "device", "socket", "folder", "sparse", "bomb"])
def test_a_module_on_the_volume_that_is_no_module_is_downloaded_again(site: Site, trap: str) -> None:
    """Also one that comes there after the cache was tidied: by another run of the repository at the same time."""
    assert site.warm().run().succeeded
    archive = next(site.namespace.volume.glob(f"hookline/go/modules/*/{UUID}.zip"))
    archive.unlink()
    match trap:
        case "pipe":
            os.mkfifo(archive)
        case "zero":
            archive.symlink_to("/dev/zero")
        case "device":
            os.mknod(archive, stat.S_IFCHR | 0o666, os.makedev(1, 5))
        case "socket":
            with socket.socket(socket.AF_UNIX) as made:
                here = Path.cwd()
                os.chdir(archive.parent)
                made.bind(archive.name)
                os.chdir(here)
        case "folder":
            archive.mkdir()
        case "sparse":
            with archive.open("wb") as opened:
                opened.truncate(1 << 40)
        case "bomb":
            packed = subprocess.run(
                ["python3", "-c", BOMB, str(archive)], check=True, capture_output=True, timeout=120
            )
            assert packed.returncode == 0
    site.repository.commit({"main.go": FILES["main.go"] + f"\n// {trap}\n"})
    run = site.run()
    assert run.succeeded, run.log
    assert run.output("run-test", "go-modules-downloaded") == "1"
    assert run.steps["run-test"].seconds < SECONDS
    if trap != "folder":
        assert stat.S_ISREG(archive.lstat().st_mode)


BOMB = """import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as made:
    with made.open("github.com/google/uuid@v1.6.0/zeros", "w", force_zip64=True) as inside:
        for _ in range(1500):
            inside.write(bytes(1 << 20))
"""


@pytest.mark.parametrize("site", [False, True], ids=["three-pods", "one-pod"], indirect=True)
def test_tests_run_without_capabilities_and_write_two_places_of_the_volume_alone(site: Site) -> None:
    site.repository.commit({"confined_test.go": CONFINED.replace("KEY", site.key)})
    run = site.warm().run()
    assert run.succeeded, run.log
    assert "--- PASS: TestConfined" in run.log


FORGER = """package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Writes what the steps beside it in one pod read, or hand over as outputs.
func TestForges(t *testing.T) {
	for _, name := range []string{"digest", "tags", "commit", "skip-reason", "cache-metrics"} {
		if os.WriteFile("/tmp/outputs/"+name, []byte("forged"), 0o644) != nil {
			t.Fatal("nothing could be written: this test shows nothing")
		}
	}
	os.Remove("/tmp/outputs/downloaded")
	os.Symlink("/etc/passwd", "/tmp/outputs/failing-tests")
	syscall.Mkfifo("/tmp/outputs/needed.pipe", 0o644)
	for _, folder := range []string{"/before", "/source"} {
		found, _ := filepath.Glob(folder + "/*")
		if len(found) == 0 {
			t.Error("there is nothing in", folder)
		}
		for _, each := range append(found, folder+"/new") {
			if os.WriteFile(each, []byte("forged"), 0o644) == nil || os.Remove(each) == nil {
				t.Error("changed", each)
			}
		}
	}
	for _, folder := range []string{"/between", "/.docker", "/git-secret", "/workdir", "/caches/image"} {
		if held, _ := os.ReadDir(folder); len(held) > 0 {
			t.Error("there is something in", folder)
		}
	}
}
"""


@pytest.mark.parametrize("site", [True], ids=["one-pod"], indirect=True)
def test_in_one_pod_tests_change_neither_what_is_built_nor_the_outputs_of_other_steps(site: Site) -> None:
    commit = site.repository.commit({"forger_test.go": FORGER})
    run = site.warm().run()
    assert run.succeeded, run.log
    assert "--- PASS: TestForges" in run.log
    assert site.built(run) == site.repository.stamp(commit)
    assert run.output("git-checkout-pr", "commit") == commit
    assert run.output("git-checkout-pr", "skip-reason") == ""
    assert run.output("build-push-image", "digest") == site.registry.manifest(site.image, "latest")[1]
    assert "latest" in run.output("build-push-image", "tags")
    assert "root:" not in "".join(run.steps["run-test"].outputs.values())


SPY = (
    "RUN for p in /proc/[0-9]*; do cat $p/root/.docker/config.json $p/environ; ls $p/root/caches $p/root/source && "
    "echo SAW $p; done; cat /proc/self/status; echo looked around"
)


def test_a_dockerfile_reads_neither_the_registrys_password_nor_the_volume(site: Site) -> None:
    """BuildKit without a process sandbox shows the pod's processes to RUN steps, but lets them look into none."""
    dockerfile = site.repository.git("show", "main:Dockerfile")
    site.repository.commit(
        {"Dockerfile": dockerfile.replace("RUN cat stamp.txt", f"{SPY}\nRUN cat stamp.txt")}
    )
    run = site.build()
    assert run.succeeded, run.log
    log = run.steps["build-push-image"].log
    assert "looked around" in log
    assert PASSWORD not in log
    assert '"auths"' not in log
    assert "SAW /proc" not in log.replace(SPY, "")


def test_the_folders_of_a_repository_that_is_not_used_go_as_a_whole_and_nothing_else_does(site: Site) -> None:
    """Whatever is in them: folders without permissions, links to other repositories, paths too long for rm."""
    assert site.build().succeeded
    root = site.namespace.volume / "hookline"
    before = of_repository(site)
    for name in ("unused-0123456789ab", "orphan-0123456789ab"):
        for place in ("source", "go/build", "go/modules", "image"):
            folder = root / place / name
            (folder / "inside").mkdir(parents=True)
            (folder / "inside/shut").mkdir()
            (folder / "inside/shut/file").touch()
            (folder / "link").symlink_to(site.mirror)
            os.mkfifo(folder / "pipe")
            (folder / "inside/shut").chmod(0)
            subprocess.run(["python3", "-c", DEEP, str(folder)], check=True)
            os.utime(folder, (0, 0))
    mirror = root / "git/unused-0123456789ab.git"
    (mirror / "objects").mkdir(parents=True)
    (mirror / "used").touch()
    os.utime(mirror / "used", (0, 0))
    (root / "go/download/github.com").mkdir(parents=True)
    os.mkfifo(root / "go/download/github.com/pipe")
    os.utime(root / ".swept", (0, 0))
    started = time.monotonic()
    assert site.run(only=("git-checkout-pr",)).succeeded
    assert time.monotonic() - started < SECONDS
    left = [
        each.name
        for place in ("", "git", "source", "go", "go/build", "go/modules", "image")
        for each in (root / place).iterdir()
    ]
    assert not [name for name in left if name.startswith((".gone", "unused", "orphan", "download"))]
    after = of_repository(site)
    assert {place: facts for place, facts in after.items() if not place.startswith("git/")} == {
        place: facts for place, facts in before.items() if not place.startswith("git/")
    }
    assert before[f"git/{site.key}.git"].keys() <= after[f"git/{site.key}.git"].keys()


DEEP = """import os, sys
os.chdir(sys.argv[1])
for _ in range(100):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
"""


def test_the_folders_that_tests_write_are_not_looked_into_by_steps_of_other_repositories(
    world: World, site: Site
) -> None:
    """However much lies there: the sweep of an hour goes by the mirrors, which only git-checkout-pr writes."""
    other = neighbour(world, site)
    assert other.build().succeeded
    folder = site.namespace.volume / f"hookline/go/build/{other.key}"
    for number in range(20):
        (folder / f"{number:02x}").mkdir()
    for each in (folder, *folder.iterdir()):
        os.utime(each, (10, 10))
    swept = site.namespace.volume / "hookline/.swept"
    os.utime(swept, (0, 0))
    assert site.run(only=("git-checkout-pr",)).succeeded
    assert swept.stat().st_mtime > 0
    # Reading a folder sets its time of access, where that is older than its time of change.
    assert {each.stat().st_atime for each in folder.iterdir()} == {10}
