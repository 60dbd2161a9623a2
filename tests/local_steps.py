"""A step's own script, run by sh with the tools of this machine: folders stand for those of the container.

Containers, servers and BuildKit are asked by tests/template.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triggers.shipped import shipped

__all__ = ["FOLDERS", "Pod", "git"]

FOLDERS = ("/workdir", "/scratch", "/tmp/outputs", "/private-ca", "/git-secret", "/source", "/caches/image")  # noqa: S108 - of a container


def git(*arguments: str, folder: Path, said: str = "") -> str:
    """Run git in a folder, with this on its standard input; what it prints, without space at the ends."""
    names = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **names},
        input=said,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    return done.stdout.strip()


@dataclass(frozen=True)
class Pod:
    """Folders that stand for those of a step's container."""

    root: Path

    def run(self, step: str, **values: str) -> subprocess.CompletedProcess[str]:
        """The script of a step, with its paths below the root and these variables in place of Argo's values."""
        templates = {each["name"]: each for each in shipped("hookline-ci-go")["spec"]["templates"]}
        container: Any = templates[step]["container"]
        script = container["args"][0]
        for folder in FOLDERS:
            script = re.sub(rf"(?<![\w.$}}/]){folder}\b", f"{self.root}{folder}", script)
        env = {item["name"]: "" if "{{" in item["value"] else item["value"] for item in container["env"]}
        return subprocess.run(
            ["timeout", "-k", "1", "120", "sh", "-c", script],  # with all that it started
            cwd=self.root,
            env={**os.environ, **env, **values},
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )

    def play(
        self, step: str, arguments: Mapping[str, str], **values: str
    ) -> subprocess.CompletedProcess[str]:
        """The same with a Workflow's arguments, for which Argo would put the template's defaults where they say nothing."""
        spec: Any = shipped("hookline-ci-go")["spec"]
        given = {item["name"]: item["value"] for item in spec["arguments"]["parameters"]} | dict(arguments)
        container = next(each["container"] for each in spec["templates"] if each["name"] == step)
        named = {
            item["name"]: re.fullmatch(r"\{\{workflow\.parameters\.(\w+)\}\}", item["value"])
            for item in container["env"]
        }
        return self.run(step, **{name: given[found[1]] for name, found in named.items() if found}, **values)

    def output(self, name: str) -> str:
        return (self.root / "tmp/outputs" / name).read_text("utf-8")
