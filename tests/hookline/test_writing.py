"""Promises of folders that commands write: all of the new content or all of the old, and nothing of somebody else's lost."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from hookline.command_line import writing
from hookline.command_line.writing import replace_folder

OLD = {"a.yaml": "old a", "b.yaml": "old b"}
NEW = {"a.yaml": "new a", "c.yaml": "new c"}


def content(folder: Path) -> Mapping[str, str]:
    return {
        str(each.relative_to(folder)): each.read_text("utf-8") for each in folder.rglob("*") if each.is_file()
    }


@pytest.fixture(params=["exchanged", "renamed"])
def place(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that an earlier run wrote; on systems that exchange folders in one step, and on others."""
    if request.param == "renamed":
        monkeypatch.setattr(writing, "_exchanged", lambda *_: False)
    folder = tmp_path / "deploy"
    replace_folder(folder, OLD, ())
    return folder


def test_the_new_files_replace_the_old_ones(place: Path) -> None:
    replace_folder(place, NEW, OLD)
    assert content(place) == NEW
    assert [each.name for each in place.parent.iterdir()] == ["deploy"]


def test_what_hookline_did_not_write_stays(place: Path) -> None:
    (place / "notes.txt").write_text("mine", "utf-8")
    (place / "sub").mkdir()
    (place / "sub/patch.yaml").write_text("mine too", "utf-8")
    (place / "link").symlink_to("/nowhere")
    replace_folder(place, NEW, OLD)
    assert content(place) == {**NEW, "notes.txt": "mine", "sub/patch.yaml": "mine too"}
    assert (place / "link").readlink() == Path("/nowhere")


def test_a_file_of_somebody_else_is_never_overwritten(place: Path) -> None:
    (place / "c.yaml").write_text("mine", "utf-8")
    with pytest.raises(FileExistsError, match=r"c\.yaml, which hookline did not write"):
        replace_folder(place, NEW, OLD)
    assert content(place) == {**OLD, "c.yaml": "mine"}


def test_a_failure_leaves_the_old_content_and_nothing_beside(place: Path) -> None:
    with pytest.raises(OSError, match="File name too long"):
        replace_folder(place, {**NEW, "x" * 300: "no file system takes this name"}, OLD)
    assert content(place) == OLD
    assert [each.name for each in place.parent.iterdir()] == ["deploy"]


KILLED = """
import os, signal, sys
from pathlib import Path
from hookline.command_line import writing
if sys.argv[2] == "renamed":
    writing._exchanged = lambda *_: False
def write(moment):
    moments = iter(range(moment, -1, -1))
    def trace(event, arguments):
        if event in {"open", "os.mkdir", "os.rename", "os.link", "os.chmod", "os.remove", "os.rmdir", "shutil.rmtree", "ctypes.dlopen", "os.scandir", "os.listdir"} and next(moments, None) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(trace)
    writing.replace_folder(Path(sys.argv[1]), {"a.yaml": "new a", "c.yaml": "new c"}, {"a.yaml", "b.yaml"})
    os._exit(0)
for moment in sys.stdin:
    child = os.fork() or write(int(moment))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def writer(place: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[int], int]]:
    """Writes NEW in a process that is killed at a moment; its exit code. One process imports hookline, and each try is a fork of it."""
    way = request.node.callspec.params["place"]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(place), way],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        asked, said = process.stdin, process.stdout
        assert asked is not None
        assert said is not None

        def write(moment: int) -> int:
            print(moment, file=asked, flush=True)
            return int(said.readline())

        yield write
        asked.close()


def test_a_kill_at_any_moment_leaves_one_content_whole(place: Path, writer: Callable[[int], int]) -> None:
    (place / "notes.txt").write_text("mine", "utf-8")
    old, new = {**OLD, "notes.txt": "mine"}, {**NEW, "notes.txt": "mine"}
    seen = set()
    for moment in range(200):
        killed = writer(moment)
        if killed == 0:
            break
        writing._sweep(place)  # what the next run does first
        found = content(place)
        assert found in (old, new), moment
        assert [each.name for each in place.parent.iterdir()] == ["deploy"]
        seen.add("new" if found == new else "old")
        replace_folder(place, OLD, set(found) - {"notes.txt"})
    assert killed == 0
    assert seen == {"old", "new"}


def test_the_folder_that_somebody_stands_in_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "sub").mkdir()
    for here in (place, place / "sub"):
        monkeypatch.chdir(here)
        with pytest.raises(OSError, match="is the current folder"):
            replace_folder(place, NEW, OLD)
    assert content(place) == OLD


def test_a_run_that_is_still_going_is_not_swept_away(place: Path) -> None:
    going = place.parent / f".deploy.hookline-{os.getppid()}-abc"
    ended = place.parent / ".deploy.hookline-999999999-abc"
    other = place.parent / ".other.hookline-999999999-abc"
    for each in (going, ended, other):
        each.mkdir()
    replace_folder(place, NEW, OLD)
    assert (going.exists(), ended.exists(), other.exists()) == (True, False, True)
