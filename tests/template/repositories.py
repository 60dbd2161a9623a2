"""Git repositories with Go modules in them, on the git host."""

import itertools
import os
import random
import subprocess
from collections.abc import Mapping
from pathlib import Path

__all__ = ["FILES", "Repository"]

_stamps = itertools.count(1)

FILES: Mapping[str, str] = {
    "go.mod": "",
    "go.sum": "",
    "main.go": """package main

import (
	"fmt"

	"github.com/google/uuid"
	"rsc.io/quote"
)

func Hello() string { return "a greeting: " + quote.Hello() }

func main() { fmt.Println(Hello(), uuid.Nil) }
""",
    "main_test.go": """package main

import (
	"os"
	"testing"

	"github.com/pkg/errors"
)

func TestHello(t *testing.T) {
	if Hello() == "" {
		t.Fatal(errors.New("no greeting"))
	}
}

func TestReadsAFile(t *testing.T) {
	text, err := os.ReadFile("testdata/text.txt")
	if err != nil || len(text) == 0 {
		t.Fatal(err)
	}
}
""",
    "testdata/text.txt": "a text\n",
    "Dockerfile": """FROM forge.test:5443/base/busybox:1 AS build
ARG GOPROXY
WORKDIR /src
COPY go.mod go.sum ./
RUN cat go.mod go.sum > /modules
COPY . .
RUN cat stamp.txt > /program

FROM scratch
COPY --from=build /program /program
""",
}
"""A small service. Its Dockerfile has 6 steps that can be hits: 3 before the source is copied, 3 from there on."""


class Repository:
    """A bare repository on the host, and a checkout that pushes to it."""

    def __init__(
        self, host: Path, work: Path, name: str, files: Mapping[str, str | None] | None = None
    ) -> None:
        self.name = name
        self.bare = host / f"{name}.git"
        self.work = work / name
        self.work.mkdir(parents=True)
        self.bare.parent.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.bare)], check=True)
        self.git("remote", "add", "origin", str(self.bare))
        module = Path(__file__).parent / "modules/small"
        given = {
            **FILES,
            "go.mod": (module / "go.mod").read_text(),
            "go.sum": (module / "go.sum").read_text(),
        }
        self.commit({**given, **(files or {})})

    def git(self, *arguments: str) -> str:
        """What git prints, in the checkout."""
        environment = os.environ | {
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.test", "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@example.test", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
        }  # fmt: skip
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments],
            cwd=self.work,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"git {' '.join(arguments)}: {done.stderr}")
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str | None], branch: str = "main", *, push: bool = True) -> str:
        """A commit that writes these files (None: removes one) and a stamp, on a branch; its SHA."""
        files = {"stamp.txt": f"stamp {next(_stamps)}\n", **files}
        if self.git("branch", "--show-current") != branch:
            exists = self.git("branch", "--list", "--format=%(refname:short)", branch)
            self.git("checkout", "-q", *(() if exists else ("-b",)), branch)
        for name, content in files.items():
            path = self.work / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a change")
        if push:
            self.push(f"refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str, force: bool = False) -> None:
        """Push refs or refspecs."""
        self.git("push", "-q", *(("--force",) if force else ()), "origin", *refs)

    def bulk(self, kilobytes: int) -> str:
        """A commit with a file that git cannot make smaller."""
        (self.work / "bulk").write_bytes(random.Random(kilobytes).randbytes(kilobytes << 10))
        return self.commit({})

    def stamp(self, commit: str) -> str:
        """What an image of this commit must contain."""
        return self.git("show", f"{commit}:stamp.txt")
