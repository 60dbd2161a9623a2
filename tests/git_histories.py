"""Histories of real git repositories, and what of them an event would tell: for path filters that a run decides.

A history is a stream for git fast-import: one process makes the whole repository, modes, links and submodules included.
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["HISTORIES", "Asked", "History", "Repository", "git_bytes"]

GONE = "1" * 40
"""A commit that nobody has."""


def git_bytes(folder: Path, *arguments: str, given: bytes | None = None) -> bytes:
    """What git prints; an error of git is an error of the test."""
    return subprocess.run(
        ["git", *arguments], cwd=folder, input=given, check=True, capture_output=True
    ).stdout


@dataclass
class Repository:
    """A repository under construction."""

    commits: dict[str, int] = field(default_factory=dict)
    """Name of a commit → its mark."""
    stream: list[bytes] = field(default_factory=list)
    head: str = "main"
    """The default branch."""
    sha256: bool = False

    def change(self, name: str, *instructions: str | bytes) -> str:
        """A commit.

        Args:
            name: Of the commit: topic/2 is the second commit of topic.
            instructions: Names of parents; `path=content`; bytes are instructions of fast-import.
        """
        mark = self.commits[name] = len(self.commits) + 1
        parents = [
            each for each in instructions if isinstance(each, str) and each in self.commits and each != name
        ]
        lines = [
            f"commit refs/work/{mark}",
            f"mark :{mark}",
            f"committer x <x@example.com> {1_700_000_000 + mark} +0000",
            "data 1",
            "x",
        ]
        lines += [
            f"{'merge' if place else 'from'} :{self.commits[each]}" for place, each in enumerate(parents)
        ]
        found = "\n".join(lines).encode() + b"\n"
        for each in instructions:
            if isinstance(each, bytes):
                found += each + b"\n"
            elif each not in parents:
                path, _, text = each.partition("=")
                content = text.encode()
                found += b"M 100644 inline " + path.encode() + b"\ndata %d\n" % len(content) + content + b"\n"
        self.stream.append(found + b"\n")
        return name

    def made(self, folder: Path, refs: dict[str, str]) -> dict[str, str]:
        """Make it; the full hashes of its commits by their names."""
        folder.mkdir()
        form = "sha256" if self.sha256 else "sha1"
        git_bytes(
            folder, "init", "-q", "--bare", "--template=", f"--object-format={form}", "-b", self.head, "."
        )
        for option in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
            git_bytes(folder, "config", option, "true")
        git_bytes(folder, "fast-import", "--quiet", "--export-marks=marks", given=b"".join(self.stream))
        marks = dict(line.split() for line in (folder / "marks").read_text("utf-8").splitlines())
        found = {name: marks[f":{mark}"] for name, mark in self.commits.items()}
        for ref, name in refs.items():
            git_bytes(folder, "update-ref", ref, found[name])
        return found


@dataclass(frozen=True)
class Asked:
    """An event about a history, and what it is compared with."""

    head: str
    """Name of the commit."""
    ref: str
    refs: dict[str, str]
    """Refs of the host → names of commits."""
    into: str = ""
    """Target branch of a request; a push has none."""
    before: str = ""
    """Name of the commit before a push, or a hash that nobody has; empty: a new branch."""
    oracle: tuple[str, ...] = ()
    """Arguments of git diff that name both sides, with names of commits; empty: git cannot tell, so it is built."""


History = Callable[[Repository], Asked]
HISTORIES: dict[str, History] = {}
"""By the sentence that says what it is about."""


def history(make: History) -> History:
    HISTORIES[make.__name__.replace("_", " ")] = make
    return make


def pushed(head: str, before: str, **refs: str) -> Asked:
    """A push to topic, compared with the commit before it."""
    return Asked(
        head,
        "refs/heads/topic",
        {"refs/heads/main": "main/1", "refs/heads/topic": head, **refs},
        before=before,
        oracle=(before, head),
    )


def created(head: str, main: str, *, before: str = "") -> Asked:
    """A new branch, or one whose former head is gone: compared with the default branch."""
    return Asked(
        head,
        "refs/heads/topic",
        {"refs/heads/main": main, "refs/heads/topic": head},
        before=before,
        oracle=(f"{main}...{head}",),
    )


def requested(head: str, into: str, *, branch: str = "main", ref: str = "refs/pull/7/head") -> Asked:
    """A request, compared with where its branch left the target."""
    refs = {f"refs/heads/{branch}": into, ref: head}
    return Asked(head, ref, refs, into=branch, oracle=(f"{into}...{head}",))


def start(made: Repository, *more: str | bytes) -> str:
    return made.change("main/1", "code/a.go=1", "code/b.go=2", "docs/a.md=3", "README=4", *more)


@history
def a_push_of_documents(made: Repository) -> Asked:
    start(made)
    return pushed(made.change("topic/1", "main/1", "docs/a.md=5"), "main/1")


@history
def a_push_of_code(made: Repository) -> Asked:
    start(made)
    return pushed(made.change("topic/1", "main/1", "code/a.go=5"), "main/1")


@history
def a_file_that_is_renamed_out_of_the_code(made: Repository) -> Asked:
    start(made)
    return pushed(made.change("topic/1", "main/1", b"R code/a.go docs/a.go"), "main/1")


@history
def a_file_that_is_renamed_into_the_code(made: Repository) -> Asked:
    start(made)
    return pushed(made.change("topic/1", "main/1", b"R docs/a.md code/a.md"), "main/1")


@history
def a_file_that_is_renamed_within_the_documents(made: Repository) -> Asked:
    start(made)
    return pushed(made.change("topic/1", "main/1", b"R docs/a.md docs/b.md"), "main/1")


@history
def a_file_that_is_copied_from_the_code(made: Repository) -> Asked:
    start(made)
    return pushed(made.change("topic/1", "main/1", b"C code/a.go docs/a.go"), "main/1")


@history
def a_file_that_becomes_executable(made: Repository) -> Asked:
    start(made)
    return pushed(made.change("topic/1", "main/1", b"M 100755 inline code/a.go\ndata 1\n1"), "main/1")


@history
def a_file_that_becomes_a_link(made: Repository) -> Asked:
    start(made)
    return pushed(made.change("topic/1", "main/1", b"M 120000 inline code/a.go\ndata 1\n1"), "main/1")


@history
def a_folder_that_becomes_a_file(made: Repository) -> Asked:
    start(made)
    return pushed(made.change("topic/1", "main/1", b"D code", "code=1"), "main/1")


@history
def a_file_that_is_removed(made: Repository) -> Asked:
    start(made)
    return pushed(made.change("topic/1", "main/1", b"D code/b.go"), "main/1")


@history
def a_submodule_that_moves(made: Repository) -> Asked:
    start(made, b"M 160000 " + b"a" * 40 + b" code/sub")
    return pushed(made.change("topic/1", "main/1", b"M 160000 " + b"b" * 40 + b" code/sub"), "main/1")


@history
def a_submodule_outside_of_the_code_that_moves(made: Repository) -> Asked:
    start(made, b"M 160000 " + b"a" * 40 + b" third/sub")
    return pushed(made.change("topic/1", "main/1", b"M 160000 " + b"b" * 40 + b" third/sub"), "main/1")


@history
def a_push_that_takes_back_what_it_did(made: Repository) -> Asked:
    start(made)
    made.change("topic/1", "main/1", "code/a.go=5")
    return pushed(made.change("topic/2", "topic/1", "code/a.go=1"), "main/1")


@history
def an_empty_commit(made: Repository) -> Asked:
    start(made)
    return pushed(made.change("topic/1", "main/1"), "main/1")


@history
def a_push_of_a_merge_that_brings_code(made: Repository) -> Asked:
    start(made)
    made.change("topic/1", "main/1", "docs/a.md=5")
    made.change("main/2", "main/1", "code/b.go=6")
    return pushed(made.change("topic/2", "topic/1", "main/2", "code/b.go=6"), "topic/1")


@history
def a_forced_push_that_takes_code_away(made: Repository) -> Asked:
    start(made)
    made.change("topic/1", "main/1", "code/a.go=5")
    return pushed(made.change("topic/2", "main/1", "docs/a.md=5"), "topic/1", **{"refs/kept": "topic/1"})


@history
def a_forced_push_whose_former_head_no_ref_holds(made: Repository) -> Asked:
    start(made)
    made.change("topic/1", "main/1", "code/a.go=5")
    return pushed(made.change("topic/2", "main/1", "docs/a.md=5"), "topic/1")


@history
def a_forced_push_whose_former_head_is_gone(made: Repository) -> Asked:
    start(made)
    made.change("main/2", "main/1", "code/a.go=5")
    return created(made.change("topic/1", "main/1", "docs/a.md=5"), "main/2", before=GONE)


@history
def a_forced_push_of_code_whose_former_head_is_gone(made: Repository) -> Asked:
    start(made)
    return created(made.change("topic/1", "main/1", "code/a.go=5"), "main/1", before=GONE)


@history
def a_new_branch_of_documents(made: Repository) -> Asked:
    start(made)
    made.change("main/2", "main/1", "code/a.go=5")
    made.change("topic/1", "main/1", "docs/a.md=5")
    return created(made.change("topic/2", "topic/1", "docs/b.md=5"), "main/2")


@history
def a_new_branch_whose_first_commit_has_code(made: Repository) -> Asked:
    start(made)
    made.change("topic/1", "main/1", "code/a.go=5")
    return created(made.change("topic/2", "topic/1", "docs/b.md=5"), "main/1")


@history
def a_new_branch_without_commits_of_its_own(made: Repository) -> Asked:
    start(made)
    made.change("main/2", "main/1", "code/a.go=5")
    return created("main/1", "main/2")


@history
def the_first_push_of_the_default_branch(made: Repository) -> Asked:
    start(made)
    return Asked("main/1", "refs/heads/main", {"refs/heads/main": "main/1"})


@history
def a_forced_push_of_the_default_branch_whose_former_head_is_gone(made: Repository) -> Asked:
    start(made)
    made.change("main/2", "main/1", "docs/a.md=5")
    return Asked("main/2", "refs/heads/main", {"refs/heads/main": "main/2"}, before=GONE)


@history
def a_new_branch_where_the_default_branch_was_deleted(made: Repository) -> Asked:
    start(made)
    return Asked("main/1", "refs/heads/topic", {"refs/heads/topic": "main/1"})


@history
def a_new_branch_of_another_history(made: Repository) -> Asked:
    start(made)
    made.change("topic/1", "docs/a.md=5")
    return Asked("topic/1", "refs/heads/topic", {"refs/heads/main": "main/1", "refs/heads/topic": "topic/1"})


@history
def a_new_branch_where_the_default_branch_has_another_name(made: Repository) -> Asked:
    made.head = "trunk"
    start(made)
    refs = {"refs/heads/trunk": "main/1", "refs/heads/topic": "topic/1"}
    return Asked(
        made.change("topic/1", "main/1", "docs/a.md=5"),
        "refs/heads/topic",
        refs,
        oracle=("main/1...topic/1",),
    )


@history
def a_push_that_an_octopus_joins(made: Repository) -> Asked:
    start(made)
    for name in ("one", "two", "three"):
        made.change(name, "main/1", f"docs/{name}.md=5")
    made.change("four", "three", "code/c.go=5")
    return pushed(
        made.change("topic/1", "one", "two", "four", "docs/two.md=5", "docs/three.md=5", "code/c.go=5"), "one"
    )


@history
def a_request_of_documents_while_the_target_got_code(made: Repository) -> Asked:
    start(made)
    made.change("topic/1", "main/1", "docs/a.md=5")
    return requested("topic/1", made.change("main/2", "main/1", "code/a.go=5"))


@history
def a_request_of_code_while_the_target_got_documents(made: Repository) -> Asked:
    start(made)
    made.change("topic/1", "main/1", "code/a.go=5")
    return requested("topic/1", made.change("main/2", "main/1", "docs/a.md=5"))


@history
def a_request_into_which_the_target_was_merged(made: Repository) -> Asked:
    start(made)
    made.change("topic/1", "main/1", "docs/a.md=5")
    made.change("main/2", "main/1", "code/a.go=6")
    return requested(made.change("topic/2", "topic/1", "main/2", "code/a.go=6"), "main/2")


@history
def a_request_whose_merge_of_the_target_was_not_clean(made: Repository) -> Asked:
    start(made)
    made.change("topic/1", "main/1", "docs/a.md=5")
    made.change("main/2", "main/1", "code/a.go=6")
    return requested(made.change("topic/2", "topic/1", "main/2", "code/a.go=7"), "main/2")


@history
def a_request_of_a_criss_cross(made: Repository) -> Asked:
    """Both commits a and b are merge bases; only from one of them does the code differ."""
    start(made)
    made.change("a", "main/1", "code/a.go=5")
    made.change("b", "main/1", "docs/a.md=6")
    made.change("main/2", "a", "b", "docs/a.md=6")
    made.change("topic/1", "b", "a", "code/a.go=5")
    return requested(
        made.change("topic/2", "topic/1", "docs/b.md=7"), made.change("main/3", "main/2", "docs/c.md=8")
    )


@history
def a_request_of_the_other_criss_cross(made: Repository) -> Asked:
    start(made)
    made.change("a", "main/1", "docs/a.md=5")
    made.change("b", "main/1", "code/a.go=6")
    made.change("main/2", "a", "b", "code/a.go=6")
    made.change("topic/1", "b", "a", "docs/a.md=5")
    return requested(
        made.change("topic/2", "topic/1", "docs/b.md=7"), made.change("main/3", "main/2", "docs/c.md=8")
    )


@history
def a_request_of_an_octopus(made: Repository) -> Asked:
    start(made)
    for name in ("one", "two", "three"):
        made.change(name, "main/1", f"docs/{name}.md=5")
    return requested(made.change("topic/1", "one", "two", "three", "docs/two.md=5", "docs/three.md=5"), "two")


@history
def a_request_of_another_history(made: Repository) -> Asked:
    start(made)
    refs = {"refs/heads/main": "main/1", "refs/pull/7/head": "topic/1"}
    return Asked(made.change("topic/1", "docs/a.md=5"), "refs/pull/7/head", refs, into="main")


@history
def a_request_whose_target_was_deleted(made: Repository) -> Asked:
    start(made)
    refs = {"refs/heads/main": "main/1", "refs/pull/7/head": "topic/1"}
    return Asked(made.change("topic/1", "main/1", "docs/a.md=5"), "refs/pull/7/head", refs, into="next")


@history
def a_request_into_another_branch_than_the_default(made: Repository) -> Asked:
    """From main on it has code, from release/1 on none."""
    start(made)
    made.change("release/1", "main/1", "code/a.go=5")
    asked = requested(
        made.change("topic/1", "release/1", "docs/a.md=5"), "release/1", branch="release/#1-功能"
    )
    return Asked(
        asked.head, asked.ref, {**asked.refs, "refs/heads/main": "main/1"}, asked.into, oracle=asked.oracle
    )


@history
def a_request_without_commits(made: Repository) -> Asked:
    start(made)
    return requested("main/1", made.change("main/2", "main/1", "code/a.go=5"))


@history
def a_request_that_was_merged_already(made: Repository) -> Asked:
    start(made)
    made.change("topic/1", "main/1", "code/a.go=5")
    return requested("topic/1", made.change("main/2", "main/1", "topic/1", "code/a.go=5"))


@history
def a_request_that_was_squashed_already(made: Repository) -> Asked:
    start(made)
    made.change("topic/1", "main/1", "code/a.go=5")
    return requested("topic/1", made.change("main/2", "main/1", "code/a.go=5"))


@history
def a_request_that_takes_a_commit_back(made: Repository) -> Asked:
    start(made)
    made.change("topic/1", "main/1", "code/a.go=5")
    return requested(made.change("topic/2", "topic/1", "code/a.go=1"), "main/1")


@history
def a_request_in_a_repository_with_sha256(made: Repository) -> Asked:
    made.sha256 = True
    start(made)
    return requested(made.change("topic/1", "main/1", "docs/a.md=5"), "main/1")


@history
def a_request_of_files_with_names_of_any_bytes(made: Repository) -> Asked:
    start(made)
    return requested(
        made.change(
            "topic/1", "main/1", b'M 100644 inline "docs/\\n a\\"\'\\t.md"\ndata 1\n1', "docs/功能 é.md=1"
        ),
        "main/1",
    )


@history
def a_request_of_code_whose_name_has_a_line_end(made: Repository) -> Asked:
    start(made)
    return requested(
        made.change("topic/1", "main/1", b'M 100644 inline "code/a\\nb.go"\ndata 1\n1'), "main/1"
    )


@history
def a_request_of_code_whose_name_is_no_utf_8(made: Repository) -> Asked:
    start(made)
    return requested(
        made.change("topic/1", "main/1", b'M 100644 inline "code/a\\377.go"\ndata 1\n1'), "main/1"
    )
